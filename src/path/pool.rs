//! Where issuers are looked for: a pool of candidates, and stores of trust anchors. Both find certificates by
//! normalised subject (Windows mixes PrintableString and UTF8String) and by key identifier.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::signature::VerifyingKey;
use crate::model::{Certificate, Name};

/// Certificates that may be issuers, indexed. A certificate that is there already is dropped.
#[derive(Debug, Default)]
pub struct Pool {
    entries: Vec<Entry>,
    by_subject: HashMap<Box<[u8]>, Vec<u32>>,
    by_key_id: HashMap<Box<[u8]>, Vec<u32>>,
    present: HashSet<[u8; 32]>,
}

/// A certificate with its key ready to verify.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) certificate: Arc<Certificate>,
    key: OnceLock<VerifyingKey>,
}

impl Entry {
    pub(super) fn key(&self) -> &VerifyingKey {
        self.key.get_or_init(|| VerifyingKey::new(&self.certificate.public_key))
    }
}

impl Pool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a certificate; false where it was there already.
    pub fn add(&mut self, certificate: Arc<Certificate>) -> bool {
        if !self.present.insert(*certificate.sha256()) {
            return false;
        }
        // u32 keeps the index small; four billion certificates do not fit in memory.
        let at = self.entries.len() as u32;
        self.by_subject.entry(certificate.subject.normalized().into()).or_default().push(at);
        if let Some(id) = certificate.subject_key_id() {
            self.by_key_id.entry(id.into()).or_default().push(at);
        }
        self.entries.push(Entry { certificate, key: OnceLock::new() });
        true
    }

    /// How many different certificates there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True where exactly this certificate is in it.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        !self.present.is_empty() && self.present.contains(certificate.sha256())
    }

    /// The certificates, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.entries.iter().map(|entry| &entry.certificate)
    }

    pub(super) fn named(&self, name: &Name) -> impl Iterator<Item = &Entry> {
        self.at(self.by_subject.get(name.normalized()))
    }

    pub(super) fn with_key_id(&self, id: &[u8]) -> impl Iterator<Item = &Entry> {
        self.at(self.by_key_id.get(id))
    }

    fn at<'a>(&'a self, found: Option<&'a Vec<u32>>) -> impl Iterator<Item = &'a Entry> {
        found.into_iter().flatten().map(|at| &self.entries[*at as usize])
    }
}

impl FromIterator<Arc<Certificate>> for Pool {
    fn from_iter<I: IntoIterator<Item = Arc<Certificate>>>(certificates: I) -> Self {
        let mut pool = Self::new();
        for certificate in certificates {
            pool.add(certificate);
        }
        pool
    }
}

/// The trust anchors of one side. Any certificate can be one: its name and key are trusted without proof (RFC
/// 5280 section 6.1.1 d), its own dates, constraints and critical extensions count.
#[derive(Debug, Default)]
pub struct Store(pub(super) Pool);

impl Store {
    /// How many different anchors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where exactly this certificate is an anchor.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.0.contains(certificate)
    }

    /// The anchors, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Certificate>> {
        self.0.iter()
    }
}

impl FromIterator<Arc<Certificate>> for Store {
    fn from_iter<I: IntoIterator<Item = Arc<Certificate>>>(certificates: I) -> Self {
        Self(certificates.into_iter().collect())
    }
}
