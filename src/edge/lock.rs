//! Keeps other processes out. A lock lies in a file of its own because what it guards is replaced on every write;
//! it is removed afterwards, and whoever waited on a removed one looks again.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::inputs::shown;
use super::{Error, Result};

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock in the file `path` for work on `what`, which names it in messages.
    ///
    /// # Errors
    /// Another process has it; the file cannot be made.
    pub fn take(path: PathBuf, what: &Path) -> Result<Self> {
        let cannot =
            |e: std::io::Error| Error::new(format!("cannot write beside {}", shown(what))).because(e);
        loop {
            let file = File::options().create(true).append(true).open(&path).map_err(cannot)?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let what = format!("another ocscert works on {} right now", shown(what));
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
