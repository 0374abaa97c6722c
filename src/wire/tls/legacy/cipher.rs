//! The suites of this client and how they protect records (RFC 2246 and 5246, section 6.2.3).

use aes::{Aes128, Aes256};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use cbc::{Decryptor, Encryptor};
use des::TdesEde3;
use hmac::Hmac;
use md5::Md5;
use rc4::{KeyInit, Rc4, StreamCipher};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::prf::{Hash, hmac, prf};
use super::{Failure, Random};
use crate::wire::tls::record::Kind;
use crate::wire::tls::{Fault, Version};

/// One suite.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) suite: u16,
    /// ECDHE; else the secret is encrypted with the certificate's RSA key.
    pub(super) ephemeral: bool,
    bulk: Bulk,
    mac: MacKind,
    /// For TLS 1.2.
    pub(super) prf: Hash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bulk {
    Rc4,
    TripleDes,
    Aes128,
    Aes256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MacKind {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

const fn plan(suite: u16, ephemeral: bool, bulk: Bulk, mac: MacKind) -> Plan {
    let prf = match mac {
        MacKind::Sha384 => Hash::Sha384,
        _ => Hash::Sha256,
    };
    Plan { suite, ephemeral, bulk, mac, prf }
}

/// Strongest first.
pub(super) const PLANS: &[Plan] = &[
    plan(0xc027, true, Bulk::Aes128, MacKind::Sha256),
    plan(0xc028, true, Bulk::Aes256, MacKind::Sha384),
    plan(0xc023, true, Bulk::Aes128, MacKind::Sha256),
    plan(0xc024, true, Bulk::Aes256, MacKind::Sha384),
    plan(0xc013, true, Bulk::Aes128, MacKind::Sha1),
    plan(0xc014, true, Bulk::Aes256, MacKind::Sha1),
    plan(0xc009, true, Bulk::Aes128, MacKind::Sha1),
    plan(0xc00a, true, Bulk::Aes256, MacKind::Sha1),
    plan(0x003c, false, Bulk::Aes128, MacKind::Sha256),
    plan(0x003d, false, Bulk::Aes256, MacKind::Sha256),
    plan(0x002f, false, Bulk::Aes128, MacKind::Sha1),
    plan(0x0035, false, Bulk::Aes256, MacKind::Sha1),
    plan(0xc012, true, Bulk::TripleDes, MacKind::Sha1),
    plan(0xc008, true, Bulk::TripleDes, MacKind::Sha1),
    plan(0x000a, false, Bulk::TripleDes, MacKind::Sha1),
    plan(0xc011, true, Bulk::Rc4, MacKind::Sha1),
    plan(0xc007, true, Bulk::Rc4, MacKind::Sha1),
    plan(0x0005, false, Bulk::Rc4, MacKind::Sha1),
    plan(0x0004, false, Bulk::Rc4, MacKind::Md5),
];

impl Bulk {
    fn key_length(self) -> usize {
        match self {
            Self::Rc4 | Self::Aes128 => 16,
            Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// 0 for a stream cipher.
    fn block(self) -> usize {
        match self {
            Self::Rc4 => 0,
            Self::TripleDes => 8,
            Self::Aes128 | Self::Aes256 => 16,
        }
    }
}

impl MacKind {
    fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn of(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => hmac::<Hmac<Md5>>(key, message),
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, message),
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, message),
            Self::Sha384 => hmac::<Hmac<Sha384>>(key, message),
        }
    }
}

/// The keys of both directions.
pub(super) struct Keys {
    pub(super) client: Direction,
    pub(super) server: Direction,
}

impl Keys {
    /// RFC 5246 section 6.3; `randoms` are the server's and then the client's.
    pub(super) fn expand(plan: &Plan, version: Version, hash: Hash, master: &[u8], randoms: &[u8]) -> Self {
        let (mac, key, iv) = (plan.mac.length(), plan.bulk.key_length(), plan.bulk.block());
        let block = prf(hash, master, b"key expansion", randoms, 2 * (mac + key + iv));
        let mut rest = &block[..];
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at(length);
            rest = left;
            taken.to_vec()
        };
        let [client_mac, server_mac] = [take(mac), take(mac)];
        let [client_key, server_key] = [take(key), take(key)];
        let [client_iv, server_iv] = [take(iv), take(iv)];
        let direction = |mac_key, key: Vec<u8>, iv| Direction {
            bulk: plan.bulk,
            mac: plan.mac,
            mac_key,
            stream: (plan.bulk == Bulk::Rc4).then(|| keystream(&key)),
            key,
            // Before TLS 1.1 the last block of a record is the next one's vector.
            chained: (version < Version::TLS11).then_some(iv),
            sequence: 0,
        };
        Self {
            client: direction(client_mac, client_key, client_iv),
            server: direction(server_mac, server_key, server_iv),
        }
    }
}

