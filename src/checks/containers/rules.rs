//! The table: rule, readers, remedy. What OpenSSL and Java refuse was measured (docs/containers.md); what Windows and
//! IM and Presence refuse is documented by their makers.

use super::{Reader, Row};
use crate::findings::{Evidence, Rule, Severity};
use crate::model::container::{
    Cipher, ContainerKind, Digest, Encoding, Kdf, Oddity, Origin, PasswordKind, Pfx, Protection, Scheme,
};
use crate::model::{Certificate, Contents, KeyAlgorithm, KeySpec, Object};
use crate::text::{count, grouped, shell_word};

use Reader::{Imp, Java, OldWindows, OpenSsl, Windows};

const fn row(
    (code, name, severity): (&'static str, &'static str, Severity),
    [title, why, remedy]: [&'static str; 3],
    refs: &'static [&'static str],
    refused_by: &'static [Reader],
    evidence: fn(&Contents) -> Vec<Evidence>,
) -> Row {
    let rule = Rule { code, name, severity, title, why, remedy, refs };
    Row { rule, refused_by, command: None, evidence }
}

/// The rules in the order of their codes.
pub(super) static ROWS: &[Row] = &[
    row(
        ("OCS-CON-001", "unreadable-part", Severity::Warning),
        [
            "a part of the file cannot be read",
            "What is broken hides nothing of the rest, but whoever needs that part gets nothing: another program may refuse the whole file.",
            "copy or download the file again, or leave the part out",
        ],
        &["RFC 7468"],
        &[],
        |contents| {
            let problem = |p: &crate::model::container::Problem| {
                fact(p.place.line.map_or_else(String::new, |line| format!("line {line}")), &p.what)
            };
            contents.problems.iter().map(problem).collect()
        },
    ),
    Row {
        command: Some(for_old_windows),
        ..row(
            ("OCS-CON-002", "newer-than-windows-2016", Severity::Warning),
            [
                "the PFX is closed in a way that Windows Server 2016 and older do not know",
                "They read 3DES, RC2 and RC4 with a MAC of SHA-1, and call anything newer a wrong password.",
                "write it anew with 3DES and SHA-1",
            ],
            &["RFC 8018 section 6.2", "checklist 21"],
            &[OldWindows],
            |contents| {
                let ciphers = closed(contents).filter(|(_, scheme)| scheme.pbes2);
                let macs = pfxs(contents).filter_map(|(pfx, _)| pfx.mac.as_ref());
                let macs = macs.filter(|mac| mac.digest != Digest::Sha1).map(|mac| fact("MAC", mac));
                ciphers.map(|(at, scheme)| fact(at, scheme)).chain(macs).collect()
            },
        )
    },
    row(
        ("OCS-CON-003", "cipher-unknown-to-windows", Severity::Warning),
        [
            "the PFX is closed with a cipher that no Windows reads",
            "Windows reads the ciphers of PKCS#12 itself and, since Server 2019, AES: all else fails with a wrong password or invalid data.",
            "write it anew with AES or 3DES: ocscert export",
        ],
        &["RFC 7292 appendix C"],
        &[OldWindows, Windows],
        |contents| {
            let unknown = |scheme: &Scheme| match scheme.kdf {
                Kdf::Pkcs12 { .. } => false,
                Kdf::Pbkdf2 { .. } => !matches!(scheme.cipher, Cipher::Aes { .. }),
                _ => true,
            };
            closed(contents)
                .filter(|(_, scheme)| unknown(scheme))
                .map(|(at, scheme)| fact(at, scheme))
                .collect()
        },
    ),
    row(
        ("OCS-CON-004", "cipher-unknown-to-java", Severity::Warning),
        [
            "the PFX is closed in a way that Java does not read",
            "Java reads PKCS#12's 3DES, RC2 and RC4 and AES of 128 and 256 bits; keytool opens nothing of a file with another cipher, nor a key that lies open.",
            "write it anew with AES or 3DES: ocscert export",
        ],
        &["docs/containers.md"],
        &[Java],
        |contents| {
            let known = |scheme: &Scheme| match (&scheme.kdf, scheme.cipher) {
                (Kdf::Pkcs12 { .. }, cipher) => cipher != Cipher::TwoKeyTripleDes,
                (Kdf::Pbkdf1 { digest, .. }, cipher) => (*digest, cipher) == (Digest::Md5, Cipher::Des),
                (Kdf::Pbkdf2 { .. }, Cipher::Aes { bits }) => bits != 192,
                _ => false,
            };
            let ciphers = closed(contents).filter(|(_, scheme)| !known(scheme));
            let macs = pfxs(contents).filter_map(|(pfx, _)| pfx.mac.as_ref());
            let macs = macs.filter(|mac| mac.digest == Digest::Md5).map(|mac| fact("MAC", mac));
            ciphers.map(|(at, scheme)| fact(at, scheme)).chain(open_keys(contents)).chain(macs).collect()
        },
    ),
    row(
        ("OCS-CON-005", "cipher-retired-by-openssl", Severity::Info),
        [
            "a cipher that OpenSSL 3 opens with its legacy provider alone",
            "RC2, RC4 and single DES are no longer loaded by itself: programs built on OpenSSL 3 say \"unsupported\" or \"wrong password\". openssl itself takes them with -legacy.",
            "write it anew with AES: ocscert export, or openssl pkcs8 -topk8 for a key",
        ],
        &["docs/containers.md"],
        &[OpenSsl],
        |contents| {
            let retired = |scheme: &Scheme| {
                matches!(scheme.cipher, Cipher::Rc2 { .. } | Cipher::Rc4 { .. } | Cipher::Des)
                    || matches!(scheme.kdf, Kdf::Pbkdf1 { .. })
            };
            let keys = keys(contents).filter(|(_, scheme)| !matches!(scheme.kdf, Kdf::OpenSsl { .. }));
            let all = closed(contents).chain(keys).filter(|(_, scheme)| retired(scheme));
            all.map(|(at, scheme)| fact(at, scheme)).collect()
        },
    ),
    row(
        ("OCS-CON-006", "password-beyond-ascii", Severity::Info),
        [
            "the password of the PFX has characters that keytool does not take",
            "Java's keytool wants passwords of ASCII characters; other programs make different bytes of the others, so that the right password may be refused.",
            "write it anew with a password of ASCII letters, digits and signs",
        ],
        &["RFC 7292 appendix B.1", "docs/containers.md"],
        &[Java],
        |contents| {
            let beyond = pfxs(contents).filter(|(_, password)| *password == Some(PasswordKind::NonAscii));
            beyond.map(|_| fact("password", "other characters than ASCII")).collect()
        },
    ),
    row(
        ("OCS-CON-007", "no-mac", Severity::Warning),
        [
            "the PFX has no MAC: nothing shows whether it was changed",
            "Whoever can write to the file can exchange certificates in it unseen. Windows, Java and OpenSSL 3 read it; NSS, OpenSSL before 3.0 and macOS refuse it, some with \"wrong password\".",
            "write it anew with a MAC: ocscert export",
        ],
        &["RFC 7292 section 4"],
        &[],
        |contents| {
            let bare = |(pfx, password): &(&Pfx, Option<PasswordKind>)| {
                pfx.mac.is_none() && *password != Some(PasswordKind::NotNeeded)
            };
            pfxs(contents).filter(bare).map(|_| fact("MAC", "none")).collect()
        },
    ),
    row(
        ("OCS-CON-008", "key-not-for-exchange", Severity::Warning),
        [
            "Windows may take the key for one that only signs",
            "Without KeySpec AT_KEYEXCHANGE CryptoAPI may store it as a signature key: Schannel, and OCS with it, then cannot use it for TLS.",
            "write it anew with ocscert export, or with openssl pkcs12 -export -keyex",
        ],
        &["checklist 21"],
        &[],
        |contents| {
            let rsa = pfx_keys(contents)
                .filter(|(_, key, _)| matches!(key.public().algorithm, KeyAlgorithm::Rsa { .. }));
            let other = rsa.filter_map(|(at, key, _)| match key.key_spec() {
                Some(KeySpec::Exchange) => None,
                Some(KeySpec::Signature) => Some(expected(at, "AT_KEYEXCHANGE", "AT_SIGNATURE")),
                _ => Some(expected(at, "AT_KEYEXCHANGE", "no KeySpec")),
            });
            other.collect()
        },
    ),
    row(
        ("OCS-CON-009", "cng-provider", Severity::Warning),
        [
            "the key belongs to a CNG provider, which OCS and Lync do not use",
            "A key that Windows puts into a key storage provider instead of CryptoAPI is invisible to OCS 2007 R2 and Lync Server: the certificate cannot be selected, or its key is not found.",
            "write it anew with ocscert export, which names the SChannel provider",
        ],
        &["checklist 21"],
        &[],
        |contents| {
            let cng = pfx_keys(contents).filter_map(|(at, _, origin)| {
                let csp = origin.attributes.csp.as_deref().filter(|csp| CNG.contains(csp))?;
                Some(fact(at, csp))
            });
            cng.collect()
        },
    ),
    row(
        ("OCS-CON-010", "not-for-machine", Severity::Info),
        [
            "the PFX does not say that its key is the machine's",
            "Without that mark a double click puts key and certificate into the user's store, where a service does not look.",
            "import it into the computer account: mmc, or certutil -importpfx",
        ],
        &["checklist 21"],
        &[],
        |contents| {
            let user = pfx_keys(contents).filter(|(.., origin)| !origin.attributes.machine_key_set);
            user.map(|(at, ..)| fact(at, "no local machine key set")).collect()
        },
    ),
    row(
        ("OCS-CON-011", "chain-not-in-pfx", Severity::Info),
        [
            "the PFX does not hold the whole chain above its certificate",
            "What is missing has to be on the server already, or to be imported there: else the server sends an incomplete chain, and peers refuse it.",
            "import the missing certificates too, or write the PFX anew with its chain",
        ],
        &["RFC 5246 section 7.4.2", "checklist 12"],
        &[],
        |contents| {
            let held = pfx_certificates(contents);
            let issued = |child: &Certificate| held.iter().any(|issuer| issuer.subject == child.issuer);
            let missing = held
                .iter()
                .filter(|certificate| !pfx_keys_is_empty(contents) && !issued(certificate))
                .map(|certificate| fact("issuer missing", certificate.issuer.short()));
            missing.collect()
        },
    ),
    row(
        ("OCS-CON-012", "key-without-certificate", Severity::Warning),
        [
            "a key in the PFX is without its certificate",
            "Windows imports such a key where nothing finds it, or not at all.",
            "write the PFX anew with the certificate of this key: ocscert export",
        ],
        &["RFC 7292 section 4.2"],
        &[],
        |contents| {
            let held = pfx_certificates(contents);
            let lonely = pfx_keys(contents)
                .filter(|(_, key, _)| !held.iter().any(|c| c.public_key.is_same(key.public())));
            lonely.map(|(at, key, _)| fact(at, format!("{:?}", key.public()))).collect()
        },
    ),
    Row {
        command: Some(for_imp),
        ..row(
            ("OCS-CON-013", "not-for-imp", Severity::Info),
            [
                "IM and Presence takes one certificate a file, PEM or DER, and no key",
                "Its own key is made on the node with its request and never leaves it; each CA certificate is an upload of its own to cup-trust.",
                "write the CA certificates as files for cup-trust",
            ],
            &["guide, IM and Presence: cup-trust", "checklist 12"],
            &[Imp],
            |contents| {
                let certificates = contents.certificates().count();
                let several = (certificates > 1).then(|| fact("", count(certificates, "certificate")));
                let containers = contents.containers.iter().map(|container| match container.kind {
                    ContainerKind::Pkcs7 { .. } => fact("", "PKCS#7"),
                    ContainerKind::Pfx { .. } => fact("", "PFX"),
                });
                let closed = closed_pfxs(contents).map(|_| fact("", "PFX"));
                containers.chain(closed).chain(several).collect()
            },
        )
    },
    row(
        ("OCS-CON-014", "not-der", Severity::Info),
        [
            "the file is BER, not DER",
            "Lengths that are not said beforehand and strings in pieces are allowed in these files, and readers of DER alone refuse them.",
            "write it anew: ocscert bundle --for p7b, ocscert export",
        ],
        &["X.690 section 10", "RFC 7292 section 4"],
        &[],
        |contents| {
            let pkcs7 = contents.containers.iter().filter_map(|container| match container.kind {
                ContainerKind::Pkcs7 { ber: true } => Some(fact("", "PKCS#7 in BER")),
                _ => None,
            });
            pkcs7.chain(pfxs(contents).filter(|(pfx, _)| pfx.ber).map(|_| fact("", "PFX in BER"))).collect()
        },
    ),
    row(
        ("OCS-CON-015", "many-iterations", Severity::Info),
        [
            "more iterations than .NET's newer loader takes by itself",
            "X509CertificateLoader of .NET 9 and later refuses more than 300,000 for one part unless told otherwise; the import of Windows itself does not mind.",
            "import it with the tools of Windows, or give the loader higher limits",
        ],
        &[".NET: Pkcs12LoaderLimits"],
        &[],
        |contents| {
            let many = |kdf: &Kdf| kdf.iterations() > DOTNET_ITERATIONS;
            let ciphers = closed(contents).filter(|(_, scheme)| many(&scheme.kdf));
            let macs = pfxs(contents).filter_map(|(pfx, _)| pfx.mac.as_ref()).filter(|mac| many(&mac.kdf));
            let iterations = |kdf: &Kdf| format!("{} iterations", grouped(kdf.iterations()));
            let macs = macs.map(|mac| fact("MAC", iterations(&mac.kdf)));
            ciphers.map(|(at, scheme)| fact(at, iterations(&scheme.kdf))).chain(macs).collect()
        },
    ),
    row(
        ("OCS-CON-016", "few-iterations", Severity::Warning),
        [
            "the password is quickly guessed: hardly any work stands before it",
            "Fewer than a thousand iterations let anybody who has the file try millions of passwords a second.",
            "close it anew: ocscert export for a PFX, openssl pkcs8 -topk8 for a key; and take a long password",
        ],
        &["RFC 8018 section 4.2"],
        &[],
        |contents| {
            let few = |kdf: &Kdf| kdf.iterations() < FEWEST_ITERATIONS;
            let ciphers = closed(contents).chain(keys(contents)).filter(|(_, scheme)| few(&scheme.kdf));
            let macs = pfxs(contents).filter_map(|(pfx, _)| pfx.mac.as_ref()).filter(|mac| few(&mac.kdf));
            ciphers.map(|(at, scheme)| fact(at, scheme)).chain(macs.map(|mac| fact("MAC", mac))).collect()
        },
    ),
    row(
        ("OCS-CON-017", "utf-16", Severity::Warning),
        [
            "the text is UTF-16, which hardly anybody reads as a certificate",
            "Notepad and PowerShell's > write it; OpenSSL, Java and GnuTLS see no certificate in it.",
            "save it as ASCII or UTF-8 without a byte order mark: ocscert bundle writes it so",
        ],
        &["RFC 7468 section 2", "docs/containers.md"],
        &[Java, OpenSsl, Imp],
        |contents| encoded(contents, &[Encoding::Utf16Le, Encoding::Utf16Be]),
    ),
    row(
        ("OCS-CON-018", "byte-order-mark", Severity::Info),
        [
            "the text begins with a byte order mark",
            "Java sees no certificate behind it.",
            "save it without: ocscert bundle writes it so",
        ],
        &["RFC 7468 section 2", "docs/containers.md"],
        &[Java],
        |contents| encoded(contents, &[Encoding::Utf8Bom]),
    ),
    row(
        ("OCS-CON-019", "lone-cr", Severity::Warning),
        [
            "the lines end in CR alone, as on very old Macs",
            "OpenSSL, and what is built on it, sees a single line without a certificate.",
            "write it anew: ocscert bundle",
        ],
        &["RFC 7468 section 3", "docs/containers.md"],
        &[OpenSsl],
        |contents| {
            let shape = contents.shape.iter().filter(|shape| shape.lone_cr);
            shape.map(|_| fact("line ends", "CR")).collect()
        },
    ),
    row(
        ("OCS-CON-020", "spaced-out", Severity::Info),
        [
            "blank or indented lines inside a block",
            "Mail programs and forms leave them; OpenSSL refuses both, Java indented ones.",
            "write it anew: ocscert bundle",
        ],
        &["RFC 7468 section 2", "docs/containers.md"],
        &[OpenSsl],
        |contents| {
            odd(contents, &[(Oddity::BlankLines, "blank lines"), (Oddity::Indented, "indented lines")])
        },
    ),
    row(
        ("OCS-CON-021", "bare-base64", Severity::Info),
        [
            "base64 without BEGIN and END lines",
            "Windows reads it; OpenSSL, Java and IM and Presence want the lines.",
            "write it anew: ocscert bundle",
        ],
        &["RFC 7468 section 2", "docs/containers.md"],
        &[Java, OpenSsl, Imp],
        |contents| odd(contents, &[(Oddity::BareBase64, "no BEGIN line")]),
    ),
    row(
        ("OCS-CON-022", "trusted-label", Severity::Info),
        [
            "a TRUSTED CERTIFICATE, which only OpenSSL reads",
            "It is a certificate with OpenSSL's own notes behind it.",
            "write it anew: ocscert bundle",
        ],
        &["openssl x509 -trustout", "docs/containers.md"],
        &[OldWindows, Windows, Java, Imp],
        |contents| odd(contents, &[(Oddity::TrustedLabel, "TRUSTED CERTIFICATE")]),
    ),
    row(
        ("OCS-CON-023", "pkcs7-as-certificate", Severity::Info),
        [
            "PKCS#7 under the label of a certificate",
            "Microsoft's pages hand out chains so. Servers built on OpenSSL, and GnuTLS, look for a certificate there and fail; only openssl pkcs7 and Java look at what it is.",
            "write the certificates themselves: ocscert bundle",
        ],
        &["RFC 7468 section 8", "docs/containers.md"],
        &[OpenSsl, Imp],
        |contents| odd(contents, &[(Oddity::Pkcs7AsCertificate, "PKCS#7 under CERTIFICATE")]),
    ),
];

