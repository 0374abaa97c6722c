//! A request's way to a CA and back, against a CA that misbehaves: nothing is lost and nothing is asked twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests, too")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt as _;
use common::scripted_ca::{Fault, Mode, Record, ScriptedCa, new_csr, pkcs7};
use ocscert::edge::auth::{Auth, Cause, Handshake, Mechanism, Scope, Target, Token, Unable};
use ocscert::edge::certsrv::{CaUrl, Session};
use ocscert::edge::clock::Timer;
use ocscert::edge::http::Options;
use ocscert::edge::journal::{Journal, path_of};
use ocscert::edge::{Error, Result};
use ocscert::flow::submit::{Issued, Order, Outcome, Step, Taken, submit};
use ocscert::model::request_state::{Document, State};
use ocscert::model::{self, Request};
use time::OffsetDateTime;

/// A clock that moves only when told, or when somebody sleeps.
struct TestTimer<'a> {
    now: OffsetDateTime,
    slept: Vec<Duration>,
    on_sleep: Box<dyn FnMut(usize) + 'a>,
}

impl TestTimer<'_> {
    fn at(seconds: i64) -> Self {
        let now = OffsetDateTime::from_unix_timestamp(1_795_000_000 + seconds).unwrap();
        Self { now, slept: Vec::new(), on_sleep: Box::new(|_| ()) }
    }
}

impl Timer for TestTimer<'_> {
    fn now(&self) -> OffsetDateTime {
        self.now
    }

    fn sleep(&mut self, duration: Duration) {
        self.slept.push(duration);
        self.now += duration;
        (self.on_sleep)(self.slept.len());
    }
}

/// A folder with one CSR in it.
struct Desk {
    folder: tempfile::TempDir,
    order: Order,
}

impl Desk {
    fn new() -> Self {
        Self::with(&new_csr("fe1.example").1)
    }

    fn with(csr: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fe1.csr");
        std::fs::write(&path, csr).unwrap();
        let order = Order {
            request: Arc::new(Request::from_der(csr).unwrap()),
            source: "fe1.csr".into(),
            template: None,
            resubmit: false,
            wait: Duration::ZERO,
            certificate: path.with_extension("pem"),
            chain: path.with_extension("chain.pem"),
            overwrite: false,
            taken: Taken::default(),
        };
        Self { folder, order }
    }

    fn csr(&self) -> PathBuf {
        self.folder.path().join("fe1.csr")
    }

    /// The state in the journal on the disk; none where there is no request in it.
    fn state(&self) -> Option<State> {
        let journal = std::fs::read(path_of(&self.csr())).ok()?;
        Document::parse(&journal).unwrap().requests.last().map(|entry| entry.state.clone())
    }

    fn run(&self, ca: &ScriptedCa, seconds: i64) -> Result<Outcome> {
        self.run_watched(ca, &mut TestTimer::at(seconds), &mut |_| Ok(()))
    }

    fn run_watched(
        &self,
        ca: &ScriptedCa,
        timer: &mut dyn Timer,
        watch: &mut dyn FnMut(Step<'_>) -> Result<()>,
    ) -> Result<Outcome> {
        let mut session = session(ca, Auth::Anonymous)?;
        let mut journal = Journal::open(&self.csr(), &self.order.key(&session))?;
        submit(&self.order, &mut session, &mut journal, timer, watch)
    }
}

fn session(ca: &ScriptedCa, auth: Auth) -> Result<Session> {
    let roots = ca.tls.iter().map(|(pem, _)| {
        let contents = model::read(pem.as_bytes());
        contents.certificates().next().unwrap().der().to_vec()
    });
    let options = Options { roots: roots.collect(), timeout: Duration::from_secs(60) };
    Session::new(CaUrl::parse(&ca.url()).unwrap(), auth, &options)
}

fn issued(outcome: Result<Outcome>) -> Box<Issued> {
    match outcome {
        Ok(Outcome::Issued(issued)) => issued,
        other => panic!("{other:?}"),
    }
}

/// The whole of an error, for asserting on it.
fn told(outcome: Result<Outcome>) -> String {
    let error = outcome.expect_err("an error");
    let mut text = format!("{error:?}");
    text.push_str(error.hint_text().unwrap_or(""));
    text
}

fn session_with_timeout(ca: &ScriptedCa, timeout: Duration) -> Session {
    let options = Options { roots: Vec::new(), timeout };
    Session::new(CaUrl::parse(&ca.url()).unwrap(), Auth::Anonymous, &options).unwrap()
}

#[test]
fn a_ca_that_issues_at_once_is_asked_once_and_a_second_run_needs_no_network() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let issued = issued(desk.run(&ca, 0));
    assert_eq!((issued.id, issued.chain.len(), issued.chain_is_complete()), (1, 2, true));
    assert_eq!(issued.chain[0].subject.short(), "Test Issuing CA");
    assert!(issued.findings.is_empty(), "{:?}", issued.findings);
    let written = model::read(&std::fs::read(&desk.order.certificate).unwrap());
    assert_eq!(written.certificates().next().unwrap().der(), issued.certificate.der());
    let chain = model::read(&std::fs::read(&desk.order.chain).unwrap());
    assert_eq!(chain.certificates().count(), 2, "the chain without the certificate itself");
    assert!(matches!(desk.state(), Some(State::Fetched { request_id: 1, .. })));
    let before = ca.log_len();
    assert_eq!(self::issued(desk.run(&ca, 5)).certificate.der(), issued.certificate.der());
    assert_eq!((ca.log_len(), ca.recorded()), (before, 1));
    assert_eq!(ca.state.lock().unwrap().connections, 1, "one connection carries the session");
}

#[test]
fn pending_stays_pending_until_it_is_issued_and_is_never_sent_again() {
    let (ca, desk) = (ScriptedCa::start(Mode::Pends), Desk::new());
    ca.state.lock().unwrap().first = 1041;
    for seconds in [0, 60] {
        let outcome = desk.run(&ca, seconds).unwrap();
        assert!(matches!(outcome, Outcome::Pending { id: 1042, .. }), "{outcome:?}");
        assert_eq!(desk.state(), Some(State::Pending { request_id: 1042 }));
    }
    ca.issue_pending();
    assert_eq!(issued(desk.run(&ca, 90)).id, 1042);
    assert_eq!(ca.recorded(), 1);
}

