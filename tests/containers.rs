//! Files as everybody writes them, read by everybody: openssl with and without its legacy provider, Java's keytool,
//! GnuTLS's certtool, NSS's pk12util, python cryptography, and this tool. We read all of it, with every certificate,
//! key and name; what the others read is measured here and stands in docs/containers.md, which fails this test when
//! it says something else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{ber, peer};
use ocscert::model::container::{Limits, pem};
use ocscert::model::{Contents, Object, read};
use rayon::prelude::*;

/// The peers, and a folder where a key, its certificate and the root above it lie.
struct Bench {
    folder: tempfile::TempDir,
    openssl: PathBuf,
    keytool: PathBuf,
    certtool: PathBuf,
    pk12util: PathBuf,
    certutil: PathBuf,
    python: PathBuf,
}

/// One row: a file, and what is in it.
struct File {
    writer: &'static str,
    what: String,
    name: String,
    password: &'static str,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Holds {
    certificates: usize,
    keys: usize,
}

const ALL: Holds = Holds { certificates: 2, keys: 1 };
const KEY: Holds = Holds { certificates: 0, keys: 1 };
const ONE: Holds = Holds { certificates: 1, keys: 0 };
const TWO: Holds = Holds { certificates: 2, keys: 0 };

/// The name in the files, where their writers take one.
const NAME: &str = "pool foo";

impl Bench {
    fn new() -> Option<Self> {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
            openssl: peer::require("openssl")?,
            keytool: peer::require("keytool")?,
            certtool: peer::require("certtool")?,
            pk12util: peer::require("pk12util")?,
            certutil: peer::require("certutil")?,
            python: peer::python()?,
        };
        bench.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj /CN=Root -days 3650",
        );
        bench.openssl("req -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr -subj /CN=pool.foo.com");
        bench.openssl(
            "x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 365 -out leaf.pem",
        );
        bench.openssl("x509 -in leaf.pem -outform DER -out leaf.der");
        bench.openssl("x509 -in leaf.pem -trustout -addtrust serverAuth -out trusted.pem");
        bench.openssl("ecparam -name prime256v1 -genkey -noout -out ec.key");
        bench.run(
            &bench.openssl,
            &[
                "pkcs12",
                "-export",
                "-in",
                "leaf.pem",
                "-inkey",
                "leaf.key",
                "-certfile",
                "root.pem",
                "-name",
                NAME,
                "-passout",
                "pass:secret1",
                "-out",
                "start.pfx",
            ],
        );
        fs::create_dir(bench.path("empty")).unwrap();
        for database in ["sql:.", "sql:empty"] {
            bench.run(&bench.certutil, &["-N", "-d", database, "--empty-password"]);
        }
        bench.run(&bench.pk12util, &["-i", "start.pfx", "-d", "sql:.", "-W", "secret1"]);
        Some(bench)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn try_run(&self, program: &Path, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            // Passwords go as UTF-8.
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn run(&self, program: &Path, arguments: &[&str]) {
        let ran = self.try_run(program, arguments);
        let said = [ran.stdout, ran.stderr].concat();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }

    #[track_caller]
    fn openssl(&self, line: &str) {
        self.run(&self.openssl, &line.split(' ').collect::<Vec<_>>());
    }

    #[track_caller]
    fn python(&self, script: &str, arguments: &[&str]) {
        self.run(&self.python, &[&["-W", "ignore", "-c", script], arguments].concat());
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// What a program printed: blocks of PEM, counted.
fn blocks(ran: &Output) -> Holds {
    let said = String::from_utf8_lossy(&ran.stdout);
    Holds {
        certificates: said.matches("-----BEGIN CERTIFICATE").count(),
        keys: said.lines().filter(|l| l.starts_with("-----BEGIN") && l.ends_with("PRIVATE KEY-----")).count(),
    }
}

/// A column: who reads, and how.
struct Reader {
    name: &'static str,
    read: fn(&Bench, &File) -> Holds,
}

/// What this tool finds, and that the name is among it.
fn ours(bench: &Bench, file: &File) -> Holds {
    let contents = opened(bench, file);
    let holds = counted(&contents);
    let names: Vec<&str> = contents
        .items
        .iter()
        .filter_map(|item| item.origin.as_ref()?.attributes.friendly_name.as_deref())
        .collect();
    if holds == ALL {
        assert!(names.contains(&NAME), "{} {}: {names:?}", file.writer, file.what);
    }
    holds
}

fn opened(bench: &Bench, file: &File) -> Contents {
    let mut contents = read(&fs::read(bench.path(&file.name)).unwrap());
    for open in [Contents::open_pfx, Contents::open_keys] {
        open(&mut contents, file.password, Limits::default())
            .unwrap_or_else(|e| panic!("{} {} {}: {e}", file.writer, file.what, file.password));
    }
    contents
}

fn counted(contents: &Contents) -> Holds {
    Holds {
        certificates: contents.certificates().count(),
        keys: contents.items.iter().filter(|item| matches!(item.object, Object::Key(_))).count(),
    }
}

const PFX_READERS: &[Reader] = &[
    Reader { name: "ocscert", read: ours },
    Reader { name: "OpenSSL", read: |bench, file| openssl_pfx(bench, file, &[]) },
    Reader {
        name: "OpenSSL -legacy",
        // What it reads without, it reads with it too.
        read: |bench, file| match openssl_pfx(bench, file, &[]) {
            read if read == file.holds => read,
            _ => openssl_pfx(bench, file, &["-legacy"]),
        },
    },
    Reader { name: "Java", read: keytool_pfx },
    Reader { name: "GnuTLS", read: certtool_pfx },
    Reader { name: "NSS", read: nss_pfx },
    Reader { name: "cryptography", read: python_pfx },
];

fn openssl_pfx(bench: &Bench, file: &File, options: &[&str]) -> Holds {
    let pass = format!("pass:{}", file.password);
    let line = [&["pkcs12", "-in", &file.name, "-passin", &pass, "-nodes"], options].concat();
    blocks(&bench.try_run(&bench.openssl, &line))
}

/// Taken over into a keystore of its own: that opens the key, too.
fn keytool_pfx(bench: &Bench, file: &File) -> Holds {
    let out = format!("{}.java", file.name);
    let mut line =
        vec!["-importkeystore", "-srckeystore", &file.name, "-srcstoretype", "PKCS12", "-noprompt"];
    line.extend(["-srcstorepass", file.password, "-destkeystore", &out, "-deststoretype", "PKCS12"]);
    line.extend(["-deststorepass", "changeit"]);
    let ran = bench.try_run(&bench.keytool, &line);
    let said = String::from_utf8_lossy(&ran.stderr);
    // The chain of a key is one entry.
    if ran.status.success() && (said.contains("1 entries") || said.contains("2 entries")) {
        file.holds
    } else {
        Holds::default()
    }
}

fn certtool_pfx(bench: &Bench, file: &File) -> Holds {
    let mut line = vec!["--p12-info", "--inder", "--infile", &file.name];
    match file.password {
        "" => line.push("--empty-password"),
        password => line.extend(["--password", password]),
    }
    let ran = bench.try_run(&bench.certtool, &line);
    if ran.status.success() { blocks(&ran) } else { Holds::default() }
}

/// Imported into a database of its own.
fn nss_pfx(bench: &Bench, file: &File) -> Holds {
    let folder = format!("{}.nss", file.name);
    fs::create_dir(bench.path(&folder)).unwrap();
    let database = format!("sql:{folder}");
    for part in ["cert9.db", "key4.db", "pkcs11.txt"] {
        fs::copy(bench.path("empty").join(part), bench.path(&folder).join(part)).unwrap();
    }
    let import = ["-i", &file.name, "-d", &database, "-W", file.password];
    if !bench.try_run(&bench.pk12util, &import).status.success() {
        return Holds::default();
    }
    let lines = |flag: &str, marker: &str| {
        let listed = bench.try_run(&bench.certutil, &[flag, "-d", &database]);
        String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.contains(marker)).count()
    };
    Holds { certificates: lines("-L", ",,") + lines("-L", "u,u,u"), keys: lines("-K", "rsa") }
}

fn python_pfx(bench: &Bench, file: &File) -> Holds {
    let script = "import sys; from cryptography.hazmat.primitives.serialization import pkcs12; \
                  p = pkcs12.load_pkcs12(open(sys.argv[1],'rb').read(), sys.argv[2].encode()); \
                  print((p.cert is not None) + len(p.additional_certs), int(p.key is not None))";
    two_numbers(&bench.try_run(&bench.python, &["-W", "ignore", "-c", script, &file.name, file.password]))
}

fn two_numbers(ran: &Output) -> Holds {
    let said = String::from_utf8_lossy(&ran.stdout);
    let numbers: Vec<usize> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [certificates, keys] => Holds { certificates, keys },
        _ => Holds::default(),
    }
}

