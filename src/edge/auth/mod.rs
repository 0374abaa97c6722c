//! How a web server is told who is asking. Each way answers with the headers of one request; ways that talk in
//! several rounds get a file of their own here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::secrets::Password;

/// Who is asking.
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
}

impl Auth {
    /// What was tried, in words, for the message about a refused logon.
    pub fn tried(&self) -> String {
        match self {
            Self::Anonymous => "no logon".into(),
            Self::Basic { user, .. } => format!("Basic as {user}"),
        }
    }

    /// True where the secret itself is sent, so that only an encrypted connection, or none that leaves this
    /// machine, may carry it.
    pub fn reveals_secret(&self) -> bool {
        matches!(self, Self::Basic { .. })
    }

    /// The Authorization header that goes with every request, where there is one.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let Self::Basic { user, password } = self else { return None };
        let pair = Zeroizing::new(format!("{user}:{}", password.reveal()));
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_utf8_and_never_shown() {
        // RFC 7617 section 2.1 has this pair.
        let password = Password::new(Zeroizing::new("123£".into()));
        let auth = Auth::Basic { user: "test".into(), password };
        let header = auth.header().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic dGVzdDoxMjPCow==");
        assert!(!format!("{header:?} {auth:?}").contains("123"));
        assert!(Auth::Anonymous.header().is_none());
    }
}
