//! PKCS#10 requests (RFC 2986) with what OCS and IM and Presence need. rcgen builds the request; its subject is
//! then replaced by a name of our own and the whole signed again, because rcgen's name is a map in which a
//! second OU or DC vanishes and every string is UTF-8.

use der::asn1::{Any, BitString, BmpString, ObjectIdentifier, PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Decode, Encode, Sequence, Tag};
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, ExtendedKeyUsagePurpose, KeyPair, SanType,
    SigningKey,
};

use super::{Error, Result};
use crate::model::name::check_attribute;
use crate::model::{Fqdn, GeneralName, KeyAlgorithm, KeyUsage, NameFault, Oid, PrivateKey, oid};

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The subject's attributes, in the order of the encoding (country first, common name last).
    pub subject: Vec<(Oid, String)>,
    /// The subject alternative names: DNS names and addresses.
    pub names: Vec<GeneralName>,
    /// The extended key usages.
    pub usages: Vec<Oid>,
    /// The key usage, critical.
    pub key_usage: KeyUsage,
    /// The Microsoft template to issue from (1.3.6.1.4.1.311.20.2), by its own name.
    pub template: Option<String>,
}

impl Spec {
    /// A request for mutual TLS under a common name that is a host name: the name is also the first SAN; both
    /// usages; the key usage that this kind of key can have (RSA signs and deciphers, EC signs: RFC 8813).
    pub fn mutual_tls(common_name: &Fqdn, key: &KeyAlgorithm) -> Self {
        let key_usage = match key {
            KeyAlgorithm::Rsa { .. } => {
                KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::KEY_ENCIPHERMENT.0)
            }
            _ => KeyUsage::DIGITAL_SIGNATURE,
        };
        Self {
            subject: vec![(oid::COMMON_NAME, common_name.as_str().to_string())],
            names: vec![GeneralName::Dns(common_name.as_str().to_string())],
            usages: vec![oid::SERVER_AUTH, oid::CLIENT_AUTH],
            key_usage,
            template: None,
        }
    }

    /// Adds a name unless it is there already.
    pub fn add_name(&mut self, name: GeneralName) {
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// Checks the subject against X.520 and the template's name.
    ///
    /// # Errors
    /// The first [`NameFault`].
    pub fn check(&self) -> Result<()> {
        for (kind, value) in &self.subject {
            check_attribute(kind, value)?;
        }
        match &self.template {
            // A line break would smuggle attributes into the form that carries the request to the CA.
            Some(name) if name.is_empty() || name.chars().any(char::is_control) => Err(NameFault {
                field: "template".into(),
                problem: "is empty or contains a control character".into(),
            }
            .into()),
            _ => Ok(()),
        }
    }
}

/// Makes and signs the request; DER.
///
/// # Errors
/// A name breaks its rules, or the key is of a kind that cannot sign requests.
pub fn request(spec: &Spec, key: &PrivateKey) -> Result<Vec<u8>> {
    spec.check()?;
    let failed = || Error::library("the request could not be made");
    let pair = key_pair(key)?;
    let built = parameters(spec)?.serialize_request(&pair).map_err(|e| failed()(&e))?;
    let mut request = Pkcs10::from_der(built.der()).map_err(|e| failed()(&e))?;
    request.info.subject = name(&spec.subject)?;
    let info = request.info.to_der().map_err(|e| failed()(&e))?;
    let signature = pair.sign(&info).map_err(|e| failed()(&e))?;
    request.signature = BitString::from_bytes(&signature).map_err(|e| failed()(&e))?;
    request.to_der().map_err(|e| failed()(&e))
}

/// RFC 2986 section 4.2.
#[derive(Sequence)]
struct Pkcs10 {
    info: Info,
    algorithm: Any,
    signature: BitString,
}

/// RFC 2986 section 4.1.
#[derive(Sequence)]
struct Info {
    version: u8,
    subject: Any,
    public_key: Any,
    attributes: Any,
}

/// RFC 5280 appendix A.1.
#[derive(Sequence, PartialEq, Eq, PartialOrd, Ord, Clone, der::ValueOrd)]
struct AttributeTypeAndValue {
    kind: ObjectIdentifier,
    value: Any,
}

fn key_pair(key: &PrivateKey) -> Result<KeyPair> {
    let algorithm = match &key.public().algorithm {
        KeyAlgorithm::Rsa { .. } => &rcgen::PKCS_RSA_SHA256,
        KeyAlgorithm::Ec(crate::model::Curve::P384) => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyAlgorithm::Ec(crate::model::Curve::P521) => &rcgen::PKCS_ECDSA_P521_SHA512,
        KeyAlgorithm::Ec(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
        other => {
            let detail = format!("{other} keys sign no requests for these servers; make an RSA key");
            return Err(Error::Library { what: "this key cannot be used", detail });
        }
    };
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from(key.pkcs8());
    KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm)
        .map_err(|e| Error::library("this key cannot be used")(&e))
}

fn parameters(spec: &Spec) -> Result<CertificateParams> {
    let failed = || Error::library("the request could not be made");
    let mut parameters = CertificateParams::default();
    // A stand-in, replaced below: under an empty subject rcgen would mark the alternative names critical.
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "stand-in");
    for name in &spec.names {
        let san = match (name, name.ip()) {
            (GeneralName::Dns(name), _) => {
                SanType::DnsName(name.as_str().try_into().map_err(|e: rcgen::Error| failed()(&e))?)
            }
            (_, Some(ip)) => SanType::IpAddress(ip),
            (other, None) => return Err(failed()(&format!("{other} is no DNS name and no address"))),
        };
        parameters.subject_alt_names.push(san);
    }
    parameters.extended_key_usages =
        spec.usages.iter().map(|usage| ExtendedKeyUsagePurpose::Other(arcs(usage))).collect();
    parameters.key_usages = KEY_USAGES
        .iter()
        .filter(|(bit, _)| spec.key_usage.contains(*bit))
        .map(|(_, purpose)| *purpose)
        .collect();
    if let Some(template) = &spec.template {
        let name = BmpString::from_utf8(template).and_then(|name| name.to_der()).map_err(|e| failed()(&e))?;
        parameters
            .custom_extensions
            .push(CustomExtension::from_oid_content(&arcs(&oid::MS_TEMPLATE_NAME), name));
    }
    Ok(parameters)
}

