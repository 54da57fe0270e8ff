//! What the operator says of a cluster. Pure.
//!
//! | condition | true when | reasons otherwise |
//! |---|---|---|
//! | `Available` | a primary writes | `Forming`, `NoPrimary`, `Unknown` |
//! | `Redundant` | a failover would lose nothing | `OneInstance`, `NoCandidate`, `Unknown` |
//! | `Progressing` | something is being changed | `Settled`, `Paused`, `Invalid`, `Deleting`, or what failed |
//! | `Ready` | available, and as the spec says | the most telling of these, or `InstancesMissing` |

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use stanchion_api::{ConditionKind, DatabaseCluster, DatabaseClusterStatus, HaStatus, InstancesSummary};

use crate::dereference::PodFacts;
use crate::plan::Progress;

/// What the operator does with a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// The spec makes no sense.
    Invalid { problems: String },
    /// Nothing is to be changed.
    Paused,
    /// The object is being deleted.
    Deleting,
    /// Something could not be done.
    Failed { reason: &'static str, message: String },
    /// What the plan says.
    Planned(Progress),
}

/// What a status is made from.
pub(crate) struct Seen<'a> {
    pub(crate) object: &'a DatabaseCluster,
    pub(crate) pods: &'a [PodFacts],
    /// How many Pods have the newest template.
    pub(crate) updated: usize,
    pub(crate) activity: &'a Activity,
    pub(crate) now: Timestamp,
}

