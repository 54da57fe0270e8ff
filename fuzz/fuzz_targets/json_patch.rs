//! JSON patches of any JSON on any document: applied or refused, never too deep, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_machinery::json::decode_json;
use stanchion_machinery::patch::json::apply_json;

// The document is the first line and the patch the rest, so that seeds can be written by hand.
fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (document, patch) = input.split_at(split);
    let (Ok(document), Ok(patch)) = (decode_json(document), decode_json(patch)) else { return };
    let mut patched = document.value;
    match apply_json(&mut patched, &patch.value) {
        Ok(()) => {
            let text = patched.to_string();
            let read = decode_json(text.as_bytes()).expect("what was patched can be stored and read");
            assert_eq!(read.value.to_string(), text);
        }
        Err(error) => assert!((400..500).contains(&error.status().code), "{error}"),
    }
});
