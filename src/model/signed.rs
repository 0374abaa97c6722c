//! What certificates, requests and lists have in common: something signed, beside its signature, in one encoding
//! (RFC 5280 section 4.1.1; RFC 2986 section 4.2; RFC 5280 section 5.1.1).

use std::ops::Range;
use std::sync::Arc;

/// An encoding and where in it the signed part and the signature are.
pub(super) struct Signed {
    pub(super) der: Arc<[u8]>,
    tbs: Range<usize>,
    signature: Range<usize>,
}

impl Signed {
    /// `tbs` and `signature` are slices of `der`, as a parser hands them out.
    pub(super) fn new(der: &Arc<[u8]>, tbs: &[u8], signature: &[u8]) -> Self {
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        Self { der: der.clone(), tbs: range(tbs), signature: range(signature) }
    }

    /// The part that is signed.
    pub(super) fn tbs(&self) -> &[u8] {
        &self.der[self.tbs.clone()]
    }

    /// The signature's bytes.
    pub(super) fn signature(&self) -> &[u8] {
        &self.der[self.signature.clone()]
    }
}
