//! Who controls an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

/// Returns the owner that controls an object.
pub(crate) fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))
}

/// Returns the uid of who controls an object; what indexes go by.
pub(crate) fn controller_uid<K: Resource>(object: &K) -> Vec<String> {
    controller(object.meta()).map(|owner| owner.uid.clone()).into_iter().collect()
}

/// Returns the namespace of an object that nobody controls; what indexes of those that may be adopted go by.
pub(crate) fn namespace_if_alone<K: Resource>(object: &K) -> Vec<String> {
    let meta = object.meta();
    if controller(meta).is_some() { Vec::new() } else { meta.namespace.clone().into_iter().collect() }
}

/// Makes the reference of an object that controls others and is deleted after them if they ask for it.
pub(crate) fn reference<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    let meta = owner.meta();
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
