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

/// A whole PEM file on one line, as it comes out of forms and JSON that lose line breaks, or a line cut short.
const BEGIN_LINE: &str = "the BEGIN line is damaged, cut off or it has lost its line breaks: -----BEGIN ...-----, what follows it and -----END ...----- belong on lines of their own";

/// openssl writes the curve in front of the key, which names it once more.
const PARAMETERS: &str = "EC PARAMETERS";

/// Every block of a text becomes an object or a problem.
pub(super) fn read(text: &str, contents: &mut Contents) {
    let mut lines = pem_lines(text).peekable();
    let mut number = 0;
    while let Some((line, at)) = lines.next() {
        if !line.trim_start().starts_with("-----BEGIN") {
            if !line.trim().is_empty() {
                note(contents, Oddity::TextAround, at);
            }
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
        let mut closed = false;
        // The next BEGIN ends a block, too: one without its END hides no other.
        while let Some((line, _)) = lines.next_if(|(line, _)| boundary(line, "BEGIN").is_none()) {
            if boundary(line, "END").is_some() {
                closed = true;
                break;
            }
            if !headers.take(line) {
                body.push_str(line.trim());
            }
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
    encrypted: bool,
    dek_info: Option<String>,
}

impl Headers {
    /// Takes a line that is one; base64 holds no colon.
    fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.split_once(':') else { return false };
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

/// The lines and their numbers. Where files were joined and the first did not end its last line, what stands in
/// that line (`-----END X----------BEGIN X-----`) is two.
fn pem_lines(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.split(['\n', '\r']).zip(line_numbers(text)).flat_map(|(line, at)| {
        let seam = line.find("----------BEGIN ").map_or(line.len(), |start| start + 5);
        let (first, second) = line.split_at(seam);
        [(first, at), (second, at)]
    })
}

/// The line numbers, from 1, of what `split(['\n', '\r'])` yields: CRLF is one line end, a lone CR is one too.
fn line_numbers(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, b)| matches!(b, b'\n' | b'\r'));
    std::iter::once(1).chain(ends.scan(1, move |line, (i, b)| {
        *line += usize::from(!(*b == b'\n' && i > 0 && bytes[i - 1] == b'\r'));
        Some(*line)
    }))
}

/// The label of a `-----BEGIN X-----` or `-----END X-----` line, white space around it forgiven.
fn boundary<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let inner = line.trim().strip_prefix("-----")?.strip_suffix("-----")?;
    let label = inner.strip_prefix(word)?.strip_prefix(' ')?;
    // A whole key on one line is no label, and must not come back in a message.
    (!label.contains("-----")).then(|| label.trim())
}

const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// openssl's TRUSTED CERTIFICATE is a certificate with its own notes behind it.
fn trusted_part<'a>(label: &str, der: &'a [u8]) -> &'a [u8] {
    match asn1::read(der) {
        Some((.., rest)) if label == TRUSTED => &der[..der.len() - rest.len()],
        _ => der,
    }
}
