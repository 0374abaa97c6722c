//! What came back compared with what was asked. A CA's template may override a request, so a difference is a
//! finding and not a refusal; another key is refused elsewhere.

use std::sync::Arc;

use super::{Check, Issued, Judge, Judged, Subject};
use crate::findings::{Finding, Rule, Severity};
use crate::model::{Certificate, GeneralName, KeyUsage, Oid, Request, Sourced, oid};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check {
        rule: &SUBJECT_CHANGED,
        judge: Judge::Issued(|subject, issued| held_against(subject, issued, self::subject)),
    },
    Check {
        rule: &NAMES_CHANGED,
        judge: Judge::Issued(|subject, issued| held_against(subject, issued, alt_names)),
    },
    Check {
        rule: &USAGE_LOST,
        judge: Judge::Issued(|subject, issued| held_against(subject, issued, usages)),
    },
    Check {
        rule: &KEY_USAGE_LOST,
        judge: Judge::Issued(|subject, issued| held_against(subject, issued, key_usage)),
    },
];

/// The CA put another subject into the certificate.
pub static SUBJECT_CHANGED: Rule = Rule {
    code: "OCS-REQ-001",
    name: "issued-other-subject",
    severity: Severity::Warning,
    title: "the CA issued another subject than was asked for",
    why: "OCS wants the pool's or server's name as the common name, and IM and Presence compares it with its \
          TLS peer subject; a template that builds the subject from the directory replaces it",
    remedy: "have the template changed to \"Supply in the request\", then submit again with --resubmit",
    refs: &["RFC 5280 section 4.1.2.6", "MS-WCCE section 3.2.2.6.2.1.4"],
};

/// The CA put other subject alternative names into the certificate.
pub static NAMES_CHANGED: Rule = Rule {
    code: "OCS-REQ-002",
    name: "issued-other-names",
    severity: Severity::Warning,
    title: "the CA issued other subject alternative names than were asked for",
    why: "a peer that connects by a name that is missing refuses the certificate",
    remedy: "have the template changed to \"Supply in the request\", then submit again with --resubmit",
    refs: &["RFC 5280 section 4.2.1.6", "MS-WCCE section 3.2.2.6.2.1.4"],
};

/// The certificate lacks an extended key usage that was asked for.
pub static USAGE_LOST: Rule = Rule {
    code: "OCS-REQ-003",
    name: "issued-without-usage",
    severity: Severity::Warning,
    title: "the CA left out an extended key usage that was asked for",
    why: "the template decides the usages, whatever the request says; without client authentication IM and \
          Presence refuses OCS as a client",
    remedy: "have the CA administrator make a template with server and client authentication (guide step P9b), \
             then submit again with --template NAME",
    refs: &["RFC 5280 section 4.2.1.12", "guide step P9b"],
};

/// The certificate lacks a key usage that was asked for.
pub static KEY_USAGE_LOST: Rule = Rule {
    code: "OCS-REQ-004",
    name: "issued-without-key-usage",
    severity: Severity::Warning,
    title: "the CA left out a key usage that was asked for",
    why: "TLS needs digitalSignature, and with RSA key exchange keyEncipherment too",
    remedy: "have the template's key usage changed, then submit again with --resubmit",
    refs: &["RFC 5280 section 4.2.1.3"],
};

/// Compares an issued certificate with the request it answers. What was not asked for is not missed.
pub fn compare(request: &Request, certificate: &Certificate, source: &str) -> Vec<Finding> {
    let checks = [subject, alt_names, usages, key_usage];
    checks.iter().filter_map(|check| check(request, certificate, source)).collect()
}

/// One comparison, where `verify` has the request. Asked whether this is what was asked for, a difference is an
/// error; what the check itself calls a hint stays one.
fn held_against(
    subject: &Subject<'_>,
    issued: &Issued<'_>,
    check: fn(&Request, &Certificate, &str) -> Option<Finding>,
) -> Judged {
    let requests = subject.own().map_or(&[][..], |own| &own.requests);
    let carries_its_key =
        |r: &&Sourced<Arc<Request>>| r.value.public_key.is_same(&issued.certificate.public_key);
    let request = match requests {
        [] => return Judged::NotApplicable("no request was given (--csr)".into()),
        [only] => only,
        several => match several.iter().find(carries_its_key) {
            Some(request) => request,
            None => return Judged::NotApplicable("none of the requests is for its key".into()),
        },
    };
    let found =
        check(&request.value, issued.certificate, subject.source).map(|finding| match finding.severity {
            Severity::Info => finding,
            _ => finding.severity(Severity::Error),
        });
    Judged::from(found.into_iter().collect::<Vec<_>>())
}

fn subject(request: &Request, certificate: &Certificate, source: &str) -> Option<Finding> {
    if request.subject == certificate.subject {
        return None;
    }
    let finding = SUBJECT_CHANGED
        .finding(source)
        .expected(request.subject.to_string(), certificate.subject.to_string());
    let same = request.subject.common_name() == certificate.subject.common_name();
    Some(if same { finding.severity(Severity::Info) } else { finding })
}

fn alt_names(request: &Request, certificate: &Certificate, source: &str) -> Option<Finding> {
    request.extensions.subject_alt_name.as_ref()?;
    let asked = comparable(request.extensions.alt_names());
    let got = comparable(certificate.extensions.alt_names());
    (asked != got).then(|| difference(NAMES_CHANGED.finding(source), &asked, &got))
}

