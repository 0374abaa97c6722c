//! How an error looks: what, on which file; the causes; a hint with something that can be run.

use std::io;

use crate::edge;
use crate::federation::Faults;
use crate::render::Paint;
use crate::text;

/// The lines for standard error.
pub fn render(error: &anyhow::Error, paint: Paint) -> String {
    let mut out = format!("{}: {}\n", paint.bad("error"), text::escape(&error.to_string()));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        if let Some(Faults(faults)) = cause.downcast_ref() {
            for fault in faults {
                let place = format!("line {}, column {}", fault.line, fault.column);
                out.push_str(&format!("  {}: {}\n", paint.strong(&place), text::escape(&fault.what)));
            }
            continue;
        }
        let cause = cause.to_string();
        // Libraries repeat their cause's text in their own; once is enough.
        if !last.contains(&cause) {
            out.push_str(&format!("  because: {}\n", text::escape(&cause)));
        }
        last = cause;
    }
    let hint = error.chain().find_map(|link| link.downcast_ref::<edge::Error>()?.hint_text());
    if let Some(hint) = hint {
        for (i, line) in hint.lines().enumerate() {
            let lead = if i == 0 { paint.strong("hint") + ":" } else { "     ".into() };
            out.push_str(&format!("{lead} {}\n", text::escape(line)));
        }
    }
    out
}

/// True where standard output was closed by its reader (`| head`): the command ends quietly.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|link| link.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}
