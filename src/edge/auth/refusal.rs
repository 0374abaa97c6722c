//! A logon that a server refused. It says 401 and no more, whatever the reason: so this says what it offered, what
//! was tried, and what the reason may be, in order, each with its remedy.

use super::{Auth, Cause};
use crate::edge::Error;
use crate::edge::http::Tried;

/// What is known about it.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// Who refused.
    pub host: String,
    /// True where nothing encrypts the connection.
    pub plain_http: bool,
    /// The schemes that it offered.
    pub offered: Vec<&'a str>,
    /// What was to be done.
    pub auth: &'a Auth,
    /// What was done when it asked.
    pub tried: Option<&'a Tried>,
    /// Why other ways were not possible here.
    pub passed_over: &'a [Cause],
}

/// A reason for causes: whether it applies, what may be wrong, what to do.
type Row = (fn(&Refusal<'_>) -> bool, &'static str, &'static str);

/// Where nothing was tried.
const UNTRIED: &[Row] = &[
    (
        |r| r.offered.is_empty(),
        "the server names no way to log on",
        "have Windows authentication enabled for its pages",
    ),
    (
        |r| r.plain_http && r.windows() && matches!(r.auth, Auth::Anonymous),
        "a logon over plain http is for you to allow",
        "use https in --ca-url; only where the site has none: --allow-http",
    ),
    (
        |r| !r.plain_http && r.windows() && matches!(r.auth, Auth::Anonymous),
        "it wants to know who is asking",
        "leave --auth none out",
    ),
    (
        |r| r.windows() && !r.has_secret() && matches!(r.auth, Auth::Rounds(_)),
        "it wants to know who is asking",
        "log on with a password: --user 'DOMAIN\\name'",
    ),
    (
        |r| r.windows() && r.has_secret() && r.passed_over.is_empty(),
        "--auth names a way that it does not offer",
        "leave --auth out: then the strongest that it offers is taken",
    ),
    (
        |r| r.offers("basic") && !r.windows(),
        "it takes the password itself and nothing else",
        "if it may have that: --auth basic --user 'DOMAIN\\name'",
    ),
];

/// Where something was tried, after what the mechanism itself knows.
const TRIED: &[Row] = &[
    (
        |r| matches!(r.auth, Auth::Basic { .. }) && r.offers("basic"),
        "the password is wrong, or the name lacks its domain",
        "write the name as 'DOMAIN\\name'",
    ),
    (
        |r| matches!(r.auth, Auth::Basic { .. }) && !r.offers("basic"),
        "it does not take Basic",
        "leave --auth basic out: then the strongest that it offers is taken",
    ),
    (
        |r| r.tried.is_some_and(|tried| tried.binding.data().is_some()),
        "something in between ends TLS, so that the binding is not the server's",
        "try from where no proxy or load balancer is in between",
    ),
    (
        |r| !r.plain_http && r.tried.is_some_and(|tried| tried.binding.data().is_none()),
        "it demands a channel binding (Extended Protection)",
        "give it a certificate that one is defined for: RSA or ECDSA, with SHA-256",
    ),
    (|r| r.plain_http, "it demands https (Extended Protection)", "use https in --ca-url"),
    (
        |_| true,
        "the account may not log on to that server",
        "its Security log has the reason: ocscert explain event 4625",
    ),
];

impl Refusal<'_> {
    /// The error to show.
    pub fn error(&self) -> Error {
        let offered = if self.offered.is_empty() { "nothing".into() } else { self.offered.join(", ") };
        let (tried, mut causes) = match self.tried {
            Some(tried) => (format!("{}, {}", tried.what, tried.binding), tried.causes.clone()),
            None => (self.auth.describe(), Vec::new()),
        };
        causes.extend_from_slice(self.passed_over);
        let was_tried = self.tried.is_some() || matches!(self.auth, Auth::Basic { .. });
        let rows = if was_tried { TRIED } else { UNTRIED };
        causes.extend(rows.iter().filter(|row| row.0(self)).map(|row| Cause::new(row.1, row.2)));
        let why = format!("offered {offered}; tried {tried}");
        let mut hint = String::from("likely causes, the likeliest first:");
        for (n, Cause { what, words, remedy }) in causes.iter().enumerate() {
            let lines = [Some(what), words.as_ref(), Some(remedy)];
            let lines: Vec<&str> = lines.into_iter().flatten().flat_map(|text| text.lines()).collect();
            hint.push_str(&format!("\n{}. {}", n + 1, lines.join("\n   ")));
        }
        Error::new(format!("{} refused the logon (401)", self.host)).because(why).hint(hint)
    }

    fn offers(&self, scheme: &str) -> bool {
        self.offered.iter().any(|offered| offered.eq_ignore_ascii_case(scheme))
    }

    /// True where it offers what Windows calls Windows authentication.
    fn windows(&self) -> bool {
        self.offers("negotiate") || self.offers("ntlm")
    }

    fn has_secret(&self) -> bool {
        !self.auth.secrets().is_empty()
    }
}
