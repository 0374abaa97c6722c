//! A federation as it stands on the disk: what each server's folder holds, and what the other side would say to it.
//! Nothing is changed here, and no network is asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use time::OffsetDateTime;

use crate::checks::{self, Expected, Known, Own, Profile, Purpose, Question, Side, Sources, Stores};
use crate::edge::inputs::{Inputs, shown};
use crate::edge::{Error, Result, files, journal, renewal};
use crate::federation::{Ca, Federation, Layout, Server, ServerFiles};
use crate::findings::status::{Next, NodeStatus, Part, ServerStatus, Stage, Status, days_left};
use crate::findings::{CertificateReport, Severity, Verdict};
use crate::make::script::Account;
use crate::model::request_state::{Entry, Key, State};
use crate::model::{self, Certificate, Fqdn, Object, PrivateKey, Request, Sourced};
use crate::path::names::ReferenceName;
use crate::path::{CryptoEra, Engine, PolicyInputs, Pool};
use crate::text::{count, escape_short, shell_word};
use crate::wire::certsrv::TemplateName;

type Certificates = Vec<Sourced<Arc<Certificate>>>;

/// A federation and its folder.
#[derive(Debug)]
pub struct Site {
    /// What was written down.
    pub federation: Federation,
    /// Where everything lies.
    pub layout: Layout,
    /// The file, as typed.
    pub file: PathBuf,
    /// The moment to judge for.
    pub at: OffsetDateTime,
    profile: Profile,
    ocs_trust: Certificates,
    imp_trust: Certificates,
    /// Each node's certificate, and what else is in its file.
    nodes: Vec<(Fqdn, Sourced<Arc<Certificate>>, Certificates)>,
}

/// What a server's folder, or its renewal's, holds.
#[derive(Debug, Default)]
pub struct Folder {
    /// The private key.
    pub key: Option<PrivateKey>,
    /// The request.
    pub request: Option<Arc<Request>>,
    /// What became of the request at the CA of the file.
    pub entry: Option<Entry>,
    /// The certificate.
    pub certificate: Option<Sourced<Arc<Certificate>>>,
    /// The CA certificates above it.
    pub chain: Certificates,
    /// True where the PFX is there.
    pub has_pfx: bool,
}

impl Site {
    /// Reads what is trusted, and the nodes' certificates.
    ///
    /// # Errors
    /// One of these files cannot be read.
    pub fn open(federation: Federation, layout: Layout, file: &Path, at: OffsetDateTime) -> Result<Self> {
        let mut inputs = Inputs::default();
        let profile = Profile::named(federation.product.name()).map_err(Error::new)?;
        let mut nodes = Vec::new();
        for node in &federation.nodes {
            let Some(path) = &node.certificate else { continue };
            let mut all = inputs.certificates(std::slice::from_ref(path))?;
            let own = all.iter().position(|c| !c.value.is_ca()).unwrap_or(0);
            let own = all.swap_remove(own);
            nodes.push((node.host.fqdn.clone(), own, all));
        }
        Ok(Self {
            ocs_trust: inputs.certificates(&federation.ocs_trust)?,
            imp_trust: inputs.certificates(&federation.imp_trust)?,
            nodes,
            profile,
            federation,
            layout,
            file: file.to_path_buf(),
            at,
        })
    }

    /// What every server says now, and the nodes.
    pub fn status(&self) -> Status {
        self.status_of(&self.federation.servers())
    }

