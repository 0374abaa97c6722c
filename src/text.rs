//! Floor 0: text that is safe to show. Whatever a certificate, a peer or a file says is hostile until it
//! passed through here; hexadecimal and durations are written and read here and nowhere else.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// Makes hostile text safe for a terminal and for one line of a report: control characters (C0, C1, DEL: so
/// every ANSI escape), line and paragraph separators, bidirectional controls (Unicode TR #9, "Trojan
/// Source"), what is invisible and what XML 1.0 has no way to write become `\u{..}`. Other scripts stay as they are.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hostile(c) {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// [`escape`], cut to at most `max` characters with an ellipsis that says how much was left out.
pub fn escape_short(text: &str, max: usize) -> String {
    let total = text.chars().count();
    if total <= max {
        return escape(text).into_owned();
    }
    let head: String = text.chars().take(max).collect();
    format!("{}… ({total} characters)", escape(&head))
}

/// [`escape`], and then as much as fits into so many columns, with an ellipsis where that is not all.
pub fn fit(text: &str, columns: usize) -> String {
    let text = escape(text);
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.into_owned();
    }
    let mut left = columns - 1;
    let fits = text.chars().take_while(|c| left.checked_sub(width(*c)).map(|rest| left = rest).is_some());
    fits.chain(['…']).collect()
}

/// The columns a character takes: two for those of East Asia (Unicode TR #11).
pub fn width(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}' => 2,
        _ => 1,
    }
}

/// [`escape`] and then the five characters that mean something in HTML.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A word of a command line as this system's shells take it: in quotes where it needs them.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let marks = if cfg!(windows) { r"-_./:=+\" } else { "-_./:=@,+%~" };
    let safe = |c: char| c.is_alphanumeric() || marks.contains(c);
    if !text.is_empty() && !text.starts_with('~') && text.chars().all(safe) {
        return Cow::Borrowed(text);
    }
    let quoted = if cfg!(windows) { for_windows } else { for_sh };
    Cow::Owned(quoted(text))
}

fn for_sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As cmd.exe and PowerShell both take it; what PowerShell would look into, as it alone does.
fn for_windows(text: &str) -> String {
    if text.contains(['"', '$', '`']) { for_powershell(text) } else { format!("\"{text}\"") }
}

fn for_powershell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Lower-case hexadecimal without separators.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| digits(*byte)).collect()
}

/// Lower-case hexadecimal with a colon between bytes, as key identifiers are usually shown.
pub fn hex_colon(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !out.is_empty() {
            out.push(':');
        }
        out.extend(digits(*byte));
    }
    out
}

fn digits(byte: u8) -> [char; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]))
}

/// Reads hexadecimal as people paste it: upper or lower case, with colons, spaces or a `0x` in front.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    let odd = digits.len() % 2;
    let mut out = Vec::with_capacity(digits.len() / 2 + odd);
    if odd == 1 {
        out.push(digits[0]);
    }
    out.extend(digits[odd..].chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    Some(out)
}

/// Reads a duration as typed on the command line: a number and one of `s m h d` (`90s`, `30m`, `2h`, `1d`);
/// a bare number is seconds.
///
/// # Errors
/// A sentence that says what was expected, for the command line's parser to show.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("\"{text}\" is not a duration: write 90s, 30m, 2h or 1d");
    let (number, unit) = match text.char_indices().last() {
        Some((at, c)) if c.is_ascii_alphabetic() => (&text[..at], c),
        Some(_) => (text, 's'),
        None => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    number.checked_mul(scale).map(Duration::from_secs).ok_or_else(expected)
}

