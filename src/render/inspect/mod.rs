//! What is in a file, container by container and object by object, and who would refuse it: one description, shown
//! as text or as JSON (`ocscert.inspect/1`). Of a private key only the public half is ever described.

mod containers;

use std::fmt::Write as _;

use serde::Serialize;
use time::OffsetDateTime;

use super::json::rfc3339;
use super::text::{Style, fill, finding, headline};
use crate::checks::containers::{Reader, Readers};
use crate::findings::{Finding, Severity};
use crate::model::extension::{DistributionPoint, DistributionPointName, RawExtension};
use crate::model::{
    Certificate, Contents, Crl, Defect, Extensions, GeneralName, Object, Oid, PublicKey, Request, oid,
};
use crate::text::{count, escape_short, hex, hex_colon};
use containers::{ContainerDescription, EncryptionDescription, OriginDescription, ShapeDescription};

/// One file and what is in it.
#[derive(Debug, Serialize)]
pub struct FileDescription {
    /// The file as typed.
    file: String,
    /// How its text is written; `null` for a binary file.
    text: Option<ShapeDescription>,
    containers: Vec<ContainerDescription>,
    objects: Vec<Described>,
    problems: Vec<ProblemDescription>,
    #[serde(serialize_with = "as_findings")]
    findings: Vec<Finding>,
    readers: Vec<ReaderDescription>,
}

/// What one reader makes of the file.
#[derive(Debug, Serialize)]
struct ReaderDescription {
    reader: String,
    takes_it: bool,
    /// The findings that make it refuse.
    codes: Vec<&'static str>,
}

fn as_findings<S: serde::Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(super::json::finding))
}

#[derive(Debug, Serialize)]
struct ProblemDescription {
    line: Option<usize>,
    what: String,
}

