//! `ocscert export`: a PFX with key and chain that imports the first time.

use std::path::PathBuf;

use super::args::{KeyPassword, Overwrite};
use super::words::ForServer;
use super::{Example, Outcome, Session};
use crate::checks::Profile;
use crate::edge;
use crate::edge::files::{self, Output, SECRET};
use crate::edge::inputs::shown;
use crate::edge::secrets::Password;
use crate::make::chain;
use crate::make::pkcs12::{self, Contents, SCHANNEL_CSP, TARGETS, Target, write};
use crate::make::random;
use crate::make::script::{self, Install};
use crate::model::{Certificate, KeyAlgorithm};
use crate::text;

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert export --cert fe1.foo.com.pem --key fe1.foo.com.key --chain ca.pem --for windows2003 --password-file pw -o fe1.foo.com.pfx",
        does: "key, certificate and chain for Windows Server 2003 and later",
    },
    Example {
        line: "ocscert export --cert ocs1.pem --key ocs1.key --no-chain -o ocs1.pfx",
        does: "without the chain; asks for the password",
    },
    Example {
        line: "ocscert export --cert fe1.foo.com.pem --key fe1.foo.com.key --chain ca.pem --for windows2003 --script -o fe1.foo.com.pfx",
        does: "with the scripts that install it: install-fe1.foo.com.cmd and .ps1",
    },
];

/// Put key, certificate and chain into a PFX file
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
#[command(group = clap::ArgGroup::new("scripts").args(["script"]))]
pub struct Args {
    /// The certificate
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    key_password: KeyPassword,
    /// The CA certificates above it, in any order
    #[arg(long, num_args = 1.., value_name = "FILE", required_unless_present = "no_chain")]
    chain: Vec<PathBuf>,
    /// Leave the chain out
    #[arg(long, conflicts_with = "chain")]
    no_chain: bool,
    /// Which systems are to read it
    #[arg(long = "for", value_name = "SYSTEM", default_value = "modern", value_parser = target)]
    target: &'static Target,
    /// The CryptoAPI provider that Windows puts the key into
    #[arg(long, value_name = "NAME", default_value = SCHANNEL_CSP)]
    csp: String,
    /// The file with the password that closes the PFX (default: ask)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write the scripts beside it that install it: install-NAME.cmd for every Windows since 2003, and .ps1
    #[arg(long, help_heading = "Scripts")]
    script: bool,
    /// The product it is for: what the scripts say is left to do, and who has to read the key
    #[arg(long, default_value = "ocs2007r2", requires = "scripts", value_parser = Profile::named, help_heading = "Scripts")]
    profile: Profile,
    /// Write to this file; - is standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten, next_help_heading = "Scripts")]
    for_server: ForServer,
}

fn target(name: &str) -> Result<&'static Target, String> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    pkcs12::target(name).ok_or_else(|| format!("there are {}", names()))
}

