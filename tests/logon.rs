//! Logging on with NTLM at a server that somebody else wrote: pyspnego judges the proof and the MIC, and the binding
//! to the TLS connection is demanded (tests/peers/ntlm.py). Behind it are the lab's pages, so that whole submissions
//! go through, and the server's record says what came how often.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too")]

mod common;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt as _;
use common::peer;
use common::peers::{Running, tunnels_to};
use ocscert::edge::Error;
use ocscert::edge::auth::account::{Account, User};
use ocscert::edge::auth::binding::Binding;
use ocscert::edge::auth::{Auth, Wanted, ways};
use ocscert::edge::certsrv::{CaUrl, Session};
use ocscert::edge::http::Options;
use ocscert::edge::secrets::Password;
use ocscert::lab::{self, Mode};
use ocscert::model;

/// A user of the server's, and one whose name is a principal name.
const ALICE: &str = r"FOO\alice";
const BOB: &str = "bob@FOO.COM";

/// A lab, what stands in front of it, and a desk.
struct Scene {
    folder: tempfile::TempDir,
    lab: lab::Running,
    python: PathBuf,
    openssl: PathBuf,
}

/// The server in front.
struct Server<'a> {
    scene: &'a Scene,
    running: Running,
    tls: bool,
    log: PathBuf,
}

/// What the server says of one request.
#[derive(Debug, PartialEq)]
struct Line {
    connection: usize,
    method: String,
    page: String,
    length: usize,
    status: String,
    why: String,
}

impl Scene {
    /// `None` where a peer is missing.
    #[track_caller]
    fn new() -> Option<Self> {
        let (python, openssl) = (peer::python()?, peer::require("openssl")?);
        let folder = tempfile::tempdir().unwrap();
        let mut options = common::lab::options(&folder.path().join("lab"));
        options.mode = Mode::Enterprise;
        let lab = lab::start(&options).unwrap();
        let scene = Self { folder, lab, python, openssl };
        std::fs::write(scene.file("users"), "FOO:alice:gehéim\n:bob@FOO.COM:パスワード\n").unwrap();
        std::fs::write(scene.file("pw"), "gehéim\n").unwrap();
        std::fs::write(scene.file("wrong"), "falsch\n").unwrap();
        scene.certificate("web", "rsa:2048 -sha256");
        Some(scene)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server certificate and its key, `NAME.pem` and `NAME.key`; how is in openssl's words. It is its own root.
    fn certificate(&self, name: &str, how: &str) {
        let line = format!(
            "req -x509 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext \
             basicConstraints=critical,CA:FALSE -keyout {name}.key -out {name}.pem -newkey {how}"
        );
        let made = Command::new(&self.openssl)
            .args(line.split(' '))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts the server; what the arguments name lies in the scene's folder.
    fn serve(&self, arguments: &str) -> Server<'_> {
        let log = self.file("log");
        let _ = std::fs::remove_file(&log);
        let lab = self.lab.url();
        let mut command = self.peer("ntlm.py");
        command.args(["serve", &lab, "log"]).args(arguments.split_whitespace());
        command.env("NTLM_USER_FILE", self.file("users"));
        let running = Running::start(&mut command, "listening");
        Server { scene: self, running, tls: arguments.contains("--tls "), log }
    }

    /// The usual one: over TLS, and it demands the binding.
    fn serve_bound(&self, more: &str) -> Server<'_> {
        self.serve(&format!("--tls web.pem web.key --bound-to web.pem sha256 {more}"))
    }

    fn peer(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(peer::repository().join("tests/peers").join(script)).current_dir(self.folder.path());
        for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            command.env_remove(name);
        }
        command
    }

    fn ocscert(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.args(arguments).arg("--no-input").current_dir(self.folder.path());
        command
    }

    fn csr(&self, server: &str) -> String {
        let (code, said) = run(&mut self.ocscert(&["csr", "--server", server]));
        assert_eq!(code, 0, "{said}");
        format!("{server}.csr")
    }

    fn recorded(&self) -> usize {
        self.lab.ca().requests().len()
    }
}

