//! The chain: what path validation found, told as findings. Here the four causes that other tools tell as one
//! get their own codes, with the issuer that is wanted and the near misses.

use super::validity::date;
use super::{PathCertificate, Question, commands, keys, usage};
use crate::findings::{CheckResult, Finding, Rule, Severity};
use crate::model::{Certificate, Hash, oid};
use crate::path::signature::Weakness;
use crate::path::{Failure, Reason, RevocationStatus, Search, SignatureFault, UsageSource};
use crate::text;

macro_rules! rules {
    ($($(#[$doc:meta])* $id:ident = $code:literal, $name:literal, $severity:ident, $title:literal, $why:literal, $remedy:literal, [$($reference:literal),*];)*) => {
        $($(#[$doc])* pub static $id: Rule = Rule {
            code: $code, name: $name, severity: Severity::$severity, title: $title, why: $why, remedy: $remedy, refs: &[$($reference),*],
        };)*
        /// The rules of this family; path validation is their check.
        pub const RULES: &[&Rule] = &[$(&$id),*];
    };
}

rules! {
    /// The signature is not by the key of the issuer's certificate.
    SIGNATURE_WRONG = "OCS-CHN-001", "signature-wrong", Error,
        "the signature is not by the key of the certificate that has its issuer's name",
        "Either the certificate was changed after it was signed, or the file holds a CA certificate of the same name with another key.",
        "get both certificates again from the CA; compare the key identifiers with ocscert inspect",
        ["RFC 5280 section 6.1.3 a 1"];
    /// No certificate of the issuer is at hand.
    ISSUER_MISSING = "OCS-CHN-002", "issuer-missing", Error,
        "the certificate that signed this one is missing",
        "A chain is proven link by link; the peers need every intermediate CA, sent in the handshake or installed in their stores.",
        "add the issuer's certificate to the chain file",
        ["RFC 5280 section 6.1", "checklist 12"];
    /// The issuer's name is there, with another key.
    ISSUER_REKEYED = "OCS-CHN-003", "issuer-rekeyed", Error,
        "the certificate that signed this one is missing; one of the same name has another key",
        "A CA that renews its certificate with a new key keeps its name: the chain needs the certificate of the key that signed.",
        "fetch the CA certificate with the key identifier that is wanted",
        ["RFC 5280 section 4.2.1.1", "checklist 12"];
    /// The root is not in the store.
    ROOT_NOT_TRUSTED = "OCS-CHN-004", "root-not-trusted", Error,
        "the chain ends in a root that the other side does not trust",
        "The side that judges this certificate ends the handshake (alert 48) when the root is not in its trust store.",
        "install the root in the trust store of the side that judges (guide step P7; cup-trust on IM and Presence)",
        ["guide P7", "RFC 5280 section 6.1.1 d", "checklist 10, 11"];
    /// No root at all was given.
    ROOT_MISSING = "OCS-CHN-005", "root-missing", Error,
        "the root is missing: none of the given files holds the self-signed certificate at the end of the chain",
        "Without a root there is nothing to trust: no chain can be proven.",
        "add the root to --chain, or name the trusted roots with --roots",
        ["RFC 5280 section 6.1.1 d"];
    /// A certificate that signs is no CA.
    NOT_A_CA = "OCS-CHN-006", "not-a-ca", Error,
        "a certificate that signs another is no CA certificate",
        "Anybody with a server certificate could sign others if this were accepted.",
        "use the CA's own certificate; if it really lacks basicConstraints, the CA's certificate must be issued anew",
        ["RFC 5280 section 6.1.4 k", "checklist 18"];
    /// A CA's key usage forbids signing.
    NO_KEY_CERT_SIGN = "OCS-CHN-007", "no-key-cert-sign", Error,
        "the key usage of a CA certificate does not let it sign certificates",
        "Windows and IM and Presence both enforce keyCertSign.",
        "have the CA's certificate issued anew with keyCertSign",
        ["RFC 5280 section 6.1.4 n", "checklist 18"];
    /// Too many CAs below one that limits them.
    PATH_LENGTH = "OCS-CHN-008", "path-length", Error,
        "more CA certificates follow than a CA above allows",
        "The pathLenConstraint of a CA limits how many intermediates may stand below it.",
        "use a certificate of a CA within the limit",
        ["RFC 5280 section 6.1.4 l, m", "checklist 18"];
    /// A critical extension that is not understood.
    CRITICAL_EXTENSION = "OCS-CHN-009", "critical-extension", Error,
        "a critical extension that validators do not know",
        "Critical means: refuse the certificate if you do not understand this.",
        "have the certificate issued anew without it, or not critical",
        ["RFC 5280 section 4.2", "checklist 18"];
    /// A broken encoding.
    MALFORMED = "OCS-CHN-010", "malformed", Error,
        "the certificate's encoding breaks the standard",
        "Readers differ in what they make of it; a strict one refuses it.",
        "have the certificate issued anew",
        ["RFC 5280 section 4"];
    /// More intermediates than allowed.
    TOO_DEEP = "OCS-CHN-011", "too-deep", Error,
        "the chain has more intermediates than --max-depth allows",
        "",
        "raise --max-depth, or use a shorter chain",
        ["ocscert verify --help"];
    /// A version 1 CA.
    VERSION_ONE_CA = "OCS-CHN-012", "version-1-ca", Error,
        "a version 1 CA certificate: nothing in it says that it is a CA",
        "Roots of the nineties are like that; current systems refuse them.",
        "use a root of today; for servers of that age verify with --crypto legacy",
        ["RFC 5280 section 6.1.4 k"];
    /// A budget was spent.
    BUDGET = "OCS-CHN-013", "search-budget", Error,
        "the search for a path was cut short: the files hold a maze",
        "So many certificates of the same names look like an attack on validators; what was not tried may hold.",
        "give only the certificates of this chain",
        ["RFC 4158 section 2.4.2"];
    /// An algorithm this tool does not verify.
    UNSUPPORTED_SIGNATURE = "OCS-CHN-014", "unsupported-signature", Error,
        "the signature algorithm cannot be verified by this tool, nor by these servers",
        "",
        "have the CA sign with RSA and SHA-256",
        ["RFC 5280 section 6.1.3 a 1"];
    /// Expired.
    EXPIRED = "OCS-VAL-001", "expired", Error,
        "expired",
        "Every peer refuses it (0x80090328, alert 45).",
        "request a new certificate",
        ["RFC 5280 section 6.1.3 a 2", "checklist 16"];
    /// Not yet valid.
    NOT_YET_VALID = "OCS-VAL-002", "not-yet-valid", Error,
        "not yet valid",
        "Every peer refuses it; when it was issued just now, one of the clocks is wrong.",
        "compare the clocks of the CA and of this machine with a time server, or wait",
        ["RFC 5280 section 6.1.3 a 2", "checklist 16"];
    /// A CA does not allow the usage.
    CA_USAGE = "OCS-EKU-005", "ca-usage", Error,
        "a CA above may not issue certificates for what is asked",
        "An extended key usage (or Microsoft application policy) in a CA certificate limits everything below it; Windows enforces that.",
        "use a CA that is not limited so, or have its certificate issued anew with both usages",
        ["checklist 3"];
    /// A name constraint is violated.
    NAME_CONSTRAINT = "OCS-NC-001", "name-constraint", Error,
        "a CA above may not issue certificates for this name",
        "Name constraints limit a CA to some domains or addresses; Windows and others enforce them.",
        "use a CA that may issue for this domain",
        ["RFC 5280 section 4.2.1.10", "checklist 18"];
    /// A name constraint that cannot be applied.
    NAME_CONSTRAINT_UNREADABLE = "OCS-NC-002", "name-constraint-unreadable", Error,
        "a name constraint cannot be applied to this name",
        "A constraint that is not understood must be taken as violated.",
        "have the CA's certificate issued anew with constraints of the usual types",
        ["RFC 5280 section 4.2.1.10"];
    /// No policy holds.
    POLICY = "OCS-POL-001", "certificate-policy", Error,
        "no certificate policy holds for the whole chain, and one is required",
        "A CA above (policyConstraints), or --require-policy, asks for one.",
        "use a CA that issues under the policy",
        ["RFC 5280 section 6.1.5 g"];
    /// A CRL names the certificate.
    REVOKED = "OCS-REV-001", "revoked", Error,
        "revoked by its CA",
        "Every peer that checks revocation refuses it (alert 44).",
        "request a new certificate; if it was revoked by mistake, the CA can only undo \"on hold\"",
        ["RFC 5280 section 6.3", "checklist 17"];
}

/// What a finding needs to know besides the reason.
pub(super) struct Trouble<'a> {
    pub question: &'a Question,
    pub search: &'a Search,
    pub path: &'a [PathCertificate<'a>],
    /// Where a certificate of the pool or a store came from.
    pub source_of: &'a dyn Fn(&Certificate) -> String,
    /// Who judges: "OCS", "IM and Presence".
    pub judge: &'a str,
    /// True where the judging side's store is empty.
    pub no_roots: bool,
}

