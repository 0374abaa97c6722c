//! One CRL in DER: parsed, every accessor called, shown.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use ocscert::model::{Crl, container};

fuzz_target!(|der: &[u8]| {
    let Ok(crl) = Crl::from_der(der) else { return };
    assert_eq!(crl.der(), der);
    ocscert_fuzz::walk_name(&crl.issuer);
    ocscert_fuzz::walk_extensions(&crl.extensions);
    black_box((crl.tbs(), crl.signature(), format!("{crl:?} {:?} {:?}", crl.scope, crl.defects)));
    for entry in &crl.entries {
        black_box(format!("{entry:?}"));
    }
    ocscert_fuzz::describe(&container::read(der));
});