#[expect(clippy::expect_used, reason = "RC4 takes every key of 1 to 256 bytes; the plans have 16")]
fn keystream(key: &[u8]) -> Rc4 {
    Rc4::new_from_slice(key).expect("a key of 16 bytes")
}

/// One direction of a connection under its keys.
pub(super) struct Direction {
    bulk: Bulk,
    mac: MacKind,
    mac_key: Vec<u8>,
    key: Vec<u8>,
    stream: Option<Rc4>,
    chained: Option<Vec<u8>>,
    sequence: u64,
}

impl Direction {
    /// MAC, then pad, then encrypt.
    pub(super) fn seal(
        &mut self,
        kind: Kind,
        version: Version,
        content: &[u8],
        random: Random<'_>,
    ) -> Result<Vec<u8>, Failure> {
        let mut data = [content, &self.authenticate(kind, version, content)].concat();
        if let Some(stream) = &mut self.stream {
            stream.apply_keystream(&mut data);
            return Ok(data);
        }
        let block = self.bulk.block();
        let padding = block - data.len() % block;
        data.extend(vec![padding as u8 - 1; padding]);
        match &mut self.chained {
            Some(iv) => {
                let sealed = encrypt(self.bulk, &self.key, iv, &data)?;
                *iv = sealed[sealed.len() - block..].to_vec();
                Ok(sealed)
            }
            None => {
                let mut iv = vec![0; block];
                random(&mut iv).map_err(Failure::CanNot)?;
                let sealed = encrypt(self.bulk, &self.key, &iv, &data)?;
                Ok([iv, sealed].concat())
            }
        }
    }

    /// Decrypts, and refuses what the MAC does not vouch for.
    pub(super) fn open(&mut self, kind: Kind, version: Version, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        const WRONG: Fault = Fault::Malformed("a record does not decrypt to what was sent");
        let mut data = self.decrypt(sealed)?;
        if self.bulk != Bulk::Rc4 {
            let padding = usize::from(*data.last().ok_or(WRONG)?);
            let end = data.len().checked_sub(padding + 1).ok_or(WRONG)?;
            if data[end..].iter().any(|byte| usize::from(*byte) != padding) {
                return Err(WRONG.into());
            }
            data.truncate(end);
        }
        let end = data.len().checked_sub(self.mac.length()).ok_or(WRONG)?;
        let mac = data.split_off(end);
        if self.authenticate(kind, version, &data) != mac {
            return Err(WRONG.into());
        }
        Ok(data)
    }

    fn decrypt(&mut self, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
        if let Some(stream) = &mut self.stream {
            let mut data = sealed.to_vec();
            stream.apply_keystream(&mut data);
            return Ok(data);
        }
        let block = self.bulk.block();
        if sealed.len() < block || !sealed.len().is_multiple_of(block) {
            return Err(Fault::Malformed("an encrypted record is not of whole blocks").into());
        }
        match &mut self.chained {
            Some(iv) => {
                let data = decrypt(self.bulk, &self.key, iv, sealed)?;
                *iv = sealed[sealed.len() - block..].to_vec();
                Ok(data)
            }
            None => decrypt(self.bulk, &self.key, &sealed[..block], &sealed[block..]),
        }
    }

