//! The rehearsal: the whole way from keys to proven mutual TLS for a Standard Edition server and a pool of two
//! front ends, against a CA that somebody else plays, and three classic mistakes made on purpose.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::enroll::{Run, enroll};
use super::probe::Judging;
use super::site::Site;
use crate::checks::{self, Expected, Known, Own, Profile, Purpose, Question, Side, Sources, Stores};
use crate::edge::answering::answering;
use crate::edge::auth::Auth;
use crate::edge::certsrv::{CaUrl, Session};
use crate::edge::clock::{SystemTimer, Timer};
use crate::edge::files::{self, Output};
use crate::edge::handshake::{Identity, mutual};
use crate::edge::http::Options;
use crate::edge::secrets::Password;
use crate::edge::{self, Error, Result, probe};
use crate::findings::status::{ServerStatus, Stage as Step, Status};
use crate::findings::{CertificateReport, ProbeReport, Reach, Report, Severity, Summary};
use crate::make::csr::{Spec, request};
use crate::make::random;
use crate::make::template::Templates;
use crate::model::container::{label, pem};
use crate::model::{Certificate, Fqdn, GeneralName, PrivateKey, Request, Sourced};
use crate::path::{Engine, PolicyInputs, Pool};
use crate::render::html::{Page, Section, page};
use crate::text;
use crate::wire::transcript::{Peer, Target, Transport};

/// Those who act besides this tool: the CA, its administrator, and the IM and Presence node.
pub trait Stage {
    /// Where the CA's web enrollment pages are.
    fn ca_url(&self) -> String;
    /// The administrator issues what pends; how many requests that were.
    ///
    /// # Errors
    /// The CA cannot.
    fn issue_pending(&self) -> Result<usize>;
    /// The CA issues a request at once, from a template of its own where one is named.
    ///
    /// # Errors
    /// The CA refuses.
    fn issue(&self, request: &Request, template: Option<&str>) -> Result<Arc<Certificate>>;
    /// The node makes its own key and request of purpose `cup`.
    ///
    /// # Errors
    /// The key cannot be made.
    fn cup_request(&self, node: &Fqdn) -> Result<(PrivateKey, Arc<Request>)>;
}

/// What the audience is told.
#[derive(Debug)]
pub enum Told<'a> {
    /// A step is done.
    Step {
        /// What was done.
        what: &'a str,
        /// How long it took.
        took: Duration,
        /// What is worth knowing about it.
        details: &'a [String],
    },
    /// The verdict on a mistake made on purpose.
    Mistake {
        /// What was done wrong.
        what: &'a str,
        /// What `verify` says to it.
        report: &'a CertificateReport,
    },
}

/// Hears what is told.
pub type Audience<'a> = &'a mut dyn FnMut(Told<'_>);

/// The names that are rehearsed.
const STANDARD: &str = "ocs1.foo.com";
const POOL: &str = "pool.foo.com";
const FRONT_ENDS: [&str; 2] = ["fe1.foo.com", "fe2.foo.com"];
const NODE: &str = "imp1.foo.com";
/// The files beside the federation's folder.
const FILE: &str = "federation.toml";
const ROOT: &str = "root.pem";
const PASSWORD: &str = "pfx-password";

/// What came out.
#[derive(Debug)]
pub struct Rehearsal {
    /// The page to look at.
    pub page: PathBuf,
    /// The verdict on both sides.
    pub report: Report,
}

/// One server with all that belongs to it.
struct Server {
    host: Fqdn,
    common_name: Fqdn,
    key: PrivateKey,
    certificate: Sourced<Arc<Certificate>>,
    chain: Vec<Sourced<Arc<Certificate>>>,
}

/// Rehearses into a folder.
///
/// # Errors
/// Any step fails: a bug, or a full disk.
pub fn rehearse(stage: &dyn Stage, folder: &Path, audience: Audience<'_>) -> Result<Rehearsal> {
    let mut play = Play { stage, folder, audience, steps: Vec::new(), started: Instant::now() };
    let node = play.node()?;
    let root = play.root()?;
    play.write_file()?;
    play.submit_all()?;
    play.issue()?;
    let servers = play.resume_all()?;
    let chain = play.chain(&servers, root)?;
    let report = play.verify()?;
    play.handshakes(&servers, &node, &chain)?;
    let mistakes = play.mistakes(&servers, &chain)?;
    play.probes(&servers, &node, &chain)?;
    let page = play.write_page(&report, mistakes)?;
    Ok(Rehearsal { page, report })
}

struct Play<'a> {
    stage: &'a dyn Stage,
    folder: &'a Path,
    audience: Audience<'a>,
    steps: Vec<(String, Duration)>,
    started: Instant,
}

