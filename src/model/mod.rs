//! Floor 1: what certificates, requests, lists, keys and files *are*, parsed once and typed. The ASN.1 crates
//! stop here; nothing above sees raw bytes unless it asks for them. Nothing here judges.

mod asn1;
pub mod certificate;
mod claims;
pub mod container;
pub mod crl;
mod distribution;
pub mod extension;
pub mod key;
pub mod name;
pub mod oid;
pub mod request;
pub mod request_state;
mod signed;

pub use certificate::{Certificate, Hash, Serial, SignatureAlgorithm, Validity};
pub use claims::Claims;
pub use container::{Contents, Item, Object, Sourced, read};
pub use crl::Crl;
pub use extension::{Defect, Ext, Extensions, GeneralName, KeyUsage};
pub use key::{Curve, KeyAlgorithm, KeySpec, PrivateKey, PublicKey};
pub use name::{Fqdn, Name, NameFault};
pub use oid::Oid;
pub use request::Request;

/// Why bytes could not be made into a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the ASN.1 they should be.
    #[error("not {what} ({detail})")]
    Asn1 {
        /// What was expected, with its article.
        what: &'static str,
        /// What is wrong, from the parser.
        detail: String,
    },
    /// A private key that cannot be used.
    #[error("{0}")]
    Key(String),
    /// The password does not open it.
    #[error("the password does not open it")]
    WrongPassword,
    /// The password is right, but what it protects is not what was written.
    #[error(
        "the password fits, but the file is not as it was written: it was damaged or changed (its MAC does not fit)"
    )]
    Damaged,
    /// An algorithm or a format that is not read, by name.
    #[error("{0} is not read by this tool")]
    Unsupported(String),
    /// More work than a file may ask for.
    #[error("{0}")]
    Limit(String),
}

/// The result of parsing.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn asn1(what: &'static str, error: &impl std::fmt::Display) -> Self {
        let detail = crate::text::escape_short(&error.to_string(), 120);
        Self::Asn1 { what, detail }
    }

    /// `what` goes before the name of the algorithm: "encryption by".
    fn unsupported(what: &str, kind: &Oid) -> Self {
        let name = kind.name().map_or_else(|| kind.to_string(), |name| format!("{name} ({kind})"));
        Self::Unsupported(format!("{what} {name}"))
    }
}
