//! What is generated from the tables in the program says what the tables say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ocscert::checks;
use ocscert::render::explain;

#[test]
fn the_page_of_findings_is_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let page = explain::page(&checks::rules().collect::<Vec<_>>());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    // Not assert_eq: nobody wants to read two whole pages.
    let place = written.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert!(
        written == page,
        "docs/findings.md is behind the tables at line {}: UPDATE_DOCS=1 cargo nextest run --test docs",
        place.unwrap_or(written.lines().count().min(page.lines().count())) + 1
    );
}
