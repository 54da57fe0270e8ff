//! Eviction: whether a pod may be deleted as far as disruption budgets are concerned.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use stanchion_machinery::meta::{self, object_mut};
use stanchion_machinery::selector::Labels;
use stanchion_machinery::status::{Reason, Status, Subject};

/// More evictions than this may not await the word of the budget's controller.
const MAX_DISRUPTED: usize = 2000;
const VIOLATES: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// What becomes of an eviction.
#[derive(Clone, Debug, PartialEq)]
pub enum Eviction {
    /// The pod may be deleted once the budget is written; without a budget, right away.
    Allowed {
        /// The place of the budget among those given, and what it becomes. It must not have changed meanwhile.
        budget: Option<(usize, Box<Value>)>,
    },
    /// The pod may be deleted, whatever the budgets say.
    Bypass {
        /// Whether it must not have changed meanwhile, for it could have become one that budgets guard.
        pinned: bool,
    },
    /// The budget has no room, 429.
    TooMany(Status),
    /// The budget is in a state in which it cannot be charged, 403.
    Forbidden(Status),
    /// There is more than one budget, 500.
    MultipleBudgets(Status),
}

/// Decides the eviction of a pod; `budgets` are those of its namespace, `now` is in the form of RFC 3339.
pub fn decide(pod: &Value, budgets: &[Value], now: &str) -> Eviction {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or("");
    let ends = matches!(phase, "Succeeded" | "Failed") || meta::is_deleting(pod);
    if ends || phase == "Pending" {
        return Eviction::Bypass { pinned: !ends };
    }
    let mut guards = (0..budgets.len()).filter(|at| budgets.get(*at).is_some_and(|b| guards_pod(b, pod)));
    let Some(at) = guards.next() else { return Eviction::Allowed { budget: None } };
    if guards.next().is_some() {
        let text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Eviction::MultipleBudgets(Status::new(Reason::InternalError, text));
    }
    let Some(budget) = budgets.get(at) else { return Eviction::Allowed { budget: None } };
    if !is_ready(pod) && lets_unready_go(budget) {
        return Eviction::Bypass { pinned: true };
    }
    match refusal(budget) {
        Some(refused) => refused,
        None => Eviction::Allowed { budget: Some((at, Box::new(charged(budget, meta::name(pod), now)))) },
    }
}

fn guards_pod(budget: &Value, pod: &Value) -> bool {
    let selector = budget.get("spec").and_then(|spec| spec.get("selector")).unwrap_or(&Value::Null);
    let labels = meta::map(pod, "labels");
    meta::namespace(budget) == meta::namespace(pod)
        && Labels::from_object(selector).is_ok_and(|selector| {
            selector.matches(|key| labels.and_then(|l| l.get(key)).and_then(Value::as_str))
        })
}

fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").and_then(|ready| ready.get("status")).is_some_and(|status| status == "True")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition.get("type").is_some_and(|t| t == kind))
}

fn count(budget: &Value, field: &str) -> i64 {
    budget.get("status").and_then(|status| status.get(field)).and_then(Value::as_i64).unwrap_or(0)
}

fn lets_unready_go(budget: &Value) -> bool {
    let always = budget.pointer("/spec/unhealthyPodEvictionPolicy").is_some_and(|p| p == "AlwaysAllow");
    let (has, needs) = (count(budget, "currentHealthy"), count(budget, "desiredHealthy"));
    always || (has >= needs && needs > 0)
}

fn refusal(budget: &Value) -> Option<Eviction> {
    let name = meta::name(budget);
    let forbidden = |why| {
        let subject = Subject { group: "policy", resource: "poddisruptionbudget" };
        Some(Eviction::Forbidden(Status::forbidden(subject, name, why)))
    };
    let too_many = |why: &str, seconds| {
        let status = Status::new(Reason::TooManyRequests, VIOLATES).with_cause("DisruptionBudget", why, "");
        Some(Eviction::TooMany(if seconds > 0 { status.retry_after(seconds) } else { status }))
    };
    if count(budget, "observedGeneration") < meta::generation(budget) {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return too_many(&why, 10);
    }
    let allowed = count(budget, "disruptionsAllowed");
    let disrupted = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
    if allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if disrupted.is_some_and(|pods| pods.len() > MAX_DISRUPTED) {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if allowed == 0 { too_many(&no_room(budget), 0) } else { None }
}

fn no_room(budget: &Value) -> String {
    let name = meta::name(budget);
    let (needs, has) = (count(budget, "desiredHealthy"), count(budget, "currentHealthy"));
    let denies =
        condition(budget, "DisruptionAllowed").filter(|c| c.get("status").is_some_and(|s| s == "False"));
    let text = |key: &str| denies.and_then(|c| c.get(key)).and_then(Value::as_str).unwrap_or("");
    let (reason, message) = (text("reason"), text("message"));
    if reason == "SyncFailed" && !message.is_empty() {
        format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
        )
    } else if has <= needs {
        format!("The disruption budget {name} needs {needs} healthy pods and has {has} currently")
    } else if message.is_empty() {
        format!("The disruption budget {name} does not allow evicting pods currently")
    } else {
        format!("The disruption budget {name} does not allow evicting pods currently ({reason}): {message}")
    }
}

/// Returns the budget with one disruption less, that of the pod.
fn charged(budget: &Value, pod: &str, now: &str) -> Value {
    let mut budget = budget.clone();
    let left = count(&budget, "disruptionsAllowed") - 1;
    let status = object_mut(object_mut(&mut budget).entry("status").or_insert(Value::Null));
    status.insert("disruptionsAllowed".to_owned(), json!(left));
    let disrupted = status.entry("disruptedPods").or_insert(Value::Null);
    object_mut(disrupted).insert(pod.to_owned(), json!(now));
    if left == 0 {
        deny(status, now);
    }
    budget
}

/// Sets the condition that tells that no disruption is left.
fn deny(status: &mut Map<String, Value>, now: &str) {
    let observed = status.get("observedGeneration").cloned();
    let mut condition = json!({
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "lastTransitionTime": now,
    });
    if let Some(observed) = observed {
        condition["observedGeneration"] = observed;
    }
    let conditions = status.entry("conditions").or_insert_with(|| Value::Array(Vec::new()));
    let Some(conditions) = conditions.as_array_mut() else { return };
    match conditions.iter_mut().find(|c| c.get("type") == condition.get("type")) {
        Some(old) => {
            if let Some(since) =
                old.get("lastTransitionTime").filter(|_| old.get("status") == condition.get("status"))
            {
                condition["lastTransitionTime"] = since.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}