/// Every kind of password, by what the page calls it.
const PASSWORDS: &[(&str, &str)] =
    &[("ASCII", "secret 1"), ("accented", "pässwörd"), ("Japanese", "パスワード"), ("empty", "")];

/// The password of most.
const PLAIN: &str = PASSWORDS[0].1;

/// Files that are being made.
#[derive(Default)]
struct Files(Vec<File>);

impl Files {
    fn add(
        &mut self,
        writer: &'static str,
        what: &str,
        password: &'static str,
        holds: Holds,
        make: impl Fn(&str),
    ) {
        let name = format!("{}.file", self.0.len());
        make(&name);
        let kind = PASSWORDS.iter().find(|(_, known)| *known == password).map_or("none", |(kind, _)| kind);
        self.0.push(File { writer, what: format!("{what} | {kind}"), name, password, holds });
    }
}

/// PFX files by openssl, of every algorithm, with every kind of password.
fn pfx_of_openssl(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    let openssl = |options: &'static str, password: &'static str| {
        move |out: &str| {
            let pass = format!("pass:{password}");
            let mut line = vec!["pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key"];
            line.extend(["-certfile", "root.pem", "-name", NAME, "-passout", &pass, "-out", out]);
            line.extend(options.split(' ').filter(|word| !word.is_empty()));
            bench.run(&bench.openssl, &line);
        }
    };
    for (_, password) in PASSWORDS {
        files.add("OpenSSL", "AES-256, as it is", password, ALL, openssl("", password));
        files.add("OpenSSL", "RC2-40 and 3DES (-legacy)", password, ALL, openssl("-legacy", password));
    }
    for (what, options) in [
        (
            "3DES, SHA-1 MAC (as for Windows)",
            "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -keyex",
        ),
        ("3DES with two keys", "-keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES"),
        ("RC2-128", "-legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128"),
        ("RC4-128", "-legacy -keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-128"),
        ("RC4-40", "-legacy -keypbe PBE-SHA1-RC4-40 -certpbe PBE-SHA1-RC4-40"),
        ("DES, MD5 (PBES1)", "-legacy -keypbe PBE-MD5-DES -certpbe PBE-MD5-DES"),
        ("DES, SHA-1 (PBES1)", "-legacy -keypbe PBE-SHA1-DES -certpbe PBE-SHA1-DES"),
        ("RC2-64, MD5 (PBES1)", "-legacy -keypbe PBE-MD5-RC2-64 -certpbe PBE-MD5-RC2-64"),
        ("RC2-64, SHA-1 (PBES1)", "-legacy -keypbe PBE-SHA1-RC2-64 -certpbe PBE-SHA1-RC2-64"),
        ("AES-128 (PBES2)", "-keypbe AES-128-CBC -certpbe AES-128-CBC"),
        ("AES-192 (PBES2)", "-keypbe AES-192-CBC -certpbe AES-192-CBC"),
        ("Camellia-256 (PBES2)", "-keypbe CAMELLIA-256-CBC -certpbe CAMELLIA-256-CBC"),
        ("3DES (PBES2)", "-keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC"),
        ("DES (PBES2)", "-legacy -keypbe DES-CBC -certpbe DES-CBC"),
        ("RC2-128 (PBES2)", "-legacy -keypbe RC2-CBC -certpbe RC2-CBC"),
        ("MAC of MD5", "-macalg md5"),
        ("MAC of SHA-224", "-macalg sha224"),
        ("MAC of SHA-384", "-macalg sha384"),
        ("MAC of SHA-512", "-macalg sha512"),
        ("MAC of SHA-512/256", "-macalg sha512-256"),
        ("no MAC", "-nomac"),
        ("nothing encrypted", "-keypbe NONE -certpbe NONE"),
        ("nothing encrypted, no MAC", "-keypbe NONE -certpbe NONE -nomac"),
    ] {
        files.add("OpenSSL", what, PLAIN, ALL, openssl(options, PLAIN));
    }
    files.0
}

