//! Kerberos logons at servers of other people: MIT's KDC gives the tickets; MIT's GSSAPI behind python-gssapi, which
//! demands the channel binding, and Apache with mod_auth_gssapi judge them. Each stands in front of the lab's pages.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "catalogue/pki.rs"]
#[allow(dead_code, reason = "the catalogue uses more of it")]
mod pki;

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use assert_cmd::cargo::CommandCargoExt as _;
use common::kerberos::{PASSWORD, Realm};
use common::lab::options;
use common::peer;
use common::peers::{Running, free_ports, tunnels_to};
use ocscert::lab::{self, Mode, Options};
use pki::{Pki, Plan};

/// Debian's own: it has python3-gssapi.
const PYTHON: &str = "/usr/bin/python3";

/// gss-ntlmssp, as Debian configures it.
const NTLMSSP: &str = "/etc/gss/mech.d/mech.ntlmssp.conf";

/// What a program finds in its environment, beside the realm.
type Environment = Vec<(&'static str, OsString)>;

/// A realm, a CA with its pages, and the certificates of the web server in front of them.
struct Site {
    realm: Realm,
    pki: Pki,
    lab: lab::Running,
    python: PathBuf,
    desk: tempfile::TempDir,
}

/// A certificate from the root itself, so that one file is enough.
fn web(name: &str) -> Plan<'_> {
    let key = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    Plan { issuer: "root", key, ..Plan::leaf(name) }
}

/// What the program said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn is(&self, code: i32, words: &[&str]) {
        let Self { out, err, .. } = self;
        // Where a line wraps is not what is asked.
        let all = format!("{out}\n{err}").split_whitespace().collect::<Vec<_>>().join(" ");
        let missing: Vec<_> = words.iter().filter(|word| !all.contains(**word)).collect();
        assert!(self.code == code && missing.is_empty(), "{missing:?} in {}: {out}{err}", self.code);
    }
}

impl Site {
    #[track_caller]
    fn new() -> Option<Self> {
        let (openssl, python) = (peer::require("openssl")?, peer::file(PYTHON)?);
        let realm = Realm::start(&["localhost", "ca.foo.com"])?;
        let desk = tempfile::tempdir().unwrap();
        let enterprise = Options { mode: Mode::Enterprise, ..options(&desk.path().join("lab")) };
        let lab = lab::start(&enterprise).unwrap();
        let pki = Pki::new(openssl);
        let site = Self { realm, pki, lab, python, desk };
        site.trust("root");
        site.certificate(web("web"));
        fs::write(site.desk.path().join("password"), PASSWORD).unwrap();
        fs::write(site.desk.path().join("wrong"), "not it").unwrap();
        site.run(&["csr", "--server", "ocs1.foo.com"], &[]).is(0, &["ocs1.foo.com.csr"]);
        Some(site)
    }

    /// A certificate of the web server, with what differs from a P-256 key and the root's signature.
    fn certificate(&self, plan: Plan<'_>) {
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:ca.foo.com,DNS:alias.foo.com";
        self.pki.issue(&Plan { subject: "/CN=localhost", ..plan }.with(names));
    }

    /// Adds a root to those that are trusted.
    fn trust(&self, root: &str) {
        let trusted = self.desk.path().join("trusted.pem");
        let more = fs::read(self.pki.path(&format!("{root}.pem"))).unwrap();
        let known = fs::read(&trusted).unwrap_or_default();
        fs::write(trusted, [known, more].concat()).unwrap();
    }

    /// The acceptor, with these arguments; its log is where its name says.
    fn acceptor(&self, name: &str, arguments: &[&str]) -> Running {
        self.acceptor_in(name, arguments, &[])
    }

    fn acceptor_in(&self, name: &str, arguments: &[&str], environment: &[(&str, OsString)]) -> Running {
        let mut command = self.realm.command(&self.python);
        command.arg(peer::repository().join("tests/peers/negotiate.py"));
        command.arg(self.lab.url()).arg(self.log_file(name)).args(arguments);
        Running::start(command.envs(environment.iter().cloned()).current_dir(self.pki.path("")), "listening")
    }

