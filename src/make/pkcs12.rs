//! PFX files (PKCS#12, RFC 7292): a key with its whole chain, closed with a password, in the form that its
//! destination imports the first time. Written by hand because Windows wants what no library writes: the key's
//! provider, its KeySpec, and the machine key set. Salts come from the caller, so that the same input gives the
//! same bytes.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use der::asn1::{Any, BmpString, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode, Encode, Sequence, ValueOrd};
use p12_keystore::Pkcs12Archive;
use pkcs8::pkcs5::{EncryptionScheme, pbes2};
use zeroize::Zeroizing;

use super::key::ITERATIONS;
use super::{Error, Result};
use crate::model::container::{Digest, Purpose};
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
    /// True where OCS of that time is to use the key: RSA only.
    pub rsa_only: bool,
    cipher: Cipher,
    mac: Digest,
    iterations: u32,
}

#[derive(Debug, Clone, Copy)]
enum Cipher {
    /// pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292 appendix C).
    TripleDes,
    /// PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018).
    Aes256,
}

/// What Windows itself writes with 3DES.
const WINDOWS_ITERATIONS: u32 = 2000;

const OLD: Target = Target {
    name: "windows2003",
    reads: "Windows Server 2003 to 2025, every Windows since XP",
    refuses: "systems in FIPS mode (they refuse 3DES with a SHA-1 MAC)",
    rsa_only: true,
    cipher: Cipher::TripleDes,
    mac: Digest::Sha1,
    iterations: WINDOWS_ITERATIONS,
};

/// The destinations.
pub const TARGETS: &[Target] = &[
    OLD,
    Target { name: "windows2016", ..OLD },
    Target {
        name: "modern",
        reads: "Windows Server 2019 and later, Windows 10 from 1709, OpenSSL, Java, GnuTLS, NSS",
        refuses: "Windows Server 2016 and older (they want 3DES and a SHA-1 MAC: --for windows2003)",
        rsa_only: false,
        cipher: Cipher::Aes256,
        mac: Digest::Sha256,
        iterations: ITERATIONS,
    },
];

/// The destination of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The provider that Schannel uses for machine certificates.
pub const SCHANNEL_CSP: &str = "Microsoft RSA SChannel Cryptographic Provider";

/// What goes into a PFX.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The key.
    pub key: &'a PrivateKey,
    /// The certificate of the key first, then its issuers in order.
    pub chain: &'a [&'a Certificate],
    /// The name that Windows shows.
    pub friendly_name: &'a str,
    /// The CryptoAPI provider that Windows puts the key into.
    pub csp: &'a str,
}

/// Makes the file. `salt` fills what it is given with random bytes, in the same order each time. Before the file
/// leaves, a reader that is not ours finds in it what went into it.
///
/// # Errors
/// There is no certificate; the password has characters that no reader takes; a library refuses what it is given.
pub fn write(
    contents: &Contents<'_>,
    target: &Target,
    password: &str,
    salt: &mut dyn FnMut(&mut [u8]) -> Result<()>,
) -> Result<Zeroizing<Vec<u8>>> {
    if password.chars().any(|c| c > '\u{ffff}') {
        // RFC 7292 appendix B.1
        return Err(failed("its password must do without characters beyond U+FFFF, such as emoji"));
    }
    let safes = safes(contents, target, password, salt)?;
    let safes = safes.to_der().map_err(failed)?;
    let mut mac_salt = [0; 8];
    salt(&mut mac_salt)?;
    // RFC 7292 section 5.1, step 3
    let size = target.mac.size();
    let key = target.mac.pkcs12_key(Purpose::Mac, password, &mac_salt, target.iterations, size);
    let digest = octets(&target.mac.hmac(&key, &safes))?;
    let algorithm = Algorithm {
        kind: ObjectIdentifier::from_bytes(target.mac.oid().content()).map_err(failed)?,
        parameters: Any::null(),
    };
    let pfx = Pfx {
        version: 3,
        auth_safe: data(safes)?,
        mac: MacData {
            digest: DigestInfo { algorithm, digest },
            salt: octets(&mac_salt)?,
            iterations: target.iterations,
        },
    };
    let bytes = Zeroizing::new(pfx.to_der().map_err(failed)?);
    read_back(&bytes, contents, password)?;
    Ok(bytes)
}

