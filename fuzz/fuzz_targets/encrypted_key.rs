//! An encrypted private key, in DER or PEM with or without Proc-Type, the first byte says by which password: opened,
//! and what comes out is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::model::PrivateKey;
use ocscert::model::container::{self, Object};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let mut contents = container::read(bytes);
    let _ = contents.open_keys(ocscert_fuzz::password(*choice), ocscert_fuzz::LIMITS);
    for item in &contents.items {
        let Object::Key(key) = &item.object else { continue };
        let again = PrivateKey::from_der(key.pkcs8()).expect("a key's own encoding is a key");
        assert_eq!(again.pkcs8(), key.pkcs8());
    }
    ocscert_fuzz::describe(&contents);
});
