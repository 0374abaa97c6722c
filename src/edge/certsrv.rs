//! Drives Microsoft's web enrollment pages over HTTP: one session with one CA. What the pages mean is read by
//! `wire::certsrv`; when to ask is decided by the flow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::auth::Auth;
use super::auth::refusal::Refusal;
use super::files::{self, Output};
use super::http::{self, Answer, Connection, Failure, Options};
use super::{Error, Result};
use crate::model::{Certificate, Request};
pub use crate::wire::ca_url::CaUrl;
use crate::wire::certsrv::{self, Retrieval, Submission, Template, TemplateName};

/// Requests that one search for the highest id may cost.
const MAX_PROBES: u32 = 400;
/// Ids next to each other that are looked at before a stretch counts as empty: gaps between ids are normal.
const GAP: u32 = 4;
/// Where nothing was found up to this id, the CA has no requests.
const FARTHEST: u32 = 1 << 22;

/// How thoroughly the first request is looked for on a CA of which nothing is known. Its oldest requests may have
/// been deleted, so that what is left begins anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Before a submission: some twenty looks, each nearly twice as far. Finding too little does no harm, because a
    /// submission is only searched for when its answer was lost, and that search is thorough.
    Quick,
    /// Before a submission is believed lost: finds also what is left of a CA that deleted all but its last tenth.
    Thorough,
}

/// A session with a CA.
#[derive(Debug)]
pub struct Session {
    url: CaUrl,
    http: Connection,
    ready: bool,
    /// The site could not be entered: nobody waits for that twice in one session.
    barred: bool,
    highest: Option<u32>,
    keeper: Option<Keeper>,
}

impl Session {
    /// Prepares a session; nothing is sent yet.
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn new(url: CaUrl, auth: Auth, options: &Options) -> Result<Self> {
        let http = Connection::new(url.url().clone(), auth, options)?;
        Ok(Self { url, http, ready: false, barred: false, highest: None, keeper: None })
    }

