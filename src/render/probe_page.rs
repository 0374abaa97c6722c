//! A probe as a page: for each host the two ends, the arrows between them in the order of time, and where it
//! stops: there the arrow is dashed and bears its code.

use std::fmt::Write as _;

use minijinja::value::{Serde, Value};
use serde::Serialize;

use super::html::{FindingView, environment, finding, shown};
use super::probe::{label, rows};
use crate::findings::{Finding, ProbeReport, Reach, Severity, Verdict};
use crate::text::{escape_short, fit, html};
use crate::wire::transcript::{Ending, Point, Transport};

#[derive(Serialize)]
struct PageView {
    title: &'static str,
    lead: String,
    hosts: Vec<HostView>,
    version: &'static str,
}

#[derive(Serialize)]
struct HostView {
    target: String,
    verdict: &'static str,
    class: &'static str,
    why: String,
    picture: String,
    rows: Vec<(&'static str, String)>,
    findings: Vec<FindingView>,
}

/// All hosts, the worst first: a page is read from its top.
///
/// # Errors
/// The template is damaged: a bug, as it is part of the program.
pub fn page(reports: &[ProbeReport]) -> Result<String, minijinja::Error> {
    let view = PageView {
        title: "Would these servers federate?",
        lead: "TLS, certificates in both directions, and SIP OPTIONS, as ocscert probe saw them.".to_string(),
        hosts: reports.iter().rev().map(host).collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    environment()?.get_template("probe.html")?.render(Value::from(Serde(&view)))
}

fn host(report: &ProbeReport) -> HostView {
    let worst = report.findings.iter().rfind(|f| f.severity > Severity::Info);
    let why = match worst {
        Some(f) => format!("{}: {}", f.rule.code, f.rule.title),
        None if report.verdict == Reach::Accepted => "mutual TLS and SIP, all the way".into(),
        None => "nothing is wrong as far as it was asked".into(),
    };
    HostView {
        target: shown(&report.facts.target.to_string()),
        verdict: report.verdict.word(),
        class: match report.verdict {
            Reach::Accepted => "good",
            Reach::Unauthorized | Reach::Incomplete => "warn",
            Reach::Invalid | Reach::Refused | Reach::NoAnswer => "bad",
        },
        why,
        picture: svg(report),
        rows: rows(report).iter().map(|(step, text)| (label(step), shown(text))).collect(),
        findings: report.findings.iter().rev().map(finding).collect(),
    }
}

/// One arrow between the two ends.
struct Arrow {
    /// From us to the host.
    ours: bool,
    label: String,
    /// What stops it, or is wrong with it.
    code: Option<&'static str>,
}

/// Which findings speak of which arrow, in the order of time. The families of the presented certificate belong to
/// the arrow that brings it.
const CONNECT: &[&str] = &["OCS-TLS-001", "OCS-TLS-002", "OCS-TLS-003"];
const HELLO: &[&str] =
    &["OCS-TLS-004", "OCS-TLS-005", "OCS-TLS-006", "OCS-TLS-015", "OCS-TLS-017", "OCS-TLS-018"];
const ASKS: &[&str] = &["OCS-TLS-007", "OCS-TLS-008", "OCS-TLS-009"];
const OURS: &[&str] = &["OCS-TLS-010", "OCS-TLS-011", "OCS-TLS-015", "OCS-TLS-018"];

fn arrows(report: &ProbeReport) -> Vec<Arrow> {
    let facts = &report.facts;
    let wrong = |test: &dyn Fn(&Finding) -> bool| {
        report.findings.iter().rfind(|f| f.severity > Severity::Info && test(f)).map(|f| f.rule.code)
    };
    let of = |codes: &'static [&'static str]| wrong(&|f: &Finding| codes.contains(&f.rule.code));
    let mut arrows = Vec::new();
    let mut add =
        |ours: bool, label: String, code: Option<&'static str>| arrows.push(Arrow { ours, label, code });
    add(true, format!("connect to port {}", facts.target.port), of(CONNECT));
    if facts.address.is_none() {
        return arrows;
    }
    if facts.target.transport == Transport::Tls {
        let versions: Vec<String> = facts.versions().iter().map(ToString::to_string).collect();
        let is_tls = !versions.is_empty();
        add(true, "hello, TLS 1.0 to 1.3".into(), of(HELLO).filter(|_| !is_tls));
        if !is_tls {
            return arrows;
        }
        add(false, format!("TLS {}", versions.join(", ")), None);
        if let Some(name) = report.presented.first() {
            let bad = report.chain.as_ref().filter(|c| c.verdict == Verdict::Invalid);
            let code = bad.and_then(|c| c.findings.iter().rfind(|f| f.severity == Severity::Error));
            add(false, format!("its certificate: {name}"), code.map(|f| f.rule.code));
        }
        let asks = if report.ca_list.is_some() { "asks for ours" } else { "asks for no certificate" };
        add(false, asks.into(), of(ASKS));
        if let Some(ours) = facts.ours.as_ref().filter(|h| h.point >= Point::Certificate) {
            add(true, "our certificate".into(), of(OURS).filter(|_| ours.end != Ending::Whole));
        }
    }
    if let Some(sip) = facts.sip() {
        let code = wrong(&|f: &Finding| f.rule.code.starts_with("OCS-SIP"));
        let answer = sip.head.as_deref().and_then(|head| head.lines().next());
        add(true, "SIP OPTIONS".into(), code.filter(|_| answer.is_none()));
        if let Some(answer) = answer {
            add(false, answer.to_string(), code);
        }
    }
    arrows
}

const WIDTH: usize = 760;
const BOX: usize = 210;
const TOP: usize = 60;
const STEP: usize = 38;
const LEFT: usize = 10 + BOX / 2;
const RIGHT: usize = WIDTH - 10 - BOX / 2;

fn svg(report: &ProbeReport) -> String {
    let arrows = arrows(report);
    let height = TOP + arrows.len() * STEP + 24;
    let told: Vec<String> = arrows
        .iter()
        .map(|a| format!("{}{}", a.label, a.code.map(|code| format!(" ({code})")).unwrap_or_default()))
        .collect();
    let target = report.facts.target.to_string();
    let alternative = format!("{target}: {}. In order: {}.", report.verdict.word(), told.join("; "));
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">\n",
        html(&escape_short(&alternative, 2000))
    );
    for (x, title) in [(LEFT, "this machine"), (RIGHT, target.as_str())] {
        let _ = writeln!(
            out,
            "<path class=\"lifeline\" d=\"M{x} 46 V{}\"/><g class=\"node ca\"><rect x=\"{}\" y=\"8\" width=\"{BOX}\" \
             height=\"38\" rx=\"8\"/><text class=\"name\" x=\"{x}\" y=\"32\" text-anchor=\"middle\">{}</text></g>",
            height - 6,
            x - BOX / 2,
            html(&fit(title, 26))
        );
    }
    for (i, arrow) in arrows.iter().enumerate() {
        draw(&mut out, arrow, TOP + i * STEP + 24);
    }
    out.push_str("</svg>\n");
    out
}

/// A broken arrow of ours ends half way: what was sent got no answer that is good.
fn draw(out: &mut String, arrow: &Arrow, y: usize) {
    let class = if arrow.code.is_some() { " broken" } else { "" };
    let (from, to, head) = match arrow.ours {
        true => (LEFT, RIGHT, RIGHT - 10),
        false => (RIGHT, LEFT, LEFT + 10),
    };
    let _ = writeln!(out, "<path class=\"edge{class}\" d=\"M{from} {y} H{head}\"/>");
    let _ = writeln!(out, "<path class=\"arrow{class}\" d=\"M{to} {y} L{head} {} V{} Z\"/>", y - 5, y + 5);
    let label = fit(&arrow.label, 46);
    let code = arrow.code.map(|code| format!(" ({code})")).unwrap_or_default();
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        WIDTH / 2,
        y - 7,
        html(&format!("{label}{code}"))
    );
}
