//! `ocscert csr`: keys and certificate requests with the right names and usages; the same for keys that are born on
//! their server; and the gate that a request passes before a CA signs it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::args::{CryptoArg, Format, KeyPassword, Overwrite, SideArg, fqdn, reference};
use super::words::ForServer;
use super::{Example, Outcome, Session, gate};
use crate::checks::Profile;
use crate::edge;
use crate::edge::files::{self, Output, SECRET};
use crate::edge::inputs::shown;
use crate::edge::secrets::Password;
use crate::make::csr::{Spec, request};
use crate::make::inf::{self, Born};
use crate::make::key::{KeyType, encrypt, generate};
use crate::make::pkcs12::SCHANNEL_CSP;
use crate::model::container::{label, pem};
use crate::model::{Fqdn, GeneralName, KeyAlgorithm, Oid, PrivateKey, oid};
use crate::path::names::ReferenceName;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert csr --server ocs1.foo.com",
        does: "a Standard Edition server: CN and SAN are its FQDN",
    },
    Example {
        line: "ocscert csr --pool pool.foo.com --front-end fe1.foo.com --front-end fe2.foo.com",
        does: "an Enterprise pool: one key and request a front end, CN is the pool",
    },
    Example {
        line: "ocscert csr --pool pool.foo.com --sip-domain foo.com --org Foo --ou IT --ou Voice --country JP",
        does: "one request for a whole pool, with sip.foo.com and a longer subject",
    },
    Example {
        line: "ocscert csr --server ocs1.foo.com --key old.key --key-password-file pw --output renewal",
        does: "a request for a key that exists",
    },
    Example {
        line: "ocscert csr --pool pool.foo.com --front-end fe1.foo.com --inf",
        does: "an INF file for certreq and its script: the key is made on the server and stays there",
    },
    Example {
        line: "ocscert csr --check fe1.foo.com.csr --pool pool.foo.com",
        does: "is this request, whoever made it, what OCS needs? Ask before a CA signs it",
    },
    Example {
        line: "ocscert csr --check cup.csr --side imp --name DNS:imp1.foo.com --format json",
        does: "the same for a node's own request (cup), as JSON",
    },
];

