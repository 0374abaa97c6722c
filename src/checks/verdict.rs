//! The verdict on one certificate: path validation against the store of the side that judges it, the checks of
//! the profile, and the four directions.

use std::collections::HashMap;
use std::sync::Arc;

use super::trust::{self, Trouble};
use super::validity::date;
use super::{Check, Issued, Judge, Judged, PathCertificate, Purpose, Question, Side, Subject, checks, usage};
use crate::findings::{
    Brief, CertificateReport, CheckOutcome, CheckResult, Direction, DirectionReport, Finding, PathStep, Rule,
    Severity, Tried, TrustedBy, Verdict,
};
use crate::model::{Certificate, Claims, Oid, Sourced, oid};
use crate::path::{Engine, Options, Outcome, Search, Store};
use crate::text;

/// Where certificates came from, by their SHA-256.
#[derive(Debug, Default)]
pub struct Sources(HashMap<[u8; 32], String>);

impl Sources {
    /// Remembers the first place a certificate was seen in.
    pub fn add(&mut self, certificate: &Sourced<Arc<Certificate>>) {
        self.0.entry(*certificate.value.sha256()).or_insert_with(|| certificate.source.clone());
    }

    fn of(&self, certificate: &Certificate) -> &str {
        self.0.get(certificate.sha256()).map_or("", String::as_str)
    }
}

/// What each side trusts.
#[derive(Debug, Default)]
pub struct Stores {
    /// The Trusted Root store of the OCS servers.
    pub ocs: Store,
    /// `cup-trust` of the IM and Presence nodes.
    pub imp: Store,
}

impl Stores {
    /// The store that judges a certificate of this side: the other one's.
    fn judging(&self, side: Side) -> &Store {
        match side {
            Side::Ocs => &self.imp,
            Side::Imp => &self.ocs,
        }
    }
}

/// One certificate, judged. Words are made of it when somebody wants them: of ten thousand valid certificates nobody
/// reads the fingerprints.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The answer.
    pub verdict: Verdict,
    certificate: &'a Sourced<Arc<Certificate>>,
    stores: &'a Stores,
    sources: &'a Sources,
    search: Search,
    directions: Vec<DirectionReport>,
    findings: Vec<Finding>,
    checks: Vec<CheckOutcome>,
}

/// Judges one certificate. `sources` names where every certificate of the engine's pool and the stores came
/// from.
pub fn judge<'a>(
    question: &Question,
    engine: &Engine,
    stores: &'a Stores,
    sources: &'a Sources,
    side: Side,
    certificate: &'a Sourced<Arc<Certificate>>,
) -> Judgement<'a> {
    let leaf = &certificate.value;
    let store = stores.judging(side);
    let directions = directions(side, question.purpose);
    let search = |usages: Vec<Oid>| engine.search(leaf, store, &options(question, usages));
    let together = search(question.usages());

    let path = sourced(&together, certificate, sources);
    let subject = Subject {
        claims: Claims::from(&**leaf),
        source: &certificate.source,
        side,
        question,
        issuers: path.get(1..).unwrap_or_default(),
    };
    let issued = Issued { certificate: leaf, path: &path, anchored: together.anchored };
    let of_certificates = checks().filter(|check| !matches!(check.judge, Judge::Asked(_)));
    let (mut outcomes, mut findings) = run_checks(of_certificates, question, |judge| match judge {
        Judge::Claims(judge) => judge(&subject),
        Judge::Issued(judge) => judge(&subject, &issued),
        Judge::Asked(_) => Judged::NotApplicable("of requests".into()),
    });

    let source_of = |c: &Certificate| sources.of(c).to_string();
    let trouble = Trouble {
        question,
        search: &together,
        path: &path,
        source_of: &source_of,
        judge: directions.first().map_or("", |d| d.judge()),
        no_roots: store.is_empty(),
    };
    add_new(&mut findings, trust::findings(&trouble));
    // The path may have found what a check was not asked for.
    for outcome in &mut outcomes {
        if findings.iter().any(|finding| finding.rule == outcome.rule) {
            outcome.result = CheckResult::Found;
        }
    }
    outcomes.extend(trust::RULES.iter().map(|rule| {
        let found = findings.iter().any(|f| f.rule == *rule);
        let result = match found {
            true => CheckResult::Found,
            false => trust::not_judged(rule, &trouble).unwrap_or(CheckResult::Passed),
        };
        CheckOutcome { rule, result }
    }));
    findings.sort_by_key(|f| f.severity);

    let open = (together.outcome == Outcome::Incomplete).then_some(match together.budget {
        Some(_) => "the search was cut short",
        None => "revocation is not known",
    });
    let reports: Vec<DirectionReport> = Direction::ALL
        .iter()
        .map(|direction| match directions.contains(direction) {
            false => not_asked(*direction, side),
            true => {
                // Another path may serve one direction alone: a CA limited to clients, cross-signed by one
                // that is not.
                let alone = (together.outcome != Outcome::Valid && directions.len() > 1)
                    .then(|| search(vec![usage_of(*direction)]));
                direction_report(*direction, &findings, alone.as_ref(), open)
            }
        })
        .collect();
    let verdict =
        reports.iter().filter_map(|d| d.verdict).fold(overall(&findings, open.is_some()), Verdict::and);
    Judgement {
        verdict,
        certificate,
        stores,
        sources,
        search: together,
        directions: reports,
        findings,
        checks: outcomes,
    }
}

