//! A certificate, parsed once into facts (RFC 5280 section 4.1). What the facts mean is judged elsewhere.

use std::fmt;
use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::extension::{Defect, Extensions};
use super::key::PublicKey;
use super::name::Name;
use super::oid::{self, Oid};
use super::signed::Signed;
use super::{Error, Result};

/// An X.509 certificate.
pub struct Certificate {
    signed: Signed,
    sha256: OnceLock<[u8; 32]>,
    /// 1, 2 or 3 (the encoded number plus one); other numbers are kept as they are.
    pub version: u32,
    /// The serial number.
    pub serial: Serial,
    /// Who signed it, by name.
    pub issuer: Name,
    /// Whose it is.
    pub subject: Name,
    /// When it is valid, both ends included (RFC 5280 section 4.1.2.5).
    pub validity: Validity,
    /// The key it certifies.
    pub public_key: PublicKey,
    /// The algorithm it is signed with.
    pub signature_algorithm: SignatureAlgorithm,
    /// Its extensions.
    pub extensions: Extensions,
    /// What is wrong with its encoding although it could be read.
    pub defects: Vec<Defect>,
}

/// The validity period, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before: OffsetDateTime,
    /// Last moment.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// True where `at` lies within, the ends included.
    pub fn contains(&self, at: OffsetDateTime) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// Whole days from `at` to the end; negative once it is over.
    pub fn days_left(&self, at: OffsetDateTime) -> i64 {
        (self.not_after - at).whole_seconds().div_euclid(86_400)
    }
}

/// A serial number: the content bytes of its INTEGER, so a leading zero or a sign survives.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(pub Box<[u8]>);

impl Serial {
    /// The bytes without leading zeros: what people compare.
    pub fn significant(&self) -> &[u8] {
        let zeros = self.0.iter().take_while(|b| **b == 0).count();
        &self.0[zeros.min(self.0.len().saturating_sub(1))..]
    }

    /// Hex with the bytes reversed, as OCS event texts print serial numbers.
    pub fn reversed(&self) -> String {
        let reversed: Vec<u8> = self.significant().iter().rev().copied().collect();
        crate::text::hex(&reversed)
    }

    /// True for zero and for negative numbers, which RFC 5280 section 4.1.2.2 forbids.
    pub fn is_not_positive(&self) -> bool {
        self.0.iter().all(|b| *b == 0) || self.0.first().is_some_and(|b| b & 0x80 != 0)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::hex(self.significant()))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// A signature algorithm with the parameters that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with this hash.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with this hash (RFC 4055); the mask generation hash and the salt length as encoded.
    RsaPss {
        /// The message hash.
        hash: Hash,
        /// The hash of MGF1.
        mgf1: Hash,
        /// The salt's length in bytes.
        salt: u32,
    },
    /// ECDSA with this hash.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// DSA, with whichever hash.
    Dsa,
    /// Something else.
    Other(Oid),
}

/// Hash functions that occur in signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Hash {
    Md2,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md2 => "MD2",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaPkcs1(hash) => write!(f, "RSA with {hash}"),
            Self::RsaPss { hash, .. } => write!(f, "RSASSA-PSS with {hash}"),
            Self::Ecdsa(hash) => write!(f, "ECDSA with {hash}"),
            Self::Ed25519 => write!(f, "Ed25519"),
            Self::Ed448 => write!(f, "Ed448"),
            Self::Dsa => write!(f, "DSA"),
            Self::Other(oid) => write!(f, "{oid}"),
        }
    }
}

impl SignatureAlgorithm {
    /// The hash, where the algorithm names one.
    pub fn hash(&self) -> Option<Hash> {
        match self {
            Self::RsaPkcs1(hash) | Self::RsaPss { hash, .. } | Self::Ecdsa(hash) => Some(*hash),
            _ => None,
        }
    }

    pub(super) fn from_parsed(identifier: &x509_parser::x509::AlgorithmIdentifier<'_>) -> Result<Self> {
        let kind = Oid::from_content(identifier.algorithm.as_bytes()).ok_or(Error::Asn1 {
            what: "a signature algorithm",
            detail: "it is no object identifier".into(),
        })?;
        if kind == oid::RSASSA_PSS {
            let parameters = identifier.parameters.as_ref().map_or(&[][..], |p| p.data);
            return Ok(pss(parameters).unwrap_or(Self::Other(kind)));
        }
        Ok(SIGNATURES
            .iter()
            .find(|(oid, _)| *oid == kind)
            .map_or_else(|| Self::Other(kind.clone()), |(_, algorithm)| algorithm.clone()))
    }
}