#[test]
fn waiting_polls_with_growing_pauses_through_trouble_and_ends_at_its_deadline() {
    let (ca, mut desk) = (ScriptedCa::start(Mode::Pends), Desk::new());
    desk.order.wait = Duration::from_secs(600);
    let mut timer = TestTimer::at(0);
    timer.on_sleep = Box::new(|n| match n {
        2 => ca.fault("certnew.cer", Fault::DropBefore),
        4 => ca.issue_pending(),
        _ => {}
    });
    let mut troubles = 0;
    let outcome = desk.run_watched(&ca, &mut timer, &mut |step| {
        troubles += usize::from(matches!(step, Step::Trouble(_)));
        Ok(())
    });
    issued(outcome);
    assert_eq!(troubles, 1);
    assert_eq!(timer.slept.len(), 4);
    assert!(timer.slept.is_sorted() && timer.slept[0] < timer.slept[3]);
    drop(timer);
    let (ca, mut late) = (ScriptedCa::start(Mode::Pends), Desk::new());
    late.order.wait = Duration::from_secs(600);
    let mut timer = TestTimer::at(0);
    let outcome = late.run_watched(&ca, &mut timer, &mut |_| Ok(())).unwrap();
    assert!(matches!(outcome, Outcome::Pending { .. }));
    assert_eq!(timer.slept.iter().sum::<Duration>(), Duration::from_secs(600));
    assert_eq!(ca.recorded(), 1);
}

#[test]
fn a_denial_is_final_its_code_is_looked_up_and_only_resubmit_asks_anew() {
    let (ca, mut desk) = (ScriptedCa::start(Mode::Denies), Desk::new());
    for network in [true, false] {
        let before = ca.log_len();
        let Outcome::Denied { id: Some(1), message, hresult, .. } = desk.run(&ca, 0).unwrap() else {
            panic!()
        };
        assert_eq!((message.as_str(), hresult), ("Denied by Policy Module", Some(0x8009_4012)));
        assert_eq!(ca.log_len() > before, network);
    }
    desk.order.resubmit = true;
    ca.state.lock().unwrap().mode = Mode::Issues;
    assert_eq!(issued(desk.run(&ca, 60)).id, 2);
    assert_eq!(ca.recorded(), 2);
    // Another template is another request, too, and leaves the first one's record alone.
    let journal = Document::parse(&std::fs::read(path_of(&desk.csr())).unwrap()).unwrap();
    assert!(matches!(journal.requests[0].state, State::Denied { request_id: Some(1), .. }));
}

/// Ends the run at every step in turn, as a kill would: what is on the disk then is all that the next run has.
/// Whatever the step, the CA gets exactly one request and the certificate arrives.
#[test]
fn a_run_that_ends_at_any_step_is_resumed_without_asking_twice() {
    for mode in [Mode::Issues, Mode::Pends] {
        let mut killed = 0;
        loop {
            let (ca, desk) = (ScriptedCa::start(mode), Desk::new());
            let mut left = killed;
            let mut died_at = None;
            let first = desk.run_watched(&ca, &mut TestTimer::at(0), &mut |step| {
                left -= 1;
                if left < 0 {
                    died_at = Some(format!("{step:?}"));
                    return Err(Error::new("killed"));
                }
                Ok(())
            });
            let Some(died_at) = died_at else {
                assert!(killed >= if mode == Mode::Issues { 7 } else { 4 }, "only {killed} steps");
                assert!(first.is_ok());
                break;
            };
            // The administrator acts before the next run.
            ca.issue_pending();
            let second = desk.run(&ca, 31).unwrap_or_else(|e| panic!("{died_at}: {e:?}"));
            // A CA that never got it pends it only now.
            if !matches!(second, Outcome::Issued(_)) {
                assert!(mode == Mode::Pends, "{died_at}: {second:?}");
                ca.issue_pending();
                issued(desk.run(&ca, 62));
            }
            assert_eq!(ca.recorded(), 1, "ended at {died_at}");
            assert!(desk.order.certificate.is_file() && desk.order.chain.is_file(), "{died_at}");
            killed += 1;
        }
    }
}

/// Each fault hits the answer of a submission that the CA has recorded.
#[test]
fn an_answer_that_never_came_is_looked_for_and_never_sent_again() {
    type Case = (&'static str, fn() -> Fault);
    let lost: [Case; 8] = [
        ("dropped", || Fault::DropAfter),
        ("500", || Fault::AnswerAfter(500, "", b"oops".to_vec())),
        ("502", || Fault::AnswerAfter(502, "", Vec::new())),
        ("truncated", || Fault::Truncate),
        // The feature is off, so this is what a proxy does that compresses for everybody.
        ("gzip", || Fault::AnswerAfter(200, "Content-Encoding: gzip\r\n", b"\x1f\x8b\x08".to_vec())),
        ("garbage", || Fault::AnswerAfter(200, "", b"\x1f\x8b\x08garbage".to_vec())),
        ("empty", || Fault::AnswerAfter(200, "", Vec::new())),
        ("1 GiB", || Fault::Endless),
    ];
    for mode in [Mode::Issues, Mode::Pends] {
        for (name, fault) in &lost {
            let (ca, desk) = (ScriptedCa::start(mode), Desk::new());
            ca.other_request(Mode::Issues);
            ca.fault("POST", fault());
            let outcome = desk.run(&ca, 0).unwrap();
            assert!(matches!(outcome, Outcome::Unknown { reason: Some(_), .. }), "{name}: {outcome:?}");
            assert_eq!(desk.state(), Some(State::Unknown), "{name}");
            ca.other_request(Mode::Issues);
            if mode == Mode::Pends {
                // Long after the grace time, too: a pending request may be this one.
                let outcome = desk.run(&ca, 3600).unwrap();
                let Outcome::Unknown { candidates, .. } = outcome else { panic!("{name}: {outcome:?}") };
                assert_eq!(candidates, [2], "{name}");
                ca.issue_pending();
            }
            assert_eq!(issued(desk.run(&ca, 1)).id, 2, "{name}");
            assert_eq!(ca.recorded(), 1, "{name}");
        }
    }
}

#[test]
fn a_submission_that_never_arrived_is_sent_after_the_grace_time_and_not_before() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.fault("POST", Fault::DropBefore);
    assert!(matches!(desk.run(&ca, 0).unwrap(), Outcome::Unknown { .. }));
    // Others' requests are no proof: they are taken in side by side.
    ca.other_request(Mode::Issues);
    ca.other_request(Mode::Denies);
    for seconds in [1, 29, -86_400] {
        let outcome = desk.run(&ca, seconds).unwrap();
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{seconds} s: {outcome:?}");
    }
    assert_eq!(ca.recorded(), 0);
    assert_eq!(issued(desk.run(&ca, 30)).id, 3);
    assert_eq!(ca.recorded(), 1);
    let journal = Document::parse(&std::fs::read(path_of(&desk.csr())).unwrap()).unwrap();
    assert_eq!((journal.requests.len(), journal.requests[0].highest_id_before), (1, 2));
}

