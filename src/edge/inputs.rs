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
use crate::model::container::{Limits, MAX_PROBLEMS, Parts, Problem};
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

/// A file that is being read: part by part, so that of many thousand certificates few are in memory at a time.
pub struct File<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// True where not the file was named but the folder it is in.
    pub in_folder: bool,
    parts: Parts<'a>,
    password: Option<&'a Password>,
    /// How many objects the parts had that were read.
    before: usize,
    /// What could not be read in them.
    problems: Vec<Problem>,
    /// True as long as nothing secret was seen.
    is_public: bool,
    /// Why reading ended before the end.
    failure: Option<Error>,
}

impl<'a> File<'a> {
    fn new(path: &'a Path, in_folder: bool, parts: Parts<'a>, password: Option<&'a Password>) -> Self {
        let (before, problems, is_public, failure) = (0, Vec::new(), true, None);
        Self { path, in_folder, parts, password, before, problems, is_public, failure }
    }

    /// What is in its next part, PFX files opened where a password is known; `None` at the end.
    pub fn contents(&mut self) -> Option<Contents> {
        let contents = self.parts.next()?;
        self.is_public &= contents.is_public();
        match opened(self.path, contents, self.password) {
            Ok(mut contents) => {
                self.problems.append(&mut contents.problems);
                self.problems.truncate(MAX_PROBLEMS);
                self.before += contents.items.len();
                Some(contents)
            }
            Err(error) => {
                self.failure = Some(error);
                None
            }
        }
    }

    /// The certificates of its next part, each with its place; `None` at the end.
    pub fn certificates(&mut self) -> Option<Vec<Sourced<Arc<Certificate>>>> {
        let before = self.before;
        let items = self.contents()?.items;
        let has_several = before + items.len() > 1 || self.has_more();
        let file = shown(self.path);
        let certificates = items.into_iter().zip(before + 1..).filter_map(|(item, n)| match item.object {
            Object::Certificate(value) => {
                let source = if has_several { format!("{file} #{n}") } else { file.clone() };
                Some(Sourced { value, source })
            }
            _ => None,
        });
        Some(certificates.collect())
    }

    /// All its certificates; `None` where it holds none.
    pub fn all_certificates(&mut self) -> Option<Vec<Sourced<Arc<Certificate>>>> {
        let all: Vec<_> = std::iter::from_fn(|| self.certificates()).flatten().collect();
        (!all.is_empty()).then_some(all)
    }

    /// True where it has more parts.
    pub fn has_more(&self) -> bool {
        self.parts.has_more()
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
        let found =
            self.each(paths, "a certificate", &ProgressBar::hidden(), |file| file.all_certificates())?;
        Ok(found.items.into_iter().flatten().collect())
    }

    /// The CRLs in files and folders, in order; as [`Inputs::certificates`].
    ///
    /// # Errors
    /// As [`Inputs::certificates`].
    pub fn crls(&mut self, paths: &[PathBuf]) -> Result<Vec<Arc<Crl>>> {
        let found = self.each(paths, "a CRL", &ProgressBar::hidden(), |file| {
            let items = std::iter::from_fn(|| file.contents()).flat_map(|contents| contents.items);
            let crls = items.filter_map(|item| match item.object {
                Object::Crl(crl) => Some(crl),
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
        make: impl Fn(&mut File<'_>) -> Option<T> + Sync,
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
                    Made::NothingInFolder(problems) => {
                        found.skipped += 1;
                        // Other files are nobody's concern; a damaged block of this kind is.
                        let damaged = problems.into_iter().filter(|p| p.place.line.is_some());
                        self.note(file, damaged.collect());
                    }
                    Made::Nothing(bytes) => {
                        // A password may be asked for: no bar writes over the question.
                        let needed = bar.suspend(|| self.needed(file, &bytes, wanted, &make));
                        found.items.push(needed?);
                    }
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
        bytes: &[u8],
        wanted: &str,
        make: impl Fn(&mut File<'_>) -> Option<T>,
    ) -> Result<T> {
        let mut contents = self.checked(path, model::read(bytes))?;
        if contents.has_pfx() {
            contents = self.unlocked(path, contents)?;
        }
        let wrong = wrong_kind(path, &contents, wanted);
        make(&mut File::new(path, false, contents.into(), None)).ok_or(wrong)
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
    /// Nothing, and it was named: its bytes.
    Nothing(Zeroizing<Vec<u8>>),
    /// Nothing, and what could not be read.
    NothingInFolder(Vec<Problem>),
}

fn made<T>(
    path: &Path,
    in_folder: bool,
    mut bytes: Zeroizing<Vec<u8>>,
    password: Option<&Password>,
    make: impl Fn(&mut File<'_>) -> Option<T>,
) -> Result<Made<T>> {
    let (made, problems, is_public) = {
        let mut file = File::new(path, in_folder, Parts::new(&bytes), password);
        let made = make(&mut file);
        if let Some(failure) = file.failure {
            return Err(failure);
        }
        (made, file.problems, file.is_public)
    };
    Ok(match made {
        Some(made) => {
            if is_public {
                // Wiping takes as long as reading.
                drop(mem::take(&mut *bytes));
            }
            Made::This(made, problems)
        }
        None if in_folder => Made::NothingInFolder(problems),
        None => Made::Nothing(bytes),
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
