//! Path building: what a search is asked, what it answers, and the engine that runs it: see [`super::walk`] for how.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use super::budget::{Budget, Budgets, Spending};
use super::policies::PolicyInputs;
use super::pool::{Pool, Store};
use super::reason::{Failure, Reason};
use super::revocation::{Crls, Status};
use super::signature::{CryptoEra, SignatureFault, VerifyingKey};
use super::walk::Walk;
use crate::model::{Certificate, Oid, SignatureAlgorithm};

/// What a search is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The moment to judge for.
    pub at: OffsetDateTime,
    /// Which algorithms are good enough.
    pub era: CryptoEra,
    /// The extended key usages wanted, all of them; empty: no demand.
    pub purpose: Vec<Oid>,
    /// The most intermediates, leaf and anchor not counted, nor self-issued ones: as with a pathLenConstraint
    /// (RFC 5280 section 6.1.4 l), a CA that changes its key makes no path deeper.
    pub max_depth: Option<usize>,
    /// Which certificate policies are acceptable.
    pub policies: PolicyInputs,
    /// The CRLs at hand. Given (even if empty), they make revocation required for the whole path.
    pub crls: Option<Arc<Crls>>,
    /// How much the search may do.
    pub budgets: Budgets,
}

impl Options {
    /// The path alone, at this moment: modern algorithms, no purpose, no limit but the default budgets.
    pub fn new(at: OffsetDateTime) -> Self {
        Self {
            at,
            era: CryptoEra::Modern,
            purpose: Vec::new(),
            max_depth: None,
            policies: PolicyInputs::default(),
            crls: None,
            budgets: Budgets::default(),
        }
    }

    /// The moment in whole seconds. Certificates and CRLs know no finer ones (RFC 5280 section 4.1.2.5), so the
    /// second that notAfter names is valid to its end.
    pub(super) fn second(&self) -> OffsetDateTime {
        self.at.truncate_to_second()
    }
}

/// The answer of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A path to an anchor holds.
    Valid,
    /// None does.
    Invalid,
    /// No path is known to hold, but nothing is known to be wrong: a budget was spent, or revocation is unknown.
    Incomplete,
}

/// An edge that was tried and does not hold.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The certificate whose issuer was looked for.
    pub child: Arc<Certificate>,
    /// The certificate that could have been it; `None` where there was none.
    pub candidate: Option<Arc<Certificate>>,
    /// Why it is not.
    pub reason: Reason,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Search {
    /// The answer.
    pub outcome: Outcome,
    /// The valid path, else the one that gets furthest with the fewest failures. Leaf first; the anchor, if it
    /// was reached, last.
    pub path: Vec<Arc<Certificate>>,
    /// True where the last certificate of the path is a trust anchor.
    pub anchored: bool,
    /// What is wrong with the path, lowest certificate first; empty where it is valid.
    pub failures: Vec<Failure>,
    /// What the CRLs say of each certificate of an anchored path, the anchor left out; empty where no CRLs were
    /// given.
    pub revocation: Vec<Status>,
    /// Every edge that was tried and does not hold, in the order of the search.
    pub tried: Vec<Tried>,
    /// The first budget that was spent, if any was and no path holds all the same.
    pub budget: Option<Budget>,
}

/// Searches paths through one pool. Shared by threads; what one search verified, the next one knows.
#[derive(Debug, Default)]
pub struct Engine {
    pool: Pool,
    edges: Edges,
}

impl Engine {
    /// An engine over these candidates.
    pub fn new(pool: Pool) -> Self {
        Self { pool, edges: Edges::default() }
    }

    /// Adds a candidate; false where it was there already.
    pub fn add(&mut self, certificate: Arc<Certificate>) -> bool {
        self.pool.add(certificate)
    }

    /// The candidates.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Searches a path from `leaf` to an anchor in `store`. The leaf need not be in the pool, nor the anchors.
    pub fn search(&self, leaf: &Arc<Certificate>, store: &Store, options: &Options) -> Search {
        let mut spending = Spending::new(&options.budgets);
        let mut walk = Walk::new(self, leaf, store, options, &mut spending, &[]);
        walk.prove();
        walk.explain();
        walk.answer()
    }

