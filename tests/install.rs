//! The scripts that put things on a Windows server, run by Wine's cmd.exe with stand-ins for Windows's programs, and
//! parsed by the grammar of tree-sitter where they are PowerShell's. The PFX is opened by Wine's crypt32.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::peer;
use common::windows::Server;

/// A folder with a chain of three that openssl made, the key of the lowest, and a password file.
struct Scene {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

const ALL: [&str; 5] = ["certutil", "certreq", "icacls", "cacls", "reg"];
const SERVER_2003: [&str; 4] = ["certutil", "certreq", "cacls", "reg"];

impl Scene {
    fn new() -> Option<Self> {
        let scene = Self { folder: tempfile::tempdir().unwrap(), openssl: peer::require("openssl")? };
        let ca = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n";
        fs::write(scene.path("ca.ext"), ca).unwrap();
        fs::write(scene.path("leaf.ext"), "subjectAltName=DNS:pool.foo.com,DNS:fe1.foo.com\n").unwrap();
        fs::write(scene.path("pw"), "pass 1%wOrd&\n").unwrap();
        for name in ["root", "sub", "fe1"] {
            let subject = match name {
                // Names that would do harm, were they not made plain.
                "root" => "/CN=Root & echo %PATH% > x | \"^!",
                "sub" => "/CN='; Remove-Item $x; Ünïcode",
                _ => "/CN=pool.foo.com",
            };
            scene.openssl(
                &["req", "-newkey", "rsa:2048", "-nodes", "-utf8", "-subj", subject, "-keyout"],
                name,
            );
        }
        scene.sign("root", &["-key", "root.key"], "ca.ext");
        scene.sign("sub", &["-CA", "root.pem", "-CAkey", "root.key"], "ca.ext");
        scene.sign("fe1", &["-CA", "sub.pem", "-CAkey", "sub.key"], "leaf.ext");
        Some(scene)
    }

