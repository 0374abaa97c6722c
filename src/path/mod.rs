//! Floor 3: RFC 5280 section 6, path building and validation. Pure: no files, no network, no clock. Every edge
//! that was tried keeps its reason as a typed fact; what a reason means to a person is for `checks`.
//!
//! [`Engine::search`] is the one entry point; [`signature`] and [`names`] also stand alone.

mod budget;
mod build;
mod constraints;
pub mod names;
mod policies;
mod pool;
#[cfg(test)]
mod properties;
mod reason;
mod revocation;
pub mod signature;
#[cfg(test)]
mod testing;
mod validate;
mod walk;

pub use budget::{Budget, Budgets};
pub use build::{Engine, Options, Outcome, Search, Tried};
pub use names::{NameMatch, ReferenceName};
pub use policies::PolicyInputs;
pub use pool::{Pool, Store};
pub use reason::{Failure, Reason, UsageSource};
pub use revocation::{CrlFault, CrlProblem, Crls, Status as RevocationStatus};
pub use signature::{CryptoEra, SignatureFault};
