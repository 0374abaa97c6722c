//! `ocscert probe`: would this server federate, and if not, which of a dozen causes is it?

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;

use super::args::{KeyPassword, SideArg, fqdn};
use super::trust::{Trust, Trusted};
use super::{Example, Outcome, Session};
use crate::checks::{Profile, Stores};
use crate::edge::files::{self, Output};
use crate::edge::probe::{Identity, Options};
use crate::edge::{self, inputs::shown};
use crate::federation::{self, Federation};
use crate::findings::{ProbeReport, Reach};
use crate::flow::probe::{Judging, ask_all};
use crate::make::chain::order_from;
use crate::model::{Certificate, Fqdn, Name, Sourced};
use crate::render::text::Style;
use crate::render::{probe as render, probe_page};
use crate::text;
use crate::wire::transcript::{Facts, Peer, SCHEMA, Target, Transcript, Transport};

/// What the help shows.
pub const EXAMPLES: &[Example] = &[
    Example {
        line: "ocscert probe ocs1.foo.com --cert probe.pem --key probe.key --chain ca.pem",
        does: "mutual TLS and SIP OPTIONS to port 5061, with a test certificate",
    },
    Example {
        line: "ocscert probe imp1.foo.com imp2.foo.com --side imp --cert probe.pem --key probe.key --chain ca.pem --expect-unauthorized",
        does: "two IM and Presence nodes, from a workstation that is in no list",
    },
    Example {
        line: "ocscert probe 10.1.10.100 --name ocs1.foo.com --chain ca.pem",
        does: "by address; without a certificate of ours: what it presents and asks for",
    },
    Example {
        line: "ocscert probe --federation site.toml --cert probe.pem --key probe.key --chain ca.pem",
        does: "every server, pool and node of a federation file",
    },
    Example { line: "ocscert probe ocs1.foo.com --tcp", does: "SIP in clear, port 5060" },
    Example {
        line: "ocscert probe ocs1.foo.com --cert probe.pem --key probe.key --chain ca.pem --save ocs1.json",
        does: "keep what was seen, without any secret",
    },
    Example { line: "ocscert probe --replay ocs1.json --chain ca.pem", does: "judge it again, offline" },
];

const TEST_CERTIFICATE: &str = "\
A test certificate: the key of a node or server never leaves it, so probe with
one of its own, with server and client authentication:
  ocscert csr --server probe.foo.com
sign it with the CA that both sides trust, and enter its name for the while: on
OCS in host authorization (FQDN and address of this machine), on IM and Presence
in TLS peer subjects and the incoming ACL. Remove it there, and the certificate,
when you are through. Without these entries 401 or 403 is the expected answer:
--expect-unauthorized.

Exit code: 0 federation would work; 1 it would not; 2 it could not be asked.
";

/// Ask live servers: would they federate, and if not, why? TLS 1.0 to 1.3, mutual TLS, SIP OPTIONS
#[derive(clap::Args, Debug)]
#[command(after_help = super::examples(EXAMPLES) + "\n" + TEST_CERTIFICATE)]
pub struct Args {
    /// Whom to ask: names or addresses, with a port where it is not 5061 (5060 with --tcp)
    #[arg(required_unless_present_any = ["replay", "federation"], value_name = "HOST[:PORT]", value_parser = host)]
    hosts: Vec<Host>,
    /// The name its certificate should have, where that is not HOST (a pool, an address)
    #[arg(long, value_name = "FQDN", value_parser = fqdn)]
    name: Option<Fqdn>,
    /// Our certificate, with its chain or with --chain; best a test certificate made for probing
    #[arg(long, value_name = "FILE", conflicts_with = "tcp")]
    cert: Option<PathBuf>,
    /// The key of our certificate (default: it is in the file of --cert)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    #[command(flatten)]
    key_password: KeyPassword,
    #[command(flatten)]
    trust: Trust,
    /// SIP in clear over TCP
    #[arg(long)]
    tcp: bool,
    /// The SIP domain to come from (default: the host's name)
    #[arg(long, value_name = "DOMAIN", value_parser = fqdn)]
    sip_domain: Option<Fqdn>,
    /// Whose servers they are
    #[arg(long, value_enum, default_value_t = SideArg::Ocs, conflicts_with_all = ["replay", "federation"])]
    side: SideArg,
    /// Ask every server, pool and node of this federation file; what each side trusts is in it too
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hosts", "name", "tcp", "sip_domain", "replay", "profile"])]
    federation: Option<PathBuf>,
    /// The product, whose checks apply: ocs2007r2, lync2013, sfb2019, or rfc5280
    #[arg(long, default_value = "ocs2007r2", value_parser = Profile::named)]
    profile: Profile,
    /// This machine is in no list: 401 and 403 are good answers
    #[arg(long)]
    expect_unauthorized: bool,
    /// The time that one host is given
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = text::parse_duration)]
    timeout: Duration,
    /// Keep what was seen in this file; no secret is in it
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    save: Option<PathBuf>,
    /// Judge what was kept in this file; nobody is asked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hosts", "name", "tcp", "sip_domain"])]
    replay: Option<PathBuf>,
    /// How to tell the answer
    #[arg(long, value_enum, default_value_t = FormatArg::Text, value_name = "FORMAT")]
    format: FormatArg,
    #[command(flatten)]
    answer: super::args::Answer,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArg {
    /// For people
    Text,
    /// One JSON document
    Json,
    /// One page for a browser
    Html,
}

