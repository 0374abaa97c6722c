//! Floor 6: everything that touches the world: disk, network, terminal, clock, operating system. What comes in
//! is handed to the pure floors as bytes and models; what goes out is written here and nowhere else.

pub mod abreast;
pub mod answering;
pub mod auth;
pub mod certsrv;
pub mod clock;
mod error;
pub mod federation;
pub mod files;
pub mod handshake;
pub mod http;
pub mod inputs;
pub mod interrupt;
pub mod journal;
pub mod lock;
#[cfg(windows)]
mod owner;
pub mod probe;
pub mod renewal;
pub mod secrets;
pub mod terminal;

pub use error::{Error, Result};
