//! Where the servers of a federation stand, ready to be rendered: no certificate type, no file and no engine is
//! left in it.

use time::OffsetDateTime;

use super::report::{CertificateReport, Report, Verdict};

/// How far a server is on its way to a certificate in use; the worse, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Key, certificate, chain and PFX are there, and the other side will accept them.
    Ready,
    /// All is there and accepted, but few days are left, or the file asks for something else by now.
    Due,
    /// The certificate is there and accepted; the PFX is not made yet.
    Unpacked,
    /// The CA issued it; it is not fetched yet.
    Issued,
    /// The request is written; the CA's answer is to be put beside it.
    Requested,
    /// An administrator of the CA has to decide.
    Pending,
    /// Sent, and nobody knows whether it arrived.
    Unknown,
    /// Nothing was asked for yet.
    New,
    /// The CA said no.
    Denied,
    /// The certificate is there, and the other side would refuse it.
    Invalid,
    /// The certificate's time is over.
    Expired,
    /// What lies in the folder cannot be used.
    Broken,
}

impl Stage {
    /// Every stage, the best first.
    pub const ALL: [Self; 12] = [
        Self::Ready,
        Self::Due,
        Self::Unpacked,
        Self::Issued,
        Self::Requested,
        Self::Pending,
        Self::Unknown,
        Self::New,
        Self::Denied,
        Self::Invalid,
        Self::Expired,
        Self::Broken,
    ];

    /// The first word of a server's line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Due => "due",
            Self::Unpacked => "unpacked",
            Self::Issued => "issued",
            Self::Requested => "requested",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::New => "new",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Broken => "broken",
        }
    }

    /// What that means for the answer.
    pub fn answer(self) -> Answer {
        match self {
            Self::Ready | Self::Due => Answer::Yes,
            Self::Issued | Self::Requested | Self::Pending | Self::Unknown => Answer::Later,
            Self::Unpacked | Self::New | Self::Denied | Self::Invalid | Self::Expired => Answer::No,
            Self::Broken => Answer::CouldNot,
        }
    }
}

/// The answer to "is all well?", the worse the later: what the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// All is well.
    Yes,
    /// It is on its way.
    Later,
    /// It is not.
    No,
    /// Nobody can tell.
    CouldNot,
}

/// A certificate on its way, or in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// How far it is.
    pub stage: Stage,
    /// The CA's number of the request, where it has one.
    pub request_id: Option<u32>,
    /// When the request was sent.
    pub since: Option<OffsetDateTime>,
    /// What is worth knowing in a line: why it is due, what the CA said.
    pub note: String,
}

/// One server.
#[derive(Clone, Debug)]
pub struct ServerStatus {
    /// Its own name.
    pub fqdn: String,
    /// The CN its certificate needs.
    pub common_name: String,
    /// Its pool, where it is a front end.
    pub pool: Option<String>,
    /// What is in use, or on its way to be.
    pub current: Part,
    /// What is to replace it, where that has begun.
    pub renewal: Option<Part>,
    /// The verdict on the certificate in use.
    pub report: Option<CertificateReport>,
    /// What to do next; nothing where nothing is to be done.
    pub next: Option<Next>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// In words; servers with the same words are told together.
    pub text: String,
    /// The command to run then.
    pub command: Option<String>,
}

/// An IM and Presence node whose certificate is known.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Its name.
    pub fqdn: String,
    /// The verdict on its certificate.
    pub report: CertificateReport,
}

/// The whole federation.
#[derive(Clone, Debug)]
pub struct Status {
    /// The moment it was looked at.
    pub at: OffsetDateTime,
    /// The federation file, as typed.
    pub file: String,
    /// The servers, worst last.
    pub servers: Vec<ServerStatus>,
    /// The IM and Presence nodes whose certificates are known, worst last.
    pub nodes: Vec<NodeStatus>,
    /// Lines for the reader that belong to no server.
    pub notes: Vec<String>,
    /// The profile of the verdicts, and its era.
    pub profile: (String, &'static str),
}

impl ServerStatus {
    /// The first and the last moment of the certificate in use.
    pub fn validity(&self) -> Option<(OffsetDateTime, OffsetDateTime)> {
        self.report.as_ref().map(|report| (report.not_before, report.not_after))
    }

    /// Days until the certificate in use ends; below zero where it has.
    pub fn days_left(&self, at: OffsetDateTime) -> Option<i64> {
        self.report.as_ref().map(|report| days_left(report.not_after, at))
    }

    /// The stages of what is in use and of what is to replace it.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        [Some(self.current.stage), self.renewal.as_ref().map(|renewal| renewal.stage)].into_iter().flatten()
    }

    /// The answer for this server: a renewal that is stuck counts, too.
    pub fn answer(&self) -> Answer {
        self.stages().map(Stage::answer).max().unwrap_or(Answer::Yes)
    }
}

impl Status {
    /// The worst answer.
    pub fn answer(&self) -> Answer {
        let nodes = self.nodes.iter().map(|node| match node.report.verdict {
            Verdict::Valid => Answer::Yes,
            Verdict::Incomplete | Verdict::Invalid => Answer::No,
        });
        self.servers.iter().map(ServerStatus::answer).chain(nodes).max().unwrap_or(Answer::Yes)
    }

    /// How many servers are at each stage; stages without any are left out.
    pub fn counts(&self) -> Vec<(Stage, usize)> {
        let count = |stage| self.servers.iter().filter(|server| server.current.stage == stage).count();
        Stage::ALL.into_iter().map(|stage| (stage, count(stage))).filter(|(_, n)| *n > 0).collect()
    }

    /// The verdicts, as `verify` would tell them: for the picture of who trusts whom.
    pub fn report(&self) -> Report {
        let servers = self.servers.iter().filter_map(|server| server.report.clone());
        let certificates: Vec<CertificateReport> =
            servers.chain(self.nodes.iter().map(|node| node.report.clone())).collect();
        let mut summary = super::Summary::default();
        certificates.iter().for_each(|certificate| summary.add(certificate.verdict));
        Report {
            at: self.at,
            profile: self.profile.0.clone(),
            crypto: self.profile.1,
            certificates,
            summary,
            notes: Vec::new(),
        }
    }
}

/// Whole days until then, rounded down; below zero where it is over.
pub fn days_left(end: OffsetDateTime, at: OffsetDateTime) -> i64 {
    (end - at).whole_seconds().div_euclid(86_400)
}
