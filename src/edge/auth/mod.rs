//! How a web server is told who is asking. What one request's header says (RFC 7617) is here; a way that talks in
//! several rounds is a [`Mechanism`] with a file of its own. `http` drives them, and knows none by name.
//!
//! To add a way: implement [`Mechanism`] and [`Handshake`], and list it in [`ways`]. The driver then keeps these
//! promises:
//! - The server is first asked without a logon; only a mechanism whose scheme it offers is begun, the first of the
//!   list that can be. One that cannot ([`Unable::Here`]: no ticket, no library) is passed over, and the message about
//!   a refused logon says why. Once a token was sent, or [`Unable::Refused`], there is no other way any more.
//! - All rounds of a logon travel on one TLS connection, with the server certificate that [`Target::binding`] was
//!   made of; where that connection ends the logon is begun anew. No form goes out before the server has let us in
//!   once; later one may travel with the second token, where a server wants a logon for each request.
//! - With [`Scope::Connection`] later requests on that connection carry no token; with [`Scope::Request`] every
//!   request begins a handshake of its own and carries its first token, so that this one has to be enough.
//! - When the server lets us in, [`Handshake::finish`] hears what it sent with that; its error refuses the answer.

pub mod account;
pub mod binding;
#[cfg(unix)]
mod gssapi;
#[cfg(unix)]
mod kerberos;
mod ntlm;
pub mod refusal;
#[cfg(windows)]
mod sspi;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use self::account::Account;
use self::binding::Binding;
use self::ntlm::Ntlm;
use super::secrets::Password;
use super::{Error, Result};

/// Who is asking, and how that is told.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nobody in particular: the server decides whether that is enough.
    Anonymous,
    /// RFC 7617. Only where the person asked for it: the password itself goes to the server.
    Basic {
        /// `DOMAIN\name`, or as the server wants it.
        user: String,
        /// The password.
        password: Password,
    },
    /// In rounds, when the server asks for it: by the first of these that it offers and that is possible here.
    Rounds(Vec<Arc<dyn Mechanism>>),
}

/// A way to log on in rounds. It is shared by connections, each with handshakes of its own.
pub trait Mechanism: fmt::Debug + Send + Sync {
    /// The scheme of its headers, as servers offer it: `NTLM`, `Negotiate`.
    fn scheme(&self) -> &'static str;

    /// What one logon is good for.
    fn scope(&self) -> Scope;

    /// What it is and for whom, in words that follow "tried": `NTLM as FOO\alice`.
    fn describe(&self) -> String;

    /// Begins a logon: the rounds to come, and our first token.
    ///
    /// # Errors
    /// It is not possible; nothing was sent to the server.
    fn begin(&self, target: &Target) -> std::result::Result<(Box<dyn Handshake>, Token), Unable>;

    /// What no page that is kept for support may show.
    fn secrets(&self) -> Vec<Zeroizing<String>> {
        Vec::new()
    }
}

/// Why a logon cannot be begun.
#[derive(Debug)]
pub enum Unable {
    /// Something is missing here or in between. Another way may do.
    Here(Cause),
    /// The account itself was refused. Another way would only be another failed logon.
    Refused(Error),
}

impl From<Unable> for Error {
    fn from(unable: Unable) -> Self {
        match unable {
            Unable::Here(Cause { what, words: Some(words), remedy }) => {
                Self::new(what).because(words).hint(remedy)
            }
            Unable::Here(Cause { what, words: None, remedy }) => Self::new(what).hint(remedy),
            Unable::Refused(error) => error,
        }
    }
}

/// One logon under way.
pub trait Handshake {
    /// Answers the token that the server sent with its last 401; nothing where all was said, so that this 401 is
    /// the answer.
    ///
    /// # Errors
    /// The token is no answer to ours; the logon is over.
    fn step(&mut self, token: &[u8]) -> Result<Option<Token>>;

    /// The server let us in, and sent this token with it or none.
    ///
    /// # Errors
    /// It had to prove who it is and did not; its answer does not count.
    fn finish(&mut self, token: Option<&[u8]>) -> Result<()>;

    /// Why the server may have said no, the likeliest first; for causes that only this mechanism has.
    fn causes(&self) -> Vec<Cause>;
}

/// Why a logon may have been refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What may be wrong.
    pub what: String,
    /// How somebody else puts it: a library, the server.
    pub words: Option<String>,
    /// What to do then.
    pub remedy: String,
}

impl Cause {
    /// Of these words.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), words: None, remedy: remedy.into() }
    }

    /// With somebody else's words.
    #[must_use]
    pub fn in_words(self, words: impl fmt::Display) -> Self {
        Self { words: Some(words.to_string()), ..self }
    }
}

/// What goes into a header after the scheme, before Base64.
pub type Token = Zeroizing<Vec<u8>>;

/// What one logon is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All requests on its connection.
    Connection,
    /// One request.
    Request,
}

