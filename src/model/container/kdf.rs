//! Keys from passwords: PBKDF1, PBKDF2 and scrypt (RFC 8018, RFC 7914), PKCS#12's own way (RFC 7292 appendix B) and
//! openssl's old one. How a password becomes bytes is half of each: the forms that writers use are all tried.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use hmac::Mac as _;
use zeroize::Zeroizing;

use super::limits::Budget;
use crate::model::oid::{self, Oid};
use crate::model::{Error, Result, asn1};

/// A hash function that keys are derived with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// RFC 1321
    Md5,
    /// FIPS 180-4
    Sha1,
    /// FIPS 180-4
    Sha224,
    /// FIPS 180-4
    Sha256,
    /// FIPS 180-4
    Sha384,
    /// FIPS 180-4
    Sha512,
    /// FIPS 180-4
    Sha512_224,
    /// FIPS 180-4
    Sha512_256,
}

/// Each with its name, its own object identifier and that of its HMAC.
const DIGESTS: &[(Digest, &str, Oid, Option<Oid>)] = &[
    (Digest::Md5, "MD5", oid::MD5, None),
    (Digest::Sha1, "SHA-1", oid::SHA1, Some(oid::HMAC_SHA1)),
    (Digest::Sha224, "SHA-224", oid::SHA224, Some(oid::HMAC_SHA224)),
    (Digest::Sha256, "SHA-256", oid::SHA256, Some(oid::HMAC_SHA256)),
    (Digest::Sha384, "SHA-384", oid::SHA384, Some(oid::HMAC_SHA384)),
    (Digest::Sha512, "SHA-512", oid::SHA512, Some(oid::HMAC_SHA512)),
    (Digest::Sha512_224, "SHA-512/224", oid::SHA512_224, Some(oid::HMAC_SHA512_224)),
    (Digest::Sha512_256, "SHA-512/256", oid::SHA512_256, Some(oid::HMAC_SHA512_256)),
];

/// Runs an expression with the type of a digest.
macro_rules! with {
    ($digest:expr, $type:ident => $body:expr) => {
        match $digest {
            Digest::Md5 => with!(@ $type, md5::Md5, $body),
            Digest::Sha1 => with!(@ $type, sha1::Sha1, $body),
            Digest::Sha224 => with!(@ $type, sha2::Sha224, $body),
            Digest::Sha256 => with!(@ $type, sha2::Sha256, $body),
            Digest::Sha384 => with!(@ $type, sha2::Sha384, $body),
            Digest::Sha512 => with!(@ $type, sha2::Sha512, $body),
            Digest::Sha512_224 => with!(@ $type, sha2::Sha512_224, $body),
            Digest::Sha512_256 => with!(@ $type, sha2::Sha512_256, $body),
        }
    };
    (@ $type:ident, $digest:ty, $body:expr) => {{
        type $type = $digest;
        $body
    }};
}

impl Digest {
    /// Its own object identifier.
    pub fn oid(self) -> Oid {
        DIGESTS
            .iter()
            .find(|(digest, ..)| *digest == self)
            .map_or(oid::SHA1, |(_, _, plain, _)| plain.clone())
    }

    /// By its own object identifier.
    pub(super) fn of(kind: &Oid) -> Option<Self> {
        DIGESTS.iter().find(|(_, _, plain, _)| plain == kind).map(|(digest, ..)| *digest)
    }

    /// By the object identifier of its HMAC.
    pub(super) fn of_hmac(kind: &Oid) -> Option<Self> {
        DIGESTS.iter().find(|(.., hmac)| hmac.as_ref() == Some(kind)).map(|(digest, ..)| *digest)
    }

    /// The length of its output in bytes.
    pub fn size(self) -> usize {
        use sha2::Digest as _;
        with!(self, D => D::output_size())
    }

    /// The length of the blocks it works on in bytes.
    fn block(self) -> usize {
        match self {
            Self::Md5 | Self::Sha1 | Self::Sha224 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 | Self::Sha512_224 | Self::Sha512_256 => 128,
        }
    }

    /// aws-lc's, where it has it: it computes hundreds of thousands of them the fastest.
    fn algorithm(self) -> Option<&'static digest::Algorithm> {
        match self {
            Self::Sha1 => Some(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha224 => Some(&digest::SHA224),
            Self::Sha256 => Some(&digest::SHA256),
            Self::Sha384 => Some(&digest::SHA384),
            Self::Sha512 => Some(&digest::SHA512),
            Self::Sha512_256 => Some(&digest::SHA512_256),
            Self::Md5 | Self::Sha512_224 => None,
        }
    }

