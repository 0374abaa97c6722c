//! A PFX file, the first byte says by which password: seen closed, opened, and opened again with the same result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::model::container::{self, Object};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let password = ocscert_fuzz::password(*choice);
    for item in &container::read(bytes).items {
        let Object::Pfx(pfx) = &item.object else { continue };
        let _ = (pfx.needs_password(), format!("{pfx:?}"));
        let opened = [(); 2].map(|()| pfx.open(password, ocscert_fuzz::LIMITS));
        let [Ok(one), Ok(other)] = opened else { continue };
        assert_eq!((one.objects.len(), one.problems), (other.objects.len(), other.problems));
    }
    let mut contents = container::read(bytes);
    let _ = contents.open_pfx(password, ocscert_fuzz::LIMITS);
    ocscert_fuzz::describe(&contents);
});