    /// Is there a valid path for a CRL signer? `pending` are the signers for whose sake this one is asked.
    pub(super) fn proves(
        &self,
        signer: &Arc<Certificate>,
        store: &Store,
        options: &Options,
        spending: &mut Spending<'_>,
        pending: &[[u8; 32]],
    ) -> bool {
        let mut walk = Walk::new(self, signer, store, options, spending, pending);
        walk.prove();
        walk.answer().outcome == Outcome::Valid
    }

    /// Verifies a signature that was perhaps verified before; `sha256` is that of the signed object.
    pub(super) fn verify(
        &self,
        sha256: &[u8; 32],
        key: &VerifyingKey,
        algorithm: &SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureFault> {
        let id = edge_id(sha256, key);
        let shard = &self.edges.0[usize::from(id[0] % 16)];
        let lock = || shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&id) {
            return known.clone();
        }
        let result = key.verify(algorithm, message, signature);
        lock().insert(id, result.clone());
        result
    }
}

/// Signatures that were verified, by child and issuer key. Split so that threads rarely wait for each other.
#[derive(Debug, Default)]
struct Edges([Mutex<HashMap<EdgeId, Result<(), SignatureFault>>>; 16]);

/// Half of the SHA-256 of what is signed and half of the key's: nobody finds two that collide in 128 bits.
pub(super) type EdgeId = [u8; 32];

