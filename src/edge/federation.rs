//! The federation file from the disk, with the place of its folder.

use std::path::Path;

use super::inputs::shown;
use super::{Error, Result, files};
use crate::federation::{self, Federation, Layout};
use crate::text;

/// Reads a federation file.
///
/// # Errors
/// It cannot be read; it is no text; its name has no ending; or all that is wrong in it
/// ([`federation::Faults`], as the cause).
pub fn open(path: &Path) -> Result<(Federation, Layout)> {
    let file = shown(path);
    let layout = Layout::of(path).filter(|_| !files::is_stream(path)).ok_or_else(|| {
        Error::new(format!("{file} cannot be a federation file: its name has no ending"))
            .hint("call it site.toml: what belongs to it is kept in the folder site beside it")
    })?;
    let bytes = files::read(path)?;
    let document = std::str::from_utf8(&bytes)
        .map_err(|e| Error::new(format!("{file} is no UTF-8 text")).because(e).hint("save it as UTF-8"))?;
    let document = document.strip_prefix('\u{feff}').unwrap_or(document);
    let folder = path.parent().unwrap_or(Path::new(""));
    let federation = federation::read(document, folder).map_err(|faults| {
        Error::new(format!("{file} has {}", text::count(faults.0.len(), "fault")))
            .because(faults)
            .hint("every key is explained in docs/federation.md; ocscert enroll --init writes an example")
    })?;
    Ok((federation, layout))
}
