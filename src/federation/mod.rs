//! Floor 5: a federation, written down once in a TOML file: the servers of both sides, the CA, what is trusted.
//! Every name, list and instruction is derived from here, so that they cannot disagree. No disk, no network.

mod document;
pub mod keys;
pub mod layout;
mod read;
pub mod runbook;
mod schema;

use std::net::IpAddr;
use std::path::PathBuf;

pub use document::{Fault, Faults};
pub use layout::{Layout, ServerFiles};
pub use read::read;
pub use schema::{EXAMPLE, page, schema};

use crate::checks::Expected;
use crate::make::csr::Spec;
use crate::make::key::KeyType;
use crate::make::pkcs12::Target;
use crate::model::{Fqdn, GeneralName, KeyAlgorithm, Oid, oid};
use crate::wire::ca_url::CaUrl;
use crate::wire::certsrv::TemplateName;

/// A federation file, checked as a whole.
#[derive(Clone, Debug)]
pub struct Federation {
    /// The SIP domain both sides serve.
    pub sip_domain: Fqdn,
    /// How SIP travels.
    pub transport: Transport,
    /// What runs on the Microsoft side.
    pub product: Product,
    /// The Standard Edition servers.
    pub standard: Vec<Host>,
    /// The Enterprise pools.
    pub pools: Vec<Pool>,
    /// The IM and Presence nodes, one at least.
    pub nodes: Vec<Node>,
    /// The TLS peer subjects configured on IM and Presence, where they are known.
    pub peer_subjects: Option<Vec<Fqdn>>,
    /// The CA; always there where the transport is TLS.
    pub ca: Option<Ca>,
    /// What the OCS servers trust; empty: not known.
    pub ocs_trust: Vec<PathBuf>,
    /// What the IM and Presence nodes trust; empty: not known.
    pub imp_trust: Vec<PathBuf>,
    /// How keys, requests and PFX files are made.
    pub defaults: Defaults,
}

/// How SIP travels between the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Mutual TLS, port 5061.
    Tls,
    /// Plain TCP, port 5060.
    Tcp,
}

/// What runs on the Microsoft side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Office Communications Server 2007 R2.
    Ocs2007R2,
    /// Lync Server 2010 and 2013.
    Lync2013,
    /// Skype for Business Server 2015 and 2019.
    Sfb2019,
}

impl Product {
    /// Its name in the file, and the profile of `verify`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ocs2007R2 => "ocs2007r2",
            Self::Lync2013 => "lync2013",
            Self::Sfb2019 => "sfb2019",
        }
    }
}

/// A server or node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its own name.
    pub fqdn: Fqdn,
    /// Its address.
    pub ip: IpAddr,
}

/// An Enterprise pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The pool's name.
    pub fqdn: Fqdn,
    /// The virtual address of its load balancer.
    pub ip: Option<IpAddr>,
    /// Its servers, one at least.
    pub front_ends: Vec<Host>,
}

/// An IM and Presence node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Name and address.
    pub host: Host,
    /// Its own certificate.
    pub certificate: Option<PathBuf>,
    /// True for the one node that OCS's static route goes to.
    pub route_target: bool,
}

/// The CA that signs the servers' certificates.
#[derive(Clone, Debug)]
pub enum Ca {
    /// A Microsoft CA behind its web enrollment pages.
    Microsoft(Box<MicrosoftCa>),
    /// Any other: requests are handed in as files, certificates come back as files.
    File,
}

/// A Microsoft CA.
#[derive(Clone, Debug)]
pub struct MicrosoftCa {
    /// Its web enrollment pages.
    pub url: CaUrl,
    /// The template to ask for: there is one exactly where it is an enterprise CA.
    pub template: Option<TemplateName>,
    /// The roots for the pages' own TLS; empty: the system's.
    pub tls_roots: Vec<PathBuf>,
    /// Who logs on.
    pub user: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
    /// How to log on: one of [`keys::LOGONS`].
    pub auth: &'static str,
    /// True where a `url` with http is allowed.
    pub allow_http: bool,
}

/// How keys, requests and PFX files are made.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// The kind of key.
    pub key_type: KeyType,
    /// Renew when fewer days than this are left.
    pub renew_before_days: i64,
    /// What the PFX files are for.
    pub pfx: &'static Target,
    /// The file with the password that closes them.
    pub pfx_password_file: Option<PathBuf>,
    /// The subject's attributes before the CN, in the order of the encoding: country first.
    pub subject: Vec<(Oid, String)>,
    /// The subject's email address, behind the CN.
    pub email: Option<String>,
    /// Further names for every certificate, `sip.<domain>` among them where it is wanted.
    pub extra_names: Vec<Fqdn>,
}

/// A server that needs a certificate: a Standard Edition server, or a front end of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Server<'a> {
    /// Name and address.
    pub host: &'a Host,
    /// Its pool.
    pub pool: Option<&'a Pool>,
}

impl Federation {
    /// Every server that needs a certificate, in the order of the file: Standard Edition first.
    pub fn servers(&self) -> Vec<Server<'_>> {
        let standard = self.standard.iter().map(|host| Server { host, pool: None });
        let front_ends = self
            .pools
            .iter()
            .flat_map(|pool| pool.front_ends.iter().map(move |host| Server { host, pool: Some(pool) }));
        standard.chain(front_ends).collect()
    }

    /// The names that the certificates' CNs are: the peers that IM and Presence must know.
    pub fn common_names(&self) -> impl Iterator<Item = &Fqdn> {
        self.standard.iter().map(|host| &host.fqdn).chain(self.pools.iter().map(|pool| &pool.fqdn))
    }

    /// The node that OCS's static route goes to.
    pub fn next_hop(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.route_target)
    }

    /// What to ask a CA for.
    pub fn request(&self, server: Server<'_>, key: &KeyAlgorithm) -> Spec {
        let mut spec = Spec::mutual_tls(server.common_name(), key);
        let dns = |name: &Fqdn| GeneralName::Dns(name.as_str().to_string());
        spec.add_name(dns(&server.host.fqdn));
        self.defaults.extra_names.iter().for_each(|name| spec.add_name(dns(name)));
        spec.subject.splice(0..0, self.defaults.subject.iter().cloned());
        spec.subject.extend(self.defaults.email.clone().map(|email| (oid::EMAIL_ADDRESS, email)));
        spec
    }
}

impl<'a> Server<'a> {
    /// The subject CN its certificate needs: the pool's name for a front end.
    pub fn common_name(&self) -> &'a Fqdn {
        self.pool.map_or(&self.host.fqdn, |pool| &pool.fqdn)
    }

    /// What `verify` expects of the certificate's names.
    pub fn expected(&self) -> Expected {
        match self.pool {
            Some(pool) => Expected::Pool(pool.fqdn.clone()),
            None => Expected::Server(self.host.fqdn.clone()),
        }
    }
}

/// The attributes of the subject that a file may name, by key, in the order of the encoding.
const SUBJECT: &[(&str, Oid)] = &[
    ("country", oid::COUNTRY),
    ("state", oid::STATE),
    ("locality", oid::LOCALITY),
    ("organization", oid::ORGANIZATION),
    ("organizational_units", oid::ORGANIZATIONAL_UNIT),
    ("email", oid::EMAIL_ADDRESS),
];
