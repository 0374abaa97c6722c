//! Reports for people: the answer first, then the reason, then the one thing to do; 80 columns; the worst last,
//! next to the prompt. Everything from outside is escaped here.

use std::fmt::Write as _;

use time::{OffsetDateTime, UtcOffset};

use super::Paint;
use crate::findings::{
    Brief, CertificateReport, CheckOutcome, CheckResult, Finding, Report, RequestReport, RequestsReport,
    Severity, Summary, Tried, Verdict,
};
use crate::text::{count, escape, escape_short, width};

/// How to render.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Colours.
    pub paint: Paint,
    /// The zone to show times in.
    pub offset: UtcOffset,
    /// 1 lists every check, 2 also what the search tried.
    pub verbose: u8,
}

/// More characters than this of a hostile text are cut off.
const LONGEST: usize = 300;

/// The whole report of `verify`.
pub fn verify(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for certificate in &report.certificates {
        self::certificate(&mut out, certificate, report.at, style);
        out.push('\n');
    }
    ending(&mut out, &report.notes, &report.summary, "certificate", style);
    out
}

/// The whole report of `csr --check`.
pub fn requests(report: &RequestsReport, style: Style) -> String {
    let mut out = String::new();
    for request in &report.requests {
        self::request(&mut out, request, style);
        out.push('\n');
    }
    ending(&mut out, &report.notes, &report.summary, "request", style);
    out
}

/// Notes, and the counts where there were several.
fn ending(out: &mut String, notes: &[String], summary: &Summary, judged: &str, style: Style) {
    for note in notes {
        let _ = writeln!(out, "{}", fill("note: ", &escape(note)));
    }
    if summary.judged() > 1 || summary.skipped > 0 {
        let mut parts = Vec::new();
        for (n, verdict) in [
            (summary.valid, Verdict::Valid),
            (summary.incomplete, Verdict::Incomplete),
            (summary.invalid, Verdict::Invalid),
        ] {
            if n > 0 {
                parts.push(format!("{n} {}", style.paint.verdict(verdict)));
            }
        }
        if summary.skipped > 0 {
            parts.push(format!("{} without a certificate", count(summary.skipped, "file")));
        }
        let _ = writeln!(out, "{}: {}", count(summary.judged(), judged), parts.join(", "));
    }
}

/// A request: the verdict, what it asks for, what is wrong.
fn request(out: &mut String, report: &RequestReport, style: Style) {
    let paint = style.paint;
    let _ = writeln!(
        out,
        "{}   {}   CN={}",
        paint.verdict(report.verdict),
        escape_short(&report.source, LONGEST),
        paint.strong(&escape_short(&report.name, LONGEST))
    );
    out.push('\n');
    let none = |list: String| if list.is_empty() { "none".into() } else { list };
    let mut row = |label: &str, text: String| {
        let _ = writeln!(out, "{}", fill(&format!("  {label:<16} "), &escape_short(&text, LONGEST)));
    };
    row("subject", report.subject.clone());
    row("names", none(report.names.join(", ")));
    row("key", report.key.clone());
    row("usages", none(report.usages.join(", ")));
    row("key usage", none(report.key_usages.join(", ")));
    row("signed with", report.signature.clone());
    if let Some(template) = &report.template {
        row("template", template.clone());
    }
    problems(out, &report.findings, &report.checks, &[], style);
}

/// A date with the days left, in the local zone: `2027-11-22 (364 days)`.
pub fn until(end: OffsetDateTime, at: OffsetDateTime, offset: UtcOffset) -> String {
    let days = (end - at).whole_seconds().div_euclid(86_400);
    let day = end.to_offset(offset).date();
    match days {
        0.. => format!("until {day} ({})", count(days as usize, "day")),
        _ => format!("until {day} ({} ago)", count(days.unsigned_abs() as usize, "day")),
    }
}

/// A valid certificate among many in a line, and its warnings in one each.
pub fn line(brief: &Brief, at: OffsetDateTime, style: Style) -> String {
    let mut out = String::new();
    answer(
        &mut out,
        Verdict::Valid,
        &brief.source,
        &brief.name,
        &until(brief.not_after, at, style.offset),
        style,
    );
    for warning in &brief.warnings {
        out.push_str("  ");
        headline(&mut out, warning, style.paint);
    }
    out
}

