//! `ocscert csr`: keys and certificate requests with the right names and usages.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::args::{KeyPassword, Overwrite, fqdn};
use super::{Example, Outcome, Session};
use crate::edge;
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::edge::secrets::Password;
use crate::make::csr::{Spec, request};
use crate::make::key::{KeyType, encrypt, generate};
use crate::model::container::{label, pem};
use crate::model::{Fqdn, GeneralName, KeyAlgorithm, Oid, PrivateKey, oid};

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
];

/// Make keys and certificate requests (CSRs) for a server or a pool
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["server", "pool"]))]
pub struct Args {
    /// The Standard Edition server
    #[arg(long, value_name = "FQDN", value_parser = fqdn, help_heading = "Whose")]
    server: Option<Fqdn>,
    /// The Enterprise pool
    #[arg(long, value_name = "FQDN", value_parser = fqdn, help_heading = "Whose")]
    pool: Option<Fqdn>,
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
    /// Ask an enterprise CA for this template, by its own name (put into the request)
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// Write into this folder
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
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
    let jobs = jobs(args, session)?;
    let folder = &args.output;
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
    bar.finish_and_clear();

    let mut rsa = true;
    let width = jobs.iter().map(|job| job.host.as_str().len()).max().unwrap_or(0);
    for (job, made) in jobs.iter().zip(made) {
        let made = made?;
        rsa &= made.rsa;
        let mut written = Vec::new();
        if let Some(key) = made.key_pem {
            files::write(&Output::secret(key_path(job), key), args.overwrite.overwrite)?;
            written.push(format!("{} (0600)", key_path(job).display()));
        }
        files::write(&Output::public(csr_path(job), made.csr_pem), args.overwrite.overwrite)?;
        written.push(csr_path(job).display().to_string());
        if let Some(unicode) = job.host.unicode() {
            session.tell(&format!("note: DNS and certificates write {unicode} as {}", job.host));
        }
        let names: Vec<String> = made.names.iter().map(short_name).collect();
        session.say(&format!(
            "{:width$}   CN={}   {}   server + client auth\n{:width$}   SAN {}\n{:width$}   {}\n",
            job.host.as_str(),
            job.common_name,
            made.key_kind,
            "",
            names.join(", "),
            "",
            written.join("   "),
        ))?;
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
    key_kind: String,
    rsa: bool,
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
    Ok(Made {
        key_pem,
        csr_pem: pem(label::REQUEST, &csr),
        names: spec.names,
        key_kind: algorithm.to_string(),
        rsa: matches!(algorithm, KeyAlgorithm::Rsa { .. }),
    })
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
