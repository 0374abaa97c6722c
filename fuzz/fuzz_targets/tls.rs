//! What a server says in clear, in two pieces (the first byte says where it is cut): read as from one piece. Then the
//! same bytes as the bodies of messages.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::wire::tls::message::{self, CertificateRequest, ServerHello};
use ocscert::wire::tls::{Alert, Inspector, Progress, Version};

fuzz_target!(|bytes: &[u8]| {
    let Some((at, stream)) = bytes.split_first() else { return };
    let (one, other) = stream.split_at_checked(usize::from(*at)).unwrap_or((stream, &[]));
    let mut whole = Inspector::default();
    let mut pieces = Inspector::default();
    let told = whole.push(stream);
    let first = pieces.push(one);
    let last = if first == Ok(Progress::More) { pieces.push(other) } else { first };
    assert_eq!(told, last, "where the stream is cut decides");
    assert_eq!(whole.flight(), pieces.flight());

    let _ = message::certificates(stream);
    let _ = Alert::parse(stream);
    let _ = ServerHello::parse(stream).map(|hello| hello.time());
    for version in [Version::TLS10, Version::TLS11, Version::TLS12, Version::TLS13] {
        let _ = CertificateRequest::parse(version, stream);
    }
});
