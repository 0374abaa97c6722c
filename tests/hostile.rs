//! What a certificate, a request, a list or the name of a file says has no power over what shows it: neither a
//! terminal nor a program that reads JSON, a browser or a CI system. Judges: the characters themselves, Python's json
//! and ElementTree, and Chromium.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;
use common::ber::element_of;
use common::{browser, peer};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// Escape sequences of 7 and 8 bits, right-to-left and invisible characters, a line that looks like ours, what XML
/// cannot even refer to, a template, the ends of all that HTML and XML may have opened, and markup.
const ATTACK: &str = concat!(
    "\x1b[2J\x1b]0;owned\x07\u{9b}31m\u{90}\u{85}",
    "\u{202e}moc\u{2066}\u{200f}\u{61c}\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{3164}\u{fe0f}\u{e0041}",
    "\r\nvalid   fake.pem   CN=good\n\u{2028}\u{2029}\t\x0b\x0c\x7f\0\u{fffe}\u{ffff}",
    "{{ 7 * 7 }}</title></style><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">\"'><svg/onload=document.title='owned'>]]>--><!--&lt;&#27;",
);

/// How all that shows it has to begin.
const SHOWN: &str = r"\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{90}\u{85}\u{202e}moc";

/// The options of `verify` that make it tell the most of [`Desk::new`]'s certificates: names, chains, constraints,
/// policies, templates, addresses, requests and lists.
const LINES: [&str; 6] = [
    "leaf --chain root --pool pool.foo.com --csr csr --key other --previous of-strict --crl crl",
    "leaf --chain rekeyed --crl crl --profile sfb2019",
    "of-strict --chain strict --imp-cert leaf --purpose any --require-policy",
    "leaf of-strict --roots root --name DNS:x.foo.com --name email:x@foo.com --profile lync2013",
    "no-text --chain root --name DNS:x.foo.com",
    "folder --chain root",
];

/// A desk with certificates that attack.
struct Desk(tempfile::TempDir);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new(text: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let (own, by) = (key(), key());
        let (root, twin) = (ca(text), ca(text));
        let mut strict = ca(text);
        let only = vec![GeneralSubtree::DnsName(ascii(text))];
        strict.name_constraints =
            Some(NameConstraints { permitted_subtrees: only.clone(), excluded_subtrees: only });
        desk.put("root", root.self_signed(&by).unwrap().pem());
        desk.put("rekeyed", twin.self_signed(&own).unwrap().pem());
        desk.put("strict", strict.self_signed(&by).unwrap().pem());
        desk.put("leaf", leaf(text).signed_by(&own, &Issuer::from_params(&root, &by)).unwrap().pem());
        let of_strict = leaf(text).signed_by(&own, &Issuer::from_params(&strict, &by)).unwrap();
        desk.put("of-strict", of_strict.pem());
        desk.put("no-text", no_text());
        desk.put("key", own.serialize_pem());
        desk.put("other", key().serialize_pem());
        desk.put("pw", "secret");
        let mut asked = leaf(&format!("other {text}"));
        asked.crl_distribution_points.clear();
        asked.use_authority_key_identifier_extension = false;
        desk.put("csr", asked.serialize_request(&own).unwrap().pem().unwrap());
        let now = OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - Duration::DAY,
            next_update: now + Duration::DAY,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        desk.put("crl", list.signed_by(&Issuer::from_params(&twin, &own)).unwrap().pem().unwrap());
        // Files whose names attack, too: one that is good, one that is damaged, one that is nothing.
        fs::create_dir(desk.path("folder")).unwrap();
        let good = fs::read_to_string(desk.path("leaf")).unwrap();
        desk.put(Path::new("folder").join(file_name()), &good);
        desk.put(Path::new("folder").join("no utf-8 \u{202e}").with_extension(not_utf8()), &good);
        desk.put(Path::new("folder").join("damaged \x1b[2J"), good.replacen("MII", "!II", 1));
        desk.put(Path::new("folder").join("nothing \x1b[2J"), "nothing to see");
        desk
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn run(&self, arguments: &[&OsStr]) -> Ran {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        command.args(arguments).arg("--no-input").current_dir(self.0.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn ocscert(&self, line: &str) -> Ran {
        self.run(&line.split(' ').map(OsStr::new).collect::<Vec<_>>())
    }

    /// Standard output of a `verify` that judged.
    #[track_caller]
    fn verify(&self, line: &str) -> String {
        let ran = self.ocscert(&format!("verify {line}"));
        assert!(ran.code < 2 && ran.err.is_empty(), "{line}: {}", ran.err);
        ran.out
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn ascii(text: &str) -> String {
    text.chars().filter(char::is_ascii).collect()
}

/// A certificate that says `text` wherever it may say anything, or its ASCII where only that is allowed.
fn leaf(text: &str) -> CertificateParams {
    let ascii = ascii(text);
    let ia5 = || ascii.as_str().try_into().unwrap();
    let address = format!("http://{ascii}");
    let mut params = CertificateParams::default();
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::DAY, now + Duration::days(365));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, text);
    params.distinguished_name.push(DnType::CommonName, text);
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![SanType::DnsName(ia5()), SanType::URI(ia5()), SanType::Rfc822Name(ia5())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![address.clone()] }];

    let sequence = |parts: &[&[u8]]| element_of(0x30, &parts.concat());
    let pkix = |last: &[u8]| element_of(6, &[b"\x2b\x06\x01\x05\x05\x07", last].concat());
    let issuers = sequence(&[&pkix(b"\x30\x02"), &element_of(0x86, address.as_bytes())]);
    let template: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let statement = sequence(&[&pkix(b"\x02\x01"), &element_of(0x16, address.as_bytes())]);
    let notice = sequence(&[&pkix(b"\x02\x02"), &sequence(&[&element_of(0x0c, text.as_bytes())])]);
    let policy = sequence(&[&element_of(6, b"\x2a\x03\x04"), &sequence(&[&statement, &notice])]);
    params.custom_extensions = vec![
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], sequence(&[&issuers])),
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 311, 20, 2], element_of(0x1e, &template)),
        CustomExtension::from_oid_content(&[2, 5, 29, 32], sequence(&[&policy])),
    ];
    params
}

