//! DER made BER, as NSS, Bouncy Castle and old Windows write it: lengths that are not said beforehand, strings in
//! pieces.

/// The same element with indefinite lengths wherever something is constructed, and OCTET STRINGs in pieces of `piece`
/// bytes (0: whole). Certificates and lists stay as they are: their signatures cover their bytes. So do sets, which
/// DER sorts by their encoding.
pub fn ber(der: &[u8], piece: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (whole, content, after) = element(rest);
        match whole[0] {
            0x30 if is_signed(content) => out.extend_from_slice(whole),
            tag if tag & 0x20 != 0 => {
                out.extend([tag, 0x80]);
                out.extend(ber(content, piece));
                out.extend([0, 0]);
            }
            0x04 if piece > 0 => {
                out.extend([0x24, 0x80]);
                content.chunks(piece).for_each(|part| out.extend(element_of(0x04, part)));
                out.extend([0, 0]);
            }
            _ => out.extend_from_slice(whole),
        }
        rest = after;
    }
    out
}

/// A DER element of this tag and content.
pub fn element_of(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        0x100..=0xffff => vec![tag, 0x82, (length >> 8) as u8, length as u8],
        _ => vec![tag, 0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}

/// The first element of some DER: all of it, its content, and what follows.
pub fn element(der: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (length, header) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        long => {
            let more = usize::from(long & 0x7f);
            (der[2..2 + more].iter().fold(0, |n, byte| n << 8 | usize::from(*byte)), 2 + more)
        }
    };
    let end = header + length;
    (&der[..end], &der[header..end], &der[end..])
}

/// SEQUENCE, SEQUENCE, BIT STRING: a certificate or a list.
fn is_signed(content: &[u8]) -> bool {
    if content.first() != Some(&0x30) {
        return false;
    }
    let (_, _, rest) = element(content);
    if rest.first() != Some(&0x30) {
        return false;
    }
    let (_, _, rest) = element(rest);
    rest.first() == Some(&0x03)
}