/// The verdict, the file, the name, the end.
fn answer(out: &mut String, verdict: Verdict, source: &str, name: &str, until: &str, style: Style) {
    let lead = format!("{}   ", style.paint.verdict(verdict));
    let (source, name) = (escape_short(source, LONGEST), escape_short(name, LONGEST));
    let text = format!("{source}   CN={}   {until}", style.paint.strong(&name));
    let _ = writeln!(out, "{}", fill_at(&lead, verdict.word().len() + 3, &text));
}

fn certificate(out: &mut String, report: &CertificateReport, at: OffsetDateTime, style: Style) {
    let paint = style.paint;
    let until = until(report.not_after, at, style.offset);
    answer(out, report.verdict, &report.source, &report.name, &until, style);
    path(out, report, paint);
    out.push('\n');
    for direction in report.directions.iter().filter(|d| d.verdict.is_some()) {
        let holds = direction.verdict == Some(Verdict::Valid);
        let judge = direction.direction.judge();
        let answer = match (holds, direction.codes.is_empty()) {
            (true, _) => paint.good(&direction.reason),
            (false, true) => paint.bad(&direction.reason),
            // The findings below say why; here their codes are enough.
            (false, false) => {
                format!("{} ({})", paint.bad(&format!("{judge} will refuse it")), direction.codes.join(", "))
            }
        };
        let _ = writeln!(out, "{}", fill(&format!("  {:<15} ", direction.direction.title()), &answer));
    }
    problems(out, &report.findings, &report.checks, &report.tried, style);
}

/// What is wrong, what could not be checked, what was tried, and the counts.
fn problems(out: &mut String, findings: &[Finding], checks: &[CheckOutcome], tried: &[Tried], style: Style) {
    let paint = style.paint;
    let (hints, problems): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|f| f.severity == Severity::Info && style.verbose == 0);
    if !hints.is_empty() {
        out.push('\n');
    }
    for hint in hints {
        headline(out, hint, paint);
    }
    for finding in problems {
        out.push('\n');
        self::finding(out, finding, paint);
    }
    for check in checks {
        if let CheckResult::NotChecked(why) = &check.result {
            let lead = format!("  {} {}  ", paint.warn("not checked"), check.rule.code);
            let width = "  not checked   ".len() + check.rule.code.len();
            let _ = writeln!(out, "\n{}", fill_at(&lead, width, &escape_short(why, LONGEST)));
        }
    }
    out.push('\n');
    if style.verbose > 0 {
        self::checks(out, checks, paint);
    }
    if style.verbose > 1 {
        for tried in tried {
            let candidate = if tried.candidate.is_empty() { "nothing" } else { tried.candidate.as_str() };
            let line = format!("{} by {} ({}): {}", tried.child, candidate, tried.source, tried.reason);
            let _ = writeln!(out, "{}", fill("  tried  ", &escape_short(&line, LONGEST)));
        }
    }
    let counts = counts(findings, checks);
    // The one that is shown first: nobody reads about the last before the first is put right.
    let worst = findings.iter().find(|f| f.severity == Severity::Error);
    let _ = match (style.verbose, worst) {
        (0, None) => writeln!(out, "{}", fill("  ", &format!("{counts} (-v lists the checks)"))),
        (_, None) => writeln!(out, "{}", fill("  ", &counts)),
        (0, Some(f)) => {
            writeln!(out, "  {counts}\n  (-v lists the checks; ocscert explain {} says more)", f.rule.code)
        }
        (_, Some(f)) => writeln!(out, "  {counts}\n  (ocscert explain {} says more)", f.rule.code),
    };
}

/// The path as a staircase, leaf first.
fn path(out: &mut String, report: &CertificateReport, paint: Paint) {
    out.push('\n');
    for (i, step) in report.path.iter().enumerate() {
        let indent = "  ".repeat(i);
        let corner = if i == 0 { "" } else { "└ " };
        let name =
            format!("{}{corner}{}", &indent[..indent.len().saturating_sub(2)], escape_short(&step.name, 60));
        let facts = format!("{:<9} {:<8} {}", step.key, step.signature, escape(&step.note));
        let line = format!("  {name:<34} {}", paint.dim(facts.trim_end()));
        let _ = writeln!(out, "{}", line.trim_end());
        for trusted in &step.trusted_by {
            let by =
                format!("{indent}  trusted by {} ({})", trusted.side, escape_short(&trusted.source, LONGEST));
            let _ = writeln!(out, "  {by}");
        }
    }
}