fn usages(request: &Request, certificate: &Certificate, source: &str) -> Option<Finding> {
    let asked = &request.extensions.extended_key_usage.as_ref()?.value;
    // Without the extension every usage is allowed (RFC 5280 section 4.2.1.12).
    let got = &certificate.extensions.extended_key_usage.as_ref()?.value;
    let lost = asked.iter().any(|usage| !got.contains(usage)) && !got.contains(&oid::ANY_EXTENDED_KEY_USAGE);
    let names = |list: &[Oid]| {
        list.iter().map(|o| o.name().map_or_else(|| o.to_string(), Into::into)).collect::<Vec<_>>().join(", ")
    };
    lost.then(|| {
        let finding = USAGE_LOST.finding(source).expected(names(asked), names(got));
        match certificate.extensions.template() {
            Some(template) => finding.likely(format!("issued from the template \"{template}\"")),
            None => finding,
        }
    })
}

fn key_usage(request: &Request, certificate: &Certificate, source: &str) -> Option<Finding> {
    let asked = request.extensions.key_usage.as_ref()?.value;
    // Without the extension every usage is allowed (RFC 5280 section 4.2.1.3).
    let got = certificate.extensions.key_usage.as_ref()?.value;
    let names = |usage: KeyUsage| usage.names().join(", ");
    (!got.contains(asked)).then(|| KEY_USAGE_LOST.finding(source).expected(names(asked), names(got)))
}

/// Names without the accidents of order and DNS case.
pub(super) fn comparable(names: &[GeneralName]) -> Vec<String> {
    let text = |name: &GeneralName| match name {
        GeneralName::Dns(_) => name.to_string().to_ascii_lowercase(),
        other => other.to_string(),
    };
    let mut names: Vec<String> = names.iter().map(text).collect();
    names.sort();
    names.dedup();
    names
}

/// Both lists, then what one has and the other has not.
pub(super) fn difference(finding: Finding, before: &[String], after: &[String]) -> Finding {
    let lacking = |of: &[String], list: &[String]| -> Vec<String> {
        of.iter().filter(|name| !list.contains(name)).cloned().collect()
    };
    let (lost, added) = (lacking(before, after), lacking(after, before));
    let finding = finding.expected(listed(before), listed(after));
    let finding = if lost.is_empty() { finding } else { finding.wanted("missing", lost.join(", ")) };
    if added.is_empty() { finding } else { finding.observed("additional", added.join(", ")) }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose as Eku, KeyPair, KeyUsagePurpose as Ku};

    /// What `ocscert csr` asks for.
    fn asked() -> CertificateParams {
        let names = ["pool.foo.com", "FE1.foo.com"].map(String::from);
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "pool.foo.com");
        params.distinguished_name.push(DnType::OrganizationName, "Foo");
        params.extended_key_usages = vec![Eku::ServerAuth, Eku::ClientAuth];
        params.key_usages = vec![Ku::DigitalSignature, Ku::KeyEncipherment];
        params
    }

    /// The findings where a CA changed the request in this way.
    fn found(change: impl Fn(&mut CertificateParams)) -> Vec<(&'static str, Severity)> {
        let key = KeyPair::generate().unwrap();
        let request = asked().serialize_request(&key).unwrap();
        let request = Request::from_der(request.der().to_vec()).unwrap();
        let mut params = asked();
        change(&mut params);
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec()).unwrap();
        let findings = compare(&request, &certificate, "fe1.pem");
        findings.iter().map(|finding| (finding.rule.code, finding.severity)).collect()
    }

    #[test]
    fn what_came_as_asked_is_fine_and_order_case_and_additions_are_no_matter() {
        assert_eq!(found(|_| ()), []);
        assert_eq!(
            found(|params| {
                let names = ["fe1.foo.com", "pool.foo.com"].map(String::from);
                params.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
                params.extended_key_usages.push(Eku::EmailProtection);
                params.key_usages.push(Ku::DataEncipherment);
            }),
            []
        );
        // Without the extensions every usage is allowed.
        assert_eq!(
            found(|params| {
                params.extended_key_usages.clear();
                params.key_usages.clear();
            }),
            []
        );
        assert_eq!(found(|params| params.extended_key_usages = vec![Eku::Any]), []);
    }

    #[test]
    fn each_difference_is_told() {
        use Severity::{Info, Warning};
        assert_eq!(
            found(|params| params.distinguished_name.push(DnType::CommonName, "fe1")),
            [("OCS-REQ-001", Warning)]
        );
        let less =
            |params: &mut CertificateParams| params.distinguished_name.remove(DnType::OrganizationName);
        assert_eq!(found(|params| assert!(less(params))), [("OCS-REQ-001", Info)]);
        assert_eq!(found(|params| drop(params.subject_alt_names.pop())), [("OCS-REQ-002", Warning)]);
        assert_eq!(found(|params| params.subject_alt_names.clear()), [("OCS-REQ-002", Warning)]);
        assert_eq!(found(|params| drop(params.extended_key_usages.pop())), [("OCS-REQ-003", Warning)]);
        assert_eq!(found(|params| params.key_usages.truncate(1)), [("OCS-REQ-004", Warning)]);
    }
}
