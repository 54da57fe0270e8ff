//! Volumes that are somewhere else.

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors};

use super::check_descending;
use crate::validate::names::{dns1123_label, dns1123_subdomain};
use crate::validate::place::Place;
use crate::validate::read::{
    entries, flag, in_range, int, items, named, none_or_one_of, part, present, text,
};

/// Checks a source by its name.
pub(super) fn check(key: &str, source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for field in required_fields(key) {
        present(source, field, at, errors);
    }
    match key {
        "gitRepo" => check_descending(text(source, "directory"), &at.child("directory"), errors),
        "gcePersistentDisk" | "awsElasticBlockStore" => in_range(source, "partition", 0..=255, at, errors),
        "nfs" => {
            let path = text(source, "path");
            if !path.starts_with('/') {
                at.child("path").invalid(errors, path, "must be an absolute path");
            }
        }
        "iscsi" => check_iscsi(source, at, errors),
        "rbd" | "cephfs" if items(source, "monitors").is_empty() => at.child("monitors").required(errors, ""),
        "fc" => check_fibre_channel(source, at, errors),
        "flocker" => check_flocker(source, at, errors),
        "flexVolume" => check_flex(source, at, errors),
        "azureDisk" => check_azure_disk(source, at, errors),
        "storageos" => {
            named(source, "volumeName", dns1123_label, at, errors);
            named(source, "volumeNamespace", dns1123_label, at, errors);
        }
        "csi" => check_csi(source, at, errors),
        "quobyte" => check_quobyte(source, at, errors),
        _ => {}
    }
}

fn required_fields(key: &str) -> &'static [&'static str] {
    match key {
        "gitRepo" => &["repository"],
        "gcePersistentDisk" => &["pdName"],
        "awsElasticBlockStore" | "cinder" | "portworxVolume" => &["volumeID"],
        "nfs" => &["server", "path"],
        "iscsi" => &["targetPortal", "iqn"],
        "glusterfs" => &["endpoints", "path"],
        "rbd" => &["image"],
        "flexVolume" | "csi" => &["driver"],
        "azureFile" => &["secretName", "shareName"],
        "azureDisk" => &["diskName", "diskURI"],
        "vsphereVolume" => &["volumePath"],
        "photonPersistentDisk" => &["pdID"],
        "scaleIO" => &["gateway", "system", "volumeName"],
        "storageos" => &["volumeName"],
        "quobyte" => &["volume"],
        _ => &[],
    }
}

fn check_iscsi(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let name = text(source, "iqn");
    if !name.is_empty() && !["iqn", "eui", "naa"].iter().any(|start| name.starts_with(start)) {
        at.child("iqn").invalid(errors, name, "must be valid format starting with iqn, eui, or naa");
    }
    in_range(source, "lun", 0..=255, at, errors);
    let authenticates = flag(source, "chapAuthDiscovery") || flag(source, "chapAuthSession");
    if authenticates && part(source, "secretRef").is_none() {
        at.child("secretRef").required(errors, "");
    }
}

fn check_fibre_channel(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let (targets, identifiers) = (items(source, "targetWWNs"), items(source, "wwids"));
    let place = at.child("targetWWNs");
    if targets.is_empty() && identifiers.is_empty() {
        place.required(errors, "must specify either targetWWNs or wwids, but not both");
    }
    if !targets.is_empty() && !identifiers.is_empty() {
        let detail = "targetWWNs and wwids can not be specified simultaneously";
        place.invalid(errors, targets.to_vec(), detail);
    }
    if !targets.is_empty() {
        if int(source, "lun").is_none() {
            at.child("lun").required(errors, "lun is required if targetWWNs is specified");
        }
        in_range(source, "lun", 0..=255, at, errors);
    }
}

fn check_flocker(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let (name, uuid) = (text(source, "datasetName"), text(source, "datasetUUID"));
    if name.is_empty() && uuid.is_empty() {
        at.required(errors, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !uuid.is_empty() {
        at.invalid(errors, "resource", "datasetName and datasetUUID can not be specified simultaneously");
    }
    if name.contains('/') {
        at.child("datasetName").invalid(errors, name, "must not contain '/'");
    }
}

fn check_flex(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    for (key, _) in entries(source, "options") {
        let domain = format!(".{}", key.split_once('/').map_or(key, |(domain, _)| domain).to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            at.child("options").key(key).invalid(errors, key, detail);
        }
    }
}

fn check_azure_disk(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    none_or_one_of(source, "cachingMode", &["None", "ReadOnly", "ReadWrite"], at, errors);
    none_or_one_of(source, "kind", &["Dedicated", "Managed", "Shared"], at, errors);
    let uri = text(source, "diskURI");
    let (start, form) = if text(source, "kind") == "Managed" {
        (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        )
    } else {
        ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd")
    };
    if !text(source, "kind").is_empty() && !uri.starts_with(start) {
        at.child("diskURI").not_supported(errors, uri, &[form]);
    }
}

fn check_csi(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let driver = text(source, "driver");
    let place = at.child("driver");
    if driver.len() > 63 {
        errors.push(FieldError::too_long(&place.path(), 63));
    }
    let reasons = dns1123_subdomain(&driver.to_lowercase());
    place.invalid_for(errors, driver, reasons);
    if let Some(secret) = part(source, "nodePublishSecretRef") {
        present(secret, "name", &at.child("nodePublishSecretRef"), errors);
        named(secret, "name", dns1123_subdomain, at, errors);
    }
}

fn check_quobyte(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let detail = "must be a host:port pair or multiple pairs separated by commas";
    let registry = text(source, "registry");
    if registry.is_empty() {
        at.child("registry").required(errors, detail);
    } else if text(source, "tenant").len() >= 65 {
        at.child("tenant").required(errors, "must be a UUID and may not exceed a length of 64 characters");
    } else {
        for _ in registry.split(',').filter(|pair| !pair.contains(':')) {
            at.child("registry").invalid(errors, registry, detail);
        }
    }
}
