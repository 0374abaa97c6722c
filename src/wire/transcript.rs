//! What a probe saw, as facts: nothing here is judged, so that a transcript can be judged again by other rules,
//! somewhere else, later. It holds what came over the wire in clear and how each attempt ended; no key, no
//! password, nothing that was decrypted but the SIP answer's head.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Blob;
use super::tls::message::CertificateRequest;
use super::tls::suites::Suite;
use super::tls::{Alert, Flight, Version};

/// The name of this shape.
pub const SCHEMA: &str = "ocscert.probe-transcript/1";

/// All hosts of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transcript {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was seen of each.
    pub hosts: Vec<Facts>,
}

/// How the connection is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TLS, 5061.
    Tls,
    /// In clear, 5060.
    Tcp,
}

/// Which side of the federation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Peer {
    /// OCS, Lync or Skype for Business.
    Ocs,
    /// IM and Presence.
    Imp,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Whose server it is.
    pub side: Peer,
    /// Host name or address, as it was typed.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How.
    pub transport: Transport,
    /// The name that its certificate should have.
    pub name: Option<String>,
    /// The address it should have, where a federation file says so.
    pub address: Option<IpAddr>,
}

/// Everything seen of one host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Who was asked.
    pub target: Target,
    /// When it began, by our clock.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The limit that was set, in milliseconds.
    pub timeout_ms: u64,
    /// What the name stands for, or why it stands for nothing.
    pub addresses: Result<Vec<IpAddr>, String>,
    /// The attempt to connect to each address, in the resolver's order.
    pub connects: Vec<Connect>,
    /// The address that was asked all the rest: the first that was open.
    pub address: Option<SocketAddr>,
    /// What was said to each of our hellos, the highest version of 1.2 first.
    pub hellos: Vec<Hello>,
    /// The full handshake with our certificate.
    pub ours: Option<Handshake>,
    /// The same without a certificate.
    pub bare: Option<Handshake>,
    /// SIP in clear, for `tcp`.
    pub sip: Option<Sip>,
    /// What the other TLS port of IM and Presence (5062) says, where this one is closed or not mutual.
    pub other: Option<OtherPort>,
}

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// Whom.
    pub address: SocketAddr,
    /// How it ended.
    pub end: ConnectEnd,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How an attempt to connect ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "detail")]
pub enum ConnectEnd {
    /// Connected.
    Open,
    /// Nobody listens there.
    Closed,
    /// No answer within the time.
    Silent,
    /// The network says that there is no way.
    Unreachable(String),
}

/// How an exchange with an open port ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "detail")]
pub enum Ending {
    /// It came to its end.
    Whole,
    /// By an alert of the server.
    Alert(Alert),
    /// By a close without an alert.
    Closed,
    /// By a reset.
    Reset,
    /// Not one byte came within the time.
    Silent,
    /// Some bytes came within the time, and not enough.
    Stalled,
    /// What came is no TLS, or no SIP: its first bytes.
    Alien(Blob),
    /// What came is not as the standard has it, or too much.
    Malformed(String),
    /// We could not go on ourselves: what our own side lacks.
    OurOwn(String),
}

/// A hello of ours and what was said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The highest version that we offered; for 1.3 the only one.
    pub offered: Version,
    /// When the answer had come, in milliseconds since the probe began.
    pub at_ms: u64,
    /// What was read.
    pub flight: Flight,
    /// How it ended.
    pub end: Ending,
}

/// Which client of ours made a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// A current TLS library.
    Current,
    /// The client for old servers, which serves diagnosis alone.
    Legacy,
}

/// Where in a handshake something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before the server chose version and suite.
    Hello,
    /// After that, before our certificate was sent, or before it was known that it was.
    Server,
    /// After our certificate (or the statement that we have none), before the server's Finished.
    Certificate,
    /// After the handshake.
    Finished,
}

/// A full handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Which client made it.
    pub client: Client,
    /// The version agreed.
    pub version: Option<Version>,
    /// The suite agreed.
    pub suite: Option<Suite>,
    /// The server's certificates.
    pub chain: Vec<Blob>,
    /// What it asked for; none: it did not ask.
    pub request: Option<CertificateRequest>,
    /// True where a certificate of ours was sent.
    pub sent: bool,
    /// The last point that was reached.
    pub point: Point,
    /// How it ended: whole where the handshake finished and nothing bad followed it.
    pub end: Ending,
    /// What SIP said over it.
    pub sip: Option<Sip>,
}

/// An OPTIONS and what was said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sip {
    /// The head of the answer; none: none came.
    pub head: Option<String>,
    /// How it ended.
    pub end: Ending,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A look at another port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPort {
    /// Which.
    pub port: u16,
    /// True where it is open.
    pub open: bool,
    /// What was said to our hello.
    pub hello: Option<Hello>,
}

impl Target {
    /// The name to ask for and to find in the certificate: the one given, else the host where it is no address.
    pub fn server_name(&self) -> Option<&str> {
        let host = Some(self.host.as_str()).filter(|host| host.parse::<IpAddr>().is_err());
        self.name.as_deref().or(host)
    }
}

/// `ocs1.foo.com:5061`, an IPv6 address in brackets.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Handshake {
    /// One that ended before anything was said.
    pub fn ended(client: Client, end: Ending) -> Self {
        Self {
            client,
            version: None,
            suite: None,
            chain: Vec::new(),
            request: None,
            sent: false,
            point: Point::Hello,
            end,
            sip: None,
        }
    }

    /// A fatal alert in the place of an answer is about the handshake, not about SIP.
    #[must_use]
    pub fn refused_in_place_of_sip(mut self) -> Self {
        if let Some(Sip { end: Ending::Alert(alert), .. }) = self.sip
            && alert.level == Alert::FATAL
        {
            self.end = Ending::Alert(alert);
            self.sip = None;
        }
        self
    }
}

impl Facts {
    /// The versions that the server spoke, lowest first.
    pub fn versions(&self) -> Vec<Version> {
        let mut versions: Vec<Version> = self.hellos.iter().filter_map(|h| h.flight.version).collect();
        versions.extend(self.handshakes().filter_map(|h| h.version));
        versions.sort();
        versions.dedup();
        versions
    }

    /// The handshakes that were made.
    pub fn handshakes(&self) -> impl Iterator<Item = &Handshake> {
        self.ours.iter().chain(&self.bare)
    }

    /// The certificates that the server presented, as it did so first.
    pub fn chain(&self) -> &[Blob] {
        let clear = self.hellos.iter().map(|h| &h.flight.chain);
        let chains = clear.chain(self.handshakes().map(|h| &h.chain));
        chains.into_iter().find(|chain| !chain.is_empty()).map_or(&[], Vec::as_slice)
    }

    /// What the server asks of clients.
    pub fn request(&self) -> Option<&CertificateRequest> {
        let clear = self.hellos.iter().filter_map(|h| h.flight.request.as_ref());
        clear.chain(self.handshakes().filter_map(|h| h.request.as_ref())).next()
    }

    /// The answer of SIP: over TLS with our certificate, without one, or in clear.
    pub fn sip(&self) -> Option<&Sip> {
        self.sip.as_ref().or_else(|| self.handshakes().find_map(|h| h.sip.as_ref()))
    }
}