#[derive(Debug, Serialize)]
struct Described {
    /// The how-manieth object of the file.
    number: usize,
    line: Option<usize>,
    #[serde(flatten)]
    object: Description,
    /// What it was in, or how it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<OriginDescription>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Description {
    Certificate(Box<CertificateDescription>),
    Request(Box<RequestDescription>),
    Crl(CrlDescription),
    PrivateKey(PrivateKeyDescription),
    PublicKey(KeyDescription),
    EncryptedPrivateKey { format: &'static str, encryption: Option<EncryptionDescription> },
    Pfx { bytes: usize },
}

#[derive(Debug, Serialize)]
struct PrivateKeyDescription {
    #[serde(flatten)]
    key: KeyDescription,
    /// What CryptoAPI may do with it, where the file says so.
    key_spec: Option<String>,
}

#[derive(Debug, Serialize)]
struct CertificateDescription {
    subject: String,
    issuer: String,
    version: u32,
    serial: String,
    serial_reversed: String,
    not_before: String,
    not_after: String,
    days_left: i64,
    #[serde(flatten)]
    key: KeyDescription,
    signature: String,
    sha1: String,
    sha256: String,
    self_issued: bool,
    ca: bool,
    path_len: Option<u32>,
    #[serde(flatten)]
    extensions: ExtensionsDescription,
    defects: Vec<String>,
    #[serde(skip)]
    until: OffsetDateTime,
}

#[derive(Debug, Serialize)]
struct RequestDescription {
    subject: String,
    #[serde(flatten)]
    key: KeyDescription,
    signature: String,
    sha256: String,
    #[serde(flatten)]
    extensions: ExtensionsDescription,
    attributes: Vec<RawDescription>,
    defects: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CrlDescription {
    issuer: String,
    this_update: String,
    next_update: Option<String>,
    number: Option<String>,
    delta_of: Option<String>,
    signature: String,
    authority_key_identifier: Option<String>,
    revoked: Vec<RevokedDescription>,
    defects: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RevokedDescription {
    serial: String,
    date: String,
    reason: Option<u8>,
}

#[derive(Debug, Serialize)]
struct KeyDescription {
    key: String,
    key_sha256: String,
}

#[derive(Debug, Serialize)]
struct ExtensionsDescription {
    names: Vec<String>,
    extended_key_usage: Vec<String>,
    key_usage: Vec<&'static str>,
    critical: Vec<String>,
    subject_key_identifier: Option<String>,
    authority_key_identifier: Option<String>,
    template: Option<TemplateDescription>,
    application_policies: Vec<String>,
    crl_distribution_points: Vec<String>,
    ca_issuers: Vec<String>,
    ocsp: Vec<String>,
    certificate_policies: Vec<String>,
    permitted_names: Vec<String>,
    excluded_names: Vec<String>,
    other_extensions: Vec<RawDescription>,
}

#[derive(Debug, Serialize)]
struct TemplateDescription {
    name: Option<String>,
    oid: Option<String>,
    major: Option<u32>,
    minor: Option<u32>,
}

#[derive(Debug, Serialize)]
struct RawDescription {
    oid: String,
    name: Option<&'static str>,
    critical: bool,
    hex: String,
}

/// Describes what was read from a file and what its readers make of it, at a moment (for the days left).
pub fn describe(file: String, contents: &Contents, readers: Readers, at: OffsetDateTime) -> FileDescription {
    let objects = contents.items.iter().enumerate().map(|(i, item)| Described {
        number: i + 1,
        line: item.place.line,
        object: match &item.object {
            Object::Certificate(c) => Description::Certificate(Box::new(certificate(c, at))),
            Object::Request(r) => Description::Request(Box::new(request(r))),
            Object::Crl(c) => Description::Crl(crl(c)),
            Object::Key(k) => Description::PrivateKey(PrivateKeyDescription {
                key: key(k.public()),
                key_spec: k.key_spec().map(containers::key_spec),
            }),
            Object::PublicKey(k) => Description::PublicKey(key(k)),
            Object::EncryptedKey(k) => Description::EncryptedPrivateKey {
                format: if k.traditional { "Proc-Type: 4,ENCRYPTED" } else { "PKCS#8" },
                encryption: containers::encryption(&k.protection),
            },
            Object::Pfx(pfx) => Description::Pfx { bytes: pfx.size },
        },
        origin: item.origin.as_deref().map(containers::origin),
    });
    let problems =
        contents.problems.iter().map(|p| ProblemDescription { line: p.place.line, what: p.what.clone() });
    let verdicts = readers.verdicts.into_iter().map(|(reader, codes): (Reader, _)| ReaderDescription {
        reader: reader.to_string(),
        takes_it: codes.is_empty(),
        codes,
    });
    FileDescription {
        file,
        text: contents.shape.as_ref().map(containers::shape),
        containers: containers::describe(contents),
        objects: objects.collect(),
        problems: problems.collect(),
        findings: readers.findings,
        readers: verdicts.collect(),
    }
}

/// The JSON document of some files.
///
/// # Errors
/// As serde's; never for these structs.
pub fn json(files: &[FileDescription]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: &'static str,
        files: &'a [FileDescription],
    }
    super::json::document_text(&Document { schema: "ocscert.inspect/1", files })
}

/// The text of one file: its containers, who takes it, its objects, what is unusual.
pub fn text(file: &FileDescription, style: Style) -> String {
    let mut out = String::new();
    let shown = escape_short(&file.file, 200);
    let labels: Vec<String> = file.objects.iter().map(label).collect();
    for container in &file.containers {
        containers::tree(&mut out, &file.file, container, &labels, style);
    }
    if !file.containers.is_empty() || file.readers.iter().any(|reader| !reader.takes_it) {
        for reader in &file.readers {
            let answer = match reader.takes_it {
                true => style.paint.good("takes it"),
                false => format!("{} ({})", style.paint.bad("refuses it"), reader.codes.join(", ")),
            };
            let _ = writeln!(out, "  {:<29}  {answer}", reader.reader);
        }
        out.push('\n');
    }
    let several = file.objects.len() + file.problems.len() > 1;
    for object in file.objects.iter().filter(|object| !matches!(object.object, Description::Pfx { .. })) {
        let place = if several { format!(" #{}", object.number) } else { String::new() };
        let mut rows = rows(&object.object, style);
        if let Some(origin) = &object.origin {
            containers::rows(&mut rows, origin);
        }
        let _ = writeln!(out, "{}   {shown}{place}", style.paint.strong(title(&object.object)));
        for (label, value) in rows {
            let _ = writeln!(out, "{}", fill(&format!("  {label:<11} "), &escape_short(&value, 2000)));
        }
        out.push('\n');
    }
    let (hints, others): (Vec<&Finding>, Vec<&Finding>) =
        file.findings.iter().partition(|f| f.severity == Severity::Info && style.verbose == 0);
    for hint in &hints {
        headline(&mut out, hint, style.paint);
    }
    for other in &others {
        if !out.is_empty() && !out.ends_with("\n\n") {
            out.push('\n');
        }
        finding(&mut out, other, style.paint);
    }
    out
}

/// An object in a line of the tree.
fn label(object: &Described) -> String {
    let about = match &object.object {
        Description::Certificate(c) => c.subject.clone(),
        Description::Request(r) => r.subject.clone(),
        Description::Crl(c) => c.issuer.clone(),
        Description::PrivateKey(k) => k.key.key.clone(),
        Description::PublicKey(k) => k.key.clone(),
        Description::EncryptedPrivateKey { .. } | Description::Pfx { .. } => String::new(),
    };
    let closed = object.origin.as_ref().and_then(OriginDescription::closed);
    let closed = closed.map(|closed| format!("   {closed}")).unwrap_or_default();
    format!("#{} {}   {about}{closed}", object.number, title(&object.object))
}

fn title(description: &Description) -> &'static str {
    match description {
        Description::Certificate(c) if c.ca => "CA certificate",
        Description::Certificate(_) => "certificate",
        Description::Request(_) => "certificate request",
        Description::Crl(_) => "CRL",
        Description::PrivateKey(_) => "private key",
        Description::PublicKey(_) => "public key",
        Description::EncryptedPrivateKey { .. } => "encrypted private key",
        Description::Pfx { .. } => "PFX",
    }
}

fn rows(description: &Description, style: Style) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    match description {
        Description::Certificate(c) => {
            rows.push(("subject", c.subject.clone()));
            rows.push(("issuer", if c.self_issued { "itself".into() } else { c.issuer.clone() }));
            if let Some(n) = c.path_len {
                rows.push(("path length", format!("{n} (CAs that may follow)")));
            }
            extension_rows(&mut rows, &c.extensions);
            let left = match c.days_left {
                0.. => format!("{} left", count(c.days_left as usize, "day")),
                _ => format!("expired {} ago", count(c.days_left.unsigned_abs() as usize, "day")),
            };
            let end = c.until.to_offset(style.offset).date();
            rows.push(("valid", format!("{} to {end} ({left})", c.not_before.get(..10).unwrap_or_default())));
            rows.push(("key", c.key.key.clone()));
            rows.push(("signature", c.signature.clone()));
            rows.push(("serial", c.serial.clone()));
            rows.push(("  reversed", format!("{} (in OCS events)", c.serial_reversed)));
            rows.push(("SHA-1", format!("{} (thumbprint in Windows)", c.sha1)));
            rows.push(("SHA-256", c.sha256.clone()));
            rows.extend(c.defects.iter().map(|d| ("defect", d.clone())));
        }
        Description::Request(r) => {
            rows.push(("subject", r.subject.clone()));
            extension_rows(&mut rows, &r.extensions);
            rows.push(("key", r.key.key.clone()));
            rows.push(("signature", r.signature.clone()));
            rows.push(("SHA-256", r.sha256.clone()));
            rows.extend(r.attributes.iter().map(|a| ("attribute", raw_text(a))));
            rows.extend(r.defects.iter().map(|d| ("defect", d.clone())));
        }
        Description::Crl(c) => {
            rows.push(("issuer", c.issuer.clone()));
            rows.extend(c.authority_key_identifier.iter().map(|id| ("issuer's id", id.clone())));
            rows.push(("issued", c.this_update.clone()));
            rows.push(("next", c.next_update.clone().unwrap_or_else(|| "not said".into())));
            rows.extend(c.number.iter().map(|n| ("number", n.clone())));
            rows.extend(c.delta_of.iter().map(|n| ("delta of", n.clone())));
            rows.push(("signature", c.signature.clone()));
            rows.push(("revokes", count(c.revoked.len(), "certificate")));
            for revoked in c.revoked.iter().take(if style.verbose > 0 { usize::MAX } else { 10 }) {
                let reason = revoked.reason.map(|r| format!(", reason {r}")).unwrap_or_default();
                rows.push(("", format!("{} since {}{reason}", revoked.serial, revoked.date)));
            }
            rows.extend(c.defects.iter().map(|d| ("defect", d.clone())));
        }
        Description::PrivateKey(k) => {
            key_rows(&mut rows, &k.key);
            rows.extend(k.key_spec.iter().map(|spec| ("key spec", spec.clone())));
        }
        Description::PublicKey(k) => key_rows(&mut rows, k),
        Description::EncryptedPrivateKey { format, encryption } => {
            let what = format!("{format}, closed with a password (--key-password-file opens it)");
            rows.push(("key", what));
            rows.extend(encryption.iter().map(|e| ("closed", e.text().to_string())));
        }
        Description::Pfx { .. } => {}
    }
    rows
}

