//! Asks a live server and notes what it says; nothing is judged here. All that is done to one host shares one
//! limit of time, so a host that stays silent costs its timeout and no more.

mod clear;
mod current;
mod legacy;
mod line;
mod sip;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use self::line::{Channel, Line};
use crate::make::random;
use crate::model::{Certificate, PrivateKey};
use crate::wire::tls::Version;
use crate::wire::transcript::{
    Client, Connect, ConnectEnd, Ending, Facts, Handshake, Hello, OtherPort, Point, Sip, Target, Transport,
};

/// The certificate that is shown to servers, with those above it, and its key.
#[derive(Debug)]
pub struct Identity {
    /// Leaf first, as they are sent.
    pub chain: Vec<Arc<Certificate>>,
    /// The leaf's key.
    pub key: PrivateKey,
}

/// How to ask.
#[derive(Debug)]
pub struct Options {
    /// All the time that one host is given.
    pub timeout: Duration,
    /// What to show; none: the handshake is made without a certificate alone.
    pub identity: Option<Identity>,
    /// The SIP domain to come from; none: the host's own name.
    pub sip_domain: Option<String>,
}

/// Where mutual TLS belongs.
const PEER_PORT: u16 = 5061;

/// The port of IM and Presence's peer authentication listener before it is moved to 5061.
const OTHER_PORT: u16 = 5062;

/// Asks one host all there is to ask.
pub fn ask(target: &Target, options: &Options) -> Facts {
    let began = Instant::now();
    let mut facts = Facts {
        target: target.clone(),
        at: OffsetDateTime::now_utc(),
        took_ms: 0,
        timeout_ms: millis(options.timeout),
        addresses: Ok(Vec::new()),
        connects: Vec::new(),
        address: None,
        hellos: Vec::new(),
        ours: None,
        bare: None,
        sip: None,
        other: None,
    };
    Asking { target, options, began, deadline: began + options.timeout }.all(&mut facts);
    facts.took_ms = millis(began.elapsed());
    facts
}

struct Asking<'a> {
    target: &'a Target,
    options: &'a Options,
    began: Instant,
    deadline: Instant,
}

