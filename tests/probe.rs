//! `probe` against servers that other people wrote: Kamailio with TLS as an IM and Presence node or an OCS, and
//! openssl's s_server; and against ports that misbehave. Each exact verdict is stated.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "catalogue/pki.rs"]
#[allow(dead_code, reason = "the catalogue uses more of it")]
mod pki;

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt;
use common::peers::{Listener, Running, free_ports, kamailio, scripted};
use common::{browser, peer};
use pki::{Pki, Plan};
use serde_json::Value;

/// What the program said.
struct Said {
    code: i32,
    document: Value,
    stderr: String,
}

impl Said {
    /// The first host's verdict, and the codes of its findings about the connection that are no hints.
    fn verdict(&self) -> (String, Vec<String>) {
        let host = &self.document["hosts"][0];
        let live = |code: &str| code.starts_with("OCS-TLS") || code.starts_with("OCS-SIP");
        let findings = host["findings"].as_array().unwrap_or_else(|| panic!("{}", self.stderr)).iter();
        let codes = findings
            .filter(|f| f["severity"] != "info")
            .map(|f| f["code"].as_str().unwrap().to_string())
            .filter(|code| live(code));
        let mut codes: Vec<String> = codes.collect();
        codes.sort();
        (host["verdict"].as_str().unwrap().to_string(), codes)
    }

    fn is(&self, code: i32, verdict: &str, findings: &[&str]) {
        let (said, codes) = self.verdict();
        let seen = (self.code, said.as_str(), codes.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(seen, (code, verdict, findings.to_vec()), "{:#}", self.document);
    }

    /// What it told of a step.
    fn step(&self, step: &str) -> String {
        let steps = self.document["hosts"][0]["steps"].as_array().unwrap();
        let said = steps.iter().find(|s| s["step"] == step).map(|s| s["said"].as_str().unwrap());
        said.unwrap_or_default().to_string()
    }
}

fn run(arguments: &[&str]) -> Said {
    let output = Command::cargo_bin("ocscert").unwrap().arg("probe").args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let parse = || serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let document = if arguments.contains(&"json") { parse() } else { Value::Null };
    Said { code: output.status.code().unwrap(), document, stderr }
}

/// Asks a port on loopback for ocs1.foo.com.
fn probe(port: u16, more: &[&str]) -> Said {
    let host = format!("127.0.0.1:{port}");
    run(&[&[&host, "--name", "ocs1.foo.com", "--format", "json"], more].concat())
}

/// The CA, the server's certificate and clients' certificates, some wrong.
struct Site {
    pki: Pki,
}

impl Site {
    fn new(openssl: std::path::PathBuf) -> Self {
        let pki = Pki::new(openssl);
        let named = |name: &'static str, subject: &'static str| {
            let san = format!("subjectAltName=DNS:{}", subject.trim_start_matches("/CN="));
            Plan { subject, ..Plan::leaf(name) }.with(&san)
        };
        pki.issue(&named("ocs1", "/CN=ocs1.foo.com"));
        pki.issue(&named("probe", "/CN=probe.foo.com"));
        pki.issue(&named("server-only", "/CN=probe.foo.com").with("extendedKeyUsage=serverAuth"));
        pki.issue(&Plan { sign: &["-sha256", "-days", "-1"], ..named("expired", "/CN=probe.foo.com") });
        pki.issue(&Plan::ca("foreign-ca", "/O=Bar/CN=Bar Root CA", "foreign-ca"));
        pki.issue(&Plan { issuer: "foreign-ca", ..named("foreign", "/CN=probe.foo.com") });
        let site = Self { pki };
        let foreign = ["foreign.pem", "foreign-ca.pem"].map(|file| site.read(file)).concat();
        std::fs::write(site.pki.path("foreign.pem"), foreign).unwrap();
        let chain = ["issuing.pem", "root.pem"].map(|file| site.read(file)).concat();
        std::fs::write(site.pki.path("ca.pem"), chain).unwrap();
        let sent = ["ocs1.pem", "issuing.pem"].map(|file| site.read(file)).concat();
        std::fs::write(site.pki.path("ocs1.chain.pem"), sent).unwrap();
        site
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.pki.path(file)).unwrap()
    }

    fn file(&self, file: &str) -> String {
        self.pki.path(file).display().to_string()
    }

