//! What `verify` found, ready to be rendered: no certificate type and no engine type is left in it.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::rule::{Finding, Rule};

/// The answer about one certificate, or about all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Everything that was asked holds.
    Valid,
    /// Nothing is known to be wrong, but something required could not be checked.
    Incomplete,
    /// Something is wrong.
    Invalid,
}

impl Verdict {
    /// The first word of the answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Incomplete => "incomplete",
            Self::Invalid => "invalid",
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It applies, and holds.
    Passed,
    /// It does not hold: there is a finding.
    Found,
    /// It does not apply, and why.
    NotApplicable(Cow<'static, str>),
    /// It applies, but could not be judged, and why: never "valid" then, where the check is required.
    NotChecked(Cow<'static, str>),
}

/// A check and how it ended.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// The rule it judges.
    pub rule: &'static Rule,
    /// How it ended.
    pub result: CheckResult,
}

/// The four directions of a mutual TLS federation (domain: "both are judged, for both roles").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// OCS's certificate when OCS answers a connection: IM and Presence judges it.
    OcsServer,
    /// OCS's certificate when OCS opens a connection: IM and Presence judges it.
    OcsClient,
    /// IM and Presence's certificate when it answers: OCS judges it.
    ImpServer,
    /// IM and Presence's certificate when it opens: OCS judges it.
    ImpClient,
}

impl Direction {
    /// All four, in the order they are shown.
    pub const ALL: [Direction; 4] = [Self::OcsServer, Self::OcsClient, Self::ImpServer, Self::ImpClient];

    /// The stable identifier in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::OcsServer => "ocs-as-server",
            Self::OcsClient => "ocs-as-client",
            Self::ImpServer => "imp-as-server",
            Self::ImpClient => "imp-as-client",
        }
    }

    /// As people say it.
    pub fn title(self) -> &'static str {
        match self {
            Self::OcsServer => "OCS as server",
            Self::OcsClient => "OCS as client",
            Self::ImpServer => "IM&P as server",
            Self::ImpClient => "IM&P as client",
        }
    }

    /// What is said of one that holds.
    pub fn accepted(self) -> &'static str {
        match self {
            Self::OcsServer | Self::OcsClient => "IM and Presence will accept it",
            Self::ImpServer | Self::ImpClient => "OCS will accept it",
        }
    }

    /// Who looks at the certificate in this direction.
    pub fn judge(self) -> &'static str {
        match self {
            Self::OcsServer | Self::OcsClient => "IM and Presence",
            Self::ImpServer | Self::ImpClient => "OCS",
        }
    }
}

/// One direction's answer.
#[derive(Clone, Debug)]
pub struct DirectionReport {
    /// Which.
    pub direction: Direction,
    /// The answer; `None` where the direction was not asked for, with the reason in [`Self::reason`].
    pub verdict: Option<Verdict>,
    /// One line: "IM and Presence will accept it", or why not.
    pub reason: Cow<'static, str>,
    /// The codes of the findings that decide it.
    pub codes: Vec<&'static str>,
}

/// One certificate of the path that was found, leaf first.
#[derive(Clone, Debug)]
pub struct PathStep {
    /// The subject, short (common name).
    pub name: String,
    /// The subject, whole.
    pub subject: String,
    /// Key type and size.
    pub key: String,
    /// Signature hash, short.
    pub signature: String,
    /// What else matters in a word or two ("server + client auth", "pathlen 0").
    pub note: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// The file it came from.
    pub source: String,
    /// For the last step: whose store holds it.
    pub trusted_by: Vec<TrustedBy>,
}

/// Whose trust store holds an anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedBy {
    /// "OCS" or "IM and Presence".
    pub side: &'static str,
    /// The file it came from.
    pub source: String,
}

/// An edge of the search that did not hold: a candidate issuer and why it is not the one.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The certificate whose issuer was looked for.
    pub child: String,
    /// The candidate; empty where none was found.
    pub candidate: String,
    /// The file the candidate came from.
    pub source: String,
    /// Why it did not hold, in words.
    pub reason: String,
}

