//! `ocscert status FILE`: where every server of a federation stands; nothing is changed, no network is asked.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Example, Outcome, Session};
use crate::edge;
use crate::federation::Transport;
use crate::findings::status::Answer;
use crate::flow::site::Site;
use crate::render::{status, status_page};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert status site.toml", does: "a line a server, worst last, and what to do next" },
    Example {
        line: "ocscert status site.toml --format html -o status.html",
        does: "a page with a time line of expiries and the picture of who trusts whom",
    },
    Example {
        line: "ocscert status site.toml --format prometheus -o /var/lib/prometheus/node-exporter/ocscert.prom --overwrite",
        does: "for the node exporter's textfile collector",
    },
];

/// Show where every server of a federation file stands, offline
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The federation file (its keys: docs/federation.md)
    #[arg(value_name = "FILE", default_value = "federation.toml")]
    file: PathBuf,
    /// For people, programs, browsers or Prometheus
    #[arg(long, value_enum, default_value_t = FormatArg::Text, value_name = "FORMAT")]
    format: FormatArg,
    #[command(flatten)]
    answer: super::args::Answer,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArg {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One page for a browser
    Html,
    /// The text format that Prometheus scrapes
    Prometheus,
}

/// Looks.
///
/// # Errors
/// The file has faults; what is trusted cannot be read.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let (federation, layout) = edge::federation::open(&args.file)?;
    let site = Site::open(federation, layout, &args.file, session.clock.now)?;
    let status = match site.federation.transport {
        Transport::Tls => site.status(),
        Transport::Tcp => site.status_of(&[]),
    };
    let offset = session.clock.offset;
    let text = match args.format {
        FormatArg::Text if site.federation.transport == Transport::Tcp => {
            "no certificates are needed: the transport is TCP\n".to_string()
        }
        FormatArg::Text => status::text(&status, session.style()),
        FormatArg::Json => status::json(&status)?,
        FormatArg::Html => status_page::page(&status, offset)?,
        FormatArg::Prometheus => status::prometheus(&status),
    };
    session.answer(&args.answer, text)?;
    Ok(outcome(status.answer()))
}

/// The exit code of an answer.
pub fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Yes => Outcome::Yes,
        Answer::Later => Outcome::Pending,
        Answer::No => Outcome::No,
        Answer::CouldNot => Outcome::CouldNot,
    }
}
