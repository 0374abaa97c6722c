//! The rehearsal through the program: what a newcomer's first command leaves behind, judged by openssl, keytool
//! and Chromium.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::CommandCargoExt;
use common::{browser, peer};

fn rehearse(folder: &Path, arguments: &[&str]) -> Output {
    Command::cargo_bin("ocscert")
        .unwrap()
        .arg("rehearse")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Each file that a person is told of is there, keys and PFX are for their owner alone, openssl agrees with the
/// verdict in both roles, and keytool opens the PFX with the password that was left beside it.
#[test]
fn the_whole_way_leaves_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let output = rehearse(folder.path(), &["--output", "try"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    for said in [
        "pending, request 1",
        "issued 3 requests as the CA's administrator would",
        "both directions, TLS 1.3",
        "ocs1.foo.com   accepted, TLS 1.3, SIP OPTIONS 200",
        "imp1.foo.com   accepted, TLS 1.3, SIP OPTIONS 200",
        "valid   4 certificates of both sides",
        "next, against your own CA:",
    ] {
        assert!(told.contains(said), "{said}\n{told}");
    }
    for (mistake, code) in
        [("mistake-1.pem", "OCS-NAM-002"), ("mistake-2.pem", "OCS-EKU-001"), ("mistake-3.pem", "OCS-CHN-002")]
    {
        let (_, after) = told.split_once(mistake).unwrap_or_else(|| panic!("{mistake} is not told: {told}"));
        let first_error = after.split("error OCS-").nth(1).unwrap();
        assert!(format!("OCS-{first_error}").starts_with(code), "{mistake}: {told}");
    }
    let rehearsal = folder.path().join("try");
    // What it left is a federation like any other: the usual commands go on with it.
    let status =
        Command::cargo_bin("ocscert").unwrap().arg("status").current_dir(&rehearsal).output().unwrap();
    let said = text(&status.stdout);
    assert!(status.status.code() == Some(0) && said.contains("3 servers: 3 ready"), "{said}");
    let openssl = peer::require("openssl");
    let keytool = peer::require("keytool");
    for host in ["ocs1.foo.com", "fe1.foo.com", "fe2.foo.com"] {
        for (ending, mode) in
            [("key", 0o600), ("pfx", 0o600), ("csr", 0o644), ("pem", 0o644), ("chain.pem", 0o644)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = rehearsal.join(format!("federation/{host}/{host}.{ending}"));
            let permissions =
                fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "{}", path.display());
        }
        if let Some(openssl) = &openssl {
            for role in ["sslserver", "sslclient"] {
                let output = Command::new(openssl)
                    .args(["verify", "-x509_strict", "-purpose", role, "-CAfile", "root.pem", "-untrusted"])
                    .arg(format!("federation/{host}/{host}.chain.pem"))
                    .arg(format!("federation/{host}/{host}.pem"))
                    .current_dir(&rehearsal)
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{role}: {}", text(&output.stderr));
            }
        }
        if let Some(keytool) = &keytool {
            let output = Command::new(keytool)
                .args(["-list", "-v", "-storetype", "PKCS12", "-storepass:file", "pfx-password", "-keystore"])
                .arg(format!("federation/{host}/{host}.pfx"))
                .current_dir(&rehearsal)
                .output()
                .unwrap();
            let listed = text(&output.stdout);
            assert!(listed.contains("Certificate chain length: 3"), "{listed}{}", text(&output.stderr));
        }
    }
}

/// report.html draws its pictures, in light and dark and on a phone, overflows nowhere, asks nobody for
/// anything, and shows the three mistakes with their codes.
#[test]
fn the_report_is_a_page_that_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let output = rehearse(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = folder.path().join("rehearsal-1/report.html");
    let script = "[...document.querySelectorAll('svg')].map(s => [s.querySelectorAll('.node').length, \
                  s.querySelectorAll('path.edge').length, s.getBoundingClientRect().height > 60])";
    for options in [&[] as &[&str], &["--dark"], &["--width", "360"]] {
        let Some(report) =
            browser::visit(options, page.to_str().unwrap(), &[["js", script], ["text", "main"]])
        else {
            return;
        };
        for list in ["external", "errors", "overflow"] {
            assert_eq!(report[list].as_array().unwrap().len(), 0, "{options:?} {list}: {}", report[list]);
        }
        // Four certificates and two CAs; then a leaf, its CAs, and where the chain breaks.
        let pictures = report["steps"][0]["value"].as_array().unwrap();
        let shapes: Vec<(u64, u64)> =
            pictures.iter().map(|p| (p[0].as_u64().unwrap(), p[1].as_u64().unwrap())).collect();
        assert_eq!(shapes, [(8, 7), (5, 4), (5, 4), (2, 1)], "boxes and lines of each picture");
        assert!(pictures.iter().all(|p| p[2] == true), "each picture has a height");
        let shown = report["steps"][1]["value"].as_str().unwrap();
        for code in ["OCS-NAM-002", "OCS-EKU-001", "OCS-CHN-002"] {
            assert!(shown.contains(code), "{code}: {shown}");
        }
    }
}

/// A second rehearsal takes a folder of its own; one that is asked into a full folder refuses and names a way.
#[test]
fn nothing_is_ever_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("rehearsal-1")).unwrap();
    fs::write(folder.path().join("rehearsal-1/mine.txt"), "mine").unwrap();
    let refused = rehearse(folder.path(), &["--output", "rehearsal-1"]);
    assert_eq!(refused.status.code(), Some(2));
    let told = text(&refused.stderr);
    assert!(told.contains("not empty") && told.contains("hint: "), "{told}");
    let second = rehearse(folder.path(), &[]);
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    assert!(folder.path().join("rehearsal-2/report.html").is_file());
    assert_eq!(fs::read_dir(folder.path().join("rehearsal-1")).unwrap().count(), 1);
}
