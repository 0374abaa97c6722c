//! `verify` and `inspect` through the program, on certificates that openssl made: the two sides crosswise, the
//! exit codes, what JSON promises. And what is generated from the definitions: completions and manual pages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt as _;
use common::{browser, peer};
use serde_json::Value;

/// Two worlds, each a root that signs a server: `ocs` (pool.foo.com) and `imp` (imp1.foo.com).
struct Worlds {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

const LEAF: &str = "keyUsage=critical,digitalSignature,keyEncipherment,dataEncipherment
extendedKeyUsage=serverAuth,clientAuth
crlDistributionPoints=URI:http://pki.foo.com/ca.crl
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
1.3.6.1.4.1.311.20.2=ASN1:BMP:WebServer
1.3.6.1.4.1.311.21.7=ASN1:SEQUENCE:template
1.2.3.4.5=DER:0403010203
";

impl Worlds {
    fn new(openssl: PathBuf) -> Self {
        let worlds = Self { folder: tempfile::tempdir().unwrap(), openssl };
        for (world, name) in [("ocs", "pool.foo.com"), ("imp", "imp1.foo.com")] {
            worlds.must(&format!("req -x509 -newkey rsa:2048 -nodes -keyout {world}-root.key -out {world}-root.pem -subj /CN={world}-root -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign"));
            let template =
                "[template]\noid=OID:1.3.6.1.4.1.311.21.8.1.2.3\nmajor=INTEGER:100\nminor=INTEGER:7\n";
            fs::write(worlds.path("ext"), format!("{LEAF}subjectAltName=DNS:{name}\n{template}")).unwrap();
            worlds.must(&format!(
                "req -newkey rsa:2048 -nodes -keyout {world}.key -out {world}.csr -subj /CN={name}"
            ));
            worlds.must(&format!("x509 -req -in {world}.csr -CA {world}-root.pem -CAkey {world}-root.key -set_serial 0x4f00a1b2 -days 365 -extfile ext -out {world}.pem"));
        }
        worlds
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    #[track_caller]
    fn must(&self, line: &str) {
        let ran = Command::new(&self.openssl)
            .args(line.split(' '))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Exit code and standard output.
    fn ocscert(&self, line: &str) -> (i32, String) {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        let ran =
            command.args(line.split(' ')).arg("--no-input").current_dir(self.folder.path()).output().unwrap();
        (
            ran.status.code().unwrap(),
            String::from_utf8(ran.stdout).unwrap() + &String::from_utf8_lossy(&ran.stderr),
        )
    }

    /// The verdicts by direction of every certificate, and the exit code.
    fn directions(&self, line: &str) -> (i32, Vec<Vec<(String, String)>>) {
        let (code, out) = self.ocscert(&format!("{line} --format json"));
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        assert_eq!(document["schema"], "ocscert.verify/1");
        let certificates = document["certificates"].as_array().unwrap();
        let word = |value: &Value| value.as_str().unwrap().to_string();
        let verdicts = |certificate: &Value| {
            let all = certificate["directions"].as_array().unwrap();
            let asked = all.iter().filter(|d| d["verdict"] != "not-applicable");
            asked.map(|d| (word(&d["id"]), word(&d["verdict"]))).collect()
        };
        (code, certificates.iter().map(verdicts).collect())
    }
}

fn pair(first: (&str, &str), second: (&str, &str)) -> Vec<(String, String)> {
    [first, second].map(|(id, verdict)| (id.to_string(), verdict.to_string())).to_vec()
}

/// Each side judges the other's certificate by its own store: when both hold both roots all four directions
/// hold; when OCS lacks IM and Presence's root, OCS refuses it and nothing else changes.
#[test]
fn both_sides_are_judged_crosswise_by_their_own_stores() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let good = worlds.directions("verify ocs.pem --imp-cert imp.pem --roots ocs-root.pem imp-root.pem");
    let (ocs, imp) = (
        pair(("ocs-as-server", "valid"), ("ocs-as-client", "valid")),
        pair(("imp-as-server", "valid"), ("imp-as-client", "valid")),
    );
    assert_eq!(good, (0, vec![ocs.clone(), imp]));
    let one_sided = worlds.directions(
        "verify ocs.pem --imp-cert imp.pem --ocs-trust ocs-root.pem --imp-trust ocs-root.pem imp-root.pem",
    );
    let refused = pair(("imp-as-server", "invalid"), ("imp-as-client", "invalid"));
    assert_eq!(one_sided, (1, vec![ocs, refused.clone()]), "OCS refuses IM and Presence; worst last");
    let (code, alone) = worlds.directions("verify imp.pem --side imp --roots ocs-root.pem");
    assert_eq!((code, alone), (1, vec![refused]));
    let (_, out) = worlds.ocscert(
        "verify ocs.pem --imp-cert imp.pem --ocs-trust ocs-root.pem --imp-trust ocs-root.pem imp-root.pem",
    );
    assert!(out.contains("OCS will refuse it (OCS-CHN-004)"), "{out}");
}

/// The pool that is named is the OCS side's: IM and Presence's certificate is not asked for it. And where only
/// IM and Presence's certificate is judged, naming a pool is a mistake.
#[test]
fn the_name_of_the_pool_is_not_asked_of_the_other_side() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let (code, out) = worlds
        .ocscert("verify ocs.pem --pool pool.foo.com --imp-cert imp.pem --roots ocs-root.pem imp-root.pem");
    assert_eq!(code, 0, "{out}");
    let (code, out) = worlds.ocscert(
        "verify ocs.pem --name DNS:pool.foo.com --imp-cert imp.pem --roots ocs-root.pem imp-root.pem",
    );
    assert_eq!(code, 0, "{out}");
    let (code, out) = worlds.ocscert("verify imp.pem --side imp --pool pool.foo.com --chain imp-root.pem");
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("--name DNS:pool.foo.com"), "{out}");
}

