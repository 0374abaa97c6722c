//! Dates beyond "is it valid now", which path validation answers (checklist 16), and the distribution
//! point that tells where revocation is found (17).

use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::{Check, Issued, Judge, Judged, Subject};
use crate::findings::{Rule, Severity};
use crate::text;

/// It ends soon.
pub static EXPIRES_SOON: Rule = Rule {
    code: "OCS-VAL-003",
    name: "expires-soon",
    severity: Severity::Warning,
    title: "the certificate expires soon",
    why: "A renewal takes a request, an answer of the CA, and a restart of every front end in a maintenance window.",
    remedy: "request the next certificate now",
    refs: &["checklist 16"],
};

/// An issuer ends before the leaf.
pub static ISSUER_EXPIRES_FIRST: Rule = Rule {
    code: "OCS-VAL-004",
    name: "issuer-expires-first",
    severity: Severity::Warning,
    title: "a CA certificate above expires before this certificate does",
    why: "The federation stops when the first certificate of the chain ends, not the last.",
    remedy: "plan the renewal for the CA's date; install the renewed CA certificate on both sides before",
    refs: &["RFC 5280 section 6.1.3", "checklist 16"],
};

/// The validity began only just now.
pub static JUST_BEGUN: Rule = Rule {
    code: "OCS-VAL-005",
    name: "just-begun",
    severity: Severity::Info,
    title: "the validity began less than 15 minutes ago: a server whose clock is behind still refuses it",
    why: "Each server judges by its own clock.",
    remedy: "compare the clocks of both sides with a time server (NTP)",
    refs: &["checklist 16"],
};

/// No CRL distribution point.
pub static NO_CDP: Rule = Rule {
    code: "OCS-REV-003",
    name: "no-crl-distribution-point",
    severity: Severity::Warning,
    title: "there is no CRL distribution point",
    why: "OCS 2007 and Lync document that server certificates need one, reachable over http from both sides.",
    remedy: "have the CA's Extensions list an http distribution point, and issue the certificate anew",
    refs: &["checklist 17", "RFC 5280 section 4.2.1.13"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check { rule: &EXPIRES_SOON, judge: Judge::Issued(expires_soon) },
    Check { rule: &ISSUER_EXPIRES_FIRST, judge: Judge::Issued(issuer_expires_first) },
    Check { rule: &JUST_BEGUN, judge: Judge::Issued(just_begun) },
    Check { rule: &NO_CDP, judge: Judge::Issued(no_cdp) },
];

/// A date as reports write it in text: `2027-11-22 14:05 UTC`.
pub fn date(at: time::OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let text = at.format(&Rfc3339).unwrap_or_default();
    let (day, rest) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", rest.get(..5).unwrap_or(rest))
}

fn expires_soon(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let validity = issued.certificate.validity;
    let left = validity.days_left(subject.question.at);
    if !validity.contains(subject.question.at) {
        return Judged::NotApplicable("it is not valid now".into());
    }
    if left >= subject.question.warn_days {
        return Judged::Passed;
    }
    let observed = format!("{} left, until {}", text::count(left as usize, "day"), date(validity.not_after));
    Judged::Found(vec![EXPIRES_SOON.finding(subject.source).observed("", observed)])
}

fn issuer_expires_first(_: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let end = issued.certificate.validity.not_after;
    let findings = issued.path.iter().skip(1).filter(|c| c.certificate.validity.not_after < end).map(|c| {
        ISSUER_EXPIRES_FIRST
            .finding(c.source)
            .observed(
                c.certificate.subject.short(),
                format!("until {}", date(c.certificate.validity.not_after)),
            )
            .observed("this certificate", format!("until {}", date(end)))
    });
    Judged::from(findings.collect::<Vec<_>>())
}

fn just_begun(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let age = subject.question.at - issued.certificate.validity.not_before;
    match (Duration::ZERO..Duration::minutes(15)).contains(&age) {
        false => Judged::Passed,
        true => Judged::Found(vec![
            JUST_BEGUN
                .finding(subject.source)
                .observed("", format!("valid from {}", date(issued.certificate.validity.not_before))),
        ]),
    }
}

fn no_cdp(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    match &issued.certificate.extensions.crl_distribution_points {
        Some(points) if !points.value.is_empty() => Judged::Passed,
        _ => Judged::Found(vec![NO_CDP.finding(subject.source).observed("", "none in the certificate")]),
    }
}
