//! Everything that is missing for every server of a federation: key, request, the CA's answer, the verdict, the PFX.
//! Each step is on the disk before the next one, so that a run that ends anywhere is continued by the next; where
//! nothing is due nothing is written. A server that fails leaves the others alone.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::site::{Folder, Site};
use super::submit::{self, Order, Outcome, Taken};
use crate::edge::certsrv::Session;
use crate::edge::clock::{SystemTimer, Timer};
use crate::edge::files::{self, Output};
use crate::edge::inputs::shown;
use crate::edge::journal::{self, Journal};
use crate::edge::secrets::Password;
use crate::edge::{Error, Result, renewal};
use crate::federation::{Ca, Product, Server, ServerFiles};
use crate::findings::status::Stage;
use crate::make::chain::order_from;
use crate::make::csr::request;
use crate::make::key::generate;
use crate::make::pkcs12::{Contents, SCHANNEL_CSP, write};
use crate::make::random;
use crate::make::script::{self, Install};
use crate::make::template::Templates;
use crate::model::container::{label, pem};
use crate::model::{self, Certificate, Request, Sourced};

/// Requests to the CA that are made side by side: its pages are slow, and others need them too.
pub const CONNECTIONS: usize = 4;
/// The first pause between two looks at what pends, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

/// How a run is done.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct Run<'a> {
    /// The federation.
    pub site: &'a Site,
    /// The servers to work on.
    pub servers: Vec<Server<'a>>,
    /// Opens a session with the CA; nothing where the CA is none of Microsoft's.
    pub connect: Option<&'a (dyn Fn() -> Result<Session> + Sync)>,
    /// The words of the scripts.
    pub templates: &'a Templates,
    /// How long to wait for an administrator.
    pub wait: Duration,
    /// The password of the PFX files, asked for once and only where one is made; `None`: nobody can be asked.
    pub password: &'a mut dyn FnMut() -> Result<Option<Password>>,
    /// Hears what is done.
    pub watch: &'a (dyn Fn(Told<'_>) + Sync),
}

/// What a run tells while it works.
#[derive(Debug)]
pub enum Told<'a> {
    /// A server has its key and request; true where the key was made just now.
    Prepared(bool),
    /// The CA answered for this server.
    Answered(&'a str),
    /// A server has its PFX, and the scripts that install it.
    Packed,
    /// Nothing to do for this long: somebody at the CA has to decide.
    Waiting(Duration),
}

/// What went wrong.
#[derive(Debug)]
pub struct Failure {
    /// For which server; empty where it concerns all that need the CA.
    pub fqdn: String,
    /// What.
    pub error: Error,
}

/// Does all that can be done today. What could not be done is returned, server by server; where each stands then is
/// told by [`Site::status`].
///
/// # Errors
/// The folder of the federation cannot be made or read.
pub fn enroll(run: Run<'_>) -> Result<Vec<Failure>> {
    let Run { site, servers, connect, templates, wait, password, watch } = run;
    files::make_folder(site.layout.folder())?;
    let prepared: Vec<std::result::Result<Option<Work<'_>>, Failure>> = servers
        .par_iter()
        .map(|server| {
            let work = prepare(site, *server, templates).map_err(|error| failure(*server, error));
            watch(Told::Prepared(matches!(&work, Ok(Some(work)) if work.new_key)));
            work
        })
        .collect();
    let (mut works, mut failures) = (Vec::new(), Vec::new());
    for work in prepared {
        match work {
            Ok(work) => works.extend(work),
            Err(failure) => failures.push(failure),
        }
    }
    let mut finish = Finish { site, templates, watch, password, asked: None };
    if matches!(site.federation.ca, Some(Ca::File)) {
        failures.extend(take_up(site, &works)?);
    }
    failures.extend(match connect {
        Some(connect) => AtCa { site, connect, watch, sessions: Vec::new() }.run(works, wait, &mut finish),
        None => finish.all(&works),
    });
    Ok(failures)
}