impl Judgement<'_> {
    /// All of it.
    pub fn report(self) -> CertificateReport {
        let leaf = &self.certificate.value;
        CertificateReport {
            source: self.certificate.source.clone(),
            name: leaf.subject.short().to_string(),
            subject: leaf.subject.to_string(),
            issuer: leaf.issuer.to_string(),
            serial: leaf.serial.to_string(),
            sha1: text::hex(&leaf.sha1()),
            sha256: text::hex(leaf.sha256()),
            not_before: leaf.validity.not_before,
            not_after: leaf.validity.not_after,
            verdict: self.verdict,
            path: steps(&sourced(&self.search, self.certificate, self.sources), &self.search, self.stores),
            tried: tried(&self.search, self.sources),
            directions: self.directions,
            findings: self.findings,
            checks: self.checks,
        }
    }

    /// What a list of many says of one that is valid.
    pub fn brief(self) -> Brief {
        let leaf = &self.certificate.value;
        Brief {
            source: self.certificate.source.clone(),
            name: leaf.subject.short().to_string(),
            not_after: leaf.validity.not_after,
            warnings: self.findings.into_iter().filter(|f| f.severity == Severity::Warning).collect(),
        }
    }
}

/// The path with its files; the certificate under judgement keeps the name it was given by.
fn sourced<'a>(
    search: &'a Search,
    leaf: &'a Sourced<Arc<Certificate>>,
    sources: &'a Sources,
) -> Vec<PathCertificate<'a>> {
    let source = |at: usize, c: &Certificate| if at == 0 { &*leaf.source } else { sources.of(c) };
    let path = search.path.iter().enumerate();
    path.map(|(at, c)| PathCertificate { certificate: c, source: source(at, c) }).collect()
}

fn options(question: &Question, usages: Vec<Oid>) -> Options {
    let mut options = Options::new(question.at);
    options.era = question.era;
    options.purpose = usages;
    options.max_depth = question.max_depth;
    options.policies = question.policies.clone();
    options.crls = question.crls.clone();
    options
}

/// The directions that a purpose asks about.
fn directions(side: Side, purpose: Purpose) -> Vec<Direction> {
    let (server, client) = match side {
        Side::Ocs => (Direction::OcsServer, Direction::OcsClient),
        Side::Imp => (Direction::ImpServer, Direction::ImpClient),
    };
    match purpose {
        Purpose::Mutual | Purpose::Any => vec![server, client],
        Purpose::Server => vec![server],
        Purpose::Client => vec![client],
    }
}

fn usage_of(direction: Direction) -> Oid {
    match direction {
        Direction::OcsServer | Direction::ImpServer => oid::SERVER_AUTH,
        Direction::OcsClient | Direction::ImpClient => oid::CLIENT_AUTH,
    }
}

/// Rules that concern one direction only, and the usage that names it.
const ONE_WAY: &[(&Rule, Oid)] =
    &[(&usage::NO_CLIENT_AUTH, oid::CLIENT_AUTH), (&usage::NO_SERVER_AUTH, oid::SERVER_AUTH)];

/// Rules that a path found for one direction alone answers anew.
fn is_of_the_path(rule: &Rule) -> bool {
    trust::RULES.contains(&rule)
}

fn not_asked(direction: Direction, side: Side) -> DirectionReport {
    let own = match direction {
        Direction::OcsServer | Direction::OcsClient => Side::Ocs,
        Direction::ImpServer | Direction::ImpClient => Side::Imp,
    };
    let reason = match own == side {
        true => "not asked for (--purpose)",
        false => "not this certificate",
    };
    DirectionReport { direction, verdict: None, reason: reason.into(), codes: Vec::new() }
}

