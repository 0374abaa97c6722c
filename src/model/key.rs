//! Public keys as facts, private keys as secrets that never show themselves.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
};
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::oid::{self, Oid};
use super::{Error, Result};

/// A public key: its SubjectPublicKeyInfo and what kind of key it is.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Box<[u8]>,
    key: Box<[u8]>,
    /// The algorithm and size.
    pub algorithm: KeyAlgorithm,
}

/// What kind of key, and how large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA, with the length of the modulus in bits.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// An RSA key bound to RSASSA-PSS (RFC 4055 section 1.2).
    RsaPss {
        /// Length of the modulus.
        bits: usize,
    },
    /// An elliptic curve key on a named curve.
    Ec(Curve),
    /// RFC 8410.
    Ed25519,
    /// RFC 8410.
    Ed448,
    /// FIPS 186 DSA.
    Dsa,
    /// Anything else, by its object identifier; also an RSA key whose modulus cannot be read.
    Other(Oid),
}

/// A curve (RFC 5480 section 2.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1
    P256,
    /// secp384r1
    P384,
    /// secp521r1
    P521,
    /// Another named curve.
    Named(Oid),
    /// Curve parameters spelt out, which RFC 5480 section 2.1.1 forbids.
    Explicit,
}

impl PublicKey {
    /// Decodes a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`Error::Asn1`] where the bytes are none.
    pub fn from_spki(der: &[u8]) -> Result<Self> {
        let (_, spki) = SubjectPublicKeyInfo::from_der(der).map_err(|e| Error::asn1("a public key", &e))?;
        Self::from_parsed(&spki)
    }

    pub(super) fn from_parsed(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self> {
        let kind = Oid::from_content(spki.algorithm.algorithm.as_bytes()).ok_or(Error::Asn1 {
            what: "a public key",
            detail: "its algorithm is no object identifier".into(),
        })?;
        let key: &[u8] = &spki.subject_public_key.data;
        let rsa = kind == oid::RSA_ENCRYPTION || kind == oid::RSASSA_PSS;
        let algorithm = if let (true, Some(bits)) = (rsa, modulus_bits(key)) {
            match kind == oid::RSA_ENCRYPTION {
                true => KeyAlgorithm::Rsa { bits },
                false => KeyAlgorithm::RsaPss { bits },
            }
        } else if kind == oid::EC_PUBLIC_KEY {
            KeyAlgorithm::Ec(curve(spki))
        } else if kind == oid::ED25519 {
            KeyAlgorithm::Ed25519
        } else if kind == oid::ED448 {
            KeyAlgorithm::Ed448
        } else if kind == oid::DSA {
            KeyAlgorithm::Dsa
        } else {
            KeyAlgorithm::Other(kind)
        };
        Ok(Self { spki: spki.raw.into(), key: key.into(), algorithm })
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The content of the subjectPublicKey BIT STRING: RSAPublicKey, an EC point, raw bytes.
    pub fn key_bytes(&self) -> &[u8] {
        &self.key
    }

    /// SHA-1 of the BIT STRING's content: the usual subject key identifier (RFC 5280 section 4.2.1.2, 1).
    pub fn key_identifier(&self) -> [u8; 20] {
        use sha1::Digest;
        sha1::Sha1::digest(&self.key).into()
    }

    /// True where both are one key. CAs may encode the algorithm's parameters anew (NULL or absent), so the key
    /// itself is compared.
    pub fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.key_bytes() == other.key_bytes()
    }

    /// SHA-256 of the SubjectPublicKeyInfo: what tells two keys apart in reports and journals.
    pub fn fingerprint(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(&self.spki).into()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm, crate::text::hex(&self.fingerprint()))
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::RsaPss { bits } => write!(f, "RSA {bits} (PSS only)"),
            Self::Ec(Curve::P256) => write!(f, "EC P-256"),
            Self::Ec(Curve::P384) => write!(f, "EC P-384"),
            Self::Ec(Curve::P521) => write!(f, "EC P-521"),
            Self::Ec(Curve::Named(oid)) => write!(f, "EC curve {oid}"),
            Self::Ec(Curve::Explicit) => write!(f, "EC with explicit parameters"),
            Self::Ed25519 => write!(f, "Ed25519"),
            Self::Ed448 => write!(f, "Ed448"),
            Self::Dsa => write!(f, "DSA"),
            Self::Other(oid) => write!(f, "algorithm {oid}"),
        }
    }
}

/// A private key, as PKCS#8 in memory that is wiped, and its public half. `Debug` shows the public half only.
#[derive(Clone)]
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
    key_spec: Option<KeySpec>,
}

/// What CryptoAPI may do with a key: Schannel needs [`KeySpec::Exchange`]. Told in the attributes of a PKCS#8
/// key as a keyUsage, as Windows does in a PFX, and openssl with `-keyex` and `-keysig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// AT_KEYEXCHANGE: decrypt and sign.
    Exchange,
    /// AT_SIGNATURE: sign alone.
    Signature,
    /// Other bits, the first byte of them.
    Other(u8),
}

