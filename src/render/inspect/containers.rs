//! Containers as a tree: PKCS#7 and PFX files, their parts, how each is closed, what is in it. One description, shown
//! as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::container::{
    Attributes, ContainerKind, Kdf, Mac, Origin, Part, PasswordKind, Pfx, Place, Protection, Seen, Shape,
};
use crate::model::{Contents, KeySpec, Object};
use crate::render::text::{Style, fill, fill_at};
use crate::text::{escape_short, grouped, hex, hex_colon};

/// A file that holds objects.
#[derive(Debug, Serialize)]
pub(super) struct ContainerDescription {
    kind: &'static str,
    /// The how-manieth block of the file.
    number: usize,
    line: Option<usize>,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    /// What opened it; `null` while it is closed, or where there is nothing to open.
    password: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<MacDescription>,
    parts: Vec<PartDescription>,
    #[serde(skip)]
    is_closed: bool,
}

#[derive(Debug, Serialize)]
struct MacDescription {
    algorithm: String,
    derivation: String,
    iterations: u64,
}

#[derive(Debug, Serialize)]
struct PartDescription {
    /// How the part is closed as a whole; `null` where it lies open.
    encryption: Option<EncryptionDescription>,
    /// What came out of it: places in `objects`, from 0.
    objects: Vec<usize>,
    /// What is seen in it while the file is closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seen: Vec<SeenDescription>,
}

#[derive(Debug, Serialize)]
struct SeenDescription {
    what: &'static str,
    encryption: Option<EncryptionDescription>,
    #[serde(flatten)]
    attributes: AttributesDescription,
}

/// How something is or was closed.
#[derive(Debug, Serialize)]
pub(super) struct EncryptionDescription {
    /// In words.
    text: String,
    cipher: Option<String>,
    derivation: Option<String>,
    iterations: Option<u64>,
}

/// What hung on an object in a PFX.
#[derive(Debug, Serialize)]
pub(super) struct AttributesDescription {
    friendly_name: Option<String>,
    local_key_id: Option<String>,
    csp: Option<String>,
    machine_key_set: bool,
    trusted_for: Vec<String>,
    other_attributes: Vec<OtherDescription>,
}

#[derive(Debug, Serialize)]
struct OtherDescription {
    oid: String,
    name: Option<&'static str>,
    hex: String,
}

/// What an object was in.
#[derive(Debug, Serialize)]
pub(super) struct OriginDescription {
    /// Its place in `containers`, from 0.
    container: Option<usize>,
    /// The part of a PFX, from 0.
    part: usize,
    encryption: Option<EncryptionDescription>,
    #[serde(flatten)]
    attributes: AttributesDescription,
}

/// How a text file is written.
#[derive(Debug, Serialize)]
pub(super) struct ShapeDescription {
    encoding: String,
    lone_cr: bool,
}

/// Every container: those that were opened, then PFX files that are still closed.
pub(super) fn describe(contents: &Contents) -> Vec<ContainerDescription> {
    let opened = contents.containers.iter().enumerate().map(|(i, container)| {
        let objects = |part: usize| -> Vec<usize> {
            let inside = contents.items.iter().enumerate().filter(|(_, item)| {
                item.origin.as_ref().is_some_and(|o| o.container == Some(i) && o.part == part)
            });
            inside.map(|(at, _)| at).collect()
        };
        match &container.kind {
            ContainerKind::Pkcs7 { ber } => ContainerDescription {
                kind: "pkcs7",
                number: container.place.number,
                line: container.place.line,
                encoding: encoding(*ber),
                bytes: None,
                password: None,
                mac: None,
                parts: vec![PartDescription { encryption: None, objects: objects(0), seen: Vec::new() }],
                is_closed: false,
            },
            ContainerKind::Pfx { pfx, password } => {
                pfx_description(container.place, pfx, Some(*password), objects)
            }
        }
    });
    let closed = contents.items.iter().filter_map(|item| match &item.object {
        Object::Pfx(pfx) => Some(pfx_description(item.place, pfx, None, |_| Vec::new())),
        _ => None,
    });
    opened.chain(closed).collect()
}

