//! One HTTP/1.1 connection to one server for a whole session. Nothing is followed, repeated or resumed behind
//! our back, the server's certificate is kept for the logon, and every failure says whether the request may
//! have arrived.

mod challenge;
mod failure;
mod line;
mod logon;
mod tls;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, Response};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{StatusCode, Url, header};
use zeroize::Zeroizing;

pub use self::challenge::Challenge;
pub use self::failure::Failure;
use self::failure::{causes, explain, innermost};
use self::logon::Logon;
pub use self::logon::Tried;
use self::tls::Peer;
use super::auth::Auth;
use super::{Error, Result};
use crate::wire::ca_url::authority;

/// Bodies are read up to here; the largest real one is a chain of some certificates.
const MAX_BODY: u64 = 4 << 20;
/// A server that does not even accept the connection is given up earlier than one that works on a request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// What we call ourselves. Agents that do not begin with Mozilla get other pages and content types from the CA.
pub const USER_AGENT: &str = concat!("Mozilla/5.0 ocscert/", env!("CARGO_PKG_VERSION"));
/// How a form is sent.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Trust these certificates (DER) for TLS instead of the system's.
    pub roots: Vec<Vec<u8>>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A session with one server.
#[derive(Debug)]
pub struct Connection {
    base: Url,
    auth: Auth,
    tls: rustls::ClientConfig,
    peer: Peer,
    timeout: Duration,
    /// Larger bodies are refused, bytes.
    max_body: u64,
    /// Opens one connection. Where that has ended another client takes its place.
    client: Client,
    logon: Logon,
}

/// Why there is no answer.
enum Unanswered {
    /// The connection had ended before anything was sent.
    Ended,
    /// It ended after the request had left, or a part of it.
    Cut(Failure),
    /// Something else.
    Failed(Failure),
}

/// What is asked: a page, or a page with a form sent to it.
#[derive(Debug)]
struct Request {
    url: Url,
    form: Option<String>,
}

/// An answer, its body whole.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The Content-Type header.
    pub content_type: Option<String>,
    /// The Location header of a redirect.
    pub location: Option<String>,
    /// The WWW-Authenticate headers.
    pub challenges: Vec<Challenge>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The schemes that the server offers.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.challenges.iter().map(|challenge| challenge.scheme.as_str())
    }

    /// What the server says to a scheme.
    fn challenge(&self, scheme: &str) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
    }
}

impl Connection {
    /// Prepares a session; nothing is sent yet.
    ///
    /// # Errors
    /// A root certificate cannot be used; the system has none; the logon would send a secret in the clear.
    pub fn new(base: Url, auth: Auth, options: &Options) -> Result<Self> {
        if auth.reveals_secret() && base.scheme() != "https" && !is_loopback(&base) {
            let what = format!("{} would get the password in the clear", authority(&base));
            return Err(
                Error::new(what).hint("use https in --ca-url; Basic over http is for this machine only")
            );
        }
        let peer = Peer::default();
        let tls = tls::config(&base, &options.roots, peer.clone())?;
        let client = client(&tls, options.timeout)?;
        let logon = Logon::default();
        Ok(Self { base, auth, tls, peer, timeout: options.timeout, max_body: MAX_BODY, client, logon })
    }

