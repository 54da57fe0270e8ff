use super::*;

#[test]
fn volumes() {
    created(
        "",
        "PersistentVolume",
        &[
            (
                json!({ "spec": { "hostPath": null, "accessModes": [], "capacity": null } }),
                &[
                    "spec.accessModes: Required value",
                    "spec.capacity: Required value",
                    "spec.capacity: Unsupported value: null: supported values: \"storage\"",
                    "spec: Required value: must specify a volume type",
                ],
            ),
            (
                json!({ "spec": { "nfs": { "server": "s", "path": "x" } } }),
                &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
            ),
            (
                json!({ "spec": { "hostPath": { "path": "/a/../b" } } }),
                &["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
            ),
            (
                json!({ "spec": { "hostPath": null, "local": { "path": "/x" } } }),
                &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
            ),
            (
                json!({ "spec": { "accessModes": ["Some", "ReadWriteOncePod", "ReadWriteOnce"] } }),
                &[
                    "spec.accessModes: Unsupported value: \"Some\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                    "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
                ],
            ),
            (
                json!({ "spec": { "capacity": { "storage": "0" } } }),
                &["spec.capacity[storage]: Invalid value: \"0\": must be greater than 0"],
            ),
            (
                json!({ "spec": { "persistentVolumeReclaimPolicy": "Keep" } }),
                &[
                    "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Keep\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
                ],
            ),
        ],
    );
    updated(
        "",
        "PersistentVolume",
        minimal("", "PersistentVolume"),
        &[
            (json!({ "spec": { "claimRef": { "name": "c" }, "capacity": { "storage": "2Gi" } } }), &[]),
            (
                json!({ "spec": { "hostPath": { "path": "/y" } } }),
                &[
                    "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
                ],
            ),
            (
                json!({ "spec": { "volumeMode": "Block" } }),
                &["volumeMode: Invalid value: \"Block\": field is immutable"],
            ),
        ],
    );
}

#[test]
fn claims() {
    created(
        "",
        "PersistentVolumeClaim",
        &[
            (
                json!({ "spec": { "accessModes": null, "resources": null } }),
                &[
                    "spec.accessModes: Required value: at least 1 access mode is required",
                    "spec.resources[storage]: Required value",
                ],
            ),
            (
                json!({ "spec": { "resources": { "requests": { "storage": "-1" } } } }),
                &["spec.resources[storage]: Invalid value: \"-1\": must be greater than 0"],
            ),
            (
                json!({ "spec": { "dataSourceRef": { "kind": "Pod", "name": "p" } } }),
                &[
                    "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                    "spec.dataSourceRef: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                ],
            ),
        ],
    );
    let immutable = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    let size = |size: &str| json!({ "spec": { "resources": { "requests": { "storage": size } } } });
    updated(
        "",
        "PersistentVolumeClaim",
        minimal("", "PersistentVolumeClaim"),
        &[
            (json!({ "spec": { "volumeName": "v", "storageClassName": "c" } }), &[]),
            (size("2Gi"), &[immutable]),
            (json!({ "spec": { "accessModes": ["ReadOnlyMany"] } }), &[immutable]),
        ],
    );
    let bound = |size: &str| {
        let mut claim = ready("", "PersistentVolumeClaim", minimal("", "PersistentVolumeClaim"));
        claim["status"] = json!({ "phase": "Bound", "capacity": { "storage": "1Gi" } });
        claim["spec"]["resources"]["requests"]["storage"] = json!(size);
        claim
    };
    let none: [&str; 0] = [];
    assert_eq!(shown(update("", "PersistentVolumeClaim", &bound("2Gi"), &bound("1Gi"))), none);
    assert_eq!(shown(update("", "PersistentVolumeClaim", &bound("1500Mi"), &bound("2Gi"))), none);
    assert_eq!(
        shown(update("", "PersistentVolumeClaim", &bound("512Mi"), &bound("1Gi"))),
        ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]
    );
}

#[test]
fn classes() {
    let name = format!("provisioner: Invalid value: \"a b\": {}", qualified("a b"));
    created(
        STORAGE,
        "StorageClass",
        &[
            (json!({ "provisioner": "" }), &["provisioner: Required value"]),
            (json!({ "provisioner": "A b" }), &[&name]),
            (
                json!({ "reclaimPolicy": "Recycle" }),
                &["reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\""],
            ),
            (
                json!({ "allowedTopologies": [{ "matchLabelExpressions": [{ "key": "k" }] }] }),
                &["allowedTopologies[0].matchLabelExpressions[0].values: Required value"],
            ),
        ],
    );
    updated(
        STORAGE,
        "StorageClass",
        minimal(STORAGE, "StorageClass"),
        &[
            (json!({ "allowVolumeExpansion": true }), &[]),
            (
                json!({ "parameters": { "a": "b" }, "provisioner": "q", "reclaimPolicy": "Retain", "volumeBindingMode": "WaitForFirstConsumer" }),
                &[
                    "parameters: Forbidden: updates to parameters are forbidden.",
                    "provisioner: Forbidden: updates to provisioner are forbidden.",
                    "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
                    "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
                ],
            ),
        ],
    );
    created(
        STORAGE,
        "VolumeAttributesClass",
        &[(
            json!({ "parameters": null }),
            &["parameters: Required value: must contain at least one key/value pair"],
        )],
    );
    created(
        STORAGE,
        "CSIDriver",
        &[(
            json!({ "spec": { "tokenRequests": [{ "audience": "a", "expirationSeconds": 1 }, { "audience": "a" }] } }),
            &[
                "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                "spec.tokenRequests[1].audience: Duplicate value: \"a\"",
            ],
        )],
    );
    created(
        STORAGE,
        "CSINode",
        &[(
            json!({ "spec": { "drivers": [{ "name": "a", "nodeID": "" }, { "name": "a", "nodeID": "n" }] } }),
            &["spec.drivers[0].nodeID: Required value", "spec.drivers[1].name: Duplicate value: \"a\""],
        )],
    );
}

#[test]
fn attachments() {
    let spec = |source: Value| json!({ "spec": { "attacher": "a.io", "nodeName": "n", "source": source } });
    let one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    let fine = spec(json!({ "persistentVolumeName": "v" }));
    let none: [&str; 0] = [];
    assert_eq!(shown(create(STORAGE, "VolumeAttachment", &fine)), none);
    assert_eq!(
        shown(create(STORAGE, "VolumeAttachment", &spec(json!({})))),
        [format!("spec.source: Required value: {one}")]
    );
    let both = spec(json!({ "persistentVolumeName": "v", "inlineVolumeSpec": {} }));
    assert_eq!(shown(create(STORAGE, "VolumeAttachment", &both)), [format!("spec.source: Forbidden: {one}")]);
    let other = spec(json!({ "persistentVolumeName": "w" }));
    let errors = shown(update(STORAGE, "VolumeAttachment", &other, &fine));
    assert_eq!(
        errors,
        [
            "spec: Invalid value: {\"attacher\":\"a.io\",\"nodeName\":\"n\",\"source\":{\"persistentVolumeName\":\"w\"}}: field is immutable"
        ]
    );
}
