//! The CA as its users see it: requests go in, wait or are decided, certificates and lists come out. Whatever
//! is told has been written down before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::authority::{Authority, Level};
use super::policy::{self, Grant, Mode, Refusal};
use super::requests::{Decided, Record, Requests, State};
use crate::edge::{Error, Result};
use crate::make::pkcs7;
use crate::model::{self, Certificate, Object, Request};

/// Who decides where nobody does: the policy module.
const POLICY: &str = "the CA's policy";

/// A CA with its request database.
pub struct Ca {
    mode: Mode,
    auto_issue: bool,
    authority: Authority,
    requests: Mutex<Requests>,
}

impl Ca {
    /// Opens the CA in a folder, which is filled where it is empty. `address` is where its plain pages are
    /// (`http://127.0.0.1:8080`). With `auto_issue` a standalone CA issues at once, too.
    ///
    /// # Errors
    /// The folder cannot be used, or what is in it cannot be read.
    pub fn open(
        folder: &Path,
        mode: Mode,
        auto_issue: bool,
        address: &str,
        now: OffsetDateTime,
    ) -> Result<Self> {
        Ok(Self {
            mode,
            auto_issue,
            authority: Authority::open(&folder.join("ca"), address, now)?,
            requests: Mutex::new(Requests::open(&folder.join("requests"))?),
        })
    }

    /// Which kind of CA it is.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The certificate of the root or of the issuing CA.
    pub fn certificate(&self, level: Level) -> &Arc<Certificate> {
        self.authority.certificate(level)
    }

    /// The file with that certificate, PEM.
    pub fn certificate_file(&self, level: Level) -> PathBuf {
        self.authority.certificate_file(level)
    }

    /// The name that the pages show.
    pub fn name(&self) -> &str {
        self.certificate(Level::Issuing).subject.short()
    }

    /// Takes what somebody sends as a request: base64 with or without PEM lines, or DER. Garbage is recorded and
    /// denied, as the real CA does. Returns the record as it stands then.
    ///
    /// # Errors
    /// It could not be written down: then it was not taken.
    pub fn submit(
        &self,
        sent: &[u8],
        template: Option<&str>,
        requester: &str,
        now: OffsetDateTime,
    ) -> Result<Record> {
        let request = read_request(sent);
        let asked = match &request {
            Some(request) => policy::asked_template(request, template),
            None => template.map(str::to_string),
        };
        let by_policy = || Decided { by: POLICY.into(), at: now };
        let judged = match &request {
            None => Err(Refusal::unreadable()),
            Some(request) => policy::check(request)
                .and_then(|()| policy::grant(self.mode, request, asked.as_deref()))
                .map(|grant| (request, grant)),
        };
        let state = match judged {
            Err(refusal) => State::denied(refusal, by_policy()),
            Ok((request, grant)) if self.mode == Mode::Enterprise || self.auto_issue => {
                let certificate = self.authority.issue(request, grant, now)?;
                State::Issued { decided: by_policy(), certificate: certificate.der().to_vec() }
            }
            Ok(_) => State::Pending,
        };
        let sent = request.map_or_else(|| sent.to_vec(), |request| request.der().to_vec());
        let requester = requester.to_string();
        self.lock().add(Record { id: 0, received: now, requester, template: asked, sent, state })
    }

    /// Issues a pending request, as an administrator does in the console.
    ///
    /// # Errors
    /// There is no such request, or it is not pending; or what came of it could not be written down.
    pub fn issue(&self, id: u32, who: &str, now: OffsetDateTime) -> Result<Arc<Certificate>> {
        let mut requests = self.lock();
        let record = pending(&requests, id)?;
        let request = Request::from_der(record.sent.as_slice())
            .map_err(|e| Error::new(format!("request {id} cannot be read")).because(e))?;
        let grant = policy::grant(self.mode, &request, record.template.as_deref())
            .map_err(|refusal| Error::new(format!("request {id} cannot be issued")).because(refusal))?;
        let certificate = self.authority.issue(&request, grant, now)?;
        let decided = Decided { by: who.into(), at: now };
        requests.set(id, State::Issued { decided, certificate: certificate.der().to_vec() })?;
        Ok(certificate)
    }

    /// Denies a pending request.
    ///
    /// # Errors
    /// As [`Ca::issue`].
    pub fn deny(&self, id: u32, who: &str, now: OffsetDateTime) -> Result<()> {
        let mut requests = self.lock();
        pending(&requests, id)?;
        let decided = Decided { by: who.into(), at: now };
        requests.set(id, State::denied(Refusal::by_administrator(who), decided))
    }

