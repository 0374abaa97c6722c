//! Certificates and CRLs written byte by byte: what no maker of certificates would make. P-256, judged in 2026.

use ocscert::model::Oid;
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};

use super::ber::element_of;

/// A name and a key: who issues, and who is certified.
pub struct Entity {
    /// The DER of its Name.
    pub name: Vec<u8>,
    /// Its key.
    pub key: KeyPair,
}

impl Entity {
    /// A new key under this common name; none for the empty name.
    pub fn new(name: &str) -> Self {
        Self { name: common_name(0x0c, name), key: KeyPair::generate().unwrap() }
    }
}

/// What a certificate says of itself; the defaults make one of version 3, valid from 2020 to 2040.
pub struct Draft {
    /// The encoded number: 2 is version 3; 0 is left out, as DER asks.
    pub version: u8,
    /// Content bytes.
    pub serial: Vec<u8>,
    /// notBefore and notAfter, whole elements.
    pub validity: [Vec<u8>; 2],
    /// The issuer's name, where it is written otherwise than the issuer writes it.
    pub issuer: Option<Vec<u8>>,
    /// The algorithm beside the signature, where it is not the one inside.
    pub outer: Option<Vec<u8>>,
    /// What stands between the key and the extensions.
    pub unique_ids: Vec<u8>,
    /// Whole extensions.
    pub extensions: Vec<Vec<u8>>,
}

impl Draft {
    /// Nothing special yet.
    pub fn new(serial: u8) -> Self {
        Self {
            version: 2,
            serial: vec![serial],
            validity: [utc("200101000000Z"), utc("400101000000Z")],
            issuer: None,
            outer: None,
            unique_ids: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// The certificate.
    pub fn sign(&self, subject: &Entity, issuer: &Entity) -> Vec<u8> {
        let version = (self.version > 0).then(|| element_of(0xa0, &element_of(0x02, &[self.version])));
        let extensions = (!self.extensions.is_empty()).then(|| element_of(0xa3, &seq(&self.extensions)));
        let signed = seq(&[
            version.unwrap_or_default(),
            element_of(0x02, &self.serial),
            ecdsa_with_sha256(),
            self.issuer.as_ref().unwrap_or(&issuer.name).clone(),
            seq(&self.validity),
            subject.name.clone(),
            subject.key.subject_public_key_info(),
            self.unique_ids.clone(),
            extensions.unwrap_or_default(),
        ]);
        signature_over(signed, self.outer.clone(), issuer)
    }
}

/// A CRL with these revoked entries and extensions, of May 2026 unless it says otherwise.
pub fn crl(issuer: &Entity, updates: [&str; 2], entries: &[Vec<u8>], extensions: &[Vec<u8>]) -> Vec<u8> {
    let entries = (!entries.is_empty()).then(|| seq(entries));
    let signed = seq(&[
        element_of(0x02, &[1]),
        ecdsa_with_sha256(),
        issuer.name.clone(),
        utc(updates[0]),
        utc(updates[1]),
        entries.unwrap_or_default(),
        element_of(0xa0, &seq(extensions)),
    ]);
    signature_over(signed, None, issuer)
}

/// One entry of a CRL.
pub fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = (!extensions.is_empty()).then(|| seq(extensions));
    seq(&[element_of(0x02, serial), utc("260401000000Z"), extensions.unwrap_or_default()])
}

fn signature_over(signed: Vec<u8>, outer: Option<Vec<u8>>, issuer: &Entity) -> Vec<u8> {
    let signature = [vec![0], issuer.key.sign(&signed).unwrap()].concat();
    seq(&[signed, outer.unwrap_or_else(ecdsa_with_sha256), element_of(0x03, &signature)])
}

fn ecdsa_with_sha256() -> Vec<u8> {
    seq(&[oid("1.2.840.10045.4.3.2")])
}

/// A SEQUENCE.
pub fn seq<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    element_of(0x30, &parts.iter().flat_map(AsRef::as_ref).copied().collect::<Vec<u8>>())
}

/// An OBJECT IDENTIFIER.
pub fn oid(text: &str) -> Vec<u8> {
    element_of(0x06, Oid::parse(text).unwrap().content())
}

/// An extension.
pub fn extension(kind: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![0x01, 1, 0xff] } else { Vec::new() };
    seq(&[oid(kind), critical, element_of(0x04, value)])
}

/// A Name of one common name, in this string type; empty for an empty text.
pub fn common_name(tag: u8, text: &str) -> Vec<u8> {
    match text {
        "" => seq::<Vec<u8>>(&[]),
        _ => seq(&[element_of(0x31, &attribute("2.5.4.3", tag, text))]),
    }
}

/// AttributeTypeAndValue.
pub fn attribute(kind: &str, tag: u8, text: &str) -> Vec<u8> {
    seq(&[oid(kind), element_of(tag, text.as_bytes())])
}

/// UTCTime.
pub fn utc(text: &str) -> Vec<u8> {
    element_of(0x17, text.as_bytes())
}