const SIGNATURES: &[(Oid, SignatureAlgorithm)] = &[
    (oid::SHA256_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Sha256)),
    (oid::SHA1_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Sha1)),
    (oid::SHA1_WITH_RSA_OIW, SignatureAlgorithm::RsaPkcs1(Hash::Sha1)),
    (oid::SHA384_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Sha384)),
    (oid::SHA512_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Sha512)),
    (oid::SHA224_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Sha224)),
    (oid::MD5_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Md5)),
    (oid::MD2_WITH_RSA, SignatureAlgorithm::RsaPkcs1(Hash::Md2)),
    (oid::ECDSA_WITH_SHA1, SignatureAlgorithm::Ecdsa(Hash::Sha1)),
    (oid::ECDSA_WITH_SHA224, SignatureAlgorithm::Ecdsa(Hash::Sha224)),
    (oid::ECDSA_WITH_SHA256, SignatureAlgorithm::Ecdsa(Hash::Sha256)),
    (oid::ECDSA_WITH_SHA384, SignatureAlgorithm::Ecdsa(Hash::Sha384)),
    (oid::ECDSA_WITH_SHA512, SignatureAlgorithm::Ecdsa(Hash::Sha512)),
    (oid::DSA_WITH_SHA1, SignatureAlgorithm::Dsa),
    (oid::DSA_WITH_SHA224, SignatureAlgorithm::Dsa),
    (oid::DSA_WITH_SHA256, SignatureAlgorithm::Dsa),
    (oid::ED25519, SignatureAlgorithm::Ed25519),
    (oid::ED448, SignatureAlgorithm::Ed448),
];

const HASHES: &[(Oid, Hash)] = &[
    (oid::SHA1, Hash::Sha1),
    (oid::SHA224, Hash::Sha224),
    (oid::SHA256, Hash::Sha256),
    (oid::SHA384, Hash::Sha384),
    (oid::SHA512, Hash::Sha512),
];

/// RSASSA-PSS-params (RFC 4055 section 3.1), from the content of its SEQUENCE; SHA-1 and 20 by default.
fn pss(mut content: &[u8]) -> Option<SignatureAlgorithm> {
    let (mut hash, mut mgf1, mut salt) = (Hash::Sha1, Hash::Sha1, 20);
    let hash_of = |identifier: &[u8]| {
        let (_, oid) = super::asn1::sequence(identifier)?.into_iter().next()?;
        HASHES.iter().find(|(known, _)| known.content() == oid).map(|(_, hash)| *hash)
    };
    while !content.is_empty() {
        let (tag, value, rest) = super::asn1::read(content)?;
        match tag {
            0xa0 => hash = hash_of(value)?,
            0xa1 => {
                let parts = super::asn1::sequence(value)?;
                let (_, inner) = parts.get(1)?;
                let (_, oid) = parts.first()?;
                let (_, hash_oid, _) = super::asn1::read(inner)?;
                (*oid == oid::MGF1.content()).then_some(())?;
                mgf1 = HASHES.iter().find(|(known, _)| known.content() == hash_oid).map(|(_, h)| *h)?;
            }
            0xa2 => {
                let (_, number, _) = super::asn1::read(value)?;
                salt = number.iter().try_fold(0u32, |n, b| n.checked_mul(256)?.checked_add(u32::from(*b)))?;
            }
            0xa3 => {}
            _ => return None,
        }
        content = rest;
    }
    Some(SignatureAlgorithm::RsaPss { hash, mgf1, salt })
}

