//! Requests as they are typed: the gate before a CA signs (`csr --check`) over what openssl asks for in the place of
//! certreq and `cup`, and the files for keys that are born on their server (`csr --inf`): the alternative names read
//! by openssl, the script run by Wine's cmd.exe.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::peer;
use common::windows::Server;

struct Desk {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

impl Desk {
    fn new() -> Option<Self> {
        Some(Self { folder: tempfile::tempdir().unwrap(), openssl: peer::require("openssl")? })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, line: &str) -> String {
        let mut command = Command::new(&self.openssl);
        let ran = command.current_dir(self.folder.path()).args(line.split(' ')).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Exit code, standard output, standard error.
    fn ocscert(&self, line: &str) -> (i32, String, String) {
        let mut command = assert_cmd::Command::cargo_bin("ocscert").unwrap();
        let ran = command.current_dir(self.folder.path()).args(line.split(' ')).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ran.status.code().unwrap(), text(ran.stdout), text(ran.stderr))
    }

    /// The exit code and the codes of the findings that are errors.
    fn errors(&self, line: &str) -> (i32, Vec<String>) {
        let (code, out, err) = self.ocscert(&format!("csr --format json --check {line}"));
        let report: serde_json::Value =
            serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
        assert_eq!(report["schema"], "ocscert.csr-check/1");
        let findings =
            report["requests"].as_array().unwrap().iter().flat_map(|r| r["findings"].as_array().unwrap());
        let errors =
            findings.filter(|f| f["severity"] == "error").map(|f| f["code"].as_str().unwrap().to_string());
        (code, errors.collect())
    }
}

/// The same request is right for one side and product and wrong for another.
#[test]
fn the_gate_says_what_a_ca_should_not_sign() {
    let Some(desk) = Desk::new() else { return };
    assert_eq!(desk.ocscert("csr --pool pool.foo.com --front-end fe1.foo.com").0, 0);
    let none: [&str; 0] = [];
    assert_eq!(desk.errors("fe1.foo.com.csr --pool pool.foo.com"), (0, none.map(String::from).to_vec()));
    let wrong = |line: &str, code: &str| {
        let (exit, errors) = desk.errors(line);
        assert!(exit == 1 && errors.iter().any(|found| found == code), "{line}: {exit} {errors:?}");
    };
    wrong("fe1.foo.com.csr --server fe1.foo.com", "OCS-NAM-001");
    wrong("fe1.foo.com.csr --name DNS:sip.foo.com", "OCS-NAM-004");
    let new = "req -new -newkey rsa:2048 -nodes -keyout x.key -subj /CN=pool.foo.com -addext";
    desk.openssl(&format!("{new} extendedKeyUsage=serverAuth -out server.csr"));
    wrong("server.csr --pool pool.foo.com", "OCS-EKU-001");
    desk.openssl(&format!("{new} subjectAltName=DNS:fe1.foo.com -out san.csr"));
    wrong("san.csr --pool pool.foo.com", "OCS-NAM-003");
    desk.openssl("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout e.key -subj /CN=pool.foo.com -out ec.csr");
    wrong("ec.csr --pool pool.foo.com", "OCS-KEY-007");
    // Lync takes it, with a warning, but wants the front end's own name.
    assert_eq!(desk.errors("ec.csr --name DNS:pool.foo.com --profile sfb2019 --crypto legacy").0, 0);

    // What a node asks for itself: four key usages, and IPsec beside the two.
    let cup = "req -new -newkey rsa:2048 -nodes -keyout c.key -subj /CN=imp1.foo.com \
               -addext subjectAltName=DNS:imp1.foo.com \
               -addext extendedKeyUsage=serverAuth,clientAuth,ipsecEndSystem \
               -addext keyUsage=digitalSignature,keyEncipherment,dataEncipherment,keyAgreement -out cup.csr";
    desk.openssl(&cup.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(desk.errors("cup.csr --side imp --name DNS:imp1.foo.com").0, 0);
    let (code, out, _) = desk.ocscert("csr --check cup.csr --side imp --name DNS:imp1.foo.com");
    assert!(code == 0 && !out.contains("warning"), "{out}");
    let (_, out, _) = desk.ocscert("csr --check cup.csr --name DNS:imp1.foo.com");
    assert!(out.contains("OCS-EKU-007"), "{out}");

    // Several: all are told, the worst last; a file that is none is no answer at all.
    let (code, out, _) = desk.ocscert("csr --check server.csr fe1.foo.com.csr --pool pool.foo.com");
    let place = |name: &str| out.find(name).unwrap();
    assert!(code == 1 && place("fe1.foo.com.csr") < place("server.csr"), "{out}");
    assert!(
        out.contains("2 requests: 1 valid, 1 invalid") && out.lines().all(|l| l.chars().count() <= 80),
        "{out}"
    );
    let (code, _, err) = desk.ocscert("csr --check x.key");
    assert!(code == 2 && err.contains("x.key"), "{err}");
    let (code, out, _) = desk.ocscert("csr --check fe1.foo.com.csr -o answer.txt");
    assert!(code == 0 && out.is_empty());
    assert!(fs::read_to_string(desk.path("answer.txt")).unwrap().contains("no name was given"));
    for line in ["--side imp --server a.foo.com", "--org Foo", "--inf", "--pool a.foo.com --server b.foo.com"]
    {
        assert_eq!(desk.ocscert(&format!("csr --check fe1.foo.com.csr {line}")).0, 2, "{line}");
    }
    for line in ["--format json", "--side imp", "--csp X", "--profile lync2013", "--service-account X"] {
        let (code, _, err) = desk.ocscert(&format!("csr --server ocs9.foo.com {line}"));
        assert!(code == 2 && !desk.path("ocs9.foo.com.csr").exists(), "{line}: {err}");
    }
}

/// The alternative names of the INF, decoded by openssl; the rest of it is read in the unit tests of make/inf.rs.
#[test]
fn an_inf_holds_the_names_as_openssl_reads_them() {
    let Some(desk) = Desk::new() else { return };
    let line = "csr --pool pool.foo.com --front-end fe1.foo.com fe2.foo.com --san 10.1.2.3 2001:db8::1 \
                --sip-domain foo.com --inf --csp Microsoft_Enhanced -o out";
    let (code, out, err) = desk.ocscert(&line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(code == 0 && out.contains("out/fe2.foo.com.inf   out/request-fe2.foo.com.cmd"), "{out}{err}");
    let inf = fs::read_to_string(desk.path("out/fe2.foo.com.inf")).unwrap();
    let base64 = inf.lines().find_map(|line| line.strip_prefix("2.5.29.17=\"")?.strip_suffix('"')).unwrap();
    fs::write(desk.path("san.der"), STANDARD.decode(base64).unwrap()).unwrap();
    let printed = desk.openssl("asn1parse -inform DER -in san.der");
    let values: Vec<&str> =
        printed.lines().skip(1).map(|line| line.split("prim: ").nth(1).unwrap()).collect();
    let shown: Vec<String> =
        values.iter().map(|v| v.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(shown.len(), 5, "{printed}");
    // [2] dNSName, three times; [7] iPAddress, of 4 and of 16 bytes.
    assert!(shown.iter().take(3).all(|value| value.starts_with("cont [ 2 ]")), "{printed}");
    assert!(shown.iter().skip(3).all(|value| value.starts_with("cont [ 7 ]")), "{printed}");
    let der = fs::read(desk.path("san.der")).unwrap();
    for bytes in
        [&b"pool.foo.com"[..], b"fe2.foo.com", b"sip.foo.com", &[0x87, 4, 10, 1, 2, 3], &[0x20, 1, 0xd, 0xb8]]
    {
        assert!(der.windows(bytes.len()).any(|part| part == bytes), "{bytes:?}");
    }
    assert!(inf.contains("ProviderType=1\r\n") && inf.contains("ProviderName=\"Microsoft_Enhanced\""));
    let (code, _, err) = desk.ocscert("csr --server ocs1.foo.com --inf --key-type p256");
    assert!(code == 2 && err.contains("elliptic"), "{err}");
    let (code, _, err) = desk.ocscert("csr --pool pool.foo.com --front-end fe1.foo.com --inf -o out");
    assert!(code == 2 && err.contains("exists already"), "{err}");
}

/// From the key to the certificate, on a server of 2003 and on a later one.
#[test]
fn a_key_is_born_on_its_server_and_the_service_may_read_it() {
    let Some(desk) = Desk::new() else { return };
    assert_eq!(desk.ocscert("csr --pool pool.foo.com --front-end fe1.foo.com --inf --profile lync2013").0, 0);
    for programs in [&["certutil", "certreq", "icacls", "reg"][..], &["certutil", "certreq", "cacls", "reg"]]
    {
        let Some(server) = Server::new(programs) else { return };
        let here = server.path("here & there");
        fs::create_dir(&here).unwrap();
        for file in ["fe1.foo.com.inf", "request-fe1.foo.com.cmd"] {
            fs::copy(desk.path(file), here.join(file)).unwrap();
        }
        let run = |arguments: &str| server.run(&server.path(""), "request-*.cmd", arguments, "");
        let ran = run("new");
        assert_eq!(ran.code, 0, "{}", ran.out);
        let key = fs::read_dir(server.keys()).unwrap().next().unwrap().unwrap().file_name();
        let granted = ran.calls.last().unwrap();
        assert!(granted.contains(key.to_str().unwrap()), "{granted}");
        let who = if programs.contains(&"icacls") { "/grant *S-1-5-20:R" } else { "/G NETWORK SERVICE:R" };
        assert!(granted.ends_with(who), "{granted}");
        assert!(here.join("fe1.foo.com.csr").exists());
        // A second key would make the answer to the first request worthless.
        let again = run("new");
        assert!(again.code == 2 && again.out.contains("exists already"), "{}", again.out);
        assert_eq!(run("accept").code, 2);
        assert_eq!(run("").code, 2);
        assert_eq!(run("submit").code, 2);
        // It pends first, an administrator issues it, then it is fetched.
        fs::write(server.path("denied"), "").unwrap();
        let pending = run("submit \"ca.foo.com\\Foo CA\"");
        assert!(pending.code == 3 && pending.out.contains("retrieve"), "{}", pending.out);
        let fetched = run("retrieve 17 \"ca.foo.com\\Foo CA\"");
        assert_eq!(fetched.code, 0, "{}", fetched.out);
        let asked = fetched.calls.last().unwrap();
        assert!(asked.starts_with("certreq -retrieve -config ca.foo.com\\Foo CA 17 "), "{asked}");
        let accepted = run("accept");
        assert!(accepted.code == 0 && accepted.out.contains("(P11)"), "{}", accepted.out);
        assert!(accepted.calls.last().unwrap().starts_with("certreq -accept "));
    }
}
