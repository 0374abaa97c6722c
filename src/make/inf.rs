//! The request of a key that is to be born on its server: an INF file for `certreq -new`, and the script that
//! takes it from there to the certificate.
//!
//! It keeps to what the certreq of Windows Server 2003 reads, which later ones read too: usages by their own section
//! (KB931351), and the alternative names encoded, because the text form `{text}dns=..` came with Server 2008.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::Any;
use der::{Encode, Tag, TagNumber};
use minijinja::context;

use super::csr::Spec;
use super::script::{Account, plain};
use super::template::{TemplateFault, Templates};
use super::{Error, Result};
use crate::model::{GeneralName, Oid, oid};

/// A request that certreq is to make.
#[derive(Debug)]
pub struct Born<'a> {
    /// The server.
    pub host: &'a str,
    /// What to ask for; always RSA.
    pub spec: &'a Spec,
    /// The size of the RSA key.
    pub bits: usize,
    /// The CryptoAPI provider that makes and keeps the key.
    pub csp: &'a str,
    /// True where the key may leave the server later, in a PFX.
    pub exportable: bool,
    /// Who is to read the key.
    pub account: &'a Account,
}

/// The files for the server.
#[derive(Debug)]
pub struct Files {
    /// The INF: ASCII, or UTF-16 with its mark where a name needs it, since SetupAPI takes other bytes for those of
    /// the server's own code page.
    pub inf: Vec<u8>,
    /// The script, `request-` and the INF's name.
    pub script: String,
}

