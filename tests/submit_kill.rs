//! `ocscert submit`, killed before every system call that writes, one after the other over the whole run, by
//! strace's fault injection: to the disk, to the network, to the terminal, between threads. Whatever the place,
//! the CA's own record says one request, and the next run brings the certificate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use common::lab::options;
use common::peer;
use common::scripted_ca::new_csr;
use ocscert::edge::journal::path_of;
use ocscert::lab::{self, Options, Running};
use ocscert::model::request_state::{Document, State};
use ocscert::model::{self, PublicKey, Request};
use time::OffsetDateTime;

/// System calls that change something outside the process.
const WRITING: &[&str] = &[
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "open",
    "openat",
    "openat2",
    "creat",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "msync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "truncate",
    "ftruncate",
    "fallocate",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    "copy_file_range",
    "splice",
];

/// A CA with one request of somebody else's, ready to be copied for each kill.
struct Stage {
    strace: PathBuf,
    folder: tempfile::TempDir,
    auto_issue: bool,
}

impl Stage {
    fn new(strace: PathBuf, auto_issue: bool) -> Self {
        let stage = Self { strace, folder: tempfile::tempdir().unwrap(), auto_issue };
        let ca = stage.start(&stage.folder.path().join("ca"));
        ca.ca().submit(&new_csr("other.example").1, None, "other", OffsetDateTime::now_utc()).unwrap();
        if !auto_issue {
            ca.ca().issue(1, "administrator", OffsetDateTime::now_utc()).unwrap();
        }
        stage
    }

    fn start(&self, folder: &Path) -> Running {
        lab::start(&Options { auto_issue: self.auto_issue, ..options(folder) }).unwrap()
    }

    /// A copy of the CA, and a desk with a new request.
    fn scene(&self) -> Scene<'_> {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.folder.path().join("ca"), &folder.path().join("ca"));
        let (_, csr) = new_csr("fe1.example");
        fs::write(folder.path().join("fe1.csr"), &csr).unwrap();
        let key = Request::from_der(&csr[..]).unwrap().public_key;
        let ca = Some(self.start(&folder.path().join("ca")));
        Scene { stage: self, folder, key, ca }
    }

    /// The calls that a run makes, among those that write.
    fn calls(&self, prepare: impl Fn(&Scene<'_>)) -> BTreeSet<&'static str> {
        let scene = self.scene();
        prepare(&scene);
        let record = scene.folder.path().join("record");
        let mut strace = Command::new(&self.strace);
        strace.args(["-f", "-qq", "-o"]).arg(&record).args(["-e", &format!("trace=?{}", WRITING.join(",?"))]);
        assert!(matches!(scene.submit(Some(strace)).code(), Some(0 | 3)));
        let record = fs::read_to_string(record).unwrap();
        // "PID call(..", or "PID <... call resumed>".
        let names = record.lines().filter_map(|line| line.split_whitespace().nth(1)?.split('(').next());
        let names: BTreeSet<&str> = names.collect();
        WRITING.iter().copied().filter(|call| names.contains(call)).collect()
    }

    /// Kills a run before each of its writing calls, and hands each wreck to `finish`. How often.
    fn kill_everywhere(&self, prepare: impl Fn(&Scene<'_>), finish: impl Fn(Scene<'_>, &str)) -> usize {
        let mut kills = 0;
        for call in self.calls(&prepare) {
            // strace counts the calls of each thread by themselves: the n-th kills in whichever comes first.
            for n in 1.. {
                let scene = self.scene();
                prepare(&scene);
                let mut strace = Command::new(&self.strace);
                strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
                strace.args(["-e", &format!("inject={call}:signal=KILL:when={n}")]);
                let status = scene.submit(Some(strace));
                if status.signal() != Some(9) {
                    assert!(matches!(status.code(), Some(0 | 3)), "{call} {n}: {status}");
                    break;
                }
                kills += 1;
                finish(scene, &format!("killed before {call} {n}"));
            }
        }
        kills
    }
}

struct Scene<'a> {
    stage: &'a Stage,
    folder: tempfile::TempDir,
    key: PublicKey,
    ca: Option<Running>,
}

