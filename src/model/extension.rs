//! Certificate extensions (RFC 5280 section 4.2 and Microsoft's), each decoded once.

use std::collections::HashSet;
use std::net::IpAddr;

use x509_parser::extensions::{self as x, ParsedExtension};
use x509_parser::prelude::X509Extension;

use super::name::{Name, Rdn, decode_string};
use super::oid::{self, Oid};

/// An extension's value with its criticality.
#[derive(Clone, Debug)]
pub struct Ext<T> {
    /// The critical flag.
    pub critical: bool,
    /// The decoded value.
    pub value: T,
}

/// All extensions of a certificate or a request, or all of a CRL that concern certificates.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the fields carry the names of RFC 5280 section 4.2; the types say the rest")]
pub struct Extensions {
    pub authority_key_identifier: Option<Ext<AuthorityKeyIdentifier>>,
    pub subject_key_identifier: Option<Ext<Box<[u8]>>>,
    pub key_usage: Option<Ext<KeyUsage>>,
    pub certificate_policies: Option<Ext<Vec<Oid>>>,
    pub policy_mappings: Option<Ext<Vec<PolicyMapping>>>,
    pub subject_alt_name: Option<Ext<Vec<GeneralName>>>,
    pub issuer_alt_name: Option<Ext<Vec<GeneralName>>>,
    pub basic_constraints: Option<Ext<BasicConstraints>>,
    pub name_constraints: Option<Ext<NameConstraints>>,
    pub policy_constraints: Option<Ext<PolicyConstraints>>,
    pub extended_key_usage: Option<Ext<Vec<Oid>>>,
    pub crl_distribution_points: Option<Ext<Vec<DistributionPoint>>>,
    pub freshest_crl: Option<Ext<Vec<DistributionPoint>>>,
    pub inhibit_any_policy: Option<Ext<u32>>,
    pub authority_info_access: Option<Ext<Vec<AccessDescription>>>,
    /// Microsoft application policies (1.3.6.1.4.1.311.21.10): Windows reads them beside the EKU.
    pub application_policies: Option<Ext<Vec<Oid>>>,
    /// Microsoft template, version 1: the template's common name.
    pub ms_template_name: Option<Ext<String>>,
    /// Microsoft template, version 2 and later.
    pub ms_template: Option<Ext<MsTemplate>>,
    /// Every other extension, raw.
    pub other: Vec<RawExtension>,
}

/// An extension this crate does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawExtension {
    /// Which extension.
    pub kind: Oid,
    /// The critical flag.
    pub critical: bool,
    /// The DER inside the OCTET STRING.
    pub value: Box<[u8]>,
}

/// RFC 5280 section 4.2.1.1.
#[derive(Clone, Debug, Default)]
pub struct AuthorityKeyIdentifier {
    /// The issuer's key identifier.
    pub key_identifier: Option<Box<[u8]>>,
    /// The issuer's own issuer.
    pub issuer: Vec<GeneralName>,
    /// The issuer's serial number, content bytes.
    pub serial: Option<Box<[u8]>>,
}

/// RFC 5280 section 4.2.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Is this a CA?
    pub ca: bool,
    /// How many non-self-issued intermediates may follow.
    pub path_len: Option<u32>,
}

/// RFC 5280 section 4.2.1.3, bit 0 (digitalSignature) in the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u16);

#[expect(missing_docs, reason = "the names of RFC 5280 section 4.2.1.3")]
impl KeyUsage {
    pub const DIGITAL_SIGNATURE: Self = Self(1);
    pub const NON_REPUDIATION: Self = Self(1 << 1);
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 2);
    pub const DATA_ENCIPHERMENT: Self = Self(1 << 3);
    pub const KEY_AGREEMENT: Self = Self(1 << 4);
    pub const KEY_CERT_SIGN: Self = Self(1 << 5);
    pub const CRL_SIGN: Self = Self(1 << 6);
    pub const ENCIPHER_ONLY: Self = Self(1 << 7);
    pub const DECIPHER_ONLY: Self = Self(1 << 8);
}

