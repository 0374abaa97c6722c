//! What a DER element is, told by its outline: labels and names of files are hints at best.

use crate::model::{asn1, oid};

/// What a DER element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    Crl,
    Key,
    EncryptedKey,
    PublicKey,
    Pkcs7,
    Pfx,
}

impl Kind {
    /// By the tags of its parts.
    pub(super) fn sniff(der: &[u8]) -> Option<Self> {
        let parts = asn1::sequence(der)?;
        let tags: Vec<u8> = parts.iter().map(|(tag, _)| *tag).collect();
        match tags.as_slice() {
            [0x30, 0x30, 0x03] => Self::sniff_signed(parts[0].1),
            [0x02, 0x30, 0x30] | [0x02, 0x30] if parts[0].1 == [3] => Some(Self::Pfx),
            [0x02, 0x30, 0x04, ..] | [0x02, 0x04, ..] | [0x02, 0x02, 0x02, 0x02, ..] => Some(Self::Key),
            [0x30, 0x04] if is_password_based(parts[0].1) => Some(Self::EncryptedKey),
            [0x30, 0x03] => Some(Self::PublicKey),
            [0x06, 0xa0] if parts[0].1 == oid::SIGNED_DATA.content() => Some(Self::Pkcs7),
            _ => None,
        }
    }

    /// What is signed: TBSCertificate, CertificationRequestInfo or TBSCertList.
    fn sniff_signed(mut content: &[u8]) -> Option<Self> {
        let mut tags = Vec::new();
        while let (Some((tag, _, rest)), true) = (asn1::read(content), tags.len() < 5) {
            tags.push(tag);
            content = rest;
        }
        match tags.as_slice() {
            [0xa0, 0x02, 0x30, ..] | [0x02, 0x30, 0x30, 0x30, ..] => Some(Self::Certificate),
            [0x02, 0x30, 0x30, 0x17 | 0x18, ..] | [0x30, 0x30, 0x17 | 0x18, ..] => Some(Self::Crl),
            [0x02, 0x30, 0x30] | [0x02, 0x30, 0x30, 0xa0, ..] => Some(Self::Request),
            _ => None,
        }
    }
}

/// An AlgorithmIdentifier of PKCS#5 or PKCS#12: a digest of something has the outline of an encrypted key.
fn is_password_based(algorithm: &[u8]) -> bool {
    const PKCS5: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05";
    const PKCS12_PBE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
    matches!(asn1::read(algorithm), Some((0x06, kind, _)) if kind.starts_with(PKCS5) || kind.starts_with(PKCS12_PBE))
}
