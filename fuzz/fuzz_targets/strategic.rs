//! Strategic merge patches on objects of real kinds: merged or refused, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stanchion_fuzz::KINDS;
use stanchion_fuzz::objects::Source;
use stanchion_kinds::schema;
use stanchion_machinery::json::{check_types, decode_json, normalize, unknown_fields};
use stanchion_machinery::patch::strategic::apply_strategic;

fuzz_target!(|input: &[u8]| {
    let mut source = Source::new(input);
    let (name, api_version, kind) = KINDS[source.below(KINDS.len())];
    let schema = schema::named(name).expect("the kind is in the table");
    let mut object = source.object(schema, api_version, kind);
    let patches: Vec<Value> = match decode_json(input.get(1..).unwrap_or_default()) {
        Ok(patch) => vec![patch.value],
        Err(_) => (0..3).map(|_| directed(&mut source, schema)).collect(),
    };
    for patch in patches {
        let mut patched = object.clone();
        if apply_strategic(&mut patched, patch, schema).is_ok() {
            drop(unknown_fields(&patched, schema));
            if check_types(&patched, schema).is_ok() {
                normalize(&mut patched, schema);
                object = patched;
            }
        }
    }
});

/// Returns an object with directives somewhere in it.
fn directed(source: &mut Source<'_>, schema: stanchion_machinery::schema::Schema<'_>) -> Value {
    let mut patch = source.value(schema, 6);
    direct(source, &mut patch);
    patch
}

fn direct(source: &mut Source<'_>, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            map.values_mut().for_each(|value| direct(source, value));
            let some = source.below(keys.len());
            let key = keys.get(some).map_or("a", String::as_str);
            let (name, value): (String, Value) = match source.below(24) {
                0 => ("$patch".to_owned(), ["replace", "delete", "merge", "odd"][source.below(4)].into()),
                1 => ("$retainKeys".to_owned(), Value::from(keys)),
                2 => (format!("$setElementOrder/{key}"), map.get(key).cloned().unwrap_or_default()),
                3 => (format!("$deleteFromPrimitiveList/{key}"), map.get(key).cloned().unwrap_or_default()),
                4 => (format!("$setElementOrder{key}"), source.json(2)),
                5 => (key.to_owned(), Value::Null),
                _ => return,
            };
            map.insert(name, value);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| direct(source, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
