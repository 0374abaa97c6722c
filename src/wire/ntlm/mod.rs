//! NTLM ([MS-NLMP]): the three messages of a logon with a password, in version 2 and no other. The third proves the
//! password, names the TLS connection it is meant for (the channel binding) and the service it is meant for, and
//! seals all three (the MIC), so that none of them can be changed or relayed on the way.
//!
//! Here is the client's half; [`server`] has as much of the other one as a lab needs.

pub mod server;

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;
use zeroize::Zeroizing;

/// The eight bytes that every message begins with (section 2.2.1).
const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
/// Version (section 2.2.2.10): Windows 10, and the revision of the protocol. Servers log it and no more.
const VERSION: [u8; 8] = [10, 0, 0, 0, 0, 0, 0, 15];

/// Negotiate flags (section 2.2.2.5). Nothing is signed or encrypted with the session's key: TLS does that.
mod flag {
    pub(super) const UNICODE: u32 = 0x0000_0001;
    pub(super) const REQUEST_TARGET: u32 = 0x0000_0004;
    pub(super) const NTLM: u32 = 0x0000_0200;
    pub(super) const ALWAYS_SIGN: u32 = 0x0000_8000;
    pub(super) const EXTENDED_SESSION_SECURITY: u32 = 0x0008_0000;
    pub(super) const TARGET_INFO: u32 = 0x0080_0000;
    pub(super) const VERSION: u32 = 0x0200_0000;
    pub(super) const KEY_128: u32 = 0x2000_0000;
    pub(super) const KEY_56: u32 = 0x8000_0000;
    /// What we offer.
    pub(super) const OURS: u32 = UNICODE
        | REQUEST_TARGET
        | NTLM
        | ALWAYS_SIGN
        | EXTENDED_SESSION_SECURITY
        | VERSION
        | KEY_128
        | KEY_56;
}

/// Kinds of attribute-value pairs (section 2.2.2.1).
mod av {
    pub(super) const END: u16 = 0;
    pub(super) const NETBIOS_DOMAIN: u16 = 2;
    pub(super) const FLAGS: u16 = 6;
    pub(super) const TIMESTAMP: u16 = 7;
    pub(super) const TARGET_NAME: u16 = 9;
    pub(super) const CHANNEL_BINDINGS: u16 = 10;
    /// In the flags: the message has a MIC.
    pub(super) const HAS_MIC: u32 = 0x0000_0002;
}

/// Where the MIC is in the third message, and what its fixed part is long (section 2.2.1.3).
const MIC: std::ops::Range<usize> = 72..88;
/// The fixed part of a challenge up to the version, which old servers leave out (section 2.2.1.2).
const CHALLENGE_HEAD: usize = 48;
/// Half of what a length can say: an answer repeats the server's attributes beside our own. Real ones have some 200
/// bytes.
const MOST: usize = 1 << 15;

/// A message that breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is too short, or has another signature or type.
    #[error("it is not the NTLM message that is due")]
    Other,
    /// A field is said to be where the message has ended, or in its fixed part; or it is longer than it may be.
    #[error("a field of it does not lie within the message")]
    Outside,
    /// The list of attributes has no end, or one of them is longer than the list.
    #[error("its attributes are cut off")]
    CutOff,
    /// An attribute of a fixed length has another one.
    #[error("its attribute {0} has a wrong length")]
    Attribute(u16),
    /// The server speaks no Unicode: Windows has since NT 4.
    #[error("it is for a server that speaks no Unicode")]
    NoUnicode,
}

/// The first message: what we speak.
pub fn negotiate() -> Vec<u8> {
    let mut out = message(1);
    out.extend(flag::OURS.to_le_bytes());
    // No domain and no workstation.
    out.extend([0; 16]);
    out.extend(VERSION);
    out
}

/// The second message: the server's challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge<'a> {
    message: &'a [u8],
    flags: u32,
    nonce: [u8; 8],
    /// In their order, without the end.
    attributes: Vec<(u16, &'a [u8])>,
}

