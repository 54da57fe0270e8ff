//! The heads of segments and batches read back, and the search for a later batch finds one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_fuzz::batch;
use stanchion_store_core::batch::{BatchHeader, SegmentHeader, find_later};

fuzz_target!(|input: (u64, u64, u64, &[u8], &[u8])| {
    let (salt, sequence, later, before, payload) = input;
    if let Ok(header) = SegmentHeader::decode(before) {
        assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
    }
    if let Some(header) = BatchHeader::decode(before, salt) {
        assert!(before.starts_with(&header.encode()));
        assert!(header.batch_len() > u64::from(header.payload_len));
    }
    check_search(before, salt, sequence);
    let bytes = [before, &batch(payload, later, salt), payload].concat();
    check_search(&bytes, salt, sequence);
    let found = find_later(&bytes, salt, sequence);
    if later > sequence {
        assert!(found.is_some_and(|at| at <= before.len()), "the batch at {} is missed", before.len());
    }
});

fn check_search(bytes: &[u8], salt: u64, sequence: u64) {
    if let Some(at) = find_later(bytes, salt, sequence) {
        let header = BatchHeader::decode(&bytes[at..], salt).expect("a batch begins where one was found");
        assert!(header.sequence > sequence);
    }
}
