//! How the lab keeps certificates and keys: in folders that are there whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::x509::Signer;
use crate::edge::files::{self, Output};
use crate::edge::{Error, Result};
use crate::model::container::{label, pem};
use crate::model::{Certificate, Object};

/// Makes a folder with all that belongs into it, or not at all: it is filled under another name.
pub(super) fn make_once(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let cannot = |e: std::io::Error| Error::new(format!("cannot make {}", folder.display())).because(e);
    let parent = folder.parent().unwrap_or(Path::new("."));
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(cannot)?;
    fill(new.path())?;
    fs::rename(new.keep(), folder).map_err(cannot)
}

/// Writes `NAME.pem` and, for its owner alone, `NAME.key`.
pub(super) fn write_pair(folder: &Path, name: &str, certificate: &[u8], signer: &Signer) -> Result<()> {
    let key = Zeroizing::new(pem(label::KEY, signer.secret().pkcs8()).into_bytes());
    files::write(&Output::secret(folder.join(format!("{name}.key")), key), false)?;
    let path = folder.join(format!("{name}.pem"));
    files::write(&Output::public(path, pem(label::CERTIFICATE, certificate)), false)
}

/// The certificate in a file that [`write_pair`] wrote.
pub(super) fn read_certificate(path: &Path) -> Result<Arc<Certificate>> {
    let contents = crate::model::read(&files::read(path)?);
    let first = contents.certificates().next().cloned();
    first.ok_or_else(|| Error::new(format!("{} holds no certificate of the lab", path.display())))
}

/// The key in a file that [`write_pair`] wrote.
pub(super) fn read_key(path: &Path) -> Result<Signer> {
    let mut contents = crate::model::read(&files::read(path)?);
    match contents.items.pop().map(|item| item.object) {
        Some(Object::Key(key)) => Signer::from_key(key),
        _ => Err(Error::new(format!("{} holds no key of the lab", path.display()))),
    }
}
