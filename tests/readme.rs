//! Every command in the README is one that our own command line takes, what it points to is there, and the verdicts
//! it shows are those that are given.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use assert_cmd::cargo::CommandCargoExt as _;
use ocscert::edge::journal::Journal;
use ocscert::model::request_state::{Entry, Key, State};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CrlDistributionPoint, CustomExtension,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, SanType,
};
use time::OffsetDateTime;

/// The words of a line as a shell splits it; a redirection ends it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '>' | '|' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_parses_and_every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut commands = 0;
    for line in readme.lines() {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        if !line.starts_with("ocscert ") {
            continue;
        }
        commands += 1;
        if let Err(e) = ocscert::cli::definition().try_get_matches_from(words(line)) {
            panic!("{line}: {e}");
        }
    }
    assert!(commands > 15, "only {commands} commands were found");
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        assert!(root.join(link).exists(), "{link} is not there");
    }
}

/// A folder as the README's verdicts find it.
fn desk() -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    let put = |name: &str, certificates: &[&Certificate]| {
        let pem: String = certificates.iter().map(|certificate| certificate.pem()).collect();
        fs::write(desk.path().join(name), pem).unwrap();
    };
    let (lab, other) = (root("ocscert lab Root CA 3c085a"), root("Foo Root CA"));
    let [issuing, old, other_issuing] = [
        ("ocscert lab Issuing CA 3c085a", &lab),
        ("ocscert lab Issuing CA 3c085a", &lab),
        ("Foo Issuing CA 2", &other),
    ]
    .map(|(name, root)| intermediate(name, &root.0));
    put("fe1.foo.com.pem", &[&signed(leaf("pool.foo.com"), &issuing.0)]);
    put("fe1.foo.com.chain.pem", &[&issuing.1, &lab.1]);
    put("old.pem", &[&old.1, &lab.1]);
    fs::create_dir(desk.path().join("cup-trust")).unwrap();
    put("cup-trust/foo-root.pem", &[&other.1]);
    put("root.pem", &[&other.1]);
    let mut bad = leaf("fe1.foo.com");
    bad.extended_key_usages.truncate(1);
    bad.custom_extensions.push(address("http://pki.foo.com/foo-issuing-2.crt"));
    put("fe.pem", &[&signed(bad, &other_issuing.0)]);

    let csr = desk.path().join("fe1.foo.com.csr");
    let ca_url = "http://127.0.0.1:38413/certsrv/".into();
    let key = Key { csr_sha256: "ab".repeat(32), ca_url, template: None };
    let now = OffsetDateTime::now_utc();
    let entry = Entry {
        key: key.clone(),
        key_sha256: "cd".repeat(32),
        highest_id_before: 0,
        submitted_at: now,
        updated_at: now,
        state: State::Submitting,
    };
    Journal::open(&csr, &key).unwrap().begin(entry).unwrap();
    desk
}

type Ca = (Issuer<'static, KeyPair>, Certificate);

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap()
}

/// From a moment ago, for so many days.
fn params(name: &str, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::now_utc() - time::Duration::MINUTE;
    params.not_after = params.not_before + time::Duration::days(days);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca(name: &str, limit: BasicConstraints) -> CertificateParams {
    let mut params = params(name, 3650);
    params.is_ca = IsCa::Ca(limit);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn root(name: &str) -> Ca {
    let (params, key) = (ca(name, BasicConstraints::Unconstrained), key());
    let certificate = params.self_signed(&key).unwrap();
    (Issuer::new(params, key), certificate)
}

fn intermediate(name: &str, by: &Issuer<'_, KeyPair>) -> Ca {
    let (params, key) = (ca(name, BasicConstraints::Constrained(0)), key());
    let certificate = params.signed_by(&key, by).unwrap();
    (Issuer::new(params, key), certificate)
}

fn leaf(name: &str) -> CertificateParams {
    let mut params = params(name, 365);
    let list = "http://pki.foo.com/foo.crl".to_string();
    params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![list] }];
    let names = ["pool.foo.com", "fe1.foo.com"];
    params.subject_alt_names = names.map(|name| SanType::DnsName(name.try_into().unwrap())).to_vec();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn signed(params: CertificateParams, by: &Issuer<'_, KeyPair>) -> Certificate {
    params.signed_by(&key(), by).unwrap()
}

/// Authority information access (RFC 5280 section 4.2.2.1): the issuer's certificate is at this address.
fn address(url: &str) -> CustomExtension {
    let tlv = |tag: u8, content: Vec<u8>| [vec![tag, content.len() as u8], content].concat();
    let method = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02".to_vec();
    let access = tlv(0x30, [method, tlv(0x86, url.into())].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], tlv(0x30, access))
}

/// Key identifiers, thumbprints and dates are others each time.
fn masked(text: &str) -> String {
    let is_date = |word: &str| {
        word.len() == 10
            && word.chars().enumerate().all(|(at, c)| match at {
                4 | 7 => c == '-',
                _ => c.is_ascii_digit(),
            })
    };
    let is_key_id = |word: &str| word.len() == 59 && word.split(':').all(|byte| byte.len() == 2);
    let is_sha1 = |word: &str| word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| match word {
        word if is_date(word) => "DATE".to_string(),
        word if is_key_id(word) => "KEY-ID".to_string(),
        word if is_sha1(word) => "SHA-1".to_string(),
        word => word.to_string(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// What `ocscert verify` prints in the README is what it prints; a line of dots stands for any lines.
#[test]
fn every_verdict_is_as_it_really_prints() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let desk = desk();
    let mut verdicts = Vec::new();
    for block in readme.split("```\n").skip(1).step_by(2) {
        for shown in block.split("$ ocscert ").filter(|shown| shown.starts_with("verify ")) {
            let (line, shown) = shown.split_once('\n').unwrap();
            let mut command = std::process::Command::cargo_bin("ocscert").unwrap();
            let ran = command.args(words(line)).current_dir(desk.path()).output().unwrap();
            let printed = masked(&String::from_utf8(ran.stdout).unwrap());
            let mut rest = printed.trim_end();
            let masked_shown = masked(shown);
            let parts: Vec<&str> = masked_shown.split("...\n").collect();
            for (n, part) in parts.iter().enumerate() {
                let (is_first, is_last) = (n == 0, n + 1 == parts.len());
                let part = if is_last { part.trim_end() } else { part };
                let at = rest.find(part).filter(|at| !is_first || *at == 0);
                let at = at.unwrap_or_else(|| panic!("{line}\n{part}\nis not in what it prints:\n{printed}"));
                rest = &rest[at + part.len()..];
                assert!(!is_last || part.is_empty() || rest.is_empty(), "{line} prints more:\n{printed}");
            }
            verdicts.push(shown.split(' ').next().unwrap().to_string());
        }
    }
    assert_eq!(verdicts, ["valid", "invalid", "invalid", "invalid"]);
}
