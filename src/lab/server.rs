//! The lab's web server: loopback only, a thread a connection, HTTP and TLS on one port. With TLS the plain side
//! gives out nothing but what is published for everybody (revocation lists and CA certificates), as a hardened
//! IIS does.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

use super::admin::Admin;
use super::authority::Level;
use super::ca::Ca;
use super::http::{self, Request, Response, Unread};
use super::logon::{Demand, Logon};
use super::policy::Mode;
use super::tls::Tls;
use super::{html, pages, x509};
use crate::edge::auth::binding::Binding;
use crate::edge::files::{self, Output};
use crate::edge::secrets::Password;
use crate::edge::{Error, Result};

/// The lab's one user.
pub const USER: &str = r"lab\alice";

/// How a lab is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen: a loopback address. Port 0 takes the port that this folder's lab had before, so that the
    /// addresses in its certificates stay good; a free one the first time.
    pub listen: SocketAddr,
    /// Which kind of CA.
    pub mode: Mode,
    /// A standalone CA that does not wait for an administrator.
    pub auto_issue: bool,
    /// How clients log on.
    pub auth: Auth,
    /// Pages over TLS.
    pub tls: bool,
    /// Where everything is kept.
    pub folder: PathBuf,
    /// The zone for showing times in.
    pub offset: UtcOffset,
}

/// How clients log on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// As [`USER`], with the password in the folder's file `password` (RFC 7617).
    Basic,
    /// The same user by NTLM; over TLS with the channel binding, as Extended Protection demands it.
    Ntlm,
}

/// A lab that runs. Dropping it stops it.
pub struct Running {
    site: Arc<Site>,
    listener: Option<JoinHandle<()>>,
    local: SocketAddr,
    tls_root: Option<PathBuf>,
}

/// Opens the CA in its folder and starts its web server.
///
/// # Errors
/// The address is not a loopback one or taken; the folder is in use by another lab or cannot be used.
pub fn start(options: &Options) -> Result<Running> {
    if !options.listen.ip().is_loopback() {
        let what = format!("the lab does not listen on {}: anybody there could have it sign", options.listen);
        return Err(Error::new(what).hint("ocscert lab serve --listen 127.0.0.1:0"));
    }
    let folder = options.folder.as_path();
    files::make_folder(folder)?;
    let lock = lock(folder)?;
    let listener = listen(options.listen, folder)?;
    let local = listener.local_addr().map_err(|e| Error::new("cannot listen").because(e))?;
    let now = OffsetDateTime::now_utc();
    let plain = format!("http://{local}");
    let ca = Ca::open(folder, options.mode, options.auto_issue, &plain, now)?;
    let tls = options.tls.then(|| Tls::open(&folder.join("tls"), now)).transpose()?;
    let password_file = folder.join("password");
    let demand = match options.auth {
        Auth::None => Demand::Nothing,
        Auth::Basic => Demand::Basic(password(&password_file)?),
        Auth::Ntlm => {
            let binding = Binding::to(tls.as_ref().map(|tls| tls.certificate.der()));
            Demand::ntlm(password(&password_file)?, binding.data())
        }
    };
    let site = Arc::new(Site {
        ca,
        address: if options.tls { format!("https://{local}") } else { plain },
        token: URL_SAFE_NO_PAD.encode(x509::random::<24>()?),
        password_file: demand.is_any().then_some(password_file),
        demand,
        tls: tls.as_ref().map(server_config).transpose()?,
        offset: options.offset,
        stopping: AtomicBool::new(false),
        next: AtomicU64::new(0),
        connections: Mutex::default(),
        closed: Condvar::new(),
        lock,
    });
    let accepting = Arc::clone(&site);
    let listener = thread::Builder::new()
        .name("lab".into())
        .spawn(move || accept(&listener, &accepting))
        .map_err(|e| Error::new("cannot start a thread").because(e))?;
    Ok(Running { site, listener: Some(listener), local, tls_root: tls.map(|tls| tls.root) })
}

