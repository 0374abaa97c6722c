//! `ocscert enroll FILE`: does all that is missing for every server of a federation, as often as it is run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::args::fqdn;
use super::logon::Logon;
use super::words::Words;
use super::{Example, Outcome, Session};
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::edge::lock::Lock;
use crate::edge::secrets::Password;
use crate::edge::{self, Error};
use crate::federation::{Ca, EXAMPLE, Federation, Server, Transport};
use crate::flow::enroll::{Failure, Run, Told, enroll};
use crate::flow::site::Site;
use crate::model::Fqdn;
use crate::render::status;
use crate::text::{self, shell_word};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example { line: "ocscert enroll --init site.toml", does: "write a commented example, to be filled in" },
    Example {
        line: "ocscert enroll site.toml",
        does: "keys, requests, certificates, PFX files: whatever is missing; again later for the rest",
    },
    Example {
        line: "ocscert enroll site.toml --only fe1.foo.com fe2.foo.com --wait 2h",
        does: "these servers alone, and wait until an administrator of the CA has issued",
    },
    Example { line: "ocscert enroll site.toml --dry-run", does: "say what would be done" },
];

/// Do all that is missing for every server of a federation file; resume, fetch, renew
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The federation file (its keys: docs/federation.md)
    #[arg(value_name = "FILE", default_value = "federation.toml")]
    file: PathBuf,
    /// Write a commented example to FILE instead
    #[arg(long, conflicts_with_all = ["only", "wait", "dry_run", "templates"])]
    init: bool,
    /// Work on these servers alone (repeatable)
    #[arg(long, value_name = "FQDN", value_parser = fqdn, num_args = 1..)]
    only: Vec<Fqdn>,
    /// Wait this long for an administrator of the CA (90s, 30m, 2h)
    #[arg(long, value_name = "DURATION", value_parser = text::parse_duration, default_value = "0s", hide_default_value = true)]
    wait: Duration,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    words: Words,
}

/// Enrolls.
///
/// # Errors
/// The file has faults; another run works on it; a server of `--only` is not in it; the password cannot be read.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if args.init {
        return init(&args.file, session);
    }
    let (federation, layout) = edge::federation::open(&args.file)?;
    if federation.transport == Transport::Tcp {
        session.say("no certificates are needed: the transport is TCP\n")?;
        return Ok(Outcome::Yes);
    }
    let site = Site::open(federation, layout, &args.file, session.clock.now)?;
    let servers = chosen(&site.federation, &args.only, &args.file)?;
    if args.dry_run {
        let status = site.status_of(&servers);
        session.say(&status::text(&status, session.style()))?;
        session.tell("nothing was done (--dry-run)");
        return Ok(super::status::outcome(status.answer()));
    }
    let templates = args.words.read()?;
    files::make_folder(site.layout.folder())?;
    let lock = Lock::take(site.layout.lock(), &args.file)?;
    let connector = match &site.federation.ca {
        Some(Ca::Microsoft(ca)) => Some(Logon::of(ca)?.connector(&ca.url, session)?),
        _ => None,
    };
    let connect = connector.as_ref().map(|connector| || connector.open());
    let terminal = session.terminal;
    let file = site.federation.defaults.pfx_password_file.clone();
    let bar = terminal.progress(servers.len() as u64, "keys and requests");
    let mut password = || -> edge::Result<Option<Password>> {
        match &file {
            Some(file) => Password::from_file(file).map(Some),
            None if terminal.interactive => bar
                .suspend(|| {
                    let what_for = "a password that closes the PFX files";
                    terminal.ask_new_password(what_for, "pfx_password_file")
                })
                .map(Some),
            None => Ok(None),
        }
    };
    let (keys, packed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let watch = |told: Told<'_>| match told {
        Told::Prepared(new_key) => {
            keys.fetch_add(usize::from(new_key), Ordering::Relaxed);
            bar.inc(1);
        }
        Told::Packed => packed.store(true, Ordering::Relaxed),
        Told::Answered(fqdn) => bar.set_message(format!("CA: {fqdn}")),
        Told::Waiting(pause) if pause >= Duration::from_secs(10) => {
            bar.suspend(|| {
                terminal.tell(&format!("not all issued yet; looking again in {}", text::duration(pause)))
            });
        }
        Told::Waiting(_) => {}
    };
    let connect: Option<&(dyn Fn() -> edge::Result<edge::certsrv::Session> + Sync)> =
        connect.as_ref().map(|connect| connect as _);
    let run = Run {
        site: &site,
        servers: servers.clone(),
        connect,
        templates: &templates,
        wait: args.wait,
        password: &mut password,
        watch: &watch,
    };
    let failures = enroll(run);
    drop(bar);
    let failures = failures?;
    let status = site.status_of(&servers);
    drop(lock);
    session.say(&status::text(&status, session.style()))?;
    let keys = keys.into_inner();
    if keys > 0 {
        session.tell(&format!(
            "{} made in {}: keep a backup of that folder, for its owner's eyes alone",
            text::count(keys, "new key"),
            shell_word(&shown(site.layout.folder()))
        ));
    }
    if packed.into_inner() {
        session.tell(&format!(
            "next: ocscert runbook {} -o runbook\n      says when each server gets its FQDN.pfx and \
             install-FQDN.cmd, of {}/FQDN",
            shell_word(&shown(&args.file)),
            shell_word(&shown(site.layout.folder()))
        ));
    }
    let failed = !failures.is_empty();
    report(failures, session);
    let outcome = super::status::outcome(status.answer());
    Ok(if failed { outcome.and(Outcome::CouldNot) } else { outcome })
}