impl Server<'_> {
    fn url(&self) -> String {
        format!("http{}://localhost:{}/certsrv", if self.tls { "s" } else { "" }, self.running.port)
    }

    fn submit(&self, csrs: &[&str], more: &[&str]) -> Command {
        let url = self.url();
        let mut arguments = vec!["submit"];
        arguments.extend(csrs);
        arguments.extend(["--ca-url", &url, "--template", "OCSMutualTLS"]);
        if self.tls {
            arguments.extend(["--ca-cert", "web.pem"]);
        }
        arguments.extend(more);
        self.scene.ocscert(&arguments)
    }

    /// As alice, with her password.
    fn submit_as_alice(&self, csrs: &[&str]) -> (i32, String) {
        run(&mut self.submit(csrs, &["--user", ALICE, "--password-file", "pw"]))
    }

    /// A session that trusts this certificate.
    fn session(&self, certificate: &str, user: &str, password: &str) -> Session {
        let pem = std::fs::read(self.scene.file(certificate)).unwrap();
        let roots = model::read(&pem).certificates().map(|c| c.der().to_vec()).collect();
        let options = Options { roots, timeout: Duration::from_secs(60) };
        Session::new(CaUrl::parse(&self.url()).unwrap(), ntlm(user, password), &options).unwrap()
    }

    fn log(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.splitn(6, ' ').map(str::to_string);
            let mut word = || words.next().unwrap_or_default();
            Line {
                connection: word().parse().unwrap(),
                method: word(),
                page: word(),
                length: word().parse().unwrap(),
                status: word(),
                why: word(),
            }
        };
        text.lines().map(line).collect()
    }

    /// How often something was sent that the server challenged, and proved.
    fn handshakes(&self) -> (usize, usize) {
        let log = self.log();
        let challenged = log.iter().filter(|line| line.why == "challenge").count();
        let refused =
            log.iter().filter(|l| l.status == "401" && !["", "challenge"].contains(&l.why.as_str()));
        (challenged, refused.count())
    }

    /// The forms that arrived, by their status.
    fn posts(&self) -> Vec<String> {
        let log = self.log();
        log.iter().filter(|line| line.method == "POST" || line.length > 0).map(|l| l.status.clone()).collect()
    }
}

fn ntlm(user: &str, password: &str) -> Auth {
    let password = Password::new(password.to_string().into());
    Auth::Rounds(ways(Wanted::Ntlm, Some(&Account { user: User::parse(user).unwrap(), password })).unwrap())
}

/// Exit code, and all that was said.
fn run(command: &mut Command) -> (i32, String) {
    let out = command.output().unwrap();
    let said = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains("gehéim") && !said.contains("falsch"), "{said}");
    (out.status.code().unwrap(), said)
}

/// The whole of an error.
fn told(error: &Error) -> String {
    format!("{error:?}{}", error.hint_text().unwrap_or(""))
}

/// Every kind of server certificate that a binding is defined for, in both versions of TLS.
#[test]
fn the_binding_is_the_one_that_a_server_demands() {
    let Some(scene) = Scene::new() else { return };
    let kinds = [
        ("rsa256", "rsa:2048 -sha256", "sha256"),
        ("rsa384", "rsa:2048 -sha384", "sha384"),
        ("rsa512", "rsa:2048 -sha512", "sha512"),
        ("pss256", "rsa:2048 -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest", "sha256"),
        ("pss384", "rsa:2048 -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest", "sha384"),
        ("ec256", "ec -pkeyopt ec_paramgen_curve:P-256 -sha256", "sha256"),
        ("ec384", "ec -pkeyopt ec_paramgen_curve:P-384 -sha384", "sha384"),
    ];
    let mut arguments = String::new();
    for (name, how, hash) in kinds {
        scene.certificate(name, how);
        for version in ["1.2", "1.3"] {
            arguments +=
                &format!("--tls {name}.pem {name}.key --tls-version {version} --bound-to {name}.pem {hash} ");
        }
    }
    let server = scene.serve(&arguments);
    for (n, version) in (0..2 * kinds.len()).zip(["1.2", "1.3"].iter().cycle()) {
        let name = kinds[n / 2].0;
        let mut session = server.session(&format!("{name}.pem"), ALICE, "gehéim");
        session.ready().unwrap_or_else(|e| panic!("{name}, {version}: {}", told(&e)));
        let last = server.log().pop().unwrap();
        assert_eq!(
            (last.connection, last.status.as_str(), last.why.as_str()),
            (n + 1, "200", r"FOO\alice NTLM bound")
        );
    }
}

