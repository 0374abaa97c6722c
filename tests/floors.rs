//! The house holds: a file uses only lower floors and its own room. Every path that begins at the crate's root is
//! read (`use crate::..`, groups, `super::super::..`, paths inside expressions), so that a shortcut upwards fails
//! here and not in a review. The same scan counts `unsafe`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The house, from the ground up: what stands on one floor does not know of each other.
const FLOORS: [&[&str]; 10] = [
    &["text"],
    &["model", "wire"],
    &["findings"],
    &["path"],
    &["checks", "make"],
    &["render", "federation"],
    &["edge"],
    &["flow"],
    &["lab"],
    &["cli"],
];

/// The one pair on a floor that may be used, in this direction: messages carry parsed things.
const EXCEPTION: (&str, &str) = ("wire", "model");

/// Files above all floors: they may use every room.
const TOP: [&str; 2] = ["main.rs", "lib.rs"];

/// Files that may say `unsafe`: those that call foreign functions. The crate's root denies it elsewhere too.
const UNSAFE: [&str; 3] = ["edge/auth/gssapi.rs", "edge/auth/sspi.rs", "edge/owner.rs"];

#[test]
fn every_use_goes_down() {
    let files = sources();
    assert!(files.len() > 40, "only {} files were found", files.len());
    let broken: Vec<String> = files.iter().flat_map(|(file, source)| violations(file, source)).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn unsafe_only_where_listed() {
    let found: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, source)| tokens(source).iter().any(|token| token.is("unsafe")))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(found, UNSAFE.iter().map(|file| (*file).to_string()).collect());
}

