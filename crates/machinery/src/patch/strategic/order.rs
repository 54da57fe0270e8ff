//! The order of merged lists: what the patch says, then the order in the patch, then that of the server.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    DIRECTIVE, ELEMENT_ORDER, Object, PatchError, list, lookup_list, show, unmergeable, without_directives,
};
use crate::schema::Schema;

type Items = Vec<Value>;

/// Returns the merge key of an item.
pub(super) fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, PatchError> {
    let Value::Object(map) = item else { return Err(expected("map[string]interface {}", item)) };
    map.get(key).ok_or_else(|| no_merge_key(item, key))
}

pub(super) fn no_merge_key(item: &Value, key: &str) -> PatchError {
    unmergeable(format!("map: {} does not contain declared merge key: {key}", show(item)))
}

fn expected(wanted: &str, found: &Value) -> PatchError {
    let found = match found {
        Value::Null => "%!s(<nil>)",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    unmergeable(format!("expected a {wanted}, but received a {found}"))
}

fn malformed() -> PatchError {
    PatchError::Malformed("invalid patch format of setElementOrder list".to_owned())
}

/// Obeys all `$setElementOrder` of a patch: the lists they name are merged, put in order, and taken off the patch.
pub(super) fn apply(original: &mut Object, patch: &mut Object, schema: Schema<'_>) -> Result<(), PatchError> {
    let directives: Vec<String> =
        patch.keys().filter(|key| key.starts_with(ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let order = patch.remove(&directive).unwrap_or(Value::Null);
        let Value::Array(order) = order else { return Err(expected("[]interface {}", &order)) };
        let field = directive[ELEMENT_ORDER.len()..].strip_prefix('/').ok_or_else(malformed)?;
        let live = take_list(original.get(field))?;
        let patched = take_list(patch.get(field))?;
        let (items, rule) = lookup_list(schema, field)?;
        let key = rule.merge_key.as_deref();
        check(patched.as_deref().unwrap_or(&[]), &order, key)?;
        let before = live.clone().unwrap_or_default();
        let of_patch = patched.clone().unwrap_or_default();
        let merged = match (live, patched) {
            (None, None) => continue,
            (Some(live), None) => live,
            (None, Some(new)) => new.into_iter().filter_map(without_directives).collect(),
            (Some(live), Some(new)) => list::merge(live, new, items, rule, false)?,
        };
        list::same_kind(&before, &of_patch)?;
        if let Some(key) = key {
            merged.iter().try_for_each(|item| key_of(item, key).map(drop))?;
        }
        let named = |item: &Value| order.iter().any(|o| same(o, item, key));
        let (in_patch, server_only) = merged.into_iter().partition(named);
        let sorted = normalize(in_patch, server_only, &order, &before, key)?;
        original.insert(field.to_owned(), Value::Array(sorted));
        patch.remove(field);
    }
    Ok(())
}

fn take_list(value: Option<&Value>) -> Result<Option<Items>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items.clone())),
        Some(other) => Err(expected("[]interface {}", other)),
    }
}

/// Checks that the items of the patch stand in the given order.
fn check(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), PatchError> {
    if order.is_empty() {
        return Ok(());
    }
    let mut rest = order.iter();
    for item in patch.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        loop {
            let Some(next) = rest.next() else {
                let (patch, order) = (Value::Array(patch.to_vec()), Value::Array(order.to_vec()));
                return Err(unmergeable(format!(
                    "The order in patch list:\n{}\n doesn't match {ELEMENT_ORDER} list:\n{}\n",
                    show(&patch),
                    show(&order)
                )));
            };
            if let Some(key) = key {
                key_of(item, key)?;
                key_of(next, key)?;
            }
            if same(item, next, key) {
                break;
            }
        }
    }
    Ok(())
}

fn same(left: &Value, right: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => left.get(key) == right.get(key),
        None => left == right,
    }
}

fn position(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| same(other, item, key))
}

/// Sorts both parts by the orders given and interleaves them by the order of the server.
pub(super) fn normalize(
    patch: Items,
    server_only: Items,
    patch_order: &[Value],
    server_order: &[Value],
    key: Option<&str>,
) -> Result<Items, PatchError> {
    if let Some(key) = key {
        let mut all = patch.iter().chain(&server_only).chain(patch_order).chain(server_order);
        all.try_for_each(|item| key_of(item, key).map(drop))?;
    }
    let place = |list: &[Value], item: &Value| position(list, item, key);
    let mut left = sorted(server_only, server_order, key).into_iter().peekable();
    let mut right = sorted(patch, patch_order, key).into_iter().peekable();
    let mut merged = Items::new();
    while let (Some(server), Some(patched)) = (left.peek(), right.peek()) {
        let before = match (place(server_order, server), place(server_order, patched)) {
            (Some(server), Some(patched)) => server < patched,
            (_, _) => false,
        };
        merged.extend(if before { left.next() } else { right.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// Sorts by a list; what is not in it stays behind what is.
fn sorted(items: Items, order: &[Value], key: Option<&str>) -> Items {
    let (deleted, kept): (Items, Items) =
        items.into_iter().partition(|item| key.is_some() && item.get(DIRECTIVE) == Some(&"delete".into()));
    let mut places: Vec<(Option<usize>, Value)> =
        kept.into_iter().map(|item| (position(order, &item, key), item)).collect();
    places.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    places.into_iter().map(|(_, item)| item).chain(deleted).collect()
}
