//! SIP messages over streams (RFC 3261): the OPTIONS that asks, and the answers, framed by their empty line and
//! Content-Length however the stream was cut.

/// Header lines longer than this together are nobody's answer to OPTIONS.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 256 * 1024;

/// What an OPTIONS is made of (RFC 3261 section 11.1).
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// `TLS` or `TCP`.
    pub transport: &'a str,
    /// Who is asked: host name or address, with an IPv6 address in brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Our own address and port as the connection has them.
    pub local: &'a str,
    /// The SIP domain to come from.
    pub domain: &'a str,
    /// Makes branch, tag and Call-ID unlike any other's.
    pub unique: &'a str,
}

impl Options<'_> {
    /// The request. There is no Route header: the server is asked itself. `rport` (RFC 3581) and the connection
    /// itself bring the answer back.
    pub fn request(&self) -> String {
        let Self { transport, host, port, local, domain, unique } = self;
        let parameter = transport.to_ascii_lowercase();
        format!(
            "OPTIONS sip:{host}:{port};transport={parameter} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch=z9hG4bK{unique};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:ocscert-probe@{domain}>;tag={unique}\r\n\
             To: <sip:{host}>\r\n\
             Call-ID: {}\r\n\
             CSeq: 1 OPTIONS\r\n\
             Contact: <sip:ocscert-probe@{local};transport={parameter}>\r\n\
             User-Agent: ocscert/{}\r\n\
             Accept: application/sdp\r\n\
             Content-Length: 0\r\n\r\n",
            self.call_id(),
            env!("CARGO_PKG_VERSION"),
        )
    }

    /// The Call-ID, by which an answer is known as ours.
    pub fn call_id(&self) -> String {
        format!("{}@ocscert", self.unique)
    }
}

/// The answer to a request: what must be the same as there is copied (RFC 3261 section 8.2.6).
pub fn answer(request: &Message, status: u16, reason: &str) -> String {
    let mut out = format!("SIP/2.0 {status} {reason}\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        for (_, value) in request.headers.iter().filter(|(written, _)| is(written, name)) {
            let tag = if name == "To" && !value.contains(";tag=") { ";tag=ocscert" } else { "" };
            out.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
    }
    out + "Content-Length: 0\r\n\r\n"
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What kind.
    pub start: Start,
    /// The headers in order, folded lines joined, names as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// An answer: status and reason.
    Answer(u16, String),
    /// A request of the other side's own: its method.
    Request(String),
}

/// Why a stream holds no SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first line is none of SIP's.
    #[error("this is no SIP")]
    NotSip,
    /// A header line that cannot be read.
    #[error("a header line cannot be read")]
    Header,
    /// Larger than any answer.
    #[error("the message is larger than any answer to OPTIONS")]
    TooLarge,
}

impl Message {
    /// The first header of this name; the short forms of RFC 3261 section 7.3.3 count too.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| is(n, name)).map(|(_, value)| value.as_str())
    }

    /// Reads a head: all before the empty line.
    ///
    /// # Errors
    /// The first line is none of SIP's, or a header line has no colon.
    pub fn parse_head(head: &str) -> Result<Self, Fault> {
        let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let start = start(lines.next().unwrap_or_default()).ok_or(Fault::NotSip)?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            // RFC 3261 section 7.3.1: a line that begins with white space goes on with the one before.
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut().ok_or(Fault::Header)?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(Fault::Header)?;
            headers.push((name.trim().to_string(), value.trim().to_string()));
        }
        Ok(Self { start, headers, body: Vec::new() })
    }
}

const SHORT: &[(&str, &str)] =
    &[("l", "Content-Length"), ("i", "Call-ID"), ("v", "Via"), ("f", "From"), ("t", "To"), ("m", "Contact")];

fn is(written: &str, name: &str) -> bool {
    let long = SHORT.iter().find(|(short, _)| written.eq_ignore_ascii_case(short)).map(|(_, long)| *long);
    long.unwrap_or(written).eq_ignore_ascii_case(name)
}

fn start(line: &str) -> Option<Start> {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = code.parse().ok().filter(|code| (100..700).contains(code))?;
        return Some(Start::Answer(status, reason.to_string()));
    }
    let (method, rest) = line.split_once(' ')?;
    let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    (is_method && rest.ends_with(" SIP/2.0")).then(|| Start::Request(method.to_string()))
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub struct Framer {
    pending: Vec<u8>,
}

