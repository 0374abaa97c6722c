//! Profiles: which checks apply to which product, and how severe they are. Tables in `templates/profiles`; only
//! the chosen one is parsed.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::findings::{Rule, Severity};
use crate::path::CryptoEra;

/// The rules of one product.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name on the command line.
    pub name: String,
    /// The product's name.
    pub title: String,
    /// The era where `--crypto` does not say.
    crypto: Era,
    /// The account its front-end service runs under: who has to read the key.
    pub service_account: Option<String>,
    /// Severity by the rule's name; a rule that is not listed does not apply.
    #[serde(default)]
    checks: BTreeMap<String, Level>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Era {
    Legacy,
    Modern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Does not apply to this product.
    Off,
    /// The severity that the check itself decides on (it depends on the side or the era).
    Default,
    Info,
    Warning,
    Error,
}

const TABLES: &[(&str, &str)] = &[
    ("ocs2007r2", include_str!("../../templates/profiles/ocs2007r2.toml")),
    ("lync2013", include_str!("../../templates/profiles/lync2013.toml")),
    ("sfb2019", include_str!("../../templates/profiles/sfb2019.toml")),
    ("rfc5280", include_str!("../../templates/profiles/rfc5280.toml")),
];

impl Profile {
    /// The names, the default first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLES.iter().map(|(name, _)| *name)
    }

    /// Parses the table of this name.
    ///
    /// # Errors
    /// There is no such profile; the sentence lists those there are.
    pub fn named(name: &str) -> Result<Self, String> {
        let (_, table) = TABLES.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            format!("no profile \"{name}\"; there are {}", Self::names().collect::<Vec<_>>().join(", "))
        })?;
        toml::from_str(table).map_err(|e| format!("the profile {name} is damaged: {e}"))
    }

    /// The era of this product's algorithms.
    pub fn era(&self) -> CryptoEra {
        match self.crypto {
            Era::Legacy => CryptoEra::Legacy,
            Era::Modern => CryptoEra::Modern,
        }
    }

    /// True where the rule applies.
    pub fn applies(&self, rule: &Rule) -> bool {
        self.checks.get(rule.name).is_some_and(|level| *level != Level::Off)
    }

    /// The severity of the rule here; `decided` is what its check says.
    pub fn severity(&self, rule: &Rule, decided: Severity) -> Severity {
        match self.checks.get(rule.name) {
            Some(Level::Info) => Severity::Info,
            Some(Level::Warning) => Severity::Warning,
            Some(Level::Error) => Severity::Error,
            Some(Level::Default | Level::Off) | None => decided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_says_of_every_check_what_it_is_there_and_names_no_other() {
        for (name, _) in TABLES {
            let profile = Profile::named(name).unwrap();
            assert_eq!(profile.name, *name);
            let live = super::super::probe::RULES.iter().map(|rule| rule.name);
            let known: Vec<&str> = super::super::checks().map(|c| c.rule.name).chain(live).collect();
            for listed in profile.checks.keys() {
                assert!(known.contains(&listed.as_str()), "{name} lists \"{listed}\", which is no check");
            }
            for check in known.iter().filter(|_| *name != "rfc5280") {
                assert!(profile.checks.contains_key(*check), "{name} does not list {check}");
            }
        }
        assert!(Profile::named("exchange").unwrap_err().contains("lync2013"));
    }
}