/// The findings of a search: why no path is valid, and what to mind where one is.
pub(super) fn findings(trouble: &Trouble<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = trouble.search.failures.iter().map(|f| finding(trouble, f)).collect();
    // A root that the era lets pass: others will not.
    let root = trouble.path.last().filter(|_| trouble.search.anchored && trouble.question.is_legacy());
    if let Some(root) = root.filter(|root| root.certificate.version < 3 && trouble.path.len() > 1) {
        let finding = VERSION_ONE_CA.finding(root.source).severity(Severity::Warning);
        let finding = finding.observed(root.certificate.subject.short(), "version 1");
        findings.push(finding.fix("use a root of today before the servers are replaced"));
    }
    if let (Some(budget), false) = (trouble.search.budget, findings.iter().any(|f| f.rule == &BUDGET)) {
        let source = trouble.path.first().map_or("", |c| c.source);
        findings.push(BUDGET.finding(source).observed("", format!("too many {budget}")));
    }
    findings
}

/// Why a rule of this family was not judged; `None` where it was. Revocation is judged only where CRLs were
/// given, and a certificate that they say nothing reliable of is neither good nor revoked.
pub(super) fn not_judged(rule: &Rule, trouble: &Trouble<'_>) -> Option<CheckResult> {
    if rule != &REVOKED {
        return None;
    }
    if trouble.question.crls.is_none() {
        return Some(CheckResult::NotApplicable("no CRLs were given (--crl, --fetch)".into()));
    }
    if !trouble.search.anchored {
        return Some(CheckResult::NotChecked("the chain reaches no trusted root".into()));
    }
    let unknown = trouble.search.revocation.iter().zip(trouble.path).find_map(|(status, at)| match status {
        RevocationStatus::Unknown { problems } => Some((problems, at)),
        _ => None,
    });
    unknown.map(|(problems, at)| {
        let name = at.certificate.subject.short();
        let why = match problems.as_slice() {
            [] => format!("no CRL covers {name}, issued by {}", at.certificate.issuer.short()),
            problems => {
                let faults: Vec<String> = problems.iter().map(|p| p.fault.to_string()).collect();
                format!("the CRL for {name} may not be used: {}", faults.join("; "))
            }
        };
        CheckResult::NotChecked(why.into())
    })
}

