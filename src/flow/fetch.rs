//! `verify --fetch`: the intermediates and CRLs that certificates say where to get (RFC 5280 sections 4.2.2.1
//! and 4.2.1.13). What comes is a candidate and nothing more: the engine judges it like what a file held.

use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::checks::Stores;
use crate::edge::abreast::abreast;
use crate::edge::http::{Options, download};
use crate::model::extension::{DistributionPoint, DistributionPointName};
use crate::model::{Certificate, Crl, Ext, GeneralName, Name, Object, Sourced};
use crate::text::{count, escape_short};

/// An issuer's certificate, or a PKCS#7 bag of some, is never larger, bytes.
const MOST_FOR_CERTIFICATES: u64 = 1 << 20;
/// The largest CRLs of public CAs have some 10 MiB, bytes.
const MOST_FOR_A_CRL: u64 = 64 << 20;
/// More addresses than this are not asked in one run: certificates that name so many mean no good.
const MOST_ADDRESSES: usize = 64;
/// So many are asked at once.
const AT_ONCE: usize = 8;
/// No chain that anybody accepts is longer.
const MOST_ROUNDS: usize = 10;

/// What was fetched.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Certificates, with their addresses.
    pub certificates: Vec<Sourced<Arc<Certificate>>>,
    /// Revocation lists.
    pub crls: Vec<Arc<Crl>>,
    /// A line for each address: what came, or why nothing did.
    pub notes: Vec<String>,
}

/// Fetches what is missing above `leaves`: first issuers that `known` does not hold, then the CRLs of every
/// certificate below a trusted one. `timeout` is for each address; `asked` hears of each that is through.
pub fn fetch(
    leaves: &[Arc<Certificate>],
    known: impl IntoIterator<Item = Arc<Certificate>>,
    stores: &Stores,
    timeout: Duration,
    asked: impl Fn(),
) -> Fetched {
    let mut fetching = Fetching {
        stores,
        timeout,
        asked: &asked,
        known: HashMap::new(),
        seen: HashSet::new(),
        addresses: HashSet::new(),
        fetched: Fetched::default(),
    };
    for certificate in known {
        fetching.know(certificate);
    }
    for _ in 0..MOST_ROUNDS {
        let missing = fetching.above(leaves).without_issuer;
        if !fetching.issuers_of(&missing) {
            break;
        }
    }
    let covered = fetching.above(leaves).below_roots;
    fetching.lists_of(&covered);
    fetching.fetched
}

struct Fetching<'a> {
    stores: &'a Stores,
    timeout: Duration,
    asked: &'a dyn Fn(),
    /// By normalised subject.
    known: HashMap<Box<[u8]>, Vec<Arc<Certificate>>>,
    seen: HashSet<[u8; 32]>,
    /// Those asked or told of already.
    addresses: HashSet<String>,
    fetched: Fetched,
}

/// The certificates from the leaves up, as far as names and key identifiers lead.
#[derive(Default)]
struct Above {
    /// Those whose issuer is not known.
    without_issuer: Vec<Arc<Certificate>>,
    /// Those that a CRL may concern: all but roots.
    below_roots: Vec<Arc<Certificate>>,
}

/// Addresses of one and the same thing, in the order of preference.
struct Wanted {
    addresses: Vec<String>,
    what: &'static str,
    most: u64,
}

const ISSUER: &str = "issuer's certificate";
const LIST: &str = "CRL";

