//! `ocscert lab serve`: a CA of one's own to try things on, until Ctrl-C.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::{Example, Outcome, Session};
use crate::edge::Error;
use crate::edge::inputs::shown;
use crate::edge::secrets::Password;
use crate::lab::{self, Options, Running};
use crate::text::shell_word;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert lab serve", does: "a standalone CA: you issue each request on its /lab/ page" },
    Example {
        line: "ocscert lab serve --mode enterprise --state mylab",
        does: "a CA that issues at once from templates, kept in the folder mylab",
    },
    Example {
        line: "ocscert lab serve --tls --auth ntlm --listen 127.0.0.1:8443",
        does: "a hardened CA: TLS and a logon bound to it, on a port of your choice",
    },
];

/// Run a certification authority to try things on
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(Serve),
}

/// Serve web enrollment pages and an administrator's page on this machine, until Ctrl-C
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
struct Serve {
    /// The loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Which kind of Microsoft CA to be
    #[arg(long, value_enum, default_value_t = ModeArg::Standalone)]
    mode: ModeArg,
    /// How clients log on
    #[arg(long, value_enum, default_value_t = AuthArg::None)]
    auth: AuthArg,
    /// Serve over TLS, with a certificate from a root of its own
    #[arg(long)]
    tls: bool,
    /// Keep keys and requests in this folder, and go on with what is there (default: a new folder for temporary files)
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ModeArg {
    /// Requests wait for an administrator; usages come from the request
    Standalone,
    /// Issues at once; usages come from the template (OCSMutualTLS, WebServer)
    Enterprise,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum AuthArg {
    /// Everybody is let in
    None,
    /// User and password (HTTP Basic)
    Basic,
    /// NTLM as a hardened CA has it: with --tls the logon has to be bound to the connection
    Ntlm,
}

/// Serves until the process ends.
///
/// # Errors
/// The address is taken or not a loopback one; the folder cannot be used.
pub fn run(args: Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let Command::Serve(serve) = args.command;
    let folder = match &serve.state {
        Some(folder) => folder.clone(),
        None => tempfile::Builder::new()
            .prefix("ocscert-lab-")
            .tempdir()
            .map_err(|e| Error::new("cannot make a folder for temporary files").because(e))?
            .keep(),
    };
    let running = lab::start(&Options {
        listen: serve.listen,
        mode: match serve.mode {
            ModeArg::Standalone => lab::Mode::Standalone,
            ModeArg::Enterprise => lab::Mode::Enterprise,
        },
        auto_issue: false,
        auth: match serve.auth {
            AuthArg::None => lab::Auth::None,
            AuthArg::Basic => lab::Auth::Basic,
            AuthArg::Ntlm => lab::Auth::Ntlm,
        },
        tls: serve.tls,
        folder: folder.clone(),
        offset: session.clock.offset,
    })?;
    session.say(&announcement(&running, &folder, serve.state.is_none()))?;
    session.tell(&format!("next: {}", submission(&serve, &running)));
    if let (Some(file), true) = (running.password_file(), session.terminal.interactive) {
        // For the browser's logon box; not where output is kept.
        session.tell(&format!("password  {}", Password::from_file(file)?.reveal()));
    }
    running.wait();
    Ok(Outcome::Yes)
}

fn announcement(running: &Running, folder: &Path, is_temporary: bool) -> String {
    let mut out = format!("serving   {}, on this machine only; Ctrl-C ends it\n", running.ca().name());
    let mut line = |label: &str, text: &str| out.push_str(&format!("{label:<10}{text}\n"));
    line("pages", &format!("{}/", running.url()));
    line("issue at", &running.admin_url());
    line("root", &shown(&running.root_file()));
    if let Some(root) = running.tls_root() {
        line("TLS root", &shown(root));
    }
    if let Some(file) = running.password_file() {
        line("user", &format!("{}, password in {}", lab::server::USER, shown(file)));
    }
    let advice = if is_temporary { "   (--state DIR names another)" } else { "" };
    line("kept in", &format!("{}{advice}", shown(folder)));
    out
}

/// The command that sends this lab a request.
fn submission(serve: &Serve, running: &Running) -> String {
    let word = |path: &Path| shell_word(&path.to_string_lossy()).into_owned();
    let mut line = format!("ocscert submit FILE.csr --ca-url {}", running.url());
    if serve.mode == ModeArg::Enterprise {
        line.push_str(" --template OCSMutualTLS");
    }
    if let Some(root) = running.tls_root() {
        line.push_str(&format!(" --ca-cert {}", word(root)));
    }
    if let Some(file) = running.password_file() {
        match serve.auth {
            AuthArg::Basic => line.push_str(" --auth basic"),
            // Negotiated where nothing is said, but over TLS only.
            _ if !serve.tls => line.push_str(" --allow-http"),
            _ => {}
        }
        let user = shell_word(lab::server::USER);
        line.push_str(&format!(" --user {user} --password-file {}", word(file)));
    }
    line
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use time::UtcOffset;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_command_it_names_next_is_one_that_parses() {
        let folder = tempfile::Builder::new().prefix("my lab ").tempdir().unwrap();
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            mode: lab::Mode::Enterprise,
            auto_issue: false,
            auth: lab::Auth::Basic,
            tls: true,
            folder: folder.path().to_path_buf(),
            offset: UtcOffset::UTC,
        };
        let running = lab::start(&options).unwrap();
        for (auth, tls, part) in [
            (AuthArg::Basic, true, " --auth basic --user"),
            (AuthArg::Ntlm, true, " --ca-cert "),
            (AuthArg::Ntlm, false, " --allow-http --user"),
        ] {
            let serve = Serve { listen: options.listen, mode: ModeArg::Enterprise, auth, tls, state: None };
            let line = submission(&serve, &running);
            assert!(line.contains(part), "{line}");
            Cli::try_parse_from(crate::cli::tests::words(&line)).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
        let said = announcement(&running, folder.path(), true);
        assert!(said.contains("TLS root") && said.contains("user      lab\\alice, password in "), "{said}");
    }
}