/// .NET's default for one part and for the MAC.
const DOTNET_ITERATIONS: u64 = 300_000;

/// RFC 8018 section 4.2 calls a thousand the least.
const FEWEST_ITERATIONS: u64 = 1000;

/// Providers of CNG.
const CNG: &[&str] = &[
    "Microsoft Software Key Storage Provider",
    "Microsoft Smart Card Key Storage Provider",
    "Microsoft Platform Crypto Provider",
];

fn for_old_windows(file: &str) -> String {
    let file = shell_word(file);
    format!("ocscert export --cert {file} --key {file} --chain {file} --for windows2003 -o windows.pfx")
}

fn for_imp(file: &str) -> String {
    format!("ocscert bundle {} --for imp -o cup-trust", shell_word(file))
}

fn fact(at: impl Into<String>, observed: impl ToString) -> Evidence {
    Evidence { at: at.into(), expected: None, observed: Some(observed.to_string()) }
}

fn expected(at: String, expected: &str, observed: &str) -> Evidence {
    Evidence { at, expected: Some(expected.into()), observed: Some(observed.into()) }
}

/// Every PFX, opened or not, with the kind of password that opened it.
fn pfxs(contents: &Contents) -> impl Iterator<Item = (&Pfx, Option<PasswordKind>)> {
    let opened = contents.containers.iter().filter_map(|container| match &container.kind {
        ContainerKind::Pfx { pfx, password } => Some((pfx, Some(*password))),
        ContainerKind::Pkcs7 { .. } => None,
    });
    opened.chain(closed_pfxs(contents).map(|pfx| (pfx, None)))
}