/// Make keys and certificate requests (CSRs) for a server or a pool; check requests
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
#[command(group = clap::ArgGroup::new("whose").required(true).multiple(true).args(["server", "pool", "check"]))]
#[command(group = clap::ArgGroup::new("scripts").args(["inf"]))]
#[command(group = clap::ArgGroup::new("product").args(["inf", "check"]))]
pub struct Args {
    /// The Standard Edition server
    #[arg(long, value_name = "FQDN", value_parser = fqdn, conflicts_with = "pool", help_heading = "Whose")]
    pub(super) server: Option<Fqdn>,
    /// The Enterprise pool
    #[arg(long, value_name = "FQDN", value_parser = fqdn, help_heading = "Whose")]
    pub(super) pool: Option<Fqdn>,
    /// A front-end server of the pool (repeatable); without any, one request for the pool
    #[arg(long, value_name = "FQDN", value_parser = fqdn, conflicts_with = "server", num_args = 1.., help_heading = "Whose")]
    front_end: Vec<Fqdn>,
    /// A further name: DNS name or IP address (repeatable)
    #[arg(long, value_name = "NAME", value_parser = san, num_args = 1.., help_heading = "Whose")]
    san: Vec<GeneralName>,
    /// Add sip.DOMAIN as a name
    #[arg(long, value_name = "DOMAIN", value_parser = fqdn, help_heading = "Whose")]
    sip_domain: Option<Fqdn>,
    /// Organization (O)
    #[arg(long, value_name = "TEXT", help_heading = "Subject")]
    org: Option<String>,
    /// Organizational unit (OU), repeatable
    #[arg(long, value_name = "TEXT", help_heading = "Subject")]
    ou: Vec<String>,
    /// City (L)
    #[arg(long, value_name = "TEXT", help_heading = "Subject")]
    locality: Option<String>,
    /// State or province (ST)
    #[arg(long, value_name = "TEXT", help_heading = "Subject")]
    state: Option<String>,
    /// Two-letter country code (C)
    #[arg(long, value_name = "CC", help_heading = "Subject")]
    country: Option<String>,
    /// Email address
    #[arg(long, value_name = "ADDRESS", help_heading = "Subject")]
    email: Option<String>,
    /// The kind of key to make; OCS 2007 R2 needs RSA
    #[arg(long, value_enum, default_value_t = KeyTypeArg::Rsa2048, value_name = "TYPE", help_heading = "Key")]
    key_type: KeyTypeArg,
    /// Use this private key instead of making one (PKCS#8, PKCS#1, SEC1)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_type", "encrypt_key"], help_heading = "Key")]
    key: Option<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    /// Close the new key with a password
    #[arg(long, help_heading = "Key")]
    encrypt_key: bool,
    /// The file with the password that closes the new key (default: ask)
    #[arg(long, value_name = "FILE", requires = "encrypt_key", help_heading = "Key")]
    password_file: Option<PathBuf>,
    /// Make the key on the server instead: write an INF file for certreq, and the script that goes on from there
    #[arg(long, conflicts_with_all = ["key", "key_password_file", "encrypt_key"], help_heading = "Key born on the server")]
    inf: bool,
    /// The CryptoAPI provider that makes and keeps the key
    #[arg(long, value_name = "NAME", default_value = SCHANNEL_CSP, requires = "inf", help_heading = "Key born on the server")]
    csp: String,
    /// The key may leave the server later, in a PFX
    #[arg(long, requires = "inf", help_heading = "Key born on the server")]
    exportable: bool,
    /// Make nothing: check these requests, whoever made them; --server, --pool or --name say what they should be for
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Check", conflicts_with_all = [
        "front_end", "san", "sip_domain", "org", "ou", "locality", "state", "country", "email", "key_type", "key",
        "key_password_file", "encrypt_key", "template", "inf",
    ])]
    pub(super) check: Vec<PathBuf>,
    /// A name it must be for: DNS:x, IP:x or email:x (repeatable)
    #[arg(long, value_name = "TYPE:NAME", value_parser = reference, requires = "check", conflicts_with_all = ["server", "pool"], help_heading = "Check")]
    pub(super) name: Vec<ReferenceName>,
    /// Whose request it is
    #[arg(long, value_enum, default_value_t = SideArg::Ocs, requires = "check", help_heading = "Check")]
    pub(super) side: SideArg,
    /// Which algorithms are good enough (default: legacy for ocs2007r2, modern for the rest)
    #[arg(long, value_enum, requires = "check", help_heading = "Check")]
    pub(super) crypto: Option<CryptoArg>,
    /// How to tell the answer
    #[arg(long, value_enum, default_value_t, requires = "check", help_heading = "Check")]
    pub(super) format: Format,
    /// Ask an enterprise CA for this template, by its own name (put into the request)
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// The product it is for: ocs2007r2, lync2013, sfb2019
    #[arg(long, default_value = "ocs2007r2", requires = "product", value_parser = Profile::named)]
    pub(super) profile: Profile,
    /// Write into this folder; with --check, write the answer to this file
    #[arg(long, short, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) overwrite: Overwrite,
    #[command(flatten, next_help_heading = "Key born on the server")]
    for_server: ForServer,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum KeyTypeArg {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
}

impl KeyTypeArg {
    fn kind(self) -> KeyType {
        match self {
            Self::Rsa2048 => KeyType::Rsa2048,
            Self::Rsa3072 => KeyType::Rsa3072,
            Self::Rsa4096 => KeyType::Rsa4096,
            Self::P256 => KeyType::P256,
            Self::P384 => KeyType::P384,
        }
    }
}

/// A subject alternative name as people type it: an address, or a DNS name.
fn san(typed: &str) -> Result<GeneralName, String> {
    match typed.trim().parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => Ok(GeneralName::Ip(ip.octets().into())),
        Ok(std::net::IpAddr::V6(ip)) => Ok(GeneralName::Ip(ip.octets().into())),
        Err(_) => fqdn(typed).map(|name| GeneralName::Dns(name.as_str().to_string())),
    }
}

/// One key and request to make.
struct Job<'a> {
    /// What the files are called, and the request is for.
    host: &'a Fqdn,
    /// The subject CN.
    common_name: &'a Fqdn,
}

