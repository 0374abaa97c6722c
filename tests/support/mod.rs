//! What several tests need.

pub mod scripted_ca;
