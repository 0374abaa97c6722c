//! `ocscert enroll` and `status` as they are typed, against the lab CA, whose record says how often it was asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use assert_cmd::cargo::CommandCargoExt as _;
use common::lab::options;
use common::{browser, peer};
use ocscert::edge;
use ocscert::edge::auth::Auth;
use ocscert::edge::certsrv::{CaUrl, Session};
use ocscert::edge::secrets::Password;
use ocscert::findings::status::Stage;
use ocscert::flow::enroll::{Run, enroll};
use ocscert::flow::rehearse::Stage as _;
use ocscert::flow::site::Site;
use ocscert::lab::{self, Running};
use ocscert::make::template::Templates;
use ocscert::model::container::{label, pem};
use ocscert::model::{Fqdn, Request};
use time::{Duration, OffsetDateTime};

/// A Standard Edition server and a pool of two front ends; `CA` and `MORE` are filled in.
const FILE: &str = r#"
[federation]
sip_domain = "foo.com"
[[ocs.standard]]
fqdn = "ocs1.foo.com"
ip = "10.1.10.100"
[[ocs.pool]]
fqdn = "pool.foo.com"
front_ends = [{ fqdn = "fe1.foo.com", ip = "10.1.10.101" }, { fqdn = "fe2.foo.com", ip = "10.1.10.102" }]
[[imp.node]]
fqdn = "imp1.foo.com"
ip = "10.1.10.20"
#node
CA
[defaults]
pfx = "windows2003"
pfx_password_file = "pw"
#more
"#;

const SERVERS: [&str; 3] = ["ocs1.foo.com", "fe1.foo.com", "fe2.foo.com"];

/// A lab CA, and a desk with the file `site.toml`.
struct Scene {
    folder: tempfile::TempDir,
    lab: Running,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab::start(&options(&folder.path().join("lab"))).unwrap();
        fs::write(folder.path().join("pw"), "s3cret\n").unwrap();
        let scene = Self { folder, lab };
        scene.write(&scene.file());
        scene
    }

    fn file(&self) -> String {
        let ca =
            format!("[ca]\nkind = \"microsoft-standalone\"\nurl = \"{}\"\nallow_http = true", self.lab.url());
        FILE.replace("CA\n", &format!("{ca}\n"))
    }

    fn write(&self, text: &str) {
        fs::write(self.path("site.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn of(&self, server: &str, ending: &str) -> PathBuf {
        self.path(&format!("site/{server}/{server}.{ending}"))
    }

    /// Runs the program at the desk; exit code, and all it said.
    fn ocscert(&self, arguments: &[&str]) -> (i32, String) {
        let out = self.command(arguments).output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        (out.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.args(arguments).arg("--no-input").current_dir(self.folder.path());
        command
    }

    fn enroll(&self) -> (i32, String) {
        self.ocscert(&["enroll", "site.toml"])
    }

    fn status(&self) -> serde_json::Value {
        let out = self.command(&["status", "site.toml", "--format", "json"]).output().unwrap();
        serde_json::from_slice(&out.stdout).unwrap()
    }

    fn issue(&self) -> usize {
        self.lab.issue_pending().unwrap()
    }

    fn asked(&self) -> usize {
        self.lab.ca().requests().len()
    }

    /// Everything that a run may write, with its time and content.
    fn disk(&self) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
        let mut folders = vec![self.path("site")];
        let mut files = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let time = fs::metadata(&path).unwrap().modified().unwrap();
                    let bytes = fs::read(&path).unwrap();
                    files.insert(path, (time, bytes));
                }
            }
        }
        files
    }

    /// All three servers from nothing to ready.
    fn ready(&self) {
        assert_eq!(self.enroll().0, 3);
        self.issue();
        let (code, said) = self.enroll();
        assert_eq!(code, 0, "{said}");
    }
}

/// Runs in this process at another moment than now.
fn enroll_at(scene: &Scene, at: OffsetDateTime) -> Vec<(String, Stage, Option<Stage>)> {
    let file = scene.path("site.toml");
    let (federation, layout) = edge::federation::open(&file).unwrap();
    let site = Site::open(federation, layout, &file, at).unwrap();
    let url = CaUrl::parse(&scene.lab.url()).unwrap();
    let connect = || {
        let options = edge::http::Options { roots: Vec::new(), timeout: std::time::Duration::from_secs(30) };
        Session::new(url.clone(), Auth::Anonymous, &options)
    };
    let failures = enroll(Run {
        site: &site,
        servers: site.federation.servers(),
        connect: Some(&connect),
        templates: &Templates::default(),
        wait: std::time::Duration::ZERO,
        password: &mut || Password::from_file(&scene.path("pw")).map(Some),
        watch: &|_| {},
    });
    assert!(failures.as_ref().unwrap().is_empty(), "{failures:?}");
    let status = site.status();
    let mut stages: Vec<_> = (status.servers.into_iter())
        .map(|server| (server.fqdn, server.current.stage, server.renewal.map(|part| part.stage)))
        .collect();
    stages.sort_by_key(|(fqdn, ..)| fqdn.clone());
    stages
}

