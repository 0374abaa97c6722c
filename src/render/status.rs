//! Where the servers of a federation stand, for people, for programs and for Prometheus.

use std::fmt::Write as _;

use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

use super::json::{document_text, rfc3339};
use super::text::{Style, fill, finding, until};
use super::{Paint, json};
use crate::findings::status::{Answer, Next, Part, ServerStatus, Stage, Status};
use crate::findings::{CertificateReport, Severity};
use crate::text::{count, escape, escape_short};

/// Names of servers that are told with an instruction; the rest is counted.
const NAMED: usize = 3;

/// For people: a line a server, worst last, then what was counted and what to do next. `verbose` also lists what was
/// found in each certificate, with its remedy; twice, the hints too.
pub fn text(status: &Status, style: Style) -> String {
    let Style { paint, offset, verbose } = style;
    let mut out = String::new();
    let found = |out: &mut String, report: &CertificateReport| {
        let least = if verbose > 1 { Severity::Info } else { Severity::Warning };
        for found in report.findings.iter().filter(|found| verbose > 0 && found.severity >= least) {
            finding(out, found, paint);
        }
    };
    let width = status.servers.iter().map(|server| server.fqdn.len()).max().unwrap_or(0).min(40);
    for server in &status.servers {
        let lead = format!("{}  {:width$}", stage(server.current.stage, paint), escape(&server.fqdn));
        // Ten for the word and the gap; what does not fit beside the name stands below it.
        let facts = facts(server, status.at, offset);
        match facts.first() {
            Some(first) if 11 + width + 2 + first.chars().count() <= 80 => {
                let _ = writeln!(out, "{lead}  {first}");
            }
            Some(first) => {
                let _ = writeln!(out, "{}\n{}", lead.trim_end(), fill(INDENT, first));
            }
            None => {
                let _ = writeln!(out, "{}", lead.trim_end());
            }
        }
        for fact in facts.iter().skip(1) {
            let _ = writeln!(out, "{}", fill(INDENT, fact));
        }
        server.report.iter().for_each(|report| found(&mut out, report));
    }
    for node in &status.nodes {
        let verdict = format!("{:<9}", node.report.verdict.word());
        let verdict = verdict.replace(node.report.verdict.word(), &paint.verdict(node.report.verdict));
        let end = until(node.report.not_after, status.at, offset);
        let _ = writeln!(out, "{verdict}  {:width$}  {end}, IM and Presence", escape(&node.fqdn));
        found(&mut out, &node.report);
    }
    out.push('\n');
    let counts: Vec<String> =
        status.counts().iter().map(|(stage, n)| format!("{n} {}", stage.word())).collect();
    let _ = writeln!(out, "{}: {}", count(status.servers.len(), "server"), counts.join(", "));
    for note in &status.notes {
        let _ = writeln!(out, "{}", fill("note: ", &escape(note)));
    }
    for (next, servers) in todo(status) {
        let more = servers.len().saturating_sub(NAMED);
        let mut names = servers.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        if more > 0 {
            let _ = write!(names, " and {more} more");
        }
        let _ = writeln!(out, "{}", fill("next: ", &escape(&format!("{names}: {}", next.text))));
        if let Some(command) = &next.command {
            let _ = writeln!(out, "      {}", escape(command));
        }
    }
    out
}

const INDENT: &str = "           ";

fn stage(stage: Stage, paint: Paint) -> String {
    let padded = format!("{:<9}", stage.word());
    let painted = match stage.answer() {
        Answer::Yes if stage == Stage::Due => paint.warn(stage.word()),
        Answer::Yes => paint.good(stage.word()),
        Answer::Later => paint.warn(stage.word()),
        Answer::No | Answer::CouldNot => paint.bad(stage.word()),
    };
    padded.replace(stage.word(), &painted)
}

/// What is known of a server, the shortest first.
fn facts(server: &ServerStatus, at: OffsetDateTime, offset: UtcOffset) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some((_, end)) = server.validity() {
        facts.push(until(end, at, offset));
    } else if let Some(request) = asked(&server.current, offset) {
        facts.push(request);
    }
    if let Some(renewal) = &server.renewal {
        let request = asked(renewal, offset).map(|request| format!(", {request}")).unwrap_or_default();
        facts.push(format!("renewal {}{request}", renewal.stage.word()));
        facts.extend((!renewal.note.is_empty()).then(|| escape_short(&renewal.note, 300)));
    }
    facts.extend((!server.current.note.is_empty()).then(|| escape_short(&server.current.note, 300)));
    facts
}

fn asked(part: &Part, offset: UtcOffset) -> Option<String> {
    let since = part.since?.to_offset(offset);
    let since = format!("{} {:02}:{:02}", since.date(), since.hour(), since.minute());
    Some(match part.request_id {
        Some(id) => format!("request {id}, since {since}"),
        None => format!("sent {since}"),
    })
}

/// What to do, with the servers that it is to be done for; the worst last, next to the prompt.
pub fn todo(status: &Status) -> Vec<(&Next, Vec<&str>)> {
    let mut todo: Vec<(&Next, Vec<&str>)> = Vec::new();
    for server in &status.servers {
        let Some(next) = &server.next else { continue };
        match todo.iter_mut().find(|(known, _)| known.text == next.text) {
            Some((_, servers)) => servers.push(&server.fqdn),
            None => todo.push((next, vec![&server.fqdn])),
        }
    }
    todo
}

/// `ocscert.status/1`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    at: String,
    file: &'a str,
    answer: &'static str,
    summary: Vec<Count>,
    servers: Vec<Server<'a>>,
    nodes: Vec<Node<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Count {
    stage: &'static str,
    servers: usize,
}