impl KeyUsage {
    const NAMES: [&'static str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    /// True where every usage of `other` is in this one.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The RFC's names of the usages that are set.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().enumerate().filter(|(i, _)| self.0 >> i & 1 == 1).map(|(_, n)| *n).collect()
    }
}

/// RFC 5280 section 4.2.1.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneralName {
    /// dNSName, as encoded.
    Dns(String),
    /// iPAddress: 4 or 16 bytes in a certificate, 8 or 32 (address and mask) in a constraint.
    Ip(Box<[u8]>),
    /// rfc822Name.
    Email(String),
    /// directoryName.
    Directory(Name),
    /// uniformResourceIdentifier.
    Uri(String),
    /// registeredID.
    RegisteredId(Oid),
    /// otherName: its type and the DER of its value.
    Other(Oid, Box<[u8]>),
    /// x400Address, ediPartyName, or a value that breaks its type's rules: tag number and content.
    Unreadable(u32, Box<[u8]>),
}

impl GeneralName {
    /// The address, where this is an iPAddress of the right length for a host.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(&**bytes).ok().map(IpAddr::from),
                16 => <[u8; 16]>::try_from(&**bytes).ok().map(IpAddr::from),
                _ => None,
            },
            _ => None,
        }
    }
}

/// With its type in front, as `openssl` and people write it: `DNS:pool.foo.com`, `IP:10.1.2.3`.
impl std::fmt::Display for GeneralName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Email(name) => write!(f, "email:{name}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::Directory(name) => write!(f, "DN:{name}"),
            Self::RegisteredId(oid) => write!(f, "RID:{oid}"),
            Self::Other(oid, value) => write!(f, "other:{oid}:{}", crate::text::hex(value)),
            Self::Unreadable(tag, value) => write!(f, "unreadable[{tag}]:{}", crate::text::hex(value)),
            Self::Ip(bytes) => match (self.ip(), bytes.len()) {
                (Some(ip), _) => write!(f, "IP:{ip}"),
                (None, 8 | 32) => {
                    let (address, mask) = bytes.split_at(bytes.len() / 2);
                    let half =
                        |b: &[u8]| Self::Ip(b.into()).ip().map(|ip| ip.to_string()).unwrap_or_default();
                    write!(f, "IP:{}/{}", half(address), half(mask))
                }
                _ => write!(f, "IP:#{}", crate::text::hex(bytes)),
            },
        }
    }
}

/// RFC 5280 section 4.2.1.10. A list that is `None` was absent; none is empty.
#[derive(Clone, Debug, Default)]
pub struct NameConstraints {
    /// permittedSubtrees.
    pub permitted: Option<Vec<GeneralName>>,
    /// excludedSubtrees.
    pub excluded: Option<Vec<GeneralName>>,
}

/// RFC 5280 section 4.2.1.5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyMapping {
    /// issuerDomainPolicy.
    pub issuer: Oid,
    /// subjectDomainPolicy.
    pub subject: Oid,
}

/// RFC 5280 section 4.2.1.11.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyConstraints {
    /// requireExplicitPolicy, in certificates.
    pub require_explicit: Option<u32>,
    /// inhibitPolicyMapping, in certificates.
    pub inhibit_mapping: Option<u32>,
}

/// RFC 5280 section 4.2.1.13.
#[derive(Clone, Debug, Default)]
pub struct DistributionPoint {
    /// Where it is, or the part of the name below the CRL issuer.
    pub name: Option<DistributionPointName>,
    /// The reasons it covers, bit n for reason n (RFC 5280 ReasonFlags); `None` is all.
    pub reasons: Option<u16>,
    /// The CRL's issuer, where it is not the certificate's.
    pub crl_issuer: Vec<GeneralName>,
}

/// RFC 5280 DistributionPointName.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DistributionPointName {
    /// fullName.
    Full(Vec<GeneralName>),
    /// nameRelativeToCRLIssuer.
    Relative(Rdn),
}

/// One entry of authorityInfoAccess.
#[derive(Clone, Debug)]
pub struct AccessDescription {
    /// [`oid::AD_CA_ISSUERS`] or [`oid::AD_OCSP`], usually.
    pub method: Oid,
    /// Where.
    pub location: GeneralName,
}

