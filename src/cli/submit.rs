//! `ocscert submit CSR... --ca-url URL`: a request to a Microsoft CA's web enrollment pages, and the certificate
//! back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use super::args::Overwrite;
use super::logon::Logon;
use super::{Example, Outcome, Session};
use crate::edge::Error;
use crate::edge::certsrv::{self, CaUrl};
use crate::edge::clock::{SystemTimer, Timer as _};
use crate::edge::http;
use crate::edge::inputs::shown;
use crate::edge::journal::{self, Journal};
use crate::findings::codes;
use crate::flow::submit::{self as flow, Backoff, GRACE, Issued, Order, Step, Taken};
use crate::model::request_state::{Key, State};
use crate::render::{Paint, text as report};
use crate::text::{self, escape, shell_word};
use crate::wire::certsrv::{self as wire, TemplateName};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv",
        does: "a standalone CA: pending at first; the same command again fetches the certificate",
    },
    Example {
        line: "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv --template OCSMutualTLS --wait 2h",
        does: "an enterprise CA: ask for a template, and wait until it is issued",
    },
    Example {
        line: "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv --template OCSMutualTLS",
        does: "a hardened CA: after kinit alice@FOO.COM it logs on with that ticket",
    },
    Example {
        line: "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv --user 'FOO\\alice' --password-file pw --ca-cert root.pem",
        does: "the same with a password, and trust this root for TLS",
    },
    Example {
        line: "ocscert submit fe1.foo.com.csr fe2.foo.com.csr --ca-url https://ca.foo.com/certsrv --wait 30m",
        does: "several at once, a line each; run it again at any time",
    },
    Example {
        line: "ocscert submit fe1.foo.com.csr --ca-url https://ca.foo.com/certsrv --dry-run",
        does: "see what would be sent",
    },
];

/// Submit requests to a Microsoft CA and fetch the certificates
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES))]
pub struct Args {
    /// The requests
    #[arg(required = true, value_name = "CSR")]
    csr: Vec<PathBuf>,
    /// The CA's web enrollment pages, as https://ca.foo.com/certsrv
    #[arg(long, value_name = "URL", value_parser = CaUrl::parse)]
    ca_url: CaUrl,
    /// The template to ask for: its name, not its display name (enterprise CAs)
    #[arg(long, value_name = "NAME", value_parser = TemplateName::parse)]
    template: Option<TemplateName>,
    #[command(flatten)]
    logon: Logon,
    /// Wait this long for an administrator to issue it (90s, 30m, 2h)
    #[arg(long, value_name = "DURATION", value_parser = text::parse_duration, default_value = "0s", hide_default_value = true)]
    wait: Duration,
    /// Write the certificate here (default: beside the CSR, ending in .pem)
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the CA certificates here (default: beside the CSR, ending in .chain.pem)
    #[arg(long, value_name = "FILE")]
    chain_out: Option<PathBuf>,
    /// Ask anew, although the request was denied, is pending, or may have arrived
    #[arg(long)]
    resubmit: bool,
    /// Show exactly what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Keep the pages that the CA answers with in this folder, without secrets: for support
    #[arg(long, value_name = "DIR")]
    save_response: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// Submits, resumes, fetches.
///
/// # Errors
/// Arguments that do not fit together; a CSR that cannot be read; as [`flow::submit`].
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    if args.csr.len() > 1 && (args.output.is_some() || args.chain_out.is_some()) {
        let what = "-o and --chain-out name one file, but there are several requests";
        return Err(Error::new(what).hint("leave them out: the files are named after each request").into());
    }
    if [&args.output, &args.chain_out].into_iter().flatten().chain(&args.csr).any(|p| p == Path::new("-")) {
        let what = "submit works on files: what was sent is recorded beside the request";
        return Err(Error::new(what).hint("name a file in place of -").into());
    }
    if args.dry_run {
        let plan = args.logon.plan(&args.ca_url)?;
        let mut worst = Outcome::Yes;
        for csr in &args.csr {
            worst = worst.and(dry_run(args, csr, session)?);
        }
        session.tell(&format!("dry run: nothing was sent or written; it would go {plan}"));
        return Ok(worst);
    }
    let mut ca = args.logon.session(&args.ca_url, session)?;
    if let Some(folder) = &args.save_response {
        ca.save_responses(folder)?;
    }
    let outcome = match args.csr.as_slice() {
        [csr] => one(args, csr, &mut ca, session),
        _ => many(args, &mut ca, session),
    };
    if let Some(trouble) = ca.save_trouble() {
        session.tell(&format!("warning: not all pages were kept: {}", escape(&with_causes(&trouble))));
    }
    outcome
}