/// A condition before it has a time.
struct Said {
    kind: ConditionKind,
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Said {
    fn new(
        kind: ConditionKind,
        status: &'static str,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, status, reason, message: message.into() }
    }
}

/// Returns the operator's part of the status.
pub(crate) fn status(seen: &Seen<'_>) -> DatabaseClusterStatus {
    let count = |pods: usize| i32::try_from(pods).unwrap_or(i32::MAX);
    let desired = seen.object.spec.instances;
    let ready = count(seen.pods.iter().filter(|pod| pod.ready).count());
    let instances = InstancesSummary {
        desired,
        pods: count(seen.pods.len()),
        ready,
        updated: count(seen.updated),
        summary: format!("{ready}/{desired}"),
    };
    let ha = seen.object.status.as_ref().and_then(|status| status.ha.as_ref());
    let (available, redundant) = (available(ha), redundant(desired, ha));
    let progressing = progressing(seen.activity);
    let all = [overall(seen, &instances, &available), available, redundant, progressing];
    DatabaseClusterStatus {
        observed_generation: seen.object.metadata.generation,
        conditions: all.into_iter().map(|said| stamp(seen, said)).collect(),
        instances: Some(instances),
        ha: None,
        operation: None,
    }
}

fn available(ha: Option<&HaStatus>) -> Said {
    let kind = ConditionKind::Available;
    match ha {
        None => Said::new(kind, "Unknown", "Unknown", "no manager has said anything of this cluster yet"),
        Some(ha) => match &ha.primary {
            Some(primary) if ha.is_serving() => {
                Said::new(kind, "True", "PrimaryServes", format!("{primary} writes in term {}", ha.term))
            }
            _ if ha.term == 0 => Said::new(kind, "False", "Forming", "the first primary is being chosen"),
            Some(primary) => {
                Said::new(kind, "False", "NoPrimary", format!("{primary} does not write yet: {}", ha.stage))
            }
            None => {
                let why = ha.readiness.as_ref().map_or(ha.stage.as_str(), |readiness| readiness.why.as_str());
                Said::new(kind, "False", "NoPrimary", format!("nobody writes: {why}"))
            }
        },
    }
}

fn redundant(desired: i32, ha: Option<&HaStatus>) -> Said {
    let kind = ConditionKind::Redundant;
    if desired == 1 {
        let message =
            "there is one instance: while it is away nobody takes over; three survive the loss of one";
        return Said::new(kind, "False", "OneInstance", message);
    }
    match ha.and_then(|ha| ha.readiness.as_ref()) {
        None => Said::new(kind, "Unknown", "Unknown", "no manager has said yet who could take over"),
        Some(readiness) if !readiness.could => Said::new(kind, "False", "NoCandidate", readiness.why.clone()),
        Some(_) if desired == 2 => {
            let message =
                "with two instances the loss of one leaves acknowledged writes on one disk; take three";
            Said::new(kind, "True", "TwoInstances", message)
        }
        Some(readiness) => Said::new(kind, "True", "CandidateReady", readiness.why.clone()),
    }
}

fn progressing(activity: &Activity) -> Said {
    let kind = ConditionKind::Progressing;
    match activity {
        Activity::Invalid { problems } => Said::new(kind, "False", "Invalid", problems.clone()),
        Activity::Paused => {
            let message = "spec.paused: nothing is changed, and failovers are left to people";
            Said::new(kind, "False", "Paused", message)
        }
        Activity::Deleting => Said::new(kind, "True", "Deleting", "instances end; then the object goes"),
        Activity::Failed { reason, message } => Said::new(kind, "False", reason, message.clone()),
        Activity::Planned(progress) => {
            let (status, reason, message) = words(progress);
            Said::new(kind, status, reason, message)
        }
    }
}

fn words(progress: &Progress) -> (&'static str, &'static str, String) {
    match progress {
        Progress::Settled => ("False", "Settled", "everything is as the spec says".to_owned()),
        Progress::Creating { names } => ("True", "Creating", format!("starting {}", names.join(", "))),
        Progress::Replacing { name } => ("True", "Replacing", format!("{name} gets the newest template")),
        Progress::SwitchingOver { from, to } => {
            ("True", "SwitchingOver", format!("{from} is to hand over to {to}"))
        }
        Progress::Removing { name } => ("True", "Removing", format!("{name} is taken away")),
        Progress::Waiting { what } => ("True", "Waiting", format!("waiting for {what}")),
    }
}

fn overall(seen: &Seen<'_>, instances: &InstancesSummary, available: &Said) -> Said {
    let kind = ConditionKind::Ready;
    match seen.activity {
        Activity::Invalid { .. } | Activity::Deleting | Activity::Failed { .. } => {
            let said = progressing(seen.activity);
            return Said::new(kind, "False", said.reason, said.message);
        }
        Activity::Paused | Activity::Planned(_) => {}
    }
    let held_up = seen
        .pods
        .iter()
        .find_map(|pod| pod.held_up.as_ref().map(|why| format!("; {} does not start: {why}", pod.name)));
    let held_up = held_up.unwrap_or_default();
    if available.status != "True" {
        let message = format!("{}{held_up}", available.message);
        return Said::new(kind, "False", available.reason, message);
    }
    if instances.ready < instances.desired {
        let waiting: Vec<&str> =
            seen.pods.iter().filter(|pod| !pod.ready).map(|pod| pod.name.as_str()).collect();
        let (ready, desired) = (instances.ready, instances.desired);
        let who = if waiting.is_empty() { String::new() } else { format!("; not {}", waiting.join(", ")) };
        return Said::new(
            kind,
            "False",
            "InstancesMissing",
            format!("{ready} of {desired} are ready{who}{held_up}"),
        );
    }
    match seen.activity {
        Activity::Planned(progress) if *progress != Progress::Settled => {
            let (_, reason, message) = words(progress);
            Said::new(kind, "False", reason, message)
        }
        _ => Said::new(kind, "True", "Ready", available.message.clone()),
    }
}

/// Gives a condition the time since when its status has been what it is.
fn stamp(seen: &Seen<'_>, said: Said) -> Condition {
    let kind = said.kind.to_string();
    let mut known = seen.object.status.iter().flat_map(|status| &status.conditions);
    let since = known
        .find(|known| known.type_ == kind && known.status == said.status)
        .map_or(Time(seen.now), |known| known.last_transition_time.clone());
    Condition {
        type_: kind,
        status: said.status.to_owned(),
        reason: said.reason.to_owned(),
        message: said.message,
        observed_generation: seen.object.metadata.generation,
        last_transition_time: since,
    }
}

#[cfg(test)]
mod tests;
