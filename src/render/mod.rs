//! Floor 5: reports become text, JSON and HTML. Bytes are made here; `edge` writes them.

pub mod paint;

pub use paint::Paint;
