//! `verify` beside `openssl verify`: both get the same files, in turn, and the medians make the ratio. Run it on a
//! machine that does nothing else: `cargo bench --bench verify`. What it printed stands in docs/benchmarks.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: what goes wrong ends it"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use ocscert::model::{Certificate, container};
use ocscert::path::{Engine, Options, Outcome, Pool, Store};
use rayon::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SanType,
};
use time::OffsetDateTime;

const USAGE: &str = "usage: cargo bench --bench verify [-- [LEAVES] [RUNS]]

LEAVES  how many certificates are verified (10000); everything else is in proportion
RUNS    how often each thing is measured (5); start-up ten times as often";

const OCSCERT: &str = env!("CARGO_BIN_EXE_ocscert");

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter(|arg| arg != "--bench").map(number).collect();
    let leaves = numbers.first().copied().unwrap_or(10_000);
    let runs = numbers.get(1).copied().unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(&folder).unwrap();

    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().unwrap();
    println!("{leaves} leaves, medians of {runs}, {cores} cores, load {load}");
    eprintln!("making certificates ...");
    let leaves = Leaves::make(leaves);
    println!("{:<46} {:>10} {:>10} {:>7}  goal", "", "ocscert", "peer", "ratio");
    many_files(&leaves, runs);
    start_up(runs * 10);
    from_memory(&leaves, runs);
    growth(runs);
    pools(leaves.count * 5, runs);
    adversary(runs);
}

fn number(typed: String) -> usize {
    typed.parse().ok().filter(|n| *n > 0).unwrap_or_else(|| panic!("{USAGE}"))
}

/// One PEM file each, RSA-2048 under one intermediate under one root; and ten times as many.
struct Leaves {
    count: usize,
    der: Vec<Vec<u8>>,
    intermediate: Arc<Certificate>,
    root: Arc<Certificate>,
}

impl Leaves {
    /// Writes `leaves/`, `many.pem` (the same in one file), `more/` (ten times as many), `root.pem`,
    /// `intermediate.pem` and `ca.pem` (both).
    fn make(count: usize) -> Self {
        let rsa = || KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let (root_key, ca_key) = (rsa(), rsa());
        // The leaves share a few keys: what it costs to make one is not what is measured.
        let keys: Vec<KeyPair> = (0..8).map(|_| rsa()).collect();
        let (root_params, ca_params) = (ca("Root"), ca("Issuing CA"));
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::from_params(&root_params, &root_key);
        let intermediate = ca_params.signed_by(&ca_key, &root_issuer).unwrap();
        let issuer = Issuer::from_params(&ca_params, &ca_key);
        let mut der: Vec<Vec<u8>> = (0..10 * count)
            .into_par_iter()
            .map(|n| leaf(n).signed_by(&keys[n % keys.len()], &issuer).unwrap().der().to_vec())
            .collect();
        fs::create_dir("leaves").unwrap();
        fs::create_dir("more").unwrap();
        let mut many = String::new();
        for (n, der) in der.iter().enumerate() {
            let pem = container::pem("CERTIFICATE", der);
            fs::write(format!("more/{n:06}.pem"), &pem).unwrap();
            if n < count {
                fs::write(file(n), &pem).unwrap();
                many += &pem;
            }
        }
        der.truncate(count);
        fs::write("many.pem", many).unwrap();
        fs::write("root.pem", root.pem()).unwrap();
        fs::write("intermediate.pem", intermediate.pem()).unwrap();
        fs::write("ca.pem", intermediate.pem() + &root.pem()).unwrap();
        Self { count, der, intermediate: parse(intermediate.der()), root: parse(root.der()) }
    }
}

