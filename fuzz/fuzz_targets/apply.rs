//! Two who apply to an object of a real kind, and one who updates it: never a panic, what records the owners
//! stays readable, and applying twice is applying once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stanchion_fuzz::KINDS;
use stanchion_fuzz::objects::Source;
use stanchion_kinds::schema;
use stanchion_machinery::apply::{FieldSet, Manager, Operation, apply, update};
use stanchion_machinery::json::{check_types, drop_unknown_fields, normalize};
use stanchion_machinery::schema::Schema;

fuzz_target!(|input: &[u8]| {
    let mut source = Source::new(input);
    let (name, api_version, kind) = KINDS[source.below(KINDS.len())];
    let schema = schema::named(name).expect("the kind is in the table");
    let none = FieldSet::default();
    let mut live: Option<Value> = None;
    let mut round = 0;
    while source.has_more() && round < 8 {
        round += 1;
        let time = format!("2024-01-01T00:00:0{round}Z");
        let choice = source.byte();
        let manager = Manager {
            name: ["one", "two", "kubectl"][usize::from(choice % 3)],
            operation: Operation::Apply,
            api_version,
            subresource: "",
            time: &time,
        };
        let mut config = source.object(schema, api_version, kind);
        if choice > 200 {
            config["metadata"]["managedFields"] = owners(&mut source, api_version);
        }
        if choice & 8 == 0 {
            let Ok(applied) = apply(schema, live.as_ref(), &config, &manager, choice & 16 == 0, &none) else {
                continue;
            };
            if let Some(mut object) = finished(applied, schema) {
                object["metadata"]["uid"] = json!("u");
                let mut settled = Some(object.clone());
                // An empty list is not kept and nobody's, but the struct around it is kept, and found to be somebody's by
                // the next; then it is settled.
                for _ in 0..2 {
                    let again = settled
                        .as_ref()
                        .map(|object| apply(schema, Some(object), &config, &manager, true, &none));
                    settled = again.and_then(Result::ok).and_then(|again| finished(again, schema));
                }
                if let Some(settled) = settled {
                    let last = apply(schema, Some(&settled), &config, &manager, true, &none);
                    let last = last.expect("what was applied can be applied again");
                    assert_eq!(finished(last, schema).as_ref(), Some(&settled), "applied {config}");
                }
                live = Some(object);
            }
        } else if let Some(mut object) = finished(config, schema) {
            if let Some(managed) = live.as_ref().and_then(|live| live["metadata"].get("managedFields"))
                && choice <= 200
            {
                object["metadata"]["managedFields"] = managed.clone();
            }
            object["metadata"]["uid"] = json!("u");
            update(schema, live.as_ref(), &mut object, &manager, &none);
            live = Some(object);
        }
        if let Some(live) = &live {
            readable(live);
        }
    }
});

/// Brings an object to its schema as the server does between merging and storing.
fn finished(mut object: Value, schema: Schema<'_>) -> Option<Value> {
    check_types(&object, schema).ok()?;
    drop_unknown_fields(&mut object, schema);
    normalize(&mut object, schema);
    Some(object)
}

/// Makes owners that a client could send.
fn owners(source: &mut Source<'_>, api_version: &str) -> Value {
    let fields = json!({"f:spec": source.json(4), "f:metadata": {"f:labels": {"f:a": {}, ".": {}}}});
    let operation = ["Apply", "Update", "Odd"][source.below(3)];
    json!([{
        "manager": "one", "operation": operation, "apiVersion": api_version,
        "time": "2024-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields,
    }])
}

fn readable(object: &Value) {
    let Some(list) = object["metadata"].get("managedFields") else { return };
    for entry in list.as_array().expect("owners are a list") {
        assert!(entry["manager"].is_string() && entry["operation"].is_string(), "{entry}");
        assert!(entry["fieldsV1"].is_object(), "{entry}");
    }
}