impl Framer {
    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next message that is there as a whole.
    ///
    /// # Errors
    /// The stream holds no SIP.
    pub fn pop(&mut self) -> Result<Option<Message>, Fault> {
        // RFC 3261 section 7.5: empty lines before a message mean nothing; RFC 5626 keeps connections alive by
        // them.
        let blank = self.pending.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.pending.drain(..blank);
        let Some(end) = self.pending.windows(4).position(|w| w == b"\r\n\r\n") else {
            return match () {
                () if self.pending.len() > MAX_HEAD => Err(Fault::TooLarge),
                () if !may_begin(&self.pending) => Err(Fault::NotSip),
                () => Ok(None),
            };
        };
        if end > MAX_HEAD {
            return Err(Fault::TooLarge);
        }
        let mut message = Message::parse_head(&String::from_utf8_lossy(&self.pending[..end]))?;
        // Over streams Content-Length is a must (RFC 3261 section 18.3); an answer without one has no body.
        let length = match message.header("Content-Length") {
            Some(text) => text.parse().map_err(|_| Fault::Header)?,
            None => 0,
        };
        if length > MAX_BODY {
            return Err(Fault::TooLarge);
        }
        if self.pending.len() < end + 4 + length {
            return Ok(None);
        }
        let rest = self.pending.split_off(end + 4 + length);
        let whole = std::mem::replace(&mut self.pending, rest);
        message.body = whole[end + 4..].to_vec();
        Ok(Some(message))
    }
}

/// False as soon as the bytes can be the beginning of no message: its first line is readable text.
fn may_begin(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let whole = line.len() < bytes.len();
    let text = line.iter().all(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\r' | b'\t') || *b >= 0x80);
    let line = String::from_utf8_lossy(line);
    let first_is_upper = bytes.first().is_none_or(u8::is_ascii_uppercase);
    text && first_is_upper && (!whole || start(line.trim_end()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"SIP/2.0 200 OK\r\nCall-ID: x@ocscert\r\nServer: RTC/3.5\r\nSupported: a,\r\n  b\r\nl: 4\r\n\r\nbody";

    #[test]
    fn an_answer_cut_anywhere_comes_out_whole() {
        for cut in 0..OK.len() {
            let mut framer = Framer::default();
            framer.push(b"\r\n\r\n");
            framer.push(&OK[..cut]);
            assert_eq!(framer.pop(), Ok(None), "cut at {cut}");
            framer.push(&OK[cut..]);
            framer.push(b"SIP/2.0 2");
            let message = framer.pop().unwrap().unwrap();
            assert_eq!(message.start, Start::Answer(200, "OK".into()));
            assert_eq!(message.header("content-length"), Some("4"));
            assert_eq!(message.header("Supported"), Some("a, b"));
            assert_eq!(message.body, b"body");
            assert_eq!(framer.pop(), Ok(None));
        }
    }

    #[test]
    fn what_is_no_sip_is_told_early() {
        for hostile in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\x15\x03\x01\x00\x02", b"220 mail ready\r\n"]
        {
            let mut framer = Framer::default();
            framer.push(hostile);
            assert_eq!(framer.pop(), Err(Fault::NotSip), "{hostile:?}");
        }
        let mut endless = Framer::default();
        endless.push(b"SIP/2.0 200 OK\r\n");
        endless.push(&vec![b'a'; MAX_HEAD]);
        assert_eq!(endless.pop(), Err(Fault::TooLarge));
        let mut bodies = Framer::default();
        bodies.push(b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n");
        assert_eq!(bodies.pop(), Err(Fault::TooLarge));
    }

    #[test]
    fn our_request_is_a_message_and_has_what_rfc_3261_asks_for() {
        let options = Options {
            transport: "TLS",
            host: "ocs1.foo.com",
            port: 5061,
            local: "10.1.1.7:40000",
            domain: "foo.com",
            unique: "abc",
        };
        let mut framer = Framer::default();
        framer.push(options.request().as_bytes());
        let message = framer.pop().unwrap().unwrap();
        assert_eq!(message.start, Start::Request("OPTIONS".into()));
        // Section 8.1.1, and Contact and Accept of section 11.1.
        for name in ["To", "From", "CSeq", "Call-ID", "Max-Forwards", "Via", "Contact", "Accept"] {
            assert!(message.header(name).is_some(), "{name}");
        }
        assert!(message.header("Route").is_none());
        assert_eq!(message.header("Call-ID"), Some(options.call_id().as_str()));
    }
}
