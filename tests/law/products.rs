//! Whole products, each with an oracle of its own: every name under every constraint, every graph of CAs with every
//! choice of broken edges, every name that is asked for under every name that is there.

use std::collections::BTreeSet;

use ocscert::path::ReferenceName;
use rayon::prelude::*;

use super::*;

/// The good name and the bad one of each form, and the subtrees that hold them.
const HOSTS: [&str; 2] = ["test.good.com", "test.bad.com"];
const TREES: [G; 2] = [Dns("good.com"), Dns("test.bad.com")];
const ADDRESSES: [G; 2] = [Ip(&[127, 0, 0, 1]), Ip(&[1, 1, 1, 1])];
const NETS: [G; 2] = [Ip(&[127, 0, 0, 0, 255, 255, 255, 0]), Ip(&[1, 1, 1, 0, 255, 255, 255, 0])];
const COMMON_NAMES: [&str; 4] = ["Leaf", HOSTS[0], HOSTS[1], "127.0.0.1"];

/// None, the good one, the bad one.
type Choice = Option<usize>;
const CHOICES: [Choice; 3] = [None, Some(0), Some(1)];

fn pairs() -> impl Iterator<Item = (Choice, Choice)> + Clone {
    CHOICES.into_iter().flat_map(|a| CHOICES.map(|b| (a, b)))
}

