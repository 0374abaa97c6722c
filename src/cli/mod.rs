//! Floor 9: the command line. One file per subcommand: its arguments, its examples, and how it runs. The
//! arguments stop here: lower floors see options of their own.

mod args;
mod bundle;
mod completions;
mod csr;
mod enroll;
mod error;
mod exit;
mod explain;
mod export;
mod gate;
mod inspect;
mod lab;
mod logon;
mod man;
mod probe;
mod rehearse;
mod runbook;
mod session;
mod status;
mod submit;
mod trust;
mod verify;
mod words;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

pub use exit::Outcome;
pub use session::Session;

use crate::edge::clock::Clock;
use crate::edge::inputs::Inputs;
use crate::edge::terminal::{Color, Terminal};

/// Certificates that federate OCS, Lync and Skype for Business with Cisco IM and Presence.
#[derive(Parser, Debug)]
#[command(name = "ocscert", version, max_term_width = 80, propagate_version = true)]
#[command(
    after_help = "Start here: ocscert rehearse   (the whole way against a CA of its own, nothing else needed)"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    global: Global,
}

/// The heading of the flags below in every help.
const EVERYWHERE: &str = "Everywhere";

/// Flags that mean the same everywhere.
#[derive(clap::Args, Debug)]
struct Global {
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, value_name = "WHEN", help_heading = EVERYWHERE)]
    color: ColorArg,
    /// Say nothing but the result and errors
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// Say more; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    verbose: u8,
    /// Never ask: fail and name the flag that would have answered
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    no_input: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
enum Command {
    Rehearse(rehearse::Args),
    Enroll(enroll::Args),
    Status(status::Args),
    Runbook(runbook::Args),
    Csr(Box<csr::Args>),
    Submit(Box<submit::Args>),
    Verify(Box<verify::Args>),
    Bundle(bundle::Args),
    Export(export::Args),
    Probe(Box<probe::Args>),
    Inspect(inspect::Args),
    Explain(explain::Args),
    Lab(lab::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// One example of a subcommand's help: a line that can be typed, and what it does. Tests parse every line.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The command line, beginning with `ocscert`.
    pub line: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// The text under a subcommand's help.
fn examples(list: &[Example]) -> String {
    let mut out = String::from("Examples:\n");
    for example in list {
        out.push_str(&format!("  {}\n      {}\n", continued(example.line), example.does));
    }
    out
}

/// The columns that a line of a command takes at most.
const COLUMNS: usize = 74;

/// A command that is too long for one line in several, as a shell takes them; a flag stays with its value.
fn continued(line: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (n, flag) in line.split(" -").enumerate() {
        let flag = if n == 0 { flag.to_string() } else { format!("-{flag}") };
        match lines.last_mut() {
            Some(last) if last.len() + 1 + flag.len() <= COLUMNS => *last = format!("{last} {flag}"),
            _ => lines.push(flag),
        }
    }
    lines.join(CONTINUED)
}

/// A backslash, in Windows's own shell a caret; then the next line, indented.
const CONTINUED: &str = if cfg!(windows) { " ^\n    " } else { " \\\n    " };

/// Runs the program: parses, acts, and says on standard error what went wrong. Returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    // The local zone must be known before any thread starts.
    let clock = Clock::read();
    let typed: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&typed) {
        Ok(cli) => cli,
        Err(e) => {
            // The error shows what was typed, and a shell may have put names of files there.
            let shown = typed.iter().map(|word| crate::text::escape(&word.to_string_lossy()).into_owned());
            let e = Cli::try_parse_from(shown).err().unwrap_or(e);
            // Help and version go to standard output and are a success; all else is usage.
            let lost = e.print().is_err_and(|e| e.kind() != std::io::ErrorKind::BrokenPipe);
            return if lost || e.use_stderr() { Outcome::CouldNot.code() } else { Outcome::Yes.code() };
        }
    };
    let color = match cli.global.color {
        ColorArg::Auto => Color::Auto,
        ColorArg::Always => Color::Always,
        ColorArg::Never => Color::Never,
    };
    let terminal = Terminal::new(color, cli.global.quiet, !cli.global.no_input);
    let (verbose, typed) = (cli.global.verbose, typed.into_iter().skip(1).collect());
    let mut session = Session { terminal, clock, inputs: Inputs::new(terminal), verbose, typed };
    match run(cli.command, &mut session) {
        Ok(outcome) => outcome.code(),
        Err(e) if error::is_closed_pipe(&e) => Outcome::Yes.code(),
        Err(e) => {
            session.report(&e);
            Outcome::CouldNot.code()
        }
    }
}

fn run(command: Command, session: &mut Session) -> anyhow::Result<Outcome> {
    match command {
        Command::Rehearse(args) => rehearse::run(&args, session),
        Command::Enroll(args) => enroll::run(&args, session),
        Command::Status(args) => status::run(&args, session),
        Command::Runbook(args) => runbook::run(&args, session),
        Command::Csr(args) => csr::run(&args, session),
        Command::Bundle(args) => bundle::run(&args, session),
        Command::Export(args) => export::run(&args, session),
        Command::Inspect(args) => inspect::run(&args, session),
        Command::Explain(args) => explain::run(&args, session),
        Command::Submit(args) => submit::run(&args, session),
        Command::Verify(args) => verify::run(*args, session),
        Command::Probe(args) => probe::run(&args, session),
        Command::Lab(args) => lab::run(args, session),
        Command::Completions(args) => completions::run(&args, session),
        Command::Man(args) => man::run(&args, session),
    }
}

/// The whole command line's definition, for completions, the manual pages and tests.
pub fn definition() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every subcommand's examples, by its name.
    const EXAMPLES: &[(&str, &[Example])] = &[
        ("rehearse", rehearse::EXAMPLES),
        ("enroll", enroll::EXAMPLES),
        ("status", status::EXAMPLES),
        ("runbook", runbook::EXAMPLES),
        ("csr", csr::EXAMPLES),
        ("bundle", bundle::EXAMPLES),
        ("export", export::EXAMPLES),
        ("probe", probe::EXAMPLES),
        ("inspect", inspect::EXAMPLES),
        ("explain", explain::EXAMPLES),
        ("submit", submit::EXAMPLES),
        ("verify", verify::EXAMPLES),
        ("lab", lab::EXAMPLES),
        ("completions", completions::EXAMPLES),
        ("man", man::EXAMPLES),
    ];

    #[test]
    fn the_definition_holds_together() {
        definition().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples_and_each_is_a_line_of_its_own_command_that_parses() {
        for command in definition().get_subcommands() {
            let name = command.get_name();
            let examples = EXAMPLES.iter().find(|(n, _)| *n == name).map(|(_, list)| *list);
            let examples = examples.unwrap_or_else(|| panic!("{name} has no examples"));
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for example in examples {
                let words = words(example.line);
                assert_eq!(words[..2], ["ocscert".to_string(), name.to_string()], "{}", example.line);
                assert!(help.replace(CONTINUED, " ").contains(example.line), "{name}: {}", example.line);
                for line in continued(example.line).lines() {
                    assert!(line.len() + 2 <= 80, "{name}: {line} does not fit");
                }
                if let Err(e) = Cli::try_parse_from(&words) {
                    panic!("{}: {e}", example.line);
                }
            }
        }
    }

    /// Splits a line as a shell would, single quotes included.
    pub(super) fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.chars() {
            match c {
                '\'' | '"' if quote.is_none_or(|q| q == c) => quote = quote.xor(Some(c)),
                ' ' if quote.is_none() => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|w| !w.is_empty());
        words
    }
}
