//! `verify --fetch`: what certificates say where to get is got, told and judged. The certificates and lists are
//! openssl's, and `openssl verify -crl_download` judges beside us.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use assert_cmd::cargo::CommandCargoExt as _;
use common::peer;
use common::peers::scripted;

/// What is answered to the path of a request: head and body, as they go over the line.
type Pages = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A root, an issuing CA and a server's certificate that name the addresses of a web server here.
struct Pki {
    folder: tempfile::TempDir,
    openssl: PathBuf,
    pages: Pages,
    asked: Arc<Mutex<Vec<String>>>,
}

const CONFIG: &str = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n";

impl Pki {
    /// `issuer` and `list` are the addresses in the leaf; `{port}` stands for ours.
    fn new(openssl: PathBuf, issuer: &str, list: &str) -> Self {
        let pages = Pages::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (served, log) = (pages.clone(), asked.clone());
        let port = scripted(move |tcp| serve(tcp, &served, &log));
        let pki = Self { folder: tempfile::tempdir().unwrap(), openssl, pages, asked };
        fs::write(pki.path("ca.conf"), CONFIG).unwrap();
        fs::write(pki.path("index.txt"), "").unwrap();
        // openssl asks for a list that covers the root itself, too.
        pki.must(&format!("req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=root -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign -addext crlDistributionPoints=URI:http://127.0.0.1:{port}/root.crl"));
        let ca = format!(
            "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\ncrlDistributionPoints=URI:http://127.0.0.1:{port}/root.crl\n"
        );
        pki.issue("issuing", "root", 1, &ca);
        let points = list.replace("{port}", &port.to_string());
        let access = issuer.replace("{port}", &port.to_string());
        let leaf = format!(
            "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:pool.foo.com\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nauthorityInfoAccess=caIssuers;URI:{access}\n{points}\n"
        );
        pki.issue("leaf", "issuing", 7, &leaf);
        pki.must("x509 -in issuing.pem -outform DER -out issuing.crt");
        for ca in ["root", "issuing"] {
            pki.list(ca, "");
        }
        pki.page("/issuing.crt", &fs::read(pki.path("issuing.crt")).unwrap());
        pki
    }

