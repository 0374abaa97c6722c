//! The whole way through the programs themselves: `ocscert csr`, `ocscert submit`, and the lab CA, whose record
//! says how often it was asked. openssl judges what comes back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too")]

mod common;

use std::path::Path;
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt as _;
use common::lab::options;
use common::peer;
use ocscert::lab::{self, Auth, Mode, Options, Running};
use time::OffsetDateTime;

/// A lab and a desk: a folder with the request of one server.
struct Scene {
    folder: tempfile::TempDir,
    lab: Running,
}

impl Scene {
    fn new(change: impl Fn(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder.path().join("lab"));
        change(&mut options);
        let lab = lab::start(&options).unwrap();
        let scene = Self { folder, lab };
        let (code, _, err) = scene.ocscert(&["csr", "--server", "ocs1.foo.com"]);
        assert_eq!(code, 0, "{err}");
        scene
    }

    /// Runs the program at the desk; exit code, standard output, standard error.
    fn ocscert(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        let output =
            command.args(arguments).arg("--no-input").current_dir(self.folder.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn submit(&self, more: &[&str]) -> (i32, String, String) {
        let url = self.lab.url();
        self.ocscert(&[&["submit", "ocs1.foo.com.csr", "--ca-url", &url], more].concat())
    }

    fn asked(&self) -> usize {
        self.lab.ca().requests().len()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// openssl builds the chain from what was written and checks the certificate as server and client.
fn openssl_accepts(scene: &Scene) {
    let Some(openssl) = peer::require("openssl") else { return };
    for purpose in ["sslserver", "sslclient"] {
        let out = Command::new(&openssl)
            .args(["verify", "-purpose", purpose, "-x509_strict", "-CAfile"])
            .arg(scene.lab.root_file())
            .arg("-untrusted")
            .arg(scene.file("ocs1.foo.com.chain.pem"))
            .arg(scene.file("ocs1.foo.com.pem"))
            .output()
            .unwrap();
        assert!(out.status.success(), "{purpose}: {}", String::from_utf8_lossy(&out.stderr));
    }
}

#[test]
fn a_standalone_ca_pends_the_administrator_issues_and_the_same_command_fetches() {
    let scene = Scene::new(|_| ());
    for _ in 0..2 {
        let (code, out, err) = scene.submit(&[]);
        assert!(
            code == 3 && out.starts_with("pending   ocs1.foo.com.csr   request 1 at 127.0.0.1:"),
            "{out}{err}"
        );
    }
    scene.lab.ca().issue(1, "administrator", OffsetDateTime::now_utc()).unwrap();
    for _ in 0..2 {
        let (code, out, err) = scene.submit(&[]);
        assert!(code == 0 && out.starts_with("issued    ocs1.foo.com.csr   request 1 at"), "{out}{err}");
        assert!(!out.contains("OCS-REQ-") && !out.contains("warning"), "{out}");
    }
    assert_eq!(scene.asked(), 1);
    openssl_accepts(&scene);
    // The line it suggests works, and says the certificate is good.
    let (_, _, err) = scene.submit(&[]);
    let next = err.lines().find_map(|line| line.strip_prefix("next: ocscert ")).unwrap();
    let (code, out, err) = scene.ocscert(&next.split(' ').collect::<Vec<_>>());
    assert!(next.contains("--name DNS:ocs1.foo.com") && code == 0 && out.starts_with("valid"), "{out}{err}");
}

#[test]
fn a_request_that_an_administrator_denies_is_told_with_its_code() {
    let scene = Scene::new(|_| ());
    assert_eq!(scene.submit(&[]).0, 3);
    scene.lab.ca().deny(1, "administrator", OffsetDateTime::now_utc()).unwrap();
    for _ in 0..2 {
        let (code, out, err) = scene.submit(&[]);
        assert!(code == 1 && out.contains("0x80094014 CERTSRV_E_ADMIN_DENIED_REQUEST"), "{out}{err}");
    }
    let (code, out, _) = scene.submit(&["--resubmit"]);
    assert!(code == 3 && out.contains("request 2 at"), "{out}");
    assert_eq!(scene.asked(), 2);
}

#[test]
fn an_enterprise_ca_issues_from_the_template_and_says_which_it_has() {
    let scene = Scene::new(|options| options.mode = Mode::Enterprise);
    let (code, out, err) = scene.submit(&["--template", "OCS Mutual TLS"]);
    assert!(code == 1 && out.contains("0x80094800 CERTSRV_E_UNSUPPORTED_CERT_TYPE"), "{out}{err}");
    assert!(err.contains("did you mean --template OCSMutualTLS?"), "{err}");
    let (code, out, err) = scene.submit(&[]);
    assert!(code == 1 && out.contains("0x80094801"), "{out}{err}");
    let (code, out, err) =
        scene.submit(&["--template", "WebServer", "-o", "web.pem", "--chain-out", "web.chain"]);
    assert!(code == 0 && out.contains("OCS-REQ-003") && out.contains("\"WebServer\""), "{out}{err}");
    let (code, out, err) = scene.submit(&["--template", "OCSMutualTLS"]);
    assert!(code == 0 && out.starts_with("issued") && !out.contains("OCS-REQ-"), "{out}{err}");
    openssl_accepts(&scene);
    assert_eq!(scene.asked(), 4, "each of the four was asked for once");
}

#[test]
fn tls_and_a_password_let_in_who_has_both() {
    let scene = Scene::new(|options| (options.tls, options.auth) = (true, Auth::Basic));
    let root = scene.lab.tls_root().unwrap().to_str().unwrap();
    let password = scene.lab.password_file().unwrap().to_str().unwrap();
    let (code, _, err) = scene.submit(&[]);
    assert!(code == 2 && err.contains("issuer is not trusted here") && err.contains("--ca-cert"), "{err}");
    let (code, _, err) = scene.submit(&["--ca-cert", root]);
    assert!(code == 2 && err.contains("refused the logon (401)") && err.contains("--auth basic"), "{err}");
    let wrong = scene.file("wrong");
    std::fs::write(&wrong, "not it").unwrap();
    let logon = |file: &Path| {
        let file = file.to_str().unwrap();
        scene.submit(&[
            "--ca-cert",
            root,
            "--auth",
            "basic",
            "--user",
            lab::server::USER,
            "--password-file",
            file,
        ])
    };
    let (code, _, err) = logon(&wrong);
    assert!(code == 2 && err.contains("tried Basic as") && !err.contains("not it"), "{err}");
    assert_eq!((scene.asked(), scene.file("ocs1.foo.com.request.json").exists()), (0, false));
    let (code, out, err) = logon(Path::new(password));
    assert!(code == 3 && out.starts_with("pending") && !err.contains("plain http"), "{out}{err}");
    scene.lab.ca().issue(1, "administrator", OffsetDateTime::now_utc()).unwrap();
    let (code, out, err) = logon(Path::new(password));
    assert!(code == 0 && out.starts_with("issued"), "{out}{err}");
    openssl_accepts(&scene);
}

/// The guide's "download the CA certificate chain": the issuing CA and its root, in order, and nothing else; and
/// together with a certificate, the whole chain of it.
#[test]
fn bundle_fetches_the_cas_own_chain() {
    let scene = Scene::new(|_| {});
    let url = scene.lab.url();
    let (code, _, err) = scene.ocscert(&["bundle", "--ca-url", &url, "-o", "ca.pem"]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("plain http") && !err.contains("left out"), "{err}");
    let bytes = std::fs::read(scene.file("ca.pem")).unwrap();
    let contents = ocscert::model::read(&bytes);
    let names: Vec<&str> = contents.certificates().map(|c| c.subject.short()).collect();
    let [issuing, root] = names.as_slice() else { panic!("{names:?}") };
    assert!(issuing.contains("Issuing CA") && root.contains("Root CA"), "{names:?}");

    let (code, _, err) = scene.ocscert(&["bundle", "--ca-url", "http://127.0.0.1:9/certsrv", "-o", "x.pem"]);
    assert_eq!(code, 2, "{err}");
    assert!(!scene.file("x.pem").exists());
}

/// The command that a finding of `verify` names.
fn remedy(scene: &Scene, arguments: &[&str], code: &str) -> String {
    let (_, out, err) = scene.ocscert(&[arguments, &["--format", "json"]].concat());
    let document: serde_json::Value =
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
    let findings = document["certificates"][0]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{out}"));
    finding["remedy"]["command"].as_str().unwrap().to_string()
}

/// What `verify` says to run next is run: the journal beside the certificate knows the CA.
#[test]
fn the_commands_of_verify_lead_on() {
    let scene = Scene::new(|options| {
        options.mode = Mode::Enterprise;
        options.auto_issue = true;
    });
    let (_, _, err) = scene.submit(&["--template", "WebServer"]);
    let run = |command: &str| {
        let words: Vec<&str> = command.strip_prefix("ocscert ").unwrap().split(' ').collect();
        scene.ocscert(&words)
    };
    let root = scene.lab.root_file();
    let root = root.to_str().unwrap();
    let verify = ["verify", "ocs1.foo.com.pem", "--server", "ocs1.foo.com", "--chain", root];

    // The issuing CA is missing, and is to be had at the address in the certificate.
    let fetching = remedy(&scene, &verify, "OCS-CHN-002");
    let (_, out, _) = run(&fetching);
    assert!(fetching.contains("--fetch") && !out.contains("OCS-CHN-"), "{fetching}: {out}");
    // So is the root, but an address makes none trusted: that is to be had from the CA.
    let chain = std::fs::read_to_string(scene.file("ocs1.foo.com.chain.pem")).unwrap();
    let (issuing, _) = chain.split_at(chain.rfind("-----BEGIN").unwrap());
    std::fs::write(scene.file("issuing.pem"), issuing).unwrap();
    let rootless = ["verify", "ocs1.foo.com.pem", "--chain", "issuing.pem", "--fetch"];
    let bundle = remedy(&scene, &rootless, "OCS-CHN-004");
    assert_eq!(bundle, format!("ocscert bundle --ca-url {}/ -o issuers.pem", scene.lab.url()));
    assert_eq!(run(&bundle).0, 0);
    let whole = ["verify", "ocs1.foo.com.pem", "--server", "ocs1.foo.com", "--chain", "issuers.pem"];

    // One usage is missing. What the better template is called is the CA administrator's choice.
    let submit = remedy(&scene, &whole, "OCS-EKU-001").replace("MutualAuthentication", "OCSMutualTLS");
    let (code, _, said) = run(&format!("{submit} --overwrite"));
    assert_eq!(code, 0, "{err}{said}");
    let (code, out, _) = scene.ocscert(&whole);
    assert_eq!((code, out.starts_with("valid")), (0, true), "{out}");
}
