//! RFC 5280 section 6.1, certificate by certificate: all failures, not only the first. That names chain and
//! signatures verify is [`super::build`]'s part: it only ever makes such paths.

use crate::model::{Certificate, Defect, Ext, KeyUsage, Oid, oid};

use super::build::Options;
use super::reason::{Reason, UsageSource};
use super::signature::Weakness;

/// The faults of the certificate that is to be proven.
pub(super) fn leaf_faults(leaf: &Certificate, options: &Options) -> Vec<Reason> {
    let mut faults = Vec::new();
    common(leaf, options, &mut faults);
    if leaf.issuer.is_empty() {
        faults.push(Reason::EmptyIssuer);
    }
    usage(leaf, options, &mut faults);
    faults
}

/// The faults of a certificate as an issuer, with `below` intermediates under it that are not self-issued.
pub(super) fn issuer_faults(
    issuer: &Certificate,
    anchor: bool,
    below: u32,
    options: &Options,
) -> Vec<Reason> {
    let mut faults = Vec::new();
    common(issuer, options, &mut faults);
    if issuer.issuer.is_empty() && !anchor {
        faults.push(Reason::EmptyIssuer);
    }
    ca(issuer, anchor, below, options, &mut faults);
    // RFC 5280 does not say that an EKU in a CA constrains what is below it; Windows, Mozilla and everybody
    // else do, an anchor's included.
    usage(issuer, options, &mut faults);
    faults
}

/// Dates, critical extensions and defects: what is asked of every certificate of a path, the anchor included.
fn common(certificate: &Certificate, options: &Options, faults: &mut Vec<Reason>) {
    let (at, validity) = (options.second(), certificate.validity);
    if at < validity.not_before {
        faults.push(Reason::NotYetValid { not_before: validity.not_before });
    }
    if at > validity.not_after {
        faults.push(Reason::Expired { not_after: validity.not_after });
    }
    let unreadable = certificate.defects.iter().filter(|defect| counts(defect));
    faults.extend(unreadable.cloned().map(Reason::Defect));
    for kind in unprocessed_critical(certificate) {
        let said = |d: &Defect| matches!(d, Defect::Extension { kind: k, critical: true } if k == kind);
        if !certificate.defects.iter().any(said) {
            faults.push(Reason::CriticalExtension(kind.clone()));
        }
    }
}

/// The extensions a path is judged by. An unreadable one is a failure even where it is not critical: passing
/// over it would judge another certificate than the one that is there.
const JUDGED: &[Oid] = &[
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::KEY_USAGE,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::SUBJECT_ALT_NAME,
    oid::BASIC_CONSTRAINTS,
    oid::NAME_CONSTRAINTS,
    oid::POLICY_CONSTRAINTS,
    oid::EXTENDED_KEY_USAGE,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::INHIBIT_ANY_POLICY,
    oid::MS_APPLICATION_POLICIES,
];

fn counts(defect: &Defect) -> bool {
    match defect {
        Defect::Extension { kind, critical } => *critical || JUDGED.contains(kind),
        Defect::Duplicate { .. }
        | Defect::Outer
        | Defect::AlgorithmMismatch
        | Defect::Time
        | Defect::ExtensionsBeforeV3
        | Defect::NamelessExtension => true,
    }
}

/// Critical extensions that nothing here processes. authorityInfoAccess is one: it must never be critical (RFC
/// 5280 section 4.2.2.1), and no step of section 6 reads it.
fn unprocessed_critical(certificate: &Certificate) -> impl Iterator<Item = &Oid> {
    fn critical<'a, T>(extension: &Option<Ext<T>>, kind: &'a Oid) -> Option<&'a Oid> {
        extension.as_ref().filter(|e| e.critical).map(|_| kind)
    }
    let extensions = &certificate.extensions;
    let raw = extensions.other.iter().filter(|e| e.critical).map(|e| &e.kind);
    raw.chain(critical(&extensions.authority_info_access, &oid::AUTHORITY_INFO_ACCESS))
        .chain(critical(&extensions.ms_template_name, &oid::MS_TEMPLATE_NAME))
        .chain(critical(&extensions.ms_template, &oid::MS_TEMPLATE))
}

