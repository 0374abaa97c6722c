//! Revocation by CRLs that were given (RFC 5280 section 6.3): direct and indirect lists, partitions by scope and
//! by reason, deltas, signers of their own. What is not known to be good is never good.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use time::OffsetDateTime;

use super::budget::{Budget, Spending};
use super::build::{Engine, Options};
use super::pool::{Entry, Store};
use super::signature::SignatureFault;
use crate::model::crl::RevokedEntry;
use crate::model::extension::{DistributionPoint, DistributionPointName};
use crate::model::{Certificate, Crl, GeneralName, KeyUsage, Name, Oid, Serial};

/// The CRLs at hand, indexed by issuer and serial number. Problems name a list by its place in here.
#[derive(Debug, Default)]
pub struct Crls {
    lists: Vec<List>,
    by_issuer: HashMap<Box<[u8]>, Vec<usize>>,
}

/// What the CRLs say of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Current lists cover it for every reason, and none names it.
    Good,
    /// A list names it.
    Revoked {
        /// Since when.
        date: OffsetDateTime,
        /// RFC 5280 section 5.3.1; absent is unspecified.
        reason: Option<u8>,
        /// The list that says so.
        crl: usize,
    },
    /// Nothing that can be relied on is known.
    Unknown {
        /// The lists that would have told, and why each may not be used. None: there is no list for it at all.
        problems: Vec<CrlProblem>,
    },
}

/// A list that concerns a certificate but may not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlProblem {
    /// Which list.
    pub crl: usize,
    /// Why not.
    pub fault: CrlFault,
}

/// Why a list may not be used, the least telling reason first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrlFault {
    /// No certificate of its issuer's name is at hand.
    NoSigner,
    /// Its signature does not count with the keys of its issuer's name.
    Signature(SignatureFault),
    /// The key that would be right may not sign CRLs (keyUsage without cRLSign).
    NotAllowed,
    /// It has a signer of its own, for whose certificate no valid path leads to the same anchor.
    SignerNotProven,
    /// It begins later.
    NotYetValid {
        /// When it was issued.
        this_update: OffsetDateTime,
    },
    /// A newer one is due.
    Stale {
        /// Since when; `None` where it does not say, which RFC 5280 section 5.1.2.5 forbids.
        next_update: Option<OffsetDateTime>,
    },
    /// A critical extension of the list or of an entry is not processed.
    CriticalExtension(Oid),
    /// Its encoding has a defect.
    Defect,
    /// A delta to it, which is for a later list, revokes the certificate.
    OtherBase,
    /// It covers some reasons only, and no other list covers the rest.
    SomeReasons,
}

impl CrlFault {
    fn rank(&self) -> u8 {
        match self {
            Self::NoSigner => 0,
            Self::Signature(_) => 1,
            Self::NotAllowed => 2,
            Self::SignerNotProven => 3,
            _ => 4,
        }
    }
}

impl fmt::Display for CrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSigner => f.write_str("no certificate of its issuer is at hand"),
            Self::Signature(fault) => write!(f, "{fault}"),
            Self::NotAllowed => f.write_str("its issuer's key usage does not allow it to sign CRLs"),
            Self::SignerNotProven => f.write_str("no valid path leads from its signer to the same root"),
            Self::NotYetValid { this_update } => write!(f, "it is dated {this_update}, which is later"),
            Self::Stale { next_update: Some(due) } => write!(f, "a newer one was due on {due}"),
            Self::Stale { next_update: None } => f.write_str("it does not say when the next one is due"),
            Self::CriticalExtension(kind) => write!(f, "unknown critical extension {kind}"),
            Self::Defect => f.write_str("its encoding has a defect"),
            Self::OtherBase => f.write_str("a later list than this one revokes it"),
            Self::SomeReasons => f.write_str("it covers some revocation reasons only"),
        }
    }
}

impl Crls {
    /// Indexes lists.
    pub fn new(crls: impl IntoIterator<Item = Arc<Crl>>) -> Self {
        let lists: Vec<List> = crls.into_iter().map(List::new).collect();
        let mut by_issuer: HashMap<Box<[u8]>, Vec<usize>> = HashMap::new();
        for (at, list) in lists.iter().enumerate() {
            by_issuer.entry(list.crl.issuer.normalized().into()).or_default().push(at);
        }
        for of_one in by_issuer.values_mut() {
            of_one.sort_by_key(|at| Reverse(lists[*at].crl.this_update));
        }
        Self { lists, by_issuer }
    }

