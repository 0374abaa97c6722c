//! The texts that a site may word anew: the runbook and the scripts, each a minijinja template of the program's
//! own until `--templates DIR` brings another of the same name.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

/// The templates, by the names under which `--templates DIR` may bring others.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("procedures.toml", include_str!("../../templates/runbook/procedures.toml")),
    ("runbook.md", include_str!("../../templates/runbook/runbook.md")),
    ("runbook.html", include_str!("../../templates/runbook/runbook.html")),
    ("record-before.cmd", include_str!("../../templates/runbook/record-before.cmd")),
    ("fips-2003.cmd", include_str!("../../templates/runbook/fips-2003.cmd")),
    ("fips-2008.cmd", include_str!("../../templates/runbook/fips-2008.cmd")),
    ("restart.cmd", include_str!("../../templates/runbook/restart.cmd")),
    ("host-authorizations.csv", include_str!("../../templates/runbook/host-authorizations.csv")),
    ("peer-subjects.csv", include_str!("../../templates/runbook/peer-subjects.csv")),
    ("incoming-acl.csv", include_str!("../../templates/runbook/incoming-acl.csv")),
    ("static-routes.csv", include_str!("../../templates/runbook/static-routes.csv")),
    ("install.cmd", include_str!("../../templates/windows/install.cmd")),
    ("install.ps1", include_str!("../../templates/windows/install.ps1")),
    ("request.cmd", include_str!("../../templates/windows/request.cmd")),
    ("certreq.inf", include_str!("../../templates/windows/certreq.inf")),
    (KEY_PART, include_str!("../../templates/windows/key.cmd")),
];

/// What several scripts include: where Windows keeps machine keys, and who may read one.
const KEY_PART: &str = "key.cmd";

/// A template that cannot be used: its file, the line where it is known, and what is wrong.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}, line {line}: {what}")]
pub struct TemplateFault {
    /// The name of the template.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl TemplateFault {
    /// A fault that the engine found.
    pub fn new(file: &str, line: usize, error: &minijinja::Error) -> Self {
        let what = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        Self { file: file.into(), line, what }
    }
}

/// The templates in use: the program's own, some of them replaced.
#[derive(Clone, Debug)]
pub struct Templates(BTreeMap<&'static str, String>);

impl Default for Templates {
    fn default() -> Self {
        Self(TEMPLATES.iter().map(|(name, text)| (*name, (*text).to_string())).collect())
    }
}

impl Templates {
    /// Puts a site's own text in the place of one of [`TEMPLATES`].
    pub fn replace(&mut self, name: &'static str, text: String) {
        self.0.insert(name, text);
    }

    /// The text of one, as it is.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Fills one in.
    ///
    /// # Errors
    /// It is faulty.
    pub fn render(&self, name: &str, values: &Value) -> Result<String, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let lines_of_their_own = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(lines_of_their_own.map_err(|e| TemplateFault::new(name, 1, &e))?);
        environment.add_filter("cmd", in_cmd_quotes);
        environment.add_filter("ps", in_powershell_quotes);
        environment.add_filter("inf", in_inf_quotes);
        let place =
            |e: &minijinja::Error| TemplateFault::new(e.name().unwrap_or(name), e.line().unwrap_or(1), e);
        for part in [name, KEY_PART] {
            environment.add_template(part, self.get(part)).map_err(|e| place(&e))?;
        }
        environment.get_template(name).and_then(|t| t.render(values)).map_err(|e| place(&e))
    }

    /// Fills one in for Windows: lines end with CR LF, as CSV wants it too (RFC 4180). With LF alone cmd.exe loses
    /// its place at labels.
    ///
    /// # Errors
    /// It is faulty.
    pub fn render_for_windows(&self, name: &str, values: &Value) -> Result<String, TemplateFault> {
        let text = self.render(name, values)?.replace("\r\n", "\n");
        Ok(text.trim_end().replace('\n', "\r\n") + "\r\n")
    }
}

/// Text between two double quotes of a batch file: there a percent sign alone is read, and is written twice. A
/// quote or a line's end would close it: what may hold one does not go into a batch file.
fn in_cmd_quotes(text: &str) -> String {
    text.replace('%', "%%").replace(['"', '\r', '\n'], "")
}

/// Text between two single quotes of PowerShell: nothing is read there but the quote, its curly forms included.
fn in_powershell_quotes(text: &str) -> String {
    text.chars()
        .flat_map(|c| std::iter::repeat_n(c, if matches!(c, '\'' | '\u{2018}'..='\u{201b}') { 2 } else { 1 }))
        .collect()
}

/// Text between two double quotes of an INF file: a quote and a percent sign are written twice there.
fn in_inf_quotes(text: &str) -> String {
    text.replace('"', "\"\"").replace('%', "%%").replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_inside_its_quotes() {
        assert_eq!(in_cmd_quotes("50%PATH%^&!\"\r\n"), "50%%PATH%%^&!");
        assert_eq!(in_powershell_quotes("it's \u{2019}$x`"), "it''s \u{2019}\u{2019}$x`");
        assert_eq!(in_inf_quotes("a \"b\" 5% ;c"), "a \"\"b\"\" 5%% ;c");
    }
}
