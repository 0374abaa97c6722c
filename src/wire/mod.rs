//! Floor 1: protocol messages, bytes to typed values and back. Nothing here opens a connection or reads a clock.

pub mod certsrv;
pub mod page;
