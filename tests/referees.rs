//! Three judges of the same certificates: this tool, rustls-webpki and openssl. Where they differ the reason
//! stands in a table, and a row that no longer differs fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt as _;
use common::peer;
use serde_json::Value;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// A chain: what is made, and what each judge has to say to it as (server, client).
struct Row {
    says: &'static str,
    /// Extensions of the leaf, of the intermediate; what else is different.
    leaf: &'static str,
    middle: &'static str,
    twist: Twist,
    /// Whether a server, and a client, with this certificate is to be accepted.
    accepted: (bool, bool),
    /// Judges that see it otherwise, and why.
    differs: &'static [(Judge, &'static str)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Twist {
    None,
    /// The intermediate is not at hand.
    NoMiddle,
    /// The root that is trusted is another one of the same name.
    OtherRoot,
    /// Judged 20 years from now.
    Late,
    /// Judged a day ago.
    Early,
    /// The last byte of the leaf's signature is changed.
    Forged,
    /// The leaf is signed by the root itself, which allows no CA below it.
    Direct,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judge {
    Webpki,
    Openssl,
}

const LEAF: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:pool.foo.com\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash";
const MIDDLE: &str = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash";

const fn row(says: &'static str, leaf: &'static str, middle: &'static str, accepted: (bool, bool)) -> Row {
    Row { says, leaf, middle, twist: Twist::None, accepted, differs: &[] }
}

const fn twisted(says: &'static str, twist: Twist, accepted: (bool, bool)) -> Row {
    Row { says, leaf: LEAF, middle: MIDDLE, twist, accepted, differs: &[] }
}

const ROWS: &[Row] = &[
    row("a good chain", LEAF, MIDDLE, (true, true)),
    twisted("the intermediate is missing", Twist::NoMiddle, (false, false)),
    twisted("the trusted root has the right name and another key", Twist::OtherRoot, (false, false)),
    twisted("everything has expired", Twist::Late, (false, false)),
    twisted("nothing is valid yet", Twist::Early, (false, false)),
    twisted("the signature was changed", Twist::Forged, (false, false)),
    twisted("the root signed the leaf itself", Twist::Direct, (true, true)),
    row(
        "server authentication alone",
        "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:pool.foo.com\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        MIDDLE,
        (true, false),
    ),
    row(
        "client authentication alone",
        "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth\nsubjectAltName=DNS:pool.foo.com\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        MIDDLE,
        (false, true),
    ),
    row(
        "the intermediate is limited to servers",
        LEAF,
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        (true, false),
    ),
    row(
        "an intermediate that says it is no CA",
        LEAF,
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        (false, false),
    ),
    row(
        "an intermediate without basic constraints",
        LEAF,
        "keyUsage=critical,keyCertSign\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        (false, false),
    ),
    Row {
        differs: &[(Judge::Webpki, "it does not look at the key usage of CAs (RFC 5280 section 6.1.4 n)")],
        ..row(
            "an intermediate that may not sign certificates",
            LEAF,
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
            (false, false),
        )
    },
    row(
        "names that the intermediate may issue for",
        LEAF,
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nnameConstraints=critical,permitted;DNS:foo.com\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        (true, true),
    ),
    row(
        "names that the intermediate may not issue for",
        LEAF,
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nnameConstraints=critical,excluded;DNS:foo.com\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        (false, false),
    ),
    row(
        "a critical extension that nobody knows",
        "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:pool.foo.com\n1.2.3.4.5=critical,DER:0500\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash",
        MIDDLE,
        (false, false),
    ),
];

/// A folder where openssl makes things.
struct Bench {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

impl Bench {
    fn new(openssl: PathBuf) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), openssl }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn openssl(&self, line: &str) -> std::process::Output {
        Command::new(&self.openssl).args(line.split(' ')).current_dir(self.folder.path()).output().unwrap()
    }

    #[track_caller]
    fn must(&self, line: &str) -> String {
        let output = self.openssl(line);
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn root(&self, name: &str) {
        self.must(&format!("req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -subj /CN=Root -days 3650 -addext keyUsage=critical,keyCertSign,cRLSign"));
    }

    fn issue(&self, name: &str, issuer: &str, extensions: &str) {
        fs::write(self.path("ext"), extensions).unwrap();
        self.must(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.must(&format!("x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -days 365 -sha256 -extfile ext -out {name}.pem"));
    }

    fn der(&self, name: &str) -> Vec<u8> {
        let pem = fs::read(self.path(&format!("{name}.pem"))).unwrap();
        let contents = ocscert::model::read(&pem);
        contents.certificates().next().unwrap().der().to_vec()
    }

    fn ocscert(&self, arguments: &[&str]) -> std::process::Output {
        Command::cargo_bin("ocscert")
            .unwrap()
            .args(arguments)
            .arg("--no-input")
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }
}

/// One judge's answer: is a server (or client) with `leaf.pem` accepted?
fn ours(bench: &Bench, purpose: &str, at: i64) -> bool {
    let at = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
    let at = at.format(&time::format_description::well_known::Rfc3339).unwrap();
    let output = bench.ocscert(&[
        "verify",
        "leaf.pem",
        "--chain",
        "middle.pem",
        "--roots",
        "root.pem",
        "--profile",
        "rfc5280",
        "--name",
        "DNS:pool.foo.com",
        "--purpose",
        purpose,
        "--at",
        &at,
    ]);
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn openssls(bench: &Bench, purpose: &str, at: i64) -> bool {
    let line = format!(
        "verify -x509_strict -no-CApath -no-CAstore -purpose ssl{purpose} -verify_hostname pool.foo.com -attime {at} -CAfile root.pem -untrusted middle.pem leaf.pem"
    );
    bench.openssl(&line).status.success()
}

fn webpkis(bench: &Bench, purpose: &str, at: i64) -> bool {
    let (leaf, middle, root) = (bench.der("leaf"), bench.der("middle"), bench.der("root"));
    let (leaf, middle, root) = (leaf.into(), middle.into(), root.into());
    let Ok(leaf) = EndEntityCert::try_from(&leaf) else { return false };
    let anchors = [anchor_from_trusted_cert(&root).unwrap()];
    let usage = if purpose == "server" { KeyUsage::server_auth() } else { KeyUsage::client_auth() };
    let at = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.unsigned_abs()));
    let name = rustls_pki_types::ServerName::try_from("pool.foo.com").unwrap();
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[middle], at, usage, None, None).is_ok()
        && leaf.verify_is_valid_for_subject_name(&name).is_ok()
}

