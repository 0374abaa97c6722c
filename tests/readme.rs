//! Every command in the README is one that our own command line takes, and what it points to is there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

/// The words of a line as a shell splits it; a redirection ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '>' | '|' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_parses_and_every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut commands = 0;
    for line in readme.lines() {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        if !line.starts_with("ocscert ") {
            continue;
        }
        commands += 1;
        if let Err(e) = ocscert::cli::definition().try_get_matches_from(words(line)) {
            panic!("{line}: {e}");
        }
    }
    assert!(commands > 15, "only {commands} commands were found");
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        assert!(root.join(link).exists(), "{link} is not there");
    }
}
