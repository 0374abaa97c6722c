//! A federation file: read, or every fault told with its place.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(faults) = ocscert::federation::read(text, Path::new("/federation")) {
        assert!(!faults.0.is_empty(), "refused for no reason");
        let _ = faults.to_string();
    }
});
