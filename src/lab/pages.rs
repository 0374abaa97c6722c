//! The web enrollment pages (`/certsrv/`) as clients meet them on a Microsoft CA: the same addresses, fields,
//! element ids and numbers, and the same traps. What a page says is decided by the CA's records alone.

use minijinja::context;
use time::OffsetDateTime;

use super::authority::Level;
use super::ca::Ca;
use super::html;
use super::http::{Fields, Request, Response};
use super::policy::{self, Mode, TEMPLATES};
use super::requests::{Record, State};
use crate::edge::Result;
use crate::model::container::{label, pem};

/// Answers what is asked of `/certsrv`; nothing where the address is another's.
pub(super) fn answer(ca: &Ca, request: &Request, who: &str, now: OffsetDateTime) -> Option<Response> {
    let page = match request.path.as_str() {
        "/certsrv" => return Some(Response::redirect(301, "/certsrv/")),
        path => path.strip_prefix("/certsrv/")?,
    };
    let pages = Pages { ca, browser: is_browser(request), now };
    Some(match page {
        "" | "default.asp" => pages.plain("home.html"),
        "certrqxt.asp" => pages.request_form(),
        "certckpn.asp" => pages.plain("check.html"),
        "certcarc.asp" => pages.plain("cas.html"),
        "certfnsh.asp" if request.method == "POST" => pages.finish(&request.form(), who),
        "certfnsh.asp" => Response::problem(405, "405 - this page takes forms (POST)"),
        "certnew.cer" => pages.certificate(&request.query),
        "certnew.p7b" => pages.chain(&request.query),
        "certcrl.crl" => pages.crl(&request.query),
        _ => return None,
    })
}

/// What is published for everybody (`/CertEnroll/`): the CAs' certificates and lists, DER.
pub(super) fn published(ca: &Ca, path: &str, now: OffsetDateTime) -> Option<Response> {
    [Level::Root, Level::Issuing].into_iter().find_map(|level| {
        if path.eq_ignore_ascii_case(&level.certificate_path()) {
            return Some(Response::new(200, "application/pkix-cert", ca.certificate(level).der()));
        }
        if path.eq_ignore_ascii_case(&level.crl_path()) {
            return Some(match ca.crl(level, now) {
                Ok(crl) => Response::new(200, "application/pkix-crl", crl),
                Err(e) => Response::problem(500, &e.to_string()),
            });
        }
        None
    })
}

/// Everything but a browser gets certificates as text/html and pages with plain links.
fn is_browser(request: &Request) -> bool {
    request.header("user-agent").is_some_and(|agent| agent.starts_with("Mozilla"))
}

struct Pages<'a> {
    ca: &'a Ca,
    browser: bool,
    now: OffsetDateTime,
}

