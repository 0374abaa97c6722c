//! What is in a file: PEM in any of the shapes that Windows, Cisco and mail programs leave it in, DER, bare
//! base64, PKCS#7. Content decides, labels are hints: Microsoft puts PKCS#7 under a CERTIFICATE label. One
//! broken block never hides the others; it becomes a [`Problem`] with its place.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{Certificate, Crl, Error, PrivateKey, PublicKey, Request, asn1};

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
}

/// One object and where it stood.
#[derive(Debug)]
pub struct Item {
    /// The object.
    pub object: Object,
    /// Where it stood.
    pub place: Place,
}

/// Where in a file something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The how-manieth block or element, from 1.
    pub number: usize,
    /// The line of its BEGIN, from 1, in text files.
    pub line: Option<usize>,
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

/// An encrypted PKCS#8 key, still closed.
#[derive(Clone)]
pub struct EncryptedKey(Zeroizing<Vec<u8>>);

impl EncryptedKey {
    /// Opens it.
    ///
    /// # Errors
    /// As [`PrivateKey::from_encrypted_der`].
    pub fn open(&self, password: &[u8]) -> super::Result<PrivateKey> {
        PrivateKey::from_encrypted_der(&self.0, password)
    }
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptedKey")
    }
}

/// A PFX file, still closed.
#[derive(Clone)]
pub struct Pfx(Zeroizing<Vec<u8>>);

impl Pfx {
    /// What is in it: certificates first, in their order, then keys.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] where its MAC, or its encryption, does not fit the password; [`Error::Asn1`]
    /// where it is damaged or in an encoding that is not read.
    pub fn open(&self, password: &str) -> super::Result<Vec<Object>> {
        use p12_keystore::error::Error as E;
        let archive = p12_keystore::Pkcs12Archive::from_pkcs12(&self.0, password).map_err(|e| match e {
            // Without a MAC a wrong password shows itself only in what it decrypts to.
            E::UnpadError | E::MacError(_) | E::Pkcs5Error(_) => Error::WrongPassword,
            e => Error::asn1("a PFX file that this tool reads", &e),
        })?;
        let mut objects = Vec::new();
        for bag in &archive.certs {
            objects.push(Object::Certificate(Arc::new(Certificate::from_der(bag.cert.as_der())?)));
        }
        for bag in &archive.keys {
            objects.push(Object::Key(PrivateKey::from_der(bag.key.as_der())?));
        }
        Ok(objects)
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Pfx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pfx({} bytes)", self.0.len())
    }
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
    /// As [`Pfx::open`].
    pub fn open_pfx(&mut self, password: &str) -> super::Result<()> {
        let mut items = Vec::with_capacity(self.items.len());
        for item in self.items.drain(..) {
            match &item.object {
                Object::Pfx(pfx) => {
                    for object in pfx.open(password)? {
                        let place = Place { number: items.len() + 1, ..item.place };
                        items.push(Item { object, place });
                    }
                }
                _ => items.push(item),
            }
        }
        self.items = items;
        Ok(())
    }

    /// True where a PFX file is among the objects, still closed.
    pub fn has_pfx(&self) -> bool {
        self.items.iter().any(|item| matches!(item.object, Object::Pfx(_)))
    }

    fn add(&mut self, place: Place, der: &[u8]) {
        match Kind::sniff(der) {
            Some(Kind::Pkcs7) => self.add_pkcs7(place, der),
            Some(kind) => match kind.parse(der) {
                Ok(object) => self.items.push(Item { object, place }),
                Err(error) => self.problem(place, error.to_string()),
            },
            None => self.problem(place, not_recognised(der)),
        }
    }

    fn add_pkcs7(&mut self, place: Place, der: &[u8]) {
        let Some(parts) = signed_data_parts(der) else {
            return self.problem(place, "a PKCS#7 file whose certificates cannot be found".into());
        };
        if parts.is_empty() {
            self.problem(place, "a PKCS#7 file that holds no certificate and no CRL".into());
        }
        for part in parts {
            let object = match Kind::sniff(part) {
                Some(kind @ (Kind::Certificate | Kind::Crl)) => kind.parse(part),
                _ => continue,
            };
            match object {
                Ok(object) => self.items.push(Item { object, place }),
                Err(error) => self.problem(place, format!("inside a PKCS#7 file: {error}")),
            }
        }
    }

