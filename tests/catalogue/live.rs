//! What a probe could have seen of a server, made by hand: one good server, and what may be wrong with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ocscert::checks::probe::{Ours, judge};
use ocscert::checks::{Expected, Known, Own, Profile, Purpose, Question};
use ocscert::findings::Finding;
use ocscert::model::Name;
use ocscert::path::PolicyInputs;
use ocscert::wire::Blob;
use ocscert::wire::tls::message::CertificateRequest;
use ocscert::wire::tls::suites::Suite;
use ocscert::wire::tls::{Alert, Flight, Version};
use ocscert::wire::transcript::{
    Client, Connect, ConnectEnd, Ending, Facts, Handshake, Hello, OtherPort, Peer, Point, Sip, Target,
    Transport,
};
use time::OffsetDateTime;

/// CN=Foo Root CA, DER.
const ROOT: &[u8] = b"\x30\x16\x31\x14\x30\x12\x06\x03\x55\x04\x03\x0c\x0bFoo Root CA";
/// CN=Bar Root CA, DER.
const OTHER: &[u8] = b"\x30\x16\x31\x14\x30\x12\x06\x03\x55\x04\x03\x0c\x0bBar Root CA";

/// What is found where the good server is changed so.
pub fn live(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = good();
    change(&mut facts);
    let question = Question {
        at: facts.at,
        profile: Profile::named("ocs2007r2").unwrap(),
        era: ocscert::path::CryptoEra::Legacy,
        purpose: Purpose::Mutual,
        expected: Expected::Names(Vec::new()),
        warn_days: 30,
        max_depth: None,
        policies: PolicyInputs::default(),
        crls: None,
        known: Known::default(),
        peer_subjects: None,
        own: Own::default(),
    };
    judge(&facts, &Ours { issuers: &[Name::from_der(ROOT).unwrap()], whole: true }, &question, None).findings
}

/// Nothing is wrong.
pub fn fine() -> Vec<Finding> {
    live(|_| {})
}

/// TLS 1.2, asks for a certificate of Foo Root CA, refuses none and ours not, answers 200.
fn good() -> Facts {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 5061));
    Facts {
        target: Target {
            side: Peer::Ocs,
            host: "ocs1.foo.com".into(),
            port: 5061,
            transport: Transport::Tls,
            name: None,
            address: None,
        },
        at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        took_ms: 60,
        timeout_ms: 10_000,
        addresses: Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]),
        connects: vec![Connect { address, end: ConnectEnd::Open, took_ms: 1 }],
        address: Some(address),
        hellos: vec![hello(Version::TLS12, 10), hello(Version::TLS11, 20)],
        ours: Some(Handshake {
            sent: true,
            sip: Some(answer("SIP/2.0 200 OK\r\n")),
            ..handshake(Ending::Whole)
        }),
        bare: Some(Handshake { point: Point::Certificate, ..handshake(alert(40)) }),
        sip: None,
        other: None,
    }
}

fn hello(version: Version, at_ms: u64) -> Hello {
    let flight = Flight {
        version: Some(version),
        suite: Some(Suite(0x000a)),
        time: Some(1_800_000_000),
        chain: vec![Blob(b"no certificate".to_vec())],
        request: Some(request(ROOT, 1)),
    };
    Hello { offered: version, at_ms, flight, end: Ending::Whole }
}

/// A request that names a CA so many times.
pub fn request(name: &[u8], times: usize) -> CertificateRequest {
    let list_bytes = times * (name.len() + 2);
    CertificateRequest {
        types: vec![1],
        schemes: Vec::new(),
        authorities: vec![Blob(name.to_vec()); times],
        list_bytes,
    }
}

fn handshake(end: Ending) -> Handshake {
    Handshake {
        version: Some(Version::TLS12),
        suite: Some(Suite(0xc02f)),
        request: Some(request(ROOT, 1)),
        point: Point::Finished,
        ..Handshake::ended(Client::Current, end)
    }
}

/// A fatal alert.
pub fn alert(code: u8) -> Ending {
    Ending::Alert(Alert { level: Alert::FATAL, code })
}

fn answer(head: &str) -> Sip {
    Sip { head: Some(head.into()), end: Ending::Whole, took_ms: 5 }
}

/// SIP says this.
pub fn says(head: &'static str) -> Vec<Finding> {
    live(|f| f.ours.as_mut().unwrap().sip = Some(answer(head)))
}

/// SIP says nothing, and it ends so.
pub fn sip_ends(end: Ending) -> Vec<Finding> {
    live(|f| f.ours.as_mut().unwrap().sip = Some(Sip { head: None, end, took_ms: 5 }))
}

/// The attempt to connect ends so.
pub fn connecting(end: ConnectEnd) -> Vec<Finding> {
    live(|f| {
        f.connects[0].end = end;
        *f = Facts { address: None, ours: None, bare: None, hellos: Vec::new(), ..f.clone() };
    })
}

/// The first hello ends so, with nothing read.
pub fn first_hello(end: Ending) -> Vec<Finding> {
    live(|f| {
        let hello = Hello { offered: Version::TLS12, at_ms: 6000, flight: Flight::default(), end };
        *f = Facts { hellos: vec![hello], ours: None, bare: None, ..f.clone() };
    })
}

/// Our handshake ends so after our certificate.
pub fn ours_ends(end: Ending) -> Vec<Finding> {
    live(|f| f.ours = Some(Handshake { sent: true, point: Point::Certificate, ..handshake(end) }))
}

/// Every request of the server names a CA so many times; our certificate is refused.
pub fn listing(other: bool, times: usize) -> Vec<Finding> {
    let wanted = request(if other { OTHER } else { ROOT }, times);
    live(|f| {
        f.hellos.iter_mut().for_each(|h| h.flight.request = Some(wanted.clone()));
        f.ours.as_mut().unwrap().sip = None;
    })
}

/// 5061 is closed; 5062 is open and asks for a certificate, or does not.
pub fn elsewhere(asks: bool) -> Vec<Finding> {
    live(|f| {
        let mut hello = hello(Version::TLS12, 10);
        hello.flight.request = hello.flight.request.filter(|_| asks);
        f.connects[0].end = ConnectEnd::Closed;
        let other = Some(OtherPort { port: 5062, open: true, hello: Some(hello) });
        *f = Facts { address: None, ours: None, bare: None, hellos: Vec::new(), other, ..f.clone() };
    })
}

/// Clients without a certificate pass.
pub fn optional() -> Vec<Finding> {
    live(|f| f.bare = Some(handshake(Ending::Whole)))
}
