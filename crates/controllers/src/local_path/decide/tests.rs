use serde_json::{Value, json};

use super::*;

const BASE: &str = "/var/volumes";

fn with<T: serde::de::DeserializeOwned>(mut object: Value, changes: &Value) -> T {
    for (pointer, value) in changes.as_object().into_iter().flatten() {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        object.pointer_mut(parent).expect("a parent")[key] = value.clone();
    }
    serde_json::from_value(object).expect("an object")
}

fn claim(changes: &Value) -> PersistentVolumeClaim {
    let object = json!({
        "metadata": {"namespace": "db", "name": "data-0", "uid": "u", "annotations": {SELECTED_NODE: "n1"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "local-path"},
    });
    with(object, changes)
}

fn node(name: &str) -> Option<Arc<Node>> {
    let simulated = if name == "s1" { "true" } else { "false" };
    let labels = json!({HOSTNAME: format!("{name}.example.com")});
    let object = json!({"metadata": {"name": name, "annotations": {SIMULATED: simulated}, "labels": labels}});
    (name != "gone").then(|| Arc::new(with(object, &json!({}))))
}

fn provided(claim_changes: &Value, class_changes: &Value, own: Option<&str>) -> Provision {
    let class = json!({"metadata": {"name": "local-path"}, "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer"});
    provide(&claim(claim_changes), &with(class, class_changes), node, Path::new(BASE), own)
}

fn made() -> PersistentVolume {
    let Provision::Make(volume, place) = provided(&json!({}), &json!({}), Some("n1")) else {
        panic!("not made")
    };
    assert_eq!(place, Place::Here(PathBuf::from("/var/volumes/db_data-0_pvc-u")));
    *volume
}

#[test]
fn a_class_is_offered_if_there_is_no_default() {
    let offered = class(&[]).expect("a class");
    assert_eq!(class(&[Arc::new(offered)]), None);
    let other = |annotations: Value| {
        Arc::new(with::<StorageClass>(
            json!({"metadata": {"name": "other", "annotations": annotations}, "provisioner": "x"}),
            &json!({}),
        ))
    };
    assert_eq!(class(&[other(json!({"storageclass.beta.kubernetes.io/is-default-class": "true"}))]), None);
    assert!(class(&[other(json!({}))]).is_some());
}

#[test]
fn a_claim_is_given_a_directory_of_its_node() {
    let volume = serde_json::to_value(made()).expect("a volume");
    let terms =
        json!([{"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": ["n1.example.com"]}]}]);
    assert_eq!(volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"], terms);
    assert_eq!(volume["spec"]["local"], json!({"path": "/var/volumes/db_data-0_pvc-u"}));
    assert_eq!(volume["spec"]["capacity"], json!({"storage": "1Gi"}));
    assert_eq!(volume["spec"]["claimRef"]["uid"], json!("u"));
    let simulated = json!({"/metadata/annotations": {SELECTED_NODE: "s1"}});
    assert!(matches!(provided(&simulated, &json!({}), Some("n1")), Provision::Make(_, Place::Nowhere)));
}

#[test]
fn what_cannot_be_had_is_refused() {
    let nothing = [
        (json!({"/metadata/annotations": null}), json!({})),
        (json!({"/spec/volumeName": "v"}), json!({})),
        (json!({"/metadata/deletionTimestamp": "2026-01-01T00:00:00Z"}), json!({})),
        (json!({}), json!({"/provisioner": "example.com/other"})),
    ];
    for (claim, class) in nothing {
        assert_eq!(provided(&claim, &class, None), Provision::Nothing, "{claim} {class}");
    }
    let refused = [
        (json!({"/spec/volumeMode": "Block"}), json!({})),
        (json!({"/spec/accessModes": ["ReadWriteMany"]}), json!({})),
        (json!({"/spec/selector": {}}), json!({})),
        (json!({"/spec/dataSource": {"kind": "PersistentVolumeClaim", "name": "x"}}), json!({})),
        (json!({}), json!({"/volumeBindingMode": "Immediate"})),
        (json!({}), json!({"/parameters": {"fast": "yes"}})),
        (json!({}), json!({"/mountOptions": ["ro"]})),
        (json!({"/metadata/annotations": {SELECTED_NODE: "n2"}}), json!({})),
    ];
    for (claim, class) in refused {
        assert!(matches!(provided(&claim, &class, Some("n1")), Provision::Refuse(_)), "{claim} {class}");
    }
    let gone = json!({"/metadata/annotations": {SELECTED_NODE: "gone"}});
    let Provision::Reschedule(claim) = provided(&gone, &json!({}), None) else { panic!("to be placed anew") };
    assert_eq!(selected_node(&unselected(&claim)), None);
}

#[test]
fn a_directory_goes_when_its_volume_may() {
    let directory = || Removal::Directory(PathBuf::from("/var/volumes/db_data-0_pvc-u"));
    let ends = json!("2026-01-01T00:00:00Z");
    let table = [
        (json!({}), Removal::Nothing),
        (json!({"/status/phase": "Bound"}), Removal::Nothing),
        (json!({"/status/phase": "Bound", "/metadata/deletionTimestamp": ends}), Removal::Nothing),
        (json!({"/status/phase": "Released"}), directory()),
        (json!({"/status/phase": "Failed"}), directory()),
        (json!({"/status/phase": "Available", "/metadata/deletionTimestamp": ends}), directory()),
        (
            json!({"/status/phase": "Released", "/spec/persistentVolumeReclaimPolicy": "Retain"}),
            Removal::Nothing,
        ),
        (
            json!({"/status/phase": "Released", "/spec/persistentVolumeReclaimPolicy": "Retain",
                "/metadata/deletionTimestamp": ends}),
            Removal::Object,
        ),
        (json!({"/status/phase": "Released", "/metadata/finalizers": []}), Removal::Nothing),
    ];
    for (changes, expected) in table {
        let mut object = serde_json::to_value(made()).expect("a volume");
        object["status"] = json!({});
        let volume = with(object, &changes);
        let node = node("n1");
        assert_eq!(remove(&volume, node.as_deref(), Path::new(BASE), Some("n1")), expected, "{changes}");
    }
    // Whatever an object says, nothing else is removed.
    for path in ["/etc", "/var/volumes/../etc", "/var/volumes", "/var/volumes/db_data-0_pvc-v"] {
        let mut object = serde_json::to_value(made()).expect("a volume");
        object["status"] = json!({"phase": "Released"});
        let volume = with(object, &json!({"/spec/local/path": path}));
        let removal = remove(&volume, None, Path::new(BASE), None);
        assert!(matches!(removal, Removal::Refuse(_)), "{path}");
    }
}
