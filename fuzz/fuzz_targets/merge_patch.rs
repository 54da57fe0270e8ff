//! Merge patches of any JSON on any document: a second time changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_machinery::json::decode_json;
use stanchion_machinery::patch::merge::apply_merge;

// The document is the first line and the patch the rest, so that seeds can be written by hand.
fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (document, patch) = input.split_at(split);
    let (Ok(document), Ok(patch)) = (decode_json(document), decode_json(patch)) else { return };
    let mut once = document.value;
    apply_merge(&mut once, patch.value.clone());
    let mut twice = once.clone();
    apply_merge(&mut twice, patch.value);
    assert_eq!(once, twice);
});
