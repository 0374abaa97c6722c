//! What must hold for any bytes and any text: reading never panics and never lies about what it read, hostile
//! text loses its power, equal names stay equal however they are written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::sync::{Arc, OnceLock};

use ocscert::checks::{
    Expected, Known, Own, Profile, Purpose, Question, Side, Sources, Stores, containers, judge,
};
use ocscert::make::csr::{Spec, request};
use ocscert::make::key::{KeyType, encrypt, generate};
use ocscert::make::{pkcs7, pkcs12};
use ocscert::model::container::{Limits, pem};
use ocscert::model::{self, Certificate, Contents, Fqdn, GeneralName, Name, Object, Sourced, oid};
use ocscert::path::{Crls, Engine, PolicyInputs, Pool};
use ocscert::render::inspect;
use ocscert::text;
use proptest::prelude::*;
use proptest::sample::Index;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rcgen::{CrlDistributionPoint, GeneralSubtree, Issuer, KeyUsagePurpose, NameConstraints, SerialNumber};
use time::macros::datetime;

const NOW: time::OffsetDateTime = datetime!(2026-06-01 0:00 UTC);

/// One real object of every kind that is read, as DER, and its PEM label.
struct Seeds {
    objects: Vec<(&'static str, Vec<u8>)>,
    root: Arc<Certificate>,
}

fn seeds() -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let key = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let (ca_key, leaf_key) = (key(), key());
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Root");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let subtree = |name: &str| vec![GeneralSubtree::DnsName(name.into())];
        ca.name_constraints = Some(NameConstraints {
            permitted_subtrees: subtree("foo.com"),
            excluded_subtrees: subtree("bar.com"),
        });
        let root = ca.self_signed(&ca_key).unwrap().der().to_vec();
        let issuer = Issuer::new(ca, ca_key);

        let names = ["pool.foo.com".to_string(), "10.1.2.3".into()];
        let mut leaf = CertificateParams::new(names).unwrap();
        leaf.distinguished_name.push(DnType::OrganizationName, "株式会社フー");
        leaf.distinguished_name.push(DnType::CommonName, "pool.foo.com");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        leaf.use_authority_key_identifier_extension = true;
        let uris = vec!["http://pki.foo.com/root.crl".to_string()];
        leaf.crl_distribution_points = vec![CrlDistributionPoint { uris }];
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap().der().to_vec();

        let revoked = rcgen::RevokedCertParams {
            serial_number: SerialNumber::from(42),
            revocation_time: NOW,
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let crl = rcgen::CertificateRevocationListParams {
            this_update: NOW,
            next_update: NOW + time::Duration::days(30),
            crl_number: SerialNumber::from(7),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let crl = crl.signed_by(&issuer).unwrap().der().to_vec();

        let own = generate(KeyType::P256).unwrap();
        let mut spec = Spec::mutual_tls(&Fqdn::parse("pool.foo.com").unwrap(), &own.public().algorithm);
        spec.add_name(GeneralName::Dns("fe1.foo.com".into()));
        let csr = request(&spec, &own).unwrap();
        let closed = encrypt(&own, "secret").unwrap();
        let p7b = pkcs7::certs_only(&[&root, &leaf]).unwrap();
        let leaf_key = model::PrivateKey::from_der(&leaf_key.serialize_der()).unwrap();
        let holder = Certificate::from_der(leaf.clone()).unwrap();
        let target = pkcs12::target("windows2003").unwrap();
        let parts = pkcs12::Contents {
            key: &leaf_key,
            chain: &[&holder],
            friendly_name: "leaf",
            csp: pkcs12::SCHANNEL_CSP,
        };
        let mut salt = |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        };
        let pfx = pkcs12::write(&parts, target, "secret", &mut salt).unwrap().to_vec();
        let objects = vec![
            ("CERTIFICATE", leaf),
            ("CERTIFICATE", root.clone()),
            ("X509 CRL", crl),
            ("CERTIFICATE REQUEST", csr),
            ("PRIVATE KEY", own.pkcs8().to_vec()),
            ("ENCRYPTED PRIVATE KEY", closed),
            ("PKCS7", p7b),
            ("PKCS12", pfx),
        ];
        Seeds { objects, root: Arc::new(Certificate::from_der(root).unwrap()) }
    })
}

