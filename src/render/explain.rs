//! What `explain` says about a code, about all of them, and about a certificate found by its serial number; and
//! the page of findings, from the same tables.

use std::fmt::Write as _;

use serde::Serialize;
use time::OffsetDateTime;

use super::json::{document_text, rfc3339};
use super::text::{Style, fill, until};
use crate::findings::codes::{Code, Kind};
use crate::findings::{Family, Rule};
use crate::text::{count, escape_short, shell_word};

/// Something that can be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One of our own findings.
    Finding(&'static Rule),
    /// A code of Windows, TLS or a CA.
    Outside(&'static Code),
}

/// One certificate that has the serial number that was looked for.
#[derive(Clone, Debug)]
pub struct BySerial {
    /// The file.
    pub source: String,
    /// The serial number as the certificate has it.
    pub serial: String,
    /// True where it was given with the bytes reversed.
    pub reversed: bool,
    /// The subject's common name.
    pub name: String,
    /// The issuer's common name.
    pub issuer: String,
    /// The end of its validity.
    pub not_after: OffsetDateTime,
}

impl Entry {
    /// The code as it is written.
    pub fn code(&self) -> String {
        match self {
            Self::Finding(rule) => rule.code.to_string(),
            Self::Outside(code) => code.to_string(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Finding(rule) => rule.name,
            Self::Outside(code) => code.name,
        }
    }

    fn title(&self) -> Option<&'static str> {
        match self {
            Self::Finding(rule) => Some(rule.title),
            Self::Outside(_) => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Finding(_) => "finding",
            Self::Outside(code) => code.kind.id(),
        }
    }

    fn meaning(&self) -> &'static str {
        match self {
            Self::Finding(rule) if rule.why.is_empty() => rule.title,
            Self::Finding(rule) => rule.why,
            Self::Outside(code) => code.meaning,
        }
    }

    fn fault(&self) -> &'static str {
        match self {
            Self::Finding(rule) => rule.family().map_or("", |family| family.fault.words()),
            Self::Outside(code) => code.fault.words(),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Finding(rule) => rule.remedy,
            Self::Outside(code) => code.remedy,
        }
    }

    fn command(&self) -> Option<&'static str> {
        match self {
            Self::Finding(_) => None,
            Self::Outside(code) => code.command,
        }
    }

    fn sources(&self) -> Vec<&'static str> {
        match self {
            Self::Finding(rule) => rule.refs.to_vec(),
            Self::Outside(code) => vec![code.source],
        }
    }
}

/// The entries for a person.
pub fn text(entries: &[Entry], style: Style) -> String {
    let mut out = String::new();
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let code = entry.code();
        // A setting's code is its name.
        let name = if code == entry.name() { String::new() } else { format!("   {}", entry.name()) };
        let _ = writeln!(out, "{}{name}", style.paint.strong(&code));
        if let Some(title) = entry.title() {
            let _ = writeln!(out, "{}", fill("", title));
        }
        out.push('\n');
        let mut row = |label: &str, text: &str| {
            let _ = writeln!(out, "{}", fill(&format!("  {label:<9} "), text));
        };
        row("means", entry.meaning());
        row("at fault", entry.fault());
        if let Entry::Finding(rule) = entry {
            row("weighs", &format!("{}; a profile may say otherwise", rule.severity.word()));
        }
        row("fix", entry.remedy());
        row("sources", &entry.sources().join("; "));
        if let Some(command) = entry.command() {
            // A command is one line, however long, so that it can be copied.
            let _ = writeln!(out, "  {:<9} {command}", "next");
        }
    }
    out
}

