//! Schemas and objects of any JSON: read, pruned, defaulted and validated without a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stanchion_machinery::field::Path;
use stanchion_machinery::structural::{Structural, crd};
use stanchion_rules::Rules;

// The schema is the first line and the object the rest, so that seeds can be written by hand.
fuzz_target!(|input: &str| {
    let (schema, object) = input.split_once('\n').unwrap_or((input, ""));
    let Ok(schema) = serde_json::from_str::<Value>(schema) else { return };
    let mut object = serde_json::from_str::<Value>(object).unwrap_or_default();
    definition(&schema, &object);
    // A root of any type is refused, so what is fuzzed stands in a field as well.
    for schema in [schema.clone(), json!({"type": "object", "properties": {"spec": schema}})] {
        let Ok(structural) = Structural::parse(&schema, &Path::new("s")) else { continue };
        let old = object.clone();
        structural.prune(&mut object);
        structural.set_defaults(&mut object);
        assert!(structural.prune(&mut object.clone()).is_empty());
        drop(structural.validate(&object, Some(&old), &Path::root()));
        if let Ok(rules) = Rules::compile(&structural, &Path::new("s")) {
            drop(rules.validate(&structural, &object, Some(&old), &Path::root(), 100_000));
        }
    }
});

fn definition(schema: &Value, object: &Value) {
    let mut definition = object.clone();
    crd::default_crd(&mut definition);
    drop(crd::validate_crd(&definition, Some(schema)));
    drop(crd::compute_status(&definition, &crd::NamesInUse::of("", [schema]), ""));
}