    fn openssl(&self, arguments: &[&str], name: &str) {
        let mut command = Command::new(&self.openssl);
        command.current_dir(self.folder.path()).args(arguments);
        command.args([&format!("{name}.key"), "-out", &format!("{name}.csr")]);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    fn sign(&self, name: &str, by: &[&str], extensions: &str) {
        let mut command = Command::new(&self.openssl);
        command
            .current_dir(self.folder.path())
            .args(["x509", "-req", "-days", "300", "-extfile", extensions]);
        command.args(["-in", &format!("{name}.csr"), "-out", &format!("{name}.pem")]).args(by);
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    fn thumbprint(&self, name: &str) -> String {
        let mut command = Command::new(&self.openssl);
        command.current_dir(self.folder.path());
        command.args(["x509", "-noout", "-fingerprint", "-sha1", "-in", &format!("{name}.pem")]);
        let out = String::from_utf8(command.output().unwrap().stdout).unwrap();
        out.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code and standard error.
    fn ocscert(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = assert_cmd::Command::cargo_bin("ocscert").unwrap();
        let ran = command.current_dir(self.folder.path()).args(arguments).output().unwrap();
        (ran.status.code().unwrap(), String::from_utf8(ran.stderr).unwrap())
    }

    /// Exports to this file, with scripts beside it.
    fn export(&self, pfx: &str, more: &[&str]) -> (i32, String) {
        let (fixed, chain) =
            (["export", "--cert", "fe1.pem", "--key", "fe1.key"], ["--chain", "sub.pem", "root.pem"]);
        let rest = ["--for", "windows2003", "--password-file", "pw", "--script", "-o", pfx];
        self.ocscert(&[&fixed[..], &chain, &rest, more].concat())
    }
}

/// The one key file there is.
fn key(server: &Server) -> String {
    let keys: Vec<_> = fs::read_dir(server.keys()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys[0].to_str().unwrap().to_string()
}

/// Every certificate goes into its own store, the key may be read by the service, and what only a person can do is
/// said. On a Windows in Japanese, and on Server 2003 as it came: no icacls, and a certutil that names no key file.
#[test]
fn a_pfx_is_installed_with_its_chain_and_again_nothing_is_done_twice() {
    let Some(scene) = Scene::new() else { return };
    let (code, err) = scene.export("fe1.foo.com.pfx", &[]);
    assert_eq!(code, 0, "{err}");
    let (root, sub, leaf) = (scene.thumbprint("root"), scene.thumbprint("sub"), scene.thumbprint("fe1"));
    for (programs, is_silent) in [(&ALL[..], false), (&ALL[..], true), (&SERVER_2003[..], true)] {
        let Some(server) = Server::new(programs) else { return };
        if is_silent {
            fs::write(server.path("silent"), "").unwrap();
            // A key that was there before is not the new one.
            fs::write(server.keys().join("0ld_key"), "").unwrap();
        }
        let ran = server.run(scene.folder.path(), "install-*.cmd", "", "pass 1%wOrd&\r\n");
        assert_eq!(ran.code, 0, "{}\n{:?}", ran.out, ran.calls);
        assert_eq!(server.list("Root"), [&*root]);
        assert_eq!(server.list("CA"), [&*sub]);
        assert_eq!(server.list("My"), [&*leaf]);
        assert_eq!(server.list("tmp"), [""; 0], "nothing is left over");
        if is_silent {
            fs::remove_file(server.keys().join("0ld_key")).unwrap();
        }
        let granted = ran.calls.last().unwrap();
        let (program, rest) = granted.split_once(' ').unwrap();
        assert_eq!(program, if programs.len() == ALL.len() { "icacls" } else { "cacls" });
        assert!(rest.contains(&key(&server)), "{granted} {}", key(&server));
        assert!(rest.ends_with(if program == "icacls" {
            "/grant RTCService:R"
        } else {
            "/E /G RTCService:R"
        }));
        for told in [&*leaf, "Select this certificate (P11)", "(P12)", "3. Delete ", "fe1.foo.com.pfx"] {
            assert!(ran.out.contains(told), "{told}\n{}", ran.out);
        }
        // Again: nothing is added. Where the key's file is not named the PFX is taken anew, to find it.
        let again = server.run(scene.folder.path(), "install-*.cmd", "\"FOO\\svc 1\"", "pass 1%wOrd&\r\n");
        assert_eq!(again.code, 0, "{}", again.out);
        let did = |verb: &str| again.calls.iter().any(|call| call.contains(verb));
        assert!(!did("-addstore"));
        assert_eq!(did("-importpfx"), is_silent);
        assert!(again.calls.last().unwrap().contains("FOO\\svc 1:R"), "{:?}", again.calls.last());
    }
}

/// A wrong password, a store that refuses, a PFX that is not there: the script says so and its exit code too,
/// although Windows's own exit codes are negative.
#[test]
fn what_fails_is_said_and_can_be_run_again() {
    let Some(scene) = Scene::new() else { return };
    assert_eq!(scene.export("fe1.foo.com.pfx", &[]).0, 0);
    let Some(server) = Server::new(&ALL) else { return };
    let install = |typed| server.run(scene.folder.path(), "install-*.cmd", "", typed);
    fs::write(server.path("denied"), "").unwrap();
    let ran = install("pass 1%wOrd&\r\n");
    assert!(ran.code == 1 && ran.out.contains("Failed. Is this an administrator's window?"), "{}", ran.out);
    assert!(!ran.calls.iter().any(|call| call.contains("-importpfx")), "not without the root");
    fs::remove_file(server.path("denied")).unwrap();
    assert_eq!(install("wrong\r\n").code, 1);
    assert_eq!(server.list("My"), [""; 0]);
    fs::rename(scene.path("fe1.foo.com.pfx"), scene.path("away")).unwrap();
    let ran = install("");
    assert!(ran.code == 2 && ran.out.contains("fe1.foo.com.pfx\" is missing"), "{}", ran.out);
    fs::rename(scene.path("away"), scene.path("fe1.foo.com.pfx")).unwrap();
    assert_eq!(install("pass 1%wOrd&\r\n").code, 0);
}

/// No name can break out of its quotes: not the folder's, not the file's, not the account's; the scripts are ASCII,
/// so that no code page changes them.
#[test]
fn hostile_names_of_folders_files_and_accounts() {
    let Some(scene) = Scene::new() else { return };
    let Some(server) = Server::new(&ALL) else { return };
    let account = "FOO\\a%PATH% & ^b!'$x`";
    for name in ["a & b", "a^b", "a!b!c", "(a) b)", "it's", "日本語 証明書", "a=b,c;d@", "a`$b"] {
        let folder = scene.path(name);
        fs::create_dir(&folder).unwrap();
        let pfx = format!("{name}/{name}.pfx");
        let (code, err) = scene.export(&pfx, &["--service-account", account, "--profile", "sfb2019"]);
        assert_eq!(code, 0, "{err}");
        for ending in ["cmd", "ps1"] {
            let text = fs::read(folder.join(format!("install-{name}.{ending}"))).unwrap();
            assert!(text.is_ascii(), "{name}");
            let text = String::from_utf8(text).unwrap();
            assert!(!text.contains("wOrd"), "no password is in it");
            assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        }
        let ran = server.run(scene.folder.path(), "install-*.cmd", "", "pass 1%wOrd&\r\n");
        assert_eq!(ran.code, 0, "{name}: {}", ran.out);
        // Wine expands what was expanded once more (the head of common/windows.rs); cmd.exe does not.
        let granted = ran.calls.last().unwrap();
        assert!(granted.starts_with("icacls") && granted.ends_with("& ^b!'$x`:R"), "{granted}");
        assert!(ran.out.contains("Set-CsCertificate -Type Default -Thumbprint"), "{}", ran.out);
        fs::remove_file(server.path("My").join(scene.thumbprint("fe1"))).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }
    scene.export("fe1.pfx", &[]);
    let named = server.run(scene.folder.path(), "install-*.cmd", "\"network service\"", "pass 1%wOrd&\r\n");
    assert!(named.calls.last().unwrap().ends_with("*S-1-5-20:R"), "{:?}", named.calls);
    for bad in ["サービス", "a\"b", ""] {
        let (code, err) = scene.export("x.pfx", &["--service-account", bad]);
        assert!(code == 2 && err.contains("account"), "{err}");
    }
}

#[test]
fn the_powershell_script_parses_whatever_is_in_it() {
    let Some(scene) = Scene::new() else { return };
    let Some(python) = peer::python() else { return };
    let parser = peer::repository().join("tests/peers/powershell.py");
    let parse = |path: &Path| Command::new(&python).arg(&parser).arg(path).output().unwrap();
    let accounts =
        [("RTCService", "ocs2007r2"), ("it's '; $x `\u{0}", "ocs2007r2"), ("NETWORK SERVICE", "lync2013")];
    for (i, (account, profile)) in accounts.iter().enumerate() {
        let account = account.trim_end_matches('\u{0}');
        for chain in [&[][..], &["--no-chain"]] {
            let pfx = format!("{i}{}.pfx", chain.len());
            let arguments = ["--service-account", account, "--profile", profile];
            let (code, err) = match chain {
                [] => scene.export(&pfx, &arguments),
                _ => scene.ocscert(
                    &[
                        &["export", "--cert", "fe1.pem", "--key", "fe1.key", "--no-chain", "--script"][..],
                        &["--password-file", "pw", "-o", &pfx],
                        &arguments,
                    ]
                    .concat(),
                ),
            };
            if account.contains(';') {
                assert!(code == 2 && err.contains("account"), "{err}");
                continue;
            }
            assert_eq!(code, 0, "{err}");
            let script = scene.path(&format!("install-{}", pfx.replace(".pfx", ".ps1")));
            let parsed = parse(&script);
            let said = String::from_utf8(parsed.stdout).unwrap();
            assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
            // What is called is what was meant: nothing of a name became a command.
            let called = "Find-Certificate New-Object Open-MachineStore Read-Host Select-Object Where-Object Write-Output";
            assert!(said.trim_end().ends_with(called), "{said}");
            // The certificates in it are those of the chain.
            let text = fs::read_to_string(&script).unwrap();
            for name in ["root", "sub"] {
                let pem = fs::read_to_string(scene.path(&format!("{name}.pem"))).unwrap();
                let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
                assert_eq!(text.contains(&format!("Data = '{base64}'")), chain.is_empty(), "{name}");
            }
        }
    }
    fs::write(scene.path("bad.ps1"), "if ($x {\n").unwrap();
    assert!(!parse(&scene.path("bad.ps1")).status.success(), "the judge can say no");
}

#[test]
fn scripts_lie_beside_a_pfx_and_replace_nothing() {
    let Some(scene) = Scene::new() else { return };
    for output in ["-", "fe1.p12", ".pfx"] {
        let (code, err) = scene.export(output, &[]);
        assert!(code == 2 && err.contains("NAME.pfx") && err.contains("hint:"), "{output}: {err}");
    }
    fs::write(scene.path("install-fe1.ps1"), "mine").unwrap();
    let (code, err) = scene.export("fe1.pfx", &[]);
    assert!(code == 2 && err.contains("install-fe1.ps1 exists already"), "{err}");
    assert!(!scene.path("fe1.pfx").exists() && !scene.path("install-fe1.cmd").exists());
    assert_eq!(fs::read_to_string(scene.path("install-fe1.ps1")).unwrap(), "mine");
    let (code, err) = scene.ocscert(&[
        "export",
        "--cert",
        "fe1.pem",
        "--key",
        "fe1.key",
        "--no-chain",
        "-o",
        "x.pfx",
        "--service-account",
        "x",
    ]);
    assert!(code == 2 && err.contains("--script"), "{err}");
    // A site's own words, and a fault in them.
    fs::create_dir(scene.path("words")).unwrap();
    fs::write(scene.path("words/install.cmd"), "@echo {{ account }}\n").unwrap();
    assert_eq!(scene.export("own.pfx", &["--templates", "words"]).0, 0);
    assert_eq!(fs::read_to_string(scene.path("install-own.cmd")).unwrap(), "@echo RTCService\r\n");
    fs::write(scene.path("words/install.cmd"), "one\n{{ nothing }}\n").unwrap();
    let (code, err) = scene.export("bad.pfx", &["--templates", "words"]);
    assert!(code == 2 && err.contains("install.cmd, line 2"), "{err}");
    assert!(!scene.path("bad.pfx").exists(), "nothing is written before all can be");
}
