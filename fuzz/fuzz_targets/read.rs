//! Any file: told apart, taken apart, described; and what was found is found again in the PEM that we write of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::make::chain;
use ocscert::model::container::{self, Sourced};

fuzz_target!(|bytes: &[u8]| {
    let contents = container::read(bytes);
    assert!(!contents.items.is_empty() || !contents.problems.is_empty(), "nothing was found, and nothing said");
    ocscert_fuzz::describe(&contents);
    let _ = contents.summary();
    let heap: Vec<_> = contents
        .certificates()
        .map(|certificate| Sourced { value: certificate.clone(), source: "fuzz".to_string() })
        .collect();
    for Sourced { value, .. } in &heap {
        let again = container::read(container::pem("CERTIFICATE", value.der()).as_bytes());
        assert!(again.certificates().eq([value]), "a certificate is lost in our own PEM");
    }
    // More are sorted no differently, only slower: every pair of names that match costs a signature check.
    if heap.len() <= 8 {
        let _ = chain::order(heap);
    }
});