fn pfx_description(
    place: Place,
    pfx: &Pfx,
    password: Option<PasswordKind>,
    objects: impl Fn(usize) -> Vec<usize>,
) -> ContainerDescription {
    let part = |(i, part): (usize, &Part)| PartDescription {
        encryption: encryption(&part.protection),
        objects: objects(i),
        seen: match password {
            Some(_) => Vec::new(),
            None => part.seen().into_iter().map(seen).collect(),
        },
    };
    ContainerDescription {
        kind: "pfx",
        number: place.number,
        line: place.line,
        encoding: encoding(pfx.ber),
        bytes: Some(pfx.size),
        password: password.map(|kind| match kind {
            PasswordKind::NotNeeded => "none needed",
            PasswordKind::Empty => "empty",
            PasswordKind::Ascii => "ASCII",
            PasswordKind::NonAscii => "not ASCII",
        }),
        mac: pfx.mac.as_ref().map(mac),
        parts: pfx.parts.iter().enumerate().map(part).collect(),
        is_closed: password.is_none(),
    }
}

fn encoding(ber: bool) -> &'static str {
    if ber { "BER" } else { "DER" }
}

fn mac(mac: &Mac) -> MacDescription {
    MacDescription {
        algorithm: format!("HMAC-{}", mac.digest),
        derivation: derivation(&mac.kdf),
        iterations: mac.kdf.iterations(),
    }
}

fn derivation(kdf: &Kdf) -> String {
    match kdf {
        Kdf::Pbkdf1 { digest, .. } => format!("PBKDF1-{digest}"),
        Kdf::Pbkdf2 { digest, .. } => format!("PBKDF2-HMAC-{digest}"),
        Kdf::Pkcs12 { digest, .. } => format!("PKCS#12 {digest}"),
        Kdf::Scrypt { .. } => "scrypt".into(),
        Kdf::OpenSsl { .. } => "MD5".into(),
    }
}

fn seen(bag: Seen) -> SeenDescription {
    SeenDescription {
        what: bag.what,
        encryption: encryption(&bag.protection),
        attributes: attributes(&bag.attributes),
    }
}

/// How something is closed; `None` where it lies open.
pub(super) fn encryption(protection: &Protection) -> Option<EncryptionDescription> {
    match protection {
        Protection::None => None,
        Protection::Password(scheme) => Some(EncryptionDescription {
            text: scheme.to_string(),
            cipher: Some(scheme.cipher.to_string()),
            derivation: Some(derivation(&scheme.kdf)),
            iterations: Some(scheme.kdf.iterations()),
        }),
        Protection::Unreadable(why) => Some(EncryptionDescription {
            text: why.to_string(),
            cipher: None,
            derivation: None,
            iterations: None,
        }),
    }
}

fn attributes(a: &Attributes) -> AttributesDescription {
    AttributesDescription {
        friendly_name: a.friendly_name.clone(),
        local_key_id: a.local_key_id.as_deref().map(hex_colon),
        csp: a.csp.clone(),
        machine_key_set: a.machine_key_set,
        trusted_for: a.trusted_for.iter().map(super::named).collect(),
        other_attributes: a
            .others
            .iter()
            .map(|(kind, values)| OtherDescription {
                oid: kind.to_string(),
                name: kind.name(),
                hex: hex(values),
            })
            .collect(),
    }
}

/// What an object was in.
pub(super) fn origin(origin: &Origin) -> OriginDescription {
    OriginDescription {
        container: origin.container,
        part: origin.part,
        encryption: encryption(&origin.protection),
        attributes: attributes(&origin.attributes),
    }
}

/// How the text is written.
pub(super) fn shape(shape: &Shape) -> ShapeDescription {
    ShapeDescription { encoding: shape.encoding.to_string(), lone_cr: shape.lone_cr }
}

/// What CryptoAPI may do with a key.
pub(super) fn key_spec(spec: KeySpec) -> String {
    match spec {
        KeySpec::Exchange => "AT_KEYEXCHANGE".into(),
        KeySpec::Signature => "AT_SIGNATURE".into(),
        KeySpec::Other(bits) => format!("key usage {bits:02x}"),
    }
}

impl OriginDescription {
    /// How the object itself was closed, in words.
    pub(super) fn closed(&self) -> Option<&str> {
        self.encryption.as_ref().map(EncryptionDescription::text)
    }
}

