//! The verdict on a live server: facts that a probe noted, judged without asking it again.

use time::{Duration, OffsetDateTime};

mod rules;

pub use rules::*;

use super::{Question, trust};
use crate::findings::codes::{ALERTS, Code};
use crate::findings::{CaList, CertificateReport, Finding, ProbeReport, Reach, Rule, Severity, Verdict};
use crate::model::{Certificate, Name};
use crate::text::{count, escape_short, shell_word};
use crate::wire::sip::{Message, Start};
use crate::wire::tls::message::CertificateRequest;
use crate::wire::tls::{Alert, Version};
use crate::wire::transcript::{ConnectEnd, Ending, Facts, Handshake, Point, Sip, Transport};

/// What a probe's facts are held against.
#[derive(Debug)]
pub struct Ours<'a> {
    /// The names of the CAs above our certificate, lowest first; without a certificate the roots that were given.
    pub issuers: &'a [Name],
    /// True where the last of them is a root: without it nobody can say that a list lacks it.
    pub whole: bool,
}

/// Judges what was seen of one host; `chain` is the verdict on what it presented.
pub fn judge(
    facts: &Facts,
    ours: &Ours<'_>,
    question: &Question,
    chain: Option<CertificateReport>,
) -> ProbeReport {
    let skew = skew(facts);
    let ca_list = facts.request().map(|request| ca_list(facts, request, ours));
    let view = View { facts, ca_list: ca_list.as_ref(), skew, subject: facts.target.to_string() };
    let mut findings: Vec<Finding> = match facts.target.transport {
        Transport::Tls => JUDGES.iter().flat_map(|judge| judge(&view)).collect(),
        Transport::Tcp => [reaching(&view), plain(&view)].into_iter().flatten().collect(),
    };
    for finding in &mut findings {
        finding.severity = question.profile.severity(finding.rule, finding.severity);
    }
    let verdict = verdict(facts, &findings, chain.as_ref());
    findings.extend(chain.iter().flat_map(|c| c.findings.iter().cloned()).map(of_a_server));
    findings.sort_by_key(|f| f.severity);
    ProbeReport {
        facts: facts.clone(),
        verdict,
        presented: facts.chain().iter().map(|der| presented(der)).collect(),
        chain,
        ca_list,
        skew,
        likely: likely(facts),
        findings,
    }
}

/// Where a file lacks the issuer one adds it there; a server must be made to send it.
fn of_a_server(finding: Finding) -> Finding {
    match finding.rule == &trust::ISSUER_MISSING {
        true => finding.fix(
            "install the issuer's certificate at the server, among the Intermediate Certification Authorities, so \
             that it is sent; or import it at the side that judges, one cup-trust upload a file",
        ),
        false => finding,
    }
}

fn verdict(facts: &Facts, findings: &[Finding], chain: Option<&CertificateReport>) -> Reach {
    let of = |finding: &Finding| {
        let counts = finding.severity == Severity::Error || finding.rule == &NOT_AUTHORIZED;
        REACH.iter().find(|(rule, _)| counts && *rule == finding.rule).map(|(_, reach)| *reach)
    };
    let chain = match chain.map(|c| c.verdict) {
        Some(Verdict::Invalid) => Reach::Invalid,
        Some(Verdict::Incomplete) => Reach::Incomplete,
        Some(Verdict::Valid) => Reach::Accepted,
        // Nobody can say that a chain is good when nothing is trusted.
        None if facts.target.transport == Transport::Tls => Reach::Incomplete,
        None => Reach::Accepted,
    };
    let asked = match facts.target.transport {
        Transport::Tls if facts.ours.is_none() => Reach::Incomplete,
        _ => Reach::Accepted,
    };
    findings.iter().filter_map(of).fold(chain.max(asked), Reach::max)
}

/// What the judges look at.
struct View<'a> {
    facts: &'a Facts,
    ca_list: Option<&'a CaList>,
    skew: Option<i64>,
    subject: String,
}

impl View<'_> {
    fn finding(&self, rule: &'static Rule) -> Finding {
        rule.finding(self.subject.clone())
    }
}