/// Writes the PFX.
///
/// # Errors
/// An input cannot be read, the key is not the certificate's, the chain has a gap, the output exists.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let scripts = scripts(args)?;
    if !files::is_stream(&args.output) {
        let planned = scripts.iter().map(PathBuf::as_path).chain([args.output.as_path()]);
        files::check_free(planned, args.overwrite.overwrite)?;
    }
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    let key = session.inputs.key(&args.key)?;
    let mut heap = session.inputs.certificates(std::slice::from_ref(&args.cert))?;
    let of_the_key = heap.iter().position(|c| c.value.public_key == *key.public());
    let Some(at) = of_the_key else {
        let what = format!(
            "the key in {} does not belong to the certificate in {}",
            shown(&args.key),
            shown(&args.cert)
        );
        let hint = format!("compare both with: ocscert inspect {} {}", shown(&args.cert), shown(&args.key));
        return Err(edge::Error::new(what).hint(hint).into());
    };
    let leaf = heap.swap_remove(at);
    let mut ordered = vec![leaf.clone()];
    if !args.no_chain {
        heap.extend(session.inputs.certificates(&args.chain)?);
        heap.push(leaf.clone());
        let chain = chain::order_from(&leaf.value, heap);
        if !chain.ends_in_a_root() {
            return Err(incomplete(&chain));
        }
        ordered = chain.ordered;
    }
    let target = args.target;
    session.tell(&format!("can be read by   {}", target.reads));
    session.tell(&format!("not by           {}", target.refuses));
    let rsa = matches!(key.public().algorithm, KeyAlgorithm::Rsa { .. });
    if target.rsa_only && !rsa {
        let what = format!(
            "OCS on such a system needs an RSA key; {} holds {}",
            shown(&args.key),
            key.public().algorithm
        );
        return Err(edge::Error::new(what)
            .hint("make one: ocscert csr --key-type rsa2048 --server FQDN")
            .into());
    }
    if !rsa {
        session.tell(&format!(
            "warning: {} keys do not work with OCS 2007 R2, which needs RSA",
            key.public().algorithm
        ));
    }
    let certificates: Vec<&Certificate> = ordered.iter().map(|c| &*c.value).collect();
    let texts = args.script.then(|| install(args, &certificates)).transpose()?;
    let password = match &args.password_file {
        Some(file) => Password::from_file(file)?,
        None => {
            session.terminal.ask_new_password("a password that closes the PFX file", "--password-file")?
        }
    };
    let name = leaf.value.subject.short().to_string();
    let contents = Contents { key: &key, chain: &certificates, friendly_name: &name, csp: &args.csp };
    let bytes = write(&contents, target, password.reveal(), &mut random)?;
    session.write(&Output::secret(&args.output, bytes), args.overwrite.overwrite)?;
    if !files::is_stream(&args.output) {
        session.say(&format!(
            "{}   CN={}   {} and the key, closed with the password ({SECRET})\n",
            shown(&args.output),
            text::escape(&name),
            text::count(certificates.len(), "certificate"),
        ))?;
    }
    if args.script {
        let runs = ["every Windows Server since 2003", "Windows PowerShell, Server 2008 R2 and later"];
        for ((path, text), runs) in scripts.iter().zip(texts.into_iter().flatten()).zip(runs) {
            files::write(&Output::public(path, text), args.overwrite.overwrite)?;
            session.say(&format!("{}   installs it: {runs}\n", shown(path)))?;
        }
        session.tell(
            "next: copy the PFX and one of the scripts to the server, run it there as an administrator",
        );
    } else if !files::is_stream(&args.output) {
        session.tell("next: import it on the server (computer account, Personal), then delete the file");
    }
    Ok(Outcome::Yes)
}

/// Where the scripts go: beside the PFX, whose name they take from their own.
fn scripts(args: &Args) -> edge::Result<Vec<PathBuf>> {
    if !args.script {
        return Ok(Vec::new());
    }
    let name = args.output.file_name().and_then(|name| name.to_str());
    let name = name.and_then(|name| name.strip_suffix(".pfx")).filter(|name| !name.is_empty());
    let Some(name) = name else {
        return Err(edge::Error::new(format!(
            "the scripts lie beside a file NAME.pfx, and {} is none",
            shown(&args.output)
        ))
        .hint("name it so: --output fe1.foo.com.pfx"));
    };
    let beside = |ending: &str| args.output.with_file_name(format!("install-{name}.{ending}"));
    Ok(script::INSTALL.iter().map(|ending| beside(ending)).collect())
}

/// The scripts' texts, for the certificate at the head of this chain.
fn install(args: &Args, chain: &[&Certificate]) -> edge::Result<[String; 2]> {
    let [certificate, issuers @ ..] = chain else { return Err(edge::Error::new("there is no certificate")) };
    let install = Install {
        certificate,
        issuers: issuers.to_vec(),
        account: &args.for_server.account(&args.profile)?,
        is_ocs: args.profile.name == "ocs2007r2",
    };
    let words = &args.for_server.words;
    script::install(&words.read()?, &install).map_err(|fault| words.told(fault))
}

fn incomplete(chain: &chain::Chain) -> anyhow::Error {
    let last = chain.ordered.last();
    let issuer = last.map(|c| text::escape(c.value.issuer.short()).into_owned()).unwrap_or_default();
    let source = last.map(|c| c.source.clone()).unwrap_or_default();
    edge::Error::new(format!(
        "the chain has a gap: \"{issuer}\", the issuer of {source}, is in none of the files"
    ))
    .hint("add its certificate to --chain, or leave the chain out with --no-chain")
    .into()
}