impl Running {
    /// The CA behind the pages.
    pub fn ca(&self) -> &Ca {
        &self.site.ca
    }

    /// What `submit --ca-url` wants.
    pub fn url(&self) -> String {
        format!("{}/certsrv", self.site.address)
    }

    /// The administrator's page.
    pub fn admin_url(&self) -> String {
        format!("{}/lab/", self.site.address)
    }

    /// The file with the root that signed the pages' certificate, where they are over TLS.
    pub fn tls_root(&self) -> Option<&Path> {
        self.tls_root.as_deref()
    }

    /// The file with [`USER`]'s password, where clients have to log on.
    pub fn password_file(&self) -> Option<&Path> {
        self.site.password_file.as_deref()
    }

    /// The file with the root's certificate.
    pub fn root_file(&self) -> PathBuf {
        self.site.ca.certificate_file(Level::Root)
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(listener) = self.listener.take() {
            // The thread only ends when it is told to, and nobody can tell it any more.
            let _ = listener.join();
        }
    }

    /// Ends every connection and waits until all is quiet.
    pub fn stop(self) {}
}

impl Drop for Running {
    fn drop(&mut self) {
        self.site.stopping.store(true, Ordering::SeqCst);
        let Some(listener) = self.listener.take() else { return };
        // Accepting is woken by a connection that is dropped at once.
        let _ = TcpStream::connect(self.local);
        let _ = listener.join();
        let mut open = self.site.connections();
        open.values().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        while !open.is_empty() {
            open = self.site.closed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        // A thread that is just ending still holds the site; the folder is free all the same.
        let _ = self.site.lock.unlock();
    }
}

/// What every connection shares.
struct Site {
    ca: Ca,
    address: String,
    token: String,
    demand: Demand,
    password_file: Option<PathBuf>,
    tls: Option<Arc<ServerConfig>>,
    offset: UtcOffset,
    stopping: AtomicBool,
    next: AtomicU64,
    connections: Mutex<HashMap<u64, TcpStream>>,
    closed: Condvar,
    lock: std::fs::File,
}

impl Site {
    fn connections(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request, plain: bool, logon: &mut Logon) -> Response {
        let now = OffsetDateTime::now_utc();
        if !matches!(request.method.as_str(), "GET" | "HEAD" | "POST") {
            return Response::problem(405, "405 - method not allowed");
        }
        if let Some(published) = pages::published(&self.ca, &request.path, now) {
            return published;
        }
        if plain && self.tls.is_some() {
            return Response::problem(403, "403.4 - Forbidden: SSL is required to view this resource.");
        }
        if let Err(challenge) = logon.take(request, &self.demand) {
            let page = html::render("unauthorized.html", minijinja::context! { user => USER });
            return Response::new(401, "text/html", page.unwrap_or_default())
                .with("WWW-Authenticate", challenge);
        }
        if request.path == "/" {
            return Response::redirect(303, "/lab/");
        }
        let who = if self.demand.is_any() { USER } else { "anonymous" };
        let admin = Admin { ca: &self.ca, token: &self.token, address: &self.address, offset: self.offset };
        pages::answer(&self.ca, request, who, now)
            .or_else(|| admin.answer(request, r"lab\administrator", now))
            .unwrap_or_else(|| Response::problem(404, "404 - File or directory not found."))
    }
}

/// More connections than this at once are turned away.
const MAX_CONNECTIONS: usize = 100;
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

fn accept(listener: &TcpListener, site: &Arc<Site>) {
    for stream in listener.incoming() {
        if site.stopping.load(Ordering::SeqCst) {
            return;
        }
        // A connection that failed to come about is the peer's matter.
        let Ok(stream) = stream else { continue };
        let Ok(handle) = stream.try_clone() else { continue };
        let id = site.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut open = site.connections();
            if open.len() >= MAX_CONNECTIONS {
                continue;
            }
            open.insert(id, handle);
        }
        let serving = Arc::clone(site);
        let spawned = thread::Builder::new().name("lab connection".into()).spawn(move || {
            // Broken connections end; there is nobody to tell.
            let _ = connection(stream, &serving);
            serving.close(id);
        });
        if spawned.is_err() {
            site.close(id);
        }
    }
}

