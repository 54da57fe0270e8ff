//! Bodies in protobuf are an object or they are not; what is one has bytes that say the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_kinds::schema;
use stanchion_machinery::protobuf::{decode, decode_envelope, encode};

fuzz_target!(|bytes: &[u8]| {
    let envelope = decode_envelope(bytes);
    let raw = envelope.as_ref().map_or(bytes, |envelope| envelope.raw);
    let types = schema::all();
    for schema in types.names().filter_map(|name| types.named(name)) {
        let Ok(object) = decode(raw, schema) else { continue };
        // An item, a key or a value that is nothing at all may be written in more than one way: the second time
        // settles it.
        let Ok(encoded) = encode(&object, schema) else { continue };
        let settled = decode(&encoded, schema).expect("what was encoded decodes");
        let again = encode(&settled, schema).expect("what was decoded encodes");
        assert_eq!(decode(&again, schema).as_ref(), Ok(&settled));
    }
});
