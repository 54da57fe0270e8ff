//! Roles and their bindings.

use serde_json::{Value, json};
use stanchion_machinery::field::{FieldError, FieldErrors, Path};
use stanchion_machinery::name;
use stanchion_machinery::selector::validate_label_selector;

use super::checks::{required, supported};
use super::read::{get, list, strings, text};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Checks the rules of a role; those of a namespace know no URLs.
pub(super) fn role(object: &Value, is_namespaced: bool, errors: &mut FieldErrors) {
    for (i, rule) in list(object, "rules").iter().enumerate() {
        check_rule(rule, is_namespaced, &Path::new("rules").index(i), errors);
    }
    let aggregation = get(object, "aggregationRule");
    if is_namespaced || aggregation.is_null() {
        return;
    }
    let path = Path::new("aggregationRule.clusterRoleSelectors");
    let selectors = list(aggregation, "clusterRoleSelectors");
    if selectors.is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.push(FieldError::required(&path, why));
    }
    for (i, selector) in selectors.iter().enumerate() {
        errors.extend(validate_label_selector(selector, &path.index(i)));
    }
}

fn check_rule(rule: &Value, is_namespaced: bool, path: &Path, errors: &mut FieldErrors) {
    let has = |key| !list(rule, key).is_empty();
    if !has("verbs") {
        errors.push(FieldError::required(&path.child("verbs"), "verbs must contain at least one value"));
    }
    if has("nonResourceURLs") {
        let urls: Vec<&str> = strings(rule, "nonResourceURLs").collect();
        let path = path.child("nonResourceURLs");
        if is_namespaced {
            let why = "namespaced rules cannot apply to non-resource URLs";
            errors.push(FieldError::invalid(&path, urls.clone(), why));
        }
        if has("apiGroups") || has("resources") || has("resourceNames") {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            errors.push(FieldError::invalid(&path, urls, why));
        }
        return;
    }
    if !has("apiGroups") {
        let why = "resource rules must supply at least one api group";
        errors.push(FieldError::required(&path.child("apiGroups"), why));
    }
    if !has("resources") {
        let why = "resource rules must supply at least one resource";
        errors.push(FieldError::required(&path.child("resources"), why));
    }
}

/// Checks whom a role is given to.
pub(super) fn binding(object: &Value, is_namespaced: bool, errors: &mut FieldErrors) {
    let role = get(object, "roleRef");
    let path = Path::new("roleRef");
    supported(errors, &path.child("apiGroup"), text(role, "apiGroup"), &[GROUP]);
    let kinds: &[&str] = if is_namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    supported(errors, &path.child("kind"), text(role, "kind"), kinds);
    required(errors, &path.child("name"), text(role, "name"), name::path_segment_name);
    for (i, item) in list(object, "subjects").iter().enumerate() {
        subject(item, is_namespaced, &Path::new("subjects").index(i), errors);
    }
}

/// Checks that a binding keeps its role.
pub(super) fn binding_update(new: &Value, old: &Value, errors: &mut FieldErrors) {
    let parts = |object| ["apiGroup", "kind", "name"].map(|key| text(get(object, "roleRef"), key));
    let [group, kind, name] = parts(new);
    if parts(old) != [group, kind, name] {
        let shown = json!({ "APIGroup": group, "Kind": kind, "Name": name });
        errors.push(FieldError::invalid(&Path::new("roleRef"), shown, "cannot change roleRef"));
    }
}

fn subject(subject: &Value, is_namespaced: bool, path: &Path, errors: &mut FieldErrors) {
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let field = path.child("apiGroup");
    match text(subject, "kind") {
        "ServiceAccount" => {
            super::checks::optional(errors, &path.child("name"), name, name::dns1123_subdomain);
            supported(errors, &field, group, &[""]);
            if !is_namespaced && text(subject, "namespace").is_empty() {
                errors.push(FieldError::required(&path.child("namespace"), ""));
            }
        }
        kind @ ("User" | "Group") => {
            if name.is_empty() {
                let why = format!("{} name cannot be empty", kind.to_lowercase());
                errors.push(FieldError::invalid(&path.child("name"), name, why));
            }
            supported(errors, &field, group, &[GROUP]);
        }
        kind => {
            let known = ["ServiceAccount", "User", "Group"];
            errors.push(FieldError::not_supported(&path.child("kind"), kind, &known));
        }
    }
}