/// The IM and Presence node.
struct Node {
    key: PrivateKey,
    certificate: Sourced<Arc<Certificate>>,
}

impl Play<'_> {
    /// Ends a step: tells it, and starts the clock for the next one.
    fn done(&mut self, what: &str, details: &[String]) {
        let took = self.started.elapsed();
        (self.audience)(Told::Step { what, took, details });
        self.steps.push((what.to_string(), took));
        self.started = Instant::now();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Both sides trust the CA's root.
    fn root(&mut self) -> Result<Arc<Certificate>> {
        let all = session(self.stage)?.ca_certificates()?;
        let root = all.into_iter().find(|c| c.is_self_issued());
        let root = root.ok_or_else(|| Error::new("the CA sent no root"))?;
        files::write(&Output::public(self.path(ROOT), pem(label::CERTIFICATE, root.der())), false)?;
        let details = [format!("{ROOT}   {}", root.subject.short())];
        self.done("fetched the CA's root, which both sides are to trust", &details);
        Ok(root)
    }

    /// The federation, written down once, and the password of the PFX files to come.
    fn write_file(&mut self) -> Result<()> {
        let [one, other] = FRONT_ENDS;
        let text = format!(
            r#"# What the rehearsal's federation looks like; docs/federation.md explains every key.
[federation]
sip_domain = "foo.com"

[[ocs.standard]]
fqdn = "{STANDARD}"
ip = "10.1.10.100"

[[ocs.pool]]
fqdn = "{POOL}"
front_ends = [
  {{ fqdn = "{one}", ip = "10.1.10.101" }},
  {{ fqdn = "{other}", ip = "10.1.10.102" }},
]

[[imp.node]]
fqdn = "{NODE}"
ip = "10.1.10.20"
certificate = "{NODE}.cup.pem"

[imp]
tls_peer_subjects = ["{STANDARD}", "{POOL}"]

[ca]
kind = "microsoft-standalone"
url = "{}"
allow_http = true    # the lab's, on this machine only

[trust]
ocs = ["{ROOT}"]
imp = ["{ROOT}"]

[defaults]
pfx = "windows2003"
pfx_password_file = "{PASSWORD}"
"#,
            self.stage.ca_url()
        );
        files::write(&Output::public(self.path(FILE), text), false)?;
        let mut bytes = Zeroizing::new([0; 12]);
        random(&mut *bytes).map_err(made_by_us)?;
        let password = Zeroizing::new(text::hex(&*bytes));
        let line = Zeroizing::new(format!("{}\n", *password).into_bytes());
        files::write(&Output::secret(self.path(PASSWORD), line), false)?;
        let details = [FILE.to_string(), format!("{PASSWORD} for the PFX files")];
        self.done("wrote the federation down: a Standard Edition server, a pool, a node", &details);
        Ok(())
    }

    /// The federation as it stands now.
    fn site(&self) -> Result<Site> {
        let file = self.path(FILE);
        let (federation, layout) = edge::federation::open(&file)?;
        Site::open(federation, layout, &file, SystemTimer.now())
    }

    /// What `ocscert enroll` does.
    fn enroll(&self) -> Result<Status> {
        let site = self.site()?;
        let mut password = || Password::from_file(&self.path(PASSWORD)).map(Some);
        let stage = Mutex::new(self.stage.ca_url());
        let connect = || session_at(&stage.lock().unwrap_or_else(PoisonError::into_inner));
        let failures = enroll(Run {
            site: &site,
            servers: site.federation.servers(),
            connect: Some(&connect),
            templates: &Templates::default(),
            wait: Duration::ZERO,
            password: &mut password,
            watch: &|_| {},
        })?;
        match failures.into_iter().next() {
            Some(failure) => Err(failure.error),
            None => Ok(self.site()?.status()),
        }
    }

    fn submit_all(&mut self) -> Result<()> {
        let status = self.enroll()?;
        let mut details = Vec::new();
        for server in &status.servers {
            match (server.current.stage, server.current.request_id) {
                (Step::Pending, Some(id)) => {
                    details.push(format!(
                        "{:<14} CN={:<13} pending, request {id}",
                        server.fqdn, server.common_name
                    ));
                }
                _ => return Err(unexpected(server)),
            }
        }
        self.done("enroll: made keys and requests and submitted them, pending at the CA", &details);
        Ok(())
    }

    fn issue(&mut self) -> Result<()> {
        let issued = self.stage.issue_pending()?;
        self.done(&format!("issued {} as the CA's administrator would", text::count(issued, "request")), &[]);
        Ok(())
    }

    /// Runs the same command again: each server goes on where it ended.
    fn resume_all(&mut self) -> Result<Vec<Server>> {
        let status = self.enroll()?;
        let site = self.site()?;
        let (mut servers, mut details) = (Vec::new(), Vec::new());
        for server in site.federation.servers() {
            let host = &server.host.fqdn;
            let stands = status.servers.iter().find(|status| status.fqdn == host.as_str());
            if let Some(stands) = stands.filter(|stands| stands.current.stage != Step::Ready) {
                return Err(unexpected(stands));
            }
            let files = site.layout.server(host);
            let folder = site.folder(&files)?;
            let (Some(key), Some(certificate)) = (folder.key, folder.certificate) else {
                return Err(Error::new(format!("{host} has no key or no certificate")));
            };
            details.push(format!("{:<14} {}", host.as_str(), files.pfx.display()));
            servers.push(Server {
                host: host.clone(),
                common_name: server.common_name().clone(),
                key,
                certificate,
                chain: folder.chain,
            });
        }
        self.done("enroll again: certificates fetched, verified, packed into PFX files", &details);
        Ok(servers)
    }

    /// The CA certificates above the servers', the root last.
    fn chain(&self, servers: &[Server], root: Arc<Certificate>) -> Result<Vec<Sourced<Arc<Certificate>>>> {
        let Some(server) = servers.first() else { return Err(Error::new("there is no server")) };
        let mut chain: Vec<_> = server.chain.iter().filter(|c| c.value != root).cloned().collect();
        chain.push(Sourced { value: root, source: ROOT.into() });
        Ok(chain)
    }

    fn node(&mut self) -> Result<Node> {
        let name = fqdn(NODE)?;
        let (key, request) = self.stage.cup_request(&name)?;
        let certificate = self.stage.issue(&request, None)?;
        let file = format!("{NODE}.cup.pem");
        files::write(&Output::public(self.path(&file), pem(label::CERTIFICATE, certificate.der())), false)?;
        self.done("had an IM and Presence node's own request (cup) signed", std::slice::from_ref(&file));
        Ok(Node { key, certificate: Sourced { value: certificate, source: file } })
    }

    /// What `ocscert status` says.
    fn verify(&mut self) -> Result<Report> {
        let report = self.site()?.status().report();
        let details: Vec<String> =
            report.certificates.iter().map(|c| format!("{:<20} {}", c.name, c.verdict.word())).collect();
        self.done("verified both sides crosswise, each by what the other trusts", &details);
        Ok(report)
    }

    fn handshakes(
        &mut self,
        servers: &[Server],
        node: &Node,
        chain: &[Sourced<Arc<Certificate>>],
    ) -> Result<()> {
        let issuers: Vec<&Certificate> = chain.iter().map(|c| &*c.value).collect();
        let trust: Vec<&Certificate> = issuers.last().copied().into_iter().collect();
        // A server sends its chain without the root.
        let above = &issuers[..issuers.len().saturating_sub(1)];
        let sent = |leaf: &'_ Arc<Certificate>| -> Vec<Arc<Certificate>> {
            std::iter::once(leaf.clone())
                .chain(chain[..above.len()].iter().map(|c| c.value.clone()))
                .collect()
        };
        let imp_chain = sent(&node.certificate.value);
        let imp_chain: Vec<&Certificate> = imp_chain.iter().map(|c| &**c).collect();
        let imp = Identity { name: "IM and Presence", chain: &imp_chain, key: &node.key, trust: &trust };
        let mut details = Vec::new();
        for server in servers {
            let own = sent(&server.certificate.value);
            let own: Vec<&Certificate> = own.iter().map(|c| &**c).collect();
            let ocs = Identity { name: "OCS", chain: &own, key: &server.key, trust: &trust };
            let there = mutual(&ocs, &imp, server.common_name.as_str())?;
            mutual(&imp, &ocs, NODE)?;
            details.push(format!("{:<14} both directions, TLS {}", server.host.as_str(), there.version));
        }
        self.done("performed real mutual-TLS handshakes, both ways", &details);
        Ok(())
    }

    /// Each side probes the other as an administrator will, over TLS and SIP.
    fn probes(&mut self, servers: &[Server], node: &Node, chain: &[Sourced<Arc<Certificate>>]) -> Result<()> {
        let Some(server) = servers.first() else { return Err(Error::new("there is no server")) };
        let certificate = server.certificate.value.clone();
        let ocs = (&certificate, &server.key);
        let imp = (&node.certificate.value, &node.key);
        let mut details = Vec::new();
        for (name, side, shown, ours) in
            [(server.host.as_str(), Peer::Ocs, ocs, imp), (NODE, Peer::Imp, imp, ocs)]
        {
            let report = probed(name, side, shown, ours, chain)?;
            if report.verdict != Reach::Accepted {
                let why = report.findings.last().map_or("for no reason that is told", |f| f.rule.title);
                let what = format!("the probe of {name} says: {}", report.verdict.word());
                return Err(Error::new(what).because(why));
            }
            let version = report.facts.ours.and_then(|h| h.version).map(|v| v.to_string());
            let version = version.unwrap_or_default();
            details.push(format!("{name:<14} accepted, TLS {version}, SIP OPTIONS 200"));
        }
        self.done("probed each side with the other's certificate, over TLS and SIP", &details);
        Ok(())
    }

    fn mistakes(
        &mut self,
        servers: &[Server],
        chain: &[Sourced<Arc<Certificate>>],
    ) -> Result<Vec<(String, Report)>> {
        let Some(front_end) = servers.get(1) else { return Err(Error::new("there is no front end")) };
        let pool = || Expected::Pool(front_end.common_name.clone());
        let asked = |common_name: &Fqdn, template: Option<&str>, source: &str| -> Result<_> {
            let der = mutual_tls_request(common_name, &front_end.host, &front_end.key)?;
            let request = Request::from_der(der)
                .map_err(|e| Error::new("our own request cannot be read").because(e))?;
            let value = self.stage.issue(&request, template)?;
            Ok(Sourced { value, source: source.to_string() })
        };
        let own_name = asked(&front_end.host, None, "mistake-1.pem")?;
        let stock = asked(&front_end.common_name, Some("WebServer"), "mistake-2.pem")?;
        let good = Sourced { value: front_end.certificate.value.clone(), source: "mistake-3.pem".into() };
        let root = chain.last().cloned().into_iter().collect::<Vec<_>>();
        let cases = [
            ("the request names the front end itself, not the pool", own_name, chain),
            ("the certificate comes from the stock WebServer template", stock, chain),
            ("the intermediate CA certificate was forgotten", good, root.as_slice()),
        ];
        let mut reports = Vec::new();
        for (what, certificate, chain) in cases {
            let file = self.path(&certificate.source);
            files::write(&Output::public(file, pem(label::CERTIFICATE, certificate.value.der())), false)?;
            let report = judged(&certificate, Side::Ocs, pool(), chain)?;
            (self.audience)(Told::Mistake { what, report: &report });
            reports.push((what.to_string(), self::report(vec![report])?));
        }
        self.done("made the three classic mistakes on purpose", &[]);
        Ok(reports)
    }

    fn write_page(&mut self, report: &Report, mistakes: Vec<(String, Report)>) -> Result<PathBuf> {
        let mut sections = vec![Section {
            heading: "Both sides trust each other".into(),
            text: "A Standard Edition server, a pool of two front ends and an IM and Presence node, all signed by one CA: each side accepts the other as server and as client.".into(),
            report: report.clone(),
        }];
        sections.extend(mistakes.into_iter().enumerate().map(|(i, (what, report))| Section {
            heading: format!("Mistake {}: {what}", i + 1),
            text: "Made on purpose, to show what verify says to it.".into(),
            report,
        }));
        let next = next_commands();
        let html = page(&Page {
            title: "Rehearsal of a federation",
            lead: "What ocscert did against a certification authority of its own, on this machine alone.",
            steps: &self.steps,
            sections: &sections,
            next: &next,
        })
        .map_err(|e| Error::new("the page could not be rendered").because(e))?;
        let path = self.path("report.html");
        files::write(&Output::public(&path, html), false)?;
        self.done("wrote the report", &[path.display().to_string()]);
        Ok(path)
    }
}