impl Site {
    fn close(&self, id: u64) {
        self.connections().remove(&id);
        self.closed.notify_all();
    }
}

fn connection(stream: TcpStream, site: &Site) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let mut first = [0];
    let is_tls = stream.peek(&mut first)? == 1 && first[0] == TLS_HANDSHAKE;
    match &site.tls {
        Some(config) if is_tls => {
            let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            serve(&mut stream, site, false)?;
            let stream = stream.get_mut();
            stream.conn.send_close_notify();
            stream.flush()?;
            linger(&stream.sock)
        }
        _ => {
            let mut stream = BufReader::new(stream);
            serve(&mut stream, site, true)?;
            linger(stream.get_ref())
        }
    }
}

/// The content type of a TLS record with a ClientHello (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Answers requests until one side has had enough.
fn serve<S: Read + Write>(stream: &mut BufReader<S>, site: &Site, plain: bool) -> io::Result<()> {
    let mut logon = Logon::default();
    loop {
        let (response, head_only, close) = match http::read(stream) {
            Ok(request) => {
                (site.answer(&request, plain, &mut logon), request.method == "HEAD", request.close)
            }
            Err(Unread::Bad(status)) => (Response::problem(status, &format!("{status}")), false, true),
            Err(Unread::Gone) => return Ok(()),
        };
        response.write(stream.get_mut(), head_only, close, OffsetDateTime::now_utc())?;
        if close {
            return Ok(());
        }
    }
}

/// Closes so that the answer arrives: with bytes unread, closing at once would reset the connection and take
/// the answer back.
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut rest = [0; 4096];
    for _ in 0..1024 {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

/// The password in a file; a random one is put there the first time.
fn password(path: &Path) -> Result<Password> {
    if !path.exists() {
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(x509::random::<15>()?) + "\n");
        files::write(&Output::secret(path, Zeroizing::new(text.as_bytes().to_vec())), false)?;
    }
    Password::from_file(path)
}

fn server_config(tls: &Tls) -> Result<Arc<ServerConfig>> {
    let cannot = |e: rustls::Error| Error::new("cannot serve over TLS").because(e);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = vec![CertificateDer::from(tls.certificate.der().to_vec())];
    let key = PrivatePkcs8KeyDer::from(tls.key.pkcs8().to_vec());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(cannot)?
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .map_err(cannot)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Two labs on one folder would give out the same numbers.
fn lock(folder: &Path) -> Result<std::fs::File> {
    let path = folder.join("lock");
    let cannot = |e: io::Error| Error::new(format!("cannot use {}", path.display())).because(e);
    let file =
        std::fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(Error::new(format!("another lab runs on {}", folder.display()))
                .hint("end it, or name another folder with --state"))
        }
        Err(std::fs::TryLockError::Error(e)) => Err(cannot(e)),
    }
}

/// Listens; on port 0 where the folder's lab listened before, if that is free.
fn listen(asked: SocketAddr, folder: &Path) -> Result<TcpListener> {
    let file = folder.join("address");
    let before = files::read(&file).ok().and_then(|bytes| {
        let address: SocketAddr = std::str::from_utf8(&bytes).ok()?.trim().parse().ok()?;
        (address.ip() == asked.ip() && asked.port() == 0).then_some(address)
    });
    let again = before.and_then(|address| TcpListener::bind(address).ok());
    let listener = match again {
        Some(listener) => listener,
        None => TcpListener::bind(asked)
            .map_err(|e| Error::new(format!("cannot listen on {asked}")).because(e))?,
    };
    if let Ok(local) = listener.local_addr() {
        files::write(&Output::public(&file, format!("{local}\n")), true)?;
    }
    Ok(listener)
}
