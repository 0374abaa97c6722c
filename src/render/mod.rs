//! Floor 5: reports become text, JSON, HTML and JUnit XML. Bytes are made here; `edge` writes them.

pub mod explain;
pub mod graph;
pub mod html;
pub mod inspect;
pub mod json;
pub mod junit;
pub mod paint;
pub mod probe;
pub mod probe_page;
pub mod status;
pub mod status_page;
pub mod text;
mod timeline;
pub mod verify_page;

pub use paint::Paint;
