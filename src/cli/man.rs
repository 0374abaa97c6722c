//! `ocscert man`: the manual pages, from the same definitions as the command line itself.

use std::path::PathBuf;

use super::args::Overwrite;
use super::{Example, Outcome, Session};
use crate::edge::files::{self, Output};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert man", does: "print the page of ocscert itself" },
    Example { line: "ocscert man --output man1", does: "write one page a command into the folder man1" },
];

/// Print or write the manual pages
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// Write one page a command into this folder
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// Prints or writes the pages.
///
/// # Errors
/// The folder cannot be written, or holds such pages already.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let mut definition = super::definition();
    // `build` gives every subcommand its full name and the global flags.
    definition.build();
    let Some(folder) = &args.output else {
        session.say(&page(definition)?)?;
        return Ok(Outcome::Yes);
    };
    let mut pages = Vec::new();
    let mut waiting = vec![&definition];
    while let Some(command) = waiting.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name());
        pages.push(Output::public(folder.join(format!("{name}.1")), page(command.clone())?));
        waiting.extend(command.get_subcommands().filter(|c| c.get_name() != "help"));
    }
    files::make_folder(folder)?;
    files::check_free(pages.iter().map(|p| p.path.as_path()), args.overwrite.overwrite)?;
    for page in &pages {
        files::write(page, args.overwrite.overwrite)?;
    }
    session.tell(&format!("{} pages in {}", pages.len(), folder.display()));
    session.tell(&format!("next: man -l {}", folder.join("ocscert.1").display()));
    Ok(Outcome::Yes)
}

fn page(command: clap::Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}