/// PFX files by keytool.
fn pfx_of_java(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    // keytool takes over what openssl wrote, under a password of its own.
    let keytool = |options: &'static [&'static str]| {
        move |out: &str| {
            let mut line = options.to_vec();
            line.extend(["-importkeystore", "-srckeystore", "start.pfx", "-srcstoretype", "PKCS12"]);
            line.extend(["-srcstorepass", "secret1", "-destkeystore", out, "-deststoretype", "PKCS12"]);
            line.extend(["-deststorepass", PLAIN]);
            bench.run(&bench.keytool, &line);
        }
    };
    files.add("Java", "AES-256, as it is", PLAIN, ALL, keytool(&[]));
    files.add("Java", "RC2-40 and 3DES (legacy)", PLAIN, ALL, keytool(&["-J-Dkeystore.pkcs12.legacy"]));
    let truststore = |options: &'static [&'static str]| {
        move |out: &str| {
            let mut line = options.to_vec();
            line.extend([
                "-importcert",
                "-noprompt",
                "-alias",
                "root",
                "-file",
                "root.pem",
                "-keystore",
                out,
            ]);
            line.extend(["-storetype", "PKCS12", "-storepass", PLAIN]);
            bench.run(&bench.keytool, &line);
        }
    };
    files.add("Java", "truststore", PLAIN, ONE, truststore(&[]));
    const OPEN: &[&str] =
        &["-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE", "-J-Dkeystore.pkcs12.macAlgorithm=NONE"];
    files.add("Java", "truststore without a password", PLAIN, ONE, truststore(OPEN));
    files.0
}

/// PFX files by GnuTLS, which asks for 600,000 iterations.
fn pfx_of_gnutls(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    let certtool = |cipher: &'static str, password: &'static [&'static str]| {
        move |out: &str| {
            let mut line = vec!["--to-p12", "--load-certificate", "leaf.pem", "--load-privkey", "leaf.key"];
            line.extend(["--load-ca-certificate", "root.pem", "--p12-name", NAME, "--pkcs-cipher", cipher]);
            line.extend(["--outder", "--outfile", out]);
            line.extend(password);
            bench.run(&bench.certtool, &line);
        }
    };
    for cipher in ["aes-128", "aes-192", "3des", "3des-pkcs12", "rc2-40", "arcfour"] {
        files.add("GnuTLS", cipher, PLAIN, ALL, certtool(cipher, &["--password", "secret 1"]));
    }
    files.add("GnuTLS", "aes-256", "パスワード", ALL, certtool("aes-256", &["--password", "パスワード"]));
    files.add("GnuTLS", "3des-pkcs12", "pässwörd", ALL, certtool("3des-pkcs12", &["--password", "pässwörd"]));
    files.add("GnuTLS", "aes-256", "", ALL, certtool("aes-256", &["--empty-password"]));
    files.add(
        "GnuTLS",
        "3des-pkcs12, no password at all",
        "",
        ALL,
        certtool("3des-pkcs12", &["--null-password"]),
    );
    files.0
}