impl Certificate {
    /// Parses a DER certificate. Defects that leave it readable are facts of it ([`Certificate::defects`]).
    ///
    /// # Errors
    /// [`Error::Asn1`] where the bytes are no certificate, or more than one.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Result<Self> {
        let der: Arc<[u8]> = der.into();
        let (rest, parsed) = X509Certificate::from_der(&der).map_err(|e| Error::asn1("a certificate", &e))?;
        if !rest.is_empty() {
            return Err(Error::Asn1 {
                what: "a certificate",
                detail: format!("{} bytes follow it", rest.len()),
            });
        }
        let tbs = &parsed.tbs_certificate;
        let mut defects = Vec::new();
        if !super::asn1::is_signed_object(&der) {
            defects.push(Defect::Outer);
        }
        if !super::asn1::algorithms_agree(&der) {
            defects.push(Defect::AlgorithmMismatch);
        }
        if tbs.version.0 != 2 && !tbs.extensions().is_empty() {
            defects.push(Defect::ExtensionsBeforeV3);
        }
        if !dates_are_der(tbs.as_ref()) {
            defects.push(Defect::Time);
        }
        let extensions = Extensions::decode(tbs.extensions(), &mut defects);
        Ok(Self {
            signed: Signed::new(&der, tbs.as_ref(), &parsed.signature_value.data),
            sha256: OnceLock::new(),
            version: tbs.version.0.saturating_add(1),
            serial: Serial(tbs.raw_serial().into()),
            issuer: Name::from_der(tbs.issuer.as_raw())?,
            subject: Name::from_der(tbs.subject.as_raw())?,
            validity: Validity {
                not_before: moment(&tbs.validity.not_before),
                not_after: moment(&tbs.validity.not_after),
            },
            public_key: PublicKey::from_parsed(&tbs.subject_pki)?,
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm)?,
            extensions,
            defects,
        })
    }

    /// The whole encoding.
    pub fn der(&self) -> &[u8] {
        &self.signed.der
    }

    /// The part that is signed.
    pub fn tbs(&self) -> &[u8] {
        self.signed.tbs()
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        self.signed.signature()
    }

    /// SHA-256 of the encoding, computed once.
    pub fn sha256(&self) -> &[u8; 32] {
        use sha2::Digest;
        self.sha256.get_or_init(|| sha2::Sha256::digest(&self.signed.der).into())
    }

    /// SHA-1 of the encoding: the thumbprint that Windows shows.
    pub fn sha1(&self) -> [u8; 20] {
        use sha1::Digest;
        sha1::Sha1::digest(&self.signed.der).into()
    }

    /// True where subject and issuer are the same name (RFC 5280 section 3.2). Whether it is also *signed* by
    /// its own key only a signature check tells.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// True where it says that it is a CA: basicConstraints CA, or a version 1 certificate that is self-issued
    /// (the old roots have no extensions).
    pub fn is_ca(&self) -> bool {
        match &self.extensions.basic_constraints {
            Some(constraints) => constraints.value.ca,
            None => self.version == 1 && self.is_self_issued(),
        }
    }

    /// The subject key identifier, where the certificate has one.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_identifier.as_ref().map(|e| &*e.value)
    }

    /// The issuer's key identifier, where the certificate names it.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_identifier.as_ref()?.value.key_identifier.as_deref()
    }

    /// The http(s) addresses of the issuer's certificate (authorityInfoAccess, caIssuers).
    pub fn ca_issuers(&self) -> impl Iterator<Item = &str> {
        self.extensions
            .authority_info_access
            .iter()
            .flat_map(|aia| &aia.value)
            .filter(|d| d.method == oid::AD_CA_ISSUERS)
            .filter_map(|d| match &d.location {
                super::extension::GeneralName::Uri(uri) => Some(uri.as_str()),
                _ => None,
            })
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.signed.der == other.signed.der
    }
}
impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject, self.serial)
    }
}

pub(super) fn moment(time: &ASN1Time) -> OffsetDateTime {
    time.to_datetime()
}

/// RFC 5280 section 4.1.2.5: UTCTime as YYMMDDHHMMSSZ, GeneralizedTime as YYYYMMDDHHMMSSZ, no fractions, no
/// zone. The parser is more lenient.
fn dates_are_der(tbs: &[u8]) -> bool {
    let validity = super::asn1::sequence(tbs).and_then(|parts| {
        // version [0] is optional; serial, algorithm, issuer come before the validity.
        let skip = if parts.first()?.0 == 0xa0 { 4 } else { 3 };
        parts.get(skip).map(|(_, content)| *content)
    });
    let Some(mut content) = validity else { return false };
    while !content.is_empty() {
        let Some((tag, text, rest)) = super::asn1::read(content) else { return false };
        let digits = match tag {
            0x17 => 12,
            0x18 => 14,
            _ => return false,
        };
        let well_formed =
            text.len() == digits + 1 && text[..digits].iter().all(u8::is_ascii_digit) && text[digits] == b'Z';
        if !well_formed {
            return false;
        }
        content = rest;
    }
    true
}
