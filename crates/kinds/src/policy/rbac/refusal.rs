//! The words of a refusal.

use stanchion_machinery::status::{Status, Subject};

use super::Request;

/// Tells what a user cannot do.
pub fn refusal(request: &Request<'_>) -> String {
    let Request { user, verb, .. } = request;
    let Some(wanted) = &request.resource else {
        return format!("User {user:?} cannot {verb} path {:?}", request.path);
    };
    let mut resource = wanted.resource.to_owned();
    if !wanted.subresource.is_empty() {
        resource.push('/');
        resource.push_str(wanted.subresource);
    }
    let place = if wanted.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", wanted.namespace)
    };
    format!("User {user:?} cannot {verb} resource {resource:?} in API group {:?} {place}", wanted.group)
}

/// Makes the failure that tells a refusal, with the reason of the decision behind.
pub fn forbidden(request: &Request<'_>, reason: &str) -> Status {
    let mut why = refusal(request);
    if !reason.is_empty() {
        why.push_str(": ");
        why.push_str(reason);
    }
    let wanted = request.resource.unwrap_or_default();
    Status::forbidden(Subject { group: wanted.group, resource: wanted.resource }, wanted.name, &why)
}