/// PFX files by NSS.
fn pfx_of_nss(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    let nss = |cipher: &'static str, password: &'static str| {
        move |out: &str| {
            let line = ["-o", out, "-n", NAME, "-d", "sql:.", "-W", password, "-c", cipher, "-C", cipher];
            bench.run(&bench.pk12util, &line);
        }
    };
    for (what, cipher) in [
        ("AES-256 (BER)", "AES-256-CBC"),
        ("Camellia-256 (BER)", "CAMELLIA-256-CBC"),
        ("RC2-40 (BER)", "PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC"),
        ("RC2-128 (BER)", "PKCS #12 V2 PBE With SHA-1 And 128 Bit RC2 CBC"),
        ("RC4-128 (BER)", "PKCS #12 V2 PBE With SHA-1 And 128 Bit RC4"),
        ("DES, MD5 (PBES1, BER)", "PKCS #5 Password Based Encryption with MD5 and DES-CBC"),
    ] {
        files.add("NSS", what, PLAIN, ALL, nss(cipher, PLAIN));
    }
    let triple_des = "PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC";
    files.add("NSS", "AES-256 (BER)", "パスワード", ALL, nss("AES-256-CBC", "パスワード"));
    files.add("NSS", "3DES (BER)", "pässwörd", ALL, nss(triple_des, "pässwörd"));
    files.add("NSS", "AES-256 (BER)", "", ALL, nss("AES-256-CBC", ""));
    files.add("NSS", "3DES (BER)", "", ALL, nss(triple_des, ""));
    files.0
}

/// PFX files by python cryptography and by this tool.
fn pfx_of_cryptography_and_ocscert(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    let python = |algorithm: &'static str, password: &'static str| {
        move |out: &str| {
            let script = "import sys; from cryptography import x509; from cryptography.hazmat.primitives import hashes; \
                from cryptography.hazmat.primitives.serialization import *; from cryptography.hazmat.primitives.serialization import pkcs12; \
                name, how, password, out = sys.argv[1:]; \
                certificates = [x509.load_pem_x509_certificate(open(f,'rb').read()) for f in ('leaf.pem','root.pem')]; \
                key = load_pem_private_key(open('leaf.key','rb').read(), None); \
                builder = PrivateFormat.PKCS12.encryption_builder(); \
                algorithm = NoEncryption() if how == 'NONE' else BestAvailableEncryption(password.encode()) if how == 'BEST' \
                    else builder.key_cert_algorithm(getattr(pkcs12.PBES, how)).hmac_hash(hashes.SHA1()).build(password.encode()); \
                open(out,'wb').write(pkcs12.serialize_key_and_certificates(name.encode(), key, certificates[0], certificates[1:], algorithm))";
            bench.python(script, &[NAME, algorithm, password, out]);
        }
    };
    for (_, password) in PASSWORDS.iter().filter(|(kind, _)| *kind != "empty") {
        files.add("cryptography", "BestAvailable", password, ALL, python("BEST", password));
    }
    files.add("cryptography", "3DES, SHA-1 MAC", PLAIN, ALL, python("PBESv1SHA1And3KeyTripleDESCBC", PLAIN));
    files.add("cryptography", "AES-256, SHA-1 MAC", PLAIN, ALL, python("PBESv2SHA256AndAES256CBC", PLAIN));
    files.add("cryptography", "nothing encrypted, no MAC", "", ALL, python("NONE", ""));

    let ocscert = |target: &'static str, password: &'static str| {
        move |out: &str| bench.put(out, &exported(bench, target, password))
    };
    for target in ["windows2003", "modern"] {
        for (_, password) in PASSWORDS.iter().filter(|(kind, _)| *kind != "empty") {
            files.add("ocscert", target, password, ALL, ocscert(target, password));
        }
    }
    files.0
}

/// What `export` writes of the leaf and its chain.
fn exported(bench: &Bench, target: &str, password: &str) -> Vec<u8> {
    use ocscert::make::pkcs12::{self, SCHANNEL_CSP};
    let contents = ["leaf.pem", "root.pem"].map(|file| read(&fs::read(bench.path(file)).unwrap()));
    let chain: Vec<_> = contents.iter().flat_map(Contents::certificates).map(|c| &**c).collect();
    let key = read(&fs::read(bench.path("leaf.key")).unwrap());
    let Some(Object::Key(key)) = key.items.first().map(|item| &item.object) else { panic!("no key") };
    let parts = pkcs12::Contents { key, chain: &chain, friendly_name: NAME, csp: SCHANNEL_CSP };
    let target = pkcs12::target(target).unwrap();
    pkcs12::write(&parts, target, password, &mut ocscert::make::random).unwrap().to_vec()
}

