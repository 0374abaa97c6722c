//! Bytes that are text, however it is written, and base64 in it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;
use zeroize::{Zeroize, Zeroizing};

/// How a text file is written: what this tool does not mind, and others do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How its characters are bytes.
    pub encoding: Encoding,
    /// True where lines end in CR alone.
    pub lone_cr: bool,
    /// What else is unusual, each once, with the line where it is first.
    pub oddities: Vec<(Oddity, usize)>,
}

/// How characters are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, ASCII, or anything that extends ASCII.
    #[default]
    Utf8,
    /// With a byte order mark.
    Utf8Bom,
    /// Little-endian, with a byte order mark or without.
    Utf16Le,
    /// Big-endian, with a byte order mark or without.
    Utf16Be,
}

/// What is unusual about a text with PEM blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// Blank lines inside a block.
    BlankLines,
    /// White space before the lines of a block.
    Indented,
    /// openssl's TRUSTED CERTIFICATE.
    TrustedLabel,
    /// PKCS#7 under the label CERTIFICATE.
    Pkcs7AsCertificate,
    /// No BEGIN and END lines.
    BareBase64,
}

impl Shape {
    /// Notes what is unusual, the first time it is seen.
    pub(super) fn note(&mut self, oddity: Oddity, line: usize) {
        if !self.oddities.iter().any(|(noted, _)| *noted == oddity) {
            self.oddities.push((oddity, line));
        }
    }

    /// Notes what is unusual in a part of the same text, before which so many lines stand.
    pub(super) fn merge(&mut self, part: &Self, before: usize) {
        part.oddities.iter().for_each(|(oddity, line)| self.note(*oddity, before + line));
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Bom => "UTF-8 with a byte order mark",
            Self::Utf16Le => "UTF-16, little-endian",
            Self::Utf16Be => "UTF-16, big-endian",
        })
    }
}

/// Decoded text, wiped where it is a copy: there may be a key in it.
pub(super) struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

/// Text files as they come: UTF-8 with or without BOM, UTF-16 of either order with or without BOM.
pub(super) fn decode(bytes: &[u8]) -> (Text<'_>, Shape) {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Zeroizing<Vec<u16>> =
            Zeroizing::new(bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect());
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    let le = |bytes| utf16(bytes, u16::from_le_bytes);
    let be = |bytes| utf16(bytes, u16::from_be_bytes);
    let (text, encoding) = match bytes {
        [0xff, 0xfe, rest @ ..] => (le(rest), Encoding::Utf16Le),
        [0xfe, 0xff, rest @ ..] => (be(rest), Encoding::Utf16Be),
        [0xef, 0xbb, 0xbf, rest @ ..] => (utf8(rest), Encoding::Utf8Bom),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => (le(bytes), Encoding::Utf16Le),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => (be(bytes), Encoding::Utf16Be),
        _ => (utf8(bytes), Encoding::Utf8),
    };
    let has = |byte| memchr(byte, text.as_bytes()).is_some();
    let lone_cr = has(b'\r') && !has(b'\n');
    (Text(text), Shape { encoding, lone_cr, oddities: Vec::new() })
}

/// As `String::from_utf8_lossy`, which takes its time also where nothing is lost.
fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Base64 with white space anywhere and padding optional.
pub(super) fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
    text.split(u8::is_ascii_whitespace).for_each(|part| compact.extend_from_slice(part));
    decode_base64(&compact)
}

/// Base64 without white space, padding optional.
pub(super) fn decode_base64(compact: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    ENGINE.decode(compact).ok().filter(|der| !der.is_empty()).map(Zeroizing::new)
}
