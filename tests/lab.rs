//! The lab's CA, judged by programs we did not write: openssl makes requests and verifies what comes back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::lab::options;
use ocscert::lab::authority::Level;
use ocscert::lab::requests::State;
use ocscert::lab::{self, Auth, Mode, Options, Running};
use ocscert::model::{Certificate, Request, oid};
use tempfile::TempDir;
use time::OffsetDateTime;

/// A lab of a kind, in a folder of its own.
fn lab(mode: Mode) -> (TempDir, Running) {
    let folder = tempfile::tempdir().unwrap();
    let running = lab::start(&Options { mode, ..options(folder.path()) }).unwrap();
    (folder, running)
}

/// Sends raw bytes and reads until the server closes.
fn exchange(running: &Running, message: &[u8]) -> String {
    let url = running.url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/certsrv").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(message).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(running: &Running, path: &str, agent: &str) -> String {
    let message =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n");
    exchange(running, message.as_bytes())
}

fn post(running: &Running, path: &str, agent: &str, fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    let body: Vec<String> = fields.iter().map(|(k, v)| format!("{}={}", escape(k), escape(v))).collect();
    let body = body.join("&");
    let message = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(running, message.as_bytes())
}

const BROWSER: &str = "Mozilla/5.0";
const PROGRAM: &str = "Python/3";

fn submit(running: &Running, request: &str, attributes: &str) -> String {
    let fields =
        [("Mode", "newreq"), ("CertRequest", request), ("CertAttrib", attributes), ("SaveCert", "yes")];
    post(running, "/certsrv/certfnsh.asp", BROWSER, &fields)
}

