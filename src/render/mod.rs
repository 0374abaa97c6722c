//! Floor 5: reports become text, JSON and HTML. Bytes are made here; `edge` writes them.

pub mod explain;
pub mod graph;
pub mod html;
pub mod inspect;
pub mod json;
pub mod paint;
pub mod text;

pub use paint::Paint;