const KEY_READERS: &[Reader] = &[
    Reader { name: "ocscert", read: ours },
    Reader { name: "OpenSSL", read: |bench, file| openssl_key(bench, file, &[]) },
    Reader {
        name: "OpenSSL -legacy",
        read: |bench, file| openssl_key(bench, file, &["-provider", "default", "-provider", "legacy"]),
    },
    Reader {
        name: "GnuTLS",
        read: |bench, file| {
            let line = ["-k", "--infile", &file.name, "--password", file.password];
            let pkcs8 = ["-k", "--pkcs8", "--infile", &file.name, "--password", file.password];
            let read = |line: &[&str]| bench.try_run(&bench.certtool, line).status.success();
            if read(&line) || read(&pkcs8) { KEY } else { Holds::default() }
        },
    },
    Reader {
        name: "cryptography",
        read: |bench, file| {
            let script = "import sys; from cryptography.hazmat.primitives.serialization import load_pem_private_key; \
                          load_pem_private_key(open(sys.argv[1],'rb').read(), sys.argv[2].encode() or None); print(0, 1)";
            two_numbers(
                &bench.try_run(&bench.python, &["-W", "ignore", "-c", script, &file.name, file.password]),
            )
        },
    },
];

fn openssl_key(bench: &Bench, file: &File, options: &[&str]) -> Holds {
    let pass = format!("pass:{}", file.password);
    let line = [&["pkey", "-in", &file.name, "-passin", &pass], options].concat();
    blocks(&bench.try_run(&bench.openssl, &line))
}

/// Private keys, open and closed, in every format.
fn key_files(bench: &Bench) -> Vec<File> {
    let mut files = Files::default();
    let openssl = |options: &'static str, password: &'static str| {
        move |out: &str| {
            let pass = format!("pass:{password}");
            let mut line: Vec<&str> = options.split(' ').collect();
            line.extend(["-out", out]);
            if !password.is_empty() {
                line.extend(["-passout", &pass]);
            }
            bench.run(&bench.openssl, &line);
        }
    };
    for (what, options) in [
        ("PKCS#8, RSA", "pkcs8 -topk8 -nocrypt -in leaf.key"),
        ("PKCS#8, EC", "pkcs8 -topk8 -nocrypt -in ec.key"),
        ("PKCS#1", "rsa -in leaf.key -traditional"),
        ("SEC1, with EC PARAMETERS", "ecparam -name prime256v1 -genkey"),
    ] {
        files.add("OpenSSL", what, "", KEY, openssl(options, ""));
    }
    for (what, options) in [
        ("PKCS#8, AES-256", "pkcs8 -topk8 -in leaf.key"),
        ("PKCS#8, AES-128, HMAC-SHA-1", "pkcs8 -topk8 -in leaf.key -v2 aes-128-cbc -v2prf hmacWithSHA1"),
        ("PKCS#8, AES-256, HMAC-SHA-512", "pkcs8 -topk8 -in leaf.key -v2 aes-256-cbc -v2prf hmacWithSHA512"),
        ("PKCS#8, AES-256, HMAC-SHA-224", "pkcs8 -topk8 -in leaf.key -v2 aes-256-cbc -v2prf hmacWithSHA224"),
        ("PKCS#8, 3DES", "pkcs8 -topk8 -in leaf.key -v2 des3"),
        ("PKCS#8, Camellia-128", "pkcs8 -topk8 -in leaf.key -v2 camellia-128-cbc"),
        ("PKCS#8, AES-256, scrypt", "pkcs8 -topk8 -in leaf.key -scrypt"),
        (
            "PKCS#8, PBES1 MD5 and DES",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-MD5-DES -provider default -provider legacy",
        ),
        (
            "PKCS#8, PBES1 SHA-1 and DES",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-DES -provider default -provider legacy",
        ),
        (
            "PKCS#8, PBES1 MD5 and RC2-64",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-MD5-RC2-64 -provider default -provider legacy",
        ),
        ("PKCS#8, PKCS#12 SHA-1 and 3DES", "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-3DES"),
        (
            "PKCS#8, PKCS#12 SHA-1 and RC2-40",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-RC2-40 -provider default -provider legacy",
        ),
        (
            "PKCS#8, PKCS#12 SHA-1 and RC2-128",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-RC2-128 -provider default -provider legacy",
        ),
        (
            "PKCS#8, PKCS#12 SHA-1 and RC4-128",
            "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-RC4-128 -provider default -provider legacy",
        ),
        ("Proc-Type, DES", "rsa -in leaf.key -traditional -des -provider default -provider legacy"),
        ("Proc-Type, 3DES", "rsa -in leaf.key -traditional -des3"),
        ("Proc-Type, AES-128", "rsa -in leaf.key -traditional -aes128"),
        ("Proc-Type, AES-192, EC", "ec -in ec.key -aes192"),
        ("Proc-Type, AES-256", "rsa -in leaf.key -traditional -aes256"),
        ("Proc-Type, Camellia-256", "rsa -in leaf.key -traditional -camellia256"),
    ] {
        files.add("OpenSSL", what, PLAIN, KEY, openssl(options, PLAIN));
    }
    for (_, password) in PASSWORDS[1..].iter().filter(|(_, password)| !password.is_empty()) {
        for (what, options) in [
            ("PKCS#8, AES-256", "pkcs8 -topk8 -in leaf.key"),
            ("PKCS#8, PKCS#12 SHA-1 and 3DES", "pkcs8 -topk8 -in leaf.key -v1 PBE-SHA1-3DES"),
            ("Proc-Type, AES-128", "rsa -in leaf.key -traditional -aes128"),
        ] {
            files.add("OpenSSL", what, password, KEY, openssl(options, password));
        }
    }
    for cipher in ["3des", "3des-pkcs12", "aes-128", "aes-192", "aes-256", "rc2-40", "arcfour"] {
        files.add("GnuTLS", &format!("PKCS#8, {cipher}"), PLAIN, KEY, |out: &str| {
            let line =
                ["--to-p8", "--load-privkey", "leaf.key", "--pkcs-cipher", cipher, "--password", PLAIN];
            bench.run(&bench.certtool, &[&line[..], &["--outfile", out]].concat());
        });
    }
    for format in ["PKCS8", "TraditionalOpenSSL"] {
        files.add("cryptography", format, PLAIN, KEY, |out: &str| {
            let script = "import sys; from cryptography.hazmat.primitives.serialization import *; \
                key = load_pem_private_key(open('leaf.key','rb').read(), None); \
                open(sys.argv[3],'wb').write(key.private_bytes(Encoding.PEM, getattr(PrivateFormat, sys.argv[1]), BestAvailableEncryption(sys.argv[2].encode())))";
            bench.python(script, &[format, PLAIN, out]);
        });
    }
    files.add("ocscert", "PKCS#8, AES-256", PLAIN, KEY, |out: &str| {
        let contents = read(&fs::read(bench.path("leaf.key")).unwrap());
        let Some(Object::Key(key)) = contents.items.first().map(|item| &item.object) else {
            panic!("no key")
        };
        bench.put(
            out,
            pem("ENCRYPTED PRIVATE KEY", &ocscert::make::key::encrypt(key, PLAIN).unwrap()).as_bytes(),
        );
    });
    files.0
}