/// The rule that tells a reason.
fn rule(trouble: &Trouble<'_>, failure: &Failure) -> &'static Rule {
    match &failure.reason {
        Reason::IssuerNotFound { .. } if trouble.no_roots && is_last_ca(trouble, failure.at) => &ROOT_MISSING,
        Reason::IssuerNotFound { .. } | Reason::OtherName { .. } => &ISSUER_MISSING,
        Reason::OtherKey { .. } => &ISSUER_REKEYED,
        Reason::Signature(SignatureFault::Wrong | SignatureFault::OtherKind { .. }) => &SIGNATURE_WRONG,
        Reason::Signature(SignatureFault::Unsupported { .. }) => &UNSUPPORTED_SIGNATURE,
        Reason::Signature(SignatureFault::Refused { weakness, .. }) | Reason::WeakCa { weakness, .. } => {
            weakness_rule(*weakness)
        }
        Reason::SelfSignedNotTrusted => &ROOT_NOT_TRUSTED,
        Reason::Loop => &ISSUER_MISSING,
        Reason::TooDeep { .. } => &TOO_DEEP,
        Reason::Budget(_) => &BUDGET,
        Reason::NotYetValid { .. } => &NOT_YET_VALID,
        Reason::Expired { .. } => &EXPIRED,
        Reason::NotACa { .. } => &NOT_A_CA,
        Reason::NoKeyCertSign => &NO_KEY_CERT_SIGN,
        Reason::PathLen { .. } => &PATH_LENGTH,
        Reason::Usage { .. } if failure.at > 0 => &CA_USAGE,
        Reason::Usage { source: UsageSource::ApplicationPolicies, .. } => &usage::APPLICATION_POLICIES,
        Reason::Usage { wanted, .. } if *wanted == oid::CLIENT_AUTH => &usage::NO_CLIENT_AUTH,
        Reason::Usage { .. } => &usage::NO_SERVER_AUTH,
        Reason::CriticalExtension(_) => &CRITICAL_EXTENSION,
        Reason::NotPermitted { .. } | Reason::Excluded { .. } => &NAME_CONSTRAINT,
        Reason::UnsupportedConstraint { .. } | Reason::MalformedConstraint(_) => &NAME_CONSTRAINT_UNREADABLE,
        Reason::MalformedName(_) => &NAME_CONSTRAINT_UNREADABLE,
        Reason::NoPolicy | Reason::AnyPolicyMapped => &POLICY,
        Reason::Defect(_) | Reason::EmptyIssuer => &MALFORMED,
        Reason::Revoked { .. } => &REVOKED,
    }
}

fn weakness_rule(weakness: Weakness) -> &'static Rule {
    match weakness {
        Weakness::Hash(Hash::Sha1) => &keys::SHA1,
        Weakness::Hash(_) => &keys::BROKEN_HASH,
        Weakness::RsaBelow(_) => &keys::WEAK_KEY,
        Weakness::VersionOneCa => &VERSION_ONE_CA,
        Weakness::Dsa => &UNSUPPORTED_SIGNATURE,
    }
}

