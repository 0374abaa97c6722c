//! Names: what the certificate is called, against what the federation calls its holder (checklist 1, 6,
//! 7, 9; guide step P9).

use super::{Check, Expected, Judge, Judged, Side, Subject};
use crate::findings::{Rule, Severity};
use crate::path::names::NameMatch;

/// The subject CN is not the name the federation expects.
pub static SUBJECT_CN: Rule = Rule {
    code: "OCS-NAM-001",
    name: "subject-cn",
    severity: Severity::Error,
    title: "the subject CN is not the name of the server or pool",
    why: "IM and Presence compares the subject CN with its TLS peer subjects and ends the handshake when it is not among them. The CN is the FQDN of a Standard Edition server, or of the pool for every front end of an Enterprise pool.",
    remedy: "request a certificate with the right CN (guide step P9)",
    refs: &["guide P9", "checklist 1"],
};

/// A front end's own name stands where the pool's belongs.
pub static FRONT_END_AS_CN: Rule = Rule {
    code: "OCS-NAM-002",
    name: "front-end-as-cn",
    severity: Severity::Error,
    title: "the subject CN is a front end's own name; the pool's name is needed",
    why: "All front ends of an Enterprise pool answer for the pool: peers, IM and Presence among them, look for the pool's FQDN as the CN. It is the classic mistake of requests made by hand on each front end.",
    remedy: "request the certificate for the pool, with the front end as a further SAN (guide step P9)",
    refs: &["guide P9", "checklist 1"],
};

/// There are alternative names, and the CN is not among them.
pub static SAN_LACKS_CN: Rule = Rule {
    code: "OCS-NAM-003",
    name: "san-lacks-cn",
    severity: Severity::Error,
    title: "the subject alternative names do not contain the subject CN",
    why: "Where a certificate has DNS alternative names, every peer but IM and Presence ignores the CN: the server is then not known by the name that the federation uses.",
    remedy: "request a certificate whose SANs contain the CN; ocscert csr does that",
    refs: &["RFC 6125 section 6.4.4", "checklist 6"],
};

/// The certificate is not valid for the name asked for.
pub static EXPECTED_NAME: Rule = Rule {
    code: "OCS-NAM-004",
    name: "expected-name",
    severity: Severity::Error,
    title: "the certificate is not valid for the name that was expected",
    why: "A peer that connects by this name (static route, host authorization) finds other names in the certificate and ends the handshake.",
    remedy: "connect by a name that is in the certificate, or request one that holds the name",
    refs: &["RFC 6125 section 6", "checklist 9"],
};

/// The front end's own name is not among the alternative names.
pub static SAN_LACKS_FRONT_END: Rule = Rule {
    code: "OCS-NAM-005",
    name: "san-lacks-front-end",
    severity: Severity::Info,
    title: "only the pool is named: no front end's own FQDN is among the alternative names",
    why: "OCS 2007 R2 allows one certificate for all front ends of a pool. Lync Server and later connect to front ends by their own names, too, and refuse a certificate without them.",
    remedy: "request one certificate a front end: ocscert csr --pool POOL --front-end FQDN",
    refs: &["checklist 6"],
};

/// A wildcard in CN or SAN.
pub static WILDCARD: Rule = Rule {
    code: "OCS-NAM-006",
    name: "wildcard",
    severity: Severity::Error,
    title: "a wildcard name: neither OCS nor IM and Presence accepts one",
    why: "Both compare names literally; *.foo.com equals no server's name.",
    remedy: "request a certificate with exact names",
    refs: &["checklist 7"],
};

/// The name was found in the CN alone.
pub static CN_AS_HOST_NAME: Rule = Rule {
    code: "OCS-NAM-007",
    name: "cn-as-host-name",
    severity: Severity::Warning,
    title: "the name stands in the subject CN only; there are no alternative names",
    why: "Systems of 2007 read the CN. Peers of today ignore it and will refuse the certificate.",
    remedy: "request a certificate with SANs at the next renewal",
    refs: &["RFC 6125 section 6.4.4"],
};