/// CertificateTemplateOID (MS-WCCE section 2.2.2.7.7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsTemplate {
    /// The template's object identifier.
    pub oid: Oid,
    /// Major version.
    pub major: Option<u32>,
    /// Minor version.
    pub minor: Option<u32>,
}

/// A defect in an encoding that leaves the rest readable. What it means is for the engine and the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// The extension's value does not decode as its type.
    Extension {
        /// Which extension.
        kind: Oid,
        /// The critical flag.
        critical: bool,
    },
    /// An extension occurs twice (RFC 5280 section 4.2 forbids it).
    Duplicate {
        /// Which extension.
        kind: Oid,
    },
    /// The outer structure is not DER: a wrong tag, or a signature that is not whole bytes. No signature covers
    /// it, so it is judged here.
    Outer,
    /// The algorithm inside the signature differs from the one beside it (RFC 5280 section 4.1.1.2).
    AlgorithmMismatch,
    /// A date is not in the form that RFC 5280 section 4.1.2.5 asks for.
    Time,
    /// Extensions in a certificate that is not version 3.
    ExtensionsBeforeV3,
    /// An extension whose identifier is no object identifier: nobody can say that it does not matter.
    NamelessExtension,
}

impl Extensions {
    /// Decodes a list of extensions, with the defects met on the way; an unreadable one is also kept raw.
    pub(super) fn decode(list: &[X509Extension<'_>], defects: &mut Vec<Defect>) -> Self {
        let mut out = Self::default();
        // A set: nobody says how many there are.
        let mut seen: HashSet<&[u8]> = HashSet::with_capacity(list.len());
        for extension in list {
            let Some(kind) = Oid::from_content(extension.oid.as_bytes()) else {
                defects.push(Defect::NamelessExtension);
                continue;
            };
            if !seen.insert(extension.oid.as_bytes()) {
                // The first one stands; a reader that took the last would see another certificate.
                defects.push(Defect::Duplicate { kind });
                continue;
            }
            if out.take(&kind, extension).is_none() {
                defects.push(Defect::Extension { kind: kind.clone(), critical: extension.critical });
                out.other.push(RawExtension {
                    kind,
                    critical: extension.critical,
                    value: extension.value.into(),
                });
            }
        }
        out
    }

    /// The Microsoft template it is issued from: the name (version 1 templates), else the object identifier.
    pub fn template(&self) -> Option<String> {
        let name = self.ms_template_name.as_ref().map(|t| t.value.clone());
        name.or_else(|| self.ms_template.as_ref().map(|t| t.value.oid.to_string()))
    }

    /// The names in the subject alternative name, none where there is no such extension.
    pub fn alt_names(&self) -> &[GeneralName] {
        self.subject_alt_name.as_ref().map_or(&[], |san| &san.value)
    }

    /// The dNSNames in the subject alternative name.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.alt_names().iter().filter_map(|name| match name {
            GeneralName::Dns(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Decodes one extension into its field; `None` where the value is not what its type asks for.
    fn take(&mut self, kind: &Oid, extension: &X509Extension<'_>) -> Option<()> {
        let critical = extension.critical;
        let names = |list: &[x::GeneralName<'_>]| list.iter().map(general_name).collect::<Vec<_>>();
        let parsed = extension.parsed_extension();
        // One value, and nothing behind it: the parser does not look.
        let known = !matches!(parsed, ParsedExtension::UnsupportedExtension { .. });
        if known && !super::asn1::read(extension.value).is_some_and(|(.., rest)| rest.is_empty()) {
            return None;
        }
        match parsed {
            ParsedExtension::AuthorityKeyIdentifier(aki) => {
                let value = AuthorityKeyIdentifier {
                    key_identifier: aki.key_identifier.as_ref().map(|id| id.0.into()),
                    issuer: aki.authority_cert_issuer.as_deref().map(names).unwrap_or_default(),
                    serial: aki.authority_cert_serial.map(Into::into),
                };
                self.authority_key_identifier = Some(Ext { critical, value });
            }
            ParsedExtension::SubjectKeyIdentifier(id) => {
                self.subject_key_identifier = Some(Ext { critical, value: id.0.into() });
            }
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(Ext { critical, value: KeyUsage(usage.flags) });
            }
            ParsedExtension::CertificatePolicies(list) => {
                let value = list.iter().map(|p| owned(&p.policy_id)).collect::<Option<_>>()?;
                self.certificate_policies = Some(Ext { critical, value });
            }
            ParsedExtension::PolicyMappings(list) => {
                let value = list
                    .mappings
                    .iter()
                    .map(|m| {
                        Some(PolicyMapping {
                            issuer: owned(&m.issuer_domain_policy)?,
                            subject: owned(&m.subject_domain_policy)?,
                        })
                    })
                    .collect::<Option<_>>()?;
                self.policy_mappings = Some(Ext { critical, value });
            }
            ParsedExtension::SubjectAlternativeName(san) => {
                self.subject_alt_name = Some(Ext { critical, value: names(&san.general_names) });
            }
            ParsedExtension::IssuerAlternativeName(ian) => {
                self.issuer_alt_name = Some(Ext { critical, value: names(&ian.general_names) });
            }
            ParsedExtension::BasicConstraints(bc) => {
                let value = BasicConstraints { ca: bc.ca, path_len: bc.path_len_constraint };
                self.basic_constraints = Some(Ext { critical, value });
            }
            ParsedExtension::NameConstraints(nc) => {
                plain_subtrees(extension.value)?;
                let trees = |list: &Option<Vec<x::GeneralSubtree<'_>>>| {
                    list.as_ref().map(|l| l.iter().map(|tree| general_name(&tree.base)).collect())
                };
                let value = NameConstraints {
                    permitted: trees(&nc.permitted_subtrees),
                    excluded: trees(&nc.excluded_subtrees),
                };
                self.name_constraints = Some(Ext { critical, value });
            }
            ParsedExtension::PolicyConstraints(pc) => {
                let value = PolicyConstraints {
                    require_explicit: pc.require_explicit_policy,
                    inhibit_mapping: pc.inhibit_policy_mapping,
                };
                self.policy_constraints = Some(Ext { critical, value });
            }
            ParsedExtension::ExtendedKeyUsage(_) => {
                let value = oid_sequence(extension.value)?;
                self.extended_key_usage = Some(Ext { critical, value });
            }
            _ if *kind == oid::CRL_DISTRIBUTION_POINTS => {
                let value = super::distribution::points(extension.value)?;
                self.crl_distribution_points = Some(Ext { critical, value });
            }
            ParsedExtension::InhibitAnyPolicy(inhibit) => {
                self.inhibit_any_policy = Some(Ext { critical, value: inhibit.skip_certs });
            }
            ParsedExtension::AuthorityInfoAccess(aia) => {
                let value = aia
                    .accessdescs
                    .iter()
                    .filter_map(|d| {
                        Some(AccessDescription {
                            method: owned(&d.access_method)?,
                            location: general_name(&d.access_location),
                        })
                    })
                    .collect();
                self.authority_info_access = Some(Ext { critical, value });
            }
            ParsedExtension::ParseError { .. } => return None,
            _ => return self.take_microsoft(kind, extension),
        }
        Some(())
    }

    /// The extensions that x509-parser hands over raw.
    fn take_microsoft(&mut self, kind: &Oid, extension: &X509Extension<'_>) -> Option<()> {
        let critical = extension.critical;
        if *kind == oid::MS_APPLICATION_POLICIES {
            self.application_policies = Some(Ext { critical, value: application_policies(extension.value)? });
        } else if *kind == oid::MS_TEMPLATE_NAME {
            let (tag, content, _) = super::asn1::read(extension.value)?;
            self.ms_template_name =
                Some(Ext { critical, value: decode_string(u32::from(tag & 0x1f), content)? });
        } else if *kind == oid::MS_TEMPLATE {
            self.ms_template = Some(Ext { critical, value: ms_template(extension.value)? });
        } else if *kind == oid::FRESHEST_CRL {
            let value = super::distribution::points(extension.value)?;
            self.freshest_crl = Some(Ext { critical, value });
        } else {
            self.other.push(RawExtension { kind: kind.clone(), critical, value: extension.value.into() });
        }
        Some(())
    }
}

pub(super) fn owned(oid: &x509_parser::der_parser::oid::Oid<'_>) -> Option<Oid> {
    Oid::from_content(oid.as_bytes())
}

pub(super) fn general_name(name: &x::GeneralName<'_>) -> GeneralName {
    use x::GeneralName as G;
    let unreadable = |tag, data: &[u8]| GeneralName::Unreadable(tag, data.into());
    match name {
        // IA5String: a byte above 127 is no DNS name, address or URI, whatever UTF-8 says of it.
        G::DNSName(s) if s.is_ascii() => GeneralName::Dns((*s).to_string()),
        G::RFC822Name(s) if s.is_ascii() => GeneralName::Email((*s).to_string()),
        G::URI(s) if s.is_ascii() => GeneralName::Uri((*s).to_string()),
        G::DNSName(s) => unreadable(2, s.as_bytes()),
        G::RFC822Name(s) => unreadable(1, s.as_bytes()),
        G::URI(s) => unreadable(6, s.as_bytes()),
        G::IPAddress(bytes) => GeneralName::Ip((*bytes).into()),
        G::DirectoryName(name) => Name::from_der(name.as_raw())
            .map_or_else(|_| unreadable(4, name.as_raw()), GeneralName::Directory),
        G::RegisteredID(oid) => {
            owned(oid).map_or_else(|| unreadable(8, oid.as_bytes()), GeneralName::RegisteredId)
        }
        G::OtherName(oid, value) => {
            owned(oid).map_or_else(|| unreadable(0, value), |oid| GeneralName::Other(oid, (*value).into()))
        }
        G::X400Address(any) => unreadable(3, any.data),
        G::EDIPartyName(any) => unreadable(5, any.data),
        G::Invalid(tag, data) => unreadable(tag.0, data),
    }
}

/// RFC 5280 section 4.2.1.10: what is permitted, then what is excluded, each at most once and each with at least one
/// subtree, whose minimum is zero (so not encoded) and whose maximum is absent. The parser passes over all that is
/// otherwise, and so would over a constraint; one that does not look like this is not understood.
fn plain_subtrees(der: &[u8]) -> Option<()> {
    let lists = super::asn1::sequence(der)?;
    let tags: Vec<u8> = lists.iter().map(|(tag, _)| *tag).collect();
    matches!(tags[..], [] | [0xa0] | [0xa1] | [0xa0, 0xa1]).then_some(())?;
    for (_, subtrees) in lists {
        let subtrees = super::asn1::elements(subtrees)?;
        (!subtrees.is_empty()).then_some(())?;
        for (tag, subtree) in subtrees {
            (tag == 0x30 && super::asn1::elements(subtree)?.len() == 1).then_some(())?;
        }
    }
    Some(())
}

fn oid_sequence(der: &[u8]) -> Option<Vec<Oid>> {
    super::asn1::sequence(der)?
        .into_iter()
        .map(|(tag, content)| (tag == 0x06).then(|| Oid::from_content(content)).flatten())
        .collect()
}

/// SEQUENCE OF PolicyInformation, of which only the identifiers matter here.
fn application_policies(der: &[u8]) -> Option<Vec<Oid>> {
    super::asn1::sequence(der)?
        .into_iter()
        .map(|(tag, content)| {
            let (inner, oid, _) = super::asn1::read(content)?;
            (tag == 0x30 && inner == 0x06).then(|| Oid::from_content(oid)).flatten()
        })
        .collect()
}

fn ms_template(der: &[u8]) -> Option<MsTemplate> {
    let fields = super::asn1::sequence(der)?;
    let mut fields = fields.into_iter();
    let (tag, content) = fields.next()?;
    let oid = (tag == 0x06).then(|| Oid::from_content(content)).flatten()?;
    let mut number = || {
        let (_, content) = fields.next()?;
        (content.len() <= 5).then(|| content.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)) as u32)
    };
    Some(MsTemplate { oid, major: number(), minor: number() })
}
