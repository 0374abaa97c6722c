//! The rules about live servers, and what the answer about a host is where one of them is broken.

use crate::findings::{Reach, Rule, Severity};

macro_rules! rules {
    ($($(#[$doc:meta])* $id:ident = $code:literal, $name:literal, $severity:ident, $reach:ident, $title:literal, $why:literal, $remedy:literal, [$($reference:literal),*];)*) => {
        $($(#[$doc])* pub static $id: Rule = Rule {
            code: $code, name: $name, severity: Severity::$severity, title: $title, why: $why, remedy: $remedy, refs: &[$($reference),*],
        };)*
        /// The rules of this family.
        pub const RULES: &[&Rule] = &[$(&$id),*];
        /// What the answer about a host is at best where a rule is broken as an error.
        pub(super) const REACH: &[(&Rule, Reach)] = &[$((&$id, Reach::$reach)),*];
    };
}

rules! {
    /// The name stands for no address.
    NAME_NOT_RESOLVED = "OCS-TLS-001", "name-not-resolved", Error, NoAnswer,
        "the name cannot be resolved",
        "Static routes and peer subjects name hosts: both sides must resolve every server, pool and node, here and there.",
        "add the A record (and the PTR) in DNS, and check that this machine asks the right name servers",
        ["RFC 3263", "guide P2"];
    /// Nobody listens at the port.
    PORT_CLOSED = "OCS-TLS-002", "port-closed", Error, Refused,
        "nobody listens at the port",
        "The host answers that the port is closed: the front-end service or SIP proxy is not running, or listens elsewhere.",
        "start the front-end service (guide step P4) or the SIP proxy, and check that 5061 is listed with transport MTLS (guide step P6)",
        ["guide P4, P6"];
    /// No connection, no word.
    NO_CONNECTION = "OCS-TLS-003", "no-connection", Error, NoAnswer,
        "no connection could be made",
        "No answer at all to a connection attempt is the work of a firewall, a wrong address, or a host that is down.",
        "open the port in the firewalls between here and there, both ways",
        ["RFC 9293 section 3.5"];
    /// It connects and then says nothing.
    TLS_SILENCE = "OCS-TLS-004", "tls-silence", Error, NoAnswer,
        "the port is open, but does not answer TLS",
        "A port for plain SIP waits for SIP and says nothing to a TLS hello; so does a service that hangs.",
        "check that the port is the one for TLS; try plain SIP with --tcp",
        ["RFC 5246 section 7.4.1.2"];
    /// It speaks, but not TLS.
    NOT_TLS = "OCS-TLS-005", "not-tls", Error, Refused,
        "the port does not speak TLS",
        "What answers there is another service, or SIP in clear: mutual TLS cannot begin.",
        "set the transport of port 5061 to MTLS (guide step P6), or name the right port",
        ["guide P6", "RFC 5246 section 6.2.1"];
    /// It ends the connection at our hello.
    HELLO_REFUSED = "OCS-TLS-006", "hello-refused", Error, Refused,
        "the server ends the handshake at its very beginning",
        "Every version and suite since 2003 was offered. A server that still refuses often has no certificate it can use (key access, event 36870), or a device on the way cuts TLS off.",
        "check that a certificate is selected (guide step P11) and its private key can be read by the service; then look at the event log of the server",
        ["guide P11", "RFC 5246 section 7.4.1.2"];
    /// The list of CA names is cut off at Schannel's limit.
    CA_LIST_CUT = "OCS-TLS-007", "ca-list-cut-off", Error, Invalid,
        "the server's list of trusted CAs is as long as it can get, and probably cut off",
        "Schannel sends at most 16 KiB of CA names (12 KiB on Server 2003) and drops the rest (event 36885). A client whose root is not in the list may send no certificate.",
        "remove roots that the server does not need from its Trusted Root store, then restart the front-end service (guide steps P7, P4)",
        ["event 36885", "KB933430", "checklist 13"];
    /// The list of CA names lacks our root.
    ROOT_NOT_LISTED = "OCS-TLS-008", "root-not-listed", Error, Invalid,
        "no CA above our certificate is in the list of those the server trusts",
        "The server names the CAs whose certificates it takes; one from another CA is refused, or not even sent.",
        "import the root of our certificate at the server: Trusted Root Certification Authorities on OCS (guide step P7), cup-trust on IM and Presence",
        ["RFC 5246 section 7.4.4", "guide P7", "checklist 11"];
    /// No client certificate is asked for.
    NOT_MUTUAL = "OCS-TLS-009", "not-mutual", Error, Invalid,
        "the server does not ask for a client certificate: this is no mutual TLS",
        "Both sides know each other by their certificates; a listener with transport TLS is for clients, not for servers.",
        "set the transport of port 5061 to MTLS (guide step P6); on IM and Presence use the Peer Auth listener",
        ["guide P6", "RFC 5246 section 7.4.4"];
    /// Our certificate is refused with an alert.
    CERTIFICATE_REFUSED = "OCS-TLS-010", "certificate-refused", Error, Refused,
        "the server refuses our certificate",
        "The handshake ended with an alert after the server had seen our certificate; the alert's number says what it dislikes.",
        "judge our certificate by what the server trusts, and compare with the alert",
        ["RFC 5246 section 7.2.2"];
    /// Our certificate is refused without a word.
    CLOSED_AFTER_CERTIFICATE = "OCS-TLS-011", "closed-after-certificate", Error, Refused,
        "the server hangs up right after our certificate and gives no reason",
        "Schannel and OCS often end a connection without an alert where the certificate's root, usage or name does not suit them.",
        "look at the event log of the server (36874, 36887, 14428) and judge our certificate by what the server trusts",
        ["RFC 5246 section 7.2.1", "event 14428"];
    /// Only versions that are switched off elsewhere.
    OLD_VERSIONS = "OCS-TLS-012", "old-versions-only", Warning, Accepted,
        "the server speaks no TLS version later than 1.1",
        "Current systems begin at TLS 1.2. IM and Presence needs its minimum TLS version lowered to 1.0 to talk to Server 2003.",
        "set the minimum TLS version of IM and Presence to 1.0 while this server is in use",
        ["RFC 8996", "checklist preconditions"];
    /// The clocks differ.
    CLOCK_SKEW = "OCS-TLS-013", "clock-skew", Warning, Accepted,
        "the server's clock differs from ours",
        "Certificates are judged by each side's own clock: fresh ones are not valid yet for a clock that is behind.",
        "synchronize both sides with the same time source (NTP)",
        ["RFC 5246 section 7.4.1.2"];
    /// IM and Presence's listeners are not swapped yet.
    LISTENER_ELSEWHERE = "OCS-TLS-014", "peer-listener-elsewhere", Error, Invalid,
        "the mutual TLS listener is at port 5062, not at 5061",
        "IM and Presence's Peer Auth listener is at 5062 until it is moved; OCS connects to 5061.",
        "swap the listeners: Server Auth to 5063, Peer Auth to 5061, Server Auth to 5062; then restart the SIP proxy",
        ["guide: IM and Presence listeners"];
    /// The handshake does not get anywhere in time.
    HANDSHAKE_STALLED = "OCS-TLS-015", "handshake-stalled", Error, NoAnswer,
        "the server begins to answer and does not come to an end in time",
        "An overloaded server, a certificate revocation check without a reachable list, or a device that inspects TLS.",
        "try again with a longer --timeout; look at the server's load and at its way to the CRLs (checklist 17)",
        ["checklist 17"];
    /// Clients without a certificate pass.
    CERTIFICATE_OPTIONAL = "OCS-TLS-016", "certificate-optional", Info, Accepted,
        "the server finishes the handshake with clients that show no certificate",
        "It asks for a certificate and does not insist in TLS; it may still refuse in SIP.",
        "nothing, where host authorization and peer subjects are kept strict",
        ["RFC 5246 section 7.4.6"];
    /// What it sends is not TLS as the standard has it.
    HANDSHAKE_MALFORMED = "OCS-TLS-017", "handshake-malformed", Error, Refused,
        "the server's handshake breaks the standard",
        "Messages cannot be read, or are larger than any real handshake: a defect, or something else that begins like TLS.",
        "check which program answers on this port, and that no device on the way changes TLS",
        ["RFC 5246 section 7.4"];
    /// Our own side cannot.
    OUR_SIDE = "OCS-TLS-018", "our-side-cannot", Error, NoAnswer,
        "the probe itself cannot make this handshake",
        "Version, suite or key are beyond what the probe can do: nothing is said about the server by that.",
        "probe with another key (RSA 2048), or from the other end",
        ["ocscert probe --help"];
    /// The name leads elsewhere than the federation file says.
    OTHER_ADDRESS = "OCS-TLS-019", "other-address", Warning, Accepted,
        "the name stands for another address than the federation file says",
        "Host authorization and ACLs hold addresses beside names: where the two differ, one side lets in another host than the other side calls.",
        "correct the A record or the federation file, whichever is wrong",
        ["guide P2, P3", "checklist preconditions"];
    /// No answer to OPTIONS.
    SIP_SILENCE = "OCS-SIP-001", "sip-silence", Error, NoAnswer,
        "no SIP answer came within the time",
        "TLS says only that certificates are good; whether the server talks SIP to this host it did not say.",
        "check the incoming ACL and TLS peer subjects of IM and Presence, or OCS's host authorization (guide step P3); try a longer --timeout",
        ["RFC 3261 section 11", "guide P3"];
    /// Reached, but this host is in no list.
    NOT_AUTHORIZED = "OCS-SIP-002", "not-authorized", Warning, Unauthorized,
        "TLS is good; the server says that this host is not authorized",
        "Servers talk SIP to hosts in their lists only. From a workstation this is expected: host authorization cannot be tested from here.",
        "from a workstation: nothing (--expect-unauthorized); for a server: add its FQDN and its address to the host authorization with Treat As Authenticated (guide step P3), on IM and Presence to peer subjects and incoming ACL",
        ["guide P3", "RFC 3261 section 21.4.4"];
    /// Names do not fit.
    SIP_NAME = "OCS-SIP-003", "sip-name-mismatch", Error, Refused,
        "the server cannot route it: a name does not match",
        "OCS answers 504 where the name in the certificate is not the one it knows the host by, or where an Edge finds no SRV record.",
        "compare the subject CN and SANs of our certificate with the name in host authorization and in the static route (guide steps P2, P3)",
        ["RFC 3261 section 21.5.5", "guide P2, P3"];
    /// Another refusal of SIP.
    SIP_REFUSED = "OCS-SIP-004", "sip-refused", Error, Refused,
        "the server's SIP answer is a refusal",
        "TLS and SIP are reached; the server itself fails or declines.",
        "read the Reason, Warning and ms-diagnostics headers of the answer, and the server's log",
        ["RFC 3261 section 21.5, 21.6"];
    /// It hangs up at our OPTIONS.
    SIP_CLOSED = "OCS-SIP-005", "closed-at-options", Error, Refused,
        "the server finishes the handshake and hangs up at the first SIP message",
        "The host is not let in: host authorization, the incoming ACL or TLS peer subjects lack it; or OCS judges its certificate only now.",
        "add this host: OCS host authorization (guide step P3); IM and Presence TLS peer subjects and incoming ACL",
        ["guide P3"];
    /// The answer is no SIP.
    NOT_SIP = "OCS-SIP-006", "not-sip", Error, Refused,
        "what answers there is not SIP",
        "The handshake is done and something else than SIP speaks: another service has the port.",
        "check which program listens at this port",
        ["RFC 3261 section 7"];
    /// A status that says no more than that SIP is spoken.
    OTHER_STATUS = "OCS-SIP-007", "other-sip-status", Info, Accepted,
        "the server answers OPTIONS with another status than 200",
        "Any answer of SIP's own shows that TLS and SIP are reached; servers need not support OPTIONS.",
        "nothing",
        ["RFC 3261 section 11"];
}
