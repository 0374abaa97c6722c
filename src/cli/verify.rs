//! `ocscert verify`: do these certificates chain to the roots that both sides share, and would OCS and IM and
//! Presence accept them?

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use time::OffsetDateTime;

use super::args::{Answer, CryptoArg, KeyPassword, SideArg, expected, fqdn, reference, rfc3339};
use super::trust::Trust;
use super::{Example, Outcome, Session};
use crate::checks::{Expected, Known, Own, Profile, Purpose, Question, Side};
use crate::edge::inputs::shown;
use crate::edge::{files, journal};
use crate::findings::{CertificateReport, Report, Summary, Verdict};
use crate::flow::fetch::{Fetched, fetch};
use crate::flow::judging::{Leaves, Material, to_judge};
use crate::model::{Fqdn, Oid, Sourced};
use crate::path::names::ReferenceName;
use crate::path::{Crls, PolicyInputs};
use crate::render::{json, junit, text, verify_page};
use crate::text::shell_word;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert verify ocs1.foo.com.pem --server ocs1.foo.com --chain ca.pem",
        does: "a Standard Edition server; the root in ca.pem is trusted by both sides",
    },
    Example {
        line: "ocscert verify fe1.pem --pool pool.foo.com --chain ca.pem --imp-trust cup",
        does: "a front end, judged by what IM and Presence really trusts (a folder of its cup-trust)",
    },
    Example {
        line: "ocscert verify fe1.foo.com.pem --chain ca.pem --imp-cert imp1.pem",
        does: "both sides crosswise: all four directions",
    },
    Example {
        line: "ocscert verify imp1.pem --side imp --chain ca.pem --name DNS:imp1.foo.com",
        does: "IM and Presence's own certificate, as OCS judges it",
    },
    Example {
        line: "ocscert verify ocs1.pem --chain ca.pem --csr ocs1.csr --key ocs1.key",
        does: "is it what was asked for, and is it for our key?",
    },
    Example {
        line: "ocscert verify next/ocs1.pem --chain ca.pem --previous ocs1.pem",
        does: "what a renewal would change",
    },
    Example {
        line: "ocscert verify issued --chain ca.pem --format json",
        does: "every certificate in a folder, for a program",
    },
    Example {
        line: "ocscert verify ocs1.foo.com.pem --roots root.pem --fetch",
        does: "with intermediates and CRLs from the addresses in the certificates",
    },
    Example {
        line: "ocscert verify issued --chain ca.pem --format html -o verdicts.html",
        does: "a page to look at, to print, to hand on: who trusts whom, and where it breaks",
    },
    Example {
        line: "ocscert verify issued --chain ca.pem --format junit -o verdicts.xml",
        does: "for a CI system, among its other tests",
    },
];

