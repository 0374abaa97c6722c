//! SPNEGO (RFC 4178) with one mechanism on offer: what is wrapped around its tokens. Where there is nothing to choose
//! from nobody can lead the choice astray, so that neither side needs the MIC over the list (section 5).

use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Decode, Encode, Enumerated, ErrorKind, Sequence, Tag, TagNumber, Tagged};

/// Kerberos 5 (RFC 4121 section 4).
pub const KRB5: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113554.1.2.2");
/// The same, with a number cut to 16 bits: Windows 2000 began it, others answer so still ([MS-KILE] section 3.1.1.7).
const CUT_KRB5: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.48018.1.2.2");
const SPNEGO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.2");

/// Section 4.2.1, without what is not sent.
#[derive(Sequence)]
struct NegTokenInit {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    mech_types: Vec<ObjectIdentifier>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    mech_token: OctetString,
}

/// Section 4.2.2.
#[derive(Sequence)]
struct NegTokenResp {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    neg_state: Option<NegState>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    supported_mech: Option<ObjectIdentifier>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    response_token: Option<OctetString>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    mech_list_mic: Option<OctetString>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enumerated)]
#[repr(u8)]
enum NegState {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    RequestMic = 3,
}

/// The first message: the mechanism, and its first token.
///
/// # Errors
/// The token is larger than DER can say.
pub fn init(mechanism: ObjectIdentifier, token: &[u8]) -> der::Result<Vec<u8>> {
    let message = NegTokenInit { mech_types: vec![mechanism], mech_token: OctetString::new(token)? };
    let choice = Any::new(tagged(0), message.to_der()?)?;
    // The framing of every first GSS-API token (RFC 2743 section 3.1).
    let content = [SPNEGO.to_der()?, choice.to_der()?].concat();
    Any::new(Tag::Application { constructed: true, number: TagNumber(0) }, content)?.to_der()
}

/// What the other side answers.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// It ends the negotiation. The token may say why.
    pub is_rejected: bool,
    /// The mechanism's token; empty where there is none.
    pub token: Vec<u8>,
}

/// The other side's message, where this mechanism was offered.
///
/// # Errors
/// It is no NegTokenResp, or it selects what was not offered, which section 4.2.2 forbids.
pub fn response(offered: ObjectIdentifier, message: &[u8]) -> der::Result<Response> {
    let choice = Any::from_der(message)?;
    choice.tag().assert_eq(tagged(1))?;
    let response = NegTokenResp::from_der(choice.value())?;
    // Some leave out what could only be this one.
    let selected = response.supported_mech.unwrap_or(offered);
    if selected != offered && (selected, offered) != (CUT_KRB5, KRB5) {
        return Err(ErrorKind::OidUnknown { oid: selected }.into());
    }
    Ok(Response {
        is_rejected: response.neg_state == Some(NegState::Reject),
        token: response.response_token.map(OctetString::into_bytes).map(Vec::from).unwrap_or_default(),
    })
}

fn tagged(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_is_as_the_standard_has_it() {
        let expected = [
            &[0x60, 0x27, 0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02][..],
            &[0xa0, 0x1d, 0x30, 0x1b],
            &[0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02],
            &[0xa2, 0x0a, 0x04, 0x08],
            b"a ticket",
        ];
        assert_eq!(init(KRB5, b"a ticket").unwrap(), expected.concat());
    }

    #[test]
    fn the_answer_is_read_with_and_without_its_parts() {
        let whole = b"\xa1\x1c\x30\x1a\xa0\x03\x0a\x01\x00\xa1\x0b\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\xa2\x06\x04\x04open";
        let read = |message: &[u8]| response(KRB5, message);
        assert_eq!(read(whole).unwrap(), Response { is_rejected: false, token: b"open".into() });
        let rejected = b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\x02";
        assert_eq!(read(rejected).unwrap(), Response { is_rejected: true, token: vec![] });
        let bare = b"\xa1\x02\x30\x00";
        assert_eq!(read(bare).unwrap(), Response { is_rejected: false, token: vec![] });
        // Cut off anywhere, another message, and nothing.
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        assert!(read(&init(KRB5, b"x").unwrap()).is_err());
        // Kerberos under its other number, and what is not Kerberos.
        let with = |byte, to| {
            let mut message = whole.to_vec();
            message[byte] = to;
            read(&message)
        };
        assert_eq!(with(16, 0x82).unwrap().token, b"open");
        assert_eq!(with(21, 0x03).unwrap_err().to_string(), "unknown/unsupported OID: 1.2.840.113554.1.2.3");
    }
}