fn run(program: &str, args: &[&str], folder: &Path) -> (bool, String) {
    let out = Command::new(program).args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A request as openssl makes it: with a subject key identifier, a template name, several OUs and names in UTF-8,
/// which is what certreq's and Cisco's requests have, too.
fn openssl_request(folder: &Path, key: &[&str], extensions: &str) -> String {
    let config = format!(
        "[req]\ndistinguished_name=dn\nreq_extensions=ext\nprompt=no\nstring_mask=utf8only\nutf8=yes\n\
         [dn]\nC=JP\nO=\u{4f8b} <b>&\"\n0.OU=One\n1.OU=Two\n2.OU=Three\nCN=pool.foo.com\n[ext]\n{extensions}\n"
    );
    std::fs::write(folder.join("req.cnf"), config).unwrap();
    let mut args = vec!["req", "-new", "-nodes", "-config", "req.cnf", "-keyout", "leaf.key", "-newkey"];
    args.extend(key);
    let (ok, text) = run("openssl", &args, folder);
    assert!(ok, "{text}");
    let start = text.find("-----BEGIN").unwrap();
    let end = text.find("-----END CERTIFICATE REQUEST-----").unwrap();
    format!("{}-----END CERTIFICATE REQUEST-----\n", &text[start..end])
}

const FULL: &str = "subjectKeyIdentifier=hash\n1.3.6.1.4.1.311.20.2=ASN1:BMP:OCSMutualTLS\n\
    subjectAltName=DNS:pool.foo.com,DNS:fe1.foo.com,IP:10.1.1.1\n\
    extendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature,keyEncipherment";

fn parse(pem: &str) -> Request {
    Request::from_der(pem::parse(pem).unwrap().contents()).unwrap()
}

/// Both CAs and their lists, as files: what a verifier is given.
fn trust(running: &Running, folder: &Path) -> PathBuf {
    let mut pem = String::new();
    for level in [Level::Root, Level::Issuing] {
        let crl = running.ca().crl(level, OffsetDateTime::now_utc()).unwrap();
        pem.push_str(&pem::encode(&pem::Pem::new("X509 CRL", crl)));
        std::fs::write(folder.join("crls.pem"), &pem).unwrap();
    }
    running.root_file()
}

fn openssl_verify(running: &Running, certificate: &[u8], purpose: &str, folder: &Path) -> (bool, String) {
    let root = trust(running, folder);
    let issuing = running.ca().certificate_file(Level::Issuing);
    std::fs::write(folder.join("leaf.pem"), pem::encode(&pem::Pem::new("CERTIFICATE", certificate))).unwrap();
    let (root, issuing) = (root.to_str().unwrap(), issuing.to_str().unwrap());
    let args = [
        ["verify", "-x509_strict", "-crl_check_all", "-CRLfile", "crls.pem"].as_slice(),
        &[
            "-no-CApath",
            "-no-CAstore",
            "-CAfile",
            root,
            "-untrusted",
            issuing,
            "-purpose",
            purpose,
            "leaf.pem",
        ],
    ]
    .concat();
    run("openssl", &args, folder)
}

fn issued(running: &Running, id: u32) -> Certificate {
    match running.ca().request(id).unwrap().state {
        State::Issued { certificate, .. } => Certificate::from_der(certificate).unwrap(),
        state => panic!("request {id} is {state:?}"),
    }
}

#[test]
fn a_standalone_ca_pends_then_issues_what_openssl_asked_for_and_openssl_verifies_it() {
    let (folder, running) = lab(Mode::Standalone);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    let page = submit(&running, &request, "");
    assert!(page.contains("<P ID=locInfoReqID>\r\nYour Request Id is 1.\r\n</P>"), "{page}");
    assert!(page.contains("ID=locInfoNewReq") && page.contains("Certificate Pending"));
    assert!(!page.contains("ReqID=1&"), "a pending page links no certificate");
    let state = get(&running, "/CERTSRV/CertNew.CER?REQid=1&Enc=bin", PROGRAM);
    assert!(
        state.contains("5 <LocID ID=locDispSpacer>") && state.contains("Taken Under Submission"),
        "{state}"
    );

    running.ca().issue(1, "bob", OffsetDateTime::now_utc()).unwrap();
    let certificate = issued(&running, 1);
    let asked = parse(&request);
    assert_eq!(certificate.subject.der(), asked.subject.der(), "byte for byte, all three OUs");
    assert_eq!(certificate.public_key.spki(), asked.public_key.spki());
    assert_eq!(certificate.extensions.alt_names(), asked.extensions.alt_names());
    assert_eq!(
        certificate.extensions.extended_key_usage.as_ref().unwrap().value,
        [oid::SERVER_AUTH, oid::CLIENT_AUTH]
    );
    assert!(certificate.extensions.template().is_none(), "a standalone CA knows no templates");
    assert_eq!(certificate.serial.0.len(), 16);
    assert!(!certificate.serial.is_not_positive() && certificate.defects.is_empty());
    for purpose in ["sslserver", "sslclient"] {
        let (ok, text) = openssl_verify(&running, certificate.der(), purpose, folder.path());
        assert!(ok, "{purpose}: {text}");
    }

    running.ca().revoke(1, "bob", OffsetDateTime::now_utc()).unwrap();
    let (ok, text) = openssl_verify(&running, certificate.der(), "sslserver", folder.path());
    assert!(!ok && text.contains("certificate revoked"), "{text}");
    let state = get(&running, "/certsrv/certnew.cer?ReqID=1", PROGRAM);
    assert!(state.contains("6 <LocID ID=locDispSpacer>"), "{state}");
}

#[test]
fn an_enterprise_ca_takes_usages_from_the_template_and_names_from_the_request() {
    let (folder, running) = lab(Mode::Enterprise);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    let page = submit(&running, &request, "CertificateTemplate:WebServer\r\n");
    assert!(
        page.contains("location=\"certnew.cer?ReqID=1&\"+getEncoding();") && !page.contains("ReqID=1&amp;")
    );
    let certificate = issued(&running, 1);
    assert_eq!(certificate.extensions.extended_key_usage.as_ref().unwrap().value, [oid::SERVER_AUTH]);
    assert_eq!(certificate.extensions.template().as_deref(), Some("WebServer"));
    assert_eq!(certificate.extensions.alt_names(), parse(&request).extensions.alt_names());
    let (ok, text) = openssl_verify(&running, certificate.der(), "sslclient", folder.path());
    assert!(!ok && text.contains("purpose"), "the stock template makes no client: {text}");

    // The template inside the request counts where no attribute names one.
    submit(&running, &request, "");
    let certificate = issued(&running, 2);
    let purposes = &certificate.extensions.extended_key_usage.as_ref().unwrap().value;
    assert!(purposes.len() == 2 && purposes.contains(&oid::CLIENT_AUTH));
    assert_eq!(certificate.extensions.ms_template.as_ref().unwrap().value.major, Some(100));
    for purpose in ["sslserver", "sslclient"] {
        let (ok, text) = openssl_verify(&running, certificate.der(), purpose, folder.path());
        assert!(ok, "{purpose}: {text}");
    }
}

#[test]
fn an_ec_key_gets_no_usage_that_only_rsa_has() {
    let (folder, running) = lab(Mode::Enterprise);
    let request = openssl_request(folder.path(), &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], FULL);
    submit(&running, &request, "CertificateTemplate:OCSMutualTLS");
    let usage = issued(&running, 1).extensions.key_usage.unwrap().value;
    assert_eq!(usage.names(), ["digitalSignature"]);
}

