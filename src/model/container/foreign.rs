//! What cannot be read says what it is and how to convert it.

use crate::model::asn1;

/// What the bytes look like, for a message that helps.
pub(super) fn not_recognised(bytes: &[u8]) -> String {
    const SIGNS: &[(&[u8], &str)] = &[
        (
            &[0xfe, 0xed, 0xfe, 0xed],
            "a Java keystore (JKS); convert it: keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 -deststoretype PKCS12",
        ),
        (b"PK\x03\x04", "a ZIP archive; unpack it first"),
        (b"<", "an HTML or XML page, perhaps a logon or error page saved as a certificate"),
        (b"%PDF", "a PDF document"),
        (b"ssh-", "an SSH public key"),
    ];
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let looks = SIGNS.iter().find(|(sign, _)| bytes[start..].starts_with(sign)).map(|(_, what)| *what);
    match looks {
        Some(what) => format!("it looks like {what}"),
        None if asn1::sequence(bytes).is_some() => {
            "ASN.1, but no certificate, request, CRL, key, PKCS#7 or PFX".into()
        }
        None => "no certificate, request, CRL or key is in it, neither PEM nor DER".into(),
    }
}
