//! A cluster laid out for people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use k8s_openapi::jiff::Timestamp;
use stanchion_api::{ConditionKind, HaStatus, InstanceStatus, OperationState};

use super::seen::{PodSeen, Seen};
use crate::commands::db::story;
use crate::commands::db::text::{age, milliseconds, table};

/// The width of what stands before each part.
const MARGIN: &str = "              ";
/// A replica that has more to apply would make a failover wait.
const FAR_BEHIND_MILLISECONDS: i64 = 500;

/// Lays a cluster out.
pub(super) fn lay_out(seen: &Seen, now: Timestamp) -> String {
    let mut text = head(seen);
    text.push('\n');
    text.push_str(&instances(seen));
    text.push('\n');
    let mut part = |name: &str, value: &str| {
        writeln!(text, "{name:12}  {}", value.trim_end()).expect("a text can be written to");
    };
    let ha = seen.status.ha.as_ref();
    part("failover now", &prospects(seen, ha));
    match ha.and_then(|ha| ha.failover.as_ref()) {
        Some(failover) => part("last change", &story::tell(failover, now, MARGIN)),
        None => part("last change", "none yet"),
    }
    if let Some(operation) = &seen.status.operation {
        let state = match operation.state {
            OperationState::Running => "under way",
            OperationState::Done => "done",
            OperationState::Failed => "failed",
        };
        part("operation", &format!("{}: {state}: {}", operation.kind, operation.message));
    }
    for (index, line) in unwell(seen).iter().enumerate() {
        part(if index == 0 { "not well" } else { "" }, line);
    }
    for (index, event) in seen.events.iter().enumerate() {
        let at = event.at.map_or_else(String::new, |at| age(now.as_second() - at.as_second()));
        let line = format!("{at:>6} ago  {}: {}", event.reason, event.message);
        part(if index == 0 { "events" } else { "" }, &line);
    }
    text
}

fn head(seen: &Seen) -> String {
    let mut words = vec![format!("{}/{}", seen.namespace, seen.name)];
    words.push(format!("MariaDB {}", seen.spec.engine.version));
    match &seen.status.instances {
        Some(instances) => words.push(format!("{} ready", instances.summary)),
        None => words.push(format!("{} wanted", seen.spec.instances)),
    }
    match &seen.status.ha {
        Some(ha) => {
            words.push(format!("term {}", ha.term));
            words.push(ha.stage.clone());
        }
        None => words.push("no manager has looked at it yet".to_owned()),
    }
    if seen.spec.paused {
        words.push("paused: failovers are left to people".to_owned());
    }
    words.join(", ") + "\n"
}

fn instances(seen: &Seen) -> String {
    let none = HaStatus::default();
    let ha = seen.status.ha.as_ref().unwrap_or(&none);
    let of_manager = ha.instances.iter().map(|instance| instance.name.as_str());
    let names: BTreeSet<&str> = of_manager.chain(seen.pods.iter().map(|pod| pod.name.as_str())).collect();
    if names.is_empty() {
        return "There are no instances yet.\n".to_owned();
    }
    let rows: Vec<Vec<String>> =
        names.into_iter().map(|name| row(ha, name, seen.pods.iter().find(|pod| pod.name == name))).collect();
    let heads =
        ["INSTANCE", "ROLE", "SYNC", "RECEIVED", "APPLIED", "LAG", "DATABASE", "POD", "NODE", "TROUBLE"];
    table(&heads, &rows)
}

fn row(ha: &HaStatus, name: &str, pod: Option<&PodSeen>) -> Vec<String> {
    let unknown = InstanceStatus::default();
    let instance = ha.instance(name).unwrap_or(&unknown);
    let is_primary = ha.primary.as_deref() == Some(name);
    let sync = if is_primary {
        ""
    } else if ha.sync_set.iter().any(|member| member == name) {
        "yes"
    } else {
        "no"
    };
    let lag = instance.lag_milliseconds.filter(|_| !is_primary && instance.role.is_some());
    // Standing is of interest only while something has to be done about it.
    let standing = instance.standing.as_deref().filter(|standing| *standing == "NeedsCopy");
    let trouble = instance.trouble.clone().or_else(|| standing.map(|_| "it needs a copy".to_owned()));
    vec![
        name.to_owned(),
        instance.role.clone().unwrap_or_default(),
        sync.to_owned(),
        instance.position.clone().unwrap_or_default(),
        instance.applied.clone().unwrap_or_default(),
        lag.map(milliseconds).unwrap_or_default(),
        instance.database.clone().unwrap_or_default(),
        pod.map_or_else(|| "none".to_owned(), state),
        pod.and_then(|pod| pod.node.clone()).unwrap_or_default(),
        trouble.unwrap_or_default(),
    ]
}

fn state(pod: &PodSeen) -> String {
    let mut words = vec![if pod.deleting { "Terminating" } else { pod.phase.as_str() }.to_owned()];
    if !pod.ready && !pod.deleting {
        words.push("not ready".to_owned());
    }
    if pod.restarts > 0 {
        words.push(format!("{} restarts", pod.restarts));
    }
    words.join(", ")
}

fn prospects(seen: &Seen, ha: Option<&HaStatus>) -> String {
    let Some(readiness) = ha.and_then(|ha| ha.readiness.as_ref()) else {
        return "not known: no manager has looked at it yet".to_owned();
    };
    let text = match (&readiness.candidate, readiness.could) {
        (Some(candidate), true) => format!("{candidate} would take over: {}", readiness.why),
        (_, true) => format!("somebody would take over: {}", readiness.why),
        (_, false) if seen.spec.instances == 1 => format!("nobody is there to take over: {}", readiness.why),
        (_, false) => format!("nobody would take over at once: {}", readiness.why),
    };
    let behind = readiness.candidate.as_deref().and_then(|name| ha?.instance(name)?.lag_milliseconds);
    match behind.filter(|lag| *lag > FAR_BEHIND_MILLISECONDS) {
        Some(lag) => format!("{text}; writes would wait until it has applied {}", milliseconds(lag)),
        None => text,
    }
}

/// Returns what conditions say that is not as it should be.
fn unwell(seen: &Seen) -> Vec<String> {
    let bad = |type_: &str| if type_ == ConditionKind::Progressing.to_string() { "True" } else { "False" };
    let unwell =
        seen.status.conditions.iter().filter(|it| it.status == bad(&it.type_) || it.status == "Unknown");
    let mut lines: Vec<String> =
        unwell.map(|it| format!("{} is {} ({}): {}", it.type_, it.status, it.reason, it.message)).collect();
    if let Some(generation) = seen.generation {
        if seen.status.observed_generation.is_some_and(|observed| observed < generation) {
            lines.push("the operator has not acted on the newest spec yet".to_owned());
        }
        if seen.status.ha.as_ref().and_then(|ha| ha.observed_generation).is_some_and(|it| it < generation) {
            lines.push("the manager does not act on the newest spec yet".to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests;
