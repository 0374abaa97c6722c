//! The rehearsal: the whole way from keys to proven mutual TLS for a Standard Edition server and a pool of two
//! front ends, against a CA that somebody else plays, and three classic mistakes made on purpose.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::submit::{Order, Outcome, submit};
use crate::checks::{self, Expected, Own, Profile, Purpose, Question, Side, Sources, Stores};
use crate::edge::auth::Auth;
use crate::edge::certsrv::{CaUrl, Session};
use crate::edge::clock::{SystemTimer, Timer};
use crate::edge::files::{self, Output};
use crate::edge::handshake::{Identity, mutual};
use crate::edge::http::Options;
use crate::edge::journal::Journal;
use crate::edge::{Error, Result};
use crate::findings::{CertificateReport, Report, Severity, Summary};
use crate::make::chain::order_from;
use crate::make::csr::{Spec, request};
use crate::make::key::{KeyType, generate};
use crate::make::pkcs12::{Contents, SCHANNEL_CSP, target, write};
use crate::make::random;
use crate::model::container::{label, pem};
use crate::model::{Certificate, Fqdn, GeneralName, PrivateKey, Request, Sourced};
use crate::path::{Engine, PolicyInputs, Pool};
use crate::render::html::{Page, Section, page};
use crate::text;

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
    csr: PathBuf,
    certificate: Option<Arc<Certificate>>,
}

