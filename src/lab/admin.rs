//! The administrator's page (`/lab/`): the requests, and the buttons that decide them. It works without scripts;
//! a page from elsewhere cannot press the buttons.

use minijinja::{Value, context};
use time::{OffsetDateTime, UtcOffset};

use super::authority::Level;
use super::ca::{Ca, read_request};
use super::html;
use super::http::{Request, Response};
use super::policy::Mode;
use super::requests::{Decided, Record, State};
use crate::model::{self, GeneralName, Oid};

/// The page and what it needs to know.
pub(super) struct Admin<'a> {
    pub(super) ca: &'a Ca,
    /// What a form must carry to be obeyed.
    pub(super) token: &'a str,
    /// Where the lab is: `http://127.0.0.1:8080`.
    pub(super) address: &'a str,
    /// The zone for showing times in.
    pub(super) offset: UtcOffset,
}

impl Admin<'_> {
    /// Answers what is asked of `/lab`; nothing where the address is another's.
    pub(super) fn answer(&self, request: &Request, who: &str, now: OffsetDateTime) -> Option<Response> {
        if request.path == "/lab" {
            return Some(Response::redirect(301, "/lab/"));
        }
        let page = request.path.strip_prefix("/lab/")?;
        if !self.is_addressed(request) {
            return Some(Response::problem(403, "403 - this page answers to the lab's own address only"));
        }
        Some(match (request.method.as_str(), page) {
            ("GET" | "HEAD", "") => self.page(200, None),
            ("POST", act) if ACTS.contains(&act) => {
                if !self.is_own_form(request) {
                    return Some(Response::problem(
                        403,
                        "403 - the form is not from this page: load /lab/ again",
                    ));
                }
                self.act(act, request, who, now)
            }
            _ => return None,
        })
    }

    fn act(&self, act: &str, request: &Request, who: &str, now: OffsetDateTime) -> Response {
        let form = request.form();
        let Some(id) = form.get("id").and_then(|id| id.parse::<u32>().ok()) else {
            return Response::problem(400, "400 - the form names no request");
        };
        let done = match act {
            "issue" => self.ca.issue(id, who, now).map(drop),
            "deny" => self.ca.deny(id, who, now),
            _ => self.ca.revoke(id, who, now),
        };
        match done {
            Ok(()) => Response::redirect(303, &format!("/lab/#r{id}")),
            // Pressed twice, or in two windows: the page says how it stands.
            Err(e) => {
                let causes = std::iter::successors(std::error::Error::source(&e), |e| e.source());
                let text = causes.fold(e.to_string(), |text, cause| format!("{text}: {cause}"));
                self.page(409, Some(&text))
            }
        }
    }

    fn page(&self, status: u16, note: Option<&str>) -> Response {
        let records = self.ca.requests();
        let rows = |pending: bool| {
            let chosen = records.iter().rev().filter(|r| (r.state == State::Pending) == pending);
            chosen.map(|record| self.row(record)).collect::<Vec<_>>()
        };
        let (waiting, decided) = (rows(true), rows(false));
        let kind = match self.ca.mode() {
            Mode::Standalone => "Standalone CA: a request waits until somebody issues it here.",
            Mode::Enterprise => "Enterprise CA: what a template allows is issued at once.",
        };
        let context = context! {
            ca => self.ca.name(), kind, note, token => self.token,
            url => format!("{}/certsrv", self.address),
            requests => !records.is_empty(),
            waiting => waiting.len(),
            root_path => Level::Root.certificate_path(),
            crl_path => Level::Issuing.crl_path(),
            groups => [
                context! { title => "Waiting for you", requests => waiting },
                context! { title => "Decided", requests => decided },
            ],
        };
        match html::render("admin.html", context) {
            Ok(text) => Response::new(status, "text/html; charset=utf-8", text)
                .with("Content-Security-Policy", POLICY)
                .with("X-Content-Type-Options", "nosniff")
                .with("Cache-Control", "no-store"),
            Err(e) => Response::problem(500, &e),
        }
    }

    fn row(&self, record: &Record) -> Value {
        let request = read_request(&record.sent);
        let mut facts = Vec::new();
        let mut fact = |label: &str, text: String| {
            if !text.is_empty() {
                facts.push(context! { label, text });
            }
        };
        if let Some(request) = &request {
            fact("Subject", request.subject.to_string());
            fact("Names", list(request.extensions.alt_names().iter().map(GeneralName::to_string)));
            fact("Key", request.public_key.algorithm.to_string());
            let purposes = request.extensions.extended_key_usage.as_ref().map(|e| e.value.as_slice());
            fact("Asks for", list(purposes.unwrap_or_default().iter().map(purpose)));
        }
        fact("Template", record.template.clone().unwrap_or_default());
        fact("Sent by", record.requester.clone());
        let (state, verdict, decided) = match &record.state {
            State::Pending => ("pending", "pending", None),
            State::Issued { decided, .. } => ("issued", "issued", Some(decided)),
            State::Denied { decided, message, .. } => {
                fact("Reason", message.trim().to_string());
                ("denied", "denied", Some(decided))
            }
            State::Revoked { decided, .. } => ("revoked", "revoked", Some(decided)),
        };
        if let Some(Decided { by, at }) = decided {
            fact("Decided", format!("by {by}, {}", self.moment(*at)));
        }
        let act = |does: &str, label: &str, class: &str| context! { does, label, class };
        let acts = match &record.state {
            State::Pending => vec![act("issue", "Issue", "go"), act("deny", "Deny", "stop")],
            State::Issued { .. } => vec![act("revoke", "Revoke", "stop")],
            _ => Vec::new(),
        };
        let name = request.as_deref().map_or("what was sent is no request".into(), title);
        context! { id => record.id, name, state, verdict, when => self.moment(record.received), facts, acts }
    }

    fn moment(&self, at: OffsetDateTime) -> String {
        let at = at.to_offset(self.offset);
        let (minutes, sign) =
            (self.offset.whole_minutes().abs(), if self.offset.is_negative() { '-' } else { '+' });
        let zone = match minutes {
            0 => "UTC".to_string(),
            _ => format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        };
        format!("{} {:02}:{:02} {zone}", at.date(), at.hour(), at.minute())
    }

    /// A page elsewhere may have a name that leads to this machine (DNS rebinding): only the lab's own names count.
    fn is_addressed(&self, request: &Request) -> bool {
        let host = request.header("host").unwrap_or_default();
        let own = self.address.split_once("://").map_or("", |(_, host)| host);
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        host == own || matches!(name, "localhost" | "127.0.0.1" | "[::1]")
    }

    /// The token is what counts; where the browser says that another site sent the form, that is heard, too.
    fn is_own_form(&self, request: &Request) -> bool {
        let form = request.form();
        let token = form.get("token").unwrap_or_default();
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(token.as_bytes(), self.token.as_bytes());
        let site = request.header("sec-fetch-site").unwrap_or("same-origin");
        same.is_ok() && matches!(site, "same-origin" | "none")
    }
}

const ACTS: [&str; 3] = ["issue", "deny", "revoke"];

/// The page needs its own style and its own forms, nothing else from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Whom a request is for. The requests of a pool's front ends have one common name, so the names that differ stand
/// beside it.
fn title(request: &model::Request) -> String {
    let name = request.subject.short();
    let others = request.extensions.dns_names().filter(|other| !other.eq_ignore_ascii_case(name));
    let others: Vec<&str> = others.take(2).collect();
    if others.is_empty() { name.to_string() } else { format!("{name} ({})", others.join(", ")) }
}

fn purpose(oid: &Oid) -> String {
    oid.name().map_or_else(|| oid.to_string(), str::to_string)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
