//! Microsoft's web enrollment pages (`/certsrv/`): the forms and addresses a client sends, and what the pages
//! say, told by element ids and numbers that no language changes. The marks and their traps were observed on
//! live servers in English, French and Chinese.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::page::{Page, attribute, find_ignoring_case, plain};
use crate::model::{self, Certificate};

/// The page that takes a submission.
pub const SUBMIT: &str = "certfnsh.asp";
/// The page that lists the CA's certificates.
pub const CA_LIST: &str = "certcarc.asp";
/// The page with the submission form; on an enterprise CA it lists templates.
pub const REQUEST_FORM: &str = "certrqxt.asp";

/// A CA certificate is renewed a few times in its life; a page that counts more is not believed.
const MAX_RENEWALS: u32 = 100;
/// More templates than this are not listed.
const MAX_TEMPLATES: usize = 1000;

/// CERTSRV_E_PROPERTY_EMPTY: the CA has no request with this id.
pub const NO_SUCH_REQUEST: u32 = 0x8009_4004;
/// RPC_S_SERVER_UNAVAILABLE: the web pages do not reach the CA service.
const CA_UNREACHABLE: u32 = 0x8007_06ba;
/// The other RPC errors of Windows (1700 to 1999): a call to the CA service broke off, perhaps after it was heard.
const RPC_ERRORS: std::ops::RangeInclusive<u32> = 0x8007_06a4..=0x8007_07cf;

/// The name of a certificate template, safe to put into a request's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateName(String);

impl TemplateName {
    /// Takes a template's name. Line breaks would add attributes of their own to the request (attribute
    /// injection), so control characters are refused.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let name = typed.trim();
        if name.is_empty() {
            return Err("a template needs a name".into());
        }
        if name.chars().count() > 256 {
            return Err("a template's name has at most 256 characters".into());
        }
        if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err("a template's name holds no line breaks or control characters".into());
        }
        Ok(Self(name.to_string()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The form that submits a request, percent-encoded.
pub fn submission(request_der: &[u8], template: Option<&TemplateName>) -> String {
    let attributes = template.map_or(String::new(), |name| format!("CertificateTemplate:{name}\r\n"));
    let fields = [
        ("Mode", "newreq"),
        ("CertRequest", &STANDARD.encode(request_der)),
        ("CertAttrib", &attributes),
        ("FriendlyType", "Saved-Request Certificate"),
        ("ThumbPrint", ""),
        ("TargetStoreFlags", "0"),
        ("SaveCert", "yes"),
    ];
    let fields = fields.map(|(name, value)| format!("{name}={}", percent_encode(value)));
    fields.join("&")
}

/// Where one certificate is fetched, or its request's state asked for.
pub fn certificate_of(id: u32) -> String {
    format!("certnew.cer?ReqID={id}&Enc=bin")
}

/// Where one certificate is fetched with its chain (PKCS#7).
pub fn chain_of(id: u32) -> String {
    format!("certnew.p7b?ReqID={id}&Enc=bin")
}

/// Where the CA's own chain is fetched (PKCS#7), for its n-th certificate, from 0. Leaving the number out, or
/// always 0, gives an expired certificate after a renewal.
pub fn ca_chain(renewal: u32) -> String {
    format!("certnew.p7b?ReqID=CACert&Renewal={renewal}&Enc=bin")
}

/// What the CA says about a request in an error or denial page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The disposition's number: 2 denied, 3 issued, 5 pending, 6 revoked.
    pub disposition: Option<u32>,
    /// The disposition message, in the server's language.
    pub message: String,
    /// The HRESULT, where the page has one.
    pub hresult: Option<u32>,
}

impl Status {
    /// True where the pages could not reach the CA: nothing was decided.
    pub fn is_ca_down(&self) -> bool {
        self.hresult == Some(CA_UNREACHABLE)
    }
}

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// The certificate can be fetched.
    Issued {
        /// Of the request.
        id: u32,
    },
    /// An administrator decides.
    Pending {
        /// Of the request.
        id: u32,
    },
    /// The CA said no. Some errors come without an id: the request was not even recorded.
    Denied {
        /// Of the request.
        id: Option<u32>,
        /// Why, as far as the page says.
        status: Status,
    },
    /// The pages could not reach the CA: nothing was submitted.
    CaDown,
    /// A page of the CA that says none of this, or no page of a CA at all: the outcome is unknown.
    Unclear,
}

