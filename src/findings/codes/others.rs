//! What a Microsoft CA does with a request (the dispositions of MS-WCCE, and those of the database that its
//! console and `certutil -view` show), and settings that people ask about.

use super::{Code, Fault, Kind};

const fn disposition(
    number: u32,
    name: &'static str,
    meaning: &'static str,
    fault: Fault,
    remedy: &'static str,
) -> Code {
    let (kind, source) = (Kind::Disposition, "MS-WCCE; certsrv.h");
    Code { kind, number, name, meaning, fault, remedy, command: Some(AGAIN), source }
}

const AGAIN: &str = "ocscert submit ocs1.foo.com.csr --ca-url https://ca.foo.com/certsrv";

/// `CR_DISP_*` (0 to 6) stand on the web pages; `DB_DISP_*` in the CA's database.
pub const DISPOSITIONS: &[Code] = &[
    disposition(
        0,
        "CR_DISP_INCOMPLETE",
        "the CA did not finish the request",
        Fault::Ca,
        "have the CA's administrator look at it under Failed Requests, then submit again",
    ),
    disposition(
        1,
        "CR_DISP_ERROR",
        "the CA failed on the request; the HRESULT beside it says why",
        Fault::Ca,
        "explain that HRESULT",
    ),
    disposition(
        2,
        "CR_DISP_DENIED",
        "the CA, or an administrator of it, denied the request",
        Fault::Requester,
        "read the HRESULT beside it, put the cause right, then submit anew with --resubmit",
    ),
    disposition(
        3,
        "CR_DISP_ISSUED",
        "the certificate was issued",
        Fault::Nobody,
        "fetch it: the same submit command again",
    ),
    disposition(
        4,
        "CR_DISP_ISSUED_OUT_OF_BAND",
        "the certificate was issued, but is handed over another way",
        Fault::Nobody,
        "ask the CA's administrator for the file",
    ),
    disposition(
        5,
        "CR_DISP_UNDER_SUBMISSION",
        "the request waits for an administrator of the CA (pending)",
        Fault::Nobody,
        "have it issued (Certification Authority > Pending Requests > Issue), then the same submit command again",
    ),
    disposition(
        6,
        "CR_DISP_REVOKED",
        "the certificate of this request was revoked",
        Fault::Ca,
        "ask why; then make a new key and request",
    ),
    disposition(
        9,
        "DB_DISP_PENDING",
        "the request waits for an administrator of the CA",
        Fault::Nobody,
        "have it issued (Certification Authority > Pending Requests > Issue), then the same submit command again",
    ),
    disposition(
        20,
        "DB_DISP_ISSUED",
        "the certificate was issued",
        Fault::Nobody,
        "fetch it: the same submit command again",
    ),
    disposition(
        21,
        "DB_DISP_REVOKED",
        "the certificate of this request was revoked",
        Fault::Ca,
        "ask why; then make a new key and request",
    ),
    disposition(
        30,
        "DB_DISP_ERROR",
        "the CA failed on the request; the HRESULT in the status column says why",
        Fault::Ca,
        "explain that HRESULT",
    ),
    disposition(
        31,
        "DB_DISP_DENIED",
        "the CA, or an administrator of it, denied the request",
        Fault::Requester,
        "read the HRESULT in the status column, put the cause right, then submit anew with --resubmit",
    ),
];

/// Settings that go by their name.
pub const SETTINGS: &[Code] = &[Code {
    kind: Kind::Setting,
    number: 0,
    name: "EDITF_ATTRIBUTESUBJECTALTNAME2",
    meaning: "a switch of a Microsoft CA that takes subject alternative names from the request's attributes \
              (\"san:dns=...\" on the web page): whoever may enroll then gets a certificate in anybody's name, a \
              domain administrator's too (known as ESC6). This is why submit has no --san-attribute: the names \
              belong into the request itself, where csr puts them and every CA honours them",
    fault: Fault::Ca,
    remedy: "leave it off; where it is on, have the CA's administrator turn it off: certutil -setreg \
             policy\\EditFlags -EDITF_ATTRIBUTESUBJECTALTNAME2, then restart the CA service; put the names into \
             the request",
    command: Some("ocscert csr --pool pool.foo.com --front-end fe1.foo.com"),
    source: "MS-WCCE; SpecterOps, \"Certified Pre-Owned\" (ESC6)",
}];
