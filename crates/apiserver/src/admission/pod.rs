//! Pods: their service account, priority and tolerations.

use stanchion_kinds::policy;
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};

use super::{Attempt, cached, find};
use crate::api::Api;
use crate::names;

/// Completes a new Pod.
pub(super) async fn admit(api: &Api, attempt: &Attempt<'_>, pod: &mut Value) -> Result<(), Status> {
    let named = pod.pointer("/spec/serviceAccountName").and_then(Value::as_str).unwrap_or("");
    let name = if named.is_empty() { "default" } else { named };
    let account = find(api, "serviceaccounts", &format!("{}/{name}", attempt.key.namespace)).await?;
    policy::pods::service_account(pod, account.as_ref(), &names::suffix())
        .map_err(|why| attempt.forbidden(&why))?;
    let mut classes = cached(api, "priorityclasses", "");
    let wanted = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).unwrap_or("");
    if !wanted.is_empty() && !classes.iter().any(|class| meta::name(class) == wanted) {
        classes.extend(find(api, "priorityclasses", wanted).await?);
    }
    policy::pods::priority(pod, &classes).map_err(|why| attempt.forbidden(&why))?;
    policy::pods::default_tolerations(pod);
    Ok(())
}

/// Keeps what admission gave a Pod when a client replaces it by what it had written once.
pub(super) fn keep(new: &mut Value, old: Option<&Value>) {
    let Some(spec) = old.and_then(|old| old.get("spec")) else { return };
    for key in ["priority", "preemptionPolicy", "serviceAccountName", "serviceAccount"] {
        if let (Some(kept), None) = (spec.get(key), new.pointer(&format!("/spec/{key}"))) {
            new["spec"][key] = kept.clone();
        }
    }
}

/// Refuses a second class that is the default of all Pods.
pub(super) fn check_priority_class(api: &Api, attempt: &Attempt<'_>, new: &Value) -> Result<(), Status> {
    if !attempt.is("scheduling.k8s.io", "priorityclasses") || new["globalDefault"] != Value::Bool(true) {
        return Ok(());
    }
    let classes = cached(api, "priorityclasses", "");
    let other = classes
        .iter()
        .find(|class| class["globalDefault"] == Value::Bool(true) && meta::name(class) != meta::name(new));
    match other {
        None => Ok(()),
        Some(class) => {
            let why = format!(
                "PriorityClass {} is already marked as globalDefault. Only one default can exist",
                meta::name(class)
            );
            Err(attempt.forbidden(&why))
        }
    }
}
