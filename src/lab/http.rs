//! As much of HTTP/1.1 as a lab needs (RFC 9112): requests read with hard limits, answers written in one piece.
//! No chunked bodies, no upgrades.

use std::io::{self, BufRead, Read, Write};

use time::OffsetDateTime;

const MAX_LINE: u64 = 8 << 10;
const MAX_HEADERS: usize = 64;
/// A request of four kilobit keys with long names is some 3 KiB; forms escape it to three times that.
const MAX_BODY: usize = 1 << 20;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path, percent-decoded, lower case: IIS does not tell the cases apart.
    pub(super) path: String,
    /// The fields of the query.
    pub(super) query: Fields,
    headers: Vec<(String, String)>,
    /// True where the connection is to be closed after the answer.
    pub(super) close: bool,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The fields of a form.
    pub(super) fn form(&self) -> Fields {
        Fields::parse(&self.body)
    }
}

/// Named values of a query or a form; names are told apart by letters, not by case, as ASP does.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Decodes `a=b&c=d` with percent escapes and `+` for a space.
    pub(super) fn parse(text: &[u8]) -> Self {
        let pairs = text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let at = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
            let value = pair.get(at + 1..).unwrap_or_default();
            (decode(&pair[..at], true).to_ascii_lowercase(), decode(value, true))
        });
        Self(pairs.collect())
    }

    /// A value, by its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A body of a kind.
    pub(super) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", kind.into())], body: body.into() }
    }

    /// Sends the client elsewhere.
    pub(super) fn redirect(status: u16, to: &str) -> Self {
        Self::new(status, "text/html", "").with("Location", to)
    }

    /// A short page that says what is wrong.
    pub(super) fn problem(status: u16, what: &str) -> Self {
        let what = crate::text::html(what);
        Self::new(
            status,
            "text/html; charset=utf-8",
            format!("<!doctype html><title>{what}</title><h1>{what}</h1>\n"),
        )
    }

    /// Adds a header. Values are the lab's own; none comes from a request.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Writes it.
    pub(super) fn write(
        &self,
        to: &mut impl Write,
        head_only: bool,
        close: bool,
        now: OffsetDateTime,
    ) -> io::Result<()> {
        let mut out = format!("HTTP/1.1 {} {}\r\nServer: ocscert-lab\r\n", self.status, reason(self.status));
        let date = time::macros::format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        if let Ok(date) = now.format(&date) {
            out.push_str(&format!("Date: {date}\r\n"));
        }
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        let connection = if close { "close" } else { "keep-alive" };
        out.push_str(&format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", self.body.len()));
        let mut out = out.into_bytes();
        if !head_only {
            out.extend_from_slice(&self.body);
        }
        to.write_all(&out)?;
        to.flush()
    }
}

/// Why a request was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    /// The peer went away, between requests or in the midst of one.
    Gone,
    /// It breaks the rules: the status to answer with before closing.
    Bad(u16),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Reads one request from a stream that is both ways.