/// From nothing to PFX files that openssl opens; then nothing is due, and not a byte or a time on the disk changes.
#[test]
fn the_whole_way_and_then_nothing_changes() {
    let Some(openssl) = peer::require("openssl") else { return };
    let scene = Scene::new();
    let (code, said) = scene.ocscert(&["status", "site.toml"]);
    assert_eq!(code, 1, "{said}");
    assert!(!scene.path("site").exists(), "status and a dry run write nothing");
    let (code, said) = scene.ocscert(&["enroll", "site.toml", "--dry-run"]);
    assert!(code == 1 && said.contains("3 new") && said.contains("nothing was done"), "{said}");
    assert!(!scene.path("site").exists());

    let (code, said) = scene.enroll();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("3 pending") && said.contains("3 new keys made in site: keep a backup"), "{said}");
    let pending = scene.disk();
    assert_eq!(scene.enroll().0, 3);
    assert_eq!(scene.disk(), pending, "still pending: nothing changes");
    assert_eq!(scene.issue(), 3);

    let (code, said) = scene.enroll();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("3 servers: 3 ready"), "{said}");
    for server in SERVERS {
        let out = Command::new(&openssl)
            .args(["pkcs12", "-legacy", "-nodes", "-passin", "file:pw", "-in"])
            .arg(scene.of(server, "pfx"))
            .current_dir(scene.folder.path())
            .output()
            .unwrap();
        let opened = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(opened.matches("BEGIN CERTIFICATE").count(), 3, "leaf, issuing CA, root");
        let name = if server == "ocs1.foo.com" { server } else { "pool.foo.com" };
        assert!(opened.contains(&format!("CN = {name}")), "{opened}");
        #[cfg(unix)]
        for ending in ["key", "pfx", "request.json"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(scene.of(server, ending)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{server}.{ending}");
        }
    }

    let before = scene.disk();
    let (code, said) = scene.enroll();
    assert_eq!(code, 0, "{said}");
    assert_eq!(scene.disk(), before);
    // A script that was lost comes back as it was, and nothing else is touched.
    let script = scene.path("site/fe1.foo.com/install-fe1.foo.com.cmd");
    fs::remove_file(&script).unwrap();
    assert_eq!(scene.enroll().0, 0);
    let (mut after, mut kept) = (scene.disk(), before.clone());
    assert_eq!(after.remove(&script).map(|(_, bytes)| bytes), kept.remove(&script).map(|(_, bytes)| bytes));
    assert_eq!(after, kept);
    let before = scene.disk();
    let (code, said) = scene.ocscert(&["status", "site.toml"]);
    assert!(code == 0 && said.contains("3 servers: 3 ready"), "{said}");
    assert_eq!(scene.disk(), before);
    assert_eq!(scene.asked(), 3);
}