    /// Apache in front of the pages; `context_of_connection`: a logon is good for its connection.
    #[track_caller]
    fn apache(&self, context_of_connection: bool) -> Option<Running> {
        let (apache, id) = (peer::require("apache2")?, peer::require("id")?);
        let modules = ["/usr/lib/apache2/modules/mod_auth_gssapi.so", NTLMSSP].map(peer::file);
        let [Some(_), Some(_)] = modules else { return None };
        let port = free_ports(1)[0];
        let at = |name: &str| self.realm.path(name).display().to_string();
        let is_root = Command::new(id).arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
        let user = if is_root { "User www-data\nGroup www-data\n" } else { "" };
        let modules = [
            "mpm_event",
            "authn_core",
            "authz_core",
            "authz_user",
            "ssl",
            "proxy",
            "proxy_http",
            "auth_gssapi",
        ];
        let load = |name: &str| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n");
        let config = format!(
            "{}{user}ServerName localhost\nListen 127.0.0.1:{port}\nMutex pthread\nPidFile {pid}\nDefaultRuntimeDir \
             {folder}\nErrorLog {error}\nLogFormat \"%m %>s %u\" short\nCustomLog {access} short\nSSLEngine on\n\
             SSLCertificateFile {pem}\nSSLCertificateKeyFile {key}\nProxyPass /certsrv {lab}\n<Location /certsrv>\n\
             AuthType GSSAPI\nAuthName CA\nGssapiConnectionBound {bound}\nGssapiAllowedMech krb5\nGssapiAllowedMech \
             ntlmssp\nGssapiAcceptorName HTTP@localhost\nRequire valid-user\n</Location>\n",
            modules.map(load).concat(),
            pid = at("apache.pid"),
            folder = at(""),
            error = at("apache.error"),
            access = at("apache.access"),
            pem = self.pki.path("web.pem").display(),
            key = self.pki.path("web.key").display(),
            lab = self.lab.url(),
            bound = if context_of_connection { "On" } else { "Off" },
        );
        fs::write(at("apache.conf"), config).unwrap();
        fs::write(at("ntlm.users"), format!("FOO:alice:{PASSWORD}\n:alice@foo.com:{PASSWORD}\n")).unwrap();
        let _ = fs::remove_file(at("apache.access"));
        // Its workers are another user's where a server of root's has them.
        for (file, mode) in [("", 0o755), ("keytab", 0o644), ("ntlm.users", 0o644)] {
            fs::set_permissions(at(file), fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut command = self.realm.command(&apache);
        command.args(["-DFOREGROUND", "-f", &at("apache.conf")]);
        command.env("NTLM_USER_FILE", at("ntlm.users")).env("KRB5RCACHENAME", "none:");
        Some(Running::at(port, &mut command, &self.realm.path("apache.out")))
    }

    /// Who has sent a form to Apache.
    fn posts(&self) -> Vec<String> {
        let log = fs::read_to_string(self.realm.path("apache.access")).unwrap();
        log.lines().filter_map(|line| line.strip_prefix("POST 200 ").map(str::to_string)).collect()
    }

    /// The acceptor over TLS with this certificate, which demands to be bound to it.
    fn bound(&self, name: &str, certificate: &str, hash: &str, more: &[&str]) -> Running {
        let [pem, key] = ["pem", "key"].map(|ending| format!("{certificate}.{ending}"));
        let arguments = ["--tls", &pem, &key, "--bound-to", &pem, hash];
        self.acceptor(name, &[&arguments[..], more].concat())
    }

    /// Runs the program at the desk, as somebody of the realm.
    fn run(&self, arguments: &[&str], environment: &[(&str, OsString)]) -> Said {
        let mut command = Command::cargo_bin("ocscert").unwrap();
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.envs(self.realm.environment()).envs(environment.iter().cloned());
        let output =
            command.args(arguments).arg("--no-input").current_dir(self.desk.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Whoever runs so believes that it is later.
    #[track_caller]
    fn faketime(&self, later: &str) -> Option<Environment> {
        let library = library("faketime/libfaketime.so.1")?;
        let settings = [("LD_PRELOAD", library.into()), ("FAKETIME", later.into())];
        Some(settings.into_iter().chain([("FAKETIME_DONT_FAKE_MONOTONIC", "1".into())]).collect())
    }

    fn with_tickets(&self) -> Environment {
        vec![("KRB5CCNAME", self.realm.tickets())]
    }

    /// Submits at a server on this port, afresh: what an earlier submission left is gone.
    fn submit(&self, port: u16, more: &[&str], environment: &[(&str, OsString)]) -> Said {
        for ending in ["request.json", "pem", "chain.pem"] {
            let _ = fs::remove_file(self.desk.path().join(format!("ocs1.foo.com.{ending}")));
        }
        self.submit_again(port, more, environment)
    }

    fn submit_again(&self, port: u16, more: &[&str], environment: &[(&str, OsString)]) -> Said {
        let url = self.url(port);
        let at = ["submit", "ocs1.foo.com.csr", "--ca-url", &url, "--template", "OCSMutualTLS"];
        self.run(&[&at[..], &["--ca-cert", "trusted.pem"], more].concat(), environment)
    }

    fn url(&self, port: u16) -> String {
        format!("https://localhost:{port}/certsrv")
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.desk.path().join(format!("{name}.log"))
    }

    /// The lines of an acceptor's log.
    fn log(&self, name: &str) -> Vec<String> {
        let log = fs::read_to_string(self.log_file(name)).unwrap_or_default();
        log.lines().map(str::to_string).collect()
    }

    /// How often the CA was asked for a certificate.
    fn asked(&self) -> usize {
        self.lab.ca().requests().len()
    }
}

/// With the tickets that `kinit` got, and with a password, whatever the case the realm is typed in; by MIT's library
/// and by Heimdal's. Each request carries a bound token of its own, and the request for the certificate goes out once.
#[test]
fn tickets_and_passwords_let_in() {
    let Some(site) = Site::new() else { return };
    let Some(heimdal) = heimdal(&site) else { return };
    let tickets = site.with_tickets();
    let password = ["--user", "alice@foo.com", "--password-file", "password"];
    type Case<'a> = (&'a str, &'a [&'a str], Environment);
    let cases: [Case<'_>; 5] = [
        ("mit-tickets", &[], tickets.clone()),
        ("mit-negotiate", &["--auth", "negotiate"], tickets.clone()),
        ("mit-password", &password, vec![]),
        ("heimdal-tickets", &[], [tickets, heimdal.clone()].concat()),
        ("heimdal-password", &password, heimdal),
    ];
    for (n, (name, arguments, environment)) in cases.iter().enumerate() {
        let server = site.bound(name, "web", "sha256", &[]);
        site.submit(server.port, arguments, environment).is(0, &["issued ocs1.foo.com.csr"]);
        assert_eq!(site.asked(), n + 1, "{name}");
        let log = site.log(name);
        let posts = log.iter().filter(|line| line.starts_with("POST")).count();
        let (first, rest) = log.split_first().unwrap();
        let others = rest.iter().find(|line| !line.ends_with("200 alice@FOO.COM krb5 bound TLSv1.3"));
        assert_eq!((first.as_str(), others, posts), ("GET 401 nobody", None, 1), "{name}");
    }
}

/// Where Heimdal's library stands in MIT's place.
#[track_caller]
fn heimdal(site: &Site) -> Option<Environment> {
    let library = library("libgssapi.so.3")?;
    let folder = site.desk.path().join("heimdal");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(library, folder.join("libgssapi_krb5.so.2")).unwrap();
    Some(vec![("LD_LIBRARY_PATH", folder.into())])
}

/// A library of Debian's, whichever the architecture.
#[track_caller]
fn library(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|file| file.is_file());
    found.or_else(|| peer::skip(name))
}

/// Apache with mod_auth_gssapi: Kerberos by the same library as before but another hand, with a context kept for the
/// connection and without; NTLM by gss-ntlmssp. It knows no channel binding and takes logons with one.
#[test]
fn apache_lets_in_by_kerberos_and_by_ntlm() {
    let Some(mut site) = Site::new() else { return };
    let Some(apache) = site.apache(true) else { return };
    let password = |user: &'static str| ["--user", user, "--password-file", "password"];
    site.submit(apache.port, &[], &site.with_tickets()).is(0, &["issued"]);
    site.submit(apache.port, &password("alice@foo.com"), &[]).is(0, &["issued"]);
    site.submit(apache.port, &password(r"FOO\alice"), &[]).is(0, &["issued"]);
    let wrong = ["--user", r"FOO\alice", "--password-file", "wrong"];
    site.submit(apache.port, &wrong, &[]).is(2, &["refused the logon (401)", r"tried NTLM as FOO\alice"]);
    assert_eq!(site.posts(), ["alice@FOO.COM", "alice@FOO.COM", r"FOO\\alice"]);
    drop(apache);

    // Each request for itself: NTLM cannot be had so.
    let Some(apache) = site.apache(false) else { return };
    site.submit(apache.port, &[], &site.with_tickets()).is(0, &["issued"]);
    assert_eq!(site.posts(), ["alice@FOO.COM"]);
    drop(apache);

    // Nobody gives tickets any more: the same name does for NTLM, unless Kerberos alone is wanted.
    let Some(apache) = site.apache(true) else { return };
    site.realm.stop();
    let name = password("alice@foo.com");
    let strict = [&name[..], &["--auth", "negotiate"]].concat();
    site.submit(apache.port, &strict, &[]).is(2, &["no Kerberos ticket", "no domain controller answers"]);
    site.submit(apache.port, &name, &[]).is(0, &["issued"]);
    assert_eq!(site.posts(), [r"\\alice@foo.com"]);
    assert_eq!(site.asked(), 5);
}

/// Something that ends TLS in between shows a certificate of its own; and where no binding is defined none is sent. A
/// server that demands its own refuses both, the first by MIT's library, the second because it is not there, which
/// for Kerberos is the same as all zeros (RFC 4121 section 4.1.1.2). Nothing is asked of the CA.
#[test]
fn a_wrong_and_a_missing_binding_are_refused_and_told() {
    const ED25519: &[&str] = &["-algorithm", "ED25519"];
    let Some(site) = Site::new() else { return };
    let tickets = site.with_tickets();
    site.certificate(web("other"));
    let between =
        site.acceptor("wrong", &["--tls", "other.pem", "other.key", "--bound-to", "web.pem", "sha256"]);
    let said = site.submit(between.port, &[], &tickets);
    said.is(
        2,
        &["refused the logon (401)", "tried Kerberos with", "with channel binding", "something in between"],
    );
    assert_eq!(site.log("wrong"), ["GET 401 nobody", "GET 401 nobody BadChannelBindingsError"]);

    let root = Plan { key: ED25519, sign: &[], ..Plan::ca("ed-root", "/CN=Edwards root", "ed-root") };
    site.pki.issue(&root);
    site.trust("ed-root");
    site.certificate(Plan { issuer: "ed-root", sign: &[], ..web("ed") });
    let edwards = site.bound("ed", "ed", "sha256", &[]);
    let said = site.submit(edwards.port, &[], &tickets);
    said.is(2, &["without channel binding", "Ed25519", "demands a channel binding"]);
    assert_eq!(site.log("ed"), ["GET 401 nobody", "GET 401 nobody no channel binding"]);

    // Over http there is nothing to be bound to.
    let plain = site.acceptor("plain", &["--bound-to", "web.pem", "sha256"]);
    let url = format!("http://localhost:{}/certsrv", plain.port);
    let at = ["submit", "ocs1.foo.com.csr", "--ca-url", &url];
    site.run(&at, &tickets).is(2, &["refused the logon (401)", "tried no logon", "--allow-http"]);
    assert_eq!(site.log("plain"), ["GET 401 nobody"], "no ticket goes out before that is allowed");
    let said = site.run(&[&at[..], &["--allow-http"]].concat(), &tickets);
    said.is(2, &["tried Kerberos with", "without channel binding", "demands https"]);
    assert_eq!(site.log("plain").last().unwrap(), "GET 401 nobody no channel binding");
    assert_eq!(site.asked(), 0);
}

/// Where nothing is demanded a ticket does over http, too, once that is allowed.
#[test]
fn http_takes_a_ticket_where_that_is_allowed() {
    let Some(site) = Site::new() else { return };
    let plain = site.acceptor("plain", &[]);
    let url = format!("http://localhost:{}/certsrv", plain.port);
    let at = ["submit", "ocs1.foo.com.csr", "--ca-url", &url, "--template", "OCSMutualTLS", "--allow-http"];
    site.run(&at, &site.with_tickets()).is(0, &["issued", "warning: plain http"]);
    assert_eq!(site.log("plain").last().unwrap(), "GET 200 alice@FOO.COM krb5 unbound http");
}

/// Behind a proxy the binding is that of the server, whose name only the proxy knows.
#[test]
fn a_proxy_in_between_changes_nothing() {
    let Some(site) = Site::new() else { return };
    let server = site.bound("proxied", "web", "sha256", &[]);
    let (proxy, tunnels) = tunnels_to(server.port);
    let mut environment = site.with_tickets();
    environment.push(("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}").into()));
    let said = site.run(
        &["bundle", "--ca-url", "https://ca.foo.com/certsrv", "--ca-cert", "trusted.pem", "-o", "ca.pem"],
        &environment,
    );
    said.is(0, &[]);
    assert_eq!(site.log("proxied").last().unwrap(), "GET 200 alice@FOO.COM krb5 bound TLSv1.3");
    assert_eq!(tunnels.load(Ordering::SeqCst), 1, "one connection carries the session");
}

