//! Bodies of any bytes, as JSON and as YAML: read or refused; what is read comes to its schema once and for all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stanchion_fuzz::KINDS;
use stanchion_kinds::schema;
use stanchion_machinery::json::{
    check_types, decode_json, decode_yaml, drop_unknown_fields, normalize, unknown_fields,
};

fuzz_target!(|input: &[u8]| {
    let Some((which, body)) = input.split_first() else { return };
    let (name, _, _) = KINDS[usize::from(*which) % KINDS.len()];
    let schema = schema::named(name).expect("the kind is in the table");
    for decoded in [decode_json(body), decode_yaml(body)].into_iter().flatten() {
        let mut object = decoded.value;
        let text = object.to_string();
        let again = decode_json(text.as_bytes()).expect("what was read can be stored and read");
        assert_eq!(again.value.to_string(), text);
        if check_types(&object, schema).is_err() {
            continue;
        }
        drop_unknown_fields(&mut object, schema);
        normalize(&mut object, schema);
        assert_eq!(unknown_fields(&object, schema), Vec::<String>::new());
        assert!(check_types(&object, schema).is_ok(), "{object}");
        let settled = object.clone();
        normalize(&mut object, schema);
        assert_eq!(object, settled);
    }
});
