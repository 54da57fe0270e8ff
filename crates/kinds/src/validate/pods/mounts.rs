//! Volumes where containers see them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;

use super::volumes::{check_descending, has_backsteps};
use crate::validate::place::Place;
use crate::validate::read::{flag, items, part, present, text};

/// The volumes of a Pod that nothing is wrong with.
pub(super) type Volumes<'a> = HashMap<&'a str, &'a Value>;

/// Checks `volumeMounts` and `volumeDevices`.
pub(super) fn check(container: &Value, volumes: &Volumes<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    let (mounts, devices) = (items(container, "volumeMounts"), items(container, "volumeDevices"));
    if !mounts.is_empty() {
        check_mounts(container, volumes, &at.child("volumeMounts"), errors);
    }
    if !devices.is_empty() {
        check_devices(container, volumes, &at.child("volumeDevices"), errors);
    }
}

fn strings<'a>(list: &'a [Value], key: &str) -> HashSet<&'a str> {
    list.iter().map(|item| text(item, key)).collect()
}

fn check_mounts(container: &Value, volumes: &Volumes<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    let devices = items(container, "volumeDevices");
    let (device_names, device_paths) = (strings(devices, "name"), strings(devices, "devicePath"));
    let mut seen = HashSet::new();
    for (index, mount) in items(container, "volumeMounts").iter().enumerate() {
        let item = at.index(index);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        present(mount, "name", &item, errors);
        if !volumes.contains_key(name) {
            item.child("name").not_found(errors, name);
        }
        present(mount, "mountPath", &item, errors);
        if !seen.insert(path) {
            item.child("mountPath").invalid(errors, path, "must be unique");
        }
        if device_names.contains(name) {
            item.child("name").invalid(errors, name, "must not already exist in volumeDevices");
        }
        if device_paths.contains(path) {
            let detail = "must not already exist as a path in volumeDevices";
            item.child("mountPath").invalid(errors, path, detail);
        }
        check_sub_paths(mount, at, &item, errors);
        check_propagation(mount, container, at, errors);
        check_read_only(mount, &at.child("recursiveReadOnly"), errors);
    }
}

/// Checks the paths below a volume. What is wrong with one is reported at the list, as the server always did.
fn check_sub_paths(mount: &Value, list: &Place<'_>, item: &Place<'_>, errors: &mut FieldErrors) {
    let (path, template) = (text(mount, "subPath"), text(mount, "subPathExpr"));
    if !path.is_empty() {
        check_descending(path, &list.child("subPath"), errors);
    }
    if !template.is_empty() {
        if !path.is_empty() {
            let detail = "subPathExpr and subPath are mutually exclusive";
            item.child("subPathExpr").invalid(errors, template, detail);
        }
        check_descending(template, &list.child("subPathExpr"), errors);
    }
}

fn check_propagation(mount: &Value, container: &Value, list: &Place<'_>, errors: &mut FieldErrors) {
    let Some(mode) = mount.get("mountPropagation").and_then(Value::as_str) else { return };
    let at = list.child("mountPropagation");
    if !matches!(mode, "Bidirectional" | "HostToContainer" | "None") {
        at.not_supported(errors, mode, &["Bidirectional", "HostToContainer", "None"]);
    }
    let privileged = part(container, "securityContext").is_some_and(|context| flag(context, "privileged"));
    if mode == "Bidirectional" && !privileged {
        at.forbidden(errors, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn check_read_only(mount: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(mode) = mount.get("recursiveReadOnly").and_then(Value::as_str) else { return };
    match mode {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !flag(mount, "readOnly") {
                at.forbidden(errors, "may only be specified when readOnly is true");
            }
            if !matches!(text(mount, "mountPropagation"), "" | "None") {
                at.forbidden(errors, "may only be specified when mountPropagation is None or not specified");
            }
        }
        other => at.not_supported(errors, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

fn check_devices(container: &Value, volumes: &Volumes<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    let mounts = items(container, "volumeMounts");
    let (mount_names, mount_paths) = (strings(mounts, "name"), strings(mounts, "mountPath"));
    let (mut names, mut paths) = (HashSet::new(), HashSet::new());
    for (index, device) in items(container, "volumeDevices").iter().enumerate() {
        let at = at.index(index);
        let (name, path) = (text(device, "name"), text(device, "devicePath"));
        present(device, "name", &at, errors);
        if !name.is_empty() && !names.insert(name) {
            at.child("name").invalid(errors, name, "must be unique");
        }
        match volumes.get(name) {
            None => at.child("name").not_found(errors, name),
            Some(volume) => {
                let is_claim =
                    ["persistentVolumeClaim", "ephemeral"].iter().any(|key| part(volume, key).is_some())
                        || text(volume, "kind") == "PersistentVolumeClaim";
                if !is_claim {
                    let detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                    at.child("name").invalid(errors, name, detail);
                }
            }
        }
        present(device, "devicePath", &at, errors);
        if !paths.insert(path) {
            at.child("devicePath").invalid(errors, path, "must be unique");
        }
        if has_backsteps(path) {
            at.child("devicePath").invalid(errors, path, "can not contain backsteps ('..')");
        }
        if mount_names.contains(name) {
            at.child("name").invalid(errors, name, "must not already exist in volumeMounts");
        }
        if mount_paths.contains(path) {
            let detail = "must not already exist as a path in volumeMounts";
            at.child("devicePath").invalid(errors, path, detail);
        }
    }
}