/// Prove that certificates chain to the shared roots and that both sides would accept them
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The certificates to judge: files or folders (PEM, DER, PKCS#7, PFX), or - for standard input
    #[arg(required = true, value_name = "CERT")]
    certificates: Vec<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    /// Our requests: is each certificate what its request asked for, and for its key?
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "What it is held against")]
    csr: Vec<PathBuf>,
    /// Our private keys: is each certificate for one of them?
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "What it is held against")]
    key: Vec<PathBuf>,
    /// The certificates in use, files or folders: what does the renewal change?
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "What it is held against")]
    previous: Vec<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// IM and Presence's own certificates (cup), judged crosswise
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    imp_cert: Vec<PathBuf>,
    /// The most intermediates; leaf, root and self-issued ones are not counted
    #[arg(long, value_name = "N", help_heading = "Chain and trust")]
    max_depth: Option<usize>,
    /// Certificate revocation lists (files or folders); given, every certificate of the chain must be covered
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Chain and trust")]
    crl: Vec<PathBuf>,
    /// Get missing intermediates and the CRLs from the http addresses that the certificates name; what was fetched
    /// is told; revocation is then required, as with --crl
    #[arg(long, help_heading = "Chain and trust")]
    fetch: bool,
    /// How long one address may take, with --fetch
    #[arg(long, value_name = "TIME", default_value = "10s", requires = "fetch", value_parser = crate::text::parse_duration, help_heading = "Chain and trust")]
    timeout: Duration,
    /// The Standard Edition server it is for: subject CN and SAN
    #[arg(long, value_name = "FQDN", conflicts_with_all = ["pool", "name"], value_parser = fqdn, help_heading = "Names and purpose")]
    server: Option<Fqdn>,
    /// The Enterprise pool it is for: subject CN and SAN
    #[arg(long, value_name = "FQDN", conflicts_with = "name", value_parser = fqdn, help_heading = "Names and purpose")]
    pool: Option<Fqdn>,
    /// A name it must be valid for: DNS:x, IP:x or email:x (repeatable)
    #[arg(long, value_name = "TYPE:NAME", value_parser = reference, help_heading = "Names and purpose")]
    name: Vec<ReferenceName>,
    /// What it must be good for
    #[arg(long, value_enum, default_value_t = PurposeArg::Mutual, help_heading = "Names and purpose")]
    purpose: PurposeArg,
    /// Whose certificate it is
    #[arg(long, value_enum, default_value_t = SideArg::Ocs, help_heading = "Names and purpose")]
    side: SideArg,
    /// The product, whose checks apply: ocs2007r2, lync2013, sfb2019, or rfc5280 for the path alone
    #[arg(long, default_value = "ocs2007r2", value_parser = profile, help_heading = "Policy")]
    profile: Profile,
    /// Which algorithms are good enough (default: legacy for ocs2007r2, modern for the rest)
    #[arg(long, value_enum, help_heading = "Policy")]
    crypto: Option<CryptoArg>,
    /// Judge for this moment instead of now (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = rfc3339, help_heading = "Policy")]
    at: Option<OffsetDateTime>,
    /// Warn when it expires within so many days
    #[arg(long, value_name = "N", default_value_t = 30, help_heading = "Policy")]
    warn_days: u16,
    /// A certificate policy that is acceptable (repeatable; default: any)
    #[arg(long, value_name = "OID", value_parser = oid, help_heading = "Policy")]
    policy_oid: Vec<Oid>,
    /// Some certificate policy must hold for the whole chain
    #[arg(long, help_heading = "Policy")]
    require_policy: bool,
    /// anyPolicy in a certificate stands for no policy
    #[arg(long, help_heading = "Policy")]
    inhibit_any_policy: bool,
    /// Policy mappings do not count
    #[arg(long, help_heading = "Policy")]
    inhibit_policy_mapping: bool,
    /// How to tell the answer
    #[arg(long, value_enum, default_value_t = FormatArg::Text, value_name = "FORMAT")]
    format: FormatArg,
    #[command(flatten)]
    answer: Answer,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArg {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One page for a browser
    Html,
    /// JUnit XML for a CI system
    Junit,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum PurposeArg {
    /// Server and client: mutual TLS
    Mutual,
    /// Server only
    Server,
    /// Client only
    Client,
    /// The path alone, no usage demanded
    Any,
}

fn oid(typed: &str) -> Result<Oid, String> {
    Oid::parse(typed).ok_or_else(|| format!("\"{typed}\" is no object identifier such as 1.3.6.1.5.5.7.3.1"))
}

fn profile(name: &str) -> Result<Profile, String> {
    Profile::named(name)
}

/// Judges the certificates.
///
/// # Errors
/// An input cannot be read, holds no certificate, or nothing was given to trust.
pub fn run(args: Args, session: &mut Session) -> anyhow::Result<Outcome> {
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    let expected = expected(&args.server, &args.pool, &args.name, args.side)?;
    let (format, answer) = (args.format, args.answer.clone());
    if !files::is_stream(&answer.output) {
        files::check_free([answer.output.as_path()], answer.overwrite.overwrite)?;
    }
    let mut material = read_trust(&args, session)?;
    let (certificates, imp_certificates) = (args.certificates.clone(), args.imp_cert.clone());
    let leaves = [
        Leaves { side: args.side.side(), is_peer: false, paths: &certificates },
        Leaves { side: Side::Imp, is_peer: true, paths: &imp_certificates },
    ];
    let mut lists = session.inputs.crls(&args.crl)?;
    let is_revocation_required = args.fetch || !args.crl.is_empty();
    let mut notes = Vec::new();
    if args.fetch {
        let fetched = fetch_missing(&mut material, &leaves, args.timeout, session)?;
        lists.extend(fetched.crls);
        notes.extend(fetched.notes);
    }
    let crls = is_revocation_required.then(|| Arc::new(Crls::new(lists)));
    let own = read_own(&args, session)?;
    let question = question(args, expected, crls, own, session);

    let style = session.style();
    let many = leaves.iter().any(|l| l.paths.len() > 1 || l.paths.iter().any(|path| files::is_folder(path)));
    let is_brief = format == FormatArg::Text && style.verbose == 0;
    let bar = session.terminal.progress(0, "verifying");
    let judged = material.judge(&leaves, &question, &mut session.inputs, &bar, |judgement, several| {
        // Of many, those that are fine take a line each: what is not fine stands next to the prompt.
        match is_brief && (many || several) && judgement.verdict == Verdict::Valid {
            true => Told::Line(text::line(&judgement.brief(), question.at, style)),
            false => Told::Whole(Box::new(judgement.report())),
        }
    });
    drop(bar);
    let judged = judged?;
    let mut summary = Summary { skipped: judged.skipped, ..Summary::default() };
    let (mut lines, mut reports) = (String::new(), Vec::new());
    for told in judged.items {
        match told {
            Told::Line(line) => {
                summary.add(Verdict::Valid);
                lines += &line;
            }
            Told::Whole(report) => {
                summary.add(report.verdict);
                reports.push(*report);
            }
        }
    }
    reports.sort_by_key(|r| r.verdict);
    if matches!(&question.expected, Expected::Names(names) if names.is_empty()) {
        notes.push("no name was given, so none was checked: add --server FQDN or --pool FQDN".to_string());
    }
    notes.extend(session.inputs.problems.iter().map(|p| format!("skipped in {}: {}", p.source, p.value)));
    let report = Report {
        at: question.at,
        profile: question.profile.name.clone(),
        crypto: if question.is_legacy() { "legacy" } else { "modern" },
        certificates: reports,
        summary,
        notes,
    };
    let verdict = report.summary.verdict();
    let text = match format {
        FormatArg::Text => lines + &text::verify(&report, style),
        FormatArg::Json => json::verify(&report)?,
        FormatArg::Html => verify_page::page(report)?,
        FormatArg::Junit => junit::verify(&report)?,
    };
    session.answer(&answer, text)?;
    Ok(match verdict {
        Verdict::Valid => Outcome::Yes,
        Verdict::Incomplete | Verdict::Invalid => Outcome::No,
    })
}

/// What is kept of a judgement.
enum Told {
    /// It is fine, and one of many.
    Line(String),
    /// All of it.
    Whole(Box<CertificateReport>),
}

/// The stores and the chain.
fn read_trust(args: &Args, session: &mut Session) -> anyhow::Result<Material> {
    let trusted = args.trust.read(session)?;
    let mut material = Material { stores: trusted.stores, ..Material::default() };
    trusted.chain.iter().chain(&trusted.named).for_each(|certificate| material.add(certificate));
    Ok(material)
}

/// Gets what the certificates say where to get; issuers become candidates like any other.
fn fetch_missing(
    material: &mut Material,
    leaves: &[Leaves<'_>],
    timeout: Duration,
    session: &mut Session,
) -> anyhow::Result<Fetched> {
    let leaves = material.collect(leaves, &mut session.inputs)?;
    let bar = session.terminal.progress(0, "fetching");
    let stores = &material.stores;
    let known = material.engine.pool().iter().chain(stores.ocs.iter()).chain(stores.imp.iter());
    let fetched = fetch(&leaves, known.cloned(), stores, timeout, || bar.inc(1));
    drop(bar);
    fetched.certificates.iter().for_each(|certificate| material.add(certificate));
    Ok(fetched)
}

fn read_own(args: &Args, session: &mut Session) -> anyhow::Result<Own> {
    let inputs = &mut session.inputs;
    let mut own = Own { side: args.side.side(), ..Own::default() };
    for path in &args.csr {
        own.requests.push(Sourced { value: inputs.request(path)?, source: shown(path) });
    }
    for path in &args.key {
        // Only the public half is compared; the private one is wiped here.
        let value = inputs.key(path)?.public().clone();
        own.keys.push(Sourced { value, source: shown(path) });
    }
    let previous = inputs.each(&args.previous, "a certificate", &ProgressBar::hidden(), |file| {
        let certificates = file.all_certificates()?;
        Some(to_judge(&certificates, file.in_folder).into_iter().cloned().collect::<Vec<_>>())
    })?;
    own.previous = previous.items.into_iter().flatten().collect();
    Ok(own)
}

fn question(
    args: Args,
    expected: Expected,
    crls: Option<Arc<Crls>>,
    own: Own,
    session: &Session,
) -> Question {
    let known = known(&args, session);
    Question {
        at: args.at.unwrap_or(session.clock.now),
        era: args.crypto.map_or_else(|| args.profile.era(), CryptoArg::era),
        profile: args.profile,
        purpose: match args.purpose {
            PurposeArg::Mutual => Purpose::Mutual,
            PurposeArg::Server => Purpose::Server,
            PurposeArg::Client => Purpose::Client,
            PurposeArg::Any => Purpose::Any,
        },
        expected,
        warn_days: i64::from(args.warn_days),
        max_depth: args.max_depth,
        policies: PolicyInputs {
            initial: args.policy_oid,
            require_explicit: args.require_policy,
            inhibit_any: args.inhibit_any_policy,
            inhibit_mapping: args.inhibit_policy_mapping,
        },
        crls,
        known,
        peer_subjects: None,
        own,
    }
}

/// What remedies can name: where the certificate came from, as the journal beside it says, and how to ask again.
fn known(args: &Args, session: &Session) -> Known {
    let csr = args.certificates.first().map(|path| path.with_extension("csr"));
    // A journal that cannot be read is the business of submit.
    let entry = csr.as_ref().and_then(|csr| journal::entries(csr).ok()?.pop());
    let csr = csr.filter(|_| entry.is_some()).map(|csr| csr.display().to_string());
    Known {
        ca_url: entry.map(|entry| entry.key.ca_url),
        csr,
        fetching: (!args.fetch).then(|| fetching(&session.typed)),
        are_files: true,
    }
}

/// The command that was typed, with `--fetch`.
fn fetching(typed: &[OsString]) -> String {
    let mut words: Vec<_> = typed.iter().map(|word| word.to_string_lossy()).collect();
    let at = words.iter().position(|word| word == "verify").map_or(0, |at| at + 1);
    words.insert(at, "--fetch".into());
    let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    format!("ocscert {}", words.join(" "))
}