/// Whoever lets us in without having read our ticket cannot say who it is: what it answers does not count. Nor does
/// the answer of one that says no all the same, or that has selected what was not offered (RFC 4178 section 4.2.2).
#[test]
fn a_server_that_does_not_prove_who_it_is_is_not_believed() {
    let Some(site) = Site::new() else { return };
    let Some(heimdal) = heimdal(&site) else { return };
    for (library, environment) in [("mit", vec![]), ("heimdal", heimdal)] {
        let environment = [site.with_tickets(), environment].concat();
        for proof in ["no", "wrong", "empty", "reject", "other"] {
            let name = format!("{library}-{proof}");
            let server = site.bound(&name, "web", "sha256", &["--proof", proof]);
            site.submit(server.port, &[], &environment).is(2, &["localhost did not prove who it is"]);
            let log = site.log(&name);
            assert_eq!(log.len(), 2, "{name}");
            assert_eq!(log[1], "GET 200 alice@FOO.COM krb5 bound TLSv1.3", "{name}");
        }
    }
    assert_eq!(site.asked(), 0);
}

/// Where that happens to the request itself it may have arrived: the next run, at the real server, looks for it and
/// finds it. The CA is asked once.
#[test]
fn an_unproven_answer_to_a_request_is_no_answer() {
    let Some(site) = Site::new() else { return };
    let tickets = site.with_tickets();
    let server = site.bound("half", "web", "sha256", &["--proof", "pages"]);
    let said = site.submit(server.port, &[], &tickets);
    said.is(3, &["unknown ocs1.foo.com.csr", "localhost did not prove who it is"]);
    assert_eq!(site.asked(), 1);
    // The journal knows the CA by its address, so the real server is at the same.
    let port = server.port;
    drop(server);
    let server = site.bound("whole", "web", "sha256", &["--port", &port.to_string()]);
    site.submit_again(server.port, &[], &tickets).is(0, &["issued ocs1.foo.com.csr"]);
    assert_eq!(site.asked(), 1);
}

