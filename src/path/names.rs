//! Is this certificate for that host, address or mailbox? (RFC 6125, RFC 9525; RFC 5280 section 7 for the
//! comparisons.) Whether a wildcard or a common name is *welcome* is for the checks; here it only matches.

use std::fmt;
use std::net::IpAddr;

use crate::model::{Claims, GeneralName, NameFault};
use crate::text;

/// The name somebody means to reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceName {
    /// A host name: ASCII (IDNA A-labels), lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A mailbox.
    Email(String),
}

/// How a certificate bears a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameMatch {
    /// The subject alternative name holds it.
    Exact,
    /// A wildcard in the subject alternative name covers it.
    Wildcard(String),
    /// There is no subject alternative name, and the common name is it.
    CommonName,
    /// It is not there.
    No,
}

impl NameMatch {
    /// True for every way of bearing it.
    pub fn is_match(&self) -> bool {
        *self != Self::No
    }
}

impl ReferenceName {
    /// Reads `DNS:name`, `IP:address` or `email:mailbox`, the type in any case.
    ///
    /// # Errors
    /// A [`NameFault`] that says what was expected.
    pub fn parse(typed: &str) -> Result<Self, NameFault> {
        let fault = |problem: &str| NameFault {
            field: format!("name \"{}\"", text::escape_short(typed, 80)),
            problem: problem.into(),
        };
        let Some((kind, value)) = typed.split_once(':') else {
            return Err(fault("write its type in front: DNS:name, IP:address or email:mailbox"));
        };
        let value = value.trim();
        match kind.trim().to_ascii_lowercase().as_str() {
            "dns" => dns(value).map(Self::Dns).ok_or_else(|| fault("is not a DNS name")),
            "ip" => value.parse().map(Self::Ip).map_err(|_| fault("is not an IP address")),
            "email" if split_mailbox(value).is_some() => Ok(Self::Email(value.to_string())),
            "email" => Err(fault("is not a mailbox such as user@foo.com")),
            _ => Err(fault("the type is DNS, IP or email")),
        }
    }

    /// Looks for the name in a certificate, or in a request for one. The common name counts only with `cn_fallback`, and only where there
    /// is no subject alternative name at all.
    pub fn matches<'a>(&self, claims: impl Into<Claims<'a>>, cn_fallback: bool) -> NameMatch {
        let Claims { subject, extensions, .. } = claims.into();
        let mut wildcard = None;
        for presented in extensions.alt_names() {
            match (self, presented) {
                (Self::Dns(name), GeneralName::Dns(pattern)) if name.eq_ignore_ascii_case(pattern) => {
                    return NameMatch::Exact;
                }
                (Self::Dns(name), GeneralName::Dns(pattern)) if covers(pattern, name) => {
                    wildcard.get_or_insert_with(|| pattern.clone());
                }
                (Self::Ip(ip), name) if name.ip() == Some(*ip) => return NameMatch::Exact,
                (Self::Email(mailbox), GeneralName::Email(other)) if same_mailbox(mailbox, other) => {
                    return NameMatch::Exact;
                }
                _ => {}
            }
        }
        if let Some(pattern) = wildcard {
            return NameMatch::Wildcard(pattern);
        }
        let common_name = subject.common_name();
        match (self, common_name) {
            (Self::Dns(name), Some(cn)) if cn_fallback && extensions.subject_alt_name.is_none() => {
                match name.eq_ignore_ascii_case(cn) || covers(cn, name) {
                    true => NameMatch::CommonName,
                    false => NameMatch::No,
                }
            }
            _ => NameMatch::No,
        }
    }
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Email(mailbox) => write!(f, "email:{mailbox}"),
        }
    }
}

/// A wildcard is the whole left-most label, and stands for exactly one (RFC 9525 section 6.3).
fn covers(pattern: &str, name: &str) -> bool {
    let Some(parent) = pattern.strip_prefix("*.") else { return false };
    let Some((first, rest)) = name.split_once('.') else { return false };
    !first.is_empty() && is_host(parent) && rest.eq_ignore_ascii_case(parent)
}

/// An international name goes through IDNA; an ASCII one stays as it is but for its case.
fn dns(typed: &str) -> Option<String> {
    let name = match typed.is_ascii() {
        true => typed.to_ascii_lowercase(),
        false => idna::domain_to_ascii(typed).ok()?,
    };
    (is_host(&name) && name.parse::<IpAddr>().is_err()).then_some(name)
}

