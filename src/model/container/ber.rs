//! BER made DER (X.690): what NSS and others write with indefinite lengths and strings in pieces becomes definite
//! and whole, so that one parser is enough. What has definite lengths stays as it is, byte by byte: signatures
//! cover it.

use std::borrow::Cow;
use std::fmt;

/// Indefinite lengths nested deeper than this are refused; real files need a dozen.
const MAX_DEPTH: usize = 64;

/// Why an element cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is cut off, or no BER at all.
    Malformed,
    /// It is nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "damaged or cut off: copy or download the file again (in binary)",
            Self::TooDeep => "nested too deep to be one",
        })
    }
}

/// The first element with definite lengths, and what follows it.
pub(super) fn element(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Fault> {
    normal(bytes, 0)
}

/// [`element`], where it fills the input.
pub(super) fn whole(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    match element(bytes)? {
        (der, []) => Ok(der),
        _ => Err(Fault::Malformed),
    }
}

/// The content of an OCTET STRING under an implicit tag, whose pieces (constructed form, X.690 section 8.7.3) are
/// told from a whole one by the tag alone: `constructed` is its bit 6.
pub(super) fn octets(constructed: bool, content: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !constructed {
        return Some(Cow::Borrowed(content));
    }
    let (mut rest, mut joined) = (content, Vec::with_capacity(content.len()));
    while !rest.is_empty() {
        let (0x04, piece, after) = crate::model::asn1::read(rest)? else { return None };
        joined.extend_from_slice(piece);
        rest = after;
    }
    Some(Cow::Owned(joined))
}

fn normal(bytes: &[u8], depth: usize) -> Result<(Cow<'_, [u8]>, &[u8]), Fault> {
    let Header { tag, constructed, length, size } = header(bytes).ok_or(Fault::Malformed)?;
    let inside = &bytes[size..];
    let Some(length) = length else {
        if !constructed {
            return Err(Fault::Malformed);
        }
        if depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        let (content, rest) = until_end(inside, depth + 1)?;
        return Ok((Cow::Owned(wrap(tag, &content)?), rest));
    };
    let content = inside.get(..length).ok_or(Fault::Malformed)?;
    let (all, rest) = bytes.split_at(size + length);
    if !constructed || depth == MAX_DEPTH {
        return Ok((Cow::Borrowed(all), rest));
    }
    match parts(content, depth + 1) {
        Ok(Some(content)) => Ok((Cow::Owned(wrap(tag, &content)?), rest)),
        // Something odd inside definite lengths is left for its own parser to refuse: it hides nothing else.
        Ok(None) | Err(Fault::Malformed) if tag != [CONSTRUCTED_OCTETS] => Ok((Cow::Borrowed(all), rest)),
        Ok(None) => Ok((Cow::Owned(wrap(tag, content)?), rest)),
        Err(fault) => Err(fault),
    }
}

/// The elements of a content in DER; `None` where they are that already.
fn parts(content: &[u8], depth: usize) -> Result<Option<Vec<u8>>, Fault> {
    let (mut rest, mut made) = (content, None);
    while !rest.is_empty() {
        let at = content.len() - rest.len();
        let (part, after) = normal(rest, depth)?;
        if made.is_none() && matches!(part, Cow::Owned(_)) {
            made = Some(content[..at].to_vec());
        }
        if let Some(made) = &mut made {
            made.extend_from_slice(&part);
        }
        rest = after;
    }
    Ok(made)
}

/// The elements up to end-of-contents octets (X.690 section 8.1.5), and what follows those.
fn until_end(mut rest: &[u8], depth: usize) -> Result<(Vec<u8>, &[u8]), Fault> {
    let mut made = Vec::new();
    loop {
        if let [0, 0, after @ ..] = rest {
            return Ok((made, after));
        }
        let (part, after) = normal(rest, depth)?;
        made.extend_from_slice(&part);
        rest = after;
    }
}

const CONSTRUCTED_OCTETS: u8 = 0x24;

/// Tag and definite length before a content; the pieces of an OCTET STRING are joined.
fn wrap(tag: &[u8], content: &[u8]) -> Result<Vec<u8>, Fault> {
    let (tag, joined) = match tag {
        [CONSTRUCTED_OCTETS] => (&[0x04][..], octets(true, content).ok_or(Fault::Malformed)?),
        tag => (tag, Cow::Borrowed(content)),
    };
    Ok([tag, &crate::model::asn1::length(joined.len()), &joined].concat())
}

struct Header<'a> {
    tag: &'a [u8],
    constructed: bool,
    /// `None`: indefinite.
    length: Option<usize>,
    /// Of tag and length together.
    size: usize,
}

fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let first = *bytes.first()?;
    let mut tag = 1;
    if first & 0x1f == 0x1f {
        // At most four more: no tag of these formats needs one.
        tag += bytes[1..].iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    }
    let (length, more) = match *bytes.get(tag)? {
        short @ 0..=0x7f => (Some(usize::from(short)), 0),
        0x80 => (None, 0),
        long @ 0x81..=0x84 => {
            let more = usize::from(long & 0x7f);
            let bytes = bytes.get(tag + 1..tag + 1 + more)?;
            (Some(bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte))), more)
        }
        _ => return None,
    };
    Some(Header { tag: &bytes[..tag], constructed: first & 0x20 != 0, length, size: tag + 1 + more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{hex, unhex};

    fn der(ber: &str) -> Result<String, Fault> {
        whole(&unhex(ber).unwrap()).map(|der| hex(&der))
    }

    #[test]
    fn indefinite_lengths_become_definite_and_pieces_of_strings_whole() {
        assert_eq!(der("3080020103 0000").unwrap(), "3003020103");
        assert_eq!(der("2480 0401aa 0402bbcc 0000").unwrap(), "0403aabbcc");
        assert_eq!(der("2407 0401aa 0402bbcc").unwrap(), "0403aabbcc");
        assert_eq!(der("3080 a080 2480 0401aa 0000 0000 0201 05 0000").unwrap(), "3008a0030401aa020105");
        assert_eq!(der("3080 2480 2480 0401aa 0000 0401bb 0000 0000").unwrap(), "30040402aabb");
        assert_eq!(
            der("300d 020101 3080 020102 0000 020103").unwrap(),
            "300b 020101 3003020102 020103".replace(' ', "")
        );
    }

    #[test]
    fn what_is_der_stays_itself_and_so_does_what_is_odd_inside_it() {
        for same in ["3003020103", "30820003020103", "3004ffffffff", "a0020500", "bf812d020500"] {
            let bytes = unhex(same).unwrap();
            assert!(matches!(whole(&bytes), Ok(Cow::Borrowed(all)) if all == bytes), "{same}");
        }
    }

    #[test]
    fn what_is_cut_off_or_bottomless_is_refused() {
        for cut in [
            "",
            "30",
            "3080",
            "3080020103",
            "308002010300",
            "0480aabb0000",
            "2480 020101 0000",
            "3085ffffffffff",
        ] {
            assert_eq!(der(cut).unwrap_err(), Fault::Malformed, "{cut}");
        }
        let deep = "3080".repeat(MAX_DEPTH + 1) + &"0000".repeat(MAX_DEPTH + 1);
        assert_eq!(der(&deep).unwrap_err(), Fault::TooDeep);
        let fits = "3080".repeat(MAX_DEPTH) + &"0000".repeat(MAX_DEPTH);
        assert!(der(&fits).is_ok());
        // A megabyte of openings ends at once and not on the end of the stack.
        assert_eq!(whole(&[0x30, 0x80].repeat(1 << 19)).unwrap_err(), Fault::TooDeep);
    }

    #[test]
    fn pieces_under_an_implicit_tag() {
        assert_eq!(octets(false, &[1, 2]).unwrap()[..], [1, 2]);
        assert_eq!(octets(true, &[4, 1, 1, 4, 1, 2]).unwrap()[..], [1, 2]);
        assert_eq!(octets(true, &[2, 1, 1]), None);
    }
}
