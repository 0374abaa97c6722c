//! A file, part by part, so that of many thousand certificates few are in memory at a time.

use super::pem::Reader;
use super::text::{Oddity, Shape};
use super::{Contents, MAX_BYTES, Place, ber, foreign, text};
use crate::model::asn1;

/// What is in a file. Text with very many blocks comes in several parts, everything else in one.
pub struct Parts<'a> {
    bytes: &'a [u8],
    rest: Option<Rest<'a>>,
}

enum Rest<'a> {
    Whole(Contents),
    Blocks {
        reader: Reader<'a>,
        shape: Shape,
        /// False as long as nothing came of it, not even a problem.
        any: bool,
    },
}

impl<'a> Parts<'a> {
    /// Looks at what kind of file it is.
    pub fn new(bytes: &'a [u8]) -> Self {
        let rest = binary(bytes).map(Rest::Whole).unwrap_or_else(|| {
            let (text, shape) = text::decode(bytes);
            match text.contains("-----BEGIN ") {
                true => Rest::Blocks { reader: Reader::new(text), shape, any: false },
                false => Rest::Whole(without_blocks(&text, shape, bytes)),
            }
        });
        Self { bytes, rest: Some(rest) }
    }

    /// True where it has more parts.
    pub fn has_more(&self) -> bool {
        self.rest.is_some()
    }
}

impl From<Contents> for Parts<'_> {
    fn from(whole: Contents) -> Self {
        Self { bytes: &[], rest: Some(Rest::Whole(whole)) }
    }
}

impl Iterator for Parts<'_> {
    type Item = Contents;

    fn next(&mut self) -> Option<Contents> {
        let (mut reader, shape, mut any) = match self.rest.take()? {
            Rest::Whole(contents) => return Some(contents),
            Rest::Blocks { reader, shape, any } => (reader, shape, any),
        };
        let mut contents = Contents { shape: Some(shape.clone()), ..Contents::default() };
        reader.read(&mut contents);
        any |= !contents.items.is_empty() || !contents.problems.is_empty();
        if !reader.is_at_end() {
            self.rest = Some(Rest::Blocks { reader, shape, any });
        } else if !any {
            // "-----BEGIN" in running text: silence is no answer.
            contents.problem(WHOLE, foreign::not_recognised_text(reader.text(), self.bytes));
        }
        Some(contents)
    }
}

const WHOLE: Place = Place { number: 1, line: None };

/// What is no text, or not worth looking at.
fn binary(bytes: &[u8]) -> Option<Contents> {
    let mut contents = Contents::default();
    if bytes.len() > MAX_BYTES {
        contents.problem(WHOLE, format!("larger than {} MiB, which no certificate file is", MAX_BYTES >> 20));
    } else if bytes.iter().all(u8::is_ascii_whitespace) {
        contents.problem(WHOLE, "the file is empty".into());
    } else if bytes[0] == 0x30 && element(bytes).is_some() {
        read_der(bytes, &mut contents);
    } else {
        return None;
    }
    Some(contents)
}

/// Base64 alone, or nothing of use.
fn without_blocks(text: &str, mut shape: Shape, bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    if let Some(der) = text::base64(text.as_bytes()).filter(|der| der[0] == 0x30 && element(der).is_some()) {
        shape.note(Oddity::BareBase64, 1);
        contents.shape = Some(shape);
        contents.add(Place { number: 1, line: Some(1) }, &der);
    } else if bytes[0] == 0x30 {
        contents.problem(WHOLE, format!("DER that is {}", ber::Fault::Malformed));
    }
    // A PKCS#7 of other things: silence is no answer.
    if contents.items.is_empty() && contents.problems.is_empty() {
        contents.problem(WHOLE, foreign::not_recognised_text(text, bytes));
    }
    contents
}

/// The first element and what follows it, where it is whole.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = match asn1::read(bytes) {
        Some((_, content, rest)) => (content, rest),
        // An indefinite length: where it ends is known at its end.
        None => (bytes, ber::element(bytes).ok()?.1),
    };
    Some(bytes.split_at(bytes.len() - rest.len()))
}

/// Objects, one behind the other where files were joined; white space and zeros behind the last are what
/// copying leaves.
fn read_der(mut bytes: &[u8], contents: &mut Contents) {
    let place = |number| Place { number, line: None };
    let mut number = 1;
    while let (Some(0x30), Some((one, rest))) = (bytes.first(), element(bytes)) {
        contents.add(place(number), one);
        bytes = rest;
        number += 1;
    }
    if !bytes.iter().all(|b| b.is_ascii_whitespace() || *b == 0) {
        let left = crate::text::count(bytes.len(), "byte");
        contents.problem(place(number), format!("{left} behind the last object: cut off or damaged"));
    }
}
