//! TLS to one server: whom to trust, the certificate that the server showed, and what its failures mean.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::edge::{Error, Result};

/// Windows got the cipher suites that are considered safe with Server 2016.
pub(super) const OLD_SERVER: &str = "if it runs Windows Server 2012 R2 or older: use http in --ca-url where the site permits it, or \
     hand in the CSR file with certreq; else check scheme and port in --ca-url";

const NAME_ITS_ROOT: &str =
    "name the root that issued it (not the server's own certificate): --ca-cert root.pem";

/// The certificate (DER) that the server of a session showed first, and has to show on every connection after.
#[derive(Debug, Clone, Default)]
pub(super) struct Peer(Arc<Mutex<Option<Vec<u8>>>>);

impl Peer {
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, certificate: &[u8]) -> std::result::Result<(), Changed> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(before) if before != certificate => Err(Changed),
            Some(_) => Ok(()),
            None => {
                *kept = Some(certificate.to_vec());
                Ok(())
            }
        }
    }
}

/// The configuration for a session: these roots (DER) or else the system's, and where the certificate is kept.
///
/// # Errors
/// A root cannot be used; the system has none.
pub(super) fn config(base: &Url, roots: &[Vec<u8>], peer: Peer) -> Result<ClientConfig> {
    let cannot = |e: rustls::Error| Error::new("cannot set up TLS").because(e);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    if base.scheme() != "https" {
        // Never used, but the client wants one; reading the system's store would be for nothing.
        return Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(cannot)?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth());
    }
    let inner: Arc<dyn ServerCertVerifier> = if roots.is_empty() {
        Arc::new(system_verifier(provider.clone())?)
    } else {
        let mut store = RootCertStore::empty();
        for der in roots {
            store.add(CertificateDer::from(der.clone())).map_err(cannot)?;
        }
        WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone())
            .build()
            .map_err(|e| Error::new("cannot set up TLS").because(e))?
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(cannot)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Keeper { inner, peer }))
        .with_no_client_auth();
    // The certificate of *this* connection is wanted, and a resumed one shows none; h2 would share connections.
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn system_verifier(provider: Arc<CryptoProvider>) -> Result<rustls_platform_verifier::Verifier> {
    rustls_platform_verifier::Verifier::new(provider).map_err(|e| {
        Error::new("this system's trusted certificates cannot be read")
            .because(e)
            .hint("name the root to trust: --ca-cert FILE")
    })
}

/// Judges as its inner verifier does, and keeps the server's certificate.
#[derive(Debug)]
struct Keeper {
    inner: Arc<dyn ServerCertVerifier>,
    peer: Peer,
}

impl ServerCertVerifier for Keeper {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        let kept = self.peer.keep(end_entity);
        kept.map_err(|changed| rustls::Error::Other(rustls::OtherError(Arc::new(changed))))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// One session talks to one server: a logon is bound to its certificate, and a request was begun with it.
#[derive(Debug, thiserror::Error)]
#[error("the server showed another certificate than at the beginning of this session")]
struct Changed;

/// Says what a failed handshake means.
pub(super) fn explain(host: &str, error: &rustls::Error) -> Error {
    use rustls::Error as E;
    let untrusted = |why: &str| Error::new(format!("the TLS certificate of {host} is not accepted: {why}"));
    match error {
        E::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                untrusted("its issuer is not trusted here").hint(NAME_ITS_ROOT)
            }
            // Windows and macOS have words of their own for more than these; most are of issuers.
            CertificateError::Other(said) => {
                untrusted("this system does not trust it").because(said.to_string()).hint(NAME_ITS_ROOT)
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                untrusted("it has expired").hint("have it renewed; or this machine's clock is wrong")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                untrusted("it is not valid yet").hint("this machine's clock may be wrong")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                untrusted("it is for another name")
                    .because(error.to_string())
                    .hint("use the name that stands in the certificate in --ca-url")
            }
            fault => untrusted(&fault.to_string()),
        },
        E::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | E::PeerIncompatible(_) => Error::new(format!("{host} speaks no TLS that is considered safe today"))
            .because(error.to_string())
            .hint(OLD_SERVER),
        E::Other(_) => Error::new(format!("the TLS certificate of {host} changed while we talked to it"))
            .because(error.to_string())
            .hint("it was renewed just now, or several servers answer to this name: run it again"),
        E::InvalidMessage(_) => Error::new(format!("{host} does not speak TLS on this port"))
            .because(error.to_string())
            .hint("check scheme and port in --ca-url"),
        _ => Error::new(format!("TLS with {host} failed")).because(error.to_string()),
    }
}
