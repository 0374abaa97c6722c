//! An NTLM challenge (the first byte chooses the binding): what answers it is a message whose fields lie where it says,
//! with our own attributes in it once and with nobody else's in their place.
#![no_main]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use ocscert::wire::ntlm::{Answer, Challenge, authenticate, binding, negotiate};

const FLAGS: u16 = 6;
const TIMESTAMP: u16 = 7;
const TARGET_NAME: u16 = 9;
const CHANNEL_BINDINGS: u16 = 10;
const MIC: Range<usize> = 72..88;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, message)) = bytes.split_first() else { return };
    let Ok(challenge) = Challenge::read(message) else { return };
    let _ = challenge.domain();
    let end_point = (kind & 1 == 1).then_some(b"tls-server-end-point:x".as_slice());
    let answer = Answer {
        user: "alice",
        domain: "FOO",
        password: "secret",
        service: "HTTP/ca.foo.com",
        binding: end_point,
        nonce: [0xaa; 8],
        filetime: 7,
    };
    let proof = authenticate(&negotiate(), &challenge, &answer);
    assert!(proof.starts_with(b"NTLMSSP\0\x03\0\0\0"));
    // Answers, domain, user, workstation, session key: one after the other, to the end.
    let mut end = MIC.end;
    for at in [12, 20, 28, 36, 44, 52] {
        let field = field(&proof, at);
        assert_eq!(field.start, end, "a field begins where the one before ends");
        end = field.end;
    }
    assert_eq!(end, proof.len());
    let blob = &proof[field(&proof, 20)][16..];
    let list = pairs(&blob[28..]);
    let of = |kind: u16| -> Vec<&[u8]> { list.iter().filter(|(k, _)| *k == kind).map(|(_, v)| *v).collect() };
    assert_eq!(of(CHANNEL_BINDINGS), end_point.map(binding).iter().map(|b| b.as_slice()).collect::<Vec<_>>());
    assert_eq!(of(TARGET_NAME).len(), 1);
    let sealed = !of(TIMESTAMP).is_empty();
    assert_eq!(proof[MIC] != [0; 16], sealed, "who tells the time gets a MIC");
    assert!(of(FLAGS).len() <= 1 && (!sealed || of(FLAGS)[0][0] & 2 == 2));
});

fn field(message: &[u8], at: usize) -> Range<usize> {
    let length = usize::from(u16::from_le_bytes(message[at..at + 2].try_into().unwrap()));
    let offset = u32::from_le_bytes(message[at + 4..at + 8].try_into().unwrap()) as usize;
    offset..offset + length
}

/// The list up to its end, and the four zeros that follow.
fn pairs(mut list: &[u8]) -> Vec<(u16, &[u8])> {
    let mut pairs = Vec::new();
    loop {
        let kind = u16::from_le_bytes([list[0], list[1]]);
        let length = usize::from(u16::from_le_bytes([list[2], list[3]]));
        let (value, rest) = list[4..].split_at(length);
        if kind == 0 {
            assert_eq!((length, rest), (0, &[0; 4][..]));
            return pairs;
        }
        pairs.push((kind, value));
        list = rest;
    }
}
