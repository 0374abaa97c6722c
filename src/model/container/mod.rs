//! What is in a file: PEM in any of the shapes that Windows, Cisco and mail programs leave it in, DER, bare
//! base64, PKCS#7, PFX. Content decides, labels are hints: Microsoft puts PKCS#7 under a CERTIFICATE label. One
//! broken block never hides the others; it becomes a [`Problem`] with its place.

mod ber;
mod cipher;
mod encrypted;
mod foreign;
mod kdf;
mod limits;
mod parts;
mod pem;
mod pfx;
mod pkcs7;
mod scheme;
mod sniff;
mod text;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use cipher::Cipher;
pub use encrypted::EncryptedKey;
use foreign::not_recognised;
pub use kdf::{Digest, Kdf, Purpose};
pub use limits::{Limits, MAX_PFX, MAX_PROBLEMS};
pub use parts::Parts;
pub use pem::{label, pem};
pub use pfx::{Attributes, Mac, Part, Pfx, Seen};
pub use scheme::{Protection, Scheme};
use sniff::Kind;
pub use text::{Encoding, Oddity, Shape};

use super::{Certificate, Crl, PrivateKey, PublicKey, Request, Result};

/// More bytes than this in one file are refused before they are looked at (a pool of 100,000 CA certificates
/// is about 200 MB as PEM).
pub const MAX_BYTES: usize = 1 << 30;

/// All that was found in one file, in its order.
#[derive(Debug, Default)]
pub struct Contents {
    /// What could be read.
    pub items: Vec<Item>,
    /// What could not, with its place.
    pub problems: Vec<Problem>,
    /// The files inside the file that hold several objects.
    pub containers: Vec<Container>,
    /// How the text is written; `None` for a binary file.
    pub shape: Option<Shape>,
}

/// A file that holds objects, alone or as a block of text.
#[derive(Debug)]
pub struct Container {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: ContainerKind,
}

/// What kind of container.
#[derive(Debug)]
pub enum ContainerKind {
    /// PKCS#7.
    Pkcs7 {
        /// True where it is not DER, but BER.
        ber: bool,
    },
    /// PKCS#12, opened.
    Pfx {
        /// The file itself.
        pfx: Pfx,
        /// What kind of password opened it.
        password: PasswordKind,
    },
}

/// What kind of password opened something: all that is remembered of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordKind {
    /// None is needed.
    NotNeeded,
    /// The empty one.
    Empty,
    /// ASCII characters alone.
    Ascii,
    /// Other characters among them.
    NonAscii,
}

impl PasswordKind {
    fn of(password: &str) -> Self {
        match password {
            "" => Self::Empty,
            password if password.is_ascii() => Self::Ascii,
            _ => Self::NonAscii,
        }
    }
}

/// One object and where it stood.
#[derive(Debug)]
pub struct Item {
    /// The object.
    pub object: Object,
    /// Where it stood.
    pub place: Place,
    /// The container it was in, and how; or how it was closed by itself.
    pub origin: Option<Box<Origin>>,
}

/// What an object was in.
#[derive(Debug, Default)]
pub struct Origin {
    /// The container, by its index in [`Contents::containers`]; `None` for a key that was closed by itself.
    pub container: Option<usize>,
    /// The part of a PFX, from 0.
    pub part: usize,
    /// How the object itself was closed.
    pub protection: Protection,
    /// What hung on it in a PFX.
    pub attributes: Attributes,
}

/// Where in a file something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The how-manieth block or element, from 1.
    pub number: usize,
    /// The line of its BEGIN, from 1, in text files.
    pub line: Option<usize>,
}

impl Place {
    /// This place in a part of a text, seen from the beginning of the text.
    fn after(self, before: Self) -> Self {
        let line = self.line.map(|line| line + before.line.unwrap_or_default());
        Self { number: self.number + before.number, line }
    }
}

/// Something with the name of where it came from: the file as typed, with ` #n` where it held several.
#[derive(Debug, Clone)]
pub struct Sourced<T> {
    /// The thing.
    pub value: T,
    /// Where it came from.
    pub source: String,
}