#[test]
fn three_judges_agree_or_the_reason_is_written() {
    let Some(openssl) = peer::require("openssl") else { return };
    // In an hour: what is made below begins now.
    let now = time::OffsetDateTime::now_utc().unix_timestamp() + 3600;
    for row in ROWS {
        let bench = Bench::new(openssl.clone());
        bench.root("root");
        bench.issue("middle", "root", row.middle);
        bench.issue("leaf", if row.twist == Twist::Direct { "root" } else { "middle" }, row.leaf);
        let mut at = now;
        match row.twist {
            Twist::None | Twist::Direct => {}
            Twist::NoMiddle => drop(fs::copy(bench.path("root.pem"), bench.path("middle.pem")).unwrap()),
            Twist::OtherRoot => bench.root("root"),
            Twist::Late => at += 20 * 365 * 86_400,
            Twist::Early => at -= 86_400,
            Twist::Forged => {
                let mut der = bench.der("leaf");
                *der.last_mut().unwrap() ^= 1;
                let text = ocscert::model::container::pem("CERTIFICATE", &der);
                fs::write(bench.path("leaf.pem"), text).unwrap();
            }
        }
        for (purpose, accepted) in [("server", row.accepted.0), ("client", row.accepted.1)] {
            assert_eq!(ours(&bench, purpose, at), accepted, "ours: {} as {purpose}", row.says);
            for (judge, answer) in [
                (Judge::Webpki, webpkis(&bench, purpose, at)),
                (Judge::Openssl, openssls(&bench, purpose, at)),
            ] {
                match row.differs.iter().find(|(other, _)| *other == judge) {
                    None => assert_eq!(answer, accepted, "{judge:?}: {} as {purpose}", row.says),
                    Some((_, why)) => {
                        assert_ne!(
                            answer, accepted,
                            "stale: {judge:?} no longer differs on \"{}\" ({why})",
                            row.says
                        );
                    }
                }
            }
        }
    }
}