/// The test of the test: that server refuses bindings that are none, whoever sends them.
#[test]
fn the_server_that_demands_a_binding_refuses_others() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("");
    for (kind, status) in [("right", "200"), ("wrong", "401"), ("zero", "401"), ("absent", "401")] {
        let url = format!("{}/", server.url());
        let mut client = scene.peer("ntlm.py");
        client.args(["binding", &url, "web.pem", "web.pem", "sha256", ALICE, "pw", kind]);
        let (code, said) = run(&mut client);
        assert_eq!((code, said.trim()), (0, status), "{kind}");
        let why = server.log().pop().unwrap().why;
        assert!(why.ends_with(if kind == "right" { "bound" } else { kind }), "{kind}: {why}");
    }
}

/// RFC 5929 section 4.1 has SHA-256 in place of MD5 and SHA-1. rustls takes no such certificate, so openssl judges.
#[test]
fn the_weak_hashes_of_old_certificates_are_replaced() {
    let Some(scene) = Scene::new() else { return };
    for hash in ["sha1", "md5"] {
        scene.certificate(hash, &format!("rsa:2048 -{hash}"));
        let pem = std::fs::read(scene.file(&format!("{hash}.pem"))).unwrap();
        let contents = model::read(&pem);
        let der = contents.certificates().next().unwrap().der();
        std::fs::write(scene.file("der"), der).unwrap();
        let mut digest = Command::new(&scene.openssl);
        digest.args(["dgst", "-sha256", "-binary"]).arg(scene.file("der"));
        let digest = digest.output().unwrap().stdout;
        let Binding::EndPoint(data) = Binding::to(Some(der)) else { panic!("{hash}") };
        assert_eq!(data, [b"tls-server-end-point:".as_slice(), &digest].concat(), "{hash}");
    }
}

#[test]
fn a_refused_logon_says_what_was_bound_and_what_may_be_wrong() {
    let Some(scene) = Scene::new() else { return };
    // Something that ends TLS in between shows a certificate of its own.
    scene.certificate("other", "rsa:2048 -sha256");
    let server = scene.serve("--tls web.pem web.key --bound-to other.pem sha256");
    let error = told(&server.session("web.pem", ALICE, "gehéim").ready().unwrap_err());
    assert!(error.contains("with channel binding") && error.contains("something in between"), "{error}");
    assert_eq!(server.log().pop().unwrap().why, "binding wrong");
    drop(server);
    // No binding is defined for a certificate without a hash.
    scene.certificate("ed", "ed25519");
    let server = scene.serve("--tls ed.pem ed.key --bound-to ed.pem sha256");
    let error = told(&server.session("ed.pem", ALICE, "gehéim").ready().unwrap_err());
    assert!(error.contains("without channel binding") && error.contains("Ed25519"), "{error}");
    assert!(error.contains("Extended Protection") && error.contains("RSA or ECDSA"), "{error}");
    assert_eq!(server.log().pop().unwrap().why, "binding absent");
    drop(server);
    // Where nothing is demanded it gets in.
    let server = scene.serve("--tls ed.pem ed.key");
    server.session("ed.pem", ALICE, "gehéim").ready().unwrap();
    assert_eq!(server.log().pop().unwrap().why, r"FOO\alice NTLM unbound");
}

/// A wrong password is tried once, however many requests there are: the account would be locked.
#[test]
fn a_wrong_password_is_tried_once() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("");
    let csrs = [scene.csr("a.foo.com"), scene.csr("b.foo.com")];
    let csrs = [csrs[0].as_str(), &csrs[1]];
    let wrong = ["--user", ALICE, "--password-file", "wrong"];
    let (code, said) = run(&mut server.submit(&csrs[..1], &wrong));
    assert_eq!((code, server.handshakes(), server.posts().len()), (2, (1, 1), 0), "{said}");
    assert!(said.contains("refused the logon (401)") && said.contains(r"tried NTLM as FOO\alice"), "{said}");
    assert!(said.contains("1. wrong password, name or domain"), "{said}");
    // The server told its domain, which is another one.
    assert!(said.contains(r"--user 'WORKSTATION\alice'"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.contains("ocscert explain event 4625"), "{said}");
    assert_eq!(run(&mut scene.ocscert(&["explain", "event", "4625"])).0, 0);
    let (code, said) = run(&mut server.submit(&csrs, &wrong));
    assert_eq!((code, server.handshakes(), server.posts().len()), (2, (2, 2), 0), "{said}");
    assert!(!scene.file("a.foo.com.request.json").exists() && scene.recorded() == 0);
}

