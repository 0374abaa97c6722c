//! A real mutual-TLS handshake between two identities on loopback: the proof that certificates do what the
//! verdict says, by a TLS library that knows nothing of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

use super::{Error, Result};
use crate::model::{Certificate, PrivateKey};

/// One side of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Its name for messages ("OCS").
    pub name: &'a str,
    /// Its certificate and those above it, as they are sent.
    pub chain: &'a [&'a Certificate],
    /// Its key.
    pub key: &'a PrivateKey,
    /// What it trusts.
    pub trust: &'a [&'a Certificate],
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// `TLSv1_3` as `1.3`.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
}

/// Neither side waits longer for the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects `client` to `server` by the name `server_name`; both show their certificates, and a byte goes each
/// way, because in TLS 1.3 a client learns only then that it was refused.
///
/// # Errors
/// A side refuses the other's certificate; the message says which side and why.
pub fn mutual(server: &Identity<'_>, client: &Identity<'_>, server_name: &str) -> Result<Agreed> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server_config = server_config(server, &provider)?;
    let client_config = client_config(client, &provider)?;
    let name = ServerName::try_from(server_name.to_string())
        .map_err(|e| Error::new(format!("{server_name} is no server name")).because(e))?;
    let no_loopback = |e: std::io::Error| Error::new("no loopback connection could be made").because(e);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_loopback)?;
    let address = listener.local_addr().map_err(no_loopback)?;
    std::thread::scope(|scope| {
        let answering = scope.spawn(move || -> Result<()> {
            let (mut tcp, _) = listener.accept().map_err(no_loopback)?;
            let mut tls = ServerConnection::new(server_config).map_err(|e| refused(server, client, &e))?;
            patient(&tcp).map_err(no_loopback)?;
            let mut stream = Stream::new(&mut tls, &mut tcp);
            let mut byte = [0];
            stream.read_exact(&mut byte).map_err(|e| refused(server, client, &e))?;
            stream.write_all(&byte).and_then(|()| stream.flush()).map_err(|e| refused(server, client, &e))
        });
        let asking = || -> Result<Agreed> {
            let mut tcp = TcpStream::connect(address).map_err(no_loopback)?;
            patient(&tcp).map_err(no_loopback)?;
            let mut tls =
                ClientConnection::new(client_config, name).map_err(|e| refused(client, server, &e))?;
            let mut stream = Stream::new(&mut tls, &mut tcp);
            let mut byte = [7];
            stream.write_all(&byte).map_err(|e| refused(client, server, &e))?;
            stream.read_exact(&mut byte).map_err(|e| refused(client, server, &e))?;
            let version = tls.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default();
            let suite = tls.negotiated_cipher_suite().map(|s| format!("{:?}", s.suite())).unwrap_or_default();
            Ok(Agreed { version: version.replace("TLSv", "").replace('_', "."), suite })
        };
        let asked = asking();
        let answered = answering.join().unwrap_or_else(|_| Err(Error::new("the answering side failed")));
        // The side that refuses knows why; the other only sees an alert.
        match (asked, answered) {
            (Ok(agreed), Ok(())) => Ok(agreed),
            (_, Err(e)) | (Err(e), Ok(())) => Err(e),
        }
    })
}

pub(super) fn patient(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    tcp.set_nodelay(true)
}

fn refused(who: &Identity<'_>, whom: &Identity<'_>, e: &dyn std::fmt::Display) -> Error {
    Error::new(format!("the handshake of {} with {} failed", who.name, whom.name)).because(e.to_string())
}

fn unusable(identity: &Identity<'_>, e: &dyn std::fmt::Display) -> Error {
    Error::new(format!("the certificate or trust store of {} cannot be used", identity.name))
        .because(e.to_string())
}

fn roots(identity: &Identity<'_>) -> Result<Arc<RootCertStore>> {
    let mut store = RootCertStore::empty();
    for root in identity.trust {
        store.add(CertificateDer::from(root.der().to_vec())).map_err(|e| unusable(identity, &e))?;
    }
    Ok(Arc::new(store))
}

fn own(identity: &Identity<'_>) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = identity.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
    (chain, PrivatePkcs8KeyDer::from(identity.key.pkcs8().to_vec()).into())
}

pub(super) fn server_config(
    identity: &Identity<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(identity)?, provider.clone())
        .build()
        .map_err(|e| unusable(identity, &e))?;
    let (chain, key) = own(identity);
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(identity, &e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|e| unusable(identity, &e))?;
    Ok(Arc::new(config))
}

fn client_config(identity: &Identity<'_>, provider: &Arc<CryptoProvider>) -> Result<Arc<ClientConfig>> {
    let (chain, key) = own(identity);
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(identity, &e))?
        .with_root_certificates(roots(identity)?)
        .with_client_auth_cert(chain, key)
        .map_err(|e| unusable(identity, &e))?;
    Ok(Arc::new(config))
}
