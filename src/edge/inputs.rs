//! What people name on the command line, read into models: files, folders, standard input (`-`, once).

use std::io::Read as _;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::ProgressBar;
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
    /// What was on standard input, for the case that all is read again.
    stdin: Option<Zeroizing<Vec<u8>>>,
    /// Where passwords are asked for; `None`: nobody is there.
    terminal: Option<Terminal>,
    /// The file with the password that opens keys and PFX files; without one it is asked for.
    pub key_password_file: Option<PathBuf>,
    /// What was asked for and answered: one file may be certificate and key, and is asked about once.
    answers: Vec<(String, Password)>,
    /// Blocks that could not be read beside others that could: for findings and warnings.
    pub problems: Vec<Sourced<Problem>>,
}

/// A file that was read.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// True where not the file was named but the folder it is in.
    pub in_folder: bool,
    /// What is in it.
    pub contents: &'a Contents,
}

impl File<'_> {
    /// Its certificates, each with its place.
    pub fn certificates(&self) -> Vec<Sourced<Arc<Certificate>>> {
        let items = &self.contents.items;
        let certificates = items.iter().enumerate().filter_map(|(i, item)| match &item.object {
            Object::Certificate(certificate) => {
                let file = shown(self.path);
                let source = if items.len() > 1 { format!("{file} #{}", i + 1) } else { file };
                Some(Sourced { value: certificate.clone(), source })
            }
            _ => None,
        });
        certificates.collect()
    }
}

/// What was made of many files.
#[derive(Debug)]
pub struct Found<T> {
    /// One thing a file, in their order.
    pub items: Vec<T>,
    /// Files in folders that held nothing of what was looked for.
    pub skipped: usize,
}

