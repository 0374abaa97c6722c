//! Rules and findings.

use serde::Serialize;

use super::codes::Fault;

/// How much a finding weighs. The default stands in the rule; a profile may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing breaks.
    Info,
    /// May break, or will break later.
    Warning,
    /// Breaks the federation or its security: the verdict is invalid.
    Error,
}

impl Severity {
    /// The word that stands before a finding.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule, declared once beside the check that applies it. One table of all rules feeds `explain`, the page of
/// findings and the tests.
#[derive(Debug)]
pub struct Rule {
    /// `OCS-<FAMILY>-NNN`: stable, never reused, says nothing of the severity.
    pub code: &'static str,
    /// A short name in kebab-case, unique too, as profiles write it.
    pub name: &'static str,
    /// Severity where a profile does not say otherwise.
    pub severity: Severity,
    /// What is wrong, in one line, from the administrator's point of view.
    pub title: &'static str,
    /// Why it matters: what breaks, and at which side.
    pub why: &'static str,
    /// What to do, in words.
    pub remedy: &'static str,
    /// Where the rule comes from: RFC and section, guide procedure, vendor page.
    pub refs: &'static [&'static str],
}

/// Codes are unique: a test of the table of all rules says so.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}
impl Eq for Rule {}

/// A family of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family {
    /// The part of the code.
    pub code: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Who has to do something, as a rule.
    pub fault: Fault,
}

impl Family {
    /// All families.
    pub const ALL: &'static [Family] = &[
        Family { code: "NAM", about: "names", fault: Fault::Presenter },
        Family { code: "EKU", about: "extended key usage", fault: Fault::Presenter },
        Family { code: "KEY", about: "keys, key usage and signatures", fault: Fault::Presenter },
        Family { code: "CHN", about: "the chain", fault: Fault::Either },
        Family { code: "VAL", about: "validity", fault: Fault::Presenter },
        Family { code: "NC", about: "name constraints", fault: Fault::Ca },
        Family { code: "POL", about: "certificate policies", fault: Fault::Ca },
        Family { code: "REV", about: "revocation", fault: Fault::Ca },
        Family { code: "STO", about: "trust stores", fault: Fault::Judge },
        Family { code: "REQ", about: "requests and what came back", fault: Fault::Ca },
        Family { code: "CON", about: "containers", fault: Fault::Presenter },
        Family { code: "TLS", about: "handshakes", fault: Fault::Either },
        Family { code: "SIP", about: "SIP answers", fault: Fault::Either },
        Family { code: "CA", about: "the certification authority", fault: Fault::Ca },
    ];
}

impl Rule {
    /// The family the code belongs to.
    pub fn family(&self) -> Option<&'static Family> {
        let part = self.code.split('-').nth(1)?;
        Family::ALL.iter().find(|family| family.code == part)
    }

    /// Starts a finding of this rule about `subject`, with the rule's own remedy.
    pub fn finding(&'static self, subject: impl Into<String>) -> Finding {
        Finding {
            rule: self,
            severity: self.severity,
            subject: subject.into(),
            evidence: Vec::new(),
            likely: None,
            remedy: Remedy { text: self.remedy.to_string(), command: None },
        }
    }
}

/// One violation of a rule. All strings may hold hostile text: renderers escape.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// How much it weighs here.
    pub severity: Severity,
    /// Which certificate, file or peer it is about.
    pub subject: String,
    /// What was expected and what is there, with the places.
    pub evidence: Vec<Evidence>,
    /// A probable cause, worded as a guess.
    pub likely: Option<String>,
    /// What to do.
    pub remedy: Remedy,
}

/// A fact behind a finding. At least one of `expected` and `observed` is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Where it was seen ("issuer named in fe1.foo.com.pem", "ca.pem #2"); may be empty.
    pub at: String,
    /// What was wanted.
    pub expected: Option<String>,
    /// What was found.
    pub observed: Option<String>,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub text: String,
    /// A command line that can be run, parsed by our own CLI in tests when it begins with `ocscert`.
    pub command: Option<String>,
}

impl Finding {
    /// Adds what was wanted and what is there.
    #[must_use]
    pub fn expected(self, expected: impl Into<String>, observed: impl Into<String>) -> Self {
        self.evidence("", Some(expected.into()), Some(observed.into()))
    }

    /// Adds what is there.
    #[must_use]
    pub fn observed(self, at: impl Into<String>, observed: impl Into<String>) -> Self {
        self.evidence(at, None, Some(observed.into()))
    }

    /// Adds what was wanted.
    #[must_use]
    pub fn wanted(self, at: impl Into<String>, expected: impl Into<String>) -> Self {
        self.evidence(at, Some(expected.into()), None)
    }

    /// Names the probable cause.
    #[must_use]
    pub fn likely(mut self, cause: impl Into<String>) -> Self {
        self.likely = Some(cause.into());
        self
    }

    /// Replaces the rule's general remedy by one for this case.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>) -> Self {
        self.remedy.text = text.into();
        self
    }

    /// Adds the command to run.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.remedy.command = Some(command.into());
        self
    }

    /// Sets another severity than the rule's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    fn evidence(mut self, at: impl Into<String>, expected: Option<String>, observed: Option<String>) -> Self {
        self.evidence.push(Evidence { at: at.into(), expected, observed });
        self
    }
}
