//! Why an edge or a path does not hold: facts, with a stable name each. Remedies are the checks' business.

use std::fmt;

use time::OffsetDateTime;

use super::budget::Budget;
use super::signature::{CryptoEra, SignatureFault, Weakness};
use crate::model::{Certificate, Defect, GeneralName, Name, Oid};
use crate::text;

/// A failure of a path, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The certificate at fault, as an index into the path: 0 is the leaf.
    pub at: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Where a usage is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsageSource {
    /// extKeyUsage (RFC 5280 section 4.2.1.12).
    ExtendedKeyUsage,
    /// Microsoft's application policies, which Windows reads beside it.
    ApplicationPolicies,
}

impl fmt::Display for UsageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExtendedKeyUsage => "extended key usage",
            Self::ApplicationPolicies => "Microsoft application policies",
        })
    }
}

/// Why an edge was not taken or a path does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No certificate with the issuer's name is at hand.
    IssuerNotFound {
        /// The name wanted.
        issuer: Name,
        /// The key identifier wanted, where the certificate names it.
        key_id: Option<Box<[u8]>>,
    },
    /// A certificate has the key identifier that is wanted, but not the name.
    OtherName {
        /// The name wanted.
        wanted: Name,
    },
    /// A certificate has the name that is wanted, but another key: the CA was probably re-keyed.
    OtherKey {
        /// The key identifier wanted.
        wanted: Box<[u8]>,
        /// The one this certificate has; `None` where it has none.
        found: Option<Box<[u8]>>,
    },
    /// The signature on the certificate below does not count.
    Signature(SignatureFault),
    /// It is signed by its own key and is no trust anchor: the path ends here, in nothing that is trusted.
    SelfSignedNotTrusted,
    /// This name and key are in the path already.
    Loop,
    /// The path would have more intermediates than were allowed.
    TooDeep {
        /// The limit asked for.
        max: usize,
    },
    /// The search was cut short.
    Budget(Budget),
    /// The validity period begins later.
    NotYetValid {
        /// When it begins.
        not_before: OffsetDateTime,
    },
    /// The validity period is over.
    Expired {
        /// When it ended.
        not_after: OffsetDateTime,
    },
    /// It signs certificates but is no CA (RFC 5280 section 6.1.4 k).
    NotACa {
        /// True where basicConstraints says so; false where there is no basicConstraints at all.
        stated: bool,
    },
    /// Its keyUsage does not let it sign certificates (RFC 5280 section 6.1.4 n).
    NoKeyCertSign,
    /// More intermediates stand below it than its pathLenConstraint allows.
    PathLen {
        /// How many it allows.
        allowed: u32,
        /// How many there are, self-issued ones not counted.
        below: u32,
    },
    /// It may not be used for what is asked.
    Usage {
        /// What is asked.
        wanted: Oid,
        /// Where the usages are listed.
        source: UsageSource,
    },
    /// A critical extension that this tool does not process.
    CriticalExtension(Oid),
    /// A defect of the encoding.
    Defect(Defect),
    /// Its issuer's name is empty (RFC 5280 section 4.1.2.4).
    EmptyIssuer,
    /// The era does not accept it as a CA.
    WeakCa {
        /// What is too weak.
        weakness: Weakness,
        /// The policy.
        era: CryptoEra,
    },
    /// A name lies in no permitted subtree.
    NotPermitted {
        /// The name.
        name: GeneralName,
        /// The index in the path of the CA that constrains it.
        by: usize,
    },
    /// A name lies in an excluded subtree.
    Excluded {
        /// The name.
        name: GeneralName,
        /// The subtree.
        subtree: GeneralName,
        /// The index in the path of the CA that constrains it.
        by: usize,
    },
    /// A name is of a type for which a CA above has a constraint that this tool does not process.
    UnsupportedConstraint {
        /// The name.
        name: GeneralName,
        /// The index in the path of the CA that constrains it.
        by: usize,
    },
    /// A name breaks its type's syntax, so that a constraint cannot be applied to it.
    MalformedName(GeneralName),
    /// A name constraint breaks its type's syntax.
    MalformedConstraint(GeneralName),
    /// A certificate policy is required, and none holds for the whole path (RFC 5280 section 6.1.5 g).
    NoPolicy,
    /// A policy mapping from or to anyPolicy (RFC 5280 section 6.1.4 a).
    AnyPolicyMapped,
    /// A CRL names it.
    Revoked {
        /// Since when.
        date: OffsetDateTime,
        /// RFC 5280 section 5.3.1; absent is unspecified.
        reason: Option<u8>,
    },
}