impl<'a> Challenge<'a> {
    /// Reads a challenge.
    ///
    /// # Errors
    /// It breaks the rules.
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        if message.len() < CHALLENGE_HEAD || !message.starts_with(SIGNATURE) || u32_at(message, 8) != Some(2)
        {
            return Err(Malformed::Other);
        }
        let flags = u32_at(message, 20).ok_or(Malformed::Other)?;
        let nonce = message.get(24..32).and_then(|nonce| nonce.try_into().ok());
        let nonce = nonce.ok_or(Malformed::Other)?;
        if flags & flag::UNICODE == 0 {
            return Err(Malformed::NoUnicode);
        }
        let list = match flags & flag::TARGET_INFO {
            0 => &[],
            _ => field(message, 40, CHALLENGE_HEAD)?,
        };
        let attributes = attributes(list)?;
        for (kind, length) in [(av::FLAGS, 4), (av::TIMESTAMP, 8)] {
            if attributes.iter().any(|(k, value)| *k == kind && value.len() != length) {
                return Err(Malformed::Attribute(kind));
            }
        }
        Ok(Self { message, flags, nonce, attributes })
    }

    /// The NetBIOS name of the domain that the server is in; its own name where it is in none.
    pub fn domain(&self) -> Option<String> {
        Some(text(self.attribute(av::NETBIOS_DOMAIN)?)).filter(|name| !name.is_empty())
    }

    fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(k, _)| *k == kind).map(|(_, value)| *value)
    }

    /// The server's time, in the unit of FILETIME.
    fn timestamp(&self) -> Option<u64> {
        self.attribute(av::TIMESTAMP)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// The attributes as the answer repeats them (section 3.1.5.1.2): a client's own are ours to say.
    fn answered(&self, to: &Answer<'_>, has_mic: bool) -> Vec<u8> {
        let mut list = Vec::new();
        let mut put = |kind, value: &[u8]| list.extend(attribute(kind, value));
        let ours = [av::FLAGS, av::TARGET_NAME, av::CHANNEL_BINDINGS];
        for (kind, value) in self.attributes.iter().filter(|(kind, _)| !ours.contains(kind)) {
            put(*kind, value);
        }
        let flags = self.attribute(av::FLAGS).and_then(|value| u32_at(value, 0)).unwrap_or(0);
        let flags = if has_mic { flags | av::HAS_MIC } else { flags };
        if flags != 0 {
            put(av::FLAGS, &flags.to_le_bytes());
        }
        // None is better than the sixteen zeros that stand for none: IIS refuses those even where it demands nothing.
        if let Some(data) = to.binding {
            put(av::CHANNEL_BINDINGS, &binding(data));
        }
        put(av::TARGET_NAME, &utf16(to.service));
        put(av::END, &[]);
        list
    }
}

