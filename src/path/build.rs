//! Path building: a depth-first search from a certificate up to a trust anchor. The first valid path ends it.
//!
//! It runs at most twice. The first run takes only edges that hold, so a valid path is found without detours.
//! Where there is none, the second also follows edges whose only fault is the issuer's (expired, no CA, too
//! weak ...) to find the path that gets furthest with the fewest failures: that is the one to explain.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;

use super::budget::{Budget, Budgets, Spending};
use super::constraints;
use super::policies::{self, PolicyInputs};
use super::pool::{Entry, Pool, Store};
use super::reason::{Failure, Reason};
use super::revocation::{Crls, Lookup, Status};
use super::signature::{CryptoEra, SignatureFault, VerifyingKey};
use super::validate;
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
    /// The most intermediates, leaf and anchor not counted.
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
    /// The first budget that was spent, if any was.
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
        if walk.path[0].faults.is_empty() {
            walk.climb();
        }
        if !walk.done && !walk.best.as_ref().is_some_and(Best::holds) {
            walk.lenient = true;
            walk.tried.clear();
            walk.told.clear();
            walk.climb();
        }
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
        if walk.path[0].faults.is_empty() {
            walk.climb();
        }
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
type EdgeId = [u8; 32];

fn edge_id(sha256: &[u8; 32], key: &VerifyingKey) -> EdgeId {
    let mut id = [0; 32];
    id[..16].copy_from_slice(&sha256[..16]);
    id[16..].copy_from_slice(&key.fingerprint()[..16]);
    id
}

/// One certificate of the path that is being tried.
struct Step<'a> {
    certificate: &'a Arc<Certificate>,
    entry: Option<&'a Entry>,
    faults: Vec<Reason>,
    /// Why its signature by the next step does not count, where that is only a matter of policy or ability.
    signature: Option<SignatureFault>,
}

/// How a candidate's key identifier compares with the one wanted; best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyId {
    Same,
    Unknown,
    Other,
}

#[derive(Clone, Copy)]
struct Candidate<'a> {
    entry: &'a Entry,
    anchor: bool,
    key_id: KeyId,
}

/// The best path so far that does not hold.
struct Best {
    path: Vec<Arc<Certificate>>,
    anchored: bool,
    failures: Vec<Failure>,
    revocation: Vec<Status>,
}

impl Best {
    /// Nothing is known to be wrong with it.
    fn holds(&self) -> bool {
        self.anchored && self.failures.is_empty()
    }

    fn unknown(&self) -> usize {
        self.revocation.iter().filter(|status| matches!(status, Status::Unknown { .. })).count()
    }

    /// Smaller is better: an anchored path with few failures, else the one that gets furthest.
    fn rank(&self) -> (bool, usize, usize, usize) {
        match self.anchored {
            true => (false, self.failures.len(), self.unknown(), self.path.len()),
            false => (true, usize::MAX - self.path.len(), self.failures.len(), 0),
        }
    }
}

struct Walk<'a, 'b> {
    engine: &'a Engine,
    store: &'a Store,
    options: &'a Options,
    path: Vec<Step<'a>>,
    lenient: bool,
    spending: &'a mut Spending<'b>,
    /// CRL signers that are being proven: see [`Lookup`].
    pending: &'a [[u8; 32]],
    /// Edges whose signature was charged: each counts once, whatever other searches left in the cache.
    charged: HashSet<EdgeId>,
    /// Edges whose reason is in `tried`.
    told: HashSet<(*const Certificate, *const Certificate)>,
    tried: Vec<Tried>,
    best: Option<Best>,
    done: bool,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn new(
        engine: &'a Engine,
        leaf: &'a Arc<Certificate>,
        store: &'a Store,
        options: &'a Options,
        spending: &'a mut Spending<'b>,
        pending: &'a [[u8; 32]],
    ) -> Self {
        let faults = validate::leaf_faults(leaf, options);
        Self {
            engine,
            store,
            options,
            path: vec![Step { certificate: leaf, entry: None, faults, signature: None }],
            lenient: false,
            spending,
            pending,
            charged: HashSet::new(),
            told: HashSet::new(),
            tried: Vec::new(),
            best: None,
            done: false,
        }
    }

