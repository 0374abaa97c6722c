//! PEM (RFC 7468), written as every reader wants it, and read in all the shapes that Windows, Cisco and mail
//! programs leave it in.

use zeroize::Zeroizing;

use super::text::decode_base64;
use super::{Contents, Place};
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
        let mut encrypted = false;
        let mut closed = false;
        // The next BEGIN ends a block, too: one without its END hides no other.
        while let Some((line, _)) = lines.next_if(|(line, _)| boundary(line, "BEGIN").is_none()) {
            if boundary(line, "END").is_some() {
                closed = true;
                break;
            }
            // RFC 1421 headers ("Proc-Type: 4,ENCRYPTED"), which old openssl puts on encrypted keys.
            if line.contains(':') {
                encrypted |= line.contains("ENCRYPTED");
                continue;
            }
            body.push_str(line.trim());
        }
        if !closed {
            contents.problem(place, format!("the {label} block has no END line: cut off, copy it again"));
        } else if encrypted {
            let how = "the key is encrypted the old way (Proc-Type: 4,ENCRYPTED); convert it: openssl pkcs8 -topk8 -in OLD -out NEW";
            contents.problem(place, how.into());
        } else {
            match decode_base64(body.as_bytes()) {
                Some(_) if label == PARAMETERS => {}
                Some(der) => contents.add(place, trusted_part(label, &der)),
                None => {
                    contents.problem(place, format!("the {label} block is not base64: damaged or cut off"))
                }
            }
        }
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

/// openssl's TRUSTED CERTIFICATE is a certificate with its own notes behind it.
fn trusted_part<'a>(label: &str, der: &'a [u8]) -> &'a [u8] {
    match asn1::read(der) {
        Some((.., rest)) if label == "TRUSTED CERTIFICATE" => &der[..der.len() - rest.len()],
        _ => der,
    }
}
