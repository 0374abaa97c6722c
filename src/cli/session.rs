//! What every command holds in its hands: the terminal, the clock, the inputs, and where the result goes.

use std::ffi::OsString;
use std::io::{self, Write};

use super::args::Answer;
use crate::edge;
use crate::edge::clock::Clock;
use crate::edge::files::{self, Output};
use crate::edge::inputs::Inputs;
use crate::edge::terminal::Terminal;
use crate::render::Paint;
use crate::render::text::Style;

/// One run of the program.
#[derive(Debug)]
pub struct Session {
    /// The person's terminal.
    pub terminal: Terminal,
    /// When it is.
    pub clock: Clock,
    /// Files and standard input.
    pub inputs: Inputs,
    /// How much to tell: 0, or the number of `-v`.
    pub verbose: u8,
    /// The words after the program's name, as they were typed: no secret is ever among them.
    pub typed: Vec<OsString>,
}

impl Session {
    /// Writes a piece of the result to standard output.
    ///
    /// # Errors
    /// Standard output is closed or full.
    pub fn say(&mut self, text: &str) -> edge::Result<()> {
        to_stdout(text.as_bytes())
    }

    /// Writes a line for the person to standard error, unless `--quiet`.
    pub fn tell(&self, line: &str) {
        self.terminal.tell(line);
    }

    /// Writes an error to standard error.
    pub fn report(&self, error: &anyhow::Error) {
        let text = super::error::render(error, Paint::new(self.terminal.color_err));
        // A closed standard error leaves nothing to be done.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Paints for standard output.
    pub fn paint(&self) -> Paint {
        Paint::new(self.terminal.color_out)
    }

    /// How reports for people are rendered.
    pub fn style(&self) -> Style {
        Style { paint: self.paint(), offset: self.clock.offset, verbose: self.verbose }
    }

    /// Writes what a command that judges has to say where the person wants it.
    ///
    /// # Errors
    /// As [`files::write`].
    pub fn answer(&mut self, answer: &Answer, text: String) -> anyhow::Result<()> {
        self.write(&Output::public(&answer.output, text), answer.overwrite.overwrite)
    }

    /// Writes the result: to standard output where `path` is `-`, else to the file.
    ///
    /// # Errors
    /// As [`files::write`].
    pub fn write(&mut self, output: &Output, overwrite: bool) -> anyhow::Result<()> {
        if files::is_stream(&output.path) {
            to_stdout(&output.bytes)?;
        } else {
            files::write(output, overwrite)?;
        }
        Ok(())
    }
}

fn to_stdout(bytes: &[u8]) -> edge::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|e| edge::Error::new("cannot write to standard output").because(e))
}
