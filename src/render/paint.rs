//! Colour, never the only sign: each painted word says the same without it.

use crate::findings::{Severity, Verdict};

/// Paints words for a terminal, or leaves them plain.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    color: bool,
}

impl Paint {
    /// Paints only where `color` says so.
    pub fn new(color: bool) -> Self {
        Self { color }
    }

    /// Something good.
    pub fn good(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    /// Something that needs attention.
    pub fn warn(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// Something bad.
    pub fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Something that stands out.
    pub fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Something of less weight.
    pub fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// A verdict's word in its colour.
    pub fn verdict(self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Valid => self.good(verdict.word()),
            Verdict::Incomplete => self.warn(verdict.word()),
            Verdict::Invalid => self.bad(verdict.word()),
        }
    }

    /// A severity's word in its colour.
    pub fn severity(self, severity: Severity) -> String {
        match severity {
            Severity::Info => self.strong(severity.word()),
            Severity::Warning => self.warn(severity.word()),
            Severity::Error => self.bad(severity.word()),
        }
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self.color && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_string(),
        }
    }
}
