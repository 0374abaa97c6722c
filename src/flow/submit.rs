//! A request's way to a CA and the certificate's way back, so that nothing is lost and nothing is asked twice:
//! every step is in the journal before the next one is taken, a submission without an answer is looked for
//! before it is ever repeated, and only a certificate with the request's own key is taken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use crate::checks::request::compare;
use crate::edge::certsrv::{Effort, Session};
use crate::edge::clock::Timer;
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::edge::journal::Journal;
use crate::edge::{Error, Result};
use crate::findings::Finding;
use crate::make::chain::order_from;
use crate::model::container::{label, pem};
use crate::model::request_state::{Entry, Key, State};
use crate::model::{self, Certificate, Request, Sourced};
use crate::path::signature::{SignatureFault, verify_request};
use crate::text;
use crate::wire::certsrv::{NO_SUCH_REQUEST, Retrieval, Status, Submission, TemplateName};

/// A submission that is not at the CA this long after it was sent never arrived.
pub const GRACE: Duration = Duration::from_secs(30);
/// Requests that are looked at when a submission is searched; with more of them it stays unknown.
const MAX_SCAN: u32 = 500;
/// Ids without a request, one after the other, that end the search: gaps are normal.
const MAX_GAP: u32 = 16;
/// The first pause between two looks at a pending request, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));
/// CERTSRV_E_UNSUPPORTED_CERT_TYPE: no such template.
const NO_SUCH_TEMPLATE: u32 = 0x8009_4800;

/// What is to be submitted, and where the answer goes.
#[derive(Debug)]
pub struct Order {
    /// The request.
    pub request: Arc<Request>,
    /// Its name for messages.
    pub source: String,
    /// The template to ask for.
    pub template: Option<TemplateName>,
    /// Ask anew, whatever became of an earlier submission.
    pub resubmit: bool,
    /// How long to wait for an administrator.
    pub wait: Duration,
    /// Where the certificate goes.
    pub certificate: PathBuf,
    /// Where the CA certificates above it go.
    pub chain: PathBuf,
    /// Replace files that are there.
    pub overwrite: bool,
    /// The CA's numbers of requests that are known to be others.
    pub taken: Taken,
}

/// Numbers of a CA's requests, shared by those who work on several at a time: what is known to be one request is
/// not looked at when another one is searched.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<Mutex<BTreeSet<u32>>>);

impl Taken {
    /// Adds a number.
    pub fn add(&self, id: u32) {
        self.ids().insert(id);
    }

    fn has(&self, id: u32) -> bool {
        self.ids().contains(&id)
    }