fn closed_pfxs(contents: &Contents) -> impl Iterator<Item = &Pfx> {
    contents.items.iter().filter_map(|item| match &item.object {
        Object::Pfx(pfx) => Some(pfx),
        _ => None,
    })
}

/// How the parts of PFX files and the keys in them are closed, as far as it can be seen, with their place.
fn closed(contents: &Contents) -> impl Iterator<Item = (String, Scheme)> {
    let scheme = |protection: &Protection| match protection {
        Protection::Password(scheme) => Some(scheme.clone()),
        _ => None,
    };
    let mut found = Vec::new();
    for (pfx, _) in pfxs(contents) {
        for (i, part) in pfx.parts.iter().enumerate() {
            found.extend(scheme(&part.protection).map(|scheme| (format!("part {}", i + 1), scheme)));
            let keys = part.seen().into_iter().filter_map(|bag| scheme(&bag.protection));
            found.extend(keys.map(|scheme| (format!("key in part {}", i + 1), scheme)));
        }
    }
    // Keys closed once more inside a closed part.
    for (_, _, origin) in pfx_keys(contents) {
        if let Some(scheme) = scheme(&origin.protection) {
            let at = format!("key in part {}", origin.part + 1);
            if !found.iter().any(|(known, _)| *known == at) {
                found.push((at, scheme));
            }
        }
    }
    found.into_iter()
}