/// The CN is not among IM and Presence's TLS peer subjects.
pub static PEER_SUBJECT: Rule = Rule {
    code: "OCS-NAM-008",
    name: "peer-subject",
    severity: Severity::Error,
    title: "the subject CN is not among IM and Presence's TLS peer subjects",
    why: "IM and Presence ends a handshake in which it is shown a certificate whose subject CN is not among its TLS peer subjects, however good the certificate is.",
    remedy: "add the CN to the TLS peer subjects and to the peer-auth TLS context, restart the SIP Proxy on all nodes; then add it to tls_peer_subjects in the federation file",
    refs: &["checklist 8"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check { rule: &SUBJECT_CN, judge: Judge::Claims(subject_cn) },
    Check { rule: &FRONT_END_AS_CN, judge: Judge::Claims(front_end_as_cn) },
    Check { rule: &SAN_LACKS_CN, judge: Judge::Claims(san_lacks_cn) },
    Check { rule: &EXPECTED_NAME, judge: Judge::Claims(expected_name) },
    Check { rule: &SAN_LACKS_FRONT_END, judge: Judge::Claims(san_lacks_front_end) },
    Check { rule: &WILDCARD, judge: Judge::Claims(wildcard) },
    Check { rule: &CN_AS_HOST_NAME, judge: Judge::Claims(cn_as_host_name) },
    Check { rule: &PEER_SUBJECT, judge: Judge::Claims(peer_subject) },
];

const NO_NAME: &str = "no name was given (--server, --pool or --name)";

fn common_name<'a>(subject: &Subject<'a>) -> &'a str {
    subject.claims.subject.common_name().unwrap_or("")
}

/// The FQDN the CN has to be, as (name, flag).
pub(super) fn wanted_cn(expected: &Expected) -> Option<(&str, &'static str)> {
    match expected {
        Expected::Server(name) => Some((name.as_str(), "--server")),
        Expected::Pool(name) => Some((name.as_str(), "--pool")),
        Expected::Names(_) => None,
    }
}

/// A CN that looks like a host beside the wanted pool: another label in the same domain.
fn looks_like_front_end(cn: &str, pool: &str) -> bool {
    let domain = |name: &str| name.split_once('.').map(|(_, domain)| domain.to_ascii_lowercase());
    !cn.eq_ignore_ascii_case(pool) && domain(cn).is_some() && domain(cn) == domain(pool)
}

fn subject_cn(subject: &Subject<'_>) -> Judged {
    let Some((wanted, flag)) = wanted_cn(&subject.question.expected) else {
        return Judged::NotApplicable(NO_NAME.into());
    };
    let cn = common_name(subject);
    let pool = matches!(subject.question.expected, Expected::Pool(_));
    if cn.eq_ignore_ascii_case(wanted) || (pool && looks_like_front_end(cn, wanted)) {
        // A front end's own name is told by its own rule.
        return Judged::Passed;
    }
    let observed = if cn.is_empty() { "no CN" } else { cn };
    let finding =
        SUBJECT_CN.finding(subject.source).expected(format!("CN={wanted}"), format!("CN={observed}"));
    Judged::Found(vec![finding.command(format!("ocscert csr {flag} {wanted}"))])
}

fn front_end_as_cn(subject: &Subject<'_>) -> Judged {
    let Expected::Pool(pool) = &subject.question.expected else {
        return Judged::NotApplicable("no pool was named (--pool)".into());
    };
    let cn = common_name(subject);
    if !looks_like_front_end(cn, pool.as_str()) {
        return Judged::Passed;
    }
    let finding = FRONT_END_AS_CN
        .finding(subject.source)
        .expected(format!("CN={pool}"), format!("CN={cn}"))
        .command(format!("ocscert csr --pool {pool} --front-end {}", cn.to_ascii_lowercase()));
    Judged::Found(vec![finding])
}

fn san_lacks_cn(subject: &Subject<'_>) -> Judged {
    let cn = common_name(subject);
    let names: Vec<&str> = subject.claims.extensions.dns_names().collect();
    if names.is_empty() {
        return Judged::NotApplicable("there are no DNS alternative names".into());
    }
    if cn.is_empty() {
        return Judged::NotApplicable("there is no subject CN".into());
    }
    if names.iter().any(|name| name.eq_ignore_ascii_case(cn)) {
        return Judged::Passed;
    }
    Judged::Found(vec![SAN_LACKS_CN.finding(subject.source).expected(cn, names.join(", "))])
}