/// Rehearses into a folder.
///
/// # Errors
/// Any step fails: a bug, or a full disk.
pub fn rehearse(stage: &dyn Stage, folder: &Path, audience: Audience<'_>) -> Result<Rehearsal> {
    let mut play = Play { stage, folder, audience, steps: Vec::new(), started: Instant::now() };
    let mut servers = play.make_requests()?;
    play.submit_all(&servers)?;
    play.issue()?;
    let chain = play.resume_all(&mut servers)?;
    let node = play.node()?;
    let report = play.verify(&servers, &node, &chain)?;
    play.handshakes(&servers, &node, &chain)?;
    play.export(&servers, &chain)?;
    let mistakes = play.mistakes(&servers, &chain)?;
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

    fn make_requests(&mut self) -> Result<Vec<Server>> {
        let mut wanted = vec![(fqdn(STANDARD)?, fqdn(STANDARD)?)];
        for front_end in FRONT_ENDS {
            wanted.push((fqdn(front_end)?, fqdn(POOL)?));
        }
        let made: Vec<Result<Server>> = wanted
            .into_par_iter()
            .map(|(host, common_name)| {
                let key = generate(KeyType::Rsa2048).map_err(made_by_us)?;
                let csr = self.folder.join(format!("{host}.csr"));
                Ok(Server { host, common_name, key, csr, certificate: None })
            })
            .collect();
        let servers = made.into_iter().collect::<Result<Vec<_>>>()?;
        let mut details = Vec::new();
        for server in &servers {
            let der = mutual_tls_request(&server.common_name, &server.host, &server.key)?;
            let key = Zeroizing::new(pem(label::KEY, server.key.pkcs8()).into_bytes());
            files::write(&Output::secret(self.path(&format!("{}.key", server.host)), key), false)?;
            files::write(&Output::public(&server.csr, pem(label::REQUEST, &der)), false)?;
            details.push(format!("{:<14} CN={}", server.host.as_str(), server.common_name));
        }
        self.done("made keys and requests for a Standard Edition server and a pool", &details);
        Ok(servers)
    }

    fn submit_all(&mut self, servers: &[Server]) -> Result<()> {
        let mut details = Vec::new();
        let mut session = session(self.stage)?;
        for server in servers {
            match self.advance(server, &mut session)? {
                Outcome::Pending { id, .. } => {
                    details.push(format!("{:<14} pending, request {id}", server.host.as_str()));
                }
                other => return Err(unexpected(server, &other)),
            }
        }
        self.done("submitted them to the CA's web pages: pending there", &details);
        Ok(())
    }

    fn issue(&mut self) -> Result<()> {
        let issued = self.stage.issue_pending()?;
        self.done(&format!("issued {} as the CA's administrator would", text::count(issued, "request")), &[]);
        Ok(())
    }

    /// Runs the same submissions again: each goes on where it ended. The CA's chain comes with them.
    fn resume_all(&mut self, servers: &mut [Server]) -> Result<Vec<Sourced<Arc<Certificate>>>> {
        let mut session = session(self.stage)?;
        let mut chain: Vec<Arc<Certificate>> = Vec::new();
        let mut details = Vec::new();
        for server in servers.iter_mut() {
            match self.advance(server, &mut session)? {
                Outcome::Issued(issued) => {
                    details.push(format!("{:<14} {}.pem", server.host.as_str(), server.host));
                    chain.clone_from(&issued.chain);
                    server.certificate = Some(issued.certificate);
                }
                other => return Err(unexpected(server, &other)),
            }
        }
        self.done("ran the same submissions again: certificates fetched", &details);
        let heap = chain.iter().map(|c| Sourced { value: c.clone(), source: "ca.pem".into() }).collect();
        let Some(lowest) = chain.first() else { return Err(Error::new("the CA sent no chain")) };
        let ordered = order_from(lowest, heap).ordered;
        let text: String = ordered.iter().map(|c| pem(label::CERTIFICATE, c.value.der())).collect();
        files::write(&Output::public(self.path("ca.pem"), text), false)?;
        let names: Vec<&str> = ordered.iter().map(|c| c.value.subject.short()).collect();
        self.done("bundled the CA's chain", &[format!("ca.pem   {}", names.join(" < "))]);
        Ok(ordered)
    }

    fn advance(&self, server: &Server, session: &mut Session) -> Result<Outcome> {
        let bytes = files::read(&server.csr)?;
        let contents = crate::model::read(&bytes);
        let request = contents.items.iter().find_map(|item| match &item.object {
            crate::model::Object::Request(request) => Some(request.clone()),
            _ => None,
        });
        let request =
            request.ok_or_else(|| Error::new(format!("{} holds no request", server.csr.display())))?;
        let order = Order {
            request,
            source: server.csr.display().to_string(),
            template: None,
            resubmit: false,
            wait: Duration::ZERO,
            certificate: self.path(&format!("{}.pem", server.host)),
            chain: self.path(&format!("{}.chain.pem", server.host)),
            overwrite: false,
        };
        let key = order.key(session);
        let mut journal = Journal::open(&server.csr, &key)?;
        submit(&order, session, &mut journal, &mut SystemTimer, &mut |_| Ok(()))
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

    fn verify(
        &mut self,
        servers: &[Server],
        node: &Node,
        chain: &[Sourced<Arc<Certificate>>],
    ) -> Result<Report> {
        let mut reports = Vec::new();
        for server in servers {
            let expected = match server.host == server.common_name {
                true => Expected::Server(server.host.clone()),
                false => Expected::Pool(server.common_name.clone()),
            };
            reports.push(judged(&server.sourced()?, Side::Ocs, expected, chain)?);
        }
        let name = vec![crate::path::ReferenceName::Dns(NODE.into())];
        reports.push(judged(&node.certificate, Side::Imp, Expected::Names(name), chain)?);
        reports.sort_by_key(|r| r.verdict);
        let report = self::report(reports)?;
        let details: Vec<String> =
            report.certificates.iter().map(|c| format!("{:<18} {}", c.source, c.verdict.word())).collect();
        self.done("verified both sides against the root they share", &details);
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
            let own = sent(&server.sourced()?.value);
            let own: Vec<&Certificate> = own.iter().map(|c| &**c).collect();
            let ocs = Identity { name: "OCS", chain: &own, key: &server.key, trust: &trust };
            let there = mutual(&ocs, &imp, server.common_name.as_str())?;
            mutual(&imp, &ocs, NODE)?;
            details.push(format!("{:<14} both directions, TLS {}", server.host.as_str(), there.version));
        }
        self.done("performed real mutual-TLS handshakes, both ways", &details);
        Ok(())
    }

    fn export(&mut self, servers: &[Server], chain: &[Sourced<Arc<Certificate>>]) -> Result<()> {
        let mut bytes = Zeroizing::new([0; 12]);
        random(&mut *bytes).map_err(made_by_us)?;
        let password = Zeroizing::new(text::hex(&*bytes));
        let line = Zeroizing::new(format!("{}\n", *password).into_bytes());
        files::write(&Output::secret(self.path("pfx-password"), line), false)?;
        let target = target("modern").ok_or_else(|| Error::new("there is no such kind of PFX"))?;
        let made: Vec<Result<(PathBuf, Zeroizing<Vec<u8>>)>> = servers
            .par_iter()
            .map(|server| {
                let leaf = server.sourced()?.value;
                let whole: Vec<&Certificate> =
                    std::iter::once(&*leaf).chain(chain.iter().map(|c| &*c.value)).collect();
                let name = server.host.as_str();
                let contents =
                    Contents { key: &server.key, chain: &whole, friendly_name: name, csp: SCHANNEL_CSP };
                let bytes = write(&contents, target, &password, &mut random).map_err(made_by_us)?;
                Ok((self.folder.join(format!("{name}.pfx")), bytes))
            })
            .collect();
        for made in made {
            let (path, bytes) = made?;
            files::write(&Output::secret(path, bytes), false)?;
        }
        let details = ["pfx-password holds the password".to_string()];
        self.done("exported a PFX file a server, with key and whole chain", &details);
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
        let good = Sourced { value: front_end.sourced()?.value, source: "mistake-3.pem".into() };
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
        ("Keys and requests for a pool (or --server FQDN):", "ocscert csr --pool pool.foo.com --front-end fe1.foo.com --front-end fe2.foo.com"),
        ("Submit one to your CA; run it again once an administrator has issued it:", "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv"),
        ("Would both sides accept it?", "ocscert verify fe1.foo.com.pem --pool pool.foo.com --chain fe1.foo.com.chain.pem"),
        ("Take it to the server:", "ocscert export --cert fe1.foo.com.pem --key fe1.foo.com.key --chain fe1.foo.com.chain.pem -o fe1.foo.com.pfx"),
    ]
    .map(|(what, command)| (what.to_string(), command.to_string()))
    .to_vec()
}

