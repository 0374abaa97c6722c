//! The secret that both sides come to share, and the proof that our certificate's key is ours.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey as Ephemeral, UnparsedPublicKey, agree};
use rsa::BoxedUint;
use rsa::hazmat::rsa_encrypt;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::prf::{Hash, digest};
use super::{Failure, Random};
use crate::model::{Certificate, KeyAlgorithm, PrivateKey};
use crate::wire::tls::reader::{Reader, vector};
use crate::wire::tls::{Fault, Version};

/// secp256r1, the one curve that is offered.
pub(super) const P256: u16 = 0x0017;

/// By what the secret is shared.
pub(super) enum Exchange<'a> {
    /// Encrypted with the RSA key of this certificate.
    Rsa(&'a [u8]),
    /// Agreed with this point of P-256.
    Point(&'a [u8]),
}

/// The point in a ServerKeyExchange (RFC 8422 section 5.4). Its signature is not verified: see the head of the
/// client.
pub(super) fn server_point(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut reader = Reader::new(body, "the ServerKeyExchange is cut short");
    let (kind, curve) = (reader.u8()?, reader.u16()?);
    if (kind, curve) != (3, P256) {
        return Err(Failure::CanNot("the server wants another curve than P-256".into()));
    }
    Ok(reader.vector(1)?.to_vec())
}

/// The premaster secret, and what the server is sent to know it.
pub(super) fn premaster(
    exchange: Exchange<'_>,
    offered: Version,
    random: Random<'_>,
) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    match exchange {
        Exchange::Rsa(certificate) => {
            // RFC 5246 section 7.4.7.1: the version that was offered, and 46 random bytes.
            let mut secret = vec![0; 48];
            random(&mut secret).map_err(Failure::CanNot)?;
            secret[..2].copy_from_slice(&offered.0.to_be_bytes());
            let sealed = seal(certificate, &secret, random)?;
            Ok((secret, sealed))
        }
        Exchange::Point(point) => {
            let mut scalar = [0; 32];
            random(&mut scalar).map_err(Failure::CanNot)?;
            let refused = || Failure::CanNot("no key of P-256 could be made".into());
            let ours = Ephemeral::from_private_key(&ECDH_P256, &scalar).map_err(|_| refused())?;
            let public = ours.compute_public_key().map_err(|_| refused())?;
            let theirs = UnparsedPublicKey::new(&ECDH_P256, point);
            let fault = Failure::Fault(Fault::Malformed("the server's key is no point of P-256"));
            let secret = agree(&ours, theirs, fault, |secret| Ok(secret.to_vec()))?;
            Ok((secret, public.as_ref().to_vec()))
        }
    }
}

/// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1).
fn seal(certificate: &[u8], secret: &[u8], random: Random<'_>) -> Result<Vec<u8>, Failure> {
    let unreadable = || Failure::CanNot("the server's certificate cannot be read".into());
    let certificate = Certificate::from_der(certificate.to_vec()).map_err(|_| unreadable())?;
    let key = rsa::PublicKey::from_public_key_der(certificate.public_key.spki())
        .map_err(|_| Failure::CanNot(format!("a {} key cannot be used", certificate.public_key.algorithm)))?;
    let small = || Failure::CanNot("the server's key is too small".into());
    let padding = key.size().checked_sub(3 + secret.len()).filter(|n| *n >= 8).ok_or_else(small)?;
    let mut filler = vec![0; padding];
    random(&mut filler).map_err(Failure::CanNot)?;
    // None of them may be zero: that ends the padding.
    filler.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = 1);
    let block = [&[0, 2][..], &filler, &[0], secret].concat();
    let failed = |_| Failure::CanNot("the server's key cannot be used".into());
    let number = BoxedUint::from_be_slice(&block, key.n_bits_precision()).map_err(|_| small())?;
    let sealed = rsa_encrypt(&key, &number).map_err(failed)?.to_be_bytes();
    Ok(sealed[sealed.len() - key.size()..].to_vec())
}

/// The signature algorithms of TLS 1.2 that are made here, best first.
const SCHEMES: [u16; 4] = [0x0401, 0x0501, 0x0601, 0x0201];

/// The body of CertificateVerify: a signature over all messages so far (RFC 2246 and 5246, section 7.4.8).
pub(super) fn sign(
    key: &PrivateKey,
    version: Version,
    schemes: &[u16],
    messages: &[u8],
) -> Result<Vec<u8>, Failure> {
    if !matches!(key.public().algorithm, KeyAlgorithm::Rsa { .. }) {
        return Err(Failure::CanNot(format!(
            "the client for old servers signs with RSA keys, not with {}",
            key.public().algorithm
        )));
    }
    let failed = |e: &dyn std::fmt::Display| Failure::CanNot(format!("our key cannot sign: {e}"));
    let key = rsa::PrivateKey::from_pkcs8_der(key.pkcs8()).map_err(|e| failed(&e))?;
    let with = |padding: Pkcs1v15Sign, hashed: Vec<u8>| {
        key.sign(padding, &hashed).map_err(|e| failed(&e)).map(|signature| vector(2, &signature))
    };
    if version < Version::TLS12 {
        return with(Pkcs1v15Sign::new_unprefixed(), digest(Hash::Md5Sha1, messages));
    }
    let scheme = SCHEMES.into_iter().find(|scheme| schemes.contains(scheme));
    let scheme = scheme.ok_or_else(|| Failure::CanNot("the server takes no RSA signature of ours".into()))?;
    let signature = match scheme {
        0x0401 => with(Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(messages).to_vec()),
        0x0501 => with(Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(messages).to_vec()),
        0x0601 => with(Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(messages).to_vec()),
        _ => with(Pkcs1v15Sign::new::<Sha1>(), Sha1::digest(messages).to_vec()),
    }?;
    Ok([&scheme.to_be_bytes()[..], &signature].concat())
}