/// Makes the keys and requests.
///
/// # Errors
/// A name or field breaks its rule, a file exists already or cannot be written, the key cannot be read.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if !args.check.is_empty() {
        return gate::run(args, session);
    }
    let jobs = jobs(args, session)?;
    let folder = args.output.as_deref().unwrap_or(Path::new("."));
    if args.inf {
        return born(args, &jobs, folder, session);
    }
    let key_path = |job: &Job<'_>| in_folder(folder, &format!("{}.key", job.host));
    let csr_path = |job: &Job<'_>| in_folder(folder, &format!("{}.csr", job.host));

    // Everything that can be refused is refused before a key is made or a file written.
    if let Some(name) = jobs.first().map(|job| job.common_name) {
        spec(args, &Job { host: name, common_name: name }, &KeyAlgorithm::Rsa { bits: 2048 }).check()?;
    }
    files::make_folder(folder)?;
    let mut planned: Vec<PathBuf> = jobs.iter().map(csr_path).collect();
    if args.key.is_none() {
        planned.extend(jobs.iter().map(key_path));
    }
    files::check_free(planned.iter().map(PathBuf::as_path), args.overwrite.overwrite)?;
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    let given = match &args.key {
        Some(path) => Some(session.inputs.key(path)?),
        None => None,
    };
    if let (Some(path), Some(key)) = (&args.key, &given)
        && key.public().algorithm == KeyAlgorithm::Ed25519
    {
        return Err(edge::Error::new(format!(
            "{} holds an Ed25519 key, which these servers cannot use",
            shown(path)
        ))
        .hint("leave --key out: an RSA key is made")
        .into());
    }
    let password = match (args.encrypt_key, &args.password_file) {
        (false, _) => None,
        (true, Some(file)) => Some(Password::from_file(file)?),
        (true, None) => {
            Some(session.terminal.ask_new_password("a password that closes the new key", "--password-file")?)
        }
    };

    let bar = session.terminal.progress(jobs.len() as u64, "making keys");
    let made: Vec<anyhow::Result<Made>> = jobs
        .par_iter()
        .map(|job| {
            let made = make(args, job, given.as_ref(), password.as_ref());
            bar.inc(1);
            made
        })
        .collect();
    drop(bar);

    let mut rsa = true;
    let width = jobs.iter().map(|job| job.host.as_str().len()).max().unwrap_or(0);
    for (job, made) in jobs.iter().zip(made) {
        let made = made?;
        rsa &= matches!(made.algorithm, KeyAlgorithm::Rsa { .. });
        let mut written = Vec::new();
        if let Some(key) = made.key_pem {
            files::write(&Output::secret(key_path(job), key), args.overwrite.overwrite)?;
            written.push(format!("{} ({SECRET})", key_path(job).display()));
        }
        files::write(&Output::public(csr_path(job), made.csr_pem), args.overwrite.overwrite)?;
        written.push(csr_path(job).display().to_string());
        said(session, job, &made.algorithm, &made.names, width, &written.join("   "))?;
    }
    if !rsa {
        session.tell("warning: OCS 2007 R2 needs an RSA key; elliptic curves are for Lync Server and later");
    }
    let files: Vec<String> = jobs.iter().map(|job| csr_path(job).display().to_string()).collect();
    session.tell(&format!(
        "\nnext: ocscert submit {} --ca-url https://CA/certsrv   (CA: the host of your CA)",
        files.join(" ")
    ));
    Ok(Outcome::Yes)
}

/// Writes INF files and scripts, for keys that are made on their servers.
fn born(args: &Args, jobs: &[Job<'_>], folder: &Path, session: &mut Session) -> anyhow::Result<Outcome> {
    let bits = match args.key_type.kind() {
        KeyType::Rsa2048 => 2048,
        KeyType::Rsa3072 => 3072,
        KeyType::Rsa4096 => 4096,
        KeyType::P256 | KeyType::P384 => {
            return Err(edge::Error::new("a CryptoAPI provider makes no elliptic curve keys")
                .hint("leave --key-type out, or name rsa2048, rsa3072 or rsa4096")
                .into());
        }
    };
    let account = args.for_server.account(&args.profile)?;
    let words = &args.for_server.words;
    let templates = words.read()?;
    let mut outputs = Vec::new();
    for job in jobs {
        let spec = spec(args, job, &KeyAlgorithm::Rsa { bits });
        let host = job.host.as_str();
        let (csp, exportable) = (args.csp.as_str(), args.exportable);
        let born = Born { host, spec: &spec, bits, csp, exportable, account: &account };
        let files = inf::born(&templates, &born).map_err(|fault| match fault {
            inf::Fault::Template(fault) => anyhow::Error::from(words.told(fault)),
            inf::Fault::Request(error) => error.into(),
        })?;
        let (inf, script) = (format!("{host}.inf"), format!("request-{host}.cmd"));
        outputs.push((
            job,
            spec.names,
            Output::public(in_folder(folder, &inf), files.inf),
            Output::public(in_folder(folder, &script), files.script),
        ));
    }
    files::make_folder(folder)?;
    let planned = outputs.iter().flat_map(|(_, _, inf, script)| [inf.path.as_path(), script.path.as_path()]);
    files::check_free(planned, args.overwrite.overwrite)?;
    let width = jobs.iter().map(|job| job.host.as_str().len()).max().unwrap_or(0);
    for (job, names, inf, script) in &outputs {
        files::write(inf, args.overwrite.overwrite)?;
        files::write(script, args.overwrite.overwrite)?;
        let key = KeyAlgorithm::Rsa { bits };
        said(
            session,
            job,
            &key,
            names,
            width,
            &format!("{}   {}", inf.path.display(), script.path.display()),
        )?;
    }
    session.tell(
        "\nnext: copy both files to their server; there, as an administrator, request-FQDN.cmd new makes the key\n      \
         and the request, and says how to go on",
    );
    Ok(Outcome::Yes)
}

/// Tells what was made for a host.
fn said(
    session: &mut Session,
    job: &Job<'_>,
    key: &KeyAlgorithm,
    names: &[GeneralName],
    width: usize,
    written: &str,
) -> edge::Result<()> {
    if let Some(unicode) = job.host.unicode() {
        session.tell(&format!("note: DNS and certificates write {unicode} as {}", job.host));
    }
    let names: Vec<String> = names.iter().map(short_name).collect();
    session.say(&format!(
        "{:width$}   CN={}   {key}   server + client auth\n{:width$}   SAN {}\n{:width$}   {written}\n",
        job.host.as_str(),
        job.common_name,
        "",
        names.join(", "),
        "",
    ))
}

/// The path as people would type it: no `./` in front.
fn in_folder(folder: &Path, file: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(file) } else { folder.join(file) }
}

