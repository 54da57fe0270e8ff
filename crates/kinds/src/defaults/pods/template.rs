//! Defaults of what is the same in Pods and in templates of Pods.

use serde_json::{Map, Value};

use super::{absent, blank, container, each, made, volume};

/// Fills in the template of what has one, even if it says nothing: it is no pointer in Go.
pub(super) fn fill_in(owner: &mut Map<String, Value>) {
    if let Some(template) = made(owner, "template") {
        fill(template);
    }
}

/// Fills in a template.
pub(super) fn fill(template: &mut Map<String, Value>) {
    // Not a pointer in Go, so it is written even when it is empty.
    made(template, "metadata");
    if let Some(spec) = made(template, "spec") {
        fill_spec(spec);
    }
}

/// Fills in the spec of a Pod or of a template.
pub(super) fn fill_spec(spec: &mut Map<String, Value>) {
    blank(spec, "dnsPolicy", "ClusterFirst");
    blank(spec, "restartPolicy", "Always");
    made(spec, "securityContext");
    absent(spec, "terminationGracePeriodSeconds", 30);
    blank(spec, "schedulerName", "default-scheduler");
    mirror_account(spec);
    each(spec, "volumes").for_each(volume::fill);
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, key).for_each(container::fill);
    }
}

/// Keeps the old name of `serviceAccountName` the same as the new one, which wins.
fn mirror_account(spec: &mut Map<String, Value>) {
    let said = |key: &str| spec.get(key).and_then(Value::as_str).filter(|name| !name.is_empty());
    let (new, old) = (said("serviceAccountName"), said("serviceAccount"));
    if new == old {
        return;
    }
    if let Some(name) = new.or(old).map(str::to_owned) {
        spec.insert("serviceAccount".to_owned(), name.as_str().into());
        spec.insert("serviceAccountName".to_owned(), name.into());
    }
}
