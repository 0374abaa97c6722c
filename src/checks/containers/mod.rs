//! Files as their readers see them: who would refuse this one, and why. Facts of the file alone are looked at,
//! never what the certificates in it are good for.

mod rules;

use std::fmt;

use crate::findings::{Evidence, Finding, Rule};
use crate::model::Contents;

use rules::ROWS;

/// Who reads files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Their PFX reader knows 3DES, RC2 and RC4 alone.
    OldWindows,
    /// Windows since Server 2019 and Windows 10 version 1709.
    Windows,
    /// keytool and what is built on Java.
    Java,
    /// OpenSSL 3 as it is shipped, without its legacy provider.
    OpenSsl,
    /// The certificate pages of IM and Presence.
    Imp,
}

impl Reader {
    /// All, in the order they are shown.
    pub const ALL: &'static [Self] = &[Self::OldWindows, Self::Windows, Self::Java, Self::OpenSsl, Self::Imp];
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OldWindows => "Windows Server 2003 to 2016",
            Self::Windows => "Windows Server 2019 and later",
            Self::Java => "Java (keytool)",
            Self::OpenSsl => "OpenSSL 3",
            Self::Imp => "IM and Presence",
        })
    }
}

/// A rule, the readers that refuse a file because of it, and how it is told.
#[derive(Debug)]
struct Row {
    rule: Rule,
    refused_by: &'static [Reader],
    /// The command that makes a file without the fault of this one.
    command: Option<fn(&str) -> String>,
    /// What in the file breaks the rule; nothing where it holds.
    evidence: fn(&Contents) -> Vec<Evidence>,
}

/// What the readers make of a file.
#[derive(Debug)]
pub struct Readers {
    /// What is unusual about it, worst last.
    pub findings: Vec<Finding>,
    /// Each reader, with the codes of the findings that make it refuse the file.
    pub verdicts: Vec<(Reader, Vec<&'static str>)>,
}

/// The rules of this family.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    ROWS.iter().map(|row| &row.rule)
}

/// Judges a file by its name, as typed, and by what was read from it.
pub fn judge(file: &str, contents: &Contents) -> Readers {
    let mut findings = Vec::new();
    let mut verdicts: Vec<_> = Reader::ALL.iter().map(|reader| (*reader, Vec::new())).collect();
    for row in ROWS {
        let evidence = (row.evidence)(contents);
        if evidence.is_empty() {
            continue;
        }
        let mut finding = row.rule.finding(file);
        finding.evidence = evidence;
        finding.evidence.truncate(MOST_EVIDENCE);
        finding.remedy.command = row.command.map(|command| command(file));
        findings.push(finding);
        for (reader, codes) in &mut verdicts {
            if row.refused_by.contains(reader) {
                codes.push(row.rule.code);
            }
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    Readers { findings, verdicts }
}

/// More facts than these of one kind say no more.
const MOST_EVIDENCE: usize = 20;
