//! `ocscert lab serve` as it is typed, used by other people's programs: the PyPI client `certsrv`, and Chromium.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::lab::options;
use common::{browser, peer};
use ocscert::lab::requests::State;
use ocscert::lab::{self, Mode, Options, Running};
use time::OffsetDateTime;

/// A lab in a process of its own; killed, as Ctrl-C or worse does it, when the test is done with it.
struct Served {
    process: Child,
    /// What it said before it waited.
    said: String,
}

impl Served {
    fn start(args: &[&str], folder: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ocscert"))
            .args(["lab", "serve", "--state", "lab"])
            .args(args)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        while lines.read_line(&mut said).unwrap() > 0 && !said.contains("\nkept in ") {}
        Self { process, said }
    }

    /// What stands behind a label.
    fn value(&self, label: &str) -> &str {
        let line = self.said.lines().find_map(|line| line.strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label} in {}", self.said)).trim()
    }

    fn host(&self) -> &str {
        self.value("pages").split('/').nth(2).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn ocscert(args: &[&str], folder: &Path) -> (i32, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_ocscert")).args(args).current_dir(folder).output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_pypi_client_goes_the_whole_way() {
    let Some(python) = peer::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(ocscert(&["csr", "--server", "ocs1.foo.com"], folder.path()).0, 0);
    let served = Served::start(&["--tls", "--auth", "basic"], folder.path());
    let script = peer::repository().join("tests/peers/certsrv_cycle.py");
    let ran = Command::new(python)
        .arg(script)
        .args([
            served.host(),
            served.value("TLS root"),
            r"lab\alice",
            "lab/password",
            "ocs1.foo.com.csr",
            "Any",
        ])
        .current_dir(folder.path())
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(said.ends_with("done\n"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_lab_that_is_killed_keeps_its_address_and_what_it_told() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(ocscert(&["csr", "--server", "ocs1.foo.com"], folder.path()).0, 0);
    let served = Served::start(&[], folder.path());
    let url = served.value("pages").to_string();
    let submit = ["submit", "ocs1.foo.com.csr", "--ca-url", &url];
    let (code, text) = ocscert(&submit, folder.path());
    assert!(code == 3 && text.contains("request 1 "), "{code}: {text}");
    drop(served);

    let served = Served::start(&[], folder.path());
    assert_eq!(served.value("pages"), url);
    let (code, text) = ocscert(&submit, folder.path());
    assert!(code == 3 && text.contains("request 1 "), "{code}: {text}");
    drop(served);

    // The administrator's decision, made while nothing was served.
    let running = lab::start(&options(&folder.path().join("lab"))).unwrap();
    running.ca().issue(1, "bob", OffsetDateTime::now_utc()).unwrap();
    let (code, text) = ocscert(&submit, folder.path());
    assert_eq!(code, 0, "{text}");
    let verify =
        ["verify", "ocs1.foo.com.pem", "--chain", "ocs1.foo.com.chain.pem", "--roots", "lab/ca/root.pem"];
    let (code, text) = ocscert(&verify, folder.path());
    assert_eq!(code, 0, "{text}");
}

#[test]
fn it_listens_to_this_machine_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = ocscert(&["lab", "serve", "--listen", "0.0.0.0:0"], folder.path());
    assert!(code == 2 && text.contains("hint: ocscert lab serve --listen 127.0.0.1:0"), "{text}");
}

/// A lab with requests of every kind, and names that are as long and as hostile as X.520 lets them be.
fn busy_lab(folder: &Path) -> Running {
    let running = lab::start(&options(&folder.join("lab"))).unwrap();
    let unit = "u".repeat(64);
    let org = "<script>alert(1)</script>\u{4f8b}\u{4f1a}\u{793e}";
    let args = ["csr", "--pool", "pool.foo.com", "--org", org, "--ou", &unit, "--ou", &unit, "--front-end"];
    let front_end = format!("{0}.{0}.{0}.foo.com", "f".repeat(60));
    let (code, text) = ocscert(&[&args[..], &[front_end.as_str()]].concat(), folder);
    assert_eq!(code, 0, "{text}");
    let request = fs::read(folder.join(format!("{front_end}.csr"))).unwrap();
    let now = OffsetDateTime::now_utc();
    for _ in 0..5 {
        running.ca().submit(&request, None, r"lab\alice", now).unwrap();
    }
    running.ca().submit(b"garbage", Some("Web Server"), r"lab\alice", now).unwrap();
    running.ca().issue(1, "bob", now).unwrap();
    running.ca().issue(2, "bob", now).unwrap();
    running.ca().revoke(2, "bob", now).unwrap();
    running.ca().deny(3, "bob", now).unwrap();
    running
}

#[test]
fn issue_really_issues_in_a_browser_and_nothing_overflows_or_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let running = busy_lab(folder.path());
    let url = running.admin_url();
    let looks: [&[&str]; 2] = [&["--width", "360"], &["--width", "1280", "--dark"]];
    for flags in looks {
        let Some(report) = browser::visit(flags, &url, &[["text", "#r4"]]) else { return };
        for list in ["external", "errors", "overflow"] {
            assert!(report[list].as_array().unwrap().is_empty(), "{flags:?} {list}: {}", report[list]);
        }
        assert!(report["steps"][0]["value"].as_str().unwrap().contains("<script\\>alert(1)"), "{report}");
        assert!(report["steps"][0]["value"].as_str().unwrap().starts_with("pool.foo.com (fff"), "{report}");
        assert!(report["title"].as_str().unwrap().starts_with("(2) ocscert lab"), "two wait: {report}");
    }
    let state = |id| running.ca().request(id).unwrap().state;
    assert_eq!(state(4), State::Pending);
    let steps = [
        ["click", "#r4 button.go"],
        ["wait", "#r4.issued"],
        ["click", "#r5 button.stop"],
        ["wait", "#r5.denied"],
        ["click", "#r1 button.stop"],
        ["wait", "#r1.revoked"],
    ];
    let report = browser::visit(&[], &url, &steps).unwrap();
    assert!(report["errors"].as_array().unwrap().is_empty(), "{report}");
    assert!(matches!(state(4), State::Issued { .. }), "Issue issues");
    assert!(matches!(state(5), State::Denied { .. }), "Deny denies");
    assert!(matches!(state(1), State::Revoked { .. }), "Revoke revokes");
}

#[test]
fn a_person_can_submit_and_fetch_with_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let enterprise = Options { mode: Mode::Enterprise, ..options(&folder.path().join("lab")) };
    let running = lab::start(&enterprise).unwrap();
    assert_eq!(ocscert(&["csr", "--server", "ocs1.foo.com"], folder.path()).0, 0);
    let request = fs::read_to_string(folder.path().join("ocs1.foo.com.csr")).unwrap();
    // The base64 alone; without its padding, as the step splits at the last equals sign.
    let base64: String = request.lines().filter(|line| !line.starts_with('-')).collect();
    let filled = format!("#locTaRequest={}", base64.trim_end_matches('='));
    let steps = [
        ["click", "#locTaskRequest"],
        ["fill", &filled],
        ["click", "#btnSubmit"],
        ["text", "#locInfo"],
        ["js", "getEncoding()"],
    ];
    let Some(report) = browser::visit(&[], &format!("{}/", running.url()), &steps) else { return };
    assert_eq!(report["steps"][4]["value"], "Enc=bin", "the page's script works: {report}");
    assert!(report["errors"].as_array().unwrap().is_empty(), "{report}");
    let record = running.ca().request(1).unwrap();
    assert!(matches!(record.state, State::Issued { .. }), "{record:?}");
    assert_eq!(record.template.as_deref(), Some("OCSMutualTLS"), "the first in the list");
}
