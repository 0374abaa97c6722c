//! PEM (RFC 7468), written as every reader wants it, and read in all the shapes that Windows, Cisco and mail
//! programs leave it in.

use std::iter::Peekable;
use std::mem;

use memchr::{memchr, memchr2, memchr2_iter, memmem};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::sniff::Kind;
use super::text::{self, Oddity, Shape, Text};
use super::{Contents, EncryptedKey, Item, Object, Place, foreign};
use crate::model::asn1;

/// Well-formed labels for the PEM that this tool writes (RFC 7468).
pub mod label {
    /// A certificate.
    pub const CERTIFICATE: &str = "CERTIFICATE";
    /// A PKCS#10 request.
    pub const REQUEST: &str = "CERTIFICATE REQUEST";
    /// An unencrypted PKCS#8 key.
    pub const KEY: &str = "PRIVATE KEY";
    /// An encrypted PKCS#8 key.
    pub const ENCRYPTED_KEY: &str = "ENCRYPTED PRIVATE KEY";
    /// A revocation list.
    pub const CRL: &str = "X509 CRL";
}

/// One PEM block, lines of 64 characters ended by LF, as RFC 7468 and every reader want it.
pub fn pem(label: &str, der: &[u8]) -> String {
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&::pem::Pem::new(label, der), config)
}

const BEGIN: &str = "-----BEGIN";

const BEGIN_LINE: &str = "the BEGIN line is damaged or cut off: -----BEGIN ...-----, what follows it and -----END ...----- belong on lines of their own";

/// openssl writes the curve in front of the key, which names it once more.
const PARAMETERS: &str = "EC PARAMETERS";

/// Sections of a part: enough for all cores, and few enough that a large file is not in memory twice.
const SECTIONS: usize = 1024;

/// A text with blocks, read from its beginning to its end.
pub(super) struct Reader<'a> {
    text: Text<'a>,
    /// How many of its bytes, blocks and lines were read.
    at: usize,
    before: Place,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        Self { text, at: 0, before: Place { number: 0, line: Some(0) } }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Every block of the next part becomes an object or a problem.
    pub(super) fn read(&mut self, contents: &mut Contents) {
        let part: Vec<&str> = sections(&self.text[self.at..]).take(SECTIONS).collect();
        self.at += part.iter().map(|section| section.len()).sum::<usize>();
        let read: Vec<(Contents, Place)> = match part.len() {
            // Starting the threads costs more than a few blocks.
            0..=4 => part.into_iter().map(section).collect(),
            _ => part.into_par_iter().map(section).collect(),
        };
        for (section, end) in read {
            contents.append(section, self.before);
            self.before = end.after(self.before);
        }
    }
}

/// A text, cut before each line that begins with a BEGIN: each section can be read without the rest, and nearly always
/// is one block.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let begins = memmem::find_iter(bytes, BEGIN).filter(|at| *at > 0 && b"\r\n".contains(&bytes[at - 1]));
    let mut start = 0;
    begins.chain([bytes.len()]).map(move |end| &text[mem::replace(&mut start, end)..end])
}

/// What is in a section, and how many blocks and lines that were.
fn section(text: &str) -> (Contents, Place) {
    let mut contents = Contents { shape: Some(Shape::default()), ..Contents::default() };
    let mut blocks = Blocks { lines: pem_lines(text).peekable(), number: 0 };
    blocks.by_ref().for_each(|block| block.read(&mut contents));
    (contents, Place { number: blocks.number, line: Some(line_ends(text.as_bytes())) })
}

/// CRLF is one line end, a lone CR is one too.
fn line_ends(text: &[u8]) -> usize {
    memchr2_iter(b'\n', b'\r', text).filter(|at| text[*at] == b'\r' || !text[..*at].ends_with(b"\r")).count()
}

/// More base64 than any private key has: RSA-16384 takes 12,500 characters.
const LONGEST_KEY: usize = 1 << 14;

/// What stands from a BEGIN line on.
struct Block<'a> {
    place: Place,
    /// `None` where the BEGIN line is damaged.
    label: Option<&'a str>,
    headers: Headers,
    /// Without white space.
    body: Zeroizing<Vec<u8>>,
    closed: bool,
    shape: Shape,
}

struct Blocks<L: Iterator> {
    lines: Peekable<L>,
    number: usize,
}

impl<'a, L: Iterator<Item = (&'a str, usize)>> Iterator for Blocks<L> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (line, at) = self.lines.find(|(line, _)| line.trim_start().starts_with(BEGIN))?;
        let label = boundary(line, "BEGIN");
        self.number += usize::from(label != Some(PARAMETERS));
        let place = Place { number: self.number, line: Some(at) };
        // Where a buffer grows it leaves a copy behind that nobody wipes: a key's is large enough from the start.
        let capacity = if label.is_some_and(|label| label.ends_with("KEY")) { LONGEST_KEY } else { 0 };
        let body = Zeroizing::new(Vec::with_capacity(capacity));
        let (headers, shape) = (Headers::default(), Shape::default());
        let mut block = Block { place, label, headers, body, closed: false, shape };
        if label.is_none() {
            return Some(block);
        }
        let mut blank = 0;
        // The next BEGIN ends a block, too: one without its END hides no other.
        while let Some((line, at)) = self.lines.next_if(|(line, _)| boundary(line, "BEGIN").is_none()) {
            if boundary(line, "END").is_some() {
                block.closed = true;
                break;
            }
            if block.headers.take(line) {
                continue;
            }
            match line.as_bytes() {
                // One blank line ends the headers.
                [] if blank > 0 || !block.headers.any => block.shape.note(Oddity::BlankLines, at),
                [b' ' | b'\t', ..] => block.shape.note(Oddity::Indented, at),
                _ => {}
            }
            blank += usize::from(line.is_empty());
            let parts = line.as_bytes().split(u8::is_ascii_whitespace);
            parts.for_each(|part| block.body.extend_from_slice(part));
        }
        Some(block)
    }
}