/// A change to bytes: where, and what.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Remove(Index),
    Insert(Index, Vec<u8>),
    /// A piece of the bytes, copied to another place: elements that occur twice or nest.
    Repeat(Index, Index, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    let change = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        // Lengths and tags are where parsers stumble.
        4 => (at(), prop::sample::select(&b"\x00\x01\x02\x03\x04\x05\x06\x30\x31\x7f\x80\x82\x84\xa0\xa3\xff"[..]))
            .prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => at().prop_map(Change::Cut),
        1 => at().prop_map(Change::Remove),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), at(), 1..64u8).prop_map(|(from, to, length)| Change::Repeat(from, to, length)),
    ];
    prop::collection::vec(change, 0..4)
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let place = |at: &Index| at.index(bytes.len());
        match change {
            Change::Set(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Change::Flip(at, bit) => {
                let at = place(at);
                bytes[at] ^= 1 << bit;
            }
            Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Change::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Change::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Repeat(from, to, length) => {
                let (from, to) = (place(from), place(to));
                let piece = bytes[from..bytes.len().min(from + usize::from(*length))].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

/// Everything that is done with what was read: shown as text and JSON, and judged.
fn used(contents: &Contents) {
    let file = inspect::describe("file.pem".into(), contents, containers::judge("file.pem", contents), NOW);
    let style = ocscert::render::text::Style {
        paint: ocscert::render::Paint::new(false),
        offset: time::UtcOffset::UTC,
        verbose: 2,
    };
    assert_harmless(&inspect::text(&file, style));
    let json = inspect::json(&[file]).unwrap();
    let _: serde_json::Value = serde_json::from_str(&json).unwrap();
    let lists = contents.items.iter().filter_map(|item| match &item.object {
        Object::Crl(crl) => Some(crl.clone()),
        _ => None,
    });
    let lists: Vec<_> = lists.collect();
    let crls = (!lists.is_empty()).then(|| Arc::new(Crls::new(lists)));
    for certificate in contents.certificates() {
        judged(certificate, crls.clone());
    }
    if let (Some(crls), Some((_, leaf))) = (crls, seeds().objects.first()) {
        judged(&Arc::new(Certificate::from_der(leaf.clone()).unwrap()), Some(crls));
    }
}

/// Judged under the root, and as a CA above itself: no answer is wrong here, but there is one.
fn judged(certificate: &Arc<Certificate>, crls: Option<Arc<Crls>>) {
    let profile = Profile::named("ocs2007r2").unwrap();
    let question = Question {
        at: NOW,
        era: profile.era(),
        profile,
        purpose: Purpose::Mutual,
        expected: Expected::Pool(Fqdn::parse("pool.foo.com").unwrap()),
        warn_days: 30,
        max_depth: None,
        policies: PolicyInputs::default(),
        crls,
        known: Known::default(),
        peer_subjects: None,
        own: Own::default(),
    };
    let root = &seeds().root;
    let pool: Pool = [root, certificate].into_iter().cloned().collect();
    let engine = Engine::new(pool);
    let stores = Stores {
        ocs: [certificate.clone()].into_iter().collect(),
        imp: [root.clone()].into_iter().collect(),
    };
    let leaf = Sourced { value: certificate.clone(), source: "file.pem".into() };
    for side in [Side::Ocs, Side::Imp] {
        let sources = Sources::default();
        let report = judge(&question, &engine, &stores, &sources, side, &leaf).report();
        for finding in &report.findings {
            assert!(!finding.rule.code.is_empty());
        }
    }
}

/// No character that a terminal acts on, and none that changes the order or the look of others.
fn assert_harmless(text: &str) {
    let power = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert_eq!(text.chars().find(|c| power(*c)), None, "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes at all, also behind a byte order mark, or under a PEM label: read, or a problem that says why.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        shape in 0..6u8,
        label in prop::sample::select(&["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "X509 CRL", "PKCS7", "ÿ"][..]),
    ) {
        let bytes = match shape {
            0 => bytes,
            1 => [b"\xff\xfe".to_vec(), bytes].concat(),
            2 => [b"\xfe\xff".to_vec(), bytes].concat(),
            3 => [b"-----BEGIN ".to_vec(), bytes, b"-----END".to_vec()].concat(),
            4 => pem(label, &bytes).into_bytes(),
            _ => [b"\x30\x82".to_vec(), (bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat(),
        };
        let contents = model::read(&bytes);
        prop_assert!(!contents.items.is_empty() || !contents.problems.is_empty(), "not a word about it");
        for problem in &contents.problems {
            assert_harmless(&text::escape(&problem.to_string()));
        }
        used(&contents);
    }

    /// A real object, changed in a few places, as DER and as PEM: the same is read from both; what a certificate,
    /// a request or a list keeps as its bytes are the bytes that were given; and it can be shown and judged.
    #[test]
    fn a_real_object_changed_anywhere_is_read_or_refused(which in 0..8usize, changes in changes()) {
        let (label, der) = &seeds().objects[which];
        let bytes = changed(der.clone(), &changes);
        let contents = model::read(&bytes);
        if changes.is_empty() {
            prop_assert!(contents.problems.is_empty() && !contents.items.is_empty(), "{}", label);
        }
        prop_assert!(!contents.items.is_empty() || !contents.problems.is_empty(), "not a word about it");
        for item in &contents.items {
            let kept = match &item.object {
                Object::Certificate(certificate) => certificate.der(),
                Object::Request(request) => request.der(),
                Object::Crl(crl) => crl.der(),
                _ => continue,
            };
            let whole = bytes.windows(kept.len()).any(|piece| piece == kept);
            prop_assert!(whole, "{} keeps bytes that were not given", item.object.kind());
        }
        used(&contents);
        let kinds = |contents: &Contents| contents.items.iter().map(|i| i.object.kind()).collect::<Vec<_>>();
        // What copying leaves behind a binary file is forgiven there, and has no business inside PEM.
        let padded = bytes.last().is_some_and(|last| *last == 0 || last.is_ascii_whitespace());
        if bytes.first() == Some(&0x30) && contents.problems.is_empty() && !padded {
            prop_assert_eq!(kinds(&model::read(pem(label, &bytes).as_bytes())), kinds(&contents));
        }
    }

    /// A PEM file that a mail program or an editor went through.
    #[test]
    fn a_text_changed_anywhere_is_read_or_refused(which in 0..8usize, changes in changes()) {
        let (label, der) = &seeds().objects[which];
        let contents = model::read(&changed(pem(label, der).into_bytes(), &changes));
        prop_assert!(!contents.items.is_empty() || !contents.problems.is_empty(), "not a word about it");
        used(&contents);
    }

    /// PKCS#7 and PFX in BER, their strings in pieces of any size: what is in them is what is in the DER.
    #[test]
    fn a_container_reads_the_same_in_ber(is_pfx in any::<bool>(), piece in 0..2000usize) {
        let (_, der) = &seeds().objects[if is_pfx { 7 } else { 6 }];
        let open = |bytes: &[u8]| {
            let mut contents = model::read(bytes);
            contents.open_pfx("secret", Limits::default()).unwrap();
            contents
        };
        let (der, ber) = (open(der), open(&common::ber::ber(der, piece)));
        prop_assert!(ber.problems.is_empty() && !ber.items.is_empty(), "{:?}", ber.problems);
        prop_assert_eq!(shown(&der), shown(&ber));
    }

    /// PEM as Windows, mail programs and people leave it: the same objects in the same order.
    #[test]
    fn a_text_reads_the_same_however_it_is_written(
        which in prop::collection::vec(0..8usize, 1..5),
        end in prop::sample::select(&["\n", "\r\n", "\r"][..]),
        encoding in 0..6u8,
        ways in prop::collection::vec((0..6u8, any::<bool>()), 5),
    ) {
        let blocks: Vec<String> = which.iter().map(|at| pem(seeds().objects[*at].0, &seeds().objects[*at].1)).collect();
        let plain = model::read(blocks.concat().as_bytes());
        prop_assert!(plain.problems.is_empty() && plain.items.len() >= which.len());
        let mut text = String::new();
        for (block, (way, words)) in blocks.iter().zip(&ways) {
            if *words {
                text.push_str("Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n");
            }
            match way {
                0 => text.push_str(&block.replace('\n', "\n\n")),
                1 => block.lines().for_each(|line| text.push_str(&format!("  {line} \n"))),
                2 => text.push_str(&format!("{}\n", block.replace('\n', ""))),
                // What follows begins in this one's last line.
                3 => text.push_str(block.trim_end()),
                _ => text.push_str(block),
            }
        }
        let text = text.replace('\n', end);
        let utf16 = |mark: &[u8], unit: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), text.encode_utf16().flat_map(unit).collect()].concat()
        };
        let bytes = match encoding {
            0 => utf16(b"\xff\xfe", u16::to_le_bytes),
            1 => utf16(b"\xfe\xff", u16::to_be_bytes),
            2 => utf16(b"", u16::to_le_bytes),
            3 => utf16(b"", u16::to_be_bytes),
            4 => format!("\u{feff}{text}").into_bytes(),
            _ => text.clone().into_bytes(),
        };
        let read = model::read(&bytes);
        prop_assert!(read.problems.is_empty(), "{:?} in {}", read.problems, text);
        prop_assert_eq!(shown(&read), shown(&plain));
    }

    /// An encrypted key with the right password, changed anywhere, in PKCS#8 and as old openssl wrote it: opened, or
    /// refused with an error; never another key.
    #[test]
    fn a_changed_encrypted_key_is_opened_or_refused(is_pkcs8 in any::<bool>(), changes in changes()) {
        let (closed, key) = closed_keys();
        let bytes = if is_pkcs8 { &closed[0] } else { &closed[1] };
        let mut contents = model::read(&changed(bytes.clone(), &changes));
        used(&contents);
        let opened = contents.open_keys("secret", Limits { iterations: 1000, ..Limits::default() });
        if changes.is_empty() {
            prop_assert!(opened.is_ok() && contents.items.len() == 1, "{:?}", contents.problems);
        }
        for item in &contents.items {
            if let Object::Key(opened) = &item.object {
                prop_assert_eq!(opened.public(), key);
            }
        }
    }

    /// A PFX with the right password, changed anywhere: opened, or refused with an error.
    #[test]
    fn a_changed_pfx_is_opened_or_refused(changes in changes()) {
        let pfx = &seeds().objects.last().unwrap().1;
        let mut contents = model::read(&changed(pfx.clone(), &changes));
        let opened = contents.open_pfx("secret", Limits::default());
        if changes.is_empty() {
            prop_assert!(opened.is_ok() && contents.items.len() == 2);
        }
    }

    /// Hostile text loses its power, once: what is escaped already stays as it is, and harmless text too.
    #[test]
    fn escaped_text_has_no_power(hostile in hostile()) {
        let escaped = text::escape(&hostile);
        assert_harmless(&escaped);
        prop_assert!(!escaped.contains('\n'));
        prop_assert_eq!(text::escape(&escaped), escaped.clone());
        let short = text::escape_short(&hostile, 10);
        assert_harmless(&short);
        let page = text::html(&hostile);
        assert_harmless(&page);
        prop_assert!(!page.contains(['<', '>', '"', '\'']), "{}", page);
    }

    /// RFC 5280 section 7.1: a name equals itself however its letters, its white space and its string types are
    /// written, in both directions and within each other; and no other.
    #[test]
    fn a_name_equals_itself_however_it_is_written(
        values in prop::collection::vec("[a-zA-Z0-9éüÅß株式会社ΣςА-я.,=+*-]{1,6}( [a-zA-Z0-9éüßς]{1,6}){0,2}", 1..4),
        ways in prop::collection::vec((0..4u8, 0..4u8, any::<bool>()), 4),
    ) {
        let kinds = [oid::ORGANIZATION, oid::ORGANIZATIONAL_UNIT, oid::COMMON_NAME];
        let plain = name(values.iter().zip(&kinds).map(|(value, kind)| (kind.content(), value.clone(), false)));
        let other = name(values.iter().zip(&kinds).zip(&ways).map(|((value, kind), (case, space, wide))| {
            (kind.content(), spaced(&cased(value, *case), *space), *wide)
        }));
        prop_assert_eq!(&plain, &plain);
        prop_assert_eq!(&plain, &other);
        prop_assert_eq!(&other, &plain);
        prop_assert!(plain.is_within(&other) && other.is_within(&plain));
        prop_assert_eq!(plain.normalized(), other.normalized());

        // One letter more, one attribute less, the same value as something else: another name.
        let pairs = || values.iter().zip(&kinds);
        let longer = name(pairs().map(|(value, kind)| (kind.content(), format!("{value}x"), false)));
        let fewer = name(pairs().skip(1).map(|(value, kind)| (kind.content(), value.clone(), false)));
        let moved = name(pairs().map(|(value, _)| (oid::LOCALITY.content(), value.clone(), false)));
        let again = Name::from_der(plain.der()).unwrap();
        prop_assert_eq!(&again, &plain);
        for different in [&longer, &fewer, &moved] {
            prop_assert_ne!(different, &plain);
            prop_assert_ne!(&plain, different);
        }
        prop_assert!(!longer.is_within(&plain) && !plain.is_within(&longer));
    }
}

/// What was read, by what it is and its own bytes.
fn shown(contents: &Contents) -> Vec<String> {
    let one = |item: &model::Item| match &item.object {
        Object::Certificate(certificate) => text::hex(certificate.der()),
        Object::Request(request) => text::hex(request.der()),
        Object::Crl(crl) => text::hex(crl.der()),
        Object::Key(key) => text::hex(&key.public().fingerprint()),
        other => other.kind().to_string(),
    };
    contents.items.iter().map(one).collect()
}

/// A key that is closed as PKCS#8 with a single iteration, and the same as old openssl does it; and its public half.
fn closed_keys() -> &'static ([Vec<u8>; 2], model::PublicKey) {
    use cbc::cipher::block_padding::Pkcs7;
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
    use md5::Digest;
    static KEYS: OnceLock<([Vec<u8>; 2], model::PublicKey)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = generate(KeyType::P256).unwrap();
        let info = pkcs8::PrivateKeyInfoRef::try_from(key.pkcs8()).unwrap();
        let iv = [7; 16];
        let once = pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1, &iv, iv).unwrap();
        let pkcs8 = info.encrypt_with_params(once, "secret").unwrap().as_bytes().to_vec();
        // EVP_BytesToKey with MD5: one hash is as long as the key.
        let secret = md5::Md5::digest([&b"secret"[..], &iv[..8]].concat());
        let cipher = cbc::Encryptor::<aes::Aes128>::new_from_slices(&secret, &iv).unwrap();
        let body = pem("EC PRIVATE KEY", &cipher.encrypt_padded_vec::<Pkcs7>(key.pkcs8()));
        let headers = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{}\n\n", "07".repeat(16));
        let (begin, rest) = body.split_once('\n').unwrap();
        ([pkcs8, format!("{begin}\n{headers}{rest}").into_bytes()], key.public().clone())
    })
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        ".{0,12}",
        Just("\u{1b}[2J\u{1b}]0;title\u{7}".to_string()),
        Just("\u{202e}moc.oof\u{2066}".to_string()),
        Just("<script>\"'&amp;\u{9b}31m\r\n\0".to_string()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn cased(text: &str, way: u8) -> String {
    match way {
        0 => text.to_string(),
        1 => text.to_uppercase(),
        2 => text.to_lowercase(),
        _ => text
            .chars()
            .enumerate()
            .map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect(),
    }
}

fn spaced(text: &str, way: u8) -> String {
    match way {
        0 => text.to_string(),
        1 => format!("  {text} "),
        2 => text.replace(' ', "   "),
        _ => format!(" {} ", text.replace(' ', "\u{a0} ")),
    }
}

/// A Name in DER: one attribute a relative name, UTF8String or BMPString.
fn name<'a>(attributes: impl Iterator<Item = (&'a [u8], String, bool)>) -> Name {
    let relative = attributes.map(|(kind, value, wide)| {
        let value = match wide {
            true => tlv(30, &value.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
            false => tlv(12, value.as_bytes()),
        };
        tlv(0x31, &tlv(0x30, &[tlv(6, kind), value].concat()))
    });
    Name::from_der(&tlv(0x30, &relative.collect::<Vec<_>>().concat())).unwrap()
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = if content.len() < 128 { vec![tag, length[1]] } else { vec![tag, 0x82, length[0], length[1]] };
    let head = if (128..256).contains(&content.len()) { vec![tag, 0x81, length[1]] } else { head };
    [head, content.to_vec()].concat()
}