/// One finding: code and title, the facts, the remedy.
pub fn finding(out: &mut String, finding: &Finding, paint: Paint) {
    headline(out, finding, paint);
    let mut row = |label: &str, text: &str| {
        let _ = writeln!(out, "{}", fill(&format!("  {label:<9} "), &escape_short(text, LONGEST)));
    };
    row("in", &finding.subject);
    for evidence in &finding.evidence {
        let place = |text: &str| match evidence.at.is_empty() {
            true => text.to_string(),
            false => format!("{text} ({})", evidence.at),
        };
        let alone = evidence.expected.is_none() || evidence.observed.is_none();
        if let Some(expected) = &evidence.expected {
            row(if alone { "wanted" } else { "expected" }, &place(expected));
        }
        if let Some(observed) = &evidence.observed {
            row(if alone { "found" } else { "observed" }, &place(observed));
        }
    }
    if let Some(likely) = &finding.likely {
        row("likely", likely);
    }
    row("fix", &finding.remedy.text);
    if let Some(command) = &finding.remedy.command {
        // A command is one line, however long, so that it can be copied.
        let _ = writeln!(out, "            {}", escape(command));
    }
}

/// Severity, code and title.
pub(super) fn headline(out: &mut String, finding: &Finding, paint: Paint) {
    let lead = format!("{} {}  ", paint.severity(finding.severity), finding.rule.code);
    let width = finding.severity.word().len() + finding.rule.code.len() + 3;
    let _ = writeln!(out, "{}", fill_at(&lead, width, finding.rule.title));
}

fn checks(out: &mut String, checks: &[CheckOutcome], paint: Paint) {
    for check in checks {
        let (word, why) = match &check.result {
            CheckResult::Passed => (paint.good("passed"), ""),
            CheckResult::Found => (paint.bad("found"), ""),
            CheckResult::NotApplicable(why) => (paint.dim("n/a"), &**why),
            CheckResult::NotChecked(why) => (paint.warn("not checked"), &**why),
        };
        let why = paint.dim(&escape_short(why, LONGEST));
        let line = format!("  {}  {:<28} {word}  {why}", check.rule.code, check.rule.name);
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn counts(findings: &[Finding], checks: &[CheckOutcome]) -> String {
    let mut parts = Vec::new();
    for (severity, noun) in
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "hint")]
    {
        let n = findings.iter().filter(|f| f.severity == severity).count();
        if n > 0 {
            parts.push(count(n, noun));
        }
    }
    let ended = |how: fn(&CheckResult) -> bool| checks.iter().filter(|check| how(&check.result)).count();
    parts.push(format!("{} passed", ended(|r| *r == CheckResult::Passed)));
    let not_checked = ended(|r| matches!(r, CheckResult::NotChecked(_)));
    if not_checked > 0 {
        parts.push(format!("{not_checked} not checked"));
    }
    let not_applicable = ended(|r| matches!(r, CheckResult::NotApplicable(_)));
    format!("{}, {not_applicable} not applicable", parts.join(", "))
}

/// Folds text at 80 columns, the following lines under the first one's text.
pub fn fill(lead: &str, text: &str) -> String {
    let width = lead.chars().count();
    fill_at(lead, width, text)
}

/// [`fill`], where the lead has invisible characters: `width` is what it takes on the screen.
pub(super) fn fill_at(lead: &str, width: usize, text: &str) -> String {
    let mut out = String::from(lead);
    let mut column = width;
    for (i, word) in text.split(' ').enumerate() {
        let length = visible(word);
        if i > 0 && column + 1 + length > 80 {
            let _ = write!(out, "\n{:width$}", "");
            column = width;
        } else if i > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Columns a word takes: none for colour sequences of our own.
fn visible(word: &str) -> usize {
    let mut columns = 0;
    let mut in_sequence = false;
    for c in word.chars() {
        match c {
            '\x1b' => in_sequence = true,
            'm' if in_sequence => in_sequence = false,
            _ if in_sequence => {}
            c => columns += width(c),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_folded_at_80_columns_under_its_own_start() {
        let text = "word ".repeat(40);
        let folded = fill("  fix       ", text.trim());
        assert!(folded.lines().all(|line| line.chars().count() <= 80), "{folded}");
        assert!(folded.lines().skip(1).all(|line| line.starts_with("            word")), "{folded}");
        let japanese = fill("  in        ", &"証明書 ".repeat(30));
        assert!(japanese.lines().all(|line| visible(line) <= 80), "{japanese}");
    }
}
