//! Certificates for the catalogue, made by openssl: rcgen makes none with SHA-1, version 1 or a broken
//! extension.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use ocscert::model::{Certificate, Crl, Object, Sourced, read};

/// A folder with a root, an issuing CA and whatever the cases add.
pub struct Pki {
    folder: tempfile::TempDir,
    openssl: PathBuf,
}

/// What a certificate is made of; the defaults make a good one for a front end of pool.foo.com.
#[derive(Clone)]
pub struct Plan<'a> {
    /// The file's stem.
    pub name: &'a str,
    pub subject: &'a str,
    /// The stem of the issuer; its own for self-signed.
    pub issuer: &'a str,
    /// Arguments of `openssl genpkey`.
    pub key: &'a [&'a str],
    /// Lines of the extension section; none makes a version 1 certificate.
    pub extensions: Vec<String>,
    pub days: u32,
    /// Further arguments of `openssl x509 -req`, the digest among them.
    pub sign: &'a [&'a str],
}

const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

/// The extensions of a good leaf, by the word before the equals sign.
pub const LEAF: &[&str] = &[
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature,keyEncipherment",
    "extendedKeyUsage=serverAuth,clientAuth",
    "subjectAltName=DNS:pool.foo.com,DNS:fe1.foo.com",
    "crlDistributionPoints=URI:http://pki.foo.com/issuing.crl",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
];

const CA: &[&str] = &[
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
];

impl<'a> Plan<'a> {
    pub fn leaf(name: &'a str) -> Self {
        Self {
            name,
            subject: "/O=Foo/CN=pool.foo.com",
            issuer: "issuing",
            key: RSA,
            extensions: LEAF.iter().map(ToString::to_string).collect(),
            days: 365,
            sign: &["-sha256"],
        }
    }

    pub fn ca(name: &'a str, subject: &'a str, issuer: &'a str) -> Self {
        let extensions = CA.iter().map(ToString::to_string).collect();
        Self { subject, issuer, extensions, days: 2000, ..Self::leaf(name) }
    }

    /// Replaces the extension of the same name, or adds it.
    pub fn with(mut self, line: &str) -> Self {
        let word = |line: &str| line.split('=').next().unwrap_or_default().to_string();
        self.extensions.retain(|known| word(known) != word(line));
        self.extensions.push(line.to_string());
        self
    }

    /// Leaves an extension out.
    pub fn without(mut self, word: &str) -> Self {
        self.extensions.retain(|line| !line.starts_with(word));
        self
    }
}

