//! Merging lists: of objects by their merge key, of scalars as sets.

use serde_json::Value;

use super::order::{key_of, normalize};
use super::{DIRECTIVE, Object, PatchError, merge_maps, show, unknown_directive, unmergeable};
use crate::schema::{PatchRule, Schema};

type Items = Vec<Value>;

/// Merges a list as its rule says, or takes items out of it.
pub(super) fn merge(
    original: Items,
    patch: Items,
    schema: Schema<'_>,
    rule: &PatchRule,
    deletes: bool,
) -> Result<Items, PatchError> {
    if !rule.merge && !deletes {
        return Ok(patch);
    }
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let of_objects = same_kind(&original, &patch)?;
    let key = rule.merge_key.as_deref();
    if !of_objects {
        if deletes {
            return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
        }
        return merge_scalars(&original, &patch);
    }
    let Some(key) = key else {
        return Err(unmergeable("cannot merge lists without merge key for struct"));
    };
    merge_objects(original, patch, key, schema)
}

/// Returns whether the items are objects; they must all be of one sort, and no lists.
pub(super) fn same_kind(original: &[Value], patch: &[Value]) -> Result<bool, PatchError> {
    let mut all = original.iter().chain(patch);
    let Some(first) = all.next() else {
        return Err(unmergeable("no elements in any of the given slices"));
    };
    if first.is_array() {
        return Err(PatchError::Rejected("lists of lists are not supported".to_owned()));
    }
    let sort = |value: &Value| std::mem::discriminant(value);
    if all.any(|item| sort(item) != sort(first)) {
        let lists = [Value::Array(original.to_vec()), Value::Array(patch.to_vec())];
        let shown = show(&Value::Array(lists.to_vec()));
        return Err(unmergeable(format!("list element types are not identical: {shown}")));
    }
    Ok(first.is_object())
}

fn merge_scalars(original: &[Value], patch: &[Value]) -> Result<Items, PatchError> {
    let mut merged = original.to_vec();
    merged.extend_from_slice(patch);
    deduplicate(&mut merged);
    let (in_patch, server_only) = merged.into_iter().partition(|item| patch.contains(item));
    normalize(in_patch, server_only, patch, original, None)
}

/// Takes out what stands twice; the last item moves to the gap, as the server has it.
fn deduplicate(items: &mut Items) {
    let mut at = 0;
    while at < items.len() {
        let mut other = at + 1;
        while other < items.len() {
            if items[at] == items[other] {
                items.swap_remove(other);
            } else {
                other += 1;
            }
        }
        at += 1;
    }
}

fn merge_objects(original: Items, patch: Items, key: &str, schema: Schema<'_>) -> Result<Items, PatchError> {
    let (mut merged, patch) = obey_directives(original, patch, key)?;
    let server_order = merged.clone();
    let patch_order = patch.clone();
    for item in patch {
        let wanted = key_of(&item, key)?.clone();
        let found = merged.iter_mut().find(|old| old.get(key) == Some(&wanted));
        match (found, item) {
            (Some(old), Value::Object(item)) => {
                let before = match old.take() {
                    Value::Object(before) => before,
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                        Object::new()
                    }
                };
                *old = Value::Object(merge_maps(before, item, schema)?);
            }
            (_, item) => merged.push(item),
        }
    }
    for item in &merged {
        key_of(item, key)?;
    }
    let is_patched = |item: &Value| patch_order.iter().any(|p| p.get(key) == item.get(key));
    let (in_patch, server_only) = merged.into_iter().partition(is_patched);
    normalize(in_patch, server_only, &patch_order, &server_order, Some(key))
}

/// Obeys `$patch` in items, and returns what is left of list and patch.
fn obey_directives(mut original: Items, patch: Items, key: &str) -> Result<(Items, Items), PatchError> {
    let mut plain = Items::new();
    let mut replace = false;
    for item in patch {
        let Value::Object(mut map) = item else { continue };
        let Some(directive) = map.remove(DIRECTIVE) else {
            plain.push(Value::Object(map));
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let Some(gone) = map.get(key) else {
                    map.insert(DIRECTIVE.to_owned(), directive);
                    return Err(super::order::no_merge_key(&Value::Object(map), key));
                };
                original.retain(|item| item.get(key) != Some(gone));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err(unmergeable("merging lists cannot yet be specified in the patch")),
            _ => return Err(unknown_directive(directive, map)),
        }
    }
    Ok(if replace { (plain, Items::new()) } else { (original, plain) })
}
