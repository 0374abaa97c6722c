//! Hashes and the pseudo-random function: halves of MD5 and SHA-1 in TLS 1.0 and 1.1 (RFC 2246 section 5), one
//! hash in TLS 1.2 (RFC 5246 section 5).

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};

/// What the handshake is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5 and SHA-1 side by side, before TLS 1.2.
    Md5Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// The hash of the handshake's messages.
pub fn digest(hash: Hash, messages: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5Sha1 => [Md5::digest(messages).to_vec(), Sha1::digest(messages).to_vec()].concat(),
        Hash::Sha256 => Sha256::digest(messages).to_vec(),
        Hash::Sha384 => Sha384::digest(messages).to_vec(),
    }
}

/// So many bytes out of a secret, a label and a seed.
pub fn prf(hash: Hash, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let seed = [label, seed].concat();
    match hash {
        Hash::Sha256 => expand(hmac::<Hmac<Sha256>>, secret, &seed, length),
        Hash::Sha384 => expand(hmac::<Hmac<Sha384>>, secret, &seed, length),
        Hash::Md5Sha1 => {
            // Where the length is odd both halves have the byte in the middle.
            let half = secret.len().div_ceil(2);
            let one = expand(hmac::<Hmac<Md5>>, &secret[..half], &seed, length);
            let other = expand(hmac::<Hmac<Sha1>>, &secret[secret.len() - half..], &seed, length);
            one.iter().zip(&other).map(|(a, b)| a ^ b).collect()
        }
    }
}

type Keyed = fn(&[u8], &[u8]) -> Vec<u8>;

/// P_hash: A(i) = HMAC(A(i-1)), the output HMAC(A(i) + seed).
fn expand(mac: Keyed, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 64);
    let mut a = seed.to_vec();
    while out.len() < length {
        a = mac(secret, &a);
        out.extend(mac(secret, &[&a, seed].concat()));
    }
    out.truncate(length);
    out
}

/// A keyed hash.
pub(super) fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length (RFC 2104 section 2): none is refused.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
