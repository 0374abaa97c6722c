//! Scripts that put on a Windows server what was made for it. Nothing in them is secret, and nothing in them can
//! break out of its quotes: names become plain ASCII, everything else is a number or checked by its type. The
//! scripts find the PFX by their own name, so that no path and no code page is written down.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value, context};
use time::macros::format_description;

use super::template::{TemplateFault, Templates};
use crate::model::{Certificate, NameFault};
use crate::text;

/// An account of Windows that is to read a key: `RTCService`, `FOO\svc$`, `NETWORK SERVICE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

impl Account {
    /// Reads an account's name. Scripts hold ASCII alone, since their code page is not known.
    ///
    /// # Errors
    /// It is empty, or holds what an account's name or a script cannot.
    pub fn parse(typed: &str) -> Result<Self, NameFault> {
        let fault = |problem: &str| NameFault {
            field: format!("account \"{}\"", text::escape_short(typed, 80)),
            problem: problem.into(),
        };
        let name = typed.trim();
        if name.is_empty() {
            return Err(fault("is empty"));
        }
        if !name.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(fault(
                "is not plain ASCII, which scripts need; name it when you run the script: install-NAME.cmd ACCOUNT",
            ));
        }
        // What Windows forbids in account names; a backslash divides domain and name.
        let forbidden = |c: char| "\"/[]:;|=,+*?<>".contains(c);
        if name.contains(forbidden) || name.matches('\\').count() > 1 {
            return Err(fault("holds a character that account names cannot: write NAME or DOMAIN\\NAME"));
        }
        // Its own authority in front changes nothing, and the scripts know it without.
        let known = ["NETWORK SERVICE", "NT AUTHORITY\\NETWORK SERVICE"];
        Ok(Self(match known.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            true => known[0].to_string(),
            false => name.to_string(),
        }))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an installing script is about.
#[derive(Debug)]
pub struct Install<'a> {
    /// The certificate in the PFX.
    pub certificate: &'a Certificate,
    /// Those above it; the self-signed ones go to the Trusted Roots, the others to the Intermediate CAs.
    pub issuers: Vec<&'a Certificate>,
    /// Who is to read the key.
    pub account: &'a Account,
    /// True for OCS, whose console selects the certificate; Lync and later have a shell for it.
    pub is_ocs: bool,
}

/// The endings of the scripts that install, in the order of [`install`].
pub const INSTALL: [&str; 2] = ["cmd", "ps1"];

/// The scripts that install a PFX: for every Windows since 2003, and for PowerShell. They are to lie beside it,
/// under its name with `install-` in front.
///
/// # Errors
/// A template is faulty.
pub fn install(templates: &Templates, install: &Install<'_>) -> Result<[String; 2], TemplateFault> {
    let certificate = install.certificate;
    // Roots first: an intermediate whose root is there can be looked at.
    let (roots, others): (Vec<&Certificate>, Vec<&Certificate>) =
        install.issuers.iter().rev().partition(|issuer| issuer.is_self_issued());
    let store = |store: &str, list: &[&Certificate]| -> Vec<Value> {
        let one = |c: &&Certificate| {
            let name = plain(c.subject.short());
            context! { store, name, sha1 => text::hex(&c.sha1()), lines => lines(c.der()) }
        };
        list.iter().map(one).collect()
    };
    let until = certificate.validity.not_after.format(format_description!("[year]-[month]-[day]"));
    let values = context! {
        name => plain(certificate.subject.short()),
        sha1 => text::hex(&certificate.sha1()),
        serial => certificate.serial.to_string(),
        until => until.unwrap_or_default(),
        account => install.account.to_string(),
        ocs => install.is_ocs,
        stores => [store("Root", &roots), store("CA", &others)].concat(),
    };
    Ok([
        templates.render_for_windows("install.cmd", &values)?,
        templates.render_for_windows("install.ps1", &values)?,
    ])
}

/// A name for people, of characters that mean nothing to any shell.
pub(super) fn plain(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " .-_".contains(c);
    name.chars().take(100).map(|c| if safe(c) { c } else { '_' }).collect()
}

/// Base64 in lines as PEM has them (RFC 7468).
fn lines(der: &[u8]) -> Vec<String> {
    let text = STANDARD.encode(der);
    text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_that_windows_could_have_and_a_script_can_hold() {
        for good in ["RTCService", "FOO\\svc 100%^&!$", "gmsa$"] {
            assert_eq!(Account::parse(good).unwrap().to_string(), good);
        }
        assert_eq!(Account::parse(" nt authority\\network service").unwrap().to_string(), "NETWORK SERVICE");
        for bad in ["", " ", "a\"b", "a\nb", "a\\b\\c", "サービス", "a:b"] {
            assert!(Account::parse(bad).is_err(), "{bad}");
        }
    }
}
