//! PEM (RFC 7468), written as every reader wants it, and read in all the shapes that Windows, Cisco and mail
//! programs leave it in.

use zeroize::Zeroizing;

use super::sniff::Kind;
use super::text::{Oddity, base64};
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

const BEGIN_LINE: &str = "the BEGIN line is damaged or cut off: -----BEGIN ...-----, what follows it and -----END ...----- belong on lines of their own";

/// openssl writes the curve in front of the key, which names it once more.
const PARAMETERS: &str = "EC PARAMETERS";

/// Every block of a text becomes an object or a problem.
pub(super) fn read(text: &str, contents: &mut Contents) {
    let mut lines = pem_lines(text).peekable();
    let mut number = 0;
    while let Some((line, at)) = lines.next() {
        if !line.trim_start().starts_with("-----BEGIN") {
            continue;
        }
        let label = boundary(line, "BEGIN");
        number += usize::from(label != Some(PARAMETERS));
        let place = Place { number, line: Some(at) };
        let Some(label) = label else {
            contents.problem(place, BEGIN_LINE.into());
            continue;
        };
        let mut body = Zeroizing::new(String::new());
        let mut headers = Headers::default();
        let (mut closed, mut blank) = (false, 0);
        // The next BEGIN ends a block, too: one without its END hides no other.
        while let Some((line, at)) = lines.next_if(|(line, _)| boundary(line, "BEGIN").is_none()) {
            if boundary(line, "END").is_some() {
                closed = true;
                break;
            }
            if headers.take(line) {
                continue;
            }
            match line.as_bytes() {
                // One blank line ends the headers.
                [] if blank > 0 || !headers.any => note(contents, Oddity::BlankLines, at),
                [b' ' | b'\t', ..] => note(contents, Oddity::Indented, at),
                _ => {}
            }
            blank += usize::from(line.is_empty());
            body.push_str(line.trim());
        }
        if !closed {
            contents.problem(place, format!("the {label} block has no END line: cut off, copy it again"));
        } else if let Some(what) = foreign::by_label(label) {
            contents.problem(place, format!("it is {what}"));
        } else {
            match base64(body.as_bytes()) {
                Some(_) if label == PARAMETERS => {}
                Some(der) => block(contents, place, label, &headers, der),
                None => {
                    contents.problem(place, format!("the {label} block is not base64: damaged or cut off"))
                }
            }
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

/// A whole block; its content decides what it is, its label at most what is said of it.
fn block(contents: &mut Contents, place: Place, label: &str, headers: &Headers, der: Zeroizing<Vec<u8>>) {
    if headers.encrypted {
        let key = EncryptedKey::traditional(headers.dek_info.as_deref().unwrap_or_default(), der);
        contents.items.push(Item { object: Object::EncryptedKey(key), place, origin: None });
        return;
    }
    let line = place.line.unwrap_or_default();
    if label == TRUSTED {
        note(contents, Oddity::TrustedLabel, line);
    } else if label == label::CERTIFICATE && Kind::sniff(&der) == Some(Kind::Pkcs7) {
        note(contents, Oddity::Pkcs7AsCertificate, line);
    }
    contents.add(place, trusted_part(label, &der));
}

fn note(contents: &mut Contents, oddity: Oddity, line: usize) {
    if let Some(shape) = &mut contents.shape {
        shape.note(oddity, line);
    }
}

/// The lines and their numbers, from 1; CRLF is one line end, a lone CR is one too. A line that begins with dashes
/// may be several: files were joined whose first did not end its last line (`-----END X----------BEGIN X-----`), or
/// a whole block came out of a form or JSON that loses line breaks.
fn pem_lines(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let (mut rest, mut number) = (Some(text), 0);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        number += 1;
        let end = text.bytes().position(|byte| byte == b'\n' || byte == b'\r');
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
