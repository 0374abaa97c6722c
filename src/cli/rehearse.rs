//! `ocscert rehearse`: the whole way on an embedded lab CA, with nothing else needed.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;

use super::{Example, Outcome, Session};
use crate::edge::{self, files};
use crate::findings::Verdict;
use crate::flow::rehearse::{Told, errors, next_commands, rehearse};
use crate::lab;
use crate::render::Paint;
use crate::render::text::finding;
use crate::text;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert rehearse", does: "into a new folder; look at report.html in it afterwards" },
    Example { line: "ocscert rehearse --output try1", does: "into the folder try1" },
];

/// Go the whole way against a CA of its own on this machine: keys to proven mutual TLS
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// Write into this folder, which must be new or empty (default: a new folder rehearsal-N)
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Rehearses.
///
/// # Errors
/// The folder is not empty or cannot be written; a step fails.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let folder = folder(args)?;
    let started = Instant::now();
    let paint = session.paint();
    session.say(&format!("rehearsing in {}, against a lab CA on this machine\n\n", folder.display()))?;
    let ca_folder = folder.join("lab-ca");
    let running = lab::start(&lab::Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        mode: lab::Mode::Standalone,
        auto_issue: false,
        auth: lab::Auth::None,
        tls: false,
        folder: ca_folder,
        offset: session.clock.offset,
    })?;
    step(
        session,
        paint,
        "started a CA: a root and an issuing CA, with web pages",
        started.elapsed(),
        &[running.url()],
    )?;

    let mut broken = Ok(());
    let result = rehearse(&running, &folder, &mut |told| {
        if broken.is_ok() {
            broken = tell(session, paint, &told);
        }
    });
    running.stop();
    let rehearsal = result?;
    broken?;

    let verdict = rehearsal.report.summary.verdict();
    session.say(&format!(
        "\n{}   {} of both sides, after {}: {}\n",
        paint.verdict(verdict),
        text::count(rehearsal.report.certificates.len(), "certificate"),
        text::duration(started.elapsed()),
        rehearsal.page.display(),
    ))?;
    session.say("\nnext, against your own CA:\n")?;
    for (what, command) in next_commands() {
        session.say(&format!("  {what}\n    {command}\n"))?;
    }
    Ok(if verdict == Verdict::Valid { Outcome::Yes } else { Outcome::No })
}

/// The folder asked for, which must hold nothing yet; else the first new `rehearsal-N`.
fn folder(args: &Args) -> anyhow::Result<PathBuf> {
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => {
            let numbered = (1..10_000).map(|n| PathBuf::from(format!("rehearsal-{n}")));
            let mut free = numbered.filter(|path| files::check_free([path.as_path()], false).is_ok());
            free.next().ok_or_else(|| edge::Error::new("there are too many rehearsal folders here"))?
        }
    };
    files::make_folder(&folder)?;
    if !files::list(&folder)?.is_empty() {
        return Err(edge::Error::new(format!("the folder {} is not empty", folder.display()))
            .hint("name a new one: ocscert rehearse --output try2")
            .into());
    }
    Ok(folder)
}

fn tell(session: &mut Session, paint: Paint, told: &Told<'_>) -> edge::Result<()> {
    match told {
        Told::Step { what, took, details } => step(session, paint, what, *took, details),
        Told::Mistake { what, report } => {
            let mut out = format!("\n{} {}: {what}\n", paint.strong("on purpose"), report.source);
            for found in errors(report) {
                finding(&mut out, found, paint);
            }
            session.say(&out)
        }
    }
}

fn step(
    session: &mut Session,
    paint: Paint,
    what: &str,
    took: std::time::Duration,
    details: &[String],
) -> edge::Result<()> {
    let took = text::duration(took);
    let mut out = format!("{} {what}  ({took})\n", paint.good("done"));
    for detail in details {
        out.push_str(&format!("     {}\n", text::escape(detail)));
    }
    session.say(&out)
}
