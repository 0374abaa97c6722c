//! How a command gets into a CA's web enrollment pages: the flags, and the session they make.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::Session;
use crate::edge::auth::account::{Account, User};
use crate::edge::auth::{Auth, Wanted, ways};
use crate::edge::certsrv::{self, CaUrl};
use crate::edge::http::Options;
use crate::edge::secrets::Password;
use crate::edge::{self, Error};
use crate::federation::MicrosoftCa;
use crate::text::{self, escape};

/// Flags of every command that talks to a CA.
#[derive(clap::Args, Debug)]
pub struct Logon {
    /// How to log on: auto takes the strongest way that the server offers
    #[arg(long, value_enum, default_value_t = AuthArg::Auto, value_name = "HOW")]
    auth: AuthArg,
    /// Who logs on, as 'DOMAIN\name' or name@REALM (default: whoever is logged on here)
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The file with the password to log on with (default: ask)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Trust the roots in this file for TLS instead of the system's (repeatable)
    #[arg(long, value_name = "FILE")]
    ca_cert: Vec<PathBuf>,
    /// Log on over http, too: anybody on the way can then change what is sent
    #[arg(long)]
    allow_http: bool,
    /// How long one answer may take
    #[arg(long, value_name = "DURATION", value_parser = text::parse_duration, default_value = "90s")]
    timeout: Duration,
}

/// Opens sessions with a CA.
#[derive(Debug)]
pub struct Connector {
    url: CaUrl,
    auth: Auth,
    options: Options,
}

impl Connector {
    /// A session; nothing is sent yet.
    ///
    /// # Errors
    /// As [`certsrv::Session::new`].
    pub fn open(&self) -> edge::Result<certsrv::Session> {
        certsrv::Session::new(self.url.clone(), self.auth.clone(), &self.options)
    }
}

/// How long one answer of a CA may take where nothing else is said: that of the flag.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Ways to log on.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum AuthArg {
    /// Kerberos, else NTLM, where the server wants a logon; never Basic
    Auto,
    /// Without a logon
    None,
    /// User and password, in a form that the server can read
    Basic,
    /// NTLM with a password
    Ntlm,
    /// Kerberos
    Negotiate,
}

/// A way to log on that may be gone.
enum Plan<'a> {
    Anonymous,
    Basic(&'a str),
    Rounds(Wanted),
}

fn by(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Any => "Kerberos, else NTLM",
        Wanted::Ntlm => "NTLM",
        Wanted::Negotiate => "Kerberos",
    }
}

impl Logon {
    /// A session with the CA; nothing is sent yet. Plain http is warned about.
    ///
    /// # Errors
    /// Flags that do not fit together, a password or root file that cannot be read; as
    /// [`certsrv::Session::new`].
    pub fn session(&self, url: &CaUrl, session: &mut Session) -> anyhow::Result<certsrv::Session> {
        Ok(self.connector(url, session)?.open()?)
    }

    /// What opens sessions with the CA, several where that is wanted; asks for the password once.
    ///
    /// # Errors
    /// As [`Logon::session`], but for the session itself.
    pub fn connector(&self, url: &CaUrl, session: &mut Session) -> anyhow::Result<Connector> {
        // What can be wrong with the flags and the files is told before anybody is asked for a password.
        self.checked(url)?;
        let roots = session.inputs.certificates(&self.ca_cert)?;
        let roots = roots.into_iter().map(|root| root.value.der().to_vec()).collect();
        let auth = self.auth(url, session)?;
        if url.is_plain_http() {
            session.tell(&format!(
                "warning: plain http to {}: anybody on the way can read and change what is sent",
                escape(&url.host())
            ));
        }
        Ok(Connector { url: url.clone(), auth, options: Options { roots, timeout: self.timeout } })
    }