/// Issue 10,000 and one process each: with the profile of RFC 5280, with all checks, from one file.
fn many_files(leaves: &Leaves, runs: usize) {
    let files: Vec<PathBuf> = (0..leaves.count).map(file).collect();
    let plain = median(runs, || openssl(&[], &files));
    let bare = median(runs, || openssl(&["-no-CApath", "-no-CAstore"], &files));
    let rfc5280 = median(runs, || ocscert("leaves", &["--chain", "ca.pem", "--profile", "rfc5280"]));
    let whole = median(runs, || ocscert("leaves", &["--chain", "ca.pem"]));
    let single = median(runs, || ocscert("many.pem", &["--chain", "ca.pem", "--profile", "rfc5280"]));
    row("rfc5280, beside openssl verify", rfc5280, plain, plain, rfc5280, "12 or more");
    row("  beside it with -no-CApath -no-CAstore", rfc5280, bare, bare, rfc5280, "");
    row("ocs2007r2, beside openssl verify", whole, plain, plain, whole, "8 or more");
    row("one PEM file, beside as many files", single, rfc5280, rfc5280, single, "1 or more");
}

/// One certificate: what it takes to start and end.
fn start_up(runs: usize) {
    let one = [file(0)];
    let name = one[0].to_str().unwrap();
    let peer = median(runs, || openssl(&[], &one));
    let ours = median(runs, || ocscert(name, &["--chain", "ca.pem"]));
    row("start-up, one certificate", ours, peer, ours, peer, "1.3 or less");
}

/// From bytes in memory to verdicts, beside aws-lc-rs verifying the same signatures and nothing else.
fn from_memory(leaves: &Leaves, runs: usize) {
    let options = Options::new(OffsetDateTime::now_utc());
    let store: Store = [leaves.root.clone()].into_iter().collect();
    let ours = median(runs, || {
        let engine = Engine::new([leaves.intermediate.clone()].into_iter().collect());
        let begin = Instant::now();
        let valid = leaves
            .der
            .par_iter()
            .filter(|der| engine.search(&parse(der), &store, &options).outcome == Outcome::Valid);
        assert_eq!(valid.count(), leaves.count);
        begin.elapsed()
    });
    let parsed: Vec<Arc<Certificate>> = leaves.der.iter().map(|der| parse(der)).collect();
    let key = leaves.intermediate.public_key.key_bytes();
    let bare = median(runs, || {
        let begin = Instant::now();
        let good = parsed.par_iter().filter(|leaf| {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
            key.verify(leaf.tbs(), leaf.signature()).is_ok()
        });
        assert_eq!(good.count(), leaves.count);
        begin.elapsed()
    });
    row("from memory, beside bare aws-lc-rs", ours, bare, ours, bare, "2 or less");
}

/// Ten times the certificates: the time, and how much memory it takes.
fn growth(runs: usize) {
    let options = ["--chain", "ca.pem", "--profile", "rfc5280"];
    let one = median(runs, || ocscert("leaves", &options));
    let ten = median(runs, || ocscert("more", &options));
    row("ten times the files, beside once", ten, one, ten, one, "11 or less");
    memory("memory for ten times the files", peak("more", &options), "300 MB or less");
}

/// One leaf to prove in a pool of CA certificates, and in a pool twice as large.
fn pools(half: usize, runs: usize) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let root = ca("Root of the pool");
    let issuer = Issuer::from_params(&root, &key);
    let members: Vec<String> = (0..2 * half)
        .into_par_iter()
        .map(|n| ca(&format!("CA {n}")).signed_by(&key, &issuer).unwrap().pem())
        .collect();
    let root_pem = root.self_signed(&key).unwrap().pem();
    let last = ca("CA 0");
    fs::write("one.pem", leaf(0).signed_by(&key, &Issuer::from_params(&last, &key)).unwrap().pem()).unwrap();
    fs::write("half.pem", members[..half].concat() + &root_pem).unwrap();
    fs::write("full.pem", members.concat() + &root_pem).unwrap();
    let options = |pool| ["--chain", pool, "--profile", "rfc5280"];
    let small = median(runs, || ocscert("one.pem", &options("half.pem")));
    let large = median(runs, || ocscert("one.pem", &options("full.pem")));
    row(&format!("pool of {}, beside half of it", 2 * half), large, small, large, small, "2.3 or less");
    memory("memory for that pool", peak("one.pem", &options("full.pem")), "");
}

