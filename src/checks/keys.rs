//! Keys, key usage and signature algorithms (checklist 5, 14, 15, 19).

use super::{Check, Issued, Judge, Judged, Side, Subject};
use crate::findings::{Finding, Rule, Severity};
use crate::model::{Claims, Hash, KeyAlgorithm, KeyUsage, PublicKey, SignatureAlgorithm};
use crate::text;

/// Key usage lacks what TLS needs.
pub static KEY_USAGE: Rule = Rule {
    code: "OCS-KEY-001",
    name: "key-usage",
    severity: Severity::Error,
    title: "the key usage does not allow what the handshake needs",
    why: "These servers use RSA key exchange (keyEncipherment) and sign as clients (digitalSignature). An EC key signs only (RFC 8813).",
    remedy: "request a certificate with the right key usage; ocscert csr asks for it",
    refs: &["RFC 5280 section 4.2.1.3", "RFC 8813 section 3", "checklist 5"],
};

/// No key usage extension.
pub static NO_KEY_USAGE: Rule = Rule {
    code: "OCS-KEY-002",
    name: "no-key-usage",
    severity: Severity::Warning,
    title: "there is no key usage extension",
    why: "Nothing is restricted then; some peers want to see digitalSignature and keyEncipherment.",
    remedy: "request a certificate with a key usage at the next renewal",
    refs: &["RFC 5280 section 4.2.1.3", "checklist 5"],
};

/// IM&P's own certificate lacks dataEncipherment.
pub static CUP_DATA_ENCIPHERMENT: Rule = Rule {
    code: "OCS-KEY-003",
    name: "cup-data-encipherment",
    severity: Severity::Warning,
    title: "the cup certificate lacks dataEncipherment, which its request asks for",
    why: "IM and Presence asks for it in its own requests; some releases warn about certificates without it.",
    remedy: "have the CA keep the key usage of the request",
    refs: &["checklist 5"],
};

/// A key too small for the era.
pub static WEAK_KEY: Rule = Rule {
    code: "OCS-KEY-004",
    name: "weak-key",
    severity: Severity::Error,
    title: "the key is too small",
    why: "RSA keys below 2048 bits are refused by current systems, and below 1024 by updated old ones (KB2661254).",
    remedy: "make a new key of 2048 bits and request a new certificate",
    refs: &["checklist 14"],
};

/// RSA 1024 in the legacy era.
pub static OLD_KEY: Rule = Rule {
    code: "OCS-KEY-005",
    name: "rsa-1024",
    severity: Severity::Warning,
    title: "an RSA key of 1024 bits: accepted by servers of that age only",
    why: "It can be broken by those who want to badly enough, and current systems refuse it.",
    remedy: "make a new key of 2048 bits at the next renewal",
    refs: &["checklist 14"],
};

/// A key larger than documented.
pub static LARGE_KEY: Rule = Rule {
    code: "OCS-KEY-006",
    name: "large-key",
    severity: Severity::Error,
    title: "the RSA key is larger than 4096 bits, the documented maximum",
    why: "OCS, Lync and IM and Presence document 4096 bits as the largest key they use.",
    remedy: "make a key of 2048 to 4096 bits",
    refs: &["checklist 14"],
};

/// An elliptic curve key.
pub static EC_KEY: Rule = Rule {
    code: "OCS-KEY-007",
    name: "ec-key",
    severity: Severity::Error,
    title: "an elliptic curve key: OCS 2007 R2 cannot use it",
    why: "Schannel of Server 2003 knows no elliptic curves, and the service of OCS 2007 R2 wants an RSA key of a CryptoAPI provider.",
    remedy: "make an RSA key: ocscert csr --key-type rsa2048",
    refs: &["checklist 14"],
};

