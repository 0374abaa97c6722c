//! The journal of a CSR: `<csr stem>.request.json` beside it (format: docs/journal.md). Every change is on the
//! disk before the next step is taken, and one process at a time works on it.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::files::{self, Output};
use super::inputs::shown;
use super::lock::Lock;
use super::{Error, Result};
use crate::model::request_state::{Document, Entry, Key, State};

/// An open journal; other processes are kept out until it is dropped.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    document: Document,
    /// The place in the document of the entry that is worked on.
    current: Option<usize>,
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of a CSR file and takes its lock. One that is not there yet is empty.
    ///
    /// # Errors
    /// Another process has it; it cannot be read; it is no journal (and is left as it is).
    pub fn open(csr: &Path, key: &Key) -> Result<Self> {
        let path = path_of(csr);
        let lock = Lock::take(path.with_extension("lock"), csr)?;
        let document = document(&path)?;
        let current = document.requests.iter().rposition(|entry| entry.key == *key);
        Ok(Self { path, document, current, _lock: lock })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The newest request with this journal's key, if there is one.
    pub fn entry(&self) -> Option<&Entry> {
        self.document.requests.get(self.current?)
    }

    /// The highest request id that any request to this CA got: where a search for its highest begins.
    pub fn highest_id(&self, ca_url: &str) -> u32 {
        let of_ca = self.document.requests.iter().filter(|entry| entry.key.ca_url == ca_url);
        of_ca.map(|entry| entry.request_id().unwrap_or(entry.highest_id_before)).max().unwrap_or(0)
    }

    /// Adds a request and works on it from now on; durable when this returns.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn begin(&mut self, entry: Entry) -> Result<()> {
        self.document.requests.push(entry);
        self.current = Some(self.document.requests.len() - 1);
        self.save()
    }

    /// Puts a request in the place of the one that is worked on, which provably never arrived; durable when this
    /// returns.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn restart(&mut self, entry: Entry) -> Result<()> {
        match self.current.and_then(|at| self.document.requests.get_mut(at)) {
            Some(current) => {
                *current = entry;
                self.save()
            }
            None => self.begin(entry),
        }
    }

    /// True where another request in this journal to the same CA has this id.
    pub fn has_other(&self, id: u32) -> bool {
        let Some(ca_url) = self.entry().map(|entry| &entry.key.ca_url) else { return false };
        let others = self.document.requests.iter().enumerate().filter(|(at, _)| Some(*at) != self.current);
        others.into_iter().any(|(_, other)| other.key.ca_url == *ca_url && other.request_id() == Some(id))
    }

    /// Changes the state of the request that is worked on; durable when this returns.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn update(&mut self, state: State, now: OffsetDateTime) -> Result<()> {
        if let Some(entry) = self.current.and_then(|at| self.document.requests.get_mut(at)) {
            entry.state = state;
            entry.updated_at = now;
        }
        self.save()
    }

    /// Takes the request that is worked on out again: it provably never left.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn withdraw(&mut self) -> Result<()> {
        let Some(at) = self.current.take() else { return Ok(()) };
        let gone = self.document.requests.remove(at);
        self.current = self.document.requests.iter().rposition(|entry| entry.key == gone.key);
        self.save()
    }

    fn save(&self) -> Result<()> {
        let what = || Error::new(format!("cannot write the journal {}", shown(&self.path)));
        let json = self.document.to_json().map_err(|e| what().because(e))?;
        // For its owner alone: it names hosts, templates and what the CA said.
        let output = Output::secret(&self.path, zeroize::Zeroizing::new(json));
        files::write(&output, true).map_err(|e| {
            what().because(e).hint("free some space or fix the folder's permissions, then run it again")
        })
    }
}

/// Every request that was made with a CSR file, the newest last; nothing is locked or changed.
///
/// # Errors
/// The journal cannot be read, or is none.
pub fn entries(csr: &Path) -> Result<Vec<Entry>> {
    Ok(document(&path_of(csr))?.requests)
}

/// What the journal of a CSR file says of the newest request with this key; only read, whoever works on it.
///
/// # Errors
/// It cannot be read; it is no journal.
pub fn look(csr: &Path, key: &Key) -> Result<Option<Entry>> {
    Ok(entries(csr)?.into_iter().rfind(|entry| entry.key == *key))
}

/// The journal's place: beside the CSR.
pub fn path_of(csr: &Path) -> PathBuf {
    csr.with_extension("request.json")
}

/// What the journal holds; one that is not there yet is empty.
fn document(path: &Path) -> Result<Document> {
    match path.try_exists() {
        Ok(false) => Ok(Document::default()),
        _ => Document::parse(&files::read(path)?).map_err(|e| corrupt(path, e)),
    }
}

fn corrupt(path: &Path, detail: String) -> Error {
    let shown = shown(path);
    Error::new(format!("{shown} is no journal that can be read")).because(detail).hint(format!(
        "it says whether this CSR was sent already: restore {shown} from a backup; \
         only if the CSR was never sent, move it away and run it again"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use time::macros::datetime;

    fn key(template: Option<&str>) -> Key {
        Key { csr_sha256: "ab".into(), ca_url: "https://ca/".into(), template: template.map(Into::into) }
    }

    fn entry(template: Option<&str>, state: State) -> Entry {
        let at = datetime!(2026-11-23 02:14 UTC);
        let (key, key_sha256) = (key(template), "cd".into());
        Entry { key, key_sha256, highest_id_before: 7, submitted_at: at, updated_at: at, state }
    }

    #[test]
    fn what_was_recorded_is_there_after_reopening_and_other_templates_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let csr = folder.path().join("fe1.foo.com.csr");
        let mut journal = Journal::open(&csr, &key(None)).unwrap();
        assert!(journal.entry().is_none() && journal.highest_id("https://ca/") == 0);
        journal.begin(entry(None, State::Submitting)).unwrap();
        journal.update(State::Pending { request_id: 9 }, datetime!(2026-11-23 02:15 UTC)).unwrap();
        drop(journal);
        let mut other = Journal::open(&csr, &key(Some("T"))).unwrap();
        assert!(other.entry().is_none() && other.highest_id("https://ca/") == 9);
        other.begin(entry(Some("T"), State::Submitting)).unwrap();
        other.withdraw().unwrap();
        drop(other);
        let journal = Journal::open(&csr, &key(None)).unwrap();
        assert_eq!(journal.entry().unwrap().state, State::Pending { request_id: 9 });
        assert_eq!(journal.path(), folder.path().join("fe1.foo.com.request.json"));
        drop(journal);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(left, ["fe1.foo.com.request.json"], "neither lock nor temporary file stays");
    }

    #[test]
    fn a_second_holder_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let csr = folder.path().join("a.csr");
        let first = Journal::open(&csr, &key(None)).unwrap();
        let refused = Journal::open(&csr, &key(None)).unwrap_err();
        assert!(refused.to_string().contains("another ocscert works on"), "{refused}");
        drop(first);
        assert!(Journal::open(&csr, &key(None)).is_ok());
    }

    #[test]
    fn a_journal_that_cannot_be_read_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let csr = folder.path().join("a.csr");
        for broken in ["", "{", "{\"schema\":\"ocscert.request/9\",\"requests\":[]}", "null"] {
            fs::write(path_of(&csr), broken).unwrap();
            let refused = Journal::open(&csr, &key(None)).unwrap_err();
            assert!(refused.hint_text().is_some_and(|h| h.contains("a.request.json")), "{refused}");
            assert_eq!(fs::read_to_string(path_of(&csr)).unwrap(), broken);
        }
    }
}
