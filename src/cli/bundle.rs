//! `ocscert bundle`: a chain in order, out of any heap of certificates.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::args::{KeyPassword, Overwrite};
use super::logon::Logon;
use super::{Example, Outcome, Session};
use crate::checks::Side;
use crate::checks::stores::judge_store;
use crate::edge;
use crate::edge::certsrv::CaUrl;
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::findings::Severity;
use crate::make::chain::{self, Chain};
use crate::make::pkcs7;
use crate::model::container::{label, pem};
use crate::model::{Certificate, Sourced};
use crate::render::{self, Paint};
use crate::text;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert bundle fe1.foo.com.pem ca.p7b root.cer -o fe1.foo.com.chain.pem",
        does: "leaf first, root last, whatever order and format the files are in",
    },
    Example {
        line: "ocscert bundle --ca-url https://ca.foo.com/certsrv -o ca.pem",
        does: "the chain of a Microsoft CA, fetched from its pages",
    },
    Example {
        line: "ocscert bundle certnew.p7b --for ocs -o stores",
        does: "one file each for the two Windows stores, roots and intermediates apart",
    },
    Example {
        line: "ocscert bundle ca.pem --for imp -o cup-trust",
        does: "one file an upload to IM and Presence, in their order",
    },
    Example {
        line: "ocscert bundle new-ca.pem --for ocs --existing trusted-roots.p7b -o stores",
        does: "only what the server's Trusted Roots lack, and whether they stay short enough for Schannel",
    },
];

/// Put certificates in order: leaf to root, duplicates dropped, gaps named
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// Files or folders with certificates (PEM, DER, PKCS#7); - is standard input
    #[arg(required_unless_present = "ca_url", value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    /// What the chain is for
    #[arg(long = "for", value_enum, default_value_t = Destination::Tls, value_name = "DESTINATION")]
    destination: Destination,
    /// Write to this file (- is standard output), or with ocs and imp into this folder
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
    /// What the store holds by now, files or folders: the Trusted Roots of the server (ocs), or cup-trust (imp)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    existing: Vec<PathBuf>,
    /// Fetch the CA's own chain from its web enrollment pages, as https://ca.foo.com/certsrv
    #[arg(long, value_name = "URL", value_parser = CaUrl::parse, help_heading = "From a Microsoft CA")]
    ca_url: Option<CaUrl>,
    #[command(flatten, next_help_heading = "From a Microsoft CA")]
    logon: Logon,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// PEM, leaf to root, as TLS servers want it
    Tls,
    /// PKCS#7 (.p7b), all certificates in one file
    P7b,
    /// A folder for Windows: roots/ and intermediates/, each for its own store
    Ocs,
    /// A folder for IM and Presence: one file an upload to cup-trust, in their order
    Imp,
}

/// Writes the chain.
///
/// # Errors
/// A file cannot be read or holds no certificate; the output exists or cannot be written.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if !files::is_stream(&args.output) {
        files::check_free([args.output.as_path()], args.overwrite.overwrite)?;
    }
    if let (Destination::Tls | Destination::P7b, [first, ..]) = (args.destination, &args.existing[..]) {
        let what = format!("--existing {} is a store, and this is a chain in one file", shown(first));
        return Err(edge::Error::new(what).hint("say which store: --for ocs or --for imp").into());
    }
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    let mut heap = session.inputs.certificates(&args.files)?;
    if let Some(url) = &args.ca_url {
        let fetched = args.logon.session(url, session)?.ca_certificates()?;
        heap.extend(fetched.into_iter().map(|value| Sourced { value, source: url.host() }));
    }
    match args.destination {
        Destination::Tls | Destination::P7b => one_file(args, heap, session),
        Destination::Ocs | Destination::Imp => store_files(args, heap, session),
    }
}

type Heap = Vec<Sourced<Arc<Certificate>>>;

fn one_file(args: &Args, heap: Heap, session: &mut Session) -> anyhow::Result<Outcome> {
    let chain = chain::order(heap);
    let bytes: Vec<u8> = match args.destination {
        Destination::P7b => {
            pkcs7::certs_only(&chain.ordered.iter().map(|c| c.value.der()).collect::<Vec<_>>())?
        }
        _ => chain.ordered.iter().flat_map(|c| pem(label::CERTIFICATE, c.value.der()).into_bytes()).collect(),
    };
    session.write(&Output::public(&args.output, bytes), args.overwrite.overwrite)?;
    tell(&chain, session);
    // What is missing makes the answer "not yes": a script must not take the bundle for whole.
    Ok(if chain.ends_in_a_root() { Outcome::Yes } else { Outcome::No })
}