pub(super) fn edge_id(sha256: &[u8; 32], key: &VerifyingKey) -> EdgeId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(&sha256[..16]);
    id[16..].copy_from_slice(&key.fingerprint()[..16]);
    id
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, IsCa};
    use time::macros::datetime;

    use super::super::testing::{NOW, failures, parse, root, root_with, search};
    use super::*;
    use crate::model::oid;

    fn now() -> Options {
        Options::new(NOW)
    }

    /// root <- ca <- leaf, everything at hand: valid, and nothing was tried in vain.
    #[test]
    fn a_whole_chain_is_valid() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let leaf = ca.leaf("a.foo.com");
        let found = search(&leaf, &[&ca.certificate, &root.certificate], &[&root.certificate], &now());
        assert_eq!(found.outcome, Outcome::Valid);
        assert_eq!(found.path, [leaf, ca.certificate, root.certificate]);
        assert!(found.anchored && found.failures.is_empty() && found.tried.is_empty());
    }

    /// The four causes that openssl tells as one ("unable to get local issuer certificate").
    #[test]
    fn the_four_causes_of_a_broken_chain_are_told_apart() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let rekeyed = root.ca("Issuing");
        let leaf = ca.leaf("a.foo.com");

        let missing = search(&leaf, &[&root.certificate], &[&root.certificate], &now());
        assert_eq!(failures(&missing), [(0, "issuer-not-found")]);
        assert_eq!(missing.outcome, Outcome::Invalid);
        assert!(!missing.anchored);
        let Reason::IssuerNotFound { issuer, key_id } = &missing.failures[0].reason else { panic!() };
        assert_eq!((issuer.short(), key_id.as_deref()), ("Issuing", ca.certificate.subject_key_id()));

        let other = search(&leaf, &[&rekeyed.certificate], &[&root.certificate], &now());
        assert_eq!(failures(&other), [(0, "issuer-other-key")]);
        assert_eq!(other.tried[0].candidate.as_ref(), Some(&rekeyed.certificate));

        let untrusted = search(&leaf, &[&ca.certificate, &root.certificate], &[&rekeyed.certificate], &now());
        assert_eq!(failures(&untrusted), [(2, "root-not-trusted")]);
        assert_eq!(untrusted.path.len(), 3);

        let mut der = leaf.der().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let forged = search(&parse(&der), &[&ca.certificate], &[&root.certificate], &now());
        assert_eq!(failures(&forged), [(0, "signature-wrong")]);
    }

    /// A CA with the right key identifier under another name is a near miss worth telling.
    #[test]
    fn a_renamed_ca_is_a_near_miss() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let renamed = root.cross(&ca);
        let leaf = ca.leaf("a.foo.com");
        assert_eq!(renamed.subject, ca.certificate.subject);
        let other = root.ca_with("Renamed", &|p| {
            p.key_identifier_method =
                rcgen::KeyIdMethod::PreSpecified(ca.certificate.subject_key_id().unwrap().to_vec());
        });
        let found = search(&leaf, &[&other.certificate], &[&root.certificate], &now());
        let told: Vec<_> = found.tried.iter().map(|t| t.reason.id()).collect();
        assert_eq!(told, ["issuer-other-name", "issuer-not-found"]);
    }

    /// An expired intermediate does not end the story: the path goes on to the root, and says what is wrong.
    #[test]
    fn a_fault_of_an_issuer_is_explained_on_the_whole_path() {
        let root = root("Root");
        let ca = root.ca_with("Issuing", &|p| p.not_after = datetime!(2025-01-01 0:00 UTC));
        let leaf = ca.leaf("a.foo.com");
        let found = search(&leaf, &[&ca.certificate], &[&root.certificate], &now());
        assert_eq!(failures(&found), [(1, "expired")]);
        assert!(found.anchored);
        // The same CA renewed, beside it: that one is taken.
        let renewed = root.cross_with(&ca, &|p| p.not_after = datetime!(2030-01-01 0:00 UTC));
        let found = search(&leaf, &[&ca.certificate, &renewed], &[&root.certificate], &now());
        assert_eq!(found.outcome, Outcome::Valid);
        assert_eq!(found.path[1], renewed);
    }

    /// Leaf and CA both at fault: both are told.
    #[test]
    fn all_failures_are_collected() {
        let root = root_with("Root", &|p| p.not_after = datetime!(2026-01-01 0:00 UTC));
        let ca = root.ca_with("Issuing", &|p| {
            p.is_ca = IsCa::ExplicitNoCa;
            p.key_usages.clear();
        });
        let leaf = ca.leaf_with("a.foo.com", &|p| p.not_before = datetime!(2030-01-01 0:00 UTC));
        let found = search(&leaf, &[&ca.certificate], &[&root.certificate], &now());
        assert_eq!(failures(&found), [(0, "not-yet-valid"), (1, "not-a-ca"), (2, "expired")]);
    }

    /// Self-issued certificates do not count for pathLen, the leaf neither; intermediates do.
    #[test]
    fn path_length_counts_intermediates_only() {
        let root = root_with("Root", &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)));
        let (one, options) = (root.ca("One"), now());
        let two = one.ca("Two");
        let good = one.leaf("a.foo.com");
        let anchors = [&root.certificate];
        assert_eq!(search(&good, &[&one.certificate], &anchors, &options).outcome, Outcome::Valid);
        let deep = two.leaf("b.foo.com");
        let found = search(&deep, &[&one.certificate, &two.certificate], &anchors, &options);
        assert_eq!(failures(&found), [(2 + 1, "path-length")]);
    }

    /// The limit that was asked for counts intermediates; leaf and anchor are free.
    #[test]
    fn the_depth_limit_counts_intermediates_only() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let leaf = ca.leaf("a.foo.com");
        let limit = |max| Options { max_depth: Some(max), ..now() };
        let pool = [&ca.certificate];
        assert_eq!(search(&leaf, &pool, &[&root.certificate], &limit(1)).outcome, Outcome::Valid);
        let found = search(&leaf, &pool, &[&root.certificate], &limit(0));
        assert_eq!(failures(&found), [(0, "too-deep")]);
        assert_eq!(search(&root.leaf("b"), &[], &[&root.certificate], &limit(0)).outcome, Outcome::Valid);
    }

    /// A CA's own EKU constrains what is below it; "any" does not.
    #[test]
    fn usages_nest_through_cas() {
        use rcgen::ExtendedKeyUsagePurpose as E;
        let root = root("Root");
        let server = root.ca_with("Server only", &|p| p.extended_key_usages = vec![E::ServerAuth]);
        let any = root.ca_with("Any", &|p| p.extended_key_usages = vec![E::Any]);
        let both = |p: &mut rcgen::CertificateParams| {
            p.extended_key_usages = vec![E::ServerAuth, E::ClientAuth];
        };
        let mutual = Options { purpose: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH], ..now() };
        let anchors = [&root.certificate];
        let found = search(&server.leaf_with("a", &both), &[&server.certificate], &anchors, &mutual);
        assert_eq!(failures(&found), [(1, "usage")]);
        let found = search(&any.leaf_with("a", &both), &[&any.certificate], &anchors, &mutual);
        assert_eq!(found.outcome, Outcome::Valid);
        let one = |p: &mut rcgen::CertificateParams| p.extended_key_usages = vec![E::ServerAuth];
        let found = search(&any.leaf_with("a", &one), &[&any.certificate], &anchors, &mutual);
        assert_eq!(failures(&found), [(0, "usage")]);
    }

    /// Two CAs that certify each other, and nothing trusted: the search ends.
    #[test]
    fn loops_end() {
        let (a, b) = (root("A"), root("B"));
        let (a_by_b, b_by_a) = (b.cross(&a), a.cross(&b));
        let leaf = a.leaf("a.foo.com");
        let found = search(&leaf, &[&a_by_b, &b_by_a], &[&root("C").certificate], &now());
        assert_eq!((found.outcome, found.budget), (Outcome::Invalid, None));
        assert_eq!(found.path.len(), 3);
        assert_eq!(failures(&found), [(2, "loop")]);
        // Trusting one of them makes it valid, although the loop is still there.
        let found = search(&leaf, &[&a_by_b, &b_by_a], &[&b.certificate], &now());
        assert_eq!(found.outcome, Outcome::Valid);
    }

    /// Hundreds of CAs of one name, no key identifiers to tell them apart: a budget ends it, and says so.
    #[test]
    fn a_budget_that_was_spent_makes_the_answer_incomplete() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let leaf = ca.leaf_with("a.foo.com", &|p| p.use_authority_key_identifier_extension = false);
        let others: Vec<_> = (0..9).map(|_| root.ca("Issuing").certificate).collect();
        let budgets = Budgets { signatures: 5, ..Budgets::default() };
        let found = search(
            &leaf,
            &others.iter().collect::<Vec<_>>(),
            &[&root.certificate],
            &Options { budgets, ..now() },
        );
        assert_eq!((found.outcome, found.budget), (Outcome::Incomplete, Some(Budget::Signatures)));
        assert_eq!(failures(&found), [(0, "budget")]);
    }

    /// A way that is too deep is tried, and then one that holds: nothing is left to be said.
    #[test]
    fn a_budget_that_did_not_matter_is_not_told() {
        let (root, other) = (root("Root"), root("Other"));
        let ca = root.ca("Issuing");
        let later = |p: &mut rcgen::CertificateParams| p.not_after = datetime!(2041-01-01 0:00 UTC);
        let middle = other.ca("Middle");
        let deep = middle.cross_with(&ca, &later);
        let budgets = Budgets { depth: 1, ..Budgets::default() };
        let pool = [&deep, &middle.certificate, &ca.certificate];
        let options = Options { budgets, ..now() };
        let found = search(&ca.leaf("a.foo.com"), &pool, &[&root.certificate], &options);
        assert_eq!((found.outcome, found.budget), (Outcome::Valid, None));
        assert_eq!(found.tried.last().map(|t| t.reason.id()), Some("budget"));
    }

    /// A CA that certified its own key a hundred times, later than anybody else did: the one certificate that leads
    /// on is tried before all that lead back.
    #[test]
    fn what_leads_on_is_tried_before_what_leads_back() {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let later = |p: &mut rcgen::CertificateParams| p.not_after = datetime!(2041-01-01 0:00 UTC);
        let mut pool: Vec<_> = (0..100).map(|_| ca.cross_with(&ca, &later)).collect();
        pool.push(ca.certificate.clone());
        let found =
            search(&ca.leaf("a.foo.com"), &pool.iter().collect::<Vec<_>>(), &[&root.certificate], &now());
        assert_eq!((found.outcome, found.tried.len()), (Outcome::Valid, 0));
    }

    /// A leaf that is itself trusted needs no issuer; its own dates still count.
    #[test]
    fn a_trusted_leaf_is_its_own_path() {
        let root = root("Root");
        let leaf = root.leaf("a.foo.com");
        assert_eq!(search(&leaf, &[], &[&leaf], &now()).outcome, Outcome::Valid);
        let late = Options { at: datetime!(2041-01-01 0:00 UTC), ..now() };
        assert_eq!(failures(&search(&leaf, &[], &[&leaf], &late)), [(0, "expired")]);
    }
}