/// What goes wrong between here, the domain and the server says what it is and what to do. No ticket goes out, the
/// CA is not asked, and a password is tried once.
#[test]
fn what_goes_wrong_is_told_with_its_remedy() {
    let Some(mut site) = Site::new() else { return };
    let Some(days_later) = site.faketime("+2d") else { return };
    let Some(hour_later) = site.faketime("+1h") else { return };
    let server = site.bound("log", "web", "sha256", &[]);
    let tickets = site.with_tickets();
    let broken = site.desk.path().join("broken");
    fs::create_dir(&broken).unwrap();
    for library in ["libgssapi_krb5.so.2", "libgssapi.so.3"] {
        fs::write(broken.join(library), "no library").unwrap();
    }
    let broken = vec![("LD_LIBRARY_PATH", broken.into())];
    site.realm.kadmin("addprinc -pw wrong +requires_preauth -allow_tix locked");
    type Case<'a> = (&'a str, &'a str, Environment, [&'a str; 2]);
    let cases: [Case<'_>; 8] = [
        ("", "", vec![], ["there is no Kerberos ticket for HTTP/localhost", "kinit name@REALM"]),
        ("", "", broken, ["needs a library that cannot be loaded", "install libgssapi-krb5-2"]),
        ("", "", [tickets.clone(), days_later].concat(), ["it has expired: kinit", "Ticket expired"]),
        (
            "alice@foo.com",
            "password",
            hour_later,
            ["Clock skew too great", "clock differs from the domain's"],
        ),
        ("alice@bar.com", "password", vec![], ["realm \"BAR.COM\"", "no domain controller answers"]),
        ("alice@foo.com", "wrong", vec![], ["refused the logon of alice@FOO.COM", "the password is wrong"]),
        ("bob@foo.com", "wrong", vec![], ["refused the logon of bob@FOO.COM", "no such user"]),
        ("locked@foo.com", "wrong", vec![], ["refused the logon of locked@FOO.COM", "locked, disabled"]),
    ];
    for (user, file, environment, words) in &cases {
        let who = ["--auth", "negotiate", "--user", user, "--password-file", file];
        let said = site.submit(server.port, if user.is_empty() { &who[..2] } else { &who }, environment);
        said.is(2, words);
        assert!(!said.err.contains(PASSWORD) && !said.err.contains("not it"), "{}", said.err);
        // Other people's words may be longer.
        let ours = said.err.lines().filter(|line| !line.contains("/tmp/"));
        assert!(ours.into_iter().all(|line| line.chars().count() <= 80), "{}", said.err);
    }
    let log = site.realm.log();
    assert_eq!(log.matches("verify failure: Preauthentication failed").count(), 1, "{log}");
    // A name that the server has, but not in the domain; an address; and a domain that is not there any more.
    let (proxy, _) = tunnels_to(server.port);
    let environment = [tickets, vec![("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}").into())]].concat();
    for (host, words) in [
        (
            "alias.foo.com",
            ["no Kerberos ticket for HTTP/alias.foo.com", "use the server's own name in --ca-url"],
        ),
        ("127.0.0.1", ["Kerberos knows servers by name", "use the server's own name in --ca-url"]),
    ] {
        let url = format!("https://{host}/certsrv");
        let at = ["submit", "ocs1.foo.com.csr", "--ca-url", &url, "--ca-cert", "trusted.pem"];
        site.run(&at, &environment).is(2, &words);
    }
    site.realm.stop();
    let who = ["--auth", "negotiate", "--user", "alice@foo.com", "--password-file", "password"];
    site.submit(server.port, &who, &[]).is(2, &["no domain controller answers"]);
    assert!(site.log("log").iter().all(|line| line == "GET 401 nobody"), "{:?}", site.log("log"));
    assert_eq!(site.asked(), 0);
}

