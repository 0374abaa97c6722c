//! The terminal: colour or not, how wide, prompts, progress. Results go to standard output, everything else to
//! standard error.

use std::io::{self, IsTerminal, Write};
use std::ops::Deref;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use zeroize::Zeroizing;

use super::secrets::Password;
use super::{Error, Result, interrupt};

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or the terminal is dumb.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a command may assume of the person's terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Colour on standard output.
    pub color_out: bool,
    /// Colour on standard error.
    pub color_err: bool,
    /// Say nothing but results and errors.
    pub quiet: bool,
    /// May questions be asked?
    pub interactive: bool,
}

impl Terminal {
    /// Looks at the terminal. `ask` is false under `--no-input`.
    pub fn new(color: Color, quiet: bool, ask: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let decide = |is_terminal: bool| match color {
            Color::Auto => is_terminal && !plain && takes_colors(),
            Color::Always => true,
            Color::Never => false,
        };
        Self {
            color_out: decide(io::stdout().is_terminal()),
            color_err: decide(io::stderr().is_terminal()),
            quiet,
            interactive: ask && io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Asks for a password without showing it. `flag` is what would have answered.
    ///
    /// # Errors
    /// Nobody can be asked (no terminal, `--no-input`): the flag is named. Or the person gave none.
    pub fn ask_password(&self, what_for: &str, flag: &str) -> Result<Password> {
        if !self.interactive {
            let what = format!("a password is needed: {what_for}");
            return Err(Error::new(what).hint(format!("put it in a file and name that with {flag} FILE")));
        }
        prompt(what_for)?.ok_or_else(|| Error::new(format!("no password was given: {what_for}")))
    }

    /// Asks for a password that one can do without: `None` where nobody can be asked, or gives none.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn offer_password(&self, what_for: &str) -> Result<Option<Password>> {
        if self.interactive { prompt(&format!("{what_for} (Enter: leave it closed)")) } else { Ok(None) }
    }

    /// Asks for a new password, twice.
    ///
    /// # Errors
    /// As [`Terminal::ask_password`]; or the two differ.
    pub fn ask_new_password(&self, what_for: &str, flag: &str) -> Result<Password> {
        let first = self.ask_password(what_for, flag)?;
        let second = self.ask_password("the same again", flag)?;
        if first == second { Ok(first) } else { Err(Error::new("the two passwords differ")) }
    }

    /// Writes a line to standard error for the person, unless `--quiet`.
    pub fn tell(&self, line: &str) {
        if !self.quiet {
            // A closed standard error is no reason to fail.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// A progress bar on standard error; none where that is no terminal.
    pub fn progress(&self, total: u64, what: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if self.quiet || !io::stderr().is_terminal() {
            return Progress { bar, ended: None };
        }
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_string());
        let (ended, end) = mpsc::channel::<()>();
        let later = bar.clone();
        // Nobody waits for the thread: it ends with the work, or shows the bar and ends.
        std::thread::spawn(move || {
            if end.recv_timeout(UNTIL_SHOWN) == Err(RecvTimeoutError::Timeout) {
                interrupt::takes_away(Some(later.clone()));
                later.set_draw_target(ProgressDrawTarget::term_like_with_hz(Box::new(Narrow::stderr()), 20));
                later.enable_steady_tick(Duration::from_millis(250));
            }
        });
        Progress { bar, ended: Some(ended) }
    }
}

/// Consoles of Windows 10 and later show colours once they are asked to; older ones show what stands for them.
#[cfg(windows)]
fn takes_colors() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[cfg(not(windows))]
fn takes_colors() -> bool {
    true
}

/// Work that ends sooner shows no progress.
const UNTIL_SHOWN: Duration = Duration::from_secs(1);

/// A progress bar, gone when the work is done, however it ends.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    ended: Option<mpsc::Sender<()>>,
}

impl Deref for Progress {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.bar
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.ended.take());
        self.bar.finish_and_clear();
        interrupt::takes_away(None);
    }
}

/// Standard error, three columns narrower than it is: a bar takes all of a line, and the `^C` that the terminal writes
/// behind it would begin another one. So it is cleared with the bar.
#[derive(Debug)]
struct Narrow(Term);

impl Narrow {
    fn stderr() -> Self {
        Self(Term::buffered_stderr())
    }
}

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        TermLike::width(&self.0).saturating_sub(3).max(1)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

fn prompt(what_for: &str) -> Result<Option<Password>> {
    #[cfg(unix)]
    let _remembered = interrupt::Remembered::terminal();
    let typed = rpassword::prompt_password(format!("{what_for}: ")).map_err(|e| {
        #[cfg(unix)]
        if e.kind() == io::ErrorKind::Interrupted {
            interrupt::arrives();
        }
        Error::new("the password could not be read").because(e)
    })?;
    Ok((!typed.is_empty()).then(|| Password::new(Zeroizing::new(typed))))
}