/// CAs that all certify each other, and none that is trusted: paths without end.
fn adversary(runs: usize) {
    const CAS: usize = 30;
    let keys: Vec<KeyPair> =
        (0..CAS).map(|_| KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()).collect();
    let params: Vec<CertificateParams> = (0..CAS).map(|n| ca(&format!("CA {n}"))).collect();
    let issuer = |n: usize| Issuer::from_params(&params[n], &keys[n]);
    let pairs = (0..CAS * CAS).into_par_iter().map(|n| (n / CAS, n % CAS));
    let pool: Vec<Arc<Certificate>> = pairs
        .filter(|(by, of)| by != of)
        .map(|(by, of)| parse(params[of].signed_by(&keys[of], &issuer(by)).unwrap().der()))
        .collect();
    let target = parse(leaf(0).signed_by(&keys[0], &issuer(0)).unwrap().der());
    let stranger = ca("Stranger").self_signed(&keys[0]).unwrap();
    let store: Store = [parse(stranger.der())].into_iter().collect();
    let options = Options::new(OffsetDateTime::now_utc());
    let ours = median(runs, || {
        let engine = Engine::new(pool.iter().cloned().collect::<Pool>());
        let begin = Instant::now();
        let search = engine.search(&target, &store, &options);
        assert!(search.outcome != Outcome::Valid && search.budget.is_some());
        begin.elapsed()
    });
    println!("{:<46} {:>10} {:>10} {:>7}  100 ms or less", "adversarial pool", shown(ours), "", "");
}

/// Only a middle value counts, so that one disturbed run does not.
fn median(runs: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    // Once for nothing: afterwards the files are cached.
    measure();
    let mut times: Vec<Duration> = (0..runs).map(|_| measure()).collect();
    times.sort();
    times[times.len() / 2]
}

/// A row with the ratio of two of its times.
fn row(what: &str, ours: Duration, peer: Duration, over: Duration, under: Duration, goal: &str) {
    let ratio = over.as_secs_f64() / under.as_secs_f64();
    println!("{what:<46} {:>10} {:>10} {ratio:>7.2}  {goal}", shown(ours), shown(peer));
}

fn memory(what: &str, kilobytes: u64, goal: &str) {
    println!("{what:<46} {:>7} MB {:>10} {:>7}  {goal}", kilobytes / 1000, "", "");
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn openssl(options: &[&str], files: &[PathBuf]) -> Duration {
    let mut command = Command::new("openssl");
    command.args(["verify", "-CAfile", "root.pem", "-untrusted", "intermediate.pem"]);
    timed(command.args(options).args(files))
}

fn ocscert(what: &str, options: &[&str]) -> Duration {
    timed(Command::new(OCSCERT).args(["verify", what]).args(options))
}

fn timed(command: &mut Command) -> Duration {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let time = begin.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    time
}

/// The most memory that was ever resident, in kB, looked at until the end (Linux only).
fn peak(what: &str, options: &[&str]) -> u64 {
    let mut command = Command::new(OCSCERT);
    let mut child = command.args(["verify", what]).args(options).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

fn file(n: usize) -> PathBuf {
    Path::new("leaves").join(format!("{n:06}.pem"))
}

fn parse(der: &[u8]) -> Arc<Certificate> {
    Arc::new(Certificate::from_der(der).unwrap())
}

fn ca(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// What OCS and IM and Presence accept, so that every check passes.
fn leaf(n: usize) -> CertificateParams {
    let name = format!("server{n}.foo.com");
    let mut params = params(&name);
    params.subject_alt_names = vec![SanType::DnsName(name.as_str().try_into().unwrap())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(365);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}
