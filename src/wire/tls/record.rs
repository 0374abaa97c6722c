//! Records (RFC 5246 section 6.2.1) and the handshake messages inside them. A message may be spread over many
//! records, and a record may hold several messages: lists of 41 KB of CA names exist.

use super::{Fault, Version};

/// The largest handshake, all messages of one flight together, that is read: 16 times a list of 41 KB.
pub const MAX_HANDSHAKE: usize = 640 * 1024;

/// RFC 5246 section 6.2.3: 2^14 bytes and 2048 for the cipher.
const MAX_RECORD: usize = (1 << 14) + 2048;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The switch to the negotiated keys.
    ChangeCipherSpec,
    /// An alert.
    Alert,
    /// Handshake messages.
    Handshake,
    /// What the connection is for.
    Data,
}

impl Kind {
    /// Its number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::Data => 23,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::ChangeCipherSpec, Self::Alert, Self::Handshake, Self::Data]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it holds.
    pub kind: Kind,
    /// The version in its head.
    pub version: Version,
    /// Its content, perhaps encrypted.
    pub content: Vec<u8>,
}

impl Record {
    /// The record as it is sent. Its content is at most 2^14 bytes long, and so is everything that is made here.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.kind.number()];
        out.extend(self.version.0.to_be_bytes());
        out.extend(super::reader::vector(2, &self.content));
        out
    }
}

/// Cuts a stream of bytes into records.
#[derive(Debug, Default)]
pub struct Records {
    pending: Vec<u8>,
}

impl Records {
    /// Takes what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next record that is there as a whole.
    ///
    /// # Errors
    /// The bytes are no record.
    pub fn pop(&mut self) -> Result<Option<Record>, Fault> {
        let head = &self.pending;
        // The first byte that is wrong tells: nobody waits for the rest of a greeting in plain text.
        let kind = head.first().map(|number| Kind::from_number(*number).ok_or(Fault::NotTls)).transpose()?;
        if head.get(1).is_some_and(|major| *major != 3) {
            return Err(Fault::NotTls);
        }
        let (Some(kind), Some([_, major, minor, high, low])) = (kind, head.first_chunk()) else {
            return Ok(None);
        };
        let version = Version(u16::from_be_bytes([*major, *minor]));
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > MAX_RECORD {
            return Err(Fault::Malformed("a record is longer than RFC 5246 section 6.2.3 allows"));
        }
        if self.pending.len() < 5 + length {
            return Ok(None);
        }
        let rest = self.pending.split_off(5 + length);
        let whole = std::mem::replace(&mut self.pending, rest);
        Ok(Some(Record { kind, version, content: whole[5..].to_vec() }))
    }
}

/// One handshake message: its type and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Its type: [`super::message::kind`].
    pub kind: u8,
    /// Its body.
    pub body: Vec<u8>,
}

impl Handshake {
    /// The message as it is sent, and as the handshake's hash takes it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.kind];
        out.extend(super::reader::vector(3, &self.body));
        out
    }
}

/// Joins the handshake content of records to messages.
#[derive(Debug, Default)]
pub struct Messages {
    pending: Vec<u8>,
    taken: usize,
}

impl Messages {
    /// Takes the content of one record.
    ///
    /// # Errors
    /// The flight has become too large.
    pub fn push(&mut self, content: &[u8]) -> Result<(), Fault> {
        self.taken += content.len();
        if self.taken > MAX_HANDSHAKE {
            return Err(Fault::TooLarge);
        }
        self.pending.extend_from_slice(content);
        Ok(())
    }

    /// The next message that is there as a whole.
    ///
    /// # Errors
    /// A message announces more than is ever read.
    pub fn pop(&mut self) -> Result<Option<Handshake>, Fault> {
        let Some([kind, a, b, c]) = self.pending.first_chunk() else { return Ok(None) };
        let (kind, length) = (*kind, u32::from_be_bytes([0, *a, *b, *c]) as usize);
        if length > MAX_HANDSHAKE {
            return Err(Fault::TooLarge);
        }
        if self.pending.len() < 4 + length {
            return Ok(None);
        }
        let rest = self.pending.split_off(4 + length);
        let whole = std::mem::replace(&mut self.pending, rest);
        Ok(Some(Handshake { kind, body: whole[4..].to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message spread over records of one byte each, as hostile or tiny peers send it, comes out whole.
    #[test]
    fn messages_are_glued_over_records() {
        let message = Handshake { kind: 2, body: vec![7; 300] };
        let (mut records, mut messages) = (Records::default(), Messages::default());
        let mut seen = Vec::new();
        for byte in message.bytes() {
            let record = Record { kind: Kind::Handshake, version: Version::TLS10, content: vec![byte] };
            for piece in record.bytes() {
                records.push(&[piece]);
                while let Some(record) = records.pop().unwrap() {
                    messages.push(&record.content).unwrap();
                    seen.extend(messages.pop().unwrap());
                }
            }
        }
        assert_eq!(seen, [message]);
    }

    #[test]
    fn what_is_no_record_is_told_at_its_first_wrong_byte() {
        for hostile in [&b"S"[..], b"HTTP/1.1 400", &[22, 2], &[0x80, 0x2e, 1]] {
            let mut records = Records::default();
            records.push(hostile);
            assert_eq!(records.pop(), Err(Fault::NotTls), "{hostile:?}");
        }
        let mut long = Records::default();
        long.push(&[22, 3, 1, 0xff, 0xff]);
        assert!(matches!(long.pop(), Err(Fault::Malformed(_))));
    }

    #[test]
    fn a_megabyte_is_refused_before_it_is_there() {
        let mut messages = Messages::default();
        messages.push(&[2, 0x10, 0, 0]).unwrap();
        assert_eq!(messages.pop(), Err(Fault::TooLarge));
        let mut drip = Messages::default();
        let refused = (0..).find_map(|_| drip.push(&[0; 16384]).err());
        assert_eq!(refused, Some(Fault::TooLarge));
    }
}
