//! Probing: hosts are asked side by side, and what they said is judged afterwards, as it is when a transcript is
//! replayed.

use std::sync::Arc;

use crate::checks::probe::{Ours, judge};
use crate::checks::{self, Expected, Known, Own, Profile, Purpose, Question, Side, Sources, Stores};
use crate::edge::abreast::abreast;
use crate::edge::probe::{Options, ask};
use crate::findings::{CertificateReport, ProbeReport};
use crate::model::{Certificate, Fqdn, Name, Sourced};
use crate::path::{Engine, PolicyInputs, Pool, ReferenceName};
use crate::wire::transcript::{Facts, Peer, Target, Transport};

/// So many hosts are asked at once: each has a thread that mostly waits.
const AT_ONCE: usize = 128;

/// Asks all hosts; `done` hears of each that is through.
pub fn ask_all(targets: &[Target], options: &Options, done: impl FnMut(&Facts)) -> Vec<Facts> {
    abreast(targets, AT_ONCE, |target| ask(target, options), done)
}

/// What the answers are held against.
#[derive(Debug)]
pub struct Judging {
    /// Which checks apply to the presented certificate, and how severe findings are.
    pub profile: Profile,
    /// Whom each side trusts; where it is nobody the presented chain is not judged.
    pub stores: Stores,
    /// The certificates of those stores, with where they came from.
    pub trusted: Vec<Sourced<Arc<Certificate>>>,
    /// The names of the CAs above our own certificate, lowest first; without one the roots that were given.
    pub issuers: Vec<Name>,
    /// True where the last of them is a root.
    pub whole: bool,
    /// The TLS peer subjects of IM and Presence, where they are known.
    pub peer_subjects: Option<Vec<Fqdn>>,
}

impl Judging {
    /// Judges what one host said, for the moment it said it.
    pub fn judge(&self, facts: &Facts) -> ProbeReport {
        let side = match facts.target.side {
            Peer::Ocs => Side::Ocs,
            Peer::Imp => Side::Imp,
        };
        let names = facts.target.server_name().map(|name| ReferenceName::Dns(name.to_string()));
        let question = Question {
            at: facts.at,
            profile: self.profile.clone(),
            era: self.profile.era(),
            purpose: Purpose::Mutual,
            expected: Expected::Names(names.into_iter().collect()),
            warn_days: 30,
            max_depth: None,
            policies: PolicyInputs::default(),
            crls: None,
            known: Known::default(),
            peer_subjects: self.peer_subjects.clone(),
            own: Own { side, ..Own::default() },
        };
        let chain = match facts.target.transport {
            Transport::Tls => self.chain(facts, side, &question),
            Transport::Tcp => None,
        };
        judge(facts, &Ours { issuers: &self.issuers, whole: self.whole }, &question, chain)
    }

    /// The verdict on the certificate presented. What was presented and what is in the stores builds the chain,
    /// nothing else: what the server forgot to send is missing.
    fn chain(&self, facts: &Facts, side: Side, question: &Question) -> Option<CertificateReport> {
        let stores = &self.stores;
        let judging = match side {
            Side::Ocs => &stores.imp,
            Side::Imp => &stores.ocs,
        };
        if judging.is_empty() {
            return None;
        }
        let presented: Vec<Sourced<Arc<Certificate>>> = facts
            .chain()
            .iter()
            .enumerate()
            .filter_map(|(i, der)| {
                let value = Arc::new(Certificate::from_der(der.to_vec()).ok()?);
                Some(Sourced { value, source: format!("{} #{}", facts.target, i + 1) })
            })
            .collect();
        let leaf = presented.first()?;
        let (mut sources, mut pool) = (Sources::default(), Pool::new());
        for certificate in presented.iter().chain(&self.trusted) {
            sources.add(certificate);
            pool.add(certificate.value.clone());
        }
        Some(checks::judge(question, &Engine::new(pool), stores, &sources, side, leaf).report())
    }
}
