//! An answer of a CA's web pages, asked every question. The first byte chooses the content type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::wire::certsrv::{self, Submission, TemplateName};

const TYPES: [Option<&str>; 5] = [
    None,
    Some("text/html"),
    Some("text/html; charset=gb2312"),
    Some("text/html; charset=utf-16le"),
    Some("application/pkix-cert"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, body)) = bytes.split_first() else { return };
    let kind = TYPES[usize::from(*kind) % TYPES.len()];
    match certsrv::read_submission(body, kind) {
        Submission::Issued { id } | Submission::Pending { id } => assert!(id > 0),
        Submission::Denied { .. } | Submission::CaDown | Submission::Unclear => {}
    }
    let _ = certsrv::read_retrieval(body, kind);
    let _ = certsrv::is_certsrv(body, kind);
    let _ = certsrv::read_renewals(body, kind);
    for template in certsrv::read_templates(body, kind) {
        if let Ok(name) = TemplateName::parse(&template.name) {
            // One attribute, whatever the page called its template.
            let form = certsrv::submission(b"", Some(&name));
            assert_eq!(form.matches("%0D%0A").count(), 1, "{form}");
        }
    }
});
