//! What a server says in clear, up to where it waits for our certificate and key.

use serde::{Deserialize, Serialize};

use super::message::{self, CertificateRequest, ServerHello, kind};
use super::record::{Kind, Messages, Records};
use super::suites::Suite;
use super::{Alert, Fault, Version};
use crate::wire::Blob;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// The version that the server chose.
    pub version: Option<Version>,
    /// The suite that it chose.
    pub suite: Option<Suite>,
    /// The first four bytes of its random value: a clock, in some servers.
    pub time: Option<u32>,
    /// Its certificates, leaf first, DER.
    #[serde(default)]
    pub chain: Vec<Blob>,
    /// What it asks of a client; none: it does not ask for a certificate.
    pub request: Option<CertificateRequest>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    More,
    /// All that comes in clear is there.
    Done,
    /// The server ended it.
    Refused(Alert),
}

/// Takes bytes from a server and reads them as far as they are not encrypted.
#[derive(Debug, Default)]
pub struct Inspector {
    records: Records,
    messages: Messages,
    flight: Flight,
}

impl Inspector {
    /// What was read so far.
    pub fn flight(&self) -> &Flight {
        &self.flight
    }

    /// The same, for keeps.
    pub fn into_flight(self) -> Flight {
        self.flight
    }

    /// Takes what came.
    ///
    /// # Errors
    /// It is no TLS, or not as the standard has it, or too much.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, Fault> {
        self.records.push(bytes);
        while let Some(record) = self.records.pop()? {
            match record.kind {
                Kind::Handshake => {
                    self.messages.push(&record.content)?;
                    while let Some(message) = self.messages.pop()? {
                        if self.read(message.kind, &message.body)? {
                            return Ok(Progress::Done);
                        }
                    }
                }
                Kind::Alert => {
                    let alert = Alert::parse(&record.content)?;
                    // A warning (no such name, RFC 6066 section 3) does not end the handshake.
                    if alert.level >= Alert::FATAL || alert.code == Alert::CLOSE_NOTIFY {
                        return Ok(Progress::Refused(alert));
                    }
                }
                // TLS 1.3 sends one for the sake of middleboxes.
                Kind::ChangeCipherSpec => {}
                Kind::Data => return Err(Fault::Malformed("data came before the handshake")),
            }
        }
        Ok(Progress::More)
    }

    /// Reads a message; true where no other comes in clear.
    fn read(&mut self, kind: u8, body: &[u8]) -> Result<bool, Fault> {
        if kind != kind::SERVER_HELLO && kind != kind::HELLO_REQUEST && self.flight.version.is_none() {
            return Err(Fault::Malformed("another message came before the ServerHello"));
        }
        match kind {
            kind::SERVER_HELLO => {
                let hello = ServerHello::parse(body)?;
                self.flight.version = Some(hello.version);
                self.flight.suite = Some(hello.suite);
                self.flight.time = Some(hello.time());
                // In TLS 1.3 all that follows is encrypted.
                return Ok(hello.version >= Version::TLS13);
            }
            kind::CERTIFICATE => self.flight.chain = message::certificates(body)?,
            kind::CERTIFICATE_REQUEST => {
                let version = self.flight.version.unwrap_or(Version::TLS10);
                self.flight.request = Some(CertificateRequest::parse(version, body)?);
            }
            kind::SERVER_HELLO_DONE => return Ok(true),
            // Key exchange, stapled OCSP, tickets: nothing that is asked here.
            _ => {}
        }
        Ok(false)
    }
}