/// MD2 or MD5.
pub static BROKEN_HASH: Rule = Rule {
    code: "OCS-KEY-008",
    name: "broken-hash",
    severity: Severity::Error,
    title: "signed with MD2 or MD5: anybody can forge such a signature",
    why: "Forged certificates with MD5 have been made since 2008; Windows refuses them (KB2862973).",
    remedy: "have the CA sign with SHA-256 and request a new certificate",
    refs: &["RFC 6151", "checklist 15"],
};

/// SHA-1.
pub static SHA1: Rule = Rule {
    code: "OCS-KEY-009",
    name: "sha1-signature",
    severity: Severity::Warning,
    title: "signed with SHA-1: current systems refuse it",
    why: "Collisions have been made since 2017. Servers of 2003 need it without a hotfix; everything since 2016 refuses it.",
    remedy: "have the CA sign with SHA-256",
    refs: &["RFC 9155", "checklist 15"],
};

/// SHA-384 or SHA-512.
pub static LARGE_HASH: Rule = Rule {
    code: "OCS-KEY-010",
    name: "sha512-signature",
    severity: Severity::Warning,
    title: "signed with SHA-512, which TLS 1.2 of Windows Server 2008 R2 to 2012 R2 leaves out",
    why: "Schannel did not offer SHA-512 in TLS 1.2 before an update (KB2973337), and handshakes fail without saying why.",
    remedy: "have the CA sign with SHA-256",
    refs: &["KB2973337", "checklist 15"],
};

/// RSASSA-PSS.
pub static PSS: Rule = Rule {
    code: "OCS-KEY-011",
    name: "pss-signature",
    severity: Severity::Error,
    title: "signed with RSASSA-PSS (\"alternate signature algorithm\"), which these servers do not read",
    why: "Server 2003 and IM and Presence cannot verify PSS signatures in certificates.",
    remedy: "have the CA set AlternateSignatureAlgorithm=0 and issue the certificate anew",
    refs: &["checklist 15"],
};

/// SHA-256 on Server 2003.
pub static SHA256_ON_2003: Rule = Rule {
    code: "OCS-KEY-012",
    name: "sha256-on-2003",
    severity: Severity::Info,
    title: "signed with SHA-256: Windows Server 2003 needs hotfix KB968730 to read it",
    why: "Without the hotfix Server 2003 cannot verify SHA-2 signatures. It supersedes KB938397; the x64 build has it too.",
    remedy: "on Server 2003, install KB968730 before the certificate is selected",
    refs: &["KB968730", "checklist 15"],
};

/// The key is not ours.
pub static KEY_NOT_OURS: Rule = Rule {
    code: "OCS-KEY-013",
    name: "key-not-ours",
    severity: Severity::Error,
    title: "the certificate is for another key than the one that was given",
    why: "A server proves its certificate with the private key: with another key the handshake fails (alert 51), and Windows imports it without a key.",
    remedy: "find the key that the request was made with, or make a new request; ocscert inspect shows each key's identifier",
    refs: &["RFC 5280 section 4.1.2.7", "checklist 19"],
};

/// The checks of this family.
pub const CHECKS: &[Check] = &[
    Check { rule: &KEY_USAGE, judge: Judge::Claims(key_usage) },
    Check { rule: &NO_KEY_USAGE, judge: Judge::Claims(no_key_usage) },
    Check { rule: &CUP_DATA_ENCIPHERMENT, judge: Judge::Claims(cup_data_encipherment) },
    Check { rule: &WEAK_KEY, judge: Judge::Claims(|s| each(s, &WEAK_KEY, weak_key)) },
    Check { rule: &OLD_KEY, judge: Judge::Claims(|s| each(s, &OLD_KEY, old_key)) },
    Check { rule: &LARGE_KEY, judge: Judge::Claims(|s| each(s, &LARGE_KEY, large_key)) },
    Check { rule: &EC_KEY, judge: Judge::Claims(ec_key) },
    Check { rule: &BROKEN_HASH, judge: Judge::Issued(|_, i| each_signed(i, &BROKEN_HASH, is_broken)) },
    Check { rule: &SHA1, judge: Judge::Issued(sha1) },
    Check { rule: &LARGE_HASH, judge: Judge::Issued(|_, i| each_signed(i, &LARGE_HASH, is_large)) },
    Check { rule: &PSS, judge: Judge::Issued(|_, i| each_signed(i, &PSS, is_pss)) },
    Check { rule: &SHA256_ON_2003, judge: Judge::Issued(sha256_on_2003) },
    Check { rule: &KEY_NOT_OURS, judge: Judge::Issued(key_not_ours) },
];

