//! Bags (RFC 7292 section 4.2): a key, a certificate or a list each, with the attributes that Windows and Java
//! hang on them.

use std::borrow::Cow;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::super::ber;
use super::super::limits::Budget;
use super::super::scheme::Protection;
use super::super::{Object, Origin};
use crate::model::name::decode_string;
use crate::model::oid::{self, Oid};
use crate::model::{Certificate, Crl, Error, PrivateKey, Result, asn1};

/// One bag, still closed.
#[derive(Clone)]
pub(super) struct Bag {
    kind: Oid,
    value: Zeroizing<Vec<u8>>,
    attributes: Attributes,
}

/// What hangs on a bag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The name that people see.
    pub friendly_name: Option<String>,
    /// What ties a key to its certificate.
    pub local_key_id: Option<Vec<u8>>,
    /// The provider that Windows puts the key into.
    pub csp: Option<String>,
    /// True where Windows is to put the key into the machine's key set.
    pub machine_key_set: bool,
    /// Java: what the certificate is trusted for.
    pub trusted_for: Vec<Oid>,
    /// All others, with the DER of their values.
    pub others: Vec<(Oid, Vec<u8>)>,
}

/// Bags that hold bags, deeper than this, are refused.
const MAX_DEPTH: usize = 8;

/// The bags of a SafeContents, those inside other bags among them.
pub(super) fn bags(safe_contents: &[u8]) -> Result<Vec<Bag>> {
    let mut found = Vec::new();
    collect(safe_contents, 0, &mut found)?;
    Ok(found)
}

fn collect(safe_contents: &[u8], depth: usize, found: &mut Vec<Bag>) -> Result<()> {
    for (tag, bag) in asn1::sequence(safe_contents).ok_or_else(damaged)? {
        let fields = asn1::elements(bag).ok_or_else(damaged)?;
        let (kind, value, attributes) = match (tag, &fields[..]) {
            (0x30, [(0x06, kind), (0xa0, value)]) => (kind, value, Attributes::default()),
            (0x30, [(0x06, kind), (0xa0, value), (0x31, attributes)]) => {
                (kind, value, Attributes::parse(attributes).ok_or_else(damaged)?)
            }
            _ => return Err(damaged()),
        };
        let kind = Oid::from_content(kind).ok_or_else(damaged)?;
        match kind == oid::SAFE_CONTENTS_BAG {
            false => found.push(Bag { kind, value: Zeroizing::new(value.to_vec()), attributes }),
            true if depth < MAX_DEPTH => collect(value, depth + 1, found)?,
            true => {
                return Err(Error::Limit(format!("bags are nested in it deeper than {MAX_DEPTH} levels")));
            }
        }
    }
    Ok(())
}