/// Every code with its name, under headings.
pub fn list(rules: &[&'static Rule]) -> String {
    let mut out = String::new();
    for family in Family::ALL {
        let of_it = of_family(family, rules);
        if !of_it.is_empty() {
            let _ = writeln!(out, "Findings about {}", family.about);
        }
        for rule in of_it {
            let _ = writeln!(out, "{}", fill(&format!("  {}  ", rule.code), rule.title));
        }
    }
    for kind in Kind::ALL {
        let _ = writeln!(out, "{}", kind.title());
        for code in kind.table() {
            let line = match kind {
                Kind::Setting => format!("  {code}"),
                _ => format!("  {:<14} {}", code.to_string(), code.name),
            };
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

/// The rules of a family, by number.
fn of_family(family: &Family, rules: &[&'static Rule]) -> Vec<&'static Rule> {
    let mut of_it: Vec<_> = rules.iter().copied().filter(|rule| rule.family() == Some(family)).collect();
    of_it.sort_by_key(|rule| rule.code);
    of_it
}

/// The certificates that have the serial number, for a person.
pub fn serials(typed: &str, found: &[BySerial], searched: usize, at: OffsetDateTime, style: Style) -> String {
    let mut out = String::new();
    if found.is_empty() {
        let searched = count(searched, "certificate");
        let line = format!("{typed} in neither byte order among {searched}");
        let _ = writeln!(out, "{}", fill("not found   ", &line));
    }
    for one in found {
        let (name, source) = (escape_short(&one.name, 60), escape_short(&one.source, 200));
        let when = until(one.not_after, at, style.offset);
        let _ = writeln!(out, "{}   {source}   CN={name}   {when}", style.paint.good("found"));
        let order = match one.reversed {
            true => "the bytes of what was given, last first, as OCS events print them",
            false => "as given",
        };
        let _ = writeln!(out, "{}", fill("  serial    ", &format!("{} ({order})", one.serial)));
        let _ = writeln!(out, "{}", fill("  issuer    ", &escape_short(&one.issuer, 60)));
        // "file #2" names a certificate in a file; commands take the file.
        let file = one.source.rsplit_once(" #").map_or(one.source.as_str(), |(file, _)| file);
        let _ = writeln!(out, "  next      ocscert inspect {}", shell_word(&escape_short(file, 200)));
    }
    out
}

/// `ocscert.explain/1`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    entries: Vec<JsonEntry<'a>>,
}

#[derive(Serialize)]
struct JsonEntry<'a> {
    kind: &'static str,
    code: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    meaning: &'a str,
    at_fault: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    remedy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    sources: Vec<&'a str>,
}

/// The entries as JSON.
///
/// # Errors
/// Never for these structs; serde says it could.
pub fn json(entries: &[Entry]) -> serde_json::Result<String> {
    let entry = |entry: &Entry| JsonEntry {
        kind: entry.kind(),
        code: entry.code(),
        name: entry.name(),
        title: entry.title(),
        meaning: entry.meaning(),
        at_fault: entry.fault(),
        severity: match entry {
            Entry::Finding(rule) => Some(rule.severity.word()),
            Entry::Outside(_) => None,
        },
        remedy: entry.remedy(),
        command: entry.command(),
        sources: entry.sources(),
    };
    let entries = entries.iter().map(entry).collect();
    document_text(&Document { schema: "ocscert.explain/1", entries })
}

/// `ocscert.serial/1`.
#[derive(Serialize)]
struct SerialDocument<'a> {
    schema: &'static str,
    serial: &'a str,
    searched: usize,
    found: Vec<JsonSerial<'a>>,
}

#[derive(Serialize)]
struct JsonSerial<'a> {
    source: &'a str,
    serial: &'a str,
    reversed: bool,
    name: &'a str,
    issuer: &'a str,
    not_after: String,
}

/// The certificates that have the serial number, as JSON.
///
/// # Errors
/// Never for these structs; serde says it could.
pub fn serials_json<'a>(
    typed: &'a str,
    found: &'a [BySerial],
    searched: usize,
) -> serde_json::Result<String> {
    let one = |one: &'a BySerial| {
        let BySerial { source, serial, reversed, name, issuer, not_after } = one;
        JsonSerial { source, serial, reversed: *reversed, name, issuer, not_after: rfc3339(*not_after) }
    };
    let found = found.iter().map(one).collect();
    document_text(&SerialDocument { schema: "ocscert.serial/1", serial: typed, searched, found })
}

/// The page `docs/findings.md`.
pub fn page(rules: &[&'static Rule]) -> String {
    let mut out = String::from(PAGE_HEAD);
    for family in Family::ALL {
        let of_it = of_family(family, rules);
        if of_it.is_empty() {
            continue;
        }
        let _ =
            writeln!(out, "\n## {}: {}\n\nAt fault: {}.", family.code, family.about, family.fault.words());
        for rule in of_it {
            let _ = writeln!(
                out,
                "\n### {} {}\n\n{}: {}.",
                rule.code,
                rule.name,
                rule.severity.word(),
                rule.title
            );
            if !rule.why.is_empty() {
                let _ = writeln!(out, "\n{}", sentence(rule.why));
            }
            let _ = writeln!(out, "\n- fix: {}\n- sources: {}", rule.remedy, rule.refs.join("; "));
        }
    }
    for kind in Kind::ALL {
        let _ = writeln!(out, "\n## {}\n", kind.title());
        let _ = writeln!(out, "| code | name | means | at fault | fix |\n|---|---|---|---|---|");
        for code in kind.table() {
            let cells = [code.to_string(), code.name.into(), code.meaning.into(), code.fault.words().into()];
            let _ = writeln!(out, "| {} | {} |", cells.map(|c| cell(&c)).join(" | "), cell(code.remedy));
        }
    }
    out
}

const PAGE_HEAD: &str = "# Findings and codes

What the findings of `ocscert` mean, and the codes of Windows, TLS and Microsoft
CAs beside them. `ocscert explain CODE` prints the same. The page is generated
from the tables in the program: `UPDATE_DOCS=1 cargo nextest run --test docs`
writes it anew.

The severity is the usual one; a profile (`--profile`), the side or the era
(`--crypto`) may change it.
";

/// Text as a sentence: with a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
