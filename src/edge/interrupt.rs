//! Ctrl-C, `kill`, a terminal that closes: what is being written becomes whole, the terminal gets back what it was
//! changed in, and then the signal has its way, so that whoever started the program sees how it ended. Signals are
//! watched from the moment when there is something to put right, and never those that were to be ignored.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use indicatif::ProgressBar;

/// Held for reading while a file is written, for writing when the end has come.
static WRITING: RwLock<()> = RwLock::new(());
/// The bar on the terminal.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// A signal waits until this is dropped.
pub fn hold() -> RwLockReadGuard<'static, ()> {
    watch();
    WRITING.read().unwrap_or_else(PoisonError::into_inner)
}

/// The bar that a signal takes away; `None`: there is none anymore.
pub fn takes_away(bar: Option<ProgressBar>) {
    if bar.is_some() {
        watch();
    }
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

#[cfg(unix)]
use unix::watch;
#[cfg(unix)]
pub use unix::{Remembered, arrives};

/// Elsewhere the program ends at once.
#[cfg(not(unix))]
fn watch() {}

#[cfg(unix)]
mod unix {
    use std::fs::{self, File};
    use std::sync::{Mutex, OnceLock, PoisonError};
    use std::thread;

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use super::{BAR, WRITING};

    /// The terminal, and how it was before something is typed that is not shown.
    static TERMINAL: Mutex<Option<(File, Termios)>> = Mutex::new(None);

    /// While there is one, a signal makes the terminal what it was at the beginning.
    #[derive(Debug)]
    pub struct Remembered(());

    impl Remembered {
        /// Remembers how the terminal is, where there is one.
        pub fn terminal() -> Self {
            watch();
            let opened = File::open("/dev/tty").ok();
            let is = opened.and_then(|terminal| tcgetattr(&terminal).ok().map(|is| (terminal, is)));
            *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = is;
            Self(())
        }
    }

    impl Drop for Remembered {
        fn drop(&mut self) {
            TERMINAL.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// Waits for the end where SIGINT was just raised: nothing more is to be said. Returns where it is ignored.
    pub fn arrives() {
        while watch().contains(&SIGINT) {
            thread::park();
        }
    }

    /// The signals that are watched. What cannot be watched ends the program at once, as ever.
    pub fn watch() -> &'static [i32] {
        static WATCHED: OnceLock<Vec<i32>> = OnceLock::new();
        WATCHED.get_or_init(|| {
            let ignored = ignored();
            let wanted: Vec<i32> = [SIGINT, SIGTERM, SIGHUP]
                .into_iter()
                .filter(|signal| ignored >> (signal - 1) & 1 == 0)
                .collect();
            let Ok(mut signals) = Signals::new(&wanted) else { return Vec::new() };
            thread::spawn(move || signals.forever().for_each(end));
            wanted
        })
    }

    fn end(signal: i32) {
        let asking = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (asking, bar) {
            // The bar is suspended, and whoever waits for the answer holds it.
            (Some((terminal, was)), _) => drop(tcsetattr(terminal, OptionalActions::Now, &was)),
            (None, Some(bar)) => bar.finish_and_clear(),
            (None, None) => {}
        }
        let _whole = WRITING.write();
        let _ = emulate_default_handler(signal);
    }

    /// The signals that whoever started the program wanted ignored, a bit each: `nohup`, and a shell's `&`. Only
    /// Linux tells without a call that is unsafe.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    }
}
