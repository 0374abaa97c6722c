//! A renewal takes the place of what was in use: several files, one after the other, so that a run that ends in
//! the middle is finished by the next one. What is about to happen is written down before the first file moves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, Output};
use super::inputs::shown;
use super::{Error, Result};

/// The note in the folder of the renewal: the name of the folder for what is replaced, then the renewal's files, a
/// line each.
const NOTE: &str = "swap";

/// True where a renewal is being put in place, or was when a run ended.
pub fn is_under_way(next: &Path) -> bool {
    next.join(NOTE).exists()
}

/// Moves the files of `current` whose names begin with `stem` into a folder of `previous` called `name`, and those
/// of `next` into `current`.
///
/// # Errors
/// A file cannot be moved; the next call goes on there.
pub fn put_in_place(current: &Path, next: &Path, previous: &Path, stem: &str, name: &str) -> Result<()> {
    let free = |n: usize| if n == 1 { name.to_string() } else { format!("{name}-{n}") };
    let name = (1..).map(free).find(|name| !previous.join(name).exists()).unwrap_or_default();
    let mut note = name + "\n";
    for file in own_files(next, stem)? {
        note.push_str(&file);
        note.push('\n');
    }
    files::write(&Output::public(next.join(NOTE), note), true)?;
    finish(current, next, previous, stem)
}

/// Ends what [`put_in_place`] began, if it began.
///
/// # Errors
/// As [`put_in_place`]; the note cannot be read.
pub fn finish(current: &Path, next: &Path, previous: &Path, stem: &str) -> Result<()> {
    if !is_under_way(next) {
        return Ok(());
    }
    let bytes = files::read(&next.join(NOTE))?;
    let note = String::from_utf8_lossy(&bytes);
    let mut lines = note.lines();
    let name = lines.next().filter(|name| !name.is_empty() && !name.contains(['/', '\\']));
    let name = name.ok_or_else(|| Error::new(format!("{} is damaged", shown(&next.join(NOTE)))))?;
    let renewed: Vec<&str> = lines.collect();
    let old = previous.join(name);
    files::make_folder(&old)?;
    for file in &renewed {
        // A file that is not in `next` any more has its place already.
        if next.join(file).exists() {
            move_if_there(&current.join(file), &old.join(file))?;
            move_if_there(&next.join(file), &current.join(file))?;
        }
    }
    for file in own_files(current, stem)?.iter().filter(|file| !renewed.contains(&file.as_str())) {
        move_if_there(&current.join(file), &old.join(file))?;
    }
    for folder in [&old, current] {
        files::sync_folder(folder).map_err(|e| cannot_move(folder, e))?;
    }
    let note: PathBuf = next.join(NOTE);
    fs::remove_file(&note).map_err(|e| cannot_move(&note, e))?;
    // Where somebody put a file of his own into it, it stays.
    let _ = fs::remove_dir(next);
    Ok(())
}

fn own_files(folder: &Path, stem: &str) -> Result<Vec<String>> {
    let names = files::list(folder)?.into_iter();
    let names = names.filter_map(|path| Some(path.file_name()?.to_str()?.to_string()));
    let own = |name: &String| name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
    Ok(names.filter(own).collect())
}

fn move_if_there(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(cannot_move(from, e)),
        _ => Ok(()),
    }
}

fn cannot_move(path: &Path, e: io::Error) -> Error {
    Error::new(format!("cannot move {}", shown(path)))
        .because(e)
        .hint("free it (is it open somewhere?), then run the same command again: it goes on there")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever a run ends, the next one leads to the same: the renewal in place, all that was replaced kept.
    #[test]
    fn a_swap_that_was_cut_off_anywhere_is_finished_by_the_next_run() {
        const NEW: [&str; 3] = ["a.csr", "a.key", "a.pem"];
        // How many moves happened: of an old file, then of the new one in its place; the last: the old journal.
        for done in 0..=7 {
            let folder = tempfile::tempdir().unwrap();
            let (current, next, previous) =
                (folder.path().join("a"), folder.path().join("a/next"), folder.path().join("a/previous"));
            fs::create_dir_all(&next).unwrap();
            for file in NEW {
                fs::write(current.join(file), format!("old {file}")).unwrap();
                fs::write(next.join(file), format!("new {file}")).unwrap();
            }
            fs::write(current.join("a.request.json"), "old journal").unwrap();
            fs::write(current.join("notes.txt"), "mine").unwrap();
            let old = previous.join("2027");
            fs::create_dir_all(&old).unwrap();
            fs::write(next.join(NOTE), format!("2027\n{}\n", NEW.join("\n"))).unwrap();
            let moves = NEW.iter().flat_map(|file| {
                [(current.join(file), old.join(file)), (next.join(file), current.join(file))]
            });
            let journal = (current.join("a.request.json"), old.join("a.request.json"));
            for (from, to) in moves.chain([journal]).take(done) {
                fs::rename(from, to).unwrap();
            }
            assert!(is_under_way(&next));
            finish(&current, &next, &previous, "a").unwrap();
            finish(&current, &next, &previous, "a").unwrap();
            for file in NEW {
                assert_eq!(fs::read_to_string(current.join(file)).unwrap(), format!("new {file}"), "{done}");
                assert_eq!(fs::read_to_string(old.join(file)).unwrap(), format!("old {file}"), "{done}");
            }
            assert_eq!(fs::read_to_string(old.join("a.request.json")).unwrap(), "old journal");
            assert!(!current.join("a.request.json").exists() && !next.exists());
            assert_eq!(fs::read_to_string(current.join("notes.txt")).unwrap(), "mine");
        }
    }
}
