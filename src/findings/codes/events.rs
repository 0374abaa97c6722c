//! Events that OCS writes into its own log, and Windows into the System and Security logs, about certificates, TLS
//! and logons.

use super::{Code, Fault, Kind};

const OCS: &str = "OCS 2007 R2 event log; Microsoft's list of events related to DNS, TLS and federation";
const SCHANNEL: &str = "Windows System log, source Schannel";

const fn event(
    number: u32,
    name: &'static str,
    meaning: &'static str,
    fault: Fault,
    remedy: &'static str,
    command: &'static str,
    source: &'static str,
) -> Code {
    Code { kind: Kind::Event, number, name, meaning, fault, remedy, command: Some(command), source }
}

const VERIFY: &str = "ocscert verify ocs1.foo.com.pem --server ocs1.foo.com --chain ca.pem";
const CROSSWISE: &str = "ocscert verify fe1.foo.com.pem --pool pool.foo.com --chain ca.pem --imp-cert imp1.pem --ocs-trust trusted-roots";
const SERIAL: &str = "ocscert explain --serial 4f00a1b2 --in issued";
const KEY: &str = "ocscert verify ocs1.foo.com.pem --key ocs1.foo.com.key --chain ca.pem";

/// Events, by number.
pub const EVENTS: &[Code] = &[
    event(
        4625,
        "an account failed to log on",
        "the web server with the CA's pages, or the domain controller behind it, refused a logon; the fields Status \
         and Sub Status have the reason, the same for NTLM and Kerberos: 0xC000035B is the channel binding",
        Fault::Requester,
        "explain the Sub Status, or the Status where that is 0x0",
        "ocscert explain 0xC000035B",
        "Windows Security log",
    ),
    event(
        12303,
        "critical error of the protocol stack",
        "the front-end service stops because its protocol stack could not start; the code in the text, or an \
         event just before it (often 14397), says why",
        Fault::Server,
        "read the events before it and explain the code in the text",
        SERIAL,
        OCS,
    ),
    event(
        14397,
        "certificate could not be loaded",
        "the certificate selected for OCS is not in the computer's Personal store any more, or its private key is \
         not there or not readable by the service; the text names its serial number, with the bytes reversed",
        Fault::Server,
        "find the certificate by the serial number; import it with its key (guide step P10), give the service \
         account (RTCService) read access to the key, select it again (P11), restart (P4)",
        SERIAL,
        OCS,
    ),
    event(
        14428,
        "TLS outgoing connection failures",
        "OCS could not open TLS connections to a peer; the HRESULT in the text says why: 0x80090322 is the name, \
         0x80090325 the trust, 0x80090349 the usage",
        Fault::Either,
        "explain the HRESULT; then judge IM and Presence's certificate by what OCS trusts",
        CROSSWISE,
        OCS,
    ),
    event(
        14694,
        "certificate trouble of the protocol stack",
        "seen beside 14397 and 12303 when the selected certificate cannot be used; its own text and code say more",
        Fault::Server,
        "read its text, explain the code in it, and check that certificate and key are in the computer's Personal \
         store",
        SERIAL,
        "practice; no public description is known",
    ),
    event(
        36870,
        "private key could not be accessed",
        "Schannel could not use the private key of the server's certificate: no key, no permission for the \
         service's account, or a key that Schannel of this Windows cannot use (CNG instead of a legacy CSP)",
        Fault::Server,
        "give the service account read access to the key (certlm.msc, All Tasks, Manage Private Keys), or import \
         the PFX again into the computer account",
        "certutil -store My",
        SCHANNEL,
    ),
    event(
        36871,
        "TLS credential could not be created",
        "Schannel could not set itself up: no protocol version is enabled that this side can use, or the private \
         key is out of reach",
        Fault::Server,
        "check the enabled protocol versions (SCHANNEL\\Protocols in the registry, FIPS policy) and the key's \
         permissions",
        "certutil -store My",
        SCHANNEL,
    ),
    event(
        36872,
        "no suitable server credential",
        "there is no certificate with a private key that this server could show",
        Fault::Server,
        "import a certificate with its key into the computer account (guide step P10), then select it (P11)",
        KEY,
        SCHANNEL,
    ),
    event(
        36874,
        "no common cipher suite",
        "a client came whose cipher suites this server supports none of: FIPS policy, a disabled suite, or a \
         client with EC suites only",
        Fault::Either,
        "let both sides have a suite in common: on IM and Presence select all ciphers in the TLS context \
         (Server 2003 with FIPS has TLS_RSA_WITH_3DES_EDE_CBC_SHA only)",
        VERIFY,
        SCHANNEL,
    ),
    event(
        36880,
        "handshake completed",
        "a TLS handshake succeeded; the text names protocol version and cipher suite",
        Fault::Nobody,
        "nothing to do; with event logging at its usual level this event is not written",
        VERIFY,
        SCHANNEL,
    ),
    event(
        36881,
        "certificate of the peer expired",
        "the certificate the peer showed has expired or is not valid yet, by this server's clock",
        Fault::Presenter,
        "compare the clocks of both sides, then renew the certificate",
        VERIFY,
        SCHANNEL,
    ),
    event(
        36882,
        "certificate of the peer untrusted",
        "the certificate the peer showed was issued by a CA that this server does not trust",
        Fault::Judge,
        "import the root of the peer's CA into the computer's Trusted Root Certification Authorities (guide step P7)",
        CROSSWISE,
        SCHANNEL,
    ),
    event(
        36883,
        "certificate of the peer revoked",
        "the certificate the peer showed is on its CA's revocation list",
        Fault::Presenter,
        "ask the CA why; then make a new key and request",
        VERIFY,
        SCHANNEL,
    ),
    event(
        36884,
        "certificate of the peer has another name",
        "the name this server connected to is not in the certificate the peer showed",
        Fault::Presenter,
        "connect by a name in the certificate (static route by FQDN), or have it issued for that name",
        VERIFY,
        SCHANNEL,
    ),
    event(
        36885,
        "list of trusted issuers cut off",
        "the server trusts so many roots that the list it sends to clients is cut off; a client whose root was cut \
         off shows no certificate, and mutual TLS fails",
        Fault::Server,
        "remove roots that OCS does not need from its Trusted Root store, or install KB933430 on Server 2003; \
         restart the front-end service",
        CROSSWISE,
        "Windows System log, source Schannel; KB933430, KB2464556, KB2801679",
    ),
    event(
        36886,
        "no default server credential",
        "no certificate serves as this server's default; a program that brings its own certificate, as OCS does, \
         is not concerned",
        Fault::Nobody,
        "nothing to do for OCS",
        "certutil -store My",
        SCHANNEL,
    ),
    event(
        36887,
        "TLS alert received",
        "the peer refused the connection and said why in an alert; the number is in the text",
        Fault::Either,
        "explain the alert's number; the log of the peer says more",
        "ocscert explain alert 48",
        SCHANNEL,
    ),
    event(
        36888,
        "TLS alert sent",
        "this server refused the connection and told the peer why in an alert; the number is in the text",
        Fault::Either,
        "explain the alert's number; what this server dislikes is in the peer's certificate or offer",
        "ocscert explain alert 48",
        SCHANNEL,
    ),
];