    /// One of them.
    pub fn get(&self, at: usize) -> Option<&Arc<Crl>> {
        self.lists.get(at).map(|list| &list.crl)
    }

    /// The newest first.
    fn issued_by<'a>(&'a self, name: &Name) -> impl Iterator<Item = (usize, &'a List)> {
        self.by_issuer.get(name.normalized()).into_iter().flatten().map(|at| (*at, &self.lists[*at]))
    }
}

/// One list, with its entries by serial number.
#[derive(Debug)]
struct List {
    crl: Arc<Crl>,
    sha256: [u8; 32],
    /// Why nobody may use it, whoever asks.
    unusable: Option<CrlFault>,
    /// By serial number.
    entries: HashMap<Box<[u8]>, Vec<Place>>,
}

/// Places in [`Crl::entries`]: the entry, and the one that names its issuer.
type Place = (usize, Option<usize>);

impl List {
    fn new(crl: Arc<Crl>) -> Self {
        use sha2::Digest;
        let mut entries: HashMap<Box<[u8]>, Vec<Place>> = HashMap::new();
        // An entry without an issuer of its own continues the one before (RFC 5280 section 5.3.3).
        let mut issuer = None;
        for (at, entry) in crl.entries.iter().enumerate() {
            if entry.certificate_issuer.is_some() {
                issuer = Some(at);
            }
            entries.entry(entry.serial.0.clone()).or_default().push((at, issuer));
        }
        Self { sha256: sha2::Sha256::digest(crl.der()).into(), unusable: unusable(&crl), entries, crl }
    }

    fn find(&self, certificate: &Certificate) -> Option<&RevokedEntry> {
        let found = self.entries.get(&certificate.serial.0)?;
        // The last word counts, should a list contradict itself.
        let (at, _) = found.iter().rev().find(|(_, issuer)| match issuer {
            None => self.crl.issuer == certificate.issuer,
            Some(entry) => self.crl.entries[*entry]
                .certificate_issuer
                .iter()
                .flatten()
                .any(|name| matches!(name, GeneralName::Directory(name) if *name == certificate.issuer)),
        })?;
        self.crl.entries.get(*at)
    }
}

/// RFC 5280 sections 5.2 and 5.3: a list with a critical extension that is not understood must not be used.
fn unusable(crl: &Crl) -> Option<CrlFault> {
    let extensions = &crl.extensions;
    let of_list = extensions.other.iter().find(|e| e.critical).map(|e| e.kind.clone());
    let of_entry = || crl.entries.iter().find_map(|entry| entry.unknown_critical.clone());
    match of_list.or_else(of_entry) {
        Some(kind) => Some(CrlFault::CriticalExtension(kind)),
        None => (!crl.defects.is_empty()).then_some(CrlFault::Defect),
    }
}

/// One path whose certificates are to be looked up.
pub(super) struct Lookup<'w, 'a> {
    pub(super) engine: &'w Engine,
    pub(super) options: &'w Options,
    pub(super) crls: &'w Crls,
    pub(super) spending: &'w mut Spending<'a>,
    /// The path's issuers, lowest first; the last is the anchor.
    pub(super) issuers: &'w [&'w Entry],
    /// CRL signers that are being proven further up: none may vouch for itself.
    pub(super) pending: &'w [[u8; 32]],
}

/// Whose status is asked for.
#[derive(Clone, Copy)]
struct Asked<'q> {
    certificate: &'q Certificate,
    issuer: &'q Entry,
    /// Its distribution point names a CRL issuer: its CA's own word for who may answer.
    delegated: bool,
}

/// What one list says.
struct Word<'w> {
    crl: usize,
    list: &'w List,
    /// Whose key signed it.
    signer: [u8; 32],
    /// The list itself, or the delta that brought it up to date.
    latest: &'w Crl,
    entry: Option<&'w RevokedEntry>,
    /// Why it only holds against the certificate, never for it.
    over: Option<CrlFault>,
    /// What it covers, as reached by the distribution point.
    reasons: u16,
}

