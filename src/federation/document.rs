//! The TOML document against the table of keys: every fault is kept with its place, and reading goes on, so that a
//! person learns all of them at once. What comes out are values of the kinds that the table names.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Kind, Need, TABLES, Table};
use crate::model::Fqdn;
use crate::text::{edits, escape_short};
use crate::wire::ca_url::CaUrl;

/// What is wrong at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// All that is wrong with a file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .0
            .iter()
            .map(|fault| format!("line {}, column {}: {}", fault.line, fault.column, fault.what));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Faults {}

/// A value, checked against its key's kind.
#[derive(Clone, Debug)]
pub(super) enum Checked {
    Text(String),
    Texts(Vec<At<String>>),
    Fqdn(Fqdn),
    Fqdns(Vec<At<Fqdn>>),
    Ip(IpAddr),
    Choice(&'static str),
    Bool(bool),
    Days(i64),
    Url(CaUrl),
    Hosts(Vec<Fields>),
}

/// A value and its place in the file.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// One table of the file: its values by key, and where it stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub span: Range<usize>,
    /// Without a value where it was faulty: it is there all the same.
    values: BTreeMap<&'static str, At<Option<Checked>>>,
}

macro_rules! getters {
    ($($name:ident: $variant:ident -> $kind:ty;)*) => {
        $(pub(super) fn $name(&self, key: &str) -> Option<At<$kind>> {
            match self.values.get(key) {
                Some(At { value: Some(Checked::$variant(value)), span }) => {
                    Some(At { value: value.clone(), span: span.clone() })
                }
                _ => None,
            }
        })*
    };
}

impl Fields {
    getters! {
        text: Text -> String;
        texts: Texts -> Vec<At<String>>;
        fqdn: Fqdn -> Fqdn;
        fqdns: Fqdns -> Vec<At<Fqdn>>;
        ip: Ip -> IpAddr;
        choice: Choice -> &'static str;
        flag: Bool -> bool;
        days: Days -> i64;
        url: Url -> CaUrl;
        hosts: Hosts -> Vec<Fields>;
    }

    /// Where the key's value stands, whatever it is.
    pub(super) fn place(&self, key: &str) -> Option<Range<usize>> {
        self.values.get(key).map(|at| at.span.clone())
    }
}

/// The file, table by table.
#[derive(Debug, Default)]
pub(super) struct Document {
    tables: BTreeMap<&'static str, Vec<Fields>>,
}

impl Document {
    /// The table of this name, where it is there.
    pub(super) fn one(&self, name: &str) -> Option<&Fields> {
        self.tables.get(name).and_then(|list| list.first())
    }

