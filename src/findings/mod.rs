//! Floor 2: verdicts as data. A [`Rule`] is declared once beside its check; a [`Finding`] is one violation
//! with its evidence and its remedy; a [`Report`] is all that was found. Wording for a person is made here and
//! in the checks; how it looks is the renderers' business.

pub mod codes;
mod probe;
mod report;
mod rule;
pub mod status;

pub use probe::{CaList, ProbeReport, Reach};
pub use report::{
    Brief, CertificateReport, CheckOutcome, CheckResult, Direction, DirectionReport, PathStep, Report,
    RequestReport, RequestsReport, Summary, Tried, TrustedBy, Verdict,
};
pub use rule::{Evidence, Family, Finding, Remedy, Rule, Severity};
