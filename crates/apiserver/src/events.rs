//! Events: one sort of object with two faces, `v1` and `events.k8s.io/v1`. The first is stored.

use stanchion_machinery::{Map, Value};

/// Fields that have another name in the newer group.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Turns a stored Event into one of `events.k8s.io/v1`.
pub(crate) fn to_new_group(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    rename(map, RENAMED.iter().copied());
    map.insert("apiVersion".to_owned(), "events.k8s.io/v1".into());
}

/// Turns an Event of `events.k8s.io/v1` into how it is stored.
pub(crate) fn to_core(object: &mut Value) {
    let Some(map) = object.as_object_mut() else { return };
    rename(map, RENAMED.iter().map(|(core, new)| (*new, *core)));
    map.insert("apiVersion".to_owned(), "v1".into());
}

fn rename<'a>(map: &mut Map<String, Value>, names: impl Iterator<Item = (&'a str, &'a str)>) {
    for (from, to) in names {
        if let Some(value) = map.remove(from) {
            map.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_two_faces_hold_the_same() {
        let core = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": "a"}, "message": "m", "count": 2,
            "involvedObject": {"kind": "Pod"}, "reportingComponent": "kubelet", "type": "Normal",
        });
        let mut object = core.clone();
        to_new_group(&mut object);
        assert_eq!((&object["note"], &object["deprecatedCount"]), (&json!("m"), &json!(2)));
        assert_eq!(object["apiVersion"], "events.k8s.io/v1");
        to_core(&mut object);
        assert_eq!(object, core);
    }
}