const TEXT_READERS: &[Reader] = &[
    Reader { name: "ocscert", read: ours },
    Reader { name: "OpenSSL", read: openssl_certificates },
    Reader {
        name: "Java",
        read: |bench, file| {
            let ran = bench.try_run(&bench.keytool, &["-printcert", "-rfc", "-file", &file.name]);
            if ran.status.success() { blocks(&ran) } else { Holds::default() }
        },
    },
    Reader {
        name: "GnuTLS",
        read: |bench, file| {
            let p7 = file.what.contains("PKCS#7");
            let read = |form: &[&str]| {
                let line = [&[if p7 { "--p7-info" } else { "-i" }, "--infile", &file.name], form].concat();
                let ran = bench.try_run(&bench.certtool, &line);
                Holds { keys: 0, ..if ran.status.success() { blocks(&ran) } else { Holds::default() } }
            };
            let text = read(&[]);
            if text == Holds::default() { read(&["--inder"]) } else { text }
        },
    },
    Reader { name: "cryptography", read: python_certificates },
];

fn openssl_certificates(bench: &Bench, file: &File) -> Holds {
    let tries: &[&[&str]] = match file.what.contains("PKCS#7") {
        true => &[&["pkcs7", "-print_certs"], &["pkcs7", "-print_certs", "-inform", "DER"]],
        // x509 shows the first certificate alone.
        false if file.holds == TWO => &[&["crl2pkcs7", "-nocrl", "-certfile"]],
        false => &[&["x509"]],
    };
    let read = |line: &&[&str]| {
        let line: &[&str] = line;
        if line[0] == "crl2pkcs7" {
            let out = format!("{}.p7", file.name);
            let made = bench.try_run(&bench.openssl, &[line, &[&file.name[..], "-out", &out]].concat());
            return match made.status.success() {
                true => blocks(&bench.try_run(&bench.openssl, &["pkcs7", "-print_certs", "-in", &out])),
                false => Holds::default(),
            };
        }
        blocks(&bench.try_run(&bench.openssl, &[line, &["-in", &file.name[..]]].concat()))
    };
    tries.iter().map(read).find(|holds| *holds != Holds::default()).unwrap_or_default()
}

fn python_certificates(bench: &Bench, file: &File) -> Holds {
    let script = "import sys; from cryptography import x509; from cryptography.hazmat.primitives.serialization import pkcs7\n\
        b = open(sys.argv[1],'rb').read()\n\
        for read in (x509.load_pem_x509_certificates, lambda b: [x509.load_der_x509_certificate(b)], pkcs7.load_pem_pkcs7_certificates, pkcs7.load_der_pkcs7_certificates):\n  \
          try: print(len(read(b)), 0); break\n  \
          except Exception: pass\n";
    two_numbers(&bench.try_run(&bench.python, &["-W", "ignore", "-c", script, &file.name]))
}

