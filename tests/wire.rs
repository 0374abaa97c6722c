//! What a peer sends is read without a panic, whatever it is and however it is cut: TLS records and messages, the
//! client for old servers, SIP, NTLM challenges.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use ocscert::wire::ntlm::{Answer, Challenge, authenticate, negotiate};
use ocscert::wire::sip::Framer;
use ocscert::wire::spnego::{KRB5, response};
use ocscert::wire::tls::legacy::Client;
use ocscert::wire::tls::{Flight, Inspector, Progress, Version};
use proptest::prelude::*;

/// A ServerHello of TLS 1.0, an empty chain, a request with one CA name, and ServerHelloDone.
fn flight() -> Vec<u8> {
    let hello = [&[2, 0, 0, 38, 3, 1][..], &[9; 32], &[0, 0, 0x2f, 0]].concat();
    let rest = [11, 0, 0, 3, 0, 0, 0, 13, 0, 0, 8, 1, 1, 0, 4, 0, 2, 0x30, 0, 14, 0, 0, 0];
    let all = [hello, rest.to_vec()].concat();
    [&[22, 3, 1, 0, all.len() as u8][..], &all].concat()
}

fn inspect(parts: &[Vec<u8>]) -> (Flight, Option<Progress>) {
    let mut inspector = Inspector::default();
    let mut last = None;
    for part in parts {
        match inspector.push(part) {
            Ok(Progress::More) => {}
            Ok(end) => last = Some(end),
            Err(_) => return (inspector.into_flight(), None),
        }
    }
    (inspector.into_flight(), last)
}

proptest! {
    #[test]
    fn a_flight_reads_the_same_however_it_is_cut(cuts in prop::collection::vec(1usize..20, 1..40)) {
        let whole = flight();
        let mut parts = Vec::new();
        let mut rest = &whole[..];
        for cut in cuts {
            let (part, more) = rest.split_at(cut.min(rest.len()));
            parts.push(part.to_vec());
            rest = more;
        }
        parts.push(rest.to_vec());
        let (flight, last) = inspect(&parts);
        prop_assert_eq!(last, Some(Progress::Done));
        prop_assert_eq!(flight.version, Some(Version::TLS10));
        prop_assert_eq!(flight.request.unwrap().authorities.len(), 1);
    }

    #[test]
    fn bytes_changed_anywhere_are_an_answer_or_an_error(at in 0usize..100, to in any::<u8>(), bytes in any::<Vec<u8>>()) {
        let mut changed = flight();
        let at = at % changed.len();
        changed[at] = to;
        let draw = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
        for hostile in [changed, bytes.clone(), [&[22, 3, 3, 0, bytes.len().min(255) as u8], &bytes[..]].concat()] {
            inspect(std::slice::from_ref(&hostile));
            let mut client = Client::new(Version::TLS12, Some("ocs1.foo.com"), None, &draw).unwrap();
            let _ = client.push(&hostile);
            let mut framer = Framer::default();
            framer.push(&hostile);
            while let Ok(Some(_)) = framer.pop() {}
        }
    }

    #[test]
    fn the_end_of_a_logon_is_read_whatever_it_is(token in any::<Vec<u8>>(), at in any::<usize>(), to in any::<u8>()) {
        let _ = response(KRB5, &token);
        // A NegTokenResp: accept-completed, krb5, a token.
        let mut message = b"\xa1\x1a\x30\x18\xa0\x03\x0a\x01\x00\xa1\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\xa2\x04\x04\x02ok".to_vec();
        prop_assert_eq!(response(KRB5, &message).unwrap().token, b"ok");
        let at = at % message.len();
        message[at] = to;
        let _ = response(KRB5, &message);
    }

    #[test]
    fn sip_heads_of_any_text_are_an_answer_or_an_error(head in "(SIP/2.0 [0-9]{1,4} [ -~]{0,8}\r\n)?([ -~]{0,12}:?[ -~]{0,12}\r?\n){0,6}") {
        let mut framer = Framer::default();
        framer.push(head.as_bytes());
        framer.push(b"\r\n\r\n");
        while let Ok(Some(_)) = framer.pop() {}
    }

    #[test]
    fn challenges_of_any_bytes_are_answered_or_refused(
        head in any::<[u8; 12]>(),
        length in 0u16..200,
        offset in 40u32..120,
        list in prop::collection::vec((0u16..12, prop::collection::vec(any::<u8>(), 0..20)), 0..6),
        cut in 0usize..300,
    ) {
        let list = list.into_iter().flat_map(|(kind, value)| {
            [&kind.to_le_bytes()[..], &(value.len() as u16).to_le_bytes(), &value].concat()
        });
        let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
        message.extend([0; 8]);
        message.extend([&0xe28a_8235_u32.to_le_bytes()[..], &head[..8], &[0; 8]].concat());
        message.extend([&length.to_le_bytes()[..], &length.to_le_bytes(), &offset.to_le_bytes()].concat());
        message.extend(list);
        message.truncate(cut.max(1));
        for hostile in [&message[..], &head] {
            let Ok(challenge) = Challenge::read(hostile) else { continue };
            challenge.domain();
            let answer = Answer {
                user: "u", domain: "", password: "", service: "HTTP/ca", binding: None, nonce: [0; 8], filetime: 0,
            };
            prop_assert!(authenticate(&negotiate(), &challenge, &answer).len() > 88);
        }
    }
}
