//! What the lab's CA signs: certificates and revocation lists (RFC 5280), always RSA with SHA-256, as every
//! server of this federation reads it. Subject, key and copied extensions stay byte for byte as they came.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use time::OffsetDateTime;

use super::der;
use crate::edge::{Error, Result};
use crate::make::key::{self, KeyType};
use crate::model::{KeyUsage, Oid, PrivateKey, PublicKey, Validity, oid};

/// A key that signs.
pub(super) struct Signer {
    key: KeyPair,
    secret: PrivateKey,
}

impl Signer {
    /// A new RSA key of 2048 bits.
    pub(super) fn generate() -> Result<Self> {
        let secret = key::generate(KeyType::Rsa2048)
            .map_err(|e| Error::new("cannot make a key for the lab's CA").because(e))?;
        Self::from_key(secret)
    }

    /// A key that was kept.
    pub(super) fn from_key(secret: PrivateKey) -> Result<Self> {
        let key = KeyPair::from_pkcs8(secret.pkcs8())
            .map_err(|e| Error::new("the key of the lab's CA is no RSA key").because(e))?;
        Ok(Self { key, secret })
    }

    /// The key itself, for its file.
    pub(super) fn secret(&self) -> &PrivateKey {
        &self.secret
    }

    /// Its public half.
    pub(super) fn public(&self) -> &PublicKey {
        self.secret.public()
    }

    /// `SEQUENCE { body, signatureAlgorithm, signature }`.
    pub(super) fn seal(&self, body: Vec<u8>) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &body, &mut signature)
            .map_err(|_| Error::new("cannot sign with the CA's key"))?;
        Ok(der::sequence([body, algorithm(), der::bit_string(&signature)]))
    }
}

/// A certificate to be signed.
pub(super) struct Body<'a> {
    /// The issuer's Name, DER.
    pub(super) issuer: &'a [u8],
    /// The subject's Name, DER.
    pub(super) subject: &'a [u8],
    /// When it is valid.
    pub(super) validity: Validity,
    /// The SubjectPublicKeyInfo, DER.
    pub(super) spki: &'a [u8],
    /// In the order they are to stand in.
    pub(super) extensions: Vec<Extension>,
}

/// An extension to be written.
pub(super) struct Extension {
    kind: Oid,
    critical: bool,
    value: Vec<u8>,
}

impl Body<'_> {
    /// Signs it, under a fresh serial number.
    pub(super) fn sign(&self, signer: &Signer) -> Result<Vec<u8>> {
        let tbs = der::sequence([
            der::context(0, [der::integer(&[2])]),
            der::integer(&serial()?),
            algorithm(),
            self.issuer.to_vec(),
            der::sequence([der::time(self.validity.not_before), der::time(self.validity.not_after)]),
            self.subject.to_vec(),
            self.spki.to_vec(),
            der::context(3, [der::sequence(self.extensions.iter().map(Extension::der))]),
        ]);
        signer.seal(tbs)
    }
}

impl Extension {
    /// An extension whose value is at hand.
    pub(super) fn raw(kind: Oid, critical: bool, value: Vec<u8>) -> Self {
        Self { kind, critical, value }
    }

    /// The key identifier of the subject (RFC 5280 section 4.2.1.2, method 1).
    pub(super) fn subject_key_id(key: &PublicKey) -> Self {
        Self::raw(oid::SUBJECT_KEY_IDENTIFIER, false, der::tlv(0x04, &key.key_identifier()))
    }

    /// The key identifier of the issuer.
    pub(super) fn authority_key_id(key: &PublicKey) -> Self {
        let value = der::sequence([der::tlv(0x80, &key.key_identifier())]);
        Self::raw(oid::AUTHORITY_KEY_IDENTIFIER, false, value)
    }

    /// Marks a CA.
    pub(super) fn ca(path_len: Option<u8>) -> Self {
        let mut parts = vec![der::tlv(0x01, &[0xff])];
        parts.extend(path_len.map(|n| der::integer(&[n])));
        Self::raw(oid::BASIC_CONSTRAINTS, true, der::sequence(parts))
    }

    /// What the key may do.
    pub(super) fn key_usage(usage: KeyUsage) -> Self {
        Self::raw(oid::KEY_USAGE, true, der::named_bits(usage.0))
    }

    /// What it is for.
    pub(super) fn extended_key_usage(purposes: &[Oid]) -> Self {
        Self::raw(oid::EXTENDED_KEY_USAGE, false, der::sequence(purposes.iter().map(der::oid)))
    }

