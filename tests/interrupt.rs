//! Ctrl-C and the terminal: progress is there while work takes long and gone when it ends, however it ends; the
//! signal has its way; no half of a file stays, no terminal that hides what is typed. Judges: a pseudo-terminal, whose
//! screen pyte draws, and strace, which interrupts wherever something is written. Nothing here waits for a time: a
//! FIFO makes work last as long as it has to.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::peer;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::Value;

/// A folder of certificates, and FIFOs that nobody has written to.
struct Desk(tempfile::TempDir);

/// What was on the terminal.
struct Seen {
    report: Value,
    status: i64,
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::create_dir(desk.path("issued")).unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(["ocs1.foo.com".to_string()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "ocs1.foo.com");
        let certificate = params.self_signed(&key).unwrap().pem();
        for name in ["ca.pem", "issued/1.pem", "issued/2.pem", "issued/3.pem", "issued/4.pem", "issued/5.pem"]
        {
            fs::write(desk.path(name), &certificate).unwrap();
        }
        fs::write(desk.path("ocs1.key"), key.serialize_pem()).unwrap();
        fs::write(desk.path("pw"), "secret").unwrap();
        for name in ["fifo", "other"] {
            assert!(Command::new("mkfifo").arg(desk.path(name)).status().unwrap().success());
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of all files, sorted.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs a line on a terminal; `None` when the test has to be skipped. `tests/peers/terminal.py` says what steps
    /// there are.
    #[track_caller]
    fn terminal(&self, line: &str, steps: &[[&str; 2]]) -> Option<Seen> {
        self.terminal_of(&[], line, steps)
    }

    /// [`Desk::terminal`], below another program.
    #[track_caller]
    fn terminal_of(&self, above: &[&str], line: &str, steps: &[[&str; 2]]) -> Option<Seen> {
        let python = peer::python()?;
        let mut command = Command::new(python);
        command.arg(peer::repository().join("tests/peers/terminal.py")).args(steps.as_flattened()).arg("--");
        command.args(above).arg(PROGRAM).args(line.split(' ')).current_dir(self.0.path());
        let ran = command.env_remove("NO_COLOR").env("TERM", "xterm-256color").output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
        Some(Seen { status: report["status"].as_i64().unwrap(), report })
    }
}

impl Seen {
    #[track_caller]
    fn screen(&self, name: &str) -> String {
        let lines = self.report["screens"][name].as_array().unwrap();
        lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    fn written(&self) -> &str {
        self.report["written"].as_str().unwrap()
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_ocscert");
const VERIFY: &str = "verify issued fifo --chain ca.pem --profile rfc5280";
/// As [`VERIFY`], of a FIFO that nobody will ever write to.
const SECOND: &str = "verify other --chain ca.pem";
/// The process ended by SIGINT.
const INTERRUPTED: i64 = -2;

/// A bar while work lasts, on standard error alone; nothing of it is left on the screen.
#[test]
fn a_bar_comes_and_goes() {
    let desk = Desk::new();
    let steps =
        [["out", "report"], ["wait", "verifying"], ["screen", "bar"], ["open", "fifo"], ["feed", "ca.pem"]];
    let Some(seen) = desk.terminal(VERIFY, &steps) else { return };
    assert_eq!(seen.status, 0, "{}", seen.written());
    assert!(seen.screen("bar").contains("5/6"), "{}", seen.screen("bar"));
    assert_eq!((seen.screen("end").as_str(), &seen.report["cursor"]), ("", &Value::Bool(true)));
    let report = fs::read_to_string(desk.path("report")).unwrap();
    assert!(report.contains("6 certificates: 6 valid") && !report.contains("verifying"), "{report}");
    assert!(!report.contains('\x1b'), "a file is no terminal: {report}");
}

/// No bar where standard error is no terminal, and none with `--quiet`, however long it takes.
#[test]
fn no_bar_where_nobody_looks() {
    let desk = Desk::new();
    let wait = [["open", "fifo"], ["second", SECOND], ["feed", "ca.pem"]];
    let err = [&[["err", "errors"]], &wait[..]].concat();
    let Some(seen) = desk.terminal(VERIFY, &err) else { return };
    assert_eq!((seen.status, fs::read_to_string(desk.path("errors")).unwrap().as_str()), (0, ""));
    assert!(!seen.written().contains("verifying"), "{}", seen.written());
    let out = [&[["out", "report"]], &wait[..]].concat();
    let Some(seen) = desk.terminal(&format!("{VERIFY} -q"), &out) else { return };
    assert_eq!((seen.status, seen.written()), (0, ""));
}

/// Ctrl-C ends the program by the signal: the bar is taken away, nothing is said, no file is made or touched.
#[test]
fn ctrl_c_leaves_nothing_behind() {
    let desk = Desk::new();
    fs::write(desk.path("old.html"), "old").unwrap();
    let files = desk.files();
    for output in ["-o new.html", "-o old.html --overwrite"] {
        let line = format!("{VERIFY} --format html {output}");
        let steps = [["wait", "verifying"], ["screen", "bar"], ["type", "\x03"]];
        let Some(seen) = desk.terminal(&line, &steps) else { return };
        assert_eq!(seen.status, INTERRUPTED, "{}", seen.written());
        assert!(seen.screen("bar").contains("verifying"));
        // The terminal itself writes ^C behind the bar: that is gone, too.
        assert_eq!((seen.screen("end").as_str(), &seen.report["cursor"]), ("", &Value::Bool(true)));
        assert_eq!(
            (desk.files(), fs::read(desk.path("old.html")).unwrap()),
            (files.clone(), b"old".to_vec())
        );
    }
}

/// Without a terminal, too.
#[test]
fn an_interrupt_has_its_way() {
    let desk = Desk::new();
    let mut verify = Command::new(PROGRAM);
    verify.args(VERIFY.split(' ')).current_dir(desk.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = verify.spawn().unwrap();
    // Opening it waits for the reader.
    let fifo = fs::File::options().write(true).open(desk.path("fifo")).unwrap();
    let kill = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    drop(fifo);
    assert_eq!(output.status.signal(), Some(2), "{output:?}");
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
}

/// Who starts the program so that it ignores Ctrl-C, as a shell does with what it starts in the background, is
/// obeyed.
#[test]
fn an_interrupt_that_is_ignored_stays_so() {
    let desk = Desk::new();
    let ignoring = ["/bin/sh", "-c", "trap '' INT; exec \"$0\" \"$@\""];
    let steps =
        [["wait", "verifying"], ["type", "\x03"], ["wait", "^C"], ["open", "fifo"], ["feed", "ca.pem"]];
    let Some(seen) = desk.terminal_of(&ignoring, VERIFY, &steps) else { return };
    assert_eq!(seen.status, 0, "{}", seen.written());
    assert!(seen.screen("end").contains("6 certificates: 6 valid"), "{}", seen.screen("end"));
}

/// A question for a password is not written over, however long nobody answers; Ctrl-C and `kill` end the program there
/// as anywhere else, and what is typed next is seen again.
#[test]
fn a_password_is_asked_for_in_peace() {
    let desk = Desk::new();
    let export = "export --cert ca.pem --key ocs1.key --no-chain --password-file pw -o closed.pfx";
    let made = Command::new(PROGRAM).args(export.split(' ')).current_dir(desk.0.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let question = "password of the PFX file closed.pfx: ";
    for (answer, status) in
        [(["type", "secret\n"], 0), (["type", "\x03"], INTERRUPTED), (["kill", "TERM"], -15)]
    {
        let steps = [["wait", question], ["second", SECOND], ["screen", "asked"], ["hidden", "yes"], answer];
        let Some(seen) = desk.terminal("verify closed.pfx --chain ca.pem --profile rfc5280", &steps) else {
            return;
        };
        assert_eq!(seen.status, status, "{}", seen.written());
        assert_eq!(seen.screen("asked"), question.trim_end(), "{}", seen.written());
        assert_eq!(seen.report["echo"], true);
        match status {
            0 => assert!(seen.screen("end").contains("valid   closed.pfx"), "{}", seen.written()),
            _ => assert_eq!(seen.screen("end"), question.trim_end(), "{}", seen.written()),
        }
    }
}

/// System calls on the way of a file to its place.
const WRITING: [&str; 12] = [
    "openat",
    "write",
    "fchmod",
    "fsync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "close",
];

/// Interrupted at each of these calls over a whole run, one after the other: the file is there as a whole, or not at
/// all, and nothing else is.
#[test]
fn no_half_of_a_file_stays() {
    let Some(strace) = peer::require("strace") else { return };
    let desk = Desk::new();
    let run = |trace: &str, more: &[&str]| {
        let _ = fs::remove_file(desk.path("page.html"));
        let mut command = Command::new(&strace);
        command.args(["-f", "-qq", "-o", "record", "-e", trace]).args(more).arg(PROGRAM);
        command.args("verify issued --chain ca.pem --profile rfc5280 --format html -o page.html".split(' '));
        command.current_dir(desk.0.path()).output().unwrap().status
    };
    assert_eq!(run(&format!("trace=?{}", WRITING.join(",?")), &[]).code(), Some(0));
    let record = fs::read_to_string(desk.path("record")).unwrap();
    let whole = fs::read(desk.path("page.html")).unwrap().len();
    let (files, mut interrupted) = (desk.files(), 0);
    for call in WRITING {
        let calls = record.lines().filter(|line| line.contains(&format!(" {call}("))).count();
        // strace counts the calls of each thread by themselves.
        for n in 1..=calls {
            let status =
                run(&format!("trace={call}"), &["-e", &format!("inject={call}:signal=INT:when={n}")]);
            assert!(
                matches!((status.code(), status.signal()), (Some(0), _) | (_, Some(2))),
                "{call} {n}: {status}"
            );
            interrupted += usize::from(status.signal() == Some(2));
            let page = fs::read(desk.path("page.html"));
            assert!(page.is_ok() || status.code() != Some(0), "{call} {n}");
            assert!(page.is_err() || page.unwrap().len() == whole, "{call} {n}: half a page");
            assert!(desk.files().iter().all(|file| files.contains(file)), "{call} {n}: {:?}", desk.files());
        }
    }
    assert!(interrupted > 20, "only {interrupted}");
}
