//! Certificates and lists in a PKCS#7 file: a SignedData (RFC 5652 section 5), by its outline alone. Whatever is odd
//! about one certificate, or about who signed what, loses none of the others, and their order is kept.

use std::borrow::Cow;
use std::sync::Arc;

use super::sniff::Kind;
use super::{Object, ber};
use crate::model::{Certificate, Crl, Error, asn1};

/// What was found in a PKCS#7 file.
pub(super) struct Found {
    pub(super) objects: Vec<Object>,
    pub(super) problems: Vec<String>,
    /// True where it is not DER, but BER.
    pub(super) ber: bool,
}

/// Takes a SignedData apart.
pub(super) fn read(bytes: &[u8]) -> Found {
    let mut found = Found { objects: Vec::new(), problems: Vec::new(), ber: false };
    let der = match ber::whole(bytes) {
        Ok(der) => der,
        Err(fault) => {
            found.problems.push(format!("a PKCS#7 file, {fault}"));
            return found;
        }
    };
    found.ber = matches!(der, Cow::Owned(_));
    let Some(elements) = elements(&der) else {
        found.problems.push("a PKCS#7 file whose certificates cannot be found: damaged".into());
        return found;
    };
    if elements.is_empty() {
        found.problems.push("a PKCS#7 file that holds no certificate and no CRL".into());
    }
    for (i, element) in elements.into_iter().enumerate() {
        let object = match Kind::sniff(element) {
            Some(Kind::Certificate) => {
                Certificate::from_der(element).map(|c| Object::Certificate(Arc::new(c)))
            }
            Some(Kind::Crl) => Crl::from_der(element).map(|c| Object::Crl(Arc::new(c))),
            // RFC 5652 section 10.2.2: attribute certificates and others
            _ => Err(Error::Unsupported("what is neither an X.509 certificate nor a CRL".into())),
        };
        match object {
            Ok(object) => found.objects.push(object),
            Err(error) => found.problems.push(format!("element {} of a PKCS#7 file: {error}", i + 1)),
        }
    }
    found
}

/// The elements of `certificates [0]` and `crls [1]`.
fn elements(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, explicit) = *asn1::sequence(der)?.get(1)?;
    let fields = asn1::sequence(explicit)?;
    let mut elements = Vec::new();
    for (_, mut content) in fields.into_iter().filter(|(tag, _)| matches!(tag, 0xa0 | 0xa1)) {
        while !content.is_empty() {
            let (_, _, rest) = asn1::read(content)?;
            elements.push(&content[..content.len() - rest.len()]);
            content = rest;
        }
    }
    Some(elements)
}