impl Reason {
    /// Its stable name.
    pub fn id(&self) -> &'static str {
        match self {
            Self::IssuerNotFound { .. } => "issuer-not-found",
            Self::OtherName { .. } => "issuer-other-name",
            Self::OtherKey { .. } => "issuer-other-key",
            Self::Signature(SignatureFault::Wrong) => "signature-wrong",
            Self::Signature(SignatureFault::OtherKind { .. }) => "signature-other-key-kind",
            Self::Signature(SignatureFault::Unsupported { .. }) => "signature-unsupported",
            Self::Signature(SignatureFault::Refused { .. }) => "signature-refused",
            Self::SelfSignedNotTrusted => "root-not-trusted",
            Self::Loop => "loop",
            Self::TooDeep { .. } => "too-deep",
            Self::Budget(_) => "budget",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::NotACa { .. } => "not-a-ca",
            Self::NoKeyCertSign => "no-key-cert-sign",
            Self::PathLen { .. } => "path-length",
            Self::Usage { .. } => "usage",
            Self::CriticalExtension(_) => "critical-extension",
            Self::Defect(_) => "defect",
            Self::EmptyIssuer => "empty-issuer",
            Self::WeakCa { .. } => "weak-ca",
            Self::NotPermitted { .. } => "name-not-permitted",
            Self::Excluded { .. } => "name-excluded",
            Self::UnsupportedConstraint { .. } => "name-constraint-unsupported",
            Self::MalformedName(_) => "name-malformed",
            Self::MalformedConstraint(_) => "name-constraint-malformed",
            Self::NoPolicy => "no-policy",
            Self::AnyPolicyMapped => "any-policy-mapped",
            Self::Revoked { .. } => "revoked",
        }
    }

    /// The issuer that a certificate asks for and nobody has.
    pub(super) fn issuer_not_found(child: &Certificate) -> Self {
        Self::IssuerNotFound { issuer: child.issuer.clone(), key_id: child.authority_key_id().map(Box::from) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerNotFound { issuer, key_id } => {
                write!(f, "no certificate of its issuer \"{}\"", text::escape(&issuer.to_string()))?;
                key_id.iter().try_for_each(|id| write!(f, ", key id {}", text::hex_colon(id)))
            }
            Self::OtherName { wanted } => {
                write!(f, "the right key id, but not the name \"{}\"", text::escape(&wanted.to_string()))
            }
            Self::OtherKey { wanted, found } => {
                write!(f, "the right name, but not key id {}", text::hex_colon(wanted))?;
                match found {
                    Some(id) => write!(f, ": it has {}", text::hex_colon(id)),
                    None => f.write_str(": it names none"),
                }
            }
            Self::Signature(fault) => write!(f, "{fault}"),
            Self::SelfSignedNotTrusted => f.write_str("self-signed, and not among the trusted certificates"),
            Self::Loop => f.write_str("the same name and key are in the path already"),
            Self::TooDeep { max } => write!(f, "more than {}", text::count(*max, "intermediate")),
            Self::Budget(budget) => write!(f, "the search was cut short: too many {budget}"),
            Self::NotYetValid { not_before } => write!(f, "not valid before {not_before}"),
            Self::Expired { not_after } => write!(f, "expired on {not_after}"),
            Self::NotACa { stated: true } => f.write_str("its basic constraints say that it is no CA"),
            Self::NotACa { stated: false } => f.write_str("it has no basic constraints, so it is no CA"),
            Self::NoKeyCertSign => f.write_str("its key usage does not allow it to sign certificates"),
            Self::PathLen { allowed, below } => {
                write!(
                    f,
                    "it allows {} below it, and there are {below}",
                    text::count(*allowed as usize, "CA")
                )
            }
            Self::Usage { wanted, source } => {
                let wanted = wanted.name().map_or_else(|| wanted.to_string(), str::to_string);
                write!(f, "its {source} does not hold {wanted}")
            }
            Self::CriticalExtension(kind) => match kind.name() {
                Some(name) => write!(f, "critical extension {name} ({kind}) is not processed"),
                None => write!(f, "unknown critical extension {kind}"),
            },
            Self::Defect(Defect::Extension { kind, .. }) => write!(f, "extension {kind} cannot be read"),
            Self::Defect(Defect::Duplicate { kind }) => write!(f, "extension {kind} occurs twice"),
            Self::Defect(Defect::Outer) => f.write_str("its outer structure is not DER"),
            Self::Defect(Defect::AlgorithmMismatch) => {
                f.write_str("its two statements of the signature algorithm differ")
            }
            Self::Defect(Defect::Time) => f.write_str("a date is not encoded as RFC 5280 asks"),
            Self::Defect(Defect::NamelessExtension) => {
                f.write_str("the identifier of an extension is no object identifier")
            }
            Self::Defect(Defect::ExtensionsBeforeV3) => {
                f.write_str("it has extensions, but does not say that it is version 3")
            }
            Self::EmptyIssuer => f.write_str("its issuer's name is empty"),
            Self::WeakCa { weakness, era } => write!(f, "{weakness} is refused (policy: {era})"),
            Self::NotPermitted { name, .. } => {
                write!(f, "{} lies in no permitted subtree", text::escape(&name.to_string()))
            }
            Self::Excluded { name, subtree, .. } => write!(
                f,
                "{} lies in the excluded subtree {}",
                text::escape(&name.to_string()),
                text::escape(&subtree.to_string())
            ),
            Self::UnsupportedConstraint { name, .. } => {
                write!(f, "a constraint on names like {} is not processed", text::escape(&name.to_string()))
            }
            Self::MalformedName(name) => write!(f, "malformed name {}", text::escape(&name.to_string())),
            Self::MalformedConstraint(name) => {
                write!(f, "malformed name constraint {}", text::escape(&name.to_string()))
            }
            Self::NoPolicy => {
                f.write_str("no certificate policy holds for the whole path, and one is required")
            }
            Self::AnyPolicyMapped => f.write_str("a policy mapping names anyPolicy"),
            Self::Revoked { date, reason } => {
                let named = reason.and_then(|code| REASONS.get(usize::from(code)));
                write!(f, "revoked on {date} ({})", named.unwrap_or(&REASONS[0]))
            }
        }
    }
}

/// RFC 5280 section 5.3.1, by number.
const REASONS: [&str; 11] = [
    "no reason given",
    "key compromise",
    "CA compromise",
    "affiliation changed",
    "superseded",
    "cessation of operation",
    "on hold",
    "reserved reason 7",
    "removed from CRL",
    "privilege withdrawn",
    "attribute authority compromise",
];