/// Every way the CA says no: what is sent, under which template, and the code and words that come back.
#[test]
fn refusals_carry_the_code_and_the_message_of_the_real_ca() {
    let (folder, running) = lab(Mode::Enterprise);
    let good = openssl_request(folder.path(), &["rsa:2048"], "keyUsage=digitalSignature");
    let short = openssl_request(folder.path(), &["rsa:1024"], "keyUsage=digitalSignature");
    let mut der = pem::parse(&good).unwrap().contents().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let forged = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
    let shifted = good.replace('+', " ").replace('\n', "");
    let cases = [
        ("garbage", "", "Error Parsing Request", "0x8009310b"),
        (shifted.as_str(), "CertificateTemplate:WebServer", "Error Parsing Request", "0x8009310b"),
        (&forged, "CertificateTemplate:WebServer", "Error Verifying Request Signature", "0x80091007"),
        (&good, "", "0x80094801, The request does not contain a certificate template", "0x80094801"),
        (&good, "CertificateTemplate:Web Server", "policy: Web Server.", "0x80094800"),
        (&good, "CertificateTemplate:<b>No</b>", "policy: &lt;b&gt;No", "0x80094800"),
        (&short, "certificatetemplate:OCSMutualTLS", "\"Denied by Policy Module\"", "0x80094811"),
    ];
    for (id, (request, attributes, message, code)) in (1..).zip(cases) {
        let page = submit(&running, request, attributes);
        assert!(page.contains("ID=locDenied") && page.contains("ID=locInfoReqIDandReason"), "{id}: {page}");
        assert!(page.contains(&format!("Your Request Id is {id}. The disposition message is \"")), "{page}");
        assert!(page.contains(message), "{id} {message}: {page}");
        let state = get(&running, &format!("/certsrv/certnew.cer?ReqID={id}"), PROGRAM);
        assert!(state.contains("2 <LocID ID=locDispSpacer>"), "{state}");
        let last = &state[state.find("ID=locLastStatLabel").unwrap()..];
        assert!(last.contains(&format!("{code} (")), "{id} {code}: {last}");
    }
    let unknown = get(&running, "/certsrv/certnew.cer?ReqID=99", PROGRAM);
    assert!(unknown.contains("0x80094004 (-2146877436 CERTSRV_E_PROPERTY_EMPTY)"), "{unknown}");
}

#[test]
fn what_an_administrator_denies_is_denied_and_stays_so_over_a_restart() {
    let (folder, running) = lab(Mode::Standalone);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    for _ in 0..3 {
        submit(&running, &request, "");
    }
    let now = OffsetDateTime::now_utc();
    running.ca().deny(1, "bob", now).unwrap();
    running.ca().issue(2, "bob", now).unwrap();
    assert!(running.ca().issue(1, "bob", now).unwrap_err().to_string().contains("decided already"));
    assert!(running.ca().issue(9, "bob", now).unwrap_err().to_string().contains("no request 9"));
    let (url, before) = (running.url(), issued(&running, 2));
    let second = lab::start(&options(folder.path())).err().unwrap();
    assert!(second.to_string().contains("another lab runs"), "{second}");
    running.stop();

    let running = lab::start(&options(folder.path())).unwrap();
    assert_eq!(running.url(), url, "the addresses in the certificates stay good");
    let page = post(&running, "/certsrv/certfnsh.asp", PROGRAM, &[("Mode", "chkpnd"), ("ReqID", "1")]);
    assert!(page.contains("ID=locDenied") && page.contains("\"Denied by bob\""), "{page}");
    let state = get(&running, "/certsrv/certnew.cer?ReqID=1", PROGRAM);
    assert!(state.contains("0x80094014 (-2146877420 CERTSRV_E_ADMIN_DENIED_REQUEST)"), "{state}");
    let page = post(&running, "/certsrv/certfnsh.asp", PROGRAM, &[("Mode", "ChkPnd"), ("reqid", "2")]);
    assert!(page.contains("certnew.cer?ReqID=2&amp;Enc=bin") && page.contains("ID=locInfo>"), "{page}");
    let page = post(&running, "/certsrv/certfnsh.asp", PROGRAM, &[("Mode", "chkpnd"), ("ReqID", "3")]);
    assert!(page.contains("still pending"), "{page}");
    assert_eq!(issued(&running, 2), before);
    let (ok, text) = openssl_verify(&running, before.der(), "sslclient", folder.path());
    assert!(ok, "{text}");
}

