//! X.501 names as facts: decoded for people, normalised for comparison (RFC 5280 section 7.1), raw for
//! signatures. Also the upper bounds of X.520 and the syntax of DNS names.

use std::fmt;
use std::net::IpAddr;

use super::oid::{self, Oid};
use super::{Error, Result, asn1};

/// A distinguished name: the relative names in the order of the encoding (country first, usually).
#[derive(Clone)]
pub struct Name {
    der: Box<[u8]>,
    rdns: Vec<Rdn>,
    normalized: Box<[u8]>,
}

/// One relative distinguished name: its attributes in the order of the encoding, nearly always one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rdn(pub Vec<Attribute>);

/// One attribute of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// What kind of value it is, such as [`oid::COMMON_NAME`].
    pub kind: Oid,
    /// The value as text; values that are no string type, or not decodable, are shown as `#` and their hex
    /// (RFC 4514 section 2.4).
    pub value: String,
    /// The ASN.1 tag of the value (12 UTF8String, 19 PrintableString, 22 IA5String, 30 BMPString ...).
    pub tag: u32,
}

impl Rdn {
    /// Decodes what is inside the SET; `None` where it is anything but attributes (RFC 5280 section 4.1.2.4).
    pub(super) fn from_content(content: &[u8]) -> Option<Self> {
        let attributes = asn1::elements(content)?.into_iter().map(|(tag, attribute)| {
            match (tag, asn1::elements(attribute)?.as_slice()) {
                (0x30, &[(0x06, kind), (tag, value)]) => {
                    let kind = Oid::from_content(kind)?;
                    let tag = u32::from(tag);
                    let text = decode_string(tag, value);
                    let value = text.unwrap_or_else(|| format!("#{}", crate::text::hex(value)));
                    Some(Attribute { kind, value, tag })
                }
                _ => None,
            }
        });
        attributes.collect::<Option<Vec<_>>>().filter(|attributes| !attributes.is_empty()).map(Self)
    }

    /// This relative name's part of [`Name::normalized`].
    pub fn normalized(&self) -> Vec<u8> {
        // An RDN is a SET: the order of its attributes means nothing.
        let mut keys: Vec<Vec<u8>> = self.0.iter().map(comparison_key).collect();
        keys.sort();
        let length: usize = keys.iter().map(Vec::len).sum();
        [&(length as u32).to_be_bytes()[..], &keys.concat()].concat()
    }
}

impl Name {
    /// Decodes a DER Name, whole: the big parsers leave out what they cannot read of one, and so show another name
    /// than the one that was signed.
    ///
    /// # Errors
    /// [`Error::Asn1`] where the bytes are no Name.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let no_name =
            || Error::Asn1 { what: "a distinguished name", detail: "its encoding is damaged".into() };
        let sets = asn1::sequence(der).ok_or_else(no_name)?;
        let rdns = sets.into_iter().map(|(tag, content)| match tag {
            0x31 => Rdn::from_content(content),
            _ => None,
        });
        let rdns = rdns.collect::<Option<Vec<_>>>().ok_or_else(no_name)?;
        let normalized = rdns.iter().flat_map(Rdn::normalized).collect();
        Ok(Self { der: der.into(), rdns, normalized })
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The relative names, in the order of the encoding.
    pub fn rdns(&self) -> &[Rdn] {
        &self.rdns
    }

    /// All attributes, in the order of the encoding.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.rdns.iter().flat_map(|rdn| &rdn.0)
    }

    /// The values of all attributes of one kind.
    pub fn values<'a>(&'a self, kind: &'a Oid) -> impl Iterator<Item = &'a str> {
        self.attributes().filter(move |a| a.kind == *kind).map(|a| a.value.as_str())
    }

    /// The common name; where there are several, the last one (the most specific: RFC 6125 section 6.4.4).
    pub fn common_name(&self) -> Option<&str> {
        self.values(&oid::COMMON_NAME).last()
    }

    /// True for the empty sequence.
    pub fn is_empty(&self) -> bool {
        self.rdns.is_empty()
    }

    /// The key under which equal names (RFC 5280 section 7.1: case, white space and string type do not
    /// matter) are equal. Each relative name is preceded by its length, so a name is within a subtree
    /// exactly when the subtree's key is a prefix of the name's.
    pub fn normalized(&self) -> &[u8] {
        &self.normalized
    }

    /// True where this name lies within the subtree that `base` names (RFC 5280 section 4.2.1.10).
    pub fn is_within(&self, base: &Name) -> bool {
        self.normalized.starts_with(&base.normalized)
    }

    /// What a person would call the holder: the common name, else the last attribute, else "(empty name)".
    pub fn short(&self) -> &str {
        self.common_name()
            .or_else(|| self.attributes().last().map(|a| a.value.as_str()))
            .unwrap_or("(empty name)")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}
