//! PFX files (PKCS#12, RFC 7292): a key with its whole chain, closed with a password, in the form that its
//! destination can read.

use p12_keystore::{
    Certificate as BagCertificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm,
    PrivateKey as BagKey, PrivateKeyChain,
};
use zeroize::Zeroizing;

use super::key::ITERATIONS;
use super::{Error, Result};
use crate::model::{Certificate, PrivateKey};

/// What a destination can read: one row a destination.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Which systems take such a file, for people.
    pub reads: &'static str,
    /// Which do not.
    pub refuses: &'static str,
    encryption: EncryptionAlgorithm,
    mac: MacAlgorithm,
    iterations: u32,
}

/// The destinations.
pub const TARGETS: &[Target] = &[Target {
    name: "modern",
    reads: "Windows Server 2019 and 2022, Windows 10 from 1709, OpenSSL, Java, GnuTLS, NSS",
    refuses: "Windows Server 2016 and older (they want 3DES and a SHA-1 MAC)",
    encryption: EncryptionAlgorithm::PbeWithHmacSha256AndAes256,
    mac: MacAlgorithm::HmacSha256,
    iterations: ITERATIONS,
}];

/// What goes into a PFX.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The key.
    pub key: &'a PrivateKey,
    /// The certificate of the key first, then its issuers in order.
    pub chain: &'a [&'a Certificate],
    /// The name that Windows shows.
    pub friendly_name: &'a str,
}

/// Makes the file.
///
/// # Errors
/// The library refuses a certificate or the key.
pub fn write(contents: &Contents<'_>, target: &Target, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    let failed = || Error::library("the PFX file could not be made");
    let leaf = contents.chain.first().ok_or_else(|| failed()(&"there is no certificate"))?;
    let key = BagKey::from_der(contents.key.pkcs8()).map_err(|e| failed()(&e))?;
    let chain = contents
        .chain
        .iter()
        .map(|c| BagCertificate::from_der(c.der()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|e| failed()(&e))?;
    let mut store = KeyStore::new();
    // SHA-1 of the certificate ties the key to it, as openssl does it.
    let chain = PrivateKeyChain::new(leaf.sha1().as_slice(), key, chain);
    store.add_entry(contents.friendly_name, KeyStoreEntry::PrivateKeyChain(chain));
    let bytes = store
        .writer(password)
        .encryption_algorithm(target.encryption)
        .encryption_iterations(target.iterations)
        .mac_algorithm(target.mac)
        .mac_iterations(target.iterations)
        .write()
        .map_err(|e| failed()(&e))?;
    Ok(Zeroizing::new(bytes))
}
