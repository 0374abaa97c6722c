//! A PKCS#10 certification request as facts (RFC 2986), read leniently: what certreq, Cisco and openssl put in
//! (subject key identifiers, templates, client information) is kept, not refused.

use std::fmt;
use std::sync::Arc;

use x509_parser::prelude::{FromDer, X509CertificationRequest, X509Extension};

use super::certificate::SignatureAlgorithm;
use super::extension::{Defect, Extensions, RawExtension};
use super::key::PublicKey;
use super::name::Name;
use super::oid::{self, Oid};
use super::signed::Signed;
use super::{Error, Result, asn1};

/// A PKCS#10 certification request.
pub struct Request {
    signed: Signed,
    /// Whom it asks for.
    pub subject: Name,
    /// The key to certify.
    pub public_key: PublicKey,
    /// The algorithm its self-signature uses.
    pub signature_algorithm: SignatureAlgorithm,
    /// The extensions it asks for, from the PKCS#9 and the Microsoft extension request attribute.
    pub extensions: Extensions,
    /// The same extensions as they stand in the request, for a CA that copies them: the first of each kind.
    pub requested: Vec<RawExtension>,
    /// Every attribute that is no extension request: its type and the DER of its values.
    pub attributes: Vec<(Oid, Box<[u8]>)>,
    /// What is wrong with its encoding although it could be read.
    pub defects: Vec<Defect>,
}

impl Request {
    /// Parses a DER request. Its signature is not judged here.
    ///
    /// # Errors
    /// [`Error::Asn1`] where the bytes are no request.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Result<Self> {
        let der: Arc<[u8]> = der.into();
        let (rest, parsed) =
            X509CertificationRequest::from_der(&der).map_err(|e| Error::asn1("a certificate request", &e))?;
        if !rest.is_empty() {
            return Err(Error::Asn1 {
                what: "a certificate request",
                detail: format!("{} bytes follow it", rest.len()),
            });
        }
        if !asn1::is_signed_object(&der) {
            let detail = "its outer structure is not DER".into();
            return Err(Error::Asn1 { what: "a certificate request", detail });
        }
        let info = &parsed.certification_request_info;
        let mut attributes = Vec::new();
        let mut defects = Vec::new();
        let mut extensions: Vec<X509Extension<'_>> = Vec::new();
        let read = attributes_of(info.raw).ok_or_else(|| Error::Asn1 {
            what: "a certificate request",
            detail: "its attributes are not DER".into(),
        })?;
        for (kind, values) in read {
            if kind != oid::EXTENSION_REQUEST && kind != oid::MS_CERT_EXTENSIONS {
                attributes.push((kind, values.into()));
                continue;
            }
            match extension_list(values) {
                Some(list) => extensions.extend(list),
                None => defects.push(Defect::Extension { kind, critical: false }),
            }
        }
        let requested = raw(&extensions);
        let extensions = Extensions::decode(&extensions, &mut defects);
        Ok(Self {
            signed: Signed::new(&der, info.raw, &parsed.signature_value.data),
            subject: Name::from_der(info.subject.as_raw())?,
            public_key: PublicKey::from_parsed(&info.subject_pki)?,
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm)?,
            extensions,
            requested,
            attributes,
            defects,
        })
    }

    /// The whole encoding.
    pub fn der(&self) -> &[u8] {
        &self.signed.der
    }

    /// The part that is signed (CertificationRequestInfo).
    pub fn info(&self) -> &[u8] {
        self.signed.tbs()
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        self.signed.signature()
    }

    /// SHA-256 of the encoding: what the journal knows the request by.
    pub fn sha256(&self) -> [u8; 32] {
        use sha2::Digest;
        sha2::Sha256::digest(&self.signed.der).into()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({})", self.subject)
    }
}

fn raw(extensions: &[X509Extension<'_>]) -> Vec<RawExtension> {
    let mut out: Vec<RawExtension> = Vec::with_capacity(extensions.len());
    for extension in extensions {
        match Oid::from_content(extension.oid.as_bytes()) {
            Some(kind) if out.iter().all(|known| known.kind != kind) => {
                out.push(RawExtension { kind, critical: extension.critical, value: extension.value.into() });
            }
            _ => {}
        }
    }
    out
}

/// The attributes in a CertificationRequestInfo: the type and the content of the SET of values. The parser keeps
/// of those it does not know no more than the SET's header.
fn attributes_of(info: &[u8]) -> Option<Vec<(Oid, &[u8])>> {
    let parts = asn1::sequence(info)?;
    let mut content = parts.iter().find(|(tag, _)| *tag == 0xa0).map_or(&[][..], |(_, content)| *content);
    let mut attributes = Vec::new();
    while !content.is_empty() {
        let (0x30, attribute, rest) = asn1::read(content)? else { return None };
        let (0x06, kind, values) = asn1::read(attribute)? else { return None };
        let (0x31, values, []) = asn1::read(values)? else { return None };
        attributes.push((Oid::from_content(kind)?, values));
        content = rest;
    }
    Some(attributes)
}

/// `SEQUENCE OF Extension`, the value of the PKCS#9 and of Microsoft's extension request.
fn extension_list(der: &[u8]) -> Option<Vec<X509Extension<'_>>> {
    let (0x30, mut content, _) = asn1::read(der)? else { return None };
    let mut list = Vec::new();
    while !content.is_empty() {
        let (rest, extension) = X509Extension::from_der(content).ok()?;
        list.push(extension);
        content = rest;
    }
    Some(list)
}
