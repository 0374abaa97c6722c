//! Floor 7: steps that both act and judge: what is done next depends on what was found.

pub mod enroll;
pub mod fetch;
pub mod judging;
pub mod probe;
pub mod rehearse;
pub mod site;
pub mod submit;
