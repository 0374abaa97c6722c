//! Floor 4: judging. One file a family: its rules, its checks, its tests. A check is one rule and one pure
//! function; what path validation found becomes findings in [`trust`]; [`verdict`] puts it all together.

pub mod asked;
pub mod authority;
mod commands;
pub mod containers;
pub mod keys;
pub mod names;
pub mod probe;
mod profile;
pub mod renewal;
pub mod request;
pub mod stores;
pub mod trust;
pub mod usage;
pub mod validity;
mod verdict;

use std::borrow::Cow;
use std::sync::Arc;

use time::OffsetDateTime;

pub use asked::judge_request;
pub use commands::Known;
pub use profile::Profile;
pub use verdict::{Judgement, Sources, Stores, judge};

use crate::findings::{Finding, Rule};
use crate::model::{Certificate, Claims, Fqdn, Oid, PublicKey, Request, Sourced, oid};
use crate::path::names::ReferenceName;
use crate::path::{Crls, CryptoEra, PolicyInputs};

/// One check: the rule it judges, and how.
#[derive(Debug)]
pub struct Check {
    /// The rule.
    pub rule: &'static Rule,
    /// The judgement.
    pub judge: Judge,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// What a certificate says, and a request asks for: both are judged by it.
    Claims(fn(&Subject<'_>) -> Judged),
    /// A certificate that a CA has issued, and its path.
    Issued(fn(&Subject<'_>, &Issued<'_>) -> Judged),
    /// A request.
    Asked(fn(&Subject<'_>, &Request) -> Judged),
}

/// How a check ended.
#[derive(Debug)]
pub enum Judged {
    /// It applies and holds.
    Passed,
    /// It does not hold.
    Found(Vec<Finding>),
    /// It does not apply, and why.
    NotApplicable(Cow<'static, str>),
}

impl From<Vec<Finding>> for Judged {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Passed } else { Self::Found(findings) }
    }
}

/// The checks of certificates, beyond RFC 5280, and of requests, in the order they are listed.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let families = [
        names::CHECKS,
        usage::CHECKS,
        keys::CHECKS,
        validity::CHECKS,
        stores::CHECKS,
        authority::CHECKS,
        request::CHECKS,
        renewal::CHECKS,
        asked::CHECKS,
    ];
    families.into_iter().flatten()
}

/// Every rule there is: the table behind `explain`, the page of findings and the tests.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let others = trust::RULES.iter().chain(probe::RULES).chain(stores::RULES).copied();
    checks().map(|check| check.rule).chain(others).chain(containers::rules())
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// The OCS, Lync or Skype for Business server's.
    #[default]
    Ocs,
    /// IM and Presence's (`cup`).
    Imp,
}

/// What the certificate is to be good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Both: mutual TLS.
    #[default]
    Mutual,
    /// As a server.
    Server,
    /// As a client.
    Client,
    /// The path alone, no extended key usage demanded.
    Any,
}

/// The name the certificate should have.
#[derive(Clone, Debug)]
pub enum Expected {
    /// A Standard Edition server: CN and SAN.
    Server(Fqdn),
    /// An Enterprise pool: CN and SAN.
    Pool(Fqdn),
    /// Names it must be valid for; none: not checked.
    Names(Vec<ReferenceName>),
}

impl Expected {
    /// All names the certificate must be valid for.
    pub fn references(&self) -> Vec<ReferenceName> {
        match self {
            Self::Server(name) | Self::Pool(name) => vec![ReferenceName::Dns(name.as_str().to_string())],
            Self::Names(names) => names.clone(),
        }
    }
}

/// What is asked about certificates.
#[derive(Clone, Debug)]
pub struct Question {
    /// The moment to judge for.
    pub at: OffsetDateTime,
    /// Which checks apply, and how severe they are.
    pub profile: Profile,
    /// Which algorithms are good enough.
    pub era: CryptoEra,
    /// What for.
    pub purpose: Purpose,
    /// The name it should have.
    pub expected: Expected,
    /// Warn when it expires within so many days.
    pub warn_days: i64,
    /// The most intermediates, leaf and anchor not counted.
    pub max_depth: Option<usize>,
    /// Which certificate policies are acceptable.
    pub policies: PolicyInputs,
    /// The CRLs at hand; given, they make revocation required for the whole path.
    pub crls: Option<Arc<Crls>>,
    /// What is known beside the certificates: remedies name it.
    pub known: Known,
    /// The TLS peer subjects configured on IM and Presence, where they are known.
    pub peer_subjects: Option<Vec<Fqdn>>,
    /// What is at hand of our own beside the certificates.
    pub own: Own,
}

/// What the certificates of one side are held against: the keys and requests they should belong to, and the
/// certificates they replace.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Whose certificates.
    pub side: Side,
    /// Our private keys' public halves.
    pub keys: Vec<Sourced<PublicKey>>,
    /// Our requests.
    pub requests: Vec<Sourced<Arc<Request>>>,
    /// What was in use before.
    pub previous: Vec<Sourced<Arc<Certificate>>>,
}

impl Question {
    /// The extended key usages that are asked for.
    pub fn usages(&self) -> Vec<Oid> {
        match self.purpose {
            Purpose::Mutual => vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
            Purpose::Server => vec![oid::SERVER_AUTH],
            Purpose::Client => vec![oid::CLIENT_AUTH],
            Purpose::Any => Vec::new(),
        }
    }

    /// True in the era of OCS 2007 R2.
    pub fn is_legacy(&self) -> bool {
        self.era == CryptoEra::Legacy
    }

    /// True where the CN counts as a host name when there are no alternative names (design: legacy only).
    pub fn cn_counts(&self) -> bool {
        self.is_legacy()
    }
}

/// What is judged, and what was asked about it.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What it says, or asks to have said.
    pub claims: Claims<'a>,
    /// The file it came from.
    pub source: &'a str,
    /// Whose it is.
    pub side: Side,
    /// What was asked.
    pub question: &'a Question,
    /// The certificates above it, as far as a path was found; a request has none.
    pub issuers: &'a [PathCertificate<'a>],
}

/// A certificate, and the path that was found for it.
#[derive(Debug)]
pub struct Issued<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// The path, leaf first.
    pub path: &'a [PathCertificate<'a>],
    /// True where the path's last certificate is a trust anchor.
    pub anchored: bool,
}

/// One certificate of a path, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct PathCertificate<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Where it came from.
    pub source: &'a str,
}

impl<'a> Subject<'a> {
    /// What is at hand of our own for a certificate of this side.
    pub fn own(&self) -> Option<&'a Own> {
        Some(&self.question.own).filter(|own| own.side == self.side)
    }
}

impl<'a> Issued<'a> {
    /// Every certificate of the path.
    pub fn whole_path(&self) -> impl Iterator<Item = &PathCertificate<'a>> {
        self.path.iter()
    }

    /// The certificates whose signature somebody verifies: all but the anchor, and but a self-issued root at
    /// the end of a path that reached no anchor.
    pub fn signed_path(&self) -> impl Iterator<Item = &PathCertificate<'a>> {
        let last = self.path.len().saturating_sub(1);
        let anchored = self.anchored;
        self.path
            .iter()
            .enumerate()
            .filter(move |(i, c)| *i < last || !(anchored || c.certificate.is_self_issued()))
            .map(|(_, c)| c)
    }
}
