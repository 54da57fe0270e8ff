//! Quotas: what a namespace has used is written in the same transaction as the object that uses it.
//!
//! Writes of one namespace that count against a quota take turns, because each changes the quota: without turns they
//! would only undo one another. Turns are for speed; exactness comes from the transaction, also with several servers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use stanchion_kinds::policy::quota;
use stanchion_machinery::quantity::Quantity;
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::{Attempt, Operation, Reserved};
use crate::api::Api;
use crate::resource::Resource;
use crate::storage::{Outcome, Write};

/// Whose turn it is, by namespace.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Arc<Turn<()>>>>);

impl Turns {
    async fn take(&self, namespace: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock();
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(namespace.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

/// Counts an object against the quotas of its namespace; what goes or shrinks is given back.
pub(super) async fn reserve(
    api: &Api,
    attempt: &Attempt<'_>,
    new: Option<&Value>,
    old: Option<&Value>,
    reserved: &mut Reserved,
) -> Result<(), Status> {
    let namespace = attempt.key.namespace.as_str();
    let own = attempt.is("", "resourcequotas");
    if namespace.is_empty() || own || api.cache.shard("resourcequotas").list(namespace, "").is_empty() {
        return Ok(());
    }
    let turn = api.admission.quotas.take(namespace).await;
    let quotas = read(api, namespace).await?;
    let objects: Vec<Value> = quotas.iter().map(|(_, object)| object.clone()).collect();
    let (group, plural) = (attempt.call.resource.group(), attempt.call.resource.plural());
    let mut changed: HashMap<usize, Value> = HashMap::new();
    if let Some(new) = new
        && asks(attempt, new, old)
    {
        let granted =
            quota::check(&objects, group, plural, new, old).map_err(|why| attempt.forbidden(&why))?;
        for (at, used) in granted {
            changed.insert(at, quota::to_value(&used));
        }
    }
    give_back(&objects, group, plural, new, old, &mut changed);
    if attempt.dry_run || changed.is_empty() {
        return Ok(());
    }
    for (at, used) in changed {
        let (revision, mut object) = quotas[at].clone();
        object["status"]["used"] = used;
        reserved.writes.push(Write::put(
            format!("resourcequotas/{namespace}/{}", meta::name(&object)),
            revision,
            &object,
        ));
    }
    reserved.turns.push(turn);
    Ok(())
}

fn asks(attempt: &Attempt<'_>, new: &Value, old: Option<&Value>) -> bool {
    let resource = &attempt.call.resource;
    attempt.operation != Operation::Delete
        && quota::handles(resource.group(), resource.plural(), attempt.part.name(), new, old)
}

/// Takes off what the old object used and the new one does not.
fn give_back(
    quotas: &[Value],
    group: &str,
    plural: &str,
    new: Option<&Value>,
    old: Option<&Value>,
    changed: &mut HashMap<usize, Value>,
) {
    let Some(old) = old else { return };
    for (at, quota) in quotas.iter().enumerate() {
        let counted = |object: &Value| {
            if quota::matches(quota, group, plural, object) {
                quota::usage(group, plural, object)
            } else {
                BTreeMap::default()
            }
        };
        let before = counted(old);
        if before.is_empty() {
            continue;
        }
        let after = new.map(counted).unwrap_or_default();
        let base = changed.get(&at).cloned().unwrap_or_else(|| quota["status"]["used"].clone());
        let mut used = base.clone();
        for (name, amount) in before {
            let kept = after.get(&name).copied().unwrap_or(Quantity::ZERO);
            let freed = amount - kept;
            let Some(counted) = used.get(&name).and_then(|value| Quantity::from_value(value).ok()) else {
                continue;
            };
            if freed > Quantity::ZERO {
                used[&name] = (counted - freed).max(Quantity::ZERO).to_string().into();
            }
        }
        if used != base {
            changed.insert(at, used);
        }
    }
}

/// Reads the quotas of a namespace from the store, with their revisions.
async fn read(api: &Api, namespace: &str) -> Result<Vec<(i64, Value)>, Status> {
    let mut quotas = Vec::new();
    for entry in api.cache.shard("resourcequotas").list(namespace, "") {
        if let Some(stored) = api.storage.get(&format!("resourcequotas/{}", entry.key)).await? {
            quotas.push((stored.revision, stored.object()?));
        }
    }
    Ok(quotas)
}

/// Brings the status of a quota to what is there: `hard` as specified and `used` counted anew.
pub(crate) async fn recount(api: &Api, namespace: &str, name: &str) -> Result<(), Status> {
    let _turn = api.admission.quotas.take(namespace).await;
    let place = format!("resourcequotas/{namespace}/{name}");
    api.cache.fresh().await?;
    let Some(stored) = api.storage.get(&place).await? else { return Ok(()) };
    let mut object = stored.object()?;
    let before = object.clone();
    let hard = object["spec"]["hard"].clone();
    object["status"]["hard"] = hard.clone();
    let mut used = serde_json::Map::new();
    for name in hard.as_object().into_iter().flatten().map(|(name, _)| name) {
        used.insert(name.clone(), "0".into());
    }
    let mut total: HashMap<String, Quantity> = HashMap::new();
    for group in api.catalog.groups() {
        let Some(version) = group.versions.first() else { continue };
        for resource in version.resources.iter().filter(|resource| resource.namespaced()) {
            count(api, &object, resource, namespace, &mut total);
        }
    }
    for (name, amount) in total {
        if used.contains_key(&name) {
            used.insert(name, amount.to_string().into());
        }
    }
    object["status"]["used"] = Value::Object(used);
    if object == before {
        return Ok(());
    }
    match api.storage.write(&[Write::put(place, stored.revision, &object)]).await? {
        Outcome::Done(_) => Ok(()),
        Outcome::Changed(_) => Err(Status::internal("the quota changed while it was counted")),
    }
}

fn count(
    api: &Api,
    quota: &Value,
    resource: &Resource,
    namespace: &str,
    total: &mut HashMap<String, Quantity>,
) {
    let (group, plural) = (resource.group(), resource.plural());
    if resource.prefix().is_empty() {
        return;
    }
    for entry in api.cache.shard(resource.prefix()).list(namespace, "") {
        let object = entry.object();
        if quota::matches(quota, group, plural, &object) {
            for (name, amount) in quota::usage(group, plural, &object) {
                let sum = total.entry(name).or_insert(Quantity::ZERO);
                *sum = *sum + amount;
            }
        }
    }
}
