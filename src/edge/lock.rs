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
            match open(&path) {
                Ok(file) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                Ok(_) => {}
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

/// Opens the file and locks it.
#[cfg(unix)]
fn open(path: &Path) -> std::result::Result<File, TryLockError> {
    let file = File::options().create(true).append(true).open(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

/// True where the open file is the one at this path: its last holder may have removed it.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: std::io::Result<fs::Metadata>| metadata.ok().map(|m| (m.dev(), m.ino()));
    let ours = id(file.metadata());
    ours.is_some() && ours == id(fs::metadata(path))
}

/// Opens the file so that nobody else can, nor remove it; it goes with whoever has it open, even one that is killed.
#[cfg(windows)]
fn open(path: &Path) -> std::result::Result<File, TryLockError> {
    use std::os::windows::fs::OpenOptionsExt;

    use windows_sys::Win32::Foundation::ERROR_SHARING_VIOLATION;
    use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

    let mut options = File::options();
    options.create(true).append(true).share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE);
    options.open(path).map_err(|e| match e.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_SHARING_VIOLATION) => TryLockError::WouldBlock,
        _ => TryLockError::Error(e),
    })
}

#[cfg(windows)]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_nothing_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let take = || Lock::take(path.clone(), Path::new("a.csr"));
        let lock = take().unwrap();
        let refused = take().unwrap_err();
        assert!(refused.to_string().contains("another ocscert works on a.csr"), "{refused}");
        drop(lock);
        assert!(!path.exists());
        drop(take().unwrap());
    }
}
