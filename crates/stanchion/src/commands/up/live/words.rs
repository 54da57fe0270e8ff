//! What is said about a database.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use stanchion_api::{ConditionKind, DatabaseCluster, HaStatus};
use stanchion_informers::Key;
use stanchion_rehearse::Access;

use super::{About, shown};
use crate::commands::db;

/// How a database is reached.
pub(super) struct Connection<'a> {
    pub(super) key: &'a Key,
    pub(super) access: &'a Access,
    pub(super) primary: String,
    /// How long it took.
    pub(super) after: Duration,
    pub(super) about: &'a About,
    /// How this program is called.
    pub(super) program: String,
}

impl Connection<'_> {
    /// Says it.
    pub(super) fn text(&self) -> String {
        let Self { key: Key { namespace, name }, access, primary, after, about, program } = self;
        let option = if namespace == "default" { String::new() } else { format!(" -n {namespace}") };
        let end = if about.ends_pods {
            format!("Ctrl-C ends everything; the data stays in {}.", about.data_dir.display())
        } else {
            "Ctrl-C ends the cluster; the databases go on until `stanchion down`.".to_owned()
        };
        format!(
            "
{name} is Ready after {} s; {primary} writes.

    host      {} from this machine, {name}-primary.{namespace}.svc in Pods
    port      {}
    user      {}, database {}
    password  in the Secret {name}-credentials of namespace {namespace}, key password:
              kubectl{option} get secret {name}-credentials -o jsonpath='{{.data.password}}' | base64 -d

In another terminal:

    export KUBECONFIG={}
    {program} db status {name}{option} --watch
    {program} db shell {name}{option}
    {program} rehearse kill-primary --cluster {name}{option}

{end}
",
            after.as_secs(),
            access.host,
            access.port,
            access.user,
            access.database,
            shown(&about.kubeconfig),
        )
    }
}

/// Whether everything is as the spec says.
pub(super) fn is_ready(cluster: &DatabaseCluster) -> bool {
    condition(cluster).is_some_and(|(is_ready, _)| is_ready)
}

/// Returns who writes.
pub(super) fn primary(cluster: &DatabaseCluster) -> Option<String> {
    ha(cluster)?.primary.clone()
}

fn ha(cluster: &DatabaseCluster) -> Option<&HaStatus> {
    cluster.status.as_ref()?.ha.as_ref()
}

/// Returns the condition Ready, and why it is so.
fn condition(cluster: &DatabaseCluster) -> Option<(bool, String)> {
    let conditions = &cluster.status.as_ref()?.conditions;
    let ready = conditions.iter().find(|it| it.type_ == ConditionKind::Ready.to_string())?;
    let why = if ready.message.is_empty() { ready.reason.clone() } else { ready.message.clone() };
    Some((ready.status == "True", why))
}

/// Returns how a database is, in one line.
pub(super) fn line(name: &str, cluster: Option<&DatabaseCluster>, since: Duration) -> String {
    let Some(cluster) = cluster else { return format!("{name}: not there") };
    let none = HaStatus::default();
    let ha = ha(cluster).unwrap_or(&none);
    let ready = condition(cluster);
    if !ready.as_ref().is_some_and(|(is_ready, _)| *is_ready) {
        let why = ready.map_or_else(|| "nobody has looked at it yet".to_owned(), |(_, why)| why);
        let instances: Vec<String> = ha
            .instances
            .iter()
            .filter_map(|it| Some(format!("{} {}", it.name, it.database.as_ref()?.to_lowercase())))
            .collect();
        let instances =
            if instances.is_empty() { String::new() } else { format!(" ({})", instances.join(", ")) };
        return format!("{name}: {} s: {why}{instances}", since.as_secs());
    }
    let replicas: Vec<String> = ha
        .instances
        .iter()
        .filter(|it| ha.primary.as_deref() != Some(it.name.as_str()))
        .map(|it| match it.lag_milliseconds {
            Some(lag) => format!("{} {}", it.name, db::milliseconds(lag)),
            None => format!("{} silent", it.name),
        })
        .collect();
    let failover = match ha.readiness.as_ref() {
        Some(readiness) if readiness.could => {
            format!("failover to {}", readiness.candidate.as_deref().unwrap_or("any"))
        }
        Some(_) if cluster.spec.instances == 1 => "nobody to fail over to".to_owned(),
        Some(readiness) => format!("no failover now: {}", readiness.why),
        None => "no manager".to_owned(),
    };
    let primary = ha.primary.as_deref().unwrap_or("nobody");
    let behind = if replicas.is_empty() { String::new() } else { format!(", lag {}", replicas.join(" ")) };
    format!("{name}: Ready, {primary} writes in term {}{behind}, {failover}", ha.term)
}

/// Returns what has happened that is worth a line: troubles, changes of primary, and without a live line the progress too.
pub(super) fn news(
    before: Option<&DatabaseCluster>,
    after: Option<&DatabaseCluster>,
    has_live_line: bool,
) -> Vec<String> {
    let Some(after) = after else {
        return before.map(|_| "it is gone".to_owned()).into_iter().collect();
    };
    let mut lines = Vec::new();
    if let Some((term, story)) = changed(after)
        && before.is_some_and(|before| changed(before).is_none_or(|(known, _)| known < term))
    {
        lines.push(story);
    }
    let state = condition(after);
    let known = before.and_then(condition);
    match (known, state) {
        (Some((true, _)), Some((false, why))) => lines.push(format!("not Ready: {why}")),
        (Some((false, _)), Some((true, _))) => lines.push("Ready".to_owned()),
        (known, Some((false, why))) if !has_live_line && known.as_ref().map(|(_, why)| why) != Some(&why) => {
            lines.push(why);
        }
        _ => {}
    }
    lines
}

/// Returns the last change of primary that is complete: its term, and its story in a line.
fn changed(cluster: &DatabaseCluster) -> Option<(i64, String)> {
    let ha = ha(cluster).filter(|ha| ha.is_serving())?;
    let story = ha.failover.as_ref().filter(|story| story.term == ha.term)?;
    let moments: Vec<i64> =
        story.moments.iter().filter_map(|moment| Some(db::instant(moment)?.as_millisecond())).collect();
    let took = moments.first().zip(moments.last()).map(|(first, last)| db::milliseconds(last - first));
    let cause = story.cause.as_deref().unwrap_or("nobody knows why");
    let from = story.from.as_deref().unwrap_or("nobody");
    let to = story.to.as_deref().unwrap_or("nobody");
    let took = took.map(|took| format!(" within {took}")).unwrap_or_default();
    let what = if from == to { format!("{to} writes again") } else { format!("{to} took over from {from}") };
    Some((story.term, format!("term {}: {what}{took}, because {cause}", story.term)))
}

/// Says which Pods are left.
pub(super) fn ending(pods: &[Pod], since: Duration) -> String {
    let runs = |pod: &&Pod| {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        let mut states = statuses.into_iter().flatten().filter_map(|it| it.state.as_ref());
        states.any(|state| state.running.is_some())
    };
    let left: Vec<&str> = pods.iter().filter(runs).filter_map(|pod| pod.metadata.name.as_deref()).collect();
    let names = if left.is_empty() { "none runs any more".to_owned() } else { left.join(", ") };
    format!("ending Pods, {} s: {names}; another Ctrl-C leaves them running", since.as_secs())
}

#[cfg(test)]
mod tests;