impl Scene<'_> {
    fn csr(&self) -> PathBuf {
        self.folder.path().join("fe1.csr")
    }

    fn ca(&self) -> &Running {
        self.ca.as_ref().unwrap()
    }

    /// Runs the program, below another one where that is given.
    fn submit(&self, below: Option<Command>) -> ExitStatus {
        let program = env!("CARGO_BIN_EXE_ocscert");
        let mut command = below.map_or_else(
            || Command::new(program),
            |mut above| {
                above.arg(program);
                above
            },
        );
        command.arg("submit").arg(self.csr()).args(["--ca-url", &self.ca().url(), "--no-input"]);
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code().filter(|code| ![0, 3].contains(code)), None, "{output:?}");
        output.status
    }

    /// Time goes by: the CA has long taken in what reached it, or has not and never will.
    fn later(&mut self) {
        drop(self.ca.take());
        self.ca = Some(self.stage.start(&self.folder.path().join("ca")));
        let path = path_of(&self.csr());
        let Ok(journal) = fs::read(&path) else { return };
        let mut journal = Document::parse(&journal).unwrap();
        for entry in journal.requests.iter_mut().filter(|entry| entry.state == State::Submitting) {
            entry.submitted_at -= Duration::from_secs(60);
        }
        fs::write(&path, journal.to_json().unwrap()).unwrap();
    }

    /// The administrator issues ours, if it is there.
    fn issue(&self) {
        if self.ca().ca().requests().len() > 1 {
            // Issued already is fine, too.
            let _ = self.ca().ca().issue(2, "administrator", OffsetDateTime::now_utc());
        }
    }

    fn assert_one_request_and_the_certificate(&self, place: &str) {
        assert_eq!(self.ca().ca().requests().len(), 2, "{place}: somebody else's and ours, once");
        let certificate =
            fs::read(self.csr().with_extension("pem")).unwrap_or_else(|e| panic!("{place}: {e}"));
        let certificate = model::read(&certificate);
        let certificate = certificate.certificates().next().unwrap();
        assert!(certificate.public_key.is_same(&self.key), "{place}");
        assert!(self.csr().with_extension("chain.pem").is_file(), "{place}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn with_a_ca_that_issues_at_once() {
    let Some(strace) = peer::require("strace") else { return };
    let stage = Stage::new(strace, true);
    let kills = stage.kill_everywhere(
        |_| (),
        |mut scene, place| {
            scene.later();
            assert_eq!(scene.submit(None).code(), Some(0), "{place}");
            scene.assert_one_request_and_the_certificate(place);
        },
    );
    assert!(kills >= 80, "only {kills} places");
}

/// The first run ends with "pending"; what pends is issued before the next one.
#[test]
fn with_a_ca_that_pends() {
    let Some(strace) = peer::require("strace") else { return };
    let stage = Stage::new(strace, false);
    let kills = stage.kill_everywhere(
        |_| (),
        |mut scene, place| {
            scene.later();
            scene.issue();
            if scene.submit(None).code() == Some(3) {
                // It had not arrived: now it has.
                scene.issue();
                assert_eq!(scene.submit(None).code(), Some(0), "{place}");
            }
            scene.assert_one_request_and_the_certificate(place);
        },
    );
    assert!(kills >= 60, "only {kills} places");
}

/// Pending is past, it was issued, and the run that fetches it is killed.
#[test]
fn while_it_fetches_what_was_pending() {
    let Some(strace) = peer::require("strace") else { return };
    let stage = Stage::new(strace, false);
    let kills = stage.kill_everywhere(
        |scene| {
            assert_eq!(scene.submit(None).code(), Some(3));
            scene.issue();
        },
        |mut scene, place| {
            scene.later();
            assert_eq!(scene.submit(None).code(), Some(0), "{place}");
            scene.assert_one_request_and_the_certificate(place);
        },
    );
    assert!(kills >= 60, "only {kills} places");
}
