//! Volumes of a Pod.

mod remote;

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::meta;
use stanchion_machinery::quantity::Quantity;

use super::env::{FILE_FIELDS, check_field, check_resource};
use super::mounts::Volumes;
use super::selector;
use crate::defaults::pods::amount::read;
use crate::validate::names::{self, dns1123_label};
use crate::validate::place::Place;
use crate::validate::read::{int, items, map, named, none_or_one_of, one_of, part, present, text};

/// The sources there are, in the order in which more than one of them are told apart.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];

/// Checks `volumes` and returns those that nothing is wrong with. `pod` is the name of the Pod, if it is one;
/// `claims` are claims that something makes for it, each a volume too.
pub(super) fn check<'a>(
    spec: &'a Value,
    pod: Option<&str>,
    claims: &'a [Value],
    at: &Place<'_>,
    errors: &mut FieldErrors,
) -> Volumes<'a> {
    let volumes = items(spec, "volumes");
    let mut good = Volumes::with_capacity(volumes.len());
    let made: HashSet<String> = volumes
        .iter()
        .filter(|volume| part(volume, "ephemeral").is_some())
        .filter_map(|volume| Some(format!("{}-{}", pod?, text(volume, "name"))))
        .collect();
    for (index, volume) in volumes.iter().enumerate() {
        let at = at.index(index);
        let before = errors.len();
        let name = text(volume, "name");
        check_source(volume, pod, &at, errors);
        present(volume, "name", &at, errors);
        named(volume, "name", dns1123_label, &at, errors);
        if good.contains_key(name) {
            at.child("name").duplicate(errors, name);
        }
        if errors.len() == before {
            good.insert(name, volume);
        }
        let claim = part(volume, "persistentVolumeClaim").map_or("", |claim| text(claim, "claimName"));
        if made.contains(claim) {
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            at.child("persistentVolumeClaim").child("claimName").invalid(errors, claim, detail);
        }
    }
    good.extend(claims.iter().map(|claim| (meta::name(claim), claim)));
    good
}

fn check_source(volume: &Value, pod: Option<&str>, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut count = 0;
    for key in SOURCES {
        let Some(source) = part(volume, key) else { continue };
        if count > 0 {
            // Two of them have always been spelt wrong here.
            let shown = match key {
                "cephfs" => "cephFS",
                "downwardAPI" => "downwarAPI",
                other => other,
            };
            at.child(shown).forbidden(errors, "may not specify more than 1 volume type");
            continue;
        }
        count += 1;
        let place = at.child(if key == "gcePersistentDisk" { "persistentDisk" } else { key });
        match key {
            "emptyDir" => check_empty_dir(source, &place, errors),
            "hostPath" => check_host_path(source, &place, errors),
            "secret" => check_files_of(source, "secretName", &place, errors),
            "configMap" => check_files_of(source, "name", &place, errors),
            "persistentVolumeClaim" => present(source, "claimName", &place, errors),
            "downwardAPI" => check_downward(source, &place, errors),
            "projected" => check_projected(source, &place, errors),
            "ephemeral" => check_ephemeral(source, text(volume, "name"), pod, at, errors),
            "image" => {
                if pod.is_some() {
                    present(source, "reference", &place, errors);
                }
                one_of(source, "pullPolicy", &["Always", "IfNotPresent", "Never"], &place, errors);
            }
            _ => remote::check(key, source, &place, errors),
        }
    }
    if count == 0 {
        at.required(errors, "must specify a volume type");
    }
}

fn check_empty_dir(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let limit = source.get("sizeLimit").and_then(read);
    if limit.is_some_and(Quantity::is_negative) {
        at.child("sizeLimit").forbidden(errors, "SizeLimit field must be a valid resource quantity");
    }
}

fn check_host_path(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let path = text(source, "path");
    if path.is_empty() {
        return at.child("path").required(errors, "");
    }
    check_backsteps(path, &at.child("path"), errors);
    let types =
        ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    none_or_one_of(source, "type", &types, at, errors);
}