    /// Asks with this certificate.
    fn probe(&self, port: u16, client: &str, more: &[&str]) -> Said {
        let (certificate, key) = (self.file(&format!("{client}.pem")), self.file(&format!("{client}.key")));
        let ca = self.file("ca.pem");
        probe(port, &[&["--cert", &certificate, "--key", &key, "--chain", &ca], more].concat())
    }

    /// A section of tls.cfg.
    fn tls(&self, method: &str, verify: &str, require: &str, list: &str) -> String {
        let list = if list.is_empty() { String::new() } else { format!("ca_list = {}\n", self.file(list)) };
        format!(
            "method = {method}\nverify_certificate = {verify}\nrequire_certificate = {require}\n\
             private_key = {}\ncertificate = {}\n{list}",
            self.file("ocs1.key"),
            self.file("ocs1.chain.pem")
        )
    }
}

const OK: &str = "sl_send_reply(\"200\", \"OK\")";

/// Kamailio with mutual TLS, in 1.3 and in 1.2: the right certificate is accepted, and each wrong one is refused
/// with the alert that openssl sends. A handshake that finished is not called success.
#[test]
fn mutual_tls_as_kamailio_does_it() {
    let (Some(openssl), Some(program)) = (peer::require("openssl"), peer::require("kamailio")) else {
        return;
    };
    let site = Site::new(openssl);
    let ports = free_ports(2);
    let listener = |port: u16, method: &str| Listener {
        port,
        tls: Some(site.tls(method, "yes", "yes", "root.pem")),
        answer: OK,
    };
    let all = [listener(ports[0], "TLSv1.2+"), listener(ports[1], "TLSv1.2")];
    let _kamailio = kamailio(&program, site.pki.path("").as_path(), &all);
    for (port, versions) in [(ports[0], "1.2, 1.3"), (ports[1], "1.2 only")] {
        let said = site.probe(port, "probe", &[]);
        said.is(0, "accepted", &[]);
        assert!(said.step("tls").starts_with(versions), "{}", said.step("tls"));
        assert!(said.step("asks").contains("Foo Root CA is in that list"), "{}", said.step("asks"));
        assert!(said.step("chain").contains("valid for both roles"), "{}", said.step("chain"));
        assert!(said.step("sip").contains("SIP/2.0 200 OK"), "{}", said.step("sip"));
        let bare = said.step("bare");
        assert!(bare.contains("alert 116") || bare.contains("alert 40 handshake_failure"), "{bare}");
        for (client, alert, codes) in [
            ("foreign", "alert 48 unknown_ca", &["OCS-TLS-008", "OCS-TLS-010"][..]),
            ("server-only", "alert 43 unsupported_certificate", &["OCS-TLS-010"]),
            ("expired", "alert 45 certificate_expired", &["OCS-TLS-010"]),
        ] {
            let said = site.probe(port, client, &[]);
            said.is(1, "refused", codes);
            assert!(said.step("ours").contains(alert), "{client}: {}", said.step("ours"));
            assert_eq!(said.step("sip"), "", "{client}");
        }
        // Without a certificate half of mutual TLS is not proven.
        probe(port, &["--chain", &site.file("ca.pem")]).is(1, "incomplete", &[]);
    }
    // The chain is judged by what is trusted, and the name counts.
    let stranger = site.file("foreign-ca.pem");
    let (certificate, key) = (site.file("probe.pem"), site.file("probe.key"));
    let ours = ["--cert", &certificate, "--key", &key];
    let ca = site.file("ca.pem");
    let chain = ["--chain", &ca];
    let distrusting = probe(ports[0], &[&ours[..], &chain, &["--imp-trust", &stranger]].concat());
    distrusting.is(1, "invalid", &[]);
    assert!(distrusting.step("chain").contains("OCS-CHN-00"), "{}", distrusting.step("chain"));
    let host = format!("127.0.0.1:{}", ports[0]);
    let other = ["--name", "ocs2.foo.com", "--format", "json"];
    let wrong_name = run(&[&[host.as_str()], &other[..], &chain, &ours].concat());
    wrong_name.is(1, "invalid", &[]);
    assert!(wrong_name.step("chain").contains("OCS-NAM-004"), "{}", wrong_name.step("chain"));
}

