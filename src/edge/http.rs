//! One HTTP/1.1 connection to one server for a whole session. Nothing is followed, repeated or resumed behind
//! our back, the server's certificate is kept for the logon, and every failure says whether the request may
//! have arrived.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{StatusCode, Url, header};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::auth::Auth;
use super::{Error, Result};
use crate::wire::ca_url::authority;

/// Bodies are read up to here; the largest real one is a chain of some certificates.
const MAX_BODY: u64 = 4 << 20;
/// A server that does not even accept the connection is given up earlier than one that works on a request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Windows got the cipher suites that are considered safe with Server 2016.
const OLD_SERVER: &str = "if it runs Windows Server 2012 R2 or older: use http in --ca-url where the site permits it, or \
                          hand in the CSR file with certreq; else check scheme and port in --ca-url";

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
    client: Client,
    base: Url,
    auth: Auth,
    peer: Arc<Mutex<Option<Vec<u8>>>>,
    timeout: Duration,
    /// Larger bodies are refused, bytes.
    max_body: u64,
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
    /// The schemes of the WWW-Authenticate headers.
    pub schemes: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A request without an answer.
#[derive(Debug)]
pub struct Failure {
    /// True where the server may have got the request whole, so that it may have acted on it.
    pub may_have_arrived: bool,
    /// What happened.
    pub error: Error,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
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
        let peer = Arc::new(Mutex::new(None));
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .http1_only()
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .timeout(options.timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
            .dns_resolver(Arc::new(Resolver))
            .tls_backend_preconfigured(tls(&base, &options.roots, peer.clone())?)
            .build()
            .map_err(|e| Error::new("cannot set up the network").because(e))?;
        Ok(Self { client, base, auth, peer, timeout: options.timeout, max_body: MAX_BODY })
    }

    /// The address all requests are relative to.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The logon that is used.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// The server's TLS certificate (DER), once a connection stands: what a logon is bound to (RFC 5929
    /// section 4).
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.peer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches a page below the base address.
    ///
    /// # Errors
    /// No answer, or one that is too large.
    pub fn get(&self, page: &str) -> std::result::Result<Answer, Failure> {
        self.send(self.client.get(self.url(page)?))
    }

    /// Sends a form to a page below the base address, once.
    ///
    /// # Errors
    /// No answer, or one that is too large; [`Failure::may_have_arrived`] tells what that means.
    pub fn post_form(&self, page: &str, form: String) -> std::result::Result<Answer, Failure> {
        let request = self.client.post(self.url(page)?);
        self.send(request.header(header::CONTENT_TYPE, FORM).body(form))
    }

    fn url(&self, page: &str) -> std::result::Result<Url, Failure> {
        self.base.join(page).map_err(|e| {
            let error = Error::new(format!("{page} is no page of {}", authority(&self.base))).because(e);
            Failure { may_have_arrived: false, error }
        })
    }

    fn send(&self, mut request: RequestBuilder) -> std::result::Result<Answer, Failure> {
        if let Some(value) = self.auth.header() {
            request = request.header(header::AUTHORIZATION, value);
        }
        let deadline = Instant::now().checked_add(self.timeout);
        let response = request.send().map_err(|e| self.failure(e))?;
        self.read(response, deadline).map_err(|error| Failure { may_have_arrived: true, error })
    }

