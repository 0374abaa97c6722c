//! CRL distribution points and issuing distribution points (RFC 5280 sections 4.2.1.13 and 5.2.5), decoded by
//! hand: x509-parser takes nameRelativeToCRLIssuer for explicitly tagged, fails, and silently leaves the whole
//! name out, which would make a partial CRL look like a complete one.

use x509_parser::extensions as x;
use x509_parser::prelude::FromDer;

use super::asn1;
use super::crl::IssuingDistributionPoint;
use super::extension::{DistributionPoint, DistributionPointName, GeneralName, general_name};
use super::name::Rdn;

/// CRLDistributionPoints, and FreshestCRL, which has the same type.
pub(super) fn points(der: &[u8]) -> Option<Vec<DistributionPoint>> {
    asn1::sequence(der)?.into_iter().map(|(tag, content)| (tag == 0x30).then(|| point(content))?).collect()
}

fn point(mut content: &[u8]) -> Option<DistributionPoint> {
    let mut out = DistributionPoint::default();
    while let Some((tag, value, rest)) = next(content)? {
        match tag {
            0xa0 => out.name = Some(point_name(value)?),
            0x81 => out.reasons = Some(reasons(value)?),
            0xa2 => out.crl_issuer = general_names(value)?,
            _ => return None,
        }
        content = rest;
    }
    Some(out)
}

/// IssuingDistributionPoint.
pub(super) fn issuing(der: &[u8]) -> Option<IssuingDistributionPoint> {
    let mut out = IssuingDistributionPoint::default();
    let (0x30, mut content, []) = asn1::read(der)? else { return None };
    while let Some((tag, value, rest)) = next(content)? {
        match tag {
            0xa0 => out.name = Some(point_name(value)?),
            0x81 => out.only_user = boolean(value)?,
            0x82 => out.only_ca = boolean(value)?,
            0x83 => out.reasons = Some(reasons(value)?),
            0x84 => out.indirect = boolean(value)?,
            0x85 => out.only_attribute = boolean(value)?,
            _ => return None,
        }
        content = rest;
    }
    Some(out)
}

/// The next element, `Some(None)` at the end, `None` where it is cut off.
#[expect(clippy::type_complexity, reason = "an element of asn1::read, or the end")]
fn next(content: &[u8]) -> Option<Option<(u8, &[u8], &[u8])>> {
    if content.is_empty() { Some(None) } else { asn1::read(content).map(Some) }
}

/// A CHOICE keeps its own tag inside the context tag (X.680 section 31.2.7).
fn point_name(content: &[u8]) -> Option<DistributionPointName> {
    match asn1::read(content)? {
        (0xa0, names, []) => Some(DistributionPointName::Full(general_names(names)?)),
        (0xa1, rdn, []) => Some(DistributionPointName::Relative(Rdn::from_content(rdn)?)),
        _ => None,
    }
}

fn general_names(mut content: &[u8]) -> Option<Vec<GeneralName>> {
    let mut names = Vec::new();
    while !content.is_empty() {
        let (rest, name) = x::GeneralName::from_der(content).ok()?;
        names.push(general_name(&name));
        content = rest;
    }
    Some(names)
}

/// ReasonFlags: bit n of the BIT STRING, which begins at the most significant one, becomes bit n.
fn reasons(content: &[u8]) -> Option<u16> {
    let (unused, bytes) = content.split_first()?;
    (*unused < 8 && bytes.len() <= 2)
        .then(|| bytes.iter().rev().fold(0, |flags, byte| flags << 8 | u16::from(byte.reverse_bits())))
}

fn boolean(content: &[u8]) -> Option<bool> {
    match content {
        [0] => Some(false),
        [0xff] => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CN=a relative to the issuer, and reasons keyCompromise and cACompromise (bits 1 and 2).
    #[test]
    fn a_relative_name_and_reasons_are_read() {
        let rdn = [0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, b'a'];
        let point = [&[0xa0, 0x0c, 0xa1, 0x0a], rdn.as_slice(), &[0x81, 0x02, 0x05, 0x60]].concat();
        let der = [&[0x30, 0x14, 0x30, 0x12], point.as_slice()].concat();
        let points = points(&der).unwrap();
        let Some(DistributionPointName::Relative(rdn)) = &points[0].name else { panic!("{points:?}") };
        assert_eq!(rdn.0[0].value, "a");
        assert_eq!(points[0].reasons, Some(0b110));
        assert!(super::points(&[0x30, 0x02, 0x30, 0x05]).is_none(), "cut off");
    }
}