    /// Revokes an issued certificate: the next list has it.
    ///
    /// # Errors
    /// There is no such request, or it is not issued; or it could not be written down.
    pub fn revoke(&self, id: u32, who: &str, now: OffsetDateTime) -> Result<()> {
        let mut requests = self.lock();
        let certificate = match requests.get(id).map(|record| &record.state) {
            Some(State::Issued { certificate, .. }) => certificate.clone(),
            _ => return Err(Error::new(format!("request {id} is not issued"))),
        };
        requests.set(id, State::Revoked { decided: Decided { by: who.into(), at: now }, certificate })
    }

    /// Issues a certificate past the request database: from a template, or copying the request where none is
    /// named.
    ///
    /// # Errors
    /// What the CA would deny.
    pub fn issue_directly(
        &self,
        request: &Request,
        template: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Arc<Certificate>> {
        let mode = if template.is_some() { Mode::Enterprise } else { Mode::Standalone };
        let granted = policy::check(request).and_then(|()| policy::grant(mode, request, template));
        let grant: Grant = granted.map_err(|e| Error::new("the lab's CA refuses the request").because(e))?;
        self.authority.issue(request, grant, now)
    }

    /// One request.
    pub fn request(&self, id: u32) -> Option<Record> {
        self.lock().get(id).cloned()
    }

    /// All requests, in order.
    pub fn requests(&self) -> Vec<Record> {
        self.lock().all().cloned().collect()
    }

    /// The revocation list, signed for this moment.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn crl(&self, level: Level, now: OffsetDateTime) -> Result<Vec<u8>> {
        let records = if level == Level::Issuing { self.requests() } else { Vec::new() };
        let revoked = records.iter().filter_map(|record| match &record.state {
            State::Revoked { decided, certificate } => {
                Some((Certificate::from_der(certificate.as_slice()).ok()?, decided.at))
            }
            _ => None,
        });
        let revoked: Vec<_> = revoked.collect();
        let revoked: Vec<_> = revoked.iter().map(|(certificate, at)| (certificate, *at)).collect();
        self.authority.crl(level, &revoked, now)
    }

