//! Wrong files, wrong passwords, full disks, closed pipes: exit code 2 with the file, the cause and a remedy;
//! nothing on standard output, nothing lost. And the files that look wrong but are right: UTF-16, BOM, CRLF.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;

/// A desk with a server's key, request and self-signed certificate, and a CA's.
struct Desk(tempfile::TempDir);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let made = desk.ocscert(&["csr", "--server", "ocs1.foo.com"]);
        assert_eq!(made.code, 0, "{}", made.err);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut parameters = rcgen::CertificateParams::new(["ocs1.foo.com".to_string()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "ocs1.foo.com");
        let certificate = parameters.self_signed(&key).unwrap();
        desk.put("ocs1.pem", certificate.pem().as_bytes());
        desk.put("ocs1.der", certificate.der());
        desk.put("ec.key", key.serialize_pem().as_bytes());
        desk.put("pw", b"secret\n");
        desk.put("empty", b"");
        fs::create_dir(desk.path("folder")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn get(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        command.args(arguments).arg("--no-input").current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn ocscert(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The command fails with exit code 2, says all of these on standard error, and nothing else.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], says: &[&str]) {
        let ran = self.ocscert(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
        for word in says {
            assert!(ran.err.contains(word), "{arguments:?} does not say \"{word}\": {}", ran.err);
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_cause() {
    let desk = Desk::new();
    desk.put("cut.pem", &desk.get("ocs1.pem")[..300]);
    desk.put("cut.der", &desk.get("ocs1.der")[..100]);
    desk.put("page.cer", b"<html><title>Log on</title></html>");
    for (file, says) in [
        ("missing.pem", "does not exist"),
        ("empty", "empty"),
        ("cut.pem", "line 1"),
        ("cut.pem", "no END line"),
        ("cut.der", "cut off"),
        ("page.cer", "HTML"),
        ("pw", "neither PEM nor DER"),
    ] {
        desk.refuses(&["inspect", file], &[file, says]);
        desk.refuses(&["verify", file, "--chain", "ocs1.pem"], &[file, says]);
        desk.refuses(&["verify", "ocs1.pem", "--chain", file], &[file, says]);
        desk.refuses(&["bundle", file], &[file, says]);
        desk.refuses(
            &["export", "--cert", file, "--key", "ec.key", "--no-chain", "-o", "x.pfx"],
            &[file, says],
        );
        desk.refuses(&["submit", file, "--ca-url", "http://127.0.0.1:9/certsrv"], &[file, says]);
    }
    desk.refuses(&["inspect", "folder"], &["folder", "a file is needed"]);
    desk.refuses(&["verify", "folder", "--chain", "ocs1.pem"], &["folder", "holds a certificate"]);
    assert!(!desk.path("x.pfx").exists());
}

#[test]
fn the_wrong_kind_of_file_is_called_what_it_is() {
    let desk = Desk::new();
    desk.refuses(
        &["verify", "ec.key", "--chain", "ocs1.pem"],
        &["ec.key holds a private key", "a certificate is needed", "hint: ocscert inspect ec.key"],
    );
    desk.refuses(
        &["verify", "ocs1.foo.com.csr", "--chain", "ocs1.pem"],
        &["a certificate request", "a certificate is needed"],
    );
    desk.refuses(
        &["export", "--cert", "ocs1.pem", "--key", "ocs1.pem", "--no-chain", "-o", "x.pfx"],
        &["a certificate", "a private key is needed"],
    );
    desk.refuses(
        &["submit", "ocs1.pem", "--ca-url", "http://127.0.0.1:9/certsrv"],
        &["a certificate", "request (CSR) is needed"],
    );
    desk.refuses(&["csr", "--server", "b.foo.com", "--key", "ocs1.pem"], &["a private key is needed"]);
    desk.refuses(
        &["export", "--cert", "ocs1.pem", "--key", "ocs1.foo.com.key", "--no-chain", "-o", "x.pfx"],
        &["does not belong", "hint: "],
    );
    desk.refuses(&["verify", "ocs1.pem"], &["nothing to trust", "--chain"]);
    desk.refuses(&["verify", "--chain", "ocs1.pem"], &["CERT"]);
}

#[test]
fn text_as_windows_and_mail_leave_it_is_read() {
    let desk = Desk::new();
    let text = String::from_utf8(desk.get("ocs1.pem")).unwrap();
    let utf16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let shapes = [
        ("utf16le", [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat()),
        ("utf16be", [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat()),
        ("utf16-bare", utf16(u16::to_le_bytes)),
        ("bom", [b"\xef\xbb\xbf".to_vec(), text.clone().into_bytes()].concat()),
        ("crlf", text.replace('\n', "\r\n").into_bytes()),
        ("cr", text.replace('\n', "\r").into_bytes()),
        ("leading", format!("Subject: CN=ocs1\nBag Attributes\n    localKeyID: 01\n{text}").into_bytes()),
        ("base64", text.lines().filter(|l| !l.starts_with('-')).collect::<String>().into_bytes()),
        ("der", desk.get("ocs1.der")),
    ];
    let plain = desk.ocscert(&["inspect", "ocs1.pem", "--format", "json"]);
    let fingerprint = |ran: &Ran| -> String {
        let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        document["files"][0]["objects"][0]["sha256"].as_str().unwrap().to_string()
    };
    for (name, bytes) in shapes {
        desk.put(name, &bytes);
        let ran = desk.ocscert(&["inspect", name, "--format", "json"]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        assert_eq!(fingerprint(&ran), fingerprint(&plain), "{name}");
    }
}

#[test]
fn one_broken_block_hides_no_other() {
    let desk = Desk::new();
    let good = String::from_utf8(desk.get("ocs1.pem")).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n";
    desk.put("both.pem", format!("{good}{broken}").as_bytes());
    let ran = desk.ocscert(&["inspect", "both.pem"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let line = good.lines().count() + 1;
    assert!(ran.out.contains("ocs1.foo.com") && ran.out.contains(&format!("line {line}")), "{}", ran.out);
    let ran = desk.ocscert(&["verify", "ocs1.pem", "--chain", "both.pem"]);
    assert!(ran.out.contains("both.pem") && ran.out.contains(&format!("line {line}")), "{}", ran.out);
}

#[test]
fn what_exists_is_kept_and_a_full_disk_is_an_error() {
    let desk = Desk::new();
    let key = desk.get("ocs1.foo.com.key");
    desk.refuses(&["csr", "--server", "ocs1.foo.com"], &["ocs1.foo.com.csr exists already", "--overwrite"]);
    assert_eq!(desk.get("ocs1.foo.com.key"), key, "the key was kept");
    desk.refuses(&["bundle", "ocs1.pem", "-o", "pw"], &["pw exists already"]);
    let export =
        ["export", "--cert", "ocs1.pem", "--key", "ec.key", "--no-chain", "--password-file", "pw", "-o"];
    desk.refuses(&[&export[..], &["pw"]].concat(), &["pw exists already"]);
    assert_eq!(desk.get("pw"), b"secret\n");
    desk.refuses(&[&export[..], &["nowhere/x.pfx"]].concat(), &["nowhere", "does not exist", "hint: mkdir"]);
    desk.refuses(&["bundle", "ocs1.pem", "-o", "/dev/full", "--overwrite"], &["/dev/full"]);
    desk.refuses(&[&export[..], &["/dev/full", "--overwrite"]].concat(), &["/dev/full"]);
    let replaced = desk.ocscert(&["csr", "--server", "ocs1.foo.com", "--overwrite"]);
    assert_eq!(replaced.code, 0, "{}", replaced.err);
    assert_ne!(desk.get("ocs1.foo.com.key"), key, "--overwrite makes a new key");
}

#[test]
fn passwords_that_do_not_fit_or_cannot_be_asked_for_are_told_apart() {
    let desk = Desk::new();
    let closed = desk.ocscert(&["csr", "--server", "c.foo.com", "--encrypt-key", "--password-file", "pw"]);
    assert_eq!(closed.code, 0, "{}", closed.err);
    assert!(String::from_utf8(desk.get("c.foo.com.key")).unwrap().contains("ENCRYPTED PRIVATE KEY"));
    desk.put("wrong", b"guess\n");
    desk.put("two", b"secret\nother\n");
    let again = ["csr", "--server", "c.foo.com", "--output", "again", "--key", "c.foo.com.key"];
    let with = |file: &'static str| [&again[..], &["--key-password-file", file]].concat();
    desk.refuses(&with("wrong"), &["password does not open", "c.foo.com.key"]);
    desk.refuses(&with("two"), &["more than one line"]);
    desk.refuses(&with("empty"), &["empty"]);
    desk.refuses(&again, &["a password is needed", "--key-password-file"]);
    let opened = desk.ocscert(&with("pw"));
    assert_eq!(opened.code, 0, "{}", opened.err);
    assert!(desk.path("again/c.foo.com.csr").exists() && !desk.path("again/c.foo.com.key").exists());
}

#[test]
fn standard_input_is_read_once() {
    let desk = Desk::new();
    desk.refuses(&["verify", "-", "--chain", "-"], &["empty"]);
    let mut child = desk
        .command(&["inspect", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&desk.get("ocs1.pem")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("only once"));
}

/// `ocscert ... | head -1` ends quietly: no panic, no error.
#[test]
fn a_closed_pipe_ends_quietly() {
    let desk = Desk::new();
    let mut many = Vec::new();
    for _ in 0..2000 {
        many.extend(desk.get("ocs1.pem"));
    }
    desk.put("many.pem", &many);
    let mut child =
        desk.command(&["inspect", "many.pem"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn names_that_break_a_rule_are_refused_before_anything_is_made() {
    let desk = Desk::new();
    let long = "x".repeat(65);
    for (arguments, says) in [
        (&["--server", "*.foo.com"][..], "wildcard"),
        (&["--server", "ocs2"], "fully qualified"),
        (&["--server", "a..foo.com"], "empty label"),
        (&["--server", "10.1.2.3"], "IP address"),
        (&["--server", "ocs2.foo.com", "--country", "Japan"], "country"),
        (&["--server", "ocs2.foo.com", "--org", &long], "organization"),
        (&["--server", "ocs2.foo.com", "--ou", "a\tb"], "control character"),
        (&["--server", "ocs2.foo.com", "--san", "*.foo.com"], "wildcard"),
        (&["--server", "ocs2.foo.com", "--template", "A\nB"], "template"),
        (&["--pool", "p.foo.com", "--front-end", "f.foo.com", "f.foo.com"], "named twice"),
        (&["--pool", "p.foo.com", "--server", "s.foo.com"], "--server"),
        (&["--front-end", "f.foo.com"], "--pool"),
        (&["--server", "s.foo.com", "--front-end", "f.foo.com"], "--front-end"),
        (&["--server", "ocs2.foo.com", "--san", "300.1.1.1"], "ends in a number"),
    ] {
        desk.refuses(&[&["csr", "--output", "new"], arguments].concat(), &[says]);
    }
    assert!(!desk.path("new").exists(), "not even the folder");
}

/// A folder is judged certificate by certificate, files without one are counted, and the worst comes last.
#[test]
fn a_folder_is_judged_and_what_holds_no_certificate_is_counted() {
    let desk = Desk::new();
    for name in ["a.pem", "b.pem"] {
        fs::copy(desk.path("ocs1.pem"), desk.path("folder").join(name)).unwrap();
    }
    fs::copy(desk.path("pw"), desk.path("folder").join("readme.txt")).unwrap();
    let ran = desk.ocscert(&["verify", "folder", "--chain", "ocs1.pem", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["summary"]["skipped"], 1, "{}", ran.out);
    assert_eq!(document["certificates"].as_array().unwrap().len(), 2);
    let ran = desk.ocscert(&["verify", "folder", "--chain", "ocs1.pem"]);
    assert!(ran.out.trim_end().ends_with("1 file without a certificate"), "{}", ran.out);
}

/// A name that DNS writes otherwise than the person is told, never silently changed.
#[test]
fn an_international_name_is_told_as_it_is_written() {
    let desk = Desk::new();
    let ran = desk.ocscert(&["csr", "--server", "b\u{fc}cher.example", "--key-type", "p256"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("write b\u{fc}cher.example as xn--bcher-kva.example"), "{}", ran.err);
    assert!(desk.path("xn--bcher-kva.example.csr").exists());
}

/// A key that lost its line breaks is read; where it lost dashes too, not one letter of it comes back.
#[test]
fn a_key_on_one_line_is_read_and_never_shown() {
    let desk = Desk::new();
    let key = String::from_utf8(desk.get("ocs1.foo.com.key")).unwrap();
    let line = key.replace('\n', "");
    desk.put("line.key", line.as_bytes());
    let ran = desk.ocscert(&["inspect", "line.key"]);
    assert!(ran.code == 0 && ran.out.starts_with("private key   line.key\n"), "{}{}", ran.out, ran.err);
    desk.put("broken.key", line.replacen("KEY-----", "KEY----", 1).as_bytes());
    let secret = key.lines().nth(1).unwrap();
    for arguments in
        [&["inspect", "broken.key"][..], &["csr", "--server", "b.foo.com", "--key", "broken.key"]]
    {
        desk.refuses(arguments, &["broken.key", "BEGIN line is damaged"]);
        let ran = desk.ocscert(arguments);
        assert!(!ran.err.contains(&secret[..8]), "{}", ran.err);
    }
}

/// openssl ecparam writes the curve before the key: that is one key and no complaint.
#[test]
fn the_curve_before_a_key_is_no_problem() {
    let desk = Desk::new();
    let key = String::from_utf8(desk.get("ec.key")).unwrap();
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    desk.put("both.key", format!("{parameters}{key}").as_bytes());
    let ran = desk.ocscert(&["inspect", "both.key"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("private key   both.key\n"), "{}", ran.out);
}

/// `inspect` opens an encrypted key where a password is named, and says when it does not fit.
#[test]
fn inspect_opens_an_encrypted_key() {
    let desk = Desk::new();
    let made = ["csr", "--server", "c.foo.com", "--encrypt-key", "--password-file", "pw"];
    assert_eq!(desk.ocscert(&made).code, 0);
    let ran = desk.ocscert(&["inspect", "c.foo.com.key", "--key-password-file", "pw"]);
    assert!(ran.out.starts_with("private key   c.foo.com.key\n"), "{}{}", ran.out, ran.err);
    let closed = desk.ocscert(&["inspect", "c.foo.com.key"]);
    assert!(closed.out.contains("closed with a password"), "{}", closed.out);
    desk.put("other", b"wrong\n");
    desk.refuses(
        &["inspect", "c.foo.com.key", "--key-password-file", "other"],
        &["the password does not open the key c.foo.com.key"],
    );
}

/// Standard output that takes nothing is named, for results, help and version alike.
#[test]
fn a_full_standard_output_is_named() {
    let desk = Desk::new();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for (arguments, says) in [
        (&["inspect", "ocs1.pem"][..], "cannot write to standard output"),
        (&["bundle", "ocs1.pem"], "cannot write to standard output"),
    ] {
        let ran = desk.command(arguments).stdout(full()).output().unwrap();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains(says), "{arguments:?}");
    }
    let mut help = Command::cargo_bin("ocscert").unwrap();
    assert_eq!(help.arg("--help").stdout(full()).status().unwrap().code(), Some(2));
}