impl EncryptionDescription {
    /// In words.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The rows of an object that say what hung on it.
pub(super) fn rows(rows: &mut Vec<(&'static str, String)>, origin: &OriginDescription) {
    let a = &origin.attributes;
    rows.extend(a.friendly_name.iter().map(|name| ("called", name.clone())));
    rows.extend(a.local_key_id.iter().map(|id| ("tied by", format!("{id} (local key id)"))));
    rows.extend(a.csp.iter().map(|csp| ("provider", csp.clone())));
    if a.machine_key_set {
        rows.push(("key set", "the machine's".into()));
    }
    if !a.trusted_for.is_empty() {
        rows.push(("trusted for", format!("{} (Java)", a.trusted_for.join(", "))));
    }
    for other in &a.other_attributes {
        let name = other.name.map(|name| format!(" {name}")).unwrap_or_default();
        rows.push(("attribute", format!("{}{name}: {}", other.oid, escape_short(&other.hex, 120))));
    }
    rows.extend(origin.encryption.iter().map(|e| ("was closed", e.text.clone())));
}

/// The tree of a container; `labels` name the objects in a line each.
pub(super) fn tree(
    out: &mut String,
    file: &str,
    container: &ContainerDescription,
    labels: &[String],
    style: Style,
) {
    let title = if container.kind == "pfx" { "PFX" } else { "PKCS#7" };
    let mut about = Vec::new();
    about.extend(container.line.map(|line| format!("line {line}")));
    about.push(container.encoding.to_string());
    about.extend(container.bytes.map(|n| format!("{} bytes", grouped(n as u64))));
    if container.is_closed {
        about.push("closed with a password (--key-password-file opens it)".into());
    }
    about.extend(
        container.password.filter(|kind| *kind == "none needed").map(|_| "no password needed".into()),
    );
    about.extend(container.password.filter(|kind| *kind == "empty").map(|_| "the password is empty".into()));
    let lead = format!("{}   {}   ", style.paint.strong(title), escape_short(file, 200));
    let width = title.chars().count() + escape_short(file, 200).chars().count() + 6;
    let _ = writeln!(out, "{}", fill_at(&lead, width, &about.join(", ")));
    let mut nodes: Vec<Node> = Vec::new();
    if container.kind == "pfx" {
        let mac = container.mac.as_ref().map_or_else(
            || "none: nothing shows whether the file was changed".to_string(),
            |mac| format!("{}, {}, {} iterations", mac.algorithm, mac.derivation, grouped(mac.iterations)),
        );
        nodes.push(Node { text: format!("MAC      {mac}"), under: Vec::new() });
    }
    for (i, part) in container.parts.iter().enumerate() {
        let objects = part.objects.iter().filter_map(|at| labels.get(*at).cloned());
        let seen = part.seen.iter().map(|bag| {
            let closed = bag.encryption.as_ref().map(|e| format!("   {}", e.text)).unwrap_or_default();
            let name = bag.attributes.friendly_name.as_ref().map(|name| format!(", called {name}"));
            format!("{}{}{closed}", bag.what, name.unwrap_or_default())
        });
        let under: Vec<String> = objects.chain(seen).collect();
        match (container.kind, &part.encryption) {
            ("pfx", Some(encryption)) => {
                nodes.push(Node { text: format!("part {}   {}", i + 1, encryption.text), under });
            }
            ("pfx", None) => {
                nodes.push(Node { text: format!("part {}   not closed as a whole", i + 1), under })
            }
            _ => nodes.extend(under.into_iter().map(|text| Node { text, under: Vec::new() })),
        }
    }
    let last = nodes.len().saturating_sub(1);
    for (i, node) in nodes.iter().enumerate() {
        let (branch, bar) = if i == last { ("└ ", "  ") } else { ("├ ", "│ ") };
        line(out, branch, bar, &node.text);
        let end = node.under.len().saturating_sub(1);
        for (i, text) in node.under.iter().enumerate() {
            let (branch, below) = if i == end { ("└ ", "  ") } else { ("├ ", "│ ") };
            line(out, &format!("{bar}{branch}"), &format!("{bar}{below}"), text);
        }
    }
    out.push('\n');
}

struct Node {
    text: String,
    under: Vec<String>,
}

/// A line of the tree; where it is folded, what follows stands behind the bars.
fn line(out: &mut String, branch: &str, bar: &str, text: &str) {
    let folded = fill(branch, &escape_short(text, 400));
    let mut lines = folded.lines();
    let _ = writeln!(out, "{}", lines.next().unwrap_or_default());
    for rest in lines {
        let _ = writeln!(out, "{bar}         {}", rest.trim_start());
    }
}
