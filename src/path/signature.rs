//! Signatures, verified through aws-lc-rs directly, and the policy that says which are good enough. The two are
//! apart: whether a signature verifies is mathematics, whether SHA-1 is acceptable is a matter of era.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, VerificationAlgorithm};

use crate::model::{Curve, Hash, KeyAlgorithm, PublicKey, Request, SignatureAlgorithm};

/// Which algorithms and key sizes are good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CryptoEra {
    /// What OCS 2007 R2 and its time used: SHA-1, RSA from 1024 bits, version 1 roots.
    Legacy,
    /// What is acceptable today.
    Modern,
}

impl fmt::Display for CryptoEra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        })
    }
}

/// What makes a signature, or a trust anchor, too weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// The hash function is broken.
    Hash(Hash),
    /// DSA, which nothing in a federation speaks.
    Dsa,
    /// An RSA key of fewer bits than this signed it.
    RsaBelow(usize),
    /// A version 1 certificate as a CA: nothing in it says that it is one.
    VersionOneCa,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => write!(f, "{hash}"),
            Self::Dsa => f.write_str("DSA"),
            Self::RsaBelow(bits) => write!(f, "an RSA key below {bits} bits"),
            Self::VersionOneCa => f.write_str("a version 1 CA certificate"),
        }
    }
}

/// The policy: which weakness is accepted in which era. What no row describes is accepted in both. Whether an
/// accepted one deserves a warning (SHA-1, RSA 1024) or is wrong for OCS (RSASSA-PSS, ECDSA) is for the checks.
const POLICY: &[(Weakness, Accepted)] = &[
    (Weakness::Hash(Hash::Md2), Accepted { legacy: false, modern: false }),
    (Weakness::Hash(Hash::Md5), Accepted { legacy: false, modern: false }),
    (Weakness::Dsa, Accepted { legacy: false, modern: false }),
    (Weakness::RsaBelow(1024), Accepted { legacy: false, modern: false }),
    (Weakness::Hash(Hash::Sha1), Accepted { legacy: true, modern: false }),
    (Weakness::RsaBelow(2048), Accepted { legacy: true, modern: false }),
    (Weakness::VersionOneCa, Accepted { legacy: true, modern: false }),
];

struct Accepted {
    legacy: bool,
    modern: bool,
}

impl CryptoEra {
    /// True where this era accepts the weakness.
    pub fn accepts(self, weakness: Weakness) -> bool {
        POLICY.iter().filter(|(row, _)| *row == weakness).all(|(_, accepted)| match self {
            Self::Legacy => accepted.legacy,
            Self::Modern => accepted.modern,
        })
    }

    /// Judges a signature by its algorithm and the key that made it, without looking at its bytes.
    ///
    /// # Errors
    /// [`SignatureFault::Refused`] with the first row of the policy that refuses it.
    pub fn judge(self, algorithm: &SignatureAlgorithm, key: &KeyAlgorithm) -> Result<(), SignatureFault> {
        let describes = |weakness: &Weakness| match weakness {
            Weakness::Hash(hash) => algorithm.hash() == Some(*hash),
            Weakness::Dsa => *algorithm == SignatureAlgorithm::Dsa || *key == KeyAlgorithm::Dsa,
            Weakness::RsaBelow(limit) => match key {
                KeyAlgorithm::Rsa { bits } | KeyAlgorithm::RsaPss { bits } => bits < limit,
                _ => false,
            },
            Weakness::VersionOneCa => false,
        };
        match POLICY.iter().map(|(row, _)| row).find(|row| describes(row) && !self.accepts(**row)) {
            Some(weakness) => Err(SignatureFault::Refused { weakness: *weakness, era: self }),
            None => Ok(()),
        }
    }
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// It does not verify with this key: another key made it, or something was changed afterwards.
    Wrong,
    /// The algorithm needs another kind of key than this.
    OtherKind {
        /// What the signature says it is made with.
        algorithm: SignatureAlgorithm,
        /// The key it was tried with.
        key: KeyAlgorithm,
    },
    /// This tool cannot verify the combination.
    Unsupported {
        /// What the signature says it is made with.
        algorithm: SignatureAlgorithm,
        /// The key it was tried with.
        key: KeyAlgorithm,
    },
    /// The policy refuses it, whether it verifies or not.
    Refused {
        /// What is too weak.
        weakness: Weakness,
        /// The policy.
        era: CryptoEra,
    },
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("the signature does not verify with this key"),
            Self::OtherKind { algorithm, key } => {
                write!(f, "a signature made with {algorithm} cannot come from a key of kind {key}")
            }
            Self::Unsupported { algorithm, key } => {
                write!(f, "a signature made with {algorithm} and {key} cannot be verified by this tool")
            }
            Self::Refused { weakness, era } => {
                write!(f, "the signature rests on {weakness}, which is refused (policy: {era})")
            }
        }
    }
}