fn ca(text: &str) -> CertificateParams {
    let mut params = leaf(text);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages.clear();
    params
}

/// A certificate whose names are no text at all: a BMPString with half of a surrogate pair, alternative names that
/// are UTF-8 and Latin-1 where only ASCII may be.
fn no_text() -> Vec<u8> {
    let mut params = leaf("x");
    params.distinguished_name.push(DnType::CommonName, DnValue::BmpString("\u{3042}ab".try_into().unwrap()));
    params.subject_alt_names.clear();
    let names = [element_of(0x82, "\u{202e}moc.\u{1b}".as_bytes()), element_of(0x86, b"http://\xff\x9b2J")];
    let names = element_of(0x30, &names.concat());
    params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], names));
    let mut der = params.self_signed(&key()).unwrap().der().to_vec();
    for at in 0..der.len() - 1 {
        if der[at..at + 2] == [0x30, 0x42] && der[at + 2..].starts_with(&[0, b'a']) {
            der[at..at + 2].copy_from_slice(&[0xd8, 0x00]);
        }
    }
    der
}

/// [`ATTACK`] as far as a file can be called so.
fn file_name() -> OsString {
    let mut name: String = ATTACK.chars().filter(|c| !matches!(c, '\0' | '/')).collect();
    while name.len() > 255 {
        name.pop();
    }
    name.into()
}

/// What is no UTF-8 may stand in the name of a file all the same.
fn not_utf8() -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    OsString::from_vec(b"\xff\x9b31m".to_vec())
}

/// Nothing but ASCII that is printed, line breaks, and what our reports draw with.
#[track_caller]
fn is_harmless(text: &str, whose: &str) {
    let raw = text.chars().find(|c| !matches!(c, ' '..='~' | '\n' | '└' | '…' | '\u{fffd}'));
    assert_eq!(raw, None, "{whose}: {text}");
    let forged = text.lines().find(|line| line.starts_with("valid   fake.pem"));
    assert_eq!(forged, None, "{whose}: {text}");
}

