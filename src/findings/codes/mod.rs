//! Codes that Windows, the CA and TLS speak in, with what they mean to this federation. `explain` prints them;
//! the enrollment and the probe name them in findings.

mod alerts;
mod events;
mod hresults;
mod others;

use std::fmt;

pub use alerts::ALERTS;
pub use events::EVENTS;
pub use hresults::HRESULTS;
pub use others::{DISPOSITIONS, SETTINGS};

/// A code from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// What kind of code.
    pub kind: Kind,
    /// Its number; 0 where it has a name only.
    pub number: u32,
    /// Its symbolic name.
    pub name: &'static str,
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// Which side has to do something.
    pub fault: Fault,
    /// What to do.
    pub remedy: &'static str,
    /// What to run next; ours where it begins with `ocscert`.
    pub command: Option<&'static str>,
    /// Where the meaning comes from.
    pub source: &'static str,
}

/// The kinds of codes from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A status of Windows: `0x80094012`.
    Hresult,
    /// A TLS alert: `alert 48`.
    Alert,
    /// An entry in a Windows event log: `event 36885`.
    Event,
    /// What a Microsoft CA did with a request: `disposition 5`.
    Disposition,
    /// A switch of a product that goes by its name.
    Setting,
}

impl Kind {
    /// All kinds, in the order they are listed.
    pub const ALL: [Kind; 5] = [Self::Hresult, Self::Alert, Self::Event, Self::Disposition, Self::Setting];

    /// The codes of this kind.
    pub fn table(self) -> &'static [Code] {
        match self {
            Self::Hresult => HRESULTS,
            Self::Alert => ALERTS,
            Self::Event => EVENTS,
            Self::Disposition => DISPOSITIONS,
            Self::Setting => SETTINGS,
        }
    }

    /// The stable word in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Hresult => "hresult",
            Self::Alert => "alert",
            Self::Event => "event",
            Self::Disposition => "disposition",
            Self::Setting => "setting",
        }
    }

    /// What people write before a number or a name of this kind, without spaces, longer words first.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Hresult => &["hresult"],
            Self::Alert => &["tlsalert", "alert"],
            Self::Event => &["schannelevent", "schannel", "eventid", "event"],
            Self::Disposition => &["disposition", "certsrv"],
            Self::Setting => &["setting"],
        }
    }

    /// The heading of its list.
    pub fn title(self) -> &'static str {
        match self {
            Self::Hresult => "Status codes of Windows and of the CA (HRESULT)",
            Self::Alert => "TLS alerts",
            Self::Event => "Events in the logs of Windows and of OCS",
            Self::Disposition => "Dispositions of a Microsoft CA",
            Self::Setting => "Settings",
        }
    }
}

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The side whose certificate it is.
    Presenter,
    /// The side that looks at it.
    Judge,
    /// One of the two.
    Either,
    /// The CA.
    Ca,
    /// The request and who sent it.
    Requester,
    /// The server that logs it.
    Server,
    /// The network.
    Network,
    /// No error.
    Nobody,
}

impl Fault {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Presenter => "the side that shows the certificate",
            Self::Judge => "the side that judges the certificate: its trust store or settings",
            Self::Either => "either side: compare both",
            Self::Ca => "the certification authority",
            Self::Requester => "the request, or the account that sent it",
            Self::Server => "the server that logs it",
            Self::Network => "the network between the two, or a name or clock on the way",
            Self::Nobody => "nobody: this is no error",
        }
    }
}

impl Code {
    /// Every code there is.
    pub fn all() -> impl Iterator<Item = &'static Code> {
        Kind::ALL.into_iter().flat_map(|kind| kind.table())
    }
}

/// The code as its makers write it: `0x80094012`, `alert 48`, `event 36885`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hresult => write!(f, "0x{:08x}", self.number),
            Kind::Alert | Kind::Event | Kind::Disposition => write!(f, "{} {}", self.kind.id(), self.number),
            Kind::Setting => f.write_str(self.name),
        }
    }
}

/// Looks an HRESULT up.
pub fn hresult(number: u32) -> Option<&'static Code> {
    numbered(Kind::Hresult, number)
}

