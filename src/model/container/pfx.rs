//! PFX files (PKCS#12, RFC 7292): keys and certificates closed with a password.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Object;
use crate::model::{Certificate, Error, PrivateKey, Result};

/// A PFX file, still closed.
#[derive(Clone)]
pub struct Pfx(pub(super) Zeroizing<Vec<u8>>);

impl Pfx {
    /// What is in it: certificates first, in their order, then keys.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] where its MAC, or its encryption, does not fit the password; [`Error::Asn1`]
    /// where it is damaged or in an encoding that is not read.
    pub fn open(&self, password: &str) -> Result<Vec<Object>> {
        use p12_keystore::error::Error as E;
        let archive = p12_keystore::Pkcs12Archive::from_pkcs12(&self.0, password).map_err(|e| match e {
            // Without a MAC a wrong password shows itself only in what it decrypts to.
            E::UnpadError | E::MacError(_) | E::Pkcs5Error(_) => Error::WrongPassword,
            e => Error::asn1("a PFX file that this tool reads", &e),
        })?;
        let mut objects = Vec::new();
        for bag in &archive.certs {
            objects.push(Object::Certificate(Arc::new(Certificate::from_der(bag.cert.as_der())?)));
        }
        for bag in &archive.keys {
            objects.push(Object::Key(PrivateKey::from_der(bag.key.as_der())?));
        }
        Ok(objects)
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Pfx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pfx({} bytes)", self.0.len())
    }
}