/// Certificates in every shape of text, and PKCS#7 in every form.
fn text_files(bench: &Bench) -> Vec<File> {
    let leaf = bench.text("leaf.pem");
    let utf16 = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { leaf.encode_utf16().flat_map(unit).collect() };
    let body: Vec<&str> = leaf.lines().filter(|line| !line.starts_with('-')).collect();
    let indented: String = leaf.lines().map(|line| format!("  {line}\n")).collect();
    let bag = "Bag Attributes\n    friendlyName: pool\n    localKeyID: 01 02\nsubject=CN = pool.foo.com\n";
    let pkcs7 = {
        bench.openssl("crl2pkcs7 -nocrl -certfile leaf.pem -certfile root.pem -outform DER -out two.p7b");
        fs::read(bench.path("two.p7b")).unwrap()
    };
    let with_crl = {
        bench.put(
            "ca.conf",
            b"[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=9\n",
        );
        bench.put("index.txt", b"");
        bench.openssl("ca -config ca.conf -gencrl -cert root.pem -keyfile root.key -out crl.pem");
        bench
            .openssl("crl2pkcs7 -in crl.pem -certfile leaf.pem -certfile root.pem -outform DER -out crl.p7b");
        fs::read(bench.path("crl.p7b")).unwrap()
    };
    let signed = {
        bench.put("message", b"hello");
        bench.openssl("cms -sign -in message -signer leaf.pem -inkey leaf.key -certfile root.pem -outform DER -nodetach -out signed.p7m");
        fs::read(bench.path("signed.p7m")).unwrap()
    };
    let rows: Vec<(&str, Holds, Vec<u8>)> = vec![
        ("DER", ONE, fs::read(bench.path("leaf.der")).unwrap()),
        ("PEM", ONE, leaf.clone().into()),
        ("PEM, CRLF", ONE, leaf.replace('\n', "\r\n").into()),
        ("PEM, CR alone", ONE, leaf.replace('\n', "\r").into()),
        ("PEM, last line not ended", ONE, leaf.trim_end().into()),
        ("PEM, UTF-8 with byte order mark", ONE, format!("\u{feff}{leaf}").into()),
        ("PEM, UTF-16 with byte order mark", ONE, [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat()),
        ("PEM, UTF-16 without", ONE, utf16(u16::to_le_bytes)),
        ("PEM, UTF-16 big-endian", ONE, [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat()),
        ("PEM, text before (Bag Attributes)", ONE, format!("{bag}{leaf}").into()),
        ("PEM, blank lines in it", ONE, leaf.replace('\n', "\n\n").into()),
        ("PEM, indented", ONE, indented.into()),
        (
            "PEM, one long line inside",
            ONE,
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.concat()).into(),
        ),
        ("PEM, all on one line", ONE, leaf.replace('\n', "").into()),
        ("PEM, X509 CERTIFICATE", ONE, leaf.replace("CERTIFICATE", "X509 CERTIFICATE").into()),
        ("PEM, TRUSTED CERTIFICATE", ONE, fs::read(bench.path("trusted.pem")).unwrap()),
        ("PEM, two certificates", TWO, [leaf.as_str(), &bench.text("root.pem")].concat().into()),
        (
            "PEM, two, joined without a line break",
            TWO,
            [leaf.trim_end(), &bench.text("root.pem")].concat().into(),
        ),
        ("base64 without BEGIN and END", ONE, body.join("\n").into()),
        ("PKCS#7, DER", TWO, pkcs7.clone()),
        ("PKCS#7, PEM", TWO, pem("PKCS7", &pkcs7).into()),
        ("PKCS#7, PEM under CERTIFICATE", TWO, pem("CERTIFICATE", &pkcs7).into()),
        (
            "PKCS#7, base64 alone",
            TWO,
            pem("X", &pkcs7).lines().filter(|l| !l.starts_with('-')).collect::<String>().into(),
        ),
        ("PKCS#7, BER", TWO, ber::ber(&pkcs7, 0)),
        ("PKCS#7, with a CRL", TWO, with_crl),
        ("PKCS#7, a signed message", TWO, signed),
    ];
    let file = |(i, (what, holds, bytes)): (usize, (&str, Holds, Vec<u8>))| {
        let name = format!("{i}.cer");
        bench.put(&name, &bytes);
        File { writer: "", what: what.into(), name, password: "", holds }
    };
    rows.into_iter().enumerate().map(file).collect()
}

/// A section of the page: every file by every reader; and that we read all.
fn section(bench: &Bench, title: &str, head: &str, files: &[File], readers: &[Reader]) -> String {
    let rows: Vec<Vec<Holds>> = files
        .par_iter()
        .map(|file| readers.iter().map(|reader| (reader.read)(bench, file)).collect())
        .collect();
    let names: Vec<&str> = readers.iter().map(|reader| reader.name).collect();
    let columns = head.matches('|').count() + 1 + readers.len();
    let mut out = format!("## {title}\n\n| {head} | {} |\n|{}\n", names.join(" | "), "---|".repeat(columns));
    for (file, row) in files.iter().zip(&rows) {
        assert_eq!(row[0], file.holds, "ocscert reads {} {}", file.writer, file.what);
        let answers: Vec<&str> = row
            .iter()
            .map(|held| match held {
                held if *held == file.holds => "yes",
                held if *held == Holds::default() => "no",
                _ => "in part",
            })
            .collect();
        let of = if file.writer.is_empty() { String::new() } else { format!("{} | ", file.writer) };
        let _ = writeln!(out, "| {of}{} | {} |", file.what, answers.join(" | "));
    }
    out
}

/// The sections of the page, in their order.
const TITLES: [&str; 7] = [
    "PFX by OpenSSL",
    "PFX by Java",
    "PFX by GnuTLS",
    "PFX by NSS",
    "PFX by cryptography and ocscert",
    "Private keys",
    "Certificates and PKCS#7",
];

/// The page as its sections; before the first heading stands what is said of all.
fn sections(page: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    for line in page.split_inclusive('\n') {
        if line.starts_with("## ") {
            sections.push(String::new());
        }
        sections.last_mut().unwrap().push_str(line);
    }
    sections
}

/// The page holds this section, word by word; `UPDATE_DOCS` writes it. Tests run at the same time: a lock keeps them
/// from writing over each other.
fn is_on_the_page(section: &str) {
    let path = peer::repository().join("docs/containers.md");
    let heading = section.lines().next().unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let lock = fs::File::create(peer::repository().join("target/containers.lock")).unwrap();
        lock.lock().unwrap();
        let mut all = sections(&fs::read_to_string(&path).unwrap_or_default());
        all.retain(|known| known.lines().next() != Some(heading) && !known.is_empty());
        all.push(format!("{}\n\n", section.trim_end()));
        let place =
            |section: &String| TITLES.iter().position(|title| section.starts_with(&format!("## {title}\n")));
        all.sort_by_key(place);
        fs::write(&path, format!("{}\n", all.concat().trim_end())).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    let all = sections(&page);
    let written =
        all.iter().find(|known| known.lines().next() == Some(heading)).map_or("", |known| known.trim_end());
    // Other versions may well answer the same.
    let lines = |text: &str| -> Vec<String> {
        text.trim_end().lines().filter(|line| !line.starts_with(VERSIONS)).map(str::to_string).collect()
    };
    let (written, measured) = (lines(written), lines(section));
    let differs = written.iter().zip(&measured).find(|(written, measured)| written != measured);
    assert!(
        written == measured,
        "docs/containers.md says something else under \"{heading}\" than was measured: \
         UPDATE_DOCS=1 cargo nextest run --test containers\n{differs:?}"
    );
}

/// Begins the line with the versions that the page was last written with.
const VERSIONS: &str = "Last written with";

#[test]
fn the_page_says_what_it_is() {
    let Some(bench) = Bench::new() else { return };
    let first = |program: &Path, arguments: &[&str]| -> String {
        let ran = bench.try_run(program, arguments);
        String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat())
            .lines()
            .next()
            .unwrap_or_default()
            .to_string()
    };
    let version = |text: String| {
        let is_digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        text.split([' ', '"', ':', '-']).find(is_digit).unwrap_or("?").to_string()
    };
    let nss = first(Path::new("dpkg-query"), &["-W", "-f", "${Version}", "libnss3-tools"]);
    let python = first(&bench.python, &["-c", "import cryptography; print(cryptography.__version__)"]);
    is_on_the_page(&format!(
        "# Who reads what\n\n\
         Files as everybody writes them, read by everybody: `tests/containers.rs` makes each\n\
         of them anew and asks each reader for its certificates and keys. The page is what\n\
         came out; a test fails where a program answers otherwise, and\n\
         `UPDATE_DOCS=1 cargo nextest run --test containers` writes it anew.\n\n\
         *yes*: every certificate and key; *in part*: some; *no*: none.\n\n\
         {VERSIONS} OpenSSL {}, OpenJDK {}, GnuTLS {}, NSS {}, python cryptography {python}.\n\n\
         What `ocscert` does not read it names, with a way to convert it: Java keystores of\n\
         the types JKS and JCEKS, Microsoft's .sst and .pvk files, NSS databases, CMS\n\
         encrypted for a certificate, Netscape's certificate sequences, keys of SSH and PGP,\n\
         archives, pages saved as certificates; in PFX files MD2, SHA-3, GOST, and what NSS\n\
         calls DES-CBC, which OpenSSL does not open either.\n",
        version(first(&bench.openssl, &["version"])),
        version(first(&bench.keytool, &["-J-version"])),
        version(first(&bench.certtool, &["--version"])),
        version(nss.split_once(':').map_or(nss.clone(), |(_, rest)| rest.to_string())),
    ));
}