/// Within the days of the file a new key is made beside the old one, which stays in use until the new certificate
/// was accepted, and is kept then. A second renewal finds its own place.
#[test]
fn a_renewal_replaces_what_is_in_use_only_when_it_is_whole() {
    let scene = Scene::new();
    scene.ready();
    let old = scene.disk();
    let end = OffsetDateTime::now_utc() + Duration::days(345);
    let stages = enroll_at(&scene, end);
    assert!(
        stages.iter().all(|(_, now, next)| (*now, *next) == (Stage::Due, Some(Stage::Pending))),
        "{stages:?}"
    );
    let text = scene.ocscert(&["status", "site.toml"]).1;
    assert!(text.contains("renewal pending, request"), "{text}");
    for (path, (_, bytes)) in &old {
        assert_eq!(fs::read(path).unwrap(), *bytes, "{}: in use, and untouched", path.display());
    }
    scene.issue();
    // What the CA issues today ends soon after that moment, too: it is due again at once, and for the last time.
    enroll_at(&scene, OffsetDateTime::now_utc());
    assert_eq!(scene.asked(), 6);
    for server in SERVERS {
        let previous: Vec<PathBuf> = fs::read_dir(scene.path(&format!("site/{server}/previous")))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let [previous] = previous.as_slice() else { panic!("{previous:?}") };
        // The scripts go with what is in use: they name the new certificate.
        for ending in ["cmd", "ps1"] {
            let script = scene.path(&format!("site/{server}/install-{server}.{ending}"));
            assert_ne!(fs::read(&script).unwrap(), old[&script].1, "{server}.{ending}");
            let text = fs::read_to_string(&script).unwrap().to_lowercase();
            let shown =
                scene.ocscert(&["inspect", "--format", "json", &format!("site/{server}/{server}.pem")]).1;
            let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
            let thumbprint = shown.to_string().split("\"sha1\":\"").nth(1).unwrap()[..40].to_string();
            assert!(
                text.contains(&format!("\"thumbprint={thumbprint}\""))
                    || text.contains(&format!("'{thumbprint}'"))
            );
        }
        for ending in ["key", "csr", "pem", "chain.pem", "pfx", "request.json"] {
            let kept = fs::read(previous.join(format!("{server}.{ending}"))).unwrap();
            assert_eq!(kept, old[&scene.of(server, ending)].1, "{server}.{ending} is kept");
            let new = fs::read(scene.of(server, ending)).unwrap();
            assert!(ending == "chain.pem" || new != kept, "{server}.{ending} is new");
        }
        assert!(!scene.path(&format!("site/{server}/next")).exists());
    }
    assert_eq!(scene.ocscert(&["status", "site.toml"]).0, 0);
    // The same day again: for a name that the file asks for by now.
    scene.write(&scene.file().replace("#more", "extra_names = [\"im.foo.com\"]"));
    let (code, said) = scene.enroll();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("the file asks for another subject or other names"), "{said}");
    scene.issue();
    assert_eq!(scene.enroll().0, 0);
    let kept = fs::read_dir(scene.path("site/fe1.foo.com/previous")).unwrap().count();
    assert_eq!(kept, 2);
    let csr = scene.ocscert(&["inspect", "site/fe1.foo.com/fe1.foo.com.pem"]).1;
    assert!(csr.contains("im.foo.com"), "{csr}");
}

/// With --wait one run does it all, as soon as the administrator has issued.
#[test]
fn it_waits_for_an_administrator() {
    let scene = Scene::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (code, said) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::SeqCst) && scene.asked() < SERVERS.len() {
                std::thread::yield_now();
            }
            scene.issue();
        });
        let ended = scene.ocscert(&["enroll", "site.toml", "--wait", "10m"]);
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        ended
    });
    assert!(code == 0 && said.contains("3 ready"), "{said}");
    assert_eq!(scene.asked(), 3);
}

/// An expired certificate keeps being reported, and is renewed.
#[test]
fn what_has_expired_is_reported_until_it_is_renewed() {
    let scene = Scene::new();
    scene.ready();
    let stages = enroll_at(&scene, OffsetDateTime::now_utc() + Duration::days(800));
    assert!(
        stages.iter().all(|(_, now, next)| (*now, *next) == (Stage::Expired, Some(Stage::Pending))),
        "{stages:?}"
    );
}

/// One denied, one unreadable, one fine: each has its line, and the worst decides.
#[test]
fn a_failure_of_one_server_does_not_stop_the_others() {
    let scene = Scene::new();
    assert_eq!(scene.ocscert(&["enroll", "site.toml", "--only", "fe1.foo.com"]).0, 3);
    assert_eq!(scene.asked(), 1);
    scene.lab.ca().deny(1, "administrator", OffsetDateTime::now_utc()).unwrap();
    let (code, said) = scene.ocscert(&["enroll", "site.toml", "--only", "fe1.foo.com", "fe2.foo.com"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("1 pending, 1 denied") && said.contains("0x80094014"), "{said}");
    assert!(said.contains("--resubmit"), "{said}");
    // Its key is lost: nothing can be done for it, and the rest goes on.
    fs::remove_file(scene.of("fe2.foo.com", "key")).unwrap();
    let (code, said) = scene.enroll();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("restore the key from the backup") && said.contains("at fe2.foo.com"), "{said}");
    assert_eq!(scene.asked(), 3, "ocs1.foo.com was asked for all the same");
    let (code, said) = scene.ocscert(&["enroll", "site.toml", "--only", "pool.foo.com"]);
    assert!(code == 2 && said.contains("--only fe1.foo.com fe2.foo.com"), "{said}");
}