/// Every command that shows what is in a certificate, and every detail of `verify`: on a terminal it is text. Colours
/// are the only sequences there are, and change nothing else.
#[test]
fn a_terminal_shows_text() {
    let desk = Desk::new(ATTACK);
    for line in LINES {
        for detail in ["", " -v", " -v -v"] {
            let plain = desk.verify(&format!("{line}{detail} --color never"));
            is_harmless(&plain, line);
            let coloured = desk.verify(&format!("{line}{detail} --color always"));
            assert_ne!(coloured, plain, "{line}: no colours");
            // A remedy may be the command that was typed.
            let plain = plain.replace("--color never", "--color always");
            assert_eq!(without_colours(&coloured), plain, "{line}{detail}");
        }
        assert!(line.starts_with("no-text") || desk.verify(line).contains(SHOWN), "{line}");
    }
    for line in [
        "inspect leaf root strict csr crl no-text",
        "csr --check csr",
        "bundle leaf root strict -o bundled.pem",
        "export --cert leaf --key key --chain root --password-file pw -o x.pfx",
        "verify leaf --chain nothing-there\u{1b}[2J\u{202e}",
    ] {
        let ran = desk.ocscert(line);
        is_harmless(&ran.out, line);
        is_harmless(&ran.err, line);
        assert!(ran.out.contains(r"\u{1b}[2J") || ran.err.contains(r"\u{1b}[2J"), "{line}: {}", ran.err);
    }
}

/// Without what `ESC [ 1 ; 31 m` stands for: digits and semicolons up to an m.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap().to_string();
    parts.fold(first, |out, part| {
        out + part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m').unwrap()
    })
}

/// Files may be called anything, too: those that are judged, and those that an error is about.
#[test]
fn names_of_files_are_shown_as_text() {
    let desk = Desk::new(ATTACK);
    let (name, none) = (file_name(), not_utf8());
    desk.put(&name, fs::read(desk.path("leaf")).unwrap());
    desk.put(&none, "");
    let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
    for (line, code) in [
        ("verify FILE --chain root", 1),
        ("verify leaf --chain FILE", 1),
        ("verify leaf --chain root --previous FILE", 1),
        ("verify leaf --chain root --format json", 1),
        ("verify leaf --chain root --key FILE", 2),
        ("verify leaf --chain root --crl FILE", 2),
        ("verify leaf --chain root -o FILE", 2),
        ("verify leaf --chain FILE/x", 2),
        ("verify NONE --chain root", 2),
        ("verify leaf --chain root -o NONE/x", 2),
        ("inspect FILE NONE", 2),
        ("verify leaf --chain root --profile FILE", 2),
        ("verify leaf --FILE", 2),
    ] {
        let arguments: Vec<OsString> = words(line)
            .into_iter()
            .map(|word| match word.to_str().unwrap() {
                "FILE" => name.clone(),
                "NONE" => none.clone(),
                "FILE/x" => Path::new(&name).join("x").into(),
                "NONE/x" => Path::new(&none).join("x").into(),
                "--FILE" => [OsStr::new("--"), &name].into_iter().collect(),
                _ => word,
            })
            .collect();
        let ran = desk.run(&arguments.iter().map(OsString::as_os_str).collect::<Vec<_>>());
        assert_eq!(ran.code, code, "{line}: {}", ran.err);
        is_harmless(&ran.out, line);
        is_harmless(&ran.err, line);
    }
}

/// JSON holds every text whole, as it is; and yet nothing in it acts on a terminal that it is printed to. Judge:
/// Python's json, which reads the same.
#[test]
fn json_is_whole_and_harmless() {
    let Some(python) = peer::python() else { return };
    let desk = Desk::new(ATTACK);
    for line in LINES {
        let out = desk.verify(&format!("{line} --format json"));
        is_harmless(&out, line);
        let document: Value = serde_json::from_str(&out).unwrap();
        let again = "import json, sys; json.dump(json.load(sys.stdin), sys.stdout)";
        let mut reader = assert_cmd::Command::from_std(Command::new(&python));
        let read = reader.args(["-c", again]).write_stdin(out).output().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&read.stdout).unwrap(), document, "{line}");
        let first = &document["certificates"][0];
        assert!(line.starts_with("no-text") || first["name"] == ATTACK, "{line}: {first}");
    }
}

/// What a page consists of, and the characters in it that no page of ours has.
const LOOK: &str = "(() => {
  const parts = [...document.querySelectorAll('*')].flatMap((e) =>
    [e.localName, ...[...e.attributes].map((a) => `${e.localName} ${a.name}`)]);
  const raw = /[\\p{C}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]/u;
  const said = [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].map((a) => a.value));
  said.push(document.documentElement.textContent);
  return { parts: [...new Set(parts)].sort(), text: document.body.textContent,
    raw: [...new Set(said.flatMap((text) => [...text]))].filter((c) => c !== '\\n' && raw.test(c)) };
})()";