/// A server's key and request, on their way to a certificate in use.
struct Work<'a> {
    server: Server<'a>,
    /// Where they are: the server's folder, or its renewal's.
    files: ServerFiles,
    /// What a renewal replaces.
    replaces: Option<Sourced<Arc<Certificate>>>,
    request: Arc<Request>,
    /// True where the key was made in this run.
    new_key: bool,
    /// True where the CA has not given everything yet.
    ask: bool,
    /// True where nobody knows whether the request arrived.
    unknown: bool,
}

fn failure(server: Server<'_>, error: Error) -> Failure {
    Failure { fqdn: server.host.fqdn.as_str().to_string(), error }
}

/// Sees what is missing, and makes key and request. Nothing where nothing is to be done.
fn prepare<'a>(site: &Site, server: Server<'a>, templates: &Templates) -> Result<Option<Work<'a>>> {
    let fqdn = &server.host.fqdn;
    let (files, next) = (site.layout.server(fqdn), site.layout.next(fqdn));
    for folder in [&files.folder, &next.folder].into_iter().filter(|folder| folder.is_dir()) {
        files::remove_leftovers(folder)?;
    }
    renewal::finish(&files.folder, &next.folder, &files.folder.join("previous"), fqdn.as_str())?;
    let folder = site.folder(&files)?;
    let (part, _) = site.part(server, &folder, &files, None);
    // A renewal that has begun goes on, whatever has become of its reason.
    let renews = matches!(part.stage, Stage::Due | Stage::Expired) || next.folder.is_dir();
    match part.stage {
        Stage::Broken => return Err(Error::new(part.note)),
        Stage::Ready if !renews => {
            write_scripts(site, &folder, &files, templates)?;
            return Ok(None);
        }
        _ => {}
    }
    let (files, folder, replaces) = match folder.certificate {
        Some(old) if renews => {
            let folder = site.folder(&next)?;
            (next, folder, Some(old))
        }
        _ => (files, folder, None),
    };
    let request = key_and_request(site, server, &files, &folder)?;
    let stage = site.part(server, &folder, &files, replaces.as_ref()).0.stage;
    let ask = folder.certificate.is_none() || folder.chain.is_empty();
    let new_key = folder.key.is_none();
    Ok(Some(Work { server, files, replaces, request, new_key, ask, unknown: stage == Stage::Unknown }))
}

/// The request of a folder, made where it is missing, with a key that is made where it is missing. A request that
/// the file has outgrown is made anew as long as nobody was asked with it.
fn key_and_request(
    site: &Site,
    server: Server<'_>,
    files: &ServerFiles,
    folder: &Folder,
) -> Result<Arc<Request>> {
    let made = |e: model::Error| Error::new("our own request cannot be read").because(e);
    let not_made =
        |e: crate::make::Error| Error::new(format!("{} could not be made", shown(&files.csr))).because(e);
    let sent = folder.entry.is_some() || folder.certificate.is_some();
    if let Some(request) = &folder.request {
        let Some(key) = &folder.key else {
            return Err(Error::new(format!("{} is missing, and its request is there", shown(&files.key)))
                .hint("restore the key from the backup; without it the certificate is of no use"));
        };
        if !key.public().is_same(&request.public_key) {
            let what = format!("{} and {} do not belong together", shown(&files.key), shown(&files.csr));
            return Err(Error::new(what).hint("restore the one that was replaced from the backup"));
        }
        if sent || !site.asks_for_more(server, request) {
            return Ok(request.clone());
        }
    }
    files::make_folder(&files.folder)?;
    let new;
    let key = match &folder.key {
        Some(key) => key,
        None => {
            new = generate(site.federation.defaults.key_type).map_err(not_made)?;
            let text = Zeroizing::new(pem(label::KEY, new.pkcs8()).into_bytes());
            files::write(&Output::secret(&files.key, text), false)?;
            &new
        }
    };
    let spec = site.federation.request(server, &key.public().algorithm);
    let der = request(&spec, key).map_err(not_made)?;
    let replaces = folder.request.is_some();
    files::write(&Output::public(&files.csr, pem(label::REQUEST, &der)), replaces)?;
    Request::from_der(der).map(Arc::new).map_err(made)
}