impl Fetching<'_> {
    fn know(&mut self, certificate: Arc<Certificate>) -> bool {
        let is_new = self.seen.insert(*certificate.sha256());
        if is_new {
            self.known.entry(certificate.subject.normalized().into()).or_default().push(certificate);
        }
        is_new
    }

    fn is_root(&self, certificate: &Certificate) -> bool {
        certificate.is_self_issued()
            || self.stores.ocs.contains(certificate)
            || self.stores.imp.contains(certificate)
    }

    fn above(&self, leaves: &[Arc<Certificate>]) -> Above {
        let mut above = Above::default();
        let mut visited = HashSet::new();
        let mut open: Vec<Arc<Certificate>> = leaves.to_vec();
        while let Some(certificate) = open.pop() {
            if !visited.insert(*certificate.sha256()) || self.is_root(&certificate) {
                continue;
            }
            let mut issuers = self.issuers(&certificate.issuer, certificate.authority_key_id()).peekable();
            if issuers.peek().is_none() {
                above.without_issuer.push(certificate.clone());
            }
            open.extend(issuers.cloned());
            above.below_roots.push(certificate);
        }
        above
    }

    /// Those of the name and, where both sides have one, of the key identifier.
    fn issuers<'k>(
        &'k self,
        name: &Name,
        key_id: Option<&'k [u8]>,
    ) -> impl Iterator<Item = &'k Arc<Certificate>> {
        let named = self.known.get(name.normalized()).into_iter().flatten();
        named
            .filter(move |c| key_id.is_none() || c.subject_key_id().is_none() || c.subject_key_id() == key_id)
    }

    /// Fetches the certificates' issuers; true where something new came.
    fn issuers_of(&mut self, certificates: &[Arc<Certificate>]) -> bool {
        let wanted = certificates.iter().map(|c| {
            let addresses = c.ca_issuers().map(str::to_string).collect();
            Wanted { addresses, what: ISSUER, most: MOST_FOR_CERTIFICATES }
        });
        let mut is_new = false;
        for (address, objects) in self.get(wanted.collect()) {
            let certificates = objects.into_iter().filter_map(|object| match object {
                Object::Certificate(certificate) => Some(certificate),
                _ => None,
            });
            for value in certificates {
                if self.know(value.clone()) {
                    is_new = true;
                    self.fetched.certificates.push(Sourced { value, source: address.clone() });
                }
            }
        }
        is_new
    }

    /// Fetches the CRLs that certificates name, then the deltas that those and the certificates name (RFC 5280
    /// section 5.2.6).
    fn lists_of(&mut self, certificates: &[Arc<Certificate>]) {
        let extensions = certificates.iter().map(|c| &c.extensions);
        let mut wanted: Vec<Wanted> = Vec::new();
        for one in extensions {
            wanted.extend([&one.crl_distribution_points, &one.freshest_crl].into_iter().flat_map(points));
        }
        while !wanted.is_empty() {
            let mut freshest = Vec::new();
            for (_, objects) in self.get(std::mem::take(&mut wanted)) {
                for object in objects {
                    let Object::Crl(crl) = object else { continue };
                    freshest.extend(points(&crl.extensions.freshest_crl));
                    self.fetched.crls.push(crl);
                }
            }
            wanted = freshest;
        }
    }

    /// Asks every address not asked before, and gives what came from where.
    fn get(&mut self, mut wanted: Vec<Wanted>) -> Vec<(String, Vec<Object>)> {
        wanted.retain_mut(|one| {
            let (http, other): (Vec<String>, _) = one.addresses.drain(..).partition(|a| is_http(a));
            one.addresses = http;
            // Active Directory's CAs name an LDAP address first and an http one after it.
            if let (true, Some(address)) = (one.addresses.is_empty(), other.first())
                && self.addresses.insert(address.clone())
            {
                let address = escape_short(address, 200);
                self.fetched.notes.push(format!(
                    "not fetched, as only http is spoken here: {address} (the {}; save it to a file and name that)",
                    one.what
                ));
            }
            let is_new = one.addresses.first().is_some_and(|first| !self.addresses.contains(first));
            if is_new && self.addresses.len() >= MOST_ADDRESSES {
                let note = format!("not fetched: more than {MOST_ADDRESSES} addresses are named");
                if !self.fetched.notes.contains(&note) {
                    self.fetched.notes.push(note);
                }
                return false;
            }
            is_new && self.addresses.insert(one.addresses[0].clone())
        });
        let (timeout, asked) = (self.timeout, self.asked);
        let answers = abreast(&wanted, AT_ONCE, |one| first_that_answers(one, timeout), |_| asked());
        let mut came = Vec::new();
        for answer in answers {
            self.fetched.notes.extend(answer.notes);
            came.extend(answer.came);
        }
        came
    }
}

fn is_http(address: &str) -> bool {
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http")
}

/// Each point is a list of its own; its addresses lead to the same one.
fn points(extension: &Option<Ext<Vec<DistributionPoint>>>) -> impl Iterator<Item = Wanted> {
    extension.iter().flat_map(|points| &points.value).filter_map(|point| {
        let Some(DistributionPointName::Full(names)) = &point.name else { return None };
        let addresses = names.iter().filter_map(|name| match name {
            GeneralName::Uri(address) => Some(address.clone()),
            _ => None,
        });
        Some(Wanted { addresses: addresses.collect(), what: LIST, most: MOST_FOR_A_CRL })
    })
}

#[derive(Default)]
struct Answer {
    came: Option<(String, Vec<Object>)>,
    notes: Vec<String>,
}

fn first_that_answers(wanted: &Wanted, timeout: Duration) -> Answer {
    let mut answer = Answer::default();
    for address in &wanted.addresses {
        let told = escape_short(address, 200);
        match one(address, wanted, timeout) {
            Ok(objects) => {
                let what: Vec<String> = objects.iter().map(described).collect();
                answer.notes.push(format!("fetched {told}: {}", what.join(", ")));
                answer.came = Some((told, objects));
                break;
            }
            Err(why) => answer.notes.push(format!("not fetched: {told} (the {}): {why}", wanted.what)),
        }
    }
    answer
}

fn one(address: &str, wanted: &Wanted, timeout: Duration) -> Result<Vec<Object>, String> {
    let url = Url::parse(address).map_err(|e| format!("no address: {e}"))?;
    let options = Options { roots: Vec::new(), timeout };
    let body = download(url, &options, wanted.most).map_err(|e| match e.source() {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    })?;
    let size = body.len();
    let fits = |object: &Object| match object {
        Object::Certificate(_) => wanted.what == ISSUER,
        Object::Crl(_) => wanted.what == LIST,
        _ => false,
    };
    let contents = crate::model::read(&body);
    let objects: Vec<Object> = contents.items.into_iter().map(|item| item.object).filter(fits).collect();
    match objects.is_empty() {
        true => Err(format!("what came is no {} ({})", wanted.what, count(size, "byte"))),
        false => Ok(objects),
    }
}

/// What came, in a few words.
fn described(object: &Object) -> String {
    match object {
        Object::Certificate(certificate) => {
            format!("the certificate of \"{}\"", escape_short(certificate.subject.short(), 80))
        }
        Object::Crl(crl) => {
            let kind = if crl.delta_base.is_some() { "delta CRL" } else { "CRL" };
            let due = crl.next_update.map_or("never".into(), |due| due.date().to_string());
            let issuer = escape_short(crl.issuer.short(), 80);
            format!("the {kind} of \"{issuer}\", {} revoked, the next one due {due}", crl.entries.len())
        }
        other => other.kind().to_string(),
    }
}