/// Reads the answer to a submission. Denied comes first: a denial also says "Your Request Id is".
pub fn read_submission(body: &[u8], content_type: Option<&str>) -> Submission {
    let page = Page::decode(body, content_type);
    if page.has("locDenied") {
        let told = ["locInfoReqIDandReason", "locInfoReqID", "locDenied"];
        let reason = told.iter().find_map(|id| page.text_of(id)).unwrap_or_default();
        let message = quoted(&reason).to_string();
        let status = Status { disposition: Some(2), hresult: hresult(&message), message };
        return Submission::Denied { id: first_number(&reason), status };
    }
    if page.has("locDispLabel") || page.has("locLastStatLabel") {
        let status = read_status(&page);
        return match status.disposition {
            _ if status.is_ca_down() => Submission::CaDown,
            // An error page names no id, so nothing can be waited for or fetched.
            Some(3 | 5) => Submission::Unclear,
            _ if status.hresult.is_some_and(|code| RPC_ERRORS.contains(&code)) => Submission::Unclear,
            _ => Submission::Denied { id: None, status },
        };
    }
    if let Some(id) = link(page.source()) {
        return Submission::Issued { id };
    }
    let told = ["locInfoReqID", "locInfoNewReq"];
    match told.iter().filter_map(|id| page.text_of(id)).find_map(|text| first_number(&text)) {
        Some(id) => Submission::Pending { id },
        None => Submission::Unclear,
    }
}

/// What `certnew.*` answers.
#[derive(Debug)]
pub enum Retrieval {
    /// Certificates: of `certnew.cer` one, of `certnew.p7b` several in no particular order.
    Certificates(Vec<Arc<Certificate>>),
    /// There is none, and why.
    Status(Status),
    /// No page of a CA.
    Unclear,
}

/// Reads an answer of `certnew.cer` or `certnew.p7b`. The content type is not believed: for some agents
/// certificates come as text/html, and PKCS#7 comes under the label CERTIFICATE.
pub fn read_retrieval(body: &[u8], content_type: Option<&str>) -> Retrieval {
    let certificates: Vec<_> = model::read(body).certificates().cloned().collect();
    if !certificates.is_empty() {
        return Retrieval::Certificates(certificates);
    }
    let page = Page::decode(body, content_type);
    if page.has("locDispLabel") || page.has("locLastStatLabel") {
        Retrieval::Status(read_status(&page))
    } else {
        Retrieval::Unclear
    }
}

/// True for every page of a web enrollment site.
pub fn is_certsrv(body: &[u8], content_type: Option<&str>) -> bool {
    Page::decode(body, content_type).has("locMSCertSrv")
}

/// How often the CA's certificate was renewed, from [`CA_LIST`]; its script says so. Nothing where the CA
/// cannot be reached.
pub fn read_renewals(body: &[u8], content_type: Option<&str>) -> Option<u32> {
    let page = Page::decode(body, content_type);
    let mut rest = page.source();
    while let Some(at) = rest.find("nRenewals") {
        rest = &rest[at + "nRenewals".len()..];
        if let Some(value) = rest.trim_start().strip_prefix('=') {
            let value = value.trim_start();
            let digits = value.bytes().take_while(u8::is_ascii_digit).count();
            if value[digits..].trim_start().starts_with(';') {
                return value[..digits].parse().ok().filter(|n| *n <= MAX_RENEWALS);
            }
        }
    }
    None
}

/// A template that the request form offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name, as a request needs it.
    pub name: String,
    /// Its name for people.
    pub display: String,
    /// True where the subject comes from the request, false where from the directory.
    pub subject_from_request: bool,
}

/// The templates in [`REQUEST_FORM`]; none on a standalone CA. Machine templates are missing there although they
/// can be asked for: good for "did you mean", not for decisions.
pub fn read_templates(body: &[u8], content_type: Option<&str>) -> Vec<Template> {
    let page = Page::decode(body, content_type);
    let Some(start) = find_ignoring_case(page.source(), "lbCertTemplate") else { return Vec::new() };
    let list = &page.source()[start..];
    let list = &list[..find_ignoring_case(list, "</select").unwrap_or(list.len())];
    let options = list.split('<').filter_map(|tag| {
        let (inside, display) = tag.split_once('>')?;
        let is_option = inside.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("option"));
        let value = plain(attribute(inside, "value").filter(|_| is_option)?);
        let mut fields = value.split(';');
        let kind = fields.next()?;
        let name = fields.next().filter(|name| !name.is_empty())?.to_string();
        Some(Template { name, display: plain(display), subject_from_request: kind == "O" })
    });
    options.take(MAX_TEMPLATES).collect()
}

/// The definition list of an error page (DL with the terms Disposition, Disposition message, LastStatus).
fn read_status(page: &Page) -> Status {
    let definition = |id| page.definition_of(id).unwrap_or_default();
    let message = definition("locDispMsgLabel");
    let number = definition("locDispLabel");
    let number = number.split_whitespace().next().unwrap_or("");
    let hresult = hresult(&definition("locLastStatLabel"))
        .or_else(|| hresult(&message))
        .or_else(|| hresult(&definition("locResultLabel")));
    // The page prints the number in hexadecimal.
    Status { disposition: u32::from_str_radix(number.trim_start_matches("0x"), 16).ok(), message, hresult }
}