/// What a block turned out to be.
#[derive(Debug)]
pub enum Object {
    /// A certificate.
    Certificate(Arc<Certificate>),
    /// A PKCS#10 request.
    Request(Arc<Request>),
    /// A revocation list.
    Crl(Arc<Crl>),
    /// A private key that was not encrypted.
    Key(PrivateKey),
    /// A PKCS#8 key that wants a password: its DER.
    EncryptedKey(EncryptedKey),
    /// A bare public key.
    PublicKey(PublicKey),
    /// A PFX (PKCS#12) file, which wants a password: its DER.
    Pfx(Pfx),
}
/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and where one is known, what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl Object {
    /// What it is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "a certificate",
            Self::Request(_) => "a certificate request",
            Self::Crl(_) => "a CRL",
            Self::Key(_) => "a private key",
            Self::EncryptedKey(_) => "an encrypted private key",
            Self::PublicKey(_) => "a public key",
            Self::Pfx(_) => "a PFX file",
        }
    }
}

impl Contents {
    /// The certificates, in order.
    pub fn certificates(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.items.iter().filter_map(|item| match &item.object {
            Object::Certificate(certificate) => Some(certificate),
            _ => None,
        })
    }

    /// A short list of what is inside, for the message that something else was wanted: "a private key",
    /// "2 certificates, a CRL".
    pub fn summary(&self) -> String {
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for item in &self.items {
            match kinds.iter_mut().find(|(kind, _)| *kind == item.object.kind()) {
                Some((_, n)) => *n += 1,
                None => kinds.push((item.object.kind(), 1)),
            }
        }
        let words = kinds.into_iter().map(|(kind, n)| match n {
            1 => kind.to_string(),
            n => crate::text::count(n, kind.trim_start_matches("an ").trim_start_matches("a ")),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// Opens every PFX file among the objects and puts what is in it in its place.
    ///
    /// # Errors
    /// As [`Pfx::open`]; nothing is changed then.
    pub fn open_pfx(&mut self, password: &str, limits: Limits) -> Result<()> {
        let mut opened = Vec::new();
        for item in &self.items {
            if let Object::Pfx(pfx) = &item.object {
                opened.push(pfx.open(password, limits)?);
            }
        }
        let mut opened = opened.into_iter();
        for item in std::mem::take(&mut self.items) {
            let (place, found) = match item.object {
                Object::Pfx(pfx) => match opened.next() {
                    Some(found) => {
                        let password = PasswordKind::of(password);
                        self.containers.push(Container {
                            place: item.place,
                            kind: ContainerKind::Pfx { pfx, password },
                        });
                        (item.place, found)
                    }
                    None => continue,
                },
                object => {
                    self.items.push(Item { object, ..item });
                    continue;
                }
            };
            self.add_opened(place, found);
        }
        Ok(())
    }

    /// Opens every encrypted key among the objects.
    ///
    /// # Errors
    /// As [`EncryptedKey::open`].
    pub fn open_keys(&mut self, password: &str, limits: Limits) -> Result<()> {
        for item in &mut self.items {
            if let Object::EncryptedKey(closed) = &item.object {
                let protection = closed.protection.clone();
                item.object = Object::Key(closed.open(password, limits)?);
                item.origin = Some(Box::new(Origin { protection, ..Origin::default() }));
            }
        }
        Ok(())
    }

    /// True where all that was read is for everybody: certificates and CRLs, and nothing else.
    pub fn is_public(&self) -> bool {
        let is_public = |item: &Item| matches!(item.object, Object::Certificate(_) | Object::Crl(_));
        self.problems.is_empty() && self.containers.is_empty() && self.items.iter().all(is_public)
    }

    /// True where a PFX file is among the objects, still closed.
    pub fn has_pfx(&self) -> bool {
        self.items.iter().any(|item| matches!(item.object, Object::Pfx(_)))
    }

    fn add(&mut self, place: Place, bytes: &[u8]) {
        // Nearly all is DER; only containers come in BER, and what says so must not slow down the rest.
        let (kind, der) = match Kind::sniff(bytes) {
            Some(kind) => (Some(kind), Cow::Borrowed(bytes)),
            None => ber::whole(bytes).map_or((None, Cow::Borrowed(bytes)), |der| (Kind::sniff(&der), der)),
        };
        let object = match kind {
            Some(Kind::Certificate) => Certificate::from_der(&*der).map(|c| Object::Certificate(Arc::new(c))),
            Some(Kind::Request) => Request::from_der(&*der).map(|r| Object::Request(Arc::new(r))),
            Some(Kind::Crl) => Crl::from_der(&*der).map(|c| Object::Crl(Arc::new(c))),
            Some(Kind::Key) => PrivateKey::from_der(&der).map(Object::Key),
            Some(Kind::EncryptedKey) => EncryptedKey::from_pkcs8(&der).map(Object::EncryptedKey),
            Some(Kind::PublicKey) => PublicKey::from_spki(&der).map(Object::PublicKey),
            Some(Kind::Pkcs7) => return self.add_pkcs7(place, bytes),
            Some(Kind::Pfx) => return self.add_pfx(place, bytes),
            None => return self.problem(place, not_recognised(bytes)),
        };
        match object {
            Ok(object) => self.items.push(Item { object, place, origin: None }),
            Err(error) => self.problem(place, error.to_string()),
        }
    }

    /// Adds what was found in a part of the same text, before which so many blocks and lines stand.
    fn append(&mut self, part: Self, before: Place) {
        let containers = self.containers.len();
        for mut item in part.items {
            item.place = item.place.after(before);
            if let Some(container) = item.origin.as_mut().and_then(|origin| origin.container.as_mut()) {
                *container += containers;
            }
            self.items.push(item);
        }
        for container in part.containers {
            self.containers.push(Container { place: container.place.after(before), ..container });
        }
        for problem in part.problems {
            self.problem(problem.place.after(before), problem.what);
        }
        if let (Some(shape), Some(part)) = (&mut self.shape, part.shape) {
            shape.merge(&part, before.line.unwrap_or_default());
        }
    }

    fn add_pkcs7(&mut self, place: Place, bytes: &[u8]) {
        let found = pkcs7::read(bytes);
        let container = Some(self.containers.len());
        self.containers.push(Container { place, kind: ContainerKind::Pkcs7 { ber: found.ber } });
        for object in found.objects {
            let origin = Some(Box::new(Origin { container, ..Origin::default() }));
            self.items.push(Item { object, place, origin });
        }
        for problem in found.problems {
            self.problem(place, problem);
        }
    }

    fn add_pfx(&mut self, place: Place, bytes: &[u8]) {
        let pfx = match Pfx::from_ber(bytes) {
            Ok(pfx) => pfx,
            Err(error) => return self.problem(place, error.to_string()),
        };
        if pfx.needs_password() {
            return self.items.push(Item { object: Object::Pfx(pfx), place, origin: None });
        }
        match pfx.open("", Limits::default()) {
            Ok(found) => {
                let password = PasswordKind::NotNeeded;
                self.containers.push(Container { place, kind: ContainerKind::Pfx { pfx, password } });
                self.add_opened(place, found);
            }
            Err(error) => self.problem(place, error.to_string()),
        }
    }

    /// What was in the last container.
    fn add_opened(&mut self, place: Place, found: pfx::Opened) {
        let container = self.containers.len().checked_sub(1);
        if found.objects.is_empty() && found.problems.is_empty() {
            self.problem(place, "a PFX file that holds nothing".into());
        }
        for (object, origin) in found.objects {
            let origin = Some(Box::new(Origin { container, ..origin }));
            self.items.push(Item { object, place, origin });
        }
        for problem in found.problems {
            self.problem(place, problem);
        }
    }

    fn problem(&mut self, place: Place, what: String) {
        match self.problems.len() {
            0..MAX_PROBLEMS => self.problems.push(Problem { place, what }),
            MAX_PROBLEMS => {
                self.problems.push(Problem {
                    place,
                    what: "and more of the same: this is the last that is told".into(),
                });
            }
            _ => {}
        }
    }
}

/// Reads whatever is in these bytes. Nothing recognisable is a problem, too: the caller decides what it
/// wanted.
pub fn read(bytes: &[u8]) -> Contents {
    let mut parts = Parts::new(bytes);
    let mut all = parts.next().unwrap_or_default();
    parts.for_each(|part| all.append(part, Place { number: 0, line: Some(0) }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_pem() -> String {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        pem(label::KEY, &pair.serialize_der())
    }

    fn kinds(bytes: &[u8]) -> Vec<&'static str> {
        read(bytes).items.iter().map(|i| i.object.kind()).collect()
    }

    #[test]
    fn text_in_every_shape_that_windows_and_mail_leave_it_in() {
        let text = key_pem();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16_be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for shape in [
            text.clone().into_bytes(),
            text.replace('\n', "\r\n").into_bytes(),
            text.replace('\n', "\r").into_bytes(),
            text.replace('\n', "\n\n").into_bytes(),
            text.trim_end().as_bytes().to_vec(),
            format!("Bag Attributes\n  friendlyName: x\n{text}").into_bytes(),
            [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(),
            [b"\xff\xfe".as_slice(), &utf16].concat(),
            [b"\xfe\xff".as_slice(), &utf16_be].concat(),
            utf16.clone(),
            utf16_be,
        ] {
            assert_eq!(kinds(&shape), ["a private key"], "{}", String::from_utf8_lossy(&shape));
        }
        let body: String = text.lines().filter(|l| !l.starts_with('-')).collect();
        assert_eq!(kinds(body.as_bytes()), ["a private key"], "bare base64");
    }

    #[test]
    fn one_broken_block_is_named_with_its_line_and_hides_nothing() {
        let good = key_pem();
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let contents = read(format!("{good}{broken}{good}-----BEGIN X509 CRL-----\nAAAA").as_bytes());
        assert_eq!(contents.items.len(), 2);
        let lines = good.lines().count();
        assert_eq!(contents.problems[0].place.line, Some(lines + 1));
        assert!(contents.problems[0].to_string().contains("not base64"));
        assert!(contents.problems[1].to_string().contains("no END line"));
    }

    /// Read in parts or whole, every block is there, with its number and its line.
    #[test]
    fn a_text_with_thousands_of_blocks_comes_in_parts() {
        let good = key_pem();
        let broken = "-----BEGIN CERTIFICATE-----\r\n!!!!\r\n-----END CERTIFICATE-----\r\n";
        let text = format!("{}{broken}{good}", good.repeat(2500));
        let parts: Vec<Contents> = Parts::new(text.as_bytes()).collect();
        assert!(parts.len() > 2, "{}", parts.len());
        let whole = read(text.as_bytes());
        for contents in [parts.into_iter().flat_map(|part| part.items).collect(), whole.items] {
            let places: Vec<Place> = contents.iter().map(|item| item.place).collect();
            assert_eq!(places.len(), 2501);
            let lines = good.lines().count();
            let place = |number, line| Place { number, line: Some(line) };
            assert_eq!(places[2499], place(2500, 2499 * lines + 1));
            assert_eq!(places[2500], place(2502, 2500 * lines + 4));
        }
        assert_eq!(whole.problems.len(), 1);
        assert_eq!(whole.problems[0].place.number, 2501);
    }

    #[test]
    fn joined_files_lose_nothing() {
        let (one, two) = (key_pem(), key_pem());
        for joined in [
            format!("{}{two}", one.trim_end()),
            format!("{}\r\n{two}", one.trim_end()),
            format!("-----BEGIN CERTIFICATE-----\nAAAA\n{one}{two}"),
            format!("-----BEGIN CERTIFI\n{one}{two}"),
        ] {
            assert_eq!(kinds(joined.as_bytes()), ["a private key"; 2], "{joined}");
        }
        let der = |text: &str| ::pem::parse(text).unwrap().into_contents();
        let joined = [der(&one), der(&two), b"\r\n\0".to_vec()].concat();
        let contents = read(&joined);
        assert_eq!((contents.items.len(), contents.problems.len()), (2, 0), "{:?}", contents.problems);
        let contents = read(&joined[..joined.len() - 10]);
        assert_eq!((contents.items.len(), contents.problems.len()), (1, 1));
        assert!(contents.problems[0].to_string().contains("behind the last object"));
    }

    #[test]
    fn what_cannot_be_read_says_what_it_is() {
        for (bytes, word) in [
            (b"".as_slice(), "empty"),
            (b"<html>Please log on</html>", "HTML"),
            (b"\xfe\xed\xfe\xed\0\0\0\x02", "Java keystore"),
            (b"\x30\x82\x10\x00\x01", "cut off"),
            (b"hello world", "neither PEM nor DER"),
            (b"-----BEGIN CERTIF", "BEGIN line"),
            (b"see -----BEGIN CERTIFICATE-----", "neither PEM nor DER"),
            (b"\x30\x1f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x12\x30\x10\x02\x01\x01\x31\x00\x30\x09\x06\x07\x2a\x86\x48\x86\xf7\x0d\x01", "holds no certificate"),
            (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "ssh-keygen -p -m PKCS8"),
            (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n=AAAA\n-----END PGP PUBLIC KEY BLOCK-----", "PGP"),
            (b"ssh-rsa AAAA root@foo", "SSH public key"),
            (b"\xce\xce\xce\xce\0\0\0\x02", "JCEKS"),
            (b"\x1e\xf1\xb5\xb0\0\0\0\0", "openssl rsa -inform PVK"),
            (b"\0\0\0\0CERT", "certutil -split"),
            (b"\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x02\x30\x00", "openssl cms -decrypt"),
            (b"[NewRequest]\r\nSubject=\"CN=a\"", "certreq -new"),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "HTML"),
        ] {
            let contents = read(bytes);
            assert!(contents.items.is_empty());
            assert!(contents.problems[0].to_string().contains(word), "{:?}", contents.problems);
        }
    }
}