/// A purpose asks about one direction; `any` about the path alone.
#[test]
fn a_purpose_chooses_the_directions() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let server = worlds.directions("verify ocs.pem --chain ocs-root.pem --purpose server");
    assert_eq!(server, (0, vec![vec![("ocs-as-server".into(), "valid".into())]]));
    let client =
        worlds.directions("verify ocs.pem --chain ocs-root.pem --purpose client --pool pool.foo.com");
    assert_eq!(client, (0, vec![vec![("ocs-as-client".into(), "valid".into())]]));
}

/// The CA's list makes revocation required: with it the verdict is valid, or invalid once the certificate is on
/// it; a list of somebody else leaves it incomplete, and incomplete is not yes.
#[test]
fn a_list_makes_revocation_required() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n";
    fs::write(worlds.path("ca.conf"), config).unwrap();
    let list = |world: &str, entries: &str| {
        fs::write(worlds.path("index.txt"), entries).unwrap();
        worlds.must(&format!(
            "ca -config ca.conf -gencrl -cert {world}-root.pem -keyfile {world}-root.key -out {world}.crl"
        ));
    };
    let verify = |crl: &str| {
        worlds.ocscert(&format!("verify ocs.pem --chain ocs-root.pem --pool pool.foo.com --crl {crl}"))
    };
    list("ocs", "");
    list("imp", "");
    let (code, out) = verify("ocs.crl");
    assert_eq!((code, out.starts_with("valid")), (0, true), "{out}");
    let (code, out) = verify("imp.crl");
    assert_eq!((code, out.starts_with("incomplete")), (1, true), "{out}");
    assert!(out.contains("not checked OCS-REV-001") && out.contains("no CRL covers"), "{out}");
    list("ocs", "R\t400101000000Z\t260101000000Z,keyCompromise\t4F00A1B2\tunknown\t/CN=x\n");
    let (code, out) = verify("ocs.crl");
    assert_eq!((code, out.starts_with("invalid")), (1, true), "{out}");
    assert!(out.contains("OCS-REV-001"), "{out}");

    let (code, out) = worlds.ocscert("inspect ocs.crl --format json");
    let document: Value = serde_json::from_str(&out).unwrap();
    let crl = &document["files"][0]["objects"][0];
    assert_eq!((code, &crl["kind"], &crl["revoked"][0]["serial"]), (0, &"crl".into(), &"4f00a1b2".into()));
    assert_eq!(crl["revoked"][0]["reason"], 1);
}

