//! What the table of keys is for people and editors: the page of keys, a JSON Schema, and the example that
//! `enroll --init` writes.

use serde_json::{Map, Value, json};

use super::keys::{Key, Kind, Need, TABLES, Table};

/// A file with every key in it, explained: what `enroll --init` writes.
pub const EXAMPLE: &str = include_str!("../../templates/federation.toml");

/// The JSON Schema (draft 2020-12) of a federation file, for editors.
pub fn schema() -> String {
    let mut root = object("A federation of OCS, Lync or Skype for Business with IM and Presence", &[]);
    for table in TABLES {
        let mut place = &mut root;
        let mut path = table.name.split('.').peekable();
        while let Some(part) = path.next() {
            let last = path.peek().is_none();
            let properties = &mut place["properties"];
            if properties[part].is_null() || (last && !table.repeated) {
                let inner = std::mem::replace(&mut properties[part], Value::Null);
                properties[part] = if last { of_table(table) } else { object("", &[]) };
                // What was grouped under it before stays.
                if let Some(grouped) = inner["properties"].as_object().cloned()
                    && let Some(own) = properties[part]["properties"].as_object_mut()
                {
                    own.extend(grouped);
                }
            }
            place = &mut properties[part];
        }
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("ocscert federation file");
    root["required"] = json!(["federation", "ocs", "imp"]);
    root["properties"]["ca"]["allOf"] = json!([
        case("microsoft-standalone", json!({ "required": ["url"], "not": { "required": ["template"] } })),
        case("microsoft-enterprise", json!({ "required": ["url", "template"] })),
        case("file", json!({ "maxProperties": 1 })),
    ]);
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

/// What holds where the CA is of this kind.
fn case(kind: &str, then: Value) -> Value {
    json!({ "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] }, "then": then })
}

fn of_table(table: &Table) -> Value {
    let one = object(table.about, table.keys);
    match table.repeated {
        true => json!({ "type": "array", "minItems": 1, "items": one }),
        false => one,
    }
}

fn object(about: &str, keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_string(), of_key(key))).collect();
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let required: Vec<&str> =
        keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    if !about.is_empty() {
        object["description"] = json!(plain(about));
    }
    object
}

fn of_key(key: &Key) -> Value {
    let name = || json!({ "type": "string", "format": "hostname" });
    let text = || json!({ "type": "string", "minLength": 1 });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let mut value = match key.kind {
        Kind::Text | Kind::Path => text(),
        Kind::Texts | Kind::Paths => list(text()),
        Kind::Fqdn => name(),
        Kind::Fqdns => list(name()),
        Kind::Ip => json!({ "type": "string", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Days => json!({ "type": "integer", "minimum": 0, "maximum": 3650 }),
        Kind::Url => json!({ "type": "string", "pattern": "^https?://" }),
        Kind::Hosts(keys) => json!({ "type": "array", "minItems": 1, "items": object("", keys) }),
    };
    value["description"] = json!(plain(key.about));
    if let Need::Optional(Some(default)) = key.need {
        value["default"] = serde_json::from_str(default).unwrap_or(Value::Null);
    }
    value
}

/// Editors show descriptions as they are.
fn plain(markdown: &str) -> String {
    markdown.replace('`', "")
}

/// The page of keys, as Markdown.
pub fn page() -> String {
    let mut out = String::from(HEAD);
    for table in TABLES {
        let brackets = if table.repeated { ("[[", "]]") } else { ("[", "]") };
        out.push_str(&format!("\n## {}{}{}\n\n{}\n\n", brackets.0, table.name, brackets.1, table.about));
        out.push_str("| key | value | needed | meaning |\n|---|---|---|---|\n");
        for key in table.keys {
            row(&mut out, "", key);
            if let Kind::Hosts(keys) = key.kind {
                keys.iter().for_each(|inner| row(&mut out, &format!("{}.", key.name), inner));
            }
        }
    }
    out.push_str(&format!("\n## An example with every key\n\n```toml\n{EXAMPLE}```\n"));
    out
}

fn row(out: &mut String, prefix: &str, key: &Key) {
    let value = match key.kind {
        Kind::Choice(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Hosts(_) => "a list of servers".into(),
        kind => kind.wanted().split(':').next().unwrap_or_default().to_string(),
    };
    let need = match key.need {
        Need::Required => "yes".to_string(),
        Need::Optional(Some(default)) => format!("no: `{default}`"),
        Need::Optional(None) => "no".to_string(),
        Need::When(when) => format!("when {when}"),
    };
    out.push_str(&format!("| `{prefix}{}` | {value} | {need} | {} |\n", key.name, key.about));
}

const HEAD: &str = "# The federation file

One TOML file describes a whole deployment: the servers of both sides, the CA, and
what each side trusts. `enroll`, `status` and `runbook` take it, so that names,
lists, scripts and instructions cannot disagree. `ocscert enroll --init` writes a
commented example.

- Paths are relative to the file's folder.
- Keys that are not known, names that occur twice, a front end in two pools, an
  address that is none: all faults are told at once, each with line and column.
- International names may be written as they are; what goes into certificates is
  their ASCII form.
- An editor that knows JSON Schema checks while you type: put
  `#:schema federation.schema.json` into the first line and
  [federation.schema.json](federation.schema.json) beside the file.

This page is made from the table of keys in `src/federation/keys.rs`.

## What lies beside the file

`enroll site.toml` keeps everything in the folder `site/`, one folder in it a
server, under the server's own name:

| file | what it is |
|---|---|
| `site/FQDN/FQDN.key` | the private key, readable by its owner alone: keep a backup |
| `site/FQDN/FQDN.csr` | the request |
| `site/FQDN/FQDN.request.json` | what became of the request at the CA ([journal.md](journal.md)) |
| `site/FQDN/FQDN.pem`, `.chain.pem` | the certificate, and the CA certificates above it |
| `site/FQDN/FQDN.pfx` | key, certificate and chain, closed with the password |
| `site/FQDN/install-FQDN.cmd`, `.ps1` | what installs the PFX on its server: copy one of them beside it ([windows.md](windows.md)) |
| `site/FQDN/next/` | a renewal on its way; it replaces the above once it has been verified |
| `site/FQDN/previous/DATE/` | what was replaced, by the last day of its certificate |
| `site/inbox/` | with `kind = \"file\"`: put certificates here, under any name, in any container |
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::keys::{CA_KINDS, KEY_TYPES, PFX_TARGETS, PRODUCTS};
    use super::*;
    use crate::checks::Profile;
    use crate::make::key::KeyType;
    use crate::make::pkcs12::TARGETS;

    #[test]
    fn the_words_of_the_table_are_those_of_the_program() {
        let profiles: Vec<&str> = Profile::names().filter(|name| *name != "rfc5280").collect();
        assert_eq!(profiles, PRODUCTS);
        assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), PFX_TARGETS);
        assert_eq!(KeyType::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), KEY_TYPES);
        assert_eq!(CA_KINDS.len(), 3);
    }

    #[test]
    fn the_example_has_every_key_and_reads_without_a_fault() {
        super::super::read(EXAMPLE, Path::new("")).unwrap();
        for table in TABLES {
            assert!(EXAMPLE.contains(&format!("[{}]", table.name)), "{}", table.name);
            for key in table.keys {
                assert!(EXAMPLE.contains(&format!("{} = ", key.name)), "{}.{}", table.name, key.name);
            }
        }
    }
}