    fn problem(&mut self, place: Place, what: String) {
        self.problems.push(Problem { place, what });
    }
}

/// Reads whatever is in these bytes. Nothing recognisable is a problem, too: the caller decides what it
/// wanted.
pub fn read(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let whole = Place { number: 1, line: None };
    if bytes.len() > MAX_BYTES {
        contents.problem(whole, format!("larger than {} MiB, which no certificate file is", MAX_BYTES >> 20));
        return contents;
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        contents.problem(whole, "the file is empty".into());
        return contents;
    }
    if bytes[0] == 0x30 && asn1::read(bytes).is_some() {
        read_der(bytes, &mut contents);
        return contents;
    }
    let text = Zeroizing::new(decode_text(bytes));
    if text.contains("-----BEGIN ") {
        read_pem(&text, &mut contents);
    } else if let Some(der) = decode_base64(text.as_bytes()).filter(|der| Kind::sniff(der).is_some()) {
        contents.add(Place { number: 1, line: Some(1) }, &der);
    } else if bytes[0] == 0x30 {
        contents.problem(
            whole,
            "DER that is cut off or damaged: copy or download the file again (in binary)".into(),
        );
    } else {
        contents.problem(whole, not_recognised(bytes));
    }
    // "-----BEGIN" in running text, or a PKCS#7 of other things: silence is no answer.
    if contents.items.is_empty() && contents.problems.is_empty() {
        contents.problem(whole, not_recognised(bytes));
    }
    contents
}

/// DER objects, one behind the other where files were joined; white space and zeros behind the last are what
/// copying leaves.
fn read_der(mut bytes: &[u8], contents: &mut Contents) {
    let place = |number| Place { number, line: None };
    let mut number = 1;
    while let Some((0x30, _, rest)) = asn1::read(bytes) {
        contents.add(place(number), &bytes[..bytes.len() - rest.len()]);
        bytes = rest;
        number += 1;
    }
    if !bytes.iter().all(|b| b.is_ascii_whitespace() || *b == 0) {
        let left = crate::text::count(bytes.len(), "byte");
        contents.problem(place(number), format!("{left} behind the last object: cut off or damaged"));
    }
}

/// What a DER element is, told by its outline: the tags of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificate,
    Request,
    Crl,
    Key,
    EncryptedKey,
    PublicKey,
    Pkcs7,
    Pfx,
}

impl Kind {
    fn sniff(der: &[u8]) -> Option<Self> {
        let parts = asn1::sequence(der)?;
        let tags: Vec<u8> = parts.iter().map(|(tag, _)| *tag).collect();
        match tags.as_slice() {
            [0x30, 0x30, 0x03] => Self::sniff_signed(parts[0].1),
            [0x02, 0x30, 0x30] | [0x02, 0x30] if parts[0].1 == [3] => Some(Self::Pfx),
            [0x02, 0x30, 0x04, ..] | [0x02, 0x04, ..] | [0x02, 0x02, 0x02, 0x02, ..] => Some(Self::Key),
            [0x30, 0x04] => Some(Self::EncryptedKey),
            [0x30, 0x03] => Some(Self::PublicKey),
            [0x06, 0xa0] if parts[0].1 == SIGNED_DATA => Some(Self::Pkcs7),
            _ => None,
        }
    }

    /// What is signed: TBSCertificate, CertificationRequestInfo or TBSCertList.
    fn sniff_signed(mut content: &[u8]) -> Option<Self> {
        let mut tags = Vec::new();
        while let (Some((tag, _, rest)), true) = (asn1::read(content), tags.len() < 5) {
            tags.push(tag);
            content = rest;
        }
        match tags.as_slice() {
            [0xa0, 0x02, 0x30, ..] | [0x02, 0x30, 0x30, 0x30, ..] => Some(Self::Certificate),
            [0x02, 0x30, 0x30, 0x17 | 0x18, ..] | [0x30, 0x30, 0x17 | 0x18, ..] => Some(Self::Crl),
            [0x02, 0x30, 0x30] | [0x02, 0x30, 0x30, 0xa0, ..] => Some(Self::Request),
            _ => None,
        }
    }