/// One connection, one logon, each request sent once, two pages a certificate; and what came is what another client
/// gets, which openssl accepts.
#[test]
fn many_requests_take_one_logon_and_somebody_elses_client_gets_the_same() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("--offer Negotiate --offer NTLM --page 200000");
    let csrs: Vec<String> = (1..=5).map(|n| scene.csr(&format!("fe{n}.foo.com"))).collect();
    let names: Vec<&str> = csrs.iter().map(String::as_str).collect();
    let (code, said) = server.submit_as_alice(&names);
    assert_eq!((code, said.matches("issued ").count()), (0, 5), "{said}");
    assert_eq!((server.handshakes(), server.posts()), ((1, 0), vec!["200".to_string(); 5]));
    let log = server.log();
    assert!(log.iter().all(|line| line.connection == 1), "{log:?}");
    let first = log.iter().position(|line| line.method == "POST").unwrap();
    assert_eq!(log.len() - first, 10, "a form and a certificate with its chain, each: {log:?}");

    let mut judge = scene.peer("certsrv_ntlm.py");
    let host = format!("localhost:{}", server.running.port);
    judge.args([&host, "web.pem", ALICE, "pw", "OCSMutualTLS", &scene.csr("fe6.foo.com")]);
    for n in 1..=5 {
        let pem = format!("fe{n}.foo.com.pem");
        let journal = std::fs::read(scene.file(&format!("fe{n}.foo.com.request.json"))).unwrap();
        let journal = ocscert::model::request_state::Document::parse(&journal).unwrap();
        judge.args([journal.requests[0].request_id().unwrap().to_string(), pem.clone()]);
        let verified = Command::new(&scene.openssl)
            .args(["verify", "-purpose", "sslclient", "-CAfile"])
            .arg(scene.lab.root_file())
            .args(["-untrusted", &format!("fe{n}.foo.com.chain.pem"), &pem])
            .current_dir(scene.folder.path())
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }
    let (code, said) = run(&mut judge);
    assert!(code == 0 && said.ends_with("done\n"), "{said}");
}

/// The schemes as they are offered: NTLM by its own name, or under Negotiate; and the user as a principal name.
#[test]
fn ntlm_goes_by_either_scheme_and_for_either_kind_of_name() {
    let Some(scene) = Scene::new() else { return };
    for (offer, scheme) in [
        ("--offer NTLM", "NTLM"),
        ("--offer Negotiate", "Negotiate"),
        ("--offer Negotiate --offer NTLM", "NTLM"),
        ("--offer Negotiate,NTLM,Basic", "NTLM"),
    ] {
        let server = scene.serve_bound(offer);
        server.session("web.pem", BOB, "パスワード").ready().unwrap();
        assert_eq!(server.log().pop().unwrap().why, format!("{BOB} {scheme} bound"), "{offer}");
    }
    let server = scene.serve_bound("--offer Basic");
    let error = told(&server.session("web.pem", ALICE, "gehéim").ready().unwrap_err());
    assert!(error.contains("offered Basic; tried no logon") && error.contains("--auth basic"), "{error}");
    assert_eq!(server.log().len(), 1, "nothing but the question was sent");
}

/// A proxy in between carries the bytes and no more: the binding is the server's.
#[test]
fn a_connect_proxy_is_passed_with_the_binding() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("");
    let (proxy, tunnels) = tunnels_to(server.running.port);
    let csr = scene.csr("fe1.foo.com");
    let mut command = server.submit(&[&csr], &["--user", ALICE, "--password-file", "pw"]);
    command
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let (code, said) = run(&mut command);
    assert_eq!((code, tunnels.load(Ordering::SeqCst)), (0, 1), "{said}");
    assert_eq!(server.log().pop().unwrap().why, r"FOO\alice NTLM bound");
}

