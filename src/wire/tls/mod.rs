//! TLS as bytes. A hello of our own offers everything that servers since 2003 understand, and what the server
//! says in clear before any cryptography begins is read: version, suite, chain, what it asks of clients, alerts
//! (RFC 2246, 4346, 5246 and 8446).

pub mod hello;
mod inspector;
pub mod legacy;
pub mod message;
mod reader;
pub mod record;
pub mod suites;

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use inspector::{Flight, Inspector, Progress};

/// A protocol version as it stands in messages: TLS 1.0 is 0x0301.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

impl Version {
    /// SSL 3.0, which nobody may speak any more (RFC 7568).
    pub const SSL3: Version = Version(0x0300);
    /// TLS 1.0: the most that Windows Server 2003 speaks.
    pub const TLS10: Version = Version(0x0301);
    /// TLS 1.1.
    pub const TLS11: Version = Version(0x0302);
    /// TLS 1.2.
    pub const TLS12: Version = Version(0x0303);
    /// TLS 1.3.
    pub const TLS13: Version = Version(0x0304);
}

/// `1.2`, `SSL 3.0`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301..=0x0304 => write!(f, "1.{}", self.0 - 0x0301),
            other => write!(f, "0x{other:04x}"),
        }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS {self}")
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = match text.as_str() {
            "SSL 3.0" => Some(Self::SSL3),
            "1.0" => Some(Self::TLS10),
            "1.1" => Some(Self::TLS11),
            "1.2" => Some(Self::TLS12),
            "1.3" => Some(Self::TLS13),
            other => other.strip_prefix("0x").and_then(|hex| u16::from_str_radix(hex, 16).ok()).map(Version),
        };
        number.ok_or_else(|| D::Error::custom(format!("{text} is no TLS version")))
    }
}

/// An alert (RFC 5246 section 7.2); what its number means stands in the table of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// Its number: 48 is `unknown_ca`.
    pub code: u8,
}

impl Alert {
    /// The level of an alert that ends the connection.
    pub const FATAL: u8 = 2;
    /// `close_notify`: the peer ends in good order.
    pub const CLOSE_NOTIFY: u8 = 0;
}

/// Why bytes are no TLS that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first bytes are no TLS record.
    #[error("this is no TLS")]
    NotTls,
    /// A message is not as the standard has it.
    #[error("{0}")]
    Malformed(&'static str),
    /// More than anybody needs for a handshake.
    #[error("the handshake is larger than {} KiB", record::MAX_HANDSHAKE / 1024)]
    TooLarge,
}