/// Writes each CA certificate into a file of its own. Roots and intermediates never share a store: on Server
/// 2012 and later an intermediate among the Trusted Roots breaks client certificates (KB2795828).
fn store_files(args: &Args, heap: Heap, session: &mut Session) -> anyhow::Result<Outcome> {
    if files::is_stream(&args.output) {
        return Err(edge::Error::new("certificates for a store go into a folder, one file each")
            .hint("name it with --output DIR")
            .into());
    }
    let mut stores = chain::for_stores(heap);
    let existing = session.inputs.certificates(&args.existing)?;
    let is_there = |c: &Sourced<Arc<Certificate>>| existing.iter().any(|other| other.value == c.value);
    let (side, store) = match args.destination {
        Destination::Imp => (Side::Imp, "cup-trust"),
        _ => (Side::Ocs, "Trusted Roots"),
    };
    // What is there already stays there, and needs no file.
    let mut there = Vec::new();
    for list in [&mut stores.roots, &mut stores.intermediates] {
        let (known, new) = std::mem::take(list).into_iter().partition(|c| is_there(c));
        there.extend::<Heap>(known);
        *list = new;
    }
    // Intermediates share the store with the roots at IM and Presence only.
    let joining = stores.intermediates.iter().filter(|_| side == Side::Imp);
    let whole: Heap = existing.iter().chain(&stores.roots).chain(joining).cloned().collect();
    let findings = judge_store(side, store, &whole);
    let mut outputs = Vec::new();
    for (i, certificate) in stores.roots.iter().chain(&stores.intermediates).enumerate() {
        let name = file_name(&certificate.value);
        let is_root = i < stores.roots.len();
        outputs.push(match args.destination {
            Destination::Imp => {
                let path = args.output.join(format!("{:02}-{name}.pem", i + 1));
                Output::public(path, pem(label::CERTIFICATE, certificate.value.der()))
            }
            _ => {
                let folder = args.output.join(if is_root { "roots" } else { "intermediates" });
                Output::public(folder.join(format!("{name}.cer")), certificate.value.der())
            }
        });
    }
    for output in &outputs {
        if let Some(folder) = output.path.parent() {
            files::make_folder(folder)?;
        }
    }
    files::check_free(outputs.iter().map(|o| o.path.as_path()), args.overwrite.overwrite)?;
    for (output, certificate) in outputs.iter().zip(stores.roots.iter().chain(&stores.intermediates)) {
        files::write(output, args.overwrite.overwrite)?;
        session.say(&format!("{}   {}\n", output.path.display(), described(certificate)))?;
    }
    let left_out =
        [(&there, "there already"), (&stores.duplicates, "twice"), (&stores.others, "no CA certificate")];
    for (list, why) in left_out {
        for certificate in list {
            session.tell(&format!("left out, {why}: {}   {}", described(certificate), certificate.source));
        }
    }
    let next = match args.destination {
        Destination::Imp => {
            "next: upload each as cup-trust, in this order; see it on every node; then restart Cisco SIP Proxy on \
             all nodes, one at a time"
        }
        _ => {
            "next: import roots/ into Trusted Root Certification Authorities and intermediates/ into \
             Intermediate Certification Authorities, both of the computer account"
        }
    };
    session.tell(if outputs.is_empty() { "nothing is to be added" } else { next });
    let mut outcome = Outcome::Yes;
    if !whole.iter().any(|c| c.value.is_self_issued()) {
        session.tell("missing: no root, that is, no self-signed CA certificate, is in the files");
        outcome = Outcome::No;
    }
    for finding in &findings {
        let mut told = String::new();
        render::text::finding(&mut told, finding, Paint::new(session.terminal.color_err));
        session.tell(&format!("\n{}", told.trim_end()));
        if finding.severity == Severity::Error {
            outcome = Outcome::No;
        }
    }
    Ok(outcome)
}

/// A file name that every system takes: the common name's letters and digits, and a part of the thumbprint,
/// because two CAs may have one name.
fn file_name(certificate: &Certificate) -> String {
    let words: String = certificate
        .subject
        .short()
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let thumbprint = text::hex(&certificate.sha1()[..4]);
    [words.join("-"), thumbprint].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn tell(chain: &Chain, session: &Session) {
    for (i, certificate) in chain.ordered.iter().enumerate() {
        session.tell(&format!("{}{}   {}", "  ".repeat(i), described(certificate), certificate.source));
    }
    for (list, why) in [(&chain.duplicates, "twice"), (&chain.strangers, "not part of this chain")] {
        for certificate in list {
            session.tell(&format!("left out, {why}: {}   {}", described(certificate), certificate.source));
        }
    }
    for problem in &session.inputs.problems {
        session.tell(&format!("warning: {}: {}", problem.source, text::escape(&problem.value.to_string())));
    }
    if let Some(last) = chain.ordered.last().filter(|_| !chain.ends_in_a_root()) {
        let certificate = &last.value;
        let key_id = certificate.authority_key_id().map(|id| format!(", key id {}", text::hex_colon(id)));
        session.tell(&format!(
            "missing: the issuer of {}: \"{}\"{}",
            described(last),
            text::escape(certificate.issuer.short()),
            key_id.unwrap_or_default()
        ));
        for url in certificate.ca_issuers().take(2) {
            session.tell(&format!("  it can be fetched from {} and added to the files", text::escape(url)));
        }
    }
}

fn described(certificate: &Sourced<Arc<Certificate>>) -> String {
    text::escape_short(certificate.value.subject.short(), 100)
}
