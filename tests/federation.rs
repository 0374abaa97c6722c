//! The federation file as its users meet it: the schema that editors check with says what the reader says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::process::Command;

use common::peer;
use ocscert::federation;

/// Validates standard input, a TOML file, against the schema named; prints what is wrong, a line each.
const VALIDATE: &str = "
import json, sys, tomllib
from jsonschema import Draft202012Validator as V
V.check_schema(schema := json.load(open(sys.argv[1])))
file = tomllib.loads(sys.stdin.read())
for e in V(schema, format_checker=V.FORMAT_CHECKER).iter_errors(file):
    print(e.json_path, e.message)
";

#[test]
fn the_schema_and_the_reader_agree() {
    let Some(python) = peer::python() else { return };
    let schema = peer::repository().join("docs/federation.schema.json");
    let good = federation::EXAMPLE;
    // What is changed in the example, and whether it is still right then.
    let cases = [
        ("", "", true),
        ("# template", "template", false),
        ("microsoft-standalone", "microsoft-enterprise", false),
        ("microsoft-standalone", "file", false),
        ("microsoft-standalone", "openssl", false),
        ("sip_domain", "sip_domian", false),
        ("10.1.10.20\"", "10.1.10.256\"", false),
        ("10.1.10.20\"", "2001:db8::20\"", true),
        ("renew_before_days = 30", "renew_before_days = \"30\"", false),
        ("renew_before_days = 30", "renew_before_days = 4000", false),
        ("[[imp.node]]", "[imp.node]", false),
        ("[[ocs.standard]]", "[ocs.standard]", false),
        ("# [imp]\n# tls", "[imp]\ntls", true),
        ("# [trust]\n# ocs", "[trust]\nosc", false),
        ("\"https:", "\"ldap:", false),
        (", ip = \"10.1.10.102\"", "", false),
    ];
    for (from, to, right) in cases {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        let read = federation::read(&text, Path::new(""));
        assert_eq!(read.is_ok(), right, "{to}: {read:?}");
        let mut validator = assert_cmd::Command::from_std(Command::new(&python));
        let out = validator.args(["-c", VALIDATE]).arg(&schema).write_stdin(text).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(said.is_empty(), right, "{to}: {said}");
    }
}
