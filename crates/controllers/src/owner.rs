//! Who controls an object, and who may.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::Resource;
use serde_json::Value;
use stanchion_informers::{Change, Key};
use stanchion_machinery::selector::Labels;

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

/// Returns key and uid of who controls an object, if that is of the kind `O`.
pub(crate) fn controlled_by<O: Resource<DynamicType = ()>>(meta: &ObjectMeta) -> Option<(Key, &str)> {
    let owner = controller(meta)?;
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let is = owner.kind == O::kind(&()) && group == O::group(&());
    is.then(|| (Key::new(meta.namespace.clone().unwrap_or_default(), owner.name.clone()), owner.uid.as_str()))
}

/// Returns those of the kind `O` that control, or controlled, the object of a change.
pub(crate) fn concerned<O, K>(change: &Change<K>) -> Vec<Key>
where
    O: Resource<DynamicType = ()>,
    K: Resource,
{
    let key = |object: &K| controlled_by::<O>(object.meta()).map(|(key, _)| key);
    match change {
        Change::Added(object) | Change::Deleted(object) => key(object).into_iter().collect(),
        Change::Modified { old, new } => {
            let (old, new) = (key(old), key(new));
            if old == new { new.into_iter().collect() } else { old.into_iter().chain(new).collect() }
        }
    }
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

/// Reads a selector. One that cannot be read, which the API does not let in, selects nothing.
pub(crate) fn selector(selector: &LabelSelector) -> Labels {
    let value = serde_json::to_value(selector).unwrap_or(Value::Null);
    Labels::from_object(&value).unwrap_or_else(|_| Labels::nothing())
}

/// Returns whether the labels of an object are selected.
pub(crate) fn selects(selector: &Labels, meta: &ObjectMeta) -> bool {
    let labels = meta.labels.as_ref();
    selector.matches(|key| labels.and_then(|labels| labels.get(key)).map(String::as_str))
}

/// What an object is to somebody who could control it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is controlled by them, and should be.
    Mine,
    /// Nobody controls it, and they should.
    Adopt,
    /// They control it, and should not any more.
    Release,
    /// It does not concern them.
    Other,
}

/// Returns what an object is to an owner with a selector.
pub(crate) fn claim(owner: &ObjectMeta, selector: &Labels, object: &ObjectMeta) -> Claim {
    let (ends, selected) = (owner.deletion_timestamp.is_some(), selects(selector, object));
    match controller(object) {
        Some(controller) if Some(&controller.uid) != owner.uid.as_ref() => Claim::Other,
        Some(_) if selected => Claim::Mine,
        Some(_) if ends => Claim::Other,
        Some(_) => Claim::Release,
        None if ends || !selected || object.deletion_timestamp.is_some() => Claim::Other,
        None => Claim::Adopt,
    }
}

#[cfg(test)]
mod tests;