impl Server {
    fn sourced(&self) -> Result<Sourced<Arc<Certificate>>> {
        let certificate = self.certificate.clone();
        let value = certificate.ok_or_else(|| Error::new(format!("{} has no certificate yet", self.host)))?;
        Ok(Sourced { value, source: format!("{}.pem", self.host) })
    }
}

fn fqdn(name: &str) -> Result<Fqdn> {
    Fqdn::parse(name).map_err(|e| Error::new("a rehearsed name is wrong").because(e))
}

fn made_by_us(e: crate::make::Error) -> Error {
    Error::new("it could not be made").because(e)
}

fn unexpected(server: &Server, outcome: &Outcome) -> Error {
    Error::new(format!("the CA answered something else than expected for {}: {outcome:?}", server.host))
}

fn session(stage: &dyn Stage) -> Result<Session> {
    let url =
        CaUrl::parse(&stage.ca_url()).map_err(|e| Error::new("the CA's address is wrong").because(e))?;
    Session::new(url, Auth::Anonymous, &Options { roots: Vec::new(), timeout: Duration::from_secs(30) })
}

fn mutual_tls_request(common_name: &Fqdn, host: &Fqdn, key: &PrivateKey) -> Result<Vec<u8>> {
    let mut spec = Spec::mutual_tls(common_name, &key.public().algorithm);
    spec.add_name(GeneralName::Dns(host.as_str().to_string()));
    request(&spec, key).map_err(made_by_us)
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
    Ok(checks::judge(&question, &Engine::new(pool), &stores, &sources, side, certificate))
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
        ca_url: None,
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
