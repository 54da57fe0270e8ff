//! Storage classes and CSI drivers.

use serde_json::{Value, json};
use stanchion_machinery::meta::object_mut;

use super::fields::{child, fill_absent};

/// Fills in what happens to volumes of a class.
pub(super) fn apply_class(object: &mut Value) {
    let class = object_mut(object);
    fill_absent(class, "reclaimPolicy", "Delete");
    fill_absent(class, "volumeBindingMode", "Immediate");
}

/// Fills in what a driver can do.
pub(super) fn apply_driver(object: &mut Value) {
    let spec = child(object, "spec");
    fill_absent(spec, "attachRequired", true);
    fill_absent(spec, "podInfoOnMount", false);
    fill_absent(spec, "storageCapacity", false);
    fill_absent(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if spec.get("volumeLifecycleModes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        spec.insert("volumeLifecycleModes".to_owned(), json!(["Persistent"]));
    }
    fill_absent(spec, "requiresRepublish", false);
    fill_absent(spec, "seLinuxMount", false);
}