#[test]
fn waiting_also_resolves_an_unknown_outcome() {
    let (ca, mut desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    desk.order.wait = Duration::from_secs(120);
    ca.fault("POST", Fault::DropBefore);
    let mut timer = TestTimer::at(0);
    issued(desk.run_watched(&ca, &mut timer, &mut |_| Ok(())));
    assert!(timer.slept.iter().sum::<Duration>() >= Duration::from_secs(30));
    assert_eq!(ca.recorded(), 1);
}

#[test]
fn what_never_left_leaves_no_trace() {
    let login = b"<html><form><input type=password></form></html>".to_vec();
    type Case = (&'static str, Fault, &'static str);
    let cases: Vec<Case> = vec![
        ("GET", Fault::Answer(200, "", login), "login page"),
        ("GET", Fault::Answer(404, "", Vec::new()), "no CA web enrollment site"),
        (
            "GET",
            Fault::Answer(302, "Location: https://evil.example/\r\n", Vec::new()),
            "https://evil.example/",
        ),
        (
            "GET",
            Fault::Answer(401, "WWW-Authenticate: Basic realm=x\r\n", vec![b'x'; 70_000]),
            "--auth basic",
        ),
        ("GET", Fault::Answer(401, "WWW-Authenticate: NTLM\r\n", Vec::new()), "offered NTLM"),
        ("GET", Fault::DropBefore, "was lost"),
        (
            "POST",
            Fault::Answer(307, "Location: http://evil.example/\r\n", Vec::new()),
            "http://evil.example/",
        ),
        ("POST", Fault::Answer(401, "", Vec::new()), "refused the logon"),
        ("POST", Fault::Answer(403, "", Vec::new()), "forbids access"),
    ];
    for (at, fault, expected) in cases {
        let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
        ca.fault(at, fault);
        let told = told(desk.run(&ca, 0));
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!((desk.state(), ca.recorded()), (None, 0), "{expected}");
        assert_eq!(issued(desk.run(&ca, 1)).id, 1, "{expected}: the next run starts afresh");
    }
}

#[test]
fn a_certificate_for_another_key_is_refused_and_nothing_is_written() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let other = Desk::new();
    ca.state.lock().unwrap().wrong_certificate = {
        let certificate = issued(other.run(&ScriptedCa::start(Mode::Issues), 0)).certificate;
        Some(certificate.der().to_vec())
    };
    let told = told(desk.run(&ca, 0));
    assert!(told.contains("for another key as request 1"), "{told}");
    assert!(!desk.order.certificate.exists() && !desk.order.chain.exists());
    assert_eq!(desk.state(), Some(State::Issued { request_id: 1 }));
    ca.state.lock().unwrap().wrong_certificate = None;
    issued(desk.run(&ca, 1));
    assert_eq!(ca.recorded(), 1);
}

/// Bags without the certificate, with it alone, and no bag at all occur; the CA's own list completes the chain.
#[test]
fn the_chain_is_completed_whatever_the_bag_holds() {
    type Bag = (&'static str, fn(&ScriptedCa) -> Vec<u8>);
    let bags: [Bag; 4] = [
        ("CAs only", |ca| {
            let state = ca.state.lock().unwrap();
            pkcs7(&[&state.issuing, &state.root])
        }),
        ("root only, twice", |ca| {
            let root = ca.state.lock().unwrap().root.clone();
            pkcs7(&[&root, &root])
        }),
        ("empty", |_| pkcs7(&[])),
        ("a page", |_| b"<html>busy</html>".to_vec()),
    ];
    for (name, bag) in bags {
        let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
        ca.fault("certnew.p7b", Fault::Answer(200, "", bag(&ca)));
        let issued = issued(desk.run(&ca, 0));
        let names: Vec<_> = issued.chain.iter().map(|c| c.subject.short().to_string()).collect();
        assert_eq!(names, ["Test Issuing CA", "Test Root"], "{name}");
    }
    // Where the CA's list fails, too, the certificate is taken all the same.
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.fault("certnew.p7b", Fault::Answer(200, "", Vec::new()));
    ca.fault("certcarc.asp", Fault::Answer(200, "", Vec::new()));
    let alone = issued(desk.run(&ca, 0));
    assert!(alone.chain.is_empty() && !alone.chain_is_complete());
    assert!(desk.order.certificate.is_file() && !desk.order.chain.exists());
    // The next run tries again.
    assert!(issued(desk.run(&ca, 1)).chain_is_complete() && desk.order.chain.is_file());
}

#[test]
fn what_the_template_took_away_is_told() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.state.lock().unwrap().server_only = true;
    let issued = issued(desk.run(&ca, 0));
    let codes: Vec<_> = issued.findings.iter().map(|f| f.rule.code).collect();
    assert_eq!(codes, ["OCS-REQ-003"]);
}

