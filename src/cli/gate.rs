//! `ocscert csr --check`: the gate before a CA signs.

use std::path::Path;

use super::args::{CryptoArg, Format, SideArg, expected};
use super::csr::Args;
use super::{Outcome, Session};
use crate::checks::{Expected, Known, Own, Purpose, Question, judge_request};
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::findings::{RequestsReport, Summary, Verdict};
use crate::model::Sourced;
use crate::path::PolicyInputs;
use crate::render::{json, text};

/// Judges the requests.
///
/// # Errors
/// A file cannot be read or holds no request; names of OCS for a request of IM and Presence's; the output exists.
pub(super) fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    let expected = expected(&args.server, &args.pool, &args.name, args.side)?;
    let output = args.output.as_deref().unwrap_or(Path::new("-"));
    if !files::is_stream(output) {
        files::check_free([output], args.overwrite.overwrite)?;
    }
    let question = question(args, expected, session);
    let mut reports = Vec::new();
    for path in &args.check {
        let request = Sourced { value: session.inputs.request(path)?, source: shown(path) };
        reports.push(judge_request(&question, &request));
    }
    reports.sort_by_key(|report| report.verdict);
    let mut summary = Summary::default();
    reports.iter().for_each(|report| summary.add(report.verdict));
    let mut notes = Vec::new();
    if matches!(&question.expected, Expected::Names(names) if names.is_empty()) {
        let flags =
            if args.side == SideArg::Imp { "--name DNS:FQDN" } else { "--server FQDN or --pool FQDN" };
        notes.push(format!("no name was given, so none was checked: add {flags}"));
    }
    let verdict = summary.verdict();
    let report = RequestsReport {
        profile: question.profile.name.clone(),
        crypto: if question.is_legacy() { "legacy" } else { "modern" },
        requests: reports,
        summary,
        notes,
    };
    let text = match args.format {
        Format::Json => json::requests(&report)?,
        Format::Text => text::requests(&report, session.style()),
    };
    session.write(&Output::public(output, text), args.overwrite.overwrite)?;
    Ok(if verdict == Verdict::Valid { Outcome::Yes } else { Outcome::No })
}

fn question(args: &Args, expected: Expected, session: &Session) -> Question {
    Question {
        at: session.clock.now,
        era: args.crypto.map_or_else(|| args.profile.era(), CryptoArg::era),
        profile: args.profile.clone(),
        purpose: Purpose::Mutual,
        expected,
        warn_days: 0,
        max_depth: None,
        policies: PolicyInputs::default(),
        crls: None,
        known: Known::default(),
        peer_subjects: None,
        own: Own { side: args.side.side(), ..Own::default() },
    }
}