fn direction_report(
    direction: Direction,
    findings: &[Finding],
    alone: Option<&Search>,
    open: Option<&'static str>,
) -> DirectionReport {
    let holds_alone = alone.is_some_and(|search| search.outcome == Outcome::Valid);
    let concerns = |finding: &&Finding| {
        let one_way = ONE_WAY.iter().find(|(rule, _)| *rule == finding.rule);
        let other_way = one_way.is_some_and(|(_, usage)| *usage != usage_of(direction));
        // A search that was cut short leaves the answer open.
        let decides = finding.severity == Severity::Error && finding.rule != &trust::BUDGET;
        decides && !other_way && !(holds_alone && is_of_the_path(finding.rule))
    };
    let errors: Vec<&Finding> = findings.iter().filter(concerns).collect();
    let verdict = match errors.is_empty() {
        true if open.is_some() && !holds_alone => Verdict::Incomplete,
        true => Verdict::Valid,
        false => Verdict::Invalid,
    };
    let judge = direction.judge();
    let reason = match (verdict, errors.first()) {
        (Verdict::Valid, _) => direction.accepted().into(),
        (Verdict::Incomplete, _) => open.unwrap_or_default().into(),
        (Verdict::Invalid, Some(first)) => format!("{judge} will refuse it: {}", first.rule.title).into(),
        (Verdict::Invalid, None) => format!("{judge} will refuse it").into(),
    };
    let mut codes: Vec<&'static str> = errors.iter().map(|f| f.rule.code).collect();
    codes.dedup();
    DirectionReport { direction, verdict: Some(verdict), reason, codes }
}

fn overall(findings: &[Finding], open: bool) -> Verdict {
    match findings.iter().any(|f| f.severity == Severity::Error && f.rule != &trust::BUDGET) {
        true => Verdict::Invalid,
        false if open => Verdict::Incomplete,
        false => Verdict::Valid,
    }
}

/// Runs these checks, those that the profile has; the severities are the profile's.
pub(super) fn run_checks(
    checks: impl Iterator<Item = &'static Check>,
    question: &Question,
    judge: impl Fn(Judge) -> Judged,
) -> (Vec<CheckOutcome>, Vec<Finding>) {
    let profile = &question.profile;
    let mut outcomes = Vec::new();
    let mut findings = Vec::new();
    for check in checks {
        let judged = match profile.applies(check.rule) {
            true => judge(check.judge),
            false => Judged::NotApplicable("not a check of this profile".into()),
        };
        let result = match judged {
            Judged::Passed => CheckResult::Passed,
            Judged::NotApplicable(why) => CheckResult::NotApplicable(why),
            Judged::Found(found) => {
                findings.extend(found.into_iter().map(|f| {
                    let severity = profile.severity(f.rule, f.severity);
                    f.severity(severity)
                }));
                CheckResult::Found
            }
        };
        outcomes.push(CheckOutcome { rule: check.rule, result });
    }
    (outcomes, findings)
}

/// Adds what no check has said already of the same certificate: the checks tell it with more words.
fn add_new(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for finding in more {
        let known = |f: &Finding| f.rule == finding.rule && f.subject == finding.subject;
        match findings.iter_mut().find(|f| known(f)) {
            Some(found) => found.severity = found.severity.max(finding.severity),
            None => findings.push(finding),
        }
    }
}

fn steps(path: &[PathCertificate<'_>], search: &Search, stores: &Stores) -> Vec<PathStep> {
    let sides = [("OCS", &stores.ocs), ("IM and Presence", &stores.imp)];
    path.iter()
        .enumerate()
        .map(|(i, c)| {
            let certificate = c.certificate;
            let last = i + 1 == path.len();
            let holders = sides.iter().filter(|(_, store)| last && store.contains(certificate));
            PathStep {
                name: certificate.subject.short().to_string(),
                subject: certificate.subject.to_string(),
                key: certificate.public_key.algorithm.to_string(),
                signature: certificate
                    .signature_algorithm
                    .hash()
                    .map_or_else(|| certificate.signature_algorithm.to_string(), |hash| hash.to_string()),
                note: note(certificate, last && search.anchored),
                sha256: text::hex(certificate.sha256()),
                source: c.source.to_string(),
                trusted_by: holders
                    .map(|(side, _)| TrustedBy { side, source: c.source.to_string() })
                    .collect(),
            }
        })
        .collect()
}

fn note(certificate: &Certificate, anchor: bool) -> String {
    let extensions = &certificate.extensions;
    if let Some(constraints) = extensions.basic_constraints.as_ref().filter(|c| c.value.ca) {
        return match constraints.value.path_len {
            Some(n) => format!("CA, pathlen {n}"),
            None => "CA".into(),
        };
    }
    if anchor {
        return "trusted".into();
    }
    let usages = extensions.extended_key_usage.as_ref().map_or(&[][..], |e| &e.value);
    let has = |usage: &Oid| usages.contains(usage);
    match (has(&oid::SERVER_AUTH), has(&oid::CLIENT_AUTH)) {
        (true, true) => "server + client auth".into(),
        (true, false) => "server auth only".into(),
        (false, true) => "client auth only".into(),
        (false, false) => format!("until {}", date(certificate.validity.not_after)),
    }
}

fn tried(search: &Search, sources: &Sources) -> Vec<Tried> {
    let tried = search.tried.iter().map(|tried| Tried {
        child: tried.child.subject.to_string(),
        candidate: tried.candidate.as_ref().map(|c| c.subject.to_string()).unwrap_or_default(),
        source: tried.candidate.as_ref().map(|c| sources.of(c).to_string()).unwrap_or_default(),
        reason: tried.reason.to_string(),
    });
    tried.collect()
}
