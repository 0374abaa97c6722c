//! The lab's pages from their templates. Whatever a template is given is made safe on the way out: first as
//! text (control and bidirectional characters), then as HTML.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Value, escape_formatter};

use crate::text;

const TEMPLATES: &[(&str, &str)] = &[
    ("admin.html", include_str!("../../templates/lab/admin.html")),
    ("base.html", include_str!("../../templates/lab/base.html")),
    ("cas.html", include_str!("../../templates/lab/cas.html")),
    ("check.html", include_str!("../../templates/lab/check.html")),
    ("denied.html", include_str!("../../templates/lab/denied.html")),
    ("error.html", include_str!("../../templates/lab/error.html")),
    ("home.html", include_str!("../../templates/lab/home.html")),
    ("issued.html", include_str!("../../templates/lab/issued.html")),
    ("pending.html", include_str!("../../templates/lab/pending.html")),
    ("request.html", include_str!("../../templates/lab/request.html")),
    ("unauthorized.html", include_str!("../../templates/lab/unauthorized.html")),
];

static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(raw) if value.kind() == ValueKind::String && !value.is_safe() => {
            // Line breaks are the pages' own business, and harmless in HTML.
            let lines: Vec<_> = raw.split("\r\n").map(text::escape).collect();
            escape_formatter(out, state, &Value::from(lines.join("\n")))
        }
        _ => escape_formatter(out, state, value),
    });
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

/// A page.
///
/// # Errors
/// The template is wrong: a fault of the program.
pub(super) fn render(name: &str, context: Value) -> Result<String, String> {
    let environment = ENVIRONMENT.as_ref().map_err(ToString::to_string)?;
    let template = environment.get_template(name).map_err(|e| e.to_string())?;
    template.render(context).map_err(|e| e.to_string())
}
