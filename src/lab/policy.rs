//! What the lab's CA grants: the two kinds of Microsoft CA, the templates of the enterprise one, and what it
//! answers where it refuses, in the codes and words of the real one.

use std::fmt;

use super::x509::Extension;
use crate::model::{Defect, KeyAlgorithm, KeyUsage, Oid, Request, oid};
use crate::path::signature::{SignatureFault, verify_request};

/// The two kinds of Microsoft CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Knows no templates, copies usages from the request, and lets an administrator decide.
    #[default]
    Standalone,
    /// Issues at once what a template allows; the usages are the template's whatever the request says.
    Enterprise,
}

/// A certificate template.
#[derive(Debug)]
pub struct Template {
    /// Its name, as requests give it.
    pub name: &'static str,
    /// Its name for people.
    pub display: &'static str,
    /// What certificates made from it are for.
    pub purposes: &'static [Oid],
    /// What their keys may do; of an EC key only the signatures (RFC 8813 section 3).
    pub usage: KeyUsage,
    /// The smallest RSA key it takes.
    pub min_rsa_bits: usize,
    /// How long its certificates are valid.
    pub days: i64,
    /// Version 2 templates have an identifier; version 1 ones are known by name.
    pub version2: Option<&'static str>,
}

const SIGN_AND_ENCIPHER: KeyUsage = KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::KEY_ENCIPHERMENT.0);

/// What the enterprise CA offers: the template that the guide has administrators make, and the stock one that
/// they use by mistake.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "OCSMutualTLS",
        display: "OCS Mutual TLS",
        purposes: &[oid::CLIENT_AUTH, oid::SERVER_AUTH],
        usage: SIGN_AND_ENCIPHER,
        min_rsa_bits: 2048,
        days: 730,
        version2: Some("1.3.6.1.4.1.311.21.8.7041776.2450916.5392142.1034762.9410352.101.8231456.3120774"),
    },
    Template {
        name: "WebServer",
        display: "Web Server",
        purposes: &[oid::SERVER_AUTH],
        usage: SIGN_AND_ENCIPHER,
        min_rsa_bits: 1024,
        days: 730,
        version2: None,
    },
];

/// A standalone CA's certificates are valid for a year, unless its registry says otherwise.
const STANDALONE_DAYS: i64 = 365;

/// What a standalone CA takes over from the request.
const COPIED: &[Oid] = &[oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE, oid::SUBJECT_ALT_NAME];

/// What goes into a certificate beside what every certificate of the CA has.
pub(super) struct Grant {
    pub(super) extensions: Vec<Extension>,
    pub(super) days: i64,
}

/// Why a request is denied: the code, and the message that the pages show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HRESULT.
    pub code: u32,
    /// The disposition message.
    pub message: String,
}

impl Refusal {
    fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The bytes are no request.
    pub(super) fn unreadable() -> Self {
        Self::new(ASN1_BAD_TAG, "Error Parsing Request")
    }

    /// An administrator said no.
    pub(super) fn by_administrator(who: &str) -> Self {
        Self::new(ADMIN_DENIED, format!("Denied by {who}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, status_text(self.code))
    }
}

impl std::error::Error for Refusal {}

/// Finds a template as requests name it: by name, in any case, or by identifier.
pub fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|t| t.name.eq_ignore_ascii_case(name) || t.version2 == Some(name))
}

/// Refuses a request that its holder did not sign, or in which what would be copied cannot be read.
pub(super) fn check(request: &Request) -> Result<(), Refusal> {
    let unreadable = request.defects.iter().any(|defect| match defect {
        Defect::Extension { kind, .. } => {
            COPIED.contains(kind) || [oid::EXTENSION_REQUEST, oid::MS_CERT_EXTENSIONS].contains(kind)
        }
        _ => false,
    });
    if unreadable {
        return Err(Refusal::unreadable());
    }
    verify_request(request).map_err(|fault| match fault {
        SignatureFault::Wrong => Refusal::new(BAD_SIGNATURE, UNVERIFIED),
        _ => Refusal::new(BAD_ALGORITHM, UNVERIFIED),
    })
}

/// The template a request asks for: the attribute sent with it, else the extension inside.
pub(super) fn asked_template(request: &Request, attribute: Option<&str>) -> Option<String> {
    attribute.map(str::to_string).or_else(|| {
        let name = request.extensions.ms_template_name.as_ref().map(|t| t.value.clone());
        name.or_else(|| request.extensions.ms_template.as_ref().map(|t| t.value.oid.to_string()))
    })
}

