//! A Kerberos realm of MIT's on loopback: its KDC, keys for servers, tickets for users. All of its state is in a
//! folder that ends with it, and only the programs that are given its environment know of it.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::peer;
use super::peers::{Running, free_ports};

pub const REALM: &str = "FOO.COM";
pub const PASSWORD: &str = "s3cret of alice";

pub struct Realm {
    folder: tempfile::TempDir,
    kdc: Option<Running>,
}

impl Realm {
    /// Starts the KDC of FOO.COM, which knows alice, and makes a file of keys for web servers of these names.
    /// Nothing where MIT's programs are missing.
    #[track_caller]
    pub fn start(hosts: &[&str]) -> Option<Self> {
        let [kdb5_util, krb5kdc, _] = ["kdb5_util", "krb5kdc", "kinit"].map(peer::require);
        let (kdb5_util, krb5kdc) = (kdb5_util?, krb5kdc?);
        let realm = Self { folder: tempfile::tempdir().unwrap(), kdc: None };
        let port = free_ports(1)[0];
        realm.configure(port);
        realm.run(&kdb5_util, &["create", "-s", "-r", REALM, "-P", "master"], "");
        realm.kadmin(&format!("addprinc -pw \"{PASSWORD}\" +requires_preauth alice"));
        for host in hosts {
            realm.kadmin(&format!("addprinc -randkey HTTP/{host}"));
            realm.kadmin(&format!("ktadd -k {} HTTP/{host}", realm.path("keytab").display()));
        }
        let mut kdc = realm.command(&krb5kdc);
        kdc.args(["-n", "-P"]).arg(realm.path("kdc.pid"));
        let kdc = Running::at(port, &mut kdc, &realm.path("kdc.out"));
        Some(Self { kdc: Some(kdc), ..realm })
    }

    fn configure(&self, port: u16) {
        let at = |name: &str| self.path(name).display().to_string();
        // No DNS. Heimdal asks by UDP first, MIT by TCP as told here.
        let client = format!(
            "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
             dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\nkdc_timesync = 0\n\
             [realms]\n{REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n"
        );
        let kdc = format!(
            "[realms]\n{REALM} = {{\n database_name = {}\n key_stash_file = {}\n kdc_listen = 127.0.0.1:{port}\n \
             kdc_tcp_listen = 127.0.0.1:{port}\n}}\n[logging]\nkdc = FILE:{}\n",
            at("principal"),
            at("stash"),
            at("kdc.log")
        );
        fs::write(self.path("krb5.conf"), client).unwrap();
        fs::write(self.path("kdc.conf"), kdc).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a program needs to live in this realm, without tickets; with the keys of the web servers, where it is
    /// allowed to read them.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let file = |kind: &str, name: &str| {
            let mut value = OsString::from(kind);
            value.push(self.path(name));
            value
        };
        vec![
            ("KRB5_CONFIG", file("", "krb5.conf")),
            ("KRB5_KDC_PROFILE", file("", "kdc.conf")),
            ("KRB5_KTNAME", file("FILE:", "keytab")),
            ("KRB5CCNAME", file("FILE:", "no-tickets")),
            // Else it would be in /var/tmp.
            ("KRB5RCACHENAME", file("file2:", "replays")),
        ]
    }

    /// A program that lives in this realm.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// Tickets of alice: the value of KRB5CCNAME.
    pub fn tickets(&self) -> OsString {
        let mut cache = OsString::from("FILE:");
        cache.push(self.path("tickets"));
        let kinit = peer::require("kinit").unwrap();
        let mut kinit = self.command(&kinit);
        kinit.env("KRB5CCNAME", &cache).arg("alice");
        self.feed(&mut kinit, &format!("{PASSWORD}\n"));
        cache
    }

    /// Has the administrator do something.
    pub fn kadmin(&self, query: &str) {
        let kadmin = peer::require("kadmin.local").unwrap();
        self.run(&kadmin, &["-r", REALM, "-q", query], "");
    }

    /// What the KDC has written about its work so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("kdc.log")).unwrap()
    }

    /// The KDC ends; what it gave out stays.
    pub fn stop(&mut self) {
        self.kdc = None;
    }

    fn run(&self, program: &Path, arguments: &[&str], input: &str) {
        let mut command = self.command(program);
        self.feed(command.args(arguments), input);
    }

    fn feed(&self, command: &mut Command, input: &str) {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        // kadmin.local ends well whatever happened.
        let failed = said.lines().any(|line| line.contains(" while ") || line.starts_with("kadmin.local:"));
        assert!(ran.status.success() && !failed, "{command:?}: {said}");
    }
}
