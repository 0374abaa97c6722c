//! Chains in order, out of any heap: from the leaf to the root, each signed by the next one's key.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Certificate, Sourced};
use crate::path::signature::VerifyingKey;

/// A heap, put in order.
#[derive(Debug, Default)]
pub struct Chain {
    /// Leaf (or lowest CA) first, root last where it is there.
    pub ordered: Vec<Sourced<Arc<Certificate>>>,
    /// Exact repetitions that were dropped.
    pub duplicates: Vec<Sourced<Arc<Certificate>>>,
    /// Certificates that are no part of the chain.
    pub strangers: Vec<Sourced<Arc<Certificate>>>,
}

impl Chain {
    /// True where the last certificate is signed by its own key: nothing is missing above.
    pub fn ends_in_a_root(&self) -> bool {
        self.ordered.last().is_some_and(|last| is_signed_by(&last.value, &last.value))
    }
}

/// Orders a heap of certificates into the longest chain that starts at a certificate which signed no other:
/// a leaf if there is one, else the lowest CA.
pub fn order(heap: Vec<Sourced<Arc<Certificate>>>) -> Chain {
    let (rest, duplicates) = without_duplicates(heap);
    let signed_no_other = |candidate: &Sourced<Arc<Certificate>>| {
        !rest
            .iter()
            .any(|other| other.value != candidate.value && is_signed_by(&other.value, &candidate.value))
    };
    let start = (0..rest.len())
        .filter(|i| signed_no_other(&rest[*i]))
        .max_by_key(|i| (!rest[*i].value.is_ca(), climb(*i, &rest).len(), std::cmp::Reverse(*i)));
    let path = start.map(|start| climb(start, &rest)).unwrap_or_default();
    take(path, rest, duplicates)
}

/// Orders a heap into the chain that starts at this certificate.
pub fn order_from(leaf: &Certificate, heap: Vec<Sourced<Arc<Certificate>>>) -> Chain {
    let (rest, duplicates) = without_duplicates(heap);
    let start = rest.iter().position(|c| *c.value == *leaf);
    let path = start.map(|start| climb(start, &rest)).unwrap_or_default();
    take(path, rest, duplicates)
}

type Heap = Vec<Sourced<Arc<Certificate>>>;

fn without_duplicates(heap: Heap) -> (Heap, Heap) {
    let mut seen = HashSet::new();
    heap.into_iter().partition(|c| seen.insert(*c.value.sha256()))
}

fn take(path: Vec<usize>, heap: Heap, duplicates: Heap) -> Chain {
    let mut slots: Vec<Option<_>> = heap.into_iter().map(Some).collect();
    let ordered = path.iter().filter_map(|i| slots[*i].take()).collect();
    Chain { ordered, duplicates, strangers: slots.into_iter().flatten().collect() }
}

/// A heap, sorted for trust stores.
#[derive(Debug, Default)]
pub struct Stores {
    /// Self-signed CA certificates: what may be trusted.
    pub roots: Vec<Sourced<Arc<Certificate>>>,
    /// Every other CA certificate, those nearer to a root first.
    pub intermediates: Vec<Sourced<Arc<Certificate>>>,
    /// Exact repetitions that were dropped.
    pub duplicates: Vec<Sourced<Arc<Certificate>>>,
    /// What is no CA's, and belongs in none of these stores.
    pub others: Vec<Sourced<Arc<Certificate>>>,
}

/// Sorts a heap for trust stores, whatever chains are in it.
pub fn for_stores(heap: Vec<Sourced<Arc<Certificate>>>) -> Stores {
    let (heap, duplicates) = without_duplicates(heap);
    let (cas, others): (Heap, Heap) = heap.into_iter().partition(|c| c.value.is_ca());
    let (roots, mut intermediates): (Heap, Heap) =
        cas.into_iter().partition(|c| is_signed_by(&c.value, &c.value));
    let all: Heap = roots.iter().chain(&intermediates).cloned().collect();
    let height = |c: &Sourced<Arc<Certificate>>| {
        all.iter().position(|other| other.value == c.value).map_or(0, |at| climb(at, &all).len())
    };
    intermediates.sort_by_cached_key(height);
    Stores { roots, intermediates, duplicates, others }
}

/// True where the signature of `child` is by the key of `issuer`, and the names agree.
pub fn is_signed_by(child: &Certificate, issuer: &Certificate) -> bool {
    child.issuer == issuer.subject
        && VerifyingKey::new(&issuer.public_key)
            .verify(&child.signature_algorithm, child.tbs(), child.signature())
            .is_ok()
}

/// The indices from a certificate up, the newest issuer where several certificates hold the same key.
fn climb(start: usize, heap: &[Sourced<Arc<Certificate>>]) -> Vec<usize> {
    let mut path = vec![start];
    while let Some(child) = path.last().map(|i| &heap[*i].value) {
        let issuers = (0..heap.len()).filter(|i| !path.contains(i) && is_signed_by(child, &heap[*i].value));
        // A self-signed certificate is the end, even if a cross-signed twin is there.
        if is_signed_by(child, child) {
            break;
        }
        match issuers.max_by_key(|i| (heap[*i].value.is_self_issued(), heap[*i].value.validity.not_after)) {
            Some(issuer) => path.push(issuer),
            None => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    fn sourced(der: &[u8], source: &str) -> Sourced<Arc<Certificate>> {
        Sourced { value: Arc::new(Certificate::from_der(der).unwrap()), source: source.into() }
    }

    fn parameters(name: &str, ca: bool) -> CertificateParams {
        let mut parameters = CertificateParams::new([name.to_string()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        parameters
    }

    /// Root, intermediate and leaf in the wrong order, the root twice, and a CA of another world.
    #[test]
    fn any_heap_becomes_a_chain_and_what_does_not_belong_is_named() {
        let key = || KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let root = Issuer::new(parameters("root", true), key());
        let root_der = parameters("root", true).self_signed(root.key()).unwrap();
        let middle_key = key();
        let middle_der = parameters("middle", true).signed_by(&middle_key, &root).unwrap();
        let middle = Issuer::new(parameters("middle", true), middle_key);
        let leaf = parameters("leaf", false).signed_by(&key(), &middle).unwrap();
        let stranger = parameters("middle", true).self_signed(&key()).unwrap();
        let heap = vec![
            sourced(root_der.der(), "root"),
            sourced(stranger.der(), "stranger"),
            sourced(leaf.der(), "leaf"),
            sourced(root_der.der(), "again"),
            sourced(middle_der.der(), "middle"),
        ];
        let chain = order(heap.clone());
        let names =
            |list: &[Sourced<Arc<Certificate>>]| list.iter().map(|c| c.source.clone()).collect::<Vec<_>>();
        assert_eq!(names(&chain.ordered), ["leaf", "middle", "root"]);
        assert_eq!(names(&chain.duplicates), ["again"]);
        assert_eq!(names(&chain.strangers), ["stranger"]);
        assert!(chain.ends_in_a_root());
        let without_root = order(vec![heap[2].clone(), heap[4].clone()]);
        assert!(!without_root.ends_in_a_root());
    }
}
