//! What cannot be read says what it is and how to convert it.

use crate::model::asn1;
use crate::model::oid::{self, Oid};

/// How files begin that are something else.
const SIGNS: &[(&[u8], &str)] = &[
    (
        &[0xfe, 0xed, 0xfe, 0xed],
        "a Java keystore (JKS); convert it: keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 -deststoretype PKCS12",
    ),
    (
        &[0xce, 0xce, 0xce, 0xce],
        "a Java keystore (JCEKS); convert it: keytool -importkeystore -srckeystore OLD -srcstoretype JCEKS -destkeystore NEW.p12 -deststoretype PKCS12",
    ),
    (
        b"\0\0\0\0CERT",
        "a Microsoft serialized certificate store (.sst); convert it on Windows: certutil -split -dump OLD",
    ),
    (
        &[0x1e, 0xf1, 0xb5, 0xb0],
        "a Microsoft private key (.pvk); convert it: openssl rsa -inform PVK -in OLD -out NEW",
    ),
    (
        &[0x07, 0x02, 0, 0],
        "a Microsoft private key blob; convert it: openssl rsa -inform MSBLOB -in OLD -out NEW",
    ),
    (
        b"SQLite format 3\0",
        "a database, perhaps NSS's (cert9.db, key4.db); export from it: pk12util -o NEW.p12 -n NAME -d sql:FOLDER",
    ),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"MSCF", "a cabinet archive; unpack it first"),
    (b"%PDF", "a PDF document; the file itself is needed"),
    (b"\xd0\xcf\x11\xe0", "an Office document or an Outlook message; save its attachment"),
];

/// How texts begin that are something else.
const TEXTS: &[(&str, &str)] = &[
    (
        "<",
        "an HTML or XML page, perhaps a logon or error page saved as a certificate; open it in a browser, log on and download again",
    ),
    ("ssh-", "an SSH public key; certificates are needed, which SSH does not use"),
    ("ecdsa-sha2-", "an SSH public key; certificates are needed, which SSH does not use"),
    ("---- BEGIN SSH2", "an SSH public key; certificates are needed, which SSH does not use"),
    (
        "PuTTY-User-Key-File",
        "a PuTTY key; convert it: puttygen OLD -O private-openssh-new -o NEW, then ssh-keygen -p -m PKCS8 -f NEW",
    ),
    ("Certificate:", "what openssl prints of a certificate, without the certificate itself"),
    ("Certificate Request:", "what openssl prints of a request, without the request itself"),
    ("Subject: ", "a mail or a printed certificate; the certificate itself is needed"),
    ("MIME-Version:", "a mail; save its attachment"),
    ("Received:", "a mail; save its attachment"),
    ("From:", "a mail; save its attachment"),
    (
        "[NewRequest]",
        "an INF file for certreq; make the request from it on the server: certreq -new OLD NEW.csr",
    ),
    (
        "[Version]",
        "an INF file for certreq; make the request from it on the server: certreq -new OLD NEW.csr",
    ),
    ("{", "JSON; certificates are needed as PEM or DER"),
];

/// Labels of PEM blocks that hold something else: how the label begins.
const LABELS: &[(&str, &str)] = &[
    ("OPENSSH PRIVATE KEY", "an OpenSSH key; convert it: ssh-keygen -p -m PKCS8 -f FILE"),
    ("SSH2 ", "an SSH key; convert it: ssh-keygen -i -m PKCS8 -f OLD > NEW"),
    ("PGP ", "PGP, which has other keys and certificates than TLS"),
    ("DH PARAMETERS", "Diffie-Hellman parameters, which hold no key and no certificate"),
    ("DSA PARAMETERS", "DSA parameters, which hold no key and no certificate"),
    ("ATTRIBUTE CERTIFICATE", "an attribute certificate, which TLS does not use"),
];

/// PKCS#7 of other kinds, and what stands for it.
const CONTENTS: &[(Oid, &str)] = &[
    (
        oid::ENVELOPED_DATA,
        "a PKCS#7 (CMS) message encrypted for somebody's certificate; decrypt it: openssl cms -decrypt -inform DER -in OLD -inkey KEY -out NEW",
    ),
    (
        oid::AUTH_ENVELOPED_DATA,
        "a CMS message encrypted for somebody's certificate; decrypt it: openssl cms -decrypt -inform DER -in OLD -inkey KEY -out NEW",
    ),
    (oid::SIGNED_AND_ENVELOPED_DATA, "a PKCS#7 message encrypted for somebody's certificate"),
    (oid::ENCRYPTED_DATA, "a PKCS#7 (CMS) message encrypted with a key"),
    (oid::DIGESTED_DATA, "a PKCS#7 (CMS) message with a digest, without certificates"),
    (oid::DATA, "PKCS#7 around data, without certificates"),
    (
        oid::NETSCAPE_CERTIFICATES,
        "a Netscape certificate sequence; convert it: openssl nseq -in OLD -out NEW",
    ),
];

/// What a block is by its label, where that is nothing that is read.
pub(super) fn by_label(label: &str) -> Option<&'static str> {
    LABELS.iter().find(|(known, _)| label.starts_with(known)).map(|(_, what)| *what)
}

/// What DER that no reader here knows may be.
pub(super) fn not_recognised(bytes: &[u8]) -> String {
    if let Some((_, what)) = SIGNS.iter().find(|(sign, _)| bytes.starts_with(sign)) {
        return format!("it looks like {what}");
    }
    let Some(parts) = asn1::sequence(bytes) else {
        return match bytes.first() {
            Some(0x30) => format!("DER that is {}", super::ber::Fault::Malformed),
            _ => "no certificate, request, CRL or key is in it, neither PEM nor DER".into(),
        };
    };
    let kind = parts.first().filter(|(tag, _)| *tag == 0x06).and_then(|(_, kind)| Oid::from_content(kind));
    match CONTENTS.iter().find(|(known, _)| Some(known) == kind.as_ref()) {
        Some((_, what)) => format!("it is {what}"),
        None => "ASN.1, but no certificate, request, CRL, key, PKCS#7 or PFX".into(),
    }
}

/// What a file is that holds no block and no DER, by its bytes and by its text.
pub(super) fn not_recognised_text(text: &str, bytes: &[u8]) -> String {
    let start = text.trim_start();
    let starts = |sign: &str| start.get(..sign.len()).is_some_and(|start| start.eq_ignore_ascii_case(sign));
    match TEXTS.iter().find(|(sign, _)| starts(sign)) {
        Some((_, what)) => format!("it looks like {what}"),
        None => not_recognised(bytes),
    }
}
