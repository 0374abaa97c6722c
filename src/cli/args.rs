//! Flags that several subcommands share, defined once so that they mean the same everywhere.

use std::path::PathBuf;

use clap::ValueEnum;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::model::Fqdn;

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

/// For commands that judge: also a page to look at, to print or to hand on.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One page for a browser
    Html,
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
