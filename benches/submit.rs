//! `submit` of many requests over TLS with NTLM, beside the PyPI client `certsrv` on the same lab in the same run, and
//! the memory it takes; and the keys of `csr` beside `openssl genrsa`. Run it on a machine that does nothing else,
//! after `tests/run` has made the Python environment:
//! `OCSCERT_TEST_PYTHON=target/test-venv/bin/python cargo bench --bench submit`; with `-- submissions` or `-- keys` at
//! its end, one part alone. Linux: what is to touch no disk is in /dev/shm.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for developers: what goes wrong ends it"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ocscert::edge;
use ocscert::edge::auth::account::{Account, User};
use ocscert::edge::auth::{Wanted, ways};
use ocscert::edge::certsrv::{CaUrl, Session};
use ocscert::edge::secrets::Password;
use ocscert::lab::{self, Auth, Mode, Options, Running};
use ocscert::make::key::{KeyType, generate};
use ocscert::model::{self, Request};
use ocscert::wire::certsrv::{SUBMIT, Submission, TemplateName, chain_of, submission};
use time::UtcOffset;

const REQUESTS: usize = 100;
const RUNS: usize = 3;
const KEYS: usize = 40;
const SERVERS: usize = 200;
const TEMPLATE: &str = "OCSMutualTLS";

fn main() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().unwrap();
    println!("medians of {RUNS}, {cores} cores, load {}", load.trim());
    let part = std::env::args().skip(1).find(|argument| argument != "--bench");
    if part.as_deref() != Some("keys") {
        submissions();
    }
    if part.as_deref() != Some("submissions") {
        keys();
    }
}

fn submissions() {
    let python =
        std::env::var_os("OCSCERT_TEST_PYTHON").expect("OCSCERT_TEST_PYTHON names the peers' Python");
    // Not canonical: the Python of an environment is a link.
    let python = std::path::absolute(python).unwrap();
    let [mut ours, mut in_memory, mut alone, mut peers, mut server] = [const { Vec::new() }; 5];
    for _ in 0..RUNS {
        // The servers and the peer work in memory; only what `submit` writes has to reach the disk, once in two runs.
        let (memory, disk) = (tempfile::tempdir_in("/dev/shm").unwrap(), tempfile::tempdir().unwrap());
        let files = requests(memory.path());
        for file in &files {
            fs::copy(memory.path().join(file), disk.path().join(file)).unwrap();
        }
        server.push(bare(&memory.path().join("bare"), memory.path(), &files));
        let lab = start(&memory.path().join("lab"), Auth::Ntlm);
        ours.push(timed(|| succeeds(submit(&lab, &files).current_dir(disk.path()))));
        in_memory.push(timed(|| succeeds(submit(&lab, &files).current_dir(memory.path()))));
        alone.push(alone_with(&lab, memory.path(), &files));

        let mut peer = Command::new(&python);
        peer.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/certsrv_rate.py"));
        peer.arg(lab.url().split('/').nth(2).unwrap()).arg(lab.tls_root().unwrap()).arg(lab::server::USER);
        peer.arg(lab.password_file().unwrap()).arg(TEMPLATE).args(&files);
        peer.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
        let said = succeeds(peer.current_dir(memory.path()));
        peers.push(said.trim().parse().unwrap());
    }
    let server = median(server);
    let [ours, memory, alone, peers] = [ours, in_memory, alone, peers].map(|all| median(all) - server);
    println!("{REQUESTS} requests over TLS, NTLM, issued at once:");
    println!("  the server's own time          {server:>7.3} s   subtracted from all below");
    println!("  ocscert submit                 {ours:>7.3} s   whole process");
    println!(
        "    of it: the requests alone    {alone:>7.3} s   by the same client, without journal and files"
    );
    println!("    journal, files, start        {:>7.3} s", memory - alone);
    println!("    flushing them to the disk    {:>7.3} s", ours - memory);
    println!("  certsrv from PyPI              {peers:>7.3} s   without its start");
    println!("  ratio of the requests alone    {:>7.2}     goal 3", peers / alone);
    println!("  ratio without flushing         {:>7.2}", peers / memory);
    println!("  ratio with all of it           {:>7.2}", peers / ours);
    let [few, many] = [REQUESTS / 10, REQUESTS].map(most_memory);
    println!("  memory at most, {REQUESTS} requests {many:>8} MB   of {}: {few} MB", REQUESTS / 10);
}

/// The requests of `submit` and no more: a logon, then a form and a certificate with its chain, each.
fn alone_with(lab: &Running, folder: &Path, files: &[String]) -> f64 {
    let roots = fs::read(lab.tls_root().unwrap()).unwrap();
    let roots = model::read(&roots).certificates().map(|root| root.der().to_vec()).collect();
    let user = User::parse(lab::server::USER).unwrap();
    let password = Password::from_file(lab.password_file().unwrap()).unwrap();
    let auth = edge::auth::Auth::Rounds(ways(Wanted::Ntlm, Some(&Account { user, password })).unwrap());
    let options = edge::http::Options { roots, timeout: Duration::from_secs(60) };
    let mut session = Session::new(CaUrl::parse(&lab.url()).unwrap(), auth, &options).unwrap();
    let template = TemplateName::parse(TEMPLATE).unwrap();
    let read = |file: &String| {
        let request = pem::parse(fs::read(folder.join(file)).unwrap()).unwrap();
        Request::from_der(request.into_contents()).unwrap()
    };
    let requests: Vec<Request> = files.iter().map(read).collect();
    timed(|| {
        session.ready().unwrap();
        for request in &requests {
            let Ok(Submission::Issued { id }) = session.submit(request, Some(&template)) else {
                panic!("not issued")
            };
            session.retrieve_with_chain(id).unwrap();
        }
    })
}

