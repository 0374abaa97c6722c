//! Extended key usage: both sides open and answer connections, so every certificate serves as server and as
//! client (checklist 2-4; guide step P8).

use super::{Check, Judge, Judged, Side, Subject, commands};
use crate::findings::{Finding, Rule, Severity};
use crate::model::{Oid, oid};

/// No client authentication.
pub static NO_CLIENT_AUTH: Rule = Rule {
    code: "OCS-EKU-001",
    name: "no-client-auth",
    severity: Severity::Error,
    title: "no client authentication: the other side will refuse it as a client",
    why: "In mutual TLS the side that opens the connection shows its certificate as a client. Without clientAuth among its extended key usages the peer ends the handshake (alert 43), so messages flow one way only, or not at all.",
    remedy: "have the CA administrator make a template with both usages (guide step P9b), then submit again",
    refs: &["guide P8, P9b", "RFC 5280 section 4.2.1.12"],
};

/// No server authentication.
pub static NO_SERVER_AUTH: Rule = Rule {
    code: "OCS-EKU-002",
    name: "no-server-auth",
    severity: Severity::Error,
    title: "no server authentication: the other side will refuse it as a server",
    why: "The side that answers a connection shows its certificate as a server; without serverAuth the peer ends the handshake.",
    remedy: "request a certificate with both usages (guide step P9)",
    refs: &["guide P9a", "RFC 5280 section 4.2.1.12"],
};

/// anyExtendedKeyUsage instead of the two.
pub static ANY_USAGE: Rule = Rule {
    code: "OCS-EKU-003",
    name: "any-extended-key-usage",
    severity: Severity::Warning,
    title: "anyExtendedKeyUsage: Windows and IM and Presence look for the two usages by name",
    why: "RFC 5280 lets anyExtendedKeyUsage stand for all; Schannel and IM and Presence do not take it for serverAuth and clientAuth.",
    remedy: "request a certificate that names serverAuth and clientAuth",
    refs: &["checklist 2"],
};

/// No EKU extension.
pub static NO_USAGES: Rule = Rule {
    code: "OCS-EKU-004",
    name: "no-extended-key-usage",
    severity: Severity::Warning,
    title: "no extended key usage: Windows takes that for all purposes, others may not",
    why: "RFC 5280 does not restrict such a certificate and Windows shows it as good for all purposes; IM and Presence is documented to want both usages by name.",
    remedy: "request a certificate that names serverAuth and clientAuth",
    refs: &["checklist 2"],
};

/// More usages than the two.
pub static EXTRA_USAGES: Rule = Rule {
    code: "OCS-EKU-007",
    name: "extra-extended-key-usage",
    severity: Severity::Warning,
    title: "more usages than server and client authentication",
    why: "The guide asks for a template with exactly these two: a certificate that can do more is a larger loss when its key is stolen.",
    remedy: "have the template reduced to the two usages (guide step P9b)",
    refs: &["guide P9b", "checklist 4"],
};