    fn hash(self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        use sha2::Digest as _;
        Zeroizing::new(match self.algorithm() {
            Some(algorithm) => digest::digest(algorithm, bytes).as_ref().to_vec(),
            None => with!(self, D => D::digest(bytes).to_vec()),
        })
    }

    /// The hash of the hash, `iterations` times in all.
    fn hash_repeatedly(self, bytes: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        let mut hash = self.hash(bytes);
        for _ in 1..iterations {
            match self.algorithm() {
                Some(algorithm) => {
                    let next = digest::digest(algorithm, &hash);
                    hash.copy_from_slice(next.as_ref());
                }
                None => hash = self.hash(&hash),
            }
        }
        hash
    }

    /// RFC 8018 section 5.2
    fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: NonZeroU32, out: &mut [u8]) -> Result<()> {
        let algorithm = match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
            Self::Md5 | Self::Sha224 | Self::Sha512_224 | Self::Sha512_256 => {
                return with!(self, D => ::pbkdf2::pbkdf2::<hmac::Hmac<D>>(password, salt, iterations.get(), out))
                    .map_err(|_| malformed());
            }
        };
        pbkdf2::derive(algorithm, iterations, salt, password, out);
        Ok(())
    }

    /// RFC 7292 appendix B.2, with its names for things.
    fn pkcs12(self, purpose: Purpose, password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) {
        let (u, v) = (self.size(), self.block());
        let d = vec![purpose as u8; v];
        let repeated = |bytes: &[u8]| -> Zeroizing<Vec<u8>> {
            let length = bytes.len().next_multiple_of(v);
            Zeroizing::new(bytes.iter().copied().cycle().take(length).collect())
        };
        let mut i = Zeroizing::new([repeated(salt).as_slice(), &repeated(password)].concat());
        for part in out.chunks_mut(u) {
            let a = self.hash_repeatedly(&Zeroizing::new([&d[..], &i].concat()), iterations);
            part.copy_from_slice(&a[..part.len()]);
            // Each block of I becomes the sum of itself, of A repeated over a block, and of 1.
            for block in i.chunks_mut(v) {
                let mut carry = 1;
                for (at, byte) in block.iter_mut().enumerate().rev() {
                    let sum = u16::from(*byte) + u16::from(a[at % u]) + carry;
                    (carry, *byte) = (sum >> 8, sum as u8);
                }
            }
        }
    }

    /// The key or vector that PKCS#12 makes of a password (RFC 7292 appendix B), for those who write.
    pub fn pkcs12_key(
        self,
        purpose: Purpose,
        password: &str,
        salt: &[u8],
        iterations: u32,
        length: usize,
    ) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(vec![0; length]);
        self.pkcs12(purpose, &bmp(password), salt, iterations, &mut out);
        out
    }

    /// HMAC (RFC 2104).
    pub fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        use hmac::KeyInit as _;
        with!(self, D => hmac::Hmac::<D>::new_from_slice(key)
            .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
            .unwrap_or_default())
    }

    /// True where HMAC (RFC 2104) with this key gives this code.
    pub(super) fn hmac_fits(self, key: &[u8], message: &[u8], code: &[u8]) -> bool {
        use hmac::KeyInit as _;
        with!(self, D => hmac::Hmac::<D>::new_from_slice(key)
            .is_ok_and(|mac| mac.chain_update(message).verify_slice(code).is_ok()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = DIGESTS.iter().find(|(digest, ..)| digest == self).map_or("", |(_, name, ..)| *name);
        f.write_str(name)
    }
}

/// How a key is made of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// RFC 8018 section 5.1
    Pbkdf1 {
        /// The hash function.
        digest: Digest,
        /// The salt.
        salt: Vec<u8>,
        /// How often.
        iterations: u32,
    },
    /// RFC 8018 section 5.2
    Pbkdf2 {
        /// The hash function of its HMAC.
        digest: Digest,
        /// The salt.
        salt: Vec<u8>,
        /// How often.
        iterations: u32,
        /// The length of the key in bytes, where it is named.
        length: Option<u64>,
    },
    /// RFC 7292 appendix B
    Pkcs12 {
        /// The hash function.
        digest: Digest,
        /// The salt.
        salt: Vec<u8>,
        /// How often.
        iterations: u32,
    },
    /// RFC 7914
    Scrypt {
        /// The salt.
        salt: Vec<u8>,
        /// log2 of the cost N.
        log_n: u8,
        /// The block size.
        r: u32,
        /// The parallelization.
        p: u32,
    },
    /// One iteration of MD5: keys with `Proc-Type: 4,ENCRYPTED`.
    OpenSsl {
        /// The first eight bytes of the initialization vector.
        salt: Vec<u8>,
    },
}

