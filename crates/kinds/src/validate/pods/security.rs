//! Security contexts of Pods and of containers.

use std::collections::HashSet;

use serde_json::Value;
use stanchion_machinery::field::{FieldError, FieldErrors};

use super::volumes::check_descending;
use crate::validate::place::Place;
use crate::validate::read::{flag, in_range, items, none_or_one_of, part, text, texts};

/// The numbers that users and groups can have.
const IDS: std::ops::RangeInclusive<i64> = 0..=2_147_483_647;

/// Checks the context of a Pod; `at` is that of the spec.
pub(super) fn check_pod(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(context) = part(spec, "securityContext") else { return };
    let at = at.child("securityContext");
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        in_range(context, key, IDS, &at, errors);
    }
    for (index, group) in items(context, "supplementalGroups").iter().filter_map(Value::as_i64).enumerate() {
        if !IDS.contains(&group) {
            let detail = "must be between 0 and 2147483647, inclusive";
            at.child("supplementalGroups").index(index).invalid(errors, group, detail);
        }
    }
    if flag(spec, "shareProcessNamespace") && flag(spec, "hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        at.child("shareProcessNamespace").invalid(errors, true, detail);
    }
    check_sysctls(spec, context, &at.child("sysctls"), errors);
    none_or_one_of(context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"], &at, errors);
    check_profiles(context, &at, errors);
    none_or_one_of(context, "supplementalGroupsPolicy", &["Merge", "Strict"], &at, errors);
    none_or_one_of(context, "seLinuxChangePolicy", &["MountOption", "Recursive"], &at, errors);
}

/// Checks what is forbidden to a Pod whose users are not those of the host.
pub(super) fn check_host_users(spec: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    if spec.get("hostUsers").and_then(Value::as_bool) != Some(false) {
        return;
    }
    for (key, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
        if flag(spec, key) {
            at.child(shown).forbidden(errors, "when `pod.Spec.HostUsers` is false");
        }
    }
}

fn check_sysctls(spec: &Value, context: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let mut seen = HashSet::new();
    for (index, sysctl) in items(context, "sysctls").iter().enumerate() {
        let at = at.index(index);
        let at = at.child("name");
        let name = text(sysctl, "name");
        if name.is_empty() {
            at.required(errors, "");
        } else if !is_sysctl(name) {
            at.invalid(errors, name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$");
        } else if seen.contains(name) {
            at.duplicate(errors, name);
        }
        seen.insert(name);
        let dotted = name.replace('/', ".");
        if flag(spec, "hostNetwork") && dotted.starts_with("net.") {
            at.invalid(errors, name, "may not be specified when 'hostNetwork' is true");
        }
        let is_ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|start| dotted.starts_with(start));
        if flag(spec, "hostIPC") && (is_ipc || dotted == "kernel.sem") {
            at.invalid(errors, name, "may not be specified when 'hostIPC' is true");
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(is_word)
                && bytes.last().is_some_and(is_word)
                && bytes.iter().all(|b| is_word(b) || matches!(b, b'-' | b'_'))
        })
}

/// Checks the context of a container.
pub(super) fn check_container(container: &Value, host_users: bool, at: &Place<'_>, errors: &mut FieldErrors) {
    let Some(context) = part(container, "securityContext") else { return };
    let at = at.child("securityContext");
    for key in ["runAsUser", "runAsGroup"] {
        in_range(context, key, IDS, &at, errors);
    }
    none_or_one_of(context, "procMount", &["Default", "Unmasked"], &at, errors);
    if host_users && text(context, "procMount") == "Unmasked" {
        at.child("procMount").invalid(errors, "Unmasked", "`hostUsers` must be false to use `Unmasked`");
    }
    if context.get("allowPrivilegeEscalation").and_then(Value::as_bool) == Some(false) {
        if flag(context, "privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            at.invalid(errors, context.clone(), detail);
        }
        let added = part(context, "capabilities").into_iter().flat_map(|c| texts(c, "add"));
        for _ in added.filter(|capability| *capability == "CAP_SYS_ADMIN") {
            let detail =
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            at.invalid(errors, context.clone(), detail);
        }
    }
    check_profiles(context, &at, errors);
}

fn check_profiles(context: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    if let Some(profile) = part(context, "seccompProfile") {
        check_seccomp(profile, &at.child("seccompProfile"), errors);
    }
    if let Some(profile) = part(context, "appArmorProfile") {
        check_app_armor(profile, &at.child("appArmorProfile"), errors);
    }
}

const PROFILES: [&str; 3] = ["Localhost", "RuntimeDefault", "Unconfined"];

fn check_seccomp(profile: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    let kind = text(profile, "type");
    if kind.is_empty() {
        at.child("type").required(errors, "type is required when seccompProfile is set");
    } else if !PROFILES.contains(&kind) {
        at.child("type").not_supported(errors, kind, &PROFILES);
    }
    let file = profile.get("localhostProfile").and_then(Value::as_str);
    let at_file = at.child("localhostProfile");
    match file {
        None if kind == "Localhost" => {
            at_file.required(errors, "must be set when seccomp type is Localhost");
        }
        Some(file) if kind == "Localhost" => check_descending(file, &at_file, errors),
        Some(_) => {
            at_file.invalid(errors, profile.clone(), "can only be set when seccomp type is Localhost");
        }
        None => {}
    }
}

fn check_app_armor(profile: &Value, at: &Place<'_>, errors: &mut FieldErrors) {
    const MOST: usize = 4095;
    let file = profile.get("localhostProfile").and_then(Value::as_str);
    let at_file = at.child("localhostProfile");
    match text(profile, "type") {
        "Localhost" => {
            let name = file.unwrap_or("");
            if name.trim() != name {
                at_file.invalid(errors, name, "must not be padded with whitespace");
            } else if name.is_empty() {
                at_file.required(errors, "must be set when AppArmor type is Localhost");
            }
            if name.len() > MOST {
                errors.push(FieldError::too_long(&at_file.path(), MOST));
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if let Some(file) = file {
                at_file.invalid(errors, file, "can only be set when AppArmor type is Localhost");
            }
        }
        "" => at.child("type").required(errors, "type is required when appArmorProfile is set"),
        other => at.child("type").not_supported(errors, other, &PROFILES),
    }
}