/// How far reading had come: see [`Inputs::rewind`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    stdin_taken: bool,
    problems: usize,
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
        if self.stdin.is_none() {
            self.stdin = Some(files::read_capped(std::io::stdin().lock().by_ref(), 0, "standard input")?);
        }
        Ok(self.stdin.clone().unwrap_or_default())
    }

    /// Where reading is now.
    pub fn mark(&self) -> Mark {
        Mark { stdin_taken: self.stdin_taken, problems: self.problems.len() }
    }

    /// Goes back: what was read since may be read once more, standard input too.
    pub fn rewind(&mut self, mark: Mark) {
        self.stdin_taken = mark.stdin_taken;
        self.problems.truncate(mark.problems);
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
                self.note(path, contents.problems.clone());
                Ok(contents)
            }
        }
    }

    fn note(&mut self, path: &Path, problems: Vec<Problem>) {
        self.problems.extend(problems.into_iter().map(|value| Sourced { value, source: shown(path) }));
    }

    /// The certificates in files and folders, in order. A folder's files without certificates are skipped; a file
    /// named itself must hold one.
    ///
    /// # Errors
    /// As [`Inputs::contents`]; a named file without a certificate; a folder with none at all.
    pub fn certificates(&mut self, paths: &[PathBuf]) -> Result<Vec<Sourced<Arc<Certificate>>>> {
        let found = self.each(paths, "a certificate", &ProgressBar::hidden(), |file| {
            let certificates = file.certificates();
            (!certificates.is_empty()).then_some(certificates)
        })?;
        Ok(found.items.into_iter().flatten().collect())
    }

    /// The CRLs in files and folders, in order; as [`Inputs::certificates`].
    ///
    /// # Errors
    /// As [`Inputs::certificates`].
    pub fn crls(&mut self, paths: &[PathBuf]) -> Result<Vec<Arc<Crl>>> {
        let found = self.each(paths, "a CRL", &ProgressBar::hidden(), |file| {
            let crls = file.contents.items.iter().filter_map(|item| match &item.object {
                Object::Crl(crl) => Some(crl.clone()),
                _ => None,
            });
            let crls: Vec<Arc<Crl>> = crls.collect();
            (!crls.is_empty()).then_some(crls)
        })?;
        Ok(found.items.into_iter().flatten().collect())
    }

    /// Makes something of every file that is named or lies in a folder that is named: on every core, as soon as the
    /// file is read, and nothing else of it is kept. `make` gives `None` where the file holds nothing that is
    /// `wanted`.
    ///
    /// # Errors
    /// As [`Inputs::certificates`]; of several, the one of the file that comes first.
    pub fn each<T: Send>(
        &mut self,
        paths: &[PathBuf],
        wanted: &str,
        bar: &ProgressBar,
        make: impl Fn(&File<'_>) -> Option<T> + Sync,
    ) -> Result<Found<T>> {
        let folder = |path: &PathBuf| path.is_dir().then(|| files::list(path)).transpose();
        let folders: Vec<Option<Vec<PathBuf>>> = paths.iter().map(folder).collect::<Result<_>>()?;
        let listed = paths.iter().zip(&folders).flat_map(|(path, folder)| match folder {
            Some(files) => files.iter().map(|file| (file.as_path(), true)).collect(),
            None => vec![(path.as_path(), false)],
        });
        let listed: Vec<(&Path, bool)> = listed.collect();
        bar.set_position(0);
        bar.set_length(listed.len() as u64);
        let password = self.password()?;
        let one = |(path, in_folder): &(&Path, bool)| {
            // Standard input has its turn below.
            let made = (!files::is_stream(path))
                .then(|| self::made(path, *in_folder, files::read(path)?, password.as_ref(), &make));
            bar.inc(1);
            made
        };
        // Starting the threads costs more than a few files.
        let all: Vec<Option<Result<Made<T>>>> = match listed.len() {
            0..=4 => listed.iter().map(one).collect(),
            _ => listed.par_iter().map(one).collect(),
        };
        let mut all = listed.iter().zip(all);
        let mut found = Found { items: Vec::new(), skipped: 0 };
        for (path, folder) in paths.iter().zip(&folders) {
            let before = found.items.len();
            for ((file, _), made) in all.by_ref().take(folder.as_ref().map_or(1, Vec::len)) {
                let made = match made {
                    Some(made) => made?,
                    None => self::made(file, false, self.bytes(file)?, password.as_ref(), &make)?,
                };
                match made {
                    Made::This(item, problems) => {
                        found.items.push(item);
                        self.note(file, problems);
                    }
                    Made::Nothing(contents) if folder.is_some() => {
                        found.skipped += 1;
                        // Other files are nobody's concern; a damaged block of this kind is.
                        let damaged = contents.problems.into_iter().filter(|p| p.place.line.is_some());
                        self.note(file, damaged.collect());
                    }
                    Made::Nothing(contents) => found.items.push(self.needed(file, contents, wanted, &make)?),
                }
            }
            if folder.is_some() && found.items.len() == before {
                return Err(Error::new(format!("no file in {} holds {wanted}", shown(path))));
            }
        }
        Ok(found)
    }

    /// A file that was named and does not hold what is wanted: it may be in a PFX that is still closed.
    fn needed<T>(
        &mut self,
        path: &Path,
        contents: Contents,
        wanted: &str,
        make: impl Fn(&File<'_>) -> Option<T>,
    ) -> Result<T> {
        let mut contents = self.checked(path, contents)?;
        if contents.has_pfx() {
            contents = self.unlocked(path, contents)?;
        }
        let made = make(&File { path, in_folder: false, contents: &contents });
        made.ok_or_else(|| wrong_kind(path, &contents, wanted))
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

/// What a file led to.
enum Made<T> {
    /// Something, and what could not be read beside it.
    This(T, Vec<Problem>),
    /// Nothing, with what it holds instead.
    Nothing(Contents),
}

fn made<T>(
    path: &Path,
    in_folder: bool,
    mut bytes: Zeroizing<Vec<u8>>,
    password: Option<&Password>,
    make: impl Fn(&File<'_>) -> Option<T>,
) -> Result<Made<T>> {
    let contents = model::read(&bytes);
    if contents.is_public() {
        // Wiping takes as long as reading.
        drop(mem::take(&mut *bytes));
    }
    let contents = opened(path, contents, password)?;
    Ok(match make(&File { path, in_folder, contents: &contents }) {
        Some(made) => {
            // So does freeing thousands, on one core.
            if contents.items.len() > 1000 {
                contents.items.into_par_iter().for_each(drop);
            }
            Made::This(made, contents.problems)
        }
        None => Made::Nothing(contents),
    })
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

fn wrong_kind(path: &Path, contents: &Contents, wanted: &str) -> Error {
    let holds = match contents.items.is_empty() {
        true => "nothing of use".to_string(),
        false => contents.summary(),
    };
    Error::new(format!("{} holds {holds}; {wanted} is needed", shown(path)))
        .hint(format!("ocscert inspect {}", shown(path)))
}
