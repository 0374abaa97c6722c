//! Two names in DER, the first byte says where the second begins: compared (RFC 5280 section 7.1).
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::model::Name;

fuzz_target!(|bytes: &[u8]| {
    let Some((at, rest)) = bytes.split_first() else { return };
    let Some((one, other)) = rest.split_at_checked(usize::from(*at)) else { return };
    let names = [one, other].map(|der| Name::from_der(der).ok());
    for name in names.iter().flatten() {
        ocscert_fuzz::walk_name(name);
    }
    let [Some(one), Some(other)] = names else { return };
    assert_eq!(one == other, other == one, "only one of two names equals the other");
    assert_eq!(one == other, one.normalized() == other.normalized());
    // Within each other, and only then, they are the same.
    assert_eq!(one == other, one.is_within(&other) && other.is_within(&one));
});
