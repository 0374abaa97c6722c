//! `ocscert inspect`: what is in these files?

use std::path::PathBuf;

use super::args::{Format, KeyPassword};
use super::{Example, Outcome, Session};
use crate::checks::containers;
use crate::edge::inputs::shown;
use crate::render::{inspect, text::Style};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert inspect fe1.foo.com.pem",
        does: "a certificate: names, usages, identifiers, days left",
    },
    Example { line: "ocscert inspect *.csr", does: "what several requests ask for" },
    Example {
        line: "ocscert inspect ocs1.pfx --key-password-file pw",
        does: "a PFX as a tree: how each part is closed, and who would refuse it",
    },
    Example { line: "ocscert inspect ca.p7b --format json", does: "everything in a bundle, for a program" },
];

/// Show what is in files (of keys never the secret), and who would refuse them
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// PEM, DER, base64, PKCS#7 or PFX; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    /// How to tell it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shows the files.
///
/// # Errors
/// A file cannot be read, or nothing in it can.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    let mut files = Vec::new();
    for path in &args.files {
        let contents = session.inputs.opened_contents(path)?;
        let readers = containers::judge(&shown(path), &contents);
        files.push(inspect::describe(shown(path), &contents, readers, session.clock.now));
    }
    let style = Style { paint: session.paint(), offset: session.clock.offset, verbose: session.verbose };
    let text = match args.format {
        Format::Json => inspect::json(&files)?,
        Format::Text => files.iter().map(|file| inspect::text(file, style)).collect(),
    };
    session.say(&text)?;
    Ok(Outcome::Yes)
}
