//! Certificates and lists in a PKCS#7 file: a SignedData that signs nothing (RFC 5652 section 5).

use crate::model::asn1;

/// 1.2.840.113549.1.7.2
pub(super) const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// The elements of `certificates [0]` and `crls [1]` in a SignedData (RFC 5652 section 5.1), in their order.
pub(super) fn parts(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, explicit) = *asn1::sequence(der)?.get(1)?;
    let fields = asn1::sequence(explicit)?;
    let mut parts = Vec::new();
    for (_, mut content) in fields.into_iter().filter(|(tag, _)| matches!(tag, 0xa0 | 0xa1)) {
        while !content.is_empty() {
            let (_, _, rest) = asn1::read(content)?;
            parts.push(&content[..content.len() - rest.len()]);
            content = rest;
        }
    }
    Some(parts)
}
