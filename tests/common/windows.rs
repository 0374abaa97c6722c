//! Windows scripts, run by Wine's cmd.exe against stand-ins for the programs of Windows that they call
//! (`tests/peers/standin.c` says what those do). Wine is not Windows: its cmd.exe knows a part of the language, and
//! what it finds is a floor. Percent signs in paths it expands twice, which cmd.exe does not: those are not tried.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::peer;

/// What runs Windows programs: made once for all tests, below `target`.
struct Wine {
    program: PathBuf,
    folder: PathBuf,
}

impl Wine {
    #[track_caller]
    fn get() -> Option<Self> {
        let (program, compiler) = (peer::require("wine")?, peer::require("x86_64-w64-mingw32-gcc")?);
        let wine = Self { program, folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine") };
        fs::create_dir_all(&wine.folder).unwrap();
        // Tests are processes of their own, and start together.
        let lock = fs::File::create(wine.folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let source = peer::repository().join("tests/peers/standin.c");
        let text = fs::read_to_string(&source).unwrap();
        if fs::read_to_string(wine.folder.join("standin.c")).ok() != Some(text.clone()) {
            let mut build = Command::new(compiler);
            build.args(["-municode", "-O1", "-s", "-o"]).arg(wine.standin()).arg(source).arg("-lcrypt32");
            assert!(build.status().unwrap().success());
            assert!(wine.command().arg("wineboot").arg("-i").output().unwrap().status.success());
            fs::write(wine.folder.join("standin.c"), text).unwrap();
        }
        // It takes seconds to start: one serves all scripts, and ends by itself soon after the last. Where one runs
        // already this one ends at once.
        let mut server = wine.command_of(&wine.program.with_file_name("wineserver"));
        server.arg("-p10").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = server.status();
        Some(wine)
    }

    fn standin(&self) -> PathBuf {
        self.folder.join("standin.exe")
    }

    fn command(&self) -> Command {
        self.command_of(&self.program)
    }

    fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("WINEPREFIX", self.folder.join("prefix")).env("WINEDEBUG", "-all");
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml=").env("LC_ALL", "C.UTF-8").env_remove("DISPLAY");
        command
    }
}

/// A server that is none: stores, keys, and the programs that scripts call.
pub struct Server {
    wine: Wine,
    folder: tempfile::TempDir,
}

/// What a script did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    /// How the programs were called, in order: name and arguments, apart by a space.
    pub calls: Vec<String>,
}

impl Server {
    /// With these programs; `None` when the test has to be skipped.
    #[track_caller]
    pub fn new(programs: &[&str]) -> Option<Self> {
        let server = Self { wine: Wine::get()?, folder: tempfile::tempdir().unwrap() };
        for folder in ["windows/system32", "Root", "CA", "My", "tmp"] {
            fs::create_dir_all(server.path(folder)).unwrap();
        }
        fs::create_dir_all(server.keys()).unwrap();
        for program in programs {
            let program = server.path("windows/system32").join(format!("{program}.exe"));
            fs::copy(server.wine.standin(), program).unwrap();
        }
        Some(server)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where its keys lie.
    pub fn keys(&self) -> PathBuf {
        self.path("Keys/Microsoft/Crypto/RSA/MachineKeys")
    }

    /// The names in one of its folders.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs the script that is found below a folder (whose own path is ASCII), with arguments, and types this.
    pub fn run(&self, folder: &Path, script: &str, arguments: &str, typed: &str) -> Ran {
        let windows = |path: &Path| format!("Z:{}", path.display().to_string().replace('/', "\\"));
        // Only a script that runs already may set SystemRoot. The name is found, not written: no code page.
        let start = format!(
            "@echo off\r\nset \"SystemRoot={}\"\r\nset \"STANDIN={}\"\r\nset \"TEMP={}\"\r\n\
             for /r \"{}\" %%f in ({script}) do \"%%f\" {arguments}\r\n",
            windows(&self.path("windows")),
            windows(self.folder.path()),
            windows(&self.path("tmp")),
            windows(folder),
        );
        fs::write(self.path("start.cmd"), start).unwrap();
        let calls = self.path("calls.txt");
        let _ = fs::remove_file(&calls);
        let mut command = self.wine.command();
        command.args(["cmd", "/c", &windows(&self.path("start.cmd"))]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let ran = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!told.contains("Syntax error") && !told.contains("Can't recognize"), "{told}");
        let calls = fs::read_to_string(calls).unwrap_or_default();
        Ran {
            code: ran.status.code().unwrap(),
            out: String::from_utf8_lossy(&ran.stdout).replace("\r\n", "\n"),
            calls: calls.lines().map(|line| line.replace('\t', " ")).collect(),
        }
    }
}