/// Every code that these words may mean: a symbolic name however it is spelt, a number with its kind before it
/// (`alert 48`, `event 36885`), or a bare number: hexadecimal or decimal, signed or unsigned, as logs print it.
pub fn find(typed: &str) -> Vec<&'static Code> {
    let plain = plain(typed);
    let named: Vec<&Code> = Code::all().filter(|code| self::plain(code.name) == plain).collect();
    if !named.is_empty() {
        return named;
    }
    for kind in Kind::ALL {
        let rest = kind.words().iter().find_map(|word| plain.strip_prefix(word));
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            let named = kind.table().iter().filter(|code| self::plain(code.name) == rest);
            return named.chain(numbers(rest).into_iter().filter_map(|n| numbered(kind, n))).collect();
        }
    }
    // The sign counts in a bare number, so it is read from what was typed.
    let numbers = numbers(&typed.trim().to_ascii_lowercase());
    let of = |kind: Kind| numbers.iter().filter_map(move |n| numbered(kind, *n));
    let found: Vec<&Code> = Kind::ALL.into_iter().flat_map(of).collect();
    if !found.is_empty() {
        return found;
    }
    // HRESULT_FROM_WIN32: logs also print the error of Windows that is inside.
    numbers.iter().filter(|n| **n < 0x1_0000).filter_map(|n| hresult(0x8007_0000 | n)).collect()
}

/// A name without the accidents of spelling: `Unknown CA` and `unknown_ca` are one.
pub fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| c.is_ascii_alphanumeric());
    kept.map(|c| c.to_ascii_lowercase()).collect()
}

fn numbered(kind: Kind, number: u32) -> Option<&'static Code> {
    let numbered = kind != Kind::Setting;
    kind.table().iter().find(|code| numbered && code.number == number)
}

/// The numbers that digits may stand for: hexadecimal after `0x`, else decimal, and hexadecimal too where there
/// are eight digits.
fn numbers(digits: &str) -> Vec<u32> {
    if let Some(hex) = digits.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).into_iter().collect();
    }
    let signed = digits.parse::<i32>().map(i32::cast_unsigned);
    let decimal = digits.parse::<u32>().or(signed);
    let hex = (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    decimal.into_iter().chain(hex).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn names(typed: &str) -> Vec<&'static str> {
        find(typed).iter().map(|code| code.name).collect()
    }

    #[test]
    fn an_hresult_is_found_however_a_log_prints_it() {
        for typed in [
            "0x80094012",
            "0X80094012",
            "80094012",
            "2148089874",
            "-2146877422",
            " 0x80094012 ",
            "CERTSRV_E_TEMPLATE_DENIED",
            "certsrv_e_template_denied",
        ] {
            assert_eq!(names(typed), ["CERTSRV_E_TEMPLATE_DENIED"], "{typed}");
        }
        assert_eq!(names("0x800b0109"), ["CERT_E_UNTRUSTEDROOT"]);
        assert_eq!(names("10060"), ["WSAETIMEDOUT"]);
        assert_eq!(names("0x80094fff"), [""; 0]);
        assert_eq!(names("-1"), [""; 0]);
        assert_eq!(names(""), [""; 0]);
    }

    #[test]
    fn alerts_events_and_dispositions_by_kind_number_and_name() {
        for typed in [
            "48",
            "alert 48",
            "TLS alert 48",
            "alert(48)",
            "unknown_ca",
            "Unknown CA",
            "TLS alert unknown_ca",
        ] {
            assert_eq!(names(typed), ["unknown_ca"], "{typed}");
        }
        for typed in ["36885", "event 36885", "Event ID 36885", "event-36885", "Schannel 36885"] {
            assert_eq!(find(typed).first().map(|c| c.number), Some(36885), "{typed}");
        }
        for typed in ["disposition 5", "certsrv 5"] {
            assert_eq!(names(typed), ["CR_DISP_UNDER_SUBMISSION"], "{typed}");
        }
        assert_eq!(names("20"), ["bad_record_mac", "DB_DISP_ISSUED"]);
        assert_eq!(names("alert 20"), ["bad_record_mac"]);
        assert_eq!(names("EDITF_ATTRIBUTESUBJECTALTNAME2").len(), 1);
        // A code of the wrong kind is none.
        assert_eq!(names("event 48"), [""; 0]);
    }

    #[test]
    fn every_code_says_all_there_is_to_say_once() {
        let mut seen = HashSet::new();
        for code in Code::all() {
            assert!(seen.insert(code.to_string()), "{code} twice");
            assert!(Kind::ALL.iter().filter(|k| k.table().contains(code)).eq([&code.kind]), "{code}");
            assert!(!code.meaning.is_empty() && !code.remedy.is_empty() && !code.source.is_empty(), "{code}");
            for sentence in [code.meaning, code.remedy] {
                assert!(!sentence.ends_with('.') && !sentence.contains("  "), "{code}: {sentence}");
            }
            assert!(find(&code.to_string()).contains(&code), "{code} is not found by its own writing");
            assert!(find(code.name).contains(&code), "{code} is not found by its name");
        }
    }

    #[test]
    fn tables_are_in_order() {
        for kind in Kind::ALL {
            assert!(kind.table().is_sorted_by_key(|code| code.number), "{kind:?}");
        }
    }
}
