//! Name constraints (RFC 5280 section 4.2.1.10, applied as in section 6.1.3 b and c). An anchor's count too.

use crate::model::{Certificate, GeneralName, oid};

use super::budget::{Budget, Spending};
use super::names::{is_host, same_mailbox, split_mailbox};
use super::reason::{Failure, Reason};

/// Applies every CA's constraints to every certificate below it. The path is leaf first.
///
/// # Errors
/// The budget, once it is spent.
pub(super) fn check(
    path: &[&Certificate],
    spending: &mut Spending<'_>,
    failures: &mut Vec<Failure>,
) -> Result<(), Budget> {
    for (by, issuer) in path.iter().enumerate().skip(1) {
        let Some(constraints) = &issuer.extensions.name_constraints else { continue };
        let permitted = constraints.value.permitted.as_deref().unwrap_or_default();
        let excluded = constraints.value.excluded.as_deref().unwrap_or_default();
        for (at, certificate) in path[..by].iter().enumerate() {
            // A CA may certify its own next key without being caught in its own constraints (section 6.1.3 b).
            if at > 0 && certificate.is_self_issued() {
                continue;
            }
            let names = names(certificate, at == 0);
            let comparisons = names.len().saturating_mul(permitted.len().saturating_add(excluded.len()));
            spending.charge(Budget::NameConstraints, comparisons)?;
            for name in &names {
                if let Some((at, reason)) = judge(name, at, permitted, excluded, by) {
                    failures.push(Failure { at, reason });
                }
            }
        }
    }
    Ok(())
}

/// All names that constraints apply to: subject, alternative names, mailboxes in the subject (also beside alternative
/// names, where section 4.2.1.10 does not ask for it, but openssl and so IM and Presence does), and the common name of
/// a leaf without alternative names, since old peers take it for a host.
fn names(certificate: &Certificate, leaf: bool) -> Vec<GeneralName> {
    let subject = &certificate.subject;
    let mut names = certificate.extensions.alt_names().to_vec();
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.clone()));
    }
    names.extend(subject.values(&oid::EMAIL_ADDRESS).map(|mailbox| GeneralName::Email(mailbox.into())));
    let host = subject.common_name().filter(|cn| cn.contains('.') && is_host(cn) && !is_address(cn));
    if let (true, None, Some(host)) = (leaf, &certificate.extensions.subject_alt_name, host) {
        names.push(GeneralName::Dns(host.into()));
    }
    names
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// What is wrong with one name under one CA's constraints, and which certificate is at fault.
fn judge(
    name: &GeneralName,
    at: usize,
    permitted: &[GeneralName],
    excluded: &[GeneralName],
    by: usize,
) -> Option<(usize, Reason)> {
    let same_kind = |subtree: &&GeneralName| kind(subtree) == kind(name);
    let fault = |fault, subtree: &GeneralName| match fault {
        Fault::Name => (at, Reason::MalformedName(name.clone())),
        Fault::Subtree => (by, Reason::MalformedConstraint(subtree.clone())),
        Fault::Unsupported => (at, Reason::UnsupportedConstraint { name: name.clone(), by }),
    };
    for subtree in excluded.iter().filter(same_kind) {
        match within(name, subtree, true) {
            Ok(false) => {}
            Ok(true) => {
                let (name, subtree) = (name.clone(), subtree.clone());
                return Some((at, Reason::Excluded { name, subtree, by }));
            }
            Err(found) => return Some(fault(found, subtree)),
        }
    }
    // All of them, also behind one that holds it: a list that is malformed is so in any order.
    let mut allowed = None;
    for subtree in permitted.iter().filter(same_kind) {
        match within(name, subtree, false) {
            Ok(holds) => allowed = Some(holds || allowed == Some(true)),
            Err(found) => return Some(fault(found, subtree)),
        }
    }
    (allowed == Some(false)).then(|| (at, Reason::NotPermitted { name: name.clone(), by }))
}

