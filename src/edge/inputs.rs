//! What people name on the command line, read into models: files, folders, standard input (`-`, once).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::secrets::Password;
use super::terminal::Terminal;
use super::{Error, Result, files};
use crate::model::container::{Limits, Problem};
use crate::model::{self, Certificate, Contents, Crl, Object, PrivateKey, Request, Sourced};

/// Reads inputs for one command and remembers whether standard input was taken.
#[derive(Debug, Default)]
pub struct Inputs {
    stdin_taken: bool,
    /// Where passwords are asked for; `None`: nobody is there.
    terminal: Option<Terminal>,
    /// The file with the password that opens keys and PFX files; without one it is asked for.
    pub key_password_file: Option<PathBuf>,
    /// What was asked for and answered: one file may be certificate and key, and is asked about once.
    answers: Vec<(String, Password)>,
    /// Blocks that could not be read beside others that could: for findings and warnings.
    pub problems: Vec<Sourced<Problem>>,
    /// Files in folders that held nothing of what was looked for.
    pub skipped: usize,
}

impl Inputs {
    /// Inputs whose passwords may be asked for.
    pub fn new(terminal: Terminal) -> Self {
        Self { terminal: Some(terminal), ..Self::default() }
    }

    /// The bytes of a file, or of standard input for `-`.
    ///
    /// # Errors
    /// As [`files::read`]; a second `-`.
    pub fn bytes(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
        if !files::is_stream(path) {
            return files::read(path);
        }
        if std::mem::replace(&mut self.stdin_taken, true) {
            return Err(Error::new("standard input (-) can be read only once")
                .hint("name files for all inputs but one"));
        }
        files::read_capped(std::io::stdin().lock().by_ref(), 0, "standard input")
    }

    /// All that is in one file, PFX files opened where a password file was named. Nothing readable at all is an
    /// error; a broken block beside good ones is kept in [`Inputs::problems`].
    ///
    /// # Errors
    /// As [`Inputs::bytes`]; nothing in the file can be read; the password does not open a PFX file.
    pub fn contents(&mut self, path: &Path) -> Result<Contents> {
        let password = self.password()?;
        let contents = opened(path, model::read(&self.bytes(path)?), password.as_ref())?;
        self.checked(path, contents)
    }

    /// [`Inputs::contents`] with all that is closed opened, as far as there are passwords: what nobody gives one
    /// for stays closed.
    ///
    /// # Errors
    /// As [`Inputs::contents`]; the password does not open a key.
    pub fn opened_contents(&mut self, path: &Path) -> Result<Contents> {
        let mut contents = self.contents(path)?;
        if contents.has_pfx() && contents.open_pfx("", Limits::default()).is_err() {
            let password = self.offered(&pfx_password(path))?;
            contents = opened(path, contents, password.as_ref())?;
        }
        if contents.items.iter().any(|item| matches!(item.object, Object::EncryptedKey(_))) {
            let password = match self.password()? {
                Some(password) => Some(password),
                None => self.offered(&key_password(path))?,
            };
            if let Some(password) = password {
                contents.open_keys(password.reveal(), Limits::default()).map_err(|e| not_opened(path, e))?;
            }
        }
        Ok(contents)
    }

    fn password(&self) -> Result<Option<Password>> {
        self.key_password_file.as_deref().map(Password::from_file).transpose()
    }

    fn offered(&self, what_for: &str) -> Result<Option<Password>> {
        match self.terminal {
            Some(terminal) if self.key_password_file.is_none() => terminal.offer_password(what_for),
            _ => Ok(None),
        }
    }

    fn asked(&mut self, what_for: &str) -> Result<Password> {
        if let Some(password) = self.password()? {
            return Ok(password);
        }
        if let Some((_, answer)) = self.answers.iter().find(|(asked, _)| asked == what_for) {
            return Ok(answer.clone());
        }
        let terminal =
            self.terminal.ok_or_else(|| Error::new(format!("a password is needed: {what_for}")))?;
        let answer = terminal.ask_password(what_for, "--key-password-file")?;
        self.answers.push((what_for.to_string(), answer.clone()));
        Ok(answer)
    }

    /// Opens a PFX file that is needed and still closed: without a password, else with one that is asked for.
    fn unlocked(&mut self, path: &Path, mut contents: Contents) -> Result<Contents> {
        match contents.open_pfx("", Limits::default()) {
            Ok(()) => Ok(contents),
            Err(_) => opened(path, contents, Some(&self.asked(&pfx_password(path))?)),
        }
    }