/// What a CA of this kind puts into the certificate.
pub(super) fn grant(mode: Mode, request: &Request, asked: Option<&str>) -> Result<Grant, Refusal> {
    let copied = |kinds: &[Oid]| {
        let of_these = request.requested.iter().filter(|e| kinds.contains(&e.kind));
        of_these.map(|e| Extension::raw(e.kind.clone(), e.critical, e.value.to_vec())).collect::<Vec<_>>()
    };
    if mode == Mode::Standalone {
        return Ok(Grant { extensions: copied(COPIED), days: STANDALONE_DAYS });
    }
    let asked = asked.ok_or_else(|| {
        Refusal::new(
            NO_TEMPLATE,
            "Denied by Policy Module  0x80094801, The request does not contain a certificate template extension or \
             the CertificateTemplate request attribute.\r\n",
        )
    })?;
    let template = template(asked).ok_or_else(|| {
        Refusal::new(
            UNKNOWN_TEMPLATE,
            format!(
                "Denied by Policy Module  0x80094800, The request was for a certificate template that is not \
                 supported by the Active Directory Certificate Services policy: {asked}.\r\n"
            ),
        )
    })?;
    let usage = match &request.public_key.algorithm {
        KeyAlgorithm::Rsa { bits } if *bits < template.min_rsa_bits => {
            return Err(Refusal::new(KEY_TOO_SHORT, "Denied by Policy Module"));
        }
        KeyAlgorithm::Rsa { .. } => template.usage,
        _ => KeyUsage(template.usage.0 & KeyUsage::DIGITAL_SIGNATURE.0),
    };
    let mut extensions = copied(&[oid::SUBJECT_ALT_NAME]);
    extensions.push(Extension::key_usage(usage));
    extensions.push(Extension::extended_key_usage(template.purposes));
    match template.version2.and_then(Oid::parse) {
        Some(identifier) => {
            extensions.push(Extension::template(&identifier, 100, 2));
            extensions.push(Extension::application_policies(template.purposes));
        }
        None => extensions.push(Extension::template_name(template.name)),
    }
    Ok(Grant { extensions, days: template.days })
}

const UNVERIFIED: &str = "Error Verifying Request Signature or Signing Certificate";

const ASN1_BAD_TAG: u32 = 0x8009_310b;
const BAD_SIGNATURE: u32 = 0x8009_1007;
const BAD_ALGORITHM: u32 = 0x8009_0008;
const UNKNOWN_TEMPLATE: u32 = 0x8009_4800;
const NO_TEMPLATE: u32 = 0x8009_4801;
const KEY_TOO_SHORT: u32 = 0x8009_4811;
const ADMIN_DENIED: u32 = 0x8009_4014;
/// CERTSRV_E_PROPERTY_EMPTY: there is no such request.
pub(super) const NO_SUCH_REQUEST: u32 = 0x8009_4004;

/// Windows' texts for the codes, with what it puts into the brackets behind them.
const STATUS: &[(u32, &str, &str)] = &[
    (0, "The operation completed successfully.", "WIN32: 0"),
    (ASN1_BAD_TAG, "ASN1 bad tag value met.", "ASN: 267 CRYPT_E_ASN1_BADTAG"),
    (BAD_SIGNATURE, "The hash value is not correct.", "-2146889721 CRYPT_E_HASH_VALUE"),
    (BAD_ALGORITHM, "Invalid algorithm specified.", "-2146893816 NTE_BAD_ALGID"),
    (
        UNKNOWN_TEMPLATE,
        "The requested certificate template is not supported by this CA.",
        "-2146875392 CERTSRV_E_UNSUPPORTED_CERT_TYPE",
    ),
    (
        NO_TEMPLATE,
        "The request contains no certificate template information.",
        "-2146875391 CERTSRV_E_NO_CERT_TYPE",
    ),
    (
        KEY_TOO_SHORT,
        "The public key does not meet the minimum size required by the specified certificate template.",
        "-2146875375 CERTSRV_E_KEY_LENGTH",
    ),
    (
        ADMIN_DENIED,
        "The request was denied by a certificate manager or CA administrator.",
        "-2146877420 CERTSRV_E_ADMIN_DENIED_REQUEST",
    ),
    (NO_SUCH_REQUEST, "The requested property value is empty.", "-2146877436 CERTSRV_E_PROPERTY_EMPTY"),
];

/// A code as the pages print it: `text 0x........ (-nnn NAME)`.
pub(super) fn status_text(code: u32) -> String {
    let known = STATUS.iter().find(|(known, ..)| *known == code);
    let (text, bracket) = known.map_or(("", ""), |(_, text, bracket)| (*text, *bracket));
    match code {
        0 => format!("{text} 0x0 ({bracket})"),
        code => format!("{text} 0x{code:08x} ({bracket})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::codes::hresult;

    #[test]
    fn every_status_prints_its_own_number_as_windows_does_and_is_explained() {
        for (code, _, bracket) in STATUS.iter().filter(|(code, ..)| *code != 0 && *code != ASN1_BAD_TAG) {
            let signed = format!("{} ", *code as i32);
            assert!(bracket.starts_with(&signed), "{code:08x}: {bracket}, {signed}");
            assert!(status_text(*code).contains(&format!(" 0x{code:08x} (-")), "{}", status_text(*code));
            let known = hresult(*code).unwrap_or_else(|| panic!("{code:08x} has no explanation"));
            assert!(bracket.ends_with(known.name), "{bracket}: {}", known.name);
        }
    }

    #[test]
    fn templates_are_found_by_name_in_any_case_and_by_identifier() {
        assert_eq!(template("ocsmutualtls").unwrap().name, "OCSMutualTLS");
        let identifier = TEMPLATES[0].version2.unwrap();
        assert_eq!(template(identifier).unwrap().name, "OCSMutualTLS");
        assert!(template("Web Server").is_none(), "the display name is no name");
        for template in TEMPLATES {
            assert!(template.version2.is_none_or(|v| Oid::parse(v).is_some()), "{}", template.name);
        }
    }
}
