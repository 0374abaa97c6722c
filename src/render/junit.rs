//! JUnit XML, for CI systems: a suite a certificate, in it a case a direction and a check. What had
//! to be judged and could not be is an `error`: a build whose verdict is incomplete is never green.
//!
//! There is no standard; written is what Ant's, Jenkins's and GitLab's readers agree on. GitLab tells cases apart by
//! class and name alone: the class is the certificate's file. No times: nobody measured them.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::html::shown;
use super::{Paint, json, text};
use crate::checks::trust::BUDGET;
use crate::findings::{
    CertificateReport, CheckOutcome, CheckResult, DirectionReport, Finding, Report, Severity, Verdict,
};
use crate::text::escape;

/// One judgement of one certificate.
struct Case {
    name: String,
    /// `None`: it passed.
    not_passed: Option<NotPassed>,
    /// What to mind although it passed.
    output: String,
}

struct NotPassed {
    element: &'static str,
    message: String,
    /// The code to look up; of what is skipped nothing.
    code: Option<&'static str>,
    text: String,
}

/// Something is wrong.
const FAILURE: &str = "failure";
/// It could not be judged.
const ERROR: &str = "error";
/// It does not apply.
const SKIPPED: &str = "skipped";

/// The whole report of `verify`.
///
/// # Errors
/// Never into memory; the writer says it could.
pub fn verify(report: &Report) -> io::Result<String> {
    let suites: Vec<_> = report.certificates.iter().map(|c| (c, cases(c))).collect();
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = counts(suites.iter().flat_map(|(_, cases)| cases));
    writer
        .create_element("testsuites")
        .with_attribute(("name", "ocscert verify"))
        .with_attributes(counts.iter().map(|(count, n)| (*count, n.as_str())))
        .write_inner_content(|writer| {
            suites.iter().try_for_each(|(certificate, cases)| suite(writer, report, certificate, cases))?;
            notes(writer, &report.notes)
        })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn cases(certificate: &CertificateReport) -> Vec<Case> {
    let directions = certificate.directions.iter().map(direction);
    directions.chain(certificate.checks.iter().map(|c| check(c, &certificate.findings))).collect()
}

fn direction(report: &DirectionReport) -> Case {
    let id = report.direction.id();
    let ended = |element| NotPassed {
        element,
        message: shown(&report.reason),
        code: report.verdict.map(|_| id),
        text: report.codes.join("\n"),
    };
    let not_passed = match report.verdict {
        Some(Verdict::Valid) => None,
        Some(Verdict::Invalid) => Some(ended(FAILURE)),
        Some(Verdict::Incomplete) => Some(ended(ERROR)),
        None => Some(ended(SKIPPED)),
    };
    Case { name: id.into(), not_passed, output: String::new() }
}

/// What was found counts, whatever the check says: the path's own findings come under rules that a profile may have
/// no check of.
fn check(outcome: &CheckOutcome, findings: &[Finding]) -> Case {
    let rule = outcome.rule;
    let found: Vec<&Finding> = findings.iter().filter(|f| f.rule == rule).collect();
    let mut told = String::new();
    found.iter().for_each(|finding| text::finding(&mut told, finding, Paint::new(false)));

    let mut case =
        Case { name: format!("{} {}", rule.code, rule.name), not_passed: None, output: String::new() };
    let ended = |element, message, code, text| Some(NotPassed { element, message, code, text });
    let is_wrong = found.iter().any(|f| f.severity == Severity::Error);
    match &outcome.result {
        _ if is_wrong => {
            let element = if rule == &BUDGET { ERROR } else { FAILURE };
            case.not_passed = ended(element, rule.title.into(), Some(rule.code), told);
        }
        CheckResult::NotChecked(why) => case.not_passed = ended(ERROR, shown(why), Some(rule.code), told),
        CheckResult::NotApplicable(why) if found.is_empty() => {
            case.not_passed = ended(SKIPPED, shown(why), None, told);
        }
        _ => case.output = told,
    }
    case
}

type To<'a> = &'a mut Writer<Vec<u8>>;

fn suite(writer: To, report: &Report, certificate: &CertificateReport, cases: &[Case]) -> io::Result<()> {
    // Not cut short, like other text: two files must not become one. Systems bound the length of paths.
    let source = escape(&certificate.source);
    let counts = counts(cases.iter());
    let at = json::rfc3339(report.at);
    let properties = [
        ("verdict", certificate.verdict.word().to_string()),
        ("profile", report.profile.clone()),
        ("crypto", report.crypto.to_string()),
        ("subject", shown(&certificate.subject)),
        ("issuer", shown(&certificate.issuer)),
        ("serial", shown(&certificate.serial)),
        ("sha1", certificate.sha1.clone()),
        ("sha256", certificate.sha256.clone()),
        ("not_before", json::rfc3339(certificate.not_before)),
        ("not_after", json::rfc3339(certificate.not_after)),
    ];
    writer
        .create_element("testsuite")
        .with_attribute(("name", &*source))
        .with_attributes(counts.iter().map(|(count, n)| (*count, n.as_str())))
        .with_attribute(("timestamp", at.as_str()))
        .write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                properties.iter().try_for_each(|(name, value)| {
                    let property = writer.create_element("property");
                    property.with_attributes([("name", *name), ("value", value)]).write_empty().map(drop)
                })
            })?;
            cases.iter().try_for_each(|case| self::case(writer, &source, case))
        })
        .map(drop)
}

