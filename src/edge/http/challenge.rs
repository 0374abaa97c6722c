//! What a server wants to know of us: the WWW-Authenticate headers (RFC 9110 section 11.6.1).

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::text::escape_short;

/// So many are looked at; servers offer two or three.
const MOST: usize = 8;

/// A scheme that the server offers, and in the midst of a logon its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme, fit to be shown.
    pub scheme: String,
    /// What follows it, still in Base64. Parameters, as Basic's realm, are no token.
    pub token: Option<String>,
}

/// Reads all of them.
pub(super) fn read(headers: &HeaderMap) -> Vec<Challenge> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(challenges).take(MOST).collect()
}

/// A header's challenges. One that begins without `=` in its first word is a challenge; the others are parameters of
/// the one before.
fn challenges(value: &str) -> impl Iterator<Item = Challenge> {
    let mut quoted = false;
    let parts = value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.filter_map(|part| {
        let (scheme, rest) = part.trim().split_once([' ', '\t']).unwrap_or((part.trim(), ""));
        if scheme.is_empty() || scheme.contains(['=', '"']) {
            return None;
        }
        // token68 is Base64 with its padding; a parameter has something after its equals sign.
        let token = rest.trim();
        let is_token = !token.is_empty() && !token.trim_end_matches('=').contains(['=', '"', ' ']);
        Some(Challenge { scheme: escape_short(scheme, 32), token: is_token.then(|| token.to_string()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(lines: &[&str]) -> Vec<(String, Option<String>)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        read(&headers).into_iter().map(|challenge| (challenge.scheme, challenge.token)).collect()
    }

    #[test]
    fn schemes_and_tokens_are_read_from_one_header_or_several() {
        let offered = |scheme: &str| (scheme.to_string(), None);
        assert_eq!(read_all(&["Negotiate", "NTLM"]), [offered("Negotiate"), offered("NTLM")]);
        assert_eq!(
            read_all(&["Negotiate, NTLM, Basic realm=\"a, NTLM b\", charset=\"UTF-8\""]),
            [offered("Negotiate"), offered("NTLM"), offered("Basic")]
        );
        assert_eq!(read_all(&["Digest realm=\"x\", nonce=\"y==\", qop=auth"]), [offered("Digest")]);
        assert_eq!(read_all(&["NTLM TlRMTVNTUAAC=="]), [("NTLM".into(), Some("TlRMTVNTUAAC==".into()))]);
        assert_eq!(read_all(&["", ",, ,", "=\"", "\"a b"]), []);
        assert_eq!(read_all(&["a,b,c,d,e,f,g,h,i,j"]).len(), MOST);
    }
}