fn check_mode(value: &Value, key: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(mode) = int(value, key).filter(|mode| !(0..=0o777).contains(mode)) {
        let detail = "must be a number between 0 and 0777 (octal), both inclusive";
        at.child(key).invalid(errors, mode, detail);
    }
}

fn check_files_of(source: &Value, name: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    present(source, name, at, errors);
    check_mode(source, "defaultMode", at, errors);
    for (index, file) in items(source, "items").iter().enumerate() {
        check_file(file, &at.child("items").index(index), errors);
    }
}

fn check_file(file: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    present(file, "key", at, errors);
    present(file, "path", at, errors);
    check_local(text(file, "path"), &at.child("path"), errors);
    check_mode(file, "mode", at, errors);
}

fn check_downward(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    check_mode(source, "defaultMode", at, errors);
    for file in items(source, "items") {
        check_downward_file(file, at, errors);
    }
}

fn check_downward_file(file: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    present(file, "path", at, errors);
    check_local(text(file, "path"), &at.child("path"), errors);
    if let Some(field) = part(file, "fieldRef") {
        check_field(field, &FILE_FIELDS, &at.child("fieldRef"), errors);
        if part(file, "resourceFieldRef").is_some() {
            let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
            at.invalid(errors, "resource", detail);
        }
    } else if let Some(resource) = part(file, "resourceFieldRef") {
        check_resource(resource, true, &at.child("resourceFieldRef"), errors);
    } else {
        at.required(errors, "one of fieldRef and resourceFieldRef is required");
    }
    check_mode(file, "mode", at, errors);
}

fn check_projected(source: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    check_mode(source, "defaultMode", at, errors);
    let mut paths = HashSet::new();
    for (index, projection) in items(source, "sources").iter().enumerate() {
        let place = at.child("sources");
        let place = place.index(index);
        let mut count = 0;
        for key in [
            "secret",
            "configMap",
            "downwardAPI",
            "serviceAccountToken",
            "clusterTrustBundle",
            "podCertificate",
        ] {
            let Some(from) = part(projection, key) else { continue };
            count += 1;
            check_projection(key, from, at, &place.child(key), &mut paths, errors);
        }
        if count > 1 {
            place.forbidden(errors, "may not specify more than 1 volume type per source");
        }
    }
}

/// Checks a projection; paths that stand twice are reported at the volume.
fn check_projection<'a>(
    key: &str,
    from: &'a Value,
    volume: &Place<'_>,
    at: &Place<'_>,
    paths: &mut HashSet<&'a str>,
    errors: &mut FieldErrors,
) {
    let mut once = |path: &'a str, shown: &str, errors: &mut FieldErrors| {
        if !path.is_empty() && !paths.insert(path) {
            volume.invalid(errors, shown, "conflicting duplicate paths");
        }
    };
    match key {
        "secret" | "configMap" => {
            present(from, "name", at, errors);
            for (index, file) in items(from, "items").iter().enumerate() {
                check_file(file, &at.child("items").index(index), errors);
                once(text(file, "path"), text(from, "name"), errors);
            }
        }
        "downwardAPI" => {
            for file in items(from, "items") {
                check_downward_file(file, at, errors);
                once(text(file, "path"), text(file, "path"), errors);
            }
        }
        "serviceAccountToken" => check_token(from, volume, at, errors),
        "clusterTrustBundle" => {
            check_bundle(from, at, errors);
            once(text(from, "path"), text(from, "path"), errors);
        }
        _ => check_certificate(from, at, errors),
    }
}

fn check_token(token: &Value, volume: &Place<'_>, at: &Place<'_>, errors: &mut FieldErrors) {
    let seconds = int(token, "expirationSeconds").unwrap_or(3600);
    if seconds < 600 {
        let detail = "may not specify a duration less than 10 minutes";
        at.child("expirationSeconds").invalid(errors, seconds, detail);
    }
    if seconds > 1 << 32 {
        let detail = "may not specify a duration larger than 2^32 seconds";
        at.child("expirationSeconds").invalid(errors, seconds, detail);
    }
    let path = text(token, "path");
    if path.is_empty() {
        volume.child("path").required(errors, "");
    } else {
        check_local(path, &volume.child("path"), errors);
    }
}

