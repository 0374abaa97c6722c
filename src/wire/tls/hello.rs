//! The ClientHello that we make (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2).

use super::Version;
use super::message::kind;
use super::reader::vector;
use super::record::{Handshake, Kind, Record};
use super::suites::{RENEGOTIATION_SCSV, SUITES, TLS13};

/// Signature algorithms, strongest first; SHA-1 last, for servers before 2012 (RFC 5246 section 7.4.1.4.1).
pub const SCHEMES: &[u16] =
    &[0x0804, 0x0805, 0x0806, 0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201];

/// x25519, and the NIST curves that Schannel has (RFC 8422 section 5.1.1).
const GROUPS: &[u16] = &[X25519, 0x0017, 0x0018, 0x0019];
const X25519: u16 = 0x001d;

/// A first message of a client.
#[derive(Debug, Clone)]
pub struct ClientHello<'a> {
    /// The highest version to speak; 1.3 means 1.3 alone (RFC 8446 section 4.2.1).
    pub version: Version,
    /// The client's random value.
    pub random: [u8; 32],
    /// The name asked for (RFC 6066 section 3); none for an address.
    pub server_name: Option<&'a str>,
    /// The suites to offer.
    pub suites: Vec<u16>,
    /// The curves to offer.
    pub groups: &'a [u16],
    /// For TLS 1.3: what stands for a public key of X25519. Any 32 bytes are one (RFC 7748 section 5), and the
    /// inspector reads no further than what comes in clear.
    pub key_share: [u8; 32],
}

impl<'a> ClientHello<'a> {
    /// A hello that offers every suite and reads nothing but what comes in clear.
    pub fn inspecting(
        version: Version,
        server_name: Option<&'a str>,
        random: [u8; 32],
        key_share: [u8; 32],
    ) -> Self {
        let modern = TLS13.iter().filter(|_| version >= Version::TLS13);
        let suites = modern.chain(SUITES).map(|(number, _)| *number).collect();
        Self { version, random, server_name, suites, groups: GROUPS, key_share }
    }

    /// The handshake message.
    pub fn message(&self) -> Handshake {
        let mut body = self.version.min(Version::TLS12).0.to_be_bytes().to_vec();
        body.extend(self.random);
        // Middleboxes let TLS 1.3 pass where it looks like a resumption (RFC 8446 appendix D.4).
        let session: &[u8] = if self.version >= Version::TLS13 { &self.key_share } else { &[] };
        body.extend(vector(1, session));
        let suites = self.suites.iter().chain([&RENEGOTIATION_SCSV]);
        body.extend(vector(2, &numbers(suites)));
        body.extend(vector(1, &[0]));
        body.extend(vector(2, &self.extensions()));
        Handshake { kind: kind::CLIENT_HELLO, body }
    }

    /// The record that carries it: its version is the lowest that every server reads (RFC 5246 appendix E.1).
    pub fn record(&self) -> Record {
        Record { kind: Kind::Handshake, version: Version::TLS10, content: self.message().bytes() }
    }

    fn extensions(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut add = |number: u16, content: &[u8]| {
            out.extend(number.to_be_bytes());
            out.extend(vector(2, content));
        };
        if let Some(name) = self.server_name {
            let entry = [&[0][..], &vector(2, name.as_bytes())].concat();
            add(0, &vector(2, &entry));
        }
        add(10, &vector(2, &numbers(self.groups)));
        add(11, &vector(1, &[0]));
        if self.version >= Version::TLS12 {
            add(13, &vector(2, &numbers(SCHEMES)));
        }
        if self.version >= Version::TLS13 {
            add(43, &vector(1, &Version::TLS13.0.to_be_bytes()));
            let share = [&X25519.to_be_bytes()[..], &vector(2, &self.key_share)].concat();
            add(51, &vector(2, &share));
        }
        out
    }
}

fn numbers<'n>(list: impl IntoIterator<Item = &'n u16>) -> Vec<u8> {
    list.into_iter().flat_map(|number| number.to_be_bytes()).collect()
}