type Judge = fn(&View<'_>) -> Vec<Finding>;

/// In the order in which a connection goes; each is silent where the one before ended it.
const JUDGES: &[Judge] =
    &[reaching, hello, versions, clock, listener, mutual, ca_names, handshake, optional, sip];

fn reaching(view: &View<'_>) -> Vec<Finding> {
    let facts = view.facts;
    let mut findings: Vec<Finding> = name(view).into_iter().collect();
    if facts.address.is_some() || facts.connects.is_empty() {
        return findings;
    }
    let closed = facts.connects.iter().any(|c| c.end == ConnectEnd::Closed);
    let rule = if closed { &PORT_CLOSED } else { &NO_CONNECTION };
    let finding = facts.connects.iter().fold(view.finding(rule), |finding, connect| {
        let observed = match &connect.end {
            ConnectEnd::Open => "open".to_string(),
            ConnectEnd::Closed => "closed".to_string(),
            ConnectEnd::Silent => format!("no answer within {}", seconds(connect.took_ms)),
            ConnectEnd::Unreachable(why) => why.clone(),
        };
        finding.observed(connect.address.to_string(), observed)
    });
    findings.push(match facts.target.transport {
        Transport::Tcp if closed => finding.fix(
            "enable port 5060 with transport TCP (guide step P1), and start the front-end service (guide step P4) or \
             the SIP proxy",
        ),
        _ => finding,
    });
    findings
}

/// What the name stands for, and what it should stand for.
fn name(view: &View<'_>) -> Option<Finding> {
    let wanted = view.facts.target.address;
    match (&view.facts.addresses, wanted) {
        (Err(why), None) => Some(view.finding(&NAME_NOT_RESOLVED).observed("resolver", why.clone())),
        (Err(why), Some(address)) => {
            let finding = view.finding(&NAME_NOT_RESOLVED).expected(address.to_string(), why.clone());
            // It was asked by that address all the same.
            Some(finding.severity(Severity::Warning))
        }
        (Ok(found), Some(address)) if !found.contains(&address) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Some(view.finding(&OTHER_ADDRESS).expected(address.to_string(), found.join(", ")))
        }
        (Ok(_), _) => None,
    }
}

/// The first hello decides whether there is TLS at all.
fn hello(view: &View<'_>) -> Vec<Finding> {
    let Some(first) = view.facts.hellos.first() else { return Vec::new() };
    if !view.facts.versions().is_empty() && first.end == Ending::Whole {
        return Vec::new();
    }
    // A server of TLS 1.3 alone refuses the first hello and takes another.
    if !view.facts.versions().is_empty() && matches!(first.end, Ending::Alert(_)) {
        return Vec::new();
    }
    let at = "answer to our hello";
    let plain = view.facts.sip.as_ref().and_then(|sip| sip.head.as_deref());
    let finding = match (&first.end, plain) {
        (Ending::Silent, Some(head)) => view
            .finding(&NOT_TLS)
            .observed("answer to SIP in clear", first_line(head))
            .likely("the port is for plain TCP")
            .command(format!("ocscert probe {} --tcp", shell_word(&view.subject))),
        (Ending::Silent, None) => view
            .finding(&TLS_SILENCE)
            .observed(at, format!("none within {}", seconds(first.at_ms)))
            .likely("perhaps a port for plain TCP")
            .command(format!("ocscert probe {}:5060 --tcp", shell_word(&view.facts.target.host))),
        (Ending::Alien(bytes), _) => view.finding(&NOT_TLS).observed(at, printable(bytes)),
        (Ending::Stalled, _) => view
            .finding(&HANDSHAKE_STALLED)
            .observed(at, format!("not whole within {}", seconds(first.at_ms))),
        (Ending::Malformed(what), _) => view.finding(&HANDSHAKE_MALFORMED).observed(at, what.clone()),
        (Ending::OurOwn(what), _) => view.finding(&OUR_SIDE).observed(at, what.clone()),
        (end, _) => view.finding(&HELLO_REFUSED).observed(at, told(end)),
    };
    vec![finding]
}

fn versions(view: &View<'_>) -> Vec<Finding> {
    let highest = view.facts.versions().into_iter().max();
    match highest.filter(|v| *v < Version::TLS12) {
        Some(highest) => vec![view.finding(&OLD_VERSIONS).expected("TLS 1.2", format!("TLS {highest}"))],
        None => Vec::new(),
    }
}