#[test]
fn a_csr_that_was_changed_is_refused_before_anybody_sees_it() {
    let (_, mut csr) = new_csr("fe1.example");
    let at = csr.windows(11).position(|w| w == b"fe1.example").unwrap();
    csr[at + 2] = b'9';
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::with(&csr));
    let told = told(desk.run(&ca, 0));
    assert!(told.contains("signature of fe1.csr is wrong"), "{told}");
    assert_eq!((ca.log_len(), desk.state()), (0, None));
}

#[test]
fn an_output_that_exists_stops_the_run_before_anything_is_sent() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    std::fs::write(&desk.order.chain, "mine").unwrap();
    assert!(told(desk.run(&ca, 0)).contains("exists already"));
    assert_eq!((ca.log_len(), desk.state()), (0, None));
    assert_eq!(std::fs::read(&desk.order.chain).unwrap(), b"mine");
}

#[test]
fn a_full_disk_after_issuance_loses_nothing() {
    let (ca, mut desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let place = std::mem::replace(&mut desk.order.certificate, "/dev/full".into());
    desk.order.overwrite = true;
    assert!(told(desk.run(&ca, 0)).contains("/dev/full"));
    assert_eq!(desk.state(), Some(State::Issued { request_id: 1 }));
    desk.order.certificate = place;
    issued(desk.run(&ca, 1));
    assert_eq!(ca.recorded(), 1);
}

/// The id that the CA gave cannot be recorded: the person is told it, and the next run finds the request itself.
#[test]
fn a_journal_that_cannot_be_written_after_the_answer_loses_nothing() {
    for mode in [Mode::Issues, Mode::Pends] {
        let (ca, desk) = (ScriptedCa::start(mode), Desk::new());
        let path = path_of(&desk.csr());
        let kept = desk.folder.path().join("kept");
        let outcome = desk.run_watched(&ca, &mut TestTimer::at(0), &mut |step| {
            if matches!(step, Step::Answered) {
                // A folder in its place cannot be replaced by a file.
                std::fs::rename(&path, &kept).unwrap();
                std::fs::create_dir(&path).unwrap();
            }
            Ok(())
        });
        let told = told(outcome);
        assert!(told.contains("as request 1, but that could not be recorded"), "{told}");
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&kept, &path).unwrap();
        ca.issue_pending();
        assert_eq!(issued(desk.run(&ca, 1)).id, 1);
        assert_eq!(ca.recorded(), 1);
    }
}

#[test]
fn nothing_is_sent_where_the_journal_cannot_be_written() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let program = loud(&ca, &desk.csr());
    // No file may grow: what a full disk does, for this process alone.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    command.arg(program.get_program()).args(program.get_args());
    let (code, _, err) = says(command);
    assert!(code == 2 && err.contains("cannot write the journal") && err.contains("hint:"), "{err}");
    assert_eq!((ca.recorded(), ca.state.lock().unwrap().posts, desk.state()), (0, 0, None));
    assert_eq!(says(loud(&ca, &desk.csr())).0, 0);
}

#[test]
fn two_programs_do_not_work_on_one_request() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let (reached, release) = ca.stop("POST", true);
    let mut first = program(&ca, &desk.csr()).spawn().unwrap();
    reached.recv().unwrap();
    let (code, _, err) = says(loud(&ca, &desk.csr()));
    assert!(code == 2 && err.contains("another ocscert works on"), "{err}");
    drop(release);
    assert_eq!(first.wait().unwrap().code(), Some(3), "its answer was lost");
    assert_eq!(says(loud(&ca, &desk.csr())).0, 0);
    assert_eq!(ca.recorded(), 1);
}

#[test]
fn the_tls_certificate_is_kept_and_an_untrusted_or_dead_server_is_told_apart() {
    let (mut ca, desk) = (ScriptedCa::start_tls(Mode::Issues), Desk::new());
    issued(desk.run(&ca, 0));
    let mut options = Options { roots: Vec::new(), timeout: Duration::from_secs(60) };
    let (root, server) = ca.tls.clone().unwrap();
    options.roots = vec![model::read(root.as_bytes()).certificates().next().unwrap().der().to_vec()];
    let url = reqwest::Url::parse(&format!("{}/", ca.url())).unwrap();
    let mut http = ocscert::edge::http::Connection::new(url, Auth::Anonymous, &options).unwrap();
    assert!(http.peer_certificate().is_none());
    http.get("").unwrap();
    assert_eq!(http.peer_certificate(), Some(server));
    // Another root: the same server is not trusted.
    ca.tls = ScriptedCa::start_tls(Mode::Issues).tls;
    let told_untrusted = told(Desk::new().run(&ca, 0));
    assert!(
        told_untrusted.contains("not trusted") && told_untrusted.contains("--ca-cert"),
        "{told_untrusted}"
    );
    // A port that speaks no TLS, and one where nobody listens.
    let plain = ScriptedCa::start(Mode::Issues);
    ca.address = plain.address;
    let told_plain = told(Desk::new().run(&ca, 0));
    assert!(told_plain.contains("hung up during the TLS handshake"), "{told_plain}");
    ca.address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(told(Desk::new().run(&ca, 0)).contains("refused the connection"));
}

#[test]
fn a_server_that_stalls_is_given_up_and_the_outcome_is_unknown() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let (_reached, _release) = ca.stop("POST", true);
    let mut session = session_with_timeout(&ca, Duration::from_millis(500));
    let mut journal = Journal::open(&desk.csr(), &desk.order.key(&session)).unwrap();
    let outcome =
        submit(&desk.order, &mut session, &mut journal, &mut TestTimer::at(0), &mut |_| Ok(())).unwrap();
    let Outcome::Unknown { reason: Some(reason), .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.to_string().contains("did not answer in time"), "{reason:?}");
}

/// A byte now and then keeps no timer from running out: the whole answer has to be there in time.
#[test]
fn an_answer_that_trickles_in_is_given_up_and_the_outcome_is_unknown() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.fault("POST", Fault::Drip);
    let mut session = session_with_timeout(&ca, Duration::from_millis(500));
    let mut journal = Journal::open(&desk.csr(), &desk.order.key(&session)).unwrap();
    let outcome =
        submit(&desk.order, &mut session, &mut journal, &mut TestTimer::at(0), &mut |_| Ok(())).unwrap();
    let Outcome::Unknown { reason: Some(reason), .. } = outcome else { panic!("{outcome:?}") };
    assert!(format!("{reason:?}").contains("did not end in time"), "{reason:?}");
    drop(journal);
    issued(desk.run(&ca, 1));
    assert_eq!(ca.recorded(), 1);
}