const KEY_USAGES: &[(KeyUsage, rcgen::KeyUsagePurpose)] = &[
    (KeyUsage::DIGITAL_SIGNATURE, rcgen::KeyUsagePurpose::DigitalSignature),
    (KeyUsage::NON_REPUDIATION, rcgen::KeyUsagePurpose::ContentCommitment),
    (KeyUsage::KEY_ENCIPHERMENT, rcgen::KeyUsagePurpose::KeyEncipherment),
    (KeyUsage::DATA_ENCIPHERMENT, rcgen::KeyUsagePurpose::DataEncipherment),
    (KeyUsage::KEY_AGREEMENT, rcgen::KeyUsagePurpose::KeyAgreement),
];

fn arcs(oid: &Oid) -> Vec<u64> {
    oid.to_string().split('.').filter_map(|arc| arc.parse().ok()).collect()
}

/// An RDNSequence, one attribute a relative name.
fn name(attributes: &[(Oid, String)]) -> Result<Any> {
    let failed = || Error::library("the subject could not be encoded");
    let mut rdns: Vec<SetOfVec<AttributeTypeAndValue>> = Vec::new();
    for (kind, value) in attributes {
        let attribute = AttributeTypeAndValue {
            kind: ObjectIdentifier::from_bytes(kind.content()).map_err(|e| failed()(&e))?,
            value: directory_string(kind, value).map_err(|e| failed()(&e))?,
        };
        let mut rdn = SetOfVec::new();
        rdn.insert(attribute).map_err(|e| failed()(&e))?;
        rdns.push(rdn);
    }
    Any::encode_from(&rdns).map_err(|e| failed()(&e))
}

/// PrintableString where the value allows it (X.520 asks it of the country, old readers like it elsewhere), else
/// UTF8String (RFC 5280 section 4.1.2.4); an email address is an IA5String.
fn directory_string(kind: &Oid, value: &str) -> der::Result<Any> {
    if *kind == oid::EMAIL_ADDRESS {
        return Any::new(Tag::Ia5String, value.as_bytes());
    }
    match PrintableStringRef::new(value) {
        Ok(printable) => Any::encode_from(&printable),
        Err(_) => Any::encode_from(&Utf8StringRef::new(value)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::key::{KeyType, generate};
    use crate::model::Request;
    use crate::path::signature::verify_request;

    fn spec(key: &PrivateKey) -> Spec {
        let pool = Fqdn::parse("pool.foo.com").unwrap();
        Spec::mutual_tls(&pool, &key.public().algorithm)
    }

    #[test]
    fn what_is_asked_for_is_in_the_request_and_its_signature_holds() {
        let key = generate(KeyType::P256).unwrap();
        let mut spec = spec(&key);
        spec.subject.splice(
            0..0,
            [
                (oid::COUNTRY, "JP".to_string()),
                (oid::ORGANIZATION, "株式会社フー".to_string()),
                (oid::ORGANIZATIONAL_UNIT, "IT".to_string()),
                (oid::ORGANIZATIONAL_UNIT, "Voice".to_string()),
            ],
        );
        spec.add_name(GeneralName::Dns("fe1.foo.com".into()));
        spec.add_name(GeneralName::Dns("fe1.foo.com".into()));
        spec.template = Some("MutualAuthentication".into());
        let request = Request::from_der(super::request(&spec, &key).unwrap()).unwrap();
        verify_request(&request).unwrap();
        assert_eq!(request.subject.to_string(), "CN=pool.foo.com, OU=Voice, OU=IT, O=株式会社フー, C=JP");
        let tags: Vec<u32> = request.subject.attributes().map(|a| a.tag).collect();
        assert_eq!(tags, [19, 12, 19, 19, 19], "PrintableString but for the Japanese");
        assert_eq!(request.extensions.dns_names().collect::<Vec<_>>(), ["pool.foo.com", "fe1.foo.com"]);
        assert!(!request.extensions.subject_alt_name.as_ref().unwrap().critical);
        let usages = request.extensions.extended_key_usage.as_ref().unwrap();
        assert_eq!(usages.value, [oid::SERVER_AUTH, oid::CLIENT_AUTH]);
        let key_usage = request.extensions.key_usage.as_ref().unwrap();
        assert!(key_usage.critical);
        assert_eq!(key_usage.value, KeyUsage::DIGITAL_SIGNATURE, "an EC key signs only");
        assert_eq!(request.extensions.ms_template_name.as_ref().unwrap().value, "MutualAuthentication");
    }

    #[test]
    fn a_field_that_breaks_its_rule_is_named() {
        let key = generate(KeyType::P256).unwrap();
        let mut long = spec(&key);
        long.subject.push((oid::ORGANIZATION, "x".repeat(65)));
        let error = request(&long, &key).unwrap_err().to_string();
        assert!(error.contains("organization") && error.contains("64"), "{error}");
        let mut injected = spec(&key);
        injected.template = Some("A\r\nSAN:dns=evil".into());
        assert!(request(&injected, &key).unwrap_err().to_string().contains("template"));
    }
}
