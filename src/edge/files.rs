//! Files: read with a limit, written so that nothing is ever lost or half there. A new file is made beside its
//! place with its final mode, flushed to the disk, and renamed; an existing one is only replaced when the
//! person said so.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, Result, interrupt};

/// Files larger than this are not read into memory (bytes).
pub const MAX_READ: u64 = crate::model::container::MAX_BYTES as u64;

/// How the names of files begin and end that are not whole yet.
const TEMPORARY: (&str, &str) = (".ocscert-", ".tmp");

/// What is said of a file that only its owner may read. On Windows administrators may, too, as root may elsewhere.
pub const SECRET: &str = if cfg!(windows) { "owner only" } else { "0600" };

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everybody the directory lets in (0644 less the umask).
    Public,
    /// The owner alone, from the first moment ([`SECRET`]): keys, PFX files, journals.
    Secret,
}

/// Reads a whole file.
///
/// # Errors
/// Missing, a directory, not readable, or larger than [`MAX_READ`]: each named with the file.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let shown = path.display();
    let is_folder = || Error::new(format!("{shown} is a folder; a file is needed"));
    let cannot = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Error::new(format!("{shown} does not exist")),
        // Windows opens none.
        _ if path.is_dir() => is_folder(),
        io::ErrorKind::PermissionDenied => Error::new(format!("{shown} may not be read")).because(e),
        _ => Error::new(format!("cannot read {shown}")).because(e),
    };
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(is_folder());
    }
    read_capped(file, metadata.len(), &shown.to_string())
}

/// Reads a stream up to [`MAX_READ`]; `expected` is how much it probably holds.
pub(super) fn read_capped(stream: impl Read, expected: u64, shown: &str) -> Result<Zeroizing<Vec<u8>>> {
    let too_large = || Error::new(format!("{shown} is larger than {} MiB", MAX_READ >> 20));
    if expected > MAX_READ {
        return Err(too_large());
    }
    // One allocation of the right size: a buffer that grows leaves copies of a secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected as usize + 1));
    let read = stream.take(MAX_READ + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::new(format!("cannot read {shown}")).because(e))?;
    if bytes.len() as u64 > MAX_READ { Err(too_large()) } else { Ok(bytes) }
}

/// A file about to be written.
#[derive(Debug)]
pub struct Output {
    /// Where to.
    pub path: PathBuf,
    /// What.
    pub bytes: Zeroizing<Vec<u8>>,
    /// For whom.
    pub mode: Mode,
}

impl Output {
    /// A file that everybody may read.
    pub fn public(path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes: Zeroizing::new(bytes.into()), mode: Mode::Public }
    }

    /// A file for its owner alone.
    pub fn secret(path: impl Into<PathBuf>, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { path: path.into(), bytes, mode: Mode::Secret }
    }
}

/// Refuses paths that exist, before any work is done for them.
///
/// # Errors
/// The first path that exists, unless `overwrite`.
pub fn check_free<'a>(paths: impl IntoIterator<Item = &'a Path>, overwrite: bool) -> Result<()> {
    for path in paths {
        if !overwrite && fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
    }
    Ok(())
}

/// Writes one file: beside its place, flushed, renamed; the directory flushed too, so that it survives a power
/// cut.
///
/// # Errors
/// It exists and `overwrite` is false; its folder is missing; the disk is full; no permission.
pub fn write(output: &Output, overwrite: bool) -> Result<()> {
    let path = output.path.as_path();
    let cannot = |e: io::Error| Error::new(format!("cannot write {}", path.display())).because(e);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let mkdir = if cfg!(windows) { "mkdir" } else { "mkdir -p" };
        let hint = format!("{mkdir} {}", folder.display());
        return Err(Error::new(format!("the folder {} does not exist", folder.display())).hint(hint));
    }
    // Devices and pipes (/dev/stdout, /dev/full) are written to, not replaced.
    if fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let mut device = File::options().write(true).open(path).map_err(cannot)?;
        return device.write_all(&output.bytes).and_then(|()| device.flush()).map_err(cannot);
    }
    // Ctrl-C leaves no half of a file: it waits for the whole.
    let _whole = interrupt::hold();
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
    #[cfg(unix)]
    if output.mode == Mode::Public {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let file = match output.mode {
        #[cfg(windows)]
        Mode::Secret => builder.make_in(folder, super::owner::create),
        _ => builder.tempfile_in(folder),
    };
    let mut file = file.map_err(cannot)?;
    file.write_all(&output.bytes).and_then(|()| file.as_file().sync_all()).map_err(cannot)?;
    let persisted = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => sync_folder(folder).map_err(cannot),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(e) => Err(cannot(e.error)),
    }
}

/// Makes a folder and those above it, if they are not there.
///
/// # Errors
/// Where that is not possible, naming the folder.
pub fn make_folder(path: &Path) -> Result<()> {
    if fs::metadata(path).is_ok_and(|m| !m.is_dir()) {
        let what = format!("{} is a file; a folder is needed", path.display());
        return Err(Error::new(what).hint("name a folder, or one that does not exist yet"));
    }
    fs::create_dir_all(path)
        .map_err(|e| Error::new(format!("cannot make the folder {}", path.display())).because(e))
}

/// Removes what a run that was killed left half-written in a folder. Only for folders that no other run works in.
///
/// # Errors
/// The folder cannot be listed, or a file cannot be removed.
pub fn remove_leftovers(folder: &Path) -> Result<()> {
    for path in list(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1) {
            let cannot = |e| Error::new(format!("cannot remove {}", path.display())).because(e);
            fs::remove_file(&path).map_err(cannot)?;
        }
    }
    Ok(())
}

/// True for `-`: standard input or output.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// True for a folder.
pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// The files in a folder (not those below), by name.
///
/// # Errors
/// Where the folder cannot be listed.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot = |e: io::Error| Error::new(format!("cannot list {}", folder.display())).because(e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        // What a link leads to has to be asked for; of everything else the folder itself knows what it is.
        if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
            paths.push(entry.path());
        }
    }
    // Byte by byte: all are in one folder, and comparing them part by part takes ten times as long.
    paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(paths)
}

fn exists(path: &Path) -> Error {
    Error::new(format!("{} exists already", path.display()))
        .hint("move it away, name another output, or add --overwrite to replace it")
}

#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        write(&Output::public(&path, "one"), false).unwrap();
        let refused = write(&Output::public(&path, "two"), false).unwrap_err();
        assert!(refused.to_string().contains("exists already") && refused.hint_text().is_some());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&Output::public(&path, "two"), true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_alone_and_a_full_disk_is_an_error() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.key");
        write(&Output::secret(&path, Zeroizing::new(b"s".to_vec())), false).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let full = write(&Output::public("/dev/full", "x"), true).unwrap_err();
        assert!(full.to_string().contains("/dev/full"), "{full}");
    }

    #[test]
    fn reading_names_the_file_and_the_cause() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).unwrap_err().to_string().contains("folder"));
        assert!(read(&folder.path().join("x")).unwrap_err().to_string().contains("does not exist"));
    }
}