/// How keys that are files or blocks of their own are or were closed.
fn keys(contents: &Contents) -> impl Iterator<Item = (String, Scheme)> {
    contents.items.iter().filter_map(|item| {
        let protection = match (&item.object, &item.origin) {
            (Object::EncryptedKey(key), _) => &key.protection,
            (Object::Key(_), Some(origin)) if origin.container.is_none() => &origin.protection,
            _ => return None,
        };
        let Protection::Password(scheme) = protection else { return None };
        Some(("key".to_string(), scheme.clone()))
    })
}

/// Keys in PFX files that lie open in a part that does.
fn open_keys(contents: &Contents) -> impl Iterator<Item = Evidence> {
    let parts = pfxs(contents).flat_map(|(pfx, _)| pfx.parts.iter());
    let open =
        parts.flat_map(|part| part.seen()).filter(|bag| bag.is_key && bag.protection == Protection::None);
    open.map(|_| fact("key", "not encrypted"))
}

/// The keys that came out of PFX files, with their place.
fn pfx_keys(contents: &Contents) -> impl Iterator<Item = (String, &crate::model::PrivateKey, &Origin)> {
    contents.items.iter().enumerate().filter_map(|(i, item)| match (&item.object, &item.origin) {
        (Object::Key(key), Some(origin)) if origin.container.is_some() => {
            Some((format!("#{}", i + 1), key, &**origin))
        }
        _ => None,
    })
}

