//! When certificates end, as SVG: a bar a certificate from its first to its last day, months along the top, today
//! as a line through all of them.

use std::fmt::Write as _;

use time::{Date, Duration, Month, OffsetDateTime};

use crate::findings::status::days_left;
use crate::text::{count, escape_short, fit, html};

/// One certificate.
#[derive(Clone, Copy, Debug)]
pub struct Bar<'a> {
    /// Whose.
    pub name: &'a str,
    /// Its first moment.
    pub begin: OffsetDateTime,
    /// Its last moment.
    pub end: OffsetDateTime,
    /// `good`, `warn` or `bad`.
    pub class: &'static str,
}

const WIDTH: i64 = 960;
/// Where the names end and the time begins.
const LEFT: i64 = 250;
/// The columns of a name that fit there.
const BEFORE_THE_BARS: usize = 30;
/// Room for the date behind the longest bar.
const RIGHT: i64 = 150;
const TOP: i64 = 42;
const ROW: i64 = 26;
/// What lies farther away than this is drawn at the edge: a root of twenty years would squeeze the rest.
const PAST: Duration = Duration::days(400);
const FUTURE: Duration = Duration::days(3 * 366);

/// Draws them in their order.
pub fn svg(bars: &[Bar<'_>], at: OffsetDateTime) -> String {
    let earliest = bars.iter().map(|bar| bar.begin).min().unwrap_or(at).clamp(at - PAST, at);
    let latest =
        bars.iter().map(|bar| bar.end).max().unwrap_or(at).clamp(at + Duration::days(60), at + FUTURE);
    let scale = Scale { from: earliest, to: latest };
    let height = TOP + ROW * bars.len() as i64 + 12;
    let sentences: Vec<String> =
        bars.iter().map(|bar| format!("{} until {}", bar.name, bar.end.date())).collect();
    let label = html(&escape_short(&format!("When certificates end. {}.", sentences.join(", ")), 2000));
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\" xmlns=\"http://www.w3.org/2000/svg\">\n"
    );
    for (date, text) in scale.ticks() {
        let x = scale.x(date.midnight().assume_utc());
        let _ = writeln!(out, "<path class=\"axis\" d=\"M{x} 32 V{}\"/>", height - 8);
        let _ = writeln!(out, "<text class=\"fact\" x=\"{}\" y=\"29\">{text}</text>", x + 2);
    }
    for (i, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * i as i64;
        let (x1, x2) = (scale.x(bar.begin), scale.x(bar.end).max(scale.x(bar.begin) + 3));
        let days = days_left(bar.end, at);
        let left = match days {
            0.. => count(days as usize, "day"),
            _ => format!("{} ago", count(days.unsigned_abs() as usize, "day")),
        };
        let name = html(&fit(bar.name, BEFORE_THE_BARS));
        let _ = writeln!(
            out,
            "<g><title>{0}</title><text class=\"name\" x=\"{1}\" y=\"{2}\" text-anchor=\"end\">{name}</text>\n\
             <rect class=\"bar {3}\" x=\"{x1}\" y=\"{4}\" width=\"{5}\" height=\"12\" rx=\"3\" stroke=\"none\"/>\n\
             <text class=\"fact\" x=\"{6}\" y=\"{2}\">{7}, {left}</text></g>",
            html(&escape_short(bar.name, 300)),
            LEFT - 12,
            y + 15,
            bar.class,
            y + 5,
            x2 - x1,
            x2 + 6,
            bar.end.date(),
        );
    }
    let today = scale.x(at);
    let _ = writeln!(
        out,
        "<path class=\"today\" d=\"M{today} 16 V{}\"/><text class=\"fact\" x=\"{today}\" y=\"12\" text-anchor=\"middle\">today</text>",
        height - 8
    );
    out.push_str("</svg>\n");
    out
}

struct Scale {
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl Scale {
    fn x(&self, at: OffsetDateTime) -> i64 {
        let span = (self.to - self.from).whole_seconds().max(1);
        let at = (at.clamp(self.from, self.to) - self.from).whole_seconds();
        LEFT + at * (WIDTH - LEFT - RIGHT) / span
    }

    /// The first days of months, eight at most; a year is named where it begins.
    fn ticks(&self) -> Vec<(Date, String)> {
        let months = (self.to - self.from).whole_days() / 30 + 1;
        let step = [1, 2, 3, 6, 12].into_iter().find(|step| months / step <= 8).unwrap_or(12);
        let mut ticks = Vec::new();
        for year in self.from.year()..=self.to.year() {
            for month in (1..=12u8).filter(|month| i64::from(month - 1) % step == 0) {
                let first = Month::try_from(month).and_then(|month| Date::from_calendar_date(year, month, 1));
                let Ok(first) = first else { continue };
                let at = first.midnight().assume_utc();
                if at > self.from && at < self.to {
                    ticks.push((first, format!("{year}-{month:02}")));
                }
            }
        }
        ticks
    }
}
