//! Flags that several subcommands share, defined once so that they mean the same everywhere.

use std::path::PathBuf;

use clap::ValueEnum;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::checks::{Expected, Side};
use crate::edge;
use crate::model::Fqdn;
use crate::path::CryptoEra;
use crate::path::names::ReferenceName;

/// For commands that write files.
#[derive(clap::Args, Debug, Clone, Copy)]
pub struct Overwrite {
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

/// For commands that open private keys and PFX files.
#[derive(clap::Args, Debug, Clone)]
pub struct KeyPassword {
    /// The file with the password that opens a key or PFX file
    #[arg(long, value_name = "FILE")]
    pub key_password_file: Option<PathBuf>,
}

/// Text for people, or one JSON document for programs.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Where a command that judges writes its answer.
#[derive(clap::Args, Debug, Clone)]
pub struct Answer {
    /// Write to this file; - is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: PathBuf,
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// Reads a time as RFC 3339 writes it (`2026-11-23T02:00:00Z`).
///
/// # Errors
/// A sentence with an example.
pub fn rfc3339(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "write the time as in 2026-11-23T02:00:00Z (RFC 3339)".to_string())
}

/// Reads a fully qualified domain name.
///
/// # Errors
/// A sentence that names the rule it breaks.
pub fn fqdn(typed: &str) -> Result<Fqdn, String> {
    Fqdn::parse(typed).map_err(|fault| fault.to_string())
}

/// Reads a name with its type.
///
/// # Errors
/// A sentence that says what was expected.
pub fn reference(typed: &str) -> Result<ReferenceName, String> {
    ReferenceName::parse(typed).map_err(|fault| fault.to_string())
}

/// Whose a certificate or request is.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideArg {
    /// OCS, Lync or Skype for Business
    Ocs,
    /// IM and Presence
    Imp,
}

impl SideArg {
    /// As the checks know it.
    pub fn side(self) -> Side {
        match self {
            Self::Ocs => Side::Ocs,
            Self::Imp => Side::Imp,
        }
    }
}

/// Which algorithms are good enough.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CryptoArg {
    /// SHA-1, RSA 1024, version 1 roots, CN as host name
    Legacy,
    /// What is acceptable today
    Modern,
}

impl CryptoArg {
    /// As the path engine knows it.
    pub fn era(self) -> CryptoEra {
        match self {
            Self::Legacy => CryptoEra::Legacy,
            Self::Modern => CryptoEra::Modern,
        }
    }
}

/// The name that something should have. `--server` and `--pool` bring checks of a CN that what is IM and Presence's
/// does not have.
///
/// # Errors
/// They are there, and the side is IM and Presence.
pub fn expected(
    server: &Option<Fqdn>,
    pool: &Option<Fqdn>,
    names: &[ReferenceName],
    side: SideArg,
) -> edge::Result<Expected> {
    let refused = |flag: &str, name: &Fqdn| {
        let what = format!("{flag} names servers of OCS, and --side imp says that this is IM and Presence's");
        Err(edge::Error::new(what).hint(format!("name the node: --name DNS:{name}")))
    };
    match (server, pool, side) {
        (Some(name), _, SideArg::Imp) => refused("--server", name),
        (_, Some(name), SideArg::Imp) => refused("--pool", name),
        (Some(server), ..) => Ok(Expected::Server(server.clone())),
        (_, Some(pool), _) => Ok(Expected::Pool(pool.clone())),
        _ => Ok(Expected::Names(names.to_vec())),
    }
}
