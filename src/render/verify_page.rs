//! What `verify` found, as a page: the answer in the heading, then the picture, the table and the findings.

use super::html::{Page, Section};
use super::{graph, html, json};
use crate::findings::{Report, Verdict};
use crate::text::{count, escape_short};

/// The whole report, the worst first: a page is read from its top.
///
/// # Errors
/// The template is damaged: a bug, as it is part of the program.
pub fn page(mut report: Report) -> Result<String, minijinja::Error> {
    report.certificates.reverse();
    let title = title(&report);
    let lead = format!(
        "Judged for {} by the profile {}, with {} algorithms.",
        json::rfc3339(report.at).replace('T', " ").replace('Z', " UTC"),
        report.profile,
        report.crypto
    );
    let text = match report.certificates.len() {
        ..=graph::MOST => String::new(),
        all => format!(
            "The picture shows the worst {} of {all} certificates; the table has them all.",
            graph::MOST
        ),
    };
    let section = Section { heading: "Who trusts whom".into(), text, report };
    html::page(&Page { title: &title, lead: &lead, steps: &[], sections: &[section], next: &[] })
}

/// The answer: what the one certificate is, or how many are how.
fn title(report: &Report) -> String {
    let summary = &report.summary;
    match report.certificates.as_slice() {
        [one] => format!("{}: {}", escape_short(&one.name, 80), one.verdict.word()),
        all => {
            let counts = [
                (summary.invalid, Verdict::Invalid),
                (summary.incomplete, Verdict::Incomplete),
                (summary.valid, Verdict::Valid),
            ];
            let told =
                counts.iter().filter(|(n, _)| *n > 0).map(|(n, verdict)| format!("{n} {}", verdict.word()));
            format!("{}: {}", count(all.len(), "certificate"), told.collect::<Vec<_>>().join(", "))
        }
    }
}