/// A page consists of what one of harmless certificates consists of, loads nothing, runs nothing, and holds no
/// character that hides or turns around others. Judge: Chromium, of the document that it made.
#[test]
fn a_page_stays_what_it_is() {
    let (good, evil) = (Desk::new(&"harmless ".repeat(26)), Desk::new(ATTACK));
    for line in [LINES[0], LINES[2], LINES[5]] {
        let looked = [&good, &evil].map(|desk| {
            desk.verify(&format!("{line} --format html -o page.html --overwrite"));
            browser::visit(&[], desk.path("page.html").to_str().unwrap(), &[["js", LOOK]])
        });
        let [Some(good), Some(evil)] = looked else { return };
        let (good, seen) = (&good["steps"][0]["value"], &evil["steps"][0]["value"]);
        assert_eq!(seen["parts"], good["parts"], "{line}");
        for list in [&seen["raw"], &evil["external"], &evil["errors"], &evil["overflow"]] {
            assert_eq!(list, &Value::Array(Vec::new()), "{line}");
        }
        assert_ne!(evil["title"], "owned", "{line}");
        let text = seen["text"].as_str().unwrap();
        assert!(line.starts_with("no-text") || text.contains(SHOWN), "{line}: {text}");
        assert!(
            line.starts_with("no-text") || text.contains("<script>document.title='owned'</script>"),
            "{line}"
        );
    }
}

/// Reads XML; says how many elements of which kind there are, and all that stands in it.
const READ_XML: &str = "
import json, sys
import xml.etree.ElementTree as tree
from collections import Counter
elements = list(tree.fromstring(sys.stdin.buffer.read()).iter())
said = [text for e in elements for text in (*e.attrib, *e.attrib.values(), e.text or '')]
json.dump([Counter(e.tag for e in elements), '\\n'.join(said)], sys.stdout)
";

/// JUnit XML is well-formed though XML 1.0 has no way to write most of it, and has the elements that it has of
/// harmless certificates. Judge: Python's ElementTree.
#[test]
fn junit_stays_what_it_is() {
    let Some(python) = peer::python() else { return };
    let (good, evil) = (Desk::new(&"harmless ".repeat(26)), Desk::new(ATTACK));
    for line in LINES {
        let read = |desk: &Desk| -> (Value, String) {
            let xml = desk.verify(&format!("{line} --format junit"));
            let mut reader = assert_cmd::Command::from_std(Command::new(&python));
            let read = reader.args(["-c", READ_XML]).write_stdin(xml).output().unwrap();
            assert!(read.status.success(), "{line}: {}", String::from_utf8_lossy(&read.stderr));
            serde_json::from_slice(&read.stdout).unwrap()
        };
        let (elements, text) = read(&evil);
        is_harmless(&text, line);
        assert!(line.starts_with("no-text") || text.contains(SHOWN), "{line}: {text}");
        for tag in ["testsuite", "testcase", "property", "properties"] {
            assert_eq!(elements[tag], read(&good).0[tag], "{line}: {tag}");
        }
        let ours = [
            "testsuites",
            "testsuite",
            "properties",
            "property",
            "testcase",
            "failure",
            "error",
            "skipped",
            "system-out",
        ];
        assert!(elements.as_object().unwrap().keys().all(|tag| ours.contains(&&**tag)), "{line}: {elements}");
    }
}

/// A megabyte of the worst, in every text at once: what people look at stays short, and JSON, which is data, has it
/// whole.
#[test]
fn a_megabyte_is_shown_short() {
    let text = "\u{202e}<".repeat(250_000);
    let desk = Desk::new(&text);
    for (line, format) in [(LINES[0], "text -v -v"), (LINES[1], "html"), (LINES[1], "junit")] {
        let out = desk.verify(&format!("{line} --format {format}"));
        assert!(out.len() < 100_000, "{line} --format {format}: {} bytes", out.len());
    }
    let document: Value = serde_json::from_str(&desk.verify(&format!("{} --format json", LINES[1]))).unwrap();
    assert!(document["certificates"][0]["name"] == text, "JSON has it whole");
}
