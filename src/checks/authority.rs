//! The CA that issued: a public one will not renew a certificate for mutual TLS (checklist 20).

use super::{Check, Issued, Judge, Judged, Subject};
use crate::findings::{Rule, Severity};
use crate::model::{Certificate, Name, Oid, oid};

/// A public CA issued it.
pub static PUBLIC_CA: Rule = Rule {
    code: "OCS-CA-001",
    name: "public-ca",
    severity: Severity::Warning,
    title: "issued by a public CA: the next renewal will probably lack client authentication",
    why: "The browsers' root programs make public roots serve server authentication alone (Chrome: by March 2027, \
          before that announced for June 2026), and public CAs have been dropping clientAuth since 2025. All \
          releases of IM and Presence are concerned (Cisco FN74345): mutual TLS needs both usages.",
    remedy: "plan the move to a private CA, one that both sides trust, before this certificate ends",
    refs: &["Cisco FN74345", "Chrome Root Program Policy", "checklist 20"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[Check { rule: &PUBLIC_CA, judge: Judge::Issued(public_ca) }];

/// The policies that public CAs assert in TLS certificates (CA/Browser Forum Baseline Requirements section
/// 7.1.6.1, EV Guidelines): nobody else has a reason to.
const POLICIES: &[(Oid, &str)] = &[
    (oid::CABF_DOMAIN_VALIDATED, "domain validated"),
    (oid::CABF_ORGANIZATION_VALIDATED, "organization validated"),
    (oid::CABF_INDIVIDUAL_VALIDATED, "individual validated"),
    (oid::CABF_EXTENDED_VALIDATION, "extended validation"),
];

/// Organizations that stand in the subjects of public CAs (compared by how they begin, in lower case): the Mozilla
/// and Chrome root programs, and those of the years of OCS.
const ORGANIZATIONS: &[&str] = &[
    "actalis",
    "affirmtrust",
    "amazon",
    "asseco data systems",
    "baltimore",
    "buypass",
    "certsign",
    "comodo",
    "cybertrust",
    "digicert",
    "disig",
    "entrust",
    "equifax",
    "firmaprofesional",
    "geotrust",
    "globalsign",
    "godaddy",
    "google trust services",
    "hellenic academic",
    "identrust",
    "digital signature trust",
    "internet security research group",
    "let's encrypt",
    "network solutions",
    "quovadis",
    "secom trust",
    "sectigo",
    "securetrust",
    "ssl corporation",
    "starfield",
    "swisssign",
    "symantec",
    "thawte",
    "the go daddy group",
    "the usertrust network",
    "trustwave",
    "unizeto",
    "verisign",
    "zerossl",
];

fn public_ca(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let certificate = issued.certificate;
    let finding = PUBLIC_CA.finding(subject.source);
    if let Some((policy, kind)) = policy(certificate) {
        return Judged::Found(vec![finding.observed("certificate", format!("policy {policy} ({kind})"))]);
    }
    // The root says it best; where the chain has a gap, the issuer's name must do.
    let names = issued.whole_path().map(|c| &c.certificate.issuer).chain([&certificate.issuer]);
    match names.filter_map(organization).find(|name| is_public(name)) {
        None => Judged::Passed,
        Some(name) => Judged::Found(vec![
            finding
                .observed("chain", format!("O={name}"))
                .likely("a public CA, by its name; where it runs a private CA for you, nothing changes"),
        ]),
    }
}

fn policy(certificate: &Certificate) -> Option<&'static (Oid, &'static str)> {
    let policies = &certificate.extensions.certificate_policies.as_ref()?.value;
    POLICIES.iter().find(|(policy, _)| policies.contains(policy))
}

fn organization(name: &Name) -> Option<&str> {
    name.values(&oid::ORGANIZATION).next()
}

fn is_public(name: &str) -> bool {
    let name = name.to_lowercase();
    // "Amazonas Power" is not Amazon: a word must end where the entry ends.
    ORGANIZATIONS.iter().any(|known| {
        name.strip_prefix(known).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_public_cas_are_known_and_lookalikes_are_not() {
        let public =
            ["DigiCert Inc", "GlobalSign nv-sa", "Let's Encrypt", "thawte, Inc.", "COMODO CA Limited"];
        for name in public {
            assert!(is_public(name), "{name}");
        }
        for name in ["Foo", "Amazonas Power", "Foo DigiCert", "", "Entrustment Ltd"] {
            assert!(!is_public(name), "{name}");
        }
    }
}
