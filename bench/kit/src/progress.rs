//! How far a cluster has come, asked for in ways that cost it next to nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::time::sleep;

use crate::client::{Call, Connection};

/// How often Pods are looked at: the error of what is measured with it.
const LOOK: Duration = Duration::from_millis(10);
/// How often Nodes and Deployments are looked at, which are lists.
const LOOK_AT_ALL: Duration = Duration::from_millis(50);

/// Waits until a path has so many Pods and none of them is without a Node. Each look reads one Pod.
pub async fn bound(connection: &mut Connection, path: &str, count: usize, deadline: Duration) -> Result<()> {
    let started = Instant::now();
    let mut there = 0;
    loop {
        if there < count {
            there = number(connection, &format!("{path}?limit=1")).await?;
        }
        let unbound = format!("{path}?limit=1&fieldSelector=spec.nodeName%3D");
        if there >= count && list(connection, &unbound).await?.is_empty() {
            return Ok(());
        }
        ensure!(started.elapsed() < deadline, "of {count} Pods {there} are there, not all of them bound");
        sleep(LOOK).await;
    }
}

/// Waits until all Nodes are Ready.
pub async fn nodes(connection: &mut Connection, count: usize, deadline: Duration) -> Result<()> {
    let is_ready = |node: &Value| {
        let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    let ready = |list: &[Value]| list.iter().filter(|node| is_ready(node)).count();
    reach(connection, "/api/v1/nodes?resourceVersion=0", "Nodes", ready, count, deadline).await
}

/// Waits until the Deployments of a path have so many Ready Pods.
pub async fn ready(connection: &mut Connection, path: &str, count: usize, deadline: Duration) -> Result<()> {
    let each = |object: &Value| object["status"]["readyReplicas"].as_u64().unwrap_or(0);
    let ready = |list: &[Value]| usize::try_from(list.iter().map(each).sum::<u64>()).unwrap_or(usize::MAX);
    reach(connection, path, "Pods", ready, count, deadline).await
}

async fn reach(
    connection: &mut Connection,
    path: &str,
    what: &str,
    ready: impl Fn(&[Value]) -> usize,
    count: usize,
    deadline: Duration,
) -> Result<()> {
    let started = Instant::now();
    loop {
        let ready = ready(&list(connection, path).await?);
        if ready >= count {
            return Ok(());
        }
        ensure!(started.elapsed() < deadline, "only {ready} of {count} {what} are Ready");
        sleep(LOOK_AT_ALL).await;
    }
}

/// Returns how many objects a path has, of which the answer holds one.
pub async fn number(connection: &mut Connection, path: &str) -> Result<usize> {
    let answer: Value = serde_json::from_slice(&connection.fetch(Call::get(path)).await?)?;
    let shown = answer["items"].as_array().with_context(|| format!("{path} is not a list"))?.len();
    let rest = answer["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
    Ok(shown + usize::try_from(rest)?)
}

async fn list(connection: &mut Connection, path: &str) -> Result<Vec<Value>> {
    let mut answer: Value = serde_json::from_slice(&connection.fetch(Call::get(path)).await?)?;
    match answer["items"].take() {
        Value::Array(items) => Ok(items),
        _ => None.with_context(|| format!("{path} is not a list")),
    }
}
