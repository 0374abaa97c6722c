//! What `probe` found out about one host, ready to be rendered.

use super::{CertificateReport, Finding, Severity};
use crate::wire::transcript::Facts;

/// Would this end federate?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Mutual TLS and SIP, all the way.
    Accepted,
    /// TLS is good; SIP answers that this host is not authorized, as it must to one in no list.
    Unauthorized,
    /// Nothing is wrong as far as it could be asked.
    Incomplete,
    /// It answers, and is not set up as the federation needs it.
    Invalid,
    /// It refuses us.
    Refused,
    /// It could not be asked.
    NoAnswer,
}

impl Reach {
    /// The first word of the answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unauthorized => "unauthorized",
            Self::Incomplete => "incomplete",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::NoAnswer => "no answer",
        }
    }
}

/// What the server's list of CA names means for our certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaList {
    /// How many names.
    pub names: usize,
    /// How many bytes they take.
    pub bytes: usize,
    /// True where it is as long as Schannel's limit: probably cut off.
    pub near_limit: bool,
    /// The CA above our certificate that it names; `None` where it names none of them.
    pub ours: Option<String>,
    /// The CAs above our certificate; none where no certificate or chain was given.
    pub wanted: Vec<String>,
}

/// All about one host.
#[derive(Clone, Debug)]
pub struct ProbeReport {
    /// What was seen.
    pub facts: Facts,
    /// The answer.
    pub verdict: Reach,
    /// The verdict on the certificate it presented, where there was something to trust.
    pub chain: Option<CertificateReport>,
    /// The names of the certificates presented, leaf first.
    pub presented: Vec<String>,
    /// What it asks of clients.
    pub ca_list: Option<CaList>,
    /// Seconds its clock is ahead of ours, where its hellos tell the time.
    pub skew: Option<i64>,
    /// Which system it probably is.
    pub likely: Option<&'static str>,
    /// What is wrong with the connection and with what it presented, worst last.
    pub findings: Vec<Finding>,
}

impl ProbeReport {
    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }
}