/// Letters, digits and hyphens, 63 to a label, 253 in all; an underscore too, which Windows host names have.
pub(super) fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(allowed)
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// The local part and the host of a mailbox, where it has exactly one of each.
pub(super) fn split_mailbox(mailbox: &str) -> Option<(&str, &str)> {
    let (local, host) = mailbox.split_once('@')?;
    (!local.is_empty() && is_host(host)).then_some((local, host))
}

/// RFC 5280 section 7.5: the local part as it is written, the host without regard to case.
pub(super) fn same_mailbox(a: &str, b: &str) -> bool {
    match (split_mailbox(a), split_mailbox(b)) {
        (Some((local, host)), Some((other, other_host))) => {
            local == other && host.eq_ignore_ascii_case(other_host)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::SanType;

    use super::super::testing::root;
    use super::*;

    fn name(typed: &str) -> ReferenceName {
        ReferenceName::parse(typed).unwrap()
    }

    fn with(names: Vec<SanType>) -> std::sync::Arc<crate::model::Certificate> {
        root("Root").leaf_with("cn.foo.com", &|p| p.subject_alt_names = names.clone())
    }

    #[test]
    fn names_are_read_with_their_type() {
        assert_eq!(name("dns:Pool.Foo.COM"), ReferenceName::Dns("pool.foo.com".into()));
        assert_eq!(name("DNS:bücher.example"), ReferenceName::Dns("xn--bcher-kva.example".into()));
        assert_eq!(name("IP:10.1.2.3").to_string(), "IP:10.1.2.3");
        assert_eq!(name("email:a@foo.com").to_string(), "email:a@foo.com");
        for bad in
            ["pool.foo.com", "DNS:", "DNS:a..b", "DNS:10.1.2.3", "IP:pool", "email:a", "email:a@b@c", "X:y"]
        {
            assert!(ReferenceName::parse(bad).is_err(), "{bad}");
        }
    }

    /// The alternative name decides, without regard to case; the common name counts for nothing beside it.
    #[test]
    fn the_alternative_name_decides() {
        let leaf = with(vec![SanType::DnsName("Pool.foo.com".try_into().unwrap())]);
        assert_eq!(name("DNS:pool.FOO.com").matches(&*leaf, true), NameMatch::Exact);
        assert_eq!(name("DNS:cn.foo.com").matches(&*leaf, true), NameMatch::No);
        assert_eq!(name("IP:10.1.2.3").matches(&*leaf, true), NameMatch::No);
    }

    #[test]
    fn the_common_name_counts_only_alone_and_when_asked() {
        let leaf = with(Vec::new());
        assert_eq!(name("DNS:CN.foo.com").matches(&*leaf, true), NameMatch::CommonName);
        assert_eq!(name("DNS:cn.foo.com").matches(&*leaf, false), NameMatch::No);
        assert_eq!(name("DNS:other.foo.com").matches(&*leaf, true), NameMatch::No);
    }

    /// A wildcard is one whole label at the left: no more, no part of one.
    #[test]
    fn wildcards_cover_one_label() {
        let leaf = with(vec![SanType::DnsName("*.foo.com".try_into().unwrap())]);
        assert_eq!(name("DNS:a.foo.com").matches(&*leaf, false), NameMatch::Wildcard("*.foo.com".into()));
        for other in ["DNS:foo.com", "DNS:a.b.foo.com", "DNS:a.bar.com"] {
            assert_eq!(name(other).matches(&*leaf, false), NameMatch::No, "{other}");
        }
        assert!(!covers("a*.foo.com", "ab.foo.com") && !covers("*", "com") && !covers("a.*.com", "a.b.com"));
        assert!(!covers("*.*.com", "a.b.com"));
    }

    #[test]
    fn addresses_and_mailboxes_match_as_values() {
        let leaf = with(vec![
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::Rfc822Name("User@foo.com".try_into().unwrap()),
        ]);
        assert_eq!(name("IP:2001:0db8:0::1").matches(&*leaf, false), NameMatch::Exact);
        assert_eq!(name("email:User@FOO.com").matches(&*leaf, false), NameMatch::Exact);
        assert_eq!(name("email:user@foo.com").matches(&*leaf, false), NameMatch::No);
    }
}
