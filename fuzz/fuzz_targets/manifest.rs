//! A manifest reads or it does not; with a checksum that fits, its content gets looked at.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_fuzz::crc32c;
use stanchion_store::log::Manifest;

fuzz_target!(|input: &[u8]| {
    check(input);
    let line: Vec<u8> = input.iter().copied().filter(|byte| *byte != b'\n').collect();
    let crc = crc32c(&line);
    check(&[&line, format!("\n{crc:08x}\n").as_bytes()].concat());
});

fn check(bytes: &[u8]) {
    match Manifest::decode(bytes) {
        Ok(manifest) => assert!(manifest.base_name(1).starts_with("base-")),
        Err(problem) => assert!(!problem.is_empty()),
    }
}
