//! Encryption with a password: how it was done, told from an AlgorithmIdentifier, and undone.

use std::fmt;

use zeroize::Zeroizing;

use super::ber;
use super::cipher::Cipher;
use super::kdf::{Digest, Kdf, Purpose, algorithm_of, iterations_of, malformed};
use super::limits::Budget;
use crate::model::oid::{self, Oid};
use crate::model::{Error, Result, asn1};

/// How something is encrypted with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// How the password becomes a key.
    pub kdf: Kdf,
    /// What the key is for.
    pub cipher: Cipher,
    /// Where the parameters name one; else it is derived with the key.
    pub(super) iv: Option<Vec<u8>>,
    /// True for PBES2 (RFC 8018 section 6.2), which came after Windows Server 2016's PFX reader.
    pub pbes2: bool,
}

/// Whether something is closed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// It lies open.
    #[default]
    None,
    /// It is encrypted with a password.
    Password(Scheme),
    /// It is encrypted in a way that is not read; why.
    Unreadable(Error),
}

impl Protection {
    /// From the content of an AlgorithmIdentifier.
    pub(super) fn parse(algorithm: &[u8]) -> Self {
        Scheme::parse(algorithm).map_or_else(Self::Unreadable, Self::Password)
    }

    /// The plain text: one SEQUENCE.
    ///
    /// # Errors
    /// As [`Scheme::open`]; the reason, where it is not readable.
    pub(super) fn open(
        &self,
        password: &str,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::None => Ok(Zeroizing::new(bytes.to_vec())),
            Self::Password(scheme) => scheme.open(password, bytes, budget),
            Self::Unreadable(error) => Err(error.clone()),
        }
    }
}

/// Which derivation an identifier of the older kind stands for.
enum Old {
    Pbes1(Digest),
    Pkcs12,
}

/// RFC 8018 appendix A.3 and RFC 7292 appendix C.
const OLD: &[(Oid, Old, Cipher)] = &[
    (oid::PBE_MD5_DES, Old::Pbes1(Digest::Md5), Cipher::Des),
    (oid::PBE_MD5_RC2, Old::Pbes1(Digest::Md5), Cipher::Rc2 { bits: 64 }),
    (oid::PBE_SHA1_DES, Old::Pbes1(Digest::Sha1), Cipher::Des),
    (oid::PBE_SHA1_RC2, Old::Pbes1(Digest::Sha1), Cipher::Rc2 { bits: 64 }),
    (oid::PBE_RC4_128, Old::Pkcs12, Cipher::Rc4 { bits: 128 }),
    (oid::PBE_RC4_40, Old::Pkcs12, Cipher::Rc4 { bits: 40 }),
    (oid::PBE_3DES, Old::Pkcs12, Cipher::TripleDes),
    (oid::PBE_2DES, Old::Pkcs12, Cipher::TwoKeyTripleDes),
    (oid::PBE_RC2_128, Old::Pkcs12, Cipher::Rc2 { bits: 128 }),
    (oid::PBE_RC2_40, Old::Pkcs12, Cipher::Rc2 { bits: 40 }),
];

/// What PBES2 encrypts with, where the parameters are the initialization vector alone.
const CIPHERS: &[(Oid, Cipher)] = &[
    (oid::AES_128_CBC, Cipher::Aes { bits: 128 }),
    (oid::AES_192_CBC, Cipher::Aes { bits: 192 }),
    (oid::AES_256_CBC, Cipher::Aes { bits: 256 }),
    (oid::DES_EDE3_CBC, Cipher::TripleDes),
    (oid::DES_CBC, Cipher::Des),
    (oid::CAMELLIA_128_CBC, Cipher::Camellia { bits: 128 }),
    (oid::CAMELLIA_192_CBC, Cipher::Camellia { bits: 192 }),
    (oid::CAMELLIA_256_CBC, Cipher::Camellia { bits: 256 }),
];

