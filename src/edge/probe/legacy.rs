//! The full handshake by the client for old servers: diagnosis only, nothing is sent over it but a SIP OPTIONS.

use super::Identity;
use super::current::Ask;
use super::line::{Channel, Line, Secured};
use crate::make::random;
use crate::wire::Blob;
use crate::wire::tls::legacy::{Client, Failure, Identity as Shown};
use crate::wire::tls::{Fault, Version};
use crate::wire::transcript::{self, Ending, Handshake, Point};

/// Makes the handshake and asks.
pub(super) fn handshake(
    line: Line,
    highest: Version,
    server_name: Option<&str>,
    identity: Option<&Identity>,
    ask: Ask<'_>,
) -> Handshake {
    let note = Handshake::ended(transcript::Client::Legacy, Ending::Whole);
    let chain: Vec<&[u8]> = identity.iter().flat_map(|i| &i.chain).map(|c| c.der()).collect();
    let shown = identity.map(|i| Shown { chain: &chain, key: &i.key });
    let draw = |bytes: &mut [u8]| random(bytes).map_err(|e| e.to_string());
    let client = match Client::new(highest, server_name, shown, &draw) {
        Ok(client) => client,
        Err(e) => return Handshake { end: Ending::OurOwn(e.to_string()), ..note },
    };
    let mut channel = LegacyChannel { client, line };
    let shaken = channel.shake();
    let client = &channel.client;
    let flight = client.flight();
    let mut note = Handshake {
        version: flight.version,
        suite: flight.suite,
        chain: flight.chain.clone(),
        request: flight.request.clone(),
        sent: client.has_sent_certificate(),
        point: match () {
            () if client.is_open() => Point::Finished,
            () if client.has_answered() => Point::Certificate,
            () if flight.version.is_some() => Point::Server,
            () => Point::Hello,
        },
        ..note
    };
    if let Err(end) = shaken {
        note.end = end;
        return note;
    }
    if let Err(end) = channel.hear_verdict(highest) {
        note.end = end;
        return note;
    }
    let local = channel.line.local();
    note.sip = ask(&mut channel, local);
    note.refused_in_place_of_sip()
}

struct LegacyChannel<'a> {
    client: Client<'a>,
    line: Line,
}

impl LegacyChannel<'_> {
    fn shake(&mut self) -> Result<(), Ending> {
        while !self.client.is_open() {
            self.flush()?;
            self.take_more()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Ending> {
        let out = self.client.take_output();
        if out.is_empty() { Ok(()) } else { self.line.send(&out) }
    }
}

impl Secured for LegacyChannel<'_> {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn take_more(&mut self) -> Result<(), Ending> {
        let bytes = self.line.receive()?;
        self.client.push(&bytes).map_err(|failure| match failure {
            Failure::Alert(alert) => Ending::Alert(alert),
            Failure::Fault(Fault::NotTls) => Ending::Alien(Blob(self.line.first_bytes().to_vec())),
            Failure::Fault(fault) => Ending::Malformed(fault.to_string()),
            Failure::CanNot(what) => Ending::OurOwn(what),
        })
    }
}

impl Channel for LegacyChannel<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        self.client.send(bytes).map_err(|e| Ending::OurOwn(e.to_string()))?;
        self.flush()
    }

    fn receive(&mut self) -> Result<Vec<u8>, Ending> {
        loop {
            // Data and the goodbye may come together.
            let data = self.client.take_data();
            if !data.is_empty() {
                return Ok(data);
            }
            let heard = self.take_more();
            if let (Err(end), true) = (heard, self.client.has_no_data()) {
                return Err(end);
            }
        }
    }
}
