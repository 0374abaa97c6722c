//! Asks OPTIONS over a channel and waits for the answer.

use std::net::SocketAddr;
use std::time::Instant;

use super::line::Channel;
use crate::make::random;
use crate::text::hex;
use crate::wire::Blob;
use crate::wire::sip::{Fault, Framer, Message, Options, Start};
use crate::wire::transcript::{Ending, Sip, Target, Transport};

/// Who asks whom.
pub(super) struct Asked<'a> {
    pub(super) target: &'a Target,
    pub(super) domain: Option<&'a str>,
    pub(super) local: SocketAddr,
}

/// Sends one OPTIONS and waits for its final answer.
pub(super) fn options(channel: &mut dyn Channel, asked: &Asked<'_>) -> Sip {
    let began = Instant::now();
    let mut head = None;
    let end = match exchange(channel, asked) {
        Ok(answer) => {
            head = Some(answer);
            Ending::Whole
        }
        Err(end) => end,
    };
    Sip { head, end, took_ms: super::millis(began.elapsed()) }
}

/// Answers are noted up to here.
const LONGEST_HEAD: usize = 8 * 1024;

fn exchange(channel: &mut dyn Channel, asked: &Asked<'_>) -> Result<String, Ending> {
    let mut unique = [0; 8];
    random(&mut unique).map_err(|e| Ending::OurOwn(e.to_string()))?;
    let (unique, local) = (hex(&unique), asked.local.to_string());
    let host = match asked.target.server_name() {
        Some(name) => name.to_string(),
        None if asked.target.host.contains(':') => format!("[{}]", asked.target.host),
        None => asked.target.host.clone(),
    };
    let options = Options {
        transport: match asked.target.transport {
            Transport::Tls => "TLS",
            Transport::Tcp => "TCP",
        },
        host: &host,
        port: asked.target.port,
        local: &local,
        domain: asked.domain.unwrap_or(&host),
        unique: &unique,
    };
    channel.send(options.request().as_bytes())?;
    let mut framer = Framer::default();
    let mut first = Vec::new();
    loop {
        let bytes = channel.receive().map_err(|end| match end {
            // What came before was the handshake's.
            Ending::Stalled if first.is_empty() => Ending::Silent,
            end => end,
        })?;
        first.extend(bytes.iter().take(64usize.saturating_sub(first.len())));
        framer.push(&bytes);
        while let Some(message) = framer.pop().map_err(|fault| ending(fault, &first))? {
            if is_final(&message, &options.call_id()) {
                return Ok(head(&message));
            }
        }
    }
}

fn ending(fault: Fault, first: &[u8]) -> Ending {
    match fault {
        Fault::NotSip => Ending::Alien(Blob(first.to_vec())),
        fault => Ending::Malformed(fault.to_string()),
    }
}

/// A server may send requests of its own, and provisional answers (RFC 3261 section 8.1.3.2). An answer that
/// names no call is ours: there is no other.
fn is_final(message: &Message, call_id: &str) -> bool {
    let ours = message.header("Call-ID").is_none_or(|id| id == call_id);
    ours && matches!(message.start, Start::Answer(200.., _))
}

fn head(message: &Message) -> String {
    let mut out = match &message.start {
        Start::Answer(status, reason) => format!("SIP/2.0 {status} {reason}\r\n"),
        Start::Request(_) => String::new(),
    };
    for (name, value) in &message.headers {
        if out.len() + name.len() + value.len() > LONGEST_HEAD {
            break;
        }
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out
}