impl Eq for Name {}

/// RFC 4514: the relative names in reverse order, special characters escaped. Control characters are left to
/// [`crate::text::escape`].
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rdn) in self.rdns.iter().rev().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            for (j, attribute) in rdn.0.iter().enumerate() {
                if j > 0 {
                    f.write_str("+")?;
                }
                match attribute.kind.name() {
                    Some(name) => write!(f, "{name}=")?,
                    None => write!(f, "{}=", attribute.kind)?,
                }
                write_rfc4514_value(f, &attribute.value)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

fn write_rfc4514_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        let edge_space = c == ' ' && (i == 0 || i == last);
        if edge_space || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') || (c == '#' && i == 0) {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    Ok(())
}

/// Decodes the string types that occur in names. T61String is read as Latin-1, as every implementation does,
/// and BMPString as UTF-16BE (x509-parser refuses both where they are not ASCII).
pub(super) fn decode_string(tag: u32, data: &[u8]) -> Option<String> {
    match tag {
        12 | 18 | 19 | 22 | 26 => String::from_utf8(data.to_vec()).ok(),
        20 => Some(data.iter().map(|b| char::from(*b)).collect()),
        28 => data
            .chunks(4)
            .map(|c| c.try_into().ok().map(u32::from_be_bytes).and_then(char::from_u32))
            .collect(),
        30 if data.len().is_multiple_of(2) => {
            let units: Vec<u16> =
                data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    }
}

/// RFC 5280 section 7.1 with the preparation of RFC 4518: compatibility composition (NFKC), case folding,
/// leading and trailing white space dropped, inner white space as one space. A value that is no string type
/// is its hex, which no preparation changes; the tag keeps it apart from a string that looks alike.
fn comparison_key(attribute: &Attribute) -> Vec<u8> {
    let Attribute { kind, value, tag } = attribute;
    let prepared = if value.is_ascii() {
        fold(value)
    } else {
        fold(&icu_normalizer::ComposingNormalizerBorrowed::new_nfkc().normalize(value))
    };
    let tag = if is_string(*tag) { 0 } else { *tag };
    let mut key = Vec::with_capacity(kind.content().len() + prepared.len() + 12);
    for part in [kind.content(), &tag.to_be_bytes(), prepared.as_bytes()] {
        key.extend_from_slice(&(part.len() as u32).to_be_bytes());
        key.extend_from_slice(part);
    }
    key
}

fn is_string(tag: u32) -> bool {
    matches!(tag, 12 | 18 | 19 | 20 | 22 | 26 | 28 | 30)
}

/// Lower case by way of the capital, which is what case folding (RFC 3454 table B.2) comes to: ß is SS, ς is σ.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            match c {
                // Its capital is the I of i.
                'ı' => out.push(c),
                c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
                c => out.extend(c.to_uppercase().flat_map(char::to_lowercase)),
            }
        }
    }
    out
}

