//! Floor 1: protocol messages, bytes to typed values and back. Nothing here opens a connection or reads a clock.

mod blob;
pub mod ca_url;
pub mod certsrv;
pub mod ntlm;
pub mod page;
pub mod sip;
pub mod spnego;
pub mod tls;
pub mod transcript;

pub use blob::Blob;