/// What would be sent, and nothing else: the CA is not asked, the journal not written.
fn dry_run(args: &Args, csr: &Path, session: &mut Session) -> anyhow::Result<Outcome> {
    let order = order(args, csr, session)?;
    let template = args.template.as_ref();
    let key = Key::new(&order.request, args.ca_url.key(), template.map(TemplateName::as_str));
    let known = journal::look(csr, &key)?.filter(|_| !args.resubmit);
    let source = escape(&order.source);
    let get = |page: String| format!("GET  {}\n", escape(&args.ca_url.page(&page)));
    let mut text = match known.as_ref().map(|entry| (&entry.state, entry.request_id())) {
        Some((State::Fetched { request_id, .. }, _)) => {
            format!("nothing   {source}   request {request_id} was fetched already: nothing is sent\n")
        }
        Some((State::Denied { .. } | State::Revoked { .. }, _)) => {
            format!("nothing   {source}   the CA said no already: nothing is sent without --resubmit\n")
        }
        Some((_, Some(id))) => format!(
            "asks      {source}   what became of request {id}; the request itself is not sent again\n          {}",
            get(wire::certificate_of(id))
        ),
        Some((_, None)) => format!(
            "looks     {source}   it was sent and not answered: looks for it among the CA's requests,\n          \
             and sends it only if it is not there\n          {}",
            get(wire::certificate_of(known.as_ref().map_or(0, |entry| entry.highest_id_before) + 1))
        ),
        None => format!(
            "sends     {source}   once, after these have been answered\n          {}          {}          (a few \
             numbers N: which request is the CA's last)\n",
            get(String::new()),
            get("certnew.cer?ReqID=N&Enc=bin".into()),
        ),
    };
    if known.as_ref().is_none_or(|entry| matches!(entry.state, State::Submitting | State::Unknown)) {
        let body = wire::submission(order.request.der(), template);
        text += &format!(
            "\nPOST {} HTTP/1.1\nUser-Agent: {}\nContent-Type: {}\nContent-Length: {}\n\n{body}\n",
            escape(&args.ca_url.page(wire::SUBMIT)),
            http::USER_AGENT,
            http::FORM,
            body.len(),
        );
    }
    session.say(&text)?;
    Ok(Outcome::Yes)
}

fn order(args: &Args, csr: &Path, session: &mut Session) -> anyhow::Result<Order> {
    let order = Order {
        request: session.inputs.request(csr)?,
        source: shown(csr),
        template: args.template.clone(),
        resubmit: args.resubmit,
        wait: Duration::ZERO,
        certificate: args.output.clone().unwrap_or_else(|| csr.with_extension("pem")),
        chain: args.chain_out.clone().unwrap_or_else(|| csr.with_extension("chain.pem")),
        overwrite: args.overwrite.overwrite,
        taken: Taken::default(),
    };
    if order.certificate == csr || order.chain == csr || order.certificate == order.chain {
        let what = format!("the certificate, its chain and the request {} need three files", shown(csr));
        return Err(Error::new(what).hint("name the outputs with -o FILE and --chain-out FILE").into());
    }
    Ok(order)
}

/// One request, with all that is to say about it.
fn one(args: &Args, csr: &Path, ca: &mut certsrv::Session, session: &mut Session) -> anyhow::Result<Outcome> {
    let order = Order { wait: args.wait, ..order(args, csr, session)? };
    let mut journal = Journal::open(csr, &order.key(ca))?;
    let terminal = session.terminal;
    let mut watch = |step: Step<'_>| {
        match step {
            Step::Trouble(e) => terminal.tell(&format!("still trying: {}", escape(&with_causes(e)))),
            Step::Waiting(pause) if pause >= Duration::from_secs(10) => {
                terminal.tell(&format!("not yet; looking again in {}", text::duration(pause)));
            }
            _ => {}
        }
        Ok(())
    };
    let outcome = flow::submit(&order, ca, &mut journal, &mut SystemTimer, &mut watch)?;
    let shower = Shower { order: &order, host: ca.url().host(), paint: session.paint(), session };
    let (answer, next, outcome) = match outcome {
        flow::Outcome::Issued(issued) => shower.issued(&issued),
        flow::Outcome::Pending { id, since } => shower.pending(id, since),
        flow::Outcome::Denied { id, at, message, hresult, templates } => {
            shower.denied(id, at, &message, hresult, &templates)
        }
        flow::Outcome::Revoked { id, at } => shower.revoked(id, at),
        flow::Outcome::Unknown { since, reason, candidates, too_many } => {
            let journal = shown(&journal::path_of(csr));
            shower.unknown(since, reason.as_ref(), &candidates, too_many, &journal)
        }
    };
    session.say(&answer)?;
    for line in next {
        session.tell(&line);
    }
    Ok(outcome)
}

