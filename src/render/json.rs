//! JSON: structs of their own, versioned by `schema`. A field is never removed or changed within a version;
//! programs ignore fields they do not know.

use std::fmt::Write as _;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::findings::{self as f, CheckResult};
use crate::text::is_hostile;

/// `ocscert.verify/1`.
#[derive(Serialize)]
struct Verify<'a> {
    schema: &'static str,
    verdict: &'static str,
    at: String,
    profile: &'a str,
    crypto: &'static str,
    summary: Summary,
    notes: &'a [String],
    certificates: Vec<Certificate<'a>>,
}

/// `ocscert.csr-check/1`.
#[derive(Serialize)]
struct CsrCheck<'a> {
    schema: &'static str,
    verdict: &'static str,
    profile: &'a str,
    crypto: &'static str,
    summary: Summary,
    notes: &'a [String],
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    source: &'a str,
    name: &'a str,
    subject: &'a str,
    key: &'a str,
    signature: &'a str,
    names: &'a [String],
    usages: &'a [String],
    key_usages: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a str>,
    sha256: &'a str,
    verdict: &'static str,
    findings: Vec<Finding<'a>>,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Summary {
    valid: usize,
    invalid: usize,
    incomplete: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct Certificate<'a> {
    source: &'a str,
    name: &'a str,
    subject: &'a str,
    issuer: &'a str,
    serial: &'a str,
    sha1: &'a str,
    sha256: &'a str,
    not_before: String,
    not_after: String,
    verdict: &'static str,
    directions: Vec<Direction<'a>>,
    path: Vec<Step<'a>>,
    tried: Vec<Tried<'a>>,
    findings: Vec<Finding<'a>>,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Direction<'a> {
    id: &'static str,
    verdict: &'static str,
    reason: &'a str,
    findings: &'a [&'static str],
}

#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    subject: &'a str,
    key: &'a str,
    signature: &'a str,
    note: &'a str,
    sha256: &'a str,
    source: &'a str,
    trusted_by: Vec<TrustedBy<'a>>,
}

#[derive(Serialize)]
struct TrustedBy<'a> {
    side: &'static str,
    source: &'a str,
}

#[derive(Serialize)]
struct Tried<'a> {
    child: &'a str,
    candidate: Option<&'a str>,
    source: Option<&'a str>,
    reason: &'a str,
}

/// A finding, as every command's JSON shows it.
#[derive(Serialize)]
pub struct Finding<'a> {
    code: &'static str,
    name: &'static str,
    severity: f::Severity,
    title: &'static str,
    subject: &'a str,
    evidence: Vec<Evidence<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    likely: Option<&'a str>,
    remedy: Remedy<'a>,
}

#[derive(Serialize)]
struct Evidence<'a> {
    at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<&'a str>,
}

#[derive(Serialize)]
struct Remedy<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct Check<'a> {
    code: &'static str,
    name: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// The report as one JSON document, ended by a line break.
///
/// # Errors
/// Never for these structs; serde says it could.
pub fn verify(report: &f::Report) -> serde_json::Result<String> {
    let document = Verify {
        schema: "ocscert.verify/1",
        verdict: report.summary.verdict().word(),
        at: rfc3339(report.at),
        profile: &report.profile,
        crypto: report.crypto,
        summary: summary(&report.summary),
        notes: &report.notes,
        certificates: report.certificates.iter().map(certificate).collect(),
    };
    document_text(&document)
}

/// The report of `csr --check` as one JSON document, ended by a line break.
///
/// # Errors
/// As serde's.
pub fn requests(report: &f::RequestsReport) -> serde_json::Result<String> {
    let document = CsrCheck {
        schema: "ocscert.csr-check/1",
        verdict: report.summary.verdict().word(),
        profile: &report.profile,
        crypto: report.crypto,
        summary: summary(&report.summary),
        notes: &report.notes,
        requests: report.requests.iter().map(self::request).collect(),
    };
    document_text(&document)
}

