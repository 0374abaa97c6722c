//! What proves that a PFX is as it was written: a MAC under the password (RFC 7292 section 5.1, RFC 9579).

use std::fmt;

use super::super::kdf::{Digest, Kdf, Purpose, algorithm_of, iterations_of};
use super::super::limits::Budget;
use crate::model::{Error, Result, asn1, oid};

/// How a PFX is protected from being changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mac {
    /// How the password becomes the key of the MAC.
    pub kdf: Kdf,
    /// The hash function of the HMAC.
    pub digest: Digest,
    size: usize,
    code: Vec<u8>,
}

/// Longer keys than this are nobody's.
const MAX_KEY: u64 = 1024;

impl Mac {
    /// From the content of a MacData.
    pub(super) fn parse(content: &[u8]) -> Result<Self> {
        let damaged = || Error::Asn1 { what: "the MAC of a PFX file", detail: "damaged".into() };
        let fields = asn1::elements(content).ok_or_else(damaged)?;
        let (info, salt, iterations) = match fields[..] {
            [(0x30, info), (0x04, salt)] => (info, salt, 1),
            [(0x30, info), (0x04, salt), (0x02, iterations)] => (info, salt, iterations_of(iterations)?),
            _ => return Err(damaged()),
        };
        let info = asn1::elements(info).ok_or_else(damaged)?;
        let [(0x30, algorithm), (0x04, code)] = info[..] else { return Err(damaged()) };
        let (kind, parameters) = algorithm_of(algorithm)?;
        if kind != oid::PBMAC1 {
            let digest = Digest::of(&kind).ok_or_else(|| Error::unsupported("a MAC with", &kind))?;
            let kdf = Kdf::Pkcs12 { digest, salt: salt.to_vec(), iterations };
            return Ok(Self { kdf, digest, size: digest.size(), code: code.to_vec() });
        }
        // RFC 9579: salt and iterations above mean nothing, the length of the key must be named.
        let fields = parameters.and_then(asn1::sequence).unwrap_or_default();
        let [(0x30, kdf), (0x30, scheme)] = fields[..] else { return Err(damaged()) };
        let (hmac, _) = algorithm_of(scheme)?;
        let digest = Digest::of_hmac(&hmac).ok_or_else(|| Error::unsupported("a MAC by", &hmac))?;
        match Kdf::parse(kdf)? {
            kdf @ Kdf::Pbkdf2 { length: Some(length @ 1..=MAX_KEY), .. } => {
                Ok(Self { kdf, digest, size: length as usize, code: code.to_vec() })
            }
            _ => Err(damaged()),
        }
    }

    /// True where the bytes are those it was made of with this password.
    pub(super) fn fits(&self, password: &str, bytes: &[u8], budget: &mut Budget) -> Result<bool> {
        for form in self.kdf.forms(password) {
            let key = self.kdf.derive(&form, Purpose::Mac, (self.size, 0), budget)?;
            if self.digest.hmac_fits(&key, bytes, &self.code) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HMAC-{}, {}", self.digest, self.kdf)
    }
}