fn expected_name(subject: &Subject<'_>) -> Judged {
    let wanted = subject.question.expected.references();
    if wanted.is_empty() {
        return Judged::NotApplicable(NO_NAME.into());
    }
    let told_by_cn = subject.question.profile.applies(&SUBJECT_CN)
        && wanted_cn(&subject.question.expected)
            .is_some_and(|(cn, _)| !cn.eq_ignore_ascii_case(common_name(subject)));
    if told_by_cn {
        return Judged::NotApplicable("the subject CN is another name already".into());
    }
    let cn_fallback = subject.question.cn_counts();
    let missing = wanted.iter().filter(|name| name.matches(subject.claims, cn_fallback) == NameMatch::No);
    let findings: Vec<_> = missing
        .map(|name| {
            let names: Vec<String> =
                subject.claims.extensions.alt_names().iter().map(ToString::to_string).collect();
            let observed = match (names.is_empty(), common_name(subject)) {
                (false, _) => names.join(", "),
                (true, "") => "no name at all".to_string(),
                (true, cn) => format!("no alternative names (CN={cn}, which does not count)"),
            };
            EXPECTED_NAME.finding(subject.source).expected(name.to_string(), observed)
        })
        .collect();
    Judged::from(findings)
}

fn san_lacks_front_end(subject: &Subject<'_>) -> Judged {
    let (Expected::Pool(pool), Side::Ocs) = (&subject.question.expected, subject.side) else {
        return Judged::NotApplicable("no pool was named (--pool)".into());
    };
    let mut others = subject.claims.extensions.dns_names().filter(|name| {
        let sip = name.to_ascii_lowercase().starts_with("sip.");
        !sip && !name.eq_ignore_ascii_case(pool.as_str())
    });
    match others.next() {
        Some(_) => Judged::Passed,
        None => Judged::Found(vec![
            SAN_LACKS_FRONT_END.finding(subject.source).observed("", format!("{pool} alone")),
        ]),
    }
}

fn wildcard(subject: &Subject<'_>) -> Judged {
    let names = subject.claims.extensions.dns_names().chain(subject.claims.subject.common_name());
    let wild: Vec<&str> = names.filter(|name| name.contains('*')).collect();
    match wild.first() {
        None => Judged::Passed,
        Some(_) => Judged::Found(vec![WILDCARD.finding(subject.source).observed("", wild.join(", "))]),
    }
}

fn peer_subject(subject: &Subject<'_>) -> Judged {
    let (Some(peers), Side::Ocs) = (&subject.question.peer_subjects, subject.side) else {
        return Judged::NotApplicable(
            "no TLS peer subjects are known (tls_peer_subjects in a federation file)".into(),
        );
    };
    let cn = common_name(subject);
    if peers.iter().any(|peer| peer.as_str().eq_ignore_ascii_case(cn)) {
        return Judged::Passed;
    }
    let listed = peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let listed = if listed.is_empty() { "none".to_string() } else { listed };
    Judged::Found(vec![
        PEER_SUBJECT.finding(subject.source).wanted("subject CN", cn).observed("TLS peer subjects", listed),
    ])
}

fn cn_as_host_name(subject: &Subject<'_>) -> Judged {
    let wanted = subject.question.expected.references();
    if wanted.is_empty() {
        return Judged::NotApplicable(NO_NAME.into());
    }
    if !subject.question.cn_counts() {
        return Judged::NotApplicable("under --crypto modern the CN does not count".into());
    }
    let by_cn = wanted.iter().any(|name| name.matches(subject.claims, true) == NameMatch::CommonName);
    match by_cn {
        false => Judged::Passed,
        true => Judged::Found(vec![
            CN_AS_HOST_NAME.finding(subject.source).observed("", format!("CN={}", common_name(subject))),
        ]),
    }
}