impl Word<'_> {
    /// Of the lists of one key and one scope the last is the word, also while the one before it is not over. Other
    /// keys of the same name speak for themselves.
    fn supersedes(&self, other: &Self) -> bool {
        later(self.latest, other.latest)
            && self.signer == other.signer
            && self.list.crl.scope == other.list.crl.scope
    }
}

/// Does one list of an issuer come after another? Section 5.2.3: the numbers only grow.
fn later(one: &Crl, other: &Crl) -> bool {
    match (&one.number, &other.number) {
        (Some(one), Some(other)) => magnitude(one) > magnitude(other),
        _ => one.this_update > other.this_update,
    }
}

/// reasons 1 to 8 (RFC 5280 ReasonFlags): what a certificate has to be covered for.
const ALL_REASONS: u16 = 0b1_1111_1110;

/// removeFromCRL, in a delta CRL.
const REMOVED: Option<u8> = Some(8);

/// As many CRL signers may have CRL signers of their own, one above the other.
const SIGNER_DEPTH: usize = 3;

impl<'w> Lookup<'w, '_> {
    /// The status of a certificate whose issuer is `issuer` (RFC 5280 section 6.3.3).
    ///
    /// # Errors
    /// The budget, once it is spent.
    pub(super) fn status(&mut self, certificate: &Certificate, issuer: &Entry) -> Result<Status, Budget> {
        let stated = certificate.extensions.crl_distribution_points.iter().flat_map(|points| &points.value);
        // "Any available CRLs not specified in a distribution point but issued by the certificate issuer."
        let implied = DistributionPoint {
            name: Some(DistributionPointName::Full(vec![GeneralName::Directory(certificate.issuer.clone())])),
            ..DistributionPoint::default()
        };
        let mut words: Vec<Word<'w>> = Vec::new();
        let mut problems: Vec<CrlProblem> = Vec::new();
        for point in stated.chain([&implied]) {
            let indirect = !point.crl_issuer.is_empty();
            let own = [GeneralName::Directory(certificate.issuer.clone())];
            let issuers = if indirect { &*point.crl_issuer } else { &own };
            let asked = Asked { certificate, issuer, delegated: indirect };
            for name in issuers {
                let GeneralName::Directory(name) = name else { continue };
                for (at, list) in self.crls.issued_by(name) {
                    self.spending.charge(Budget::Candidates, 1)?;
                    let is_indirect = list.crl.scope.as_ref().is_some_and(|scope| scope.indirect);
                    let concerns = list.crl.delta_base.is_none()
                        && (!indirect || is_indirect)
                        && in_scope(certificate, point, &list.crl);
                    let mask = reasons(point, &list.crl);
                    let heard = || words.iter().any(|word| word.crl == at && mask & !word.reasons == 0);
                    if !concerns || heard() {
                        continue;
                    }
                    match self.ask(asked, at, list, &words)? {
                        Err(fault) => {
                            let problem = CrlProblem { crl: at, fault };
                            if !problems.contains(&problem) {
                                problems.push(problem);
                            }
                        }
                        Ok(word) => words.push(Word { reasons: mask, ..word }),
                    }
                }
            }
        }
        Ok(verdict(&words, problems))
    }

    /// What a complete list, brought up to date by a delta where there is one, says of a certificate.
    fn ask(
        &mut self,
        asked: Asked<'_>,
        crl: usize,
        list: &'w List,
        heard: &[Word<'_>],
    ) -> Result<Result<Word<'w>, CrlFault>, Budget> {
        let entry = list.find(asked.certificate);
        let deltas = self.deltas(asked, list);
        let current = self.current(&list.crl);
        // A list that is over is of use only where a delta brings it up to date, or as the last one that names the
        // certificate: an archive of them costs nothing.
        let last = || {
            !heard
                .iter()
                .any(|word| word.list.crl.scope == list.crl.scope && later(&word.list.crl, &list.crl))
        };
        match &current {
            Err(CrlFault::Stale { .. }) if !deltas.is_empty() || entry.is_some() && last() => {}
            Err(fault) => return Ok(Err(fault.clone())),
            Ok(()) => {}
        }
        let signer = match self.trusted(asked, list)? {
            Ok(signer) => signer,
            Err(fault) => return Ok(Err(fault)),
        };
        let over = current.clone().err();
        let mut word = Word { crl, list, signer, latest: &list.crl, entry, over, reasons: 0 };
        for (delta, fault) in deltas {
            // Signed with the same key as the list that it brings up to date (section 5.2.4).
            if self.trusted(asked, delta)? == Ok(signer) {
                (word.latest, word.over) = (&delta.crl, fault);
                word.entry = match delta.find(asked.certificate) {
                    Some(removed) if removed.reason == REMOVED => None,
                    Some(changed) => Some(changed),
                    None => word.entry,
                };
                return Ok(Ok(word));
            }
        }
        Ok(if word.entry.is_some() { Ok(word) } else { current.map(|()| word) })
    }

    /// The deltas that bring this list up to date (sections 5.2.4 and 6.3.3 c), the newest first; among them those
    /// that cannot, being over or for a later list, but revoke the certificate: with the reason why not.
    fn deltas(&self, asked: Asked<'_>, base: &List) -> Vec<(&'w List, Option<CrlFault>)> {
        let Some(number) = base.crl.number.as_ref().map(magnitude) else { return Vec::new() };
        let fit = |(_, delta): (usize, &'w List)| {
            let crl = &delta.crl;
            let from = magnitude(crl.delta_base.as_ref()?);
            let later = number < magnitude(crl.number.as_ref()?) && crl.scope == base.crl.scope;
            let fault = match self.current(crl) {
                Err(CrlFault::NotYetValid { .. }) => return None,
                Err(over) => Some(over),
                Ok(()) => (from > number).then_some(CrlFault::OtherBase),
            };
            let revokes = || delta.find(asked.certificate).is_some_and(|entry| entry.reason != REMOVED);
            (later && (fault.is_none() || revokes())).then_some((delta, fault))
        };
        let mut deltas: Vec<_> = self.crls.issued_by(&base.crl.issuer).filter_map(fit).collect();
        deltas.sort_by_key(|(delta, _)| Reverse(delta.crl.number.as_ref().map(magnitude)));
        deltas
    }

    /// Is the list fit to be used by anybody, and signed by somebody who may? Whose key signed it.
    fn trusted(&mut self, asked: Asked<'_>, list: &List) -> Result<Result<[u8; 32], CrlFault>, Budget> {
        match &list.unusable {
            Some(fault) => Ok(Err(fault.clone())),
            None => self.signed(asked, list),
        }
    }

    /// Dates, both ends included.
    fn current(&self, crl: &Crl) -> Result<(), CrlFault> {
        let at = self.options.second();
        if crl.this_update > at {
            return Err(CrlFault::NotYetValid { this_update: crl.this_update });
        }
        match crl.next_update {
            Some(due) if at <= due => Ok(()),
            next_update => Err(CrlFault::Stale { next_update }),
        }
    }

    /// Is there a key that may sign this list, and did it? The path's own issuer, or another certificate of the
    /// same name with a path to the same anchor (section 6.3.3 f). A CRL issuer may stand in no list but its own:
    /// where its CA says so in its certificate, its path, which is the one at hand, is all that can be proven.
    fn signed(&mut self, asked: Asked<'_>, list: &List) -> Result<Result<[u8; 32], CrlFault>, Budget> {
        let mut worst = CrlFault::NoSigner;
        let engine = self.engine;
        let in_path = self.issuers;
        let own = std::iter::once(asked.issuer).chain(in_path.iter().copied());
        for signer in own.chain(engine.pool().named(&list.crl.issuer)) {
            if signer.certificate.subject != list.crl.issuer {
                continue;
            }
            self.spending.charge(Budget::Candidates, 1)?;
            let itself = asked.delegated && *signer.certificate == *asked.certificate;
            let proven = || itself || in_path.iter().any(|entry| entry.certificate == signer.certificate);
            let fault = match self.signature(list, signer)? {
                Err(fault) => fault,
                Ok(()) if !may_sign(&signer.certificate) => CrlFault::NotAllowed,
                Ok(()) if proven() || self.prove(signer) => return Ok(Ok(*signer.key().fingerprint())),
                Ok(()) => CrlFault::SignerNotProven,
            };
            if fault.rank() > worst.rank() {
                worst = fault;
            }
        }
        Ok(Err(worst))
    }

    fn signature(&mut self, list: &List, signer: &Entry) -> Result<Result<(), CrlFault>, Budget> {
        let (crl, key) = (&list.crl, signer.key());
        if let Err(refused) = self.options.era.judge(&crl.signature_algorithm, key.algorithm()) {
            return Ok(Err(CrlFault::Signature(refused)));
        }
        self.spending.charge(Budget::Signatures, 1)?;
        let result =
            self.engine.verify(&list.sha256, key, &crl.signature_algorithm, crl.tbs(), crl.signature());
        Ok(result.map_err(CrlFault::Signature))
    }

    /// A valid path for a CRL signer of its own, to the same anchor, its revocation checked too.
    fn prove(&mut self, signer: &Entry) -> bool {
        let id = *signer.certificate.sha256();
        let Some(anchor) = self.issuers.last().map(|entry| entry.certificate.clone()) else { return false };
        if self.pending.len() >= SIGNER_DEPTH || self.pending.contains(&id) {
            return false;
        }
        let store: Store = std::iter::once(anchor).collect();
        let options = Options {
            purpose: Vec::new(),
            max_depth: None,
            policies: Default::default(),
            ..self.options.clone()
        };
        let pending: Vec<_> = self.pending.iter().copied().chain([id]).collect();
        self.engine.proves(&signer.certificate, &store, &options, self.spending, &pending)
    }
}