/// Clocks that differ by less are as good as equal: CAs backdate by ten minutes.
const SKEW: i64 = 300;

fn clock(view: &View<'_>) -> Vec<Finding> {
    let Some(skew) = view.skew.filter(|skew| skew.abs() > SKEW) else { return Vec::new() };
    let difference = crate::text::duration(std::time::Duration::from_secs(skew.unsigned_abs()));
    let way = if skew > 0 { "ahead of" } else { "behind" };
    vec![view.finding(&CLOCK_SKEW).observed("its hello", format!("{difference} {way} our clock"))]
}

/// Seconds that the server's clock is ahead. Newer servers have random bytes in place of the time: it is a clock
/// only where two hellos agree on it.
fn skew(facts: &Facts) -> Option<i64> {
    let ahead: Vec<i64> = facts
        .hellos
        .iter()
        .filter_map(|hello| {
            let ours = facts.at + Duration::milliseconds(i64::try_from(hello.at_ms).ok()?);
            let theirs = OffsetDateTime::from_unix_timestamp(i64::from(hello.flight.time?)).ok()?;
            // It tells whole seconds: half a second is lost on average.
            Some((theirs + Duration::milliseconds(500) - ours).whole_seconds())
        })
        .collect();
    let agree = |(i, one): (usize, &i64)| ahead[i + 1..].iter().any(|other| (one - other).abs() <= 3);
    let at = ahead.iter().enumerate().position(agree)?;
    Some(ahead[at])
}

fn listener(view: &View<'_>) -> Vec<Finding> {
    let Some(other) = view.facts.other.as_ref().filter(|other| other.open) else { return Vec::new() };
    let hello = other.hello.as_ref().filter(|hello| hello.flight.request.is_some());
    let Some(hello) = hello else { return Vec::new() };
    let version = hello.flight.version.map(|v| v.to_string()).unwrap_or_default();
    let observed = format!("TLS {version}, asks for a client certificate");
    vec![view.finding(&LISTENER_ELSEWHERE).observed(format!("port {}", other.port), observed)]
}

fn mutual(view: &View<'_>) -> Vec<Finding> {
    let facts = view.facts;
    // Where nothing came to its end nobody knows what would have been asked.
    let read = facts.hellos.iter().any(|h| h.end == Ending::Whole && !h.flight.chain.is_empty())
        || facts.handshakes().any(|h| h.point == Point::Finished);
    if facts.request().is_some() || !read {
        return Vec::new();
    }
    vec![view.finding(&NOT_MUTUAL).expected("a request for our certificate", "none")]
}

fn ca_names(view: &View<'_>) -> Vec<Finding> {
    let Some(list) = view.ca_list.filter(|list| list.names > 0) else { return Vec::new() };
    let accepted = view.facts.ours.as_ref().is_some_and(|h| h.end == Ending::Whole && h.sip.is_some());
    let observed = format!("{}, {}", count(list.names, "CA name"), size(list.bytes));
    let missing = !list.wanted.is_empty() && list.ours.is_none();
    let finding = match (missing, list.near_limit) {
        (true, true) => view.finding(&CA_LIST_CUT).expected(list.wanted.join(" or "), observed),
        (true, false) => view.finding(&ROOT_NOT_LISTED).expected(list.wanted.join(" or "), observed),
        (false, true) => {
            view.finding(&CA_LIST_CUT).observed("its list", observed).severity(Severity::Warning)
        }
        (false, false) => return Vec::new(),
    };
    // It took our certificate all the same: some clients would not have sent theirs.
    vec![if accepted { finding.severity(Severity::Warning) } else { finding }]
}

/// Schannel's limits, for Server 2003 and for all later ones.
const LIMITS: [usize; 2] = [12 * 1024, 16 * 1024];
/// A list that is cut off ends less than one name before the limit.
const ONE_NAME: usize = 512;

