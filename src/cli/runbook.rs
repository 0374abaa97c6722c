//! `ocscert runbook FILE`: the guide's procedures with a site's values filled in, the scripts and lists beside them.

use std::path::PathBuf;

use clap::ValueEnum;

use super::args::Overwrite;
use super::words::Words;
use super::{Example, Outcome, Session};
use crate::edge;
use crate::edge::files::{self, Output};
use crate::federation::runbook::{self, Form, Language};
use crate::text::count;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert runbook site.toml -o runbook",
        does: "a page to work through and to print, and a folder of scripts for each server",
    },
    Example {
        line: "ocscert runbook site.toml --lang ja --format md",
        does: "in Japanese, as Markdown, on standard output",
    },
    Example {
        line: "ocscert runbook site.toml --templates words -o runbook",
        does: "with words of your own: files of the same names in the folder words",
    },
];

/// Write the steps for both sides of a federation file, filled in, to be ticked off
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The federation file (its keys: docs/federation.md)
    #[arg(value_name = "FILE", default_value = "federation.toml")]
    file: PathBuf,
    /// English or Japanese
    #[arg(long, value_enum, default_value_t = LangArg::En, value_name = "LANGUAGE")]
    lang: LangArg,
    /// One page for a browser and for paper, or Markdown
    #[arg(long, value_enum, default_value_t = FormatArg::Html, value_name = "FORMAT")]
    format: FormatArg,
    #[command(flatten)]
    words: Words,
    /// Write the runbook, the servers' scripts and the lists into this folder; - is the runbook alone on standard output
    #[arg(long, short, value_name = "DIR", default_value = "-", hide_default_value = true)]
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum LangArg {
    /// English
    En,
    /// Japanese
    Ja,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArg {
    /// One page for a browser
    Html,
    /// Markdown
    Md,
}

/// Writes the runbook.
///
/// # Errors
/// The federation file or a template has faults; an output exists or cannot be written.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let (federation, layout) = edge::federation::open(&args.file)?;
    let templates = args.words.read()?;
    let (language, lang) = match args.lang {
        LangArg::En => (Language::English, "en"),
        LangArg::Ja => (Language::Japanese, "ja"),
    };
    let (form, ending) = match args.format {
        FormatArg::Html => (Form::Html, "html"),
        FormatArg::Md => (Form::Markdown, "md"),
    };
    let told = |fault| args.words.told(fault);
    let text =
        runbook::runbook(&federation, &layout, &args.file, &templates, language, form).map_err(told)?;
    if files::is_stream(&args.output) {
        session.say(&text)?;
        return Ok(Outcome::Yes);
    }
    let beside = runbook::beside(&federation, &layout, &args.file, &templates).map_err(told)?;
    let scripts = beside.iter().filter(|(path, _)| path.starts_with("scripts/")).count();
    let mut outputs = vec![Output::public(args.output.join(format!("runbook.{lang}.{ending}")), text)];
    outputs.extend(beside.into_iter().map(|(path, text)| Output::public(args.output.join(path), text)));
    files::check_free(outputs.iter().map(|o| o.path.as_path()), args.overwrite.overwrite)?;
    for output in &outputs {
        if let Some(folder) = output.path.parent() {
            files::make_folder(folder)?;
        }
        files::write(output, args.overwrite.overwrite)?;
    }
    session.say(&format!("{}   the steps of both sides, to be ticked off\n", outputs[0].path.display()))?;
    session.say(&format!(
        "{}   {} for {}\n",
        args.output.join("scripts").display(),
        count(scripts, "script"),
        count(federation.servers().len(), "server")
    ))?;
    session.say(&format!(
        "{}   host authorizations, routes, ACL and peer subjects as CSV\n",
        args.output.join("lists").display()
    ))?;
    Ok(Outcome::Yes)
}
