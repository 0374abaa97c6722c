//! One PKCS#10 request in DER: parsed, every accessor called, its signature judged, shown.
#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use ocscert::model::{Request, container};
use ocscert::path::signature;

fuzz_target!(|der: &[u8]| {
    let Ok(request) = Request::from_der(der) else { return };
    assert_eq!(request.der(), der);
    ocscert_fuzz::walk_name(&request.subject);
    ocscert_fuzz::walk_extensions(&request.extensions);
    black_box((request.info(), request.signature(), request.sha256(), format!("{request:?}")));
    black_box((signature::verify_request(&request).is_ok(), format!("{:?}", request.defects)));
    ocscert_fuzz::describe(&container::read(der));
});
