//! What a probe found, for people and for programs: the answer first, then how far it got, then why no further.

use std::fmt::Write as _;

use serde::Serialize;

use super::json;
use super::text::{Style, fill, finding};
use crate::checks::probe::{size, told};
use crate::findings::{Finding, ProbeReport, Reach, Severity, Verdict};
use crate::text::{count, duration, escape, escape_short};
use crate::wire::tls::Version;
use crate::wire::transcript::{Client, ConnectEnd, Ending, Facts, Handshake, Point, Transport};

/// More characters than this of a hostile text are cut off.
const LONGEST: usize = 300;

/// All hosts, the worst last.
pub fn text(reports: &[ProbeReport], style: Style) -> String {
    let mut out = String::new();
    // Of many, those that are fine take a line each: what is not fine stands next to the prompt.
    let brief = reports.len() > 1 && style.verbose == 0;
    for report in reports {
        headline(&mut out, report, style);
        if !(brief && report.verdict == Reach::Accepted) {
            details(&mut out, report, style);
        }
    }
    if reports.len() > 1 {
        let mut parts = Vec::new();
        for reach in ALL {
            let n = reports.iter().filter(|r| r.verdict == reach).count();
            if n > 0 {
                parts.push(format!("{n} {}", painted(reach, style)));
            }
        }
        let _ = writeln!(out, "{}: {}", count(reports.len(), "host"), parts.join(", "));
    }
    out
}

const ALL: [Reach; 6] = [
    Reach::Accepted,
    Reach::Unauthorized,
    Reach::Incomplete,
    Reach::Invalid,
    Reach::Refused,
    Reach::NoAnswer,
];

fn painted(reach: Reach, style: Style) -> String {
    match reach {
        Reach::Accepted => style.paint.good(reach.word()),
        Reach::Unauthorized | Reach::Incomplete => style.paint.warn(reach.word()),
        Reach::Invalid | Reach::Refused | Reach::NoAnswer => style.paint.bad(reach.word()),
    }
}

fn headline(out: &mut String, report: &ProbeReport, style: Style) {
    let address = match report.facts.address {
        Some(address) if address.ip().to_string() != report.facts.target.host => {
            format!(" ({})", address.ip())
        }
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "{}   {}{address}",
        painted(report.verdict, style),
        style.paint.strong(&escape(&report.facts.target.to_string())),
    );
}

fn details(out: &mut String, report: &ProbeReport, style: Style) {
    let rows = rows(report);
    if !rows.is_empty() {
        out.push('\n');
    }
    for (step, text) in rows {
        let label = label(step);
        let _ = writeln!(out, "{}", fill(&format!("  {label:<6} "), &escape_short(&text, LONGEST)));
    }
    let (hints, problems): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|f| f.severity == Severity::Info && style.verbose == 0);
    for problem in problems {
        out.push('\n');
        finding(out, problem, style.paint);
    }
    out.push('\n');
    for note in notes(report) {
        let _ = writeln!(out, "{}", fill("  ", note));
    }
    let mut counts = Vec::new();
    for (severity, noun) in
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "hint")]
    {
        let n = report.count(severity);
        if n > 0 {
            counts.push(count(n, noun));
        }
    }
    counts.push(format!("took {}", duration(std::time::Duration::from_millis(report.facts.took_ms))));
    let more = match report.findings.iter().rev().find(|f| f.severity == Severity::Error) {
        Some(worst) => format!("ocscert explain {} says more", worst.rule.code),
        None if !hints.is_empty() => "-v shows the hints".to_string(),
        None => String::new(),
    };
    let more = if more.is_empty() { more } else { format!(" ({more})") };
    let _ = writeln!(out, "{}\n", fill("  ", &format!("{}{more}", counts.join(", "))));
}

/// What the reader should know about the limits of the answer.
fn notes(report: &ProbeReport) -> Vec<&'static str> {
    let mut notes = Vec::new();
    let facts = &report.facts;
    if facts.target.transport == Transport::Tls && !facts.versions().is_empty() {
        if facts.ours.is_none() {
            notes.push("no certificate of ours was shown: add --cert FILE --key FILE to prove mutual TLS");
        }
        if report.chain.is_none() && !facts.chain().is_empty() {
            notes.push("what it presents was not judged: add --chain FILE with the roots that are trusted");
        }
    }
    notes
}