/// No password, no terminal: everything but the PFX; with one, the rest.
#[test]
fn without_a_password_it_stops_before_the_pfx() {
    let scene = Scene::new();
    scene.write(&scene.file().replace("pfx_password_file = \"pw\"\n", ""));
    assert_eq!(scene.enroll().0, 3);
    scene.issue();
    let (code, said) = scene.enroll();
    assert!(code == 1 && said.contains("3 unpacked") && said.contains("pfx_password_file"), "{said}");
    assert!(scene.of("fe1.foo.com", "pem").exists() && !scene.of("fe1.foo.com", "pfx").exists());
    scene.write(&scene.file());
    assert_eq!(scene.enroll().0, 0);
    assert!(scene.of("fe1.foo.com", "pfx").exists());
}

/// Another CA's answers, under any name and in any container, find their requests by the key.
#[test]
fn certificates_of_another_ca_are_taken_out_of_the_inbox_by_their_keys() {
    let scene = Scene::new();
    scene.write(&FILE.replace("CA\n", "[ca]\nkind = \"file\"\n"));
    let (code, said) = scene.enroll();
    assert!(code == 3 && said.contains("3 requested") && said.contains("site/inbox"), "{said}");
    let issue = |server: &str| {
        let text = fs::read(scene.of(server, "csr")).unwrap();
        let contents = ocscert::model::read(&text);
        let ocscert::model::Object::Request(request) = &contents.items[0].object else {
            panic!("no request")
        };
        let request: &Request = request;
        scene.lab.issue(request, None).unwrap()
    };
    let ca = [lab::authority::Level::Root, lab::authority::Level::Issuing]
        .map(|level| fs::read(scene.lab.ca().certificate_file(level)).unwrap());
    // DER under a foreign name, PEM with the chain in front of it, and one in the server's own folder.
    fs::write(scene.path("site/inbox/answer (1).crt"), issue("ocs1.foo.com").der()).unwrap();
    let leaf = pem(label::CERTIFICATE, issue("fe1.foo.com").der()).into_bytes();
    fs::write(scene.path("site/inbox/all.txt"), [&ca[0][..], &ca[1], &leaf].concat()).unwrap();
    fs::write(scene.path("site/fe2.foo.com/new.cer"), issue("fe2.foo.com").der()).unwrap();
    fs::write(scene.path("site/inbox/readme.txt"), "not a certificate").unwrap();
    let (code, said) = scene.enroll();
    assert!(code == 0 && said.contains("3 servers: 3 ready"), "{said}");
    let before = scene.disk();
    assert_eq!(scene.enroll().0, 0);
    assert_eq!(scene.disk(), before);
}

/// Judged by what the other side really trusts; and IM and Presence's own certificate by what OCS trusts.
#[test]
fn verdicts_are_crosswise_where_the_stores_are_known() {
    let scene = Scene::new();
    let root = scene.lab.root_file();
    let root = root.display();
    let (_, request) = scene.lab.cup_request(&Fqdn::parse("imp1.foo.com").unwrap()).unwrap();
    let node = scene.lab.issue(&request, None).unwrap();
    let issuing = fs::read(scene.lab.ca().certificate_file(lab::authority::Level::Issuing)).unwrap();
    let node = pem(label::CERTIFICATE, node.der()).into_bytes();
    fs::write(scene.path("imp1.pem"), [node, issuing].concat()).unwrap();
    let trust = |ocs: &str, imp: &str| format!("[trust]\nocs = [\"{ocs}\"]\nimp = [\"{imp}\"]\n");
    let file = scene.file().replace("#node", "certificate = \"imp1.pem\"");
    scene.write(&(file.clone() + &trust(&root.to_string(), &root.to_string())));
    scene.ready();
    let status = scene.status();
    assert_eq!(status["answer"], "yes");
    assert_eq!(
        (&status["nodes"][0]["fqdn"], &status["nodes"][0]["verdict"]),
        (&"imp1.foo.com".into(), &"valid".into())
    );
    // A stranger's root in the one store, then in the other.
    let stranger = Scene::new();
    let other = stranger.lab.root_file().display().to_string();
    scene.write(&(file.clone() + &trust(&root.to_string(), &other)));
    let status = scene.status();
    assert!(
        status["servers"].as_array().unwrap().iter().all(|server| server["stage"] == "invalid"),
        "{status}"
    );
    assert_eq!(status["nodes"][0]["verdict"], "valid");
    scene.write(&(file.clone() + &trust(&other, &root.to_string())));
    let status = scene.status();
    assert_eq!((&status["answer"], &status["nodes"][0]["verdict"]), (&"no".into(), &"invalid".into()));
    // A CN that IM and Presence does not list.
    let peers = "[imp]\ntls_peer_subjects = [\"ocs1.foo.com\"]\n";
    scene.write(&(file + &trust(&root.to_string(), &root.to_string()) + peers));
    let (code, said) = scene.ocscert(&["status", "site.toml"]);
    assert!(code == 1 && said.contains("1 ready, 2 invalid") && said.contains("OCS-NAM-008"), "{said}");
}