const PFX: &str = "writer | closed with | password";

#[test]
fn pfx_by_openssl() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(&bench, TITLES[0], PFX, &pfx_of_openssl(&bench), PFX_READERS));
}

#[test]
fn pfx_by_java() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(&bench, TITLES[1], PFX, &pfx_of_java(&bench), PFX_READERS));
}

#[test]
fn pfx_by_gnutls() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(&bench, TITLES[2], PFX, &pfx_of_gnutls(&bench), PFX_READERS));
}

#[test]
fn pfx_by_nss() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(&bench, TITLES[3], PFX, &pfx_of_nss(&bench), PFX_READERS));
}

/// What we write, everybody reads; but keytool takes passwords of ASCII alone.
#[test]
fn pfx_by_cryptography_and_ocscert() {
    let Some(bench) = Bench::new() else { return };
    let section = section(&bench, TITLES[4], PFX, &pfx_of_cryptography_and_ocscert(&bench), PFX_READERS);
    let ours: Vec<&str> = section.lines().filter(|line| line.starts_with("| ocscert |")).collect();
    assert_eq!(ours.len(), 6);
    for line in ours {
        let refused = line.matches(" no |").count() + line.matches(" in part |").count();
        assert_eq!(refused, usize::from(!line.contains("| ASCII |")), "{line}");
    }
    is_on_the_page(&section);
}

#[test]
fn private_keys() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(
        &bench,
        TITLES[5],
        "writer | format | password",
        &key_files(&bench),
        KEY_READERS,
    ));
}

#[test]
fn certificates_and_pkcs7() {
    let Some(bench) = Bench::new() else { return };
    is_on_the_page(&section(&bench, TITLES[6], "format", &text_files(&bench), TEXT_READERS));
}
