//! Defaults of volumes.

use serde_json::{Map, Value};

use super::container::references;
use super::image::pull_policy;
use super::{absent, blank, each, part};

/// What a file that holds data of the API may be used for: 0644.
const FILE_MODE: i64 = 0o644;

/// Fills in a volume; one without a source becomes an empty directory.
pub(super) fn fill(volume: &mut Map<String, Value>) {
    if volume.keys().all(|key| key == "name") {
        volume.insert("emptyDir".to_owned(), Value::Object(Map::new()));
        return;
    }
    for key in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = part(volume, key) {
            absent(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(source) = part(volume, "downwardAPI") {
        each(source, "items").for_each(references);
    }
    if let Some(source) = part(volume, "projected") {
        each(source, "sources").for_each(fill_projection);
    }
    if let Some(source) = part(volume, "hostPath") {
        absent(source, "type", "");
    }
    if let Some(source) = part(volume, "ephemeral") {
        let template = part(source, "volumeClaimTemplate");
        if let Some(spec) = template.and_then(|template| part(template, "spec")) {
            absent(spec, "volumeMode", "Filesystem");
        }
    }
    if let Some(source) = part(volume, "image") {
        let policy = pull_policy(source.get("reference").and_then(Value::as_str).unwrap_or(""));
        blank(source, "pullPolicy", policy);
    }
    fill_remote(volume);
}

fn fill_projection(projection: &mut Map<String, Value>) {
    if let Some(files) = part(projection, "downwardAPI") {
        each(files, "items").for_each(references);
    }
    if let Some(token) = part(projection, "serviceAccountToken") {
        absent(token, "expirationSeconds", 3600);
    }
}

fn fill_remote(volume: &mut Map<String, Value>) {
    if let Some(source) = part(volume, "iscsi") {
        blank(source, "iscsiInterface", "default");
    }
    if let Some(source) = part(volume, "rbd") {
        blank(source, "pool", "rbd");
        blank(source, "user", "admin");
        blank(source, "keyring", "/etc/ceph/keyring");
    }
    if let Some(source) = part(volume, "azureDisk") {
        absent(source, "cachingMode", "ReadWrite");
        absent(source, "kind", "Shared");
        absent(source, "fsType", "ext4");
        absent(source, "readOnly", false);
    }
    if let Some(source) = part(volume, "scaleIO") {
        blank(source, "storageMode", "ThinProvisioned");
        blank(source, "fsType", "xfs");
    }
}
