//! Certificates that federate Microsoft Office Communications Server 2007 R2 (and Lync and Skype for Business
//! Server) with Cisco IM and Presence over mutual TLS: requests, chains, verdicts, enrollment, containers.
//!
//! The house has floors; a file uses only lower floors and its own room, and a test reads every import:
//!
//! | floor | rooms |
//! |---|---|
//! | 9 | `cli` one file per subcommand |
//! | 8 | `lab` a CA to rehearse against |
//! | 7 | `flow` steps that both act and judge |
//! | 6 | `edge` disk, network, terminal, clock, operating system |
//! | 5 | `render` reports become text, JSON, HTML, JUnit XML; `federation` |
//! | 4 | `checks` judging; `make` pure makers |
//! | 3 | `path` RFC 5280 path building and validation |
//! | 2 | `findings` verdicts as data |
//! | 1 | `model` parsed and typed; `wire` protocol messages |
//! | 0 | `text` hostile text made safe, hex, durations |
//!
//! Data flows one way: arguments, edge reads, model, path and checks (pure: time and randomness are arguments),
//! findings, render, edge writes.

pub mod checks;
pub mod cli;
pub mod edge;
pub mod federation;
pub mod findings;
pub mod flow;
pub mod lab;
pub mod make;
pub mod model;
pub mod path;
pub mod render;
pub mod text;
pub mod wire;
