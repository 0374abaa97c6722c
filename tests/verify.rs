//! `verify` over many certificates, through the program: what a folder is told in, that the order of files never
//! matters, that its JSON is what the schema in docs says, and that CI systems read its JUnit XML.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;
use common::{browser, peer};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// A folder with a root, an intermediate and `leaves/` of servers.
struct Place(tempfile::TempDir);

impl Place {
    /// `leaves` holds `a.pem` to `c.pem`, which are good.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let (root_key, middle_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (root, middle) = (ca("Root"), ca("Issuing CA"));
        place.put("root.pem", &root.self_signed(&root_key).unwrap().pem());
        let by_root = Issuer::from_params(&root, &root_key);
        place.put("middle.pem", &middle.signed_by(&middle_key, &by_root).unwrap().pem());
        fs::create_dir(place.path("leaves")).unwrap();
        let by_middle = Issuer::from_params(&middle, &middle_key);
        let issue = |file: &str, change: &dyn Fn(&mut CertificateParams)| {
            let mut params = leaf("server.foo.com");
            change(&mut params);
            let key = KeyPair::generate().unwrap();
            place.put(file, &params.signed_by(&key, &by_middle).unwrap().pem());
        };
        for name in ["a", "b", "c"] {
            issue(&format!("leaves/{name}.pem"), &|_| {});
        }
        issue("expired.pem", &|p| p.not_after = OffsetDateTime::now_utc() - Duration::HOUR);
        issue("server.pem", &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
        issue("server.pem", &|p| p.extended_key_usages.truncate(1));
        issue("hostile.pem", &|p| {
            p.distinguished_name.push(DnType::OrganizationName, "\u{1b}[2J<b>\u{202e}\"'&\r\n\u{9b}0m");
        });
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        command.args(line.split(' ')).arg("--no-input").current_dir(self.0.path());
        command
    }