/// What stands before a step's row: what happens without a certificate belongs to what the server asks for.
pub(super) fn label(step: &'static str) -> &'static str {
    if step == "bare" { "" } else { step }
}

/// How far it got, a row a step.
pub fn rows(report: &ProbeReport) -> Vec<(&'static str, String)> {
    let facts = &report.facts;
    let mut rows = Vec::new();
    if let Ok(addresses) = &facts.addresses
        && addresses.len() > 1
    {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        rows.push(("name", format!("{} addresses: {}", list.len(), list.join(", "))));
    }
    rows.extend(facts.connects.iter().map(|connect| {
        let at = if facts.connects.len() > 1 { format!(" at {}", connect.address) } else { String::new() };
        let took = duration(std::time::Duration::from_millis(connect.took_ms));
        let end = match &connect.end {
            ConnectEnd::Open => format!("open, {took}"),
            ConnectEnd::Closed => "closed".to_string(),
            ConnectEnd::Silent => format!("no answer within {took}"),
            ConnectEnd::Unreachable(why) => why.clone(),
        };
        ("tcp", format!("{end}{at}"))
    }));
    if let Some(text) = tls(report) {
        rows.push(("tls", text));
    }
    if !report.presented.is_empty() {
        rows.push(("chain", chain(report)));
    }
    if !facts.chain().is_empty() {
        rows.push(("asks", asks(report)));
    }
    if let Some(bare) = &facts.bare {
        rows.push(("bare", format!("without one: {}", handshake(bare, facts))));
    }
    if let Some(ours) = &facts.ours {
        rows.push(("ours", handshake(ours, facts)));
    }
    if let Some(sip) = facts.sip() {
        let answer = match &sip.head {
            Some(head) => {
                let server = crate::wire::sip::Message::parse_head(head).ok();
                let server = server.as_ref().and_then(|message| message.header("Server"));
                let first = head.lines().next().unwrap_or_default();
                let by = server.map(|server| format!("   Server: {server}")).unwrap_or_default();
                format!("OPTIONS: {first}{by}")
            }
            None => format!("OPTIONS: {}", told(&sip.end)),
        };
        rows.push(("sip", answer));
    }
    if let Some(skew) = report.skew {
        let text = match skew {
            -2..=2 => "agrees with ours".to_string(),
            _ => {
                let way = if skew > 0 { "ahead" } else { "behind" };
                format!("{} {way}", duration(std::time::Duration::from_secs(skew.unsigned_abs())))
            }
        };
        rows.push(("clock", text));
    }
    if let Some(other) = &facts.other {
        let end = match (&other.hello, other.open) {
            (Some(hello), _) if hello.flight.request.is_some() => "asks for a client certificate".to_string(),
            (Some(hello), _) if !hello.flight.chain.is_empty() => {
                "TLS, asks for no client certificate".into()
            }
            (_, true) => "open".into(),
            (_, false) => "closed too".into(),
        };
        rows.push(("port", format!("{}: {end}", other.port)));
    }
    rows
}

fn tls(report: &ProbeReport) -> Option<String> {
    let facts = &report.facts;
    let versions = facts.versions();
    let first = facts.hellos.first()?;
    if versions.is_empty() {
        return Some(told(&first.end));
    }
    let list: Vec<String> = versions.iter().map(Version::to_string).collect();
    let only = if list.len() == 1 { " only" } else { "" };
    let suite =
        facts.hellos.iter().find_map(|h| h.flight.suite).map(|s| format!(", {s}")).unwrap_or_default();
    let likely = report.likely.map(|likely| format!("   ({likely})")).unwrap_or_default();
    Some(format!("{}{only}{suite}{likely}", list.join(", ")))
}

fn chain(report: &ProbeReport) -> String {
    let mut names = report.presented.clone();
    // The root is not sent, but shown where the path was found.
    if let Some(chain) = report.chain.as_ref().filter(|c| c.verdict == Verdict::Valid) {
        names.extend(chain.path.iter().skip(names.len()).map(|step| step.name.clone()));
    }
    let verdict = match report.chain.as_ref() {
        None => "not judged".to_string(),
        Some(chain) if chain.verdict == Verdict::Valid => "valid for both roles".into(),
        Some(chain) => {
            let mut codes: Vec<&str> = chain
                .findings
                .iter()
                .filter(|f| f.severity == Severity::Error)
                .map(|f| f.rule.code)
                .collect();
            codes.dedup();
            format!("{} ({})", chain.verdict.word(), codes.join(", "))
        }
    };
    format!("{}   {verdict}", names.join(" < "))
}

fn asks(report: &ProbeReport) -> String {
    let Some(list) = &report.ca_list else { return "for no client certificate: no mutual TLS".into() };
    let accepts = match (list.names, list.near_limit) {
        (0, _) => "names no CAs (usual since Server 2012; proves nothing)".to_string(),
        (n, true) => format!("accepts {}, {}: probably cut off", count(n, "CA"), size(list.bytes)),
        (n, false) => format!("accepts {}, {}", count(n, "CA"), size(list.bytes)),
    };
    let ours = match (&list.ours, list.wanted.last()) {
        _ if list.names == 0 => String::new(),
        (Some(ours), _) => format!("; {ours} is in that list"),
        (None, Some(wanted)) => format!("; {wanted} is not in that list"),
        (None, None) => String::new(),
    };
    format!("for a client certificate: yes (MTLS)   {accepts}{ours}")
}

fn handshake(handshake: &Handshake, facts: &Facts) -> String {
    let by = match handshake.client {
        Client::Current => "",
        Client::Legacy => ", by the client for old servers",
    };
    let version = handshake.version.map(|v| format!("TLS {v}")).unwrap_or_default();
    let unsent = facts.ours.as_ref() == Some(handshake) && !handshake.sent;
    let unsent = match unsent && handshake.point >= Point::Certificate {
        true if handshake.request.is_some() => " (our certificate does not fit what it asks for)",
        true => " (our certificate was not asked for)",
        false => "",
    };
    match (&handshake.end, handshake.point) {
        (Ending::Whole, _) => format!("handshake finished, {version}{by}{unsent}"),
        (end, Point::Hello | Point::Server) => {
            format!("ended before any certificate of ours: {}{by}", told(end))
        }
        (end, Point::Certificate) if handshake.sent => format!("refused: {}{by}", told(end)),
        (end, Point::Certificate) => format!("refused: {}{by}{unsent}", told(end)),
        (end, Point::Finished) => format!("refused after the handshake: {}{by}", told(end)),
    }
}

/// `ocscert.probe/1`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
    hosts: Vec<Host<'a>>,
}