/// What cannot be done is told once, and nothing was changed that the next run would miss.
#[test]
fn a_ca_that_is_away_a_second_run_and_a_faulty_file_are_told() {
    let scene = Scene::new();
    scene.write(&scene.file().replace(&scene.lab.url(), "http://127.0.0.1:9/certsrv"));
    let (code, said) = scene.enroll();
    assert!(code == 2 && said.matches("refused the connection").count() == 1, "{said}");
    assert!(scene.of("fe1.foo.com", "csr").exists(), "keys and requests are made all the same");
    scene.write(&scene.file());
    let held = edge::lock::Lock::take(scene.path("site/.lock"), Path::new("site.toml")).unwrap();
    let (code, said) = scene.enroll();
    assert!(code == 2 && said.contains("another ocscert works on site.toml right now"), "{said}");
    assert_eq!(scene.asked(), 0);
    drop(held);
    assert_eq!(scene.enroll().0, 3);
    scene.write(&scene.file().replace("sip_domain", "sip_domian").replace("10.1.10.20", "10.1.10.300"));
    let (code, said) = scene.enroll();
    assert!(code == 2 && said.contains("site.toml has 3 faults"), "{said}");
    assert!(
        said.contains("line 3, column 1: `sip_domian` is not known here: did you mean `sip_domain`?"),
        "{said}"
    );
    let (code, said) = scene.ocscert(&["enroll", "--init", "site.toml"]);
    assert!(code == 2 && said.contains("exists already"), "{said}");
    let (code, said) = scene.ocscert(&["enroll", "--init", "new.toml"]);
    assert!(code == 0 && said.contains("new.toml"), "{said}");
    let (code, said) = scene.ocscert(&["enroll", "new.toml", "--dry-run"]);
    assert!(code == 1 && said.contains("3 new"), "{said}");
    scene.write(&FILE.replace("CA\n", "").replace("sip_domain", "transport = \"tcp\"\nsip_domain"));
    let (code, said) = scene.enroll();
    assert!(code == 0 && said.contains("no certificates are needed"), "{said}");
}

/// promtool reads what Prometheus would scrape.
#[test]
fn promtool_accepts_the_metrics() {
    let Some(promtool) = peer::require("promtool") else { return };
    let scene = Scene::new();
    for prepare in [&|| {}, &|| scene.ready()] as [&dyn Fn(); 2] {
        prepare();
        let out = scene.command(&["status", "site.toml", "--format", "prometheus"]).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let mut check = assert_cmd::Command::from_std(Command::new(&promtool));
        let checked = check.args(["check", "metrics"]).write_stdin(text.clone()).output().unwrap();
        let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
        assert!(checked.status.success() && said.is_empty(), "{said}\n{text}");
        let ready = text.contains("ocscert_server_stage{server=\"fe1.foo.com\",stage=\"ready\"} 1");
        assert_eq!(ready, out.status.code() == Some(0), "{text}");
    }
}

/// The page draws its time line and its picture, in light and dark, on a phone and on paper, and asks nobody.
#[test]
fn the_status_page_stands_alone() {
    let scene = Scene::new();
    scene.ready();
    scene.write(&scene.file().replace(
        "[[imp.node]]",
        "[[ocs.standard]]\nfqdn = \"new1.foo.com\"\nip = \"10.1.10.9\"\n[[imp.node]]",
    ));
    let (code, said) = scene.ocscert(&["status", "site.toml", "--format", "html", "-o", "status.html"]);
    assert_eq!(code, 1, "{said}");
    let bars = "document.querySelectorAll('svg .bar').length";
    let boxes = "document.querySelectorAll('svg .node').length";
    for options in [&[] as &[&str], &["--dark"], &["--width", "360"]] {
        let steps = [["js", bars], ["js", boxes], ["text", "main"]];
        let page = scene.path("status.html");
        let Some(report) = browser::visit(options, page.to_str().unwrap(), &steps) else { return };
        for list in ["external", "errors", "overflow"] {
            assert_eq!(report[list].as_array().unwrap().len(), 0, "{options:?} {list}: {}", report[list]);
        }
        let value = |step: usize| &report["steps"][step]["value"];
        assert_eq!(
            (value(0), value(1)),
            (&3.into(), &7.into()),
            "a bar a certificate; three of them, two CAs and two stores"
        );
        let shown = value(2).as_str().unwrap();
        assert!(shown.contains("new1.foo.com") && shown.contains("ocscert enroll site.toml"), "{shown}");
    }
}
