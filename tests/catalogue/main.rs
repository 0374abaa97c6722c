//! Every rule of the tool has a case in which it fires and one in which its check is quiet; a rule without a
//! case fails, and so does a case without a rule. Codes and names are unique.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "../common/mod.rs"]
mod common;
mod containers;
mod live;
mod pki;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::peer;
use ocscert::checks::stores::judge_store;
use ocscert::checks::{
    self, Expected, Known, Own, Profile, Purpose, Question, Side, Sources, Stores, request,
};
use ocscert::findings::{CertificateReport, Family, Finding, Severity, Verdict};
use ocscert::model::{Certificate, Crl, Fqdn, PublicKey, Sourced};
use ocscert::path::{Crls, CryptoEra, Engine, PolicyInputs, Pool, ReferenceName};
use ocscert::wire::Blob;
use ocscert::wire::tls::Version;
use ocscert::wire::transcript::{ConnectEnd, Ending};
use pki::{Pki, Plan};
use time::{Duration, OffsetDateTime};

/// One judgement: what is judged, by whom, with what at hand.
struct Scene {
    leaf: Sourced<Arc<Certificate>>,
    chain: Vec<Sourced<Arc<Certificate>>>,
    trust: Vec<Sourced<Arc<Certificate>>>,
    side: Side,
    expected: Expected,
    profile: &'static str,
    era: Option<CryptoEra>,
    /// Days from now.
    at: i64,
    max_depth: Option<usize>,
    require_policy: bool,
    crls: Option<Vec<Arc<Crl>>>,
    /// Our keys, and the certificates in use.
    ours: Vec<Sourced<PublicKey>>,
    previous: Vec<Sourced<Arc<Certificate>>>,
    /// IM and Presence's TLS peer subjects.
    peers: Option<&'static [&'static str]>,
}

impl Scene {
    /// A leaf under the issuing CA and the root, judged tomorrow as a front end of the pool by IM and Presence.
    fn new(pki: &Pki, leaf: Sourced<Arc<Certificate>>) -> Self {
        let chain = vec![pki.certificate("issuing"), pki.certificate("root")];
        Self {
            leaf,
            trust: vec![pki.certificate("root")],
            chain,
            side: Side::Ocs,
            expected: Expected::Pool(Fqdn::parse("pool.foo.com").unwrap()),
            profile: "ocs2007r2",
            era: None,
            at: 1,
            max_depth: None,
            require_policy: false,
            crls: None,
            ours: Vec::new(),
            previous: Vec::new(),
            peers: None,
        }
    }

    fn under(mut self, issuers: &[Sourced<Arc<Certificate>>]) -> Self {
        self.chain = issuers.to_vec();
        self
    }

    fn question(&self) -> Question {
        let profile = Profile::named(self.profile).unwrap();
        Question {
            at: OffsetDateTime::now_utc() + Duration::days(self.at),
            era: self.era.unwrap_or(profile.era()),
            profile,
            purpose: Purpose::Mutual,
            expected: self.expected.clone(),
            warn_days: 30,
            max_depth: self.max_depth,
            policies: PolicyInputs { require_explicit: self.require_policy, ..PolicyInputs::default() },
            crls: self.crls.clone().map(|crls| Arc::new(Crls::new(crls))),
            known: Known {
                ca_url: Some("https://ca.foo.com/certsrv".into()),
                are_files: true,
                ..Known::default()
            },
            peer_subjects: self
                .peers
                .map(|peers| peers.iter().map(|peer| Fqdn::parse(peer).unwrap()).collect()),
            own: Own {
                side: self.side,
                keys: self.ours.clone(),
                previous: self.previous.clone(),
                ..Own::default()
            },
        }
    }

    fn judge(&self) -> CertificateReport {
        let question = self.question();
        let mut sources = Sources::default();
        let all = || self.chain.iter().chain(&self.trust);
        all().for_each(|c| sources.add(c));
        let pool: Pool = all().map(|c| c.value.clone()).collect();
        let store = || self.trust.iter().map(|c| c.value.clone()).collect();
        let stores = Stores { ocs: store(), imp: store() };
        checks::judge(&question, &Engine::new(pool), &stores, &sources, self.side, &self.leaf).report()
    }
}

/// What a rule needs: what is made and why the rule must fire, the scene, and one in which it must not.
struct Case {
    code: &'static str,
    says: &'static str,
    fires: fn(&Pki) -> Vec<Finding>,
    quiet: fn(&Pki) -> Vec<Finding>,
}

fn leaf(pki: &Pki, change: impl FnOnce(Plan<'static>) -> Plan<'static>) -> Scene {
    let certificate = pki.issue(&change(Plan::leaf("leaf")));
    Scene::new(pki, certificate)
}

fn found(scene: Scene) -> Vec<Finding> {
    scene.judge().findings
}

/// A good certificate, judged tomorrow: nothing but the hint about hotfixes.
fn good(pki: &Pki) -> Vec<Finding> {
    found(leaf(pki, |plan| plan))
}

/// The good leaf under an issuing CA of the same name that is made anew.
fn under_ca(pki: &Pki, ca: Plan<'static>) -> Scene {
    let ca = pki.issue(&Plan { name: "other", ..ca });
    let certificate = pki.issue(&Plan { issuer: "other", ..Plan::leaf("leaf") });
    Scene::new(pki, certificate).under(&[ca, pki.certificate("root")])
}

fn issuing() -> Plan<'static> {
    Plan::ca("other", "/O=Foo/CN=Foo Issuing CA", "root")
}