    /// Keeps every page that the CA answers with in a folder, for whoever has to find out why.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn save_responses(&mut self, folder: &Path) -> Result<()> {
        self.keeper = Some(Keeper::new(folder)?);
        Ok(())
    }

    /// Why a page could not be kept, the first time that happened: no reason to stop in the middle.
    pub fn save_trouble(&mut self) -> Option<Error> {
        self.keeper.as_mut()?.trouble.take()
    }

    /// The CA's address.
    pub fn url(&self) -> &CaUrl {
        &self.url
    }

    /// Makes sure, once, that the server lets us in and is a CA.
    ///
    /// # Errors
    /// It cannot be reached, refuses the logon, or is no web enrollment site.
    pub fn ready(&mut self) -> Result<()> {
        if self.ready {
            return Ok(());
        }
        if self.barred {
            return Err(Error::new(format!("{} could not be entered just before", self.url.host())));
        }
        self.barred = true;
        let answer = self.page("")?;
        if !certsrv::is_certsrv(&answer.body, answer.content_type.as_deref()) {
            return Err(
                self.no_certsrv("the page there is no page of a Microsoft CA (a login page or a proxy?)")
            );
        }
        (self.ready, self.barred) = (true, false);
        Ok(())
    }

    /// Submits a request, once.
    ///
    /// # Errors
    /// No usable answer; [`Failure::may_have_arrived`] tells whether the CA may have it.
    pub fn submit(
        &mut self,
        request: &Request,
        template: Option<&TemplateName>,
    ) -> std::result::Result<Submission, Failure> {
        let form = certsrv::submission(request.der(), template);
        let answer = self.http.post_form(certsrv::SUBMIT, form)?;
        self.keep(certsrv::SUBMIT, &answer);
        match answer.status {
            200 => {
                let submission = certsrv::read_submission(&answer.body, answer.content_type.as_deref());
                if let Submission::Issued { id } | Submission::Pending { id } = submission {
                    self.highest = self.highest.max(Some(id));
                }
                Ok(submission)
            }
            // The server answered for the page: the CA behind it never saw the form.
            300..=499 => Err(Failure { may_have_arrived: false, error: self.refused(&answer) }),
            _ => Err(Failure { may_have_arrived: true, error: self.refused(&answer) }),
        }
    }

    /// Fetches a request's certificate, or its state.
    ///
    /// # Errors
    /// No answer, or none that tells.
    pub fn retrieve(&mut self, id: u32) -> Result<Retrieval> {
        self.fetch(&certsrv::certificate_of(id))
    }

    /// Fetches a request's certificate with its chain; the state where there is none.
    ///
    /// # Errors
    /// As [`Session::retrieve`].
    pub fn retrieve_with_chain(&mut self, id: u32) -> Result<Retrieval> {
        self.fetch(&certsrv::chain_of(id))
    }

    /// The CA's own certificates, of all its renewals, with what is above them.
    ///
    /// # Errors
    /// The CA cannot be reached through its pages.
    pub fn ca_certificates(&mut self) -> Result<Vec<Arc<Certificate>>> {
        self.ready()?;
        let answer = self.page(certsrv::CA_LIST)?;
        let renewals = certsrv::read_renewals(&answer.body, answer.content_type.as_deref());
        let renewals = renewals.ok_or_else(|| self.ca_down())?;
        let mut all = Vec::new();
        // The newest first: it is the one that signs today.
        for renewal in (0..=renewals).rev() {
            if let Retrieval::Certificates(list) = self.fetch(&certsrv::ca_chain(renewal))? {
                all.extend(list);
            }
        }
        Ok(all)
    }

    /// The templates that the request form lists.
    ///
    /// # Errors
    /// The page cannot be fetched.
    pub fn templates(&mut self) -> Result<Vec<Template>> {
        self.ready()?;
        let answer = self.page(certsrv::REQUEST_FORM)?;
        Ok(certsrv::read_templates(&answer.body, answer.content_type.as_deref()))
    }

    /// The highest request id that is quickly found from `known` on, searched once a session. It may be too low
    /// where ids are missing; never too high.
    ///
    /// # Errors
    /// The pages cannot be fetched.
    pub fn highest_id(&mut self, known: u32) -> Result<u32> {
        if let Some(highest) = self.highest {
            return Ok(highest.max(known));
        }
        let highest = self.search_highest(known, Effort::Quick)?;
        self.highest = Some(highest);
        Ok(highest)
    }

    /// Searches from `known` on, whatever this session found before.
    ///
    /// # Errors
    /// As [`Session::highest_id`].
    pub fn search_highest(&mut self, known: u32, effort: Effort) -> Result<u32> {
        self.ready()?;
        let mut probes = 0;
        search_highest(known, effort, |id| {
            probes += 1;
            if probes > MAX_PROBES {
                return Ok(false);
            }
            Ok(match self.retrieve(id)? {
                Retrieval::Certificates(_) => true,
                Retrieval::Status(status) if status.is_ca_down() => return Err(self.ca_down()),
                Retrieval::Status(status) => status.hresult != Some(certsrv::NO_SUCH_REQUEST),
                Retrieval::Unclear => false,
            })
        })
    }

    /// What to say when the pages answer but the CA behind them does not.
    pub fn ca_down(&self) -> Error {
        Error::new(format!("the web pages of {} cannot reach the CA", self.url.host()))
            .hint("have the CA service (CertSvc) started, then run it again; nothing was submitted")
    }

    fn fetch(&mut self, page: &str) -> Result<Retrieval> {
        self.ready()?;
        let answer = self.page(page)?;
        Ok(certsrv::read_retrieval(&answer.body, answer.content_type.as_deref()))
    }

    /// A page with status 200.
    fn page(&mut self, page: &str) -> Result<Answer> {
        let answer = self.http.get(page)?;
        self.keep(page, &answer);
        if answer.status == 200 { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn keep(&mut self, page: &str, answer: &Answer) {
        let Some(keeper) = &mut self.keeper else { return };
        keeper.keep(page, answer, &self.http.secrets());
    }

    fn no_certsrv(&self, why: &str) -> Error {
        let error = Error::new(format!("{} is no CA web enrollment site", self.url.url())).because(why);
        if self.url.url().path() == "/" {
            error.hint(format!("the pages usually lie below certsrv: --ca-url {}certsrv", self.url.url()))
        } else {
            error.hint("open the address in a browser: it should show Microsoft Active Directory Certificate Services")
        }
    }

    /// A server without the pages may have the web services that came after them; their policy page has one of
    /// three fixed addresses ([MS-XCEP] section 2.1).
    fn not_there(&mut self) -> Error {
        let services = ["Kerberos", "UsernamePassword", "Certificate"];
        let has_service = services.iter().any(|by| {
            let page = format!("/ADPolicyProvider_CEP_{by}/service.svc/CEP");
            // 404 is the one answer that says it is not there; without an answer nothing is claimed.
            self.http
                .get(&page)
                .is_ok_and(|answer| matches!(answer.status, 200 | 401 | 403 | 405 | 415 | 500))
        });
        if !has_service {
            return self.no_certsrv("the page does not exist there (404)");
        }
        let why = "the page does not exist there (404); the host offers enrollment web services (CES/CEP) alone, \
                   which submit does not speak";
        Error::new(format!("{} is no CA web enrollment site", self.url.url())).because(why).hint(
            "name the host that has the role \"Certification Authority Web Enrollment\", or hand in the CSR file on a \
             Windows machine: certreq -submit -config - FILE.csr",
        )
    }

    /// What another status than 200 means here.
    fn refused(&mut self, answer: &Answer) -> Error {
        let host = self.url.host();
        let status = http::reason(answer.status);
        match answer.status {
            401 => self.logon_refused(answer),
            403 => Error::new(format!("{host} forbids access ({status})")).hint(if self.url.is_plain_http() {
                "this server may want https in --ca-url"
            } else {
                "ask its administrator: the account, this machine's address, or TLS settings may be the reason"
            }),
            404 => self.not_there(),
            300..=399 => {
                let target = answer.location.as_deref().unwrap_or("an unnamed address");
                let target = crate::text::escape_short(target, 200);
                Error::new(format!("{host} sends us elsewhere: to {target} ({status})"))
                    .hint("a request is never sent to another address than the one typed: name the right one in --ca-url")
            }
            _ => Error::new(format!("{host} answered {status}")),
        }
    }

    fn logon_refused(&self, answer: &Answer) -> Error {
        Refusal {
            host: self.url.host(),
            plain_http: self.url.is_plain_http(),
            offered: answer.schemes().collect(),
            auth: self.http.auth(),
            tried: self.http.tried(),
            passed_over: self.http.passed_over(),
        }
        .error()
    }
}

/// Writes answers into a folder: status, what matters of the header, body. Challenges and cookies are left out, and
/// a secret of ours that a page repeats (IIS can be made to) is struck out.
#[derive(Debug)]
struct Keeper {
    folder: PathBuf,
    next: usize,
    trouble: Option<Error>,
}

impl Keeper {
    fn new(folder: &Path) -> Result<Self> {
        files::make_folder(folder)?;
        // Behind what earlier runs left.
        let numbers = files::list(folder)?
            .into_iter()
            .filter_map(|path| path.file_name()?.to_str()?.split('-').next()?.parse::<usize>().ok());
        let next = numbers.max().map_or(1, |last| last.saturating_add(1));
        Ok(Self { folder: folder.to_path_buf(), next, trouble: None })
    }

    fn keep(&mut self, page: &str, answer: &Answer, secrets: &[Zeroizing<String>]) {
        let page = if page.is_empty() { "home" } else { page };
        let page = page.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '.'), "-");
        let path = self.folder.join(format!("{:03}-{}.http", self.next, page.trim_matches('-')));
        self.next = self.next.saturating_add(1);
        let mut text = Zeroizing::new(format!("HTTP/1.1 {}\r\n", http::reason(answer.status)).into_bytes());
        let schemes = answer.challenges.iter().map(|challenge| ("WWW-Authenticate", &challenge.scheme));
        let named = [("Content-Type", &answer.content_type), ("Location", &answer.location)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        for (name, value) in named.chain(schemes) {
            text.extend(format!("{name}: {value}\r\n").bytes());
        }
        text.extend(b"\r\n");
        text.extend(&answer.body);
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            strike_out(&mut text, secret.as_bytes());
        }
        // The owner's alone: pages name accounts and hosts.
        if let Err(e) = files::write(&Output::secret(path, text), false) {
            self.trouble.get_or_insert(e);
        }
    }
}