/// The page says the answer in its heading and draws it: two leaves, one root in two stores, and dashed with its code where a
/// chain breaks. It stands alone, fits a phone, and is never written over a file that exists.
#[test]
fn a_verdict_is_a_page_too() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let line = "verify ocs.pem --imp-cert imp.pem --roots ocs-root.pem --format html -o page.html";
    let (code, out) = worlds.ocscert(line);
    assert_eq!((code, out.as_str()), (1, ""));
    let (code, out) = worlds.ocscert(line);
    assert!(code == 2 && out.contains("page.html") && out.contains("--overwrite"), "{out}");
    let shapes = "[document.querySelectorAll('.node').length, document.querySelectorAll('path.edge').length, \
                  document.querySelectorAll('path.edge.broken').length, document.querySelectorAll('tbody tr').length]";
    let page = worlds.path("page.html");
    for options in [&[] as &[&str], &["--dark"], &["--width", "360"]] {
        let seen = browser::visit(options, page.to_str().unwrap(), &[["js", shapes], ["text", "main"]]);
        let Some(seen) = seen else { return };
        for list in ["external", "errors", "overflow"] {
            assert_eq!(seen[list].as_array().unwrap().len(), 0, "{options:?} {list}: {}", seen[list]);
        }
        assert_eq!(seen["title"], "2 certificates: 1 invalid, 1 valid");
        assert_eq!(seen["steps"][0]["value"].to_string(), "[6,4,1,2]");
        assert!(seen["steps"][1]["value"].as_str().unwrap().contains("OCS-CHN-002"));
    }
}

/// What the file holds, field by field; a key shows its public half alone.
#[test]
fn inspect_tells_everything_but_a_secret() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let (code, out) = worlds.ocscert("inspect ocs.pem ocs.csr ocs.key --format json");
    assert_eq!(code, 0, "{out}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["schema"], "ocscert.inspect/1");
    let object = |file: usize| &document["files"][file]["objects"][0];
    let certificate = object(0);
    for (field, value) in [
        ("kind", "certificate"),
        ("subject", "CN=pool.foo.com"),
        ("issuer", "CN=ocs-root"),
        ("serial", "4f00a1b2"),
        ("serial_reversed", "b2a1004f"),
        ("key", "RSA 2048"),
        ("signature", "RSA with SHA-256"),
    ] {
        assert_eq!(certificate[field], value, "{field}");
    }
    assert!([364, 365].contains(&certificate["days_left"].as_i64().unwrap()));
    assert_eq!(certificate["names"], serde_json::json!(["DNS:pool.foo.com"]));
    assert_eq!(certificate["extended_key_usage"], serde_json::json!(["serverAuth", "clientAuth"]));
    assert_eq!(
        certificate["template"],
        serde_json::json!({"name": "WebServer", "oid": "1.3.6.1.4.1.311.21.8.1.2.3", "major": 100, "minor": 7})
    );
    assert_eq!(certificate["other_extensions"][0]["oid"], "1.2.3.4.5");
    assert_eq!(certificate["other_extensions"][0]["hex"], "0403010203");
    assert_eq!((&object(1)["kind"], &object(2)["kind"]), (&"request".into(), &"private-key".into()));
    assert_eq!(certificate["key_sha256"], object(2)["key_sha256"], "the same key in all three");
    assert_eq!(certificate["key_sha256"], object(1)["key_sha256"]);

    let key = fs::read_to_string(worlds.path("ocs.key")).unwrap();
    let secret: String = key.lines().filter(|l| !l.starts_with('-')).collect();
    let (_, text) = worlds.ocscert("inspect ocs.key -v -v");
    for shown in [&out, &text] {
        assert!(!shown.contains(&secret[100..140]), "a part of the key is shown");
    }
}