/// What the lists say together. Section 6.3.3 stops at the first that cover every reason; here every list is heard, so
/// that none which names the certificate is passed over for one that was asked before. Nor is one that is over and the
/// last that spoke: it does not prove the certificate revoked any more, but nothing has shown that it was released.
fn verdict(words: &[Word<'_>], mut problems: Vec<CrlProblem>) -> Status {
    let (mut covered, mut open) = (0, false);
    for word in words.iter().filter(|word| !words.iter().any(|other| other.supersedes(word))) {
        let fault = match (word.entry, &word.over) {
            (Some(RevokedEntry { date, reason, .. }), None) => {
                return Status::Revoked { date: *date, reason: *reason, crl: word.crl };
            }
            (Some(_), Some(over)) => {
                let released = words
                    .iter()
                    .filter(|last| last.entry.is_none() && last.latest.this_update > word.latest.this_update)
                    .fold(0, |all, last| all | last.reasons);
                open |= word.reasons & !released != 0;
                over.clone()
            }
            (None, _) => {
                covered |= word.reasons;
                CrlFault::SomeReasons
            }
        };
        let problem = CrlProblem { crl: word.crl, fault };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    match covered & ALL_REASONS {
        ALL_REASONS if !open => Status::Good,
        _ => Status::Unknown { problems },
    }
}

/// A CRL number, comparable: shorter is smaller, once leading zeros are gone.
fn magnitude(number: &Serial) -> (usize, &[u8]) {
    let bytes = number.significant();
    (bytes.len(), bytes)
}

fn may_sign(signer: &Certificate) -> bool {
    signer.extensions.key_usage.as_ref().is_none_or(|usage| usage.value.contains(KeyUsage::CRL_SIGN))
}

/// Section 6.3.3 (d).
fn reasons(point: &DistributionPoint, crl: &Crl) -> u16 {
    let of_list = crl.scope.as_ref().and_then(|scope| scope.reasons);
    point.reasons.unwrap_or(ALL_REASONS) & of_list.unwrap_or(ALL_REASONS)
}

/// Section 6.3.3 (b) (2): does the list's scope hold this certificate, as reached by this distribution point?
fn in_scope(certificate: &Certificate, point: &DistributionPoint, crl: &Crl) -> bool {
    let Some(scope) = &crl.scope else { return true };
    let ca = certificate.extensions.basic_constraints.as_ref().is_some_and(|c| c.value.ca);
    let named = scope.name.as_ref().is_none_or(|listed| {
        let listed = names(listed, &crl.issuer);
        let issuers = || point.crl_issuer.iter().map(Point::from).collect();
        let wanted = point.name.as_ref().map_or_else(issuers, |name| names(name, &crl.issuer));
        listed.iter().any(|name| wanted.contains(name))
    });
    let kind = if ca { !scope.only_user } else { !scope.only_ca };
    named && kind && !scope.only_attribute
}

/// A name of a distribution point, comparable.
#[derive(PartialEq)]
enum Point {
    /// Its normalised form.
    Directory(Vec<u8>),
    Other(GeneralName),
}

impl From<&GeneralName> for Point {
    fn from(name: &GeneralName) -> Self {
        match name {
            GeneralName::Directory(name) => Self::Directory(name.normalized().to_vec()),
            other => Self::Other(other.clone()),
        }
    }
}

fn names(name: &DistributionPointName, issuer: &Name) -> Vec<Point> {
    match name {
        DistributionPointName::Full(names) => names.iter().map(Point::from).collect(),
        DistributionPointName::Relative(rdn) => {
            vec![Point::Directory([issuer.normalized(), &rdn.normalized()].concat())]
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope, KeyUsagePurpose};
    use time::macros::datetime;

    use super::super::testing::{Ca, NOW, crl_extension, der, extension, failures, parse, root, search};
    use super::super::{Outcome, Search};
    use super::*;
    use crate::model::oid;

    /// root <- issuing <- leaf, judged with these lists.
    fn judge(root: &Ca, ca: &Arc<Certificate>, leaf: &Arc<Certificate>, crls: Vec<Arc<Crl>>) -> Search {
        let options = Options { crls: Some(Arc::new(Crls::new(crls))), ..Options::new(NOW) };
        search(leaf, &[ca], &[&root.certificate], &options)
    }

    fn unknown(search: &Search, at: usize) -> Vec<CrlFault> {
        match &search.revocation[at] {
            Status::Unknown { problems } => problems.iter().map(|p| p.fault.clone()).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn scenario() -> (Ca, Ca, Arc<Certificate>) {
        let root = root("Root");
        let ca = root.ca("Issuing");
        let leaf = ca.leaf("a.foo.com");
        (root, ca, leaf)
    }

    /// Each certificate of the path is looked up in its own issuer's list.
    #[test]
    fn good_revoked_and_missing() {
        let (root, ca, leaf) = scenario();
        let good = judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), ca.crl(&[])]);
        assert_eq!((good.outcome, good.revocation), (Outcome::Valid, vec![Status::Good, Status::Good]));

        let revoked = judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), ca.crl(&[&leaf])]);
        assert_eq!((revoked.outcome, failures(&revoked)), (Outcome::Invalid, vec![(0, "revoked")]));
        let date = datetime!(2026-04-01 0:00 UTC);
        assert_eq!(revoked.revocation[0], Status::Revoked { date, reason: Some(1), crl: 1 });

        let ca_revoked =
            judge(&root, &ca.certificate, &leaf, vec![ca.crl(&[]), root.crl(&[&ca.certificate])]);
        assert_eq!(failures(&ca_revoked), [(1, "revoked")]);

        let missing = judge(&root, &ca.certificate, &leaf, vec![ca.crl(&[])]);
        assert_eq!((missing.outcome, unknown(&missing, 1)), (Outcome::Incomplete, vec![]));
    }

    /// A list that is stale, from the future, forged, or signed by a key that may not: unknown, never good.
    #[test]
    fn a_list_that_may_not_be_used_leaves_it_unknown() {
        let (root, ca, leaf) = scenario();
        let ask = |list| judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), list]);
        let due = datetime!(2026-06-01 11:59:59 UTC);
        let stale = ask(ca.crl_with(&[], &|p| p.next_update = due));
        assert_eq!(unknown(&stale, 0), [CrlFault::Stale { next_update: Some(due) }]);
        let later = datetime!(2026-06-01 12:00:01 UTC);
        let early = ask(ca.crl_with(&[], &|p| p.this_update = later));
        assert_eq!(unknown(&early, 0), [CrlFault::NotYetValid { this_update: later }]);
        let mut forged = ca.crl(&[]).der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let forged = ask(Arc::new(Crl::from_der(forged).unwrap()));
        assert_eq!(unknown(&forged, 0), [CrlFault::Signature(SignatureFault::Wrong)]);

        let may_not = root.cross_with(&ca, &|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
        let found = judge(&root, &may_not, &leaf, vec![root.crl(&[]), ca.crl(&[])]);
        assert_eq!(unknown(&found, 0), [CrlFault::NotAllowed]);
        assert_eq!(found.outcome, Outcome::Incomplete);
    }

    /// A list for CA certificates says nothing of a leaf.
    #[test]
    fn scope_decides_which_certificates_a_list_covers() {
        let (root, ca, leaf) = scenario();
        let scoped = |scope| {
            ca.crl_with(&[], &move |p| {
                let uris = vec!["http://crl.foo.com/a.crl".into()];
                p.issuing_distribution_point = Some(CrlIssuingDistributionPoint {
                    distribution_point: CrlDistributionPoint { uris },
                    scope: Some(match scope {
                        "users" => CrlScope::UserCertsOnly,
                        _ => CrlScope::CaCertsOnly,
                    }),
                });
            })
        };
        let with_point = ca.leaf_with("a.foo.com", &|p| {
            let uris = vec!["http://crl.foo.com/a.crl".into()];
            p.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        });
        let ask = |leaf, scope| judge(&root, &ca.certificate, leaf, vec![root.crl(&[]), scoped(scope)]);
        assert_eq!(ask(&with_point, "users").outcome, Outcome::Valid);
        assert_eq!(unknown(&ask(&with_point, "CAs"), 0), []);
        // The list belongs to a distribution point that this certificate does not name.
        assert_eq!(unknown(&ask(&leaf, "users"), 0), []);
    }

    /// A revoked intermediate does not stop a path through another certificate of the same CA.
    #[test]
    fn revocation_of_one_cross_certificate_leaves_the_other() {
        let (first, second) = (root("First"), root("Second"));
        let ca = first.ca("Issuing");
        let cross = second.cross(&ca);
        let leaf = ca.leaf("a.foo.com");
        let lists = vec![first.crl(&[&ca.certificate]), second.crl(&[]), ca.crl(&[])];
        let options = Options { crls: Some(Arc::new(Crls::new(lists))), ..Options::new(NOW) };
        let anchors = [&first.certificate, &second.certificate];
        let found = search(&leaf, &[&ca.certificate, &cross], &anchors, &options);
        assert_eq!((found.outcome, &found.path[1]), (Outcome::Valid, &cross));
    }

    /// A CA may have a key for CRLs alone, proven by a path to the same root; not one to another.
    #[test]
    fn a_signer_of_its_own_needs_a_path_to_the_same_anchor() {
        let (first, ca, leaf) = scenario();
        let other = root("Other");
        for (issuer, expected) in [(&first, Outcome::Valid), (&other, Outcome::Incomplete)] {
            let signer = issuer.ca_with("Issuing", &|p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
            let lists = vec![first.crl(&[]), other.crl(&[]), signer.crl(&[])];
            let options = Options { crls: Some(Arc::new(Crls::new(lists))), ..Options::new(NOW) };
            let pool = [&ca.certificate, &parse(signer.certificate.der()), &other.certificate];
            let found = search(&leaf, &pool, &[&first.certificate, &other.certificate], &options);
            assert_eq!(found.outcome, expected);
            if expected == Outcome::Incomplete {
                assert_eq!(unknown(&found, 0), [CrlFault::SignerNotProven]);
            }
        }
    }

    /// A delta adds and removes; one that does not fit the list it would bring up to date is left alone.
    #[test]
    fn a_delta_brings_its_base_up_to_date() {
        let (root, ca, leaf) = scenario();
        let reason = |code| vec![crl_extension(&oid::REASON_CODE, vec![0x0a, 1, code])];
        let of = |base| vec![crl_extension(&oid::DELTA_CRL_INDICATOR, vec![0x02, 1, base])];
        let ask = |base_lists_it: bool, delta: Arc<Crl>| {
            let entries = if base_lists_it { vec![(&leaf.serial, reason(6))] } else { vec![] };
            let base = ca.crl_by_hand(5, &[], &entries);
            judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), base, delta]).outcome
        };
        assert_eq!(ask(false, ca.crl_by_hand(6, &of(5), &[])), Outcome::Valid);
        assert_eq!(ask(true, ca.crl_by_hand(6, &of(5), &[])), Outcome::Invalid);
        assert_eq!(ask(false, ca.crl_by_hand(6, &of(5), &[(&leaf.serial, reason(1))])), Outcome::Invalid);
        assert_eq!(
            ask(true, ca.crl_by_hand(6, &of(5), &[(&leaf.serial, reason(8))])),
            Outcome::Valid,
            "removed"
        );
        // For a newer base than ours, and older than ours: not for us.
        assert_eq!(ask(true, ca.crl_by_hand(8, &of(7), &[(&leaf.serial, reason(8))])), Outcome::Invalid);
        assert_eq!(ask(true, ca.crl_by_hand(4, &of(3), &[(&leaf.serial, reason(8))])), Outcome::Invalid);
        // A delta alone is no list.
        let alone = ca.crl_by_hand(6, &of(5), &[]);
        let found = judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), alone]);
        assert_eq!(unknown(&found, 0), []);
    }

    /// Years of lists in one folder: only the current one is worth a signature check, whatever the others say.
    #[test]
    fn an_archive_of_lists_costs_nothing() {
        let (root, ca, leaf) = scenario();
        for (named, outcome) in [(&[][..], Outcome::Valid), (&[&leaf], Outcome::Invalid)] {
            let old = |hours| {
                ca.crl_with(named, &move |p| {
                    p.this_update = datetime!(2026-04-01 0:00 UTC) + time::Duration::hours(hours);
                    p.next_update = p.this_update + time::Duration::days(7);
                    p.crl_number = rcgen::SerialNumber::from(6u64);
                })
            };
            let lists = (0..300).map(old).chain([ca.crl(named), root.crl(&[])]).collect();
            let found = judge(&root, &ca.certificate, &leaf, lists);
            assert_eq!((found.outcome, found.budget), (outcome, None));
        }
    }

    /// Lists for some reasons cover a certificate together, or not at all.
    #[test]
    fn reasons_must_be_covered_together() {
        let (root, ca, leaf) = scenario();
        // onlySomeReasons [3]: bits 1 to 4, and bits 5 to 8.
        let some = |bits: [u8; 3]| {
            let scope = der(0x30, &[der(0x83, &[bits.to_vec()])]);
            ca.crl_by_hand(1, &[crl_extension(&oid::ISSUING_DISTRIBUTION_POINT, scope)], &[])
        };
        let (low, high) = (some([0, 0b0111_1000, 0]), some([7, 0b0000_0111, 0b1000_0000]));
        let both = judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), low.clone(), high]);
        assert_eq!(both.outcome, Outcome::Valid);
        let one = judge(&root, &ca.certificate, &leaf, vec![root.crl(&[]), low]);
        assert_eq!((one.outcome, unknown(&one, 0)), (Outcome::Incomplete, vec![CrlFault::SomeReasons]));
    }

    /// A CRL issuer that lists other CAs' certificates: its word counts where the certificate names it, and an
    /// entry counts for the CA that it, or one before it, names.
    #[test]
    fn an_indirect_list_names_whose_certificates_it_revokes() {
        let root = root("Root");
        let (ca, other) = (root.ca("Issuing"), root.ca("Other"));
        let lister = root.ca("Lister");
        let directory = |ca: &Ca| der(0xa4, &[ca.certificate.subject.der().to_vec()]);
        let point = der(0x30, &[der(0x30, &[der(0xa2, &[directory(&lister)])])]);
        let leaf = ca.leaf_with("a.foo.com", &|p| {
            p.custom_extensions.push(extension(&oid::CRL_DISTRIBUTION_POINTS, false, point.clone()));
        });
        let indirect = crl_extension(&oid::ISSUING_DISTRIBUTION_POINT, der(0x30, &[vec![0x84, 1, 0xff]]));
        let of = |ca: &Ca| vec![crl_extension(&oid::CERTIFICATE_ISSUER, der(0x30, &[directory(ca)]))];
        let unrelated = crate::model::Serial([0x77].into());
        let ask = |scope: &[Vec<u8>], entries: &[(&crate::model::Serial, Vec<Vec<u8>>)]| {
            let lists = vec![root.crl(&[]), lister.crl_by_hand(1, scope, entries)];
            let options = Options { crls: Some(Arc::new(Crls::new(lists))), ..Options::new(NOW) };
            let pool = [&ca.certificate, &lister.certificate];
            search(&leaf, &pool, &[&root.certificate], &options).outcome
        };
        let scope = std::slice::from_ref(&indirect);
        assert_eq!(ask(scope, &[]), Outcome::Valid);
        assert_eq!(ask(scope, &[(&leaf.serial, of(&ca))]), Outcome::Invalid);
        assert_eq!(ask(scope, &[(&unrelated, of(&ca)), (&leaf.serial, vec![])]), Outcome::Invalid);
        assert_eq!(ask(scope, &[(&leaf.serial, of(&other))]), Outcome::Valid, "another CA's serial number");
        assert_eq!(ask(&[], &[]), Outcome::Incomplete, "it does not say that it is indirect");
    }
}
