//! A stream of SIP in two pieces (the first byte says where it is cut): the same messages as from one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::wire::sip::{Fault, Framer, Message};

fuzz_target!(|bytes: &[u8]| {
    let Some((at, stream)) = bytes.split_first() else { return };
    let (one, other) = stream.split_at_checked(usize::from(*at)).unwrap_or((stream, &[]));
    let whole = messages(&[stream]);
    let pieces = messages(&[one, other]);
    assert!(pieces.0.len() <= whole.0.len() || whole.1.is_some());
    assert!(whole.0.starts_with(&pieces.0) || pieces.0.starts_with(&whole.0), "where the stream is cut decides");
    for message in &whole.0 {
        for name in ["Server", "v", "ms-diagnostics", "Reason", "Content-Length"] {
            assert_eq!(message.header(name), message.header(&name.to_uppercase()));
        }
    }
});

/// All that come, and what ended it.
fn messages(pieces: &[&[u8]]) -> (Vec<Message>, Option<Fault>) {
    let (mut framer, mut messages) = (Framer::default(), Vec::new());
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.pop() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(fault) => return (messages, Some(fault)),
            }
        }
    }
    (messages, None)
}