/// Hosts and addresses as alternative names and as the common name, under permitted and excluded hosts and nets: the
/// product that BetterTLS is made of.
#[test]
fn every_name_under_every_constraint() {
    let authorities: Vec<_> = pairs().flat_map(|dns| pairs().map(move |ip| (dns, ip))).collect();
    let wrong: Vec<String> = authorities.into_par_iter().flat_map_iter(|(dns, ip)| under(dns, ip)).collect();
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every leaf under one authority, which permits and excludes a host and a net; what is judged wrongly.
fn under(dns: (Choice, Choice), ip: (Choice, Choice)) -> Vec<String> {
    let list = |host: Choice, net: Choice| -> Vec<G> {
        host.map(|at| TREES[at]).into_iter().chain(net.map(|at| NETS[at])).collect()
    };
    let (permitted, excluded) = (list(dns.0, ip.0), list(dns.1, ip.1));
    let root = Entity::new("Root");
    let mut ca = draft(&ROOT, 1, true);
    if !(permitted.is_empty() && excluded.is_empty()) {
        ca.extensions.push(constraints(&permitted, &excluded).1);
    }
    let anchor = Arc::new(Certificate::from_der(ca.sign(&root, &root)).unwrap());
    let store = [anchor].into_iter().collect();
    let mut wrong = Vec::new();
    for ((host, address), common_name) in pairs().flat_map(|names| COMMON_NAMES.map(|cn| (names, cn))) {
        let hosts = host.map(|at| Dns(HOSTS[at]));
        let names: Vec<G> = hosts.into_iter().chain(address.map(|at| ADDRESSES[at])).collect();
        let mut leaf = draft(&LEAF, 2, false);
        if !names.is_empty() {
            leaf.extensions.push(alternative_names(&names).1);
        }
        let der = leaf.sign(&Entity::new(common_name), &root);
        let leaf = Arc::new(Certificate::from_der(der).unwrap());
        let found = Engine::default().search(&leaf, &store, &options(&PLAIN));
        // Where no alternative name says otherwise, old peers take the common name for the host.
        let alone = HOSTS.iter().position(|host| names.is_empty() && common_name == *host);
        let expected = in_order(host.or(alone), dns) && in_order(address, ip);
        if (found.outcome == Outcome::Valid) != expected {
            let failures = failures(&found);
            wrong.push(format!("{names:?}, {common_name} under {permitted:?}, {excluded:?}: {failures:?}"));
        }
    }
    wrong
}

/// A name lies in what is permitted, if anything of its form is, and not in what is excluded (RFC 5280 section
/// 4.2.1.10).
fn in_order(name: Choice, (permitted, excluded): (Choice, Choice)) -> bool {
    name.is_none() || (permitted.is_none() || permitted == name) && excluded != name
}

/// The edges between CAs in figure 7 of RFC 4158: two that certify each other, both under the anchor and both above a
/// third, which certified the leaf.
const EDGES: [(&str, &str); 6] =
    [("Root", "A"), ("Root", "C"), ("A", "C"), ("C", "A"), ("A", "B"), ("C", "B")];

/// What makes a CA's certificate lead nowhere.
const BROKEN: [&[With]; 6] = [
    &[Valid((0x17, "200101000000Z"), (0x17, "250101000000Z"))],
    &[Ca(false, None, true)],
    &[Without(CONSTRAINTS)],
    &[Usage(SIGNS_CRLS)],
    &[Within(&[], &[Dns("")])],
    &[Raw(UNKNOWN, true, &[])],
];

/// With every choice of edges that are broken there is a path exactly where one can be walked without them.
#[test]
fn every_graph_is_walked_to_its_end() {
    let entities = ["Root", "A", "B", "C", "leaf"].map(|name| (name, Entity::new(name)));
    let entity = |name: &str| &entities.iter().find(|(other, _)| *other == name).unwrap().1;
    let issue = |(issuer, subject), with| {
        let draft = draft(&Cert(subject, with), 1, subject != "leaf");
        Arc::new(Certificate::from_der(draft.sign(entity(subject), entity(issuer))).unwrap())
    };
    let store = [issue(("Root", "Root"), &[])].into_iter().collect();
    let leaf = issue(("B", "leaf"), &[Names(&[Dns("a.foo.com")])]);
    let whole = EDGES.map(|edge| issue(edge, &[]));
    for broken in BROKEN {
        let bad = EDGES.map(|edge| issue(edge, broken));
        for choice in 0u32..1 << EDGES.len() {
            let is_whole = |at: usize| choice >> at & 1 == 1;
            let pool = (0..EDGES.len()).map(|at| if is_whole(at) { &whole[at] } else { &bad[at] }.clone());
            let found = Engine::new(pool.collect()).search(&leaf, &store, &options(&PLAIN));
            let mut reached = BTreeSet::from(["Root"]);
            for _ in EDGES {
                let walked = (0..EDGES.len()).filter(|at| is_whole(*at) && reached.contains(EDGES[*at].0));
                let walked: Vec<_> = walked.map(|at| EDGES[at].1).collect();
                reached.extend(walked);
            }
            let valid = found.outcome == Outcome::Valid;
            assert_eq!(valid, reached.contains("B"), "{choice:06b} {:?}", failures(&found));
        }
    }
}

/// Which name that is there stands for which one that is asked for (RFC 9525 section 6, RFC 5280 section 7).
#[test]
fn every_name_that_is_asked_for() {
    const THERE: &[(G, &[&str])] = &[
        (Dns("a.foo.com"), &["DNS:a.foo.com"]),
        (Dns("A.FOO.com"), &["DNS:a.foo.com"]),
        (Dns("*.foo.com"), &["DNS:a.foo.com", "DNS:a_b.foo.com", "DNS:xn--bliss-1b3c148a.foo.com"]),
        (Dns("*.COM"), &["DNS:foo.com"]),
        (Dns("a*.foo.com"), &[]),
        (Dns("*a.foo.com"), &[]),
        (Dns("a.*.com"), &[]),
        (Dns("*.*.com"), &[]),
        (Dns("*"), &[]),
        (Dns("xn--*-1b3c148a.foo.com"), &[]),
        (Dns("a.foo.com."), &[]),
        (Dns("a_b.foo.com"), &["DNS:a_b.foo.com"]),
        (Dns("10.1.2.3"), &[]),
        (Ip(&[10, 1, 2, 3]), &["IP:10.1.2.3"]),
        (Ip(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3]), &["IP:::ffff:10.1.2.3"]),
        (Email("a@FOO.com"), &["email:a@foo.com"]),
        (Email("A@foo.com"), &[]),
        (Email("a.foo.com"), &[]),
        (Uri("https://a.foo.com/"), &[]),
        (Dn("CN=a.foo.com"), &[]),
    ];
    const ASKED: &[&str] = &[
        "DNS:a.foo.com",
        "DNS:foo.com",
        "DNS:com",
        "DNS:b.a.foo.com",
        "DNS:a_b.foo.com",
        "DNS:xn--bliss-1b3c148a.foo.com",
        "IP:10.1.2.3",
        "IP:::ffff:10.1.2.3",
        "email:a@foo.com",
    ];
    let root = Entity::new("Root");
    for (there, stands_for) in THERE {
        let mut draft = draft(&LEAF, 1, false);
        draft.extensions.push(alternative_names(&[*there]).1);
        // The common name beside an alternative name counts for nothing.
        let der = draft.sign(&Entity::new("foo.com"), &root);
        let leaf = Certificate::from_der(der).unwrap();
        for asked in ASKED {
            let matches = ReferenceName::parse(asked).unwrap().matches(&leaf, true).is_match();
            assert_eq!(matches, stands_for.contains(asked), "{asked} by {}", leaf.extensions.alt_names()[0]);
        }
    }
}
