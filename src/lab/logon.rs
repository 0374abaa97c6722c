//! How the lab knows its one user, on one connection: not at all, by Basic in each request (RFC 7617), or by NTLM once
//! for the connection. NTLM is as a hardened IIS wants it: over TLS it has to be bound to this very connection.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::http::Request;
use super::server::USER;
use super::x509;
use crate::edge::auth::filetime;
use crate::edge::secrets::Password;
use crate::wire::ntlm::binding;
use crate::wire::ntlm::server::{Proof, challenge, is_negotiate};

/// What the lab asks of whoever comes.
pub(super) enum Demand {
    Nothing,
    Basic(Password),
    /// With the channel binding's attribute, where there is TLS.
    Ntlm(Password, Option<[u8; 16]>),
}

impl Demand {
    /// What NTLM has to be bound to, from the application data of the binding.
    pub(super) fn ntlm(password: Password, data: Option<&[u8]>) -> Self {
        Self::Ntlm(password, data.map(binding))
    }

    pub(super) fn is_any(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// A connection's logon.
#[derive(Default)]
pub(super) enum Logon {
    /// Nobody yet.
    #[default]
    Out,
    /// The messages of NTLM so far.
    Challenged(Vec<u8>, Vec<u8>),
    /// The user.
    In,
}

impl Logon {
    /// Lets a request in, or gives the WWW-Authenticate header to refuse it with.
    pub(super) fn take(&mut self, request: &Request, demand: &Demand) -> Result<(), String> {
        let given = request.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            Some((scheme, Zeroizing::new(STANDARD.decode(token.trim()).ok()?)))
        });
        match demand {
            Demand::Nothing => Ok(()),
            Demand::Basic(password) => match given {
                Some((scheme, pair)) if is(scheme, "Basic") && is_user(&pair, password) => Ok(()),
                _ => Err("Basic realm=\"ocscert lab\"".into()),
            },
            Demand::Ntlm(password, binding) => match given {
                Some((scheme, token)) if is(scheme, "NTLM") => self.round(&token, password, binding.as_ref()),
                _ if matches!(self, Self::In) => Ok(()),
                _ => Err("NTLM".into()),
            },
        }
    }

    fn round(&mut self, token: &[u8], password: &Password, binding: Option<&[u8; 16]>) -> Result<(), String> {
        let before = std::mem::take(self);
        if is_negotiate(token) {
            let nonce = x509::random::<8>().map_err(|_| "NTLM")?;
            let (domain, _) = USER.split_once('\\').unwrap_or_default();
            let challenge = challenge(nonce, &domain.to_uppercase(), filetime(OffsetDateTime::now_utc()));
            let header = format!("NTLM {}", STANDARD.encode(&challenge));
            *self = Self::Challenged(token.to_vec(), challenge);
            return Err(header);
        }
        let (Self::Challenged(negotiate, challenge), Ok(proof)) = (before, Proof::read(token)) else {
            return Err("NTLM".into());
        };
        let user = format!("{}\\{}", proof.domain, proof.user);
        // A missing binding is as bad as a wrong one.
        let is_bound = binding.is_none_or(|binding| proof.binding() == Some(binding));
        if is(&user, USER) && is_bound && proof.is_made_with(password.reveal(), &negotiate, &challenge) {
            *self = Self::In;
            return Ok(());
        }
        Err("NTLM".into())
    }
}

fn is(given: &str, name: &str) -> bool {
    given.eq_ignore_ascii_case(name)
}

fn is_user(pair: &[u8], password: &Password) -> bool {
    let at = pair.iter().position(|b| *b == b':').unwrap_or(pair.len());
    let secret = pair.get(at + 1..).unwrap_or_default();
    pair[..at].eq_ignore_ascii_case(USER.as_bytes())
        && verify_slices_are_equal(secret, password.reveal().as_bytes()).is_ok()
}
