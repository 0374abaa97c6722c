//! Public suites against the path engine, in-process: NIST PKITS, x509-limbo (tier `validation`) and BetterTLS.
//! They live outside this repository, in `conformance/` of the folder that `OCSCERT_SHARED` names, else of
//! `../shared`. Where they are absent the tests are listed as skipped, and in CI they fail.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::peer;
use ocscert::model::{Certificate, Crl, Oid, oid};
use ocscert::path::{Crls, Engine, Options, Outcome, PolicyInputs, ReferenceName, Search};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[test]
fn limbo() {
    let Some(folder) = conformance() else { return };
    let tiers = json(&folder.join("limbo/tiers.json"));
    let suite = json(&folder.join("limbo/limbo-core.json"));
    let cases: Vec<&Value> = list(&suite["testcases"])
        .iter()
        .filter(|case| tiers[text(&case["id"])].as_str().is_none_or(|tier| tier == "validation"))
        // Each contradicts its twin under `rfc5280`, whose side is ours.
        .filter(|case| !LOSING_TWINS.contains(&text(&case["id"])))
        .collect();
    assert!(cases.len() > 50, "only {} cases", cases.len());
    report(cases.iter().filter_map(|case| limbo_case(case)).collect(), cases.len());
}

#[test]
fn bettertls() {
    let Some(folder) = conformance() else { return };
    let suite = json(&folder.join("limbo/limbo-bettertls.json"));
    let cases = list(&suite["testcases"]);
    assert!(cases.len() >= 418, "only {} cases", cases.len());
    report(cases.iter().filter_map(limbo_case).collect(), cases.len());
}

#[test]
fn pkits() {
    let Some(folder) = conformance() else { return };
    let suite = json(&folder.join("pkits/pkits.json"));
    let cases = list(&suite["tests"]);
    assert!(cases.len() >= 127, "only {} cases", cases.len());
    report(cases.iter().filter_map(|case| pkits_case(&folder.join("pkits"), case)).collect(), cases.len());
}

const LOSING_TWINS: [&str; 3] =
    ["webpki::ca-as-leaf", "webpki::eku::ee-without-eku", "webpki::nc::permitted-dns-match-noncritical"];

/// PKITS tests that use DSA, which the policy refuses: all of them must fail, also the ones meant to succeed.
const DSA: [&str; 3] = ["4.1.4", "4.1.5", "4.1.6"];

fn limbo_case(case: &Value) -> Option<String> {
    let expected = text(&case["expected_result"]) == "SUCCESS";
    let found = limbo_verdict(case);
    let accepted = matches!(&found, Ok(search) if search.1 && search.0.outcome == Outcome::Valid);
    (found.is_err() || accepted != expected).then(|| explain(text(&case["id"]), expected, found.map(|f| f.0)))
}

fn limbo_verdict(case: &Value) -> Result<(Search, bool), String> {
    let at = match case["validation_time"].as_str() {
        Some(time) => OffsetDateTime::parse(time, &Rfc3339).map_err(|e| e.to_string())?,
        None => OffsetDateTime::now_utc(),
    };
    let certificates = |key: &str| -> Result<Vec<Arc<Certificate>>, String> {
        list(&case[key]).iter().map(|pem| certificate(&der(text(pem)))).collect()
    };
    let leaf = certificate(&der(text(&case["peer_certificate"])))?;
    let mut options = Options::new(at);
    options.purpose = vec![match text(&case["validation_kind"]) {
        "CLIENT" => oid::CLIENT_AUTH,
        _ => oid::SERVER_AUTH,
    }];
    options.max_depth = case["max_chain_depth"].as_u64().map(|n| n as usize);
    options.crls = crls(list(&case["crls"]).iter().map(|pem| der(text(pem))))?;
    let engine = Engine::new(certificates("untrusted_intermediates")?.into_iter().collect());
    let store = certificates("trusted_certs")?.into_iter().collect();
    let search = engine.search(&leaf, &store, &options);
    let names = list(&case["expected_peer_names"]).iter().chain([&case["expected_peer_name"]]);
    let named = names.filter(|name| name.is_object()).all(|name| {
        let kind = text(&name["kind"]).replace("RFC822", "email");
        ReferenceName::parse(&format!("{kind}:{}", text(&name["value"])))
            .is_ok_and(|name| name.matches(&*leaf, false).is_match())
    });
    Ok((search, named))
}