/// p12-keystore's reader shares no line with the writer above.
fn read_back(pfx: &[u8], contents: &Contents<'_>, password: &str) -> Result<()> {
    let read = Pkcs12Archive::from_pkcs12(pfx, password).map_err(failed)?;
    let chain = read.certs.iter().map(|bag| bag.cert.as_der()).eq(contents.chain.iter().map(|c| c.der()));
    let key = |der: &[u8]| PrivateKey::from_der(der).is_ok_and(|key| key.public() == contents.key.public());
    match &read.keys[..] {
        [bag] if chain && key(bag.key.as_der()) => Ok(()),
        _ => Err(failed("it does not read back as what went into it")),
    }
}

/// The certificates, encrypted as a whole, and the key, in its shrouded bag: as openssl and Windows do it.
fn safes(
    contents: &Contents<'_>,
    target: &Target,
    password: &str,
    salt: &mut dyn FnMut(&mut [u8]) -> Result<()>,
) -> Result<Vec<ContentInfo>> {
    let Some(leaf) = contents.chain.first() else { return Err(failed("there is no certificate")) };
    // SHA-1 of the certificate ties key and certificate together, as openssl does it.
    let key_id = attribute(LOCAL_KEY_ID, &octets(&leaf.sha1())?)?;
    let name = attribute(
        FRIENDLY_NAME,
        &BmpString::from_utf8(&within_bmp(contents.friendly_name)).map_err(failed)?,
    )?;

    let mut certificates = Vec::new();
    for (i, certificate) in contents.chain.iter().enumerate() {
        let bag = CertBag { kind: X509_CERTIFICATE, value: octets(certificate.der())? };
        let attributes = if i == 0 { vec![name.clone(), key_id.clone()] } else { Vec::new() };
        certificates.push(safe_bag(CERT_BAG, Any::encode_from(&bag).map_err(failed)?, attributes)?);
    }
    let plain = certificates.to_der().map_err(failed)?;
    let (algorithm, bytes) = encrypt(target, password, &plain, salt)?;
    let encrypted = EncryptedData {
        version: 0,
        info: EncryptedContentInfo { kind: DATA, algorithm, content: octets(&bytes)? },
    };
    let certificates =
        ContentInfo { kind: ENCRYPTED_DATA, content: Any::encode_from(&encrypted).map_err(failed)? };

    let key = with_key_spec(contents.key)?;
    let (algorithm, bytes) = encrypt(target, password, &key, salt)?;
    let shrouded = EncryptedKey { algorithm, key: octets(&bytes)? };
    let csp = attribute(MS_CSP_NAME, &BmpString::from_utf8(contents.csp).map_err(failed)?)?;
    let machine = Attribute { kind: MS_LOCAL_MACHINE_KEY_SET, values: SetOfVec::new() };
    let attributes = vec![name, key_id, csp, machine];
    let bag = safe_bag(SHROUDED_KEY_BAG, Any::encode_from(&shrouded).map_err(failed)?, attributes)?;
    let keys = data(vec![bag].to_der().map_err(failed)?)?;
    Ok(vec![certificates, keys])
}

