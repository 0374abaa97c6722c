//! The certificate that the lab's own web server shows, under a root of its own: the CA's root must not be what
//! makes a client trust the pages, or a test of trust would prove nothing.

use std::fs;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::authority::{BACKDATED, CA_USAGE};
use super::x509::{self, Body, Extension, Signer};
use super::{der, keep};
use crate::edge::files::{self, Output};
use crate::edge::{Error, Result};
use crate::model::container::{label, pem};
use crate::model::{Certificate, KeyUsage, PrivateKey, Validity, oid};

/// The server's certificate with its key and the root to trust.
pub(super) struct Tls {
    /// The file with the root to trust.
    pub(super) root: PathBuf,
    /// The server's certificate.
    pub(super) certificate: Arc<Certificate>,
    /// The server's key, PKCS#8.
    pub(super) key: PrivateKey,
}

impl Tls {
    /// Opens the server's certificate in a folder; makes it where the folder is not there. It is for
    /// `localhost` and the loopback addresses.
    pub(super) fn open(folder: &Path, now: OffsetDateTime) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let expired = |c: &Certificate| c.validity.not_after < now;
        if keep::read_certificate(&file("server.pem")).is_ok_and(|certificate| expired(&certificate)) {
            fs::remove_dir_all(folder)
                .map_err(|e| Error::new(format!("cannot renew {}", folder.display())).because(e))?;
        }
        keep::make_once(folder, |new| make_tls(new, now))?;
        Ok(Self {
            root: file("root.pem"),
            certificate: keep::read_certificate(&file("server.pem"))?,
            key: keep::read_key(&file("server.key"))?.secret().clone(),
        })
    }
}

fn make_tls(folder: &Path, now: OffsetDateTime) -> Result<()> {
    let lab = crate::text::hex(&x509::random::<3>()?);
    let root_name = x509::name("ocscert lab", &format!("ocscert lab web server root {lab}"));
    // The root signs this once and its key is forgotten.
    let (root, server) = (Signer::generate()?, Signer::generate()?);
    let validity = Validity { not_before: now - BACKDATED, not_after: now + Duration::days(397) };
    let root_body = Body {
        issuer: &root_name,
        subject: &root_name,
        validity,
        spki: root.public().spki(),
        extensions: vec![
            Extension::subject_key_id(root.public()),
            Extension::key_usage(CA_USAGE),
            Extension::ca(Some(0)),
        ],
    };
    let names = [
        der::tlv(0x82, b"localhost"),
        der::tlv(0x87, &[127, 0, 0, 1]),
        der::tlv(0x87, &Ipv6Addr::LOCALHOST.octets()),
    ];
    let usage = KeyUsage(KeyUsage::DIGITAL_SIGNATURE.0 | KeyUsage::KEY_ENCIPHERMENT.0);
    let server_body = Body {
        issuer: &root_name,
        subject: &x509::name("ocscert lab", "localhost"),
        validity,
        spki: server.public().spki(),
        extensions: vec![
            Extension::subject_key_id(server.public()),
            Extension::authority_key_id(root.public()),
            Extension::key_usage(usage),
            Extension::extended_key_usage(&[oid::SERVER_AUTH]),
            Extension::raw(oid::SUBJECT_ALT_NAME, false, der::sequence(names)),
        ],
    };
    let root_pem = pem(label::CERTIFICATE, &root_body.sign(&root)?);
    files::write(&Output::public(folder.join("root.pem"), root_pem), false)?;
    keep::write_pair(folder, "server", &server_body.sign(&root)?, &server)
}
