//! A private key that is closed with a password.

use std::fmt;

use zeroize::Zeroizing;

use crate::model::{PrivateKey, Result};

/// An encrypted PKCS#8 key, still closed.
#[derive(Clone)]
pub struct EncryptedKey(pub(super) Zeroizing<Vec<u8>>);

impl EncryptedKey {
    /// Opens it.
    ///
    /// # Errors
    /// As [`PrivateKey::from_encrypted_der`].
    pub fn open(&self, password: &[u8]) -> Result<PrivateKey> {
        PrivateKey::from_encrypted_der(&self.0, password)
    }
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptedKey")
    }
}