    /// Every table of this name.
    pub(super) fn all(&self, name: &str) -> &[Fields] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Collects what is wrong.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    faults: Vec<(Range<usize>, String)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, faults: Vec::new() }
    }

    pub(super) fn fault(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.faults.push((span, what.into()));
    }

    /// The line of a place, for a fault that points at another one.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// All faults in the order of the file; nothing where there are none.
    pub(super) fn finish(mut self) -> Option<Faults> {
        self.faults.sort_by_key(|(span, _)| span.start);
        let place = |(span, what): &(Range<usize>, String)| {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            let line = before.rsplit('\n').next().unwrap_or_default();
            let (number, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
            Fault { line: number, column, what: what.clone() }
        };
        let mut faults: Vec<Fault> = self.faults.iter().map(place).collect();
        faults.dedup();
        (!faults.is_empty()).then_some(Faults(faults))
    }

    /// Reads the whole text.
    pub(super) fn document(&mut self) -> Document {
        let (root, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let message = error.message().trim_end().replace('\n', ", ");
            self.fault(error.span().unwrap_or(0..0), format!("no TOML: {message}"));
        }
        let mut document = Document::default();
        self.group("", root.get_ref(), &mut document);
        document
    }

    /// The tables in a table that only groups others (`ocs` of `ocs.pool`), by their full names.
    fn group(&mut self, prefix: &str, group: &DeTable<'_>, document: &mut Document) {
        for (key, value) in group {
            let name = format!("{prefix}{}", key.get_ref());
            let below = format!("{name}.");
            let known = TABLES.iter().find(|table| table.name == name);
            let has_tables = TABLES.iter().any(|table| table.name.starts_with(&below));
            if known.is_none() && !has_tables {
                // A key of a table that also groups others (`imp.tls_peer_subjects`) is read with that table.
                let parent = TABLES.iter().find(|table| format!("{}.", table.name) == prefix);
                if parent.is_none() {
                    self.unknown(key.span(), &name, TABLES.iter().map(|table| table.name));
                }
                continue;
            }
            if let Some(table) = known {
                self.tables(table, key.span(), value, document);
            }
            match value.get_ref() {
                DeValue::Table(inner) if has_tables => self.group(&below, inner, document),
                _ if known.is_none() => self.fault(value.span(), format!("`{name}` is a group of tables")),
                _ => {}
            }
        }
    }

    fn tables(
        &mut self,
        table: &'static Table,
        key: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        document: &mut Document,
    ) {
        // With the wrong brackets it is read all the same: what is in it is not missing then.
        let brackets =
            if table.repeated { format!("[[{}]]", table.name) } else { format!("[{}]", table.name) };
        let fits = match value.get_ref() {
            DeValue::Table(_) => !table.repeated,
            DeValue::Array(_) => table.repeated,
            _ => false,
        };
        if !fits {
            self.fault(key, format!("`{}` is written {brackets}", table.name));
        }
        let list: Vec<_> = match value.get_ref() {
            DeValue::Table(one) => vec![(value.span(), one)],
            DeValue::Array(list) => {
                list.iter().filter_map(|item| Some((item.span(), item.get_ref().as_table()?))).collect()
            }
            _ => Vec::new(),
        };
        for (span, fields) in list {
            let fields = self.fields(table.name, table.keys, span, fields);
            document.tables.entry(table.name).or_default().push(fields);
        }
    }

    /// The values of one table.
    fn fields(
        &mut self,
        name: &str,
        keys: &'static [Key],
        span: Range<usize>,
        table: &DeTable<'_>,
    ) -> Fields {
        let mut values = BTreeMap::new();
        for (key, value) in table {
            let Some(known) = keys.iter().find(|known| known.name == key.get_ref().as_ref()) else {
                let grouped = format!("{name}.{}", key.get_ref());
                if !TABLES.iter().any(|table| table.name == grouped) {
                    self.unknown(key.span(), key.get_ref(), keys.iter().map(|key| key.name));
                }
                continue;
            };
            values.insert(known.name, At { value: self.value(known, value), span: value.span() });
        }
        for key in keys.iter().filter(|key| key.need == Need::Required) {
            if !table.iter().any(|(there, _)| there.get_ref() == key.name) {
                self.fault(span.clone(), format!("`{}` is missing: {}", key.name, key.kind.wanted()));
            }
        }
        Fields { span, values }
    }

    fn unknown(&mut self, span: Range<usize>, name: &str, known: impl Iterator<Item = &'static str>) {
        let shown = escape_short(name, 80);
        let known: Vec<&str> = known.collect();
        let close = known.iter().min_by_key(|candidate| edits(name, candidate));
        let what = match close.filter(|candidate| edits(name, candidate) <= 2.max(candidate.len() / 3)) {
            Some(close) => format!("`{shown}` is not known here: did you mean `{close}`?"),
            None => format!("`{shown}` is not known here; there are {}", known.join(", ")),
        };
        self.fault(span, what);
    }

    /// One value against its kind; what it is not is a fault.
    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Option<Checked> {
        let text = value.get_ref().as_str();
        let checked = match (key.kind, value.get_ref()) {
            (Kind::Text | Kind::Path, _) => {
                let text = text.filter(|text| !text.trim().is_empty() && !text.chars().any(char::is_control));
                text.map(|text| Ok(Checked::Text(text.to_string())))
            }
            (Kind::Fqdn, _) => {
                text.map(|text| Fqdn::parse(text).map(Checked::Fqdn).map_err(|e| e.to_string()))
            }
            (Kind::Ip, _) => text.map(|text| {
                let shown = escape_short(text, 60);
                text.parse().map(Checked::Ip).map_err(|_| format!("\"{shown}\" is no IP address"))
            }),
            (Kind::Choice(words), _) => text.map(|text| {
                let word = words.iter().find(|word| **word == text);
                let shown = escape_short(text, 60);
                word.map(|word| Checked::Choice(word))
                    .ok_or_else(|| format!("\"{shown}\" is not known: {}", key.kind.wanted()))
            }),
            (Kind::Url, _) => text.map(|text| CaUrl::parse(text).map(Checked::Url)),
            (Kind::Bool, value) => value.as_bool().map(|flag| Ok(Checked::Bool(flag))),
            (Kind::Days, value) => value.as_integer().map(|days| {
                let number = i64::from_str_radix(days.as_str(), days.radix()).ok();
                let sensible = number.filter(|days| (0..=3650).contains(days));
                sensible.map(Checked::Days).ok_or_else(|| "write 0 to 3650 days".to_string())
            }),
            (Kind::Texts | Kind::Paths, DeValue::Array(_)) => {
                let read = |text: &str| match text.trim().is_empty() || text.chars().any(char::is_control) {
                    true => Err("it is empty, or has control characters".to_string()),
                    false => Ok(text.to_string()),
                };
                self.list(key, value, read).map(|list| Ok(Checked::Texts(list)))
            }
            (Kind::Fqdns, DeValue::Array(_)) => {
                let read = |text: &str| Fqdn::parse(text).map_err(|e| e.to_string());
                self.list(key, value, read).map(|list| Ok(Checked::Fqdns(list)))
            }
            (Kind::Hosts(keys), DeValue::Array(list)) => {
                let mut hosts = Vec::new();
                for item in list {
                    match item.get_ref().as_table() {
                        Some(table) => hosts.push(self.fields(key.name, keys, item.span(), table)),
                        None => self.fault(item.span(), format!("`{}` is {}", key.name, key.kind.wanted())),
                    }
                }
                Some(Ok(Checked::Hosts(hosts)))
            }
            (Kind::Texts | Kind::Paths | Kind::Fqdns | Kind::Hosts(_), _) => None,
        };
        let what = match checked {
            Some(Ok(checked)) => return Some(checked),
            Some(Err(what)) => format!("`{}`: {what}", key.name),
            None => format!("`{}` needs {}", key.name, key.kind.wanted()),
        };
        self.fault(value.span(), what);
        None
    }

    /// A list of texts; the good ones are kept beside faulty ones.
    fn list<T>(
        &mut self,
        key: &Key,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<At<T>>> {
        let mut list = Vec::new();
        for item in value.get_ref().as_array()? {
            match item.get_ref().as_str().map(&read) {
                Some(Ok(value)) => list.push(At { value, span: item.span() }),
                Some(Err(what)) => self.fault(item.span(), format!("`{}`: {what}", key.name)),
                None => self.fault(item.span(), format!("`{}` needs {}", key.name, key.kind.wanted())),
            }
        }
        Some(list)
    }
}