const SMALL: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
const LARGE: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4104"];
const EC: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];

const CASES: &[Case] = &[
    Case {
        code: "OCS-NAM-001",
        says: "the CN is a host of another domain; IM and Presence looks for the pool's name",
        fires: |p| found(leaf(p, |plan| Plan { subject: "/CN=www.bar.org", ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-002",
        says: "the CN is another host in the pool's domain: the front end's own name",
        fires: |p| found(leaf(p, |plan| Plan { subject: "/CN=fe1.foo.com", ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-003",
        says: "there are SANs, and the CN is not among them",
        fires: |p| found(leaf(p, |plan| plan.with("subjectAltName=DNS:fe1.foo.com"))),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-004",
        says: "the name that was asked for is not in the certificate",
        fires: |p| {
            let name = ReferenceName::parse("DNS:sip.foo.com").unwrap();
            found(Scene { expected: Expected::Names(vec![name]), ..leaf(p, |plan| plan) })
        },
        quiet: |p| {
            let name = ReferenceName::parse("DNS:FE1.foo.com").unwrap();
            found(Scene { expected: Expected::Names(vec![name]), ..leaf(p, |plan| plan) })
        },
    },
    Case {
        code: "OCS-NAM-005",
        says: "only the pool is named, no front end",
        fires: |p| found(leaf(p, |plan| plan.with("subjectAltName=DNS:pool.foo.com,DNS:sip.foo.com"))),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-006",
        says: "a wildcard among the SANs",
        fires: |p| found(leaf(p, |plan| plan.with("subjectAltName=DNS:pool.foo.com,DNS:*.foo.com"))),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-007",
        says: "no SAN at all: under legacy crypto the CN stands for it, and that is warned about",
        fires: |p| found(leaf(p, |plan| plan.without("subjectAltName"))),
        quiet: good,
    },
    Case {
        code: "OCS-NAM-008",
        says: "IM and Presence lists the front end as TLS peer subject, and not the pool, which is the CN",
        fires: |p| found(Scene { peers: Some(&["fe1.foo.com"]), ..leaf(p, |plan| plan) }),
        quiet: |p| found(Scene { peers: Some(&["ocs1.foo.com", "POOL.foo.com"]), ..leaf(p, |plan| plan) }),
    },
    Case {
        code: "OCS-EKU-001",
        says: "server authentication alone, as the stock WebServer template gives",
        fires: |p| found(leaf(p, |plan| plan.with("extendedKeyUsage=serverAuth"))),
        quiet: good,
    },
    Case {
        code: "OCS-EKU-002",
        says: "client authentication alone",
        fires: |p| found(leaf(p, |plan| plan.with("extendedKeyUsage=clientAuth"))),
        quiet: good,
    },
    Case {
        code: "OCS-EKU-003",
        says: "anyExtendedKeyUsage instead of the two",
        fires: |p| found(leaf(p, |plan| plan.with("extendedKeyUsage=anyExtendedKeyUsage"))),
        quiet: good,
    },
    Case {
        code: "OCS-EKU-004",
        says: "no extended key usage at all",
        fires: |p| found(leaf(p, |plan| plan.without("extendedKeyUsage"))),
        quiet: good,
    },
    Case {
        code: "OCS-EKU-005",
        says: "the issuing CA is limited to server authentication, so nothing below it is a client",
        fires: |p| found(under_ca(p, issuing().with("extendedKeyUsage=serverAuth"))),
        quiet: |p| found(under_ca(p, issuing().with("extendedKeyUsage=serverAuth,clientAuth"))),
    },
    Case {
        code: "OCS-EKU-006",
        says: "Microsoft's application policies hold serverAuth alone, beside an EKU with both",
        fires: |p| {
            let policies = "1.3.6.1.4.1.311.21.10=DER:300c300a06082b06010505070301";
            found(leaf(p, |plan| plan.with(policies)))
        },
        quiet: |p| {
            let both = "1.3.6.1.4.1.311.21.10=DER:3018300a06082b06010505070301300a06082b06010505070302";
            found(leaf(p, |plan| plan.with(both)))
        },
    },
    Case {
        code: "OCS-EKU-007",
        says: "code signing beside the two usages",
        fires: |p| found(leaf(p, |plan| plan.with("extendedKeyUsage=serverAuth,clientAuth,codeSigning"))),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-001",
        says: "an RSA key that may sign but not decipher: RSA key exchange fails",
        fires: |p| found(leaf(p, |plan| plan.with("keyUsage=critical,digitalSignature"))),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-002",
        says: "no key usage extension",
        fires: |p| found(leaf(p, |plan| plan.without("keyUsage"))),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-003",
        says: "a node's certificate without dataEncipherment",
        fires: |p| found(Scene { side: Side::Imp, ..leaf(p, |plan| plan) }),
        quiet: |p| {
            let usage = "keyUsage=critical,digitalSignature,keyEncipherment,dataEncipherment";
            found(Scene { side: Side::Imp, ..leaf(p, |plan| plan.with(usage)) })
        },
    },
    Case {
        code: "OCS-KEY-004",
        says: "RSA 1024 under modern crypto",
        fires: |p| {
            found(Scene { era: Some(CryptoEra::Modern), ..leaf(p, |plan| Plan { key: SMALL, ..plan }) })
        },
        quiet: |p| found(leaf(p, |plan| Plan { key: SMALL, ..plan })),
    },
    Case {
        code: "OCS-KEY-005",
        says: "RSA 1024 under legacy crypto: a warning",
        fires: |p| found(leaf(p, |plan| Plan { key: SMALL, ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-006",
        says: "an RSA key of 4104 bits, above the documented maximum",
        fires: |p| found(leaf(p, |plan| Plan { key: LARGE, ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-007",
        says: "an elliptic curve key, which OCS 2007 R2 cannot use",
        fires: |p| found(leaf(p, |plan| Plan { key: EC, ..plan }.with("keyUsage=critical,digitalSignature"))),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-008",
        says: "signed with MD5, which anybody can forge",
        fires: |p| found(leaf(p, |plan| Plan { sign: &["-md5"], ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-009",
        says: "signed with SHA-1: a warning under legacy crypto",
        fires: |p| found(leaf(p, |plan| Plan { sign: &["-sha1"], ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-010",
        says: "signed with SHA-512, which TLS 1.2 of Windows leaves out before an update",
        fires: |p| found(leaf(p, |plan| Plan { sign: &["-sha512"], ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-011",
        says: "signed with RSASSA-PSS, which Server 2003 cannot read",
        fires: |p| {
            let pss = &["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
            found(leaf(p, |plan| Plan { sign: pss, ..plan }))
        },
        quiet: good,
    },
    Case {
        code: "OCS-KEY-012",
        says: "SHA-256 for OCS 2007 R2: a hint about the hotfix; a chain of SHA-1 needs none",
        fires: good,
        quiet: |p| found(leaf(p, |plan| Plan { issuer: "root", sign: &["-sha1"], ..plan })),
    },
    Case {
        code: "OCS-VAL-001",
        says: "judged 400 days from now, 35 after its end",
        fires: |p| found(Scene { at: 400, ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-VAL-002",
        says: "judged yesterday, before it began",
        fires: |p| found(Scene { at: -1, ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-VAL-003",
        says: "judged 15 days before its end, with a warning of 30 days",
        fires: |p| found(Scene { at: 350, ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-VAL-004",
        says: "the leaf is valid for 3000 days, its CA for 2000",
        fires: |p| found(leaf(p, |plan| Plan { days: 3000, ..plan })),
        quiet: good,
    },
    Case {
        code: "OCS-VAL-005",
        says: "judged the moment it was made",
        fires: |p| found(Scene { at: 0, ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-REV-001",
        says: "the CA's list names the certificate; a list that does not leaves it good",
        fires: |p| {
            let scene = leaf(p, |plan| plan);
            found(Scene { crls: Some(vec![p.crl("issuing", &["leaf"]), p.crl("root", &[])]), ..scene })
        },
        quiet: |p| {
            let scene = leaf(p, |plan| plan);
            found(Scene { crls: Some(vec![p.crl("issuing", &["other"]), p.crl("root", &[])]), ..scene })
        },
    },
    Case {
        code: "OCS-REV-003",
        says: "no CRL distribution point",
        fires: |p| found(leaf(p, |plan| plan.without("crlDistributionPoints"))),
        quiet: good,
    },
    Case {
        code: "OCS-STO-001",
        says: "the trust store holds the issuing CA, not the root",
        fires: |p| found(Scene { trust: vec![p.certificate("issuing")], ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-001",
        says: "the last byte of the signature was changed",
        fires: |p| {
            let mut scene = leaf(p, |plan| plan);
            let mut der = scene.leaf.value.der().to_vec();
            *der.last_mut().unwrap() ^= 1;
            scene.leaf.value = Arc::new(Certificate::from_der(der).unwrap());
            found(scene)
        },
        quiet: good,
    },
    Case {
        code: "OCS-CHN-002",
        says: "the issuing CA's certificate is not at hand, the root is",
        fires: |p| found(leaf(p, |plan| plan).under(&[p.certificate("root")])),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-003",
        says: "a CA of the right name is at hand, but with a new key",
        fires: |p| {
            let rekeyed = p.issue(&issuing());
            found(leaf(p, |plan| plan).under(&[rekeyed, p.certificate("root")]))
        },
        quiet: good,
    },
    Case {
        code: "OCS-CHN-004",
        says: "the chain is whole, and its root is not the one that is trusted",
        fires: |p| {
            let other = p.issue(&Plan::ca("elsewhere", "/O=Bar/CN=Bar Root CA", "elsewhere"));
            found(Scene { trust: vec![other], ..leaf(p, |plan| plan) })
        },
        quiet: good,
    },
    Case {
        code: "OCS-CHN-005",
        says: "the chain has the issuing CA only, and nothing is trusted",
        fires: |p| {
            let scene = leaf(p, |plan| plan).under(&[p.certificate("issuing")]);
            found(Scene { trust: Vec::new(), ..scene })
        },
        quiet: good,
    },
    Case {
        code: "OCS-CHN-006",
        says: "the issuer's certificate says that it is no CA",
        fires: |p| found(under_ca(p, issuing().with("basicConstraints=critical,CA:FALSE"))),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-007",
        says: "the issuing CA may sign lists, but no certificates",
        fires: |p| found(under_ca(p, issuing().with("keyUsage=critical,cRLSign"))),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-008",
        says: "the root allows no CA below it, and there is one",
        fires: |p| {
            let root = Plan::ca("narrow", "/O=Foo/CN=Narrow Root", "narrow");
            let root = p.issue(&root.with("basicConstraints=critical,CA:TRUE,pathlen:0"));
            let middle = p.issue(&Plan { issuer: "narrow", ..issuing() });
            let certificate = p.issue(&Plan { issuer: "other", ..Plan::leaf("leaf") });
            let scene = Scene::new(p, certificate).under(&[middle, root.clone()]);
            found(Scene { trust: vec![root], ..scene })
        },
        quiet: good,
    },
    Case {
        code: "OCS-CHN-009",
        says: "an unknown extension marked critical; not critical, it is nobody's concern",
        fires: |p| found(leaf(p, |plan| plan.with("1.2.3.4.5=critical,DER:0500"))),
        quiet: |p| found(leaf(p, |plan| plan.with("1.2.3.4.5=DER:0500"))),
    },
    Case {
        code: "OCS-CHN-010",
        says: "a critical key usage that is no BIT STRING",
        fires: |p| found(leaf(p, |plan| plan.without("keyUsage").with("2.5.29.15=critical,DER:0500"))),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-011",
        says: "one intermediate, where none was allowed",
        fires: |p| found(Scene { max_depth: Some(0), ..leaf(p, |plan| plan) }),
        quiet: |p| found(Scene { max_depth: Some(1), ..leaf(p, |plan| plan) }),
    },
    Case {
        code: "OCS-CHN-012",
        says: "a version 1 root: refused under modern crypto, and under legacy a warning",
        fires: |p| found(Scene { era: Some(CryptoEra::Modern), ..under_version_1(p) }),
        quiet: good,
    },
    Case {
        code: "OCS-CHN-013",
        says: "a maze of CAs, all of the issuer's name and none of its key: the search gives up",
        fires: |p| found(maze(p, 600)),
        quiet: |p| found(maze(p, 3)),
    },
    Case {
        code: "OCS-CHN-014",
        says: "signed with Ed448, which neither this tool nor these servers verify",
        fires: |p| {
            // Ed448 has its hash built in: openssl takes no digest.
            let ca = p.issue(&Plan { key: &["-algorithm", "ED448"], ..issuing() });
            let certificate = p.issue(&Plan { issuer: "other", sign: &[], ..Plan::leaf("leaf") });
            found(Scene::new(p, certificate).under(&[ca, p.certificate("root")]))
        },
        quiet: good,
    },
    Case {
        code: "OCS-NC-001",
        says: "the issuing CA may issue for bar.com alone",
        fires: |p| found(under_ca(p, issuing().with("nameConstraints=critical,permitted;DNS:bar.com"))),
        quiet: |p| found(under_ca(p, issuing().with("nameConstraints=critical,permitted;DNS:foo.com"))),
    },
    Case {
        code: "OCS-NC-002",
        says: "a constraint on registered identifiers, which nobody applies, above a certificate with one",
        fires: |p| found(constrained_identifier(p, "nameConstraints=critical,permitted;RID:1.2.3")),
        quiet: |p| found(constrained_identifier(p, "nameConstraints=critical,permitted;DNS:foo.com")),
    },
    Case {
        code: "OCS-POL-001",
        says: "a policy is required, and no certificate names one",
        fires: |p| found(Scene { require_policy: true, ..leaf(p, |plan| plan) }),
        quiet: good,
    },
    Case {
        code: "OCS-KEY-013",
        says: "the key at hand is another front end's",
        fires: |p| {
            let other = key_of(&p.issue(&Plan::leaf("fe2")));
            found(Scene { ours: vec![other], ..leaf(p, |plan| plan) })
        },
        quiet: |p| {
            let scene = leaf(p, |plan| plan);
            found(Scene { ours: vec![key_of(&p.certificate("issuing")), key_of(&scene.leaf)], ..scene })
        },
    },
    Case {
        code: "OCS-CA-001",
        says: "the policy of a public CA that validated the organization",
        fires: |p| found(leaf(p, |plan| plan.with("certificatePolicies=2.23.140.1.2.2"))),
        quiet: |p| found(leaf(p, |plan| plan.with("certificatePolicies=1.3.6.1.4.1.311.21.8.1"))),
    },
    Case {
        code: "OCS-REQ-005",
        says: "the certificate in use has client authentication, the renewal has not",
        fires: |p| renewed(p, |plan| plan.with("extendedKeyUsage=serverAuth")),
        quiet: |p| renewed(p, |plan| plan.with("extendedKeyUsage=clientAuth,serverAuth,emailProtection")),
    },
    Case {
        code: "OCS-REQ-006",
        says: "the renewal names the pool alone",
        fires: |p| renewed(p, |plan| plan.with("subjectAltName=DNS:pool.foo.com")),
        quiet: |p| {
            renewed(p, |plan| plan.with("subjectAltName=DNS:FE1.foo.com,DNS:pool.foo.com,DNS:sip.foo.com"))
        },
    },
    Case {
        code: "OCS-REQ-007",
        says: "the renewal was made with the key of the certificate in use",
        fires: |p| {
            let old = p.issue(&Plan::leaf("leaf"));
            let renewal = p.again("leaf", "renewal");
            assert_ne!(*old.value, *renewal.value);
            found(Scene { previous: vec![old], ..Scene::new(p, renewal) })
        },
        // A pool's front ends share one certificate: it is in use already, and that is no renewal.
        quiet: |p| {
            let shared = p.issue(&Plan::leaf("leaf"));
            let same = Sourced { source: "fe2.pem".into(), ..shared.clone() };
            let findings = found(Scene { previous: vec![same], ..Scene::new(p, shared) });
            let renewal = renewed(p, |plan| plan);
            findings.into_iter().chain(renewal).collect()
        },
    },
    Case {
        code: "OCS-REQ-001",
        says: "the CA replaced the subject",
        fires: |p| issued(p, |plan| Plan { subject: "/CN=another.foo.com", ..plan }),
        quiet: |p| issued(p, |plan| plan),
    },
    Case {
        code: "OCS-REQ-002",
        says: "the CA left a name out",
        fires: |p| issued(p, |plan| plan.with("subjectAltName=DNS:pool.foo.com")),
        quiet: |p| issued(p, |plan| plan),
    },
    Case {
        code: "OCS-REQ-003",
        says: "the CA left client authentication out",
        fires: |p| issued(p, |plan| plan.with("extendedKeyUsage=serverAuth")),
        quiet: |p| issued(p, |plan| plan),
    },
    Case {
        code: "OCS-REQ-004",
        says: "the CA left key encipherment out",
        fires: |p| issued(p, |plan| plan.with("keyUsage=critical,digitalSignature")),
        quiet: |p| issued(p, |plan| plan),
    },
    Case {
        code: "OCS-REQ-008",
        says: "the request was changed after it was signed",
        fires: |p| {
            let mut der = p.request(&[]).to_vec();
            *der.last_mut().unwrap() ^= 1;
            asked(p, der)
        },
        quiet: |p| asked(p, p.request(&[])),
    },
    Case {
        code: "OCS-REQ-009",
        says: "signed with SHA-1, as certreq of Server 2003 does",
        fires: |p| asked(p, p.request(&["-sha1"])),
        quiet: |p| asked(p, p.request(&["-sha384"])),
    },
    Case {
        code: "OCS-REQ-010",
        says: "the usages that it asks for are no list of identifiers",
        fires: |p| asked(p, p.request(&["-addext", "2.5.29.37=DER:0101ff"])),
        quiet: |p| asked(p, p.request(&["-addext", "extendedKeyUsage=serverAuth"])),
    },
    Case {
        code: "OCS-STO-002",
        says: "a whole chain was imported into the Trusted Roots; cup-trust takes one",
        fires: |p| judge_store(Side::Ocs, "store", &[p.certificate("issuing"), p.certificate("root")]),
        quiet: |p| {
            let whole = [p.certificate("issuing"), p.certificate("root")];
            let apart = judge_store(Side::Ocs, "store", &whole[1..]);
            apart.into_iter().chain(judge_store(Side::Imp, "store", &whole)).collect()
        },
    },
    Case {
        code: "OCS-STO-003",
        says: "a CA's old root and its new one; the same certificate from two files is one",
        fires: |p| {
            let old = p.issue(&Plan { name: "old", ..Plan::ca("old", "/O=Foo/CN=Foo Root CA", "old") });
            judge_store(Side::Ocs, "store", &[p.certificate("root"), old])
        },
        quiet: |p| {
            let again = Sourced { source: "again.pem".into(), ..p.certificate("root") };
            judge_store(Side::Ocs, "store", &[p.certificate("root"), again])
        },
    },
    Case {
        code: "OCS-STO-004",
        says: "one more than a hundred",
        fires: |_| judge_store(Side::Ocs, "store", &pki::roots(101, 10)),
        quiet: |_| judge_store(Side::Ocs, "store", &pki::roots(100, 10)),
    },
    Case {
        code: "OCS-STO-005",
        says: "a hundred names of 165 bytes are over 16 KiB; of 110 they are not over 12; IM and Presence cuts none",
        fires: |_| judge_store(Side::Ocs, "store", &pki::roots(100, 150)),
        quiet: |_| {
            let long = judge_store(Side::Imp, "store", &pki::roots(100, 150));
            long.into_iter().chain(judge_store(Side::Ocs, "store", &pki::roots(100, 95))).collect()
        },
    },
    Case {
        code: "OCS-TLS-001",
        says: "the resolver knows no such name",
        fires: |_| live::live(|f| f.addresses = Err("no such name".into())),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-002",
        says: "the host answers that the port is closed; silence is something else",
        fires: |_| live::connecting(ConnectEnd::Closed),
        quiet: |_| live::connecting(ConnectEnd::Silent),
    },
    Case {
        code: "OCS-TLS-003",
        says: "no answer to a connection",
        fires: |_| live::connecting(ConnectEnd::Silent),
        quiet: |_| live::connecting(ConnectEnd::Closed),
    },
    Case {
        code: "OCS-TLS-004",
        says: "connected, and not a byte in answer to the hello",
        fires: |_| live::first_hello(Ending::Silent),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-005",
        says: "a greeting in clear; an alert is TLS",
        fires: |_| live::first_hello(Ending::Alien(Blob(b"220 mail".to_vec()))),
        quiet: |_| live::first_hello(live::alert(40)),
    },
    Case {
        code: "OCS-TLS-006",
        says: "every hello is answered by handshake_failure",
        fires: |_| live::first_hello(live::alert(40)),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-007",
        says: "630 names of 26 bytes, ours not among them: 16380 bytes; 41 KB are no limit of Schannel's",
        fires: |_| live::listing(true, 630),
        quiet: |_| live::listing(true, 1600),
    },
    Case {
        code: "OCS-TLS-008",
        says: "the one CA named is another",
        fires: |_| live::listing(true, 1),
        quiet: |_| live::listing(false, 1),
    },
    Case {
        code: "OCS-TLS-009",
        says: "no request for a certificate, neither in clear nor in the handshakes",
        fires: |_| {
            live::live(|f| {
                f.hellos.iter_mut().for_each(|h| h.flight.request = None);
                f.ours.as_mut().unwrap().request = None;
                f.bare = None;
            })
        },
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-010",
        says: "unknown_ca after our certificate; a close is something else",
        fires: |_| live::ours_ends(live::alert(48)),
        quiet: |_| live::ours_ends(Ending::Closed),
    },
    Case {
        code: "OCS-TLS-011",
        says: "hung up after our certificate without an alert",
        fires: |_| live::ours_ends(Ending::Reset),
        quiet: |_| live::ours_ends(live::alert(48)),
    },
    Case {
        code: "OCS-TLS-012",
        says: "TLS 1.0 is all it speaks",
        fires: |_| {
            live::live(|f| {
                f.hellos.iter_mut().for_each(|h| h.flight.version = Some(Version::TLS10));
                f.ours.as_mut().unwrap().version = Some(Version::TLS10);
                f.bare = None;
            })
        },
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-013",
        says: "two hellos tell a time ten minutes ahead; times that disagree are random bytes",
        fires: |_| live::live(|f| f.hellos.iter_mut().for_each(|h| h.flight.time = Some(1_800_000_600))),
        quiet: |_| live::live(|f| f.hellos[0].flight.time = Some(1_700_000_000)),
    },
    Case {
        code: "OCS-TLS-014",
        says: "5061 is closed, and 5062 asks for a client certificate",
        fires: |_| live::elsewhere(true),
        quiet: |_| live::elsewhere(false),
    },
    Case {
        code: "OCS-TLS-015",
        says: "half a ServerHello, then nothing",
        fires: |_| live::first_hello(Ending::Stalled),
        quiet: |_| live::first_hello(Ending::Silent),
    },
    Case {
        code: "OCS-TLS-016",
        says: "without a certificate the handshake finishes",
        fires: |_| live::optional(),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-017",
        says: "a ServerHello that cannot be read",
        fires: |_| live::first_hello(Ending::Malformed("the ServerHello is cut short".into())),
        quiet: |_| live::first_hello(Ending::Stalled),
    },
    Case {
        code: "OCS-TLS-018",
        says: "our own library cannot use the key",
        fires: |_| live::ours_ends(Ending::OurOwn("the key is of no use".into())),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-TLS-019",
        says: "the federation file says 10.1.10.100, the name server 127.0.0.1",
        fires: |_| live::live(|f| f.target.address = Some([10, 1, 10, 100].into())),
        quiet: |_| live::live(|f| f.target.address = Some([127, 0, 0, 1].into())),
    },
    Case {
        code: "OCS-SIP-001",
        says: "no answer to OPTIONS; hanging up is something else",
        fires: |_| live::sip_ends(Ending::Silent),
        quiet: |_| live::sip_ends(Ending::Closed),
    },
    Case {
        code: "OCS-SIP-002",
        says: "403, as hosts get that are in no list",
        fires: |_| live::says("SIP/2.0 403 Forbidden\r\n"),
        quiet: |_| live::says("SIP/2.0 404 Not Found\r\n"),
    },
    Case {
        code: "OCS-SIP-003",
        says: "504 of an OCS without diagnostics",
        fires: |_| live::says("SIP/2.0 504 Server time-out\r\nServer: RTC/3.5\r\n"),
        quiet: |_| live::says("SIP/2.0 503 Service Unavailable\r\n"),
    },
    Case {
        code: "OCS-SIP-004",
        says: "503: the server itself is in trouble",
        fires: |_| live::says("SIP/2.0 503 Service Unavailable\r\n"),
        quiet: |_| live::says("SIP/2.0 405 Method Not Allowed\r\n"),
    },
    Case {
        code: "OCS-SIP-005",
        says: "hung up at OPTIONS",
        fires: |_| live::sip_ends(Ending::Closed),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-SIP-006",
        says: "HTTP answers",
        fires: |_| live::sip_ends(Ending::Alien(Blob(b"HTTP/1.1 400".to_vec()))),
        quiet: |_| live::fine(),
    },
    Case {
        code: "OCS-SIP-007",
        says: "405: it speaks SIP and does not know OPTIONS",
        fires: |_| live::says("SIP/2.0 405 Method Not Allowed\r\n"),
        quiet: |_| live::says("SIP/2.0 202 Accepted\r\n"),
    },
];

/// The good leaf under a root of version 1.
fn under_version_1(p: &Pki) -> Scene {
    let root = Plan::ca("old", "/O=Foo/CN=Old Root", "old");
    let root = p.issue(&Plan { extensions: Vec::new(), ..root });
    assert_eq!(root.value.version, 1);
    let certificate =
        p.issue(&Plan { issuer: "old", ..Plan::leaf("leaf") }.without("authorityKeyIdentifier"));
    let scene = Scene::new(p, certificate).under(std::slice::from_ref(&root));
    Scene { trust: vec![root], ..scene }
}

/// The good leaf without an authority key identifier, and `n` CAs of its issuer's name with other keys.
fn maze(p: &Pki, n: usize) -> Scene {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
    let certificate = p.issue(&Plan::leaf("leaf").without("authorityKeyIdentifier"));
    let impostor = |i: usize| {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "Foo");
        parameters.distinguished_name.push(DnType::CommonName, "Foo Issuing CA");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let der = parameters.self_signed(&key).unwrap().der().to_vec();
        Sourced { value: Arc::new(Certificate::from_der(der).unwrap()), source: format!("maze {i}") }
    };
    let impostors: Vec<_> = (0..n).map(impostor).collect();
    Scene::new(p, certificate).under(&impostors)
}

/// A request, judged as a front end's of the pool.
fn asked(p: &Pki, der: Vec<u8>) -> Vec<Finding> {
    let value = Arc::new(ocscert::model::Request::from_der(der).unwrap());
    let question = Scene::new(p, p.certificate("root")).question();
    checks::judge_request(&question, &Sourced { value, source: "fe1.csr".into() }).findings
}

/// A leaf with a registered identifier under a CA with this constraint.
fn constrained_identifier(p: &Pki, constraint: &str) -> Scene {
    let ca = p.issue(&issuing().with(constraint));
    let names = "subjectAltName=DNS:pool.foo.com,DNS:fe1.foo.com,RID:1.2.3.4";
    let certificate = p.issue(&Plan { issuer: "other", ..Plan::leaf("leaf") }.with(names));
    Scene::new(p, certificate).under(&[ca, p.certificate("root")])
}

/// What a CA made of our own request for the pool.
fn issued(p: &Pki, change: impl FnOnce(Plan<'static>) -> Plan<'static>) -> Vec<Finding> {
    use ocscert::make::csr::{Spec, request};
    use ocscert::make::key::{KeyType, generate};
    use ocscert::model::{GeneralName, Request};
    let key = generate(KeyType::Rsa2048).unwrap();
    let pool = Fqdn::parse("pool.foo.com").unwrap();
    let mut spec = Spec::mutual_tls(&pool, &key.public().algorithm);
    spec.subject.insert(0, (ocscert::model::oid::ORGANIZATION, "Foo".into()));
    spec.add_name(GeneralName::Dns("fe1.foo.com".into()));
    let asked = Request::from_der(request(&spec, &key).unwrap()).unwrap();
    let answer = p.issue(&change(Plan::leaf("leaf")));
    self::request::compare(&asked, &answer.value, &answer.source)
}

/// A renewal with another key, made so, beside the good certificate in use and another server's.
fn renewed(p: &Pki, change: impl FnOnce(Plan<'static>) -> Plan<'static>) -> Vec<Finding> {
    let old = p.issue(&Plan::leaf("old"));
    let other = p.issue(
        &Plan { subject: "/CN=ocs9.foo.com", ..Plan::leaf("ocs9") }.with("subjectAltName=DNS:ocs9.foo.com"),
    );
    found(Scene { previous: vec![other, old], ..leaf(p, change) })
}

fn key_of(certificate: &Sourced<Arc<Certificate>>) -> Sourced<PublicKey> {
    Sourced { value: certificate.value.public_key.clone(), source: format!("{}.key", certificate.source) }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(containers::CASES)
}

#[test]
fn every_rule_fires_where_it_must_and_is_quiet_where_it_must_not() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::new(openssl);
    let has = |findings: &[Finding], code: &str| findings.iter().any(|f| f.rule.code == code);
    let codes = |findings: &[Finding]| findings.iter().map(|f| f.rule.code).collect::<Vec<_>>();
    for case in cases() {
        let fired = (case.fires)(&pki);
        assert!(has(&fired, case.code), "{}: {}: only {:?}", case.code, case.says, codes(&fired));
        for finding in fired.iter().filter(|f| f.rule.code == case.code) {
            assert!(!finding.subject.is_empty(), "{}: says of no file", case.code);
            assert!(!finding.evidence.is_empty(), "{}: shows no evidence", case.code);
            command_parses(finding);
        }
        let quiet = (case.quiet)(&pki);
        assert!(
            !has(&quiet, case.code),
            "{}: fires also where it should be quiet: {:?}",
            case.code,
            codes(&quiet)
        );
    }
}

/// A root of version 1 is a matter of the era: it passes in that of OCS 2007 R2, with a warning.
#[test]
fn a_version_1_root_is_refused_or_warned_about() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::new(openssl);
    for (era, verdict, severity) in [
        (CryptoEra::Legacy, Verdict::Valid, Severity::Warning),
        (CryptoEra::Modern, Verdict::Invalid, Severity::Error),
    ] {
        let report = Scene { era: Some(era), ..under_version_1(&pki) }.judge();
        let finding = report.findings.iter().find(|f| f.rule.code == "OCS-CHN-012").unwrap();
        assert_eq!((report.verdict, finding.severity), (verdict, severity));
    }
}

/// A search that was cut short proves nothing: neither good nor bad.
#[test]
fn a_spent_budget_leaves_the_verdict_open() {
    let Some(openssl) = peer::require("openssl") else { return };
    let report = maze(&Pki::new(openssl), 600).judge();
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert!(report.directions.iter().all(|d| d.verdict.is_none_or(|v| v == Verdict::Incomplete)));
}

/// A command of ours in a remedy is one that our own command line takes.
fn command_parses(finding: &Finding) {
    let Some(command) = finding.remedy.command.as_deref().filter(|c| c.starts_with("ocscert ")) else {
        return;
    };
    if let Err(e) = ocscert::cli::definition().try_get_matches_from(command.split(' ')) {
        panic!("{}: {command}: {e}", finding.rule.code);
    }
}

#[test]
fn the_catalogue_and_the_rules_are_the_same() {
    let rules: BTreeSet<&str> = checks::rules().map(|rule| rule.code).collect();
    let cases: BTreeSet<&str> = cases().map(|case| case.code).collect();
    assert_eq!(checks::rules().count(), rules.len(), "a code is used twice");
    let names: BTreeSet<&str> = checks::rules().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules.len(), "a name is used twice");
    let without: Vec<_> = rules.difference(&cases).collect();
    assert!(without.is_empty(), "rules without a case: {without:?}");
    let unknown: Vec<_> = cases.difference(&rules).collect();
    assert!(unknown.is_empty(), "cases without a rule: {unknown:?}");
    assert_eq!(self::cases().count(), cases.len(), "a code has two cases");
    for rule in checks::rules() {
        let parts: Vec<&str> = rule.code.split('-').collect();
        let [ocs, family, number] = parts.as_slice() else { panic!("{} is no code", rule.code) };
        assert!(*ocs == "OCS" && Family::ALL.iter().any(|f| f.code == *family), "{}", rule.code);
        assert!(number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()), "{}", rule.code);
        assert!(!rule.title.is_empty() && !rule.remedy.is_empty() && !rule.refs.is_empty(), "{}", rule.code);
    }
}

/// What a product makes of a finding decides the verdict.
#[test]
fn severity_follows_product_side_and_era() {
    let Some(openssl) = peer::require("openssl") else { return };
    let pki = Pki::new(openssl);
    let severity = |scene: &Scene, code: &str| {
        let report = scene.judge();
        let found = report.findings.iter().find(|f| f.rule.code == code).map(|f| f.severity);
        (found, report.verdict)
    };
    let pool_only = leaf(&pki, |plan| plan.with("subjectAltName=DNS:pool.foo.com"));
    assert_eq!(severity(&pool_only, "OCS-NAM-005"), (Some(Severity::Info), Verdict::Valid));
    let lync = Scene { profile: "lync2013", ..pool_only };
    assert_eq!(severity(&lync, "OCS-NAM-005"), (Some(Severity::Error), Verdict::Invalid));

    let sha1 = leaf(&pki, |plan| Plan { sign: &["-sha1"], ..plan });
    assert_eq!(severity(&sha1, "OCS-KEY-009"), (Some(Severity::Warning), Verdict::Valid));
    let modern = Scene { era: Some(CryptoEra::Modern), ..sha1 };
    assert_eq!(severity(&modern, "OCS-KEY-009"), (Some(Severity::Error), Verdict::Invalid));

    let anchor = Scene { trust: vec![pki.certificate("issuing")], ..leaf(&pki, |plan| plan) };
    assert_eq!(severity(&anchor, "OCS-STO-001"), (Some(Severity::Warning), Verdict::Valid));
    let in_windows = Scene { side: Side::Imp, ..anchor };
    assert_eq!(severity(&in_windows, "OCS-STO-001"), (Some(Severity::Error), Verdict::Invalid));

    let unknown = Scene { crls: Some(vec![pki.crl("issuing", &[])]), ..leaf(&pki, |plan| plan) };
    assert_eq!(unknown.judge().verdict, Verdict::Incomplete, "the root's own list is missing");
}
