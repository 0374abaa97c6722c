//! The full handshake by a current TLS library. It accepts every server certificate, because it notes facts: the
//! chain is judged afterwards. Nothing is sent over it but a SIP OPTIONS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};

use super::Identity;
use super::line::{Channel, Line, Secured};
use crate::wire::Blob;
use crate::wire::tls::message::CertificateRequest;
use crate::wire::tls::suites::Suite;
use crate::wire::tls::{Alert, Version};
use crate::wire::transcript::{Client, Ending, Handshake, Point, Sip};

/// What to do over the connection once it stands.
pub(super) type Ask<'a> = &'a dyn Fn(&mut dyn Channel, SocketAddr) -> Option<Sip>;

/// Makes the handshake and asks.
pub(super) fn handshake(
    line: Line,
    server_name: Option<&str>,
    identity: Option<&Identity>,
    ask: Ask<'_>,
) -> Handshake {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut note = Handshake::ended(Client::Current, Ending::Whole);
    let tls = match connection(&line, server_name, identity, &seen) {
        Ok(tls) => tls,
        Err(what) => return Handshake { end: Ending::OurOwn(what), ..note },
    };
    let mut channel = TlsChannel { tls, line, decrypted: Vec::new() };
    let shaken = channel.shake();
    let tls = &channel.tls;
    note.version = tls.protocol_version().map(|v| Version(u16::from(v)));
    note.suite = tls.negotiated_cipher_suite().map(|s| Suite(u16::from(s.suite())));
    let is_finished = !tls.is_handshaking();
    {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        note.chain.clone_from(&seen.chain);
        note.request.clone_from(&seen.request);
        note.sent = seen.sent;
    }
    note.point = match () {
        () if is_finished => Point::Finished,
        () if !note.chain.is_empty() => Point::Certificate,
        () if note.version.is_some() => Point::Server,
        () => Point::Hello,
    };
    if let Err(end) = shaken {
        note.end = end;
        return note;
    }
    if let Err(end) = channel.hear_verdict(note.version.unwrap_or(Version::TLS13)) {
        note.end = end;
        return note;
    }
    let local = channel.line.local();
    note.sip = ask(&mut channel, local);
    note.refused_in_place_of_sip()
}

fn connection(
    line: &Line,
    server_name: Option<&str>,
    identity: Option<&Identity>,
    seen: &Arc<Mutex<Seen>>,
) -> Result<ClientConnection, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let ours = identity.map(certified).transpose()?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Noting { provider, seen: seen.clone() }))
        .with_client_cert_resolver(Arc::new(Shown { ours, seen: seen.clone() }));
    let name = server_name.and_then(|name| ServerName::try_from(name.to_string()).ok());
    let name = name.unwrap_or_else(|| ServerName::IpAddress(line.peer().into()));
    ClientConnection::new(Arc::new(config), name).map_err(|e| e.to_string())
}

fn certified(identity: &Identity) -> Result<Arc<CertifiedKey>, String> {
    let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8().to_vec()).into();
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|e| e.to_string())?;
    let chain = identity.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// What the library told on the way.
#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Blob>,
    request: Option<CertificateRequest>,
    sent: bool,
}

/// Notes the server's certificates and takes every one.
#[derive(Debug)]
struct Noting {
    provider: Arc<CryptoProvider>,
    seen: Arc<Mutex<Seen>>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = [end_entity].into_iter().chain(intermediates);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain = chain.map(|c| Blob(c.to_vec())).collect();
        Ok(ServerCertVerified::assertion())
    }

    // The library would read the certificate anew for this and refuse old ones that Windows takes: that must not
    // end a probe, which asks whether the door is open and carries nothing through it.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        schemes
    }
}

/// Notes what the server asks for, and shows our certificate.
#[derive(Debug)]
struct Shown {
    ours: Option<Arc<CertifiedKey>>,
    seen: Arc<Mutex<Seen>>,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, names: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let ours = self.ours.clone().filter(|ours| ours.key.choose_scheme(schemes).is_some());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.sent = ours.is_some();
        seen.request = Some(CertificateRequest {
            types: Vec::new(),
            schemes: schemes.iter().map(|scheme| u16::from(*scheme)).collect(),
            authorities: names.iter().map(|name| Blob(name.to_vec())).collect(),
            list_bytes: names.iter().map(|name| name.len() + 2).sum(),
        });
        ours
    }

    fn has_certs(&self) -> bool {
        true
    }
}

struct TlsChannel {
    tls: ClientConnection,
    line: Line,
    decrypted: Vec<u8>,
}

impl TlsChannel {
    fn shake(&mut self) -> Result<(), Ending> {
        loop {
            self.flush()?;
            if !self.tls.is_handshaking() {
                return Ok(());
            }
            self.take_more()?;
        }
    }

    fn flush(&mut self) -> Result<(), Ending> {
        while self.tls.wants_write() {
            let mut out = Vec::new();
            self.tls.write_tls(&mut out).map_err(|e| Ending::OurOwn(e.to_string()))?;
            self.line.send(&out)?;
        }
        Ok(())
    }
}

impl Secured for TlsChannel {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn take_more(&mut self) -> Result<(), Ending> {
        let bytes = self.line.receive()?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).map_err(|e| Ending::Malformed(e.to_string()))?;
            let state = match self.tls.process_new_packets() {
                Ok(state) => state,
                Err(e) => {
                    // Our alert about it goes out, if it still can.
                    let _ = self.flush();
                    return Err(ending(&e, &self.line));
                }
            };
            let at = self.decrypted.len();
            self.decrypted.resize(at + state.plaintext_bytes_to_read(), 0);
            std::io::Read::read_exact(&mut self.tls.reader(), &mut self.decrypted[at..])
                .map_err(|e| Ending::OurOwn(e.to_string()))?;
            if state.peer_has_closed() && self.decrypted.is_empty() {
                return Err(Ending::Alert(Alert { level: 1, code: Alert::CLOSE_NOTIFY }));
            }
        }
        Ok(())
    }
}

impl Channel for TlsChannel {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        std::io::Write::write_all(&mut self.tls.writer(), bytes)
            .map_err(|e| Ending::OurOwn(e.to_string()))?;
        self.flush()
    }

    fn receive(&mut self) -> Result<Vec<u8>, Ending> {
        while self.decrypted.is_empty() {
            self.take_more()?;
        }
        Ok(std::mem::take(&mut self.decrypted))
    }
}

fn ending(e: &rustls::Error, line: &Line) -> Ending {
    use rustls::InvalidMessage as Bad;
    match e {
        rustls::Error::AlertReceived(alert) => {
            Ending::Alert(Alert { level: Alert::FATAL, code: u8::from(*alert) })
        }
        rustls::Error::InvalidMessage(Bad::InvalidContentType | Bad::UnknownProtocolVersion) => {
            Ending::Alien(Blob(line.first_bytes().to_vec()))
        }
        rustls::Error::PeerIncompatible(what) => Ending::OurOwn(format!("{what:?}")),
        e => Ending::Malformed(e.to_string()),
    }
}
