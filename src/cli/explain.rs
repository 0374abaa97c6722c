//! `ocscert explain`: what a code means, which side is at fault, what to run next.

use std::path::PathBuf;

use super::args::{Format, KeyPassword};
use super::{Example, Outcome, Session};
use crate::checks;
use crate::edge;
use crate::findings::Rule;
use crate::findings::codes::{self, Code, plain};
use crate::model::Serial;
use crate::render::explain::{self, BySerial, Entry};
use crate::render::text::Style;
use crate::text;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert explain OCS-EKU-001", does: "a finding of verify, by code or by name" },
    Example {
        line: "ocscert explain 0x80090322",
        does: "a status of Windows; decimal and signed are read too",
    },
    Example { line: "ocscert explain alert 48", does: "a TLS alert, by number or name (unknown_ca)" },
    Example { line: "ocscert explain event 36885", does: "an event of Schannel or OCS" },
    Example {
        line: "ocscert explain EDITF_ATTRIBUTESUBJECTALTNAME2",
        does: "why submit has no --san-attribute",
    },
    Example {
        line: "ocscert explain --serial b2a1004f --in trusted-roots issued",
        does: "the certificate that an OCS event names, whose serial is printed backwards",
    },
    Example { line: "ocscert explain --list", does: "every code there is" },
];

/// Explain a code: what it means, which side is at fault, what to run next
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
#[command(group = clap::ArgGroup::new("what").required(true).args(["code", "list", "serial"]))]
pub struct Args {
    /// Code of a finding, HRESULT, TLS alert, event id, disposition of a CA, or the name of one
    #[arg(value_name = "CODE", allow_negative_numbers = true)]
    code: Vec<String>,
    /// List every code there is
    #[arg(long)]
    list: bool,
    /// Find the certificate with this serial number, in either byte order
    #[arg(long, value_name = "HEX", value_parser = serial, requires = "files")]
    serial: Option<Typed>,
    /// Where to look for it: files or folders
    #[arg(long = "in", id = "files", num_args = 1.., value_name = "FILE", requires = "serial")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    /// How to tell it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A serial number, as typed and as bytes.
#[derive(Clone, Debug)]
struct Typed {
    text: String,
    bytes: Vec<u8>,
}

fn serial(typed: &str) -> Result<Typed, String> {
    match text::unhex(typed) {
        Some(bytes) if !bytes.is_empty() => Ok(Typed { text: typed.trim().to_string(), bytes }),
        _ => Err("write the serial number in hexadecimal, as 4f00a1b2 or 4f:00:a1:b2".into()),
    }
}

/// Explains.
///
/// # Errors
/// Nobody knows the code; a file cannot be read.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if let Some(serial) = &args.serial {
        session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
        return by_serial(serial, &args.files, args.format, session);
    }
    let rules: Vec<&'static Rule> = checks::rules().collect();
    let text = match (args.list, args.format) {
        (true, Format::Text) => explain::list(&rules),
        (true, Format::Json) => explain::json(&all(&rules).collect::<Vec<_>>())?,
        (false, format) => {
            let entries = look_up(&args.code.join(" "), &rules)?;
            match format {
                Format::Json => explain::json(&entries)?,
                Format::Text => explain::text(&entries, style(session)),
            }
        }
    };
    session.say(&text)?;
    Ok(Outcome::Yes)
}

fn style(session: &Session) -> Style {
    Style { paint: session.paint(), offset: session.clock.offset, verbose: session.verbose }
}

