//! A pool of certificates and CRLs in DER, one behind the other: the first certificate is to be proven, the last is
//! the anchor. The first byte chooses the question. What comes out may not depend on the order of the pool.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ocscert::model::{Certificate, Crl, oid};
use ocscert::path::{Crls, Engine, Options, Outcome, Pool, Search, Store};

/// The bits of the first byte. Signed anew, mutated names, constraints, policies and CRLs come behind the signatures.
const RESIGN: u8 = 1;
const LEGACY: u8 = 2;
const REQUIRE_POLICY: u8 = 4;
const INHIBIT_ANY: u8 = 8;
const INHIBIT_MAPPING: u8 = 16;
const LEAF_POLICY: u8 = 32;
const SERVER: u8 = 64;
const REVOCATION: u8 = 128;

/// Enough for any shape of path; more only makes the fuzzer slower.
const MAX: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    let Some((flags, mut rest)) = bytes.split_first() else { return };
    let asked = |bit| flags & bit != 0;
    let (mut certificates, mut crls) = (Vec::new(), Vec::new());
    while let (Some((_, der, after)), true) = (ocscert_fuzz::element(rest), certificates.len() + crls.len() < MAX) {
        rest = after;
        if Certificate::from_der(der).is_ok() {
            let signed = ocscert_fuzz::resign_certificate(der).filter(|_| asked(RESIGN));
            certificates.extend(Certificate::from_der(signed.unwrap_or_else(|| der.to_vec())).map(Arc::new));
        } else if Crl::from_der(der).is_ok() {
            let signed = ocscert_fuzz::resign_crl(der).filter(|_| asked(RESIGN));
            crls.extend(Crl::from_der(signed.unwrap_or_else(|| der.to_vec())).map(Arc::new));
        }
    }
    let (Some(leaf), Some(anchor)) = (certificates.first().cloned(), certificates.last().cloned()) else { return };
    let mut options = Options::new(ocscert_fuzz::now());
    options.era = ocscert_fuzz::era(asked(LEGACY));
    options.policies.require_explicit = asked(REQUIRE_POLICY);
    options.policies.inhibit_any = asked(INHIBIT_ANY);
    options.policies.inhibit_mapping = asked(INHIBIT_MAPPING);
    if let Some(policies) = leaf.extensions.certificate_policies.as_ref().filter(|_| asked(LEAF_POLICY)) {
        options.policies.initial = policies.value.iter().take(1).cloned().collect();
    }
    options.purpose = [oid::SERVER_AUTH].into_iter().filter(|_| asked(SERVER)).collect();
    options.crls = asked(REVOCATION).then(|| Arc::new(Crls::new(crls)));
    let store: Store = [anchor].into_iter().collect();
    let search = |pool: Pool| Engine::new(pool).search(&leaf, &store, &options);

    let forward = search(certificates.iter().cloned().collect());
    agrees_with_itself(&forward);
    let backward = search(certificates.iter().rev().cloned().collect());
    if forward.budget.is_none() && backward.budget.is_none() {
        assert_eq!(forward.outcome, backward.outcome, "the order of the pool decides");
    }
});

fn agrees_with_itself(search: &Search) {
    for text in search.failures.iter().map(|f| &f.reason).chain(search.tried.iter().map(|t| &t.reason)) {
        let _ = (text.to_string(), text.id());
    }
    if search.outcome == Outcome::Valid {
        assert!(search.anchored && search.failures.is_empty(), "valid, with {:?}", search.failures);
    } else {
        let unknown = search.revocation.iter().any(|status| format!("{status:?}") != "Good");
        let said = !search.failures.is_empty() || !search.tried.is_empty() || search.budget.is_some();
        assert!(said || unknown, "{:?} for no reason", search.outcome);
    }
}