/// What Kamailio asks for and answers: certificates optional or not asked for, a list without our root, one of
/// 41 KB, and OPTIONS answered 403, 504, 405 or not at all; and SIP in clear.
#[test]
fn every_answer_has_its_verdict() {
    let (Some(openssl), Some(program)) = (peer::require("openssl"), peer::require("kamailio")) else {
        return;
    };
    let site = Site::new(openssl);
    let padding = long_list(&site);
    let ports = free_ports(9);
    let mutual = || Some(site.tls("TLSv1.2+", "yes", "yes", "root.pem"));
    let all = [
        Listener { port: ports[0], tls: Some(site.tls("TLSv1.2+", "yes", "no", "root.pem")), answer: OK },
        Listener { port: ports[1], tls: Some(site.tls("TLSv1.2", "no", "no", "")), answer: OK },
        Listener {
            port: ports[2],
            tls: Some(site.tls("TLSv1.2", "yes", "yes", "foreign-ca.pem")),
            answer: OK,
        },
        Listener { port: ports[3], tls: Some(site.tls("TLSv1.2", "yes", "yes", "long.pem")), answer: OK },
        Listener { port: ports[4], tls: mutual(), answer: "sl_send_reply(\"403\", \"Forbidden\")" },
        Listener { port: ports[5], tls: mutual(), answer: "sl_send_reply(\"504\", \"Server time-out\")" },
        Listener { port: ports[6], tls: mutual(), answer: "sl_send_reply(\"405\", \"Method Not Allowed\")" },
        Listener { port: ports[7], tls: mutual(), answer: "drop()" },
        Listener { port: ports[8], tls: None, answer: OK },
    ];
    let _kamailio = kamailio(&program, site.pki.path("").as_path(), &all);
    let optional = site.probe(ports[0], "probe", &[]);
    optional.is(0, "accepted", &[]);
    let hints = optional.document["hosts"][0]["findings"].to_string();
    assert!(hints.contains("OCS-TLS-016"), "{hints}");
    site.probe(ports[1], "probe", &[]).is(1, "invalid", &["OCS-TLS-009"]);
    site.probe(ports[2], "probe", &[]).is(1, "refused", &["OCS-TLS-008", "OCS-TLS-010"]);
    let long = site.probe(ports[3], "probe", &[]);
    long.is(0, "accepted", &[]);
    let asked = &long.document["hosts"][0]["client_certificate"];
    assert_eq!(asked["ours"], "Foo Root CA", "{asked}");
    assert!(
        asked["ca_bytes"].as_u64().unwrap() >= 41 * 1024 && asked["probably_cut_off"] == false,
        "{asked}"
    );
    assert_eq!(asked["ca_names"], padding + 1, "{asked}");
    site.probe(ports[4], "probe", &[]).is(1, "unauthorized", &["OCS-SIP-002"]);
    site.probe(ports[4], "probe", &["--expect-unauthorized"]).is(0, "unauthorized", &["OCS-SIP-002"]);
    let name = site.probe(ports[5], "probe", &[]);
    name.is(1, "refused", &["OCS-SIP-003"]);
    assert!(name.document.to_string().contains("is not the one it expects"), "{:#}", name.document);
    site.probe(ports[6], "probe", &[]).is(0, "accepted", &[]);
    site.probe(ports[7], "probe", &["--timeout", "2s"]).is(2, "no answer", &["OCS-SIP-001"]);
    let host = format!("127.0.0.1:{}", ports[8]);
    run(&[&host, "--tcp", "--format", "json"]).is(0, "accepted", &[]);
    // The port for SIP in clear, taken for TLS, is told as such.
    probe(ports[8], &["--timeout", "2s"]).is(1, "refused", &["OCS-TLS-005"]);
}