/// What to type against a real CA: what it does, and the command.
pub fn next_commands() -> Vec<(String, String)> {
    [
        ("Write your federation down, once:", "ocscert enroll --init site.toml"),
        ("Do all that is missing; again once an administrator has issued:", "ocscert enroll site.toml"),
        ("Where does everything stand?", "ocscert status site.toml"),
        (
            "When they are in use, ask the live servers, from any workstation:",
            "ocscert probe --federation site.toml",
        ),
        (
            "Or by hand, one thing at a time, beginning with:",
            "ocscert csr --pool pool.foo.com --front-end fe1.foo.com --front-end fe2.foo.com",
        ),
    ]
    .map(|(what, command)| (what.to_string(), command.to_string()))
    .to_vec()
}

fn fqdn(name: &str) -> Result<Fqdn> {
    Fqdn::parse(name).map_err(|e| Error::new("a rehearsed name is wrong").because(e))
}

fn made_by_us(e: crate::make::Error) -> Error {
    Error::new("it could not be made").because(e)
}

fn unexpected(server: &ServerStatus) -> Error {
    let what = format!("{} stands otherwise than expected: {}", server.fqdn, server.current.stage.word());
    Error::new(what).because(server.current.note.clone())
}

fn session(stage: &dyn Stage) -> Result<Session> {
    session_at(&stage.ca_url())
}

