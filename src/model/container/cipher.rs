//! The ciphers that keys and PFX files are closed with.

use std::fmt;

use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use rc2::Rc2;
use rc4::{Rc4, StreamCipher};
use zeroize::Zeroizing;

/// A cipher, in CBC mode with PKCS#7 padding where it has blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// FIPS 46-3, one key
    Des,
    /// FIPS 46-3, two keys
    TwoKeyTripleDes,
    /// FIPS 46-3, three keys
    TripleDes,
    /// RFC 2268
    Rc2 {
        /// Effective length of the key in bits.
        bits: usize,
    },
    /// RFC 6229 shows its output
    Rc4 {
        /// Length of the key in bits.
        bits: usize,
    },
    /// FIPS 197
    Aes {
        /// Length of the key in bits.
        bits: usize,
    },
    /// RFC 3713
    Camellia {
        /// Length of the key in bits.
        bits: usize,
    },
}

impl Cipher {
    /// The length of the key in bytes.
    pub(super) fn key_size(self) -> usize {
        match self {
            Self::Des => 8,
            Self::TwoKeyTripleDes => 16,
            Self::TripleDes => 24,
            Self::Rc2 { bits } | Self::Rc4 { bits } | Self::Aes { bits } | Self::Camellia { bits } => {
                bits / 8
            }
        }
    }

    /// The length of the initialization vector in bytes; 0 for a stream cipher.
    pub(super) fn iv_size(self) -> usize {
        match self {
            Self::Rc4 { .. } => 0,
            Self::Des | Self::TwoKeyTripleDes | Self::TripleDes | Self::Rc2 { .. } => 8,
            Self::Aes { .. } | Self::Camellia { .. } => 16,
        }
    }

    /// Decrypts; `None` where the key is not the one it was encrypted with, as far as the padding tells, or the
    /// bytes are no whole blocks.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Des => cbc(des::Des::new_from_slice(key).ok()?, iv, bytes),
            Self::TwoKeyTripleDes => cbc(des::TdesEde2::new_from_slice(key).ok()?, iv, bytes),
            Self::TripleDes => cbc(des::TdesEde3::new_from_slice(key).ok()?, iv, bytes),
            Self::Rc2 { bits } => cbc(Rc2::new_with_eff_key_len(key, bits), iv, bytes),
            Self::Rc4 { .. } => {
                let mut plain = Zeroizing::new(bytes.to_vec());
                Rc4::new_from_slice(key).ok()?.apply_keystream(&mut plain);
                Some(plain)
            }
            Self::Aes { bits: 128 } => cbc(aes::Aes128::new_from_slice(key).ok()?, iv, bytes),
            Self::Aes { bits: 192 } => cbc(aes::Aes192::new_from_slice(key).ok()?, iv, bytes),
            Self::Aes { .. } => cbc(aes::Aes256::new_from_slice(key).ok()?, iv, bytes),
            Self::Camellia { bits: 128 } => cbc(camellia::Camellia128::new_from_slice(key).ok()?, iv, bytes),
            Self::Camellia { bits: 192 } => cbc(camellia::Camellia192::new_from_slice(key).ok()?, iv, bytes),
            Self::Camellia { .. } => cbc(camellia::Camellia256::new_from_slice(key).ok()?, iv, bytes),
        }
    }
}

fn cbc<C: BlockCipherDecrypt>(cipher: C, iv: &[u8], bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(bytes.to_vec());
    let length =
        Decryptor::inner_iv_slice_init(cipher, iv).ok()?.decrypt_padded::<Pkcs7>(&mut plain).ok()?.len();
    plain.truncate(length);
    Some(plain)
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Des => f.write_str("DES"),
            Self::TwoKeyTripleDes => f.write_str("3DES with two keys"),
            Self::TripleDes => f.write_str("3DES"),
            Self::Rc2 { bits } => write!(f, "RC2-{bits}"),
            Self::Rc4 { bits } => write!(f, "RC4-{bits}"),
            Self::Aes { bits } => write!(f, "AES-{bits}"),
            Self::Camellia { bits } => write!(f, "Camellia-{bits}"),
        }
    }
}