/// What became of one of many requests.
struct Row<'a> {
    csr: &'a Path,
    line: String,
    outcome: Outcome,
}

/// Many requests: all are sent before any is waited for, one that fails leaves the others their chance, and each
/// ends as a line of a table, the worst last.
fn many(args: &Args, ca: &mut certsrv::Session, session: &mut Session) -> anyhow::Result<Outcome> {
    let mut timer = SystemTimer;
    let mut backoff = Backoff::new(args.wait, &timer);
    let bar = session.terminal.progress(args.csr.len() as u64, "submitting");
    let mut failed = Vec::new();
    let mut rows = Vec::new();
    for csr in &args.csr {
        rows.push(match brief(args, csr, ca, session) {
            Ok(row) => row,
            Err(e) => {
                let line = format!(
                    "{}   {}   {}",
                    session.paint().bad("failed "),
                    shown(csr),
                    escape(&e.to_string())
                );
                failed.push(e);
                Row { csr, line, outcome: Outcome::CouldNot }
            }
        });
        bar.inc(1);
    }
    let open = |rows: &[Row<'_>]| rows.iter().filter(|row| row.outcome == Outcome::Pending).count();
    while open(&rows) > 0
        && let Some(nap) = backoff.next(&timer)
    {
        bar.set_message(format!("waiting for {}", open(&rows)));
        bar.set_position((rows.len() - open(&rows)) as u64);
        timer.sleep(nap);
        for row in rows.iter_mut().filter(|row| row.outcome == Outcome::Pending) {
            // Once the CA has answered, a failed look while waiting is no reason to give up.
            if let Ok(now) = brief(args, row.csr, ca, session) {
                *row = now;
            }
        }
    }
    drop(bar);
    for e in &failed {
        session.report(e);
    }
    rows.sort_by_key(|row| row.outcome);
    let table: String = rows.iter().map(|row| format!("{}\n", row.line)).collect();
    session.say(&table)?;
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    let kinds = [
        (Outcome::Yes, "issued"),
        (Outcome::Pending, "pending or unknown"),
        (Outcome::No, "refused by the CA"),
        (Outcome::CouldNot, "failed"),
    ];
    let counts: Vec<String> = kinds
        .iter()
        .filter(|(outcome, _)| count(*outcome) > 0)
        .map(|(outcome, word)| format!("{} {word}", count(*outcome)))
        .collect();
    session.tell(&format!("{}; the same command with one CSR alone says more of it", counts.join(", ")));
    if count(Outcome::Pending) > 0 {
        session.tell("next: the same command again, or with --wait 2h");
    }
    Ok(rows.last().map_or(Outcome::Yes, |row| row.outcome))
}

/// Takes one of many as far as it gets now.
fn brief<'a>(
    args: &Args,
    csr: &'a Path,
    ca: &mut certsrv::Session,
    session: &mut Session,
) -> anyhow::Result<Row<'a>> {
    let order = order(args, csr, session)?;
    let mut journal = Journal::open(csr, &order.key(ca))?;
    let outcome = flow::submit(&order, ca, &mut journal, &mut SystemTimer, &mut |_| Ok(()))?;
    let shower = Shower { order: &order, host: ca.url().host(), paint: session.paint(), session };
    let (line, outcome) = shower.brief(&outcome, csr);
    Ok(Row { csr, line, outcome })
}

/// Words the answers.
struct Shower<'a> {
    order: &'a Order,
    host: String,
    paint: Paint,
    session: &'a Session,
}

/// The lines on standard output, what to do next, and the exit code.
type Shown = (String, Vec<String>, Outcome);

