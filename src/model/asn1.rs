//! The few steps of DER that the big parsers leave to us: one definite-length element, one SEQUENCE's parts.

/// Reads one DER element: its tag byte, its content and what follows. `None` for a high tag number, an
/// indefinite or over-long length, or a content that is cut off.
pub(super) fn read(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let bytes = rest.get(..count)?;
            (bytes.iter().fold(0usize, |n, b| n << 8 | usize::from(*b)), &rest[count..])
        }
        _ => return None,
    };
    Some((tag, rest.get(..length)?, &rest[length..]))
}

/// The elements of a SEQUENCE that fills the input, each as its tag byte and content.
pub(super) fn sequence(der: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (0x30, content, []) = read(der)? else { return None };
    elements(content)
}

/// The elements of a content, each as its tag byte and content.
pub(super) fn elements(mut content: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut parts = Vec::new();
    while !content.is_empty() {
        let (tag, part, rest) = read(content)?;
        parts.push((tag, part));
        content = rest;
    }
    Some(parts)
}

/// An INTEGER's content that is not negative and fits.
pub(super) fn unsigned(content: &[u8]) -> Option<u64> {
    let significant = &content[content.iter().take_while(|byte| **byte == 0).count()..];
    match (content.first()?, significant.len()) {
        (0..=0x7f, 0..=8) => Some(significant.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))),
        _ => None,
    }
}

/// The octets of a definite length.
pub(super) fn length(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => vec![short],
        _ => {
            let bytes = length.to_be_bytes();
            let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            [&[0x80 | significant.len() as u8], significant].concat()
        }
    }
}

/// SIGNED{} (RFC 5280 section 4.1.1): what is signed, the algorithm, a signature of whole bytes. The parser minds
/// neither stray bits nor wrong tags here, and no signature covers them: two encodings would pass for one.
pub(super) fn is_signed_object(der: &[u8]) -> bool {
    matches!(sequence(der).as_deref(), Some([(0x30, _), (0x30, _), (0x03, [0, ..])]))
}

/// Do a certificate or a CRL say the same of the signature's algorithm inside and outside what is signed (RFC
/// 5280 sections 4.1.1.2 and 5.1.1.2)? Compared byte by byte: no signature covers the outer one, and the parser
/// does not mind wrong tags in it.
pub(super) fn algorithms_agree(der: &[u8]) -> bool {
    let Some(parts) = sequence(der) else { return false };
    let [(_, mut signed), (_, outer), _] = parts[..] else { return false };
    // The first SEQUENCE: before it stand the version and, in a certificate, the serial number.
    while let Some((tag, content, rest)) = read(signed) {
        if tag == 0x30 {
            return content == outer;
        }
        signed = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(read(&[0x04, 0x01, 0xaa, 0xbb]), Some((0x04, [0xaa].as_slice(), [0xbb].as_slice())));
        assert_eq!(read(&[0x04, 0x02, 0xaa]), None);
        assert_eq!(read(&[0x30, 0x80, 0, 0]), None, "indefinite length is BER");
        assert_eq!(read(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(sequence(&[0x30, 0x02, 0x05, 0x00, 0x00]), None, "trailing bytes");
    }

    #[test]
    fn lengths_and_numbers() {
        assert_eq!(length(0x7f), [0x7f]);
        assert_eq!(length(0x80), [0x81, 0x80]);
        assert_eq!(length(0x1234), [0x82, 0x12, 0x34]);
        assert_eq!(unsigned(&[0x00, 0xff]), Some(255));
        assert_eq!(unsigned(&[0x09, 0x27, 0xc0]), Some(600_000));
        assert_eq!(unsigned(&[0xff]), None, "negative");
        assert_eq!(unsigned(&[]), None);
        assert_eq!(unsigned(&[1; 9]), None);
    }
}
