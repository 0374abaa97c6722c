//! Floor 7: steps that both act and judge: what is done next depends on what was found.

pub mod rehearse;
pub mod submit;
