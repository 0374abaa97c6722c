//! The browser that other tests look through sees what it claims to see: otherwise "nothing overflows" and
//! "no request leaves the page" would be said of any page.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;

use common::browser;
use serde_json::Value;

/// A page with one fault of each kind, and beside each something like it that is right.
const FAULTY: &str = r#"<!doctype html><html><head><title>before</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="https://styles.invalid/x.css"></head><body>
<button id="go" onclick="document.title = 'after'; fetch('http://127.0.0.1:9/beacon').catch(() => 0)">go</button>
<div id="narrow" style="width: 90px; white-space: nowrap">this line is wider than its box</div>
<div id="scrolls" style="width: 90px; white-space: nowrap; overflow-x: auto"><b>this one may be, it scrolls</b></div>
<div id="far" style="position: absolute; left: 3000px; width: 300px">beyond the page</div>
<svg width="200" height="50"><text id="in" x="5" y="20">in</text><text id="out" x="190" y="20">out</text></svg>
<script>throw new Error("a script failed")</script></body></html>"#;

#[test]
fn faults_of_a_page_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (page, picture) = (folder.path().join("page.html"), folder.path().join("page.png"));
    fs::write(&page, FAULTY).unwrap();
    let steps = [["click", "#go"], ["js", "1 + 1"], ["text", "#narrow"], ["shot", picture.to_str().unwrap()]];
    let Some(report) = browser::visit(&[], page.to_str().unwrap(), &steps) else { return };

    assert_eq!(report["title"], "after", "the click worked");
    assert_eq!(report["steps"][1]["value"], 2);
    assert_eq!(report["steps"][2]["value"], "this line is wider than its box");
    assert!(fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(texts(&report["external"]), ["https://styles.invalid/x.css", "http://127.0.0.1:9/beacon"]);
    assert!(texts(&report["errors"]).iter().any(|e| e.contains("a script failed")), "{}", report["errors"]);
    let overflowing: Vec<&str> = report["overflow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["element"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(overflowing, ["div#narrow", "div#far", "text#out"]);
}

#[test]
fn a_page_without_faults_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let html = "<!doctype html><html><head><title>fine</title></head><body><h1>Fine</h1>\
                <svg width='90' height='30'><text x='5' y='20'>in</text></svg></body></html>";
    fs::write(&page, html).unwrap();
    let Some(report) = browser::visit(&["--dark"], page.to_str().unwrap(), &[]) else { return };
    for list in ["external", "errors", "overflow"] {
        assert_eq!(report[list].as_array().unwrap(), &[] as &[Value], "{list}");
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}