    /// Exit code and standard output.
    #[track_caller]
    fn ocscert(&self, line: &str) -> (i32, String) {
        let ran = self.command(line).stdin(Stdio::null()).output().unwrap();
        let code = ran.status.code().unwrap();
        assert!(code < 2, "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        (code, String::from_utf8(ran.stdout).unwrap())
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ocscert(&format!("{line} --format json")).1).unwrap()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::DAY, now + Duration::days(365));
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// Of many certificates those that are fine take a line each, and what is not fine stands below them, next to the
/// prompt. `-v` tells all of all; of one alone all is told anyway.
#[test]
fn of_many_the_fine_take_a_line_and_the_worst_comes_last() {
    let place = Place::new();
    place.copy("expired.pem", "leaves/0.pem");
    let options = "--chain middle.pem root.pem --profile lync2013";
    let (code, out) = place.ocscert(&format!("verify leaves {options}"));
    let first: Vec<_> = out.lines().filter(|line| line.starts_with("valid")).collect();
    assert_eq!((code, first.len()), (1, 3), "{out}");
    assert!(first[0].contains("leaves/a.pem") && first[2].contains("leaves/c.pem"), "{out}");
    let refused = out.find("invalid   leaves/0.pem").unwrap();
    assert!(out.find("leaves/c.pem").unwrap() < refused, "{out}");
    assert!(out[refused..].contains("OCS-VAL-001"), "{out}");
    assert!(out.ends_with("4 certificates: 3 valid, 1 invalid\n"), "{out}");

    let whole = "OCS as server";
    assert_eq!(out.matches(whole).count(), 1, "{out}");
    let (_, verbose) = place.ocscert(&format!("verify leaves {options} -v"));
    assert_eq!(verbose.matches(whole).count(), 4, "{verbose}");
    let (_, alone) = place.ocscert(&format!("verify leaves/a.pem {options}"));
    assert_eq!(alone.matches(whole).count(), 1, "{alone}");
    // Several in one file are many, too.
    let both = fs::read_to_string(place.path("leaves/a.pem")).unwrap()
        + &fs::read_to_string(place.path("leaves/b.pem")).unwrap();
    place.put("both.pem", &both);
    let (_, both) = place.ocscert(&format!("verify both.pem {options}"));
    assert!(both.contains("both.pem #1") && both.contains("both.pem #2") && !both.contains(whole), "{both}");
}

/// A CA certificate beside those that are judged helps to build, wherever it stands: before or after them, in
/// another file, in a folder, on standard input, and however many files there are.
#[test]
fn a_ca_certificate_in_any_file_helps_whatever_the_order() {
    let place = Place::new();
    let verdicts = |line: &str| {
        let document = place.json(&format!("{line} --roots root.pem --profile rfc5280"));
        let certificates = document["certificates"].as_array().unwrap();
        let said =
            |c: &Value| format!("{} {}", c["source"].as_str().unwrap(), c["verdict"].as_str().unwrap());
        certificates.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(verdicts("verify leaves/a.pem"), ["leaves/a.pem invalid"]);
    let valid = ["leaves/a.pem valid", "middle.pem valid"];
    for line in ["verify leaves/a.pem middle.pem", "verify middle.pem leaves/a.pem"] {
        let mut said = verdicts(line);
        said.sort();
        assert_eq!(said, valid, "{line}");
    }
    // In a folder it is not judged itself, and does not have to come first.
    for name in ["leaves/0.pem", "leaves/z.pem"] {
        place.copy("middle.pem", name);
        let all = ["leaves/a.pem valid", "leaves/b.pem valid", "leaves/c.pem valid"];
        assert_eq!(verdicts("verify leaves"), all, "{name}");
        fs::remove_file(place.path(name)).unwrap();
    }
    let mut child = place
        .command("verify leaves/a.pem - --roots root.pem --profile rfc5280")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let middle = fs::read(place.path("middle.pem")).unwrap();
    child.stdin.take().unwrap().write_all(&middle).unwrap();
    let ran = child.wait_with_output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(0), "{out}");
    assert!(out.contains("2 certificates: 2 valid"), "{out}");
}

/// A file of thousands is read in parts, and judged as if it was not: a certificate behind them is found, those of
/// CAs are judged only where there is no other, and their numbers go through.
#[test]
fn a_file_of_thousands_is_judged_as_a_small_one() {
    let place = Place::new();
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    let cas = read("middle.pem").repeat(2500);
    place.put("cas.pem", &cas);
    place.put("all.pem", &(cas + &read("leaves/a.pem") + &read("leaves/b.pem")));
    let sources = |file: &str| -> Vec<String> {
        let document = place.json(&format!("verify {file} --roots root.pem --profile rfc5280"));
        let certificates = document["certificates"].as_array().unwrap();
        assert!(certificates.iter().all(|c| c["verdict"] == "valid"), "{document}");
        certificates.iter().map(|c| c["source"].as_str().unwrap().into()).collect()
    };
    assert_eq!(sources("all.pem"), ["all.pem #2501", "all.pem #2502"]);
    assert_eq!(sources("cas.pem"), ["cas.pem #1"]);
}

/// A folder of CA certificates alone: nothing was judged, and that is no "valid".
#[test]
fn nothing_to_judge_is_no_verdict() {
    let place = Place::new();
    fs::create_dir(place.path("cas")).unwrap();
    place.copy("middle.pem", "cas/middle.pem");
    let ran = place.command("verify cas --chain root.pem").stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.contains("nothing to judge: cas holds") && said.contains("hint: name the file"), "{said}");
    assert_eq!(place.ocscert("verify cas/middle.pem --chain root.pem --profile rfc5280").0, 0);
}

/// What the path found is told as found, also where the profile has no check of it.
#[test]
fn a_check_that_found_something_says_so() {
    let place = Place::new();
    let document = place.json("verify server.pem --chain middle.pem root.pem --profile rfc5280");
    let certificate = &document["certificates"][0];
    assert_eq!(certificate["findings"][0]["code"], "OCS-EKU-001");
    for finding in certificate["findings"].as_array().unwrap() {
        let checks = certificate["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["code"] == finding["code"]).unwrap();
        assert_eq!(check["result"], "found", "{finding}");
    }
}

/// What lies in a folder beside the certificates is counted and passed over, but a certificate that is damaged is
/// told with its place: nobody should think that it was judged.
#[test]
fn a_damaged_certificate_in_a_folder_is_told() {
    let place = Place::new();
    place.put("leaves/readme.txt", "nothing to see");
    let good = fs::read_to_string(place.path("leaves/a.pem")).unwrap();
    place.put("leaves/d.pem", &good.replacen("MII", "!II", 1));
    let (code, out) = place.ocscert("verify leaves --chain middle.pem root.pem --profile rfc5280");
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("leaves/d.pem: line 1"), "{out}");
    assert!(!out.contains("readme.txt") && out.contains("2 files without a certificate"), "{out}");
}

