//! Trust stores: what may lie in them, and how much (checklist 13).

use std::collections::HashSet;
use std::sync::Arc;

use super::{Check, Issued, Judge, Judged, Side, Subject};
use crate::findings::{Finding, Rule, Severity};
use crate::model::{Certificate, Sourced};
use crate::text;

/// An anchor that is not self-signed.
pub static ANCHOR_NOT_SELF_SIGNED: Rule = Rule {
    code: "OCS-STO-001",
    name: "anchor-not-self-signed",
    severity: Severity::Error,
    title: "the chain ends in a trusted certificate that is no root",
    why: "Windows does not end a chain in an intermediate CA (it reports a partial chain), and a certificate that is not self-signed among the Trusted Roots breaks client certificates on Server 2012 and later (KB2795828).",
    remedy: "put the root itself into the trust store, and intermediates into Intermediate Certification Authorities",
    refs: &["KB2795828", "checklist 13"],
};

/// Something among the Trusted Roots that is no root.
pub static NOT_A_ROOT: Rule = Rule {
    code: "OCS-STO-002",
    name: "not-a-root",
    severity: Severity::Error,
    title: "a certificate among the Trusted Roots is not self-signed",
    why: "One is enough: Server 2012 and later then refuse client certificates, without a word of the cause, and the front-end service of Lync does not start (KB2795828). Importing a whole .p7b into the Trusted Roots, as guides do, brings one in.",
    remedy: "move it to Intermediate Certification Authorities",
    refs: &["KB2795828", "checklist 13"],
};

/// A certificate that the store holds already, or twice.
pub static DUPLICATE: Rule = Rule {
    code: "OCS-STO-003",
    name: "duplicate",
    severity: Severity::Warning,
    title: "a CA is in the store more than once, by certificates that differ",
    why: "Each counts towards the length of the list of trusted issuers, and which of them Windows builds a chain with is not for you to say.",
    remedy: "keep the newest, and remove the others when nothing that they signed is in use",
    refs: &["checklist 13"],
};

/// More roots than Schannel lists.
pub static MANY_ROOTS: Rule = Rule {
    code: "OCS-STO-004",
    name: "many-roots",
    severity: Severity::Warning,
    title: "more than 100 trusted roots",
    why: "A server that asks for certificates sends the names of all its roots. With so many the list is soon too long, and is cut off without regard to what is needed (event 36885).",
    remedy: "remove roots that the server does not need; or, on Server 2008 and later, have it send no list (SendTrustedIssuerList=0)",
    refs: &["KB933430", "checklist 13"],
};

/// An issuer list that Schannel cuts off.
pub static LONG_LIST: Rule = Rule {
    code: "OCS-STO-005",
    name: "long-issuer-list",
    severity: Severity::Warning,
    title: "the list of trusted issuers is too long for Schannel",
    why: "Schannel cuts the list in its CertificateRequest off at 16 KiB, at 12 KiB on Server 2003 without KB933430 (event 36885): a peer whose root falls off sends no certificate. On Server 2012 over 16 KiB breaks the logon as such (KB2880390).",
    remedy: "remove roots that the server does not need; or, on Server 2008 and later, have it send no list (SendTrustedIssuerList=0)",
    refs: &["KB933430", "KB2801679", "KB2880390", "checklist 13"],
};

/// The checks of this family.
pub const CHECKS: &[Check] =
    &[Check { rule: &ANCHOR_NOT_SELF_SIGNED, judge: Judge::Issued(anchor_not_self_signed) }];

/// The rules of a store as a whole, which [`judge_store`] applies.
pub const RULES: &[&Rule] = &[&NOT_A_ROOT, &DUPLICATE, &MANY_ROOTS, &LONG_LIST];

/// The most roots, and the longest list: of Server 2003 without its hotfix, and of all others.
const MOST_ROOTS: usize = 100;
const LONGEST_ON_2003: usize = 12 * 1024;
const LONGEST: usize = 16 * 1024;

/// Judges what a side's store of trusted certificates will hold: the Trusted Roots of OCS's computer account, or
/// `cup-trust`, which intermediates go into too, and whose list nobody cuts off. Exact repetitions are no matter: a
/// store holds each certificate once. `name` is what findings are about.
pub fn judge_store(side: Side, name: &str, store: &[Sourced<Arc<Certificate>>]) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let store: Vec<_> = store.iter().filter(|c| seen.insert(*c.value.sha256())).collect();
    let mut findings = Vec::new();
    for (i, one) in store.iter().enumerate() {
        let twin = store[..i].iter().find(|other| other.value.subject == one.value.subject);
        if let Some(twin) = twin {
            let described = |c: &Certificate| format!("SHA-1 {}", text::hex(&c.sha1()));
            findings.push(
                DUPLICATE
                    .finding(&one.source)
                    .observed("subject", one.value.subject.to_string())
                    .observed(&one.source, described(&one.value))
                    .observed(&twin.source, described(&twin.value)),
            );
        }
    }
    if side == Side::Imp {
        return findings;
    }
    if store.len() > MOST_ROOTS {
        findings.push(
            MANY_ROOTS.finding(name).expected(format!("{MOST_ROOTS} at most"), store.len().to_string()),
        );
    }
    findings.extend(long_list(name, &store));
    findings.extend(store.iter().filter(|c| !c.value.is_self_issued()).map(|c| {
        NOT_A_ROOT
            .finding(&c.source)
            .observed("subject", c.value.subject.to_string())
            .observed("issued by", c.value.issuer.to_string())
    }));
    findings
}

/// certificate_authorities (RFC 5246 section 7.4.4): each name once, with two bytes of length before it.
fn long_list(name: &str, store: &[&Sourced<Arc<Certificate>>]) -> Option<Finding> {
    let names: HashSet<&[u8]> = store.iter().map(|c| c.value.subject.der()).collect();
    let length: usize = names.iter().map(|name| 2 + name.len()).sum();
    let (limit, whose) = match length {
        _ if length > LONGEST => (LONGEST, "every Windows Server that sends it"),
        _ if length > LONGEST_ON_2003 => (LONGEST_ON_2003, "Server 2003 without KB933430"),
        _ => return None,
    };
    let kib = |bytes: usize| format!("{:.1} KiB", bytes as f64 / 1024.0);
    Some(LONG_LIST.finding(name).expected(format!("{} at most, for {whose}", kib(limit)), kib(length)))
}

fn anchor_not_self_signed(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let (true, Some(anchor)) = (issued.anchored, issued.path.last()) else {
        return Judged::NotApplicable("the path reaches no trusted certificate".into());
    };
    if anchor.certificate.is_self_issued() {
        return Judged::Passed;
    }
    let finding = ANCHOR_NOT_SELF_SIGNED
        .finding(anchor.source)
        .observed("trusted", anchor.certificate.subject.to_string())
        .observed("issued by", anchor.certificate.issuer.to_string());
    // OCS's certificates are judged against IM and Presence's store: there it is a matter of taste.
    let finding = match subject.side {
        Side::Ocs => finding.severity(Severity::Warning),
        Side::Imp => finding,
    };
    Judged::Found(vec![finding])
}
