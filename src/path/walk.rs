//! The search itself: depth-first from a certificate up to a trust anchor. The first valid path ends it.
//!
//! It runs at most twice. The first run takes only edges that hold, so a valid path is found without detours.
//! Where there is none, the second also follows edges whose only fault is the issuer's (expired, no CA, too
//! weak ...) to find the path that gets furthest with the fewest failures: that is the one to explain.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use super::budget::{Budget, Spending};
use super::build::{EdgeId, Engine, Options, Outcome, Search, Tried, edge_id};
use super::pool::{Entry, Pool, Store};
use super::reason::{Failure, Reason};
use super::revocation::{Lookup, Status};
use super::signature::{SignatureFault, VerifyingKey};
use super::{constraints, policies, validate};
use crate::model::Certificate;

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

/// One search, on its way.
pub(super) struct Walk<'a, 'b> {
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
    pub(super) fn new(
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

    /// The first run: edges that hold alone.
    pub(super) fn prove(&mut self) {
        if self.path[0].faults.is_empty() {
            self.climb();
        }
    }

    /// The second run, where the first found nothing: also edges whose only fault is the issuer's.
    pub(super) fn explain(&mut self) {
        if !self.done && !self.best.as_ref().is_some_and(Best::holds) {
            self.lenient = true;
            self.tried.clear();
            self.told.clear();
            self.climb();
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
        let (store, pool) = (self.store, self.engine.pool());
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
            let at = self.options.second();
            found.sort_by_cached_key(|candidate| {
                let certificate = &candidate.entry.certificate;
                let usable = certificate.validity.contains(at) && certificate.is_ca();
                let newest = Reverse(certificate.validity.not_after);
                // A self-issued one leads back to its own name, others lead on.
                let back = certificate.is_self_issued();
                (candidate.key_id, !usable, !candidate.anchor, back, newest, *certificate.sha256())
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
        let below = self.path[1..].iter().filter(|step| !step.certificate.is_self_issued()).count();
        let counted = below + usize::from(!candidate.anchor && !issuer.is_self_issued());
        if let Some(max) = self.options.max_depth.filter(|max| counted > *max) {
            return Err(Reason::TooDeep { max });
        }
        if self.path.len() - usize::from(candidate.anchor) > self.options.budgets.depth {
            self.spending.hit.get_or_insert(Budget::Depth);
            return Err(Reason::Budget(Budget::Depth));
        }
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
        let found = self.engine.pool().with_key_id(id).chain(self.store.0.with_key_id(id));
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

    /// What was found.
    pub(super) fn answer(mut self) -> Search {
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
        // What was left untried is no matter once a path holds.
        let budget = budget.filter(|_| outcome != Outcome::Valid);
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
