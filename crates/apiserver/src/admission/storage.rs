//! Volumes: the default storage class, and protection while in use.

use stanchion_kinds::policy;
use stanchion_machinery::Value;

use super::{Attempt, cached};
use crate::api::Api;

/// Completes a new claim or volume.
pub(super) fn admit(api: &Api, attempt: &Attempt<'_>, new: &mut Value) {
    let (group, plural) = (attempt.call.resource.group(), attempt.call.resource.plural());
    if attempt.is("", "persistentvolumeclaims") {
        policy::pods::default_storage_class(new, &cached(api, "storageclasses", ""));
    }
    policy::pods::storage_protection(group, plural, new);
}
