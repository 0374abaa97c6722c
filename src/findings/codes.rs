//! Codes that Windows, the CA and TLS speak in, with what they mean to this federation. `explain` prints them;
//! the enrollment and the probe name them in findings.

/// A code from outside.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The code as its makers write it: `0x80094012`, `alert 48`, `event 36885`.
    pub code: &'static str,
    /// Its symbolic name.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// HRESULTs of the CA and of Schannel (MS-ERREF; MS-WCCE section 3.2.1).
pub const HRESULTS: &[Code] = &[
    Code {
        code: "0x80094800",
        name: "CERTSRV_E_UNSUPPORTED_CERT_TYPE",
        meaning: "the CA does not offer the template that was asked for, or the name is the display name instead of the template's own name",
        remedy: "use the template's name without spaces (WebServer, not \"Web Server\"), and have it published on this CA",
    },
    Code {
        code: "0x80094801",
        name: "CERTSRV_E_NO_CERT_TYPE",
        meaning: "the request names no template, and this is an enterprise CA",
        remedy: "name one with --template",
    },
    Code {
        code: "0x80094012",
        name: "CERTSRV_E_TEMPLATE_DENIED",
        meaning: "the account may not enroll for this template",
        remedy: "have the CA administrator grant Read and Enroll on the template, or log on as another user",
    },
    Code {
        code: "0x80094014",
        name: "CERTSRV_E_ADMIN_DENIED_REQUEST",
        meaning: "an administrator of the CA denied the request",
        remedy: "ask why; then submit anew with --resubmit",
    },
    Code {
        code: "0x80094811",
        name: "CERTSRV_E_KEY_LENGTH",
        meaning: "the key is shorter than the template asks for",
        remedy: "make a longer key: ocscert csr --key-type rsa4096",
    },
    Code {
        code: "0x8009480f",
        name: "CERTSRV_E_SUBJECT_DNS_REQUIRED",
        meaning: "the directory has no DNS name for the requester, and the template takes the subject from there",
        remedy: "have the template changed to \"Supply in the request\"",
    },
    Code {
        code: "0x8009310b",
        name: "CRYPT_E_ASN1_BADTAG",
        meaning: "the request did not arrive as valid ASN.1",
        remedy: "check that the file is a PKCS#10 request and arrived whole",
    },
    Code {
        code: "0x80093005",
        name: "OSS_DATA_ERROR",
        meaning: "the request did not arrive as valid ASN.1",
        remedy: "check that the file is a PKCS#10 request and arrived whole",
    },
    Code {
        code: "0x80091007",
        name: "CRYPT_E_HASH_VALUE",
        meaning: "the signature of the request is wrong: it was changed after it was made",
        remedy: "make the request anew",
    },
    Code {
        code: "0x80090008",
        name: "NTE_BAD_ALGID",
        meaning: "the CA cannot work with the algorithm of the key or of the signature",
        remedy: "make the request anew with a usual key: ocscert csr --key-type rsa2048",
    },
    Code {
        code: "0x80094004",
        name: "CERTSRV_E_PROPERTY_EMPTY",
        meaning: "the CA knows no request with this number",
        remedy: "check the request id and the CA",
    },
    Code {
        code: "0x80094003",
        name: "CERTSRV_E_BAD_REQUESTSTATUS",
        meaning: "the request is not in a state that allows this",
        remedy: "look at the request in the Certification Authority console",
    },
    Code {
        code: "0x80092013",
        name: "CRYPT_E_REVOCATION_OFFLINE",
        meaning: "a revocation list could not be fetched",
        remedy: "make the CRL distribution points reachable over http from this server",
    },
    Code {
        code: "0x800706ba",
        name: "RPC_S_SERVER_UNAVAILABLE",
        meaning: "the web pages cannot reach the CA service",
        remedy: "have the CA service started, then run the same command again",
    },
    Code {
        code: "0x80070005",
        name: "E_ACCESSDENIED",
        meaning: "access denied",
        remedy: "log on as an account that may request certificates",
    },
    Code {
        code: "0x800b0109",
        name: "CERT_E_UNTRUSTEDROOT",
        meaning: "the chain ends in a root that is not trusted",
        remedy: "import the root into the computer's Trusted Root Certification Authorities (guide step P7)",
    },
];

/// Looks an HRESULT up, however it is written (`0x80094012`, upper or lower case).
pub fn hresult(code: u32) -> Option<&'static Code> {
    let text = format!("0x{code:08x}");
    HRESULTS.iter().find(|known| known.code == text)
}