/// All of `src`, by path below it with forward slashes.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(&root).unwrap();
                let parts: Vec<&str> = below.iter().map(|part| part.to_str().unwrap()).collect();
                files.push((parts.join("/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// What breaks the law in one file, a line each.
fn violations(file: &str, source: &str) -> Vec<String> {
    if TOP.contains(&file) {
        return Vec::new();
    }
    let module = module_of(file);
    let room = module[0].clone();
    let Some(own) = floor(&room) else {
        return vec![format!("src/{file}: the room `{room}` is on no floor")];
    };
    let mut broken = Vec::new();
    for Used { line, path } in paths(&tokens(source), module) {
        let place = format!("src/{file}:{line}");
        let Some(used) = path.first() else {
            broken.push(format!("{place}: names the crate's root: name the room"));
            continue;
        };
        match floor(used) {
            _ if *used == room || (room.as_str(), used.as_str()) == EXCEPTION => {}
            Some(other) if other < own => {}
            Some(other) => broken.push(format!("{place}: {room} (floor {own}) uses {used} (floor {other})")),
            None => broken.push(format!("{place}: {room} uses `{used}`, which is on no floor")),
        }
    }
    // A group that brings in many names from one room is one fault.
    broken.dedup();
    broken
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// `checks/names.rs` is `checks::names`, `checks/mod.rs` is `checks`, `text.rs` is `text`.
fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap();
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').map(str::to_string).collect()
}

/// A path into this crate, resolved from its root.
struct Used {
    line: usize,
    path: Vec<String>,
}

/// Every path that begins with `crate`, `super`, `self` or the crate's own name. `module` is the file's; modules
/// opened inside it count: in `mod tests { use super::super::x; }` the first `super` only leaves `tests`.
fn paths(tokens: &[Token], mut module: Vec<String>) -> Vec<Used> {
    let mut found = Vec::new();
    // For each open brace, how deep in modules it stands.
    let mut braces = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let follows = |text: &str| tokens.get(at + 1).is_some_and(|t| t.is(text));
        match token.text.as_str() {
            "{" => {
                braces.push(module.len());
                if at >= 2 && tokens[at - 2].is("mod") {
                    module.push(tokens[at - 1].text.clone());
                }
            }
            "}" => module.truncate(braces.pop().unwrap_or(usize::MAX)),
            // `pub(crate)` and a plain `self` lead nowhere.
            "crate" | "super" | "self" | "ocscert" if follows("::") || follows("as") => {
                at = tree(tokens, at, module.clone(), &mut found);
                continue;
            }
            // Both would bring in a file behind the scanner's back.
            "include" if follows("!") => {
                found.push(Used { line: token.line, path: vec!["include!".to_string()] });
            }
            "path" if at >= 2 && tokens[at - 1].is("[") && tokens[at - 2].is("#") => {
                found.push(Used { line: token.line, path: vec!["#[path]".to_string()] });
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads one path, or a group of them, that begins in the module `base`; returns where it ends.
fn tree(tokens: &[Token], mut at: usize, mut base: Vec<String>, found: &mut Vec<Used>) -> usize {
    let line = tokens[at].line;
    loop {
        match tokens.get(at).map(|token| token.text.as_str()) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is("}")) {
                    at = if tokens[at].is(",") { at + 1 } else { tree(tokens, at, base.clone(), found) };
                }
                return at + 1;
            }
            Some("crate" | "ocscert") => base.clear(),
            Some("super") => {
                base.pop();
            }
            Some("self" | "*") | None => {}
            Some(segment) => base.push(segment.to_string()),
        }
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is("::")) {
            break;
        }
        at += 1;
    }
    // `as name` renames and leads nowhere.
    if tokens.get(at).is_some_and(|token| token.is("as")) {
        at += 2;
    }
    found.push(Used { line, path: base });
    at
}

/// A name, a number, `::` or one character of punctuation.
struct Token {
    line: usize,
    text: String,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The tokens of a source that can carry a path: comments, strings and characters are left out.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let is_name = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let starts = |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let mut out = Vec::new();
    let (mut at, mut line, mut counted) = (0, 1, 0);
    while at < chars.len() {
        line += chars[counted..at].iter().filter(|c| **c == '\n').count();
        counted = at;
        let begin = at;
        if starts(at, "//") {
            at = find(&chars, at, |at| chars[at] == '\n');
        } else if starts(at, "/*") {
            let mut depth = 0;
            loop {
                match () {
                    () if starts(at, "/*") => (depth, at) = (depth + 1, at + 2),
                    () if starts(at, "*/") => (depth, at) = (depth - 1, at + 2),
                    () => at += 1,
                }
                if depth == 0 || at >= chars.len() {
                    break;
                }
            }
        } else if chars[at] == '"' {
            at = after_quote(&chars, at, '"');
        } else if chars[at] == '\'' {
            // A character, or a lifetime, whose name is read as a name next.
            let is_char = chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'');
            at = if is_char { after_quote(&chars, at, '\'') } else { at + 1 };
        } else if is_name(chars.get(at)) {
            at = find(&chars, at, |at| !is_name(chars.get(at)));
            let name: String = chars[begin..at].iter().collect();
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            let is_raw = matches!(name.as_str(), "r" | "br" | "cr");
            if is_raw && chars.get(at + hashes) == Some(&'"') {
                let end = format!("\"{}", "#".repeat(hashes));
                at = find(&chars, at + hashes + 1, |at| starts(at, &end)) + end.len();
            } else if is_raw && hashes == 1 {
                // `r#name` is the name.
                at += 1;
            } else {
                out.push(Token { line, text: name });
            }
        } else if starts(at, "::") {
            at += 2;
            out.push(Token { line, text: "::".to_string() });
        } else {
            at += 1;
            if !chars[begin].is_whitespace() {
                out.push(Token { line, text: chars[begin].to_string() });
            }
        }
    }
    out
}

/// The first place from `at` on where `end` holds, or the end of the source.
fn find(chars: &[char], at: usize, end: impl Fn(usize) -> bool) -> usize {
    (at..chars.len()).find(|at| end(*at)).unwrap_or(chars.len())
}

/// Behind a literal in `quote`s that begins at `at`.
fn after_quote(chars: &[char], mut at: usize, quote: char) -> usize {
    at += 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

#[test]
fn upward_and_sideways_paths_are_caught() {
    let cases = [
        // A plain import, and the same in the middle of an expression, in a type and behind `pub`.
        ("model/key.rs", "use crate::path::Pool;", "src/model/key.rs:1: model (floor 1) uses path (floor 3)"),
        ("model/key.rs", "fn f() {\n  let x = crate::path::f();\n}", "src/model/key.rs:2: "),
        ("model/key.rs", "struct S(Vec<crate::path::Pool>);", "uses path"),
        ("model/key.rs", "pub use crate::path as p;", "uses path"),
        // Groups, nested and over several lines.
        ("model/key.rs", "use crate::{text::hex, findings::{Rule, Finding}};", "uses findings"),
        (
            "model/key.rs",
            "use crate::{\n    text,\n    cli,\n};",
            "src/model/key.rs:3: model (floor 1) uses cli",
        ),
        ("text.rs", "use super::{model::Key};", "uses model"),
        // `super` counted from the module it stands in.
        ("path/build.rs", "use super::super::checks::Profile;", "uses checks"),
        ("path/mod.rs", "use super::checks::Profile;", "uses checks"),
        ("path/build.rs", "mod tests { use super::super::super::checks::x; }", "uses checks"),
        ("path/build.rs", "mod a { fn f() {} } use super::super::cli::x;", "uses cli"),
        ("path/build.rs", "use self::super::super::cli::x;", "uses cli"),
        // Two rooms of one floor; the exception holds in one direction only.
        ("make/csr.rs", "use crate::checks::x;", "make (floor 4) uses checks (floor 4)"),
        ("model/key.rs", "use crate::wire::x;", "model (floor 1) uses wire (floor 1)"),
        // By the crate's own name, in a macro, after things that only look like the end of a literal.
        ("model/key.rs", "use ocscert::cli::x;", "uses cli"),
        ("model/key.rs", "macro_rules! m { () => { $crate::cli::x() } }", "uses cli"),
        ("model/key.rs", "const Q: char = '\"'; use crate::cli::x; const R: char = '\"';", "uses cli"),
        ("model/key.rs", "fn f<'a>(s: &'a str) { crate::cli::x() }", "uses cli"),
        ("model/key.rs", r###"const S: &str = r#"a"b"#; use crate::cli::x;"###, "uses cli"),
        ("model/key.rs", "/* a /* b */ c */ use crate::cli::x;", "uses cli"),
        // What would hide an edge, and what the table does not know.
        ("model/key.rs", "use crate::*;", "names the crate's root"),
        ("model/key.rs", "use super::super as top;", "names the crate's root"),
        ("text.rs", "use super::{self as top};", "names the crate's root"),
        ("model/key.rs", "include!(\"../cli/mod.rs\");", "include!"),
        ("model/key.rs", "#[path = \"../cli/mod.rs\"] mod x;", "#[path]"),
        ("model/key.rs", "use crate::attic::x;", "`attic`, which is on no floor"),
        ("attic/mod.rs", "", "the room `attic` is on no floor"),
        ("attic.rs", "", "the room `attic` is on no floor"),
    ];
    for (file, source, expected) in cases {
        let found = violations(file, source);
        assert!(found.len() == 1 && found[0].contains(expected), "{source}\n{found:?}");
    }
}

#[test]
fn lawful_paths_pass() {
    let cases = [
        ("path/build.rs", "use crate::{findings::Rule, model::{self, Certificate}, text};"),
        ("path/build.rs", "use super::pool::Pool; use super::super::path::x; use self::inner::y;"),
        ("path/build.rs", "mod tests { use super::*; use super::super::pool::Pool; }"),
        ("path/mod.rs", "pub(crate) mod pool; pub(super) fn f() {} pub(in crate::path) fn g() {}"),
        ("wire/pages.rs", "use crate::model::Certificate;"),
        ("cli/mod.rs", "use crate::lab; use crate::flow::submit;"),
        ("model/key.rs", "// use crate::cli::x;\n/// [`crate::cli`]\n/* use crate::cli::y; */"),
        (
            "model/key.rs",
            r###"const S: &str = "use crate::cli::x; \" crate::cli"; const R: &[u8] = br#"crate::cli::x"#;"###,
        ),
        ("model/key.rs", "use other::crate_::cli; use std::path::Path; fn f(self) { self.path::<u8>() }"),
        ("lib.rs", "pub mod cli; use crate::cli::x;"),
        ("main.rs", "fn main() { ocscert::cli::main() }"),
    ];
    for (file, source) in cases {
        assert_eq!(violations(file, source), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn unsafe_is_seen_in_code_only() {
    let says = |source: &str| tokens(source).iter().any(|token| token.is("unsafe"));
    assert!(says("fn f() { unsafe { g() } }"));
    assert!(!says("#![deny(unsafe_code)] // unsafe\nconst S: &str = \"unsafe\";"));
}