/// A host as it was typed.
#[derive(Clone, Debug)]
struct Host {
    name: String,
    port: Option<u16>,
}

fn host(typed: &str) -> Result<Host, String> {
    let address = typed.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() {
        return Ok(Host { name: address.to_string(), port: None });
    }
    let (name, port) = match typed.rsplit_once(':') {
        Some((name, port)) => {
            let port = port.parse().ok().filter(|port| *port != 0);
            (name, Some(port.ok_or_else(|| "write HOST or HOST:PORT, as in ocs1.foo.com:5061".to_string())?))
        }
        None => (typed, None),
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = match address.parse::<IpAddr>() {
        Ok(_) => address.to_string(),
        Err(_) => Fqdn::parse_any(name).map_err(|fault| fault.to_string())?.to_string(),
    };
    Ok(Host { name, port })
}

/// Probes.
///
/// # Errors
/// A file cannot be read or written.
pub fn run(args: &Args, session: &mut Session) -> anyhow::Result<Outcome> {
    session.inputs.key_password_file.clone_from(&args.key_password.key_password_file);
    if let Some(path) = &args.save {
        files::check_free([path.as_path()], args.answer.overwrite.overwrite)?;
    }
    let site = args.federation.as_deref().map(edge::federation::open).transpose()?.map(|(site, _)| site);
    let trust = site.as_ref().map_or_else(|| args.trust.clone(), |site| args.trust.or_of(site));
    let trusted = if trust.is_empty() { None } else { Some(trust.read(session)?) };
    let own = own(args, trusted.as_ref(), session)?;
    let mut judging = judging(args, trusted, own.as_ref());
    if let Some(site) = &site {
        judging.profile = Profile::named(site.product.name()).map_err(edge::Error::new)?;
        judging.peer_subjects.clone_from(&site.peer_subjects);
    }
    let hosts = match &args.replay {
        Some(path) => replay(path, session)?,
        None => {
            let domain = args.sip_domain.as_ref().or(site.as_ref().map(|site| &site.sip_domain));
            let options = Options {
                timeout: args.timeout,
                identity: own.map(|own| own.identity),
                sip_domain: domain.map(ToString::to_string),
            };
            let targets: Vec<Target> = match &site {
                Some(site) => targets(site),
                None => args.hosts.iter().map(|host| target(args, host)).collect(),
            };
            let bar = session.terminal.progress(targets.len() as u64, "probing");
            let hosts = ask_all(&targets, &options, |_| bar.inc(1));
            drop(bar);
            hosts
        }
    };
    let mut reports: Vec<ProbeReport> = hosts.iter().map(|facts| judging.judge(facts)).collect();
    if let Some(path) = &args.save {
        let transcript = Transcript { schema: SCHEMA.to_string(), hosts };
        let document = crate::render::json::document_text(&transcript)?;
        session.write(&Output::public(path, document), args.answer.overwrite.overwrite)?;
    }
    reports.sort_by_key(|report| report.verdict);
    let style = Style { paint: session.paint(), offset: session.clock.offset, verbose: session.verbose };
    let said = match args.format {
        FormatArg::Text => render::text(&reports, style),
        FormatArg::Json => render::json(&reports)?,
        FormatArg::Html => probe_page::page(&reports)?,
    };
    session.answer(&args.answer, said)?;
    let outcomes = reports.iter().map(|report| outcome(report.verdict, args.expect_unauthorized));
    Ok(outcomes.fold(Outcome::Yes, Outcome::and))
}

fn outcome(reach: Reach, expect_unauthorized: bool) -> Outcome {
    match reach {
        Reach::Accepted => Outcome::Yes,
        Reach::Unauthorized if expect_unauthorized => Outcome::Yes,
        Reach::Unauthorized | Reach::Incomplete | Reach::Invalid | Reach::Refused => Outcome::No,
        Reach::NoAnswer => Outcome::CouldNot,
    }
}

fn target(args: &Args, host: &Host) -> Target {
    let (transport, port) = if args.tcp { (Transport::Tcp, 5060) } else { (Transport::Tls, 5061) };
    Target {
        side: match args.side {
            SideArg::Ocs => Peer::Ocs,
            SideArg::Imp => Peer::Imp,
        },
        host: host.name.clone(),
        port: host.port.unwrap_or(port),
        transport,
        name: args.name.as_ref().map(ToString::to_string),
        address: None,
    }
}

/// Every server by its own name, every pool that has an address of its own, every node.
fn targets(site: &Federation) -> Vec<Target> {
    let (transport, port) = match site.transport {
        federation::Transport::Tls => (Transport::Tls, 5061),
        federation::Transport::Tcp => (Transport::Tcp, 5060),
    };
    let target = |side, fqdn: &Fqdn, address, name: Option<&Fqdn>| Target {
        side,
        host: fqdn.to_string(),
        port,
        transport,
        name: name.map(ToString::to_string),
        address: Some(address),
    };
    let servers = site.servers().into_iter().map(|server| {
        target(Peer::Ocs, &server.host.fqdn, server.host.ip, server.pool.map(|pool| &pool.fqdn))
    });
    let pools = site.pools.iter().filter_map(|pool| Some(target(Peer::Ocs, &pool.fqdn, pool.ip?, None)));
    let nodes = site.nodes.iter().map(|node| target(Peer::Imp, &node.host.fqdn, node.host.ip, None));
    servers.chain(pools).chain(nodes).collect()
}

/// Our certificate with all that belongs to it.
struct Own {
    identity: Identity,
    issuers: Vec<Name>,
    /// The last of them is a root that is at hand.
    whole: bool,
}

fn own(args: &Args, trusted: Option<&Trusted>, session: &mut Session) -> anyhow::Result<Option<Own>> {
    let Some(path) = &args.cert else { return Ok(None) };
    let held = session.inputs.certificates(std::slice::from_ref(path))?;
    let Some(leaf) = held.iter().find(|c| !c.value.is_ca()).or(held.first()).map(|c| c.value.clone()) else {
        return Err(edge::Error::new(format!("{} holds no certificate", shown(path))).into());
    };
    let key_file = args.key.as_ref().unwrap_or(path);
    let inputs = &mut session.inputs;
    let key = inputs.key(key_file)?;
    if !key.public().is_same(&leaf.public_key) {
        let what = format!("the key in {} is not that of the certificate {}", shown(key_file), shown(path));
        return Err(edge::Error::new(what).hint("name its key with --key FILE").into());
    }
    let heap: Vec<Sourced<Arc<Certificate>>> = held
        .into_iter()
        .chain(trusted.iter().flat_map(|t| t.chain.iter().chain(&t.named)).cloned())
        .collect();
    let ordered: Vec<Arc<Certificate>> =
        order_from(&leaf, heap).ordered.into_iter().map(|c| c.value).collect();
    // The other side has the root, or nothing would help (RFC 5246 section 7.4.2).
    let sent = ordered.iter().enumerate().filter(|(i, c)| *i == 0 || !c.is_self_issued());
    let chain = sent.map(|(_, c)| c.clone()).collect();
    let mut issuers: Vec<Name> = ordered.iter().map(|c| c.issuer.clone()).collect();
    issuers.dedup();
    let whole = ordered.last().is_some_and(|last| last.is_self_issued());
    if !whole {
        session.tell(&format!(
            "warning: the chain of {} ends below its root: a server that needs more refuses it; add --chain FILE",
            shown(path)
        ));
    }
    Ok(Some(Own { identity: Identity { chain, key }, issuers, whole }))
}

fn judging(args: &Args, trusted: Option<Trusted>, own: Option<&Own>) -> Judging {
    let (stores, chain, named) = match trusted {
        Some(t) => (t.stores, t.chain, t.named),
        None => (Stores::default(), Vec::new(), Vec::new()),
    };
    let roots = chain.iter().filter(|c| c.value.is_self_issued());
    let issuers = match own {
        Some(own) => own.issuers.clone(),
        None => roots.clone().map(|c| c.value.subject.clone()).collect(),
    };
    Judging {
        profile: args.profile.clone(),
        stores,
        trusted: roots.cloned().chain(named).collect(),
        issuers,
        whole: own.is_none_or(|own| own.whole),
        peer_subjects: None,
    }
}

fn replay(path: &std::path::Path, session: &mut Session) -> anyhow::Result<Vec<Facts>> {
    let bytes = session.inputs.bytes(path)?;
    let not_ours = || edge::Error::new(format!("{} is no transcript of a probe", shown(path)));
    let hint = "make one with: ocscert probe HOST --save FILE";
    let transcript: Transcript =
        serde_json::from_slice(&bytes).map_err(|e| not_ours().because(e).hint(hint))?;
    if transcript.schema != SCHEMA {
        let other = text::escape_short(&transcript.schema, 60);
        return Err(not_ours().because(format!("its schema is {other}, not {SCHEMA}")).hint(hint).into());
    }
    Ok(transcript.hosts)
}
