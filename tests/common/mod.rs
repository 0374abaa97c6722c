//! What several integration tests share. Each of them compiles this for itself and uses a part.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "helpers of tests")]

pub mod ber;
pub mod browser;
pub mod issued;
pub mod kerberos;
pub mod lab;
pub mod peer;
pub mod peers;
pub mod scripted_ca;
pub mod windows;
