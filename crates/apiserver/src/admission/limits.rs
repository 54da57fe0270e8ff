//! Limit ranges: defaults and bounds of the resources of Pods and claims.

use stanchion_kinds::policy;
use stanchion_machinery::Value;
use stanchion_machinery::status::Status;

use super::{Attempt, Operation, cached};
use crate::api::Api;
use crate::strategy::Part;

/// Sets the resources that a new Pod leaves open.
pub(super) fn apply(api: &Api, attempt: &Attempt<'_>, new: &mut Value) {
    if attempt.is("", "pods") {
        let ranges = cached(api, "limitranges", &attempt.key.namespace);
        if !ranges.is_empty() {
            policy::limits::apply(&ranges, new);
        }
    }
}

/// Refuses resources out of bounds.
pub(super) fn check(api: &Api, attempt: &Attempt<'_>, new: &Value) -> Result<(), Status> {
    let pod = attempt.is("", "pods") && (attempt.creates() || attempt.part == Part::Resize);
    let claim = attempt.is("", "persistentvolumeclaims") && attempt.part == Part::Main;
    if !(pod || claim) || attempt.operation == Operation::Delete {
        return Ok(());
    }
    let ranges = cached(api, "limitranges", &attempt.key.namespace);
    let problems = policy::limits::validate(&ranges, "", attempt.call.resource.kind(), new);
    if problems.is_empty() { Ok(()) } else { Err(attempt.forbidden(&policy::aggregate(&problems))) }
}
