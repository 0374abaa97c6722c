//! The messages that a server sends in clear (RFC 5246 section 7.4).

use serde::{Deserialize, Serialize};

use super::reader::Reader;
use super::suites::Suite;
use super::{Alert, Fault, Version};
use crate::wire::Blob;

/// The numbers of handshake messages.
pub mod kind {
    #![allow(missing_docs, reason = "they are the names of RFC 5246 section 7.4")]
    pub const HELLO_REQUEST: u8 = 0;
    pub const CLIENT_HELLO: u8 = 1;
    pub const SERVER_HELLO: u8 = 2;
    pub const CERTIFICATE: u8 = 11;
    pub const SERVER_KEY_EXCHANGE: u8 = 12;
    pub const CERTIFICATE_REQUEST: u8 = 13;
    pub const SERVER_HELLO_DONE: u8 = 14;
    pub const CERTIFICATE_VERIFY: u8 = 15;
    pub const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub const FINISHED: u8 = 20;
}

/// What a server chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The version; 1.3 where the extension says so (RFC 8446 section 4.2.1).
    pub version: Version,
    /// The server's random value.
    pub random: [u8; 32],
    /// The suite.
    pub suite: Suite,
}

impl ServerHello {
    /// Reads the body of the message.
    ///
    /// # Errors
    /// It is not as the standard has it.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body, "the ServerHello is cut short");
        let mut version = Version(reader.u16()?);
        let mut random = [0; 32];
        random.copy_from_slice(reader.take(32)?);
        reader.vector(1)?;
        let suite = Suite(reader.u16()?);
        reader.u8()?;
        // Extensions may be left out altogether.
        if !reader.is_empty() {
            let mut extensions =
                Reader::new(reader.vector(2)?, "an extension of the ServerHello is cut short");
            while !extensions.is_empty() {
                let (number, content) = (extensions.u16()?, extensions.vector(2)?);
                if let (43, [high, low]) = (number, content) {
                    version = Version(u16::from_be_bytes([*high, *low]));
                }
            }
        }
        reader.end()?;
        Ok(Self { version, random, suite })
    }

    /// The first four bytes of the random value: seconds since 1970 in servers that keep to RFC 5246 section
    /// 7.4.1.2; newer ones have random bytes there.
    pub fn time(&self) -> u32 {
        let [a, b, c, d, ..] = self.random;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// The certificates of a Certificate message, leaf first (RFC 5246 section 7.4.2).
///
/// # Errors
/// The list is not as the standard has it.
pub fn certificates(body: &[u8]) -> Result<Vec<Blob>, Fault> {
    let what = "the Certificate message is cut short";
    let mut reader = Reader::new(body, what);
    let mut list = Reader::new(reader.vector(3)?, what);
    reader.end()?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        certificates.push(Blob(list.vector(3)?.to_vec()));
    }
    Ok(certificates)
}

/// What a server asks a client for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// The kinds of keys: 1 is RSA, 64 ECDSA.
    pub types: Vec<u8>,
    /// Signature algorithms; none before TLS 1.2.
    pub schemes: Vec<u16>,
    /// The names of the CAs that it would take, DER; none means any (RFC 5246 section 7.4.4).
    pub authorities: Vec<Blob>,
    /// The bytes that the list of names takes in the message: Schannel cuts it off at a limit.
    pub list_bytes: usize,
}

impl CertificateRequest {
    /// Reads the body of the message of TLS 1.0 to 1.2.
    ///
    /// # Errors
    /// It is not as the standard has it.
    pub fn parse(version: Version, body: &[u8]) -> Result<Self, Fault> {
        let what = "the CertificateRequest is cut short";
        let mut reader = Reader::new(body, what);
        let types = reader.vector(1)?.to_vec();
        let mut schemes = Vec::new();
        if version >= Version::TLS12 {
            let mut list = Reader::new(reader.vector(2)?, what);
            while !list.is_empty() {
                schemes.push(list.u16()?);
            }
        }
        let names = reader.vector(2)?;
        reader.end()?;
        let mut list = Reader::new(names, what);
        let mut authorities = Vec::new();
        while !list.is_empty() {
            authorities.push(Blob(list.vector(2)?.to_vec()));
        }
        Ok(Self { types, schemes, authorities, list_bytes: names.len() })
    }
}

impl Alert {
    /// Reads the content of an alert record that is not encrypted.
    ///
    /// # Errors
    /// It is not as the standard has it.
    pub fn parse(content: &[u8]) -> Result<Self, Fault> {
        match content {
            [level, code] => Ok(Self { level: *level, code: *code }),
            _ => Err(Fault::Malformed("an alert is not two bytes long")),
        }
    }
}
