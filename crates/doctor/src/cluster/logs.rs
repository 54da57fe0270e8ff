//! The last words of containers that crash: of one of each cause, and of few.

mod redact;

use std::collections::BTreeSet;

use kube::Client;
use stanchion_doctor_core::{LastLines, Pods, Reading, crashing};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::page::text;
use crate::chain;
use redact::redacted;

/// So many containers are asked about.
const MANY: usize = 10;
/// So many lines of each.
const LINES: usize = 10;
/// No more than this of each: a line can have any length.
const LARGEST: usize = 16 << 10;
/// One may take so long.
const ONE: std::time::Duration = std::time::Duration::from_secs(8);

/// Reads the last lines of crashing containers, one of each cause. What cannot be read is missing and fails nothing: a crash
/// is known without them.
pub(super) async fn read(
    client: &Client,
    server: &str,
    now: i64,
    pods: &Pods,
    found: &mut Vec<LastLines>,
) -> Reading {
    let source = format!("{server}, logs of containers");
    let mut asked = JoinSet::new();
    for last in choose(now, pods) {
        let client = client.clone();
        asked.spawn(async move {
            let LastLines { namespace, pod, container, .. } = &last;
            let uri = format!(
                "/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&previous=true&tailLines={LINES}&limitBytes={LARGEST}"
            );
            let said = timeout(ONE, text(&client, &uri, None)).await;
            let why = |why: String| format!("the log of {namespace}/{pod}, {container}: {why}");
            match said {
                Ok(Ok(said)) => Ok(LastLines { lines: said.lines().map(redacted).collect(), ..last }),
                Ok(Err(error)) => Err(why(chain(&error))),
                Err(_) => Err(why(format!("no answer for {ONE:?}"))),
            }
        });
    }
    let mut missing = Vec::new();
    for said in asked.join_all().await {
        match said {
            Ok(last) => found.push(last),
            Err(why) => missing.push(why),
        }
    }
    missing.sort_unstable();
    if missing.is_empty() { Reading::Read { source } } else { Reading::Partly { source, missing } }
}

/// Chooses whom to ask: the first crashing container of each name and cause.
fn choose(now: i64, pods: &Pods) -> Vec<LastLines> {
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for group in pods.groups() {
        for pod in pods.members(group) {
            for container in crashing(now, pod) {
                if chosen.len() < MANY && seen.insert((&group.cause, container.name.to_string())) {
                    chosen.push(LastLines {
                        namespace: pod.namespace.to_string(),
                        pod: pod.name.to_string(),
                        container: container.name.to_string(),
                        lines: Vec::new(),
                    });
                }
            }
        }
    }
    chosen
}