/// What the third message is made of.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The account.
    pub user: &'a str,
    /// Its domain; empty for an account of the server itself, and where the user is a principal name.
    pub domain: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The service that is meant: `HTTP/ca.foo.com`.
    pub service: &'a str,
    /// The application data of the channel binding.
    pub binding: Option<&'a [u8]>,
    /// Drawn for this answer alone.
    pub nonce: [u8; 8],
    /// Now, in 100 ns since 1601; counts only where the server told no time of its own.
    pub filetime: u64,
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// The third message: the answer to a challenge, sealed together with the first one and the challenge itself.
pub fn authenticate(negotiate: &[u8], challenge: &Challenge<'_>, answer: &Answer<'_>) -> Vec<u8> {
    let key = ntowf_v2(answer.user, answer.domain, answer.password);
    // Servers that tell their time know the MIC, and then want no LM answer (section 3.1.5.1.2).
    let timestamp = challenge.timestamp();
    let has_mic = timestamp.is_some();
    let list = challenge.answered(answer, has_mic);
    let blob = blob(timestamp.unwrap_or(answer.filetime), answer.nonce, &list);
    let proof = hmac_md5(&*key, &[&challenge.nonce, &blob]);
    let lm = match has_mic {
        true => [0; 24].to_vec(),
        false => lm_v2(&key, challenge.nonce, answer.nonce),
    };
    let payload = [
        lm,
        [proof.as_slice(), &blob].concat(),
        utf16(answer.domain),
        utf16(answer.user),
        // The workstation is no business of the server's, and there is no session key to send.
        Vec::new(),
        Vec::new(),
    ];
    let mut out = message(3);
    let mut offset = MIC.end;
    for part in &payload {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes();
        out.extend([length, length].concat());
        out.extend(u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
        offset += part.len();
    }
    out.extend((challenge.flags & flag::OURS | challenge.flags & flag::TARGET_INFO).to_le_bytes());
    out.extend(VERSION);
    out.extend([0; 16]);
    out.extend(payload.concat());
    if has_mic {
        let session_key = Zeroizing::new(hmac_md5(&*key, &[&proof]));
        let mic = hmac_md5(&*session_key, &[negotiate, challenge.message, &out]);
        out[MIC].copy_from_slice(&mic);
    }
    out
}

/// The channel binding's attribute: MD5 of gss_channel_bindings_struct (RFC 4121 section 4.1.1.2) with no addresses.
pub fn binding(application_data: &[u8]) -> [u8; 16] {
    let length = u32::try_from(application_data.len()).unwrap_or(u32::MAX);
    Md5::new()
        .chain_update([0; 16])
        .chain_update(length.to_le_bytes())
        .chain_update(application_data)
        .finalize()
        .into()
}

/// NTOWFv2 (section 3.3.2): the key that the password is.
fn ntowf_v2(user: &str, domain: &str, password: &str) -> Zeroizing<[u8; 16]> {
    let password = Zeroizing::new(utf16(password));
    let hash = Zeroizing::new(<[u8; 16]>::from(Md4::digest(&*password)));
    Zeroizing::new(hmac_md5(&*hash, &[&utf16(&upper(user)), &utf16(domain)]))
}

/// NTLMv2_CLIENT_CHALLENGE (section 2.2.2.7) and the four zero bytes that section 3.3.2 has after it.
fn blob(filetime: u64, nonce: [u8; 8], list: &[u8]) -> Vec<u8> {
    let head = [[1, 1, 0, 0, 0, 0, 0, 0], filetime.to_le_bytes(), nonce].concat();
    [head.as_slice(), &[0; 4], list, &[0; 4]].concat()
}

fn lm_v2(key: &[u8; 16], theirs: [u8; 8], ours: [u8; 8]) -> Vec<u8> {
    [hmac_md5(key, &[&theirs, &ours]).as_slice(), &ours].concat()
}

fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC takes keys of any length; what it answers to an empty one is what it would answer to a zero.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return [0; 16] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// Upper case as Windows has it: letter by letter, so that none becomes two.
fn upper(name: &str) -> String {
    let one = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    };
    name.chars().map(one).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn text(utf16: &[u8]) -> String {
    let units = utf16.as_chunks::<2>().0.iter();
    String::from_utf16_lossy(&units.map(|unit| u16::from_le_bytes(*unit)).collect::<Vec<_>>())
}

fn message(kind: u32) -> Vec<u8> {
    [SIGNATURE.as_slice(), &kind.to_le_bytes()].concat()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A field's content; its length and its offset stand at `at`, and it begins at `least` or later. What is empty may be
/// said to be anywhere.
fn field(message: &[u8], at: usize, least: usize) -> Result<&[u8], Malformed> {
    let (length, offset) = (u16_at(message, at).map(usize::from), u32_at(message, at + 4));
    let (Some(length), Some(offset)) = (length, offset.and_then(|offset| usize::try_from(offset).ok()))
    else {
        return Err(Malformed::Other);
    };
    if length == 0 {
        return Ok(&[]);
    }
    let content = offset.checked_add(length).and_then(|end| message.get(offset..end));
    content.filter(|_| offset >= least && length <= MOST).ok_or(Malformed::Outside)
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    [&kind.to_le_bytes(), &length.to_le_bytes(), value].concat()
}

fn attributes(mut list: &[u8]) -> Result<Vec<(u16, &[u8])>, Malformed> {
    let mut attributes = Vec::new();
    while !list.is_empty() {
        let (Some(kind), Some(length)) = (u16_at(list, 0), u16_at(list, 2)) else {
            return Err(Malformed::CutOff);
        };
        let end = 4 + usize::from(length);
        let value = list.get(4..end).ok_or(Malformed::CutOff)?;
        if kind == av::END {
            return Ok(attributes);
        }
        attributes.push((kind, value));
        list = &list[end..];
    }
    match attributes.is_empty() {
        true => Ok(attributes),
        false => Err(Malformed::CutOff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{hex, unhex};

    fn bytes(hex: &str) -> Vec<u8> {
        unhex(&hex.replace([' ', '\n'], "")).unwrap()
    }

    /// The challenge of section 4.2.4.3.
    fn published() -> Vec<u8> {
        bytes(
            "4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000 2400240044000000
             060070170000000f 530065007200760065007200
             02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000",
        )
    }

    /// The key, the proof, the session's key and the LM answer of section 4.2.4.
    #[test]
    fn the_values_that_microsoft_published_come_out() {
        let key = ntowf_v2("User", "Domain", "Password");
        assert_eq!(hex(&*key), "0c868a403bfd7a93a3001ef22ef02e3f");
        let message = published();
        let challenge = Challenge::read(&message).unwrap();
        assert_eq!(challenge.domain().as_deref(), Some("Domain"));
        let list = &message[0x44..];
        let blob = blob(0, [0xaa; 8], list);
        let proof = hmac_md5(&*key, &[&challenge.nonce, &blob]);
        assert_eq!(hex(&proof), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(hex(&hmac_md5(&*key, &[&proof])), "8de40ccadbc14a82f15cb0ad0de95ca3");
        assert_eq!(
            hex(&lm_v2(&key, challenge.nonce, [0xaa; 8])),
            "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa"
        );
    }

    /// Nothing is read from where it is not.
    #[test]
    fn a_challenge_that_breaks_the_rules_is_refused() {
        let changed = |at: usize, to: &[u8]| {
            let mut message = published();
            message[at..at + to.len()].copy_from_slice(to);
            Challenge::read(&message).err()
        };
        let cut = |at: usize| Challenge::read(&published()[..at]).err();
        assert_eq!(changed(0, b"n"), Some(Malformed::Other));
        assert_eq!(changed(8, &[3]), Some(Malformed::Other));
        assert_eq!(cut(47), Some(Malformed::Other));
        assert_eq!(changed(20, &[0x32]), Some(Malformed::NoUnicode));
        // The list of attributes: its length, its offset.
        assert_eq!(changed(40, &[0x25]), Some(Malformed::Outside));
        assert_eq!(changed(44, &[0x45]), Some(Malformed::Outside));
        assert_eq!(changed(44, &[0xff; 4]), Some(Malformed::Outside));
        assert_eq!(changed(44, &[47, 0, 0, 0]), Some(Malformed::Outside));
        assert_eq!(cut(0x67), Some(Malformed::Outside));
        assert_eq!(changed(40, &[0x20]), Some(Malformed::CutOff), "no end");
        assert_eq!(changed(40, &[0x22]), Some(Malformed::CutOff), "half an end");
        assert_eq!(changed(0x46, &[0xff]), Some(Malformed::CutOff), "longer than the list");
        for kind in [av::FLAGS, av::TIMESTAMP] {
            assert_eq!(changed(0x44, &kind.to_le_bytes()), Some(Malformed::Attribute(kind)));
        }
        // What is empty may be anywhere; there may be no attributes at all.
        assert_eq!(changed(40, &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(changed(22, &[0x0a]), None);
    }

    /// The server's words come back in its order, ours in place of those that only a client may say.
    #[test]
    fn the_answer_repeats_the_attributes_and_adds_our_own() {
        let pair = attribute;
        let theirs = [
            pair(av::TARGET_NAME, b"x\0"),
            pair(av::NETBIOS_DOMAIN, b"F\0"),
            pair(av::CHANNEL_BINDINGS, &[0; 16]),
            pair(av::FLAGS, &[1, 0, 0, 0]),
            pair(av::TIMESTAMP, &[9; 8]),
            pair(av::END, b""),
        ]
        .concat();
        let mut message = published()[..0x44].to_vec();
        message[40] = theirs.len() as u8;
        message.extend(&theirs);
        let challenge = Challenge::read(&message).unwrap();
        let answer = Answer {
            user: "Üser",
            domain: "Domain",
            password: "Password",
            service: "HTTP/ca",
            binding: Some(b"tls-server-end-point:x"),
            nonce: [0xaa; 8],
            filetime: 1,
        };
        let proof = authenticate(&negotiate(), &challenge, &answer);
        let expected = [
            pair(av::NETBIOS_DOMAIN, b"F\0"),
            pair(av::TIMESTAMP, &[9; 8]),
            pair(av::FLAGS, &[3, 0, 0, 0]),
            pair(av::CHANNEL_BINDINGS, &binding(b"tls-server-end-point:x")),
            pair(av::TARGET_NAME, &utf16("HTTP/ca")),
            pair(av::END, b""),
            vec![0; 4],
        ]
        .concat();
        let head = [&[1, 1, 0, 0, 0, 0, 0, 0][..], &[9; 8], &[0xaa; 8], &[0; 4]].concat();
        let blob = [head, expected].concat();
        let nt = MIC.end + 24;
        assert_eq!(proof[nt + 16..nt + 16 + blob.len()], blob);
        assert_eq!(proof[MIC.end..nt], [0; 24], "no LM answer beside a MIC");
        assert!(proof.ends_with(&[utf16("Domain"), utf16("Üser")].concat()));
        let mut unsealed = proof.clone();
        unsealed[MIC].fill(0);
        let key = hmac_md5(&*ntowf_v2("ÜSER", "Domain", "Password"), &[&proof[nt..nt + 16]]);
        assert_eq!(proof[MIC], hmac_md5(&key, &[&negotiate(), &message, &unsealed]));
        assert!(!format!("{answer:?}").contains("Password"));
    }

    #[test]
    fn upper_case_takes_one_letter_for_one() {
        assert_eq!(upper("straße\u{149}øé\u{1f600}"), "STRAßE\u{149}ØÉ\u{1f600}");
    }
}
