//! `ocscert completions SHELL`: tab completion, from the same definitions as the command line itself.

use clap_complete::Shell;

use super::{Example, Outcome, Session};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert completions bash",
        does: "for bash: put it into ~/.local/share/bash-completion/completions/ocscert",
    },
    Example { line: "ocscert completions powershell", does: "for PowerShell: append it to $PROFILE" },
];

/// Print a shell's completion script
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Standard output is closed.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), "ocscert", &mut script);
    session.say(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Yes)
}