/// Talks to a Microsoft CA.
struct AtCa<'a> {
    site: &'a Site,
    connect: &'a (dyn Fn() -> Result<Session> + Sync),
    watch: &'a (dyn Fn(Told<'_>) + Sync),
    sessions: Vec<Session>,
}

impl AtCa<'_> {
    /// Asks for everything once, finishes what came back, and looks again while there is time to wait.
    fn run(mut self, works: Vec<Work<'_>>, wait: Duration, finish: &mut Finish<'_>) -> Vec<Failure> {
        let started = Instant::now();
        let (mut open, done): (Vec<Work<'_>>, Vec<Work<'_>>) = works.into_iter().partition(|work| work.ask);
        let mut failures = finish.all(&done);
        if open.is_empty() {
            return failures;
        }
        // One logon that fails is enough: more of them lock accounts.
        let first = (self.connect)().and_then(|mut session| session.ready().map(|()| session));
        match first {
            Ok(session) => self.sessions.push(session),
            Err(error) => {
                failures.push(Failure { fqdn: String::new(), error });
                return failures;
            }
        }
        let taken = self.taken();
        let mut pause = PAUSES.0;
        let mut patient = false;
        loop {
            // Whether a request arrived can only be told while no new ones come in beside it.
            let (unknown, others): (Vec<Work<'_>>, Vec<Work<'_>>) =
                open.into_iter().partition(|work| work.unknown);
            let mut answers = self.pass(unknown, &taken);
            answers.extend(self.pass(others, &taken));
            let mut fetched = Vec::new();
            open = Vec::new();
            for (mut work, answer) in answers {
                work.unknown = matches!(answer, Ok(Outcome::Unknown { .. }));
                match answer {
                    Ok(Outcome::Issued(_)) => fetched.push(work),
                    Ok(Outcome::Pending { .. } | Outcome::Unknown { .. }) => open.push(work),
                    Ok(Outcome::Denied { .. } | Outcome::Revoked { .. }) => {}
                    // A look that fails while waiting is repeated.
                    Err(_) if patient => open.push(work),
                    Err(error) => failures.push(failure(work.server, error)),
                }
            }
            failures.extend(finish.all(&fetched));
            let left = wait.saturating_sub(started.elapsed());
            if open.is_empty() || left.is_zero() {
                return failures;
            }
            let nap = pause.min(left);
            (self.watch)(Told::Waiting(nap));
            SystemTimer.sleep(nap);
            pause = (pause * 3 / 2).min(PAUSES.1);
            patient = true;
        }
    }

    /// Takes each request as far as it gets, a few at a time.
    fn pass<'w>(&mut self, works: Vec<Work<'w>>, taken: &Taken) -> Vec<(Work<'w>, Result<Outcome>)> {
        while self.sessions.len() < CONNECTIONS.min(works.len()) {
            match (self.connect)() {
                Ok(session) => self.sessions.push(session),
                // The first one does the work alone.
                Err(_) => break,
            }
        }
        let (site, watch) = (self.site, self.watch);
        let queue = Mutex::new(works.into_iter().collect::<VecDeque<_>>());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .sessions
                .iter_mut()
                .map(|session| {
                    let next = &next;
                    scope.spawn(move || {
                        let mut done = Vec::new();
                        while let Some(work) = next() {
                            let answer = ask(site, &work, session, taken);
                            watch(Told::Answered(work.server.host.fqdn.as_str()));
                            done.push((work, answer));
                        }
                        done
                    })
                })
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    /// The numbers of all requests of this federation at the CA.
    fn taken(&self) -> Taken {
        let taken = Taken::default();
        let Some((url, _)) = self.site.ca_key() else { return taken };
        for server in self.site.federation.servers() {
            let layout = &self.site.layout;
            for files in [layout.server(&server.host.fqdn), layout.next(&server.host.fqdn)] {
                // A journal that cannot be read fails its own server.
                let entries = journal::entries(&files.csr).unwrap_or_default();
                let of_ca = entries.iter().filter(|entry| entry.key.ca_url == url);
                of_ca.filter_map(|entry| entry.request_id()).for_each(|id| taken.add(id));
            }
        }
        taken
    }
}

