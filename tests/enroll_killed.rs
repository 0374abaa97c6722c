//! `ocscert enroll` killed (SIGKILL) at random moments, what pends issued, and run again: in the end every server has
//! its certificate, and the CA was asked once for each. The moments come from a seed; `benches/kill.sh` runs the same
//! with a hundred rounds of twenty servers.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests, too")]
#![cfg(unix)]

mod common;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt as _;
use common::lab::options;
use ocscert::flow::rehearse::Stage as _;
use ocscert::lab::{self, Options, Running};
use ocscert::model;
use time::format_description::well_known::Rfc3339;

const SEED: u64 = 20_071_022;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn killed_at_random_moments_it_asks_once_for_each_server_and_loses_nothing() {
    let (rounds, servers) = (number("OCSCERT_KILL_ROUNDS", 8), number("OCSCERT_KILL_SERVERS", 4));
    let mut random = SEED;
    // How long an undisturbed run takes, sending and fetching: the moments lie in there.
    let calm = Site::new(servers);
    let sending = calm.run_for(None).1;
    calm.lab.issue_pending().unwrap();
    let fetching = calm.run_for(None).1;
    calm.check();
    let mut killed = 0;
    for round in 0..rounds {
        let mut site = Site::new(servers);
        for whole in [sending, fetching] {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let share = (random >> 33) as f64 / f64::from(1u32 << 31);
            let (ended, _) = site.run_for(Some(whole.mul_f64(share * 1.05)));
            killed += usize::from(!ended);
            site = site.after_half_a_minute();
            site.lab.issue_pending().unwrap();
        }
        // What was sent for the first time now pends once more.
        for _ in 0..2 {
            site.run_for(None);
            site.lab.issue_pending().unwrap();
        }
        let out = site.command().output().unwrap();
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert_eq!(out.status.code(), Some(0), "round {round}: {said}");
        site.check();
    }
    println!("{rounds} rounds of {servers} servers: {killed} of {} runs were killed", rounds * 2);
    assert!(killed * 2 >= rounds, "the moments miss the runs: {killed} of {}", rounds * 2);
}

/// A desk with a federation, and its CA.
struct Site {
    folder: tempfile::TempDir,
    lab: Running,
    servers: usize,
}

fn lab_in(folder: &Path, listen: SocketAddr) -> Running {
    let options = Options { listen, ..options(&folder.join("lab")) };
    // The last thread of a lab that was stopped lets go of its folder a moment later.
    let mut started = lab::start(&options);
    for _ in 0..1_000_000 {
        if started.is_ok() {
            break;
        }
        thread::yield_now();
        started = lab::start(&options);
    }
    started.unwrap()
}

impl Site {
    fn new(servers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab_in(folder.path(), "127.0.0.1:0".parse().unwrap());
        let mut file = String::from("[federation]\nsip_domain = \"foo.com\"\n");
        for n in 0..servers {
            let _ = write!(
                file,
                "[[ocs.standard]]\nfqdn = \"ocs{n}.foo.com\"\nip = \"10.1.{}.{}\"\n",
                n / 200,
                n % 200
            );
        }
        let _ = write!(
            file,
            "[[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.2.0.1\"\n[ca]\nkind = \"microsoft-standalone\"\nurl = \"{}\"\nallow_http = true\n[defaults]\npfx = \"windows2003\"\npfx_password_file = \"pw\"\n",
            lab.url()
        );
        fs::write(folder.path().join("site.toml"), file).unwrap();
        fs::write(folder.path().join("pw"), "s3cret\n").unwrap();
        Self { folder, lab, servers }
    }

    fn command(&self) -> Command {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.args(["enroll", "site.toml", "--no-input"]).current_dir(self.folder.path());
        command
    }

    /// Runs until the end, or until it is killed; whether it ended, and how long that took.
    fn run_for(&self, most: Option<Duration>) -> (bool, Duration) {
        let begun = Instant::now();
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ended = match most {
            None => true,
            Some(most) => {
                // The moment of the blow: nothing is waited for that could be seen instead.
                thread::sleep(most);
                let ended = child.try_wait().unwrap().is_some();
                child.kill().unwrap();
                ended
            }
        };
        child.wait().unwrap();
        (ended, begun.elapsed())
    }

    /// As if half a minute had gone by: the CA has done with what it had received, and the journals are that old.
    fn after_half_a_minute(self) -> Self {
        let Self { folder, lab, servers } = self;
        let address = lab.url().split('/').nth(2).unwrap().parse().unwrap();
        lab.stop();
        for journal in files(&folder.path().join("site"), "request.json") {
            let mut document: serde_json::Value =
                serde_json::from_slice(&fs::read(&journal).unwrap()).unwrap();
            for entry in document["requests"].as_array_mut().unwrap() {
                let at =
                    time::OffsetDateTime::parse(entry["submitted_at"].as_str().unwrap(), &Rfc3339).unwrap();
                entry["submitted_at"] = (at - Duration::from_secs(31)).format(&Rfc3339).unwrap().into();
            }
            fs::write(&journal, serde_json::to_vec(&document).unwrap()).unwrap();
        }
        let lab = lab_in(folder.path(), address);
        Self { folder, lab, servers }
    }

    /// As many requests as servers, each with a key of its own; and nothing half-done lies about.
    fn check(&self) {
        let requests = self.lab.ca().requests();
        assert_eq!(requests.len(), self.servers, "requests at the CA");
        let folder = self.folder.path().join("site");
        let mut keys = HashSet::new();
        for file in files(&folder, "pem").iter().filter(|file| !file.to_string_lossy().ends_with("chain.pem"))
        {
            let contents = model::read(&fs::read(file).unwrap());
            let certificate = contents.certificates().next().unwrap().clone();
            let key = model::read(&fs::read(file.with_extension("key")).unwrap());
            let model::Object::Key(key) = &key.items[0].object else { panic!("no key") };
            assert!(key.public().is_same(&certificate.public_key), "{}", file.display());
            assert!(file.with_extension("pfx").exists());
            keys.insert(certificate.public_key.fingerprint());
        }
        assert_eq!(keys.len(), self.servers, "certificates with keys of their own");
        for left in [".tmp", "next", "swap"] {
            let found = files(&folder, left);
            assert!(found.is_empty(), "{found:?}");
        }
    }
}

/// The files below a folder whose names end so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_path_buf()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}