/// A fault in a name that a person typed, with the field and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct NameFault {
    /// The field or flag, as the person knows it ("organization", "DNS name \"a..b\"").
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl NameFault {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// X.520 upper bounds (RFC 5280 appendix A.1), in characters.
const UPPER_BOUNDS: &[(Oid, &str, usize)] = &[
    (oid::COMMON_NAME, "common name (CN)", 64),
    (oid::ORGANIZATION, "organization (O)", 64),
    (oid::ORGANIZATIONAL_UNIT, "organizational unit (OU)", 64),
    (oid::LOCALITY, "locality (L)", 128),
    (oid::STATE, "state or province (ST)", 128),
    (oid::COUNTRY, "country (C)", 2),
    (oid::EMAIL_ADDRESS, "email address", 255),
];

/// Checks one attribute value against X.520: not empty, no control characters, within its upper bound; a
/// country is two letters (ISO 3166).
///
/// # Errors
/// A [`NameFault`] that names the field.
pub fn check_attribute(kind: &Oid, value: &str) -> std::result::Result<(), NameFault> {
    let (field, bound) = UPPER_BOUNDS
        .iter()
        .find(|(oid, ..)| oid == kind)
        .map_or_else(|| (kind.to_string(), 64), |(_, name, bound)| ((*name).to_string(), *bound));
    let length = value.chars().count();
    if value.trim().is_empty() {
        return Err(NameFault::new(field, "is empty: give a value or leave the flag out"));
    }
    if value.chars().any(char::is_control) {
        return Err(NameFault::new(field, "contains a control character (a line break or tab, perhaps)"));
    }
    if *kind == oid::COUNTRY && !(length == 2 && value.chars().all(|c| c.is_ascii_alphabetic())) {
        return Err(NameFault::new(
            field,
            format!("\"{value}\" is not a two-letter ISO 3166 code such as JP or US"),
        ));
    }
    if *kind == oid::EMAIL_ADDRESS && (!value.is_ascii() || !value.contains('@')) {
        return Err(NameFault::new(field, format!("\"{value}\" is not an ASCII address with an @")));
    }
    if length > bound {
        return Err(NameFault::new(
            field,
            format!("\"{value}\" has {length} characters; X.520 allows {bound}"),
        ));
    }
    Ok(())
}

/// A host name in its ASCII (IDNA A-label) form, lower case, checked: labels of 1 to 63 letters, digits and
/// hyphens, 253 characters in all, at least two labels, not an IP address, no wildcard.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Fqdn(String);

impl Fqdn {
    /// Reads a fully qualified domain name as a person types it; an international name goes through IDNA.
    ///
    /// # Errors
    /// A [`NameFault`] that names the rule.
    pub fn parse(typed: &str) -> std::result::Result<Self, NameFault> {
        let name = Self::parse_any(typed)?;
        if !name.0.contains('.') {
            return Err(fqdn_fault(
                typed,
                "is not fully qualified: write the name with its domain, as in ocs1.foo.com",
            ));
        }
        Ok(name)
    }

    /// Like [`Fqdn::parse`], but a single label (`localhost`, a NetBIOS name) is accepted.
    ///
    /// # Errors
    /// A [`NameFault`] that names the rule.
    pub fn parse_any(typed: &str) -> std::result::Result<Self, NameFault> {
        let trimmed = typed.trim();
        if trimmed.is_empty() {
            return Err(fqdn_fault(typed, "is empty"));
        }
        if trimmed.contains('*') {
            return Err(fqdn_fault(typed, "is a wildcard: OCS and IM and Presence need exact names"));
        }
        if trimmed.parse::<IpAddr>().is_ok() {
            return Err(fqdn_fault(typed, "is an IP address: a host name is needed"));
        }
        let ascii = idna::domain_to_ascii(trimmed)
            .map_err(|_| fqdn_fault(typed, "is not a valid (international) domain name"))?;
        if ascii.len() > 253 {
            return Err(fqdn_fault(typed, &format!("has {} characters; DNS allows 253", ascii.len())));
        }
        // RFC 1123 section 2.1: what ends in a number is an address, and this one is none.
        if ascii
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()) && !last.is_empty())
        {
            return Err(fqdn_fault(typed, "ends in a number, as only an IP address does"));
        }
        match ascii.split('.').find_map(label_problem) {
            Some(problem) => Err(fqdn_fault(typed, &problem)),
            None => Ok(Self(ascii)),
        }
    }

    /// The name, ASCII, lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An international name as people write it; nothing where the name is ASCII anyway.
    pub fn unicode(&self) -> Option<String> {
        let (unicode, valid) = idna::domain_to_unicode(&self.0);
        (valid.is_ok() && unicode != self.0).then_some(unicode)
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fqdn_fault(typed: &str, problem: &str) -> NameFault {
    NameFault::new(format!("DNS name \"{}\"", crate::text::escape_short(typed, 80)), problem)
}

/// RFC 1123 section 2.1: letters, digits and hyphens, no hyphen at either end, 63 at most.
fn label_problem(label: &str) -> Option<String> {
    if label.is_empty() {
        return Some("has an empty label (two dots in a row, or a dot at an end)".into());
    }
    if label.len() > 63 {
        return Some(format!("has a label of {} characters; DNS allows 63", label.len()));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some(format!("has a label that begins or ends with a hyphen: \"{label}\""));
    }
    label
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || *c == '-'))
        .map(|c| format!("contains \"{}\", which a host name may not", c.escape_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[(&Oid, u8, &[u8])]) -> Name {
        let mut body = Vec::new();
        for (kind, tag, value) in parts {
            let mut attribute = vec![0x06, kind.content().len() as u8];
            attribute.extend_from_slice(kind.content());
            attribute.extend_from_slice(&[*tag, value.len() as u8]);
            attribute.extend_from_slice(value);
            body.extend_from_slice(&[0x31, attribute.len() as u8 + 2, 0x30, attribute.len() as u8]);
            body.extend_from_slice(&attribute);
        }
        let mut der = vec![0x30, body.len() as u8];
        der.extend_from_slice(&body);
        Name::from_der(&der).unwrap()
    }

    #[test]
    fn names_compare_as_rfc_5280_section_7_1_asks() {
        let printable = name(&[(&oid::ORGANIZATION, 19, b"Foo  Inc"), (&oid::COMMON_NAME, 19, b"Root CA")]);
        let utf8 = name(&[(&oid::ORGANIZATION, 12, b" foo inc "), (&oid::COMMON_NAME, 12, b"ROOT ca")]);
        assert_eq!(printable, utf8);
        assert!(printable.is_within(&name(&[(&oid::ORGANIZATION, 30, b"\0f\0o\0o\0 \0i\0n\0c")])));
        assert_ne!(printable, name(&[(&oid::ORGANIZATION, 19, b"Foo Inc")]));
        assert!(!printable.is_within(&name(&[(&oid::ORGANIZATION, 19, b"Foo")])), "no prefix of a value");
    }

    /// What cannot be read is no reason to show the rest as the whole name.
    #[test]
    fn a_damaged_name_is_no_shorter_name() {
        let good = *b"\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x0a\x13\x08Foo  Bar";
        assert_eq!(Name::from_der(&good).unwrap().to_string(), "O=Foo  Bar");
        // A length, the OID's tag, its last arc, the SET's tag, the attribute's tag; bytes behind the value.
        for (at, byte) in [(3, 0x12), (6, 0x05), (10, 0x8a), (2, 0x30), (4, 0x31), (12, 0x07)] {
            let mut damaged = good;
            damaged[at] = byte;
            assert!(Name::from_der(&damaged).is_err(), "byte {at}");
        }
        assert!(Name::from_der(&good[..20]).is_err() && Name::from_der(&[&good[..], &[0]].concat()).is_err());
        assert!(Name::from_der(&[0x30, 2, 0x31, 0]).is_err(), "a SET without an attribute");
        assert_eq!(Name::from_der(&[0x30, 0]).unwrap().rdns().len(), 0);
    }

    #[test]
    fn a_teletex_string_with_latin_1_is_readable() {
        let german = name(&[(&oid::ORGANIZATION, 20, b"M\xfcller"), (&oid::COMMON_NAME, 19, b"a,b")]);
        assert_eq!(german.to_string(), "CN=a\\,b, O=Müller");
        assert_eq!(
            german,
            name(&[(&oid::ORGANIZATION, 12, "MÜLLER".as_bytes()), (&oid::COMMON_NAME, 19, b"A,B")])
        );
    }

    #[test]
    fn host_names_are_checked_with_the_rule_named() {
        assert_eq!(Fqdn::parse("Pool.Foo.COM").unwrap().as_str(), "pool.foo.com");
        assert_eq!(Fqdn::parse("プール.example").unwrap().as_str(), "xn--udkxb9b.example");
        for (typed, word) in [
            ("*.foo.com", "wildcard"),
            ("a..b", "empty label"),
            ("pool", "fully qualified"),
            ("10.1.2.3", "IP address"),
            ("-a.foo.com", "hyphen"),
            ("a_b.foo.com", "may not"),
            ("", "empty"),
        ] {
            let fault = Fqdn::parse(typed).unwrap_err().to_string();
            assert!(fault.contains(word), "{typed}: {fault}");
        }
        let long = format!("{}.foo.com", "a".repeat(64));
        assert!(Fqdn::parse(&long).is_err());
    }

    #[test]
    fn x520_bounds_name_the_field() {
        let fault = check_attribute(&oid::COUNTRY, "Japan").unwrap_err().to_string();
        assert!(fault.contains("country") && fault.contains("two-letter"), "{fault}");
        let fault = check_attribute(&oid::ORGANIZATIONAL_UNIT, &"あ".repeat(65)).unwrap_err().to_string();
        assert!(fault.contains("OU") && fault.contains("64"), "{fault}");
        assert!(check_attribute(&oid::ORGANIZATION, &"あ".repeat(64)).is_ok());
    }
}