fn needed(key: &PublicKey) -> KeyUsage {
    match key.algorithm {
        KeyAlgorithm::Rsa { .. } => KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::KEY_ENCIPHERMENT.0),
        _ => KeyUsage::DIGITAL_SIGNATURE,
    }
}

fn key_usage(subject: &Subject<'_>) -> Judged {
    let Some(usage) = &subject.claims.extensions.key_usage else {
        return Judged::NotApplicable("there is no key usage, which restricts nothing".into());
    };
    let needed = needed(subject.claims.public_key);
    if usage.value.contains(needed) {
        return Judged::Passed;
    }
    let observed = usage.value.names();
    let observed = if observed.is_empty() { "none".to_string() } else { observed.join(", ") };
    Judged::Found(vec![KEY_USAGE.finding(subject.source).expected(needed.names().join(" and "), observed)])
}

fn no_key_usage(subject: &Subject<'_>) -> Judged {
    match subject.claims.extensions.key_usage {
        Some(_) => Judged::Passed,
        None => Judged::Found(vec![
            NO_KEY_USAGE
                .finding(subject.source)
                .expected(needed(subject.claims.public_key).names().join(" and "), "no such extension"),
        ]),
    }
}

fn cup_data_encipherment(subject: &Subject<'_>) -> Judged {
    let (Side::Imp, Some(usage)) = (subject.side, &subject.claims.extensions.key_usage) else {
        return Judged::NotApplicable("for IM and Presence's own certificate only".into());
    };
    match usage.value.contains(KeyUsage::DATA_ENCIPHERMENT) {
        true => Judged::Passed,
        false => Judged::Found(vec![
            CUP_DATA_ENCIPHERMENT
                .finding(subject.source)
                .expected("dataEncipherment", usage.value.names().join(", ")),
        ]),
    }
}

