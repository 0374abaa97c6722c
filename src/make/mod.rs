//! Floor 4: makers: keys, requests, chains in order, containers, scripts. Pure but for randomness that key generation and
//! salts need; nothing is written to disk here.

pub mod chain;
pub mod csr;
pub mod inf;
pub mod key;
pub mod pkcs12;
pub mod pkcs7;
pub mod script;
pub mod template;

/// Why something could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A library refused what it was given.
    #[error("{what}: {detail}")]
    Library {
        /// What was to be made.
        what: &'static str,
        /// What the library says.
        detail: String,
    },
    /// A name breaks the rules of X.520 or DNS.
    #[error(transparent)]
    Name(#[from] crate::model::NameFault),
}

/// The result of making something.
pub type Result<T> = std::result::Result<T, Error>;

/// Fills `bytes` with random ones, for salts.
///
/// # Errors
/// The system has none.
pub fn random(bytes: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(|e| Error::library("no random bytes could be had")(&e))
}

impl Error {
    fn library(what: &'static str) -> impl FnOnce(&dyn std::fmt::Display) -> Self {
        move |detail| Self::Library { what, detail: detail.to_string() }
    }
}
