//! What is generated from the tables in the program says what the tables say.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ocscert::render::explain;
use ocscert::{checks, federation};

#[test]
fn the_page_of_findings_is_the_tables() {
    is_generated("docs/findings.md", &explain::page(&checks::rules().collect::<Vec<_>>()));
}

#[test]
fn the_page_of_the_federation_file_is_the_table_of_keys() {
    is_generated("docs/federation.md", &federation::page());
}

#[test]
fn the_schema_of_the_federation_file_is_the_table_of_keys() {
    is_generated("docs/federation.schema.json", &federation::schema());
}

/// The file is what the program makes of its tables; `UPDATE_DOCS` writes it.
fn is_generated(file: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    // Not assert_eq: nobody wants to read two whole pages.
    let place = written.lines().zip(page.lines()).position(|(a, b)| a != b);
    assert!(
        written == page,
        "{file} is behind the tables at line {}: UPDATE_DOCS=1 cargo nextest run --test docs",
        place.unwrap_or(written.lines().count().min(page.lines().count())) + 1
    );
}
