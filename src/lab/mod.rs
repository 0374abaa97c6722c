//! Floor 8: a CA to rehearse against. To its clients it looks as a Microsoft CA with web enrollment does; it
//! lives in one folder and listens on loopback only.

mod admin;
pub mod authority;
pub mod ca;
mod der;
mod html;
mod http;
mod keep;
mod logon;
mod pages;
pub mod policy;
pub mod requests;
pub mod server;
mod stage;
mod tls;
mod x509;

pub use ca::Ca;
pub use policy::Mode;
pub use server::{Auth, Options, Running, start};
