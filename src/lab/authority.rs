//! The lab's two CAs, a root and an issuing one below it, kept in a folder: what their certificates say, what
//! they sign. Every lab has names of its own, so that two of them are never mistaken for each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::keep;
use super::policy::Grant;
use super::x509::{self, Body, Extension, RevocationList, Signer};
use crate::edge::{Error, Result};
use crate::model::{Certificate, KeyUsage, PublicKey, Request, Validity};

/// Where a CA publishes; under the address of the lab.
const FOLDER: &str = "/CertEnroll/";
const ROOT_YEARS: i64 = 20;
const ISSUING_YEARS: i64 = 10;
/// A Microsoft CA dates everything back by this much, for clients whose clocks are slow.
pub(super) const BACKDATED: Duration = Duration::minutes(10);
const CRL_LIFE: Duration = Duration::days(7);
pub(super) const CA_USAGE: KeyUsage =
    KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::KEY_CERT_SIGN.0 | KeyUsage::CRL_SIGN.0);

/// One of the two CAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The root.
    Root,
    /// The one that signs servers' certificates.
    Issuing,
}

impl Level {
    const fn file(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
        }
    }

    /// Where the CA's revocation list is, from the lab's address.
    pub fn crl_path(self) -> String {
        format!("{FOLDER}{}.crl", self.file())
    }

    /// Where the CA's certificate is, from the lab's address.
    pub fn certificate_path(self) -> String {
        format!("{FOLDER}{}.crt", self.file())
    }
}

/// A certificate with its key.
struct Held {
    certificate: Arc<Certificate>,
    signer: Signer,
}

/// The root and the issuing CA.
pub(super) struct Authority {
    folder: PathBuf,
    address: String,
    root: Held,
    issuing: Held,
}

impl Authority {
    /// Opens the CAs in a folder; makes them where the folder is not there. `address` is what clients reach the
    /// lab's plain pages by (`http://127.0.0.1:8080`): it goes into every certificate.
    pub(super) fn open(folder: &Path, address: &str, now: OffsetDateTime) -> Result<Self> {
        keep::make_once(folder, |new| make(new, address, now))?;
        let open = |level: Level| -> Result<Held> {
            let pem = folder.join(format!("{}.pem", level.file()));
            let key = folder.join(format!("{}.key", level.file()));
            Ok(Held { certificate: keep::read_certificate(&pem)?, signer: keep::read_key(&key)? })
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            address: address.to_string(),
            root: open(Level::Root)?,
            issuing: open(Level::Issuing)?,
        })
    }

    /// A CA's certificate.
    pub(super) fn certificate(&self, level: Level) -> &Arc<Certificate> {
        &self.ca(level).certificate
    }

    /// The file with a CA's certificate.
    pub(super) fn certificate_file(&self, level: Level) -> PathBuf {
        self.folder.join(format!("{}.pem", level.file()))
    }

    /// Signs a certificate for what was asked, with what was granted. The subject is the request's, byte for
    /// byte.
    pub(super) fn issue(
        &self,
        request: &Request,
        grant: Grant,
        now: OffsetDateTime,
    ) -> Result<Arc<Certificate>> {
        let end = (now + Duration::days(grant.days)).min(self.issuing.certificate.validity.not_after);
        let mut extensions = grant.extensions;
        extensions.splice(0..0, [Extension::subject_key_id(&request.public_key)]);
        extensions.extend(self.pointers(Level::Issuing));
        let body = Body {
            issuer: self.issuing.certificate.subject.der(),
            subject: request.subject.der(),
            validity: Validity { not_before: now - BACKDATED, not_after: end },
            spki: request.public_key.spki(),
            extensions,
        };
        parse(body.sign(&self.issuing.signer)?)
    }

    /// A CA's revocation list, fresh.
    pub(super) fn crl(
        &self,
        level: Level,
        revoked: &[(&Certificate, OffsetDateTime)],
        now: OffsetDateTime,
    ) -> Result<Vec<u8>> {
        let list = RevocationList {
            issuer: self.ca(level).certificate.subject.der(),
            from: now - BACKDATED,
            until: now + CRL_LIFE,
            revoked: revoked.iter().map(|(certificate, at)| (&*certificate.serial.0, *at)).collect(),
        };
        list.sign(&self.ca(level).signer)
    }

    fn ca(&self, level: Level) -> &Held {
        match level {
            Level::Root => &self.root,
            Level::Issuing => &self.issuing,
        }
    }

    fn pointers(&self, issuer: Level) -> [Extension; 3] {
        pointers(self.ca(issuer).signer.public(), issuer, &self.address)
    }
}

/// What names the issuer in what it signs: its key, its list, its certificate.
fn pointers(key: &PublicKey, issuer: Level, address: &str) -> [Extension; 3] {
    [
        Extension::authority_key_id(key),
        Extension::crl_at(&format!("{address}{}", issuer.crl_path())),
        Extension::issuer_at(&format!("{address}{}", issuer.certificate_path())),
    ]
}

fn make(folder: &Path, address: &str, now: OffsetDateTime) -> Result<()> {
    let lab = crate::text::hex(&x509::random::<3>()?);
    let named = |what: &str| x509::name("ocscert lab", &format!("ocscert lab {what} CA {lab}"));
    let (root_name, issuing_name) = (named("Root"), named("Issuing"));
    let (root, issuing) = (Signer::generate()?, Signer::generate()?);
    let years = |n: i64| Validity { not_before: now - BACKDATED, not_after: now + Duration::days(n * 365) };
    let root_body = Body {
        issuer: &root_name,
        subject: &root_name,
        validity: years(ROOT_YEARS),
        spki: root.public().spki(),
        extensions: vec![
            Extension::subject_key_id(root.public()),
            Extension::key_usage(CA_USAGE),
            Extension::ca(None),
        ],
    };
    let mut extensions = vec![
        Extension::subject_key_id(issuing.public()),
        Extension::key_usage(CA_USAGE),
        Extension::ca(Some(0)),
    ];
    extensions.extend(pointers(root.public(), Level::Root, address));
    let issuing_body = Body {
        issuer: &root_name,
        subject: &issuing_name,
        validity: years(ISSUING_YEARS),
        spki: issuing.public().spki(),
        extensions,
    };
    for (level, body, signer) in [(Level::Root, root_body, &root), (Level::Issuing, issuing_body, &issuing)] {
        keep::write_pair(folder, level.file(), &body.sign(&root)?, signer)?;
    }
    Ok(())
}

fn parse(der: Vec<u8>) -> Result<Arc<Certificate>> {
    let certificate = Certificate::from_der(der)
        .map_err(|e| Error::new("what the lab's CA signed cannot be read back").because(e))?;
    Ok(Arc::new(certificate))
}