/// The picture has both sides' stores: a solid line to the one that has the root, a broken one to the one that lacks it,
/// and who does not see it hears the same.
#[test]
fn the_picture_shows_which_store_has_the_root() {
    let place = Place::new();
    place.put("other.pem", &ca("Other root").self_signed(&KeyPair::generate().unwrap()).unwrap().pem());
    let picture = |more: &str| {
        let line = format!("verify leaves/a.pem --chain middle.pem root.pem --profile lync2013{more}");
        let (_, page) = place.ocscert(&format!("{line} --format html"));
        page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0.to_string()
    };
    let good = picture("");
    assert_eq!(good.matches("class=\"edge\"").count(), 4, "{good}");
    assert_eq!(good.matches(">has the root<").count(), 2, "{good}");
    assert!(good.contains("trusted by OCS and IM and Presence."), "{good}");
    let bad = picture(" --imp-trust other.pem");
    let broken = bad.matches("class=\"edge broken\"").count();
    assert_eq!((bad.matches("class=\"edge\"").count(), broken), (3, 1), "{bad}");
    assert!(bad.contains(">OCS-CHN-004: a root is not in it<"), "{bad}");
    assert!(bad.contains("trusted by OCS."), "{bad}");
}

/// Judge: Chromium. Who hears the page gets the headings in their order, the picture in words and the table as one; who
/// has no mouse can scroll both; printed it takes two sheets at most.
#[test]
fn the_page_is_for_everybody() {
    let place = Place::new();
    let line = "verify expired.pem leaves/a.pem --chain middle.pem root.pem --pool pool.foo.com --format html -o page.html";
    assert_eq!(place.ocscert(line).0, 1);
    let page = place.path("page.html");
    let pdf = format!("{}=A4", place.path("page.pdf").display());
    let focus = ["js", "document.activeElement.tagName + ' ' + document.activeElement.className"];
    let steps = [["heard", "body"], ["press", "Tab"], focus, ["press", "Tab"], focus, ["pdf", pdf.as_str()]];
    let Some(report) = browser::visit(&[], page.to_str().unwrap(), &steps) else { return };
    let value = |step: usize| report["steps"][step]["value"].as_str().unwrap();
    let heard = value(0);
    let mut rest = heard;
    for part in [
        "heading \"2 certificates: 2 invalid\" [level=1]",
        "heading \"Who trusts whom\" [level=2]",
        "img \"Who trusts whom. server.foo.com: invalid, chain server.foo.com issued by Issuing CA",
        "region \"Certificates\"",
        "columnheader \"Verdict\"",
        "heading \"What was found in expired.pem\" [level=3]",
        "heading \"error OCS-VAL-001: expired\" [level=4]",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part}\n{heard}"));
        rest = &rest[at..];
    }
    assert_eq!((value(2), value(4)), ("FIGURE ", "DIV scroll"));
    let Some(pdfinfo) = peer::require("pdfinfo") else { return };
    let told = Command::new(pdfinfo).arg(place.path("page.pdf")).output().unwrap().stdout;
    let told = String::from_utf8(told).unwrap();
    let pages: u32 = told.lines().find_map(|l| l.strip_prefix("Pages:")).unwrap().trim().parse().unwrap();
    assert!(pages <= 2, "{pages} pages");
}

/// Validates standard input against the schema named; nothing may be in it that the schema does not describe.
const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator as V
schema = json.load(open(sys.argv[1]))
V.check_schema(schema)
def close(node):
    if isinstance(node, dict):
        if 'properties' in node:
            node['additionalProperties'] = False
        for inner in node.values():
            close(inner)
    elif isinstance(node, list):
        for inner in node:
            close(inner)
close(schema)
for e in V(schema, format_checker=V.FORMAT_CHECKER).iter_errors(json.load(sys.stdin)):
    print(e.json_path, e.message[:300])
";