    fn read(&self, response: Response, deadline: Option<Instant>) -> Result<Answer> {
        let host = authority(&self.base);
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Error::new(format!("{host} answered in a compressed form that nobody asked for"))
                .hint("a proxy in between may do that: try from another machine"));
        }
        let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
        let challenges = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let schemes = challenges
            .filter_map(|v| v.to_str().ok()?.split_ascii_whitespace().next())
            .map(|scheme| crate::text::escape_short(scheme.trim_end_matches(','), 32))
            .take(8)
            .collect();
        let mut answer = Answer {
            status: response.status().as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            schemes,
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

    /// Tells failures apart. Only what provably happened before a connection stood counts as not sent.
    fn failure(&self, e: reqwest::Error) -> Failure {
        let may_have_arrived = !(e.is_connect() || e.is_builder());
        Failure { may_have_arrived, error: self.explain(&e) }
    }

    fn explain(&self, e: &reqwest::Error) -> Error {
        let host = authority(&self.base);
        if let Some(error) = causes(e).find_map(|cause| cause.downcast_ref::<NotResolved>()) {
            let name = self.base.host_str().unwrap_or("");
            return Error::new(format!("the name {name} cannot be resolved"))
                .because(error.0.clone())
                .hint("check the name in --ca-url, and that this machine's DNS knows it");
        }
        if let Some(error) = causes(e).find_map(|cause| cause.downcast_ref()) {
            return explain_tls(&host, error);
        }
        let io = causes(e).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Error::new(format!("{host} refused the connection"))
                .hint("check host and port in --ca-url, and that the web server runs"),
            // Schannel says nothing when it finds no common cipher suite: it hangs up.
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
                if e.is_connect() && self.base.scheme() == "https" =>
            {
                Error::new(format!("{host} hung up during the TLS handshake")).hint(OLD_SERVER)
            }
            _ if e.is_timeout() && e.is_connect() => {
                Error::new(format!("{host} does not answer")).hint("check the host, and firewalls in between")
            }
            _ if e.is_timeout() => Error::new(format!("{host} did not answer in time"))
                .hint("the server may be busy: run it again, or with a longer --timeout"),
            _ if e.is_connect() => Error::new(format!("cannot connect to {host}")).because(innermost(e)),
            _ => Error::new(format!("the connection to {host} was lost")).because(innermost(e)),
        }
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
    let answer = connection.send(connection.client.get(connection.base.clone()))?;
    match (answer.status, answer.location) {
        (200, _) => Ok(answer.body),
        (300..=399, Some(elsewhere)) => {
            let elsewhere = crate::text::escape_short(&elsewhere, 200);
            Err(Error::new(format!("{host} sends elsewhere, which is not followed: {elsewhere}")))
        }
        (status, _) => Err(Error::new(format!("{host} answered {}", reason(status)))),
    }
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

fn tls(base: &Url, roots: &[Vec<u8>], peer: Arc<Mutex<Option<Vec<u8>>>>) -> Result<rustls::ClientConfig> {
    let cannot = |e: rustls::Error| Error::new("cannot set up TLS").because(e);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    if base.scheme() != "https" {
        // Never used, but the client wants one; reading the system's store would be for nothing.
        return Ok(rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    let inner: Arc<dyn ServerCertVerifier> = if roots.is_empty() {
        Arc::new(system_verifier(provider.clone())?)
    } else {
        let mut store = RootCertStore::empty();
        for der in roots {
            store.add(CertificateDer::from(der.clone())).map_err(cannot)?;
        }
        WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone())
            .build()
            .map_err(|e| Error::new("cannot set up TLS").because(e))?
    };
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(cannot)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Keeper { inner, peer }))
        .with_no_client_auth();
    // The certificate of *this* connection is wanted, and a resumed one shows none; h2 would share connections.
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn system_verifier(provider: Arc<CryptoProvider>) -> Result<rustls_platform_verifier::Verifier> {
    rustls_platform_verifier::Verifier::new(provider).map_err(|e| {
        Error::new("this system's trusted certificates cannot be read")
            .because(e)
            .hint("name the root to trust: --ca-cert FILE")
    })
}

/// Judges as its inner verifier does, and keeps the server's certificate.
#[derive(Debug)]
struct Keeper {
    inner: Arc<dyn ServerCertVerifier>,
    peer: Arc<Mutex<Option<Vec<u8>>>>,
}

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        let mut kept = self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|before| before != end_entity.as_ref()) {
            return Err(rustls::Error::Other(rustls::OtherError(Arc::new(Changed))));
        }
        *kept = Some(end_entity.to_vec());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// One session talks to one server: a logon is bound to its certificate, and a request was begun with it.
#[derive(Debug, thiserror::Error)]
#[error("the server showed another certificate than at the beginning of this session")]
struct Changed;

/// The system's resolver, with an error that can be told from others.
struct Resolver;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotResolved(String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => {
                    let addresses: Vec<_> = addresses.collect();
                    Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
                }
                Err(e) => Err(NotResolved(e.to_string()).into()),
            }
        })
    }
}

fn explain_tls(host: &str, error: &rustls::Error) -> Error {
    use rustls::Error as E;
    let untrusted = |why: &str| Error::new(format!("the TLS certificate of {host} is not accepted: {why}"));
    match error {
        E::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => untrusted(
                "its issuer is not trusted here",
            )
            .hint("name the root that issued it (not the server's own certificate): --ca-cert root.pem"),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                untrusted("it has expired").hint("have it renewed; or this machine's clock is wrong")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                untrusted("it is not valid yet").hint("this machine's clock may be wrong")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                untrusted("it is for another name")
                    .because(error.to_string())
                    .hint("use the name that stands in the certificate in --ca-url")
            }
            fault => untrusted(&fault.to_string()),
        },
        E::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | E::PeerIncompatible(_) => Error::new(format!("{host} speaks no TLS that is considered safe today"))
            .because(error.to_string())
            .hint(OLD_SERVER),
        E::Other(_) => Error::new(format!("the TLS certificate of {host} changed while we talked to it"))
            .because(error.to_string())
            .hint("it was renewed just now, or several servers answer to this name: run it again"),
        E::InvalidMessage(_) => Error::new(format!("{host} does not speak TLS on this port"))
            .because(error.to_string())
            .hint("check scheme and port in --ca-url"),
        _ => Error::new(format!("TLS with {host} failed")).because(error.to_string()),
    }
}

/// An error and what caused it. An io::Error that wraps another error leaves it out of its own `source`.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &'a (dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