impl Bag {
    /// What it is, with its article, whether it is open or not.
    pub(super) fn what(&self) -> &'static str {
        match &self.kind {
            _ if self.is_key() => "a private key",
            kind if *kind == oid::CERT_BAG => "a certificate",
            kind if *kind == oid::CRL_BAG => "a CRL",
            kind if *kind == oid::SECRET_BAG => "a secret key",
            _ => "a bag of an unknown kind",
        }
    }

    pub(super) fn is_key(&self) -> bool {
        self.kind == oid::KEY_BAG || self.kind == oid::SHROUDED_KEY_BAG
    }

    /// How its own content is closed; only keys are.
    pub(super) fn protection(&self) -> Protection {
        match self.shrouded() {
            Some((algorithm, _)) => Protection::parse(algorithm),
            None => Protection::None,
        }
    }

    pub(super) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// What of a key is encrypted.
    pub(super) fn closed(&self) -> Option<&[u8]> {
        self.shrouded().map(|(_, closed)| closed)
    }

    /// EncryptedPrivateKeyInfo: its algorithm and its content.
    fn shrouded(&self) -> Option<(&[u8], &[u8])> {
        if self.kind != oid::SHROUDED_KEY_BAG {
            return None;
        }
        match asn1::sequence(&self.value)?[..] {
            [(0x30, algorithm), (0x04, closed)] => Some((algorithm, closed)),
            _ => None,
        }
    }

    /// What is in it.
    pub(super) fn open(self, part: usize, password: &str, budget: &mut Budget) -> Result<(Object, Origin)> {
        let protection = self.protection();
        let object = if self.kind == oid::KEY_BAG {
            Object::Key(PrivateKey::from_der(&self.value)?)
        } else if self.kind == oid::SHROUDED_KEY_BAG {
            let (_, closed) = self.shrouded().ok_or_else(damaged)?;
            Object::Key(PrivateKey::from_der(&protection.open(password, closed, budget)?)?)
        } else if self.kind == oid::CERT_BAG {
            let der = typed(&self.value, &oid::X509_CERTIFICATE)?;
            Object::Certificate(Arc::new(Certificate::from_der(der.into_owned())?))
        } else if self.kind == oid::CRL_BAG {
            Object::Crl(Arc::new(Crl::from_der(typed(&self.value, &oid::X509_CRL)?.into_owned())?))
        } else if self.kind == oid::SECRET_BAG {
            return Err(Error::Unsupported("a secret key (Java keeps them beside certificates)".into()));
        } else {
            return Err(Error::unsupported("a bag of the kind", &self.kind));
        };
        Ok((object, Origin { part, protection, attributes: self.attributes, ..Origin::default() }))
    }
}

/// CertBag and CRLBag: a type, and the encoding in an OCTET STRING.
fn typed<'a>(bag: &'a [u8], wanted: &Oid) -> Result<Cow<'a, [u8]>> {
    let fields = asn1::sequence(bag).ok_or_else(damaged)?;
    let [(0x06, kind), (0xa0, value)] = fields[..] else { return Err(damaged()) };
    let kind = Oid::from_content(kind).ok_or_else(damaged)?;
    if kind != *wanted {
        return Err(Error::unsupported("a certificate or CRL of the kind", &kind));
    }
    match asn1::read(value) {
        Some((0x04, der, [])) => Ok(Cow::Borrowed(der)),
        _ => Err(damaged()),
    }
}

impl Attributes {
    /// From the content of a SET OF Attribute.
    fn parse(set: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        for (tag, attribute) in asn1::elements(set)? {
            let [(0x06, kind), (0x31, values)] = asn1::elements(attribute)?[..] else { return None };
            if tag != 0x30 {
                return None;
            }
            let kind = Oid::from_content(kind)?;
            let parts = asn1::elements(values)?;
            let text = || {
                let (tag, content) = parts.first()?;
                Some(decode_string(u32::from(*tag), content)?.trim_end_matches('\0').to_string())
            };
            if let (true, Some(name)) = (kind == oid::FRIENDLY_NAME, text()) {
                found.friendly_name = Some(name);
            } else if let (true, Some(name)) = (kind == oid::MS_CSP_NAME, text()) {
                found.csp = Some(name);
            } else if let (true, [(0x04, id)]) = (kind == oid::LOCAL_KEY_ID, &parts[..]) {
                found.local_key_id = Some(id.to_vec());
            } else if kind == oid::MS_LOCAL_MACHINE_KEY_SET {
                found.machine_key_set = true;
            } else if kind == oid::ORACLE_TRUSTED_KEY_USAGE {
                found.trusted_for = parts.iter().filter_map(|(_, usage)| Oid::from_content(usage)).collect();
            } else {
                found.others.push((kind, values.to_vec()));
            }
        }
        Some(found)
    }
}

/// The pieces of an encoding that is not what RFC 7292 says.
pub(super) fn damaged() -> Error {
    Error::Asn1 { what: "a PFX file", detail: "its structure is damaged".into() }
}

/// [`ber::whole`], with an error that names the file's kind.
pub(super) fn normal(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    match ber::whole(bytes) {
        Ok(der) => Ok(Zeroizing::new(der.into_owned())),
        Err(ber::Fault::TooDeep) => Err(Error::Limit("it is nested too deep".into())),
        Err(ber::Fault::Malformed) => Err(damaged()),
    }
}
