//! What must hold for whatever pool somebody gives: proptest over a small world of CAs that are cross-signed,
//! expired, re-keyed and in loops.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use time::macros::datetime;

use super::testing::{Ca, NOW, as_is, root, search};
use super::{Options, Outcome, Search};
use crate::model::Certificate;

struct World {
    anchors: Vec<Arc<Certificate>>,
    pool: Vec<Arc<Certificate>>,
    leaves: Vec<Arc<Certificate>>,
    /// CAs that have nothing to do with any leaf: other names, or the same names with other keys.
    unrelated: Vec<Arc<Certificate>>,
}

/// Two trusted roots and one that is not; A under all three (once expired), B under A and the other way round,
/// C under the untrusted root alone, D expired.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (one, two, bad) = (root("One"), root("Two"), root("Bad"));
        let a = one.ca("A");
        let b = a.ca("B");
        let c = bad.ca("C");
        let d = two.ca_with("D", &|p| p.not_after = datetime!(2025-01-01 0:00 UTC));
        let expired = two.cross_with(&a, &|p| p.not_after = datetime!(2024-01-01 0:00 UTC));
        let issuers: [&Ca; 5] = [&one, &a, &b, &c, &d];
        World {
            anchors: vec![one.certificate.clone(), two.certificate.clone()],
            leaves: issuers.iter().map(|ca| ca.leaf_with("leaf.foo.com", &as_is)).collect(),
            pool: vec![
                bad.cross(&a),
                b.cross(&a),
                two.cross(&a),
                two.cross(&b),
                expired,
                a.certificate.clone(),
                b.certificate,
                c.certificate,
                d.certificate,
                bad.certificate,
                one.certificate,
            ],
            unrelated: ["X", "Y", "A", "B", "One"].iter().map(|name| root(name).certificate).collect(),
        }
    })
}

fn judge(leaf: &Arc<Certificate>, pool: &[Arc<Certificate>], anchors: &[Arc<Certificate>]) -> Search {
    let (pool, anchors): (Vec<_>, Vec<_>) = (pool.iter().collect(), anchors.iter().collect());
    search(leaf, &pool, &anchors, &Options::new(NOW))
}

/// Everything an answer says.
fn told(search: &Search) -> String {
    let path: Vec<_> = search.path.iter().map(|c| c.sha256()).collect();
    let tried: Vec<_> = search
        .tried
        .iter()
        .map(|t| (t.child.sha256(), t.candidate.as_ref().map(|c| *c.sha256()), &t.reason))
        .collect();
    format!("{:?} {path:?} {:?} {tried:?}", search.outcome, search.failures)
}

fn some_of(list: &[Arc<Certificate>]) -> impl Strategy<Value = Vec<Arc<Certificate>>> + use<> {
    proptest::sample::subsequence(list.to_vec(), 0..=list.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The order in which certificates were given changes nothing, not even what is told.
    #[test]
    fn order_never_matters(
        leaf in 0..5usize,
        (pool, shuffled) in some_of(&world().pool).prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle())),
        anchors in Just(world().anchors.clone()).prop_shuffle(),
    ) {
        let leaf = &world().leaves[leaf];
        let expected = told(&judge(leaf, &pool, &world().anchors));
        prop_assert_eq!(told(&judge(leaf, &shuffled, &anchors)), expected);
    }

    /// A CA of another name, or of the same name with another key, in the pool never changes the verdict.
    #[test]
    fn unrelated_certificates_never_matter(
        leaf in 0..5usize,
        pool in some_of(&world().pool),
        unrelated in some_of(&world().unrelated),
    ) {
        let leaf = &world().leaves[leaf];
        let expected = judge(leaf, &pool, &world().anchors);
        let found = judge(leaf, &[unrelated, pool].concat(), &world().anchors);
        prop_assert_eq!(found.outcome, expected.outcome);
        if expected.outcome == Outcome::Valid {
            prop_assert_eq!(found.path, expected.path);
        }
    }

    /// One bit of the leaf or of its CA changed anywhere: unreadable, or refused.
    #[test]
    fn a_changed_bit_is_refused(which in 0..2usize, at in any::<proptest::sample::Index>(), bit in 0..8u8) {
        let world = world();
        let mut path = [world.leaves[1].clone(), world.pool[5].clone()];
        prop_assert_eq!(judge(&path[0], &path[1..], &world.anchors).outcome, Outcome::Valid);
        let mut der = path[which].der().to_vec();
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        if let Ok(changed) = Certificate::from_der(der) {
            path[which] = Arc::new(changed);
            prop_assert_ne!(judge(&path[0], &path[1..], &world.anchors).outcome, Outcome::Valid, "byte {}", at);
        }
    }
}