/// Writes long.pem: our root, and so many others with long names that the list takes 41 KB. How many these are.
fn long_list(site: &Site) -> usize {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut all = site.read("root.pem");
    let others = 110;
    for i in 0..others {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, "A certification authority of the world");
        parameters
            .distinguished_name
            .push(DnType::OrganizationalUnitName, "For authorized use only ".repeat(13));
        parameters.distinguished_name.push(DnType::CommonName, format!("Worldwide Root Authority G{i}"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        all.push_str(&parameters.self_signed(&key).unwrap().pem());
    }
    std::fs::write(site.pki.path("long.pem"), all).unwrap();
    others
}

/// Ports that misbehave: each has its verdict, and none costs more than its timeout.
#[test]
fn hostile_ports_cost_their_timeout_and_no_more() {
    let (silences, drips) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counted = silences.clone();
    let silent = scripted(move |mut tcp| {
        counted.fetch_add(1, Ordering::SeqCst);
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let reset = scripted(|tcp| {
        // Unread bytes make the system answer with a reset.
        let _ = tcp.peek(&mut [0]);
    });
    let garbage = scripted(|mut tcp| {
        let _ = tcp.write_all(b"220 mail.foo.com ESMTP ready\r\n");
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let endless = scripted(|mut tcp| {
        let hello = [2, 0x10, 0, 0].into_iter().chain(std::iter::repeat_n(0, 1 << 20)).collect::<Vec<u8>>();
        for part in hello.chunks(1 << 14) {
            let head = [22, 3, 3, (part.len() >> 8) as u8, part.len() as u8];
            if tcp.write_all(&[&head[..], part].concat()).is_err() {
                return;
            }
        }
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let counted = drips.clone();
    let drip = scripted(move |tcp| {
        counted.fetch_add(1, Ordering::SeqCst);
        drip(tcp);
    });
    let closed = free_ports(1)[0];
    for (port, code, verdict, finding) in [
        (silent, 2, "no answer", "OCS-TLS-004"),
        (reset, 1, "refused", "OCS-TLS-006"),
        (garbage, 1, "refused", "OCS-TLS-005"),
        (endless, 1, "refused", "OCS-TLS-017"),
        (drip, 2, "no answer", "OCS-TLS-015"),
        (closed, 1, "refused", "OCS-TLS-002"),
    ] {
        let said = probe(port, &["--timeout", "3s"]);
        said.is(code, verdict, &[finding]);
    }
    // What uses up the time is the last that is asked; silence leaves some for the question about SIP in clear.
    assert_eq!((silences.load(Ordering::SeqCst), drips.load(Ordering::SeqCst)), (3, 2));
    let unknown = run(&["no-such-host.invalid", "--format", "json", "--timeout", "3s"]);
    unknown.is(2, "no answer", &["OCS-TLS-001"]);
}

/// A ServerHello, one byte a second.
fn drip(mut tcp: TcpStream) {
    let hello = [22, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3];
    // The peer's silence is the clock: a read that times out is one second.
    tcp.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    for byte in hello {
        if tcp.write_all(&[byte]).is_err() {
            return;
        }
        let mut ignored = [0; 1024];
        while matches!(tcp.read(&mut ignored), Ok(1..)) {}
    }
}

/// openssl's own server with mutual authentication says nothing in SIP: the handshake alone is no success. It
/// speaks 1.2 alone, and 1.3 alone.
#[test]
fn a_finished_handshake_is_no_success() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl.clone());
    for (flag, version) in [("-tls1_2", "1.2"), ("-tls1_3", "1.3")] {
        let port = free_ports(1)[0];
        let mut command = Command::new(&openssl);
        command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-Verify", "3", flag]);
        command.args(["-cert", &site.file("ocs1.pem"), "-key", &site.file("ocs1.key")]);
        command.args(["-cert_chain", &site.file("issuing.pem"), "-CAfile", &site.file("root.pem")]);
        let _server = Running::start(&mut command, "ACCEPT");
        let said = site.probe(port, "probe", &["--timeout", "3s"]);
        said.is(2, "no answer", &["OCS-SIP-001"]);
        assert!(said.step("tls").starts_with(&format!("{version} only")), "{}", said.step("tls"));
        let ours = said.step("ours");
        assert!(ours.starts_with(&format!("handshake finished, TLS {version}")), "{ours}");
        assert!(said.step("chain").contains("valid for both roles"), "{}", said.step("chain"));
    }
}

/// A transcript judged again says the same, and holds no key.
#[test]
fn a_replay_says_what_the_probe_said() {
    let (Some(openssl), Some(program)) = (peer::require("openssl"), peer::require("kamailio")) else {
        return;
    };
    let site = Site::new(openssl);
    let port = free_ports(1)[0];
    let tls = Some(site.tls("TLSv1.2", "yes", "yes", "root.pem"));
    let all = [Listener { port, tls, answer: OK }];
    let kamailio = kamailio(&program, site.pki.path("").as_path(), &all);
    let saved = site.file("saved.json");
    let live = site.probe(port, "foreign", &["--save", &saved]);
    live.is(1, "refused", &["OCS-TLS-008", "OCS-TLS-010"]);
    // Nothing is overwritten unasked.
    assert_eq!(site.probe(port, "foreign", &["--save", &saved]).code, 2);
    drop(kamailio);
    let (certificate, key, ca) = (site.file("foreign.pem"), site.file("foreign.key"), site.file("ca.pem"));
    let ours = ["--cert", &certificate, "--key", &key, "--chain", &ca, "--format", "json"];
    let again = run(&[&["--replay", &saved][..], &ours].concat());
    again.is(1, "refused", &["OCS-TLS-008", "OCS-TLS-010"]);
    assert_eq!(again.document["hosts"], live.document["hosts"]);
    let kept = site.read("saved.json");
    let key_lines = site.read("foreign.key");
    let secret = key_lines.lines().nth(3).unwrap();
    assert!(!kept.contains(secret) && !kept.contains("PRIVATE"), "a key is in the transcript");
    let broken = run(&["--replay", &certificate, "--format", "json"]);
    assert!(broken.code == 2 && broken.stderr.contains("no transcript"), "{}", broken.stderr);
}

/// tlslite-ng as a front end on Server 2003 does it: TLS 1.0, RSA key exchange, one cipher, records split 1/n-1,
/// certificates judged after Finished. The current client cannot, the one for old servers can.
#[test]
fn windows_2003_as_tlslite_plays_it() {
    let (Some(openssl), Some(python)) = (peer::require("openssl"), peer::python()) else { return };
    let site = Site::new(openssl);
    let script = peer::repository().join("tests/peers/ocs2003.py");
    let start = |more: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(&script).args(more).args(["--cert", &site.file("ocs1.pem")]);
        command.args(["--key", &site.file("ocs1.key"), "--ca", &site.file("issuing.pem")]);
        Running::start(&mut command, "ready")
    };
    for (cipher, mac, version, suite) in [
        (
            "3des",
            "sha",
            "1.0",
            "TLS_RSA_WITH_3DES_EDE_CBC_SHA   (Windows Server 2003 with FIPS policy, probably)",
        ),
        ("rc4", "sha", "1.0", "TLS_RSA_WITH_RC4_128_SHA   (Windows Server 2003, probably)"),
        ("rc4", "md5", "1.0", "TLS_RSA_WITH_RC4_128_MD5   (Windows Server 2003, probably)"),
        ("aes128", "sha", "1.0", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("3des", "sha", "1.1", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
        ("aes256", "sha256", "1.2", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    ] {
        let server = start(&["--cipher", cipher, "--mac", mac, "--version", version]);
        let said = site.probe(server.port, "probe", &[]);
        let old: &[&str] = if version < "1.2" { &["OCS-TLS-012"] } else { &[] };
        // It sends its own certificate alone, so the chain is judged with the issuing CA in the store.
        said.is(1, "invalid", old);
        let store = ["--imp-trust", &site.file("ca.pem")];
        let said = site.probe(server.port, "probe", &store);
        said.is(0, "accepted", old);
        assert_eq!(said.step("tls"), format!("{version} only, {suite}"));
        assert!(said.step("ours").contains("client for old servers"), "{}", said.step("ours"));
        assert!(said.step("asks").contains("Foo Issuing CA is in that list"), "{}", said.step("asks"));
        assert!(said.step("sip").contains("RTC/3.5"), "{}", said.step("sip"));
        let refused = site.probe(server.port, "foreign", &store);
        refused.is(1, "refused", &[&["OCS-TLS-008", "OCS-TLS-010"], old].concat());
        let ours = refused.step("ours");
        assert!(ours.starts_with("refused after the handshake: alert 48 unknown_ca"), "{ours}");
    }
    // Hung up without a word, after Finished.
    let server = start(&["--cipher", "3des", "--judge", "close"]);
    let closed = site.probe(server.port, "foreign", &[]);
    closed.is(1, "refused", &["OCS-TLS-008", "OCS-TLS-011", "OCS-TLS-012"]);
}

/// openssl at its lowest security level: TLS 1.0 and 1.1, and 1.2 with CBC alone as Server 2012 R2 has it, by RSA
/// and by ECDHE. It verifies our signature, and both Finished.
#[test]
fn old_versions_and_cbc_as_openssl_does_them() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl.clone());
    for (version, cipher, suite) in [
        ("-tls1", "ALL:@SECLEVEL=0", "1.0 only, TLS_ECDHE_RSA_WITH_AES_"),
        ("-tls1", "AES128-SHA:@SECLEVEL=0", "1.0 only, TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("-tls1_1", "ALL:@SECLEVEL=0", "1.1 only, TLS_ECDHE_RSA_WITH_AES_"),
        ("-tls1_1", "AES256-SHA:@SECLEVEL=0", "1.1 only, TLS_RSA_WITH_AES_256_CBC_SHA"),
        ("-tls1_2", "AES128-SHA256:AES256-SHA256", "1.2 only, TLS_RSA_WITH_AES_128_CBC_SHA256"),
        ("-tls1_2", "ECDHE-RSA-AES256-SHA384", "1.2 only, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ] {
        let port = free_ports(1)[0];
        let mut command = Command::new(&openssl);
        command.args([
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-Verify",
            "3",
            "-verify_return_error",
        ]);
        command.args(["-cert", &site.file("ocs1.pem"), "-key", &site.file("ocs1.key"), version]);
        command.args(["-cert_chain", &site.file("issuing.pem"), "-CAfile", &site.file("root.pem")]);
        command.args(["-cipher", cipher]);
        let _server = Running::start(&mut command, "ACCEPT");
        let said = site.probe(port, "probe", &["--timeout", "3s"]);
        let mut expected = vec!["OCS-SIP-001"];
        if version != "-tls1_2" {
            expected.push("OCS-TLS-012");
        }
        said.is(2, "no answer", &expected);
        assert!(said.step("tls").starts_with(suite), "{cipher}: {}", said.step("tls"));
        assert!(said.step("ours").starts_with("handshake finished"), "{cipher}: {}", said.step("ours"));
        let refused = site.probe(port, "foreign", &["--timeout", "3s"]);
        assert!(refused.step("ours").contains("alert 48 unknown_ca"), "{cipher}: {}", refused.step("ours"));
        assert_eq!(refused.code, 1);
    }
}

/// The pseudo-random function of both generations, beside openssl's.
#[test]
fn the_prf_is_that_of_openssl() {
    use ocscert::text::{hex, unhex};
    use ocscert::wire::tls::legacy::prf::{Hash, prf};
    let Some(openssl) = peer::require("openssl") else { return };
    for (hash, digest) in [(Hash::Md5Sha1, "MD5-SHA1"), (Hash::Sha256, "SHA256"), (Hash::Sha384, "SHA384")] {
        for secret in ["00", "0102030405", "a1b2c3d4e5f60718293a4b5c6d7e8f90"] {
            let label = b"key expansion";
            let seed = hex(&[&label[..], &[7; 64]].concat());
            let output = Command::new(&openssl)
                .args(["kdf", "-keylen", "136", "-kdfopt", &format!("digest:{digest}")])
                .args(["-kdfopt", &format!("hexsecret:{secret}"), "-kdfopt", &format!("hexseed:{seed}")])
                .arg("TLS1-PRF")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let theirs = unhex(&String::from_utf8(output.stdout).unwrap()).unwrap();
            assert_eq!(prf(hash, &unhex(secret).unwrap(), label, &[7; 64], 136), theirs, "{digest} {secret}");
        }
    }
}

/// A Server 2003 by hand: its clock is ten minutes ahead, its list of CAs ends just under 12 KiB without our root,
/// and it hangs up when our certificate has come.
#[test]
fn a_cut_off_list_and_a_clock_that_is_ahead() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl);
    let leaf = site.pki.certificate("ocs1").value.der().to_vec();
    let name = site.pki.certificate("foreign").value.issuer.der().to_vec();
    let port = scripted(move |mut tcp| {
        let mut hello = [0; 4096];
        let _ = tcp.read(&mut hello);
        if tcp.write_all(&flight_of_2003(&leaf, &name, 630)).is_ok() {
            let _ = tcp.read(&mut hello);
        }
    });
    let said = site.probe(port, "probe", &["--imp-trust", &site.file("ca.pem")]);
    said.is(1, "refused", &["OCS-TLS-007", "OCS-TLS-011", "OCS-TLS-012", "OCS-TLS-013"]);
    assert!(said.step("clock").starts_with("10 min "), "{}", said.step("clock"));
    assert!(
        said.step("asks").contains("probably cut off; Foo Root CA is not in that list"),
        "{}",
        said.step("asks")
    );
}

/// ServerHello, Certificate, CertificateRequest and ServerHelloDone of TLS 1.0, by a clock that is `ahead`.
fn flight_of_2003(leaf: &[u8], name: &[u8], ahead: u64) -> Vec<u8> {
    let sized = |bytes: usize, content: &[u8]| {
        let length = (content.len() as u64).to_be_bytes();
        [&length[8 - bytes..], content].concat()
    };
    let message = |kind: u8, body: &[u8]| [&[kind][..], &sized(3, body)].concat();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let time = ((now + ahead) as u32).to_be_bytes();
    let hello = [&[3, 1][..], &time, &[7; 28], &[0], &[0, 0x0a], &[0]].concat();
    let certificates = sized(3, &sized(3, leaf));
    let one = sized(2, name);
    let names = one.repeat(12 * 1024 / one.len());
    let request = [&[1, 1][..], &sized(2, &names)].concat();
    let all =
        [message(2, &hello), message(11, &certificates), message(13, &request), message(14, &[])].concat();
    all.chunks(1 << 14).flat_map(|part| [&[22, 3, 1][..], &sized(2, part)].concat()).collect()
}

/// 5061 is closed and 5062 speaks mutual TLS: the listeners of IM and Presence are not swapped yet.
#[test]
fn listeners_that_are_not_swapped_are_told() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl.clone());
    let mut command = Command::new(openssl);
    command.args([
        "s_server",
        "-accept",
        "127.0.0.61:5062",
        "-Verify",
        "3",
        "-CAfile",
        &site.file("root.pem"),
    ]);
    command.args(["-cert", &site.file("ocs1.pem"), "-key", &site.file("ocs1.key")]);
    let _server = Running::start(&mut command, "ACCEPT");
    let said = run(&["127.0.0.61", "--side", "imp", "--format", "json"]);
    said.is(1, "refused", &["OCS-TLS-002", "OCS-TLS-014"]);
}

/// Hosts are asked side by side: each of these answers only when all of them are being asked.
#[test]
fn many_hosts_are_asked_at_once() {
    const N: usize = 40;
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(N));
    let hosts: Vec<String> = (0..N)
        .map(|_| {
            let barrier = barrier.clone();
            // The second connection is the hello; the first one looks whether the port is open.
            let port = scripted(move |mut tcp| {
                if tcp.read(&mut [0; 1]).is_ok_and(|n| n == 1) {
                    barrier.wait();
                    let _ = tcp.write_all(b"220 not TLS\r\n");
                    let _ = tcp.read_to_end(&mut Vec::new());
                }
            });
            format!("127.0.0.1:{port}")
        })
        .collect();
    let mut arguments: Vec<&str> = hosts.iter().map(String::as_str).collect();
    arguments.extend(["--format", "json", "--timeout", "60s"]);
    let said = run(&arguments);
    assert_eq!(said.code, 1, "{}", said.stderr);
    let answers = said.document["hosts"].as_array().unwrap();
    assert_eq!(answers.len(), N);
    assert!(answers.iter().all(|host| host["findings"][0]["code"] == "OCS-TLS-005"));
}

/// What is typed wrong is told before anybody is asked.
#[test]
fn wrong_words_are_told() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl);
    let (probe, other) = (site.file("probe.pem"), site.file("ocs1.key"));
    for (arguments, told) in [
        (&["ocs1.foo.com:many"][..], "write HOST or HOST:PORT"),
        (&["*.foo.com"], "wildcard"),
        (&[], "HOST[:PORT]"),
        (&["127.0.0.1", "--cert", &probe, "--key", &other], "is not that of the certificate"),
        (&["127.0.0.1", "--cert", &probe], "a private key is needed"),
        (&["127.0.0.1", "--key", &other], "--cert"),
        (&["--replay", &probe], "no transcript of a probe"),
    ] {
        let said = run(arguments);
        assert!(said.code == 2 && said.stderr.contains(told), "{arguments:?}: {}", said.stderr);
    }
}

