//! The control part of `examples/ansible`, run by ansible-core on this machine: it waits while requests pend, changes
//! nothing the second time, and fails where the CA says no.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::lab::options;
use common::peer;
use ocscert::flow::rehearse::Stage as _;
use ocscert::lab::{self, Running};
use time::OffsetDateTime;

fn site(folder: &Path, name: &str, lab: &Running, servers: &[&str]) -> PathBuf {
    let mut file = format!(
        "[federation]\nsip_domain = \"foo.com\"\n[[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.2.0.1\"\n[ca]\nkind = \"microsoft-standalone\"\nurl = \"{}\"\nallow_http = true\n[defaults]\npfx = \"windows2003\"\npfx_password_file = \"pw\"\n",
        lab.url()
    );
    for (n, server) in servers.iter().enumerate() {
        file += &format!("[[ocs.standard]]\nfqdn = \"{server}\"\nip = \"10.1.0.{n}\"\n");
    }
    let path = folder.join(name);
    fs::write(&path, file).unwrap();
    path
}

fn play(ansible: &Path, folder: &Path, sites: &[&Path]) -> (bool, String) {
    let sites: Vec<String> = sites.iter().map(|site| format!("{:?}", site.display().to_string())).collect();
    let variables = format!(
        "{{\"sites\": [{}], \"ocscert\": {:?}, \"pause\": 1, \"pages\": {:?}}}",
        sites.join(", "),
        env!("CARGO_BIN_EXE_ocscert"),
        folder.display().to_string()
    );
    let mut command = Command::new(ansible);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    let out = command
        .arg(peer::repository().join("examples/ansible/enroll.yml"))
        .args(["-i", "localhost,", "-e", &variables])
        .env("ANSIBLE_HOME", folder.join("ansible"))
        .env("ANSIBLE_LOCALHOST_WARNING", "False")
        .env("ANSIBLE_PYTHON_INTERPRETER", ansible.with_file_name("python"))
        .env("LC_ALL", "C.UTF-8")
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    (out.status.success(), said)
}

#[test]
fn the_playbook_waits_for_the_ca_changes_nothing_twice_and_fails_loudly() {
    let Some(python) = peer::python() else { return };
    let ansible = python.with_file_name("ansible-playbook");
    let folder = tempfile::tempdir().unwrap();
    let lab = lab::start(&options(&folder.path().join("lab"))).unwrap();
    fs::write(folder.path().join("pw"), "s3cret\n").unwrap();
    let tokyo = site(folder.path(), "tokyo.toml", &lab, &["ocs1.foo.com", "ocs2.foo.com"]);
    let osaka = site(folder.path(), "osaka.toml", &lab, &["ocs3.foo.com"]);

    // The administrator of the CA issues whatever pends, once a first look found it pending.
    let done = AtomicBool::new(false);
    let (well, said) = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let polled = lab.ca().requests().len();
                if polled == 2 || polled == 3 {
                    lab.issue_pending().unwrap();
                }
                thread::yield_now();
            }
        });
        let played = play(&ansible, folder.path(), &[&tokyo, &osaka]);
        done.store(true, Ordering::SeqCst);
        played
    });
    assert!(well && said.contains("FAILED - RETRYING") && said.contains("changed=1"), "{said}");
    assert_eq!(lab.ca().requests().len(), 3);
    assert!(folder.path().join("tokyo.html").exists() && folder.path().join("osaka.html").exists());

    let (well, said) = play(&ansible, folder.path(), &[&tokyo, &osaka]);
    assert!(well && said.contains("changed=0"), "{said}");

    let kobe = site(folder.path(), "kobe.toml", &lab, &["ocs4.foo.com"]);
    let begin = |code| {
        let mut enroll = Command::new(env!("CARGO_BIN_EXE_ocscert"));
        let out = enroll.args(["enroll", "kobe.toml"]).current_dir(folder.path()).output().unwrap();
        assert_eq!(out.status.code(), Some(code));
    };
    begin(3);
    lab.ca().deny(4, "administrator", OffsetDateTime::now_utc()).unwrap();
    begin(1);
    let (well, said) = play(&ansible, folder.path(), &[&kobe]);
    assert!(!well && said.contains("failed=1") && said.contains("denied"), "{said}");
}