/// Judge: python's jsonschema. Good, bad, hostile, incomplete and crosswise documents are what docs say they are; a
/// document with another verdict, or without its checks, is not.
#[test]
fn json_is_what_its_schema_says() {
    let Some(python) = peer::python() else { return };
    let place = Place::new();
    let schema = peer::repository().join("docs/verify.schema.json");
    let wrong = |document: &str| {
        let mut validator = assert_cmd::Command::from_std(Command::new(&python));
        let out = validator.args(["-c", VALIDATE]).arg(&schema).write_stdin(document).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    crl(&place.path("other.crl"));
    let chain = "--chain middle.pem root.pem";
    for line in [
        format!("verify leaves {chain}"),
        format!("verify leaves/a.pem {chain} --profile rfc5280"),
        format!("verify leaves/a.pem {chain} --pool pool.foo.com --imp-cert leaves/b.pem"),
        format!("verify expired.pem hostile.pem {chain} --purpose server --name DNS:other.foo.com"),
        format!("verify leaves/a.pem {chain} --crl other.crl --profile rfc5280"),
        "verify leaves/a.pem --chain middle.pem".to_string(),
        "verify hostile.pem --chain root.pem".to_string(),
        "verify leaves/a.pem --roots leaves/b.pem --chain middle.pem root.pem".to_string(),
    ] {
        let (_, document) = place.ocscert(&format!("{line} --format json"));
        assert_eq!(wrong(&document), "", "{line}");
    }
    let good = place.json(&format!("verify leaves {chain}"));
    for (pointer, value) in [
        ("/verdict", "perhaps".into()),
        ("/certificates/0/sha256", "00".into()),
        ("/certificates/0/findings", Value::Null),
        ("/summary/valid", "3".into()),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_ne!(wrong(&changed.to_string()), "", "{pointer}");
    }
}

/// What a reader of JUnit XML makes of standard input, as JSON. How a case ended is its one result's element.
const READ_JUNIT: &str = "
import json, sys
from datetime import datetime
from junitparser import JUnitXml, SystemOut
def case(c):
    assert len(c.result) <= 1, c.name
    ended = c.result[0] if c.result else None
    return {'class': c.classname, 'name': c.name, 'output': c.system_out or '',
            'ended': ended._tag if ended else 'passed', **({'message': ended.message, 'type': ended.type,
            'text': ended.text or ''} if ended else {})}
def counts(s):
    return [s.tests, s.failures, s.errors, s.skipped]
def suite(s):
    cases, said = [case(c) for c in s], counts(s)
    output = s.child(SystemOut)
    s.update_statistics()
    assert counts(s) == said, (s.name, said)
    return {'name': s.name, 'counts': said, 'cases': cases, 'output': output.text if output else None,
            'at': s.timestamp and datetime.fromisoformat(s.timestamp).timestamp(),
            'properties': {p.name: p.value for p in s.properties()}}
document = JUnitXml.fromstring(sys.stdin.buffer.read())
said, suites = counts(document), [suite(s) for s in document]
assert said == [sum(n) for n in zip(*(s['counts'] for s in suites))], said
json.dump(suites, sys.stdout)
";

/// Judge: junitparser, which recounts. Of documents good, bad and incomplete every direction and check is a case that
/// ended as JSON says; no file without a failure or an error unless its verdict is valid; and the exit code is the
/// same.
#[test]
fn junit_says_what_json_says() {
    let Some(python) = peer::python() else { return };
    let place = Place::new();
    crl(&place.path("other.crl"));
    place.copy("expired.pem", "leaves/d.pem");
    place.put("leaves/readme.txt", "nothing to see");
    let chain = "--chain middle.pem root.pem";
    let mut seen = BTreeSet::new();
    for line in [
        format!("verify leaves {chain} --name DNS:server.foo.com"),
        format!("verify leaves/a.pem {chain} --imp-cert leaves/b.pem"),
        format!("verify expired.pem server.pem {chain} --purpose server --name DNS:other.foo.com"),
        // A finding of the path, under a rule that this profile has no check of.
        format!("verify server.pem {chain} --profile rfc5280"),
        format!("verify leaves/a.pem {chain} --crl other.crl --profile rfc5280"),
        "verify leaves/a.pem --chain middle.pem".to_string(),
    ] {
        let (code, text) = place.ocscert(&format!("{line} --format json"));
        let document: Value = serde_json::from_str(&text).unwrap();
        let (junit_code, xml) =
            place.ocscert(&format!("{line} --format junit --at {}", string(&document["at"])));
        assert_eq!(junit_code, code, "{line}");
        let mut reader = assert_cmd::Command::from_std(Command::new(&python));
        let read = reader.args(["-c", READ_JUNIT]).write_stdin(xml).output().unwrap();
        assert!(read.status.success(), "{line}: {}", String::from_utf8_lossy(&read.stderr));
        let mut suites: Vec<Value> = serde_json::from_slice(&read.stdout).unwrap();

        let notes: Vec<&str> = list(&document["notes"]).iter().map(string).collect();
        if !notes.is_empty() {
            assert_eq!(suites.pop().unwrap()["output"], notes.join("\n") + "\n", "{line}");
        }
        let certificates = list(&document["certificates"]);
        assert_eq!(suites.len(), certificates.len(), "{line}");
        for (suite, certificate) in suites.iter().zip(certificates) {
            seen.extend(is_same(suite, certificate, &line));
            let at = OffsetDateTime::parse(string(&document["at"]), &Rfc3339).unwrap();
            assert_eq!(suite["at"], at.unix_timestamp() as f64, "{line}");
        }
    }
    let ends = ["passed", "skipped", "error", "failure error", "passed info", "passed warning"];
    assert!(ends.iter().all(|end| seen.contains(*end)), "not all ends came up: {seen:?}");
}

/// A suite says what JSON says of a certificate; which ends of cases with which severities were seen.
#[track_caller]
fn is_same(suite: &Value, certificate: &Value, line: &str) -> BTreeSet<String> {
    for name in ["verdict", "subject", "issuer", "serial", "sha1", "sha256", "not_before", "not_after"] {
        assert_eq!(suite["properties"][name], certificate[name], "{line}: {name}");
    }
    assert_eq!(suite["name"], certificate["source"], "{line}");
    let mut cases = list(&suite["cases"]).iter();
    assert!(cases.clone().all(|case| case["class"] == certificate["source"]), "{line}");
    for direction in list(&certificate["directions"]) {
        let (case, verdict) = (cases.next().unwrap(), string(&direction["verdict"]));
        let ended = match verdict {
            "valid" => "passed",
            "invalid" => "failure",
            "incomplete" => "error",
            _ => "skipped",
        };
        assert_eq!((&case["name"], &case["ended"]), (&direction["id"], &ended.into()), "{line}");
        assert!(ended == "passed" || case["message"] == direction["reason"], "{line}: {case}");
    }
    let (mut seen, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for check in list(&certificate["checks"]) {
        let case = cases.next().unwrap();
        let (code, ended) = (string(&check["code"]), string(&case["ended"]));
        assert_eq!(case["name"], format!("{code} {}", string(&check["name"])), "{line}");
        let found = list(&certificate["findings"]).iter().filter(|f| f["code"] == code).collect::<Vec<_>>();
        let is_wrong = found.iter().any(|f| f["severity"] == "error");
        let expected = match string(&check["result"]) {
            _ if is_wrong => "failure",
            "not-applicable" if found.is_empty() => "skipped",
            "not-checked" => "error",
            _ => "passed",
        };
        assert_eq!(ended, expected, "{line}: {code}");
        if matches!(ended, "skipped" | "error") {
            assert_eq!(case["message"], check["why"], "{line}: {code}");
        }
        let told = if ended == "passed" { string(&case["output"]) } else { string(&case["text"]) };
        assert_eq!(told.is_empty(), found.is_empty(), "{line}: {code}");
        for finding in found {
            let facts = list(&finding["evidence"]).iter().flat_map(|e| [&e["expected"], &e["observed"]]);
            for fact in facts.chain([&finding["remedy"]["text"]]).filter_map(Value::as_str) {
                assert!(
                    unfolded(told).contains(&unfolded(fact)),
                    "{line}: {code} does not tell {fact}: {told}"
                );
            }
            seen.insert(format!("{ended} {}", string(&finding["severity"])));
        }
        seen.insert(ended.to_string());
        codes.insert(code);
    }
    assert!(cases.next().is_none(), "{line}");
    assert!(list(&certificate["findings"]).iter().all(|f| codes.contains(string(&f["code"]))), "{line}");
    let [_, failures, errors, _] = list(&suite["counts"]) else { panic!("{line}") };
    let verdict = match (failures.as_u64(), errors.as_u64()) {
        (Some(0), Some(0)) => "valid",
        (Some(0), _) => "incomplete",
        _ => "invalid",
    };
    assert_eq!(verdict, certificate["verdict"], "{line}");
    seen
}

/// Text without the line breaks that folding put in.
fn unfolded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn string(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[track_caller]
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// A CRL of a CA that has nothing to do with anything here: revocation stays unknown.
fn crl(path: &Path) {
    let (key, params) = (KeyPair::generate().unwrap(), ca("Another CA"));
    let now = OffsetDateTime::now_utc();
    let list = rcgen::CertificateRevocationListParams {
        this_update: now - Duration::DAY,
        next_update: now + Duration::DAY,
        crl_number: rcgen::SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let pem = list.signed_by(&Issuer::from_params(&params, &key)).unwrap().pem().unwrap();
    fs::write(path, pem).unwrap();
}
