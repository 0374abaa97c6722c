//! One certificate in DER: parsed, every accessor called, shown.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use ocscert::model::{Certificate, container};

fuzz_target!(|der: &[u8]| {
    let Ok(certificate) = Certificate::from_der(der) else { return };
    assert_eq!(certificate.der(), der);
    ocscert_fuzz::walk_name(&certificate.subject);
    ocscert_fuzz::walk_name(&certificate.issuer);
    let c = &certificate;
    black_box((c.tbs(), c.signature(), c.sha1(), c.sha256(), c.is_ca(), c.is_self_issued(), c.extensions.template()));
    black_box((c.subject_key_id(), c.authority_key_id(), c.ca_issuers().count(), format!("{c:?}")));
    black_box((c.serial.significant(), c.serial.reversed(), c.serial.to_string(), c.serial.is_not_positive()));
    black_box((c.validity.contains(ocscert_fuzz::now()), c.validity.days_left(ocscert_fuzz::now())));
    black_box((c.public_key.key_identifier(), c.public_key.fingerprint(), c.public_key.algorithm.to_string()));
    black_box((c.signature_algorithm.hash(), c.signature_algorithm.to_string(), format!("{:?}", c.defects)));
    for name in ocscert_fuzz::walk_extensions(&c.extensions) {
        assert!(name.matches(c, true).is_match(), "{name} stands in it and does not match");
    }
    // The certificate as a file of its own.
    ocscert_fuzz::describe(&container::read(der));
});
