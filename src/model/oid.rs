//! Object identifiers: a small owned type, the constants this project speaks of, and their names for people.

use std::borrow::Cow;
use std::fmt;

use der::asn1::ObjectIdentifier;

/// An object identifier, kept as its DER content bytes so that any length and arc size survives (Microsoft
/// template OIDs and UUID arcs are long).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(Cow<'static, [u8]>);

impl Oid {
    /// From the content bytes of a DER OBJECT IDENTIFIER; `None` where they are not one (empty, or an arc cut off).
    pub fn from_content(content: &[u8]) -> Option<Self> {
        match content.last() {
            Some(last) if last & 0x80 == 0 => Some(Self(Cow::Owned(content.to_vec()))),
            _ => None,
        }
    }

    /// From dotted notation (`1.3.6.1.5.5.7.3.1`); `None` where that is not an object identifier.
    pub fn parse(dotted: &str) -> Option<Self> {
        ObjectIdentifier::new(dotted).ok().map(|oid| Self(Cow::Owned(oid.as_bytes().to_vec())))
    }

    /// The DER content bytes (without tag and length).
    pub fn content(&self) -> &[u8] {
        &self.0
    }

    /// The name people know this identifier by, where there is one.
    pub fn name(&self) -> Option<&'static str> {
        NAMES.iter().find(|(oid, _)| oid == self).map(|(_, name)| *name)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // X.690 section 8.19: base-128 arcs, the first two packed into one.
        let mut arc: u128 = 0;
        let mut first = true;
        for byte in self.0.iter() {
            if arc >> 121 != 0 {
                return write!(f, ".(arc too large)");
            }
            arc = arc << 7 | u128::from(byte & 0x7f);
            if byte & 0x80 != 0 {
                continue;
            }
            if first {
                let top = (arc / 40).min(2);
                write!(f, "{top}.{}", arc - top * 40)?;
                first = false;
            } else {
                write!(f, ".{arc}")?;
            }
            arc = 0;
        }
        Ok(())
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

macro_rules! oids {
    ($($name:ident = $dotted:literal, $text:literal;)*) => {
        $(
            #[doc = concat!("`", $dotted, "` (", $text, ")")]
            pub const $name: Oid = {
                static O: ObjectIdentifier = ObjectIdentifier::new_unwrap($dotted);
                Oid(Cow::Borrowed(O.as_bytes()))
            };
        )*
        const NAMES: &[(Oid, &str)] = &[$(($name, $text)),*];
    };
}

oids! {
    // RFC 5280 section 4.2.1.12, and Microsoft's additions
    SERVER_AUTH = "1.3.6.1.5.5.7.3.1", "serverAuth";
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2", "clientAuth";
    CODE_SIGNING = "1.3.6.1.5.5.7.3.3", "codeSigning";
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4", "emailProtection";
    IPSEC_END_SYSTEM = "1.3.6.1.5.5.7.3.5", "ipsecEndSystem";
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8", "timeStamping";
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9", "OCSPSigning";
    IKE_INTERMEDIATE = "1.3.6.1.5.5.8.2.2", "ikeIntermediate";
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0", "anyExtendedKeyUsage";
    MS_SMARTCARD_LOGON = "1.3.6.1.4.1.311.20.2.2", "smartcardLogon";
    // RFC 5280 certificate and CRL extensions
    SUBJECT_KEY_IDENTIFIER = "2.5.29.14", "subjectKeyIdentifier";
    KEY_USAGE = "2.5.29.15", "keyUsage";
    SUBJECT_ALT_NAME = "2.5.29.17", "subjectAltName";
    ISSUER_ALT_NAME = "2.5.29.18", "issuerAltName";
    BASIC_CONSTRAINTS = "2.5.29.19", "basicConstraints";
    CRL_NUMBER = "2.5.29.20", "cRLNumber";
    REASON_CODE = "2.5.29.21", "reasonCode";
    INVALIDITY_DATE = "2.5.29.24", "invalidityDate";
    DELTA_CRL_INDICATOR = "2.5.29.27", "deltaCRLIndicator";
    ISSUING_DISTRIBUTION_POINT = "2.5.29.28", "issuingDistributionPoint";
    CERTIFICATE_ISSUER = "2.5.29.29", "certificateIssuer";
    NAME_CONSTRAINTS = "2.5.29.30", "nameConstraints";
    CRL_DISTRIBUTION_POINTS = "2.5.29.31", "cRLDistributionPoints";
    CERTIFICATE_POLICIES = "2.5.29.32", "certificatePolicies";
    ANY_POLICY = "2.5.29.32.0", "anyPolicy";
    // CA/Browser Forum policies of public TLS certificates
    CABF_EXTENDED_VALIDATION = "2.23.140.1.1", "extended-validation";
    CABF_DOMAIN_VALIDATED = "2.23.140.1.2.1", "domain-validated";
    CABF_ORGANIZATION_VALIDATED = "2.23.140.1.2.2", "organization-validated";
    CABF_INDIVIDUAL_VALIDATED = "2.23.140.1.2.3", "individual-validated";
    POLICY_MAPPINGS = "2.5.29.33", "policyMappings";
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35", "authorityKeyIdentifier";
    POLICY_CONSTRAINTS = "2.5.29.36", "policyConstraints";
    EXTENDED_KEY_USAGE = "2.5.29.37", "extKeyUsage";
    FRESHEST_CRL = "2.5.29.46", "freshestCRL";
    INHIBIT_ANY_POLICY = "2.5.29.54", "inhibitAnyPolicy";
    AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1", "authorityInfoAccess";
    SUBJECT_INFO_ACCESS = "1.3.6.1.5.5.7.1.11", "subjectInfoAccess";
    AD_OCSP = "1.3.6.1.5.5.7.48.1", "ocsp";
    AD_CA_ISSUERS = "1.3.6.1.5.5.7.48.2", "caIssuers";
    SCT_LIST = "1.3.6.1.4.1.11129.2.4.2", "signedCertificateTimestamps";
    // Microsoft (MS-WCCE 2.2.2.7)
    MS_TEMPLATE_NAME = "1.3.6.1.4.1.311.20.2", "Microsoft template name";
    MS_CA_VERSION = "1.3.6.1.4.1.311.21.1", "Microsoft CA version";
    MS_PREVIOUS_CA_HASH = "1.3.6.1.4.1.311.21.2", "Microsoft previous CA certificate hash";
    MS_TEMPLATE = "1.3.6.1.4.1.311.21.7", "Microsoft template";
    MS_APPLICATION_POLICIES = "1.3.6.1.4.1.311.21.10", "Microsoft application policies";
    MS_ANY_APPLICATION_POLICY = "1.3.6.1.4.1.311.10.12.1", "any application policy";
    MS_CLIENT_INFO = "1.3.6.1.4.1.311.21.20", "Microsoft client information";
    MS_OS_VERSION = "1.3.6.1.4.1.311.13.2.3", "Microsoft OS version";
    MS_ENROLLMENT_CSP = "1.3.6.1.4.1.311.13.2.2", "Microsoft enrollment CSP";
    MS_CERT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14", "Microsoft extension request";
    MS_NTDS_CA_SECURITY = "1.3.6.1.4.1.311.25.2", "Microsoft security identifier";
    // PKCS#9 attributes (RFC 2985)
    EMAIL_ADDRESS = "1.2.840.113549.1.9.1", "emailAddress";
    CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7", "challengePassword";
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14", "extensionRequest";
    FRIENDLY_NAME = "1.2.840.113549.1.9.20", "friendlyName";
    LOCAL_KEY_ID = "1.2.840.113549.1.9.21", "localKeyID";
    // attributes of bags in a PFX: Microsoft's, Oracle's
    MS_CSP_NAME = "1.3.6.1.4.1.311.17.1", "Microsoft CSP name";
    MS_LOCAL_MACHINE_KEY_SET = "1.3.6.1.4.1.311.17.2", "Microsoft local machine key set";
    MS_KEY_IDENTIFIER = "1.3.6.1.4.1.311.10.11.20", "Microsoft key identifier";
    ORACLE_TRUSTED_KEY_USAGE = "2.16.840.1.113894.746875.1.1", "Java trusted key usage";
    // PKCS#7 contents (RFC 5652, RFC 3370) and Netscape's list of certificates
    DATA = "1.2.840.113549.1.7.1", "data";
    SIGNED_DATA = "1.2.840.113549.1.7.2", "signedData";
    ENVELOPED_DATA = "1.2.840.113549.1.7.3", "envelopedData";
    SIGNED_AND_ENVELOPED_DATA = "1.2.840.113549.1.7.4", "signedAndEnvelopedData";
    DIGESTED_DATA = "1.2.840.113549.1.7.5", "digestedData";
    ENCRYPTED_DATA = "1.2.840.113549.1.7.6", "encryptedData";
    AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23", "authEnvelopedData";
    NETSCAPE_CERTIFICATES = "2.16.840.1.113730.2.5", "Netscape certificate sequence";
    // bags of a PFX (RFC 7292 section 4.2) and what is in them
    KEY_BAG = "1.2.840.113549.1.12.10.1.1", "keyBag";
    SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2", "pkcs8ShroudedKeyBag";
    CERT_BAG = "1.2.840.113549.1.12.10.1.3", "certBag";
    CRL_BAG = "1.2.840.113549.1.12.10.1.4", "crlBag";
    SECRET_BAG = "1.2.840.113549.1.12.10.1.5", "secretBag";
    SAFE_CONTENTS_BAG = "1.2.840.113549.1.12.10.1.6", "safeContentsBag";
    X509_CERTIFICATE = "1.2.840.113549.1.9.22.1", "x509Certificate";
    X509_CRL = "1.2.840.113549.1.9.23.1", "x509CRL";
    // encryption with passwords (RFC 8018, RFC 7292 appendix C, RFC 7914, RFC 9579)
    PBE_MD2_DES = "1.2.840.113549.1.5.1", "pbeWithMD2AndDES-CBC";
    PBE_MD5_DES = "1.2.840.113549.1.5.3", "pbeWithMD5AndDES-CBC";
    PBE_MD2_RC2 = "1.2.840.113549.1.5.4", "pbeWithMD2AndRC2-CBC";
    PBE_MD5_RC2 = "1.2.840.113549.1.5.6", "pbeWithMD5AndRC2-CBC";
    PBE_SHA1_DES = "1.2.840.113549.1.5.10", "pbeWithSHA1AndDES-CBC";
    PBE_SHA1_RC2 = "1.2.840.113549.1.5.11", "pbeWithSHA1AndRC2-CBC";
    PBKDF2 = "1.2.840.113549.1.5.12", "PBKDF2";
    PBES2 = "1.2.840.113549.1.5.13", "PBES2";
    PBMAC1 = "1.2.840.113549.1.5.14", "PBMAC1";
    PBE_RC4_128 = "1.2.840.113549.1.12.1.1", "pbeWithSHAAnd128BitRC4";
    PBE_RC4_40 = "1.2.840.113549.1.12.1.2", "pbeWithSHAAnd40BitRC4";
    PBE_3DES = "1.2.840.113549.1.12.1.3", "pbeWithSHAAnd3-KeyTripleDES-CBC";
    PBE_2DES = "1.2.840.113549.1.12.1.4", "pbeWithSHAAnd2-KeyTripleDES-CBC";
    PBE_RC2_128 = "1.2.840.113549.1.12.1.5", "pbeWithSHAAnd128BitRC2-CBC";
    PBE_RC2_40 = "1.2.840.113549.1.12.1.6", "pbewithSHAAnd40BitRC2-CBC";
    SCRYPT = "1.3.6.1.4.1.11591.4.11", "scrypt";
    HMAC_SHA1 = "1.2.840.113549.2.7", "HMAC-SHA-1";
    HMAC_SHA224 = "1.2.840.113549.2.8", "HMAC-SHA-224";
    HMAC_SHA256 = "1.2.840.113549.2.9", "HMAC-SHA-256";
    HMAC_SHA384 = "1.2.840.113549.2.10", "HMAC-SHA-384";
    HMAC_SHA512 = "1.2.840.113549.2.11", "HMAC-SHA-512";
    HMAC_SHA512_224 = "1.2.840.113549.2.12", "HMAC-SHA-512/224";
    HMAC_SHA512_256 = "1.2.840.113549.2.13", "HMAC-SHA-512/256";
    DES_CBC = "1.3.14.3.2.7", "DES-CBC";
    RC2_CBC = "1.2.840.113549.3.2", "RC2-CBC";
    DES_EDE3_CBC = "1.2.840.113549.3.7", "DES-EDE3-CBC";
    AES_128_CBC = "2.16.840.1.101.3.4.1.2", "AES-128-CBC";
    AES_192_CBC = "2.16.840.1.101.3.4.1.22", "AES-192-CBC";
    AES_256_CBC = "2.16.840.1.101.3.4.1.42", "AES-256-CBC";
    AES_128_GCM = "2.16.840.1.101.3.4.1.6", "AES-128-GCM";
    AES_256_GCM = "2.16.840.1.101.3.4.1.46", "AES-256-GCM";
    CAMELLIA_128_CBC = "1.2.392.200011.61.1.1.1.2", "Camellia-128-CBC";
    CAMELLIA_192_CBC = "1.2.392.200011.61.1.1.1.3", "Camellia-192-CBC";
    CAMELLIA_256_CBC = "1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC";
    GOST_28147_89 = "1.2.643.2.2.21", "GOST 28147-89";
    // X.520 attribute types (RFC 4519 section 2)
    COMMON_NAME = "2.5.4.3", "CN";
    SURNAME = "2.5.4.4", "SN";
    SERIAL_NUMBER = "2.5.4.5", "serialNumber";
    COUNTRY = "2.5.4.6", "C";
    LOCALITY = "2.5.4.7", "L";
    STATE = "2.5.4.8", "ST";
    STREET = "2.5.4.9", "STREET";
    ORGANIZATION = "2.5.4.10", "O";
    ORGANIZATIONAL_UNIT = "2.5.4.11", "OU";
    TITLE = "2.5.4.12", "title";
    GIVEN_NAME = "2.5.4.42", "GN";
    DN_QUALIFIER = "2.5.4.46", "dnQualifier";
    DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25", "DC";
    USER_ID = "0.9.2342.19200300.100.1.1", "UID";
    // public keys and signatures (RFC 3279, 4055, 5480, 5758, 8410)
    RSA_ENCRYPTION = "1.2.840.113549.1.1.1", "rsaEncryption";
    RSASSA_PSS = "1.2.840.113549.1.1.10", "RSASSA-PSS";
    MGF1 = "1.2.840.113549.1.1.8", "MGF1";
    MD2_WITH_RSA = "1.2.840.113549.1.1.2", "md2WithRSAEncryption";
    MD5_WITH_RSA = "1.2.840.113549.1.1.4", "md5WithRSAEncryption";
    SHA1_WITH_RSA = "1.2.840.113549.1.1.5", "sha1WithRSAEncryption";
    SHA1_WITH_RSA_OIW = "1.3.14.3.2.29", "sha1WithRSA (OIW)";
    SHA224_WITH_RSA = "1.2.840.113549.1.1.14", "sha224WithRSAEncryption";
    SHA256_WITH_RSA = "1.2.840.113549.1.1.11", "sha256WithRSAEncryption";
    SHA384_WITH_RSA = "1.2.840.113549.1.1.12", "sha384WithRSAEncryption";
    SHA512_WITH_RSA = "1.2.840.113549.1.1.13", "sha512WithRSAEncryption";
    EC_PUBLIC_KEY = "1.2.840.10045.2.1", "ecPublicKey";
    ECDSA_WITH_SHA1 = "1.2.840.10045.4.1", "ecdsa-with-SHA1";
    ECDSA_WITH_SHA224 = "1.2.840.10045.4.3.1", "ecdsa-with-SHA224";
    ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2", "ecdsa-with-SHA256";
    ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3", "ecdsa-with-SHA384";
    ECDSA_WITH_SHA512 = "1.2.840.10045.4.3.4", "ecdsa-with-SHA512";
    P256 = "1.2.840.10045.3.1.7", "P-256";
    P384 = "1.3.132.0.34", "P-384";
    P521 = "1.3.132.0.35", "P-521";
    DSA = "1.2.840.10040.4.1", "DSA";
    DSA_WITH_SHA1 = "1.2.840.10040.4.3", "dsa-with-sha1";
    DSA_WITH_SHA224 = "2.16.840.1.101.3.4.3.1", "dsa-with-sha224";
    DSA_WITH_SHA256 = "2.16.840.1.101.3.4.3.2", "dsa-with-sha256";
    ED25519 = "1.3.101.112", "Ed25519";
    ED448 = "1.3.101.113", "Ed448";
    SHA1 = "1.3.14.3.2.26", "SHA-1";
    SHA224 = "2.16.840.1.101.3.4.2.4", "SHA-224";
    SHA256 = "2.16.840.1.101.3.4.2.1", "SHA-256";
    SHA384 = "2.16.840.1.101.3.4.2.2", "SHA-384";
    SHA512 = "2.16.840.1.101.3.4.2.3", "SHA-512";
    SHA512_224 = "2.16.840.1.101.3.4.2.5", "SHA-512/224";
    SHA512_256 = "2.16.840.1.101.3.4.2.6", "SHA-512/256";
    MD5 = "1.2.840.113549.2.5", "MD5";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_notation_round_trips() {
        for dotted in ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0", "0.9.2342.19200300.100.1.25"] {
            assert_eq!(Oid::parse(dotted).unwrap().to_string(), dotted);
        }
        assert_eq!(Oid::parse("1.3.6.1.5.5.7.3.2").unwrap(), CLIENT_AUTH);
        assert_eq!(CLIENT_AUTH.name(), Some("clientAuth"));
    }

    #[test]
    fn content_that_is_cut_off_is_refused_and_huge_arcs_are_said() {
        assert!(Oid::from_content(&[]).is_none());
        assert!(Oid::from_content(&[0x2a, 0x86]).is_none());
        let huge = [[0x2a].as_slice(), &[0xff; 40], &[0x01]].concat();
        assert!(Oid::from_content(&huge).unwrap().to_string().contains("too large"));
    }
}