/// The web server's own certificate is out of its time, or this machine's clock is: nothing is sent.
#[test]
fn a_tls_certificate_out_of_its_time_is_named_with_the_clock_as_a_cause() {
    for (validity, expected) in [((2000, 2010), "it has expired"), ((2090, 2100), "it is not valid yet")] {
        let (ca, desk) = (ScriptedCa::start_tls_with(Mode::Issues, &[validity]), Desk::new());
        let told = told(desk.run(&ca, 0));
        assert!(told.contains(expected) && told.contains("clock"), "{told}");
        assert_eq!((ca.log_len(), desk.state()), (0, None));
    }
}

/// The connection breaks, and who answers the next one shows another certificate, though from the same root: the
/// request does not go there. The next session begins anew.
#[test]
fn a_server_that_changes_its_certificate_within_a_session_gets_no_request() {
    let ca = ScriptedCa::start_tls_with(Mode::Issues, &[(2020, 2100), (2021, 2099)]);
    let desk = Desk::new();
    let mut session = session(&ca, Auth::Anonymous).unwrap();
    session.ready().unwrap();
    ca.fault("GET", Fault::DropBefore);
    session.retrieve(1).unwrap_err();
    let mut journal = Journal::open(&desk.csr(), &desk.order.key(&session)).unwrap();
    let refused = submit(&desk.order, &mut session, &mut journal, &mut TestTimer::at(0), &mut |_| Ok(()));
    let told = told(refused);
    assert!(told.contains("changed while we talked to it"), "{told}");
    drop(journal);
    assert_eq!((ca.recorded(), ca.state.lock().unwrap().posts, desk.state()), (0, 0, None));
    issued(desk.run(&ca, 1));
    assert_eq!(ca.recorded(), 1);
}

/// A CA that deleted its old requests: what is left of them begins far up, where the quick look before the
/// submission finds nothing. The lost submission is found all the same, and not sent again.
#[test]
fn a_lost_submission_is_found_on_a_ca_whose_old_requests_are_gone() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.state.lock().unwrap().first = 1100;
    (0..100).for_each(|_| ca.other_request(Mode::Issues));
    ca.fault("POST", Fault::DropAfter);
    assert!(matches!(desk.run(&ca, 0).unwrap(), Outcome::Unknown { .. }));
    let journal = Document::parse(&std::fs::read(path_of(&desk.csr())).unwrap()).unwrap();
    assert_eq!(journal.requests[0].highest_id_before, 0, "the case that is meant");
    assert_eq!(issued(desk.run(&ca, 3600)).id, 1201);
    assert_eq!(ca.recorded(), 1);
}

#[test]
fn a_request_that_was_revoked_is_told_so() {
    let (ca, desk) = (ScriptedCa::start(Mode::Pends), Desk::new());
    desk.run(&ca, 0).unwrap();
    ca.state.lock().unwrap().records[0] = Record::Revoked;
    for seconds in [1, 2] {
        let outcome = desk.run(&ca, seconds).unwrap();
        assert!(matches!(outcome, Outcome::Revoked { id: 1, .. }), "{outcome:?}");
    }
    let (code, out, err) = says(loud(&ca, &desk.csr()));
    assert!(code == 1 && out.starts_with("revoked   ") && err.contains("--resubmit"), "{out}{err}");
    assert_eq!(ca.recorded(), 1);
}

/// A host with the web services that came after the pages, and no pages.
#[test]
fn a_host_with_enrollment_web_services_alone_is_named_as_such() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    ca.fault("GET /certsrv/", Fault::Answer(404, "", Vec::new()));
    ca.fault("CEP_Kerberos", Fault::Answer(404, "", Vec::new()));
    ca.fault("CEP_UsernamePassword", Fault::Answer(401, "WWW-Authenticate: Negotiate\r\n", Vec::new()));
    let told = told(desk.run(&ca, 0));
    assert!(told.contains("CES/CEP") && told.contains("certreq -submit"), "{told}");
    assert_eq!((desk.state(), ca.recorded()), (None, 0));
}

/// What a dry run prints is what then arrives, byte for byte; and it asks nobody and leaves nothing behind.
#[test]
fn a_dry_run_shows_what_is_then_sent_and_sends_nothing() {
    let (ca, desk) = (ScriptedCa::start(Mode::Pends), Desk::new());
    let dry = || {
        let mut command = loud(&ca, &desk.csr());
        command.args(["--template", "OCS & Co", "--dry-run"]);
        says(command)
    };
    let (code, out, err) = dry();
    assert!(code == 0 && out.starts_with("sends     ") && err.contains("nothing was sent"), "{out}{err}");
    assert!(err.contains("it would go without a logon"), "{err}");
    // Who would log on how is told without asking for a password; what does not fit together is told, too.
    for (flags, code, told) in [
        (&["--user", r"FOO\alice", "--allow-http"][..], 0, r"as FOO\alice, by Kerberos, else NTLM"),
        (&["--user", "u", "--auth", "basic"], 0, "as u, by Basic"),
        (&["--allow-http"], 0, "as whoever is logged on here"),
        (&["--user", r"FOO\alice"], 2, "over plain http"),
    ] {
        let mut command = loud(&ca, &desk.csr());
        let (ended, _, err) = says({
            command.arg("--dry-run").args(flags);
            command
        });
        assert!(ended == code && err.contains(told), "{flags:?}: {err}");
    }
    assert_eq!((ca.log_len(), std::fs::read_dir(desk.folder.path()).unwrap().count()), (0, 1));
    let mut real = loud(&ca, &desk.csr());
    real.args(["--template", "OCS & Co"]);
    assert_eq!(says(real).0, 3);
    let state = ca.state.lock().unwrap();
    let (head, body) = &state.posted[0];
    let (_, shown) = out.split_once("\n\n").unwrap();
    let (shown_head, shown_body) = shown.split_once("\n\n").unwrap();
    assert_eq!(shown_body.trim_end(), body);
    let mut lines = shown_head.lines();
    assert!(lines.next().unwrap().starts_with(&format!("POST {}/certfnsh.asp ", ca.url())), "{shown_head}");
    for line in lines {
        assert!(head.lines().any(|sent| sent.eq_ignore_ascii_case(line)), "{line} in {head}");
    }
    drop(state);
    let before = ca.log_len();
    let (code, out, _) = dry();
    assert!(code == 0 && out.starts_with("asks      ") && !out.contains("POST"), "{out}");
    assert_eq!(ca.log_len(), before);
}

