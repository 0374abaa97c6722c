//! A TLS client for old servers, **for diagnosis only**: TLS 1.0 to 1.2 with RSA and ECDHE on P-256, AES-CBC, 3DES
//! and RC4, which current libraries speak no longer and Windows before Server 2016 speaks alone. It takes any
//! server certificate, does not verify the signature over an ephemeral key, and does not hide its timing; so it
//! keeps no secret, and nothing is ever sent over it but a SIP OPTIONS. Bytes in, bytes out: it opens nothing.

mod cipher;
mod exchange;
pub mod prf;

use super::hello::ClientHello;
use super::inspector::Flight;
use super::message::{self, CertificateRequest, ServerHello, kind};
use super::reader::vector;
use super::record::{Handshake, Kind, Messages, Record, Records};
use super::{Alert, Fault, Version};
use crate::model::PrivateKey;
use cipher::{Direction, Keys, Plan};
use exchange::{Exchange, premaster, sign};
use prf::{Hash, digest, prf};

/// Why it goes no further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server says so.
    #[error("alert {}", .0.code)]
    Alert(Alert),
    /// What the server sends is not as the standard has it.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// This client cannot do what the server wants.
    #[error("{0}")]
    CanNot(String),
}

/// Fills bytes with random ones.
pub type Random<'a> = &'a dyn Fn(&mut [u8]) -> Result<(), String>;

/// What is shown to a server that asks for a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The certificates, DER, leaf first.
    pub chain: &'a [&'a [u8]],
    /// The leaf's key; RSA alone is of use.
    pub key: &'a PrivateKey,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The server's hello, certificate and wishes are awaited.
    Flight,
    /// Our part is sent; the server switches to the keys next.
    Switch,
    /// The server's Finished is awaited.
    Finished,
    /// The handshake is done.
    Open,
}

/// One connection.
pub struct Client<'a> {
    random: Random<'a>,
    identity: Option<Identity<'a>>,
    offered: Version,
    state: State,
    client_random: [u8; 32],
    server_random: [u8; 32],
    plan: Option<&'static Plan>,
    ephemeral: Vec<u8>,
    master: Vec<u8>,
    /// All handshake messages, as the hashes take them.
    log: Vec<u8>,
    records: Records,
    messages: Messages,
    sealing: Option<Direction>,
    opening: Option<Direction>,
    next_opening: Option<Direction>,
    flight: Flight,
    sent_certificate: bool,
    out: Vec<u8>,
    data: Vec<u8>,
}