impl Asking<'_> {
    fn all(&self, facts: &mut Facts) {
        facts.addresses = line::resolve(&self.target.host, self.left() / 2);
        // A name that does not resolve here leaves the address of the federation file.
        let addresses = match (&facts.addresses, self.target.address) {
            (Ok(addresses), _) => addresses.clone(),
            (Err(_), Some(address)) => vec![address],
            (Err(_), None) => return,
        };
        facts.connects = self.connect_all(&addresses);
        let open = facts.connects.iter().find(|c| c.end == ConnectEnd::Open);
        facts.address = open.map(|c| c.address);
        match (facts.address, self.target.transport) {
            (Some(address), Transport::Tls) => self.tls(address, facts),
            (Some(address), Transport::Tcp) => facts.sip = Some(self.plain_sip(address)),
            (None, _) => {}
        }
        let closed = facts.connects.iter().any(|c| c.end == ConnectEnd::Closed);
        let not_mutual = !facts.chain().is_empty() && facts.request().is_none();
        let may_be_swapped = (facts.address.is_none() && closed) || not_mutual;
        let is_tls = self.target.transport == Transport::Tls;
        if let (true, true, Some(first)) =
            (is_tls && self.target.port == PEER_PORT, may_be_swapped, facts.connects.first())
        {
            facts.other = Some(self.other_port(SocketAddr::new(first.address.ip(), OTHER_PORT)));
        }
    }

    /// Every address is tried, all at once.
    fn connect_all(&self, addresses: &[IpAddr]) -> Vec<Connect> {
        // One address of several that does not answer must leave time for the others.
        let limit = if addresses.len() > 1 { self.left() / 2 } else { self.left() };
        std::thread::scope(|scope| {
            let tries: Vec<_> = addresses
                .iter()
                .map(|ip| SocketAddr::new(*ip, self.target.port))
                .map(|address| (address, scope.spawn(move || line::try_connect(address, limit))))
                .collect();
            let done = tries.into_iter().map(|(address, handle)| {
                let lost = || Connect {
                    address,
                    end: ConnectEnd::Unreachable("the attempt failed".into()),
                    took_ms: 0,
                };
                handle.join().unwrap_or_else(|_| lost())
            });
            done.collect()
        })
    }

    fn tls(&self, address: SocketAddr, facts: &mut Facts) {
        // What is left after silence goes to the question whether the port speaks SIP in clear.
        let first = self.hello(address, Version::TLS12, self.left() * 2 / 3);
        let silent = first.end == Ending::Silent;
        let is_tls = matches!(first.end, Ending::Whole | Ending::Alert(_) | Ending::Closed | Ending::Reset);
        let highest = first.flight.version;
        facts.hellos.push(first);
        if silent {
            facts.sip = Some(self.plain_sip(address));
        }
        if !is_tls {
            return;
        }
        // A server answers with the highest version up to ours: below its answer there may be others.
        let lower = [Version::TLS11, Version::TLS10];
        let lower = lower.into_iter().filter(|v| highest.is_some_and(|highest| *v < highest));
        for version in [Version::TLS13].into_iter().chain(lower) {
            facts.hellos.push(self.hello(address, version, self.left() / 2));
        }
        let Some(highest) = facts.versions().into_iter().max() else { return };
        match &self.options.identity {
            // Nothing better will come: this is the connection to ask over.
            None => facts.bare = Some(self.handshake(address, highest, None, true, self.left())),
            Some(identity) => {
                facts.bare = Some(self.handshake(address, highest, None, false, self.left() / 2));
                facts.ours = Some(self.handshake(address, highest, Some(identity), true, self.left()));
            }
        }
    }

    /// A current client first, where the server speaks what it does; else, or where that leads nowhere before any
    /// certificate of ours, the client for old servers.
    fn handshake(
        &self,
        address: SocketAddr,
        highest: Version,
        identity: Option<&Identity>,
        with_sip: bool,
        limit: Duration,
    ) -> Handshake {
        let until = Instant::now() + limit;
        let ask = |channel: &mut dyn Channel, local: SocketAddr| {
            with_sip.then(|| sip::options(channel, &self.sip_options(local)))
        };
        let name = self.target.server_name();
        let current = (highest >= Version::TLS12).then(|| match Line::open(address, until) {
            Err(end) => Handshake::ended(Client::Current, end),
            Ok(line) => current::handshake(line, name, identity, &ask),
        });
        let old = || match Line::open(address, until) {
            Err(end) => Handshake::ended(Client::Legacy, end),
            Ok(line) => legacy::handshake(line, highest, name, identity, &ask),
        };
        match current {
            None => old(),
            Some(current) if !leads_nowhere(&current, identity) => current,
            Some(current) => {
                let old = old();
                if old.point > current.point || old.sent { old } else { current }
            }
        }
    }

    fn plain_sip(&self, address: SocketAddr) -> Sip {
        match Line::open(address, self.deadline) {
            Err(end) => Sip { head: None, end, took_ms: 0 },
            Ok(mut line) => {
                let local = line.local();
                sip::options(&mut line, &self.sip_options(local))
            }
        }
    }

    fn sip_options(&self, local: SocketAddr) -> sip::Asked<'_> {
        let domain = self.options.sip_domain.as_deref().or(self.target.server_name());
        sip::Asked { target: self.target, domain, local }
    }

    /// One look at the port that IM and Presence uses before its listeners are swapped.
    fn other_port(&self, address: SocketAddr) -> OtherPort {
        let open = line::try_connect(address, self.left()).end == ConnectEnd::Open;
        let hello = open.then(|| self.hello(address, Version::TLS12, self.left()));
        OtherPort { port: address.port(), open, hello }
    }

    fn hello(&self, address: SocketAddr, version: Version, limit: Duration) -> Hello {
        let (mut nonce, mut share) = ([0; 32], [0; 32]);
        let drawn = random(&mut nonce).and_then(|()| random(&mut share));
        let (flight, end) = match (drawn, Line::open(address, Instant::now() + limit)) {
            (Err(e), _) => (Default::default(), Ending::OurOwn(e.to_string())),
            (_, Err(end)) => (Default::default(), end),
            (Ok(()), Ok(mut line)) => {
                clear::inspect(&mut line, version, self.target.server_name(), nonce, share)
            }
        };
        Hello { offered: version, at_ms: millis(self.began.elapsed()), flight, end }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// True where the current client ended before it could show a certificate: no suite in common, or no signature
/// algorithm.
fn leads_nowhere(current: &Handshake, identity: Option<&Identity>) -> bool {
    let ended = current.point < Point::Certificate
        && matches!(current.end, Ending::Alert(_) | Ending::Closed | Ending::Reset | Ending::OurOwn(_));
    ended || (identity.is_some() && current.request.is_some() && !current.sent)
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
