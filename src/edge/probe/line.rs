//! Names, connections and bytes under one deadline.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::wire::tls::Version;
use crate::wire::transcript::{Connect, ConnectEnd, Ending};

/// Something to send over and to hear from, encrypted or not.
pub(super) trait Channel {
    /// Sends all of it.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Ending>;
    /// What comes next; at least one byte.
    fn receive(&mut self) -> Result<Vec<u8>, Ending>;
}

/// A channel under keys, on its line.
pub(super) trait Secured {
    /// The line.
    fn line(&mut self) -> &mut Line;
    /// Takes what comes next, be it data or not.
    fn take_more(&mut self) -> Result<(), Ending>;

    /// Waits a moment after the handshake for what the server thinks of our certificate. A refusal would be lost
    /// behind what we send.
    fn hear_verdict(&mut self, version: Version) -> Result<(), Ending> {
        let limit = if version >= Version::TLS13 { VERDICT_OF_13 } else { VERDICT };
        let before = self.line().sooner(limit);
        let heard = self.take_more();
        self.line().set_deadline(before);
        match heard {
            // Servers need not say anything.
            Err(Ending::Silent | Ending::Stalled) => Ok(()),
            heard => heard,
        }
    }
}

/// In TLS 1.3 a client is through before the server has its certificate.
const VERDICT_OF_13: Duration = Duration::from_millis(700);
/// Before that the server's Finished is there already; OCS judges right after it.
const VERDICT: Duration = Duration::from_millis(150);

/// What a name stands for. The system's resolver has limits of its own, longer than ours, so it is asked aside.
pub(super) fn resolve(host: &str, limit: Duration) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![address]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_string();
    std::thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        // Nobody listens any more where the time was up.
        let _ = sender.send(found.map(|list| list.map(|address| address.ip()).collect::<Vec<_>>()));
    });
    let mut addresses = match receiver.recv_timeout(limit) {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(e)) => return Err(e.to_string()),
        Err(_) => return Err("the name servers did not answer in time".into()),
    };
    let mut seen = Vec::new();
    addresses.retain(|ip| !seen.contains(ip) && (seen.push(*ip), true).1);
    if addresses.is_empty() { Err("the name has no address".into()) } else { Ok(addresses) }
}

/// Connects and hangs up again.
pub(super) fn try_connect(address: SocketAddr, limit: Duration) -> Connect {
    let began = Instant::now();
    let end = match connect(address, limit) {
        Ok(_) => ConnectEnd::Open,
        Err(end) => end,
    };
    Connect { address, end, took_ms: super::millis(began.elapsed()) }
}

fn connect(address: SocketAddr, limit: Duration) -> Result<TcpStream, ConnectEnd> {
    // Zero is not "at once" but an error to the system.
    TcpStream::connect_timeout(&address, limit.max(Duration::from_millis(1))).map_err(|e| match e.kind() {
        io::ErrorKind::ConnectionRefused => ConnectEnd::Closed,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ConnectEnd::Silent,
        _ => ConnectEnd::Unreachable(e.to_string()),
    })
}

/// A connection with a deadline.
pub(super) struct Line {
    tcp: TcpStream,
    local: SocketAddr,
    peer: IpAddr,
    deadline: Instant,
    heard: Vec<u8>,
}

/// So many of the first bytes are kept, to say what it is that speaks.
const FIRST: usize = 64;

impl Line {
    /// Connects; what cannot be done ends the exchange before it began.
    pub(super) fn open(address: SocketAddr, deadline: Instant) -> Result<Self, Ending> {
        let left = deadline.saturating_duration_since(Instant::now());
        let tcp = connect(address, left).map_err(|end| match end {
            ConnectEnd::Silent => Ending::Silent,
            _ => Ending::Reset,
        })?;
        let ours = |e: io::Error| Ending::OurOwn(e.to_string());
        tcp.set_nodelay(true).map_err(ours)?;
        let local = tcp.local_addr().map_err(ours)?;
        Ok(Self { tcp, local, peer: address.ip(), deadline, heard: Vec::new() })
    }

    /// Our own end.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whom it leads to.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The first bytes that came.
    pub(super) fn first_bytes(&self) -> &[u8] {
        &self.heard
    }

    /// Sets an earlier deadline and returns the one before.
    fn sooner(&mut self, limit: Duration) -> Instant {
        let before = self.deadline;
        self.deadline = before.min(Instant::now() + limit);
        before
    }

    /// Sets the deadline.
    fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn left(&self) -> Option<Duration> {
        Some(self.deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    fn time_is_up(&self) -> Ending {
        if self.heard.is_empty() { Ending::Silent } else { Ending::Stalled }
    }

    fn failed(&self, e: &io::Error) -> Ending {
        match e.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.time_is_up(),
            _ => Ending::Reset,
        }
    }
}

impl Channel for Line {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let left = self.left().ok_or_else(|| self.time_is_up())?;
        let sent = self.tcp.set_write_timeout(Some(left)).and_then(|()| self.tcp.write_all(bytes));
        sent.map_err(|e| self.failed(&e))
    }

    fn receive(&mut self) -> Result<Vec<u8>, Ending> {
        let left = self.left().ok_or_else(|| self.time_is_up())?;
        let mut buffer = [0; 16 * 1024];
        let read = self.tcp.set_read_timeout(Some(left)).and_then(|()| self.tcp.read(&mut buffer));
        match read {
            Ok(0) => Err(Ending::Closed),
            Ok(n) => {
                let room = FIRST.saturating_sub(self.heard.len()).min(n);
                self.heard.extend_from_slice(&buffer[..room]);
                Ok(buffer[..n].to_vec())
            }
            Err(e) => Err(self.failed(&e)),
        }
    }
}
