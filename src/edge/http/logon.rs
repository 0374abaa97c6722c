//! The rounds of a logon over one connection, and where it stands. A form goes out after the server has let us in, over
//! the connection that it let in or with the proof itself; and a refusal is final: accounts are locked by those who
//! try again.

use std::result::Result;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Answer, Connection, Failure, Request, Unanswered};
use crate::edge::Error;
use crate::edge::auth::binding::Binding;
use crate::edge::auth::{Auth, Cause, Handshake, Mechanism, Scope, Target, Token, Unable, credentials};
use crate::wire::ca_url::authority;

/// A connection that ends under a logon this often does so on purpose.
const ATTEMPTS: usize = 3;
/// NTLM takes two tokens of ours, SPNEGO seldom more.
const MOST_ROUNDS: usize = 8;

/// Where the logon of a session stands.
#[derive(Debug, Default)]
pub(super) struct Logon {
    state: State,
    tried: Option<Tried>,
    /// True where the server forgets us after each request, though the connection goes on.
    forgets: bool,
    /// True where our first token was enough.
    at_once: bool,
    /// Why ways that the server offers are not possible here.
    passed_over: Vec<Cause>,
    /// The tokens that the last request was sent with, in Base64.
    sent: Vec<Zeroizing<String>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing was asked yet.
    #[default]
    New,
    /// The server answers without a logon.
    Open,
    /// This way of the list has let us in: on this connection, or for one request after the other.
    In(usize),
    /// It had, or was under way, when the connection ended.
    Lost(usize),
    /// The server said no.
    Refused,
}

/// How the server was told who is asking.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The way, in words: `NTLM as FOO\alice`.
    pub what: String,
    /// What it was bound to.
    pub binding: Binding,
    /// Where it was refused: why that may be.
    pub causes: Vec<Cause>,
}

/// A handshake whose first token is ready.
struct Begun {
    way: usize,
    handshake: Box<dyn Handshake>,
    token: Token,
}

impl Connection {
    /// How the server was told who is asking, once it has asked.
    pub fn tried(&self) -> Option<&Tried> {
        self.logon.tried.as_ref()
    }

    /// Why ways that the server offers are not possible here.
    pub fn passed_over(&self) -> &[Cause] {
        &self.logon.passed_over
    }

    /// What no page that is kept for support may show: passwords, and what the last request was sent with.
    pub fn secrets(&self) -> Vec<Zeroizing<String>> {
        [self.auth.secrets(), self.logon.sent.clone()].concat()
    }

    /// What let us in on a connection ends with it.
    pub(super) fn connection_ended(&mut self) {
        if let State::In(way) = self.logon.state
            && self.scope(way) == Scope::Connection
        {
            self.logon.state = State::Lost(way);
        }
    }

    /// One request and its answer, with the logon that it takes.
    pub(super) fn exchange(&mut self, request: &Request) -> Result<Answer, Failure> {
        self.logon.sent.clear();
        if request.form.is_none() {
            return self.enter(request);
        }
        let home = Request { url: self.base.clone(), form: None };
        let mut with_proof = self.logon.forgets;
        for _ in 0..ATTEMPTS {
            let answer = match self.logon.state {
                State::In(way) | State::Lost(way) if with_proof => {
                    let begun = self.begin(way)?;
                    let first = if self.logon.forgets && self.logon.at_once { request } else { &home };
                    self.rounds(begun, first, request)?
                }
                State::New | State::Lost(_) | State::Refused if !self.ways().is_empty() => {
                    let answer = self.enter(&home)?;
                    if answer.status == 401 {
                        return Ok(answer);
                    }
                    self.pass(request)?
                }
                _ => self.pass(request)?,
            };
            if let Some(answer) = answer {
                return Ok(answer);
            }
            // The connection that was let in has ended already: on the next one the request goes with the proof.
            with_proof = matches!(self.logon.state, State::Lost(_));
        }
        Err(self.unsteady())
    }

    /// Fetches a page, and logs on for it where the server wants that.
    fn enter(&mut self, page: &Request) -> Result<Answer, Failure> {
        for _ in 0..ATTEMPTS {
            let begun = match self.logon.state {
                State::Lost(way) => self.begin(way)?,
                _ => match self.pass(page)? {
                    None => continue,
                    Some(refused) if refused.status == 401 => match self.begin_for(&refused)? {
                        Some(begun) => begun,
                        None => return Ok(refused),
                    },
                    Some(answer) => return Ok(answer),
                },
            };
            if let Some(answer) = self.rounds(begun, page, page)? {
                return Ok(answer);
            }
        }
        Err(self.unsteady())
    }

    /// Sends a request as things stand. Nothing where the connection has ended before.
    fn pass(&mut self, request: &Request) -> Result<Option<Answer>, Failure> {
        let state = self.logon.state;
        match state {
            State::In(way) if self.scope(way) == Scope::Request => {
                let Begun { mut handshake, token, .. } = self.begin(way)?;
                let answer = self.send_token(request, way, &token)?;
                if let Some(answer) = answer.as_ref().filter(|answer| answer.status != 401) {
                    self.finish(&mut *handshake, way, answer)?;
                }
                Ok(answer)
            }
            _ => {
                let answer = match self.send(request, self.auth.credentials()) {
                    Ok(answer) => Some(answer),
                    Err(Unanswered::Ended) => None,
                    // Servers end connections that were idle for a while, and may do so at this very moment.
                    Err(Unanswered::Cut(_)) if request.form.is_none() && matches!(state, State::In(_)) => {
                        None
                    }
                    Err(Unanswered::Cut(failure) | Unanswered::Failed(failure)) => return Err(failure),
                };
                if state == State::New && answer.as_ref().is_some_and(|answer| answer.status != 401) {
                    self.logon.state = State::Open;
                }
                Ok(answer)
            }
        }
    }