fn ask(site: &Site, work: &Work<'_>, session: &mut Session, taken: &Taken) -> Result<Outcome> {
    let order = Order {
        request: work.request.clone(),
        source: shown(&work.files.csr),
        template: site.ca_key().and_then(|(_, template)| template.cloned()),
        resubmit: false,
        wait: Duration::ZERO,
        certificate: work.files.certificate.clone(),
        chain: work.files.chain.clone(),
        overwrite: false,
        taken: taken.clone(),
    };
    let mut journal = Journal::open(&work.files.csr, &order.key(session))?;
    submit::submit(&order, session, &mut journal, &mut SystemTimer, &mut |_| Ok(()))
}

/// Takes certificates that another CA gave out of the inbox and the servers' folders: each belongs to the request
/// with its key, whatever its file is called.
fn take_up(site: &Site, works: &[Work<'_>]) -> Result<Vec<Failure>> {
    files::make_folder(&site.layout.inbox())?;
    let inbox = found(&site.layout.inbox(), &[])?;
    let take = |work: &Work<'_>| -> Result<()> {
        let mut heap = found(&site.layout.server(&work.server.host.fqdn).folder, &work.files.all())?;
        if work.replaces.is_some() {
            heap.extend(found(&work.files.folder, &work.files.all())?);
        }
        heap.extend(inbox.iter().cloned());
        let ours = heap.iter().filter(|c| c.value.public_key.is_same(&work.request.public_key));
        let Some(leaf) = ours.max_by_key(|c| c.value.validity.not_after).cloned() else { return Ok(()) };
        heap.extend(site.trusted().cloned());
        let chain = order_from(&leaf.value, heap);
        let text = |list: &[Sourced<Arc<Certificate>>]| -> String {
            list.iter().map(|c| pem(label::CERTIFICATE, c.value.der())).collect()
        };
        let (own, above) = chain.ordered.split_at(1.min(chain.ordered.len()));
        for (path, list) in [(&work.files.certificate, own), (&work.files.chain, above)] {
            let text = text(list);
            let same = path.exists() && files::read(path).is_ok_and(|bytes| *bytes == *text.as_bytes());
            if !list.is_empty() && !same {
                files::write(&Output::public(path, text), true)?;
            }
        }
        Ok(())
    };
    let failures = works.par_iter().filter_map(|work| Some(failure(work.server, take(work).err()?)));
    Ok(failures.collect())
}

/// The certificates in a folder's files but these. What holds none is not ours to judge.
fn found(folder: &Path, but: &[&Path]) -> Result<Vec<Sourced<Arc<Certificate>>>> {
    let mut all = Vec::new();
    for path in files::list(folder)?.iter().filter(|path| !but.contains(&path.as_path())) {
        let contents = model::read(&files::read(path)?);
        all.extend(contents.certificates().map(|c| Sourced { value: c.clone(), source: shown(path) }));
    }
    Ok(all)
}

/// Judges what came back, packs it, and puts renewals in their place.
struct Finish<'a> {
    site: &'a Site,
    templates: &'a Templates,
    watch: &'a (dyn Fn(Told<'_>) + Sync),
    password: &'a mut dyn FnMut() -> Result<Option<Password>>,
    /// What asking for the password gave.
    asked: Option<Option<Password>>,
}