    fn checked(&mut self, path: &Path, contents: Contents) -> Result<Contents> {
        match contents.problems.first() {
            Some(problem) if contents.items.is_empty() => {
                Err(Error::new(format!("cannot read {}: {problem}", shown(path))))
            }
            _ => {
                let source = shown(path);
                let problems = contents.problems.iter().cloned();
                self.problems.extend(problems.map(|value| Sourced { value, source: source.clone() }));
                Ok(contents)
            }
        }
    }

    /// The certificates in files and folders, in order. A folder's files without certificates are skipped and
    /// counted; a file named itself must hold one.
    ///
    /// # Errors
    /// As [`Inputs::contents`]; a named file without a certificate; a folder with none at all.
    pub fn certificates(&mut self, paths: &[PathBuf]) -> Result<Vec<Sourced<Arc<Certificate>>>> {
        Ok(self.certificates_by_path(paths)?.into_iter().flatten().collect())
    }

    /// [`Inputs::certificates`], path by path.
    ///
    /// # Errors
    /// As [`Inputs::certificates`].
    pub fn certificates_by_path(&mut self, paths: &[PathBuf]) -> Result<Vec<Vec<Sourced<Arc<Certificate>>>>> {
        self.all(paths, "a certificate", sourced)
    }

    /// The CRLs in files and folders, in order; as [`Inputs::certificates`].
    ///
    /// # Errors
    /// As [`Inputs::certificates`].
    pub fn crls(&mut self, paths: &[PathBuf]) -> Result<Vec<Arc<Crl>>> {
        let found = self.all(paths, "a CRL", |_, contents| {
            let crls = contents.items.iter().filter_map(|item| match &item.object {
                Object::Crl(crl) => Some(crl.clone()),
                _ => None,
            });
            crls.collect()
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    fn all<T: Send>(
        &mut self,
        paths: &[PathBuf],
        wanted: &str,
        pick: impl Fn(&Path, &Contents) -> Vec<T> + Sync,
    ) -> Result<Vec<Vec<T>>> {
        let files: Vec<&PathBuf> = paths.iter().filter(|p| !p.is_dir() && !files::is_stream(p)).collect();
        // Many files are read and parsed on every core; what went wrong is told in their order.
        let password = self.password()?;
        let read_all = |files: &[&PathBuf]| {
            read_all(files, password.as_ref(), |path, contents| (pick(path, &contents), contents))
        };
        let mut read = read_all(&files).into_iter();
        let mut found = Vec::new();
        for path in paths {
            if path.is_dir() {
                found.push(self.folder(path, wanted, password.as_ref(), &pick)?);
                continue;
            }
            let (here, contents) = match files::is_stream(path) {
                true => {
                    let contents = opened(path, model::read(&self.bytes(path)?), password.as_ref())?;
                    (pick(path, &contents), contents)
                }
                false => {
                    read.next().unwrap_or_else(|| Err(Error::new(format!("{} was not read", shown(path)))))?
                }
            };
            let mut contents = self.checked(path, contents)?;
            let mut here = here;
            if here.is_empty() && contents.has_pfx() {
                contents = self.unlocked(path, contents)?;
                here = pick(path, &contents);
            }
            if here.is_empty() {
                return Err(wrong_kind(path, &contents, wanted));
            }
            found.push(here);
        }
        Ok(found)
    }

    fn folder<T: Send>(
        &mut self,
        folder: &Path,
        wanted: &str,
        password: Option<&Password>,
        pick: &(impl Fn(&Path, &Contents) -> Vec<T> + Sync),
    ) -> Result<Vec<T>> {
        let files = files::list(folder)?;
        let mut found = Vec::new();
        for here in read_all(&files, password, |path, contents| pick(path, &contents)) {
            let here = here?;
            self.skipped += usize::from(here.is_empty());
            found.extend(here);
        }
        match found.is_empty() {
            true => Err(Error::new(format!("no file in {} holds {wanted}", shown(folder)))),
            false => Ok(found),
        }
    }

    /// The one request in a file.
    ///
    /// # Errors
    /// As [`Inputs::contents`]; the file holds no request, or several.
    pub fn request(&mut self, path: &Path) -> Result<Arc<Request>> {
        let contents = self.contents(path)?;
        let mut requests = contents.items.iter().filter_map(|item| match &item.object {
            Object::Request(request) => Some(request.clone()),
            _ => None,
        });
        match (requests.next(), requests.next()) {
            (Some(request), None) => Ok(request),
            (Some(_), Some(_)) => Err(Error::new(format!("{} holds several requests", shown(path)))
                .hint("put each request into a file of its own")),
            (None, _) => Err(wrong_kind(path, &contents, "a certificate request (CSR)")),
        }
    }

    /// The private key in a file; where it is closed, or in a PFX, it is opened with the password file, else with
    /// a password that is asked for.
    ///
    /// # Errors
    /// As [`Inputs::contents`]; the file holds no key; the password is wrong or cannot be asked for.
    pub fn key(&mut self, path: &Path) -> Result<PrivateKey> {
        let is_key = |item: &model::Item| matches!(item.object, Object::Key(_) | Object::EncryptedKey(_));
        let mut contents = self.contents(path)?;
        if contents.has_pfx() && !contents.items.iter().any(is_key) {
            contents = self.unlocked(path, contents)?;
        }
        let at = contents.items.iter().position(is_key);
        match at.map(|at| contents.items.swap_remove(at).object) {
            Some(Object::Key(key)) => Ok(key),
            Some(Object::EncryptedKey(key)) => {
                let password = self.asked(&key_password(path))?;
                key.open(password.reveal(), Limits::default()).map_err(|e| not_opened(path, e))
            }
            _ => Err(wrong_kind(path, &contents, "a private key")),
        }
    }
}

fn pfx_password(path: &Path) -> String {
    format!("password of the PFX file {}", shown(path))
}

fn key_password(path: &Path) -> String {
    format!("password of the key {}", shown(path))
}

/// Reads and parses files on every core, in their order.
fn read_all<P: AsRef<Path> + Sync, T: Send>(
    paths: &[P],
    password: Option<&Password>,
    pick: impl Fn(&Path, Contents) -> T + Sync,
) -> Vec<Result<T>> {
    let one = |path: &P| {
        let path = path.as_ref();
        Ok(pick(path, opened(path, model::read(&files::read(path)?), password)?))
    };
    // Starting the threads costs more than a few files.
    match paths.len() {
        0..=4 => paths.iter().map(one).collect(),
        _ => paths.par_iter().map(one).collect(),
    }
}

/// Opens what PFX files hold, where there is a password for them.
fn opened(path: &Path, mut contents: Contents, password: Option<&Password>) -> Result<Contents> {
    let (Some(password), true) = (password, contents.has_pfx()) else { return Ok(contents) };
    contents.open_pfx(password.reveal(), Limits::default()).map_err(|e| match e {
        model::Error::WrongPassword => {
            Error::new(format!("the password does not open the PFX file {}", shown(path)))
                .hint("--key-password-file names the file with the password of the PFX")
        }
        e @ model::Error::Damaged => Error::new(format!("cannot use the PFX file {}", shown(path)))
            .because(e)
            .hint("copy it again, in binary, or export it again"),
        e => Error::new(format!("cannot read the PFX file {}", shown(path)))
            .because(e)
            .hint(format!("let openssl read it: openssl pkcs12 -legacy -in {} -out all.pem", shown(path))),
    })?;
    Ok(contents)
}

fn not_opened(path: &Path, error: model::Error) -> Error {
    match error {
        model::Error::WrongPassword => {
            Error::new(format!("the password does not open the key {}", shown(path)))
                .hint("--key-password-file names the file with the password of the key")
        }
        e => Error::new(format!("cannot use the key {}", shown(path)))
            .because(e)
            .hint(format!("let openssl convert it: openssl pkcs8 -topk8 -in {} -out new.key", shown(path))),
    }
}

/// A path as the person typed it.
pub fn shown(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".into(),
        _ => crate::text::escape(&path.to_string_lossy()).into_owned(),
    }
}

fn sourced(path: &Path, contents: &Contents) -> Vec<Sourced<Arc<Certificate>>> {
    let several = contents.items.len() > 1;
    let certificates = contents.items.iter().enumerate().filter_map(|(i, item)| match &item.object {
        Object::Certificate(certificate) => {
            let source = if several { format!("{} #{}", shown(path), i + 1) } else { shown(path) };
            Some(Sourced { value: certificate.clone(), source })
        }
        _ => None,
    });
    certificates.collect()
}

fn wrong_kind(path: &Path, contents: &Contents, wanted: &str) -> Error {
    let holds = match contents.items.is_empty() {
        true => "nothing of use".to_string(),
        false => contents.summary(),
    };
    Error::new(format!("{} holds {holds}; {wanted} is needed", shown(path)))
        .hint(format!("ocscert inspect {}", shown(path)))
}