pub(super) fn read<S: Read + Write>(stream: &mut io::BufReader<S>) -> Result<Request, Unread> {
    let mut start = line(stream)?;
    if start.is_empty() {
        // RFC 9112 section 2.2: an empty line before the request is forgiven.
        start = line(stream)?;
    }
    let mut words = start.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Unread::Bad(400));
    };
    if !version.starts_with("HTTP/1.") {
        return Err(Unread::Bad(505));
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or(Unread::Bad(400))?;
        if headers.len() == MAX_HEADERS || name.contains([' ', '\t']) {
            return Err(Unread::Bad(if headers.len() == MAX_HEADERS { 431 } else { 400 }));
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    // RFC 9112 section 3.2.2: a request for a proxy carries the whole address.
    let origin = target.strip_prefix("http://").or_else(|| target.strip_prefix("https://"));
    let target = origin.map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
    if !target.starts_with('/') {
        return Err(Unread::Bad(400));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_string(),
        path: decode(path.as_bytes(), false).to_ascii_lowercase(),
        query: Fields::parse(query.as_bytes()),
        headers,
        close: false,
        body: Vec::new(),
    };
    // RFC 9112 section 9.3: version 1.0 closes unless told otherwise, 1.1 stays open.
    let connection = request.header("connection").unwrap_or_default().to_ascii_lowercase();
    request.close = connection.contains("close") || version == "HTTP/1.0" && connection != "keep-alive";
    request.body = body(stream, &request)?;
    Ok(request)
}

fn body<S: Read + Write>(stream: &mut io::BufReader<S>, request: &Request) -> Result<Vec<u8>, Unread> {
    if request.header("transfer-encoding").is_some() {
        return Err(Unread::Bad(501));
    }
    let mut lengths = request.headers.iter().filter(|(name, _)| name == "content-length");
    let length = match (lengths.next(), lengths.next()) {
        (None, _) if request.method == "POST" => return Err(Unread::Bad(411)),
        (None, _) => 0,
        (Some((_, value)), None) => value.parse::<usize>().map_err(|_| Unread::Bad(400))?,
        _ => return Err(Unread::Bad(400)),
    };
    if length > MAX_BODY {
        return Err(Unread::Bad(413));
    }
    if request.header("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue")) {
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        stream.get_mut().flush()?;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// One line without its end.
fn line<S: Read>(stream: &mut io::BufReader<S>) -> Result<String, Unread> {
    let mut bytes = Vec::new();
    stream.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(if bytes.len() as u64 + 1 >= MAX_LINE { Unread::Bad(431) } else { Unread::Gone });
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| Unread::Bad(400))
}

/// Percent-decoding; in forms `+` is a space. What is no escape stays as it is.
fn decode(text: &[u8], form: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let escaped = || {
            let digits = std::str::from_utf8(text.get(at + 1..at + 3)?).ok()?;
            digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
        };
        match text[at] {
            b'%' if let Some(byte) = escaped() => {
                out.push(byte);
                at += 2;
            }
            b'+' if form => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that was written by the client before, and takes what the server says.
    struct Wire(io::Cursor<Vec<u8>>, Vec<u8>);

    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn wire(text: &str) -> io::BufReader<Wire> {
        io::BufReader::new(Wire(io::Cursor::new(text.as_bytes().to_vec()), Vec::new()))
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let mut stream = wire(
            "GET /CertSrv/%63ertnew.cer?reqID=7&Enc=b64 HTTP/1.1\r\nHOST: a\r\n\r\n\
             POST /certsrv/certfnsh.asp HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 22\r\n\r\n\
             Mode=new+req&B=%2B%2g+GET / HTTP/1.0\r\n\r\n",
        );
        let first = read(&mut stream).unwrap();
        assert_eq!((first.method.as_str(), first.path.as_str()), ("GET", "/certsrv/certnew.cer"));
        assert_eq!((first.query.get("reqid"), first.query.get("enc")), (Some("7"), Some("b64")));
        assert_eq!(first.header("host"), Some("a"));
        let second = read(&mut stream).unwrap();
        assert_eq!((second.form().get("mode"), second.form().get("b")), (Some("new req"), Some("+%2g ")));
        assert_eq!(stream.get_ref().1, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert!(!first.close && !second.close);
        let third = read(&mut stream).unwrap();
        assert!(third.path == "/" && third.close, "version 1.0 closes");
        assert!(matches!(read(&mut stream), Err(Unread::Gone)));
    }

    #[test]
    fn what_breaks_the_rules_or_the_limits_is_refused() {
        let status = |text: &str| match read(&mut wire(text)) {
            Err(Unread::Bad(status)) => status,
            other => panic!("{text:.60}: {other:?}"),
        };
        assert_eq!(status("GET\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/2\r\n\r\n"), 505);
        assert_eq!(status("GET / HTTP/1.1\r\nnonsense\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\n\r\n"), 411);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"), 413);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000))), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65))), 431);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>, query: Vec<u8>) {
            let stream = |bytes: Vec<u8>| io::BufReader::new(Wire(io::Cursor::new(bytes), Vec::new()));
            let _ = read(&mut stream(bytes.clone()));
            let head = [b"POST /%2 HTTP/1.1\r\nContent-Length: 9\r\n".as_slice(), &bytes, b"\r\n\r\n", &query];
            let _ = read(&mut stream(head.concat()));
            let _ = Fields::parse(&query);
        }
    }
}