/// The request id of the download link, as a plain link or put together by a script. The page also links the
/// CA's own certificate (`ReqID=CACert`): only digits count.
fn link(text: &str) -> Option<u32> {
    const LINK: &str = "certnew.cer?ReqID=";
    let mut rest = text;
    while let Some(at) = find_ignoring_case(rest, LINK) {
        rest = &rest[at + LINK.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if rest[digits..].starts_with('&')
            && let Some(id) = rest[..digits].parse().ok().filter(|id| *id > 0)
        {
            return Some(id);
        }
    }
    None
}

/// The first number of a sentence.
fn first_number(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    text[start..start + digits].parse().ok().filter(|id| *id > 0)
}

/// What stands between the outermost quotes of a sentence, whichever quotes its language has; all of it where
/// there are none.
fn quoted(sentence: &str) -> &str {
    const QUOTES: &[(char, char)] = &[('"', '"'), ('«', '»'), ('“', '”'), ('„', '“'), ('「', '」')];
    let inside = QUOTES.iter().find_map(|(open, close)| {
        let start = sentence.find(*open)? + open.len_utf8();
        let end = sentence.rfind(*close).filter(|end| *end > start)?;
        Some(sentence[start..end].trim_matches(|c: char| c.is_whitespace() || c == '\u{a0}'))
    });
    inside.unwrap_or(sentence)
}

/// The first HRESULT of a text that is not success: `0x` and eight digits.
fn hresult(text: &str) -> Option<u32> {
    let mut parts = text.split("0x").skip(1);
    parts.find_map(|rest| u32::from_str_radix(rest.get(..8)?, 16).ok().filter(|code| *code != 0))
}

/// Strict percent-encoding (RFC 3986 section 2.3): an unescaped `+` would reach the CA as a space, and the
/// base64 of the request would shift.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/testdata/certsrv/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    fn submission_in(name: &str) -> Submission {
        read_submission(&fixture(name), Some("text/html"))
    }

    #[test]
    fn issued_is_told_by_the_link_for_both_kinds_of_agent() {
        assert_eq!(submission_in("issued-plain.html"), Submission::Issued { id: 83 });
        assert_eq!(submission_in("issued-script.html"), Submission::Issued { id: 1042 });
    }

    #[test]
    fn pending_is_told_by_its_element_in_any_language() {
        assert_eq!(submission_in("pending-en.html"), Submission::Pending { id: 89 });
        assert_eq!(submission_in("pending-fr.html"), Submission::Pending { id: 3 });
    }

    #[test]
    fn a_denial_that_says_your_request_id_is_stays_a_denial() {
        let denied = |name| match submission_in(name) {
            Submission::Denied { id, status } => (id, status),
            other => panic!("{name}: {other:?}"),
        };
        let (id, status) = denied("denied-en.html");
        assert_eq!((id, status.hresult), (Some(85), Some(0x8009_4800)));
        assert!(status.message.starts_with("Denied by Policy Module 0x80094800, The request was for"));
        assert!(status.message.contains("<No&Such>"), "unescaped markup characters: {}", status.message);
        let (id, status) = denied("denied-fr.html");
        assert_eq!((id, status.message.as_str()), (Some(7), "Refusée par le module de stratégie"));
        let (id, status) = denied("denied-zh.html");
        assert_eq!((id, status.message.as_str(), status.hresult), (Some(12), "被策略模块拒绝", None));
    }

    #[test]
    fn error_pages_tell_by_numbers() {
        assert_eq!(submission_in("error-ca-down.html"), Submission::CaDown);
        let Submission::Denied { id: None, status } = submission_in("error-parsing.html") else { panic!() };
        assert_eq!((status.disposition, status.hresult), (Some(1), Some(0x8009_310b)));
        assert_eq!(status.message, "Error Parsing Request");
    }

    #[test]
    fn a_call_to_the_ca_that_broke_off_is_no_denial() {
        let page = |code| {
            let text = String::from_utf8(fixture("error-ca-down.html")).unwrap();
            read_submission(text.replace("0x800706ba", code).as_bytes(), None)
        };
        assert_eq!(page("0x800706ba"), Submission::CaDown);
        assert_eq!(page("0x800706BE"), Submission::Unclear);
        assert!(matches!(page("0x80070005"), Submission::Denied { id: None, .. }));
    }

    #[test]
    fn what_is_no_answer_is_unclear() {
        for name in ["login.html", "home.html"] {
            assert_eq!(submission_in(name), Submission::Unclear, "{name}");
        }
        for garbage in [&b""[..], b"\x1f\x8b\x08\x00", b"{\"ok\":true}", b"<P ID=locInfoReqID>soon</P>"] {
            assert_eq!(read_submission(garbage, None), Submission::Unclear);
        }
        let far = b"<P ID=locInfoReqID>Your Request Id is 99999999999</P>";
        assert_eq!(read_submission(far, None), Submission::Unclear);
        assert!(is_certsrv(&fixture("home.html"), None) && !is_certsrv(&fixture("login.html"), None));
    }

    #[test]
    fn a_state_page_tells_pending_denied_and_unknown_by_numbers() {
        let status = |name| match read_retrieval(&fixture(name), Some("text/html")) {
            Retrieval::Status(status) => status,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(status("state-pending.html").disposition, Some(5));
        let denied = status("state-denied.html");
        assert_eq!((denied.disposition, denied.hresult), (Some(2), Some(0x8009_4014)));
        assert_eq!(status("state-unknown.html").hresult, Some(NO_SUCH_REQUEST));
        assert!(matches!(read_retrieval(&fixture("login.html"), None), Retrieval::Unclear));
    }

    #[test]
    fn renewals_and_templates_are_read_from_scripts_and_options() {
        assert_eq!(read_renewals(&fixture("ca-list.html"), None), Some(2));
        assert_eq!(read_renewals(b"var nRenewals=101;", None), None);
        assert_eq!(read_renewals(b"nRenewals; var nRenewals = 7 ;", None), Some(7));
        assert_eq!(read_renewals(&fixture("login.html"), None), None);
        let templates = read_templates(&fixture("request-form.html"), None);
        let names: Vec<_> = templates.iter().map(|t| (t.name.as_str(), t.display.as_str())).collect();
        assert_eq!(names, [("User", "User"), ("OCSMutualTLS", "OCS & Mutual TLS")]);
        assert!(!templates[0].subject_from_request && templates[1].subject_from_request);
        assert!(read_templates(&fixture("home.html"), None).is_empty());
    }

    #[test]
    fn the_form_escapes_every_sign_and_no_template_adds_an_attribute() {
        // 0xfb 0xff make "+/" in base64.
        let template = TemplateName::parse("Web Sérver").unwrap();
        let form = submission(&[0xfb, 0xff, 0xfe], Some(&template));
        assert!(form.starts_with("Mode=newreq&CertRequest=%2B%2F%2F%2B&CertAttrib="), "{form}");
        let attributes = "&CertAttrib=CertificateTemplate%3AWeb%20S%C3%A9rver%0D%0A&FriendlyType=";
        assert!(form.contains(attributes) && form.ends_with("&TargetStoreFlags=0&SaveCert=yes"), "{form}");
        assert!(submission(&[0], None).contains("&CertAttrib=&"));
        for bad in ["", " ", "a\r\nSAN:dns=evil", "a\u{2028}b", "a\0", &"x".repeat(257)] {
            assert!(TemplateName::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_page_makes_a_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..40), odd in ".{0,20}") {
            let mut page: String = pieces.iter().map(|at| PIECES[*at]).collect();
            page.insert_str(page.floor_char_boundary(page.len() / 2), &odd);
            let _ = (read_submission(page.as_bytes(), Some(&odd)), read_renewals(page.as_bytes(), None));
            let _ = (read_retrieval(page.as_bytes(), None), read_templates(page.as_bytes(), None));
        }
    }

    const PIECES: &[&str] = &[
        "<P ID=locDenied>",
        "<P ID='locInfoReqIDandReason' >",
        "<P ID=\"locInfoReqID\">",
        "Your Request Id is 5",
        "<DT ID=locDispLabel>",
        "<DT ID=locDispMsgLabel>",
        "<DT ID=locLastStatLabel>",
        "<DD>",
        "</DD>",
        "</P>",
        "certnew.cer?ReqID=",
        "5&",
        "4294967296",
        "0x8009",
        "4800",
        "\"",
        "«",
        "»",
        "<",
        ">",
        "&",
        "&amp;",
        "=",
        "nRenewals",
        ";",
        "lbCertTemplate",
        "<option value=",
        "O;A;",
        "É",
        "\u{3000}",
        "charset=",
        "utf-16",
        "\0",
    ];

    #[test]
    fn hostile_pages_are_read_in_linear_time() {
        for piece in
            ["certnew.cer?ReqID=", "certnew.cer?ReqID=1", "nRenewals=1", "0x", "<option value=\";", "\""]
        {
            let page = piece.repeat((2 << 20) / piece.len());
            let _ = read_submission(page.as_bytes(), None);
            let _ = read_renewals(page.as_bytes(), None);
            let _ = read_templates(format!("lbCertTemplate{page}").as_bytes(), None);
            let denied = format!("<P ID=locDenied><P ID=locInfoReqIDandReason>{page}");
            assert!(matches!(read_submission(denied.as_bytes(), None), Submission::Denied { .. }));
        }
    }
}