#[test]
fn fetches_follow_the_agent_the_encoding_and_the_label_trap() {
    let (folder, running) = lab(Mode::Enterprise);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    submit(&running, &request, "CertificateTemplate:OCSMutualTLS");
    for (agent, cer, p7b) in [
        (BROWSER, "application/pkix-cert", "application/x-pkcs7-certificates"),
        (PROGRAM, "text/html", "text/html"),
    ] {
        for (path, kind) in [("certnew.cer", cer), ("certnew.p7b", p7b)] {
            for id in ["ReqID=1", "ReqID=CACert&Renewal=0", "reqid=cacert&renewal=-1"] {
                let answer = get(&running, &format!("/certsrv/{path}?{id}&Enc=b64"), agent);
                assert!(
                    answer.contains(&format!("Content-Type: {kind}\r\n")),
                    "{agent} {path} {id}: {answer}"
                );
                let body = &answer[answer.find("-----BEGIN CERTIFICATE-----\r\n").unwrap()..];
                let contents = ocscert::model::read(body.as_bytes());
                let wanted = match (path, id) {
                    ("certnew.p7b", "ReqID=1") => 3,
                    ("certnew.p7b", _) => 2,
                    _ => 1,
                };
                assert_eq!(contents.certificates().count(), wanted, "{path} {id}");
                if path == "certnew.p7b" {
                    let body = body.replace("CERTIFICATE", "PKCS7");
                    std::fs::write(folder.path().join("chain.p7b"), body).unwrap();
                    let args = ["pkcs7", "-in", "chain.p7b", "-print_certs", "-noout"];
                    let (ok, text) = run("openssl", &args, folder.path());
                    assert!(ok && text.matches("subject=").count() == wanted, "{text}");
                }
            }
        }
    }
    let renewed = get(&running, "/certsrv/certnew.cer?ReqID=CACert&Renewal=1", BROWSER);
    assert!(renewed.contains("0x80094004"), "this CA was never renewed");
    assert!(get(&running, "/certsrv/certcarc.asp", BROWSER).contains("var nRenewals=0;"));
    let crl = get(&running, "/certsrv/certcrl.crl?Type=base&Renewal=0&Enc=b64", BROWSER);
    assert!(crl.contains("application/pkix-crl") && crl.contains("-----BEGIN X509 CRL-----"), "{crl}");
    let form = get(&running, "/certsrv/certrqxt.asp", BROWSER);
    assert!(form.contains("<Option Value=\"O;WebServer;") && form.contains(">OCS Mutual TLS"), "{form}");
    assert!(get(&running, "/certsrv", BROWSER).contains("Location: /certsrv/\r\n"));
    assert!(get(&running, "/certsrv/", BROWSER).contains("ID=locMSCertSrv"));
}

#[test]
fn only_the_page_itself_can_press_its_buttons() {
    let (folder, running) = lab(Mode::Standalone);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    submit(&running, &request, "");
    let page = get(&running, "/lab/", BROWSER);
    assert!(page.contains("DNS:fe1.foo.com") && page.contains("serverAuth, clientAuth"), "{page}");
    assert!(page.contains("&lt;b\\&gt;&amp;") && !page.contains("<b>"), "hostile text is escaped");
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();

    let answer = post(&running, "/lab/issue", BROWSER, &[("id", "1"), ("token", "x")]);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let rebound = "GET /lab/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(exchange(&running, rebound.as_bytes()).starts_with("HTTP/1.1 403"));
    assert_eq!(running.ca().request(1).unwrap().state, State::Pending);

    let answer = post(&running, "/lab/issue", BROWSER, &[("id", "1"), ("token", token)]);
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("Location: /lab/#r1\r\n"), "{answer}");
    issued(&running, 1);
    let again = post(&running, "/lab/deny", BROWSER, &[("id", "1"), ("token", token)]);
    assert!(again.starts_with("HTTP/1.1 409") && again.contains("request 1 is decided already"), "{again}");
    issued(&running, 1);
}

