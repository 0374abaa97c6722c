//! Reads numbers and length-prefixed vectors (RFC 5246 section 4) from a slice, never beyond its end.

use super::Fault;

/// What is left to read of a message.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Begins; `what` is the complaint where the bytes end too early.
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Malformed(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian number of so many bytes, at most three.
    pub(super) fn number(&mut self, bytes: usize) -> Result<usize, Fault> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    /// A vector whose length stands before it in so many bytes.
    pub(super) fn vector(&mut self, length_bytes: usize) -> Result<&'a [u8], Fault> {
        let length = self.number(length_bytes)?;
        self.take(length)
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Malformed(self.what)) }
    }
}

/// A vector with its length before it in so many bytes. What is made here is far shorter than such a length can
/// tell.
pub(super) fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_be_bytes();
    [&length[8 - length_bytes..], content].concat()
}
