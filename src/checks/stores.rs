//! Trust stores: what may lie in them (checklist 13).

use super::{Check, Judged, Side, Subject};
use crate::findings::{Rule, Severity};

/// An anchor that is not self-signed.
pub static ANCHOR_NOT_SELF_SIGNED: Rule = Rule {
    code: "OCS-STO-001",
    name: "anchor-not-self-signed",
    severity: Severity::Error,
    title: "the chain ends in a trusted certificate that is no root",
    why: "Windows does not end a chain in an intermediate CA (it reports a partial chain), and a certificate that is not self-signed among the Trusted Roots breaks client certificates on Server 2012 and later (KB2801679).",
    remedy: "put the root itself into the trust store, and intermediates into Intermediate Certification Authorities",
    refs: &["KB2801679", "checklist 13"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[Check { rule: &ANCHOR_NOT_SELF_SIGNED, judge: anchor_not_self_signed }];

fn anchor_not_self_signed(subject: &Subject<'_>) -> Judged {
    let (true, Some(anchor)) = (subject.anchored, subject.path.last()) else {
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
