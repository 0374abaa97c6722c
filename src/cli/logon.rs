//! How a command gets into a CA's web enrollment pages: the flags, and the session they make.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use super::Session;
use crate::edge::auth::Auth;
use crate::edge::certsrv::{self, CaUrl};
use crate::edge::http::Options;
use crate::edge::secrets::Password;
use crate::edge::{self, Error};
use crate::federation::MicrosoftCa;
use crate::text::{self, escape};

/// Flags of every command that talks to a CA.
#[derive(clap::Args, Debug)]
pub struct Logon {
    /// How to log on: auto never sends a password
    #[arg(long, value_enum, default_value_t = AuthArg::Auto)]
    auth: AuthArg,
    /// Who logs on, as 'DOMAIN\name'
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The file with the password to log on with (default: ask)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Trust the roots in this file for TLS instead of the system's (repeatable)
    #[arg(long, value_name = "FILE")]
    ca_cert: Vec<PathBuf>,
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
    /// Without a logon, where the server permits it
    Auto,
    /// Without a logon
    None,
    /// User and password, in a form that the server can read
    Basic,
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
        let auth = self.auth(url, session)?;
        if url.is_plain_http() {
            session.tell(&format!(
                "warning: plain http to {}: anybody on the way can read and change what is sent",
                escape(&url.host())
            ));
        }
        let roots = session.inputs.certificates(&self.ca_cert)?;
        let roots = roots.into_iter().map(|root| root.value.der().to_vec()).collect();
        Ok(Connector { url: url.clone(), auth, options: Options { roots, timeout: self.timeout } })
    }

    /// The logon that a federation file names.
    ///
    /// # Errors
    /// It names a way to log on that this version does not know.
    pub fn of(ca: &MicrosoftCa) -> edge::Result<Self> {
        let auth = AuthArg::from_str(ca.auth, false)
            .map_err(|_| Error::new(format!("this version does not log on with \"{}\"", ca.auth)))?;
        Ok(Self {
            auth,
            user: ca.user.clone(),
            password_file: ca.password_file.clone(),
            ca_cert: ca.tls_roots.clone(),
            timeout: TIMEOUT,
        })
    }

    fn auth(&self, url: &CaUrl, session: &Session) -> edge::Result<Auth> {
        if self.auth != AuthArg::Basic {
            if self.password_file.is_some() || self.user.is_some() {
                let what = "a user or password is named, but no way to log on with it";
                return Err(
                    Error::new(what).hint("add --auth basic, or leave --user and --password-file out")
                );
            }
            return Ok(Auth::Anonymous);
        }
        let Some(user) = self.user.clone() else {
            return Err(Error::new("--auth basic needs a user").hint("add --user 'DOMAIN\\name'"));
        };
        // RFC 7617 section 2: the first colon ends the user, and control characters are not allowed.
        if user.contains(':') || user.chars().any(char::is_control) {
            return Err(Error::new("a user's name holds no colon and no control characters"));
        }
        let password = match &self.password_file {
            Some(file) => Password::from_file(file)?,
            None => {
                let what_for = format!("password of {} at {}", escape(&user), escape(&url.host()));
                session.terminal.ask_password(&what_for, "--password-file")?
            }
        };
        Ok(Auth::Basic { user, password })
    }
}
