//! Bytes are a record or they are not; what is one encodes to the same bytes.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stanchion_fuzz::framed;
use stanchion_store_core::Record;

fuzz_target!(|input: &[u8]| {
    check(input);
    // Arbitrary bytes hardly ever have the right checksum, so they are tried as a record's body too.
    check(&framed(input));
});

fn check(input: &[u8]) {
    let mut rest = Bytes::copy_from_slice(input);
    let mut encoded = Vec::new();
    while let Ok(record) = Record::decode(&mut rest) {
        record.encode(&mut encoded);
    }
    assert!(input.starts_with(&encoded), "{input:02x?} encodes to {encoded:02x?}");
}