/// Name forms: a constraint concerns names of its own form only. The tag of RFC 5280's GeneralName, and the type
/// of an otherName.
fn kind(name: &GeneralName) -> (u32, Option<&crate::model::Oid>) {
    match name {
        GeneralName::Other(kind, _) => (0, Some(kind)),
        GeneralName::Email(_) => (1, None),
        GeneralName::Dns(_) => (2, None),
        GeneralName::Directory(_) => (4, None),
        GeneralName::Uri(_) => (6, None),
        GeneralName::Ip(_) => (7, None),
        GeneralName::RegisteredId(_) => (8, None),
        GeneralName::Unreadable(tag, _) => (*tag, None),
    }
}

enum Fault {
    Name,
    Subtree,
    Unsupported,
}

/// Does the name lie in the subtree? For exclusion: could anything that it stands for?
fn within(name: &GeneralName, subtree: &GeneralName, exclusion: bool) -> Result<bool, Fault> {
    use GeneralName as G;
    match (name, subtree) {
        (G::Dns(name), G::Dns(base)) => dns(name, base, exclusion),
        (G::Email(name), G::Email(base)) => email(name, base),
        (G::Uri(name), G::Uri(base)) => uri(name, base),
        (G::Ip(name), G::Ip(base)) => ip(name, base),
        (G::Directory(name), G::Directory(base)) => Ok(name.is_within(base)),
        (G::Unreadable(1 | 2 | 4 | 6 | 7, _), _) => Err(Fault::Name),
        (_, G::Unreadable(1 | 2 | 4 | 6 | 7, _)) => Err(Fault::Subtree),
        _ => Err(Fault::Unsupported),
    }
}

/// Zero or more labels in front of the base. A base with a leading dot, which RFC 5280 does not know for DNS
/// names but CAs write, wants at least one.
fn dns(name: &str, base: &str, exclusion: bool) -> Result<bool, Fault> {
    let bare = base.strip_prefix('.').unwrap_or(base);
    let parent = name.strip_prefix("*.");
    if !is_host(parent.unwrap_or(name)) {
        return Err(Fault::Name);
    }
    if !base.is_empty() && !is_host(bare) {
        return Err(Fault::Subtree);
    }
    let equal = bare.len() == base.len() && name.eq_ignore_ascii_case(bare);
    // *.foo.com stands for bar.foo.com too, which may be excluded.
    let stands_for = |parent: &str| {
        bare.len() == base.len()
            && base.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
    };
    Ok(base.is_empty() || equal || is_below(name, bare) || (exclusion && parent.is_some_and(stands_for)))
}

fn is_below(name: &str, base: &str) -> bool {
    let (name, base) = (name.as_bytes(), base.as_bytes());
    name.len() > base.len()
        && name[name.len() - base.len() - 1] == b'.'
        && name[name.len() - base.len()..].eq_ignore_ascii_case(base)
}

/// A host, or with a leading dot the hosts below it (but not itself).
fn host(name: &str, base: &str) -> Result<bool, Fault> {
    let bare = base.strip_prefix('.').unwrap_or(base);
    match base.is_empty() {
        true => Ok(true),
        false if !is_host(bare) => Err(Fault::Subtree),
        false if bare.len() < base.len() => Ok(is_below(name, bare)),
        false => Ok(name.eq_ignore_ascii_case(base)),
    }
}

/// One mailbox, all mailboxes of a host, or all of the hosts below a domain.
fn email(name: &str, base: &str) -> Result<bool, Fault> {
    let (_, domain) = split_mailbox(name).ok_or(Fault::Name)?;
    match base.contains('@') {
        true if split_mailbox(base).is_none() => Err(Fault::Subtree),
        true => Ok(same_mailbox(name, base)),
        false => host(domain, base),
    }
}

/// The host of the URI's authority; a URI without one, or with an address, cannot be judged.
fn uri(name: &str, base: &str) -> Result<bool, Fault> {
    let (_, rest) = name.split_once("://").ok_or(Fault::Name)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let name = host_and_port.split(':').next().unwrap_or_default();
    if !is_host(name) || is_address(name) {
        return Err(Fault::Name);
    }
    host(name, base)
}

