//! Where the servers of a federation stand, as one self-contained page: what to do, when the certificates end, who
//! trusts whom, then every server. No script, no network.

use minijinja::value::{Serde, Value};
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

use super::html::environment;
use super::status::todo;
use super::timeline::{Bar, svg};
use super::{graph, html};
use crate::findings::status::{Answer, Part, ServerStatus, Status, days_left};
use crate::findings::{CertificateReport, Severity, Verdict};
use crate::text::{count, escape_short};

/// Bars of the time line and boxes of the picture: more of them nobody looks at. The most urgent are shown.
const MOST_BARS: usize = 60;
const MOST_BOXES: usize = 20;

#[derive(Serialize)]
struct View<'a> {
    title: String,
    answer: &'static str,
    class: &'static str,
    counts: String,
    at: String,
    todo: Vec<Todo>,
    timeline: String,
    later: Option<String>,
    picture: Option<String>,
    left_out: Option<String>,
    servers: Vec<Row>,
    nodes: Vec<Row>,
    notes: &'a [String],
    file: String,
    version: &'static str,
}

#[derive(Serialize)]
struct Todo {
    servers: String,
    text: String,
    command: Option<String>,
}

#[derive(Serialize, Default)]
struct Row {
    fqdn: String,
    common_name: String,
    stage: &'static str,
    class: &'static str,
    end: String,
    left: String,
    request: String,
    since: String,
    note: String,
    renewal: String,
    findings: Vec<(&'static str, &'static str, &'static str)>,
}

/// Renders the page.
///
/// # Errors
/// The template is damaged: a bug, as it is part of the program and tests render it.
pub fn page(status: &Status, offset: UtcOffset) -> Result<String, minijinja::Error> {
    let bars = bars(status);
    let shown = bars.len().min(MOST_BARS);
    let mut report = status.report();
    report.certificates.sort_by_key(|c| std::cmp::Reverse(c.verdict));
    let boxes = report.certificates.len();
    report.certificates.truncate(MOST_BOXES);
    for certificate in &mut report.certificates {
        // The folder is the same for all of them, and a box is small.
        certificate.source = certificate.source.rsplit(['/', '\\']).next().unwrap_or_default().to_string();
    }
    let counts: Vec<String> =
        status.counts().iter().map(|(stage, n)| format!("{n} {}", stage.word())).collect();
    let (answer, class) = match status.answer() {
        Answer::Yes => ("all is well", "good"),
        Answer::Later => ("on its way", "warn"),
        Answer::No => ("not well", "bad"),
        Answer::CouldNot => ("cannot be told", "bad"),
    };
    let view = View {
        title: format!("Certificates of {}", escape_short(&status.file, 100)),
        answer,
        class,
        counts: format!("{}: {}", count(status.servers.len(), "server"), counts.join(", ")),
        at: moment(status.at, offset),
        todo: todo(status).iter().map(|(next, servers)| self::next(next, servers)).collect(),
        timeline: if bars.is_empty() { String::new() } else { svg(&bars[..shown], status.at) },
        later: (shown < bars.len()).then(|| format!("{} more end later.", bars.len() - shown)),
        picture: (boxes > 0).then(|| graph::svg(&report)),
        left_out: (boxes > MOST_BOXES)
            .then(|| format!("{} more are in the table; the worst are shown.", boxes - MOST_BOXES)),
        servers: status.servers.iter().rev().map(|server| row(server, status.at, offset)).collect(),
        nodes: (status.nodes.iter().rev())
            .map(|node| Row { fqdn: node.fqdn.clone(), ..of_report(&node.report, status.at, offset) })
            .collect(),
        notes: &status.notes,
        file: escape_short(&status.file, 300),
        version: env!("CARGO_PKG_VERSION"),
    };
    environment()?.get_template("status.html")?.render(Value::from(Serde(&view)))
}

fn next(next: &crate::findings::status::Next, servers: &[&str]) -> Todo {
    let more = servers.len().saturating_sub(10);
    let mut names = servers.iter().take(10).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        names += &format!(" and {more} more");
    }
    Todo { servers: names, text: next.text.clone(), command: next.command.clone() }
}

/// What ends first stands first.
fn bars(status: &Status) -> Vec<Bar<'_>> {
    let servers = status.servers.iter().filter_map(|server| {
        let (begin, end) = server.validity()?;
        Some(Bar { name: &server.fqdn, begin, end, class: class(server) })
    });
    let nodes = status.nodes.iter().map(|node| Bar {
        name: &node.fqdn,
        begin: node.report.not_before,
        end: node.report.not_after,
        class: html::class(node.report.verdict),
    });
    let mut bars: Vec<Bar<'_>> = servers.chain(nodes).collect();
    bars.sort_by_key(|bar| bar.end);
    bars
}

fn class(server: &ServerStatus) -> &'static str {
    match server.current.stage.answer() {
        Answer::Yes if server.current.stage == crate::findings::status::Stage::Due => "warn",
        Answer::Yes => "good",
        Answer::Later => "warn",
        Answer::No | Answer::CouldNot => "bad",
    }
}

fn row(server: &ServerStatus, at: OffsetDateTime, offset: UtcOffset) -> Row {
    let known = server.report.as_ref().map(|report| of_report(report, at, offset)).unwrap_or_default();
    Row {
        fqdn: server.fqdn.clone(),
        common_name: server.common_name.clone(),
        stage: server.current.stage.word(),
        class: class(server),
        request: server.current.request_id.map(|id| id.to_string()).unwrap_or_default(),
        since: server
            .current
            .since
            .map(|since| since.to_offset(offset).date().to_string())
            .unwrap_or_default(),
        // What makes it invalid is told by its findings.
        note: if known.findings.is_empty() { escape_short(&server.current.note, 300) } else { String::new() },
        renewal: server.renewal.as_ref().map(|part| renewal(part, offset)).unwrap_or_default(),
        ..known
    }
}

fn of_report(report: &CertificateReport, at: OffsetDateTime, offset: UtcOffset) -> Row {
    let days = days_left(report.not_after, at);
    let findings = report.findings.iter().rev().filter(|finding| finding.severity != Severity::Info);
    Row {
        stage: report.verdict.word(),
        class: match report.verdict {
            Verdict::Valid => "good",
            Verdict::Incomplete => "warn",
            Verdict::Invalid => "bad",
        },
        end: report.not_after.to_offset(offset).date().to_string(),
        left: match days {
            0.. => format!("{} left", count(days as usize, "day")),
            _ => format!("{} ago", count(days.unsigned_abs() as usize, "day")),
        },
        findings: findings.map(|f| (f.severity.word(), f.rule.code, f.rule.title)).collect(),
        ..Row::default()
    }
}

fn request(part: &Part, offset: UtcOffset) -> String {
    match (part.request_id, part.since) {
        (Some(id), Some(since)) => format!("{id}, {}", since.to_offset(offset).date()),
        (None, Some(since)) => format!("sent {}", since.to_offset(offset).date()),
        _ => String::new(),
    }
}

fn renewal(part: &Part, offset: UtcOffset) -> String {
    let pieces = [part.stage.word().to_string(), request(part, offset), escape_short(&part.note, 300)];
    pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(", ")
}

fn moment(at: OffsetDateTime, offset: UtcOffset) -> String {
    let at = at.to_offset(offset);
    format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute())
}