impl Block<'_> {
    /// What it is; its content decides that, its label at most what is said of it.
    fn read(self, contents: &mut Contents) {
        let place = self.place;
        if let Some(shape) = &mut contents.shape {
            shape.merge(&self.shape, 0);
        }
        let Some(label) = self.label else { return contents.problem(place, BEGIN_LINE.into()) };
        if !self.closed {
            contents.problem(place, format!("the {label} block has no END line: cut off, copy it again"));
        } else if let Some(what) = foreign::by_label(label) {
            contents.problem(place, format!("it is {what}"));
        } else {
            match text::decode_base64(&self.body) {
                Some(_) if label == PARAMETERS => {}
                Some(der) => self.whole(label, der, contents),
                None => {
                    contents.problem(place, format!("the {label} block is not base64: damaged or cut off"))
                }
            }
        }
    }

    fn whole(mut self, label: &str, mut der: Zeroizing<Vec<u8>>, contents: &mut Contents) {
        let place = self.place;
        if self.headers.encrypted {
            let key = EncryptedKey::traditional(self.headers.dek_info.as_deref().unwrap_or_default(), der);
            contents.items.push(Item { object: Object::EncryptedKey(key), place, origin: None });
            return;
        }
        let kind = Kind::sniff(&der);
        let oddity = match (label, kind) {
            (TRUSTED, _) => Some(Oddity::TrustedLabel),
            (label::CERTIFICATE, Some(Kind::Pkcs7)) => Some(Oddity::Pkcs7AsCertificate),
            _ => None,
        };
        if let (Some(oddity), Some(shape)) = (oddity, &mut contents.shape) {
            shape.note(oddity, place.line.unwrap_or_default());
        }
        contents.add(place, trusted_part(label, &der));
        if kind == Some(Kind::Certificate) {
            // No secret: wiping both would take as long as reading them.
            drop((mem::take(&mut *self.body), mem::take(&mut *der)));
        }
    }
}

/// RFC 1421 section 4.6: what may stand above the base64. Old openssl says there how a key is encrypted.
#[derive(Default)]
struct Headers {
    any: bool,
    encrypted: bool,
    dek_info: Option<String>,
}

impl Headers {
    /// Takes a line that is one; base64 holds no colon.
    fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
        self.any = true;
        self.encrypted |= name.trim() == "Proc-Type" && value.contains("ENCRYPTED");
        if name.trim() == "DEK-Info" {
            self.dek_info = Some(value.trim().to_string());
        }
        true
    }
}

/// The lines and their numbers, from 1. A line that begins with dashes may be several: files were joined whose first
/// did not end its last line (`-----END X----------BEGIN X-----`), or a whole block came out of a form or JSON that
/// loses line breaks.
fn pem_lines(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let (mut rest, mut number) = (Some(text), 0);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        number += 1;
        let end = memchr2(b'\n', b'\r', text.as_bytes());
        rest = end.map(|end| text[end..].strip_prefix("\r\n").unwrap_or(&text[end + 1..]));
        Some((&text[..end.unwrap_or(text.len())], number))
    });
    lines.flat_map(|(line, number)| Pieces(Some(line)).map(move |piece| (piece, number)))
}

/// What stands between dashes, and what stands between that.
struct Pieces<'a>(Option<&'a str>);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let line = self.0.take()?;
        // Nearly every line is base64.
        if memchr(b'-', line.as_bytes()).is_none() {
            return Some(line);
        }
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let end = match trimmed.strip_prefix(DASHES) {
            // -----BEGIN X----- and what follows it
            Some(label) if label.starts_with("BEGIN ") || label.starts_with("END ") => {
                label.find(DASHES).map(|end| indent + end + 2 * DASHES.len())
            }
            Some(_) => None,
            None => line.find("-----END "),
        };
        let Some(end) = end.filter(|end| *end < line.trim_end().len()) else { return Some(line) };
        let (piece, rest) = line.split_at(end);
        self.0 = Some(rest);
        Some(piece)
    }
}

const DASHES: &str = "-----";

/// The label of a `-----BEGIN X-----` or `-----END X-----` line, white space around it forgiven.
fn boundary<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let inner = line.trim().strip_prefix(DASHES)?.strip_suffix(DASHES)?;
    let label = inner.strip_prefix(word)?.strip_prefix(' ')?;
    // A key that lost a few dashes is no label, and must not come back in a message.
    let is_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" #-.".contains(&byte);
    (label.len() <= LONGEST_LABEL && label.bytes().all(is_label)).then(|| label.trim())
}

const LONGEST_LABEL: usize = 64;

const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// openssl's TRUSTED CERTIFICATE is a certificate with its own notes behind it.
fn trusted_part<'a>(label: &str, der: &'a [u8]) -> &'a [u8] {
    match asn1::read(der) {
        Some((.., rest)) if label == TRUSTED => &der[..der.len() - rest.len()],
        _ => der,
    }
}