fn ca_list(facts: &Facts, request: &CertificateRequest, ours: &Ours<'_>) -> CaList {
    let old = facts.versions().into_iter().max() <= Some(Version::TLS10);
    let near = |limit: usize| (limit - ONE_NAME..=limit).contains(&request.list_bytes);
    let names: Vec<Name> = request.authorities.iter().filter_map(|der| Name::from_der(der).ok()).collect();
    let named = ours.issuers.iter().find(|issuer| names.contains(issuer));
    CaList {
        names: request.authorities.len(),
        bytes: request.list_bytes,
        near_limit: near(LIMITS[1]) || (old && near(LIMITS[0])),
        ours: named.map(|name| name.short().to_string()),
        wanted: ours.issuers.iter().filter(|_| ours.whole).map(|name| name.short().to_string()).collect(),
    }
}

fn handshake(view: &View<'_>) -> Vec<Finding> {
    let facts = view.facts;
    if facts.versions().is_empty() {
        return Vec::new();
    }
    let ended = |h: &&Handshake| h.end != Ending::Whole;
    let ours = facts.ours.as_ref().filter(ended);
    // Without a certificate of ours a refusal is what mutual TLS is for.
    let bare =
        facts.bare.as_ref().filter(ended).filter(|h| facts.ours.is_none() && h.point < Point::Certificate);
    let Some(failed) = ours.or(bare) else { return Vec::new() };
    let at = match failed.point {
        Point::Hello | Point::Server => "before our certificate",
        Point::Certificate => "after our certificate",
        Point::Finished => "after the handshake",
    };
    let seen = failed.sent && failed.point >= Point::Certificate;
    let finding = match (&failed.end, seen) {
        (Ending::Alert(alert), true) => {
            let finding = view.finding(&CERTIFICATE_REFUSED).observed(at, told(&failed.end));
            match alert_code(*alert) {
                Some(code) => finding
                    .likely(code.meaning)
                    .fix(code.remedy)
                    .command(format!("ocscert explain alert {}", alert.code)),
                None => finding,
            }
        }
        (Ending::Closed | Ending::Reset, true) => {
            view.finding(&CLOSED_AFTER_CERTIFICATE).observed(at, told(&failed.end))
        }
        // It was asked for, and no signature of its key is one the server takes.
        (Ending::Alert(_) | Ending::Closed | Ending::Reset, false) if failed.point >= Point::Certificate => {
            view.finding(&OUR_SIDE).observed(at, "our certificate does not fit what the server asks for")
        }
        (Ending::Alert(_) | Ending::Closed | Ending::Reset, false) => {
            view.finding(&HELLO_REFUSED).observed(at, told(&failed.end))
        }
        (Ending::Silent | Ending::Stalled, _) => {
            view.finding(&HANDSHAKE_STALLED).observed(at, told(&failed.end))
        }
        (Ending::OurOwn(what), _) => view.finding(&OUR_SIDE).observed(at, what.clone()),
        (end, _) => view.finding(&HANDSHAKE_MALFORMED).observed(at, told(end)),
    };
    vec![finding]
}

fn optional(view: &View<'_>) -> Vec<Finding> {
    let passed = |h: &&Handshake| h.request.is_some() && h.point == Point::Finished && h.end == Ending::Whole;
    match view.facts.bare.as_ref().filter(passed) {
        Some(_) => {
            vec![view.finding(&CERTIFICATE_OPTIONAL).observed("without a certificate", "handshake finished")]
        }
        None => Vec::new(),
    }
}

fn sip(view: &View<'_>) -> Vec<Finding> {
    match view.facts.handshakes().find_map(|h| h.sip.as_ref()) {
        Some(sip) => answer(view, sip),
        None => Vec::new(),
    }
}

fn plain(view: &View<'_>) -> Vec<Finding> {
    view.facts.sip.as_ref().map_or_else(Vec::new, |sip| answer(view, sip))
}