/// Application policies that do not allow what the EKU allows.
pub static APPLICATION_POLICIES: Rule = Rule {
    code: "OCS-EKU-006",
    name: "application-policies",
    severity: Severity::Error,
    title: "the Microsoft application policies do not allow both usages",
    why: "Windows judges by the application policies extension where a certificate has one, beside the extended key usage.",
    remedy: "have the template's application policies set to Client and Server Authentication (guide step P9b)",
    refs: &["guide P9b", "checklist 3"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check {
        rule: &NO_CLIENT_AUTH,
        judge: Judge::Claims(|s| required(s, &NO_CLIENT_AUTH, &oid::CLIENT_AUTH)),
    },
    Check {
        rule: &NO_SERVER_AUTH,
        judge: Judge::Claims(|s| required(s, &NO_SERVER_AUTH, &oid::SERVER_AUTH)),
    },
    Check { rule: &ANY_USAGE, judge: Judge::Claims(any_usage) },
    Check { rule: &NO_USAGES, judge: Judge::Claims(no_usages) },
    Check { rule: &EXTRA_USAGES, judge: Judge::Claims(extra_usages) },
    Check { rule: &APPLICATION_POLICIES, judge: Judge::Claims(application_policies) },
];

/// The usages as people read them: `serverAuth and clientAuth`.
pub fn list(usages: &[Oid]) -> String {
    let names: Vec<String> =
        usages.iter().map(|oid| oid.name().map_or_else(|| oid.to_string(), str::to_string)).collect();
    match names.as_slice() {
        [] => "none".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn required(subject: &Subject<'_>, rule: &'static Rule, usage: &Oid) -> Judged {
    if !subject.question.usages().contains(usage) {
        return Judged::NotApplicable("--purpose does not ask for it".into());
    }
    let Some(usages) = &subject.claims.extensions.extended_key_usage else {
        return Judged::NotApplicable("there is no extended key usage, which restricts nothing".into());
    };
    if usages.value.contains(usage) || usages.value.contains(&oid::ANY_EXTENDED_KEY_USAGE) {
        return Judged::Passed;
    }
    Judged::Found(vec![missing(subject, rule, &usages.value)])
}

fn missing(subject: &Subject<'_>, rule: &'static Rule, usages: &[Oid]) -> Finding {
    let mut finding = rule.finding(subject.source).expected(list(&subject.question.usages()), list(usages));
    if let (Some(command), Side::Ocs) =
        (commands::submit_to_other_template(&subject.question.known), subject.side)
    {
        finding = finding.command(command);
    }
    match subject.claims.extensions.template() {
        Some(template) if template == "WebServer" => finding.likely(
            "issued from the stock \"WebServer\" template, which has server authentication only (the certificate names it)",
        ),
        Some(template) => finding.likely(format!("the template it was issued from ({template}) lacks it")),
        None if usages == [oid::SERVER_AUTH] => {
            finding.likely("issued from the stock Web Server template of a Microsoft CA, or by a public CA")
        }
        None => finding,
    }
}

fn any_usage(subject: &Subject<'_>) -> Judged {
    let usages = subject.claims.extensions.extended_key_usage.as_ref().map_or(&[][..], |e| &e.value);
    let all_named = subject.question.usages().iter().all(|wanted| usages.contains(wanted));
    match usages.contains(&oid::ANY_EXTENDED_KEY_USAGE) && !all_named {
        false => Judged::Passed,
        true => Judged::Found(vec![
            ANY_USAGE.finding(subject.source).expected(list(&subject.question.usages()), list(usages)),
        ]),
    }
}

fn no_usages(subject: &Subject<'_>) -> Judged {
    match subject.claims.extensions.extended_key_usage {
        Some(_) => Judged::Passed,
        None => Judged::Found(vec![
            NO_USAGES.finding(subject.source).expected(list(&subject.question.usages()), "no such extension"),
        ]),
    }
}

fn extra_usages(subject: &Subject<'_>) -> Judged {
    if subject.side == Side::Imp {
        return Judged::NotApplicable("a cup request also asks for IPsec".into());
    }
    let usages = subject.claims.extensions.extended_key_usage.as_ref().map_or(&[][..], |e| &e.value);
    let two = [oid::SERVER_AUTH, oid::CLIENT_AUTH, oid::ANY_EXTENDED_KEY_USAGE];
    let extra: Vec<Oid> = usages.iter().filter(|usage| !two.contains(usage)).cloned().collect();
    match extra.as_slice() {
        [] => Judged::Passed,
        extra => Judged::Found(vec![EXTRA_USAGES.finding(subject.source).observed("", list(extra))]),
    }
}

fn application_policies(subject: &Subject<'_>) -> Judged {
    let Some(policies) = &subject.claims.extensions.application_policies else {
        return Judged::NotApplicable("there are no application policies".into());
    };
    let wanted = subject.question.usages();
    if wanted.iter().all(|usage| policies.value.contains(usage)) {
        return Judged::Passed;
    }
    Judged::Found(vec![
        APPLICATION_POLICIES.finding(subject.source).expected(list(&wanted), list(&policies.value)),
    ])
}