    /// Where the issuer's revocation list is.
    pub(super) fn crl_at(url: &str) -> Self {
        let name = der::context(0, [der::context(0, [uri(url)])]);
        Self::raw(oid::CRL_DISTRIBUTION_POINTS, false, der::sequence([der::sequence([name])]))
    }

    /// Where the issuer's certificate is.
    pub(super) fn issuer_at(url: &str) -> Self {
        let access = der::sequence([der::oid(&oid::AD_CA_ISSUERS), uri(url)]);
        Self::raw(oid::AUTHORITY_INFO_ACCESS, false, der::sequence([access]))
    }

    /// The name of a version 1 template (MS-WCCE section 2.2.2.7.7.1).
    pub(super) fn template_name(name: &str) -> Self {
        let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        Self::raw(oid::MS_TEMPLATE_NAME, false, der::tlv(0x1e, &text))
    }

    /// The identifier of a version 2 template (MS-WCCE section 2.2.2.7.7.2).
    pub(super) fn template(identifier: &Oid, major: u8, minor: u8) -> Self {
        let parts = [der::oid(identifier), der::integer(&[major]), der::integer(&[minor])];
        Self::raw(oid::MS_TEMPLATE, false, der::sequence(parts))
    }

    /// Microsoft's copy of the extended key usage, which its version 2 templates add.
    pub(super) fn application_policies(purposes: &[Oid]) -> Self {
        let policies = purposes.iter().map(|purpose| der::sequence([der::oid(purpose)]));
        Self::raw(oid::MS_APPLICATION_POLICIES, false, der::sequence(policies))
    }

    fn der(&self) -> Vec<u8> {
        let mut parts = vec![der::oid(&self.kind)];
        if self.critical {
            parts.push(der::tlv(0x01, &[0xff]));
        }
        parts.push(der::tlv(0x04, &self.value));
        der::sequence(parts)
    }
}

/// A revocation list to be signed (RFC 5280 section 5).
pub(super) struct RevocationList<'a> {
    /// The issuer's Name, DER.
    pub(super) issuer: &'a [u8],
    /// thisUpdate.
    pub(super) from: OffsetDateTime,
    /// nextUpdate.
    pub(super) until: OffsetDateTime,
    /// Serial numbers (content bytes of their INTEGERs) and when they were revoked.
    pub(super) revoked: Vec<(&'a [u8], OffsetDateTime)>,
}

impl RevocationList<'_> {
    /// Signs it. Its number is the time: it grows without anything having to be remembered.
    pub(super) fn sign(&self, signer: &Signer) -> Result<Vec<u8>> {
        let revoked = self.revoked.iter();
        let revoked = revoked.map(|(serial, at)| der::sequence([der::tlv(0x02, serial), der::time(*at)]));
        let number = der::integer(&self.from.unix_timestamp().to_be_bytes());
        let extensions =
            [Extension::authority_key_id(signer.public()), Extension::raw(oid::CRL_NUMBER, false, number)];
        let mut parts = vec![
            der::integer(&[1]),
            algorithm(),
            self.issuer.to_vec(),
            der::time(self.from),
            der::time(self.until),
        ];
        // RFC 5280 section 5.1.2.6: absent where nothing is revoked.
        if !self.revoked.is_empty() {
            parts.push(der::sequence(revoked));
        }
        parts.push(der::context(0, [der::sequence(extensions.iter().map(Extension::der))]));
        signer.seal(der::sequence(parts))
    }
}

/// A Name of an organization and a common name, as UTF8Strings.
pub(super) fn name(organization: &str, common_name: &str) -> Vec<u8> {
    let rdn = |kind: &Oid, value: &str| {
        der::set_of(vec![der::sequence([der::oid(kind), der::tlv(0x0c, value.as_bytes())])])
    };
    der::sequence([rdn(&oid::ORGANIZATION, organization), rdn(&oid::COMMON_NAME, common_name)])
}

/// sha256WithRSAEncryption, with the NULL that RFC 4055 section 5 asks for.
fn algorithm() -> Vec<u8> {
    der::sequence([der::oid(&oid::SHA256_WITH_RSA), der::tlv(0x05, &[])])
}

fn uri(url: &str) -> Vec<u8> {
    der::tlv(0x86, url.as_bytes())
}

/// Sixteen random bytes, positive and never shorter (RFC 5280 section 4.1.2.2).
fn serial() -> Result<[u8; 16]> {
    let mut bytes = random::<16>()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(bytes)
}

/// Random bytes of the operating system's.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::new("the system gives no random numbers"))?;
    Ok(bytes)
}