    /// The address all requests are relative to.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Who is asking.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// The server's TLS certificate (DER), once a connection stands: what a logon is bound to (RFC 5929
    /// section 4).
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.peer.certificate()
    }

    /// Fetches a page below the base address.
    ///
    /// # Errors
    /// No answer, or one that is too large; the logon cannot be finished.
    pub fn get(&mut self, page: &str) -> std::result::Result<Answer, Failure> {
        let url = self.url(page)?;
        self.exchange(&Request { url, form: None })
    }

    /// Sends a form to a page below the base address, once.
    ///
    /// # Errors
    /// As [`Connection::get`]; [`Failure::may_have_arrived`] tells what that means.
    pub fn post_form(&mut self, page: &str, form: String) -> std::result::Result<Answer, Failure> {
        let url = self.url(page)?;
        self.exchange(&Request { url, form: Some(form) })
    }

    fn url(&self, page: &str) -> std::result::Result<Url, Failure> {
        self.base.join(page).map_err(|e| {
            let what = format!("{page} is no page of {}", authority(&self.base));
            Failure::before(Error::new(what).because(e))
        })
    }

    /// Sends a request over the one connection there is, and reads the answer. After a failure the next request
    /// opens another connection.
    fn send(
        &mut self,
        request: &Request,
        credentials: Option<Zeroizing<String>>,
    ) -> std::result::Result<Answer, Unanswered> {
        let mut builder = match &request.form {
            None => self.client.get(request.url.clone()),
            Some(form) => {
                let post = self.client.post(request.url.clone());
                post.header(header::CONTENT_TYPE, FORM).body(form.clone())
            }
        };
        if let Some(credentials) = credentials {
            let value = header::HeaderValue::from_str(&credentials).map_err(|e| {
                let error = Error::new("the logon does not fit into a header").because(e);
                Unanswered::Failed(Failure::before(error))
            })?;
            builder = builder.header(header::AUTHORIZATION, sensitive(value));
        }
        let deadline = Instant::now().checked_add(self.timeout);
        let failed = match builder.send() {
            Ok(response) => match self.read(response, deadline) {
                Ok(answer) => return Ok(answer),
                Err(error) => Unanswered::Failed(Failure { may_have_arrived: true, error }),
            },
            Err(e) if causes(&e).any(|cause| cause.is::<line::Ended>()) => Unanswered::Ended,
            Err(e) if e.is_request() && !e.is_timeout() && !e.is_connect() => {
                Unanswered::Cut(self.failure(&e))
            }
            Err(e) => Unanswered::Failed(self.failure(&e)),
        };
        self.client = client(&self.tls, self.timeout).map_err(|e| Unanswered::Failed(Failure::before(e)))?;
        self.connection_ended();
        Err(failed)
    }

    /// Only what provably happened before a connection stood counts as not sent.
    fn failure(&self, e: &reqwest::Error) -> Failure {
        let may_have_arrived = !(e.is_connect() || e.is_builder());
        Failure { may_have_arrived, error: explain(&self.base, e) }
    }

    fn read(&self, response: Response, deadline: Option<Instant>) -> Result<Answer> {
        let host = authority(&self.base);
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Error::new(format!("{host} answered in a compressed form that nobody asked for"))
                .hint("a proxy in between may do that: try from another machine"));
        }
        let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            challenges: challenge::read(response.headers()),
            body: Vec::new(),
        };
        // Every body is read to its end, refusals too: only then is the connection free for the next request.
        let body = Punctual { inner: response, deadline };
        let read = body.take(self.max_body + 1).read_to_end(&mut answer.body);
        read.map_err(|e| Error::new(format!("the answer of {host} broke off")).because(innermost(&e)))?;
        if answer.body.len() as u64 > self.max_body {
            return Err(Error::new(format!(
                "the answer of {host} is larger than {} MiB",
                self.max_body >> 20
            )));
        }
        Ok(answer)
    }
}

/// Fetches one address without a logon, at most `most` bytes.
///
/// # Errors
/// No answer, any other than 200 (a redirect is told, not followed), or one that is too large.
pub fn download(url: Url, options: &Options, most: u64) -> Result<Vec<u8>> {
    let host = authority(&url);
    let mut connection = Connection::new(url, Auth::Anonymous, options)?;
    connection.max_body = most;
    let answer = connection.get("")?;
    match (answer.status, answer.location) {
        (200, _) => Ok(answer.body),
        (300..=399, Some(elsewhere)) => {
            let elsewhere = crate::text::escape_short(&elsewhere, 200);
            Err(Error::new(format!("{host} sends elsewhere, which is not followed: {elsewhere}")))
        }
        (status, _) => Err(Error::new(format!("{host} answered {}", reason(status)))),
    }
}

/// A client for one connection.
fn client(tls: &rustls::ClientConfig, timeout: Duration) -> Result<Client> {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .pool_max_idle_per_host(1)
        .connector_layer(line::Once::default())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .dns_resolver(Arc::new(Resolver))
        .tls_backend_preconfigured(tls.clone());
    builder.build().map_err(|e| Error::new("cannot set up the network").because(e))
}

/// Reads until a deadline. The client's own timeout begins anew with every piece, so that a server which sends a
/// byte now and then would hold us for hours.
struct Punctual<R> {
    inner: R,
    deadline: Option<Instant>,
}

impl<R: Read> Read for Punctual<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time"));
        }
        self.inner.read(buffer)
    }
}

/// True where the host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_matches(['[', ']']);
    let ip: std::result::Result<std::net::IpAddr, _> = host.parse();
    ip.map_or(host == "localhost" || host.ends_with(".localhost"), |ip| ip.is_loopback())
}

/// The status line's words, for messages.
pub fn reason(status: u16) -> String {
    let words = StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    words.map_or_else(|| status.to_string(), |words| format!("{status} {words}"))
}

/// The system's resolver, with an error that can be told from others.
struct Resolver;

/// There is no address for a name.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct NotResolved {
    name: String,
    why: String,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => {
                    let addresses: Vec<_> = addresses.collect();
                    Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
                }
                Err(e) => Err(NotResolved { name: name.as_str().into(), why: e.to_string() }.into()),
            }
        })
    }
}

fn sensitive(mut value: header::HeaderValue) -> header::HeaderValue {
    value.set_sensitive(true);
    value
}