/// The server's own time: the same forms and fetches, made before, written to and read from a plain connection.
fn bare(lab: &Path, folder: &Path, files: &[String]) -> f64 {
    let lab = start(lab, Auth::None);
    let host = lab.url().split('/').nth(2).unwrap().to_string();
    let template = TemplateName::parse(TEMPLATE).unwrap();
    let exchanges: Vec<String> = files
        .iter()
        .zip(1..)
        .flat_map(|(file, id)| {
            let request = pem::parse(fs::read(folder.join(file)).unwrap()).unwrap();
            let form = submission(request.contents(), Some(&template));
            [
                format!(
                    "POST /certsrv/{SUBMIT} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nContent-Length: {}\r\n\r\n{form}",
                    form.len()
                ),
                format!("GET /certsrv/{} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\n\r\n", chain_of(id)),
            ]
        })
        .collect();
    let mut stream = BufReader::new(TcpStream::connect(&host).unwrap());
    stream.get_ref().set_nodelay(true).unwrap();
    let took = timed(|| {
        for exchange in &exchanges {
            stream.get_mut().write_all(exchange.as_bytes()).unwrap();
            let mut length = 0;
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                match line.trim_end().strip_prefix("Content-Length: ") {
                    Some(value) => length = value.parse().unwrap(),
                    None if line.len() == 2 => break,
                    None => {}
                }
            }
            stream.read_exact(&mut vec![0; length]).unwrap();
        }
    });
    assert_eq!(lab.ca().requests().len(), files.len());
    took
}

fn submit(lab: &Running, files: &[String]) -> Command {
    let mut submit = Command::new(env!("CARGO_BIN_EXE_ocscert"));
    submit.arg("submit").args(files).args(["--ca-url", &lab.url(), "--template", TEMPLATE, "--quiet"]);
    submit.args(["--auth", "ntlm", "--user", lab::server::USER, "--no-input", "--password-file"]);
    submit.arg(lab.password_file().unwrap()).arg("--ca-cert").arg(lab.tls_root().unwrap());
    submit
}

/// The most memory that so many requests take, in MB; looked at while it runs, so it is a run of its own.
fn most_memory(requests: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let lab = start(&folder.path().join("lab"), Auth::Ntlm);
    let files = self::requests(folder.path());
    let mut command = submit(&lab, &files[..requests]);
    let mut child = command.current_dir(folder.path()).stdout(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
        most = peak.unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return most / 1024;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn keys() {
    let folder = tempfile::tempdir().unwrap();
    let (mut alone, mut command, mut openssl) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..KEYS {
        alone.push(timed(|| generate(KeyType::Rsa2048).unwrap()));
        let name = format!("ocs{n}.foo.com");
        command.push(timed(|| ocscert_csr(folder.path(), &["--server", &name], None)));
        let mut genrsa = Command::new("openssl");
        genrsa.args(["genrsa", "-out", "peer.key", "2048"]).current_dir(folder.path());
        openssl.push(timed(|| succeeds(&mut genrsa)));
    }
    // The time of one key varies tenfold: the mean of many is what a batch costs.
    let (alone, command, openssl) = (mean(&alone), mean(&command), mean(&openssl));
    println!("RSA-2048, means of {KEYS}, alternating:");
    println!("  openssl genrsa                 {:>7.1} ms", openssl * 1e3);
    println!(
        "  ocscert csr, request included  {:>7.1} ms  ratio {:.2}, goal 1.7",
        command * 1e3,
        openssl / command
    );
    println!("  the key alone                  {:>7.1} ms  ratio {:.2}", alone * 1e3, openssl / alone);
    let names: Vec<String> = (0..SERVERS).map(|n| format!("fe{n}.foo.com")).collect();
    let mut arguments = vec!["--pool", "pool.foo.com", "--front-end"];
    arguments.extend(names.iter().map(String::as_str));
    let one = timed(|| ocscert_csr(&folder.path().join("one"), &arguments, Some("1")));
    let all = timed(|| ocscert_csr(&folder.path().join("all"), &arguments, None));
    println!("csr for {SERVERS} servers:");
    println!("  one core {one:.2} s, every core {all:.2} s: {:.2} times as fast", one / all);
}

fn ocscert_csr(folder: &Path, arguments: &[&str], threads: Option<&str>) {
    fs::create_dir_all(folder).unwrap();
    let mut csr = Command::new(env!("CARGO_BIN_EXE_ocscert"));
    csr.arg("csr").args(arguments).arg("--quiet").current_dir(folder);
    if let Some(threads) = threads {
        csr.env("RAYON_NUM_THREADS", threads);
    }
    succeeds(&mut csr);
}

/// Requests with keys that cost nothing to make.
fn requests(folder: &Path) -> Vec<String> {
    let names: Vec<String> = (0..REQUESTS).map(|n| format!("fe{n}.foo.com")).collect();
    let mut arguments = vec!["--pool", "pool.foo.com", "--key-type", "p256", "--front-end"];
    arguments.extend(names.iter().map(String::as_str));
    ocscert_csr(folder, &arguments, None);
    names.iter().map(|name| format!("{name}.csr")).collect()
}

/// A lab that issues at once; over TLS where somebody has to log on.
fn start(folder: &Path, auth: Auth) -> Running {
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        mode: Mode::Enterprise,
        auto_issue: false,
        auth,
        tls: auth != Auth::None,
        folder: folder.to_path_buf(),
        offset: UtcOffset::UTC,
    };
    lab::start(&options).unwrap()
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    let _ = work();
    begun.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn mean(all: &[f64]) -> f64 {
    all.iter().sum::<f64>() / all.len() as f64
}