/// Wherever the server ends the connection, the request goes out once, and after a logon on that very connection.
#[test]
fn a_connection_that_ends_under_a_logon_costs_no_second_request() {
    let Some(scene) = Scene::new() else { return };
    for (n, cut) in [
        "challenge 1",
        "challenge 2",
        "proof 1",
        "proof 2",
        "page 1",
        "page 2",
        "page 1000",
        "request 1",
        "request 2",
    ]
    .into_iter()
    .enumerate()
    {
        let server = scene.serve_bound(&format!("--cut {cut}"));
        let csr = scene.csr(&format!("fe{n}.foo.com"));
        let (code, said) = server.submit_as_alice(&[&csr]);
        assert_eq!((code, server.posts()), (0, vec!["200".to_string()]), "{cut}: {said}{:?}", server.log());
        assert_eq!(scene.recorded(), n + 1, "{cut}");
        for line in server.log().iter().filter(|line| line.length > 0) {
            assert_eq!(line.why, r"FOO\alice NTLM bound", "{cut}");
        }
    }
    // One that always does so is given up, and nothing was sent.
    let csr = scene.csr("never.foo.com");
    for cut in ["challenge 1000", "proof 1000"] {
        let server = scene.serve_bound(&format!("--cut {cut}"));
        let (code, said) = server.submit_as_alice(&[&csr]);
        assert!(code == 2 && said.contains("ends the connection again and again"), "{cut}: {said}");
        assert_eq!((server.posts().len(), server.handshakes().0), (0, 3), "{cut}");
        assert!(!scene.file("never.foo.com.request.json").exists());
    }
}

/// Some servers want a proof for every request: the form goes with it and never before it.
#[test]
fn a_server_that_forgets_gets_the_form_once_and_with_the_proof() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("--each-request");
    let (code, said) = server.submit_as_alice(&[&scene.csr("a.foo.com"), &scene.csr("b.foo.com")]);
    assert_eq!((code, server.posts()), (0, vec!["200".to_string(); 2]), "{said}{:?}", server.log());
}

/// The connection ends, and on the next one the server shows another certificate: the binding would be another, and
/// so may be the server.
#[test]
fn a_certificate_that_changes_under_a_logon_gets_no_proof() {
    let Some(scene) = Scene::new() else { return };
    scene.certificate("other", "rsa:2048 -sha256");
    let trusted = [scene.file("web.pem"), scene.file("other.pem")].map(|file| std::fs::read(file).unwrap());
    std::fs::write(scene.file("both.pem"), trusted.concat()).unwrap();
    let server = scene.serve("--tls web.pem web.key --tls other.pem other.key --cut challenge 1");
    let error = told(&server.session("both.pem", ALICE, "gehéim").ready().unwrap_err());
    assert!(error.contains("changed while we talked to it"), "{error}");
    assert!(server.log().iter().all(|line| line.connection == 1), "{:?}", server.log());
}

#[test]
fn a_refusal_with_a_long_page_is_read_to_its_end_and_one_without_end_is_not() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("--page 3000000");
    server.session("web.pem", ALICE, "gehéim").ready().unwrap();
    assert!(server.log().iter().all(|line| line.connection == 1), "{:?}", server.log());
    drop(server);
    let server = scene.serve_bound("--page 5000000");
    let error = told(&server.session("web.pem", ALICE, "gehéim").ready().unwrap_err());
    assert!(error.contains("larger than 4 MiB"), "{error}");
}

/// In the clear a logon goes out only where that was said, and the password itself never.
#[test]
fn over_plain_http_a_logon_is_for_the_person_to_allow() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve("--offer Negotiate --offer NTLM");
    let csr = scene.csr("fe1.foo.com");
    let alice = ["--user", ALICE, "--password-file", "pw"];
    let (code, said) = run(&mut server.submit(&[&csr], &alice));
    assert!(code == 2 && said.contains("over plain http") && said.contains("--allow-http"), "{said}");
    assert_eq!(server.log(), []);
    let (code, said) = run(&mut server.submit(&[&csr], &[]));
    assert!(code == 2 && said.contains("warning: plain http") && said.contains("--allow-http"), "{said}");
    assert_eq!(server.log().len(), 1);
    let (code, said) = run(&mut server.submit(&[&csr], &[&alice[..], &["--allow-http"]].concat()));
    assert!(code == 0 && said.contains("warning: plain http"), "{said}");
    assert_eq!(server.log().pop().unwrap().why, r"FOO\alice NTLM unbound");
}