fn strike_out(text: &mut [u8], secret: &[u8]) {
    let mut at = 0;
    while let Some(part) = text.get_mut(at..at + secret.len()) {
        let hit = part == secret;
        if hit {
            part.fill(b'*');
        }
        at += if hit { secret.len() } else { 1 };
    }
}

/// Finds the highest id that exists, from `known` on: in growing steps, then by halving.
fn search_highest(known: u32, effort: Effort, mut exists: impl FnMut(u32) -> Result<bool>) -> Result<u32> {
    // The highest that exists in `from..from + width`.
    let mut look = |from: u32, width: u32| -> Result<Option<u32>> {
        for id in (from..from.saturating_add(width)).rev() {
            if exists(id)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    };
    let mut low = known;
    let mut high = None;
    let mut step = 1;
    let mut empty = 0;
    // Two empty looks in a row end it, once there was anything at all.
    while if low == 0 { step < FARTHEST } else { empty < 2 } {
        let from = known.saturating_add(step);
        match look(from, if low == 0 { 1 } else { GAP })? {
            Some(found) => (low, high, empty) = (found, None, 0),
            None => (high, empty) = (high.or(Some(from)), empty + 1),
        }
        step = step.saturating_add(match effort {
            Effort::Thorough if low == 0 => (step / 16).max(1),
            // Not quite doubled: the powers of two would all miss where, say, only every third id is left.
            Effort::Quick if low == 0 => step - step / 8,
            _ => step,
        });
    }
    if low == 0 {
        return Ok(0);
    }
    let mut high = high.unwrap_or(low);
    while low + GAP < high {
        let middle = low + (high - low) / 2;
        match look(middle, GAP)? {
            Some(found) => low = found,
            None => high = middle,
        }
    }
    Ok(look(low.saturating_add(1), GAP)?.unwrap_or(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::http::Challenge;

    #[test]
    fn pages_are_kept_in_order_for_their_owner_and_without_our_secret() {
        let folder = tempfile::tempdir().unwrap();
        let answer = Answer {
            status: 401,
            content_type: Some("text/html".into()),
            location: None,
            challenges: ["NTLM", "Basic"]
                .map(|scheme| Challenge { scheme: scheme.into(), token: None })
                .into(),
            body: b"<p>AUTH_PASSWORD=geheim geheim</p>".to_vec(),
        };
        for expected in ["001-certnew.cer-ReqID-5-Enc-bin.http", "002-certnew.cer-ReqID-5-Enc-bin.http"] {
            let mut keeper = Keeper::new(folder.path()).unwrap();
            keeper.keep("certnew.cer?ReqID=5&Enc=bin", &answer, &[Zeroizing::new("geheim".into())]);
            assert!(keeper.trouble.is_none());
            let kept = std::fs::read_to_string(folder.path().join(expected)).unwrap();
            let head = "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/html\r\nWWW-Authenticate: NTLM\r\n";
            assert!(kept.starts_with(head), "{kept}");
            assert!(kept.ends_with("\r\n\r\n<p>AUTH_PASSWORD=****** ******</p>"), "{kept}");
        }
    }

    #[test]
    fn the_highest_id_is_found_in_few_requests_also_past_gaps() {
        // How many ids there are, which are missing, where the search begins, and what it may cost.
        let all = |_: u32| true;
        let gaps = |id: u32| id.is_multiple_of(3);
        let purged = |id: u32| id > 900;
        type Case<'a> = (u32, &'a dyn Fn(u32) -> bool, u32, Effort, u32);
        use Effort::{Quick, Thorough};
        let cases: &[Case<'_>] = &[
            (0, &all, 0, Quick, 26),
            (0, &all, 0, Thorough, 250),
            (1, &all, 0, Quick, 20),
            (7, &all, 7, Quick, 20),
            (1000, &all, 0, Quick, 50),
            (1000, &all, 993, Quick, 30),
            (999, &gaps, 0, Quick, 90),
            (1_000_000, &all, 0, Quick, 100),
            (1023, &purged, 0, Thorough, 200),
            (1500, &purged, 0, Quick, 60),
        ];
        for (n, (count, present, known, effort, budget)) in cases.iter().enumerate() {
            let mut probes = 0;
            let found = search_highest(*known, *effort, |id| {
                probes += 1;
                Ok(id <= *count && present(id))
            });
            assert_eq!(found.unwrap(), *count, "case {n}");
            assert!(probes <= *budget, "case {n}: {probes} requests");
        }
    }
}