fn check_bundle(bundle: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let (name, signer) = (bundle.get("name"), bundle.get("signerName"));
    match (name, signer) {
        (Some(_), Some(_)) => {
            at.invalid(errors, bundle.clone(), "only one of name and signerName may be used");
        }
        (Some(_), None) => {
            if text(bundle, "name").is_empty() {
                at.child("name").required(errors, "must be a valid object name");
            }
            if let Some(selector) = part(bundle, "labelSelector") {
                let detail = "labelSelector must be unset if name is specified";
                at.child("labelSelector").invalid(errors, selector.clone(), detail);
            }
        }
        (None, Some(_)) => {
            if text(bundle, "signerName").is_empty() {
                at.child("signerName").required(errors, "must be a valid signer name");
            }
            if let Some(selector) = part(bundle, "labelSelector") {
                selector::check(selector, &at.child("labelSelector"), errors);
            }
        }
        (None, None) => at.required(errors, "either name or signerName must be specified"),
    }
    present(bundle, "path", at, errors);
    check_local(text(bundle, "path"), &at.child("path"), errors);
}

fn check_certificate(certificate: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    present(certificate, "signerName", at, errors);
    let types = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
    none_or_one_of(certificate, "keyType", &types, at, errors);
    for key in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        check_local(text(certificate, key), &at.child(key), errors);
    }
}

fn check_ephemeral(source: &Value, name: &str, pod: Option<&str>, at: &Place<'_>, errors: &mut FieldErrors) {
    let place = at.child("ephemeral");
    let place = place.child("volumeClaimTemplate");
    let Some(template) = part(source, "volumeClaimTemplate") else {
        return place.required(errors, "");
    };
    let metadata = part(template, "metadata").unwrap_or(&Value::Null);
    let metadata_place = place.child("metadata");
    names::annotations(metadata, "annotations", &metadata_place, errors);
    names::labels(metadata, "labels", &metadata_place, errors);
    for key in metadata.as_object().into_iter().flat_map(|map| map.keys()) {
        if !matches!(key.as_str(), "annotations" | "labels") {
            metadata_place.child(key).forbidden(errors, "cannot be set");
        }
    }
    check_claim(part(template, "spec").unwrap_or(&Value::Null), &place.child("spec"), errors);
    if let Some(pod) = pod.filter(|pod| !pod.is_empty() && !name.is_empty()) {
        let claim = format!("{pod}-{name}");
        for reason in names::dns1123_subdomain(&claim) {
            at.child("name").invalid(errors, name, format!("PVC name {claim:?}: {reason}"));
        }
    }
}

/// Checks what a claim that a Pod makes must say at least.
pub(super) fn check_claim(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    let modes = items(spec, "accessModes");
    if modes.is_empty() {
        at.child("accessModes").required(errors, "at least 1 access mode is required");
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|mode| !MODES.contains(mode)) {
        at.child("accessModes").not_supported(errors, mode, &MODES);
    }
    let requests = part(spec, "resources").and_then(|resources| map(resources, "requests"));
    if requests.is_none_or(|requests| !requests.contains_key("storage")) {
        at.child("resources").key("storage").required(errors, "");
    }
    none_or_one_of(spec, "volumeMode", &["Block", "Filesystem"], at, errors);
}

/// Returns whether a path goes back up.
pub(super) fn has_backsteps(path: &str) -> bool {
    path.contains("..") && path.split('/').any(|part| part == "..")
}

fn check_backsteps(path: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if has_backsteps(path) {
        at.invalid(errors, path, "must not contain '..'");
    }
}

/// Checks a path that must go down from where it is used.
pub(super) fn check_descending(path: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    if path.starts_with('/') {
        at.invalid(errors, path, "must be a relative path");
    }
    check_backsteps(path, at, errors);
}

/// Checks a path that must go down and not begin like the hidden ones the kubelet makes.
fn check_local(path: &str, at: &Place<'_>, errors: &mut FieldErrors) {
    check_descending(path, at, errors);
    if path.starts_with("..") && !path.starts_with("../") {
        at.invalid(errors, path, "must not start with '..'");
    }
}