    fn parse(self, der: &[u8]) -> super::Result<Object> {
        Ok(match self {
            Self::Certificate => Object::Certificate(Arc::new(Certificate::from_der(der)?)),
            Self::Request => Object::Request(Arc::new(Request::from_der(der)?)),
            Self::Crl => Object::Crl(Arc::new(Crl::from_der(der)?)),
            Self::Key => Object::Key(PrivateKey::from_der(der)?),
            Self::EncryptedKey => Object::EncryptedKey(EncryptedKey(Zeroizing::new(der.to_vec()))),
            Self::PublicKey => Object::PublicKey(PublicKey::from_spki(der)?),
            Self::Pfx | Self::Pkcs7 => Object::Pfx(Pfx(Zeroizing::new(der.to_vec()))),
        })
    }
}

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// The elements of `certificates [0]` and `crls [1]` in a SignedData (RFC 5652 section 5.1), in their order.
fn signed_data_parts(der: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, explicit) = *asn1::sequence(der)?.get(1)?;
    let fields = asn1::sequence(explicit)?;
    let mut parts = Vec::new();
    for (_, mut content) in fields.into_iter().filter(|(tag, _)| matches!(tag, 0xa0 | 0xa1)) {
        while !content.is_empty() {
            let (_, _, rest) = asn1::read(content)?;
            parts.push(&content[..content.len() - rest.len()]);
            content = rest;
        }
    }
    Some(parts)
}

/// A whole PEM file on one line, as it comes out of forms and JSON that lose line breaks, or a line cut short.
const BEGIN_LINE: &str = "the BEGIN line is damaged, cut off or it has lost its line breaks: -----BEGIN ...-----, what follows it and -----END ...----- belong on lines of their own";

/// openssl writes the curve in front of the key, which names it once more.
const PARAMETERS: &str = "EC PARAMETERS";

fn read_pem(text: &str, contents: &mut Contents) {
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

/// Text files as they come: UTF-8 with or without BOM, UTF-16 of either order with or without BOM.
fn decode_text(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => utf16(bytes, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Base64 with white space anywhere and padding optional.
fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect());
    ENGINE.decode(&*compact).ok().filter(|der| !der.is_empty()).map(Zeroizing::new)
}

/// What the bytes look like, for a message that helps.
fn not_recognised(bytes: &[u8]) -> String {
    const SIGNS: &[(&[u8], &str)] = &[
        (
            &[0xfe, 0xed, 0xfe, 0xed],
            "a Java keystore (JKS); convert it: keytool -importkeystore -srckeystore OLD -destkeystore NEW.p12 -deststoretype PKCS12",
        ),
        (b"PK\x03\x04", "a ZIP archive; unpack it first"),
        (b"<", "an HTML or XML page, perhaps a logon or error page saved as a certificate"),
        (b"%PDF", "a PDF document"),
        (b"ssh-", "an SSH public key"),
    ];
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
    let looks = SIGNS.iter().find(|(sign, _)| bytes[start..].starts_with(sign)).map(|(_, what)| *what);
    match looks {
        Some(what) => format!("it looks like {what}"),
        None if asn1::sequence(bytes).is_some() => {
            "ASN.1, but no certificate, request, CRL, key, PKCS#7 or PFX".into()
        }
        None => "no certificate, request, CRL or key is in it, neither PEM nor DER".into(),
    }
}

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
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
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
        let der = |text: &str| pem::parse(text).unwrap().into_contents();
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
            (b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----", "openssl pkcs8"),
        ] {
            let contents = read(bytes);
            assert!(contents.items.is_empty());
            assert!(contents.problems[0].to_string().contains(word), "{:?}", contents.problems);
        }
    }
}