fn pfx_keys_is_empty(contents: &Contents) -> bool {
    pfx_keys(contents).next().is_none()
}

/// The certificates that came out of PFX files.
fn pfx_certificates(contents: &Contents) -> Vec<&Certificate> {
    let from_pfx = |origin: &Origin| {
        let container = origin.container.and_then(|at| contents.containers.get(at));
        container.is_some_and(|container| matches!(container.kind, ContainerKind::Pfx { .. }))
    };
    let certificates = contents.items.iter().filter_map(|item| match (&item.object, &item.origin) {
        (Object::Certificate(certificate), Some(origin)) if from_pfx(origin) => Some(&**certificate),
        _ => None,
    });
    certificates.collect()
}

fn encoded(contents: &Contents, encodings: &[Encoding]) -> Vec<Evidence> {
    let shape = contents.shape.iter().filter(|shape| encodings.contains(&shape.encoding));
    shape.map(|shape| fact("", shape.encoding)).collect()
}

fn odd(contents: &Contents, oddities: &[(Oddity, &str)]) -> Vec<Evidence> {
    let noted: Vec<_> = contents.shape.iter().flat_map(|shape| &shape.oddities).collect();
    let found = oddities.iter().filter_map(|(oddity, words)| {
        let (_, line) = noted.iter().find(|(noted, _)| noted == oddity)?;
        Some(fact(format!("line {line}"), words))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_from_one_without_a_gap() {
        for (i, row) in ROWS.iter().enumerate() {
            assert_eq!(row.rule.code, format!("OCS-CON-{:03}", i + 1));
        }
    }
}
