//! Containers that were damaged or tampered with: a PFX whose MAC stands never yields another key or certificate
//! without an error, wherever a byte of it was changed; and what is wrong is told apart: the password, the file, or
//! that nothing proves it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use common::ber::ber;
use ocscert::model::container::{EncryptedKey, Limits, pem};
use ocscert::model::{Certificate, Contents, Error, Object, PrivateKey, read};
use p12_keystore::{EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKeyChain};

const PASSWORD: &str = "pass w0rd";

/// A key with its certificate.
struct Pair {
    key: PrivateKey,
    certificate: Certificate,
}

impl Pair {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let parameters = rcgen::CertificateParams::new(["pool.foo.com".to_string()]).unwrap();
        let certificate =
            Certificate::from_der(parameters.self_signed(&pair).unwrap().der().to_vec()).unwrap();
        Self { key: PrivateKey::from_der(&pair.serialize_der()).unwrap(), certificate }
    }

    /// A PFX by p12-keystore, small and quickly opened.
    fn pfx(&self, algorithm: EncryptionAlgorithm) -> Vec<u8> {
        let key = p12_keystore::PrivateKey::from_der(self.key.pkcs8()).unwrap();
        let certificate = p12_keystore::Certificate::from_der(self.certificate.der()).unwrap();
        let mut store = KeyStore::new();
        let chain = PrivateKeyChain::new("1", key, [certificate]);
        store.add_entry("pool", KeyStoreEntry::PrivateKeyChain(chain));
        let writer = store.writer(PASSWORD).encryption_algorithm(algorithm).encryption_iterations(1);
        writer.mac_algorithm(MacAlgorithm::HmacSha1).mac_iterations(1).write().unwrap()
    }

    /// Nothing but what went in is in there.
    fn holds_nothing_else(&self, contents: &Contents) -> bool {
        contents.items.iter().all(|item| match &item.object {
            Object::Certificate(certificate) => certificate.der() == self.certificate.der(),
            Object::Key(key) => key.pkcs8() == self.key.pkcs8(),
            Object::Pfx(_) => true,
            _ => false,
        })
    }

    fn holds_all(&self, contents: &Contents) -> bool {
        self.holds_nothing_else(contents)
            && contents.certificates().count() == 1
            && contents.items.iter().any(|item| matches!(item.object, Object::Key(_)))
    }
}

/// Every byte, every bit of it, and the bytes that are tags and lengths.
fn changes(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    let others =
        (0..8).map(|bit| Change::Flip(1 << bit)).chain([0, 0x24, 0x30, 0x80, 0xa0, 0xff].map(Change::Set));
    (0..bytes.len()).flat_map(move |at| {
        others.clone().filter_map(move |change| {
            let mut changed = bytes.to_vec();
            changed[at] = match change {
                Change::Flip(bits) => changed[at] ^ bits,
                Change::Set(byte) => byte,
            };
            (changed[at] != bytes[at]).then_some((at, changed))
        })
    })
}

#[derive(Clone, Copy)]
enum Change {
    Flip(u8),
    Set(u8),
}

fn opened(bytes: &[u8]) -> (Contents, Result<(), Error>) {
    let mut contents = read(bytes);
    let result = contents.open_pfx(PASSWORD, Limits { iterations: 100, ..Limits::default() });
    (contents, result)
}

#[test]
fn no_changed_byte_of_a_pfx_yields_another_key_or_certificate() {
    let pair = Pair::new();
    for algorithm in
        [EncryptionAlgorithm::PbeWithHmacSha256AndAes256, EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc]
    {
        let pfx = pair.pfx(algorithm);
        let (whole, result) = opened(&pfx);
        assert!(result.is_ok() && pair.holds_all(&whole), "{result:?}");
        // BER shares what is inside.
        let shapes = match algorithm {
            EncryptionAlgorithm::PbeWithHmacSha256AndAes256 => {
                vec![("DER", pfx.clone()), ("BER", ber(&pfx, 200))]
            }
            _ => vec![("DER", pfx.clone())],
        };
        for (name, bytes) in shapes {
            let (same, result) = opened(&bytes);
            assert!(result.is_ok() && pair.holds_all(&same), "{name}: {result:?} {:?}", same.problems);
            for (at, changed) in changes(&bytes) {
                let (contents, result) = opened(&changed);
                assert!(pair.holds_nothing_else(&contents), "{name}, byte {at}");
                let silent = result.is_ok() && contents.problems.is_empty();
                assert!(
                    !silent || pair.holds_all(&contents),
                    "{name}, byte {at}: part of it is lost, unsaid"
                );
            }
        }
    }
}

