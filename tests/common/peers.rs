//! Servers of other people, and of nobody in particular, that a test starts on loopback and that end with it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A program that runs until the test is over. It is asked to end, not killed: Kamailio has children.
pub struct Running {
    child: Child,
    /// Where it listens, where it chose that itself.
    pub port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a program and waits until it says on standard output that it listens: a line that begins so, with
    /// its port after that where it chose one.
    pub fn start(command: &mut Command, ready: &str) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.ok()?.strip_prefix(ready)?.trim().to_string()));
        let said = said.unwrap_or_else(|| panic!("{command:?} does not start"));
        // What it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port: said.parse().unwrap_or_default() }
    }
}

impl Running {
    /// Starts a program that does not say when it listens, and waits until it does at this port. What it has to say
    /// goes into a file, for when it does not.
    pub fn at(port: u16, command: &mut Command, log: &Path) -> Self {
        let file = fs::File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let running = Self { child: command.spawn().unwrap(), port };
        await_port(port, &log.display().to_string());
        running
    }
}

/// Ports that were free a moment ago.
pub fn free_ports(n: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..n).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// One listener of Kamailio.
pub struct Listener<'a> {
    pub port: u16,
    /// Lines of its section in tls.cfg; none: plain TCP.
    pub tls: Option<String>,
    /// What it does with OPTIONS, in Kamailio's language.
    pub answer: &'a str,
}

/// Starts a Kamailio with these listeners, all of its files in `folder`.
pub fn kamailio(program: &Path, folder: &Path, listeners: &[Listener<'_>]) -> Running {
    let mut config = String::from(
        "debug=-1\nlog_stderror=yes\nchildren=1\ntcp_children=3\nauto_aliases=no\ndisable_core_dump=yes\n\
         enable_tls=yes\nserver_header=\"Server: RTC/3.5\"\n\
         mpath=\"/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/\"\n\
         loadmodule \"tls.so\"\nloadmodule \"sl.so\"\nloadmodule \"pv.so\"\n",
    );
    let mut domains = String::from("[server:default]\nmethod = TLSv1.2\n");
    let mut routes = String::new();
    for Listener { port, tls, answer } in listeners {
        let kind = if tls.is_some() { "tls" } else { "tcp" };
        config.push_str(&format!("listen={kind}:127.0.0.1:{port}\n"));
        routes.push_str(&format!("  if ($Rp == {port}) {{ {answer}; exit; }}\n"));
        if let Some(lines) = tls {
            domains.push_str(&format!("[server:127.0.0.1:{port}]\n{lines}\n"));
        }
    }
    let file = |name: &str| folder.join(name).display().to_string();
    config.push_str(&format!("modparam(\"tls\", \"config\", \"{}\")\n", file("tls.cfg")));
    config.push_str(&format!("request_route {{\n{routes}}}\n"));
    fs::write(file("kamailio.cfg"), config).unwrap();
    // The first domain is also the default one.
    let first = listeners.iter().find_map(|l| l.tls.clone()).unwrap_or_default();
    fs::write(file("tls.cfg"), domains.replace("method = TLSv1.2\n[", &format!("{first}\n["))).unwrap();
    let mut command = Command::new(program);
    command.args(["-DD", "-E", "-f", &file("kamailio.cfg"), "-w", &file(""), "-Y", &file("")]);
    // Each domain with a long list of CAs takes much of its memory.
    command.args(["-m", "256", "-P", &file("kamailio.pid")]);
    let log = fs::File::create(file("kamailio.log")).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let running = Running { child, port: 0 };
    for listener in listeners {
        let mut tcp = await_port(listener.port, &file("kamailio.log"));
        if listener.tls.is_some() {
            // Its workers read the lists of CAs one after the other: only one that is through complains of this.
            let _ = tcp.write_all(b"no TLS at all").and_then(|()| tcp.read_to_end(&mut Vec::new()));
        }
    }
    running
}

/// Kamailio does not say when it listens: it is asked until it does.
fn await_port(port: u16, log: &str) -> TcpStream {
    let began = Instant::now();
    loop {
        if let Ok(tcp) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
            return tcp;
        }
        let told = || fs::read_to_string(log).unwrap_or_default();
        assert!(began.elapsed() < Duration::from_secs(30), "nobody listens at {port}: {}", told());
        std::thread::yield_now();
    }
}

/// A server of one page: what it does with each connection. It lives as long as the test's process.
pub fn scripted(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(connection));
        }
    });
    port
}

/// A proxy that answers CONNECT and then carries bytes both ways, to this port whatever name is wanted. Each CONNECT
/// is counted.
pub fn tunnels_to(port: u16) -> (u16, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let proxy = scripted(move |mut client| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"CONNECT "), "{}", String::from_utf8_lossy(&head));
        counted.fetch_add(1, Ordering::SeqCst);
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    (proxy, count)
}