fn case(writer: To, class: &str, case: &Case) -> io::Result<()> {
    let names = [("classname", class), ("name", &case.name)];
    let element = writer.create_element("testcase").with_attributes(names);
    if case.not_passed.is_none() && case.output.is_empty() {
        return element.write_empty().map(drop);
    }
    let inside = |writer: To| {
        if let Some(NotPassed { element, message, code, text }) = &case.not_passed {
            let element = writer.create_element(*element).with_attribute(("message", message.as_str()));
            let element = element.with_attributes(code.map(|code| ("type", code)));
            match text.is_empty() {
                true => element.write_empty()?,
                false => element.write_text_content(BytesText::new(text))?,
            };
        }
        output(writer, &case.output)
    };
    element.write_inner_content(inside).map(drop)
}

/// What belongs to no certificate, in a suite without cases.
fn notes(writer: To, notes: &[String]) -> io::Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    let text: String = notes.iter().map(|note| format!("{}\n", shown(note))).collect();
    let suite = writer.create_element("testsuite").with_attribute(("name", "notes"));
    let counts = counts([].iter());
    let suite = suite.with_attributes(counts.iter().map(|(count, n)| (*count, n.as_str())));
    suite.write_inner_content(|writer| output(writer, &text)).map(drop)
}

fn output(writer: To, text: &str) -> io::Result<()> {
    if !text.is_empty() {
        writer.create_element("system-out").write_text_content(BytesText::new(text))?;
    }
    Ok(())
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case> + Clone) -> [(&'static str, String); 4] {
    let of = |element| {
        let such =
            cases.clone().filter(|case| case.not_passed.as_ref().is_some_and(|n| n.element == element));
        such.count().to_string()
    };
    let all = cases.clone().count().to_string();
    [("tests", all), ("failures", of(FAILURE)), ("errors", of(ERROR)), ("skipped", of(SKIPPED))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that was cut short proves nothing wrong: an error, as all that could not be judged, though the finding
    /// weighs as one, too.
    #[test]
    fn a_search_cut_short_is_no_failure() {
        let outcome = CheckOutcome { rule: &BUDGET, result: CheckResult::Found };
        let case = check(&outcome, &[BUDGET.finding("a.pem")]);
        assert_eq!(case.not_passed.map(|n| n.element), Some("error"));
    }
}