/// The scripts are taken by their shells; the pages are roff, one a command, and name every flag.
#[test]
fn completions_and_manual_pages_come_from_the_definitions() {
    let folder = tempfile::tempdir().unwrap();
    let ocscert = |arguments: &[&str]| {
        let ran = Command::cargo_bin("ocscert")
            .unwrap()
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = ocscert(&["completions", shell]);
        assert!(script.contains("front-end") && script.contains("rehearse"), "{shell}");
        if shell == "bash" {
            fs::write(folder.path().join("script"), script).unwrap();
            let ran =
                Command::new("bash").args(["-n", "script"]).current_dir(folder.path()).output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
    assert!(ocscert(&["man"]).contains(".TH ocscert 1"));
    ocscert(&["man", "--output", "pages"]);
    let lab = fs::read_to_string(folder.path().join("pages/ocscert-lab-serve.1")).unwrap();
    assert!(lab.contains("\\-\\-listen"), "a subcommand of a subcommand has its page, too");
    let definition = ocscert::cli::definition();
    for command in definition.get_subcommands() {
        let page = fs::read_to_string(folder.path().join(format!("pages/ocscert-{}.1", command.get_name())))
            .unwrap();
        for flag in command.get_arguments().filter_map(|a| a.get_long()) {
            let roff = flag.replace('-', "\\-");
            assert!(
                page.contains(&format!("\\-\\-{roff}")),
                "{}: --{flag} is not in its page",
                command.get_name()
            );
        }
    }
}

/// Codes by every writing, the certificate of an OCS event by its serial number in either byte order.
#[test]
fn explain_through_the_program() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let (code, out) = worlds.ocscert("explain OCS-EKU-001");
    assert_eq!(code, 0, "{out}");
    for said in ["no-client-auth", "at fault  the side that shows", "RFC 5280 section 4.2.1.12"] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let (code, out) = worlds.ocscert("explain -2146877422");
    assert!(code == 0 && out.contains("CERTSRV_E_TEMPLATE_DENIED"), "{out}");
    let (code, out) = worlds.ocscert("explain tls alert 48 --format json");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["schema"]), (0, &"ocscert.explain/1".into()));
    assert_eq!(document["entries"][0]["name"], "unknown_ca");
    let (code, out) = worlds.ocscert("explain OCS-EKU-01");
    assert!(code == 2 && out.contains("ocscert explain OCS-EKU-001"), "{code}: {out}");
    let (code, _) = worlds.ocscert("explain");
    assert_eq!(code, 2);
    let (code, out) = worlds.ocscert("explain --list");
    for said in ["OCS-CHN-002", "0x80090322", "alert 116", "event 36885", "EDITF_ATTRIBUTESUBJECTALTNAME2"] {
        assert!(code == 0 && out.contains(said), "{said}: {out}");
    }

    for (typed, order) in [("4F:00:a1:b2", "as given"), ("b2a1004f", "last first")] {
        let (code, out) = worlds.ocscert(&format!("explain --serial {typed} --in ocs-root.pem ocs.pem"));
        assert!(code == 0 && out.contains("ocs.pem") && out.contains(order), "{typed}: {out}");
        assert!(!out.contains("ocs-root.pem"), "{out}");
    }
    // In a PFX, too, with the password that is in a file.
    fs::write(worlds.path("pw"), "secret\n").unwrap();
    let export = "export --cert ocs.pem --key ocs.key --no-chain --password-file pw -o ocs.pfx";
    assert_eq!(worlds.ocscert(export).0, 0);
    let (code, out) = worlds.ocscert("explain --serial 4f00a1b2 --in ocs.pfx --key-password-file pw");
    assert!(code == 0 && out.contains("ocs.pfx"), "{out}");
    let (code, out) = worlds.ocscert("explain --serial 4f00a1b3 --in . --format json");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, document["found"].as_array().unwrap().len()), (1, 0), "{out}");
    let (code, out) = worlds.ocscert("explain --serial pool --in ocs.pem");
    assert!(code == 2 && out.contains("hexadecimal"), "{out}");
}