/// Any of the documents, pretty, ended by a line break; whole, and harmless on a terminal.
///
/// # Errors
/// As serde's.
pub fn document_text(document: &impl Serialize) -> serde_json::Result<String> {
    let mut text = harmless(serde_json::to_string_pretty(document)?);
    text.push('\n');
    Ok(text)
}

/// The same document with the characters that a terminal would obey as `\uXXXX`: but for the line breaks of the
/// layout they can only stand in strings, where that is the same (RFC 8259 section 7).
fn harmless(document: String) -> String {
    if document.bytes().all(|byte| byte < 0x7f) {
        return document;
    }
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        if is_hostile(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A time as every document writes it: RFC 3339, UTC, whole seconds.
pub fn rfc3339(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

/// A finding as every document writes it.
pub fn finding(finding: &f::Finding) -> Finding<'_> {
    Finding {
        code: finding.rule.code,
        name: finding.rule.name,
        severity: finding.severity,
        title: finding.rule.title,
        subject: &finding.subject,
        evidence: finding
            .evidence
            .iter()
            .map(|e| Evidence { at: &e.at, expected: e.expected.as_deref(), observed: e.observed.as_deref() })
            .collect(),
        likely: finding.likely.as_deref(),
        remedy: Remedy { text: &finding.remedy.text, command: finding.remedy.command.as_deref() },
    }
}

fn certificate(report: &f::CertificateReport) -> Certificate<'_> {
    Certificate {
        source: &report.source,
        name: &report.name,
        subject: &report.subject,
        issuer: &report.issuer,
        serial: &report.serial,
        sha1: &report.sha1,
        sha256: &report.sha256,
        not_before: rfc3339(report.not_before),
        not_after: rfc3339(report.not_after),
        verdict: report.verdict.word(),
        directions: report
            .directions
            .iter()
            .map(|d| Direction {
                id: d.direction.id(),
                verdict: d.verdict.map_or("not-applicable", f::Verdict::word),
                reason: &d.reason,
                findings: &d.codes,
            })
            .collect(),
        path: report
            .path
            .iter()
            .map(|s| Step {
                name: &s.name,
                subject: &s.subject,
                key: &s.key,
                signature: &s.signature,
                note: &s.note,
                sha256: &s.sha256,
                source: &s.source,
                trusted_by: s
                    .trusted_by
                    .iter()
                    .map(|t| TrustedBy { side: t.side, source: &t.source })
                    .collect(),
            })
            .collect(),
        tried: report
            .tried
            .iter()
            .map(|t| Tried {
                child: &t.child,
                candidate: (!t.candidate.is_empty()).then_some(t.candidate.as_str()),
                source: (!t.source.is_empty()).then_some(t.source.as_str()),
                reason: &t.reason,
            })
            .collect(),
        findings: report.findings.iter().map(finding).collect(),
        checks: report.checks.iter().map(check).collect(),
    }
}

fn request(report: &f::RequestReport) -> Request<'_> {
    Request {
        source: &report.source,
        name: &report.name,
        subject: &report.subject,
        key: &report.key,
        signature: &report.signature,
        names: &report.names,
        usages: &report.usages,
        key_usages: &report.key_usages,
        template: report.template.as_deref(),
        sha256: &report.sha256,
        verdict: report.verdict.word(),
        findings: report.findings.iter().map(finding).collect(),
        checks: report.checks.iter().map(check).collect(),
    }
}

fn check(outcome: &f::CheckOutcome) -> Check<'_> {
    let (result, why) = match &outcome.result {
        CheckResult::Passed => ("passed", None),
        CheckResult::Found => ("found", None),
        CheckResult::NotApplicable(why) => ("not-applicable", Some(&**why)),
        CheckResult::NotChecked(why) => ("not-checked", Some(&**why)),
    };
    Check { code: outcome.rule.code, name: outcome.rule.name, result, why }
}

fn summary(counts: &f::Summary) -> Summary {
    let f::Summary { valid, incomplete, invalid, skipped } = *counts;
    Summary { valid, invalid, incomplete, skipped }
}