impl Shower<'_> {
    fn issued(&self, issued: &Issued) -> Shown {
        let certificate = &issued.certificate;
        let clock = self.session.clock;
        let issuer = issued.chain.first().map_or(&certificate.issuer, |issuer| &issuer.subject);
        let mut lines = vec![
            format!("{}   request {} at {}", escape(&self.order.source), issued.id, escape(&self.host)),
            format!(
                "CN={}   {}   from {}",
                escape(certificate.subject.short()),
                report::until(certificate.validity.not_after, clock.now, clock.offset),
                escape(issuer.short())
            ),
        ];
        let (file, chain) = (shown(&self.order.certificate), shown(&self.order.chain));
        let names: Vec<_> = issued.chain.iter().map(|c| escape(c.subject.short())).collect();
        lines.push(file.clone());
        if !names.is_empty() {
            lines.push(format!("{chain} ({})", names.join(" < ")));
        }
        let mut answer = self.answer(&self.paint.good("issued "), &lines);
        if !issued.chain_is_complete() {
            answer += "\nwarning  the CA gave no chain up to a root: fetch what is missing from its administrator\n";
        }
        for finding in &issued.findings {
            answer.push('\n');
            report::finding(&mut answer, finding, self.paint);
        }
        let chain = if names.is_empty() { "CA.pem" } else { &chain };
        let mut next = format!("next: ocscert verify {} --chain {}", shell_word(&file), shell_word(chain));
        let name = certificate.subject.short();
        if certificate.extensions.dns_names().any(|dns| dns.eq_ignore_ascii_case(name)) {
            next += &format!(" --name DNS:{}", shell_word(&escape(name)));
        }
        (answer, vec![next], Outcome::Yes)
    }

    fn pending(&self, id: u32, since: OffsetDateTime) -> Shown {
        let lines = [
            format!(
                "{}   request {id} at {}, since {}",
                escape(&self.order.source),
                escape(&self.host),
                self.time(since)
            ),
            "a CA administrator has to issue it:".to_string(),
            format!("Certification Authority > Pending Requests > {id} > Issue"),
        ];
        let next = "next: the same command again, or with --wait 2h".to_string();
        (self.answer(&self.paint.warn("pending"), &lines), vec![next], Outcome::Pending)
    }

    fn denied(
        &self,
        id: Option<u32>,
        at: OffsetDateTime,
        message: &str,
        hresult: Option<u32>,
        templates: &[String],
    ) -> Shown {
        let source = escape(&self.order.source);
        let request = id.map_or_else(|| "by".to_string(), |id| format!("request {id} at"));
        let mut lines = vec![format!("{source}   {request} {}, {}", escape(&self.host), self.time(at))];
        if !message.is_empty() {
            lines.push(format!("the CA says: \"{}\"", text::escape_short(message, 400)));
        }
        let known = hresult.and_then(codes::hresult);
        match (known, hresult) {
            (Some(code), _) => lines.extend([format!("{} {}", code, code.name), code.meaning.to_string()]),
            (None, Some(code)) => lines.push(format!("0x{code:08x}")),
            (None, None) => {}
        }
        let mut next = Vec::new();
        match known {
            Some(code) => next.push(format!("fix: {}", code.remedy)),
            None => next.push("fix: ask the administrator of the CA for the reason".to_string()),
        }
        if let Some(name) = self.order.template.as_ref().and_then(|t| closest(t.as_str(), templates)) {
            next.push(format!("did you mean --template {}?", shell_word(&escape(name))));
        } else if !templates.is_empty() {
            let list: Vec<_> = templates.iter().take(20).map(|t| escape(t)).collect();
            next.push(format!("the CA lists: {}", list.join(", ")));
        }
        next.push("then: the same command with --resubmit, or with another --template".to_string());
        (self.answer(&self.paint.bad("denied "), &lines), next, Outcome::No)
    }

    fn revoked(&self, id: u32, at: OffsetDateTime) -> Shown {
        let (source, host) = (escape(&self.order.source), escape(&self.host));
        let lines = [
            format!("{source}   request {id} at {host}, {}", self.time(at)),
            "the CA issued it and took it back".to_string(),
        ];
        let next =
            "next: ask the CA's administrator why; then make a new key with ocscert csr, or --resubmit";
        (self.answer(&self.paint.bad("revoked"), &lines), vec![next.to_string()], Outcome::No)
    }

    /// One line, for a table.
    fn brief(&self, outcome: &flow::Outcome, csr: &Path) -> (String, Outcome) {
        let (verdict, about, outcome) = match outcome {
            flow::Outcome::Issued(issued) => {
                let clock = self.session.clock;
                let until = report::until(issued.certificate.validity.not_after, clock.now, clock.offset);
                let codes: Vec<_> = issued.findings.iter().map(|finding| finding.rule.code).collect();
                let mut about =
                    format!("request {}   {until}   {}", issued.id, shown(&self.order.certificate));
                if !codes.is_empty() {
                    about += &format!("   not as asked: {}", codes.join(", "));
                }
                if !issued.chain_is_complete() {
                    about += "   no chain up to a root";
                }
                (self.paint.good("issued "), about, Outcome::Yes)
            }
            flow::Outcome::Pending { id, since } => {
                let about = format!("request {id}, since {}", self.time(*since));
                (self.paint.warn("pending"), about, Outcome::Pending)
            }
            flow::Outcome::Denied { id, message, hresult, .. } => {
                let id = id.map_or_else(String::new, |id| format!("request {id}   "));
                let why = match (hresult.and_then(codes::hresult), hresult) {
                    (Some(code), _) => format!("{code} {}", code.name),
                    (None, Some(code)) => format!("0x{code:08x}"),
                    (None, None) => text::escape_short(message, 60),
                };
                (self.paint.bad("denied "), id + &why, Outcome::No)
            }
            flow::Outcome::Revoked { id, .. } => {
                (self.paint.bad("revoked"), format!("request {id}"), Outcome::No)
            }
            flow::Outcome::Unknown { since, .. } => {
                let journal = shown(&journal::path_of(csr));
                let about =
                    format!("sent at {}, no answer that tells; recorded in {journal}", self.time(*since));
                (self.paint.warn("unknown"), about, Outcome::Pending)
            }
        };
        (format!("{verdict}   {}   {about}", escape(&self.order.source)), outcome)
    }

    fn unknown(
        &self,
        since: OffsetDateTime,
        reason: Option<&Error>,
        candidates: &[u32],
        too_many: bool,
        journal: &str,
    ) -> Shown {
        let mut lines = vec![
            format!(
                "{}   sent to {} at {}",
                escape(&self.order.source),
                escape(&self.host),
                self.time(since)
            ),
            "no answer that tells: the CA may have it".to_string(),
        ];
        lines.extend(reason.map(|reason| escape(&with_causes(reason)).into_owned()));
        let mut next = Vec::new();
        if !candidates.is_empty() {
            let ids: Vec<String> = candidates.iter().take(20).map(u32::to_string).collect();
            let more = if candidates.len() > ids.len() { ", .." } else { "" };
            lines.push(format!(
                "pending there since then, so one of them may be it: {}{more}",
                ids.join(", ")
            ));
            let name = escape(self.order.request.subject.short());
            next.push(format!(
                "next: have the CA's administrator issue the one for {name}; then run this again"
            ));
        } else if too_many {
            lines.push("the CA got too many requests since then to look at each".to_string());
            next.push("next: ask the CA's administrator whether it is there; if not, --resubmit".to_string());
        } else {
            let again = self.time(since + GRACE + Duration::from_secs(1));
            next.push(format!(
                "next: the same command again, after {again}: it finds out before it sends anything"
            ));
        }
        next.push(format!("recorded in {journal}"));
        (self.answer(&self.paint.warn("unknown"), &lines), next, Outcome::Pending)
    }

    /// The verdict (seven characters wide), then the lines beside it.
    fn answer(&self, verdict: &str, lines: &[String]) -> String {
        format!("{verdict}   {}\n", lines.join("\n          "))
    }

    /// The local time; with its date where that is not today's.
    fn time(&self, at: OffsetDateTime) -> String {
        let clock = self.session.clock;
        let (at, now) = (at.to_offset(clock.offset), clock.now.to_offset(clock.offset));
        let long = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let short = format_description!("[hour]:[minute]:[second]");
        let shown = if at.date() == now.date() { at.format(short) } else { at.format(long) };
        shown.unwrap_or_else(|_| at.to_string())
    }
}

fn with_causes(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The template that was probably meant: the same letters, without regard to case and spaces, or nearly so.
fn closest<'a>(typed: &str, templates: &'a [String]) -> Option<&'a String> {
    let plain = |name: &str| name.to_lowercase().replace([' ', '-', '_'], "");
    let typed = plain(typed);
    let far = |template: &&String| text::edits(&typed, &plain(template));
    let bound = (typed.chars().count() / 4).clamp(1, 3);
    templates.iter().min_by_key(far).filter(|template| far(template) <= bound)
}