/// True for the certificate whose issuer would be the root: the last of the path, and a CA (or the only one).
fn is_last_ca(trouble: &Trouble<'_>, at: usize) -> bool {
    at + 1 == trouble.path.len() && (at > 0 || trouble.path[at].certificate.is_ca())
}

fn finding(trouble: &Trouble<'_>, failure: &Failure) -> Finding {
    let rule = rule(trouble, failure);
    let Some(at) = trouble.path.get(failure.at) else { return rule.finding("") };
    let certificate = at.certificate;
    let name = certificate.subject.short();
    let finding = rule.finding(at.source).severity(Severity::Error);
    let question = trouble.question;
    match &failure.reason {
        Reason::IssuerNotFound { .. } | Reason::OtherKey { .. } | Reason::OtherName { .. } | Reason::Loop => {
            issuer_wanted(trouble, finding, at)
        }
        Reason::Signature(SignatureFault::Wrong | SignatureFault::OtherKind { .. }) => {
            let mut finding = finding.observed("certificate", name);
            let mut sources = vec![at.source.to_string()];
            for (candidate, reason) in candidates(trouble, certificate) {
                let source = (trouble.source_of)(candidate);
                finding = finding.observed(format!("{source}: {reason}"), described(candidate));
                sources.push(source);
            }
            with(finding, commands::inspect(question, sources.iter().map(String::as_str)))
        }
        Reason::SelfSignedNotTrusted => {
            let finding = finding
                .observed("root", format!("\"{name}\", SHA-1 {}", text::hex(&certificate.sha1())))
                .wanted("", format!("in {}'s trust store", trouble.judge));
            match trouble.path.len() {
                1 => finding
                    .likely("the certificate is self-signed: it was issued by no CA")
                    .fix("have a CA that both sides trust issue the certificate"),
                _ => finding.command(
                    commands::for_store(&question.known, at.source, trouble.judge)
                        .unwrap_or_else(|| commands::fetch_chain(&question.known).0),
                ),
            }
        }
        Reason::Expired { not_after } => {
            let finding = finding.observed(name, format!("until {}", date(*not_after)));
            match failure.at {
                0 => with(finding, commands::request_again(&question.expected)),
                _ => {
                    let (command, fix) = commands::fetch_chain(&question.known);
                    finding
                        .fix(format!("see whether the CA's certificate was renewed: {fix}"))
                        .command(command)
                }
            }
        }
        Reason::NotYetValid { not_before } => finding.observed(name, format!("from {}", date(*not_before))),
        Reason::Revoked { .. } if failure.at == 0 => with(
            finding.observed(name, failure.reason.to_string()),
            commands::request_again(&question.expected),
        ),
        Reason::Usage { source, .. } => {
            let extensions = &certificate.extensions;
            let listed = match source {
                UsageSource::ExtendedKeyUsage => &extensions.extended_key_usage,
                UsageSource::ApplicationPolicies => &extensions.application_policies,
            };
            let listed = listed.as_ref().map_or(&[][..], |e| &e.value);
            finding
                .expected(usage::list(&trouble.question.usages()), usage::list(listed))
                .observed("certificate", name)
        }
        reason => with(finding.observed(name, reason.to_string()), commands::inspect(question, [at.source])),
    }
}

