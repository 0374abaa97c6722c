//! Looks at a page as a person would, through `tests/peers/browser.py` (its head says which steps there are and
//! what the report holds).

use std::process::Command;

use serde_json::Value;

use super::peer;

/// Opens a URL or a file, does the steps (pairs of a verb and an argument) and returns the report; `None` when
/// the test has to be skipped. A step that does not work fails the test.
#[track_caller]
pub fn visit(flags: &[&str], target: &str, steps: &[[&str; 2]]) -> Option<Value> {
    let (chromium, python) = (peer::require("chromium")?, peer::python()?);
    let script = peer::repository().join("tests/peers/browser.py");
    let ran = Command::new(python)
        .arg(script)
        .arg("--chromium")
        .arg(chromium)
        .args(flags)
        .arg(target)
        .args(steps.as_flattened())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{target}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(serde_json::from_slice(&ran.stdout).unwrap())
}
