//! RC4 as RFC 6229 shows it by its output; forbidden in TLS by RFC 7465, and all that some Server 2003 speaks.

/// The state of a key stream.
pub(super) struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// Schedules a key.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut state: [u8; 256] = std::array::from_fn(|i| i as u8);
        let mut j = 0u8;
        for (i, byte) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[i]).wrapping_add(*byte);
            state.swap(i, usize::from(j));
        }
        Self { state, i: 0, j: 0 }
    }

    /// Encrypts or decrypts, and goes on from there.
    pub(super) fn apply(&mut self, data: &mut [u8]) {
        for byte in data {
            self.i = self.i.wrapping_add(1);
            let a = self.state[usize::from(self.i)];
            self.j = self.j.wrapping_add(a);
            let b = self.state[usize::from(self.j)];
            self.state.swap(usize::from(self.i), usize::from(self.j));
            *byte ^= self.state[usize::from(a.wrapping_add(b))];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::unhex;

    /// RFC 6229 section 2: the key 0102030405060708090a0b0c0d0e0f10, the stream at 0 and at 16.
    #[test]
    fn the_stream_is_that_of_rfc_6229() {
        let mut rc4 = Rc4::new(&unhex("0102030405060708090a0b0c0d0e0f10").unwrap());
        let mut stream = [0; 32];
        stream.chunks_mut(7).for_each(|part| rc4.apply(part));
        let expected = "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c";
        assert_eq!(stream[..], unhex(expected).unwrap());
    }
}
