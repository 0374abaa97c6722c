//! The runbook: the guide's procedures with a site's values filled in. One file of procedures holds both languages
//! side by side (when a procedure applies, once per what, in which order), so that they cannot disagree; a layout
//! each for Markdown and HTML. Every text of theirs is a minijinja template, and a site may bring its own.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Ca, Federation, Layout, Product, Transport};
use crate::checks::Profile;
use crate::make::template::{TemplateFault, Templates};
use crate::text::{escape, html, shell_word};

const PROCEDURES: &str = "procedures.toml";
/// Around every value that a template puts in: what is between them is never markup.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// The language of a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, with the English screens' words.
    English,
    /// Japanese, with the Japanese screens' words.
    Japanese,
}

/// How a runbook is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Markdown, with tables.
    Markdown,
    /// One self-contained page.
    Html,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    en: Words,
    ja: Words,
    phase: Vec<Phase>,
    procedure: Vec<Procedure>,
}

type Words = BTreeMap<String, Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phase {
    id: String,
    en: String,
    ja: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Procedure {
    id: String,
    phase: String,
    when: Option<Spanned<String>>,
    per: Per,
    #[serde(default)]
    practice: bool,
    en: Wording,
    ja: Wording,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Per {
    Once,
    Server,
    Unit,
    Node,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wording {
    title: Spanned<String>,
    why: Spanned<String>,
    steps: Spanned<String>,
    check: Spanned<String>,
    undo: Spanned<String>,
    note: Option<Spanned<String>>,
}

#[derive(Serialize)]
struct PhaseView {
    id: String,
    title: String,
    procedures: Vec<ProcedureView>,
}

#[derive(Serialize)]
struct ProcedureView {
    id: String,
    title: Value,
    practice: bool,
    why: Value,
    notes: Vec<Value>,
    targets: Vec<TargetView>,
}

#[derive(Serialize)]
struct TargetView {
    name: Option<String>,
    anchor: String,
    steps: Vec<Value>,
    check: Vec<Value>,
    undo: Vec<Value>,
}

/// What goes into the templates of a federation.
fn site(federation: &Federation, layout: &Layout, file: &Path) -> Value {
    let path = |path: &Path| shell_word(&path.display().to_string()).into_owned();
    let server = |server: super::Server<'_>| {
        let files = layout.server(&server.host.fqdn);
        context! {
            fqdn => server.host.fqdn.as_str(), ip => server.host.ip.to_string(),
            cn => server.common_name().as_str(), pool => server.pool.is_some(),
            csr => path(&files.csr), cert => path(&files.certificate), key => path(&files.key),
            chain => path(&files.chain), pfx => path(&files.pfx), install => path(&files.scripts[0]),
        }
    };
    let servers: Vec<Value> = federation.servers().into_iter().map(server).collect();
    let unit = |fqdn: &str, ip: Option<String>, pool: bool| {
        let own: Vec<Value> = federation
            .servers()
            .into_iter()
            .filter(|s| s.common_name().as_str() == fqdn)
            .map(server)
            .collect();
        context! { fqdn, ip, pool, servers => own }
    };
    let standard = federation.standard.iter().map(|h| unit(h.fqdn.as_str(), Some(h.ip.to_string()), false));
    let pools = federation.pools.iter().map(|p| unit(p.fqdn.as_str(), p.ip.map(|ip| ip.to_string()), true));
    let units: Vec<Value> = standard.chain(pools).collect();
    let nodes: Vec<Value> = (federation.nodes.iter())
        .map(|n| {
            let certificate = n.certificate.as_deref().map(path);
            context! { fqdn => n.host.fqdn.as_str(), ip => n.host.ip.to_string(), certificate }
        })
        .collect();
    let target = federation.next_hop().or(federation.nodes.first());
    let target = target.map(|n| context! { fqdn => n.host.fqdn.as_str(), ip => n.host.ip.to_string() });
    let reversed: String = federation.sip_domain.as_str().rsplit('.').map(|l| format!(".{l}")).collect();
    let (ca, url, template) = match &federation.ca {
        None => ("none", None, None),
        Some(Ca::File) => ("file", None, None),
        Some(Ca::Microsoft(ca)) => {
            let kind = if ca.template.is_some() { "enterprise" } else { "standalone" };
            (kind, Some(ca.url.url().to_string()), ca.template.as_ref().map(ToString::to_string))
        }
    };
    let tls = federation.transport == Transport::Tls;
    context! {
        file => path(file), folder => path(layout.folder()), inbox => path(&layout.inbox()),
        domain => federation.sip_domain.as_str(), reversed => format!("{reversed}.*"),
        tls, transport => if tls { "TLS" } else { "TCP" }, port => if tls { 5061 } else { 5060 },
        ocs => federation.product == Product::Ocs2007R2, product => federation.product.name(),
        product_title => match federation.product {
            Product::Ocs2007R2 => "Office Communications Server 2007 R2",
            Product::Lync2013 => "Lync Server",
            Product::Sfb2019 => "Skype for Business Server",
        },
        many_nodes => nodes.len() > 1, has_pools => !federation.pools.is_empty(),
        servers, units, nodes, target, ca, ca_url => url, ca_template => template,
        account => Profile::named(federation.product.name()).ok().and_then(|p| p.service_account),
        renew_before_days => federation.defaults.renew_before_days,
        version => env!("CARGO_PKG_VERSION"),
    }
}

/// Writes the runbook.
///
/// # Errors
/// A template is faulty: its file, line and what is wrong there.
pub fn runbook(
    federation: &Federation,
    layout: &Layout,
    file: &Path,
    templates: &Templates,
    language: Language,
    form: Form,
) -> Result<String, TemplateFault> {
    let writer = Writer::new(templates, form);
    let site = site(federation, layout, file);
    let book: Book = toml::from_str(writer.source).map_err(|e| TemplateFault {
        file: PROCEDURES.into(),
        line: e.span().map_or(1, |span| writer.line(span.start)),
        what: e.message().trim_end().replace('\n', ", "),
    })?;
    let japanese = language == Language::Japanese;
    let mut phases: Vec<PhaseView> = (book.phase.iter())
        .map(|phase| PhaseView {
            id: phase.id.clone(),
            title: if japanese { &phase.ja } else { &phase.en }.clone(),
            procedures: Vec::new(),
        })
        .collect();
    for procedure in &book.procedure {
        if let Some(when) = &procedure.when {
            let (line, source) = (writer.line(when.span().start), when.get_ref());
            let compiled = writer.words.compile_expression(source).and_then(|e| e.eval(&site));
            if !compiled.map_err(|e| TemplateFault::new(PROCEDURES, line, &e))?.is_true() {
                continue;
            }
        }
        let wording = if japanese { &procedure.ja } else { &procedure.en };
        let view = writer.procedure(procedure, wording, &site)?;
        if let Some(phase) = phases.iter_mut().find(|phase| phase.id == procedure.phase) {
            phase.procedures.push(view);
        }
    }
    phases.retain(|phase| !phase.procedures.is_empty());
    let words = if japanese { &book.ja } else { &book.en };
    let words = (words.iter().map(|(name, word)| Ok((name.clone(), writer.one(word, &site)?))))
        .collect::<Result<BTreeMap<String, Value>, TemplateFault>>()?;
    let name = if form == Form::Html { "runbook.html" } else { "runbook.md" };
    let lang = if japanese { "ja" } else { "en" };
    let whole = context! { words => Value::from(Serde(&words)), phases => Value::from(Serde(&phases)), lang, style => STYLE, ..site };
    templates.render(name, &whole)
}

/// The style of every page of the program.
const STYLE: &str = include_str!("../../templates/page.css");

/// The lists of both sides, for copying and for programs.
const LISTS: [&str; 4] =
    ["host-authorizations.csv", "static-routes.csv", "incoming-acl.csv", "peer-subjects.csv"];

/// What lies beside the runbook: the scripts of every server and the lists of both sides, each by its path below the
/// output's folder.
///
/// # Errors
/// A template is faulty.
pub fn beside(
    federation: &Federation,
    layout: &Layout,
    file: &Path,
    templates: &Templates,
) -> Result<Vec<(String, String)>, TemplateFault> {
    let site = site(federation, layout, file);
    let ocs_tls = federation.product == Product::Ocs2007R2 && federation.transport == Transport::Tls;
    let mut all = Vec::new();
    for name in LISTS {
        // Over TCP no certificate is shown, and nobody's subject is compared.
        if name != "peer-subjects.csv" || federation.transport == Transport::Tls {
            all.push((format!("lists/{name}"), templates.render_for_windows(name, &site)?));
        }
    }
    for server in federation.servers() {
        let fqdn = server.host.fqdn.as_str();
        let s = context! { fqdn, ip => server.host.ip.to_string(), cn => server.common_name().as_str() };
        for name in ["record-before.cmd", "fips-2003.cmd", "fips-2008.cmd", "restart.cmd"] {
            if name.starts_with("fips") && !ocs_tls {
                continue;
            }
            let text = templates.render_for_windows(name, &context! { s => s.clone(), ..site.clone() })?;
            all.push((format!("scripts/{fqdn}/{name}"), text));
        }
    }
    Ok(all)
}

/// Turns the words of the procedures into the form wanted.
struct Writer<'t> {
    source: &'t str,
    words: Environment<'static>,
    form: Form,
}

impl<'t> Writer<'t> {
    fn new(templates: &'t Templates, form: Form) -> Self {
        let mut words = Environment::new();
        words.set_undefined_behavior(UndefinedBehavior::Strict);
        words.set_auto_escape_callback(|_| AutoEscape::None);
        words.set_formatter(|out, _, value| {
            let clean: String = escape(&value.to_string()).replace([OPEN, CLOSE], "");
            write!(out, "{OPEN}{clean}{CLOSE}").map_err(Into::into)
        });
        Self { source: templates.get(PROCEDURES), words, form }
    }

    fn line(&self, offset: usize) -> usize {
        self.source.get(..offset).map_or(1, |before| before.matches('\n').count() + 1)
    }

    /// The lines of one text, values filled in; lines that came out empty are left out.
    fn lines(&self, text: &Spanned<String>, context: &Value) -> Result<Vec<Value>, TemplateFault> {
        let rendered = self.words.render_str(text.get_ref(), context).map_err(|e| {
            // A text between three quotes begins on the next line.
            let from = self.line(text.span().start);
            let long = self
                .source
                .get(text.span())
                .is_some_and(|t| t.starts_with("\"\"\"\n") || t.starts_with("'''\n"));
            TemplateFault::new(PROCEDURES, from + usize::from(long) + e.line().unwrap_or(1) - 1, &e)
        })?;
        let lines = rendered.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(lines.map(|line| Value::from_safe_string(marked_up(line, self.form))).collect())
    }

    fn one(&self, text: &Spanned<String>, context: &Value) -> Result<Value, TemplateFault> {
        let lines = self.lines(text, context)?;
        let joined: Vec<String> = lines.iter().map(ToString::to_string).collect();
        Ok(Value::from_safe_string(joined.join(" ")))
    }

    fn procedure(
        &self,
        procedure: &Procedure,
        wording: &Wording,
        site: &Value,
    ) -> Result<ProcedureView, TemplateFault> {
        let list = |name: &str| -> Vec<Value> {
            site.get_attr(name).and_then(|list| list.try_iter()).map(Iterator::collect).unwrap_or_default()
        };
        let targets = match procedure.per {
            Per::Once => vec![None],
            Per::Server => list("servers").into_iter().map(Some).collect(),
            Per::Unit => list("units").into_iter().map(Some).collect(),
            Per::Node => list("nodes").into_iter().map(Some).collect(),
        };
        let mut views = Vec::new();
        for target in targets {
            let name = target.as_ref().and_then(|t| t.get_attr("fqdn").ok()).map(|name| name.to_string());
            let t = target.unwrap_or_else(|| site.clone());
            let context = context! { t, ..site.clone() };
            views.push(TargetView {
                anchor: name.iter().fold(procedure.id.clone(), |id, name| format!("{id}-{name}")),
                name,
                steps: self.lines(&wording.steps, &context)?,
                check: self.lines(&wording.check, &context)?,
                undo: self.lines(&wording.undo, &context)?,
            });
        }
        Ok(ProcedureView {
            id: procedure.id.clone(),
            title: self.one(&wording.title, site)?,
            practice: procedure.practice,
            why: self.one(&wording.why, site)?,
            notes: wording.note.as_ref().map(|note| self.lines(note, site)).transpose()?.unwrap_or_default(),
            targets: views,
        })
    }
}

/// One line of words in Markdown or HTML: `code` and **strong** are markup, except inside a value.
fn marked_up(line: &str, form: Form) -> String {
    let mut out = String::new();
    let (mut code, mut strong, mut value) = (false, false, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, form) {
            (OPEN, _) => value = true,
            (CLOSE, _) => value = false,
            ('`', _) if !value => {
                code = !code;
                out.push_str(match (form, code) {
                    (Form::Markdown, _) => "`",
                    (Form::Html, true) => "<code>",
                    (Form::Html, false) => "</code>",
                });
            }
            ('*', _) if !value && !code && rest.peek() == Some(&'*') => {
                rest.next();
                strong = !strong;
                out.push_str(match (form, strong) {
                    (Form::Markdown, _) => "**",
                    (Form::Html, true) => "<b>",
                    (Form::Html, false) => "</b>",
                });
            }
            (_, Form::Html) => out.push_str(&html(c.encode_utf8(&mut [0; 4]))),
            // In a table a bar ends the cell, inside code too.
            ('|', Form::Markdown) => out.push_str("\\|"),
            // Nothing can escape a backtick inside code.
            ('`', Form::Markdown) if code => out.push('\''),
            (c, Form::Markdown)
                if !code && (value && c.is_ascii_punctuation() && !matches!(c, '.' | '-' | ':' | '/')) =>
            {
                out.push('\\');
                out.push(c);
            }
            ('<', Form::Markdown) if !code => {
                out.push('\\');
                out.push(c);
            }
            (c, Form::Markdown) => out.push(c),
        }
    }
    out
}
