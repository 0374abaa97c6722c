//! The channel binding `tls-server-end-point` (RFC 5929 section 4): what ties a logon to the TLS connection that
//! carries it, so that whoever relays it is found out. Microsoft calls a server's demand for it Extended Protection.

use std::fmt;

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use crate::model::Certificate;
use crate::model::certificate::{Hash, SignatureAlgorithm};

/// What a logon is bound to.
#[derive(Clone, PartialEq, Eq)]
pub enum Binding {
    /// The application data of the binding: `tls-server-end-point:` and a hash of the server's certificate.
    EndPoint(Vec<u8>),
    /// Nothing, and why.
    None(String),
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndPoint(_) => f.write_str("EndPoint(..)"),
            Self::None(why) => write!(f, "None({why})"),
        }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndPoint(_) => f.write_str("with channel binding"),
            Self::None(why) => write!(f, "without channel binding ({why})"),
        }
    }
}

impl Binding {
    /// The binding to a server that showed this certificate (DER); none where there is no TLS.
    pub fn to(certificate: Option<&[u8]>) -> Self {
        let Some(der) = certificate else { return Self::None("there is no TLS".into()) };
        let Ok(certificate) = Certificate::from_der(der) else {
            return Self::None("the server's certificate cannot be read".into());
        };
        match digest(&certificate.signature_algorithm, der) {
            Some(digest) => Self::EndPoint([b"tls-server-end-point:".as_slice(), &digest].concat()),
            None => Self::None(format!(
                "none is defined for a server certificate signed with {}",
                certificate.signature_algorithm
            )),
        }
    }

    /// The application data, where there is any.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Self::EndPoint(data) => Some(data),
            Self::None(_) => None,
        }
    }
}

/// RFC 5929 section 4.1: the hash of the certificate's own signature, with SHA-256 in place of the two weak ones.
/// Ed25519 and Ed448 have no hash of that kind; DSA's is not kept by our parser, and no server that speaks TLS with
/// us shows such a certificate.
fn digest(algorithm: &SignatureAlgorithm, der: &[u8]) -> Option<Vec<u8>> {
    Some(match algorithm.hash()? {
        Hash::Md5 | Hash::Sha1 | Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha224 => Sha224::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
        Hash::Md2 => return None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn signed_with(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::new(vec!["ca.foo.com".into()]).unwrap().self_signed(&key).unwrap().der().to_vec()
    }

    /// The hash is that of the signature, and the certificate is hashed as it came.
    #[test]
    fn the_binding_follows_the_signature_of_the_certificate() {
        let (p256, p384) =
            (signed_with(&rcgen::PKCS_ECDSA_P256_SHA256), signed_with(&rcgen::PKCS_ECDSA_P384_SHA384));
        let expected = |digest: &[u8]| [b"tls-server-end-point:".as_slice(), digest].concat();
        assert_eq!(Binding::to(Some(&p256)).data().unwrap(), expected(&Sha256::digest(&p256)));
        assert_eq!(Binding::to(Some(&p384)).data().unwrap(), expected(&Sha384::digest(&p384)));
    }

    #[test]
    fn without_a_binding_the_reason_is_told() {
        let told = |certificate: Option<&[u8]>| {
            let binding = Binding::to(certificate);
            assert!(binding.data().is_none());
            binding.to_string()
        };
        assert!(told(None).contains("there is no TLS"));
        assert!(told(Some(&signed_with(&rcgen::PKCS_ED25519))).contains("Ed25519"));
        assert!(told(Some(b"\x30\x00")).contains("cannot be read"));
    }
}
