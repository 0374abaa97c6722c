//! NTLM with a password, in one logon for all requests of a connection: by its own scheme, or with the same messages
//! under `Negotiate`. They need no SPNEGO around them there: servers know them by their first bytes, and Windows's own
//! clients send them bare.

use time::OffsetDateTime;

use super::account::{Account, User};
use super::{Cause, Handshake, Mechanism, Scope, Target, Token, Unable, filetime};
use crate::edge::{Error, Result};
use crate::make::random;
use crate::text::escape_short;
use crate::wire::ntlm::{self, Answer, Challenge};

/// NTLM for an account.
#[derive(Debug)]
pub struct Ntlm {
    scheme: &'static str,
    account: Account,
}

impl Ntlm {
    /// NTLM by this scheme.
    pub fn new(scheme: &'static str, account: Account) -> Self {
        Self { scheme, account }
    }
}

impl Mechanism for Ntlm {
    fn scheme(&self) -> &'static str {
        self.scheme
    }

    fn scope(&self) -> Scope {
        Scope::Connection
    }

    fn describe(&self) -> String {
        format!("NTLM as {}", self.account.user)
    }

    fn begin(&self, target: &Target) -> std::result::Result<(Box<dyn Handshake>, Token), Unable> {
        let negotiate = ntlm::negotiate();
        let rounds = Rounds {
            account: self.account.clone(),
            target: target.clone(),
            negotiate: negotiate.clone(),
            is_answered: false,
            domain: None,
        };
        Ok((Box::new(rounds), negotiate.into()))
    }

    fn secrets(&self) -> Vec<zeroize::Zeroizing<String>> {
        vec![self.account.password.reveal().to_string().into()]
    }
}

struct Rounds {
    account: Account,
    target: Target,
    negotiate: Vec<u8>,
    is_answered: bool,
    /// The server's domain, once it has sent its challenge.
    domain: Option<String>,
}

impl Handshake for Rounds {
    fn step(&mut self, token: &[u8]) -> Result<Option<Token>> {
        if self.is_answered {
            return Ok(None);
        }
        let host = &self.target.host;
        let challenge = Challenge::read(token)
            .map_err(|e| Error::new(format!("the NTLM challenge of {host} cannot be answered")).because(e))?;
        self.domain = challenge.domain();
        let mut nonce = [0; 8];
        random(&mut nonce).map_err(|e| Error::new("no logon without random numbers").because(e))?;
        // A principal name is the whole user, without a domain: the domain controller takes it apart.
        let typed = self.account.user.to_string();
        let (domain, user) = match &self.account.user {
            User::Domain { domain, name } => (domain.as_str(), name.as_str()),
            User::Principal { .. } => ("", typed.as_str()),
        };
        let answer = Answer {
            user,
            domain,
            password: self.account.password.reveal(),
            service: &format!("HTTP/{host}"),
            binding: self.target.binding.data(),
            nonce,
            filetime: filetime(OffsetDateTime::now_utc()),
        };
        self.is_answered = true;
        Ok(Some(ntlm::authenticate(&self.negotiate, &challenge, &answer).into()))
    }

    /// NTLM does not prove who the server is; TLS did.
    fn finish(&mut self, _token: Option<&[u8]>) -> Result<()> {
        Ok(())
    }

    fn causes(&self) -> Vec<Cause> {
        let wrong = "wrong password, name or domain";
        let first = match (&self.account.user, &self.domain) {
            (User::Domain { domain, name }, Some(theirs)) if !domain.eq_ignore_ascii_case(theirs) => {
                let (theirs, name) = (escape_short(theirs, 32), escape_short(name, 32));
                Cause::new(
                    format!("{wrong}; the server's is {theirs}"),
                    format!("if that is the account's domain, too: --user '{theirs}\\{name}'"),
                )
            }
            _ => Cause::new(wrong, "mind that too many tries lock the account"),
        };
        let principal = match &self.account.user {
            User::Domain { name, .. } => format!("{}@REALM", escape_short(name, 32)),
            User::Principal { name, realm } => escape_short(&format!("{name}@{}", realm.to_uppercase()), 48),
        };
        vec![
            first,
            Cause::new(
                "NTLM is switched off at the server, or for this account",
                format!("log on with Kerberos: kinit {principal}, then this without --user"),
            ),
        ]
    }
}