fn session_at(url: &str) -> Result<Session> {
    let url = CaUrl::parse(url).map_err(|e| Error::new("the CA's address is wrong").because(e))?;
    Session::new(url, Auth::Anonymous, &Options { roots: Vec::new(), timeout: Duration::from_secs(30) })
}

fn mutual_tls_request(common_name: &Fqdn, host: &Fqdn, key: &PrivateKey) -> Result<Vec<u8>> {
    let mut spec = Spec::mutual_tls(common_name, &key.public().algorithm);
    spec.add_name(GeneralName::Dns(host.as_str().to_string()));
    request(&spec, key).map_err(made_by_us)
}

type Holder<'a> = (&'a Arc<Certificate>, &'a PrivateKey);

/// A server that shows one certificate, probed with the other.
fn probed(
    name: &str,
    side: Peer,
    (shown, key): Holder<'_>,
    (ours, our_key): Holder<'_>,
    chain: &[Sourced<Arc<Certificate>>],
) -> Result<ProbeReport> {
    let Some((root, above)) = chain.split_last() else { return Err(Error::new("the CA sent no chain")) };
    let sent = |leaf: &Arc<Certificate>| -> Vec<Arc<Certificate>> {
        std::iter::once(leaf.clone()).chain(above.iter().map(|c| c.value.clone())).collect()
    };
    let whole = sent(shown);
    let whole: Vec<&Certificate> = whole.iter().map(|c| &**c).collect();
    let server = Identity { name, chain: &whole, key, trust: &[&root.value] };
    let options = probe::Options {
        timeout: Duration::from_secs(10),
        identity: Some(probe::Identity { chain: sent(ours), key: our_key.clone() }),
        sip_domain: Some("foo.com".into()),
    };
    let facts = answering(&server, |address| {
        let target = Target {
            host: address.ip().to_string(),
            port: address.port(),
            transport: Transport::Tls,
            name: Some(name.to_string()),
            side,
            address: None,
        };
        probe::ask(&target, &options)
    })?;
    let store = || [root.value.clone()].into_iter().collect();
    let judging = Judging {
        profile: Profile::named("ocs2007r2").map_err(Error::new)?,
        stores: Stores { ocs: store(), imp: store() },
        trusted: vec![root.clone()],
        issuers: chain.iter().map(|c| c.value.subject.clone()).collect(),
        whole: true,
        peer_subjects: None,
    };
    Ok(judging.judge(&facts))
}

