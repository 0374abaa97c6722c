//! Writing DER (X.690): the few types that certificates, revocation lists and PKCS#7 are made of. The parsers
//! below cannot write, and the makers of certificates that exist fold several OUs of a subject into one or
//! encode anew what has to stay as it came.

use time::OffsetDateTime;

use crate::model::Oid;

/// One element: tag, length, content.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        out.push(0x80 | (bytes.len() - zeros) as u8);
        out.extend_from_slice(&bytes[zeros..]);
    }
    out.extend_from_slice(content);
    out
}

/// A SEQUENCE of elements.
pub(super) fn sequence<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Vec<u8> {
    tlv(0x30, &concat(parts))
}

/// A SET OF: DER sorts its elements (X.690 section 11.6).
pub(super) fn set_of(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(0x31, &concat(parts))
}

/// A context-specific constructed element, `[number]`.
pub(super) fn context<T: AsRef<[u8]>>(number: u8, parts: impl IntoIterator<Item = T>) -> Vec<u8> {
    tlv(0xa0 | number, &concat(parts))
}

/// An OBJECT IDENTIFIER.
pub(super) fn oid(oid: &Oid) -> Vec<u8> {
    tlv(0x06, oid.content())
}

/// A non-negative INTEGER from its big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    let significant = &bytes[zeros..];
    match significant.first() {
        None => tlv(0x02, &[0]),
        Some(first) if first & 0x80 != 0 => tlv(0x02, &concat([&[0][..], significant])),
        Some(_) => tlv(0x02, significant),
    }
}

/// A BIT STRING of whole bytes.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &concat([&[0][..], bytes]))
}

/// A BIT STRING of named bits, bit 0 in the lowest bit of `bits`; trailing zeros are left out (X.690 section
/// 11.2.2).
pub(super) fn named_bits(bits: u16) -> Vec<u8> {
    let bytes = bits.reverse_bits().to_be_bytes();
    let unused = bits.leading_zeros() as u8;
    match bits {
        0 => tlv(0x03, &[0]),
        1..=0xff => tlv(0x03, &[unused - 8, bytes[0]]),
        _ => tlv(0x03, &[unused, bytes[0], bytes[1]]),
    }
}

/// UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5).
pub(super) fn time(at: OffsetDateTime) -> Vec<u8> {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let rest = format!("{month:02}{day:02}{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    match year {
        1950..=2049 => tlv(0x17, format!("{:02}{rest}", year % 100).as_bytes()),
        _ => tlv(0x18, format!("{year:04}{rest}").as_bytes()),
    }
}

fn concat<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut out = Vec::new();
    parts.into_iter().for_each(|part| out.extend_from_slice(part.as_ref()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_numbers_bits_and_times_are_as_x690_writes_them() {
        assert_eq!(tlv(0x04, &[7; 0x7f])[..2], [0x04, 0x7f]);
        assert_eq!(tlv(0x04, &[7; 0x80])[..3], [0x04, 0x81, 0x80]);
        assert_eq!(tlv(0x04, &[7; 0x100])[..4], [0x04, 0x82, 0x01, 0x00]);
        assert_eq!(integer(&[0, 0]), [0x02, 1, 0]);
        assert_eq!(integer(&[0, 0x7f]), [0x02, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [0x02, 2, 0, 0x80]);
        assert_eq!(named_bits(0), [0x03, 1, 0]);
        assert_eq!(named_bits(1), [0x03, 2, 7, 0x80], "digitalSignature");
        assert_eq!(named_bits(0b101), [0x03, 2, 5, 0xa0], "digitalSignature, keyEncipherment");
        assert_eq!(named_bits(1 << 8), [0x03, 3, 7, 0x00, 0x80], "decipherOnly");
        assert_eq!(time(time::macros::datetime!(2049-12-31 23:59:59 UTC)), *b"\x17\x0d491231235959Z");
        assert_eq!(time(time::macros::datetime!(2050-01-01 0:00 UTC)), *b"\x18\x0f20500101000000Z");
    }
}