/// The certificate held against the key, the request and the certificate in use, as an administrator would.
#[test]
fn verify_tells_whether_it_is_ours_what_was_asked_and_what_a_renewal_changes() {
    let Some(openssl) = peer::require("openssl") else { return };
    let worlds = Worlds::new(openssl);
    let codes = |arguments: &str| {
        let (code, out) = worlds.ocscert(&format!(
            "verify ocs.pem --pool pool.foo.com --chain ocs-root.pem {arguments} --format json"
        ));
        let document: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        let findings = document["certificates"][0]["findings"].as_array().unwrap().clone();
        let ours = ["OCS-KEY-013", "OCS-REQ"];
        let codes = findings.iter().map(|f| f["code"].as_str().unwrap().to_string());
        (code, codes.filter(|code| ours.iter().any(|o| code.starts_with(o))).collect::<Vec<_>>())
    };
    assert_eq!(codes("--csr ocs.csr --key ocs.key"), (0, vec![]));
    // Of several, its own counts.
    assert_eq!(codes("--csr imp.csr ocs.csr --key imp.key ocs.key"), (0, vec![]));
    assert_eq!(codes("--key imp.key"), (1, vec!["OCS-KEY-013".to_string()]));
    assert_eq!(codes("--csr ocs.csr --key imp.key"), (1, vec!["OCS-KEY-013".to_string()]));
    // The request of another server: its key and its name.
    assert_eq!(codes("--csr imp.csr"), (1, vec!["OCS-KEY-013".to_string(), "OCS-REQ-001".to_string()]));
    // A path alone is judged by rfc5280, and still what was asked for by flags of their own.
    assert_eq!(codes("--key imp.key --profile rfc5280"), (1, vec!["OCS-KEY-013".to_string()]));

    // The same key and request, signed again with less in it.
    fs::write(
        worlds.path("less"),
        "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:pool.foo.com\n\
         keyUsage=critical,digitalSignature,keyEncipherment\n",
    )
    .unwrap();
    fs::write(
        worlds.path("more"),
        "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:pool.foo.com,DNS:fe1.foo.com\n",
    )
    .unwrap();
    for (name, serial) in [("less", "0x51"), ("more", "0x52")] {
        worlds.must(&format!("x509 -req -in ocs.csr -CA ocs-root.pem -CAkey ocs-root.key -set_serial {serial} -days 365 -extfile {name} -out {name}.pem"));
    }
    let (code, out) =
        worlds.ocscert("verify less.pem --pool pool.foo.com --chain ocs-root.pem --previous more.pem");
    assert_eq!(code, 1, "{out}");
    for said in
        ["OCS-REQ-005", "OCS-REQ-006", "OCS-REQ-007", "fe1.foo.com (missing)", "clientAuth (in more.pem)"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(out.contains("ocscert explain OCS-EKU-001 says more"), "{out}");
    // The same certificate is no renewal, and a folder holds more than one.
    assert_eq!(codes("--previous ocs.pem"), (0, vec![]));
    fs::create_dir(worlds.path("before")).unwrap();
    for file in ["more.pem", "imp.pem"] {
        fs::copy(worlds.path(file), worlds.path("before").join(file)).unwrap();
    }
    let (_, found) = codes("--previous before");
    assert_eq!(found, ["OCS-REQ-006", "OCS-REQ-007"]);
    let (code, out) = worlds.ocscert("verify ocs.pem --chain ocs-root.pem --csr ocs.pem");
    assert!(code == 2 && out.contains("a certificate request (CSR) is needed"), "{out}");
}