/// A duration as people say it: `3 ms`, `1.4 s`, `2 min 5 s`, `3 h 10 min`, `12 days`.
pub fn duration(d: Duration) -> String {
    let seconds = d.as_secs();
    match seconds {
        0 => format!("{} ms", d.as_millis()),
        1..10 => format!("{:.1} s", d.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => match seconds % 60 {
            0 => format!("{} min", seconds / 60),
            rest => format!("{} min {rest} s", seconds / 60),
        },
        3600..172_800 => match seconds % 3600 / 60 {
            0 => format!("{} h", seconds / 3600),
            rest => format!("{} h {rest} min", seconds / 3600),
        },
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 certificate`, `2 certificates`: a count with its noun; the plural is the noun with an s.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A number with commas between its thousands: `600,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How many letters must be changed, added or taken away, or swapped with their neighbour, to make one word of
/// the other (optimal string alignment): for "did you mean".
pub fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

/// True for what [`escape`] does not let through: control characters, separators of lines and paragraphs, annotation
/// marks, the two of the first plane that are no characters, and Unicode's Default_Ignorable_Code_Point, in which the
/// bidirectional controls are.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{FFFE}'..='\u{FFFF}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_loses_its_power_and_other_scripts_stay() {
        assert_eq!(escape("a\x1b[31mb"), "a\\u{1b}[31mb");
        assert_eq!(escape("pool\u{202e}moc.oof"), "pool\\u{202e}moc.oof");
        assert_eq!(escape("two\nlines\u{9b}"), "two\\u{a}lines\\u{9b}");
        assert_eq!(escape("pool\u{ad}\u{fffe}\u{3164}"), "pool\\u{ad}\\u{fffe}\\u{3164}");
        assert_eq!(escape("フロントエンド サーバ"), "フロントエンド サーバ");
        assert_eq!(html("<b a='1'>&\x07"), "&lt;b a=&#39;1&#39;&gt;&amp;\\u{7}");
    }

    #[test]
    fn a_megabyte_of_name_is_shown_short() {
        let shown = escape_short(&"x".repeat(1_000_000), 64);
        assert!(shown.len() < 100 && shown.contains("1000000 characters"), "{shown}");
    }

    #[test]
    fn what_fits_is_measured_as_it_is_shown() {
        for (text, fits) in [
            ("ocs1.foo", "ocs1.foo"),
            ("ocs1.foo.com", "ocs1.fo…"),
            ("a\u{202e}moc.oof", "a\\u{202…"),
            ("証明書局", "証明書局"),
            ("a証明書局", "a証明書…"),
            ("証明書局です", "証明書…"),
        ] {
            assert_eq!(fit(text, 8), fits);
        }
    }

    #[test]
    fn windows_has_two_shells() {
        assert_eq!(for_windows(r"C:\my lab\it's & co"), r#""C:\my lab\it's & co""#);
        assert_eq!(for_windows("it's $(x)"), "'it''s $(x)'");
    }

    #[cfg(unix)]
    #[test]
    fn a_word_survives_a_shell() {
        for word in ["fe1.foo.com.pem", "a b", "", "it's", "$(x)", "~", "フロント.csr", "a\"b\\c"] {
            let script = format!("printf %s {}", shell_word(word));
            let shell = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(shell.stdout).unwrap(), word);
        }
        assert_eq!(shell_word("fe1.foo.com.pem"), "fe1.foo.com.pem");
    }

    #[test]
    fn hexadecimal_reads_what_people_paste() {
        assert_eq!(unhex("0x0AbC"), Some(vec![0x0a, 0xbc]));
        assert_eq!(unhex("7c:1F"), Some(vec![0x7c, 0x1f]));
        assert_eq!(unhex("abc"), Some(vec![0x0a, 0xbc]));
        assert_eq!(unhex("0xg1"), None);
        assert_eq!(hex_colon(&[0x7c, 0x1f]), "7c:1f");
    }

    #[test]
    fn thousands_are_grouped() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (600_000, "600,000"), (10_000_000, "10,000,000")]
        {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn edits_count_changes_and_swaps() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
        assert_eq!(edits("ocseku01", "ocseku001"), 1);
        assert_eq!(edits("unknwonca", "unknownca"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
    }

    #[test]
    fn durations_read_and_write() {
        assert_eq!(parse_duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse_duration("45"), Ok(Duration::from_secs(45)));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("").is_err());
        assert!(parse_duration("99999999999999999999d").is_err());
        assert_eq!(duration(Duration::from_millis(1400)), "1.4 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