fn with(finding: Finding, command: Option<String>) -> Finding {
    match command {
        Some(command) => finding.command(command),
        None => finding,
    }
}

/// What could have been this certificate's issuer, and why it is not.
fn candidates<'a>(
    trouble: &'a Trouble<'_>,
    child: &'a Certificate,
) -> impl Iterator<Item = (&'a Certificate, &'a Reason)> {
    let tried = trouble.search.tried.iter().filter(|tried| *tried.child == *child);
    tried.filter_map(|tried| Some((&**tried.candidate.as_ref()?, &tried.reason)))
}

/// The issuer that is wanted, what was found instead, and where it can be had.
fn issuer_wanted(trouble: &Trouble<'_>, finding: Finding, at: &PathCertificate<'_>) -> Finding {
    let certificate = at.certificate;
    let key_id = certificate.authority_key_id().map(|id| format!(", key id {}", text::hex_colon(id)));
    let wanted = format!("\"{}\"{}", certificate.issuer.short(), key_id.unwrap_or_default());
    let mut finding = finding.wanted(format!("issuer named in {}", at.source), wanted);
    for (candidate, reason) in candidates(trouble, certificate) {
        let at = format!("{}: {}", (trouble.source_of)(candidate), short(reason));
        finding = finding.observed(at, described(candidate));
    }
    if finding.rule == &ISSUER_REKEYED {
        finding = finding.likely("the CA was renewed with a new key");
    }
    let addresses = certificate.ca_issuers().filter(|url| url.starts_with("http")).take(2);
    let addresses: Vec<&str> = addresses.collect();
    for url in &addresses {
        finding = finding.observed(format!("address of the issuer in {}", at.source), *url);
    }
    let known = &trouble.question.known;
    match &known.fetching {
        Some(command) if !addresses.is_empty() => {
            finding.fix("let it be fetched from there").command(command)
        }
        _ => {
            let (command, fix) = commands::fetch_chain(known);
            finding.fix(fix).command(command)
        }
    }
}

fn described(certificate: &Certificate) -> String {
    match certificate.subject_key_id() {
        Some(id) => format!("\"{}\", key id {}", certificate.subject.short(), text::hex_colon(id)),
        None => format!("\"{}\", no key id", certificate.subject.short()),
    }
}

fn short(reason: &Reason) -> String {
    match reason {
        Reason::OtherKey { .. } => "same name, other key".into(),
        Reason::OtherName { .. } => "same key id, other name".into(),
        reason => reason.to_string(),
    }
}