/// RFC 5280 section 6.1.4 (k) to (n).
fn ca(issuer: &Certificate, anchor: bool, below: u32, options: &Options, faults: &mut Vec<Reason>) {
    match &issuer.extensions.basic_constraints {
        Some(constraints) if !constraints.value.ca => faults.push(Reason::NotACa { stated: true }),
        Some(constraints) => {
            if let Some(allowed) = constraints.value.path_len.filter(|allowed| below > *allowed) {
                faults.push(Reason::PathLen { allowed, below });
            }
        }
        // Before version 3 nothing in a certificate says that it is a CA; as a trust anchor somebody vouches.
        None if anchor && issuer.version < 3 => {
            let weakness = Weakness::VersionOneCa;
            if !options.era.accepts(weakness) {
                faults.push(Reason::WeakCa { weakness, era: options.era });
            }
        }
        None => faults.push(Reason::NotACa { stated: false }),
    }
    let usage = issuer.extensions.key_usage.as_ref().map(|usage| usage.value);
    if usage.is_some_and(|usage| !usage.contains(KeyUsage::KEY_CERT_SIGN)) {
        faults.push(Reason::NoKeyCertSign);
    }
}

/// Every purpose that is asked for must be in each list of usages that is there, or the list must hold "any".
fn usage(certificate: &Certificate, options: &Options, faults: &mut Vec<Reason>) {
    let extensions = &certificate.extensions;
    let lists = [
        (&extensions.extended_key_usage, oid::ANY_EXTENDED_KEY_USAGE, UsageSource::ExtendedKeyUsage),
        (&extensions.application_policies, oid::MS_ANY_APPLICATION_POLICY, UsageSource::ApplicationPolicies),
    ];
    for wanted in &options.purpose {
        for (list, any, source) in &lists {
            let Some(list) = list else { continue };
            if !list.value.iter().any(|usage| usage == wanted || usage == any) {
                faults.push(Reason::Usage { wanted: wanted.clone(), source: *source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CustomExtension, KeyUsagePurpose};

    use super::super::testing::{NOW, der, der_oid, extension, failures, root, root_with, search};
    use super::super::{CryptoEra, Options, Outcome};
    use super::*;

    const NONE: &[(usize, &str)] = &[];

    /// What a leaf with one more extension, under a good CA, fails by.
    fn leaf_with(extension: CustomExtension, options: &Options) -> Vec<(usize, &'static str)> {
        let root = root("Root");
        let leaf = root.leaf_with("a.foo.com", &|p| p.custom_extensions.push(extension.clone()));
        failures(&search(&leaf, &[], &[&root.certificate], options))
    }

    /// Both ends of the validity period belong to it (RFC 5280 section 4.1.2.5), a second more does not.
    #[test]
    fn the_validity_period_includes_its_ends() {
        let root = root("Root");
        let (first, last) = (NOW, NOW + time::Duration::days(1));
        let leaf = root.leaf_with("a", &|p| (p.not_before, p.not_after) = (first, last));
        let second = time::Duration::SECOND;
        for (at, expected) in [
            (first - second, [(0, "not-yet-valid")].as_slice()),
            (first, NONE),
            (last, NONE),
            (last + second, &[(0, "expired")]),
        ] {
            assert_eq!(
                failures(&search(&leaf, &[], &[&root.certificate], &Options::new(at))),
                expected,
                "{at}"
            );
        }
    }

    /// Unknown extensions matter where they are critical; in the anchor too.
    #[test]
    fn unknown_critical_extensions_are_refused_everywhere() {
        let now = Options::new(NOW);
        let unknown = |critical| extension(&Oid::parse("1.2.3.4").unwrap(), critical, vec![5, 0]);
        assert_eq!(leaf_with(unknown(true), &now), [(0, "critical-extension")]);
        assert_eq!(leaf_with(unknown(false), &now), NONE);
        let root = root_with("Root", &|p| p.custom_extensions.push(unknown(true)));
        let found = search(&root.leaf("a"), &[], &[&root.certificate], &now);
        assert_eq!(failures(&found), [(1, "critical-extension")]);
    }

    /// An extension that a path is judged by must be readable, critical or not; one that is not judged need
    /// not be; twice is wrong in any case.
    #[test]
    fn unreadable_extensions_are_failures_where_they_count() {
        let now = Options::new(NOW);
        let broken = vec![0x30, 0x05, 0x00];
        assert_eq!(leaf_with(extension(&oid::KEY_USAGE, false, broken.clone()), &now), [(0, "defect")]);
        let aia = extension(&oid::AUTHORITY_INFO_ACCESS, false, broken);
        assert_eq!(leaf_with(aia.clone(), &now), NONE);
        let root = root("Root");
        let twice = root.leaf_with("a", &|p| p.custom_extensions = vec![aia.clone(), aia.clone()]);
        assert_eq!(failures(&search(&twice, &[], &[&root.certificate], &now)), [(0, "defect")]);
    }

    /// Windows reads application policies beside the EKU: what is missing there is missing.
    #[test]
    fn application_policies_are_a_second_list_of_usages() {
        let policies = |usage: &Oid| {
            let list = der(0x30, &[der(0x30, &[der_oid(usage)])]);
            extension(&oid::MS_APPLICATION_POLICIES, false, list)
        };
        let client = Options { purpose: vec![oid::CLIENT_AUTH], ..Options::new(NOW) };
        assert_eq!(leaf_with(policies(&oid::CLIENT_AUTH), &client), NONE);
        assert_eq!(leaf_with(policies(&oid::MS_ANY_APPLICATION_POLICY), &client), NONE);
        assert_eq!(leaf_with(policies(&oid::SERVER_AUTH), &client), [(0, "usage")]);
    }

    /// A CA whose keyUsage lacks keyCertSign signs nothing; one without keyUsage may.
    #[test]
    fn key_usage_of_a_ca_must_allow_signing_where_it_is_there() {
        let now = Options::new(NOW);
        for (usages, expected) in
            [(vec![KeyUsagePurpose::CrlSign], [(1, "no-key-cert-sign")].as_slice()), (Vec::new(), NONE)]
        {
            let root = root("Root");
            let ca = root.ca("Issuing");
            let limited = root.cross_with(&ca, &|p| p.key_usages = usages.clone());
            let found = search(&ca.leaf("a"), &[&limited], &[&root.certificate], &now);
            assert_eq!(failures(&found), expected);
        }
    }

    /// A root of the nineties: version 1, made by openssl. An anchor under legacy, never under modern, and no
    /// intermediate ever.
    #[test]
    fn version_one_roots_are_anchors_under_legacy_only() {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |arguments: &str| {
            let output = std::process::Command::new("openssl")
                .args(arguments.split(' '))
                .current_dir(folder.path())
                .output()
                .expect("openssl is installed");
            assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let read =
            |name: &str| super::super::testing::parse(&std::fs::read(folder.path().join(name)).unwrap());
        // x509 -req without an extension file makes version 1.
        openssl(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /CN=Old -out ca.csr",
        );
        openssl("x509 -req -in ca.csr -signkey ca.key -days 20000 -outform DER -out ca.der");
        openssl("x509 -inform DER -in ca.der -out ca.pem");
        openssl(
            "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout a.key -subj /CN=a.foo.com -out a.csr",
        );
        openssl(
            "x509 -req -in a.csr -CA ca.pem -CAkey ca.key -set_serial 5 -days 10000 -outform DER -out a.der",
        );
        let (old, leaf) = (read("ca.der"), read("a.der"));
        assert_eq!(old.version, 1);
        let at = leaf.validity.not_before;
        let modern = Options::new(at);
        let legacy = Options { era: CryptoEra::Legacy, ..Options::new(at) };
        assert_eq!(search(&leaf, &[], &[&old], &legacy).outcome, Outcome::Valid);
        assert_eq!(failures(&search(&leaf, &[], &[&old], &modern)), [(1, "weak-ca")]);
        let untrusted = search(&leaf, &[&old], &[&root("Root").certificate], &legacy);
        assert_eq!(failures(&untrusted), [(1, "not-a-ca"), (1, "root-not-trusted")]);
    }
}
