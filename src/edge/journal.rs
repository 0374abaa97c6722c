//! The journal of a CSR: `<csr stem>.request.json` beside it (format: docs/journal.md). Every change is on the
//! disk before the next step is taken, and one process at a time works on it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::files::{self, Output};
use super::inputs::shown;
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
        let document = match path.try_exists() {
            Ok(false) => Document::default(),
            _ => Document::parse(&files::read(&path)?).map_err(|e| corrupt(&path, e))?,
        };
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

/// The journal's place: beside the CSR.
pub fn path_of(csr: &Path) -> PathBuf {
    csr.with_extension("request.json")
}

fn corrupt(path: &Path, detail: String) -> Error {
    let shown = shown(path);
    Error::new(format!("{shown} is no journal that can be read")).because(detail).hint(format!(
        "it says whether this CSR was sent already: restore {shown} from a backup; \
         only if the CSR was never sent, move it away and run it again"
    ))
}

/// Keeps other processes out. The lock lies in a file of its own because the journal itself is replaced on every
/// write; it is removed afterwards, and whoever waited on a removed one looks again.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(path: PathBuf, csr: &Path) -> Result<Self> {
        let cannot = |e: std::io::Error| Error::new(format!("cannot write beside {}", shown(csr))).because(e);
        loop {
            let file = File::options().create(true).append(true).open(&path).map_err(cannot)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let what = format!("another ocscert works on {} right now", shown(csr));
                    return Err(Error::new(what).hint("wait until it has ended, then run it again"));
                }
                Err(TryLockError::Error(e)) => return Err(cannot(e)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked here, so nobody works under this file. Where it cannot be removed it stays, harmless.
        let _ = fs::remove_file(&self.path);
    }
}

/// True where the open file is the one at this path: its last holder may have removed it.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: std::io::Result<fs::Metadata>| metadata.ok().map(|m| (m.dev(), m.ino()));
    let ours = id(file.metadata());
    ours.is_some() && ours == id(fs::metadata(path))
}

/// Windows removes no file that somebody holds open.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
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
