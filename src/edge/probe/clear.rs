//! Reads what a server says in clear to one hello.

use super::line::{Channel, Line};
use crate::wire::Blob;
use crate::wire::tls::hello::ClientHello;
use crate::wire::tls::{Fault, Flight, Inspector, Progress, Version};
use crate::wire::transcript::Ending;

/// Sends a hello and reads up to where the server waits for us.
pub(super) fn inspect(
    line: &mut Line,
    version: Version,
    server_name: Option<&str>,
    nonce: [u8; 32],
    share: [u8; 32],
) -> (Flight, Ending) {
    let hello = ClientHello::inspecting(version, server_name, nonce, share);
    let mut inspector = Inspector::default();
    let mut read = || -> Ending {
        if let Err(end) = line.send(&hello.record().bytes()) {
            return end;
        }
        loop {
            let bytes = match line.receive() {
                Ok(bytes) => bytes,
                Err(end) => return end,
            };
            match inspector.push(&bytes) {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => return Ending::Whole,
                Ok(Progress::Refused(alert)) => return Ending::Alert(alert),
                Err(fault) => return ending(&fault, line),
            }
        }
    };
    let end = read();
    (inspector.into_flight(), end)
}

fn ending(fault: &Fault, line: &Line) -> Ending {
    match fault {
        Fault::NotTls => Ending::Alien(Blob(line.first_bytes().to_vec())),
        fault => Ending::Malformed(fault.to_string()),
    }
}