fn judged(
    certificate: &Sourced<Arc<Certificate>>,
    side: Side,
    expected: Expected,
    chain: &[Sourced<Arc<Certificate>>],
) -> Result<CertificateReport> {
    let question = question(expected)?;
    let mut sources = Sources::default();
    chain.iter().for_each(|c| sources.add(c));
    let roots = || chain.iter().map(|c| c.value.clone()).filter(|c| c.is_self_issued()).collect();
    let stores = Stores { ocs: roots(), imp: roots() };
    let pool: Pool = chain.iter().map(|c| c.value.clone()).collect();
    Ok(checks::judge(&question, &Engine::new(pool), &stores, &sources, side, certificate).report())
}

fn question(expected: Expected) -> Result<Question> {
    let profile = Profile::named("ocs2007r2").map_err(Error::new)?;
    Ok(Question {
        at: SystemTimer.now(),
        era: profile.era(),
        profile,
        purpose: Purpose::Mutual,
        expected,
        warn_days: 30,
        max_depth: None,
        policies: PolicyInputs::default(),
        crls: None,
        known: Known::default(),
        peer_subjects: None,
        own: Own::default(),
    })
}

fn report(certificates: Vec<CertificateReport>) -> Result<Report> {
    let question = question(Expected::Names(Vec::new()))?;
    let mut summary = Summary::default();
    certificates.iter().for_each(|c| summary.add(c.verdict));
    Ok(Report {
        at: question.at,
        profile: question.profile.name,
        crypto: "legacy",
        certificates,
        summary,
        notes: Vec::new(),
    })
}

/// The errors of a report, for a short telling.
pub fn errors(report: &CertificateReport) -> impl Iterator<Item = &crate::findings::Finding> {
    report.findings.iter().filter(|f| f.severity == Severity::Error)
}