impl PrivateKey {
    /// Reads an unencrypted key: PKCS#8, PKCS#1 RSAPrivateKey or SEC1 ECPrivateKey, whichever the DER is.
    ///
    /// # Errors
    /// [`Error::Key`] where it is none of these, or of a kind or size this tool does not sign with (RSA of
    /// 2048 to 8192 bits; P-256, P-384, P-521; Ed25519).
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let key = rsa(der).or_else(|| ec(der)).or_else(|| ed25519(der)).unwrap_or_else(|| {
            Err(Error::Key(
                "not a private key this tool can use: RSA of 2048 to 8192 bits, EC P-256, P-384 or P-521, or \
                 Ed25519, as PKCS#8, PKCS#1 or SEC1"
                    .into(),
            ))
        })?;
        Ok(Self { key_spec: key_spec(der), ..key })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// What CryptoAPI may do with it, where the file that it came from says so.
    pub fn key_spec(&self) -> Option<KeySpec> {
        self.key_spec
    }

    /// The key as DER PKCS#8 (version 1). Secret: write it only where [`crate::model`]'s users may.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(secret, {:?})", self.public)
    }
}

fn finish(pkcs8: &[u8], spki: &[u8]) -> Result<PrivateKey> {
    Ok(PrivateKey {
        pkcs8: Zeroizing::new(pkcs8.to_vec()),
        public: PublicKey::from_spki(spki)?,
        key_spec: None,
    })
}

/// From `attributes [0]` of a PrivateKeyInfo (RFC 5208 section 5): keyUsage, a BIT STRING.
fn key_spec(pkcs8: &[u8]) -> Option<KeySpec> {
    let parts = super::asn1::sequence(pkcs8)?;
    let (_, attributes) = parts.iter().skip(3).find(|(tag, _)| *tag == 0xa0)?;
    let usage =
        super::asn1::elements(attributes)?.into_iter().find_map(
            |(_, attribute)| match super::asn1::elements(attribute)?[..] {
                [(0x06, kind), (0x31, values)] if kind == oid::KEY_USAGE.content() => Some(values),
                _ => None,
            },
        )?;
    match super::asn1::elements(usage)?[..] {
        [(0x03, [_, 0x10, ..])] => Some(KeySpec::Exchange),
        [(0x03, [_, 0x80, ..])] => Some(KeySpec::Signature),
        [(0x03, [_, bits, ..])] => Some(KeySpec::Other(*bits)),
        _ => None,
    }
}

fn rsa(der: &[u8]) -> Option<Result<PrivateKey>> {
    let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(finish(pkcs8.as_ref(), spki.as_ref()))
}

fn ec(der: &[u8]) -> Option<Result<PrivateKey>> {
    const ALGORITHMS: [&EcdsaSigningAlgorithm; 3] =
        [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];
    let pair = ALGORITHMS.iter().find_map(|algorithm| {
        EcdsaKeyPair::from_pkcs8(algorithm, der)
            .or_else(|_| EcdsaKeyPair::from_private_key_der(algorithm, der))
            .ok()
    })?;
    let pkcs8 = pair.to_pkcs8v1().ok()?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(finish(pkcs8.as_ref(), spki.as_ref()))
}

fn ed25519(der: &[u8]) -> Option<Result<PrivateKey>> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(finish(pkcs8.as_ref(), spki.as_ref()))
}

fn curve(spki: &SubjectPublicKeyInfo<'_>) -> Curve {
    let Some(named) = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok()) else {
        return Curve::Explicit;
    };
    match Oid::from_content(named.as_bytes()) {
        Some(oid) if oid == oid::P256 => Curve::P256,
        Some(oid) if oid == oid::P384 => Curve::P384,
        Some(oid) if oid == oid::P521 => Curve::P521,
        Some(oid) => Curve::Named(oid),
        None => Curve::Explicit,
    }
}

/// The bit length of the modulus in an RSAPublicKey.
fn modulus_bits(rsa_public_key: &[u8]) -> Option<usize> {
    let parts = super::asn1::sequence(rsa_public_key)?;
    let (0x02, modulus) = parts.first().copied()? else { return None };
    let significant: &[u8] = &modulus[modulus.iter().take_while(|b| **b == 0).count()..];
    let lead = significant.first().map_or(0, |b| b.leading_zeros() as usize);
    Some(significant.len() * 8 - lead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_reads_back_and_its_debug_shows_no_secret() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        let key = PrivateKey::from_der(pkcs8.as_ref()).unwrap();
        assert_eq!(key.public().algorithm, KeyAlgorithm::Ec(Curve::P256));
        let shown = format!("{key:?}");
        assert!(
            shown.contains("secret") && !shown.contains(&crate::text::hex(&pkcs8.as_ref()[36..44])),
            "{shown}"
        );
    }

    #[test]
    fn bytes_that_are_no_key_say_what_would_be() {
        let error = PrivateKey::from_der(b"\x30\x03\x02\x01\x00").unwrap_err().to_string();
        assert!(error.contains("PKCS#8") && error.contains("2048"), "{error}");
    }
}