    fn highest(&self) -> u32 {
        self.ids().last().copied().unwrap_or(0)
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    /// What the journal knows this order by.
    pub fn key(&self, ca: &Session) -> Key {
        Key::new(&self.request, ca.url().key(), self.template.as_ref().map(TemplateName::as_str))
    }
}

/// How it stands.
#[derive(Debug)]
pub enum Outcome {
    /// The certificate is there.
    Issued(Box<Issued>),
    /// An administrator has to decide.
    Pending {
        /// The CA's number for it.
        id: u32,
        /// Since when.
        since: OffsetDateTime,
    },
    /// The CA said no.
    Denied {
        /// The CA's number for it, where it got one.
        id: Option<u32>,
        /// When that was learnt.
        at: OffsetDateTime,
        /// Why, in the CA's words.
        message: String,
        /// The CA's code.
        hresult: Option<u32>,
        /// Templates that the CA offers, where it knows no such template.
        templates: Vec<String>,
    },
    /// The CA issued it and took it back.
    Revoked {
        /// The CA's number for it.
        id: u32,
        /// When that was learnt.
        at: OffsetDateTime,
    },
    /// It was sent, and nobody knows whether it arrived.
    Unknown {
        /// When it was sent.
        since: OffsetDateTime,
        /// What went wrong, where it happened just now.
        reason: Option<Error>,
        /// Requests at the CA that may be this one: pending ones show no key.
        candidates: Vec<u32>,
        /// True where the CA got so many requests since that not all were looked at.
        too_many: bool,
    },
}

/// A certificate that came back.
#[derive(Debug)]
pub struct Issued {
    /// The CA's number for the request.
    pub id: u32,
    /// The certificate.
    pub certificate: Arc<Certificate>,
    /// The CA certificates above it, its issuer first.
    pub chain: Vec<Arc<Certificate>>,
    /// Where it differs from what was asked.
    pub findings: Vec<Finding>,
}

impl Issued {
    /// True where the chain reaches a self-signed root.
    pub fn chain_is_complete(&self) -> bool {
        self.chain.last().is_some_and(|last| last.is_self_issued())
    }
}

/// What just happened, or is about to. Whoever watches may stop the run there by an error: nothing is lost.
#[derive(Debug)]
pub enum Step<'a> {
    /// The journal holds this state, on the disk.
    Recorded(&'a State),
    /// The request is about to be sent.
    Sending,
    /// The CA answered the submission, or did not; the journal does not know it yet.
    Answered,
    /// The certificate is about to be fetched.
    Fetching(u32),
    /// A file was written.
    Wrote(&'a Path),
    /// A look at the CA failed; it is repeated.
    Trouble(&'a Error),
    /// Nothing to do for this long.
    Waiting(Duration),
}

/// Hears every step.
pub type Watch<'a> = &'a mut dyn FnMut(Step<'_>) -> Result<()>;

/// Takes a request as far as it gets today: submits it, looks for it, polls it, fetches it. The same call again
/// goes on where the last one ended.
///
/// # Errors
/// The request's own signature is wrong; an output exists; the CA cannot be reached, refuses the logon or is
/// none; what came back is for another key; a file cannot be written.
pub fn submit(
    order: &Order,
    ca: &mut Session,
    journal: &mut Journal,
    timer: &mut dyn Timer,
    watch: Watch<'_>,
) -> Result<Outcome> {
    check_signature(order)?;
    let mut backoff = Backoff::new(order.wait, timer);
    let mut run = Run { order, ca, journal, timer, watch, rounds: 0, sent: false };
    loop {
        let outcome = run.advance()?;
        if !matches!(outcome, Outcome::Pending { .. } | Outcome::Unknown { .. }) {
            return Ok(outcome);
        }
        let Some(nap) = backoff.next(run.timer) else { return Ok(outcome) };
        if let Outcome::Unknown { reason: Some(reason), .. } = &outcome {
            (run.watch)(Step::Trouble(reason))?;
        }
        (run.watch)(Step::Waiting(nap))?;
        run.timer.sleep(nap);
        run.rounds += 1;
    }
}

/// Growing pauses until a deadline.
#[derive(Debug)]
pub struct Backoff {
    deadline: OffsetDateTime,
    pause: Duration,
}

impl Backoff {
    /// Begins now.
    pub fn new(wait: Duration, timer: &dyn Timer) -> Self {
        let wait = time::Duration::try_from(wait).unwrap_or(time::Duration::MAX);
        Self { deadline: timer.now().saturating_add(wait), pause: PAUSES.0 }
    }

    /// How long to pause before the next look; nothing once the time is up.
    pub fn next(&mut self, timer: &dyn Timer) -> Option<Duration> {
        let left = Duration::try_from(self.deadline - timer.now()).unwrap_or_default();
        let nap = self.pause.min(left);
        self.pause = (self.pause * 3 / 2).min(PAUSES.1);
        (!nap.is_zero()).then_some(nap)
    }
}

struct Run<'a> {
    order: &'a Order,
    ca: &'a mut Session,
    journal: &'a mut Journal,
    timer: &'a mut dyn Timer,
    watch: Watch<'a>,
    /// Pauses so far: once the CA has answered, a failed look while waiting is no reason to give up.
    rounds: usize,
    /// True once this run has sent the request: `resubmit` is then done.
    sent: bool,
}

impl Run<'_> {
    /// Takes the next steps from the journal's state.
    fn advance(&mut self) -> Result<Outcome> {
        let entry = match self.journal.entry() {
            Some(entry) if self.sent || !self.order.resubmit => entry.clone(),
            _ => return self.send(false),
        };
        match entry.state.clone() {
            State::Submitting | State::Unknown => self.resolve(&entry),
            State::Pending { request_id } => self.poll(request_id, entry.submitted_at),
            State::Issued { request_id } => self.fetch(request_id),
            State::Denied { request_id, message, hresult } => Ok(Outcome::Denied {
                id: request_id,
                at: entry.updated_at,
                message,
                hresult: hresult.and_then(|code| u32::from_str_radix(code.trim_start_matches("0x"), 16).ok()),
                templates: Vec::new(),
            }),
            State::Revoked { request_id } => Ok(Outcome::Revoked { id: request_id, at: entry.updated_at }),
            State::Fetched { request_id, certificate_sha256 } => match self.on_disk(&certificate_sha256) {
                Some((certificate, chain)) => Ok(self.issued(request_id, certificate, chain)),
                None => self.fetch(request_id),
            },
        }
    }

    /// Sends the request, once. `again` is true where an earlier submission provably never arrived.
    fn send(&mut self, again: bool) -> Result<Outcome> {
        let outputs = [self.order.certificate.as_path(), self.order.chain.as_path()];
        files::check_free(outputs, self.order.overwrite)?;
        self.ca.ready()?;
        let key = self.order.key(self.ca);
        let known = self.journal.highest_id(&key.ca_url).max(self.order.taken.highest());
        let highest = self.ca.highest_id(known)?;
        let sent_at = self.timer.now();
        let entry = Entry::submitting(key, &self.order.request, highest, sent_at);
        if again {
            self.journal.restart(entry)?
        } else {
            self.journal.begin(entry)?
        };
        self.sent = true;
        (self.watch)(Step::Recorded(&State::Submitting))?;
        (self.watch)(Step::Sending)?;
        let answer = self.ca.submit(&self.order.request, self.order.template.as_ref());
        (self.watch)(Step::Answered)?;
        match answer {
            Ok(Submission::Issued { id }) => {
                self.record_answer(id, State::Issued { request_id: id })?;
                self.fetch(id)
            }
            Ok(Submission::Pending { id }) => {
                self.record_answer(id, State::Pending { request_id: id })?;
                Ok(Outcome::Pending { id, since: sent_at })
            }
            Ok(Submission::Denied { id, status }) => self.denied(id, status),
            Ok(Submission::CaDown) => {
                self.journal.withdraw()?;
                Err(self.ca.ca_down())
            }
            Ok(Submission::Unclear) => {
                let what =
                    format!("{} answered with a page that says neither yes nor no", self.ca.url().host());
                self.unknown(sent_at, Error::new(what))
            }
            Err(failure) if failure.may_have_arrived => self.unknown(sent_at, failure.error),
            Err(failure) => {
                self.journal.withdraw()?;
                Err(failure.error)
            }
        }
    }

    fn unknown(&mut self, since: OffsetDateTime, reason: Error) -> Result<Outcome> {
        self.record(State::Unknown)?;
        Ok(Outcome::Unknown { since, reason: Some(reason), candidates: Vec::new(), too_many: false })
    }

    /// Looks for a submission whose answer never came among the requests that the CA got since.
    fn resolve(&mut self, entry: &Entry) -> Result<Outcome> {
        let since = entry.submitted_at;
        let unknown = |candidates, too_many| Outcome::Unknown { since, reason: None, candidates, too_many };
        let found = match self.look_for(entry) {
            Err(e) if self.rounds > 0 => {
                (self.watch)(Step::Trouble(&e))?;
                return Ok(unknown(Vec::new(), false));
            }
            found => found?,
        };
        if let Some(id) = found.ours {
            self.record(State::Issued { request_id: id })?;
            return self.fetch(id);
        }
        // Requests are taken in side by side: one that is final does not prove that ours is not still on its
        // way. Only time does. A clock that was set back counts as no time.
        let elapsed = Duration::try_from(self.timer.now() - since).unwrap_or_default();
        if found.open.is_empty() && !found.too_many && elapsed >= GRACE {
            return self.send(true);
        }
        if entry.state != State::Unknown {
            self.record(State::Unknown)?;
        }
        Ok(unknown(found.open, found.too_many))
    }

    fn look_for(&mut self, entry: &Entry) -> Result<Found> {
        let before = entry.highest_id_before;
        let mut last = self.ca.search_highest(before, Effort::Thorough)?;
        let mut found = Found::default();
        let mut id = before;
        if before == 0 && last > MAX_SCAN {
            // Nothing was known of this CA, so ours is one of its last, and not seeing it among them proves nothing.
            id = last - MAX_SCAN + MAX_GAP;
            found.too_many = true;
        }
        let first = id;
        while id < last.saturating_add(MAX_GAP) {
            if id - first == MAX_SCAN {
                found.too_many = true;
                break;
            }
            id += 1;
            match self.ca.retrieve(id)? {
                Retrieval::Certificates(list) => {
                    // The same key may have been submitted for another template, too.
                    if list.iter().any(|c| is_for(c, &self.order.request)) && !self.is_another(id) {
                        found.ours = Some(id);
                        break;
                    }
                }
                Retrieval::Status(status) if status.hresult == Some(NO_SUCH_REQUEST) => continue,
                Retrieval::Status(status) if status.is_ca_down() => return Err(self.ca.ca_down()),
                // Failed, denied, revoked: final.
                Retrieval::Status(Status { disposition: Some(1 | 2 | 6), .. }) => {}
                Retrieval::Status(_) | Retrieval::Unclear if self.is_another(id) => {}
                Retrieval::Status(_) | Retrieval::Unclear => found.open.push(id),
            }
            last = last.max(id);
        }
        Ok(found)
    }

    /// True where this number is known to be another request's.
    fn is_another(&self, id: u32) -> bool {
        self.journal.has_other(id) || self.order.taken.has(id)
    }

    /// Asks what became of a pending request.
    fn poll(&mut self, id: u32, since: OffsetDateTime) -> Result<Outcome> {
        let retrieval = match self.ca.retrieve(id) {
            Err(e) if self.rounds > 0 => {
                (self.watch)(Step::Trouble(&e))?;
                return Ok(Outcome::Pending { id, since });
            }
            retrieval => retrieval?,
        };
        match retrieval {
            Retrieval::Certificates(list) => {
                self.ours(id, &list)?;
                self.record(State::Issued { request_id: id })?;
                self.fetch(id)
            }
            Retrieval::Status(status) => self.by_status(id, since, status),
            Retrieval::Unclear => Err(self.no_answer(id)),
        }
    }

    /// What a request without a certificate means.
    fn by_status(&mut self, id: u32, since: OffsetDateTime, status: Status) -> Result<Outcome> {
        let host = self.ca.url().host();
        match status.disposition {
            _ if status.is_ca_down() => Err(self.ca.ca_down()),
            _ if status.hresult == Some(NO_SUCH_REQUEST) => {
                Err(Error::new(format!("{host} knows no request {id} (any more)"))
                    .hint("was the CA's database restored? --resubmit asks anew"))
            }
            Some(5) => Ok(Outcome::Pending { id, since }),
            Some(2) => self.denied(Some(id), status),
            Some(6) => {
                self.record(State::Revoked { request_id: id })?;
                Ok(Outcome::Revoked { id, at: self.timer.now() })
            }
            _ => Err(self.no_answer(id)),
        }
    }

    fn no_answer(&self, id: u32) -> Error {
        let what = format!("{} does not say what became of request {id}", self.ca.url().host());
        Error::new(what).hint("look at it in the Certification Authority console; run this again later")
    }

    /// The CA said no. The page that says so often hides the code; the request's own page has it.
    fn denied(&mut self, id: Option<u32>, mut status: Status) -> Result<Outcome> {
        self.record(denial(id, &status))?;
        if let (Some(number), None) = (id, status.hresult) {
            // Best effort: the denial itself is recorded already.
            if let Ok(Retrieval::Status(told)) = self.ca.retrieve(number) {
                let message = if status.message.is_empty() { told.message } else { status.message };
                status = Status { hresult: told.hresult, message, ..status };
                self.record(denial(id, &status))?;
            }
        }
        let Status { message, hresult, .. } = status;
        let templates = match hresult {
            Some(NO_SUCH_TEMPLATE) => self.ca.templates().unwrap_or_default(),
            _ => Vec::new(),
        };
        let templates = templates.into_iter().map(|template| template.name).collect();
        Ok(Outcome::Denied { id, at: self.timer.now(), message, hresult, templates })
    }

    /// Fetches an issued certificate with its chain and writes both.
    fn fetch(&mut self, id: u32) -> Result<Outcome> {
        (self.watch)(Step::Fetching(id))?;
        let (certificate, mut pool) = match self.ca.retrieve_with_chain(id)? {
            Retrieval::Certificates(list) if list.iter().any(|c| is_for(c, &self.order.request)) => {
                (self.ours(id, &list)?, list)
            }
            // A bag without the leaf happens; the certificate alone settles it.
            other => {
                let pool = if let Retrieval::Certificates(list) = other { list } else { Vec::new() };
                match self.ca.retrieve(id)? {
                    Retrieval::Certificates(list) => (self.ours(id, &list)?, pool),
                    Retrieval::Status(status) => {
                        let since = self.journal.entry().map_or(self.timer.now(), |e| e.submitted_at);
                        return self.by_status(id, since, status);
                    }
                    Retrieval::Unclear => return Err(self.no_answer(id)),
                }
            }
        };
        let mut chain = chain_of(&certificate, &pool);
        if !chain.last().is_some_and(|last| last.is_self_issued()) {
            pool.extend(self.ca.ca_certificates().unwrap_or_default());
            chain = chain_of(&certificate, &pool);
        }
        let written = self.write(&self.order.certificate, std::slice::from_ref(&certificate));
        let written = written.and_then(|()| match chain.as_slice() {
            [] => Ok(()),
            chain => self.write(&self.order.chain, chain),
        });
        written.map_err(|e| match e.hint_text() {
            Some(_) => e,
            None => Error::new(format!("request {id} is issued, but not all of it could be written here"))
                .because(e)
                .hint("nothing is lost, the CA keeps it: free some space, then the same command fetches it"),
        })?;
        let certificate_sha256 = text::hex(certificate.sha256());
        self.record(State::Fetched { request_id: id, certificate_sha256 })?;
        Ok(self.issued(id, certificate, chain))
    }

    fn issued(&self, id: u32, certificate: Arc<Certificate>, chain: Vec<Arc<Certificate>>) -> Outcome {
        let findings = compare(&self.order.request, &certificate, &shown(&self.order.certificate));
        Outcome::Issued(Box::new(Issued { id, certificate, chain, findings }))
    }

    /// The certificate with the request's key; any other is refused.
    fn ours(&self, id: u32, list: &[Arc<Certificate>]) -> Result<Arc<Certificate>> {
        list.iter().find(|c| is_for(c, &self.order.request)).cloned().ok_or_else(|| {
            let what =
                format!("{} returned a certificate for another key as request {id}", self.ca.url().host());
            Error::new(what)
                .because(format!("it is not the key of {}", self.order.source))
                .hint("nothing was written; show this to the administrator of the CA")
        })
    }

    /// Writes certificates as PEM; a file that holds just these already is fine.
    fn write(&mut self, path: &Path, certificates: &[Arc<Certificate>]) -> Result<()> {
        let text: String = certificates.iter().map(|c| pem(label::CERTIFICATE, c.der())).collect();
        let same = path.is_file() && files::read(path).is_ok_and(|bytes| *bytes == *text.as_bytes());
        if !same {
            files::write(&Output::public(path, text), self.order.overwrite)?;
        }
        (self.watch)(Step::Wrote(path))
    }

    /// Certificate and chain from an earlier run, where both files are still there.
    fn on_disk(&self, sha256: &str) -> Option<(Arc<Certificate>, Vec<Arc<Certificate>>)> {
        let read = |path| -> Option<Vec<Arc<Certificate>>> {
            Some(model::read(&files::read(path).ok()?).certificates().cloned().collect())
        };
        let certificate = read(&self.order.certificate)?.into_iter().next()?;
        let chain = read(&self.order.chain)?;
        (text::hex(certificate.sha256()) == sha256).then(|| (certificate.clone(), chain))
    }

    fn record(&mut self, state: State) -> Result<()> {
        self.journal.update(state.clone(), self.timer.now())?;
        (self.watch)(Step::Recorded(&state))
    }

    /// Records the id that the CA gave. Where that fails the person must learn the id, or it is lost.
    fn record_answer(&mut self, id: u32, state: State) -> Result<()> {
        let word = if matches!(state, State::Issued { .. }) { "issued" } else { "took" };
        let saved = self.journal.update(state.clone(), self.timer.now()).map_err(|e| {
            let what = format!("{} {word} {} as request {id}", self.ca.url().host(), self.order.source);
            Error::new(what + ", but that could not be recorded").because(e)
        });
        saved?;
        self.order.taken.add(id);
        (self.watch)(Step::Recorded(&state))
    }
}

fn denial(id: Option<u32>, status: &Status) -> State {
    let hresult = status.hresult.map(|code| format!("0x{code:08x}"));
    State::Denied { request_id: id, message: status.message.clone(), hresult }
}

/// What a search among the CA's requests found.
#[derive(Default)]
struct Found {
    ours: Option<u32>,
    /// Those that show no key yet.
    open: Vec<u32>,
    too_many: bool,
}

/// A CSR that was changed after it was signed is refused here, before anybody sees it.
fn check_signature(order: &Order) -> Result<()> {
    match verify_request(&order.request) {
        // What this tool cannot verify the CA can.
        Ok(()) | Err(SignatureFault::Unsupported { .. }) => Ok(()),
        Err(fault) => Err(Error::new(format!("the signature of {} is wrong", order.source))
            .because(fault.to_string())
            .hint("the file was changed after it was made; make it anew with ocscert csr")),
    }
}

fn is_for(certificate: &Certificate, request: &Request) -> bool {
    certificate.public_key.is_same(&request.public_key)
}

/// The certificates above a leaf: PKCS#7 has no order, and two keys of one CA share a name.
fn chain_of(leaf: &Arc<Certificate>, pool: &[Arc<Certificate>]) -> Vec<Arc<Certificate>> {
    let heap = std::iter::once(leaf).chain(pool);
    let heap = heap.map(|c| Sourced { value: c.clone(), source: String::new() }).collect();
    let chain = order_from(leaf, heap);
    chain.ordered.into_iter().skip(1).map(|c| c.value).collect()
}
