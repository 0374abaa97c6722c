//! The server's half of NTLM ([MS-NLMP] section 3.2): the challenge, and the proof taken apart and checked. It takes
//! version 2 with a MIC and nothing weaker.

use std::ops::Range;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{
    CHALLENGE_HEAD, MIC, Malformed, SIGNATURE, VERSION, attribute, attributes, av, field, flag, hmac_md5,
    message, ntowf_v2, text, u32_at, utf16,
};

/// A challenge (section 2.2.1.2) of a server in this domain.
pub fn challenge(nonce: [u8; 8], domain: &str, filetime: u64) -> Vec<u8> {
    let name = utf16(domain);
    let list = [
        attribute(av::NETBIOS_DOMAIN, &name),
        attribute(av::TIMESTAMP, &filetime.to_le_bytes()),
        attribute(av::END, &[]),
    ]
    .concat();
    let begin = CHALLENGE_HEAD + VERSION.len();
    let place = |length: usize, offset: usize| {
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
        [&length[..], &length, &u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes()].concat()
    };
    let mut out = message(2);
    out.extend(place(name.len(), begin));
    out.extend((flag::OURS | flag::TARGET_INFO).to_le_bytes());
    out.extend(nonce);
    out.extend([0; 8]);
    out.extend(place(list.len(), begin + name.len()));
    out.extend(VERSION);
    out.extend([name, list].concat());
    out
}

/// True where these bytes are a first message.
pub fn is_negotiate(message: &[u8]) -> bool {
    message.starts_with(SIGNATURE) && u32_at(message, 8) == Some(1)
}

/// The third message.
#[derive(Debug)]
pub struct Proof<'a> {
    message: &'a [u8],
    /// The account, as it was named.
    pub user: String,
    /// Its domain.
    pub domain: String,
    answer: &'a [u8],
    attributes: Vec<(u16, &'a [u8])>,
}

/// The fixed part of the client's challenge, before its attributes (section 2.2.2.7).
const BLOB_HEAD: usize = 28;
const HASH: Range<usize> = 0..16;

impl<'a> Proof<'a> {
    /// Reads a proof.
    ///
    /// # Errors
    /// It breaks the rules, or is of an older version.
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        if message.len() < MIC.end || !message.starts_with(SIGNATURE) || u32_at(message, 8) != Some(3) {
            return Err(Malformed::Other);
        }
        let answer = field(message, 20, MIC.end)?;
        let list = answer.get(HASH.end + BLOB_HEAD..).ok_or(Malformed::Other)?;
        Ok(Self {
            message,
            user: text(field(message, 36, MIC.end)?),
            domain: text(field(message, 28, MIC.end)?),
            answer,
            attributes: attributes(list)?,
        })
    }

    /// True where it was made with this password for this challenge, and none of the three messages was changed.
    pub fn is_made_with(&self, password: &str, negotiate: &[u8], challenge: &[u8]) -> bool {
        let key = ntowf_v2(&self.user, &self.domain, password);
        let (Some((proof, blob)), Some(nonce)) =
            (self.answer.split_at_checked(HASH.end), challenge.get(24..32))
        else {
            return false;
        };
        let mut unsealed = self.message.to_vec();
        let Some(mic) = self.message.get(MIC) else { return false };
        if let Some(place) = unsealed.get_mut(MIC) {
            place.fill(0);
        }
        let session_key = hmac_md5(&*key, &[proof]);
        let sealed = hmac_md5(&session_key, &[negotiate, challenge, &unsealed]);
        verify_slices_are_equal(proof, &hmac_md5(&*key, &[nonce, blob])).is_ok()
            && verify_slices_are_equal(mic, &sealed).is_ok()
    }

    /// The channel binding that it carries.
    pub fn binding(&self) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(kind, _)| *kind == av::CHANNEL_BINDINGS).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Challenge, authenticate, negotiate};
    use super::*;

    /// Both halves agree on what they were given; whatever is changed on the way, in any of the messages, is found.
    #[test]
    fn a_proof_holds_until_anything_is_changed() {
        let (first, second) = (negotiate(), challenge([7; 8], "LAB", 42));
        assert!(is_negotiate(&first) && !is_negotiate(&second));
        let read = Challenge::read(&second).unwrap();
        assert_eq!(read.domain().as_deref(), Some("LAB"));
        let answer = Answer {
            user: "alice",
            domain: "lab",
            password: "geheim",
            service: "HTTP/lab",
            binding: Some(b"x"),
            nonce: [9; 8],
            filetime: 0,
        };
        let third = authenticate(&first, &read, &answer);
        let holds = |first: &[u8], second: &[u8], third: &[u8], password: &str| {
            Proof::read(third).is_ok_and(|proof| proof.is_made_with(password, first, second))
        };
        let proof = Proof::read(&third).unwrap();
        assert_eq!((proof.user.as_str(), proof.domain.as_str()), ("alice", "lab"));
        assert_eq!(proof.binding(), Some(&super::super::binding(b"x")[..]));
        assert!(holds(&first, &second, &third, "geheim"));
        assert!(!holds(&first, &second, &third, "Geheim"));
        for at in 0..first.len() {
            let mut changed = first.clone();
            changed[at] ^= 1;
            assert!(!holds(&changed, &second, &third, "geheim"), "first, {at}");
        }
        for at in 0..second.len() {
            let mut changed = second.clone();
            changed[at] ^= 1;
            assert!(!holds(&first, &changed, &third, "geheim"), "second, {at}");
        }
        for at in 0..third.len() {
            let mut changed = third.clone();
            changed[at] ^= 1;
            assert!(!holds(&first, &second, &changed, "geheim"), "third, {at}");
            assert!(Proof::read(&third[..at]).is_err(), "cut at {at}");
        }
    }
}