    /// The same for some of the servers.
    pub fn status_of(&self, servers: &[Server<'_>]) -> Status {
        let looked: Vec<(ServerStatus, Certificates)> =
            servers.par_iter().map(|server| self.look(*server)).collect();
        // Without a list of what OCS trusts it is what its own certificates hang on.
        let mut cas: Certificates = Vec::new();
        for ca in looked.iter().flat_map(|(_, chain)| chain) {
            if !cas.iter().any(|known| known.value == ca.value) {
                cas.push(ca.clone());
            }
        }
        let mut servers: Vec<ServerStatus> = looked.into_iter().map(|(status, _)| status).collect();
        servers.sort_by(|a, b| {
            let worst = |s: &ServerStatus| (s.answer(), s.current.stage);
            worst(a).cmp(&worst(b)).then_with(|| b.days_left(self.at).cmp(&a.days_left(self.at)))
        });
        let mut nodes: Vec<NodeStatus> = Vec::new();
        for (fqdn, certificate, chain) in &self.nodes {
            let name = Expected::Names(vec![ReferenceName::Dns(fqdn.as_str().to_string())]);
            let pool: Certificates = cas.iter().chain(chain).cloned().collect();
            let own = Own { side: Side::Imp, ..Own::default() };
            let report = self.judge(certificate, name, own, &pool);
            nodes.push(NodeStatus { fqdn: fqdn.as_str().to_string(), report });
        }
        nodes.sort_by_key(|node| node.report.verdict);
        let era = if self.profile.era() == CryptoEra::Legacy { "legacy" } else { "modern" };
        Status {
            at: self.at,
            file: shown(&self.file),
            servers,
            nodes,
            notes: self.notes(),
            profile: (self.profile.name.clone(), era),
        }
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// A file in it cannot be read, or is none of its kind.
    pub fn folder(&self, files: &ServerFiles) -> Result<Folder> {
        let contents = |path: &Path| -> Result<Option<model::Contents>> {
            if !path.exists() {
                return Ok(None);
            }
            let contents = model::read(&files::read(path)?);
            match contents.problems.first() {
                Some(problem) if contents.items.is_empty() => {
                    Err(Error::new(format!("cannot read {}: {problem}", shown(path))))
                }
                _ => Ok(Some(contents)),
            }
        };
        let wrong = |path: &Path, what: &str| Error::new(format!("{} holds no {what}", shown(path)));
        let certificates = |path: &Path| -> Result<Certificates> {
            let all = contents(path)?.map(|contents| contents.certificates().cloned().collect::<Vec<_>>());
            let several = all.as_ref().is_some_and(|all| all.len() > 1);
            let all = all.into_iter().flatten().enumerate().map(|(i, value)| {
                let place = if several { format!(" #{}", i + 1) } else { String::new() };
                Sourced { value, source: shown(path) + &place }
            });
            Ok(all.collect())
        };
        let key = match contents(&files.key)? {
            None => None,
            Some(contents) => match contents.items.into_iter().next().map(|item| item.object) {
                Some(Object::Key(key)) => Some(key),
                _ => return Err(wrong(&files.key, "private key that is open")),
            },
        };
        let request = match contents(&files.csr)? {
            None => None,
            Some(contents) => match contents.items.into_iter().next().map(|item| item.object) {
                Some(Object::Request(request)) => Some(request),
                _ => return Err(wrong(&files.csr, "request")),
            },
        };
        let entry = match (&request, self.ca_key()) {
            (Some(request), Some((url, template))) => {
                let key = Key::new(request, url, template.map(TemplateName::as_str));
                journal::look(&files.csr, &key)?
            }
            _ => None,
        };
        // Somebody may have put the whole chain into the one file.
        let mut chain = certificates(&files.certificate)?;
        if chain.is_empty() && files.certificate.exists() {
            return Err(wrong(&files.certificate, "certificate"));
        }
        let of_the_key = |c: &Sourced<Arc<Certificate>>| {
            request
                .as_ref()
                .is_some_and(|request: &Arc<Request>| c.value.public_key.is_same(&request.public_key))
        };
        let own = chain.iter().position(of_the_key).unwrap_or(0);
        let certificate = (!chain.is_empty()).then(|| chain.remove(own));
        chain.extend(certificates(&files.chain)?);
        Ok(Folder { key, request, entry, certificate, chain, has_pfx: files.pfx.exists() })
    }

    /// Every certificate that either side trusts.
    pub fn trusted(&self) -> impl Iterator<Item = &Sourced<Arc<Certificate>>> {
        self.ocs_trust.iter().chain(&self.imp_trust)
    }

    /// The account that has to read the servers' keys.
    ///
    /// # Errors
    /// The product's profile names none.
    pub fn account(&self) -> Result<Account> {
        let name = self.profile.service_account.as_deref().unwrap_or_default();
        Account::parse(name).map_err(|fault| Error::new(fault.to_string()))
    }

    /// What journals know the CA by, and the template asked for; nothing for another CA than Microsoft's.
    pub fn ca_key(&self) -> Option<(String, Option<&TemplateName>)> {
        match self.federation.ca.as_ref()? {
            Ca::Microsoft(ca) => Some((ca.url.key(), ca.template.as_ref())),
            Ca::File => None,
        }
    }

    /// Judges the certificate of a folder by what the other side trusts; `previous` is what it replaces.
    pub fn verdict(
        &self,
        server: Server<'_>,
        folder: &Folder,
        files: &ServerFiles,
        previous: Option<&Sourced<Arc<Certificate>>>,
    ) -> Option<CertificateReport> {
        let certificate = folder.certificate.as_ref()?;
        let source = |path: &Path| shown(path);
        let own = Own {
            side: Side::Ocs,
            keys: (folder.key.iter())
                .map(|key| Sourced { value: key.public().clone(), source: source(&files.key) })
                .collect(),
            requests: (folder.request.iter())
                .map(|request| Sourced { value: request.clone(), source: source(&files.csr) })
                .collect(),
            previous: previous.cloned().into_iter().collect(),
        };
        Some(self.judge(certificate, server.expected(), own, &folder.chain))
    }

    /// How far a folder is, with the verdict on its certificate.
    pub fn part(
        &self,
        server: Server<'_>,
        folder: &Folder,
        files: &ServerFiles,
        previous: Option<&Sourced<Arc<Certificate>>>,
    ) -> (Part, Option<CertificateReport>) {
        let entry = folder.entry.as_ref();
        let part = |stage: Stage, note: String| Part {
            stage,
            request_id: entry.and_then(Entry::request_id),
            since: entry.map(|entry| entry.submitted_at),
            note,
        };
        let Some(report) = self.verdict(server, folder, files, previous) else {
            return (self.on_its_way(folder, &part), None);
        };
        let days = days_left(report.not_after, self.at);
        let part = if folder.key.is_none() {
            part(
                Stage::Broken,
                format!("the key {} is missing: restore it from the backup", shown(&files.key)),
            )
        } else if report.not_after < self.at {
            part(Stage::Expired, String::new())
        } else if report.verdict != Verdict::Valid {
            let worst = report.findings.iter().rfind(|finding| finding.severity == Severity::Error);
            let note = worst.map(|finding| format!("{} {}", finding.rule.code, finding.rule.title));
            part(Stage::Invalid, note.unwrap_or_else(|| "it could not be judged whole".into()))
        } else if days < renewed_before(&report, &self.federation) {
            part(Stage::Due, String::new())
        } else if folder.request.as_ref().is_some_and(|request| self.asks_for_more(server, request)) {
            part(Stage::Due, "the file asks for another subject or other names by now".into())
        } else if !folder.has_pfx {
            part(Stage::Unpacked, String::new())
        } else {
            part(Stage::Ready, String::new())
        };
        (part, Some(report))
    }

    /// True where the file asks for something else by now than this request does.
    pub fn asks_for_more(&self, server: Server<'_>, request: &Request) -> bool {
        let spec = self.federation.request(server, &request.public_key.algorithm);
        let subject: Vec<(&model::Oid, &str)> = request
            .subject
            .attributes()
            .map(|attribute| (&attribute.kind, attribute.value.as_str()))
            .collect();
        let wanted: Vec<(&model::Oid, &str)> =
            spec.subject.iter().map(|(kind, value)| (kind, value.as_str())).collect();
        let names = request.extensions.alt_names();
        subject != wanted
            || names.len() != spec.names.len()
            || spec.names.iter().any(|name| !names.contains(name))
    }

    /// One server, and the chain in its folder.
    fn look(&self, server: Server<'_>) -> (ServerStatus, Certificates) {
        let fqdn = &server.host.fqdn;
        let status = |current, renewal, report, next| ServerStatus {
            fqdn: fqdn.as_str().to_string(),
            common_name: server.common_name().as_str().to_string(),
            pool: server.pool.map(|pool| pool.fqdn.as_str().to_string()),
            current,
            renewal,
            report,
            next,
        };
        let broken = |note: String| Part { stage: Stage::Broken, request_id: None, since: None, note };
        let (files, next) = (self.layout.server(fqdn), self.layout.next(fqdn));
        if renewal::is_under_way(&next.folder) {
            let part = broken("a renewal was being put in place when a run ended".into());
            let next = self.next(server, &part);
            return (status(part, None, None, next), Vec::new());
        }
        let folder = match self.folder(&files) {
            Ok(folder) => folder,
            Err(e) => return (status(broken(with_causes(&e)), None, None, None), Vec::new()),
        };
        let (current, report) = self.part(server, &folder, &files, None);
        let renewal = next.folder.is_dir().then(|| match self.folder(&next) {
            Ok(renewed) => self.part(server, &renewed, &next, folder.certificate.as_ref()).0,
            Err(e) => broken(with_causes(&e)),
        });
        // What is done next about a renewal is done in its place.
        let next = match &renewal {
            Some(part) if !matches!(part.stage, Stage::New | Stage::Ready) => self.next(server, part),
            _ => self.next(server, &current),
        };
        (status(current, renewal, report, next), folder.chain)
    }

    /// A folder without a certificate, by what became of its request.
    fn on_its_way(&self, folder: &Folder, part: &dyn Fn(Stage, String) -> Part) -> Part {
        let stage = match folder.entry.as_ref().map(|entry| &entry.state) {
            Some(State::Submitting | State::Unknown) => Stage::Unknown,
            Some(State::Pending { .. }) => Stage::Pending,
            Some(State::Issued { .. } | State::Fetched { .. }) => Stage::Issued,
            Some(State::Denied { message, hresult, .. }) => {
                let code = hresult.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
                return part(Stage::Denied, format!("\"{}\"{code}", escape_short(message, 200)));
            }
            Some(State::Revoked { .. }) => {
                return part(Stage::Denied, "issued, and revoked before it was fetched".into());
            }
            None if folder.request.is_some() && matches!(self.federation.ca, Some(Ca::File)) => {
                Stage::Requested
            }
            None => Stage::New,
        };
        part(stage, String::new())
    }

    fn judge(
        &self,
        certificate: &Sourced<Arc<Certificate>>,
        expected: Expected,
        own: Own,
        chain: &[Sourced<Arc<Certificate>>],
    ) -> CertificateReport {
        let question = Question {
            at: self.at,
            era: self.profile.era(),
            profile: self.profile.clone(),
            purpose: Purpose::Mutual,
            expected,
            warn_days: self.federation.defaults.renew_before_days,
            max_depth: None,
            policies: PolicyInputs::default(),
            crls: None,
            known: Known { ca_url: self.ca_key().map(|(url, _)| url), are_files: true, ..Known::default() },
            peer_subjects: self.federation.peer_subjects.clone(),
            own,
        };
        let side = question.own.side;
        let mut sources = Sources::default();
        let known = chain.iter().chain(self.trusted());
        let pool: Pool = known.inspect(|c| sources.add(c)).map(|c| c.value.clone()).collect();
        let store = |explicit: &Certificates| match explicit.is_empty() {
            true => chain.iter().map(|c| c.value.clone()).filter(|c| c.is_self_issued()).collect(),
            false => explicit.iter().map(|c| c.value.clone()).collect(),
        };
        let stores = Stores { ocs: store(&self.ocs_trust), imp: store(&self.imp_trust) };
        checks::judge(&question, &Engine::new(pool), &stores, &sources, side, certificate).report()
    }

    /// What to do about a server at this stage; servers with the same words are told together.
    fn next(&self, server: Server<'_>, part: &Part) -> Option<Next> {
        let fqdn = &server.host.fqdn;
        let file = shell_word(&shown(&self.file)).into_owned();
        let files = self.layout.server(fqdn);
        let word = |path: &Path| shell_word(&shown(path)).into_owned();
        let enroll = Some(format!("ocscert enroll {file}"));
        let (text, command) = match part.stage {
            Stage::Ready => return None,
            Stage::New => ("make keys and requests, and send them".to_string(), enroll),
            Stage::Requested => {
                let inbox = shown(&self.layout.inbox());
                (format!("hand each .csr to the CA and put what it returns into {inbox}, then"), enroll)
            }
            Stage::Pending => {
                ("have the CA's administrator issue the pending requests, then".to_string(), enroll)
            }
            Stage::Unknown => {
                ("30 seconds after it was sent; it finds out before it sends anything".to_string(), enroll)
            }
            Stage::Issued => ("fetch the certificates".to_string(), enroll),
            Stage::Due | Stage::Expired => ("renew, with a new key".to_string(), enroll),
            Stage::Unpacked => {
                let text = "the PFX needs a password: name its file as pfx_password_file, or run this where it can \
                            ask";
                (text.to_string(), enroll)
            }
            Stage::Denied => {
                let (url, template) = self.ca_key().unwrap_or_default();
                let template = template.map(|t| format!(" --template {}", shell_word(t.as_str())));
                let command = format!(
                    "ocscert submit {} --ca-url {}{} --resubmit",
                    word(&files.csr),
                    shell_word(&url),
                    template.unwrap_or_default()
                );
                ("have the CA's reason removed, then ask anew, each".to_string(), Some(command))
            }
            Stage::Invalid => (
                "see what is wrong and what to do".to_string(),
                Some(format!("ocscert status {file} --verbose")),
            ),
            Stage::Broken => ("put right what the line says, then".to_string(), enroll),
        };
        Some(Next { text, command })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let unseen = self.federation.nodes.iter().filter(|node| node.certificate.is_none()).count();
        if unseen > 0 {
            let nodes = count(unseen, "node");
            notes.push(format!(
                "{nodes} without a certificate in the file: OCS's side of the judgement is missing for them"
            ));
        }
        notes
    }
}

/// Renewed when fewer days than this are left. A certificate that never has that many is renewed in the last third of
/// its time, not at once and for ever.
fn renewed_before(report: &CertificateReport, federation: &Federation) -> i64 {
    let wanted = federation.defaults.renew_before_days;
    let whole = days_left(report.not_after, report.not_before);
    if whole > wanted { wanted } else { whole / 3 }
}

fn with_causes(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