    /// RFC 5246 section 6.2.3.1.
    fn authenticate(&mut self, kind: Kind, version: Version, content: &[u8]) -> Vec<u8> {
        let mut message = self.sequence.to_be_bytes().to_vec();
        self.sequence += 1;
        message.push(kind.number());
        message.extend(version.0.to_be_bytes());
        message.extend((content.len() as u16).to_be_bytes());
        message.extend(content);
        self.mac.of(&self.mac_key, &message)
    }
}

fn wrong_length<E>(_: E) -> Failure {
    Failure::CanNot("a key or a block has the wrong length".into())
}

fn encrypt(bulk: Bulk, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Failure> {
    match bulk {
        Bulk::Aes128 => Encryptor::<Aes128>::new_from_slices(key, iv)
            .map(|cipher| cipher.encrypt_padded_vec::<NoPadding>(data))
            .map_err(wrong_length),
        Bulk::Aes256 => Encryptor::<Aes256>::new_from_slices(key, iv)
            .map(|cipher| cipher.encrypt_padded_vec::<NoPadding>(data))
            .map_err(wrong_length),
        Bulk::TripleDes => Encryptor::<TdesEde3>::new_from_slices(key, iv)
            .map(|cipher| cipher.encrypt_padded_vec::<NoPadding>(data))
            .map_err(wrong_length),
        Bulk::Rc4 => Ok(data.to_vec()),
    }
}

fn decrypt(bulk: Bulk, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, Failure> {
    match bulk {
        Bulk::Aes128 => Decryptor::<Aes128>::new_from_slices(key, iv)
            .map_err(wrong_length)?
            .decrypt_padded_vec::<NoPadding>(data)
            .map_err(wrong_length),
        Bulk::Aes256 => Decryptor::<Aes256>::new_from_slices(key, iv)
            .map_err(wrong_length)?
            .decrypt_padded_vec::<NoPadding>(data)
            .map_err(wrong_length),
        Bulk::TripleDes => Decryptor::<TdesEde3>::new_from_slices(key, iv)
            .map_err(wrong_length)?
            .decrypt_padded_vec::<NoPadding>(data)
            .map_err(wrong_length),
        Bulk::Rc4 => Ok(data.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one side seals the other opens, record after record; the first with a bit changed anywhere, as another
    /// kind or a second time is refused.
    #[test]
    fn records_open_once_in_order_and_unchanged() {
        let random = |bytes: &mut [u8]| {
            bytes.fill(5);
            Ok(())
        };
        for plan in PLANS {
            for version in [Version::TLS10, Version::TLS11, Version::TLS12] {
                let what = format!("{:04x} {version}", plan.suite);
                let keys = || Keys::expand(plan, version, plan.prf, &[1; 48], &[2; 64]).client;
                let (mut sealing, mut opening) = (keys(), keys());
                for content in [&b"OPTIONS"[..], &[9; 16], b""] {
                    let sealed = sealing.seal(Kind::Data, version, content, &random).unwrap();
                    assert_eq!(opening.open(Kind::Data, version, &sealed).unwrap(), content, "{what}");
                }
                let first = keys().seal(Kind::Data, version, b"OPTIONS", &random).unwrap();
                for at in 0..first.len() {
                    let mut changed = first.clone();
                    changed[at] ^= 1;
                    assert!(keys().open(Kind::Data, version, &changed).is_err(), "{what} at {at}");
                }
                assert!(keys().open(Kind::Handshake, version, &first).is_err(), "{what}: another kind");
                let mut opening = keys();
                opening.open(Kind::Data, version, &first).unwrap();
                assert!(opening.open(Kind::Data, version, &first).is_err(), "{what}: again");
            }
        }
    }
}