fn all(rules: &[&'static Rule]) -> impl Iterator<Item = Entry> {
    rules.iter().map(|rule| Entry::Finding(rule)).chain(Code::all().map(Entry::Outside))
}

fn look_up(typed: &str, rules: &[&'static Rule]) -> anyhow::Result<Vec<Entry>> {
    let wanted = plain(typed);
    let is_it = |rule: &&&'static Rule| {
        let code = plain(rule.code);
        // The prefix is the same for all, so people leave it out.
        code == wanted || code.strip_prefix("ocs") == Some(&wanted) || plain(rule.name) == wanted
    };
    let mut entries: Vec<Entry> = rules.iter().filter(is_it).map(|rule| Entry::Finding(rule)).collect();
    if entries.is_empty() {
        entries.extend(codes::find(typed).into_iter().map(Entry::Outside));
    }
    if !entries.is_empty() {
        return Ok(entries);
    }
    let mut hint = String::new();
    for near in near(&wanted, rules) {
        let said = match near {
            Entry::Finding(rule) => rule.title,
            Entry::Outside(code) => code.name,
        };
        hint.push_str(&format!("ocscert explain {}   ({said})\n", near.code()));
    }
    hint.push_str("ocscert explain --list");
    Err(edge::Error::new(format!("nothing is known of \"{}\"", text::escape_short(typed, 60)))
        .hint(hint)
        .into())
}

/// The most lookalikes that are offered.
const NEAREST: usize = 4;

/// What was probably meant: names that contain it, then codes and names that differ in few letters.
fn near(wanted: &str, rules: &[&'static Rule]) -> Vec<Entry> {
    let wanted: String = wanted.chars().take(64).collect();
    let distance = |entry: &Entry| {
        let words = [plain(&entry.code()), plain(entry.name())];
        if wanted.len() >= 3 && words.iter().any(|word| word.contains(&wanted)) {
            return 0;
        }
        words.iter().map(|word| text::edits(&wanted, word)).min().unwrap_or(usize::MAX)
    };
    let bound = (wanted.len() / 4).clamp(1, 4);
    let mut near: Vec<(usize, Entry)> = all(rules).map(|entry| (distance(&entry), entry)).collect();
    near.retain(|(distance, _)| *distance <= bound);
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(NEAREST).map(|(_, entry)| entry).collect()
}

fn by_serial(
    typed: &Typed,
    files: &[PathBuf],
    format: Format,
    session: &mut Session,
) -> anyhow::Result<Outcome> {
    let certificates = session.inputs.certificates(files)?;
    let as_given = Serial(typed.bytes.as_slice().into());
    let reversed = Serial(typed.bytes.iter().rev().copied().collect());
    let same = |a: &Serial, b: &Serial| a.significant() == b.significant();
    let found: Vec<BySerial> = certificates
        .iter()
        .filter_map(|certificate| {
            let serial = &certificate.value.serial;
            let forwards = same(serial, &as_given);
            (forwards || same(serial, &reversed)).then(|| BySerial {
                source: certificate.source.clone(),
                serial: serial.to_string(),
                reversed: !forwards,
                name: certificate.value.subject.short().to_string(),
                issuer: certificate.value.issuer.short().to_string(),
                not_after: certificate.value.validity.not_after,
            })
        })
        .collect();
    let text = match format {
        Format::Json => explain::serials_json(&typed.text, &found, certificates.len())?,
        Format::Text => {
            let now = session.clock.now;
            explain::serials(&typed.text, &found, certificates.len(), now, style(session))
        }
    };
    session.say(&text)?;
    Ok(if found.is_empty() { Outcome::No } else { Outcome::Yes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(typed: &str) -> Vec<String> {
        let rules: Vec<_> = checks::rules().collect();
        look_up(typed, &rules).unwrap().iter().map(Entry::code).collect()
    }

    #[test]
    fn a_finding_is_found_by_code_and_by_name() {
        for typed in ["OCS-EKU-001", "ocs-eku-001", "EKU-001", "no-client-auth", "No Client Auth"] {
            assert_eq!(codes(typed), ["OCS-EKU-001"], "{typed}");
        }
        assert_eq!(codes("unknown_ca"), ["alert 48"]);
        assert_eq!(codes("-2146877422"), ["0x80094012"]);
    }

    #[test]
    fn every_name_and_code_leads_to_its_entry() {
        let rules: Vec<_> = checks::rules().collect();
        for entry in all(&rules) {
            assert!(look_up(&entry.code(), &rules).unwrap().contains(&entry), "{}", entry.code());
            assert!(look_up(entry.name(), &rules).unwrap().contains(&entry), "{}", entry.name());
        }
    }

    #[test]
    fn commands_of_the_explanations_are_lines_that_can_be_typed() {
        for code in Code::all() {
            let Some(line) = code.command.filter(|line| line.starts_with("ocscert ")) else { continue };
            if let Err(e) = super::super::definition().try_get_matches_from(line.split(' ')) {
                panic!("{code}: {line}: {e}");
            }
        }
    }

    #[test]
    fn what_nobody_knows_offers_what_is_near() {
        let rules: Vec<_> = checks::rules().collect();
        let hint = |typed: &str| {
            let error = look_up(typed, &rules).unwrap_err();
            error.downcast_ref::<edge::Error>().unwrap().hint_text().unwrap().to_string()
        };
        assert!(hint("OCS-EKU-01").contains("ocscert explain OCS-EKU-001"), "{}", hint("OCS-EKU-01"));
        assert!(hint("unknwon_ca").contains("alert 48"), "{}", hint("unknwon_ca"));
        assert!(hint("0x80094013").contains("0x80094012"), "{}", hint("0x80094013"));
        assert!(hint("untrusted").contains("0x800b0109"), "{}", hint("untrusted"));
        assert_eq!(hint("flying saucer"), "ocscert explain --list");
    }
}