/// The pages are kept, in order, for the owner alone; the password is in none of them.
#[test]
fn the_pages_can_be_kept_for_support() {
    use std::os::unix::fs::PermissionsExt as _;
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let password = desk.folder.path().join("pw");
    std::fs::write(&password, "geheim").unwrap();
    let kept = desk.folder.path().join("pages");
    ca.fault("POST", Fault::AnswerAfter(500, "", b"AUTH_PASSWORD=geheim dTpnZWhlaW0=".to_vec()));
    let mut command = loud(&ca, &desk.csr());
    command.args(["--auth", "basic", "--user", "u", "--password-file"]).arg(&password);
    command.arg("--save-response").arg(&kept);
    assert_eq!(says(command).0, 3);
    let mut names: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names[0].ends_with("001-home.http"), "{names:?}");
    let last = names.last().unwrap();
    assert!(last.to_str().unwrap().ends_with("-certfnsh.asp.http"), "{names:?}");
    let text = std::fs::read_to_string(last).unwrap();
    assert!(text.starts_with("HTTP/1.1 500 ") && text.contains("AUTH_PASSWORD=****** ****"), "{text}");
    for name in &names {
        assert_eq!(std::fs::metadata(name).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(name).unwrap();
        assert!(!text.contains("geheim") && !text.contains("dTpnZWhlaW0="), "{text}");
    }
}

/// A page that cannot be kept must not cost the id that stands on it.
#[test]
fn a_page_that_cannot_be_kept_stops_nothing() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let kept = desk.folder.path().join("pages");
    std::fs::create_dir(&kept).unwrap();
    // Names of which the last is the highest there can be: the next one exists already.
    std::fs::write(kept.join("18446744073709551615-home.http"), "mine").unwrap();
    let mut command = loud(&ca, &desk.csr());
    command.arg("--save-response").arg(&kept);
    let (code, out, err) = says(command);
    assert!(code == 0 && out.starts_with("issued"), "{out}{err}");
    assert!(err.contains("warning: not all pages were kept"), "{err}");
    assert_eq!(std::fs::read(kept.join("18446744073709551615-home.http")).unwrap(), b"mine");
}

/// Many requests: a line each, the worst last, and the exit code of the worst. What fails is told in full before.
#[test]
fn many_requests_end_in_a_table_worst_last() {
    let (ca, desk) = (ScriptedCa::start(Mode::Denies), Desk::new());
    assert_eq!(says(loud(&ca, &desk.csr())).0, 1);
    ca.state.lock().unwrap().mode = Mode::Pends;
    let (waiting, ours) = (Desk::new(), Desk::new());
    assert_eq!(says(loud(&ca, &waiting.csr())).0, 3);
    let mut command = loud(&ca, &desk.csr());
    ca.state.lock().unwrap().mode = Mode::Issues;
    command.arg(waiting.csr()).arg(ours.csr());
    let (code, out, err) = says(command);
    let words: Vec<_> = out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!((code, words), (1, vec!["issued", "pending", "denied"]), "{out}{err}");
    assert!(out.contains("0x80094012 CERTSRV_E_TEMPLATE_DENIED"), "{out}");
    assert!(err.contains("1 issued, 1 pending or unknown, 1 refused by the CA"), "{err}");
    assert_eq!(ca.recorded(), 3);
}

/// With --wait each is fetched when it is issued, whichever comes first.
#[test]
fn many_requests_are_waited_for_together() {
    let (ca, desk, other) = (ScriptedCa::start(Mode::Pends), Desk::new(), Desk::new());
    // No number that the search for the CA's last request looks at.
    ca.state.lock().unwrap().first = 40;
    let (reached, release) = ca.stop("ReqID=41&", false);
    let mut command = loud(&ca, &desk.csr());
    command.arg(other.csr()).args(["--wait", "10m"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    reached.recv().unwrap();
    ca.issue_pending();
    drop(release);
    let output = child.unwrap().wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), out.matches("issued ").count()), (Some(0), 2), "{out}");
    assert_eq!(ca.recorded(), 2);
}

/// A site that cannot be entered is waited for once, not once a request.
#[test]
fn a_site_that_cannot_be_entered_is_tried_once_for_all() {
    let (ca, desk, other) = (ScriptedCa::start(Mode::Issues), Desk::new(), Desk::new());
    ca.fault("GET", Fault::DropBefore);
    let mut command = loud(&ca, &desk.csr());
    command.arg(other.csr());
    let (code, out, err) = says(command);
    assert_eq!((code, out.matches("failed ").count(), ca.log_len()), (2, 2, 1), "{out}{err}");
    assert!(err.contains("could not be entered just before"), "{err}");
}

/// Runs the program on a CSR until it is stopped by the server, kills it there, and runs it again.
#[test]
fn the_program_killed_at_any_request_is_resumed_without_asking_twice() {
    let places = [
        ("GET /certsrv/ ", false, false),
        ("ReqID=1&", false, false),
        ("POST", false, true),
        ("POST", true, false),
        ("certnew.p7b", false, false),
    ];
    for mode in [Mode::Issues, Mode::Pends] {
        for (at, after, lost) in places {
            if mode == Mode::Pends && at == "certnew.p7b" {
                continue;
            }
            let (ca, desk) = (ScriptedCa::start(mode), Desk::new());
            let (reached, release) = ca.stop(at, after);
            let mut child = program(&ca, &desk.csr()).spawn().unwrap();
            reached.recv().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            drop(release);
            if lost {
                // The grace time goes by.
                let path = path_of(&desk.csr());
                let mut journal = Document::parse(&std::fs::read(&path).unwrap()).unwrap();
                assert_eq!(journal.requests[0].state, State::Submitting);
                journal.requests[0].submitted_at -= Duration::from_secs(60);
                std::fs::write(&path, journal.to_json().unwrap()).unwrap();
            }
            ca.issue_pending();
            let mut code = program(&ca, &desk.csr()).status().unwrap().code();
            if code == Some(3) && mode == Mode::Pends {
                ca.issue_pending();
                code = program(&ca, &desk.csr()).status().unwrap().code();
            }
            assert_eq!((code, ca.recorded()), (Some(0), 1), "killed at {at}, after: {after}");
            assert!(desk.order.certificate.is_file(), "{at}");
        }
    }
}