fn pkits_case(folder: &Path, case: &Value) -> Option<String> {
    let id = text(&case["id"]);
    let expected = text(&case["expected"]) == "SUCCESS" && !DSA.contains(&id);
    let found = pkits_verdict(folder, case);
    let accepted = matches!(&found, Ok(search) if search.outcome == Outcome::Valid);
    let title = format!("{id} {}", text(&case["title"]));
    (found.is_err() || accepted != expected).then(|| explain(&title, expected, found))
}

fn pkits_verdict(folder: &Path, case: &Value) -> Result<Search, String> {
    let read = |kind: &str, name: &str, end: &str| {
        std::fs::read(folder.join(kind).join(format!("{name}.{end}"))).unwrap()
    };
    let mut certificates = Vec::new();
    for name in list(&case["certs"]) {
        certificates.push(certificate(&read("certs", text(name), "crt"))?);
    }
    let leaf = certificates.pop().unwrap();
    let store = certificates.drain(..1).collect();
    let mut options = Options::new(OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap());
    let number = |name: &Value| text(name).rsplit('-').next().unwrap_or_default().to_string();
    let policy = |name| Oid::parse(&format!("2.16.840.1.101.3.2.1.48.{}", number(name)));
    let flag = |key: &str| case[key].as_bool().unwrap_or_default();
    options.policies = PolicyInputs {
        initial: list(&case["initial_policy_set"])
            .iter()
            .filter(|name| text(name).starts_with("NIST-test-policy-"))
            .filter_map(policy)
            .collect(),
        require_explicit: flag("initial_explicit_policy"),
        inhibit_any: flag("initial_inhibit_any_policy"),
        inhibit_mapping: flag("initial_policy_mapping_inhibit"),
    };
    options.crls = crls(list(&case["crls"]).iter().map(|name| read("crls", text(name), "crl")))?;
    Ok(Engine::new(certificates.into_iter().collect()).search(&leaf, &store, &options))
}

fn certificate(der: &[u8]) -> Result<Arc<Certificate>, String> {
    Certificate::from_der(der).map(Arc::new).map_err(|e| e.to_string())
}

/// The lists of a case: revocation is required where there are any.
fn crls(ders: impl Iterator<Item = Vec<u8>>) -> Result<Option<Arc<Crls>>, String> {
    let lists: Vec<Arc<Crl>> = ders
        .map(|der| Crl::from_der(der).map(Arc::new))
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    Ok((!lists.is_empty()).then(|| Arc::new(Crls::new(lists))))
}

fn explain(id: &str, expected: bool, found: Result<Search, String>) -> String {
    let kind = if expected { "false reject" } else { "false accept" };
    match found {
        // Bad certificates are to be judged, not stumbled over.
        Err(e) => format!("unreadable {id}: {e}"),
        Ok(search) => {
            let failures: Vec<_> =
                search.failures.iter().map(|f| format!("#{}: {}", f.at, f.reason)).collect();
            let tried: Vec<_> = search.tried.iter().map(|t| t.reason.to_string()).collect();
            format!("{kind} {id}: {:?} {failures:?} tried {tried:?} {:?}", search.outcome, search.revocation)
        }
    }
}

fn report(wrong: Vec<String>, all: usize) {
    assert!(wrong.is_empty(), "{} of {all} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The folder with the suites; `None` when the test has to be skipped.
fn conformance() -> Option<PathBuf> {
    let shared = std::env::var_os("OCSCERT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("conformance");
    if folder.is_dir() {
        return Some(folder);
    }
    peer::skip_outside(&format!("the conformance suites in {}", folder.display()))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn der(text: &str) -> Vec<u8> {
    pem::parse(text).unwrap().into_contents()
}
