//! Where everything about a federation lies: one folder beside the file, one folder in it a server.

use std::path::{Path, PathBuf};

use crate::make::script::INSTALL;
use crate::model::Fqdn;

/// The folder of a federation file: its own name without the ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    folder: PathBuf,
}

/// The files of one server, or of its renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The folder they lie in.
    pub folder: PathBuf,
    /// The private key: worth a backup, and a secret.
    pub key: PathBuf,
    /// The request.
    pub csr: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// The CA certificates above it.
    pub chain: PathBuf,
    /// Key, certificate and chain for the server.
    pub pfx: PathBuf,
    /// The scripts that install the PFX, by the endings of [`INSTALL`].
    pub scripts: [PathBuf; 2],
    /// The journal of the request: `edge::journal` puts it beside the request.
    pub journal: PathBuf,
}

impl Layout {
    /// The layout of a federation file; `None` where its name has no ending, so that the folder would have the
    /// file's own name.
    pub fn of(file: &Path) -> Option<Self> {
        file.extension()?;
        Some(Self { folder: file.with_extension("") })
    }

    /// The folder of all servers.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where certificates of another CA are put: any name, any container.
    pub fn inbox(&self) -> PathBuf {
        self.folder.join("inbox")
    }

    /// Held while `enroll` works.
    pub fn lock(&self) -> PathBuf {
        self.folder.join(".lock")
    }

    /// What is in use of a server. Front ends go by their own names.
    pub fn server(&self, fqdn: &Fqdn) -> ServerFiles {
        ServerFiles::new(self.folder.join(fqdn.as_str()), fqdn)
    }

    /// What is to replace it.
    pub fn next(&self, fqdn: &Fqdn) -> ServerFiles {
        ServerFiles::new(self.folder.join(fqdn.as_str()).join("next"), fqdn)
    }

    /// What it replaced: a folder a certificate, named after its last day (`2027-11-23`).
    pub fn previous(&self, fqdn: &Fqdn, last_day: &str) -> ServerFiles {
        ServerFiles::new(self.folder.join(fqdn.as_str()).join("previous").join(last_day), fqdn)
    }
}

impl ServerFiles {
    fn new(folder: PathBuf, fqdn: &Fqdn) -> Self {
        let file = |ending: &str| folder.join(format!("{fqdn}.{ending}"));
        Self {
            key: file("key"),
            csr: file("csr"),
            certificate: file("pem"),
            chain: file("chain.pem"),
            pfx: file("pfx"),
            scripts: INSTALL.map(|ending| folder.join(format!("install-{fqdn}.{ending}"))),
            journal: file("request.json"),
            folder,
        }
    }

    /// Every file, in the order they come to be.
    pub fn all(&self) -> [&Path; 8] {
        let [cmd, ps1] = &self.scripts;
        [&self.key, &self.csr, &self.journal, &self.certificate, &self.chain, &self.pfx, cmd, ps1]
    }
}