    /// Begins the first way that may answer this refusal and is possible here.
    fn begin_for(&mut self, refused: &Answer) -> Result<Option<Begun>, Unable> {
        let offered = |way: &dyn Mechanism| refused.challenge(way.scheme()).is_some();
        let ways: Vec<usize> = match self.logon.state {
            State::New | State::Open => {
                (0..self.ways().len()).filter(|n| offered(&*self.ways()[*n])).collect()
            }
            // IIS can be told to forget after each request (authPersistSingleRequest), and IIS 6 and 7 do so where
            // it is by Kerberos unless they are told otherwise (authPersistNonNTLM, KB954873).
            State::In(way) if self.scope(way) == Scope::Connection => {
                self.logon.forgets = true;
                vec![way]
            }
            _ => Vec::new(),
        };
        self.logon.passed_over.clear();
        for way in ways {
            match self.begin(way) {
                Ok(begun) => return Ok(Some(begun)),
                Err(Unable::Here(why)) => self.logon.passed_over.push(why),
                Err(refused) => return Err(refused),
            }
        }
        Ok(None)
    }

    fn begin(&mut self, way: usize) -> Result<Begun, Unable> {
        let host = self.base.host_str().unwrap_or("").trim_matches(['[', ']']).to_string();
        let target = Target { host, binding: Binding::to(self.peer.certificate().as_deref()) };
        let mechanism = self.ways()[way].clone();
        let (handshake, token) = mechanism.begin(&target)?;
        self.logon.tried =
            Some(Tried { what: mechanism.describe(), binding: target.binding, causes: Vec::new() });
        Ok(Begun { way, handshake, token })
    }

    /// Sends tokens until the server lets us in or says no: the first, which it answers with a challenge, with `page`,
    /// the others with `request`. Nothing where `request` did not get there.
    fn rounds(&mut self, begun: Begun, page: &Request, request: &Request) -> Result<Option<Answer>, Failure> {
        let Begun { way, mut handshake, mut token } = begun;
        self.logon.state = State::Lost(way);
        for round in 0..MOST_ROUNDS {
            let carrier = if round == 0 { page } else { request };
            let Some(answer) = self.send_token(carrier, way, &token)? else { return Ok(None) };
            if answer.status != 401 {
                self.finish(&mut *handshake, way, &answer)?;
                self.logon.state = State::In(way);
                self.logon.at_once = round == 0;
                if carrier.form.is_none() && request.form.is_some() {
                    // It let us in by the first token: the request goes out as on any connection that is let in.
                    self.logon.forgets = false;
                    return Ok(None);
                }
                return Ok(Some(answer));
            }
            let next = match self.token_of(way, &answer)? {
                Some(theirs) => handshake.step(&theirs).map_err(Failure::before)?,
                None => None,
            };
            match next {
                Some(next) => token = next,
                None => {
                    if let Some(tried) = &mut self.logon.tried {
                        tried.causes = handshake.causes();
                    }
                    self.logon.state = State::Refused;
                    return Ok(Some(answer));
                }
            }
        }
        let what = format!("{} does not come to an end with the logon", authority(&self.base));
        Err(Failure::before(Error::new(what)))
    }

    fn finish(&self, handshake: &mut dyn Handshake, way: usize, answer: &Answer) -> Result<(), Failure> {
        // Whatever is wrong with the token, the server has acted on the request.
        let acted = |error| Failure { may_have_arrived: true, error };
        let theirs = self.token_of(way, answer).map_err(|failure| acted(failure.error))?;
        handshake.finish(theirs.as_deref()).map_err(acted)
    }

    fn send_token(&mut self, request: &Request, way: usize, token: &[u8]) -> Result<Option<Answer>, Failure> {
        let credentials = credentials(self.ways()[way].scheme(), token);
        self.logon.sent.extend(credentials.split_once(' ').map(|(_, token)| token.to_string().into()));
        match self.send(request, Some(credentials)) {
            Ok(answer) => Ok(Some(answer)),
            Err(Unanswered::Ended) => Ok(None),
            // A page is harmless to ask for again; a form is not.
            Err(Unanswered::Cut(_)) if request.form.is_none() => Ok(None),
            Err(Unanswered::Cut(failure) | Unanswered::Failed(failure)) => Err(failure),
        }
    }

    fn token_of(&self, way: usize, answer: &Answer) -> Result<Option<Vec<u8>>, Failure> {
        let scheme = self.ways()[way].scheme();
        let Some(token) = answer.challenge(scheme).and_then(|c| c.token.as_ref()) else { return Ok(None) };
        let token = STANDARD.decode(token).map_err(|e| {
            let what = format!("the {scheme} token of {} is no Base64", authority(&self.base));
            Failure::before(Error::new(what).because(e))
        })?;
        Ok(Some(token))
    }

    fn ways(&self) -> &[Arc<dyn Mechanism>] {
        match &self.auth {
            Auth::Rounds(ways) => ways,
            _ => &[],
        }
    }

    fn scope(&self, way: usize) -> Scope {
        self.ways()[way].scope()
    }

    fn unsteady(&self) -> Failure {
        let what = format!("{} ends the connection again and again", authority(&self.base));
        Failure::before(Error::new(what).hint(
            "a logon holds on one connection from end to end: a proxy or load balancer in between may cut it",
        ))
    }
}