    /// Tries every issuer of the path's last certificate, the most promising first.
    fn climb(&mut self) {
        let Some(child) = self.path.last().map(|step| step.certificate) else { return };
        if self.path.len() == 1 && self.store.contains(child) {
            return self.arrive();
        }
        let (mut refusals, mut dead_end, mut nobody) = (Vec::new(), true, true);
        // Those with the right key identifier first: among thousands of one name that is a look-up.
        for by_key in [true, false] {
            for candidate in self.candidates(child, by_key) {
                if self.done {
                    return;
                }
                nobody = false;
                match self.edge(child, &candidate) {
                    Err(reason) => {
                        self.tell(child, Some(&candidate.entry.certificate), [reason.clone()]);
                        refusals.push(reason);
                    }
                    Ok(step) => {
                        dead_end = false;
                        self.follow(step, candidate.anchor);
                    }
                }
            }
        }
        if self.done {
            return;
        }
        if nobody {
            self.near_misses(child);
            refusals.push(Reason::issuer_not_found(child));
        }
        if dead_end && self.lenient {
            self.stuck(child, refusals);
        }
    }

    fn follow(&mut self, step: Step<'a>, anchor: bool) {
        self.path.push(step);
        match anchor {
            true => self.arrive(),
            false => self.climb(),
        }
        self.path.pop();
        if let Some(below) = self.path.last_mut() {
            below.signature = None;
        }
    }

    /// Everything that has the issuer's name, and either the key identifier wanted or not, best first. The order
    /// is total, so that the order in which certificates were given never matters.
    fn candidates(&mut self, child: &'a Arc<Certificate>, by_key: bool) -> Vec<Candidate<'a>> {
        let (store, pool) = (self.store, &self.engine.pool);
        let wanted = child.authority_key_id();
        let look = |pool: &'a Pool, anchor| -> Vec<(&'a Entry, bool)> {
            let both = |entry: &&Entry| entry.certificate.subject == child.issuer;
            match (by_key, wanted) {
                (true, None) => Vec::new(),
                (true, Some(id)) => pool.with_key_id(id).filter(both).map(|entry| (entry, anchor)).collect(),
                (false, _) => pool.named(&child.issuer).map(|entry| (entry, anchor)).collect(),
            }
        };
        let mut found = Vec::new();
        for (entry, anchor) in look(&store.0, true).into_iter().chain(look(pool, false)) {
            if let Err(budget) = self.spending.charge(Budget::Candidates, 1) {
                self.give_up(budget);
                break;
            }
            let certificate = &entry.certificate;
            if **certificate == **child || (!anchor && store.contains(certificate)) {
                continue;
            }
            let key_id = match (wanted, certificate.subject_key_id()) {
                (Some(wanted), Some(found)) if wanted == found => KeyId::Same,
                (Some(_), Some(_)) => KeyId::Other,
                _ => KeyId::Unknown,
            };
            if (key_id == KeyId::Same) != by_key {
                continue;
            }
            found.push(Candidate { entry, anchor, key_id });
        }
        if found.len() > 1 {
            let at = self.options.at;
            found.sort_by_cached_key(|candidate| {
                let certificate = &candidate.entry.certificate;
                let usable = certificate.validity.contains(at) && certificate.is_ca();
                let newest = Reverse(certificate.validity.not_after);
                (candidate.key_id, !usable, !candidate.anchor, newest, *certificate.sha256())
            });
        }
        found
    }