    fn usual(openssl: PathBuf) -> Self {
        Self::new(
            openssl,
            "http://127.0.0.1:{port}/issuing.crt",
            "crlDistributionPoints=URI:http://127.0.0.1:{port}/issuing.crl",
        )
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    #[track_caller]
    fn must(&self, line: &str) {
        let (ok, out) = run(Command::new(&self.openssl).args(line.split(' ')), self.folder.path());
        assert!(ok == 0, "openssl {line}: {out}");
    }

    fn issue(&self, name: &str, ca: &str, serial: u32, extensions: &str) {
        let cn = if name == "leaf" { "pool.foo.com" } else { name };
        fs::write(self.path("ext"), extensions).unwrap();
        self.must(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={cn}"));
        self.must(&format!("x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -set_serial {serial} -days 365 -extfile ext -out {name}.pem"));
    }

    /// The CA publishes a list with these entries of its database.
    fn list(&self, ca: &str, entries: &str) {
        fs::write(self.path("index.txt"), entries).unwrap();
        self.must(&format!("ca -config ca.conf -gencrl -cert {ca}.pem -keyfile {ca}.key -out {ca}.crl.pem"));
        self.must(&format!("crl -in {ca}.crl.pem -outform DER -out {ca}.crl"));
        self.page(&format!("/{ca}.crl"), &fs::read(self.path(&format!("{ca}.crl"))).unwrap());
    }

    fn page(&self, path: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.answer(path, [head.as_bytes(), body].concat());
    }

    fn answer(&self, path: &str, bytes: Vec<u8>) {
        self.pages.lock().unwrap().insert(path.to_string(), bytes);
    }

    /// Exit code and everything it said, on one line: where it wraps depends on our port.
    fn verify(&self, more: &str) -> (i32, String) {
        let line = format!("verify leaf.pem --roots root.pem --pool pool.foo.com --no-input {more}");
        let mut command = Command::cargo_bin("ocscert").unwrap();
        let (code, said) = run(command.args(line.split_whitespace()), self.folder.path());
        (code, said.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn openssl_verifies(&self) -> (i32, String) {
        let line = "verify -crl_download -crl_check_all -CAfile root.pem -untrusted issuing.pem leaf.pem";
        run(Command::new(&self.openssl).args(line.split(' ')), self.folder.path())
    }
}

fn run(command: &mut Command, folder: &Path) -> (i32, String) {
    let ran = command.current_dir(folder).output().unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    (ran.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn serve(tcp: TcpStream, pages: &Pages, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&tcp).lines().map_while(Result::ok);
    let path = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_string)).unwrap_or_default();
    for line in lines {
        if line.is_empty() {
            break;
        }
    }
    asked.lock().unwrap().push(path.clone());
    let missing = || b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone".to_vec();
    let answer = pages.lock().unwrap().get(&path).cloned().unwrap_or_else(missing);
    // Who has read enough hangs up.
    let _ = (&tcp).write_all(&answer);
}

/// Without the network the intermediate is missing and revocation is nobody's question. With it both are got,
/// each once; then the list names the certificate, and the verdict is that of openssl each time.
#[test]
fn what_is_missing_is_fetched_told_and_judged() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::usual(openssl);
    let (code, out) = pki.verify("");
    assert!(code == 1 && out.contains("OCS-CHN-002"), "{out}");
    let next = "ocscert verify --fetch leaf.pem --roots root.pem --pool pool.foo.com --no-input";
    assert!(out.contains(next), "{out}");
    assert_eq!(pki.asked.lock().unwrap().len(), 0, "nothing is asked that was not ordered");

    let (code, out) = pki.verify("--fetch");
    assert_eq!((code, out.starts_with("valid")), (0, true), "{out}");
    for told in [
        "/issuing.crt: the certificate of \"issuing\"",
        "/issuing.crl: the CRL of \"issuing\", 0 revoked",
        "/root.crl: the CRL of \"root\", 0 revoked",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let (code, said) = pki.openssl_verifies();
    assert_eq!(code, 0, "{said}");
    let mut asked: Vec<String> = pki.asked.lock().unwrap().drain(..).take(3).collect();
    asked.sort();
    assert_eq!(asked, ["/issuing.crl", "/issuing.crt", "/root.crl"]);

    pki.list("issuing", "R\t400101000000Z\t260101000000Z,keyCompromise\t07\tunknown\t/CN=x\n");
    let (code, out) = pki.verify("--fetch");
    assert!(code == 1 && out.contains("OCS-REV-001"), "{out}");
    let (code, out) = pki.openssl_verifies();
    assert!(code != 0 && out.contains("certificate revoked"), "{out}");
}

/// A list that does not come leaves the verdict open, never good; and why it did not come is told.
#[test]
fn a_list_that_does_not_come_leaves_the_verdict_open() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::usual(openssl);
    let far = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/x.crl\r\nContent-Length: 0\r\n\r\n";
    let huge = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
    let root = fs::read(pki.path("root.crl")).unwrap();
    let page = |body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    for (answer, told) in [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(), "answered 404 Not Found"),
        (far.to_vec(), "sends elsewhere, which is not followed: http://elsewhere.invalid/x.crl"),
        (page(b"<html><script>alert(1)</script></html>"), "what came is no CRL (38 bytes)"),
        (page(&fs::read(pki.path("issuing.crt")).unwrap()), "what came is no CRL"),
        (huge.to_vec(), "broke off"),
        (b"\x1b[2Jnonsense".to_vec(), "the connection to"),
        // Another CA's list is got, and covers nothing of ours.
        (page(&root), "the CRL of \"root\""),
    ] {
        pki.answer("/issuing.crl", answer);
        let (code, out) = pki.verify("--fetch");
        assert_eq!((code, out.starts_with("incomplete")), (1, true), "{out}");
        assert!(out.contains(told) && out.contains("not checked") && !out.contains('\x1b'), "{told}: {out}");
    }
    assert!(!pki.asked.lock().unwrap().iter().any(|path| path.contains("elsewhere")));
}

/// Active Directory's CAs name LDAP first: of one point the http address is taken; a point without one is told.
#[test]
fn of_several_addresses_the_first_that_answers_is_taken() {
    let Some(openssl) = peer::require("openssl") else { return };
    let point = |names: &str| format!("crlDistributionPoints=p\n[p]\nfullname={names}");
    let both = point(
        "URI:ldap:///CN=issuing,URI:http://127.0.0.1:{port}/old.crl,URI:http://127.0.0.1:{port}/issuing.crl",
    );
    let pki = Pki::new(openssl.clone(), "http://127.0.0.1:{port}/issuing.crt", &both);
    let (code, out) = pki.verify("--fetch");
    assert_eq!((code, out.starts_with("valid")), (0, true), "{out}");
    assert!(
        out.contains("/old.crl (the CRL)") && out.contains("404 Not Found") && !out.contains("ldap"),
        "{out}"
    );

    let pki = Pki::new(openssl, "http://127.0.0.1:{port}/issuing.crt", &point("URI:ldap:///CN=issuing"));
    let (code, out) = pki.verify("--fetch");
    assert_eq!((code, out.starts_with("incomplete")), (1, true), "{out}");
    assert!(out.contains("only http") && out.contains("ldap:///CN=issuing"), "{out}");
}

/// What is fetched is never trusted: a root that an address leads to is a candidate without an anchor.
#[test]
fn what_is_fetched_is_never_an_anchor() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::usual(openssl);
    pki.must("req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 30");
    pki.must("x509 -in root.pem -outform DER -out root.crt");
    let mut bag = fs::read(pki.path("issuing.pem")).unwrap();
    bag.extend(fs::read(pki.path("root.pem")).unwrap());
    pki.page("/issuing.crt", &bag);
    let mut command = Command::cargo_bin("ocscert").unwrap();
    let line = "verify leaf.pem --roots other.pem --pool pool.foo.com --fetch";
    let (code, out) = run(command.args(line.split(' ')), pki.folder.path());
    assert!(code == 1 && out.starts_with("invalid") && out.contains("OCS-CHN-004"), "{out}");
}

/// Certificates that name address after address cost no more than the limit, and the limit is told.
#[test]
fn addresses_without_end_meet_a_limit() {
    let Some(openssl) = peer::require("openssl") else { return };
    let points: Vec<String> = (0..100).map(|n| format!("URI:http://127.0.0.1:{{port}}/{n}.crl")).collect();
    let list = format!("crlDistributionPoints={}", points.join(","));
    let pki = Pki::new(openssl, "http://127.0.0.1:{port}/issuing.crt", &list);
    let (code, out) = pki.verify("--fetch");
    assert!(code == 1 && out.contains("more than 64 addresses"), "{out}");
    assert_eq!(pki.asked.lock().unwrap().len(), 64);
}