impl Pages<'_> {
    fn plain(&self, name: &str) -> Response {
        page(name, context! { ca => self.ca.name() })
    }

    fn request_form(&self) -> Response {
        let offered: &[_] = if self.ca.mode() == Mode::Enterprise { TEMPLATES } else { &[] };
        let templates: Vec<_> = offered
            .iter()
            .map(|t| context! { name => t.name, display => t.display, oid => t.version2.unwrap_or("") })
            .collect();
        page("request.html", context! { ca => self.ca.name(), templates })
    }

    /// Submits a request, or tells what became of one.
    fn finish(&self, form: &Fields, who: &str) -> Response {
        let mode = form.get("mode").unwrap_or_default();
        if mode.eq_ignore_ascii_case("chkpnd") {
            return match self.find(form.get("reqid")) {
                Some(record) => self.state_of(&record, false),
                None => self.unknown(),
            };
        }
        if !mode.eq_ignore_ascii_case("newreq") {
            return Response::problem(500, "500 - the form has no Mode that this page knows");
        }
        let sent = form.get("certrequest").unwrap_or_default();
        match self.ca.submit(sent.as_bytes(), template(form), who, self.now) {
            Ok(record) => self.state_of(&record, true),
            Err(e) => Response::problem(500, &e.to_string()),
        }
    }

    fn state_of(&self, record: &Record, is_new: bool) -> Response {
        let (ca, id) = (self.ca.name(), record.id);
        match &record.state {
            State::Pending => page("pending.html", context! { ca, id, is_new }),
            State::Issued { .. } => page("issued.html", context! { ca, id, browser => self.browser }),
            State::Denied { message, .. } => page("denied.html", context! { ca, id, message }),
            State::Revoked { .. } => self.disposition(record),
        }
    }

    fn certificate(&self, query: &Fields) -> Response {
        let name = "certnew.cer";
        if is_ca(query) {
            return self.of_ca(query, |ca| {
                let der = ca.certificate(Level::Issuing).der();
                self.file(name, PKIX_CERT, label::CERTIFICATE, der, query)
            });
        }
        self.issued(query, |der| self.file(name, PKIX_CERT, label::CERTIFICATE, der, query))
    }

    fn chain(&self, query: &Fields) -> Response {
        // The label says CERTIFICATE although PKCS#7 is inside: so does the real one.
        let file = |chain: Result<Vec<u8>>| match chain {
            Ok(der) => self.file("certnew.p7b", PKCS7, label::CERTIFICATE, &der, query),
            Err(e) => Response::problem(500, &e.to_string()),
        };
        if is_ca(query) {
            return self.of_ca(query, |ca| file(ca.chain(None)));
        }
        self.issued(query, |der| file(self.ca.chain(Some(der))))
    }

    fn crl(&self, query: &Fields) -> Response {
        if query.get("type").is_some_and(|t| !t.eq_ignore_ascii_case("base")) {
            return self.unknown();
        }
        self.of_ca(query, |ca| match ca.crl(Level::Issuing, self.now) {
            Ok(crl) => self.file("certcrl.crl", "application/pkix-crl", label::CRL, &crl, query),
            Err(e) => Response::problem(500, &e.to_string()),
        })
    }

    /// The CA's own: it was never renewed, so 0 is the newest and -1 the current one.
    fn of_ca(&self, query: &Fields, give: impl Fn(&Ca) -> Response) -> Response {
        match query.get("renewal") {
            None | Some("0" | "-1") => give(self.ca),
            Some(_) => self.unknown(),
        }
    }

    fn issued(&self, query: &Fields, give: impl Fn(&[u8]) -> Response) -> Response {
        let Some(record) = self.find(query.get("reqid")) else { return self.unknown() };
        match &record.state {
            State::Issued { certificate, .. } => give(certificate),
            _ => self.disposition(&record),
        }
    }

    fn find(&self, id: Option<&str>) -> Option<Record> {
        self.ca.request(id?.trim().parse().ok()?)
    }

    fn unknown(&self) -> Response {
        let empty = policy::status_text(policy::NO_SUCH_REQUEST);
        self.error("(never set)", &empty, &empty, &empty)
    }

    fn disposition(&self, record: &Record) -> Response {
        let (message, code) = match &record.state {
            State::Pending => ("Taken Under Submission".to_string(), 0),
            State::Issued { .. } => ("Issued".to_string(), 0),
            State::Denied { message, code, .. } => (message.clone(), *code),
            State::Revoked { decided, .. } => (format!("Revoked by {}", decided.by), 0),
        };
        let number = format!("{:x}", record.state.disposition());
        self.error(&number, message.trim(), &policy::status_text(0), &policy::status_text(code))
    }

    fn error(&self, disposition: &str, message: &str, result: &str, last_status: &str) -> Response {
        page("error.html", context! { ca => self.ca.name(), disposition, message, result, last_status })
    }

    /// A file for saving; anything but `bin` is base64.
    fn file(&self, name: &str, kind: &str, label: &str, der: &[u8], query: &Fields) -> Response {
        let binary = query.get("enc").is_some_and(|enc| enc.eq_ignore_ascii_case("bin"));
        let body = match binary {
            true => der.to_vec(),
            false => pem(label, der).replace('\n', "\r\n").into_bytes(),
        };
        Response::new(200, if self.browser { kind } else { "text/html" }, body)
            .with("Content-Disposition", format!("attachment; filename=\"{name}\""))
    }
}

const PKIX_CERT: &str = "application/pkix-cert";
const PKCS7: &str = "application/x-pkcs7-certificates";

fn is_ca(query: &Fields) -> bool {
    query.get("reqid").is_some_and(|id| id.eq_ignore_ascii_case("CACert"))
}

/// The template in a form: in the attributes, as every client sends it; else the one chosen in the list, which
/// the real page's script would have copied there.
fn template(form: &Fields) -> Option<&str> {
    let attributes = form.get("certattrib").unwrap_or_default();
    let named = attributes.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("CertificateTemplate").then_some(value.trim())
    });
    let chosen = || form.get("lbcerttemplate")?.split(';').nth(1);
    named.or_else(chosen).filter(|name| !name.is_empty())
}

/// Pages end their lines as Windows does. The header names no charset; the page does.
fn page(name: &str, context: minijinja::Value) -> Response {
    match html::render(name, context) {
        Ok(text) => Response::new(200, "text/html", text.replace('\n', "\r\n")),
        Err(e) => Response::problem(500, &e),
    }
}
