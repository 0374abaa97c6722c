//! Passwords: from a file or a hidden prompt, never from an argument or the environment; wiped after use.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::{Error, Result, files};

/// A password, wiped when dropped and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password that is in memory already.
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads the first line of a file: editors end files with a line break that is no part of the password.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, is empty, or has more lines.
    pub fn from_file(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        let shown = path.display();
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::new(format!("the password file {shown} is not UTF-8 text")))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(Error::new(format!("the password file {shown} is empty")));
        }
        if line.contains('\n') {
            let what = format!("the password file {shown} has more than one line");
            return Err(Error::new(what).hint("put the password alone on the first line"));
        }
        Ok(Self(Zeroizing::new(line.to_string())))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_file_is_one_line_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            let path = folder.path().join("pw");
            std::fs::write(&path, bytes).unwrap();
            Password::from_file(&path)
        };
        assert_eq!(file(b"s3cret \r\n").unwrap().reveal(), "s3cret ");
        assert_eq!(file("パスワード\n".as_bytes()).unwrap().reveal(), "パスワード");
        assert!(file(b"").unwrap_err().to_string().contains("empty"));
        assert!(file(b"a\nb\n").unwrap_err().to_string().contains("more than one line"));
        assert!(!format!("{:?}", file(b"s3cret").unwrap()).contains("s3cret"));
    }
}