fn key_rows(rows: &mut Vec<(&'static str, String)>, k: &KeyDescription) {
    rows.push(("key", k.key.clone()));
    rows.push(("SHA-256", format!("{} (of the public key)", k.key_sha256)));
}

fn extension_rows(rows: &mut Vec<(&'static str, String)>, e: &ExtensionsDescription) {
    let lists =
        [("names", &e.names), ("usages", &e.extended_key_usage), ("app policies", &e.application_policies)];
    for (label, list) in lists {
        if !list.is_empty() {
            rows.push((label, list.join(", ")));
        }
    }
    if !e.key_usage.is_empty() {
        rows.push(("key usage", e.key_usage.join(", ")));
    }
    rows.extend(e.subject_key_identifier.iter().map(|id| ("key id", id.clone())));
    rows.extend(e.authority_key_identifier.iter().map(|id| ("issuer's id", id.clone())));
    if let Some(template) = &e.template {
        let mut text = template.name.clone().unwrap_or_default();
        if let Some(oid) = &template.oid {
            let _ = write!(text, "{}{oid}", if text.is_empty() { "" } else { ", " });
        }
        if let Some(major) = template.major {
            let _ = write!(text, " version {major}.{}", template.minor.unwrap_or(0));
        }
        rows.push(("template", text));
    }
    let addresses =
        [("CRL at", &e.crl_distribution_points), ("issuer at", &e.ca_issuers), ("OCSP at", &e.ocsp)];
    for (label, list) in addresses {
        rows.extend(list.iter().map(|url| (label, url.clone())));
    }
    let others = [
        ("policies", &e.certificate_policies),
        ("permitted", &e.permitted_names),
        ("excluded", &e.excluded_names),
        ("critical", &e.critical),
    ];
    for (label, list) in others {
        if !list.is_empty() {
            rows.push((label, list.join(", ")));
        }
    }
    rows.extend(e.other_extensions.iter().map(|x| ("extension", raw_text(x))));
}

fn raw_text(raw: &RawDescription) -> String {
    let name = raw.name.map(|n| format!(" {n}")).unwrap_or_default();
    let critical = if raw.critical { " (critical)" } else { "" };
    format!("{}{name}{critical}: {}", raw.oid, escape_short(&raw.hex, 120))
}

fn certificate(c: &Certificate, at: OffsetDateTime) -> CertificateDescription {
    CertificateDescription {
        subject: c.subject.to_string(),
        issuer: c.issuer.to_string(),
        version: c.version,
        serial: c.serial.to_string(),
        serial_reversed: c.serial.reversed(),
        not_before: rfc3339(c.validity.not_before),
        not_after: rfc3339(c.validity.not_after),
        days_left: c.validity.days_left(at),
        key: key(&c.public_key),
        signature: c.signature_algorithm.to_string(),
        sha1: hex(&c.sha1()),
        sha256: hex(c.sha256()),
        self_issued: c.is_self_issued(),
        ca: c.is_ca(),
        path_len: c.extensions.basic_constraints.as_ref().and_then(|e| e.value.path_len),
        extensions: extensions(&c.extensions),
        defects: c.defects.iter().map(defect).collect(),
        until: c.validity.not_after,
    }
}

fn request(r: &Request) -> RequestDescription {
    RequestDescription {
        subject: r.subject.to_string(),
        key: key(&r.public_key),
        signature: r.signature_algorithm.to_string(),
        sha256: hex(&r.sha256()),
        extensions: extensions(&r.extensions),
        attributes: r.attributes.iter().map(|(kind, value)| raw(kind, false, value)).collect(),
        defects: r.defects.iter().map(defect).collect(),
    }
}

fn crl(c: &Crl) -> CrlDescription {
    let aki = c.extensions.authority_key_identifier.as_ref().and_then(|e| e.value.key_identifier.as_deref());
    CrlDescription {
        issuer: c.issuer.to_string(),
        this_update: rfc3339(c.this_update),
        next_update: c.next_update.map(rfc3339),
        number: c.number.as_ref().map(ToString::to_string),
        delta_of: c.delta_base.as_ref().map(ToString::to_string),
        signature: c.signature_algorithm.to_string(),
        authority_key_identifier: aki.map(hex_colon),
        revoked: c
            .entries
            .iter()
            .map(|e| RevokedDescription {
                serial: e.serial.to_string(),
                date: rfc3339(e.date),
                reason: e.reason,
            })
            .collect(),
        defects: c.defects.iter().map(defect).collect(),
    }
}

fn key(k: &PublicKey) -> KeyDescription {
    KeyDescription { key: k.algorithm.to_string(), key_sha256: hex(&k.fingerprint()) }
}

fn extensions(e: &Extensions) -> ExtensionsDescription {
    let oids = |list: &[Oid]| list.iter().map(named).collect::<Vec<_>>();
    let names = |list: Option<&Vec<GeneralName>>| -> Vec<String> {
        list.into_iter().flatten().map(ToString::to_string).collect()
    };
    let access = |method: &Oid| -> Vec<String> {
        let entries = e.authority_info_access.iter().flat_map(|aia| &aia.value);
        entries.filter(|d| d.method == *method).map(|d| address(&d.location)).collect()
    };
    let constraints = e.name_constraints.as_ref().map(|nc| &nc.value);
    let v1 = e.ms_template_name.as_ref().map(|t| t.value.clone());
    let v2 = e.ms_template.as_ref().map(|t| &t.value);
    let template = (v1.is_some() || v2.is_some()).then(|| TemplateDescription {
        name: v1,
        oid: v2.map(|t| t.oid.to_string()),
        major: v2.and_then(|t| t.major),
        minor: v2.and_then(|t| t.minor),
    });
    ExtensionsDescription {
        names: names(e.subject_alt_name.as_ref().map(|x| &x.value)),
        extended_key_usage: e.extended_key_usage.as_ref().map(|x| oids(&x.value)).unwrap_or_default(),
        key_usage: e.key_usage.as_ref().map(|x| x.value.names()).unwrap_or_default(),
        critical: critical(e),
        subject_key_identifier: e.subject_key_identifier.as_ref().map(|x| hex_colon(&x.value)),
        authority_key_identifier: e
            .authority_key_identifier
            .as_ref()
            .and_then(|x| x.value.key_identifier.as_deref())
            .map(hex_colon),
        template,
        application_policies: e.application_policies.as_ref().map(|x| oids(&x.value)).unwrap_or_default(),
        crl_distribution_points: e
            .crl_distribution_points
            .iter()
            .flat_map(|x| &x.value)
            .flat_map(point_addresses)
            .collect(),
        ca_issuers: access(&oid::AD_CA_ISSUERS),
        ocsp: access(&oid::AD_OCSP),
        certificate_policies: e.certificate_policies.as_ref().map(|x| oids(&x.value)).unwrap_or_default(),
        permitted_names: names(constraints.and_then(|c| c.permitted.as_ref())),
        excluded_names: names(constraints.and_then(|c| c.excluded.as_ref())),
        other_extensions: e
            .other
            .iter()
            .map(|RawExtension { kind, critical, value }| raw(kind, *critical, value))
            .collect(),
    }
}

/// The names of the known extensions that are marked critical; unknown ones say it themselves.
fn critical(e: &Extensions) -> Vec<String> {
    let known = [
        (e.key_usage.as_ref().map(|x| x.critical), oid::KEY_USAGE),
        (e.basic_constraints.as_ref().map(|x| x.critical), oid::BASIC_CONSTRAINTS),
        (e.extended_key_usage.as_ref().map(|x| x.critical), oid::EXTENDED_KEY_USAGE),
        (e.subject_alt_name.as_ref().map(|x| x.critical), oid::SUBJECT_ALT_NAME),
        (e.name_constraints.as_ref().map(|x| x.critical), oid::NAME_CONSTRAINTS),
        (e.certificate_policies.as_ref().map(|x| x.critical), oid::CERTIFICATE_POLICIES),
        (e.policy_mappings.as_ref().map(|x| x.critical), oid::POLICY_MAPPINGS),
        (e.policy_constraints.as_ref().map(|x| x.critical), oid::POLICY_CONSTRAINTS),
        (e.inhibit_any_policy.as_ref().map(|x| x.critical), oid::INHIBIT_ANY_POLICY),
        (e.crl_distribution_points.as_ref().map(|x| x.critical), oid::CRL_DISTRIBUTION_POINTS),
        (e.application_policies.as_ref().map(|x| x.critical), oid::MS_APPLICATION_POLICIES),
    ];
    known.iter().filter(|(critical, _)| *critical == Some(true)).map(|(_, kind)| named(kind)).collect()
}

fn named(kind: &Oid) -> String {
    kind.name().map_or_else(|| kind.to_string(), str::to_string)
}

fn raw(kind: &Oid, critical: bool, value: &[u8]) -> RawDescription {
    RawDescription { oid: kind.to_string(), name: kind.name(), critical, hex: hex(value) }
}

fn address(name: &GeneralName) -> String {
    match name {
        GeneralName::Uri(uri) => uri.clone(),
        other => other.to_string(),
    }
}

fn point_addresses(point: &DistributionPoint) -> Vec<String> {
    match &point.name {
        Some(DistributionPointName::Full(names)) => names.iter().map(address).collect(),
        Some(DistributionPointName::Relative(_)) => vec!["relative to the CRL issuer's name".into()],
        None => point.crl_issuer.iter().map(|name| format!("issuer {}", address(name))).collect(),
    }
}

fn defect(defect: &Defect) -> String {
    match defect {
        Defect::Extension { kind, critical } => {
            let critical = if *critical { "critical " } else { "" };
            format!("the {critical}extension {} cannot be read", named(kind))
        }
        Defect::Duplicate { kind } => format!("the extension {} occurs twice", named(kind)),
        Defect::Outer => "its outer structure is not DER".into(),
        Defect::AlgorithmMismatch => "its two statements of the signature algorithm differ".into(),
        Defect::Time => "a date is not encoded as RFC 5280 section 4.1.2.5 asks".into(),
        Defect::NamelessExtension => "the identifier of an extension is no object identifier".into(),
        Defect::ExtensionsBeforeV3 => "it has extensions, but does not say that it is version 3".into(),
    }
}