    /// The logon that a federation file names.
    ///
    /// # Errors
    /// It names a way to log on that there is not.
    pub fn of(ca: &MicrosoftCa) -> edge::Result<Self> {
        let auth = AuthArg::from_str(ca.auth, false)
            .map_err(|_| Error::new(format!("there is no way to log on named \"{}\"", ca.auth)))?;
        Ok(Self {
            auth,
            user: ca.user.clone(),
            password_file: ca.password_file.clone(),
            ca_cert: ca.tls_roots.clone(),
            allow_http: ca.allow_http,
            timeout: TIMEOUT,
        })
    }

    /// How it would log on, in words.
    ///
    /// # Errors
    /// Flags that do not fit together.
    pub fn plan(&self, url: &CaUrl) -> edge::Result<String> {
        let user = self.user.as_deref().map(escape);
        Ok(match (self.checked(url)?, user) {
            (Plan::Anonymous, _) => "without a logon".into(),
            (Plan::Basic(user), _) => format!("as {}, by Basic with every request", escape(user)),
            (Plan::Rounds(wanted), Some(user)) => {
                format!("as {user}, by {}, where it is asked for", by(wanted))
            }
            (Plan::Rounds(_), None) => "as whoever is logged on here, where that is asked for".into(),
        })
    }

    fn auth(&self, url: &CaUrl, session: &Session) -> edge::Result<Auth> {
        let password = |user| self.password(user, url, session);
        Ok(match (self.checked(url)?, &self.user) {
            (Plan::Anonymous, _) => Auth::Anonymous,
            (Plan::Basic(user), _) => Auth::Basic { user: user.into(), password: password(user)? },
            (Plan::Rounds(wanted), Some(typed)) => {
                let account = Account { user: User::parse(typed)?, password: password(typed)? };
                Auth::Rounds(ways(wanted, Some(&account))?)
            }
            (Plan::Rounds(wanted), None) => Auth::Rounds(ways(wanted, None)?),
        })
    }

    /// What the flags come to.
    fn checked(&self, url: &CaUrl) -> edge::Result<Plan<'_>> {
        if self.user.is_none() && self.password_file.is_some() {
            return Err(Error::new("there is a password, but nobody whose it is")
                .hint("add --user 'DOMAIN\\name', or leave --password-file out"));
        }
        let in_clear = url.is_plain_http() && !self.allow_http;
        let wanted = match (self.auth, &self.user) {
            (AuthArg::None, Some(_)) => {
                return Err(Error::new("a user is named, but no logon is wanted")
                    .hint("leave --auth none out, or --user"));
            }
            (AuthArg::None, None) => return Ok(Plan::Anonymous),
            (AuthArg::Basic, None) => {
                return Err(Error::new("--auth basic needs a user").hint("add --user 'DOMAIN\\name'"));
            }
            // RFC 7617 section 2: the first colon ends the user, and control characters are not allowed.
            (AuthArg::Basic, Some(user)) if user.contains(':') || user.chars().any(char::is_control) => {
                return Err(Error::new("a user's name holds no colon and no control characters"));
            }
            (AuthArg::Basic, Some(user)) => return Ok(Plan::Basic(user)),
            // The old guides have it so: without a logon. Where the server wants one, its refusal says what to do.
            (AuthArg::Auto, None) if in_clear => return Ok(Plan::Anonymous),
            (AuthArg::Auto, _) => Wanted::Any,
            (AuthArg::Ntlm, _) => Wanted::Ntlm,
            (AuthArg::Negotiate, _) => Wanted::Negotiate,
        };
        if in_clear {
            let what = format!("a logon at {} would go over plain http", escape(&url.host()));
            return Err(Error::new(what).hint(
                "use https in --ca-url; where the site has no other way: --allow-http\n\
                 (whoever is in between can then act in your name)",
            ));
        }
        Ok(Plan::Rounds(wanted))
    }

    fn password(&self, user: &str, url: &CaUrl, session: &Session) -> edge::Result<Password> {
        match &self.password_file {
            Some(file) => Password::from_file(file),
            None => {
                let what_for = format!("password of {} at {}", escape(user), escape(&url.host()));
                session.terminal.ask_password(&what_for, "--password-file")
            }
        }
    }
}
