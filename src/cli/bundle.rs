//! `ocscert bundle`: a chain in order, out of any heap of certificates.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::args::{KeyPassword, Overwrite};
use super::logon::Logon;
use super::{Example, Outcome, Session};
use crate::edge::certsrv::CaUrl;
use crate::edge::files::{self, Output};
use crate::make::chain::{self, Chain};
use crate::model::container::{label, pem};
use crate::model::{Certificate, Sourced};
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
        line: "ocscert bundle downloads/certnew.p7b --for tls",
        does: "a CA's chain, to standard output",
    },
];

/// Put certificates in order: leaf to root, duplicates dropped, gaps named
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// Files or folders with certificates (PEM, DER, PKCS#7); - is standard input
    #[arg(required_unless_present = "ca_url", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Fetch the CA's own chain from its web enrollment pages, as https://ca.foo.com/certsrv
    #[arg(long, value_name = "URL", value_parser = CaUrl::parse, help_heading = "From a Microsoft CA")]
    ca_url: Option<CaUrl>,
    #[command(flatten, next_help_heading = "From a Microsoft CA")]
    logon: Logon,
    #[command(flatten)]
    key_password: KeyPassword,
    /// What the chain is for
    #[arg(long = "for", value_enum, default_value_t = Destination::Tls, value_name = "DESTINATION")]
    destination: Destination,
    /// Write to this file; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    /// PEM, leaf to root, as TLS servers want it
    Tls,
}

/// Writes the chain.
///
/// # Errors
/// A file cannot be read or holds no certificate; the output exists or cannot be written.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if !files::is_stream(&args.output) {
        files::check_free([args.output.as_path()], args.overwrite.overwrite)?;
    }
    session.inputs.pfx_password_file.clone_from(&args.key_password.key_password_file);
    let mut heap = session.inputs.certificates(&args.files)?;
    if let Some(url) = &args.ca_url {
        let fetched = args.logon.session(url, session)?.ca_certificates()?;
        heap.extend(fetched.into_iter().map(|value| Sourced { value, source: url.host() }));
    }
    let chain = chain::order(heap);
    let text: String = match args.destination {
        Destination::Tls => chain.ordered.iter().map(|c| pem(label::CERTIFICATE, c.value.der())).collect(),
    };
    session.write(&Output::public(&args.output, text), args.overwrite.overwrite)?;
    tell(&chain, session);
    // What is missing makes the answer "not yes": a script must not take the bundle for whole.
    Ok(if chain.ends_in_a_root() { Outcome::Yes } else { Outcome::No })
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