    /// A certificate with the CAs above it, PKCS#7; the CAs alone where there is no leaf.
    ///
    /// # Errors
    /// The leaf is no DER.
    pub fn chain(&self, leaf: Option<&[u8]>) -> Result<Vec<u8>> {
        let cas = [Level::Issuing, Level::Root].map(|level| self.certificate(level).der());
        pkcs7::certs_only(&leaf.into_iter().chain(cas).collect::<Vec<_>>())
            .map_err(|e| Error::new("the chain could not be packed").because(e))
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        // What is in memory is what was written: a thread that panicked left it whole.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request in what somebody sent.
pub(super) fn read_request(sent: &[u8]) -> Option<Arc<Request>> {
    model::read(sent).items.into_iter().find_map(|item| match item.object {
        Object::Request(request) => Some(request),
        _ => None,
    })
}

fn pending(requests: &Requests, id: u32) -> Result<Record> {
    match requests.get(id) {
        Some(record) if record.state == State::Pending => Ok(record.clone()),
        Some(_) => Err(Error::new(format!("request {id} is decided already"))),
        None => Err(Error::new(format!("there is no request {id}"))),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::x509::Signer;
    use super::*;
    use crate::lab::der;
    use crate::model::{Oid, oid};

    const NOW: OffsetDateTime = datetime!(2026-11-23 2:00 UTC);

    fn ca(mode: Mode, auto_issue: bool) -> (tempfile::TempDir, Ca) {
        let folder = tempfile::tempdir().unwrap();
        let ca = Ca::open(folder.path(), mode, auto_issue, "http://127.0.0.1:1", NOW).unwrap();
        (folder, ca)
    }

    /// A request as certreq makes it on Windows: the subject in several string types, the extensions in
    /// Microsoft's own attribute, and attributes about the machine it was made on (MS-WCCE section 2.2.2.7).
    fn certreq_request(signer: &Signer) -> Vec<u8> {
        let bmp =
            |text: &str| der::tlv(0x1e, &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
        let rdn = |kind: &Oid, value| der::set_of(vec![der::sequence([der::oid(kind), value])]);
        let subject = der::sequence([
            rdn(&oid::COUNTRY, der::tlv(0x13, b"JP")),
            rdn(&oid::ORGANIZATIONAL_UNIT, bmp("\u{60c5}\u{5831}")),
            rdn(&oid::ORGANIZATIONAL_UNIT, der::tlv(0x14, b"T61 \xe9")),
            rdn(&oid::COMMON_NAME, der::tlv(0x0c, b"ocs1.foo.com")),
        ]);
        let attribute = |kind: &Oid, value| der::sequence([der::oid(kind), der::set_of(vec![value])]);
        let extension = |kind: &Oid, value: Vec<u8>| der::sequence([der::oid(kind), der::tlv(0x04, &value)]);
        let extensions = der::sequence([
            extension(&oid::SUBJECT_ALT_NAME, der::sequence([der::tlv(0x82, b"ocs1.foo.com")])),
            extension(&oid::MS_TEMPLATE_NAME, bmp("WebServer")),
            extension(&oid::SUBJECT_KEY_IDENTIFIER, der::tlv(0x04, &[7; 20])),
        ]);
        let client = [der::integer(&[5]), der::tlv(0x0c, b"host"), der::tlv(0x0c, b"FOO\\bob")];
        let provider = [der::integer(&[1]), bmp("Microsoft RSA SChannel"), der::bit_string(&[0])];
        let attributes = [
            attribute(&oid::MS_OS_VERSION, der::tlv(0x16, b"5.2.3790.2")),
            attribute(&oid::MS_CLIENT_INFO, der::sequence(client)),
            attribute(&oid::MS_ENROLLMENT_CSP, der::sequence(provider)),
            attribute(&oid::MS_CERT_EXTENSIONS, extensions),
        ];
        let spki = signer.public().spki().to_vec();
        signer.seal(der::sequence([der::integer(&[0]), subject, spki, der::context(0, attributes)])).unwrap()
    }

    #[test]
    fn what_windows_asks_for_is_read_and_its_subject_stays_byte_for_byte() {
        let signer = Signer::generate().unwrap();
        let der = certreq_request(&signer);
        let asked = Request::from_der(der.as_slice()).unwrap();
        let values: Vec<_> = asked.attributes.iter().map(|(kind, value)| (kind, value.len())).collect();
        assert_eq!(
            values,
            [(&oid::MS_OS_VERSION, 12), (&oid::MS_CLIENT_INFO, 20), (&oid::MS_ENROLLMENT_CSP, 55)]
        );
        for (mode, template) in [(Mode::Standalone, None), (Mode::Enterprise, Some("WebServer"))] {
            let (_folder, ca) = ca(mode, true);
            let record = ca.submit(&der, None, "bob", NOW).unwrap();
            let State::Issued { certificate, .. } = record.state else { panic!("{mode:?}: {record:?}") };
            let certificate = Certificate::from_der(certificate).unwrap();
            assert_eq!(certificate.subject.der(), asked.subject.der());
            assert_eq!(certificate.extensions.dns_names().collect::<Vec<_>>(), ["ocs1.foo.com"]);
            let own = asked.public_key.key_identifier();
            assert_eq!(certificate.subject_key_id(), Some(own.as_slice()), "the CA computes it itself");
            assert_eq!(certificate.extensions.template().as_deref(), template);
            assert!(certificate.defects.is_empty(), "{:?}", certificate.defects);
        }
    }

    #[test]
    fn nothing_outlives_the_ca_and_everything_says_where_its_issuer_is() {
        let (_folder, ca) = ca(Mode::Standalone, false);
        let issuing = ca.certificate(Level::Issuing);
        assert_eq!(issuing.extensions.basic_constraints.as_ref().unwrap().value.path_len, Some(0));
        let late = issuing.validity.not_after - time::Duration::days(3);
        let signer = Signer::generate().unwrap();
        let request = Request::from_der(certreq_request(&signer)).unwrap();
        let [first, second] = [NOW, late].map(|now| ca.issue_directly(&request, None, now).unwrap());
        assert_eq!(second.validity.not_after, issuing.validity.not_after);
        assert_ne!(first.serial, second.serial);
        assert_eq!(first.authority_key_id(), issuing.subject_key_id());
        assert_eq!(first.ca_issuers().collect::<Vec<_>>(), ["http://127.0.0.1:1/CertEnroll/issuing.crt"]);
        assert_eq!(issuing.ca_issuers().collect::<Vec<_>>(), ["http://127.0.0.1:1/CertEnroll/root.crt"]);
        let refused = ca.issue_directly(&request, Some("Nothing"), NOW).unwrap_err();
        assert!(std::error::Error::source(&refused).unwrap().to_string().contains("0x80094800"));
    }
}
