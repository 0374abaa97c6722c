//! The commands that remedies name: each can be run as it stands, but for what only the person knows.

use super::names::wanted_cn;
use super::{Expected, Question};
use crate::text::shell_word;

/// What commands can name, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The CA's address, from a federation file or from the journal of the request.
    pub ca_url: Option<String>,
    /// The file with the request that the certificate was issued for.
    pub csr: Option<String>,
    /// The command that asked, with `--fetch` added; `None` where that is no flag of it, or there already.
    pub fetching: Option<String>,
    /// True where certificates have files as their sources, and no servers.
    pub are_files: bool,
}

/// Where the CA is known by nobody, its host is left for the person to fill in.
const SOME_CA: &str = "https://CA/certsrv";

/// The CA's own chain, and what to do with it.
pub(super) fn fetch_chain(known: &Known) -> (String, String) {
    let (url, whose) = match &known.ca_url {
        Some(url) => (url.as_str(), ""),
        None => (SOME_CA, " (CA: the host of your CA)"),
    };
    let command = format!("ocscert bundle --ca-url {} -o issuers.pem", shell_word(url));
    (command, format!("fetch the CA's chain{whose}, and add issuers.pem to the CA certificates"))
}

/// A certificate for the same name, with a new key.
pub(super) fn request_again(expected: &Expected) -> Option<String> {
    let (name, flag) = wanted_cn(expected)?;
    Some(format!("ocscert csr {flag} {name} --output renewed"))
}

/// The same request again, to a template that has both usages.
pub(super) fn submit_to_other_template(known: &Known) -> Option<String> {
    let (csr, url) = (known.csr.as_ref()?, known.ca_url.as_ref()?);
    let (csr, url) = (shell_word(csr), shell_word(url));
    Some(format!("ocscert submit {csr} --ca-url {url} --template MutualAuthentication"))
}

/// What these files hold, with all key identifiers.
pub(super) fn inspect<'a>(question: &Question, sources: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut command = String::from("ocscert inspect");
    let mut files: Vec<&str> = Vec::new();
    for file in sources.into_iter().filter_map(|source| file(&question.known, source)) {
        if !files.contains(&file) {
            command = format!("{command} {}", shell_word(file));
            files.push(file);
        }
    }
    (!files.is_empty()).then_some(command)
}

/// The CA certificates in a file, for the store of the side that lacks them.
pub(super) fn for_store(known: &Known, source: &str, judge: &str) -> Option<String> {
    let (side, folder) = if judge == "OCS" { ("ocs", "for-ocs") } else { ("imp", "for-cup-trust") };
    Some(format!("ocscert bundle {} --for {side} -o {folder}", shell_word(file(known, source)?)))
}

/// The file of a source, which says `ca.pem #2` where the file holds several certificates.
fn file<'a>(known: &Known, source: &'a str) -> Option<&'a str> {
    let file = match source.rsplit_once(" #") {
        Some((file, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => file,
        _ => source,
    };
    let is_file = known.are_files && !["", "standard input"].contains(&file) && !file.contains("://");
    is_file.then_some(file)
}
