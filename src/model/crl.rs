//! A certificate revocation list as facts (RFC 5280 section 5).

use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Extension};

use super::certificate::{Serial, SignatureAlgorithm, moment};
use super::distribution::issuing;
use super::extension::{Defect, DistributionPointName, Extensions, GeneralName, general_name};
use super::name::Name;
use super::oid::{self, Oid};
use super::signed::Signed;
use super::{Error, Result};

/// A certificate revocation list.
pub struct Crl {
    signed: Signed,
    /// Who issued it.
    pub issuer: Name,
    /// When it was issued.
    pub this_update: OffsetDateTime,
    /// When the next one is due.
    pub next_update: Option<OffsetDateTime>,
    /// The algorithm it is signed with.
    pub signature_algorithm: SignatureAlgorithm,
    /// Its number (content bytes), where it has one.
    pub number: Option<Serial>,
    /// The number of the base CRL, where this is a delta CRL (RFC 5280 section 5.2.4).
    pub delta_base: Option<Serial>,
    /// What it covers (RFC 5280 section 5.2.5).
    pub scope: Option<IssuingDistributionPoint>,
    /// Authority key identifier and freshest CRL, as in a certificate; critical ones that are unknown stand in
    /// [`Extensions::other`].
    pub extensions: Extensions,
    /// What it revokes, in its order.
    pub entries: Vec<RevokedEntry>,
    /// What is wrong with its encoding although it could be read.
    pub defects: Vec<Defect>,
}

/// issuingDistributionPoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuingDistributionPoint {
    /// The distribution point it is for.
    pub name: Option<DistributionPointName>,
    /// Only end-entity certificates.
    pub only_user: bool,
    /// Only CA certificates.
    pub only_ca: bool,
    /// Only attribute certificates.
    pub only_attribute: bool,
    /// Only these reasons, bit n for reason n.
    pub reasons: Option<u16>,
    /// Entries may concern other issuers' certificates.
    pub indirect: bool,
}

/// One revoked certificate.
#[derive(Clone, Debug)]
pub struct RevokedEntry {
    /// Its serial number.
    pub serial: Serial,
    /// Since when.
    pub date: OffsetDateTime,
    /// Why (RFC 5280 section 5.3.1); absent is unspecified.
    pub reason: Option<u8>,
    /// Its issuer, from this entry on (RFC 5280 section 5.3.3), in an indirect CRL.
    pub certificate_issuer: Option<Vec<GeneralName>>,
    /// A critical entry extension that is not understood: the whole CRL must not be used.
    pub unknown_critical: Option<Oid>,
}

impl Crl {
    /// Parses a DER CRL. Its signature is not judged here.
    ///
    /// # Errors
    /// [`Error::Asn1`] where the bytes are no CRL.
    pub fn from_der(der: impl Into<Arc<[u8]>>) -> Result<Self> {
        let der: Arc<[u8]> = der.into();
        let (rest, parsed) =
            CertificateRevocationList::from_der(&der).map_err(|e| Error::asn1("a CRL", &e))?;
        if !rest.is_empty() {
            return Err(Error::Asn1 { what: "a CRL", detail: format!("{} bytes follow it", rest.len()) });
        }
        let tbs = &parsed.tbs_cert_list;
        let mut defects = Vec::new();
        if !super::asn1::is_signed_object(&der) {
            defects.push(Defect::Outer);
        }
        if !super::asn1::algorithms_agree(&der) {
            defects.push(Defect::AlgorithmMismatch);
        }
        let mut extensions = Extensions::decode(tbs.extensions(), &mut defects);
        let mut take = |kind: &Oid| {
            let at = extensions.other.iter().position(|e| e.kind == *kind)?;
            Some(extensions.other.remove(at))
        };
        let integer = |der: &[u8]| {
            super::asn1::read(der).filter(|(tag, ..)| *tag == 2).map(|(_, c, _)| Serial(c.into()))
        };
        let number = take(&oid::CRL_NUMBER).and_then(|e| integer(&e.value));
        let delta = take(&oid::DELTA_CRL_INDICATOR);
        let scope = take(&oid::ISSUING_DISTRIBUTION_POINT).map(|e| issuing(&e.value));
        let delta_base = delta.map(|e| integer(&e.value).unwrap_or(Serial([].into())));
        let scope = match scope {
            Some(None) => {
                let kind = oid::ISSUING_DISTRIBUTION_POINT;
                defects.push(Defect::Extension { kind, critical: true });
                None
            }
            Some(scope) => scope,
            None => None,
        };
        let is_nameless = |e: &X509Extension<'_>| Oid::from_content(e.oid.as_bytes()).is_none();
        if tbs.revoked_certificates.iter().any(|revoked| revoked.extensions().iter().any(is_nameless)) {
            defects.push(Defect::NamelessExtension);
        }
        let entries = tbs.revoked_certificates.iter().map(entry).collect();
        Ok(Self {
            signed: Signed::new(&der, tbs.as_ref(), &parsed.signature_value.data),
            issuer: Name::from_der(tbs.issuer.as_raw())?,
            this_update: moment(&tbs.this_update),
            next_update: tbs.next_update.as_ref().map(moment),
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm)?,
            number,
            delta_base,
            scope,
            extensions,
            entries,
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
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({}, {} entries)", self.issuer, self.entries.len())
    }
}

fn entry(revoked: &x509_parser::revocation_list::RevokedCertificate<'_>) -> RevokedEntry {
    let mut out = RevokedEntry {
        serial: Serial(revoked.raw_serial().into()),
        date: moment(&revoked.revocation_date),
        reason: revoked.reason_code().map(|(_, code)| code.0),
        certificate_issuer: None,
        unknown_critical: None,
    };
    for extension in revoked.extensions() {
        let Some(kind) = Oid::from_content(extension.oid.as_bytes()) else { continue };
        if kind == oid::CERTIFICATE_ISSUER {
            out.certificate_issuer = certificate_issuer(extension.value);
        }
        let known = [oid::CERTIFICATE_ISSUER, oid::REASON_CODE, oid::INVALIDITY_DATE].contains(&kind);
        let unreadable = kind == oid::CERTIFICATE_ISSUER && out.certificate_issuer.is_none();
        if extension.critical && (!known || unreadable) {
            out.unknown_critical = Some(kind);
        }
    }
    out
}

/// GeneralNames; x509-parser leaves this extension raw, and a subject alternative name has the same type.
fn certificate_issuer(der: &[u8]) -> Option<Vec<GeneralName>> {
    let (_, names) = x509_parser::extensions::SubjectAlternativeName::from_der(der).ok()?;
    Some(names.general_names.iter().map(general_name).collect())
}