impl Pki {
    /// Root and issuing CA.
    pub fn new(openssl: PathBuf) -> Self {
        let pki = Self { folder: tempfile::tempdir().unwrap(), openssl };
        pki.issue(&Plan { days: 4000, ..Plan::ca("root", "/O=Foo/CN=Foo Root CA", "root") });
        pki.issue(&Plan::ca("issuing", "/O=Foo/CN=Foo Issuing CA", "root"));
        pki
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn run(&self, arguments: &[&str]) {
        let ran =
            Command::new(&self.openssl).args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(ran.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Makes key, request and certificate; the certificate is returned with its file's name as source.
    pub fn issue(&self, plan: &Plan<'_>) -> Sourced<Arc<Certificate>> {
        let file = |ending: &str| format!("{}.{ending}", plan.name);
        let issuer = |ending: &str| format!("{}.{ending}", plan.issuer);
        self.run(&[&["genpkey", "-out", &file("key")], plan.key].concat());
        self.run(&[
            "req",
            "-new",
            "-key",
            &file("key"),
            "-subj",
            plan.subject,
            "-utf8",
            "-out",
            &file("csr"),
        ]);
        fs::write(self.path(&file("ext")), plan.extensions.join("\n")).unwrap();
        let (days, serial, extensions) = (plan.days.to_string(), self.serial(plan.name), file("ext"));
        let (csr, pem) = (file("csr"), file("pem"));
        let mut arguments =
            vec!["x509", "-req", "-in", &csr, "-out", &pem, "-days", &days, "-set_serial", &serial];
        if !plan.extensions.is_empty() {
            arguments.extend(["-extfile", &extensions]);
        }
        let (own, ca, ca_key) = (file("key"), issuer("pem"), issuer("key"));
        match plan.issuer == plan.name {
            true => arguments.extend(["-key", &own]),
            false => arguments.extend(["-CA", &ca, "-CAkey", &ca_key]),
        }
        arguments.extend(plan.sign);
        self.run(&arguments);
        self.certificate(plan.name)
    }

    /// A request for the pool with the key of the issuing CA, by further arguments of `openssl req`; DER.
    pub fn request(&self, arguments: &[&str]) -> Vec<u8> {
        let fixed = ["req", "-new", "-key", "issuing.key", "-subj", "/CN=pool.foo.com", "-outform", "DER"];
        self.run(&[&fixed[..], &["-out", "asked.der"], arguments].concat());
        fs::read(self.path("asked.der")).unwrap()
    }

    /// A leaf made anew from the key and request of one that was made before.
    pub fn again(&self, name: &str, new: &str) -> Sourced<Arc<Certificate>> {
        let [csr, extensions, pem] = [format!("{name}.csr"), format!("{name}.ext"), format!("{new}.pem")];
        let serial = self.serial(new);
        self.run(
            &[
                &["x509", "-req", "-in", &csr, "-out", &pem, "-days", "365", "-sha256"][..],
                &["-CA", "issuing.pem", "-CAkey", "issuing.key", "-set_serial", &serial],
                &["-extfile", &extensions],
            ]
            .concat(),
        );
        self.certificate(new)
    }

    /// A serial number of its own for each name.
    fn serial(&self, name: &str) -> String {
        format!("0x4f{}", name.bytes().map(|b| format!("{b:02x}")).collect::<String>())
    }

    /// A certificate that was made before.
    pub fn certificate(&self, name: &str) -> Sourced<Arc<Certificate>> {
        let source = format!("{name}.pem");
        let contents = read(&fs::read(self.path(&source)).unwrap());
        let value = contents.certificates().next().unwrap_or_else(|| panic!("{contents:?}")).clone();
        Sourced { value, source }
    }

    /// The CA's list, with the certificates of these names on it.
    pub fn crl(&self, ca: &str, revoked: &[&str]) -> Arc<Crl> {
        let line = |name: &&str| {
            format!(
                "R\t400101000000Z\t260101000000Z\t{}\tunknown\t/CN={name}\n",
                &self.serial(name).to_uppercase()[2..]
            )
        };
        fs::write(self.path("index.txt"), revoked.iter().map(line).collect::<String>()).unwrap();
        let config =
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=3650\n";
        fs::write(self.path("ca.conf"), config).unwrap();
        let (certificate, key) = (format!("{ca}.pem"), format!("{ca}.key"));
        self.run(&[
            "ca",
            "-config",
            "ca.conf",
            "-gencrl",
            "-cert",
            &certificate,
            "-keyfile",
            &key,
            "-out",
            "crl.pem",
        ]);
        let contents = read(&fs::read(self.path("crl.pem")).unwrap());
        match contents.items.into_iter().next().map(|item| item.object) {
            Some(Object::Crl(crl)) => crl,
            other => panic!("{other:?}"),
        }
    }
}

/// So many roots, each with a common name of so many characters.
pub fn roots(n: usize, length: usize) -> Vec<Sourced<Arc<Certificate>>> {
    let key = rcgen::KeyPair::generate().unwrap();
    let root = |i: usize| {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, format!("{i:0length$}"));
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let der = parameters.self_signed(&key).unwrap().der().to_vec();
        Sourced { value: Arc::new(Certificate::from_der(der).unwrap()), source: format!("{i}.cer") }
    };
    (0..n).map(root).collect()
}
