//! Keeps the rules of `ClusterRole`s that are put together from others as their `aggregationRule` says.
//!
//! The authorizer puts them together by itself, so nothing waits for this; it is for those who read the objects.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stanchion_kinds::table;
use stanchion_machinery::apply::{self, Operation};
use stanchion_machinery::meta;
use stanchion_machinery::status::Status;
use tokio::sync::watch;

use crate::api::Api;
use crate::cache::Cache;
use crate::clock;
use crate::ownership;
use crate::storage::{Outcome, Write};

/// Where the roles stand.
const PREFIX: &str = "clusterroles";
/// The name under which the rules are owned, that of the controller other clusters have for this.
const MANAGER: &str = "clusterrole-aggregation-controller";
/// How long a burst of changes is let pass.
const SETTLE: Duration = Duration::from_millis(20);
/// How often all roles are looked at again: the authorizer may see a change later than this task.
const ROUND: Duration = Duration::from_secs(5);
/// When to look again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Begins to follow the roles: changes from here on are seen by [`run`].
pub(crate) fn start(cache: &Cache) -> watch::Receiver<i64> {
    cache.shard(PREFIX).moved()
}

/// Brings all roles up to date, at the start and after every change, until the server stops.
pub(crate) async fn run(api: Arc<Api>, mut moved: watch::Receiver<i64>) {
    loop {
        moved.borrow_and_update();
        let settled = bring_up_to_date(&api).await;
        if let Err(error) = &settled {
            tracing::warn!(%error, "roles cannot be put together yet");
        }
        let again = if settled.is_ok() { ROUND } else { RETRY };
        tokio::select! {
            changed = moved.changed(), if settled.is_ok() => if changed.is_err() { return },
            () = tokio::time::sleep(again) => {}
            () = api.stopping.cancelled() => return,
        }
        tokio::time::sleep(SETTLE).await;
    }
}

async fn bring_up_to_date(api: &Api) -> Result<(), Status> {
    for entry in api.cache.shard(PREFIX).list("", "") {
        if let Some(rules) = api.authorizer.aggregated(entry.name()) {
            let rules = if rules.is_empty() { json!(null) } else { json!(rules) };
            if entry.object().get("rules").unwrap_or(&json!(null)) != &rules {
                write(api, entry.name(), &rules).await?;
            }
        }
    }
    Ok(())
}

/// Writes the rules of one role; a role that changes meanwhile is looked at again because it has changed.
async fn write(api: &Api, name: &str, rules: &serde_json::Value) -> Result<(), Status> {
    let place = format!("{PREFIX}/{name}");
    let Some(stored) = api.storage.get(&place).await? else { return Ok(()) };
    let old = stored.object()?;
    if old.get("aggregationRule").is_none() || old.get("rules") == Some(rules) || meta::is_deleting(&old) {
        return Ok(());
    }
    let Some(kind) = table::kind("rbac.authorization.k8s.io", "v1", "ClusterRole") else { return Ok(()) };
    let (time, api_version) = (clock::now(), kind.api_version());
    let manager = apply::Manager {
        name: MANAGER,
        operation: Operation::Apply,
        api_version: &api_version,
        subresource: "",
        time: &time,
    };
    let mut config = json!({"apiVersion": api_version, "kind": kind.kind, "metadata": {"name": name}});
    config["rules"] = rules.clone();
    let new = apply::apply(kind.schema(), Some(&old), &config, &manager, true, &ownership::NOTHING);
    let new = new.map_err(|error| error.to_status())?;
    match api.storage.write(&[Write::put(place, stored.revision, &new)]).await? {
        Outcome::Done(_) | Outcome::Changed(_) => Ok(()),
    }
}
