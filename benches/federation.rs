//! A federation of many servers: `enroll` from nothing against the lab CA, beside bare key generation on all cores
//! and the CA's own time; then `status`. Run it on a machine that does nothing else: `cargo bench --bench federation`.
//! What it printed stands in docs/benchmarks.md.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for developers: what goes wrong ends it"
)]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ocscert::edge::auth::Auth;
use ocscert::edge::certsrv::{CaUrl, Session};
use ocscert::edge::http::Options;
use ocscert::flow::enroll::CONNECTIONS;
use ocscert::lab::{self, Mode};
use ocscert::make::csr::{Spec, request};
use ocscert::make::key::{KeyType, generate};
use ocscert::model::{Fqdn, PrivateKey, Request};
use ocscert::wire::certsrv::Submission;
use rayon::prelude::*;
use time::UtcOffset;

const USAGE: &str = "usage: cargo bench --bench federation [-- [SERVERS] [RUNS]]

SERVERS  how many servers the federation has (500)
RUNS     how often each thing is measured (3)";

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter(|arg| arg != "--bench").map(number).collect();
    let servers = numbers.first().copied().unwrap_or(500);
    let runs = numbers.get(1).copied().unwrap_or(3);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().unwrap();
    println!("{servers} servers, medians of {runs}, {cores} cores, load {}", load.trim());

    let (mut keys, mut ca, mut enroll, mut status) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut most_enroll, mut most_status) = (0, 0);
    for _ in 0..runs {
        let (made, took) = timed(|| bare_keys(servers));
        keys.push(took);
        let folder = tempfile::tempdir().unwrap();
        let lab = start(&folder.path().join("bare"));
        let requests = requests(&made);
        ca.push(timed(|| bare_submissions(&lab.url(), requests)).1);
        lab.stop();

        let lab = start(&folder.path().join("lab"));
        write_file(folder.path(), &lab.url(), servers);
        let ((code, memory), took) = timed(|| run(folder.path(), "enroll"));
        assert_eq!(code, Some(0), "not every server is ready");
        enroll.push(took);
        most_enroll = most_enroll.max(memory);
        for _ in 0..3 {
            let ((code, memory), took) = timed(|| run(folder.path(), "status"));
            assert_eq!(code, Some(0));
            status.push(took);
            most_status = most_status.max(memory);
        }
    }
    let (keys, ca, enroll, status) = (median(keys), median(ca), median(enroll), median(status));
    println!("bare key generation, all cores   {keys:>8.2} s");
    println!(
        "the CA's own time                {ca:>8.2} s   the same requests by bare HTTP, {CONNECTIONS} at a time"
    );
    println!("enroll, PFX for windows2003      {enroll:>8.2} s   {most_enroll} MB");
    println!("  beside both of them            {:>8.2}     goal 1.5", enroll / (keys + ca));
    println!("status                           {status:>8.2} s   {most_status} MB   goal 0.50 s, 200 MB");
}

fn number(typed: String) -> usize {
    typed.parse().ok().filter(|n| *n > 0).unwrap_or_else(|| panic!("{USAGE}"))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed().as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn bare_keys(count: usize) -> Vec<PrivateKey> {
    (0..count).into_par_iter().map(|_| generate(KeyType::Rsa2048).unwrap()).collect()
}

fn requests(keys: &[PrivateKey]) -> VecDeque<Arc<Request>> {
    let made = keys.par_iter().enumerate().map(|(n, key)| {
        let name = Fqdn::parse(&format!("ocs{n}.foo.com")).unwrap();
        let der = request(&Spec::mutual_tls(&name, &key.public().algorithm), key).unwrap();
        Arc::new(Request::from_der(der).unwrap())
    });
    made.collect::<Vec<_>>().into()
}

/// What the CA takes: each request submitted and fetched with its chain, and nothing written.
fn bare_submissions(url: &str, requests: VecDeque<Arc<Request>>) {
    let queue = Mutex::new(requests);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let options = Options { roots: Vec::new(), timeout: Duration::from_secs(60) };
                let mut session =
                    Session::new(CaUrl::parse(url).unwrap(), Auth::Anonymous, &options).unwrap();
                loop {
                    let Some(request) = queue.lock().unwrap().pop_front() else { return };
                    let Ok(Submission::Issued { id }) = session.submit(&request, None) else {
                        panic!("not issued")
                    };
                    session.retrieve_with_chain(id).unwrap();
                }
            });
        }
    });
}

fn start(folder: &Path) -> lab::Running {
    lab::start(&lab::Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        mode: Mode::Standalone,
        auto_issue: true,
        auth: lab::Auth::None,
        tls: false,
        folder: folder.to_path_buf(),
        offset: UtcOffset::UTC,
    })
    .unwrap()
}

fn write_file(folder: &Path, url: &str, servers: usize) {
    let mut file = format!(
        "[federation]\nsip_domain = \"foo.com\"\n[[imp.node]]\nfqdn = \"imp1.foo.com\"\nip = \"10.2.0.1\"\n[ca]\nkind = \"microsoft-standalone\"\nurl = \"{url}\"\nallow_http = true\n[defaults]\npfx = \"windows2003\"\npfx_password_file = \"pw\"\n"
    );
    for n in 0..servers {
        let _ = writeln!(
            file,
            "[[ocs.standard]]\nfqdn = \"ocs{n}.foo.com\"\nip = \"10.1.{}.{}\"",
            n / 200,
            n % 200
        );
    }
    fs::write(folder.join("site.toml"), file).unwrap();
    fs::write(folder.join("pw"), "s3cret\n").unwrap();
}

/// The exit code, and the most memory it had (MB), as /proc tells it.
fn run(folder: &Path, command: &str) -> (Option<i32>, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ocscert"))
        .args([command, "site.toml", "--no-input"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    loop {
        most = most.max(peak(&child).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), most / 1024);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}