/// An address under address and mask; the mask is a prefix (RFC 4632).
fn ip(name: &[u8], base: &[u8]) -> Result<bool, Fault> {
    if !matches!(name.len(), 4 | 16) {
        return Err(Fault::Name);
    }
    let (address, mask) = base.split_at(base.len() / 2);
    let ones = mask.iter().map(|b| b.leading_ones()).take_while(|n| *n == 8).count();
    let prefix = mask.get(ones).is_none_or(|b| b.leading_ones() + b.trailing_zeros().min(8) >= 8)
        && mask.iter().skip(ones + 1).all(|b| *b == 0);
    if !matches!(base.len(), 8 | 32) || !prefix {
        return Err(Fault::Subtree);
    }
    Ok(name.len() == address.len() && name.iter().zip(address).zip(mask).all(|((n, a), m)| n & m == a & m))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns_in(name: &str, base: &str, exclusion: bool) -> Option<bool> {
        within(&GeneralName::Dns(name.into()), &GeneralName::Dns(base.into()), exclusion).ok()
    }

    #[test]
    fn dns_subtrees_hold_the_name_and_everything_below() {
        for (name, base, expected) in [
            ("foo.com", "foo.com", true),
            ("A.Foo.com", "foo.COM", true),
            ("xfoo.com", "foo.com", false),
            ("foo.com", ".foo.com", false),
            ("a.foo.com", ".foo.com", true),
            ("a.foo.com", "", true),
            ("*.foo.com", "foo.com", true),
            ("*.com", "foo.com", false),
        ] {
            assert_eq!(dns_in(name, base, false), Some(expected), "{name} in {base}");
        }
        assert_eq!(dns_in(".foo.com", "foo.com", false), None, "malformed name");
        assert_eq!(dns_in("foo.com", "*.foo.com", false), None, "malformed subtree");
    }

    /// *.foo.com could be used for bar.foo.com, so excluding that excludes the wildcard; it is still no
    /// permission for it.
    #[test]
    fn a_wildcard_is_excluded_by_any_name_it_stands_for() {
        assert_eq!(dns_in("*.foo.com", "bar.foo.com", true), Some(true));
        assert_eq!(dns_in("*.foo.com", "bar.foo.com", false), Some(false));
        assert_eq!(dns_in("*.foo.com", "a.bar.foo.com", true), Some(false));
        assert_eq!(dns_in("*.foo.com", ".bar.foo.com", true), Some(false));
    }

    #[test]
    fn mailboxes_uris_and_addresses() {
        let email = |name: &str, base: &str| email(name, base).ok();
        assert_eq!(email("a@foo.com", "a@FOO.com"), Some(true));
        assert_eq!(email("A@foo.com", "a@foo.com"), Some(false));
        assert_eq!(email("a@foo.com", "foo.com"), Some(true));
        assert_eq!(email("a@x.foo.com", "foo.com"), Some(false));
        assert_eq!(email("a@x.foo.com", ".foo.com"), Some(true));
        assert_eq!(email("a@b@foo.com", "foo.com"), None);
        let uri = |name: &str, base: &str| uri(name, base).ok();
        assert_eq!(uri("http://u@a.foo.com:80/x?y", ".foo.com"), Some(true));
        assert_eq!(uri("sip://foo.com", "foo.com"), Some(true));
        assert_eq!(uri("http://foo.com#@bar.com", "bar.com"), Some(false));
        assert_eq!(uri("http://10.0.0.1/", "foo.com"), None);
        assert_eq!(uri("urn:foo", "foo.com"), None);
        let ip = |name: &[u8], base: &[u8]| ip(name, base).ok();
        assert_eq!(ip(&[10, 1, 2, 3], &[10, 1, 0, 0, 255, 255, 0, 0]), Some(true));
        assert_eq!(ip(&[10, 2, 2, 3], &[10, 1, 0, 0, 255, 255, 0, 0]), Some(false));
        assert_eq!(ip(&[10, 1, 2, 3], &[0, 0, 0, 0, 0, 0, 0, 0]), Some(true));
        assert_eq!(ip(&[10, 1, 2, 3], &[10, 1, 2, 3, 255, 255, 255, 254]), Some(true));
        assert_eq!(ip(&[10, 1, 2, 3], &[10, 1, 2, 3, 255, 0, 255, 0]), None, "mask with a hole");
        assert_eq!(ip(&[10, 1, 2, 3], &[10, 1, 2, 3, 255, 255, 255, 253]), None, "mask with a hole");
        assert_eq!(ip(&[10, 1, 2, 3], &[10, 1, 2, 3]), None, "no mask");
        assert_eq!(ip(&[10, 1, 2, 3, 4, 5, 6, 7], &[10, 1, 0, 0, 255, 255, 0, 0]), None);
    }

    /// A CA's constraints hold for everything below it: the leaf's subject and names, and CAs in between unless
    /// they are self-issued; the anchor's own constraints too.
    #[test]
    fn constraints_hold_for_everything_below() {
        use super::super::testing::{NOW, failures, root, root_with, search};
        use super::super::{Budgets, Options, Outcome};
        use rcgen::{DnType, GeneralSubtree, NameConstraints, SanType};

        let only_foo = |p: &mut rcgen::CertificateParams| {
            p.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("foo.com".into())],
                excluded_subtrees: vec![GeneralSubtree::DnsName("secret.foo.com".into())],
            });
        };
        let now = Options::new(NOW);
        let anchor = root_with("Root", &only_foo);
        let judge = |leaf| failures(&search(&leaf, &[], &[&anchor.certificate], &now));
        assert_eq!(judge(anchor.leaf("a.foo.com")), []);
        assert_eq!(judge(anchor.leaf("a.bar.com")), [(0, "name-not-permitted")]);
        assert_eq!(judge(anchor.leaf("x.secret.foo.com")), [(0, "name-excluded")]);
        // Without alternative names the common name may be taken for a host: it is constrained too.
        let cn_only = anchor.leaf_with("a.bar.com", &|p| p.subject_alt_names.clear());
        assert_eq!(judge(cn_only), [(0, "name-not-permitted")]);
        let by_mail = root_with("Root", &|p| {
            p.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::Rfc822Name("foo.com".into())],
                excluded_subtrees: Vec::new(),
            });
        });
        let in_subject = by_mail.leaf_with("a", &|p| {
            let email = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
            p.distinguished_name.push(email, "me@bar.com");
        });
        let found = search(&in_subject, &[], &[&by_mail.certificate], &now);
        assert_eq!(failures(&found), [(0, "name-not-permitted")]);

        let named = |p: &mut rcgen::CertificateParams| {
            p.subject_alt_names = vec![SanType::DnsName("ca.bar.com".try_into().unwrap())];
        };
        let top = root("Top");
        let constrained = top.ca_with("Constrained", &only_foo);
        for (name, expected) in [("Other", vec![(1, "name-not-permitted")]), ("Constrained", vec![])] {
            let below = constrained.ca_with(name, &named);
            let pool = [&constrained.certificate, &below.certificate];
            let found = search(&below.leaf("a.foo.com"), &pool, &[&top.certificate], &now);
            assert_eq!(failures(&found), expected, "{name}");
        }

        // A leaf that bears its issuer's name is self-issued, and constrained all the same.
        let namesake = constrained.leaf_with("Constrained", &named);
        let found = search(&namesake, &[&constrained.certificate], &[&top.certificate], &now);
        assert_eq!(failures(&found), [(0, "name-not-permitted")]);

        let budgets = Budgets { name_constraints: 3, ..Budgets::default() };
        let found = search(
            &anchor.leaf("a.foo.com"),
            &[],
            &[&anchor.certificate],
            &Options { budgets, ..now.clone() },
        );
        assert_eq!((found.outcome, failures(&found)), (Outcome::Incomplete, vec![(0, "budget")]));
    }

    /// An otherName of the constrained type cannot be judged; of another type it is not concerned.
    #[test]
    fn forms_that_are_not_processed_are_said() {
        let upn = |n: u8| GeneralName::Other(crate::model::Oid::from_content(&[0x2a, n]).unwrap(), [].into());
        let permitted = [upn(1)];
        assert!(matches!(
            judge(&upn(1), 0, &permitted, &[], 1),
            Some((0, Reason::UnsupportedConstraint { .. }))
        ));
        assert!(judge(&upn(2), 0, &permitted, &[], 1).is_none());
    }
}
