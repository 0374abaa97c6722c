//! Drives Microsoft's web enrollment pages over HTTP: one session with one CA. What the pages mean is read by
//! `wire::certsrv`; when to ask is decided by the flow.

use std::sync::Arc;

use reqwest::Url;

use super::auth::Auth;
use super::http::{self, Answer, Connection, Failure, Options};
use super::{Error, Result};
use crate::model::{Certificate, Request};
use crate::wire::certsrv::{self, Retrieval, Submission, Template, TemplateName};

/// Requests that one search for the highest id may cost.
const MAX_PROBES: u32 = 200;
/// Ids next to each other that are looked at before a stretch counts as empty: gaps between ids are normal.
const GAP: u32 = 4;
/// Where nothing was found up to this id, the CA has no requests.
const FARTHEST: u32 = 1 << 22;

/// The address of a CA's web enrollment pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaUrl(Url);

impl CaUrl {
    /// Reads the address as typed. The name passes IDNA, the path gets its final slash.
    ///
    /// # Errors
    /// A sentence that says what is wrong and how it should look.
    pub fn parse(typed: &str) -> std::result::Result<Self, String> {
        const LIKE: &str = "write it as https://ca.foo.com/certsrv";
        let no_address = || format!("it is not an https or http address; {LIKE}");
        let mut url = Url::parse(typed).map_err(|_| no_address())?;
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
            return Err(no_address());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "a user or password in an address is seen by others: use --user and --password-file".into()
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("it has parts after the path (? or #); {LIKE}"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self(url))
    }

    /// What the journal knows the CA by. IIS takes paths in any case, so one CA has one spelling here.
    pub fn key(&self) -> String {
        let mut url = self.0.clone();
        url.set_path(&self.0.path().to_ascii_lowercase());
        url.to_string()
    }

    /// Host and port, for people.
    pub fn host(&self) -> String {
        http::authority(&self.0)
    }