/// The PKCS#8 key with its KeySpec: AT_KEYEXCHANGE, told as a keyUsage attribute (openssl's `-keyex` does the
/// same). Without it Windows takes the key for a signing key and Schannel cannot use it.
fn with_key_spec(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>> {
    let mut info = KeyInfo::from_der(key.pkcs8()).map_err(failed)?;
    // keyUsage, BIT STRING with dataEncipherment alone: X509_KEYUSAGE for "exchange".
    let usage = Any::from_der(&[0x03, 0x02, 0x04, 0x10]).map_err(failed)?;
    let attribute = Attribute { kind: KEY_USAGE, values: set(usage)? };
    info.attributes = Some(SetOfVec::try_from(vec![attribute]).map_err(failed)?);
    Ok(Zeroizing::new(info.to_der().map_err(failed)?))
}

fn encrypt(
    target: &Target,
    password: &str,
    plain: &[u8],
    salt: &mut dyn FnMut(&mut [u8]) -> Result<()>,
) -> Result<(Any, Vec<u8>)> {
    match target.cipher {
        Cipher::TripleDes => {
            let mut bytes = [0; 8];
            salt(&mut bytes)?;
            let derive = |purpose, length| {
                Digest::Sha1.pkcs12_key(purpose, password, &bytes, target.iterations, length)
            };
            let (key, iv) = (derive(Purpose::Key, 24), derive(Purpose::Iv, 8));
            let cipher = cbc::Encryptor::<des::TdesEde3>::new_from_slices(&key, &iv).map_err(failed)?;
            let parameters = PbeParameters { salt: octets(&bytes)?, iterations: target.iterations };
            let algorithm =
                Algorithm { kind: PBE_SHA1_3DES, parameters: Any::encode_from(&parameters).map_err(failed)? };
            let algorithm = Any::encode_from(&algorithm).map_err(failed)?;
            Ok((algorithm, cipher.encrypt_padded_vec::<Pkcs7>(plain)))
        }
        Cipher::Aes256 => {
            let (mut bytes, mut iv) = ([0; 16], [0; 16]);
            salt(&mut bytes)?;
            salt(&mut iv)?;
            let parameters =
                pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(target.iterations, &bytes, iv)
                    .map_err(failed)?;
            let scheme = EncryptionScheme::from(parameters);
            let encrypted = scheme.encrypt(password, plain).map_err(failed)?;
            Ok((Any::from_der(&scheme.to_der().map_err(failed)?).map_err(failed)?, encrypted))
        }
    }
}

/// BMPString ends at U+FFFF: an emoji in a name is shown as one that cannot be.
fn within_bmp(text: &str) -> String {
    text.chars().map(|c| if c < '\u{ffff}' { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::library("the PFX file could not be made")(&e)
}

fn octets(bytes: &[u8]) -> Result<OctetString> {
    OctetString::new(bytes).map_err(failed)
}

fn set(value: Any) -> Result<SetOfVec<Any>> {
    SetOfVec::try_from(vec![value]).map_err(failed)
}

fn attribute(kind: ObjectIdentifier, value: &impl Encode) -> Result<Attribute> {
    let value = Any::from_der(&value.to_der().map_err(failed)?).map_err(failed)?;
    Ok(Attribute { kind, values: set(value)? })
}

fn safe_bag(kind: ObjectIdentifier, value: Any, attributes: Vec<Attribute>) -> Result<SafeBag> {
    let attributes = match attributes.is_empty() {
        true => None,
        false => Some(SetOfVec::try_from(attributes).map_err(failed)?),
    };
    Ok(SafeBag { kind, value, attributes })
}

/// ContentInfo of type data around an encoding.
fn data(der: Vec<u8>) -> Result<ContentInfo> {
    Ok(ContentInfo { kind: DATA, content: Any::encode_from(&octets(&der)?).map_err(failed)? })
}

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const PBE_SHA1_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const MS_CSP_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.17.1");
const MS_LOCAL_MACHINE_KEY_SET: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.17.2");

/// RFC 7292 section 4.
#[derive(Sequence)]
struct Pfx {
    version: u8,
    auth_safe: ContentInfo,
    mac: MacData,
}

/// RFC 5652 section 3.
#[derive(Sequence)]
struct ContentInfo {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: Any,
}

/// RFC 5652 section 8.
#[derive(Sequence)]
struct EncryptedData {
    version: u8,
    info: EncryptedContentInfo,
}

/// RFC 5652 section 6.1.
#[derive(Sequence)]
struct EncryptedContentInfo {
    kind: ObjectIdentifier,
    algorithm: Any,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    content: OctetString,
}

/// RFC 7292 section 4.2.
#[derive(Sequence)]
struct SafeBag {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: Any,
    #[asn1(optional = "true")]
    attributes: Option<SetOfVec<Attribute>>,
}

/// RFC 7292 section 4.2.3.
#[derive(Sequence)]
struct CertBag {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    value: OctetString,
}

/// RFC 2986 section 4.1.
#[derive(Sequence, ValueOrd, Clone, PartialEq, Eq)]
struct Attribute {
    kind: ObjectIdentifier,
    values: SetOfVec<Any>,
}

/// RFC 5958 section 3.
#[derive(Sequence)]
struct EncryptedKey {
    algorithm: Any,
    key: OctetString,
}

/// RFC 5208 section 5.
#[derive(Sequence)]
struct KeyInfo {
    version: u8,
    algorithm: Any,
    key: OctetString,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<SetOfVec<Attribute>>,
}

/// RFC 5280 section 4.1.1.2.
#[derive(Sequence)]
struct Algorithm {
    kind: ObjectIdentifier,
    parameters: Any,
}

/// RFC 7292 appendix C.
#[derive(Sequence)]
struct PbeParameters {
    salt: OctetString,
    iterations: u32,
}

/// RFC 7292 section 4.
#[derive(Sequence)]
struct MacData {
    digest: DigestInfo,
    salt: OctetString,
    iterations: u32,
}

/// RFC 8017 section 9.2.
#[derive(Sequence)]
struct DigestInfo {
    algorithm: Algorithm,
    digest: OctetString,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::key::{KeyType, generate};

    /// Salts that count: the same each time.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<()> {
        let mut next = 0u8;
        move |bytes| {
            bytes.iter_mut().for_each(|byte| {
                *byte = next;
                next = next.wrapping_add(1);
            });
            Ok(())
        }
    }

    fn certificate(key: &PrivateKey) -> Certificate {
        let der = rustls_pki_types::PrivatePkcs8KeyDer::from(key.pkcs8());
        let pair =
            rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let parameters = rcgen::CertificateParams::new(["ocs1.foo.com".to_string()]).unwrap();
        Certificate::from_der(parameters.self_signed(&pair).unwrap().der().to_vec()).unwrap()
    }

    /// Another library reads the key, the certificate and the name out of every row, and the same input gives
    /// the same bytes.
    #[test]
    fn every_row_reads_back_and_is_deterministic() {
        let key = generate(KeyType::P256).unwrap();
        let certificate = certificate(&key);
        let chain = [&certificate];
        let contents =
            Contents { key: &key, chain: &chain, friendly_name: "フロントエンド", csp: SCHANNEL_CSP };
        for target in TARGETS {
            let bytes = write(&contents, target, "pässwort", &mut counting()).unwrap();
            let again = write(&contents, target, "pässwort", &mut counting()).unwrap();
            assert_eq!(*bytes, *again, "{}", target.name);
            let read = Pkcs12Archive::from_pkcs12(&bytes, "pässwort").unwrap();
            assert_eq!(read.certs[0].cert.as_der(), certificate.der());
            assert_eq!(read.certs[0].local_key_id.as_deref(), Some(&certificate.sha1()[..]));
            assert_eq!(read.keys[0].friendly_name.as_deref(), Some("フロントエンド"));
            let tail = &read.keys[0].key.as_der()[read.keys[0].key.as_der().len() - 15..];
            assert_eq!(crate::text::hex(tail), "a00d300b0603551d0f310403020410", "KeySpec AT_KEYEXCHANGE");
            assert!(Pkcs12Archive::from_pkcs12(&bytes, "passwort").is_err());
        }
    }
}