/// The page shows the two ends of each host and the arrows between them up to where it stops, stands alone, and
/// takes what a peer says as text.
#[test]
fn the_page_shows_where_it_stops() {
    let hostile = scripted(|mut tcp| {
        let _ = tcp.write_all(b"<script>alert(1)</script>\r\n");
        let _ = tcp.read_to_end(&mut Vec::new());
    });
    let hosts = [format!("127.0.0.1:{hostile}"), format!("127.0.0.1:{}", free_ports(1)[0])];
    let folder = tempfile::tempdir().unwrap();
    let output = Command::cargo_bin("ocscert")
        .unwrap()
        .args(["probe", &hosts[0], &hosts[1], "--format", "html"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    let path = folder.path().join("probe.html");
    std::fs::write(&path, page).unwrap();
    let script = "[...document.querySelectorAll('svg')].map(s => [s.querySelectorAll('.node').length, \
                  s.querySelectorAll('path.edge').length, s.querySelectorAll('path.edge.broken').length])";
    for options in [&[] as &[&str], &["--dark"], &["--width", "360"]] {
        let Some(report) = browser::visit(options, path.to_str().unwrap(), &[["js", script]]) else { return };
        for list in ["external", "errors", "overflow"] {
            assert_eq!(report[list].as_array().unwrap().len(), 0, "{options:?} {list}: {}", report[list]);
        }
        // Two ends each; the port that is closed stops the first arrow, what is no TLS the second.
        let mut pictures: Vec<String> =
            report["steps"][0]["value"].as_array().unwrap().iter().map(ToString::to_string).collect();
        pictures.sort();
        assert_eq!(pictures, ["[2,1,1]", "[2,2,1]"]);
    }
}

/// Every server and node of a federation file is asked, by the file's address where its name does not resolve
/// here, each as what it is, and its chain is judged by what the file says the other side trusts.
#[test]
fn all_of_a_federation_file() {
    let Some(openssl) = peer::require("openssl") else { return };
    let site = Site::new(openssl.clone());
    let named = Plan { subject: "/CN=ocs1.foo.invalid", ..Plan::leaf("invalid") };
    site.pki.issue(&named.with("subjectAltName=DNS:ocs1.foo.invalid"));
    let mut command = Command::new(openssl);
    command.args([
        "s_server",
        "-accept",
        "127.0.0.63:5061",
        "-Verify",
        "3",
        "-CAfile",
        &site.file("root.pem"),
    ]);
    command.args(["-cert", &site.file("invalid.pem"), "-key", &site.file("invalid.key")]);
    command.args(["-cert_chain", &site.file("issuing.pem")]);
    let _server = Running::start(&mut command, "ACCEPT");
    let file = site.file("site.toml");
    let text = "[federation]\nsip_domain = \"foo.invalid\"\ntransport = \"tls\"\nproduct = \"ocs2007r2\"\n\
                [[ocs.standard]]\nfqdn = \"ocs1.foo.invalid\"\nip = \"127.0.0.63\"\n\
                [[imp.node]]\nfqdn = \"imp1.foo.invalid\"\nip = \"127.0.0.64\"\nroute_target = true\n\
                [ca]\nkind = \"file\"\n[trust]\nocs = [\"root.pem\"]\nimp = [\"root.pem\"]\n";
    std::fs::write(&file, text).unwrap();
    let (certificate, key) = (site.file("probe.pem"), site.file("probe.key"));
    let chain = site.file("issuing.pem");
    let ours = ["--cert", &certificate, "--key", &key, "--chain", &chain];
    let said = run(&[&["--federation", &file, "--format", "json", "--timeout", "6s"][..], &ours].concat());
    assert_eq!(said.code, 2, "{}", said.stderr);
    let hosts = said.document["hosts"].as_array().unwrap();
    let told: Vec<(String, String, Vec<String>)> = hosts
        .iter()
        .map(|host| {
            let findings = host["findings"].as_array().unwrap().iter();
            let codes =
                findings.filter(|f| f["severity"] != "info").map(|f| f["code"].as_str().unwrap().into());
            let text = |value: &Value| value.as_str().unwrap().to_string();
            (text(&host["target"]), text(&host["facts"]["target"]["side"]), codes.collect())
        })
        .collect();
    let expected = [
        ("imp1.foo.invalid:5061", "imp", ["OCS-TLS-001", "OCS-TLS-002"]),
        ("ocs1.foo.invalid:5061", "ocs", ["OCS-TLS-001", "OCS-SIP-001"]),
    ];
    let expected = expected.map(|(target, side, codes)| {
        (target.to_string(), side.to_string(), codes.map(ToString::to_string).to_vec())
    });
    assert_eq!(told, expected, "{:#}", said.document);
    assert_eq!(hosts[1]["chain"], "valid");
}
