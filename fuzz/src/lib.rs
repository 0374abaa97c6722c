//! What the targets share: walking everything that a parsed object offers, and signing mutated certificates anew,
//! so that a search gets past their signatures.

use std::hint::black_box;
use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use ocscert::checks::containers;
use ocscert::model::container::Limits;
use ocscert::model::{self, Contents, Extensions, GeneralName, Name};
use ocscert::path::{CryptoEra, ReferenceName};
use ocscert::render::{Paint, inspect};
use ocscert::render::text::Style;
use time::{OffsetDateTime, UtcOffset};

/// The moment that targets judge for.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(56 * 365)
}

/// What a file may ask for: less than a person's, so that inputs stay fast.
pub const LIMITS: Limits = Limits { iterations: 5000, memory: 1 << 20 };

/// The password of this number, of every kind; that of the seeds is the first.
pub fn password(number: u8) -> &'static str {
    ["secret", "", "pässwörd", "パスワード", "\u{1f511}"][usize::from(number) % 5]
}

/// Describes everything, as text and as JSON.
pub fn describe(contents: &Contents) {
    let description = inspect::describe("fuzz".into(), contents, containers::judge("fuzz", contents), now());
    let style = Style { paint: Paint::new(true), offset: UtcOffset::UTC, verbose: 2 };
    black_box(inspect::text(&description, style));
    black_box(inspect::json(&[description]).expect("a description is JSON"));
}

/// A name: what it shows, and that it survives its own encoding.
pub fn walk_name(name: &Name) {
    black_box((name.to_string(), name.short(), name.common_name(), format!("{name:?}")));
    for attribute in name.attributes() {
        black_box(model::name::check_attribute(&attribute.kind, &attribute.value)).ok();
    }
    let again = Name::from_der(name.der()).expect("a name's own encoding is a name");
    assert!(again == *name, "a name differs from itself");
    assert!(again.is_within(name) && name.is_within(&again), "a name is not within itself");
}

/// Extensions, and names as somebody would look for them.
pub fn walk_extensions(extensions: &Extensions) -> Vec<ReferenceName> {
    black_box(format!("{extensions:?}"));
    let typed = extensions.alt_names().iter().filter_map(|name| match name {
        GeneralName::Dns(name) => Some(format!("DNS:{name}")),
        GeneralName::Email(name) => Some(format!("email:{name}")),
        name => name.ip().map(|ip| format!("IP:{ip}")),
    });
    typed.filter_map(|typed| ReferenceName::parse(&typed).ok()).collect()
}

/// Both eras, in the order of the flag.
pub fn era(legacy: bool) -> CryptoEra {
    if legacy { CryptoEra::Legacy } else { CryptoEra::Modern }
}

static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any seed is a key"));

/// AlgorithmIdentifier id-Ed25519 (RFC 8410), for keys and signatures alike.
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// The same certificate with the one key that all get here, and with a signature by it. Whatever names it has, the
/// search then gets to its extensions.
pub fn resign_certificate(der: &[u8]) -> Option<Vec<u8>> {
    resign(der, 5)
}

/// The same CRL, signed by that key.
pub fn resign_crl(der: &[u8]) -> Option<Vec<u8>> {
    resign(der, usize::MAX)
}

/// In what is signed, the first SEQUENCE is the algorithm; the `key`-th, if there is one, is the public key.
fn resign(der: &[u8], key: usize) -> Option<Vec<u8>> {
    let (_, signed, _) = element(content(der)?)?;
    let (mut rest, mut sequences, mut tbs) = (content(signed)?, 0, Vec::new());
    while let Some((tag, whole, after)) = element(rest) {
        sequences += usize::from(tag == 0x30);
        match sequences {
            1 if tag == 0x30 => tbs.extend_from_slice(ED25519),
            n if n == key && tag == 0x30 => {
                let mut bits = vec![0];
                bits.extend_from_slice(KEY.public_key().as_ref());
                tbs.extend(wrap(0x30, &[ED25519, &wrap(0x03, &bits)].concat()));
            }
            _ => tbs.extend_from_slice(whole),
        }
        rest = after;
    }
    let tbs = wrap(0x30, &tbs);
    let mut signature = vec![0];
    signature.extend_from_slice(KEY.sign(&tbs).as_ref());
    Some(wrap(0x30, &[&tbs, ED25519, &wrap(0x03, &signature)].concat()))
}

/// The first DER element: its tag, all of it, and what follows.
pub fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let header = header(der)?;
    let end = header.0.checked_add(header.1).filter(|end| *end <= der.len())?;
    Some((der[0], &der[..end], &der[end..]))
}

fn content(der: &[u8]) -> Option<&[u8]> {
    let (_, whole, _) = element(der)?;
    Some(&whole[header(whole)?.0..])
}

/// How long its tag and length are, and its content.
fn header(der: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*der.get(1)?);
    match first {
        0..=0x7f => Some((2, first)),
        0x81..=0x83 => {
            let bytes = der.get(2..2 + (first & 0x7f))?;
            Some((2 + bytes.len(), bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b))))
        }
        _ => None,
    }
}

fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., a, b, c] = content.len().to_be_bytes();
    let mut out = match content.len() {
        0..=0x7f => vec![tag, c],
        0x80..=0xff => vec![tag, 0x81, c],
        0x100..=0xffff => vec![tag, 0x82, b, c],
        _ => vec![tag, 0x83, a, b, c],
    };
    out.extend_from_slice(content);
    out
}
