//! The end of a Kerberos logon: the token that is read stands in the message. Around any token we write the whole of
//! such a message by hand (the first byte chooses its parts), and that is read as it was meant or refused; our own
//! first message is no answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::wire::spnego::{KRB5, Response, init, response};

/// None, Kerberos by both of its numbers, NTLM.
const MECHANISMS: [&[u8]; 4] = [
    &[],
    b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02",
    b"\x06\x09\x2a\x86\x48\x82\xf7\x12\x01\x02\x02",
    b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a",
];
const REJECT: u8 = 2;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Response { is_rejected, token }) = response(KRB5, bytes) {
        assert!(token.is_empty() || stands(&part(0xa2, &element(4, &token)), bytes));
        assert!(!is_rejected || stands(&[0xa0, 3, 10, 1, REJECT], bytes));
    }

    let Some((&shape, token)) = bytes.split_first() else { return };
    let (state, mechanism) = (shape & 7, usize::from(shape >> 3 & 3));
    let (has_token, has_mic) = (shape & 0x20 != 0, shape & 0x40 != 0);
    let (said, octets) = ([10, 1, state], element(4, token));
    let parts = [
        part(0xa0, if state < 5 { &said } else { &[] }),
        part(0xa1, MECHANISMS[mechanism]),
        part(0xa2, if has_token { &octets } else { &[] }),
        part(0xa3, if has_mic { &octets } else { &[] }),
    ];
    let message = element(0xa1, &element(0x30, &parts.concat()));
    let read = response(KRB5, &message);
    if state == 4 || mechanism == 3 {
        assert!(read.is_err(), "no such state, or what was not offered");
    } else {
        let token = if has_token { token.to_vec() } else { Vec::new() };
        assert_eq!(read.unwrap(), Response { is_rejected: state == REJECT, token });
    }
    assert!(response(KRB5, &message[..message.len() - 1]).is_err());
    assert!(response(KRB5, &[&message[..], &[0]].concat()).is_err());

    let first = init(KRB5, token).unwrap();
    assert!(first.ends_with(&part(0xa2, &octets)));
    assert!(response(KRB5, &first).is_err());
});

fn stands(part: &[u8], whole: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

/// An element of a sequence under its number, where there is one.
fn part(tag: u8, content: &[u8]) -> Vec<u8> {
    if content.is_empty() { Vec::new() } else { element(tag, content) }
}

/// An element in DER (X.690 section 8.1); no input is longer than two bytes of length can say.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let [high, low] = length.to_be_bytes();
    let head = match length {
        ..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}