/// A public key ready to verify: parsed on first use for each algorithm, then kept. That is the whole speed
/// lever where one CA signed many certificates.
#[derive(Debug)]
pub struct VerifyingKey {
    public: PublicKey,
    fingerprint: [u8; 32],
    parsed: Box<[OnceLock<Option<ParsedPublicKey>>]>,
}

impl VerifyingKey {
    /// Prepares a key; nothing is parsed yet.
    pub fn new(public: &PublicKey) -> Self {
        Self {
            public: public.clone(),
            fingerprint: public.fingerprint(),
            parsed: ALGORITHMS.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> &KeyAlgorithm {
        &self.public.algorithm
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Verifies a signature. The policy is not asked: see [`CryptoEra::judge`].
    ///
    /// # Errors
    /// [`SignatureFault`], never `Refused`.
    pub fn verify(
        &self,
        algorithm: &SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureFault> {
        let key = self.algorithm();
        let unsupported = || SignatureFault::Unsupported { algorithm: algorithm.clone(), key: key.clone() };
        if !is_of_kind(algorithm, key) {
            return Err(SignatureFault::OtherKind { algorithm: algorithm.clone(), key: key.clone() });
        }
        let row = ALGORITHMS.iter().position(|row| row.serves(algorithm, key)).ok_or_else(unsupported)?;
        self.parsed[row]
            .get_or_init(|| ParsedPublicKey::new(ALGORITHMS[row].verifier, self.public.key_bytes()).ok())
            .as_ref()
            .ok_or_else(unsupported)?
            .verify_sig(message, signature)
            .map_err(|_| SignatureFault::Wrong)
    }
}

/// Verifies a certification request's own signature: proof that the requester holds the key (RFC 2986
/// section 4.2).
///
/// # Errors
/// [`SignatureFault`], never `Refused`.
pub fn verify_request(request: &Request) -> Result<(), SignatureFault> {
    VerifyingKey::new(&request.public_key).verify(
        &request.signature_algorithm,
        request.info(),
        request.signature(),
    )
}

/// One combination that aws-lc-rs verifies.
struct Algorithm {
    scheme: Scheme,
    hash: Option<Hash>,
    key: Key,
    verifier: &'static dyn VerificationAlgorithm,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Pkcs1,
    Pss,
    Ecdsa,
    Ed25519,
}

/// The keys a verifier takes; RSA by the smallest modulus.
enum Key {
    Rsa(usize),
    Curve(Curve),
    Ed25519,
}

/// aws-lc-rs takes RSA moduli up to this length.
const RSA_MAX_BITS: usize = 8192;

const fn row(
    scheme: Scheme,
    hash: Hash,
    key: Key,
    verifier: &'static dyn VerificationAlgorithm,
) -> Algorithm {
    Algorithm { scheme, hash: Some(hash), key, verifier }
}

/// Every combination that can be verified, the usual first. SHA-1 and 1024 bits are here because whether they
/// are acceptable is [`POLICY`]'s business.
static ALGORITHMS: &[Algorithm] = &[
    row(Scheme::Pkcs1, Hash::Sha256, Key::Rsa(2048), &lc::RSA_PKCS1_2048_8192_SHA256),
    row(Scheme::Pkcs1, Hash::Sha1, Key::Rsa(1024), &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
    row(Scheme::Pkcs1, Hash::Sha384, Key::Rsa(2048), &lc::RSA_PKCS1_2048_8192_SHA384),
    row(Scheme::Pkcs1, Hash::Sha512, Key::Rsa(2048), &lc::RSA_PKCS1_2048_8192_SHA512),
    row(Scheme::Pkcs1, Hash::Sha256, Key::Rsa(1024), &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
    row(Scheme::Pkcs1, Hash::Sha512, Key::Rsa(1024), &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
    row(Scheme::Ecdsa, Hash::Sha256, Key::Curve(Curve::P256), &lc::ECDSA_P256_SHA256_ASN1),
    row(Scheme::Ecdsa, Hash::Sha384, Key::Curve(Curve::P384), &lc::ECDSA_P384_SHA384_ASN1),
    row(Scheme::Ecdsa, Hash::Sha512, Key::Curve(Curve::P521), &lc::ECDSA_P521_SHA512_ASN1),
    row(Scheme::Ecdsa, Hash::Sha1, Key::Curve(Curve::P256), &lc::ECDSA_P256_SHA1_ASN1),
    row(Scheme::Ecdsa, Hash::Sha384, Key::Curve(Curve::P256), &lc::ECDSA_P256_SHA384_ASN1),
    row(Scheme::Ecdsa, Hash::Sha512, Key::Curve(Curve::P256), &lc::ECDSA_P256_SHA512_ASN1),
    row(Scheme::Ecdsa, Hash::Sha256, Key::Curve(Curve::P384), &lc::ECDSA_P384_SHA256_ASN1),
    row(Scheme::Ecdsa, Hash::Sha512, Key::Curve(Curve::P384), &lc::ECDSA_P384_SHA512_ASN1),
    row(Scheme::Ecdsa, Hash::Sha1, Key::Curve(Curve::P521), &lc::ECDSA_P521_SHA1_ASN1),
    row(Scheme::Ecdsa, Hash::Sha224, Key::Curve(Curve::P521), &lc::ECDSA_P521_SHA224_ASN1),
    row(Scheme::Ecdsa, Hash::Sha256, Key::Curve(Curve::P521), &lc::ECDSA_P521_SHA256_ASN1),
    row(Scheme::Ecdsa, Hash::Sha384, Key::Curve(Curve::P521), &lc::ECDSA_P521_SHA384_ASN1),
    row(Scheme::Pss, Hash::Sha256, Key::Rsa(2048), &lc::RSA_PSS_2048_8192_SHA256),
    row(Scheme::Pss, Hash::Sha384, Key::Rsa(2048), &lc::RSA_PSS_2048_8192_SHA384),
    row(Scheme::Pss, Hash::Sha512, Key::Rsa(2048), &lc::RSA_PSS_2048_8192_SHA512),
    Algorithm { scheme: Scheme::Ed25519, hash: None, key: Key::Ed25519, verifier: &lc::ED25519 },
];

impl Algorithm {
    fn serves(&self, algorithm: &SignatureAlgorithm, key: &KeyAlgorithm) -> bool {
        let scheme = match algorithm {
            SignatureAlgorithm::RsaPkcs1(_) => Scheme::Pkcs1,
            // aws-lc-rs wants the salt as long as the hash, and the same hash in MGF1; so does everybody.
            SignatureAlgorithm::RsaPss { hash, mgf1, salt } if hash == mgf1 && *salt == length(*hash) => {
                Scheme::Pss
            }
            SignatureAlgorithm::Ecdsa(_) => Scheme::Ecdsa,
            SignatureAlgorithm::Ed25519 => Scheme::Ed25519,
            _ => return false,
        };
        let takes = match (&self.key, key) {
            (Key::Rsa(least), KeyAlgorithm::Rsa { bits } | KeyAlgorithm::RsaPss { bits }) => {
                (*least..=RSA_MAX_BITS).contains(bits)
            }
            (Key::Curve(curve), KeyAlgorithm::Ec(other)) => curve == other,
            (Key::Ed25519, KeyAlgorithm::Ed25519) => true,
            _ => false,
        };
        takes && self.scheme == scheme && self.hash == algorithm.hash()
    }
}

/// Does this kind of key make this kind of signature at all? An RSA key bound to PSS makes no other (RFC 4055
/// section 1.2).
fn is_of_kind(algorithm: &SignatureAlgorithm, key: &KeyAlgorithm) -> bool {
    use SignatureAlgorithm as S;
    match key {
        KeyAlgorithm::Rsa { .. } => matches!(algorithm, S::RsaPkcs1(_) | S::RsaPss { .. } | S::Other(_)),
        KeyAlgorithm::RsaPss { .. } => matches!(algorithm, S::RsaPss { .. } | S::Other(_)),
        KeyAlgorithm::Ec(_) => matches!(algorithm, S::Ecdsa(_) | S::Other(_)),
        KeyAlgorithm::Ed25519 => matches!(algorithm, S::Ed25519 | S::Other(_)),
        KeyAlgorithm::Ed448 => matches!(algorithm, S::Ed448 | S::Other(_)),
        KeyAlgorithm::Dsa => matches!(algorithm, S::Dsa | S::Other(_)),
        KeyAlgorithm::Other(_) => true,
    }
}

fn length(hash: Hash) -> u32 {
    match hash {
        Hash::Md2 | Hash::Md5 => 16,
        Hash::Sha1 => 20,
        Hash::Sha224 => 28,
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::model::Certificate;

    fn openssl(folder: &Path, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl is installed");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A self-signed certificate by openssl, and its own key.
    fn made(folder: &Path, key: &str, options: &str) -> (Certificate, VerifyingKey) {
        openssl(folder, &format!("req -x509 -new -key {key} {options} -subj /CN=x -outform DER -out x.der"));
        let certificate = Certificate::from_der(std::fs::read(folder.join("x.der")).unwrap()).unwrap();
        let key = VerifyingKey::new(&certificate.public_key);
        (certificate, key)
    }

    fn verify(certificate: &Certificate, key: &VerifyingKey) -> Result<(), SignatureFault> {
        key.verify(&certificate.signature_algorithm, certificate.tbs(), certificate.signature())
    }

    const PSS: &str = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";

    /// What openssl signs verifies, in every combination that is promised; with one bit changed it does not.
    #[test]
    fn every_promised_combination_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let keys = [
            ("rsa1024", "RSA -pkeyopt rsa_keygen_bits:1024"),
            ("rsa2048", "RSA -pkeyopt rsa_keygen_bits:2048"),
            ("p256", "EC -pkeyopt ec_paramgen_curve:P-256"),
            ("p384", "EC -pkeyopt ec_paramgen_curve:P-384"),
            ("p521", "EC -pkeyopt ec_paramgen_curve:P-521"),
            ("ed25519", "ED25519"),
        ];
        for (name, kind) in keys {
            openssl(folder.path(), &format!("genpkey -algorithm {kind} -out {name}"));
        }
        let combinations: &[(&str, &[&str])] = &[
            ("rsa1024", &["-sha1", "-sha256", "-sha512"]),
            ("rsa2048", &["-sha1", "-sha256", "-sha384", "-sha512"]),
            ("p256", &["-sha1", "-sha256", "-sha384", "-sha512"]),
            ("p384", &["-sha256", "-sha384", "-sha512"]),
            ("p521", &["-sha1", "-sha256", "-sha384", "-sha512"]),
            ("ed25519", &["-utf8"]),
        ];
        for (key, hashes) in combinations {
            for hash in *hashes {
                let (certificate, own) = made(folder.path(), key, hash);
                assert_eq!(verify(&certificate, &own), Ok(()), "{key} {hash}");
                let mut tbs = certificate.tbs().to_vec();
                tbs[20] ^= 1;
                let changed = own.verify(&certificate.signature_algorithm, &tbs, certificate.signature());
                assert_eq!(changed, Err(SignatureFault::Wrong), "{key} {hash}");
            }
        }
        for hash in ["-sha256", "-sha384", "-sha512"] {
            let (certificate, own) = made(folder.path(), "rsa2048", &format!("{hash} {PSS}"));
            assert_eq!(verify(&certificate, &own), Ok(()), "PSS {hash}");
        }

        // Another key of the right kind is wrong; one of another kind cannot be it; MD5 cannot be judged.
        let (rsa, rsa_key) = made(folder.path(), "rsa2048", "-sha256");
        let (_, small_key) = made(folder.path(), "rsa1024", "-sha256");
        let (ec, ec_key) = made(folder.path(), "p256", "-sha256");
        assert_eq!(verify(&rsa, &small_key), Err(SignatureFault::Wrong));
        assert!(matches!(verify(&rsa, &ec_key), Err(SignatureFault::OtherKind { .. })));
        assert!(matches!(verify(&ec, &rsa_key), Err(SignatureFault::OtherKind { .. })));
        let (md5, own) = made(folder.path(), "rsa2048", "-md5");
        assert!(matches!(verify(&md5, &own), Err(SignatureFault::Unsupported { .. })));
        let odd_salt = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20";
        let (salt, own) = made(folder.path(), "rsa2048", odd_salt);
        assert!(matches!(verify(&salt, &own), Err(SignatureFault::Unsupported { .. })));
    }

    /// openssl's request verifies; with another subject in it, it does not.
    #[test]
    fn a_request_proves_possession_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        openssl(folder.path(), "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key");
        openssl(folder.path(), "req -new -key key -subj /CN=abcdef -outform DER -out x.csr");
        let mut der = std::fs::read(folder.path().join("x.csr")).unwrap();
        assert_eq!(verify_request(&Request::from_der(der.clone()).unwrap()), Ok(()));
        let at = der.windows(6).position(|w| w == b"abcdef").unwrap();
        der[at] = b'x';
        assert_eq!(verify_request(&Request::from_der(der).unwrap()), Err(SignatureFault::Wrong));
    }

    /// The table of eras: what is refused by name, and what is not the era's business.
    #[test]
    fn eras_refuse_by_name() {
        use CryptoEra::{Legacy, Modern};
        let rsa = |bits| KeyAlgorithm::Rsa { bits };
        let pkcs1 = SignatureAlgorithm::RsaPkcs1;
        let cases = [
            (pkcs1(Hash::Sha256), rsa(2048), [true, true]),
            (pkcs1(Hash::Sha256), rsa(2047), [true, false]),
            (pkcs1(Hash::Sha256), rsa(1024), [true, false]),
            (pkcs1(Hash::Sha256), rsa(1023), [false, false]),
            (pkcs1(Hash::Sha1), rsa(2048), [true, false]),
            (pkcs1(Hash::Md5), rsa(2048), [false, false]),
            (SignatureAlgorithm::Ecdsa(Hash::Sha1), KeyAlgorithm::Ec(Curve::P256), [true, false]),
            (SignatureAlgorithm::Ed25519, KeyAlgorithm::Ed25519, [true, true]),
            (SignatureAlgorithm::Dsa, KeyAlgorithm::Dsa, [false, false]),
        ];
        for (algorithm, key, expected) in cases {
            let accepted = [Legacy, Modern].map(|era| era.judge(&algorithm, &key).is_ok());
            assert_eq!(accepted, expected, "{algorithm} by {key}");
        }
        assert!(Legacy.accepts(Weakness::VersionOneCa) && !Modern.accepts(Weakness::VersionOneCa));
    }
}