/// Why the files could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A name breaks its rules, or the names are too many.
    #[error(transparent)]
    Request(#[from] Error),
    /// A template is faulty.
    #[error(transparent)]
    Template(#[from] TemplateFault),
}

/// SetupAPI takes no longer value than 4096 characters, its end included.
const LONGEST_VALUE: usize = 4095;

/// The type that goes with a provider (wincrypt.h): PROV_RSA_SCHANNEL and PROV_RSA_AES. All others of Microsoft's that
/// hold RSA keys for exchange are PROV_RSA_FULL.
const PROVIDER_TYPES: &[(&str, u32)] = &[("SChannel", 12), ("RSA and AES", 24)];
const PROV_RSA_FULL: u32 = 1;

/// Makes the INF and the script.
///
/// # Errors
/// A name breaks its rules, there are more names than an INF can hold, or a template is faulty.
pub fn born(templates: &Templates, request: &Born<'_>) -> std::result::Result<Files, Fault> {
    request.spec.check()?;
    let san = STANDARD.encode(subject_alt_name(&request.spec.names)?);
    if san.len() > LONGEST_VALUE {
        let detail =
            format!("{} names are more than one value of an INF file can hold", request.spec.names.len());
        return Err(Error::Library { what: "the INF file could not be made", detail }.into());
    }
    let provider = PROVIDER_TYPES.iter().find(|(part, _)| request.csp.contains(part));
    let values = context! {
        name => plain(request.host),
        subject => subject(&request.spec.subject),
        names => request.spec.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        san,
        bits => request.bits,
        csp => request.csp,
        provider_type => provider.map_or(PROV_RSA_FULL, |(_, number)| *number),
        exportable => request.exportable,
        template => request.spec.template.clone(),
        account => request.account.to_string(),
    };
    Ok(Files {
        inf: encoded(&templates.render_for_windows("certreq.inf", &values)?),
        script: templates.render_for_windows("request.cmd", &values)?,
    })
}

/// GeneralNames (RFC 5280 section 4.2.1.6), DER.
fn subject_alt_name(names: &[GeneralName]) -> Result<Vec<u8>> {
    let failed = || Error::library("the alternative names could not be encoded");
    let one = |name: &GeneralName| {
        let (number, bytes) = match name {
            GeneralName::Dns(name) => (2, name.as_bytes()),
            GeneralName::Ip(bytes) => (7, &**bytes),
            other => return Err(failed()(&format!("{other} is no DNS name and no address"))),
        };
        let tag = Tag::ContextSpecific { constructed: false, number: TagNumber(number) };
        Any::new(tag, bytes).map_err(|e| failed()(&e))
    };
    let names = names.iter().map(one).collect::<Result<Vec<_>>>()?;
    names.to_der().map_err(|e| failed()(&e))
}

/// The names of attributes that CertStrToName knows in every version of Windows.
const KEYWORDS: &[(Oid, &str)] = &[
    (oid::COMMON_NAME, "CN"),
    (oid::COUNTRY, "C"),
    (oid::STATE, "S"),
    (oid::LOCALITY, "L"),
    (oid::ORGANIZATION, "O"),
    (oid::ORGANIZATIONAL_UNIT, "OU"),
    (oid::EMAIL_ADDRESS, "E"),
];

/// The subject as CertStrToName reads it. certreq encodes from the end, so the common name stands in front.
fn subject(attributes: &[(Oid, String)]) -> String {
    let one = |(kind, value): &(Oid, String)| {
        let keyword = KEYWORDS.iter().find(|(known, _)| known == kind);
        let keyword = keyword.map_or_else(|| format!("OID.{kind}"), |(_, keyword)| (*keyword).to_string());
        let special = value.contains([',', '+', '=', '"', '<', '>', '#', ';']) || value.trim() != value;
        match special {
            true => format!("{keyword}=\"{}\"", value.replace('"', "\"\"")),
            false => format!("{keyword}={value}"),
        }
    };
    attributes.iter().rev().map(one).collect::<Vec<_>>().join(", ")
}

fn encoded(text: &str) -> Vec<u8> {
    if text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fqdn, KeyAlgorithm};

    /// An INF file read as SetupAPI reads it (its documented syntax), by other means than it is written with:
    /// sections, keys, values; quotes, doubled quotes, doubled percent signs, comments, CR LF.
    fn read(bytes: &[u8]) -> Vec<(String, String, String)> {
        let text = match bytes {
            [0xff, 0xfe, rest @ ..] => {
                let units = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
            }
            ascii => String::from_utf8(ascii.to_vec()).unwrap(),
        };
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        let mut section = String::new();
        let mut entries = Vec::new();
        for line in text.split("\r\n") {
            let mut plain = String::new();
            let mut quoted = false;
            let mut chars = line.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '"' if quoted && chars.peek() == Some(&'"') => plain.push(chars.next().unwrap()),
                    '"' => quoted = !quoted,
                    ';' if !quoted => break,
                    '%' => {
                        assert_eq!(chars.next(), Some('%'), "a string that is nowhere defined: {line}");
                        plain.push('%');
                    }
                    c => plain.push(c),
                }
            }
            assert!(!quoted, "a quote is open: {line}");
            if let Some(name) = plain.strip_prefix('[') {
                section = name.trim_end_matches(']').to_string();
            } else if let Some((key, value)) = plain.split_once('=') {
                entries.push((section.clone(), key.trim().to_string(), value.to_string()));
            } else {
                assert_eq!(plain.trim(), "");
            }
        }
        entries
    }

    fn value<'a>(entries: &'a [(String, String, String)], section: &str, key: &str) -> &'a str {
        let found = entries.iter().find(|(s, k, _)| s == section && k == key);
        found.map(|(_, _, value)| value.as_str()).unwrap_or_else(|| panic!("[{section}] {key}"))
    }

    fn files(change: impl Fn(&mut Spec), csp: &str) -> std::result::Result<Files, Fault> {
        let pool = Fqdn::parse("pool.foo.com").unwrap();
        let mut spec = Spec::mutual_tls(&pool, &KeyAlgorithm::Rsa { bits: 2048 });
        change(&mut spec);
        let account = Account::parse("FOO\\svc%PATH%&^!$").unwrap();
        let host = "fe1.foo.com";
        let request = Born { host, spec: &spec, bits: 2048, csp, exportable: false, account: &account };
        born(&Templates::default(), &request)
    }

    /// What was put in comes out again, whatever characters it has.
    #[test]
    fn hostile_values_survive_the_round_trip() {
        let organizations =
            ["Foo, Inc.", "a \"b\" 100% ;c", "%windir%", "株式会社フー", "x;y=z+#<>", "back\\slash"];
        for organization in organizations {
            let made = files(
                |spec| spec.subject.insert(0, (oid::ORGANIZATION, organization.into())),
                "Microsoft RSA SChannel Cryptographic Provider",
            )
            .unwrap();
            let entries = read(&made.inf);
            let subject = value(&entries, "NewRequest", "Subject");
            let quoted = subject.strip_prefix("CN=pool.foo.com, O=").unwrap();
            let organization_read = match quoted.strip_prefix('"') {
                Some(rest) => rest.strip_suffix('"').unwrap().replace("\"\"", "\""),
                None => quoted.to_string(),
            };
            assert_eq!(organization_read, organization);
        }
    }

    #[test]
    fn it_asks_for_what_schannel_and_the_guide_need() {
        let made = files(
            |spec| {
                spec.add_name(GeneralName::Dns("fe1.foo.com".into()));
                spec.template = Some("Mutual \"TLS\"".into());
            },
            "Microsoft RSA SChannel Cryptographic Provider",
        )
        .unwrap();
        let entries = read(&made.inf);
        for (key, wanted) in [
            ("KeySpec", "1"),
            ("KeyUsage", "0xa0"),
            ("MachineKeySet", "TRUE"),
            ("Exportable", "FALSE"),
            ("KeyLength", "2048"),
            ("ProviderType", "12"),
            ("RequestType", "PKCS10"),
        ] {
            assert_eq!(value(&entries, "NewRequest", key), wanted, "{key}");
        }
        let usages: Vec<&str> =
            entries.iter().filter(|(_, key, _)| key == "OID").map(|(_, _, value)| value.as_str()).collect();
        assert_eq!(usages, [oid::SERVER_AUTH.to_string(), oid::CLIENT_AUTH.to_string()]);
        assert_eq!(value(&entries, "RequestAttributes", "CertificateTemplate"), "Mutual \"TLS\"");
        assert_eq!(value(&entries, "Version", "Signature"), "$Windows NT$");
        let one = files(|_| (), "Microsoft Enhanced Cryptographic Provider v1.0").unwrap();
        assert_eq!(value(&read(&one.inf), "NewRequest", "ProviderType"), "1");
        assert!(!read(&one.inf).iter().any(|(section, ..)| section == "RequestAttributes"));
        assert!(made.script.is_ascii() && made.script.contains("FOO\\svc%%PATH%%&^!$"));
    }

    #[test]
    fn more_names_than_fit_are_refused() {
        let many = |spec: &mut Spec| {
            (0..200).for_each(|i| spec.add_name(GeneralName::Dns(format!("server-{i}.foo.com"))));
        };
        let fault = files(many, "x").unwrap_err().to_string();
        assert!(fault.contains("201 names"), "{fault}");
    }
}