/// Every certificate that Debian ships is read, and what `inspect` says of it is what openssl says.
#[test]
fn every_public_root_is_read_as_openssl_reads_it() {
    let Some(openssl) = peer::require("openssl") else { return };
    let Some(bundle) = peer::file("/etc/ssl/certs/ca-certificates.crt") else { return };
    let bench = Bench::new(openssl);
    let bundle = fs::read_to_string(bundle).unwrap();
    fs::write(bench.path("all.pem"), &bundle).unwrap();
    let output = bench.ocscert(&["inspect", "all.pem", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects = document["files"][0]["objects"].as_array().unwrap();
    assert_eq!(document["files"][0]["problems"].as_array().unwrap().len(), 0);
    let blocks: Vec<&str> = bundle.split_inclusive("-----END CERTIFICATE-----\n").collect();
    assert!(blocks.len() > 100, "{} certificates in the bundle", blocks.len());
    assert_eq!(objects.len(), blocks.len());
    for (block, object) in blocks.iter().zip(objects) {
        fs::write(bench.path("one.pem"), block).unwrap();
        let said =
            bench.must("x509 -in one.pem -noout -serial -fingerprint -sha256 -enddate -dateopt iso_8601");
        let field = |name: &str| {
            let line = said
                .lines()
                .find(|line| line.to_lowercase().starts_with(name))
                .unwrap_or_else(|| panic!("{name}: {said}"));
            line.split_once('=').unwrap().1.to_string()
        };
        let plain = |text: &str| text.replace(':', "").to_lowercase();
        assert_eq!(object["defects"].as_array().unwrap().len(), 0, "{object}");
        assert_eq!(object["sha256"], plain(&field("sha256 fingerprint")));
        let serial = plain(&field("serial"));
        assert_eq!(
            object["serial"].as_str().unwrap().trim_start_matches('0'),
            serial.trim_start_matches('0')
        );
        assert_eq!(object["not_after"].as_str().unwrap(), field("notafter").replace(' ', "T"));
        assert_eq!(object["ca"], true);
    }
}

/// Our requests, of every kind of key and with all that they can hold, are read by openssl and signed by CAs of
/// openssl and GnuTLS; what they issue is accepted by us and by openssl, as server and as client.
#[test]
fn other_peoples_cas_sign_our_requests() {
    let (Some(openssl), Some(certtool)) = (peer::require("openssl"), peer::require("certtool")) else {
        return;
    };
    let bench = Bench::new(openssl);
    bench.root("root");
    for kind in ["rsa2048", "rsa3072", "rsa4096", "p256", "p384"] {
        let output = bench.ocscert(&[
            "csr",
            "--overwrite",
            "--pool",
            "pool.foo.com",
            "--front-end",
            "fe1.foo.com",
            "--san",
            "10.1.2.3",
            "プール.example",
            "--sip-domain",
            "foo.com",
            "--org",
            "株式会社フー",
            "--ou",
            "IT",
            "--ou",
            "音声",
            "--country",
            "JP",
            "--email",
            "pki@foo.com",
            "--key-type",
            kind,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let said = bench.must("req -in fe1.foo.com.csr -noout -verify -text -nameopt utf8,sep_comma_plus");
        for part in [
            "O=株式会社フー,OU=IT,OU=音声,CN=pool.foo.com",
            "DNS:pool.foo.com, DNS:fe1.foo.com, DNS:sip.foo.com, IP Address:10.1.2.3, DNS:xn--udkxb9b.example",
            "TLS Web Server Authentication, TLS Web Client Authentication",
        ] {
            assert!(said.contains(part), "{kind}: no \"{part}\" in {said}");
        }
        let key_usage = if kind.starts_with("rsa") {
            "Digital Signature, Key Encipherment\n"
        } else {
            "Digital Signature\n"
        };
        assert!(said.contains(key_usage), "{kind}: {said}");
        bench.must("x509 -req -in fe1.foo.com.csr -CA root.pem -CAkey root.key -CAcreateserial -days 90 -copy_extensions copyall -out issued.pem");
        judged(&bench, kind);

        fs::write(bench.path("template"), "expiration_days = 90\nhonor_crq_extensions\n").unwrap();
        let ran = Command::new(&certtool)
            .args("--generate-certificate --load-request fe1.foo.com.csr --load-ca-certificate root.pem --load-ca-privkey root.key --template template --outfile issued.pem".split(' '))
            .current_dir(bench.folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        judged(&bench, kind);
    }
}

fn judged(bench: &Bench, kind: &str) {
    for purpose in ["server", "client"] {
        bench.must(&format!("verify -x509_strict -CAfile root.pem -purpose ssl{purpose} issued.pem"));
        // What OCS 2007 R2 makes of EC keys is another question than whether the chain holds.
        let profile = if kind.starts_with("rsa") { "ocs2007r2" } else { "rfc5280" };
        let output = bench.ocscert(&[
            "verify",
            "issued.pem",
            "--chain",
            "root.pem",
            "--pool",
            "pool.foo.com",
            "--purpose",
            purpose,
            "--profile",
            profile,
        ]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{kind} {purpose}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

/// What we export is read by openssl, Java, NSS, GnuTLS and python cryptography, with its key, its whole chain and
/// what Windows needs beside the key; and we read it ourselves.
#[test]
fn our_pfx_is_read_by_everybody_else() {
    let Some(openssl) = peer::require("openssl") else { return };
    let bench = Bench::new(openssl);
    bench.root("root");
    bench.issue("middle", "root", MIDDLE);
    bench.issue("leaf", "middle", LEAF);
    for (target, scheme) in [
        ("windows2003", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000"),
        ("windows2016", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2000"),
        ("modern", "PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256"),
    ] {
        for password in ["pässwort 1", "パスワード", "password 1"] {
            read_by_everybody(&bench, target, scheme, password);
        }
    }
}

fn read_by_everybody(bench: &Bench, target: &str, scheme: &str, password: &str) {
    fs::write(bench.path("pw"), format!("{password}\n")).unwrap();
    let export = [
        "export",
        "--overwrite",
        "--cert",
        "leaf.pem",
        "--key",
        "leaf.key",
        "--chain",
        "root.pem",
        "middle.pem",
        "--for",
        target,
        "--password-file",
        "pw",
        "-o",
        "leaf.pfx",
    ];
    let output = bench.ocscert(&export);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = bench.openssl("pkcs12 -in leaf.pfx -passin file:pw -nodes -info");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{target} {password}: {said}");
    assert_eq!(said.matches(scheme).count(), 2, "certificates and key, {target}: {said}");
    assert_eq!(said.matches("BEGIN CERTIFICATE").count(), 3, "{said}");
    assert_eq!(said.matches("localKeyID").count(), 2, "leaf and key are tied together: {said}");
    for needed in [
        "Microsoft Local Key set: <No Values>",
        "Microsoft CSP Name: Microsoft RSA SChannel Cryptographic Provider",
        "X509v3 Key Usage: 10",
        "friendlyName: leaf",
    ] {
        assert!(said.contains(needed), "{target}: no {needed}: {said}");
    }
    if let Some(python) = peer::python() {
        let script = "import sys; from cryptography.hazmat.primitives.serialization import pkcs12; \
                      p = pkcs12.load_pkcs12(open(sys.argv[1],'rb').read(), sys.argv[2].encode()); \
                      print(p.cert.certificate.subject.rfc4514_string(), len(p.additional_certs), p.key.key_size, p.cert.friendly_name.decode())";
        let ran = Command::new(python)
            .args(["-c", script])
            .arg(bench.path("leaf.pfx"))
            .arg(password)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).trim().to_string();
        assert_eq!(
            said,
            "CN=leaf 2 2048 leaf",
            "{target} {password}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    // keytool refuses passwords that are not ASCII.
    if let (true, Some(keytool)) = (password.is_ascii(), peer::require("keytool")) {
        let line = ["-list", "-v", "-storetype", "PKCS12", "-storepass", password, "-keystore", "leaf.pfx"];
        let listed = run_in(bench.folder.path(), &keytool, &line);
        assert!(listed.contains("Certificate chain length: 3"), "{target}: {listed}");
        assert!(listed.contains("Alias name: leaf"), "{target}: {listed}");
    }
    if let Some(pk12util) = peer::require("pk12util") {
        let listed = run_in(bench.folder.path(), &pk12util, &["-l", "leaf.pfx", "-W", password]);
        assert_eq!(listed.matches("Serial Number:").count(), 3, "{target} {password}: {listed}");
        assert!(listed.contains("Friendly Name: leaf"), "{target} {password}: {listed}");
    }
    if let Some(certtool) = peer::require("certtool") {
        let line = ["--p12-info", "--inder", "--password", password, "--infile", "leaf.pfx"];
        let listed = run_in(bench.folder.path(), &certtool, &line);
        assert_eq!(listed.matches("BEGIN CERTIFICATE").count(), 3, "{target} {password}: {listed}");
        assert!(listed.contains("Friendly name: leaf"), "{target} {password}: {listed}");
    }
    let output = bench.ocscert(&["inspect", "leaf.pfx", "--key-password-file", "pw", "--format", "json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kinds: Vec<&str> = document["files"][0]["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["certificate", "certificate", "certificate", "private-key"], "{target} {password}");
    let key = &document["files"][0]["objects"][3];
    assert_eq!(key["key_spec"], "AT_KEYEXCHANGE");
    assert_eq!(key["origin"]["friendly_name"], "leaf");
    assert_eq!(key["origin"]["csp"], "Microsoft RSA SChannel Cryptographic Provider");
    assert_eq!(key["origin"]["machine_key_set"], true);
    let codes: Vec<&str> = document["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect();
    // No system takes everything: IM and Presence takes no PFX, Java no other characters than ASCII.
    let mut expected = vec!["OCS-CON-013"];
    if !password.is_ascii() {
        expected.push("OCS-CON-006");
    }
    if target == "modern" {
        expected.extend(["OCS-CON-002", "OCS-CON-015"]);
    }
    expected.sort_unstable();
    let mut codes = codes;
    codes.sort_unstable();
    assert_eq!(codes, expected, "{target} {password}");
}

/// PFX files as others write them are read: every certificate and the key; a wrong password is called that.
#[test]
fn other_peoples_pfx_are_read() {
    let (Some(openssl), Some(keytool)) = (peer::require("openssl"), peer::require("keytool")) else { return };
    let bench = Bench::new(openssl);
    bench.root("root");
    bench.issue("leaf", "root", LEAF);
    for (name, options) in [
        ("new", ""),
        ("old", "-legacy "),
        ("exchange", "-keyex "),
        ("windows", "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 "),
        ("open", "-nomac "),
    ] {
        let files =
            format!("-in leaf.pem -inkey leaf.key -certfile root.pem -passout pass:secret1 -out {name}.pfx");
        bench.must(&format!("pkcs12 -export {options}{files}"));
    }
    let line = "-importkeystore -srckeystore new.pfx -srcstoretype PKCS12 -srcstorepass secret1 -destkeystore java.pfx -deststoretype PKCS12 -deststorepass secret1";
    let words: Vec<&str> = line.split(' ').collect();
    let ran = Command::new(keytool).args(words).current_dir(bench.folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    fs::write(bench.path("pw"), "secret1\n").unwrap();
    fs::write(bench.path("wrong"), "secret2\n").unwrap();
    for name in ["new", "old", "exchange", "windows", "open", "java"] {
        let file = format!("{name}.pfx");
        let verify = ["verify", &file, "--key-password-file", "pw", "--chain", &file, "--profile", "rfc5280"];
        let output = bench.ocscert(&verify);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let output = bench.ocscert(&[
            "csr",
            "--server",
            "a.foo.com",
            "--overwrite",
            "--key",
            &file,
            "--key-password-file",
            "pw",
        ]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let output = bench.ocscert(&["inspect", &file, "--key-password-file", "wrong"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("password does not open") && said.contains(&file), "{name}: {said}");
        let output = bench.ocscert(&["verify", &file, "--chain", "root.pem"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("--key-password-file"), "{name}: {said}");
    }
}

fn run_in(folder: &Path, program: &Path, arguments: &[&str]) -> String {
    let ran = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// The .p7b that we write is read by openssl and is, byte for byte, what python cryptography writes; the folders
/// for the two sides' stores keep roots and intermediates apart.
#[test]
fn bundles_for_windows_and_for_cup_trust() {
    let Some(openssl) = peer::require("openssl") else { return };
    let bench = Bench::new(openssl);
    bench.root("root");
    bench.issue("middle", "root", MIDDLE);
    bench.issue("leaf", "middle", LEAF);
    let ran = |line: &str| {
        let output = bench.ocscert(&line.split(' ').collect::<Vec<_>>());
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let (code, said) = ran("bundle root.pem leaf.pem middle.pem --for p7b -o all.p7b");
    assert_eq!(code, Some(0), "{said}");
    let printed = bench.must("pkcs7 -inform DER -in all.p7b -print_certs -noout");
    assert_eq!(printed.matches("subject=").count(), 3, "{printed}");
    if let Some(python) = peer::python() {
        let script = "import sys; from cryptography import x509; from cryptography.hazmat.primitives.serialization import pkcs7, Encoding; \
                      c = [x509.load_pem_x509_certificate(open(f,'rb').read()) for f in ('leaf.pem','middle.pem','root.pem')]; \
                      open('theirs.p7b','wb').write(pkcs7.serialize_certificates(c, Encoding.DER))";
        let ran =
            Command::new(python).args(["-c", script]).current_dir(bench.folder.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(fs::read(bench.path("all.p7b")).unwrap(), fs::read(bench.path("theirs.p7b")).unwrap());
    }

    let (code, said) = ran("bundle all.p7b root.pem --for ocs -o stores");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("left out, no CA certificate: leaf") && said.contains("left out, twice: Root"),
        "{said}"
    );
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(bench.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let (roots, intermediates) = (names("stores/roots"), names("stores/intermediates"));
    assert!(
        matches!(roots.as_slice(), [one] if one.starts_with("root-") && one.ends_with(".cer")),
        "{roots:?}"
    );
    assert!(matches!(intermediates.as_slice(), [one] if one.starts_with("middle-")), "{intermediates:?}");
    let root = fs::read(bench.path("stores/roots").join(&roots[0])).unwrap();
    assert_eq!(root, bench.der("root"), "DER, as Windows likes it");

    let (code, said) = ran("bundle middle.pem root.pem --for imp -o cup-trust");
    assert_eq!(code, Some(0), "{said}");
    let uploads = names("cup-trust");
    assert!(uploads[0].starts_with("01-root-") && uploads[1].starts_with("02-middle-"), "{uploads:?}");
    assert!(said.contains("Cisco SIP Proxy"), "{said}");

    // What the store holds already is not written again; what would spoil it is an error.
    let (code, said) = ran("bundle all.p7b --for ocs --existing root.pem -o more");
    assert!(code == Some(0) && said.contains("left out, there already: Root"), "{said}");
    assert!(!bench.path("more/roots").exists() && names("more/intermediates").len() == 1);
    let (code, said) = ran("bundle all.p7b --for ocs --existing root.pem middle.pem -o none");
    assert!(
        code == Some(1) && said.contains("OCS-STO-002") && said.contains("nothing is to be added"),
        "{said}"
    );
    let (code, said) = ran("bundle all.p7b --for imp --existing root.pem middle.pem -o none");
    assert!(code == Some(0) && !said.contains("OCS-STO"), "{said}");
    let (code, said) = ran("bundle all.p7b --existing root.pem -o chain.pem");
    assert!(code == Some(2) && said.contains("--for ocs"), "{said}");

    let (code, said) = ran("bundle middle.pem --for ocs -o partial");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("missing: no root"), "{said}");
    assert_eq!(ran("bundle middle.pem --for imp").0, Some(2));
}