#[test]
fn a_lab_is_not_for_the_neighbours_and_asks_for_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let far = Options { listen: "0.0.0.0:0".parse().unwrap(), ..options(folder.path()) };
    assert!(lab::start(&far).err().unwrap().hint_text().is_some());

    let running = lab::start(&Options { auth: Auth::Basic, ..options(folder.path()) }).unwrap();
    for path in ["/certsrv/", "/lab/", "/certsrv/certnew.cer?ReqID=1", "/nothing"] {
        let answer = get(&running, path, BROWSER);
        assert!(
            answer.starts_with("HTTP/1.1 401") && answer.contains("WWW-Authenticate: Basic realm="),
            "{path}"
        );
    }
    let file = running.password_file().unwrap();
    let password = std::fs::read_to_string(file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for secret in
            [file.to_path_buf(), folder.path().join("ca/root.key"), folder.path().join("ca/issuing.key")]
        {
            assert_eq!(std::fs::metadata(secret).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    let with = |user: &str, password: &str| {
        let credentials = pem::encode(&pem::Pem::new("X", format!("{user}:{password}")));
        let credentials: String = credentials.lines().filter(|l| !l.starts_with('-')).collect();
        let head = "GET /certsrv/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        exchange(&running, format!("{head}Authorization: Basic {credentials}\r\n\r\n").as_bytes())
    };
    assert!(with(r"LAB\Alice", password.trim()).starts_with("HTTP/1.1 200"));
    assert!(with("alice", password.trim()).starts_with("HTTP/1.1 401"), "the domain belongs to it");
    assert!(with(r"lab\alice", "wrong").starts_with("HTTP/1.1 401"));
    assert!(get(&running, "/CertEnroll/root.crl", PROGRAM).starts_with("HTTP/1.1 200"), "lists are for all");
}

#[test]
fn with_tls_the_plain_side_gives_out_what_is_for_everybody_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let running = lab::start(&Options { tls: true, ..options(folder.path()) }).unwrap();
    let address =
        running.url().strip_prefix("https://").unwrap().strip_suffix("/certsrv").unwrap().to_string();
    let plain = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(plain("/certsrv/").contains("403.4 - Forbidden: SSL is required"));
    assert!(plain("/lab/").starts_with("HTTP/1.1 403"));
    for path in ["/CertEnroll/root.crl", "/certenroll/ISSUING.crt"] {
        assert!(plain(path).starts_with("HTTP/1.1 200"), "{path}");
    }
    let root = running.tls_root().unwrap().to_str().unwrap();
    let args = [
        "s_client",
        "-connect",
        &address,
        "-CAfile",
        root,
        "-no-CApath",
        "-no-CAstore",
        "-verify_return_error",
    ];
    let named =
        [&args[..], &["-verify_hostname", "localhost", "-servername", "localhost", "-brief"]].concat();
    let (ok, text) = run("openssl", &named, folder.path());
    assert!(ok && text.contains("Verification: OK"), "{text}");
    let ca_root = running.root_file();
    let mut wrong = named.clone();
    wrong[4] = ca_root.to_str().unwrap();
    assert!(!run("openssl", &wrong, folder.path()).0, "the CA's root does not make the pages trusted");
}

#[test]
fn many_at_once_get_numbers_of_their_own() {
    let (folder, running) = lab(Mode::Standalone);
    let request = openssl_request(folder.path(), &["rsa:2048"], FULL);
    let pages: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12).map(|_| scope.spawn(|| submit(&running, &request, ""))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for id in 1..=12 {
        let told = format!("Your Request Id is {id}.");
        assert_eq!(pages.iter().filter(|page| page.contains(&told)).count(), 1, "{told}");
    }
    assert_eq!(running.ca().requests().len(), 12);
}

/// Server 2003 makes its requests with SHA-1, and its keys may be short: a standalone CA takes them.
#[test]
fn old_requests_are_taken() {
    let (folder, running) = lab(Mode::Standalone);
    let keys: [&[&str]; 3] = [
        &["rsa:1024", "-sha1"],
        &["rsa:2048", "-sha512"],
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-sha512"],
    ];
    for (id, key) in (1..).zip(keys) {
        let request = openssl_request(folder.path(), key, FULL);
        let page = submit(&running, &request, "");
        assert!(
            page.contains(&format!("Your Request Id is {id}.")) && page.contains("locInfoReqID"),
            "{key:?}: {page}"
        );
        running.ca().issue(id, "bob", OffsetDateTime::now_utc()).unwrap();
        assert_eq!(issued(&running, id).public_key, parse(&request).public_key);
    }
}