impl Finish<'_> {
    fn all(&mut self, works: &[Work<'_>]) -> Vec<Failure> {
        let (site, templates, watch) = (self.site, self.templates, self.watch);
        let judged: Vec<Result<Option<Folder>>> = works.par_iter().map(|work| accepted(site, work)).collect();
        let packs = judged.iter().any(|folder| matches!(folder, Ok(Some(folder)) if !folder.has_pfx));
        let mut failures = Vec::new();
        if packs && self.asked.is_none() {
            match (self.password)() {
                Ok(password) => self.asked = Some(password),
                Err(error) => failures.push(Failure { fqdn: String::new(), error }),
            }
        }
        let password = self.asked.as_ref().and_then(Option::as_ref);
        let ended = works.par_iter().zip(judged).filter_map(|(work, folder)| {
            let end = |folder: Result<Option<Folder>>| -> Result<()> {
                let Some(folder) = folder? else { return Ok(()) };
                match password {
                    _ if folder.has_pfx => {}
                    Some(password) => pack(site, work, &folder, password)?,
                    // Everything but the PFX: a renewal stays where it is until it is whole.
                    None => return Ok(()),
                }
                put_in_place(site, work)?;
                let files = site.layout.server(&work.server.host.fqdn);
                write_scripts(site, &site.folder(&files)?, &files, templates)?;
                watch(Told::Packed);
                Ok(())
            };
            Some(failure(work.server, end(folder).err()?))
        });
        failures.extend(ended.collect::<Vec<_>>());
        failures
    }
}

/// The folder, where its certificate is there and the other side will accept it.
fn accepted(site: &Site, work: &Work<'_>) -> Result<Option<Folder>> {
    let folder = site.folder(&work.files)?;
    let (part, _) = site.part(work.server, &folder, &work.files, work.replaces.as_ref());
    let fine = matches!(part.stage, Stage::Ready | Stage::Unpacked | Stage::Due);
    Ok((fine && folder.certificate.is_some()).then_some(folder))
}

fn pack(site: &Site, work: &Work<'_>, folder: &Folder, password: &Password) -> Result<()> {
    let pfx = shown(&work.files.pfx);
    let (Some(key), Some(leaf)) = (&folder.key, &folder.certificate) else {
        return Err(Error::new(format!("{pfx} could not be made: the key or the certificate is missing")));
    };
    let heap = std::iter::once(leaf).chain(&folder.chain).cloned().collect();
    let chain = order_from(&leaf.value, heap).ordered;
    let chain: Vec<&Certificate> = chain.iter().map(|c| &*c.value).collect();
    let contents =
        Contents { key, chain: &chain, friendly_name: leaf.value.subject.short(), csp: SCHANNEL_CSP };
    let bytes = write(&contents, site.federation.defaults.pfx, password.reveal(), &mut random)
        .map_err(|e| Error::new(format!("{pfx} could not be made")).because(e))?;
    files::write(&Output::secret(&work.files.pfx, bytes), false)
}

/// The scripts that install what is in this folder, where they are not there already just so.
fn write_scripts(site: &Site, folder: &Folder, files: &ServerFiles, templates: &Templates) -> Result<()> {
    let Some(leaf) = &folder.certificate else { return Ok(()) };
    let heap = std::iter::once(leaf).chain(&folder.chain).cloned().collect();
    let chain = order_from(&leaf.value, heap).ordered;
    let install = Install {
        certificate: &leaf.value,
        issuers: chain.iter().skip(1).map(|c| &*c.value).collect(),
        account: &site.account()?,
        is_ocs: site.federation.product == Product::Ocs2007R2,
    };
    let texts = script::install(templates, &install).map_err(|fault| {
        Error::new(format!("{} could not be made", shown(&files.scripts[0])))
            .because(fault)
            .hint("mend that line, or move the file out of --templates to use the program's own")
    })?;
    for (path, text) in files.scripts.iter().zip(texts) {
        let is_so = path.exists() && files::read(path).is_ok_and(|bytes| *bytes == *text.as_bytes());
        if !is_so {
            files::write(&Output::public(path, text), true)?;
        }
    }
    Ok(())
}

fn put_in_place(site: &Site, work: &Work<'_>) -> Result<()> {
    let Some(old) = &work.replaces else { return Ok(()) };
    let fqdn = &work.server.host.fqdn;
    let current = site.layout.server(fqdn).folder;
    let day = old.value.validity.not_after.format(format_description!("[year]-[month]-[day]"));
    let day = day.unwrap_or_else(|_| "old".into());
    renewal::put_in_place(&current, &work.files.folder, &current.join("previous"), fqdn.as_str(), &day)
}