/// Several sessions at a time share what a password gives: one logon at the domain, and one failed one where it is
/// wrong, for an account is locked after a few.
#[test]
fn the_sessions_of_enroll_log_on_once_at_the_domain() {
    let Some(site) = Site::new() else { return };
    let server = site.bound("enroll", "web", "sha256", &[]);
    let servers: Vec<String> =
        (1..=4).map(|n| format!("{{ fqdn = \"fe{n}.foo.com\", ip = \"10.1.0.{n}\" }}")).collect();
    let federation = format!(
        "[federation]\nsip_domain = \"foo.com\"\n[[ocs.pool]]\nfqdn = \"pool.foo.com\"\nfront_ends = [{}]\n\
         [[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.2.0.1\"\n[ca]\nkind = \"microsoft-enterprise\"\n\
         template = \"OCSMutualTLS\"\nurl = \"{}\"\ntls_roots = [\"trusted.pem\"]\nuser = \"alice@FOO.COM\"\n\
         password_file = \"given\"\n[defaults]\npfx_password_file = \"password\"\n",
        servers.join(", "),
        site.url(server.port),
    );
    fs::write(site.desk.path().join("site.toml"), federation).unwrap();
    let domain = |words: &str| site.realm.log().matches(words).count();

    fs::copy(site.desk.path().join("wrong"), site.desk.path().join("given")).unwrap();
    site.run(&["enroll", "site.toml"], &[])
        .is(2, &["refused the logon of alice@FOO.COM", "the password is wrong"]);
    assert_eq!((domain("verify failure: Preauthentication failed"), site.asked()), (1, 0));

    fs::copy(site.desk.path().join("password"), site.desk.path().join("given")).unwrap();
    site.run(&["enroll", "site.toml"], &[]).is(0, &[]);
    assert_eq!(
        (domain("ISSUE: authtime"), site.asked()),
        (2, 4),
        "a ticket to get tickets, and one for the server"
    );
}

