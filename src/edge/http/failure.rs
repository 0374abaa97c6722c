//! Requests without an answer: whether they may have arrived, what happened, and what to do about it.

use std::error::Error as StdError;
use std::io;

use reqwest::Url;

use super::NotResolved;
use super::tls::{self, OLD_SERVER};
use crate::edge::Error;
use crate::edge::auth::Unable;
use crate::text::shell_word;
use crate::wire::ca_url::authority;

/// A request without an answer.
#[derive(Debug)]
pub struct Failure {
    /// True where the server may have got the request whole, so that it may have acted on it.
    pub may_have_arrived: bool,
    /// What happened.
    pub error: Error,
}

impl Failure {
    /// Something went wrong before anything was sent.
    pub(super) fn before(error: Error) -> Self {
        Self { may_have_arrived: false, error }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Unable> for Failure {
    fn from(unable: Unable) -> Self {
        Self::before(unable.into())
    }
}

/// What a failed request to this address means.
pub(super) fn explain(base: &Url, e: &reqwest::Error) -> Error {
    let host = authority(base);
    if let Some(NotResolved { name, why }) = causes(e).find_map(|cause| cause.downcast_ref()) {
        let error = Error::new(format!("the name {name} cannot be resolved")).because(why.clone());
        return error.hint(match proxy(base).filter(|_| base.host_str() != Some(name)) {
            Some(variable) => format!("it is the proxy that {variable} names"),
            None => "check the name in --ca-url, and that this machine's DNS knows it".into(),
        });
    }
    if let Some(error) = causes(e).find_map(|cause| cause.downcast_ref()) {
        return tls::explain(&host, error);
    }
    if causes(e).any(|cause| cause.to_string().starts_with(TUNNEL)) {
        let past = format!("NO_PROXY={}", shell_word(base.host_str().unwrap_or("")));
        return Error::new(format!("the proxy on the way to {host} does not let us through"))
            .because(innermost(e))
            .hint(format!(
                "{} names it; where this machine gets there without it: {past}",
                proxy(base).unwrap_or("the environment")
            ));
    }
    let io = causes(e).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => {
            let error = Error::new(format!("{host} refused the connection"));
            let hint = "check host and port in --ca-url, and that the web server runs";
            error.hint(match proxy(base) {
                Some(variable) => format!("{hint};\nor the proxy did, which {variable} names"),
                None => hint.into(),
            })
        }
        // Schannel says nothing when it finds no common cipher suite: it hangs up.
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
            if e.is_connect() && base.scheme() == "https" =>
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

/// How the client words a CONNECT that failed; it has no type of its own that can be seen here.
const TUNNEL: &str = "tunnel error";

/// The variable that names a proxy for this address. The client reads them, too, and NO_PROXY besides.
fn proxy(url: &Url) -> Option<&'static str> {
    let of_scheme = match url.scheme() {
        "https" => ["https_proxy", "HTTPS_PROXY"],
        _ => ["http_proxy", "HTTP_PROXY"],
    };
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    of_scheme.into_iter().chain(["all_proxy", "ALL_PROXY"]).find(is_set)
}

/// An error and what caused it. An io::Error that wraps another error leaves it out of its own `source`.
pub(super) fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &'a (dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// The last of the causes, in words.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
