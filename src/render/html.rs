//! One self-contained page: the picture first, then the table, then each finding. No script, no network.

use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::graph;
use super::json::rfc3339;
use crate::findings::{Finding, Report, Severity};
use crate::text::{duration, escape_short};

/// What every page looks like.
const STYLE: &str = include_str!("../../templates/page.css");

/// A page.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its heading.
    pub title: &'a str,
    /// What it is, in a sentence or two.
    pub lead: &'a str,
    /// What was done, where that is worth telling, with how long it took.
    pub steps: &'a [(String, std::time::Duration)],
    /// What was found, section by section.
    pub sections: &'a [Section],
    /// The commands to type next: what it does, and the command.
    pub next: &'a [(String, String)],
}

/// One report with its heading.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What is shown here, in a sentence or two.
    pub text: String,
    /// The report.
    pub report: Report,
}

#[derive(Serialize)]
struct PageView<'a> {
    title: &'a str,
    lead: &'a str,
    steps: Vec<(String, String)>,
    sections: Vec<SectionView>,
    next: &'a [(String, String)],
    version: &'static str,
}

#[derive(Serialize)]
struct SectionView {
    heading: String,
    text: String,
    notes: Vec<String>,
    picture: String,
    certificates: Vec<CertificateView>,
}

#[derive(Serialize)]
struct CertificateView {
    name: String,
    source: String,
    verdict: &'static str,
    class: &'static str,
    issuer: String,
    not_after: String,
    sha1: String,
    chain: Vec<String>,
    directions: Vec<DirectionView>,
    findings: Vec<FindingView>,
    passed: usize,
}

#[derive(Serialize)]
struct DirectionView {
    title: &'static str,
    verdict: &'static str,
    class: &'static str,
    reason: String,
}

#[derive(Serialize)]
pub(super) struct FindingView {
    code: &'static str,
    severity: &'static str,
    title: &'static str,
    why: &'static str,
    evidence: Vec<(&'static str, String)>,
    remedy: String,
    command: Option<String>,
}

/// Renders a page.
///
/// # Errors
/// The template is damaged: a bug, as it is part of the program and every test renders it.
pub fn page(page: &Page<'_>) -> Result<String, minijinja::Error> {
    let environment = environment()?;
    let view = PageView {
        title: page.title,
        lead: page.lead,
        steps: page.steps.iter().map(|(what, took)| (shown(what), duration(*took))).collect(),
        sections: page.sections.iter().map(section).collect(),
        next: page.next,
        version: env!("CARGO_PKG_VERSION"),
    };
    environment.get_template("report.html")?.render(Value::from(Serde(&view)))
}

/// The templates of all pages; the names' ending switches HTML escaping on.
pub(super) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("page.css", STYLE)?;
    environment.add_template("report.html", include_str!("../../templates/report.html"))?;
    environment.add_template("finding.html", include_str!("../../templates/finding.html"))?;
    environment.add_template("probe.html", include_str!("../../templates/probe.html"))?;
    environment.add_template("status.html", include_str!("../../templates/status.html"))?;
    Ok(environment)
}

/// Hostile text without its controls; the template escapes what HTML minds.
pub(super) fn shown(text: &str) -> String {
    escape_short(text, 600)
}

pub(super) fn class(verdict: crate::findings::Verdict) -> &'static str {
    match verdict {
        crate::findings::Verdict::Valid => "good",
        crate::findings::Verdict::Incomplete => "warn",
        crate::findings::Verdict::Invalid => "bad",
    }
}

fn section(section: &Section) -> SectionView {
    let certificates = section.report.certificates.iter().map(|c| CertificateView {
        name: shown(&c.name),
        source: shown(&c.source),
        verdict: c.verdict.word(),
        class: class(c.verdict),
        issuer: shown(&c.issuer),
        not_after: rfc3339(c.not_after).replace('T', " ").replace('Z', " UTC"),
        sha1: c.sha1.clone(),
        chain: c.path.iter().map(|step| shown(&step.name)).collect(),
        directions: c
            .directions
            .iter()
            .filter_map(|d| {
                let verdict = d.verdict?;
                Some(DirectionView {
                    title: d.direction.title(),
                    verdict: verdict.word(),
                    class: class(verdict),
                    reason: shown(&d.reason),
                })
            })
            .collect(),
        findings: c.findings.iter().rev().map(finding).collect(),
        passed: c.checks_that(|result| *result == crate::findings::CheckResult::Passed),
    });
    SectionView {
        heading: section.heading.clone(),
        text: section.text.clone(),
        notes: section.report.notes.iter().map(|note| shown(note)).collect(),
        picture: graph::svg(&section.report),
        certificates: certificates.collect(),
    }
}

pub(super) fn finding(finding: &Finding) -> FindingView {
    let mut evidence = Vec::new();
    for fact in &finding.evidence {
        let place = if fact.at.is_empty() { String::new() } else { format!(" ({})", shown(&fact.at)) };
        evidence.extend(fact.expected.iter().map(|text| ("expected", format!("{}{place}", shown(text)))));
        evidence.extend(fact.observed.iter().map(|text| ("observed", format!("{}{place}", shown(text)))));
    }
    evidence.extend(finding.likely.iter().map(|text| ("likely", shown(text))));
    FindingView {
        code: finding.rule.code,
        severity: match finding.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        },
        title: finding.rule.title,
        why: finding.rule.why,
        evidence,
        remedy: shown(&finding.remedy.text),
        command: finding.remedy.command.as_deref().map(shown),
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::findings::{CertificateReport, PathStep, Summary, Verdict};

    /// A certificate whose every text is an attack: it must come out as text, in the page and in the picture.
    #[test]
    fn hostile_text_stays_text() {
        let evil = || "\"><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\x1b[31m".to_string();
        let step = PathStep {
            name: evil(),
            subject: evil(),
            key: "RSA 2048".into(),
            signature: "SHA-256".into(),
            note: evil(),
            sha256: "00".into(),
            source: evil(),
            trusted_by: Vec::new(),
        };
        let certificate = CertificateReport {
            source: evil(),
            name: evil(),
            subject: evil(),
            issuer: evil(),
            serial: "1".into(),
            sha1: "1".into(),
            sha256: "1".into(),
            not_before: OffsetDateTime::UNIX_EPOCH,
            not_after: OffsetDateTime::UNIX_EPOCH,
            verdict: Verdict::Invalid,
            directions: Vec::new(),
            path: vec![step],
            tried: Vec::new(),
            findings: vec![
                crate::checks::trust::ROOT_MISSING
                    .finding(evil())
                    .wanted(evil(), evil())
                    .likely(evil())
                    .command(evil()),
            ],
            checks: Vec::new(),
        };
        let report = Report {
            at: OffsetDateTime::UNIX_EPOCH,
            profile: "rfc5280".into(),
            crypto: "modern",
            certificates: vec![certificate],
            summary: Summary::default(),
            notes: Vec::new(),
        };
        let sections = [Section { heading: evil(), text: evil(), report }];
        let steps = [(evil(), std::time::Duration::ZERO)];
        let next = [(evil(), evil())];
        let html =
            page(&Page { title: &evil(), lead: &evil(), steps: &steps, sections: &sections, next: &next });
        let html = html.unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "it is shown as text");
        assert!(html.contains("OCS-CHN-005") && html.contains("<svg"));
    }
}