    /// Judges one edge: the next step of the path, with its faults where they may be looked past, or why not.
    fn edge(&mut self, child: &'a Arc<Certificate>, candidate: &Candidate<'a>) -> Result<Step<'a>, Reason> {
        let issuer = &candidate.entry.certificate;
        // The same name and key again lead nowhere that was not reached before (RFC 4158 section 5.2).
        let repeats = |step: &Step<'_>| {
            step.certificate.subject == issuer.subject && step.certificate.public_key == issuer.public_key
        };
        if !candidate.anchor && self.path.iter().any(repeats) {
            return Err(Reason::Loop);
        }
        let intermediates = self.path.len() - usize::from(candidate.anchor);
        if let Some(max) = self.options.max_depth.filter(|max| intermediates > *max) {
            return Err(Reason::TooDeep { max });
        }
        if intermediates > self.options.budgets.depth {
            self.spending.hit.get_or_insert(Budget::Depth);
            return Err(Reason::Budget(Budget::Depth));
        }
        let below = self.path[1..].iter().filter(|step| !step.certificate.is_self_issued()).count();
        let faults = validate::issuer_faults(issuer, candidate.anchor, below as u32, self.options);
        let other_key = |reason| match (candidate.key_id, child.authority_key_id()) {
            (KeyId::Other, Some(wanted)) => {
                Reason::OtherKey { wanted: wanted.into(), found: issuer.subject_key_id().map(Box::from) }
            }
            _ => reason,
        };
        if let (false, Some(fault)) = (self.lenient, faults.first()) {
            return Err(other_key(fault.clone()));
        }
        let signature = match self.signature(child, candidate.entry.key()) {
            Ok(()) => None,
            Err(Reason::Signature(
                fault @ (SignatureFault::Refused { .. } | SignatureFault::Unsupported { .. }),
            )) if self.lenient && candidate.key_id != KeyId::Other => Some(fault),
            Err(reason @ Reason::Budget(_)) => return Err(reason),
            Err(reason) => return Err(other_key(reason)),
        };
        let reasons = faults.iter().cloned().chain(signature.clone().map(Reason::Signature));
        self.tell(child, Some(issuer), reasons);
        if let Some(step) = self.path.last_mut() {
            step.signature = signature;
        }
        Ok(Step { certificate: issuer, entry: Some(candidate.entry), faults, signature: None })
    }

    fn signature(&mut self, child: &Certificate, key: &VerifyingKey) -> Result<(), Reason> {
        let allowed = self.options.era.judge(&child.signature_algorithm, key.algorithm());
        if let (Err(fault), false) = (&allowed, self.lenient) {
            return Err(Reason::Signature(fault.clone()));
        }
        let id = edge_id(child.sha256(), key);
        if self.charged.insert(id)
            && let Err(budget) = self.spending.charge(Budget::Signatures, 1)
        {
            self.give_up(budget);
            return Err(Reason::Budget(budget));
        }
        let verified = self.engine.verify(
            child.sha256(),
            key,
            &child.signature_algorithm,
            child.tbs(),
            child.signature(),
        );
        match (verified, allowed) {
            // What the policy refuses need not be verifiable (MD5, DSA); that it is refused says it all.
            (Ok(()) | Err(SignatureFault::Unsupported { .. }), Err(refused)) => {
                Err(Reason::Signature(refused))
            }
            (result, _) => result.map_err(Reason::Signature),
        }
    }

    /// The path ends in an anchor: judge it whole.
    fn arrive(&mut self) {
        if let Err(budget) = self.spending.charge(Budget::Paths, 1) {
            return self.give_up(budget);
        }
        let mut failures = self.failures();
        let mut revocation = Vec::new();
        if let Err(budget) = self.judge(&mut failures, &mut revocation) {
            failures.push(Failure { at: 0, reason: Reason::Budget(budget) });
            self.give_up(budget);
        }
        // No path can have fewer failures than its leaf alone.
        let unknown = revocation.iter().any(|status| matches!(status, Status::Unknown { .. }));
        self.done |= failures.len() == self.path[0].faults.len() && !unknown;
        self.consider(true, failures, revocation);
    }

    /// What only a whole path can be asked: name constraints, policies, revocation.
    fn judge(&mut self, failures: &mut Vec<Failure>, revocation: &mut Vec<Status>) -> Result<(), Budget> {
        let path: Vec<&Certificate> = self.path.iter().map(|step| &**step.certificate).collect();
        constraints::check(&path, self.spending, failures)?;
        policies::check(&path, &self.options.policies, self.spending, failures)?;
        let Some(crls) = &self.options.crls else { return Ok(()) };
        let issuers: Vec<&Entry> = self.path.iter().filter_map(|step| step.entry).collect();
        let (engine, options, pending) = (self.engine, self.options, self.pending);
        let spending = &mut *self.spending;
        let mut lookup = Lookup { engine, options, crls, spending, issuers: &issuers, pending };
        for (at, (certificate, issuer)) in path.iter().zip(&issuers).enumerate() {
            let status = lookup.status(certificate, issuer)?;
            if let Status::Revoked { date, reason, .. } = status {
                failures.push(Failure { at, reason: Reason::Revoked { date, reason } });
            }
            revocation.push(status);
        }
        Ok(())
    }

    /// The path ends in nothing: say in what.
    fn stuck(&mut self, child: &'a Arc<Certificate>, refusals: Vec<Reason>) {
        if child.is_self_issued() {
            let own = VerifyingKey::new(&child.public_key);
            let key = self.path.last().and_then(|step| step.entry).map_or(&own, Entry::key);
            if self.signature(child, key).is_ok() {
                self.tell(child, None, [Reason::SelfSignedNotTrusted]);
                return self.end(Reason::SelfSignedNotTrusted);
            }
        }
        let Some(reason) = refusals.into_iter().min_by_key(weight) else { return };
        if matches!(reason, Reason::IssuerNotFound { .. }) {
            self.tell(child, None, [reason.clone()]);
        }
        self.end(reason);
    }

    fn end(&mut self, reason: Reason) {
        let mut failures = self.failures();
        failures.push(Failure { at: self.path.len() - 1, reason });
        self.consider(false, failures, Vec::new());
    }

    fn failures(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (at, step) in self.path.iter().enumerate() {
            let signature = step.signature.clone().map(Reason::Signature);
            failures
                .extend(step.faults.iter().cloned().chain(signature).map(|reason| Failure { at, reason }));
        }
        failures
    }

    fn consider(&mut self, anchored: bool, failures: Vec<Failure>, revocation: Vec<Status>) {
        let path = self.path.iter().map(|step| step.certificate.clone()).collect();
        let found = Best { path, anchored, failures, revocation };
        if self.best.as_ref().is_none_or(|best| found.rank() < best.rank()) {
            self.best = Some(found);
        }
    }

    /// Certificates with the wanted key identifier under another name: renamed CAs, and typing errors.
    fn near_misses(&mut self, child: &'a Arc<Certificate>) {
        let Some(id) = child.authority_key_id() else { return };
        let found = self.engine.pool.with_key_id(id).chain(self.store.0.with_key_id(id));
        for entry in found.take(NEAR_MISSES) {
            if entry.certificate.subject != child.issuer {
                let reason = Reason::OtherName { wanted: child.issuer.clone() };
                self.tell(child, Some(&entry.certificate), [reason]);
            }
        }
    }

    fn give_up(&mut self, budget: Budget) {
        self.spending.hit.get_or_insert(budget);
        self.done = true;
    }

    fn tell(
        &mut self,
        child: &Arc<Certificate>,
        candidate: Option<&Arc<Certificate>>,
        reasons: impl IntoIterator<Item = Reason>,
    ) {
        let mut reasons = reasons.into_iter().peekable();
        let id = (Arc::as_ptr(child), candidate.map_or(std::ptr::null(), Arc::as_ptr));
        if reasons.peek().is_some() && self.told.insert(id) {
            let tried = |reason| Tried { child: child.clone(), candidate: candidate.cloned(), reason };
            self.tried.extend(reasons.map(tried));
        }
    }

    fn answer(mut self) -> Search {
        let budget = self.spending.hit;
        let leaf_fails = !self.path[0].faults.is_empty();
        // Only a budget ends a search before any path was considered.
        if let (None, Some(budget)) = (&self.best, budget) {
            self.end(Reason::Budget(budget));
        }
        let Some(mut best) = self.best else {
            let path = vec![self.path[0].certificate.clone()];
            let (failures, revocation) = (Vec::new(), Vec::new());
            let outcome = Outcome::Invalid;
            return Search {
                outcome,
                path,
                anchored: false,
                failures,
                revocation,
                tried: self.tried,
                budget,
            };
        };
        best.failures.sort_by_key(|failure| failure.at);
        let outcome = match (best.holds(), budget) {
            (true, _) if best.unknown() == 0 => Outcome::Valid,
            (true, _) => Outcome::Incomplete,
            (false, Some(_)) if !leaf_fails => Outcome::Incomplete,
            (false, _) => Outcome::Invalid,
        };
        let Best { path, anchored, failures, revocation } = best;
        Search { outcome, path, anchored, failures, revocation, tried: self.tried, budget }
    }
}

/// As many near misses are told; more help nobody.
const NEAR_MISSES: usize = 10;

/// Which refusal explains best that a path ends; the smallest does.
fn weight(reason: &Reason) -> u8 {
    match reason {
        Reason::Signature(_) => 0,
        Reason::OtherKey { .. } => 1,
        Reason::TooDeep { .. } => 2,
        Reason::Budget(_) => 3,
        Reason::Loop => 5,
        _ => 4,
    }
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