fn jobs<'a>(args: &'a Args, session: &Session) -> anyhow::Result<Vec<Job<'a>>> {
    if let Some(server) = &args.server {
        return Ok(vec![Job { host: server, common_name: server }]);
    }
    let Some(pool) = &args.pool else { return Ok(Vec::new()) };
    if args.front_end.is_empty() {
        return Ok(vec![Job { host: pool, common_name: pool }]);
    }
    for (i, front_end) in args.front_end.iter().enumerate() {
        if args.front_end[..i].contains(front_end) {
            return Err(edge::Error::new(format!("the front end {front_end} is named twice")).into());
        }
        if front_end == pool {
            session.tell(&format!(
                "warning: the front end {front_end} has the pool's own name; a pool's FQDN differs from every server's (a Standard Edition server is named with --server)"
            ));
        }
    }
    if args.key.is_some() && args.front_end.len() > 1 {
        return Err(edge::Error::new("--key is one key, and there are several front ends")
            .hint("name one --front-end at a time, or leave --key out: each front end gets a key of its own")
            .into());
    }
    Ok(args.front_end.iter().map(|host| Job { host, common_name: pool }).collect())
}

/// What was made for one host.
struct Made {
    key_pem: Option<Zeroizing<Vec<u8>>>,
    csr_pem: String,
    names: Vec<GeneralName>,
    algorithm: KeyAlgorithm,
}

fn make(
    args: &Args,
    job: &Job<'_>,
    given: Option<&PrivateKey>,
    password: Option<&Password>,
) -> anyhow::Result<Made> {
    let (key, key_pem) = match given {
        Some(key) => (key.clone(), None),
        None => {
            let key = generate(args.key_type.kind())?;
            let pem = match password {
                Some(password) => pem(label::ENCRYPTED_KEY, &encrypt(&key, password.reveal())?),
                None => pem(label::KEY, key.pkcs8()),
            };
            (key, Some(Zeroizing::new(pem.into_bytes())))
        }
    };
    let algorithm = &key.public().algorithm;
    let spec = spec(args, job, algorithm);
    let csr = request(&spec, &key)?;
    Ok(Made { key_pem, csr_pem: pem(label::REQUEST, &csr), names: spec.names, algorithm: algorithm.clone() })
}

fn spec(args: &Args, job: &Job<'_>, key: &KeyAlgorithm) -> Spec {
    let mut spec = Spec::mutual_tls(job.common_name, key);
    spec.add_name(GeneralName::Dns(job.host.as_str().to_string()));
    if let Some(domain) = &args.sip_domain {
        spec.add_name(GeneralName::Dns(format!("sip.{domain}")));
    }
    args.san.iter().cloned().for_each(|name| spec.add_name(name));
    let one = |kind: Oid, value: &Option<String>| value.clone().map(|value| (kind, value));
    let mut subject: Vec<(Oid, String)> = [
        one(oid::COUNTRY, &args.country),
        one(oid::STATE, &args.state),
        one(oid::LOCALITY, &args.locality),
        one(oid::ORGANIZATION, &args.org),
    ]
    .into_iter()
    .flatten()
    .collect();
    subject.extend(args.ou.iter().map(|ou| (oid::ORGANIZATIONAL_UNIT, ou.clone())));
    subject.append(&mut spec.subject);
    subject.extend(one(oid::EMAIL_ADDRESS, &args.email));
    spec.subject = subject;
    spec.template = args.template.clone();
    spec
}

fn short_name(name: &GeneralName) -> String {
    match name {
        GeneralName::Dns(name) => name.clone(),
        other => other.to_string(),
    }
}
