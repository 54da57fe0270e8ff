//! `CustomResourceDefinitions`: their status, what they bring into the catalog, and their end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stanchion_machinery::status::Status;
use stanchion_machinery::structural::crd::{self, NamesInUse};
use stanchion_machinery::{Value, meta};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::cache::{Seen, follow};
use crate::call::Call;
use crate::catalog::Catalog;
use crate::clock;
use crate::custom;
use crate::storage::{Outcome, Write};

/// Where definitions stand.
pub(crate) const PREFIX: &str = "apiextensions.k8s.io/customresourcedefinitions";
/// Holds a definition until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// Definitions that wait for their end at the most.
const QUEUE: usize = 1024;
/// How often an end that is held up is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Objects deleted in one transaction.
const BATCH: usize = 64;

/// Brings the status of a definition up to date on its way into the store, so that it is established at once.
pub(crate) fn settle(api: &Api, object: &mut Value) {
    let name = meta::name(object).to_owned();
    let others: Vec<Value> = api
        .cache
        .shard(PREFIX)
        .list("", "")
        .iter()
        .filter(|entry| *entry.key != *name)
        .map(|e| e.object())
        .collect();
    let group = object.pointer("/spec/group").and_then(Value::as_str).unwrap_or("").to_owned();
    let used = NamesInUse::of(&group, &others);
    object["status"] = crd::compute_status(object, &used, &clock::now());
    if meta::is_deleting(object) {
        let condition = json!({
            "type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress",
            "message": "CustomResource deletion is in progress", "lastTransitionTime": clock::now(),
        });
        if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
            conditions.retain(|condition| condition["type"] != "Terminating");
            conditions.push(condition);
        }
    }
}

/// Serves what a definition says as soon as it is written, before anybody is told that it was.
pub(crate) fn written(api: &Api, call: &Call, object: &Value) {
    if call.resource.is("apiextensions.k8s.io", "customresourcedefinitions") && !meta::is_deleting(object) {
        custom::install(&api.catalog, object);
    }
}

/// Marks a new definition so that its objects go before it does.
pub(crate) fn hold(object: &mut Value) {
    let mut finalizers: Vec<Value> = meta::strings(object, "finalizers").map(Into::into).collect();
    if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
        finalizers.push(CLEANUP.into());
        meta::set(object, "finalizers", finalizers);
    }
}

/// Follows definitions into the catalog; returns those that are to be ended.
pub(crate) fn start(catalog: &Arc<Catalog>, cache: &crate::cache::Cache) -> mpsc::Receiver<String> {
    let (ends, ending) = mpsc::channel(QUEUE);
    let catalog = Arc::clone(catalog);
    follow(&cache.shard(PREFIX), move |seen| match seen {
        Seen::Put(entry) => {
            let object = entry.object();
            custom::install(&catalog, &object);
            if meta::is_deleting(&object) && ends.try_send(entry.name().to_owned()).is_err() {
                tracing::warn!(
                    crd = entry.name(),
                    "too many definitions end at once; this one waits for a restart"
                );
            }
        }
        Seen::Gone(entry) => custom::uninstall(&catalog, &entry.object()),
    });
    ending
}

/// Ends definitions side by side: their objects first. For each there is one task, however often it is asked for.
pub(crate) async fn run(api: Arc<Api>, mut ending: mpsc::Receiver<String>) {
    let mut tasks = JoinSet::new();
    // Whether they were asked for again since, when a new one may have taken the place of that which ended.
    let mut under_way: HashMap<String, bool> = HashMap::new();
    loop {
        tokio::select! {
            name = ending.recv() => {
                let Some(name) = name else { return };
                if let Some(again) = under_way.get_mut(&name) {
                    *again = true;
                } else {
                    under_way.insert(name.clone(), false);
                    tasks.spawn(end_at_last(Arc::clone(&api), name));
                }
            }
            Some(ended) = tasks.join_next() => match ended {
                Ok(name) if under_way.remove(&name) == Some(true) => {
                    under_way.insert(name.clone(), false);
                    tasks.spawn(end_at_last(Arc::clone(&api), name));
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the end of a definition has failed"),
            },
            () = api.stopping.cancelled() => return,
        }
    }
}

/// Tries to end a definition until that is done.
async fn end_at_last(api: Arc<Api>, name: String) -> String {
    loop {
        match end(&api, &name).await {
            Ok(true) => {
                if let Err(error) = free_names(&api).await {
                    tracing::warn!(%error, "definitions that wait for a name cannot be looked at");
                }
                return name;
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(crd = %name, %error, "the objects of a definition cannot be deleted yet");
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Looks again at definitions whose names were taken: they may be free by now.
async fn free_names(api: &Api) -> Result<(), Status> {
    api.cache.fresh().await?;
    for entry in api.cache.shard(PREFIX).list("", "") {
        let old = entry.object();
        let refused = old.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        if !refused.into_iter().any(|c| c["type"] == "NamesAccepted" && c["status"] == "False") {
            continue;
        }
        let mut new = old.clone();
        settle(api, &mut new);
        if new != old {
            let write = Write::put(format!("{PREFIX}/{}", entry.key), entry.revision, &new);
            // One that changed meanwhile was settled by who changed it.
            drop(api.storage.write(&[write]).await?);
        }
    }
    Ok(())
}

/// Deletes the objects of a definition; takes the mark off when none is left. Returns whether that is done.
async fn end(api: &Api, name: &str) -> Result<bool, Status> {
    let place = format!("{PREFIX}/{name}");
    let Some(stored) = api.storage.get(&place).await? else { return Ok(true) };
    let mut object = stored.object()?;
    // Without the mark it waits for somebody else; to write it again would only ask for its end again.
    if !meta::is_deleting(&object) || !meta::strings(&object, "finalizers").any(|name| name == CLEANUP) {
        return Ok(true);
    }
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let prefix = format!("{}/{}", text("/spec/group"), text("/spec/names/plural"));
    api.cache.fresh().await?;
    let shard = api.cache.shard(&prefix);
    let entries = shard.list("", "");
    for batch in entries.chunks(BATCH) {
        let mut writes = Vec::new();
        for entry in batch {
            let mut instance = entry.object();
            let key = format!("{prefix}/{}", entry.key);
            if meta::strings(&instance, "finalizers").next().is_none() {
                writes.push(Write::delete(key, entry.revision));
            } else if !meta::is_deleting(&instance) {
                meta::set(&mut instance, "deletionTimestamp", clock::now());
                meta::set(&mut instance, "deletionGracePeriodSeconds", 0);
                writes.push(Write::put(key, entry.revision, &instance));
            }
        }
        if !writes.is_empty() {
            api.storage.write(&writes).await?;
        }
    }
    if !entries.is_empty() {
        return Ok(false);
    }
    let kept: Vec<Value> = meta::strings(&object, "finalizers")
        .filter(|finalizer| *finalizer != CLEANUP)
        .map(Into::into)
        .collect();
    let write = if kept.is_empty() {
        Write::delete(place, stored.revision)
    } else {
        meta::set(&mut object, "finalizers", kept);
        Write::put(place, stored.revision, &object)
    };
    Ok(matches!(api.storage.write(&[write]).await?, Outcome::Done(_)))
}