#[derive(Serialize)]
struct Host<'a> {
    target: String,
    verdict: &'static str,
    presented: &'a [String],
    chain: Option<&'static str>,
    versions: Vec<Version>,
    client_certificate: Option<Asked<'a>>,
    clock_skew_s: Option<i64>,
    steps: Vec<Step>,
    findings: Vec<json::Finding<'a>>,
    facts: &'a Facts,
}

#[derive(Serialize)]
struct Asked<'a> {
    ca_names: usize,
    ca_bytes: usize,
    probably_cut_off: bool,
    ours: Option<&'a str>,
}

#[derive(Serialize)]
struct Step {
    step: &'static str,
    said: String,
}

/// The hosts as one JSON document.
///
/// # Errors
/// Never for these structs; serde says it could.
pub fn json(reports: &[ProbeReport]) -> serde_json::Result<String> {
    let worst = reports.iter().map(|r| r.verdict).max().unwrap_or(Reach::Accepted);
    json::document_text(&Document {
        schema: "ocscert.probe/1",
        verdict: worst.word(),
        hosts: reports.iter().map(host).collect(),
    })
}

fn host(report: &ProbeReport) -> Host<'_> {
    Host {
        target: report.facts.target.to_string(),
        verdict: report.verdict.word(),
        presented: &report.presented,
        chain: report.chain.as_ref().map(|c| c.verdict.word()),
        versions: report.facts.versions(),
        client_certificate: report.ca_list.as_ref().map(|list| Asked {
            ca_names: list.names,
            ca_bytes: list.bytes,
            probably_cut_off: list.near_limit,
            ours: list.ours.as_deref(),
        }),
        clock_skew_s: report.skew,
        steps: rows(report).into_iter().map(|(step, said)| Step { step, said }).collect(),
        findings: report.findings.iter().map(json::finding).collect(),
        facts: &report.facts,
    }
}