/// The same of a key: its padding and its structure are all that tells, so another key could only come of chance; no
/// changed byte gives one.
#[test]
fn no_changed_byte_of_an_encrypted_key_yields_another_key() {
    let pair = Pair::new();
    let info = pkcs8::PrivateKeyInfoRef::try_from(pair.key.pkcs8()).unwrap();
    let parameters =
        pkcs8::pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1, &[7; 16], [7; 16]).unwrap();
    let closed = info.encrypt_with_params(parameters, PASSWORD).unwrap().as_bytes().to_vec();
    let open = |bytes: &[u8]| {
        EncryptedKey::from_pkcs8(bytes)?.open(PASSWORD, Limits { iterations: 100, ..Limits::default() })
    };
    assert_eq!(open(&closed).unwrap().pkcs8(), pair.key.pkcs8());
    for (at, changed) in changes(&closed) {
        if let Ok(key) = open(&changed) {
            assert_eq!(key.public(), pair.key.public(), "byte {at}");
        }
    }
}

/// A wrong password, a damaged file and one that nothing protects are three things.
#[test]
fn wrong_passwords_damage_and_a_missing_mac_are_told_apart() {
    let pair = Pair::new();
    let pfx = pair.pfx(EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    let error = |bytes: &[u8], password: &str| read(bytes).open_pfx(password, Limits::default()).unwrap_err();
    assert_eq!(error(&pfx, "wrong"), Error::WrongPassword);
    assert_eq!(error(&pfx, ""), Error::WrongPassword);
    // The salt of the MAC.
    let mut damaged = pfx.clone();
    let at = damaged.len() - 8;
    damaged[at] ^= 1;
    assert_eq!(error(&damaged, PASSWORD), Error::Damaged);
    assert_eq!(error(&damaged, "wrong"), Error::WrongPassword);
    assert!(Error::Damaged.to_string().contains("the password fits"), "{}", Error::Damaged);

    let bare = without_mac(&pfx);
    let (contents, result) = opened(&bare);
    assert!(result.is_ok() && pair.holds_all(&contents), "{result:?}");
    assert_eq!(error(&bare, "wrong"), Error::WrongPassword);
}

/// The first two fields of a PFX.
fn without_mac(pfx: &[u8]) -> Vec<u8> {
    let (_, content, _) = common::ber::element(pfx);
    let (version, _, rest) = common::ber::element(content);
    let (safe, _, _) = common::ber::element(rest);
    common::ber::element_of(0x30, &[version, safe].concat())
}

/// More work than a file may ask for is refused before it is done, wherever it is asked: by the MAC, by a part, by all
/// parts together, by a key.
#[test]
fn work_without_end_is_refused_at_once() {
    let pair = Pair::new();
    let pfx = pair.pfx(EncryptionAlgorithm::PbeWithHmacSha256AndAes256);
    let few = Limits { iterations: 2, ..Limits::default() };
    let refused = read(&pfx).open_pfx(PASSWORD, few).unwrap_err();
    assert!(matches!(refused, Error::Limit(_)), "{refused}");

    // The MAC asks for 2^31 - 1 iterations.
    let (_, content, _) = common::ber::element(&pfx);
    let (version, _, rest) = common::ber::element(content);
    let (safe, _, mac) = common::ber::element(rest);
    let (_, mac, _) = common::ber::element(mac);
    let (info, _, rest) = common::ber::element(mac);
    let (salt, _, _) = common::ber::element(rest);
    let mac = seq(&[info, salt, &[0x02, 0x04, 0x7f, 0xff, 0xff, 0xff]].concat());
    let bomb = seq(&[version, safe, &mac].concat());
    let refused = read(&bomb).open_pfx(PASSWORD, Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("50,000,000 iterations"), "{refused}");

    // scrypt with N = 2^40, r = 8: a petabyte of memory; N = 0 and N = 3 are no costs at all.
    for (n, says) in [(&[0x01, 0, 0, 0, 0, 0][..], "memory"), (&[0x00], "damaged"), (&[0x03], "damaged")] {
        let kdf = [
            &b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"[..],
            &seq(
                &[&b"\x04\x01s"[..], &common::ber::element_of(0x02, n), b"\x02\x01\x08\x02\x01\x01"].concat()
            ),
        ];
        let aes = [&b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10"[..], &[7; 16]].concat();
        let scheme = [
            &b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"[..],
            &seq(&[seq(&kdf.concat()), seq(&aes)].concat()),
        ];
        let key = seq(&[seq(&scheme.concat()), common::ber::element_of(0x04, &[7; 16])].concat());
        let refused = EncryptedKey::from_pkcs8(&key).unwrap().open(PASSWORD, Limits::default()).unwrap_err();
        assert!(refused.to_string().contains(says), "{n:?}: {refused}");
    }
}

fn seq(content: &[u8]) -> Vec<u8> {
    common::ber::element_of(0x30, content)
}

/// One odd certificate in PKCS#7 or PFX, and one broken block in a text, lose nothing of the rest, and their order is
/// that of the file.
#[test]
fn what_is_odd_hides_nothing_else() {
    let (one, two) = (Pair::new(), Pair::new());
    // SEQUENCE { SEQUENCE {}, SEQUENCE {}, BIT STRING }: the outline of a certificate, and none.
    let odd = seq(&[seq(&[]), seq(&[]), b"\x03\x01\x00".to_vec()].concat());
    let attribute_certificate = b"\xa1\x02\x05\x00".to_vec();
    let certificates = [one.certificate.der(), &odd, &attribute_certificate, two.certificate.der()].concat();
    let signed = seq(&[
        &b"\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"[..],
        &common::ber::element_of(0xa0, &certificates),
        b"\x31\x00",
    ]
    .concat());
    let pkcs7 =
        seq(&[&b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"[..], &common::ber::element_of(0xa0, &signed)]
            .concat());
    for bytes in [pkcs7.clone(), ber(&pkcs7, 0), pem("PKCS7", &pkcs7).into()] {
        let contents = read(&bytes);
        let found: Vec<&[u8]> = contents.certificates().map(|c| c.der()).collect();
        assert_eq!(found, [one.certificate.der(), two.certificate.der()]);
        let said: Vec<String> = contents.problems.iter().map(ToString::to_string).collect();
        assert!(
            said.len() == 2 && said[0].contains("element 2") && said[1].contains("element 3"),
            "{said:?}"
        );
    }

    // A CertBag that holds something else, beside one that holds a certificate; nothing is closed.
    let bag = |der: &[u8]| {
        let value = seq(&[
            &b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"[..],
            &common::ber::element_of(0xa0, &common::ber::element_of(0x04, der)),
        ]
        .concat());
        seq(&[
            &b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03"[..],
            &common::ber::element_of(0xa0, &value),
        ]
        .concat())
    };
    let data = |der: &[u8]| {
        seq(&[
            &b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"[..],
            &common::ber::element_of(0xa0, &common::ber::element_of(0x04, der)),
        ]
        .concat())
    };
    let safe = seq(&[bag(b"\x30\x00"), bag(two.certificate.der())].concat());
    let pfx = seq(&[b"\x02\x01\x03".to_vec(), data(&seq(&data(&safe)))].concat());
    let contents = read(&pfx);
    assert_eq!(contents.certificates().map(|c| c.der()).collect::<Vec<_>>(), [two.certificate.der()]);
    assert_eq!(contents.problems.len(), 1, "{:?}", contents.problems);
    assert!(contents.problems[0].to_string().contains("a certificate in the PFX file"));
}

/// Files that are nothing but noise end at once and say so, however long they are.
#[test]
fn noise_of_any_length_ends() {
    let mut blocks = String::new();
    for _ in 0..5_000 {
        blocks.push_str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    }
    let contents = read(blocks.as_bytes());
    assert!(contents.items.is_empty() && contents.problems.len() == 1001, "{}", contents.problems.len());
    assert!(contents.problems.last().unwrap().to_string().contains("and more"));
    let contents = read(&b"\x30\x00".repeat(1 << 17));
    assert!(contents.items.is_empty() && contents.problems.len() == 1001);
    assert!(!read(&b"\x30\x80".repeat(1 << 17)).problems.is_empty());
    assert!(!read(&b"0\x80".repeat(1 << 17)).problems.is_empty());
    let deep = |depth: usize| (0..depth).fold(vec![0x05, 0x00], |inner, _| seq(&inner));
    assert!(!read(&deep(3000)).problems.is_empty());
}

/// What is remembered of a password is its kind.
#[test]
fn no_secret_is_in_what_is_shown() {
    let pair = Pair::new();
    let (contents, _) = opened(&pair.pfx(EncryptionAlgorithm::PbeWithHmacSha256AndAes256));
    let shown = format!("{contents:?}");
    assert!(!shown.contains(PASSWORD) && shown.contains("PrivateKey(secret"), "{shown}");
    let secret = &pair.key.pkcs8()[36..44];
    assert!(!shown.contains(&format!("{secret:?}")) && !shown.contains(&ocscert::text::hex(secret)));
}
