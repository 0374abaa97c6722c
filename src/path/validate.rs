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
    let validity = certificate.validity;
    if options.at < validity.not_before {
        faults.push(Reason::NotYetValid { not_before: validity.not_before });
    }
    if options.at > validity.not_after {
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
        Defect::Duplicate { .. } | Defect::AlgorithmMismatch | Defect::Time | Defect::ExtensionsBeforeV3 => {
            true
        }
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
