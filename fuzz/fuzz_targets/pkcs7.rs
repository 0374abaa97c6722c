//! PKCS#7 in BER or DER: taken apart; in PEM, under the label Microsoft puts on it too, the same is found in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocscert::model::container::{self, Contents, Object};

fuzz_target!(|bytes: &[u8]| {
    // Text is the business of another target.
    if bytes.first() != Some(&0x30) {
        return;
    }
    let contents = container::read(bytes);
    ocscert_fuzz::describe(&contents);
    // Several objects behind one another are no one block.
    let places = contents.items.iter().map(|item| item.place).chain(contents.problems.iter().map(|p| p.place));
    if contents.containers.len() != 1 || places.into_iter().any(|place| place.number != 1) {
        return;
    }
    // Zeros and white space behind it are what copying leaves of a file; in a block they are damage.
    let mut bytes = bytes;
    while let [rest @ .., last] = bytes
        && (*last == 0 || last.is_ascii_whitespace())
        && found(&container::read(rest)) == found(&contents)
    {
        bytes = rest;
    }
    for label in ["PKCS7", "CERTIFICATE"] {
        let again = container::read(container::pem(label, bytes).as_bytes());
        assert_eq!(found(&contents), found(&again), "{label}");
    }
});

fn found(contents: &Contents) -> Vec<&[u8]> {
    let objects = contents.items.iter().map(|item| match &item.object {
        Object::Certificate(certificate) => certificate.der(),
        Object::Crl(crl) => crl.der(),
        other => panic!("{} in a PKCS#7 file", other.kind()),
    });
    objects.collect()
}