/// A server whose clock is wrong says so in its refusal.
#[test]
fn a_server_that_minds_the_ticket_is_heard() {
    let Some(site) = Site::new() else { return };
    let Some(late) = site.faketime("+1h") else { return };
    let server = site.acceptor_in("late", &["--tls", "web.pem", "web.key"], &late);
    let said = site.submit(server.port, &[], &site.with_tickets());
    said.is(2, &["refused the logon (401)", "it minds the ticket", "Clock skew too great", "clock differs"]);
}

/// Every kind of server certificate that a binding is defined for, in both versions of TLS (RFC 5929 section 4.1).
#[test]
fn the_binding_fits_every_kind_of_server_certificate() {
    const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    const PSS: &[&str] = &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
    let Some(site) = Site::new() else { return };
    let ec = Plan { key: P384, sign: &["-sha384"], ..Plan::ca("ec-root", "/CN=EC root", "ec-root") };
    site.pki.issue(&ec);
    site.trust("ec-root");
    let tickets = site.with_tickets();
    type Kind<'a> = (&'a str, &'a str, &'a [&'a str], &'a str, &'a [&'a str]);
    let kinds: [Kind<'_>; 6] = [
        ("sha256", "root", RSA, "sha256", &[]),
        ("sha384", "root", RSA, "sha384", &[]),
        ("sha512", "root", RSA, "sha512", &[]),
        ("pss256", "root", RSA, "sha256", PSS),
        ("pss512", "root", RSA, "sha512", PSS),
        ("ec", "ec-root", P384, "sha384", &[]),
    ];
    for (name, issuer, key, hash, sign) in kinds {
        let digest = format!("-{hash}");
        let sign = [&[digest.as_str()], sign].concat();
        site.certificate(Plan { issuer, sign: &sign, key, ..web(name) });
        for tls in ["1.2", "1.3"] {
            let log = format!("{name}-{tls}");
            let server = site.bound(&log, name, hash, &["--most", tls]);
            let url = site.url(server.port);
            let output = format!("{log}.pem");
            let fetch = ["bundle", "--ca-url", &url, "--ca-cert", "trusted.pem", "-o", &output];
            site.run(&fetch, &tickets).is(0, &[]);
            assert_eq!(site.log(&log)[1], format!("GET 200 alice@FOO.COM krb5 bound TLSv{tls}"), "{name}");
        }
    }
}
