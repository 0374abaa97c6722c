//! Certificates in a PKCS#7 file (.p7b): a SignedData that signs nothing (RFC 5652 section 5; RFC 8551 section
//! 3.2.2), as CAs hand out chains and Windows imports them.

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{Decode, Encode, Sequence};

use super::{Error, Result};

/// The file, DER, around certificates in DER. DER sorts a set: the order in the file means nothing.
///
/// # Errors
/// Something is no DER.
pub fn certs_only<T: AsRef<[u8]>>(certificates: &[T]) -> Result<Vec<u8>> {
    let failed = || Error::library("the PKCS#7 file could not be made");
    let elements: std::result::Result<Vec<Any>, _> =
        certificates.iter().map(|der| Any::from_der(der.as_ref())).collect();
    let signed = SignedData {
        version: 1,
        digests: SetOfVec::new(),
        content: EncapContentInfo { kind: DATA },
        certificates: SetOfVec::try_from(elements.map_err(|e| failed()(&e))?).map_err(|e| failed()(&e))?,
        signers: SetOfVec::new(),
    };
    ContentInfo { kind: SIGNED_DATA, content: signed }.to_der().map_err(|e| failed()(&e))
}

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// RFC 5652 section 3.
#[derive(Sequence)]
struct ContentInfo {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData,
}

/// RFC 5652 section 5.1.
#[derive(Sequence)]
struct SignedData {
    version: u8,
    digests: SetOfVec<Any>,
    content: EncapContentInfo,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    certificates: SetOfVec<Any>,
    signers: SetOfVec<Any>,
}

/// RFC 5652 section 5.2, without content.
#[derive(Sequence)]
struct EncapContentInfo {
    kind: ObjectIdentifier,
}