/// All about one certificate.
#[derive(Clone, Debug)]
pub struct CertificateReport {
    /// The file, as typed, with `#n` where it holds several certificates.
    pub source: String,
    /// The subject's common name, or what stands for it.
    pub name: String,
    /// The subject, whole.
    pub subject: String,
    /// The issuer, whole.
    pub issuer: String,
    /// The serial number, hex.
    pub serial: String,
    /// SHA-1, hex: the thumbprint Windows shows.
    pub sha1: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// First moment of validity.
    pub not_before: OffsetDateTime,
    /// Last moment of validity.
    pub not_after: OffsetDateTime,
    /// The answer.
    pub verdict: Verdict,
    /// The four directions; those not asked for without a verdict.
    pub directions: Vec<DirectionReport>,
    /// The best path that was found, leaf first; up to an anchor where the chain holds.
    pub path: Vec<PathStep>,
    /// The edges that did not hold.
    pub tried: Vec<Tried>,
    /// What is wrong, worst last.
    pub findings: Vec<Finding>,
    /// Every check and how it ended.
    pub checks: Vec<CheckOutcome>,
}

impl CertificateReport {
    /// How many checks ended so.
    pub fn checks_that(&self, test: impl Fn(&CheckResult) -> bool) -> usize {
        self.checks.iter().filter(|c| test(&c.result)).count()
    }
}

/// All about one request.
#[derive(Clone, Debug)]
pub struct RequestReport {
    /// The file, as typed.
    pub source: String,
    /// The subject's common name, or what stands for it.
    pub name: String,
    /// The subject, whole.
    pub subject: String,
    /// Key type and size.
    pub key: String,
    /// How it is signed.
    pub signature: String,
    /// The subject alternative names it asks for, each with its type.
    pub names: Vec<String>,
    /// The extended key usages it asks for.
    pub usages: Vec<String>,
    /// The key usages it asks for.
    pub key_usages: Vec<&'static str>,
    /// The Microsoft template it asks for.
    pub template: Option<String>,
    /// SHA-256, hex.
    pub sha256: String,
    /// The answer.
    pub verdict: Verdict,
    /// What is wrong, worst last.
    pub findings: Vec<Finding>,
    /// Every check and how it ended.
    pub checks: Vec<CheckOutcome>,
}

/// All about all requests.
#[derive(Clone, Debug)]
pub struct RequestsReport {
    /// The profile's name.
    pub profile: String,
    /// "legacy" or "modern".
    pub crypto: &'static str,
    /// One report a request, worst last.
    pub requests: Vec<RequestReport>,
    /// The counts.
    pub summary: Summary,
    /// Lines for the reader that belong to no request.
    pub notes: Vec<String>,
}

/// A valid certificate among many: a line is enough for it.
#[derive(Clone, Debug)]
pub struct Brief {
    /// As in [`CertificateReport`].
    pub source: String,
    /// As in [`CertificateReport`].
    pub name: String,
    /// Last moment of validity.
    pub not_after: OffsetDateTime,
    /// What to mind although it is valid.
    pub warnings: Vec<Finding>,
}

/// All about all certificates.
#[derive(Clone, Debug)]
pub struct Report {
    /// The time that was judged at.
    pub at: OffsetDateTime,
    /// The profile's name.
    pub profile: String,
    /// "legacy" or "modern".
    pub crypto: &'static str,
    /// One report a certificate, worst last.
    pub certificates: Vec<CertificateReport>,
    /// The counts.
    pub summary: Summary,
    /// Lines for the reader that belong to no certificate ("without --pool the name was not checked").
    pub notes: Vec<String>,
}

/// How many certificates ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Valid.
    pub valid: usize,
    /// Incomplete.
    pub incomplete: usize,
    /// Invalid.
    pub invalid: usize,
    /// Files in a folder that held no certificate.
    pub skipped: usize,
}

impl Summary {
    /// Counts one more.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Valid => self.valid += 1,
            Verdict::Incomplete => self.incomplete += 1,
            Verdict::Invalid => self.invalid += 1,
        }
    }

    /// How many certificates were judged.
    pub fn judged(&self) -> usize {
        self.valid + self.incomplete + self.invalid
    }

    /// The worst of all; valid where there is none.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self { invalid: 1.., .. } => Verdict::Invalid,
            Self { incomplete: 1.., .. } => Verdict::Incomplete,
            _ => Verdict::Valid,
        }
    }
}
