//! A journal: what can be read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::model::request_state::Document;

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes) else { return };
    for entry in &document.requests {
        let _ = entry.request_id();
    }
    let json = document.to_json().expect("what was read can be written");
    assert_eq!(Document::parse(&json).as_ref(), Ok(&document), "{}", String::from_utf8_lossy(&json));
});