/// Pages that repeat what a request was authorized with: neither a proof, which can be tried against a list of
/// passwords, nor a password gets into the folder for support.
#[test]
fn kept_pages_show_no_proof() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("--echo");
    let csr = scene.csr("fe1.foo.com");
    for file in ["pw", "wrong"] {
        let more = [
            "--user",
            ALICE,
            "--password-file",
            file,
            "--save-response",
            "kept",
            "--resubmit",
            "--overwrite",
        ];
        run(&mut server.submit(&[&csr], &more));
    }
    let mut struck = 0;
    for entry in std::fs::read_dir(scene.file("kept")).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(!text.contains("TlRMTVNTUAA"), "a message of NTLM: {text}");
        struck += usize::from(text.contains("NTLM ****"));
    }
    assert_eq!(struck, 2, "the page that alice was let in with, and the one that she was refused with");
}

/// The keys of a federation file do as the flags do, and each of the sessions at a time logs on by itself.
#[test]
fn enroll_logs_on_as_its_file_says() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve_bound("--offer Negotiate --offer NTLM");
    std::fs::write(
        scene.file("site.toml"),
        format!(
            "[federation]\nsip_domain = \"foo.com\"\n[[ocs.pool]]\nfqdn = \"pool.foo.com\"\nfront_ends = [{}]\n\
             [[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.2.0.1\"\n[ca]\nkind = \"microsoft-enterprise\"\n\
             template = \"OCSMutualTLS\"\nurl = \"{}\"\ntls_roots = [\"web.pem\"]\nuser = 'FOO\\alice'\n\
             password_file = \"pw\"\nauth = \"ntlm\"\n[defaults]\npfx_password_file = \"wrong\"\n",
            (1..=3)
                .map(|n| format!("{{ fqdn = \"fe{n}.foo.com\", ip = \"10.1.0.{n}\" }}"))
                .collect::<Vec<_>>()
                .join(", "),
            server.url(),
        ),
    )
    .unwrap();
    let (code, said) = run(&mut scene.ocscert(&["enroll", "site.toml"]));
    assert_eq!(code, 0, "{said}");
    assert_eq!((server.posts(), scene.recorded()), (vec!["200".to_string(); 3], 3), "{said}");
    let (challenged, refused) = server.handshakes();
    assert!((1..=4).contains(&challenged) && refused == 0, "{challenged} {refused}");
}

/// `lab serve --auth ntlm` for those who want to try a hardened CA: pyspnego and certsrv judge the server's half.
#[test]
fn the_labs_own_logon_is_the_one_that_others_speak() {
    let Some(scene) = Scene::new() else { return };
    let folder = scene.file("hardened");
    let mut options = common::lab::options(&folder);
    (options.mode, options.auth, options.tls) = (Mode::Enterprise, lab::Auth::Ntlm, true);
    let lab = lab::start(&options).unwrap();
    let (root, password) = (lab.tls_root().unwrap(), lab.password_file().unwrap());
    std::fs::copy(password, scene.file("right")).unwrap();
    let page = format!("{}/", lab.url());
    for (kind, password, status) in [
        ("right", "right", "200"),
        ("right", "wrong", "401"),
        ("wrong", "right", "401"),
        ("zero", "right", "401"),
        ("absent", "right", "401"),
    ] {
        let mut client = scene.peer("ntlm.py");
        client.args(["binding", &page]).arg(root).arg(folder.join("tls/server.pem"));
        client.args(["sha256", lab::server::USER, password, kind]);
        let (code, said) = run(&mut client);
        assert_eq!((code, said.trim()), (0, status), "{kind}, {password}");
    }
    let csr = scene.csr("fe1.foo.com");
    let submit = |more: &[&str]| {
        let mut command =
            scene.ocscert(&["submit", &csr, "--template", "OCSMutualTLS", "--ca-url", &lab.url()]);
        run(command.arg("--ca-cert").arg(root).args(more))
    };
    let (code, said) = submit(&["--user", lab::server::USER, "--password-file", "wrong"]);
    assert!(code == 2 && said.contains("refused the logon"), "{said}");
    let (code, said) = submit(&["--user", lab::server::USER, "--password-file", "right"]);
    assert_eq!(code, 0, "{said}");
    let mut judge = scene.peer("certsrv_ntlm.py");
    judge.arg(lab.url().split('/').nth(2).unwrap()).arg(root).args([
        lab::server::USER,
        "right",
        "OCSMutualTLS",
        &csr,
    ]);
    let (code, said) = run(judge.args(["1", "fe1.foo.com.pem"]));
    assert!(code == 0 && said.ends_with("done\n"), "{said}");
    assert_eq!(lab.ca().requests().len(), 2);
}
