//! A request before a CA signs it: is it what OCS or IM and Presence needs? Names, usages and keys are judged by the
//! checks that judge a certificate's; here is what only a request has.

use std::sync::Arc;

use super::keys::{is_broken, is_hash, is_pss};
use super::verdict::run_checks;
use super::{Check, Judge, Judged, Question, Subject, checks};
use crate::findings::{Finding, RequestReport, Rule, Severity, Verdict};
use crate::model::{Claims, Defect, Hash, Request, Sourced};
use crate::path::signature::verify_request;
use crate::text;

/// The request's own signature does not hold.
pub static SIGNATURE: Rule = Rule {
    code: "OCS-REQ-008",
    name: "request-signature",
    severity: Severity::Error,
    title: "the request's own signature does not hold",
    why: "A request is signed with the key that it asks to certify, which proves that whoever asks has it. A CA \
          refuses one that was changed afterwards, or that another key signed.",
    remedy: "get the file again, or make the request anew",
    refs: &["RFC 2986 section 4.2"],
};

/// The request is signed with an algorithm of the past.
pub static SIGNATURE_ALGORITHM: Rule = Rule {
    code: "OCS-REQ-009",
    name: "request-signature-algorithm",
    severity: Severity::Warning,
    title: "the request is signed with an algorithm that many CAs refuse",
    why: "It says nothing of the certificate, whose signature is the CA's choice; but CAs of today take no \
          requests that are signed with MD5, some none with SHA-1 or RSASSA-PSS.",
    remedy: "if the CA refuses it, make the request with SHA-256: ocscert csr, or HashAlgorithm=sha256 for certreq",
    refs: &["RFC 6151", "RFC 9155"],
};

/// The request's encoding breaks the standard.
pub static MALFORMED: Rule = Rule {
    code: "OCS-REQ-010",
    name: "request-malformed",
    severity: Severity::Error,
    title: "the request holds an extension that cannot be read, or holds one twice",
    why: "What a CA makes of it is its own affair: the certificate may lack what was asked for.",
    remedy: "make the request anew",
    refs: &["RFC 2986 section 4.1", "RFC 5280 section 4.2"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check { rule: &SIGNATURE, judge: Judge::Asked(signature) },
    Check { rule: &SIGNATURE_ALGORITHM, judge: Judge::Asked(signature_algorithm) },
    Check { rule: &MALFORMED, judge: Judge::Asked(malformed) },
];

/// Judges one request as what the question's side needs.
pub fn judge_request(question: &Question, request: &Sourced<Arc<Request>>) -> RequestReport {
    let asked = &*request.value;
    let claims = Claims::from(asked);
    let subject =
        Subject { claims, source: &request.source, side: question.own.side, question, issuers: &[] };
    let of_requests = checks().filter(|check| !matches!(check.judge, Judge::Issued(_)));
    let (checks, mut findings) = run_checks(of_requests, question, |judge| match judge {
        Judge::Claims(judge) => judge(&subject),
        Judge::Asked(judge) => judge(&subject, asked),
        Judge::Issued(_) => Judged::NotApplicable("of certificates".into()),
    });
    findings.sort_by_key(|finding| finding.severity);
    let is_invalid = findings.iter().any(|finding| finding.severity == Severity::Error);
    let usages = claims.extensions.extended_key_usage.as_ref().map_or(&[][..], |usages| &usages.value);
    RequestReport {
        source: request.source.clone(),
        name: asked.subject.short().to_string(),
        subject: asked.subject.to_string(),
        key: asked.public_key.algorithm.to_string(),
        signature: asked.signature_algorithm.to_string(),
        names: claims.extensions.alt_names().iter().map(ToString::to_string).collect(),
        usages: usages
            .iter()
            .map(|usage| usage.name().map_or_else(|| usage.to_string(), Into::into))
            .collect(),
        key_usages: claims.extensions.key_usage.as_ref().map_or_else(Vec::new, |usage| usage.value.names()),
        template: claims.extensions.template(),
        sha256: text::hex(&asked.sha256()),
        verdict: if is_invalid { Verdict::Invalid } else { Verdict::Valid },
        findings,
        checks,
    }
}

fn signature(subject: &Subject<'_>, request: &Request) -> Judged {
    match verify_request(request) {
        Ok(()) => Judged::Passed,
        Err(fault) => Judged::Found(vec![SIGNATURE.finding(subject.source).observed("", fault.to_string())]),
    }
}

fn signature_algorithm(subject: &Subject<'_>, request: &Request) -> Judged {
    let algorithm = &request.signature_algorithm;
    let finding = || SIGNATURE_ALGORITHM.finding(subject.source).observed("", algorithm.to_string());
    match is_broken(algorithm) || is_pss(algorithm) {
        true => Judged::Found(vec![finding()]),
        // certreq of Server 2003 signs so, and the CAs of its time take it.
        false if is_hash(algorithm, &[Hash::Sha1]) => {
            Judged::Found(vec![match subject.question.is_legacy() {
                true => finding().severity(Severity::Info),
                false => finding(),
            }])
        }
        false => Judged::Passed,
    }
}

fn malformed(subject: &Subject<'_>, request: &Request) -> Judged {
    let finding = |defect: &Defect| -> Option<Finding> {
        let observed = match defect {
            Defect::Extension { kind, .. } => format!("{kind} cannot be read"),
            Defect::Duplicate { kind } => format!("{kind} is there twice"),
            // The others are of certificates.
            _ => return None,
        };
        Some(MALFORMED.finding(subject.source).observed("", observed))
    };
    Judged::from(request.defects.iter().filter_map(finding).collect::<Vec<_>>())
}