    /// True where nothing encrypts the connection.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// A session with a CA.
#[derive(Debug)]
pub struct Session {
    url: CaUrl,
    http: Connection,
    ready: bool,
    highest: Option<u32>,
}

impl Session {
    /// Prepares a session; nothing is sent yet.
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn new(url: CaUrl, auth: Auth, options: &Options) -> Result<Self> {
        let http = Connection::new(url.0.clone(), auth, options)?;
        Ok(Self { url, http, ready: false, highest: None })
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
        let answer = self.page("")?;
        if !certsrv::is_certsrv(&answer.body, answer.content_type.as_deref()) {
            return Err(
                self.no_certsrv("the page there is no page of a Microsoft CA (a login page or a proxy?)")
            );
        }
        self.ready = true;
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

    /// The highest request id that is found from `known` on, searched once a session. It may be too low where
    /// ids are missing; never too high.
    ///
    /// # Errors
    /// The pages cannot be fetched.
    pub fn highest_id(&mut self, known: u32) -> Result<u32> {
        if let Some(highest) = self.highest {
            return Ok(highest.max(known));
        }
        let highest = self.search_highest(known)?;
        self.highest = Some(highest);
        Ok(highest)
    }

    /// Searches from `known` on, whatever this session found before.
    ///
    /// # Errors
    /// As [`Session::highest_id`].
    pub fn search_highest(&mut self, known: u32) -> Result<u32> {
        self.ready()?;
        let mut probes = 0;
        search_highest(known, |id| {
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
    fn page(&self, page: &str) -> Result<Answer> {
        let answer = self.http.get(page)?;
        if answer.status == 200 { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn no_certsrv(&self, why: &str) -> Error {
        let error = Error::new(format!("{} is no CA web enrollment site", self.url.0)).because(why);
        if self.url.0.path() == "/" {
            error.hint(format!("the pages usually lie below certsrv: --ca-url {}certsrv", self.url.0))
        } else {
            error.hint("open the address in a browser: it should show Microsoft Active Directory Certificate Services")
        }
    }

    /// What another status than 200 means here.
    fn refused(&self, answer: &Answer) -> Error {
        let host = self.url.host();
        let status = http::reason(answer.status);
        match answer.status {
            401 => self.logon_refused(answer),
            403 => Error::new(format!("{host} forbids access ({status})")).hint(if self.url.is_plain_http() {
                "this server may want https in --ca-url"
            } else {
                "ask its administrator: the account, this machine's address, or TLS settings may be the reason"
            }),
            404 => self.no_certsrv("the page does not exist there (404)"),
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
        let host = self.url.host();
        let offered = if answer.schemes.is_empty() { "nothing".into() } else { answer.schemes.join(", ") };
        let tried = self.http.auth().tried();
        let error = Error::new(format!("{host} refused the logon (401)"))
            .because(format!("offered {offered}; tried {tried}"));
        let offers_basic = answer.schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic"));
        match self.http.auth() {
            Auth::Basic { .. } if offers_basic => error.hint(
                "the password is wrong, the name needs its domain (DOMAIN\\name), or the account may not enroll",
            ),
            Auth::Anonymous if offers_basic => {
                error.hint("--auth basic --user 'DOMAIN\\name' --password-file FILE logs on with a password")
            }
            _ => error.hint(
                "this version logs on with Basic or not at all: have Basic enabled on the site, or hand in the \
                 CSR on its page in a browser",
            ),
        }
    }
}

/// Finds the highest id that exists, from `known` on: in growing steps, then by halving.
fn search_highest(known: u32, mut exists: impl FnMut(u32) -> Result<bool>) -> Result<u32> {
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
    // Two empty looks in a row end it, once there was anything at all. Before that the steps are small, because
    // old requests may have been deleted: what is left begins anywhere.
    while if low == 0 { step < FARTHEST } else { empty < 2 } {
        let from = known.saturating_add(step);
        match look(from, if low == 0 { 1 } else { GAP })? {
            Some(found) => (low, high, empty) = (found, None, 0),
            None => (high, empty) = (high.or(Some(from)), empty + 1),
        }
        step = step.saturating_add(if low == 0 { (step / 8).max(1) } else { step });
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

    #[test]
    fn an_address_is_normalised_and_what_would_be_a_secret_or_no_address_is_refused() {
        let key = |typed| CaUrl::parse(typed).unwrap().key();
        assert_eq!(key("HTTPS://CA.foo.com:443/CertSrv"), "https://ca.foo.com/certsrv/");
        assert_eq!(key("https://ca.foo.com/certsrv/"), "https://ca.foo.com/certsrv/");
        assert_eq!(key("http://bücher.example:8080/certsrv"), "http://xn--bcher-kva.example:8080/certsrv/");
        for bad in [
            "",
            "ca.foo.com",
            "ftp://ca/",
            "https://",
            "https://u:p@ca/",
            "https://ca/certsrv?x=1",
            "https://ca/#a",
        ] {
            assert!(CaUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_highest_id_is_found_in_few_requests_also_past_gaps() {
        // How many ids there are, which are missing, where the search begins, and what it may cost.
        let all = |_: u32| true;
        let gaps = |id: u32| id.is_multiple_of(3);
        let purged = |id: u32| id > 900;
        type Case<'a> = (u32, &'a dyn Fn(u32) -> bool, u32, u32);
        let cases: &[Case<'_>] = &[
            (0, &all, 0, 130),
            (1, &all, 0, 20),
            (7, &all, 7, 20),
            (1000, &all, 0, 60),
            (1000, &all, 993, 30),
            (999, &gaps, 0, 90),
            (1_000_000, &all, 0, 120),
            (1023, &purged, 0, 130),
            (1100, &purged, 0, 130),
        ];
        for (n, (count, present, known, budget)) in cases.iter().enumerate() {
            let mut probes = 0;
            let found = search_highest(*known, |id| {
                probes += 1;
                Ok(id <= *count && present(id))
            });
            assert_eq!(found.unwrap(), *count, "case {n}");
            assert!(probes <= *budget, "case {n}: {probes} requests");
        }
    }
}