fn answer(view: &View<'_>, sip: &Sip) -> Vec<Finding> {
    let at = "answer to OPTIONS";
    let head = match (&sip.end, &sip.head) {
        (_, Some(head)) => head,
        (Ending::Silent | Ending::Stalled, _) => {
            let observed = format!("none within {}", seconds(sip.took_ms));
            return vec![view.finding(&SIP_SILENCE).observed(at, observed)];
        }
        (Ending::Alien(bytes), _) => return vec![view.finding(&NOT_SIP).observed(at, printable(bytes))],
        (Ending::Malformed(what), _) => return vec![view.finding(&NOT_SIP).observed(at, what.clone())],
        (Ending::OurOwn(what), _) => return vec![view.finding(&OUR_SIDE).observed(at, what.clone())],
        (end, _) => return vec![view.finding(&SIP_CLOSED).observed(at, told(end))],
    };
    let Ok(message) = Message::parse_head(head) else {
        return vec![view.finding(&NOT_SIP).observed(at, first_line(head))];
    };
    let status = match message.start {
        Start::Answer(status, _) => status,
        Start::Request(_) => 0,
    };
    let Some(rule) = rule_of(status) else { return Vec::new() };
    let mut finding = view.finding(rule).observed(at, first_line(head));
    for name in TELLING {
        if let Some(value) = message.header(name) {
            finding = finding.observed(*name, escape_short(value, 200));
        }
    }
    let realm = message.header("WWW-Authenticate").unwrap_or_default();
    if realm.contains("SIP Communications Service") {
        finding =
            finding.likely("the entry in host authorization lacks Treat As Authenticated (guide step P3)");
    }
    let server = message.header("Server").unwrap_or_default();
    if status == 504 && server.starts_with("RTC/") && message.header("ms-diagnostics").is_none() {
        finding = finding
            .likely("the certificate's name is not the one it expects, or an Edge finds no SRV record");
    }
    vec![finding]
}

/// Headers that say why.
const TELLING: &[&str] = &["Server", "ms-diagnostics", "Reason", "Warning", "WWW-Authenticate"];

/// What a status means; none: accepted.
fn rule_of(status: u16) -> Option<&'static Rule> {
    match status {
        200..=299 => None,
        401 | 403 | 407 => Some(&NOT_AUTHORIZED),
        504 => Some(&SIP_NAME),
        // 501: OPTIONS itself is not supported, and that is an answer.
        300..=499 | 501 | 505 => Some(&OTHER_STATUS),
        _ => Some(&SIP_REFUSED),
    }
}

/// What Windows of which age it is, as far as one can guess from versions, suite and SIP's Server header.
fn likely(facts: &Facts) -> Option<&'static str> {
    let highest = facts.versions().into_iter().max()?;
    let suite = facts.hellos.iter().find_map(|h| h.flight.suite).map(|s| s.0);
    match (highest, suite) {
        (Version::TLS10, Some(0x000a)) => Some("Windows Server 2003 with FIPS policy, probably"),
        (Version::TLS10, Some(0x0004 | 0x0005)) => Some("Windows Server 2003, probably"),
        _ => None,
    }
}

fn alert_code(alert: Alert) -> Option<&'static Code> {
    ALERTS.iter().find(|code| code.number == u32::from(alert.code))
}

/// How an exchange ended, for a person.
pub fn told(end: &Ending) -> String {
    match end {
        Ending::Whole => "whole".into(),
        Ending::Alert(alert) => match alert_code(*alert) {
            Some(code) => format!("{code} {}", code.name),
            None => format!("alert {}", alert.code),
        },
        Ending::Closed => "closed without an alert".into(),
        Ending::Reset => "connection reset".into(),
        Ending::Silent => "no answer".into(),
        Ending::Stalled => "not finished in time".into(),
        Ending::Alien(bytes) => printable(bytes),
        Ending::Malformed(what) | Ending::OurOwn(what) => what.clone(),
    }
}

fn printable(bytes: &[u8]) -> String {
    let text = bytes.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    match text {
        true => format!("\"{}\"", String::from_utf8_lossy(bytes).trim()),
        false => format!("bytes {}", crate::text::hex_colon(&bytes[..bytes.len().min(16)])),
    }
}

fn first_line(head: &str) -> String {
    head.lines().next().unwrap_or_default().to_string()
}

fn seconds(ms: u64) -> String {
    crate::text::duration(std::time::Duration::from_millis(ms))
}

/// Bytes as people say them.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => count(bytes, "byte"),
        _ => format!("{:.1} KiB", bytes as f64 / 1024.0),
    }
}

fn presented(der: &[u8]) -> String {
    match Certificate::from_der(der.to_vec()) {
        Ok(certificate) => certificate.subject.short().to_string(),
        Err(_) => "(not readable)".into(),
    }
}