/// The server that is logged on to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name as in the address: the host of the service principal `HTTP/host`.
    pub host: String,
    /// What the logon is bound to. A mechanism sends the binding where there is one.
    pub binding: Binding,
}

/// Which ways are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The strongest that the server offers.
    Any,
    /// NTLM alone.
    Ntlm,
    /// What `Negotiate` leads to: Kerberos, and on Windows what the system finds.
    Negotiate,
}

/// The ways to log on, the strongest first: with an account, or without one as whoever is logged on here.
///
/// # Errors
/// None of those wanted is possible with what is known.
pub fn ways(wanted: Wanted, account: Option<&Account>) -> Result<Vec<Arc<dyn Mechanism>>> {
    let mut ways = Vec::new();
    if wanted != Wanted::Ntlm {
        ways.extend(negotiate(account));
    }
    if wanted != Wanted::Negotiate {
        ways.extend(ntlm(account));
    }
    match (wanted, ways.is_empty()) {
        (Wanted::Any, _) | (_, false) => Ok(ways),
        (Wanted::Ntlm, true) => Err(Error::new("NTLM needs a user").hint("add --user 'DOMAIN\\name'")),
        (Wanted::Negotiate, true) => Err(Error::new("Kerberos needs the user with the realm")
            .hint("write --user name@FOO.COM; or --auth ntlm")),
    }
}

/// Kerberos, by the system's own library.
#[cfg(unix)]
fn negotiate(account: Option<&Account>) -> Option<Arc<dyn Mechanism>> {
    let kerberos = match account {
        None => kerberos::Kerberos::with_tickets(),
        Some(account) => kerberos::Kerberos::with_password(account)?,
    };
    Some(Arc::new(kerberos))
}

/// Whatever Windows finds.
#[cfg(windows)]
fn negotiate(account: Option<&Account>) -> Option<Arc<dyn Mechanism>> {
    Some(Arc::new(sspi::Sspi::new(account)))
}

/// NTLM with a password, by its own scheme where the server offers that, else under `Negotiate`.
fn ntlm(account: Option<&Account>) -> Vec<Arc<dyn Mechanism>> {
    let by =
        |scheme| account.map(|account| Arc::new(Ntlm::new(scheme, account.clone())) as Arc<dyn Mechanism>);
    [by("NTLM"), by("Negotiate")].into_iter().flatten().collect()
}

impl Auth {
    /// What is tried before the server asks, in words, for the message about a refused logon.
    pub fn describe(&self) -> String {
        match self {
            Self::Anonymous | Self::Rounds(_) => "no logon".into(),
            Self::Basic { user, .. } => format!("Basic as {user}"),
        }
    }

    /// True where the secret itself is sent, so that only an encrypted connection, or none that leaves this
    /// machine, may carry it.
    pub fn reveals_secret(&self) -> bool {
        matches!(self, Self::Basic { .. })
    }

    /// What no page that is kept for support may show.
    pub fn secrets(&self) -> Vec<Zeroizing<String>> {
        match self {
            Self::Anonymous => Vec::new(),
            Self::Basic { user, password } => {
                vec![
                    Zeroizing::new(password.reveal().to_string()),
                    STANDARD.encode(&*basic(user, password)).into(),
                ]
            }
            Self::Rounds(ways) => ways.iter().flat_map(|way| way.secrets()).collect(),
        }
    }

    /// The credentials that go with every request (RFC 9110 section 11.4), where there are any.
    pub(super) fn credentials(&self) -> Option<Zeroizing<String>> {
        let Self::Basic { user, password } = self else { return None };
        Some(credentials("Basic", &basic(user, password)))
    }
}

fn basic(user: &str, password: &Password) -> Token {
    format!("{user}:{}", password.reveal()).into_bytes().into()
}

/// A scheme and a token, as a header carries them.
pub(super) fn credentials(scheme: &str, token: &[u8]) -> Zeroizing<String> {
    let token = Zeroizing::new(STANDARD.encode(token));
    Zeroizing::new(format!("{scheme} {}", *token))
}

/// A moment in the unit of Windows: 100 ns since 1601 ([MS-DTYP] section 2.3.3).
pub fn filetime(at: OffsetDateTime) -> u64 {
    const SECONDS_BEFORE_1970: i128 = 11_644_473_600;
    u64::try_from(at.unix_timestamp_nanos() / 100 + SECONDS_BEFORE_1970 * 10_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_utf8_and_never_shown() {
        // RFC 7617 section 2.1 has this pair.
        let password = Password::new(Zeroizing::new("123£".into()));
        let auth = Auth::Basic { user: "test".into(), password };
        assert_eq!(*auth.credentials().unwrap(), "Basic dGVzdDoxMjPCow==");
        assert!(!format!("{auth:?}").contains("123"));
        assert!(Auth::Anonymous.credentials().is_none());
    }
}