impl<'a> Client<'a> {
    /// Begins: the hello is in [`Client::take_output`]. It offers at most `version`.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn new(
        version: Version,
        server_name: Option<&str>,
        identity: Option<Identity<'a>>,
        random: Random<'a>,
    ) -> Result<Self, Failure> {
        let mut client_random = [0; 32];
        random(&mut client_random).map_err(Failure::CanNot)?;
        let mut client = Self {
            random,
            identity,
            offered: version.min(Version::TLS12),
            state: State::Flight,
            client_random,
            server_random: [0; 32],
            plan: None,
            ephemeral: Vec::new(),
            master: Vec::new(),
            log: Vec::new(),
            records: Records::default(),
            messages: Messages::default(),
            sealing: None,
            opening: None,
            next_opening: None,
            flight: Flight::default(),
            sent_certificate: false,
            out: Vec::new(),
            data: Vec::new(),
        };
        let hello = ClientHello {
            version: client.offered,
            random: client_random,
            server_name,
            suites: cipher::PLANS.iter().map(|plan| plan.suite).collect(),
            groups: &[exchange::P256],
            key_share: [0; 32],
        };
        client.log.extend(hello.message().bytes());
        client.out.extend(hello.record().bytes());
        Ok(client)
    }

    /// What is to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What came for the application.
    pub fn take_data(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.data)
    }

    /// True where nothing came for the application that was not taken.
    pub fn has_no_data(&self) -> bool {
        self.data.is_empty()
    }

    /// What the server said in clear.
    pub fn flight(&self) -> &Flight {
        &self.flight
    }

    /// True once our part of the handshake is sent.
    pub fn has_answered(&self) -> bool {
        self.state != State::Flight
    }

    /// True where that held a certificate.
    pub fn has_sent_certificate(&self) -> bool {
        self.sent_certificate
    }

    /// True once both sides' Finished were right: both have the same keys and saw the same messages.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Takes what came from the server.
    ///
    /// # Errors
    /// The server refuses, breaks the standard, or wants what this client cannot do.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.records.push(bytes);
        while let Some(record) = self.records.pop()? {
            let content = match &mut self.opening {
                Some(direction) => direction.open(record.kind, record.version, &record.content)?,
                None => record.content,
            };
            match record.kind {
                Kind::Handshake => {
                    self.messages.push(&content)?;
                    while let Some(message) = self.messages.pop()? {
                        self.read(&message)?;
                    }
                }
                Kind::ChangeCipherSpec => self.switch()?,
                Kind::Alert => {
                    let alert = Alert::parse(&content)?;
                    if alert.level >= Alert::FATAL || alert.code == Alert::CLOSE_NOTIFY {
                        return Err(Failure::Alert(alert));
                    }
                }
                Kind::Data if self.is_open() => self.data.extend(content),
                Kind::Data => return Err(Fault::Malformed("data came before the handshake").into()),
            }
        }
        Ok(())
    }

    /// Encrypts for the server.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        data.chunks(1 << 14).try_for_each(|part| self.put(Kind::Data, part))
    }

    fn version(&self) -> Version {
        self.flight.version.unwrap_or(self.offered)
    }

    fn put(&mut self, kind: Kind, content: &[u8]) -> Result<(), Failure> {
        let version = self.version();
        let content = match &mut self.sealing {
            Some(direction) => direction.seal(kind, version, content, self.random)?,
            None => content.to_vec(),
        };
        self.out.extend(Record { kind, version, content }.bytes());
        Ok(())
    }

    fn put_message(&mut self, kind: u8, body: Vec<u8>) -> Result<(), Failure> {
        let bytes = Handshake { kind, body }.bytes();
        self.log.extend(&bytes);
        bytes.chunks(1 << 14).try_for_each(|part| self.put(Kind::Handshake, part))
    }

    fn read(&mut self, message: &Handshake) -> Result<(), Failure> {
        // A wish to begin anew is no part of the handshake (RFC 5246 section 7.4.1.1), and is not granted.
        if message.kind == kind::HELLO_REQUEST {
            return Ok(());
        }
        if message.kind == kind::FINISHED && self.state == State::Finished {
            let expected = self.verify_data(b"server finished")?;
            if message.body != expected {
                return Err(Fault::Malformed("the server's Finished is wrong").into());
            }
            self.state = State::Open;
            return Ok(());
        }
        if self.state != State::Flight {
            return Err(Fault::Malformed("a message came out of order").into());
        }
        self.log.extend(message.bytes());
        match message.kind {
            kind::SERVER_HELLO => self.hello(&message.body)?,
            kind::CERTIFICATE => self.flight.chain = message::certificates(&message.body)?,
            kind::SERVER_KEY_EXCHANGE => self.ephemeral = exchange::server_point(&message.body)?,
            kind::CERTIFICATE_REQUEST => {
                self.flight.request = Some(CertificateRequest::parse(self.version(), &message.body)?);
            }
            kind::SERVER_HELLO_DONE => self.answer()?,
            _ => {}
        }
        Ok(())
    }

    fn hello(&mut self, body: &[u8]) -> Result<(), Failure> {
        let hello = ServerHello::parse(body)?;
        self.server_random = hello.random;
        self.flight.version = Some(hello.version);
        self.flight.suite = Some(hello.suite);
        self.flight.time = Some(hello.time());
        if !(Version::TLS10..=self.offered).contains(&hello.version) {
            return Err(Failure::CanNot(format!("the server speaks TLS {} alone", hello.version)));
        }
        let plan = cipher::PLANS.iter().find(|plan| plan.suite == hello.suite.0);
        self.plan = Some(plan.ok_or_else(|| Failure::CanNot(format!("{} was not offered", hello.suite)))?);
        Ok(())
    }

    /// Our part: certificate, key, signature, switch, Finished (RFC 5246 section 7.3).
    fn answer(&mut self) -> Result<(), Failure> {
        let Some(plan) = self.plan else {
            return Err(Fault::Malformed("another message came before the ServerHello").into());
        };
        let shown = self.identity.filter(|_| self.flight.request.is_some());
        if self.flight.request.is_some() {
            let chain: Vec<u8> =
                shown.iter().flat_map(|i| i.chain).flat_map(|certificate| vector(3, certificate)).collect();
            self.put_message(kind::CERTIFICATE, vector(3, &chain))?;
        }
        let leaf = self.flight.chain.first().ok_or(Fault::Malformed("the server sent no certificate"))?;
        let (secret, public) = premaster(
            match plan.ephemeral {
                true => Exchange::Point(&self.ephemeral),
                false => Exchange::Rsa(leaf),
            },
            self.offered,
            self.random,
        )?;
        let length = if plan.ephemeral { 1 } else { 2 };
        self.put_message(kind::CLIENT_KEY_EXCHANGE, vector(length, &public))?;
        if let Some(identity) = shown {
            let schemes = self.flight.request.as_ref().map_or(&[][..], |request| &request.schemes);
            let body = sign(identity.key, self.version(), schemes, &self.log)?;
            self.put_message(kind::CERTIFICATE_VERIFY, body)?;
            self.sent_certificate = true;
        }
        let hash = self.hash(plan);
        let randoms = [self.client_random, self.server_random].concat();
        self.master = prf(hash, &secret, b"master secret", &randoms, 48);
        let reversed = [self.server_random, self.client_random].concat();
        let Keys { client, server } = Keys::expand(plan, self.version(), hash, &self.master, &reversed);
        self.put(Kind::ChangeCipherSpec, &[1])?;
        self.sealing = Some(client);
        self.next_opening = Some(server);
        let finished = self.verify_data(b"client finished")?;
        self.put_message(kind::FINISHED, finished)?;
        self.state = State::Switch;
        Ok(())
    }

    fn switch(&mut self) -> Result<(), Failure> {
        if self.state != State::Switch {
            return Err(Fault::Malformed("the keys were switched out of order").into());
        }
        self.opening = self.next_opening.take();
        self.state = State::Finished;
        Ok(())
    }

    fn hash(&self, plan: &Plan) -> Hash {
        match self.version() < Version::TLS12 {
            true => Hash::Md5Sha1,
            false => plan.prf,
        }
    }

    /// RFC 5246 section 7.4.9, RFC 2246 section 7.4.9.
    fn verify_data(&self, label: &[u8]) -> Result<Vec<u8>, Failure> {
        let plan = self.plan.ok_or(Fault::Malformed("Finished came before the ServerHello"))?;
        let hash = self.hash(plan);
        Ok(prf(hash, &self.master, label, &digest(hash, &self.log), 12))
    }
}
