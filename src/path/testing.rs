//! Certificates for the tests of this room, made by rcgen: P-256, valid from 2020 to 2040, judged in 2026.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, SigningKey,
};
use time::OffsetDateTime;
use time::macros::datetime;

use super::{Engine, Options, Pool, Search, Store};
use crate::model::{Certificate, Crl, Oid, Serial, oid};

/// The moment that tests judge for.
pub(super) const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

/// A CA that can issue.
pub(super) struct Ca {
    pub(super) certificate: Arc<Certificate>,
    params: CertificateParams,
    key: KeyPair,
}

/// Changes what a certificate would be by default.
pub(super) type Change<'a> = &'a dyn Fn(&mut CertificateParams);

pub(super) fn as_is(_: &mut CertificateParams) {}

/// A self-signed root.
pub(super) fn root(name: &str) -> Ca {
    root_with(name, &as_is)
}

pub(super) fn root_with(name: &str, change: Change<'_>) -> Ca {
    let (mut params, key) = (ca_params(name), KeyPair::generate().unwrap());
    change(&mut params);
    let certificate = parse(params.self_signed(&key).unwrap().der());
    Ca { certificate, params, key }
}

impl Ca {
    /// A CA under this one.
    pub(super) fn ca(&self, name: &str) -> Ca {
        self.ca_with(name, &as_is)
    }

    pub(super) fn ca_with(&self, name: &str, change: Change<'_>) -> Ca {
        let mut params = ca_params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = self.sign(&params, &key);
        Ca { certificate, params, key }
    }

    /// Another certificate for the name and key of `other`, from this CA.
    pub(super) fn cross(&self, other: &Ca) -> Arc<Certificate> {
        self.cross_with(other, &as_is)
    }

    pub(super) fn cross_with(&self, other: &Ca, change: Change<'_>) -> Arc<Certificate> {
        let mut params = other.params.clone();
        change(&mut params);
        self.sign(&params, &other.key)
    }

    /// An end entity: CN and SAN are `name`.
    pub(super) fn leaf(&self, name: &str) -> Arc<Certificate> {
        self.leaf_with(name, &as_is)
    }

    pub(super) fn leaf_with(&self, name: &str, change: Change<'_>) -> Arc<Certificate> {
        let mut params = params(name);
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        change(&mut params);
        self.sign(&params, &KeyPair::generate().unwrap())
    }

    /// A CRL of 2026-05 that revokes these.
    pub(super) fn crl(&self, revoked: &[&Arc<Certificate>]) -> Arc<Crl> {
        self.crl_with(revoked, &|_| {})
    }

    pub(super) fn crl_with(
        &self,
        revoked: &[&Arc<Certificate>],
        change: &dyn Fn(&mut CertificateRevocationListParams),
    ) -> Arc<Crl> {
        let entry = |certificate: &&Arc<Certificate>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&certificate.serial.0),
            revocation_time: datetime!(2026-04-01 0:00 UTC),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let mut params = CertificateRevocationListParams {
            this_update: datetime!(2026-05-01 0:00 UTC),
            next_update: datetime!(2026-07-01 0:00 UTC),
            crl_number: SerialNumber::from(7u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        let crl = params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap();
        Arc::new(Crl::from_der(&crl.der()[..]).unwrap())
    }

    /// A CRL of 2026-05 with extensions (whole, with their identifiers) and entries (serial number, entry
    /// extensions) of which rcgen knows nothing.
    pub(super) fn crl_by_hand(
        &self,
        number: u8,
        extensions: &[Vec<u8>],
        entries: &[(&Serial, Vec<Vec<u8>>)],
    ) -> Arc<Crl> {
        let algorithm = der(0x30, &[der_oid(&oid::ECDSA_WITH_SHA256)]);
        let time = |text: &str| der(0x17, &[text.as_bytes().to_vec()]);
        let entry = |(serial, extensions): &(&Serial, Vec<Vec<u8>>)| {
            let mut parts = vec![der(0x02, &[serial.0.to_vec()]), time("260401000000Z")];
            if !extensions.is_empty() {
                parts.push(der(0x30, extensions));
            }
            der(0x30, &parts)
        };
        let mut all = vec![crl_extension(&oid::CRL_NUMBER, der(0x02, &[vec![number]]))];
        all.extend_from_slice(extensions);
        let mut parts = vec![
            vec![0x02, 1, 1],
            algorithm.clone(),
            self.certificate.subject.der().to_vec(),
            time("260501000000Z"),
            time("260701000000Z"),
        ];
        if !entries.is_empty() {
            parts.push(der(0x30, &entries.iter().map(entry).collect::<Vec<_>>()));
        }
        parts.push(der(0xa0, &[der(0x30, &all)]));
        let signed = der(0x30, &parts);
        let signature = self.key.sign(&signed).unwrap();
        let crl = der(0x30, &[signed, algorithm, der(0x03, &[vec![0], signature])]);
        Arc::new(Crl::from_der(crl).unwrap())
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Arc<Certificate> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        parse(params.signed_by(key, &issuer).unwrap().der())
    }
}

pub(super) fn parse(der: &[u8]) -> Arc<Certificate> {
    Arc::new(Certificate::from_der(der).unwrap())
}

/// Searches with these candidates and anchors.
pub(super) fn search(
    leaf: &Arc<Certificate>,
    pool: &[&Arc<Certificate>],
    anchors: &[&Arc<Certificate>],
    options: &Options,
) -> Search {
    let pool: Pool = pool.iter().map(|c| (*c).clone()).collect();
    let store: Store = anchors.iter().map(|c| (*c).clone()).collect();
    Engine::new(pool).search(leaf, &store, options)
}

/// The identifiers of a search's failures, with their places.
pub(super) fn failures(search: &Search) -> Vec<(usize, &'static str)> {
    search.failures.iter().map(|failure| (failure.at, failure.reason.id())).collect()
}

/// One DER element out of parts.
pub(super) fn der(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = match content.len() {
        short @ 0..=0x7f => vec![short as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [vec![tag], length, content].concat()
}

pub(super) fn der_oid(oid: &Oid) -> Vec<u8> {
    der(0x06, &[oid.content().to_vec()])
}

/// A critical extension of a CRL or of an entry, whole.
pub(super) fn crl_extension(kind: &Oid, value: Vec<u8>) -> Vec<u8> {
    der(0x30, &[der_oid(kind), vec![0x01, 1, 0xff], der(0x04, &[value])])
}

/// An extension by its identifier and the DER of its value.
pub(super) fn extension(kind: &Oid, critical: bool, value: Vec<u8>) -> CustomExtension {
    let arcs: Vec<u64> = kind.to_string().split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut extension = CustomExtension::from_oid_content(&arcs, value);
    extension.set_criticality(critical);
    extension
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = datetime!(2020-01-01 0:00 UTC);
    params.not_after = datetime!(2040-01-01 0:00 UTC);
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}
