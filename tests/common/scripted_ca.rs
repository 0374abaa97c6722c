//! A web enrollment server that misbehaves on command. It keeps requests and issues certificates as a CA does,
//! counts what reaches it, and at a named request drops, cuts, stalls, lies or stops until the test goes on.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use ocscert::model::{GeneralName, Request, oid};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, SubjectPublicKeyInfo,
};

/// What becomes of a request.
pub enum Record {
    Pending,
    Issued(Vec<u8>),
    Denied(String),
    Revoked,
}

/// What the CA does with a new request.
#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Issues,
    Pends,
    /// "Denied by Policy Module": the code is only on the request's own page.
    Denies,
}

/// What goes wrong, once, at the next request whose first line contains a text.
pub enum Fault {
    /// The connection ends before the request is acted on, or after.
    DropBefore,
    DropAfter,
    /// It is acted on, but the answer is this.
    AnswerAfter(u16, &'static str, Vec<u8>),
    /// It is not acted on, and the answer is this status with these header lines.
    Answer(u16, &'static str, Vec<u8>),
    /// It is acted on; half of the answer comes.
    Truncate,
    /// It is acted on; the body never ends.
    Endless,
    /// It is acted on; the body comes byte by byte, for a long time.
    Drip,
    /// The other end is told over the channel that the request is there (not acted on, or already acted on), and
    /// the connection is held until the channel back is dropped.
    Stop {
        after: bool,
        reached: Sender<()>,
        go: Receiver<()>,
    },
}

pub struct State {
    pub mode: Mode,
    pub records: Vec<Record>,
    /// Ids begin after this one.
    pub first: u32,
    /// The first line of each request that arrived.
    pub log: Vec<String>,
    /// Submissions that the CA recorded, and whole POSTs that arrived.
    pub recorded: usize,
    pub posts: usize,
    /// Their headers and bodies.
    pub posted: Vec<(String, String)>,
    pub connections: usize,
    pub faults: VecDeque<(&'static str, Fault)>,
    /// The certificate to hand out in place of the right one.
    pub wrong_certificate: Option<Vec<u8>>,
    /// Extended key usages are replaced by serverAuth alone, as the stock template does.
    pub server_only: bool,
    requests: Vec<Request>,
    pub root: Vec<u8>,
    pub issuing: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

pub struct ScriptedCa {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
    /// The root of the TLS certificate, PEM, and the certificate itself, DER.
    pub tls: Option<(String, Vec<u8>)>,
}

impl ScriptedCa {
    pub fn start(mode: Mode) -> Self {
        Self::listen(mode, Vec::new())
    }

    /// Over TLS, with a certificate for localhost and 127.0.0.1 from a root of its own.
    pub fn start_tls(mode: Mode) -> Self {
        Self::start_tls_with(mode, &[(2020, 2100)])
    }

    /// Over TLS, the n-th connection with a certificate of the n-th validity (years), the last one for all further
    /// connections; all from one root.
    pub fn start_tls_with(mode: Mode, validities: &[(i32, i32)]) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root = ca_params("Web Root").self_signed(&root_key).unwrap();
        let issuer = Issuer::new(ca_params("Web Root"), root_key);
        let mut first = None;
        let mut configs = Vec::new();
        for (from, to) in validities {
            let key = KeyPair::generate().unwrap();
            let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
            let mut params = CertificateParams::new(names).unwrap();
            params.distinguished_name = named("localhost");
            params.not_before = rcgen::date_time_ymd(*from, 1, 1);
            params.not_after = rcgen::date_time_ymd(*to, 1, 1);
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
                .unwrap();
            first.get_or_insert(certificate.der().to_vec());
            configs.push(Arc::new(config));
        }
        let mut ca = Self::listen(mode, configs);
        ca.tls = Some((root.pem(), first.unwrap()));
        ca
    }

    fn listen(mode: Mode, tls: Vec<Arc<rustls::ServerConfig>>) -> Self {
        let root_key = KeyPair::generate().unwrap();
        let root = ca_params("Test Root").self_signed(&root_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let issuing = ca_params("Test Issuing CA")
            .signed_by(&key, &Issuer::new(ca_params("Test Root"), root_key))
            .unwrap();
        let state = Arc::new(Mutex::new(State {
            mode,
            records: Vec::new(),
            first: 0,
            log: Vec::new(),
            recorded: 0,
            posts: 0,
            posted: Vec::new(),
            connections: 0,
            faults: VecDeque::new(),
            wrong_certificate: None,
            server_only: false,
            requests: Vec::new(),
            root: root.der().to_vec(),
            issuing: issuing.der().to_vec(),
            issuer: Issuer::new(ca_params("Test Issuing CA"), key),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                stream.set_nodelay(true).unwrap();
                let number = {
                    let state = &mut *state.lock().unwrap();
                    state.connections += 1;
                    state.connections
                };
                let config = tls.get(number - 1).or(tls.last()).cloned();
                std::thread::spawn(move || match config {
                    None => serve(stream, &state),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(session, stream), &state);
                    }
                });
            }
        });
        Self { address, state, tls: None }
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/certsrv", self.address)
    }

    pub fn fault(&self, at: &'static str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((at, fault));
    }

    /// Stops the next request whose first line contains `at`. The test waits on the receiver, and lets the
    /// request go on by dropping the sender.
    pub fn stop(&self, at: &'static str, after: bool) -> (Receiver<()>, Sender<()>) {
        let (reached, wait) = channel();
        let (release, go) = channel();
        self.fault(at, Fault::Stop { after, reached, go });
        (wait, release)
    }

    /// The administrator issues everything that is pending.
    pub fn issue_pending(&self) {
        let state = &mut *self.state.lock().unwrap();
        for (at, record) in state.records.iter_mut().enumerate() {
            if matches!(record, Record::Pending) {
                *record = Record::Issued(issue(&state.issuer, &state.requests[at], state.server_only));
            }
        }
    }

    pub fn recorded(&self) -> usize {
        self.state.lock().unwrap().recorded
    }

    /// Somebody else's request comes in.
    pub fn other_request(&self, mode: Mode) {
        let state = &mut *self.state.lock().unwrap();
        let before = std::mem::replace(&mut state.mode, mode);
        state.take(&new_csr("other.example").1);
        state.mode = before;
        state.recorded -= 1;
    }

    pub fn log_len(&self) -> usize {
        self.state.lock().unwrap().log.len()
    }
}

/// A key and a CSR (DER) as `ocscert csr` makes them.
pub fn new_csr(name: &str) -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
    params.distinguished_name = named(name);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let csr = params.serialize_request(&key).unwrap().der().to_vec();
    (key, csr)
}

fn named(name: &str) -> rcgen::DistinguishedName {
    let mut dn = rcgen::DistinguishedName::new();
    dn.push(rcgen::DnType::CommonName, name);
    dn
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    params
}

fn issue(issuer: &Issuer<'_, KeyPair>, request: &Request, server_only: bool) -> Vec<u8> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = named(request.subject.common_name().unwrap());
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2099, 1, 1);
    params.subject_alt_names = request
        .extensions
        .alt_names()
        .iter()
        .map(|name| match name {
            GeneralName::Dns(name) => SanType::DnsName(name.as_str().try_into().unwrap()),
            other => panic!("{other}"),
        })
        .collect();
    let asked = request.extensions.extended_key_usage.as_ref().map_or(&[][..], |e| &e.value);
    if asked.contains(&oid::SERVER_AUTH) {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    if asked.contains(&oid::CLIENT_AUTH) && !server_only {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = SubjectPublicKeyInfo::from_der(request.public_key.spki()).unwrap();
    params.signed_by(&key, issuer).unwrap().der().to_vec()
}

impl State {
    fn take(&mut self, csr: &[u8]) -> u32 {
        let request = Request::from_der(csr).unwrap();
        self.records.push(match self.mode {
            Mode::Issues => Record::Issued(issue(&self.issuer, &request, self.server_only)),
            Mode::Pends => Record::Pending,
            Mode::Denies => Record::Denied("Denied by Policy Module".into()),
        });
        self.requests.push(request);
        self.recorded += 1;
        self.first + self.records.len() as u32
    }

    fn answer(&mut self, method: &str, target: &str, body: &str) -> (&'static str, Vec<u8>) {
        let page = target.strip_prefix("/certsrv/").unwrap_or("?");
        let (page, query) = page.split_once('?').unwrap_or((page, ""));
        let html = |text: String| ("text/html", text.into_bytes());
        match (method, page) {
            ("GET", "") => html(framed("<P ID=locWelcome>Welcome")),
            ("POST", "certfnsh.asp") => {
                let field = |name: &str| {
                    body.split('&').find_map(|f| f.strip_prefix(name)?.strip_prefix('=')).map(percent_decode)
                };
                assert_eq!(field("Mode").as_deref(), Some("newreq"));
                let der = base64_decode(&field("CertRequest").unwrap());
                let id = self.take(&der);
                html(framed(&match self.records.last().unwrap() {
                    Record::Issued(_) => format!(
                        "<P ID=locInfo>done<Script>location=\"certnew.cer?ReqID={id}&\"+getEncoding();</Script>"
                    ),
                    Record::Pending => {
                        format!("<P ID=locInfoNewReq>wait</P><P ID=locInfoReqID>Your Request Id is {id}.</P>")
                    }
                    Record::Revoked => framed(""),
                    Record::Denied(why) => format!(
                        "<P ID=locDenied>no</P><P ID=locInfoReqIDandReason>Your Request Id is {id}. The \
                         disposition message is \"{why}\".</P>"
                    ),
                }))
            }
            ("GET", "certnew.cer" | "certnew.p7b") => {
                let chain = page == "certnew.p7b";
                if query.starts_with("ReqID=CACert") {
                    return ("application/x-pkcs7-certificates", pkcs7(&[&self.root, &self.issuing]));
                }
                let id: u32 =
                    query.strip_prefix("ReqID=").unwrap().split('&').next().unwrap().parse().unwrap();
                let at = id.checked_sub(self.first + 1).map(|at| at as usize);
                match at.and_then(|at| self.records.get(at)) {
                    Some(Record::Issued(certificate)) => {
                        let certificate = self.wrong_certificate.as_ref().unwrap_or(certificate);
                        if chain {
                            let all = [&self.root[..], certificate, &self.issuing];
                            ("application/x-pkcs7-certificates", pkcs7(&all))
                        } else {
                            ("application/pkix-cert", certificate.clone())
                        }
                    }
                    Some(Record::Pending) => html(status(5, "Taken Under Submission", "0x0 (WIN32: 0)")),
                    Some(Record::Revoked) => html(status(6, "Revoked", "0x0 (WIN32: 0)")),
                    Some(Record::Denied(why)) => {
                        html(status(2, why, "no permission 0x80094012 (-2146877422)"))
                    }
                    None => html(status(0, "empty", "0x80094004 (-2146877436 CERTSRV_E_PROPERTY_EMPTY)")),
                }
            }
            ("GET", "certcarc.asp") => html(framed("<Script>var nRenewals=0;</Script>")),
            ("GET", "certrqxt.asp") => html(framed("<P>no templates")),
            other => panic!("{other:?}"),
        }
    }
}

fn serve(stream: impl Read + Write, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    while let Some(Arrived { line, head, body }) = read_request(&mut stream) {
        let fault = {
            let state = &mut *state.lock().unwrap();
            state.log.push(line.clone());
            if line.starts_with("POST") {
                state.posts += 1;
                state.posted.push((head, body.clone()));
            }
            let first = state.faults.front().is_some_and(|(at, _)| line.contains(at));
            if first { state.faults.pop_front().map(|(_, fault)| fault) } else { None }
        };
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let answer = || {
            if !target.starts_with("/certsrv/") {
                return response(404, "", b"");
            }
            let (kind, body) = state.lock().unwrap().answer(method, target, &body);
            response(200, &format!("Content-Type: {kind}\r\n"), &body)
        };
        let bytes = match fault {
            None => answer(),
            Some(Fault::DropBefore) => return,
            Some(Fault::DropAfter) => {
                answer();
                return;
            }
            Some(Fault::AnswerAfter(status, headers, body)) => {
                answer();
                response(status, headers, &body)
            }
            Some(Fault::Answer(status, headers, body)) => response(status, headers, &body),
            Some(Fault::Truncate) => {
                let bytes = answer();
                let _ = stream.get_mut().write_all(&bytes[..bytes.len() - 20]);
                return;
            }
            Some(Fault::Endless) => {
                answer();
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\nContent-Type: text/html\r\n\r\n";
                let _ = stream.get_mut().write_all(head.as_bytes());
                let piece = vec![b'x'; 1 << 16];
                for _ in 0..(1 << 14) {
                    if stream.get_mut().write_all(&piece).is_err() {
                        break;
                    }
                }
                return;
            }
            Some(Fault::Drip) => {
                answer();
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\nContent-Type: text/html\r\n\r\n";
                let mut alive = stream.get_mut().write_all(head.as_bytes()).is_ok();
                while alive {
                    alive = stream.get_mut().write_all(b"x").and_then(|()| stream.get_mut().flush()).is_ok();
                }
                return;
            }
            Some(Fault::Stop { after, reached, go }) => {
                if after {
                    answer();
                }
                let _ = reached.send(());
                let _ = go.recv();
                return;
            }
        };
        if stream.get_mut().write_all(&bytes).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

/// A request: its first line, its header, its body.
struct Arrived {
    line: String,
    head: String,
    body: String,
}

fn read_request(stream: &mut impl BufRead) -> Option<Arrived> {
    let (mut first, mut head) = (String::new(), String::new());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if first.is_empty() {
            first = line.to_string();
        } else if let Some(agent) = line.to_ascii_lowercase().strip_prefix("user-agent:") {
            assert!(agent.trim().starts_with("mozilla/5.0 ocscert/"), "{agent}");
        }
        head.push_str(line);
        head.push('\n');
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Arrived { line: first, head, body: String::from_utf8(body).unwrap() })
}

fn response(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn framed(body: &str) -> String {
    format!("<HTML><Body><LocID ID=locMSCertSrv>Test CA</LocID>{body}</Body></HTML>")
}

fn status(number: u32, message: &str, last: &str) -> String {
    framed(&format!(
        "<DL><DT ID=locDispLabel>Disposition:</DT><DD>{number} <LocID ID=locDispSpacer>-</LocID></DD>\
         <DT ID=locDispMsgLabel>Message:</DT><DD>{message}</DD>\
         <DT ID=locLastStatLabel>LastStatus:</DT><DD>{last}</DD></DL>"
    ))
}

/// A certs-only SignedData (RFC 5652 section 5.1).
pub fn pkcs7(certificates: &[&[u8]]) -> Vec<u8> {
    let signed_data = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
    let data = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    let inner = [&[2, 1, 1, 0x31, 0][..], &tlv(0x30, &data), &tlv(0xa0, &certificates.concat()), &[0x31, 0]];
    let content = [&signed_data[..], &tlv(0xa0, &tlv(0x30, &inner.concat()))].concat();
    tlv(0x30, &content)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().position(|b| *b != 0).unwrap()..];
        out.push(0x80 | bytes.len() as u8);
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(content);
    out
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        // A form decodes + to a space: an unescaped one in the base64 breaks the request here as on IIS.
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(out).unwrap()
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
