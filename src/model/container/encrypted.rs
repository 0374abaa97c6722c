//! A private key that is closed with a password: PKCS#8 (RFC 5958 section 3), or as old openssl wrote them, with
//! RFC 1421's headers.

use std::fmt;

use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::kdf::Kdf;
use super::limits::{Budget, Limits};
use super::scheme::{Protection, Scheme};
use crate::model::{Error, PrivateKey, Result, asn1};
use crate::text;

/// An encrypted private key, still closed.
#[derive(Clone)]
pub struct EncryptedKey {
    /// How it is closed.
    pub protection: Protection,
    /// True with `Proc-Type: 4,ENCRYPTED`, false in PKCS#8.
    pub traditional: bool,
    closed: Zeroizing<Vec<u8>>,
}

/// The ciphers of `DEK-Info`.
const CIPHERS: &[(&str, Cipher)] = &[
    ("DES-CBC", Cipher::Des),
    ("DES-EDE3-CBC", Cipher::TripleDes),
    ("AES-128-CBC", Cipher::Aes { bits: 128 }),
    ("AES-192-CBC", Cipher::Aes { bits: 192 }),
    ("AES-256-CBC", Cipher::Aes { bits: 256 }),
    ("CAMELLIA-128-CBC", Cipher::Camellia { bits: 128 }),
    ("CAMELLIA-192-CBC", Cipher::Camellia { bits: 192 }),
    ("CAMELLIA-256-CBC", Cipher::Camellia { bits: 256 }),
    ("RC2-CBC", Cipher::Rc2 { bits: 128 }),
    ("RC2-64-CBC", Cipher::Rc2 { bits: 64 }),
    ("RC2-40-CBC", Cipher::Rc2 { bits: 40 }),
];

impl EncryptedKey {
    /// A DER EncryptedPrivateKeyInfo.
    ///
    /// # Errors
    /// [`Error::Asn1`] where it is none.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        match asn1::sequence(der).as_deref() {
            Some([(0x30, algorithm), (0x04, closed)]) => Ok(Self {
                protection: Protection::parse(algorithm),
                traditional: false,
                closed: Zeroizing::new(closed.to_vec()),
            }),
            _ => Err(Error::Asn1 {
                what: "an encrypted PKCS#8 key",
                detail: "its structure is damaged".into(),
            }),
        }
    }

    /// What stands below a `DEK-Info` header (RFC 1421 section 4.6.1.3), whose value is given.
    pub(super) fn traditional(dek_info: &str, closed: Zeroizing<Vec<u8>>) -> Self {
        let protection = match dek_info.split_once(',') {
            Some((name, iv)) => {
                let cipher = CIPHERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
                match (cipher, text::unhex(iv.trim())) {
                    (None, _) => Err(Error::Unsupported(format!("encryption by {}", name.trim()))),
                    (Some((_, cipher)), Some(iv)) if iv.len() == cipher.iv_size() => {
                        let kdf = Kdf::OpenSsl { salt: iv[..8].to_vec() };
                        Ok(Scheme { kdf, cipher: *cipher, iv: Some(iv), pbes2: false })
                    }
                    _ => Err(damaged_header()),
                }
            }
            None => Err(damaged_header()),
        };
        let protection = protection.map_or_else(Protection::Unreadable, Protection::Password);
        Self { protection, traditional: true, closed }
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], also where the key is damaged; [`Error::Limit`]; [`Error::Unsupported`] for a
    /// cipher that is not read; [`Error::Key`] for a key that is of no use.
    pub fn open(&self, password: &str, limits: Limits) -> Result<PrivateKey> {
        let der = self.protection.open(password, &self.closed, &mut Budget::new(limits))?;
        PrivateKey::from_der(&der)
    }
}

fn damaged_header() -> Error {
    Error::Asn1 { what: "an encrypted key", detail: "its DEK-Info header is damaged".into() }
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptedKey({:?})", self.protection)
    }
}
