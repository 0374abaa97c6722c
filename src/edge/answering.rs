//! A server of one answer: mutual TLS on loopback, and 200 to every SIP request. A probe is rehearsed against it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::crypto::aws_lc_rs;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::handshake::{Identity, patient, server_config};
use super::{Error, Result};
use crate::wire::sip::{Framer, Start, answer};

/// Listens with this identity while `run` has its way with the address.
///
/// # Errors
/// The identity cannot be used; there is no loopback.
pub fn answering<T>(identity: &Identity<'_>, run: impl FnOnce(SocketAddr) -> T) -> Result<T> {
    let config = server_config(identity, &Arc::new(aws_lc_rs::default_provider()))?;
    let no_loopback = |e: std::io::Error| Error::new("nothing can listen on loopback").because(e);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_loopback)?;
    let address = listener.local_addr().map_err(no_loopback)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for connection in listener.incoming().flatten() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let config = config.clone();
                // Whoever only looks, or is refused, leaves: that is no error here.
                scope.spawn(move || serve(connection, config));
            }
        });
        let result = run(address);
        over.store(true, Ordering::Release);
        // One more connection, so that the listener sees that it is over.
        let _ = TcpStream::connect(address);
        Ok(result)
    })
}

fn serve(tcp: TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    patient(&tcp).ok()?;
    let mut tls = StreamOwned::new(ServerConnection::new(config).ok()?, tcp);
    let (mut framer, mut buffer) = (Framer::default(), [0; 4096]);
    loop {
        let read = tls.read(&mut buffer).ok().filter(|read| *read > 0)?;
        framer.push(&buffer[..read]);
        while let Some(request) = framer.pop().ok()? {
            if matches!(request.start, Start::Request(_)) {
                tls.write_all(answer(&request, 200, "OK").as_bytes()).and_then(|()| tls.flush()).ok()?;
            }
        }
    }
}