/// Judges the key, and those of every CA above, the anchor's included: it signs the others.
fn each(subject: &Subject<'_>, rule: &'static Rule, bad: fn(&Subject<'_>, &KeyAlgorithm) -> bool) -> Judged {
    let own = (subject.source, subject.claims);
    let above = subject.issuers.iter().map(|c| (c.source, Claims::from(c.certificate)));
    let weak = std::iter::once(own).chain(above).filter(|(_, c)| bad(subject, &c.public_key.algorithm));
    let findings =
        weak.map(|(at, c)| rule.finding(at).observed(c.subject.short(), c.public_key.algorithm.to_string()));
    Judged::from(findings.collect::<Vec<_>>())
}

fn key_not_ours(subject: &Subject<'_>, _: &Issued<'_>) -> Judged {
    let own = subject.own().filter(|own| !(own.keys.is_empty() && own.requests.is_empty()));
    let Some(own) = own else {
        return Judged::NotApplicable("no key and no request were given (--key, --csr)".into());
    };
    let described = |key: &PublicKey| format!("{}, SHA-256 {}", key.algorithm, text::hex(&key.fingerprint()));
    let theirs = &subject.claims.public_key;
    let of_requests: Vec<_> = own.requests.iter().map(|r| (&r.value.public_key, &r.source)).collect();
    let of_keys: Vec<_> = own.keys.iter().map(|k| (&k.value, &k.source)).collect();
    // Each kind must hold it: a request that fits and a key that does not is the classic mix-up.
    let strangers = [of_keys, of_requests].into_iter().filter(|ours| !ours.is_empty());
    let strangers = strangers.filter(|ours| !ours.iter().any(|(key, _)| key.is_same(theirs)));
    let findings = strangers.map(|ours| {
        let finding = KEY_NOT_OURS.finding(subject.source);
        let finding = ours.iter().fold(finding, |finding, (key, source)| {
            finding.wanted(format!("key of {source}"), described(key))
        });
        finding.observed("certificate", described(theirs))
    });
    Judged::from(findings.collect::<Vec<_>>())
}

fn rsa_bits(algorithm: &KeyAlgorithm) -> Option<usize> {
    match algorithm {
        KeyAlgorithm::Rsa { bits } | KeyAlgorithm::RsaPss { bits } => Some(*bits),
        _ => None,
    }
}

fn weak_key(subject: &Subject<'_>, algorithm: &KeyAlgorithm) -> bool {
    let least = if subject.question.is_legacy() { 1024 } else { 2048 };
    rsa_bits(algorithm).is_some_and(|bits| bits < least)
}

fn old_key(subject: &Subject<'_>, algorithm: &KeyAlgorithm) -> bool {
    subject.question.is_legacy() && rsa_bits(algorithm).is_some_and(|bits| (1024..2048).contains(&bits))
}

fn large_key(_: &Subject<'_>, algorithm: &KeyAlgorithm) -> bool {
    rsa_bits(algorithm).is_some_and(|bits| bits > 4096)
}

fn ec_key(subject: &Subject<'_>) -> Judged {
    match rsa_bits(&subject.claims.public_key.algorithm) {
        Some(_) => Judged::Passed,
        None => Judged::Found(vec![
            EC_KEY.finding(subject.source).expected("RSA", subject.claims.public_key.algorithm.to_string()),
        ]),
    }
}

/// Judges the signature of every certificate of the path but the anchor's own, which nobody verifies.
fn each_signed(issued: &Issued<'_>, rule: &'static Rule, bad: fn(&SignatureAlgorithm) -> bool) -> Judged {
    let findings = issued.signed_path().filter(|c| bad(&c.certificate.signature_algorithm));
    let findings: Vec<Finding> = findings
        .map(|c| {
            rule.finding(c.source)
                .observed(c.certificate.subject.short(), c.certificate.signature_algorithm.to_string())
        })
        .collect();
    Judged::from(findings)
}

pub(super) fn is_broken(algorithm: &SignatureAlgorithm) -> bool {
    is_hash(algorithm, &[Hash::Md2, Hash::Md5])
}

fn is_large(algorithm: &SignatureAlgorithm) -> bool {
    is_hash(algorithm, &[Hash::Sha512])
}

pub(super) fn is_pss(algorithm: &SignatureAlgorithm) -> bool {
    matches!(algorithm, SignatureAlgorithm::RsaPss { .. })
}

pub(super) fn is_hash(algorithm: &SignatureAlgorithm, hashes: &[Hash]) -> bool {
    algorithm.hash().is_some_and(|hash| hashes.contains(&hash))
}

fn sha1(subject: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    let judged = each_signed(issued, &SHA1, |algorithm| is_hash(algorithm, &[Hash::Sha1]));
    match judged {
        Judged::Found(findings) if !subject.question.is_legacy() => {
            Judged::Found(findings.into_iter().map(|f| f.severity(Severity::Error)).collect())
        }
        judged => judged,
    }
}

fn sha256_on_2003(_: &Subject<'_>, issued: &Issued<'_>) -> Judged {
    // One line is enough, whatever the length of the path.
    match issued.signed_path().find(|c| is_hash(&c.certificate.signature_algorithm, &[Hash::Sha256])) {
        None => Judged::Passed,
        Some(c) => Judged::Found(vec![
            SHA256_ON_2003
                .finding(c.source)
                .observed(c.certificate.subject.short(), c.certificate.signature_algorithm.to_string()),
        ]),
    }
}
