//! eviction: deletes a Pod if the disruption budgets allow it.

use serde_json::json;
use stanchion_kinds::policy::eviction::{Eviction, decide};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, meta};
use tokio::time::Instant;

use crate::api::Api;
use crate::call::Call;
use crate::http::Reply;
use crate::storage::{Outcome, Write};
use crate::verbs::create::{PATIENCE, busy};
use crate::verbs::delete::{Options, remove};
use crate::{clock, decode};

const EVICTION: &str = "io.k8s.api.policy.v1.Eviction";
const BUDGETS: &str = "poddisruptionbudgets";

/// Evicts a Pod.
pub(crate) async fn evict(api: &Api, call: &Call) -> Result<Reply, Status> {
    let draft = decode::other(call, "policy", "v1", "Eviction", EVICTION)?;
    let key = call.key();
    let given = meta::name(&draft.object);
    if !given.is_empty() && given != key.name {
        let text =
            format!("the name of the object ({given}) does not match the name on the URL ({})", key.name);
        return Err(Status::bad_request(text));
    }
    let options = Options::read(draft.object.get("deleteOptions").unwrap_or(&json!({})))?;
    let deadline = Instant::now() + PATIENCE;
    let dry_run = call.dry_run()? || options.dry_run();
    loop {
        let missing = || Status::not_found(call.resource.subject(), &key.name);
        let stored = api.storage.get(&call.place(&key)).await?.ok_or_else(missing)?;
        let pod = stored.object()?;
        let budgets = budgets(api, &key.namespace).await?;
        let objects: Vec<Value> = budgets.iter().map(|(_, budget)| budget.clone()).collect();
        let options = match decide(&pod, &objects, &clock::now()) {
            Eviction::TooMany(status) | Eviction::Forbidden(status) | Eviction::MultipleBudgets(status) => {
                return Err(status);
            }
            Eviction::Bypass { .. } | Eviction::Allowed { budget: None } => options.clone(),
            Eviction::Allowed { budget: Some((at, object)) } => {
                if !dry_run {
                    let place = format!("{BUDGETS}/{}/{}", key.namespace, meta::name(&object));
                    let write = Write::put(place, budgets[at].0, &object);
                    match api.storage.write(&[write]).await? {
                        Outcome::Done(_) => {}
                        Outcome::Changed(_) if Instant::now() > deadline => {
                            return Err(busy(call, &key.name));
                        }
                        Outcome::Changed(_) => continue,
                    }
                }
                options.clone()
            }
        };
        let pinned = options.with_uid(meta::uid(&pod));
        remove(api, call, &key, &pinned).await?;
        let success =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        return Ok(Reply::object(201, &success));
    }
}

/// Reads the budgets of a namespace from the store, with their revisions.
async fn budgets(api: &Api, namespace: &str) -> Result<Vec<(i64, Value)>, Status> {
    api.cache.fresh().await?;
    let mut found = Vec::new();
    for entry in api.cache.shard(BUDGETS).list(namespace, "") {
        if let Some(stored) = api.storage.get(&format!("{BUDGETS}/{}", entry.key)).await? {
            found.push((stored.revision, stored.object()?));
        }
    }
    Ok(found)
}