#[derive(Serialize)]
struct Server<'a> {
    fqdn: &'a str,
    common_name: &'a str,
    pool: Option<&'a str>,
    stage: &'static str,
    answer: &'static str,
    request_id: Option<u32>,
    requested_at: Option<String>,
    note: &'a str,
    not_before: Option<String>,
    not_after: Option<String>,
    days_left: Option<i64>,
    verdict: Option<&'static str>,
    findings: Vec<json::Finding<'a>>,
    renewal: Option<Renewal<'a>>,
    next: Option<Todo<'a>>,
}

#[derive(Serialize)]
struct Renewal<'a> {
    stage: &'static str,
    request_id: Option<u32>,
    requested_at: Option<String>,
    note: &'a str,
}

#[derive(Serialize)]
struct Todo<'a> {
    text: &'a str,
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct Node<'a> {
    fqdn: &'a str,
    verdict: &'static str,
    not_after: String,
    days_left: i64,
    findings: Vec<json::Finding<'a>>,
}

/// One JSON document.
///
/// # Errors
/// None that could occur: the structs hold nothing that JSON cannot.
pub fn json(status: &Status) -> serde_json::Result<String> {
    let servers = status.servers.iter().map(|server| Server {
        fqdn: &server.fqdn,
        common_name: &server.common_name,
        pool: server.pool.as_deref(),
        stage: server.current.stage.word(),
        answer: answer(server.answer()),
        request_id: server.current.request_id,
        requested_at: server.current.since.map(rfc3339),
        note: &server.current.note,
        not_before: server.validity().map(|(begin, _)| rfc3339(begin)),
        not_after: server.validity().map(|(_, end)| rfc3339(end)),
        days_left: server.days_left(status.at),
        verdict: server.report.as_ref().map(|report| report.verdict.word()),
        findings: server.report.iter().flat_map(|report| &report.findings).map(json::finding).collect(),
        renewal: server.renewal.as_ref().map(|part| Renewal {
            stage: part.stage.word(),
            request_id: part.request_id,
            requested_at: part.since.map(rfc3339),
            note: &part.note,
        }),
        next: server.next.as_ref().map(|next| Todo { text: &next.text, command: next.command.as_deref() }),
    });
    let nodes = status.nodes.iter().map(|node| Node {
        fqdn: &node.fqdn,
        verdict: node.report.verdict.word(),
        not_after: rfc3339(node.report.not_after),
        days_left: crate::findings::status::days_left(node.report.not_after, status.at),
        findings: node.report.findings.iter().map(json::finding).collect(),
    });
    document_text(&Document {
        schema: "ocscert.status/1",
        at: rfc3339(status.at),
        file: &status.file,
        answer: answer(status.answer()),
        summary: status
            .counts()
            .iter()
            .map(|(stage, n)| Count { stage: stage.word(), servers: *n })
            .collect(),
        servers: servers.collect(),
        nodes: nodes.collect(),
        notes: &status.notes,
    })
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::Later => "later",
        Answer::No => "no",
        Answer::CouldNot => "could-not",
    }
}

/// The text format that Prometheus scrapes, version 0.0.4; each line of a server bears its name. Seconds since 1970
/// and not days left: the graph goes on between two runs.
pub fn prometheus(status: &Status) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, help: &str, samples: Vec<(String, i64)>| {
        if !samples.is_empty() {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        }
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let servers = &status.servers;
    let of = |server: &ServerStatus| labels(&[("server", &server.fqdn)]);
    metric(
        "ocscert_certificate_not_after_seconds",
        "Last moment of the certificate in use, seconds since 1970.",
        servers.iter().filter_map(|s| Some((of(s), s.validity()?.1.unix_timestamp()))).collect(),
    );
    metric(
        "ocscert_certificate_accepted",
        "1 where the other side will accept the certificate in use.",
        servers.iter().filter_map(|s| Some((of(s), accepted(s.report.as_ref()?.verdict)))).collect(),
    );
    metric(
        "ocscert_server_stage",
        "1 at the stage that a server is at, 0 at every other.",
        servers.iter().flat_map(|s| stages(&s.fqdn, Some(s.current.stage))).collect(),
    );
    metric(
        "ocscert_renewal_stage",
        "1 at the stage that a server's renewal is at, where one has begun.",
        (servers.iter())
            .filter_map(|s| Some((s, s.renewal.as_ref()?.stage)))
            .flat_map(|(s, stage)| stages(&s.fqdn, Some(stage)))
            .collect(),
    );
    let nodes = &status.nodes;
    metric(
        "ocscert_node_certificate_not_after_seconds",
        "Last moment of an IM and Presence node's certificate, seconds since 1970.",
        nodes.iter().map(|n| (labels(&[("node", &n.fqdn)]), n.report.not_after.unix_timestamp())).collect(),
    );
    metric(
        "ocscert_node_certificate_accepted",
        "1 where OCS will accept the node's certificate.",
        nodes.iter().map(|n| (labels(&[("node", &n.fqdn)]), accepted(n.report.verdict))).collect(),
    );
    metric(
        "ocscert_status_time_seconds",
        "When this was written, seconds since 1970.",
        vec![(String::new(), status.at.unix_timestamp())],
    );
    out
}

fn accepted(verdict: crate::findings::Verdict) -> i64 {
    i64::from(verdict == crate::findings::Verdict::Valid)
}

fn stages(fqdn: &str, at: Option<Stage>) -> impl Iterator<Item = (String, i64)> {
    Stage::ALL.into_iter().map(move |stage| {
        (labels(&[("server", fqdn), ("stage", stage.word())]), i64::from(Some(stage) == at))
    })
}

/// Names are host names and words of ours: nothing in them needs an escape.
fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{{{}}}", pairs.join(","))
}