/// Runs the program with `--quiet` left out; exit code, standard output, standard error.
fn says(mut command: std::process::Command) -> (i32, String, String) {
    let output = command.stdout(std::process::Stdio::piped()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_says_the_answer_first_and_what_to_do_next() {
    let (ca, desk) = (ScriptedCa::start(Mode::Pends), Desk::new());
    let run = |arguments: &[&str]| {
        let mut command = loud(&ca, &desk.csr());
        command.args(arguments);
        says(command)
    };
    let (code, out, err) = run(&[]);
    assert_eq!(code, 3, "{err}");
    assert!(out.starts_with("pending   ") && out.contains("request 1 at 127.0.0.1:"), "{out}");
    assert!(out.contains("Certification Authority > Pending Requests > 1 > Issue"), "{out}");
    assert!(err.contains("warning: plain http") && err.contains("next: the same command again"), "{err}");
    ca.state.lock().unwrap().server_only = true;
    ca.issue_pending();
    let (code, out, err) = run(&["--color", "never"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("issued    ") && out.contains("Test Issuing CA < Test Root"), "{out}");
    assert_eq!(out.matches("until 2099-01-01 (").count(), 1, "{out}");
    assert!(out.contains("OCS-REQ-003") && out.contains("P9b"), "{out}");
    assert!(err.contains("next: ocscert verify ") && err.contains(" --chain "), "{err}");
    ca.state.lock().unwrap().mode = Mode::Denies;
    let (code, _, err) = run(&["--resubmit"]);
    assert_eq!(code, 2, "the files of the first one are in the way: {err}");
    let (code, out, err) = run(&["--resubmit", "--overwrite"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.starts_with("denied    ") && out.contains("Denied by Policy Module"), "{out}");
    assert!(out.contains("0x80094012 CERTSRV_E_TEMPLATE_DENIED") && err.contains("fix: "), "{out}{err}");
    ca.fault("POST", Fault::DropAfter);
    let (code, out, err) = run(&["--resubmit", "--overwrite"]);
    assert_eq!(code, 3, "{err}");
    assert!(out.starts_with("unknown   ") && err.contains("fe1.request.json"), "{out}{err}");
}

#[test]
fn one_bad_request_among_several_leaves_the_others_their_chance() {
    let (ca, desk, other) = (ScriptedCa::start(Mode::Issues), Desk::new(), Desk::new());
    let mut command = loud(&ca, &desk.folder.path().join("missing.csr"));
    command.arg(desk.csr()).arg(other.csr());
    let (code, out, err) = says(command);
    assert_eq!((code, out.matches("issued ").count()), (2, 2), "{out}{err}");
    assert!(err.contains("missing.csr does not exist"), "{err}");
    assert_eq!(ca.state.lock().unwrap().connections, 1, "one session for all");
}

#[test]
fn arguments_that_would_lose_something_are_refused() {
    let (ca, desk) = (ScriptedCa::start(Mode::Issues), Desk::new());
    let csr = desk.csr().to_str().unwrap().to_string();
    let password = desk.folder.path().join("pw");
    std::fs::write(&password, "secret").unwrap();
    let password = password.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["-o", &csr, "--overwrite"], "need three files"),
        (&["-o", "-"], "submit works on files"),
        (&["--template", "A\r\nSAN:dns=evil"], "no line breaks"),
        (&["--user", "u"], "--allow-http"),
        (&["--user", "u", "--auth", "none"], "no logon is wanted"),
        (&["--user", "A\\", "--allow-http", "--password-file", password], "names no user"),
        (&["--user", "u", "--allow-http"], "--password-file FILE"),
        (&["--password-file", password], "nobody whose it is"),
        (&["--auth", "ntlm", "--allow-http"], "needs a user"),
        (&["--auth", "basic"], "needs a user"),
        (&["--auth", "basic", "--user", "u:v", "--password-file", password], "no colon"),
        (&["--ca-cert", &csr], "a certificate is needed"),
        (&[&csr, "-o", "x.pem"], "several requests"),
    ];
    for (arguments, expected) in cases {
        let mut command = loud(&ca, &desk.csr());
        command.args(*arguments);
        let (code, _, err) = says(command);
        assert!(code == 2 && err.contains(expected), "{arguments:?}: {code} {err}");
    }
    let mut elsewhere = loud(&ca, &desk.csr());
    elsewhere.args(["--auth", "basic", "--user", "u", "--password-file", password]);
    let (code, out, err) = says(elsewhere);
    assert_eq!((code, out.starts_with("issued")), (0, true), "Basic on this machine alone is fine: {err}");
    let mut command = std::process::Command::cargo_bin("ocscert").unwrap();
    command.args(["submit", &csr, "--ca-url", "http://ca.example/certsrv"]);
    command.args(["--auth", "basic", "--user", "u", "--password-file", password]);
    let (code, _, err) = says(command);
    assert!(code == 2 && err.contains("password in the clear") && !err.contains("secret"), "{err}");
}

fn program(ca: &ScriptedCa, csr: &Path) -> std::process::Command {
    let mut command = loud(ca, csr);
    command.arg("--quiet").stdout(std::process::Stdio::null());
    command
}

fn loud(ca: &ScriptedCa, csr: &Path) -> std::process::Command {
    let mut command = std::process::Command::cargo_bin("ocscert").unwrap();
    command.arg("submit").arg(csr).args(["--ca-url", &ca.url(), "--no-input"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

/// What is in the way is named, not the server behind it: a proxy that refuses, is not there, or has no address.
#[test]
fn a_proxy_in_the_way_is_named() {
    use std::io::{Read as _, Write as _};
    let desk = Desk::new();
    let answering = |answer: &'static str| {
        let port = common::peers::scripted(move |mut client| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"CONNECT ca.example:443 "));
            client.write_all(answer.as_bytes()).unwrap();
        });
        format!("127.0.0.1:{port}")
    };
    let wants_logon = "HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n";
    let through = "the proxy on the way to ca.example does not let us through";
    for (proxy, told, next) in [
        (answering(wants_logon), [through, "authorization required"], "NO_PROXY=ca.example"),
        (
            answering("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n"),
            [through, "because"],
            "HTTPS_PROXY names it",
        ),
        (answering(""), [through, "because"], "HTTPS_PROXY names it"),
        (
            format!("127.0.0.1:{}", common::peers::free_ports(1)[0]),
            [through, "refused"],
            "HTTPS_PROXY names it",
        ),
        (
            "proxy.invalid:80".into(),
            ["the name proxy.invalid", "resolved"],
            "the proxy that HTTPS_PROXY names",
        ),
    ] {
        let mut command = std::process::Command::cargo_bin("ocscert").unwrap();
        command.args(["submit", "--no-input", "--ca-url", "https://ca.example/certsrv"]).arg(desk.csr());
        for name in ["https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            command.env_remove(name);
        }
        command.env("HTTPS_PROXY", format!("http://{proxy}"));
        let (code, _, err) = says(command);
        assert!(
            code == 2 && told.iter().all(|part| err.contains(part)) && err.contains(next),
            "{proxy}: {err}"
        );
    }
    assert_eq!(desk.state(), None);
}

/// A way to log on whose first token is enough, as Kerberos's is.
#[derive(Debug)]
struct OneToken(Scope);

impl Mechanism for OneToken {
    fn scheme(&self) -> &'static str {
        "Test"
    }

    fn scope(&self) -> Scope {
        self.0
    }

    fn describe(&self) -> String {
        "a token".into()
    }

    fn begin(&self, _target: &Target) -> std::result::Result<(Box<dyn Handshake>, Token), Unable> {
        Ok((Box::new(Sent), b"token".to_vec().into()))
    }
}

