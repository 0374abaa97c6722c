//! `submit` of many requests over TLS with NTLM, beside the PyPI client `certsrv` on the same lab in the same run, and
//! the memory it takes; and the keys of `csr` beside `openssl genrsa`. Run it on a machine that does nothing else, after `tests/run` has
//! made the Python environment: `OCSCERT_TEST_PYTHON=target/test-venv/bin/python cargo bench --bench submit`; with
//! `-- submissions` or `-- keys` at its end, one part alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for developers: what goes wrong ends it"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ocscert::edge::journal::Journal;
use ocscert::lab::{self, Auth, Mode, Options, Running};
use ocscert::make::key::{KeyType, generate};
use ocscert::model::request_state::{Entry, Key, State};
use time::{OffsetDateTime, UtcOffset};

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
    let (mut ours, mut peers, mut server, mut journal) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let folder = tempfile::tempdir().unwrap();
        let lab = start(&folder.path().join("lab"));
        let files = requests(folder.path());
        let (root, password) = (lab.tls_root().unwrap(), lab.password_file().unwrap());

        let bodies: Vec<Vec<u8>> =
            files.iter().map(|file| fs::read(folder.path().join(file)).unwrap()).collect();
        server.push(timed(|| {
            for body in &bodies {
                let request = pem::parse(body).unwrap().into_contents();
                lab.ca().submit(&request, Some(TEMPLATE), "bench", OffsetDateTime::now_utc()).unwrap();
            }
        }));

        ours.push(timed(|| succeeds(submit(&lab, &files).current_dir(folder.path()))));

        let mut peer = Command::new(&python);
        peer.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/certsrv_rate.py"));
        peer.arg(lab.url().split('/').nth(2).unwrap()).arg(root).arg(lab::server::USER).arg(password);
        peer.arg(TEMPLATE).args(&files).env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE");
        let said = succeeds(peer.current_dir(folder.path()));
        peers.push(said.trim().parse().unwrap());

        journal.push(timed(|| files.iter().for_each(|file| journal_of(&folder.path().join("again"), file))));
    }
    let (ours, peers, server, journal) = (median(ours), median(peers), median(server), median(journal));
    println!("{REQUESTS} requests over TLS, NTLM, issued at once:");
    println!("  the CA's own time              {server:>7.3} s   subtracted from both below");
    println!("  ocscert submit                 {:>7.3} s   whole process, {ours:.3} s in all", ours - server);
    println!(
        "    of it durable writes         {journal:>7.3} s   journal, certificate and chain, flushed to the disk"
    );
    println!(
        "  certsrv from PyPI              {:>7.3} s   without its start, {peers:.3} s in all",
        peers - server
    );
    println!("  ratio                          {:>7.2}     goal 3", (peers - server) / (ours - server));
    println!("  ratio without the writes       {:>7.2}", (peers - server) / (ours - server - journal));
    let [few, many] = [REQUESTS / 10, REQUESTS].map(most_memory);
    println!("  memory at most, {REQUESTS} requests {many:>8} MB   of {}: {few} MB", REQUESTS / 10);
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
    let lab = start(&folder.path().join("lab"));
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

/// What `submit` writes for one request that is issued at once: the journal three times, two files.
fn journal_of(folder: &Path, file: &str) {
    fs::create_dir_all(folder).unwrap();
    let now = OffsetDateTime::now_utc();
    let key = Key { csr_sha256: "ab".repeat(32), ca_url: "https://ca/".into(), template: None };
    let mut journal = Journal::open(&folder.join(file), &key).unwrap();
    let (key_sha256, state) = ("cd".repeat(32), State::Submitting);
    let entry = Entry { key, key_sha256, highest_id_before: 1, submitted_at: now, updated_at: now, state };
    journal.begin(entry).unwrap();
    journal.update(State::Issued { request_id: 1 }, now).unwrap();
    for suffix in ["pem", "chain.pem"] {
        let output =
            ocscert::edge::files::Output::public(folder.join(file).with_extension(suffix), vec![b'x'; 2000]);
        ocscert::edge::files::write(&output, false).unwrap();
    }
    let certificate_sha256 = "ef".repeat(32);
    journal.update(State::Fetched { request_id: 1, certificate_sha256 }, now).unwrap();
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

fn start(folder: &Path) -> Running {
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        mode: Mode::Enterprise,
        auto_issue: false,
        auth: Auth::Ntlm,
        tls: true,
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
