//! Other people's programs that judge ours. `tests/run` installs them; a test that needs one asks here:
//!
//! ```ignore
//! let Some(certtool) = peer::require("certtool") else { return };
//! ```
//!
//! Where one is missing the test is skipped, which `tests/run` lists at its end. In CI, and for root, who can
//! install it, it fails instead: a skip there would hide a check that everybody believes in.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// The path of a program, found as a shell would; `None` when the test has to be skipped.
#[track_caller]
pub fn require(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file()) {
        Some(found) => Some(found),
        None => skip(program),
    }
}

/// The Python that has the peers from PyPI (`cryptography`, `certsrv`, `playwright`).
#[track_caller]
pub fn python() -> Option<PathBuf> {
    let python = env::var_os("OCSCERT_TEST_PYTHON")
        .map_or_else(|| repository().join("target/test-venv/bin/python"), PathBuf::from);
    if python.is_file() { Some(python) } else { skip("the Python environment of the tests") }
}

/// A file the machine should have, such as Debian's bundle of CA certificates.
#[track_caller]
pub fn file(path: &str) -> Option<PathBuf> {
    let file = PathBuf::from(path);
    if file.is_file() { Some(file) } else { skip(path) }
}

/// Notes that the calling test cannot run for want of `what`: the `None` to return, or, in CI and for root, the
/// failure of the test.
#[track_caller]
pub fn skip<T>(what: &str) -> Option<T> {
    let line = line(what);
    assert!(
        !(is_ci() || is_root()),
        "{line}, which is not here: run tests/run once, it installs what the tests need"
    );
    note(&line)
}

/// [`skip`] for what `tests/run` cannot install, because it is published elsewhere: a failure in CI alone.
#[track_caller]
pub fn skip_outside<T>(what: &str) -> Option<T> {
    let line = line(what);
    assert!(!is_ci(), "{line}, which is not here");
    note(&line)
}

/// The folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn line(what: &str) -> String {
    // The test harness names each thread after its test.
    let (place, thread) = (Location::caller(), thread::current());
    format!("{}: {} needs {what}", place.file(), thread.name().unwrap_or("a test"))
}

fn note<T>(line: &str) -> Option<T> {
    let list = env::var_os("OCSCERT_TEST_SKIPS")
        .map_or_else(|| repository().join("target/test-skips"), PathBuf::from);
    let noted = OpenOptions::new().create(true).append(true).open(&list);
    // One write of one short line: tests that run at the same time do not mix theirs.
    noted.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())).unwrap();
    eprintln!("skipped: {line}");
    None
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