/// What is derived: PKCS#12 yields other bytes for each (RFC 7292 appendix B.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A key to encrypt with.
    Key = 1,
    /// An initialization vector.
    Iv = 2,
    /// A key for a MAC.
    Mac = 3,
}

impl Kdf {
    /// How many iterations it takes; for scrypt, what costs as much.
    pub fn iterations(&self) -> u64 {
        match self {
            Self::Pbkdf1 { iterations, .. }
            | Self::Pbkdf2 { iterations, .. }
            | Self::Pkcs12 { iterations, .. } => u64::from(*iterations),
            Self::Scrypt { log_n, r, p, .. } => 1u64
                .checked_shl(u32::from(*log_n))
                .map_or(u64::MAX, |n| n.saturating_mul(u64::from(*r)).saturating_mul(u64::from(*p))),
            Self::OpenSsl { .. } => 1,
        }
    }

    /// Key and, after it, initialization vector (which may be 0 bytes long) from a password in one of its forms.
    pub(super) fn derive(
        &self,
        password: &[u8],
        purpose: Purpose,
        (key, iv): (usize, usize),
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let memory = match self {
            Self::Scrypt { log_n, r, p, .. } => {
                let n = 1u64.checked_shl(u32::from(*log_n)).unwrap_or(u64::MAX);
                n.saturating_add(u64::from(*p)).saturating_mul(128 * u64::from(*r))
            }
            _ => 0,
        };
        // Each piece of the output as long as the hash takes all of them.
        let pieces = match self {
            Self::Pbkdf2 { digest, .. } => (key + iv).div_ceil(digest.size()),
            Self::Pkcs12 { digest, .. } => key.div_ceil(digest.size()) + iv.div_ceil(digest.size()),
            _ => 1,
        };
        budget.take(self.iterations().saturating_mul(pieces as u64), memory)?;
        let mut out = Zeroizing::new(vec![0; key + iv]);
        match self {
            Self::Pbkdf1 { digest, salt, iterations } => {
                let joined = Zeroizing::new([password, salt].concat());
                let hash = digest.hash_repeatedly(&joined, *iterations);
                let length = out.len();
                out.copy_from_slice(hash.get(..length).ok_or_else(malformed)?);
            }
            Self::Pbkdf2 { digest, salt, iterations, .. } => {
                let iterations = NonZeroU32::new(*iterations).ok_or_else(malformed)?;
                digest.pbkdf2(password, salt, iterations, &mut out)?;
            }
            Self::Pkcs12 { digest, salt, iterations } => {
                let (key, iv) = out.split_at_mut(key);
                digest.pkcs12(purpose, password, salt, *iterations, key);
                digest.pkcs12(Purpose::Iv, password, salt, *iterations, iv);
            }
            Self::Scrypt { salt, log_n, r, p } => {
                let parameters = scrypt::Params::new(*log_n, *r, *p).map_err(|_| malformed())?;
                scrypt::scrypt(password, salt, &parameters, &mut out).map_err(|_| malformed())?;
            }
            Self::OpenSsl { salt } => {
                let mut block = Zeroizing::new(Vec::new());
                for chunk in out.chunks_mut(Digest::Md5.size()) {
                    block = Digest::Md5.hash(&Zeroizing::new([&block, password, salt].concat()));
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
        Ok(out)
    }

    /// The bytes that a password may stand for, the usual form first. Those that follow are what other writers, or
    /// the same with another setting of the terminal, made of it.
    pub(super) fn forms(&self, password: &str) -> Vec<Zeroizing<Vec<u8>>> {
        let utf16 = bmp(password);
        let utf8 = Zeroizing::new(password.as_bytes().to_vec());
        let latin1: Option<Zeroizing<Vec<u8>>> = password
            .chars()
            .map(|c| u8::try_from(u32::from(c)).ok())
            .collect::<Option<Vec<u8>>>()
            .map(Zeroizing::new);
        let mut forms = match self {
            Self::Pkcs12 { .. } => vec![
                utf16,
                // No password is "" with its ending zero to some, and no bytes at all to others.
                // openssl before 1.1 widened each byte of UTF-8 by itself.
                if password.is_empty() { utf8 } else { wide(password.bytes().map(u16::from)) },
            ],
            // NSS has fed PBKDF2 what PKCS#12 derives from; terminals speak Latin-1 to openssl.
            _ => [Some(utf8), Some(utf16), latin1].into_iter().flatten().collect(),
        };
        let mut seen: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        forms.retain(|form| {
            let new = !seen.contains(form);
            seen.push(form.clone());
            new
        });
        forms
    }

    /// The derivation of PBES2 and PBMAC1: PBKDF2 or scrypt. What it is instead, where it is neither.
    pub(super) fn parse(algorithm: &[u8]) -> Result<Self> {
        let (kind, parameters) = algorithm_of(algorithm)?;
        let fields = parameters.and_then(asn1::sequence).unwrap_or_default();
        match (&kind, fields.as_slice()) {
            (kind, [(0x04, salt), (0x02, iterations), more @ ..]) if *kind == oid::PBKDF2 => {
                let (length, more) = match more {
                    [(0x02, length), more @ ..] => {
                        (Some(asn1::unsigned(length).ok_or_else(malformed)?), more)
                    }
                    more => (None, more),
                };
                let digest = match more {
                    [] => Digest::Sha1,
                    [(0x30, prf)] => {
                        let (prf, _) = algorithm_of(prf)?;
                        Digest::of_hmac(&prf)
                            .ok_or_else(|| Error::unsupported("key derivation with", &prf))?
                    }
                    _ => return Err(malformed()),
                };
                Ok(Self::Pbkdf2 {
                    digest,
                    salt: salt.to_vec(),
                    iterations: iterations_of(iterations)?,
                    length,
                })
            }
            (kind, [(0x04, salt), (0x02, n), (0x02, r), (0x02, p), ..]) if *kind == oid::SCRYPT => {
                let number = |content| asn1::unsigned(content).ok_or_else(malformed);
                let n = number(n)?;
                if !n.is_power_of_two() || n < 2 {
                    return Err(malformed());
                }
                let small = |content| u32::try_from(number(content)?).map_err(|_| malformed());
                Ok(Self::Scrypt {
                    salt: salt.to_vec(),
                    log_n: n.trailing_zeros() as u8,
                    r: small(r)?,
                    p: small(p)?,
                })
            }
            (kind, _) if *kind == oid::PBKDF2 || *kind == oid::SCRYPT => Err(malformed()),
            (kind, _) => Err(Error::unsupported("key derivation by", kind)),
        }
    }
}

impl fmt::Display for Kdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iterations = || match self.iterations() {
            1 => "1 iteration".to_string(),
            n => format!("{} iterations", crate::text::grouped(n)),
        };
        match self {
            Self::Pbkdf1 { digest, .. } => write!(f, "PBKDF1-{digest}, {}", iterations()),
            Self::Pbkdf2 { digest, .. } => write!(f, "PBKDF2-HMAC-{digest}, {}", iterations()),
            Self::Pkcs12 { digest, .. } => write!(f, "PKCS#12 {digest}, {}", iterations()),
            Self::Scrypt { log_n, r, p, .. } => write!(f, "scrypt N=2^{log_n} r={r} p={p}"),
            Self::OpenSsl { .. } => f.write_str("one iteration of MD5"),
        }
    }
}

/// RFC 7292 appendix B.1: a BMPString, ended by a zero. Beyond the BMP openssl and Java go on by surrogates.
fn bmp(password: &str) -> Zeroizing<Vec<u8>> {
    wide(password.encode_utf16())
}

fn wide(units: impl Iterator<Item = u16>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(units.chain([0]).flat_map(u16::to_be_bytes).collect())
}

/// The object identifier and the whole parameters of an AlgorithmIdentifier's content.
pub(super) fn algorithm_of(content: &[u8]) -> Result<(Oid, Option<&[u8]>)> {
    match asn1::read(content) {
        Some((0x06, kind, rest)) => {
            let kind = Oid::from_content(kind).ok_or_else(malformed)?;
            Ok((kind, Some(rest).filter(|rest| !rest.is_empty())))
        }
        _ => Err(malformed()),
    }
}

/// A count of iterations, which is at least 1.
pub(super) fn iterations_of(content: &[u8]) -> Result<u32> {
    match asn1::unsigned(content) {
        Some(0) | None => Err(malformed()),
        Some(iterations) => Ok(u32::try_from(iterations).unwrap_or(u32::MAX)),
    }
}

pub(super) fn malformed() -> Error {
    Error::Asn1 { what: "the parameters of an encryption with a password", detail: "damaged".into() }
}