fn init(file: &Path, session: &mut Session) -> anyhow::Result<Outcome> {
    session.write(&Output::public(file, EXAMPLE), false)?;
    if !files::is_stream(file) {
        let name = shown(file);
        session.say(&format!("{name}   an example with every key, explained\n"))?;
        session.tell(&format!("next: fill it in, then ocscert enroll {} --dry-run", shell_word(&name)));
    }
    Ok(Outcome::Yes)
}

/// The servers to work on: all, or those named.
fn chosen<'a>(federation: &'a Federation, only: &[Fqdn], file: &Path) -> edge::Result<Vec<Server<'a>>> {
    let servers = federation.servers();
    if only.is_empty() {
        return Ok(servers);
    }
    for name in only {
        if servers.iter().any(|server| server.host.fqdn == *name) {
            continue;
        }
        let what = format!("{name} is no server of {}", shown(file));
        let names: Vec<&str> = match federation.pools.iter().find(|pool| pool.fqdn == *name) {
            Some(pool) => pool.front_ends.iter().map(|host| host.fqdn.as_str()).collect(),
            None => servers.iter().map(|server| server.host.fqdn.as_str()).collect(),
        };
        let close = names.iter().take(20).copied().collect::<Vec<_>>().join(" ");
        return Err(
            Error::new(what).hint(format!("ocscert enroll {} --only {close}", shell_word(&shown(file))))
        );
    }
    Ok(servers.into_iter().filter(|server| only.contains(&server.host.fqdn)).collect())
}

/// Tells each thing that went wrong once, with the servers that it concerns.
fn report(failures: Vec<Failure>, session: &Session) {
    let mut told: Vec<(String, Vec<String>, Error)> = Vec::new();
    for failure in failures {
        let text = format!("{:?}", failure.error);
        match told.iter_mut().find(|(known, ..)| *known == text) {
            Some((_, servers, _)) => servers.push(failure.fqdn),
            None => told.push((text, vec![failure.fqdn], failure.error)),
        }
    }
    for (_, servers, error) in told {
        session.report(&error.into());
        let named: Vec<&str> = servers.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        match named.as_slice() {
            [] => session.tell("  this concerns every server that needs the CA"),
            names => {
                let more = names.len().saturating_sub(5);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                session.tell(&format!("  at {}{more}", names[..names.len().min(5)].join(", ")));
            }
        }
    }
}