struct Sent;

impl Handshake for Sent {
    fn step(&mut self, _token: &[u8]) -> Result<Option<Token>> {
        Ok(None)
    }

    fn finish(&mut self, _token: Option<&[u8]>) -> Result<()> {
        Ok(())
    }

    fn causes(&self) -> Vec<Cause> {
        Vec::new()
    }
}

/// The connection that was let in has ended before the form is sent: it goes out once, after another logon, and
/// carries the token where that is for each request.
#[test]
fn a_form_waits_for_a_connection_that_was_let_in() {
    for (scope, asked) in [(Scope::Connection, 5), (Scope::Request, 4)] {
        let ca = ScriptedCa::start(Mode::Issues);
        let mut session = session(&ca, Auth::Rounds(vec![Arc::new(OneToken(scope))])).unwrap();
        ca.fault("GET", Fault::Answer(401, "WWW-Authenticate: Test\r\n", Vec::new()));
        session.ready().unwrap();
        ca.fault("GET", Fault::AnswerAfter(200, "Connection: close\r\n", Vec::new()));
        session.templates().unwrap();
        let request = Request::from_der(&new_csr("fe1.example").1[..]).unwrap();
        session.submit(&request, None).unwrap_or_else(|failure| panic!("{failure:?}"));
        let state = ca.state.lock().unwrap();
        assert_eq!((state.posts, state.recorded, state.connections), (1, 1, 2), "{scope:?}: {:?}", state.log);
        assert_eq!(state.log.len(), asked, "{scope:?}: {:?}", state.log);
        let head = state.posted[0].0.to_ascii_lowercase();
        assert_eq!(head.contains("authorization: test dg9rzw4="), scope == Scope::Request, "{head}");
    }
}

/// The server forgets after each request, as IIS 6 and 7 do with Kerberos, to a way that holds for a connection: the
/// form carries the token, which is enough, and goes out once.
#[test]
fn a_server_that_forgets_gets_the_form_with_the_token() {
    let ca = ScriptedCa::start(Mode::Issues);
    let mut session = session(&ca, Auth::Rounds(vec![Arc::new(OneToken(Scope::Connection))])).unwrap();
    for page in [Session::ready, |session: &mut Session| session.templates().map(drop)] {
        ca.fault("GET", Fault::Answer(401, "WWW-Authenticate: Test\r\n", Vec::new()));
        page(&mut session).unwrap();
    }
    let request = Request::from_der(&new_csr("fe1.example").1[..]).unwrap();
    session.submit(&request, None).unwrap_or_else(|failure| panic!("{failure:?}"));
    let state = ca.state.lock().unwrap();
    assert_eq!((state.posts, state.recorded, state.log.len()), (1, 1, 5), "{:?}", state.log);
    let head = state.posted[0].0.to_ascii_lowercase();
    assert!(head.contains("authorization: test dg9rzw4="), "{head}");
}

/// The server's proof came garbled with the page that says "issued": the CA has the request all the same.
#[test]
fn a_garbled_proof_leaves_no_doubt_that_the_form_arrived() {
    let ca = ScriptedCa::start(Mode::Issues);
    let mut session = session(&ca, Auth::Rounds(vec![Arc::new(OneToken(Scope::Request))])).unwrap();
    ca.fault("GET", Fault::Answer(401, "WWW-Authenticate: Test\r\n", Vec::new()));
    session.ready().unwrap();
    ca.fault("POST", Fault::AnswerAfter(200, "WWW-Authenticate: Test %%%\r\n", Vec::new()));
    let request = Request::from_der(&new_csr("fe1.example").1[..]).unwrap();
    let failure = session.submit(&request, None).unwrap_err();
    assert!(failure.may_have_arrived && failure.error.to_string().contains("no Base64"), "{failure:?}");
}
