//! Who logs on, as people write it: `DOMAIN\name`, or `name@REALM`.

use std::fmt;

use crate::edge::secrets::Password;
use crate::edge::{Error, Result};

/// Active Directory's principal names have 1024 characters at most.
const MOST: usize = 1024;

/// A user with a password.
#[derive(Debug, Clone)]
pub struct Account {
    /// Who.
    pub user: User,
    /// The password.
    pub password: Password,
}

/// A user's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// `DOMAIN\name`, as Windows has had it since NT; the domain is empty for an account of the server itself.
    Domain {
        /// The NetBIOS or DNS name of the domain.
        domain: String,
        /// The account.
        name: String,
    },
    /// `name@REALM`: a Kerberos principal and a Windows user principal name.
    Principal {
        /// The account.
        name: String,
        /// The realm.
        realm: String,
    },
}

impl User {
    /// Reads a name as it is typed. One without a domain is an account of the server itself.
    ///
    /// # Errors
    /// It has control characters, nothing where the name has to be, or too much of it.
    pub fn parse(typed: &str) -> Result<Self> {
        let user = match (typed.split_once('\\'), typed.rsplit_once('@')) {
            (Some((domain, name)), _) => Self::Domain { domain: domain.into(), name: name.into() },
            (None, Some((name, realm))) => Self::Principal { name: name.into(), realm: realm.into() },
            (None, None) => Self::Domain { domain: String::new(), name: typed.into() },
        };
        let name = match &user {
            Self::Domain { name, .. } => name,
            Self::Principal { name, realm } if realm.is_empty() => realm,
            Self::Principal { name, .. } => name,
        };
        let is_odd = typed.len() > MOST || typed.chars().any(char::is_control);
        if name.is_empty() || name.contains('\\') || is_odd {
            return Err(Error::new(format!("\"{}\" names no user", crate::text::escape_short(typed, 64)))
                .hint("write --user 'DOMAIN\\name' or --user name@REALM"));
        }
        Ok(user)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { domain, name } if domain.is_empty() => f.write_str(name),
            Self::Domain { domain, name } => write!(f, "{domain}\\{name}"),
            Self::Principal { name, realm } => write!(f, "{name}@{realm}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_typed() {
        let domain = |domain: &str, name: &str| User::Domain { domain: domain.into(), name: name.into() };
        let principal = |name: &str, realm: &str| User::Principal { name: name.into(), realm: realm.into() };
        for (typed, user) in [
            (r"FOO\alice", domain("FOO", "alice")),
            (r"foo.com\a@b", domain("foo.com", "a@b")),
            ("alice@FOO.COM", principal("alice", "FOO.COM")),
            ("a@b@foo.com", principal("a@b", "foo.com")),
            ("alice", domain("", "alice")),
        ] {
            let read = User::parse(typed).unwrap();
            assert_eq!((read.to_string(), &read), (typed.to_string(), &user));
        }
        for bad in ["", r"FOO\", "@FOO.COM", "alice@", "a\nb", r"A\B\c"] {
            assert!(User::parse(bad).is_err(), "{bad:?}");
        }
    }
}
