//! What a renewal changed: the new certificate held against the one it replaces. Renewals by another template, or
//! by a public CA, quietly lose what the old certificate had.

use std::sync::Arc;

use super::request::{comparable, difference};
use super::{Check, Issued, Judge, Judged, Subject, usage};
use crate::findings::{Rule, Severity};
use crate::model::{Certificate, GeneralName, Sourced};
use crate::text;

/// A usage that the old certificate had is gone.
pub static USAGE_DROPPED: Rule = Rule {
    code: "OCS-REQ-005",
    name: "renewal-lost-usage",
    severity: Severity::Error,
    title: "the renewal lost an extended key usage that the certificate in use has",
    why: "The federation ran with the old usages; without client authentication the other side refuses the \
          server as a client from the day of the change on.",
    remedy: "renew by the template of the certificate in use, or by one with both usages (guide step P9b)",
    refs: &["RFC 5280 section 4.2.1.12", "guide P9b", "Cisco FN74345"],
};

/// A name that the old certificate had is gone.
pub static NAME_DROPPED: Rule = Rule {
    code: "OCS-REQ-006",
    name: "renewal-lost-name",
    severity: Severity::Warning,
    title: "the renewal lost a name that the certificate in use has",
    why: "Whoever connects by the lost name, or has it as TLS peer subject, refuses the new certificate.",
    remedy: "make the request with all names: ocscert csr --san NAME; or make sure that nobody uses the name",
    refs: &["RFC 5280 section 4.2.1.6", "checklist 6"],
};

/// The old key goes on.
pub static KEY_REUSED: Rule = Rule {
    code: "OCS-REQ-007",
    name: "renewal-reuses-key",
    severity: Severity::Warning,
    title: "the renewal has the key of the certificate in use",
    why: "Whoever copied the key in all these years can go on using it; a renewal is the time for a new one.",
    remedy: "make a new key with the request: ocscert csr without --key",
    refs: &["NIST SP 800-57 part 1 section 5.3"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check { rule: &USAGE_DROPPED, judge: Judge::Issued(usage_dropped) },
    Check { rule: &NAME_DROPPED, judge: Judge::Issued(name_dropped) },
    Check { rule: &KEY_REUSED, judge: Judge::Issued(key_reused) },
];

/// The certificate it replaces: of those given the one that shares most names with it. The same certificate is
/// no renewal.
fn replaced<'a>(subject: &Subject<'a>, issued: &Issued<'_>) -> Result<&'a Sourced<Arc<Certificate>>, Judged> {
    let previous = subject.own().map_or(&[][..], |own| &own.previous);
    if previous.is_empty() {
        return Err(Judged::NotApplicable("no certificate in use was given (--previous)".into()));
    }
    let mine = names(issued.certificate);
    let shared = |c: &Certificate| names(c).iter().filter(|name| mine.contains(name)).count();
    // Only one was given: it is the one, whatever it is called.
    let candidates = previous.iter().filter(|c| previous.len() == 1 || shared(&c.value) > 0);
    // The first of equals, and of those the same certificate first: then nothing was renewed.
    let best = candidates.min_by_key(|c| (*c.value != *issued.certificate, usize::MAX - shared(&c.value)));
    match best {
        None => Err(Judged::NotApplicable("none of the certificates in use has one of its names".into())),
        Some(best) if *best.value == *issued.certificate => {
            Err(Judged::NotApplicable("it is the certificate in use".into()))
        }
        Some(best) => Ok(best),
    }
}

fn usage_dropped(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let previous = match replaced(subject, issued) {
        Ok(previous) => previous,
        Err(judged) => return judged,
    };
    let now = &issued.certificate.extensions.extended_key_usage;
    let (Some(before), Some(now)) = (&previous.value.extensions.extended_key_usage, now) else {
        // Without the extension every usage is allowed: nothing can be missing that was there, or is told by
        // the checks of the usages themselves.
        return Judged::Passed;
    };
    let lost: Vec<_> = before.value.iter().filter(|usage| !now.value.contains(usage)).cloned().collect();
    match lost.is_empty() {
        true => Judged::Passed,
        false => Judged::Found(vec![
            USAGE_DROPPED
                .finding(subject.source)
                .expected(usage::list(&before.value), usage::list(&now.value))
                .wanted(format!("in {}", previous.source), usage::list(&lost)),
        ]),
    }
}

fn name_dropped(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let previous = match replaced(subject, issued) {
        Ok(previous) => previous,
        Err(judged) => return judged,
    };
    let (before, now) = (names(&previous.value), names(issued.certificate));
    match before.iter().all(|name| now.contains(name)) {
        true => Judged::Passed,
        false => Judged::Found(vec![difference(NAME_DROPPED.finding(subject.source), &before, &now)]),
    }
}

fn key_reused(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    if let Err(judged) = replaced(subject, issued) {
        return judged;
    }
    let own = subject.own().map_or(&[][..], |own| &own.previous);
    let key = &issued.certificate.public_key;
    // All front ends of a pool may share one certificate, so any of them may have had the key.
    match own.iter().find(|c| c.value.public_key.is_same(key)) {
        None => Judged::Passed,
        Some(c) => Judged::Found(vec![KEY_REUSED.finding(subject.source).observed(
            format!("also in {}", c.source),
            format!("SHA-256 {}", text::hex(&key.fingerprint())),
        )]),
    }
}

/// All names of a certificate: the alternative ones, and the CN as one of them.
fn names(certificate: &Certificate) -> Vec<String> {
    let common = certificate.subject.common_name().map(|cn| GeneralName::Dns(cn.to_string()));
    let all: Vec<GeneralName> = certificate.extensions.alt_names().iter().cloned().chain(common).collect();
    comparable(&all)
}