/// RFC 2268 section 6: what stands for the length of an RC2 key.
const RC2_VERSIONS: &[(u64, usize)] = &[(160, 40), (120, 64), (58, 128)];

impl Scheme {
    /// From the content of an AlgorithmIdentifier.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names what is not read; [`Error::Asn1`] where the parameters are damaged.
    pub(super) fn parse(algorithm: &[u8]) -> Result<Self> {
        let (kind, parameters) = algorithm_of(algorithm)?;
        let fields = parameters.and_then(asn1::sequence).unwrap_or_default();
        if let Some((_, old, cipher)) = OLD.iter().find(|(old, ..)| *old == kind) {
            let [(0x04, salt), (0x02, iterations)] = fields[..] else { return Err(malformed()) };
            let (salt, iterations) = (salt.to_vec(), iterations_of(iterations)?);
            let kdf = match old {
                Old::Pbes1(digest) => Kdf::Pbkdf1 { digest: *digest, salt, iterations },
                Old::Pkcs12 => Kdf::Pkcs12 { digest: Digest::Sha1, salt, iterations },
            };
            return Ok(Self { kdf, cipher: *cipher, iv: None, pbes2: false });
        }
        if kind != oid::PBES2 {
            return Err(Error::unsupported("encryption by", &kind));
        }
        let [(0x30, kdf), (0x30, cipher)] = fields[..] else { return Err(malformed()) };
        let (cipher, iv) = pbes2_cipher(cipher)?;
        if iv.len() != cipher.iv_size() {
            return Err(malformed());
        }
        let kdf = Kdf::parse(kdf)?;
        match kdf {
            Kdf::Pbkdf2 { length: Some(length), .. } if length != cipher.key_size() as u64 => {
                Err(malformed())
            }
            kdf => Ok(Self { kdf, cipher, iv: Some(iv), pbes2: true }),
        }
    }

    /// Decrypts what is one SEQUENCE, as keys and the contents of safes are: it is what tells that the password
    /// was right, together with the padding.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], also where the bytes are damaged; [`Error::Limit`].
    pub(super) fn open(
        &self,
        password: &str,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let iv_size = if self.iv.is_some() { 0 } else { self.cipher.iv_size() };
        for form in self.kdf.forms(password) {
            let secret = self.kdf.derive(&form, Purpose::Key, (self.cipher.key_size(), iv_size), budget)?;
            let (key, iv) = secret.split_at(self.cipher.key_size());
            let iv = self.iv.as_deref().unwrap_or(iv);
            let plain = self.cipher.decrypt(key, iv, bytes);
            if let Some(plain) = plain.filter(|plain| plain.first() == Some(&0x30))
                && let Ok(der) = ber::whole(&plain)
            {
                return Ok(Zeroizing::new(der.into_owned()));
            }
        }
        Err(Error::WrongPassword)
    }
}

fn pbes2_cipher(algorithm: &[u8]) -> Result<(Cipher, Vec<u8>)> {
    let (kind, parameters) = algorithm_of(algorithm)?;
    if kind == oid::RC2_CBC {
        let fields = parameters.and_then(asn1::sequence).unwrap_or_default();
        let [(0x02, version), (0x04, iv)] = fields[..] else { return Err(malformed()) };
        let bits = RC2_VERSIONS.iter().find(|(n, _)| asn1::unsigned(version) == Some(*n));
        let (_, bits) = bits.ok_or_else(malformed)?;
        return Ok((Cipher::Rc2 { bits: *bits }, iv.to_vec()));
    }
    let Some((_, cipher)) = CIPHERS.iter().find(|(known, _)| *known == kind) else {
        return Err(Error::unsupported("encryption by", &kind));
    };
    match parameters.and_then(asn1::read) {
        Some((0x04, iv, [])) => Ok((*cipher, iv.to_vec())),
        _ => Err(malformed()),
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.cipher, self.kdf)
    }
}
