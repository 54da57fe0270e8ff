//! What people and clients are shown, made from a view.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use stanchion_api::{
    DatabaseCluster, FailoverStatus, HaStatus, InstanceStatus, MomentStatus, Readiness, names,
};
use stanchion_ha_core::manager::{View, prospects};
use stanchion_ha_core::{
    Cause, Database, Failover, InstanceName, Millis, Position, Report, Role, Stage, Standing,
};

use crate::operation::Asked;
use crate::publish::Publication;

/// Makes what is shown.
pub(crate) fn publication(
    object: &DatabaseCluster,
    generation: i64,
    view: &View<'_>,
    waiting: Option<&str>,
    asked: &Asked,
) -> Publication {
    Publication {
        uid: object.uid().unwrap_or_default(),
        route: route(view),
        roles: roles(view),
        status: status(view, generation, waiting),
        operation: asked.shown().cloned(),
        finished: finished(view),
    }
}

/// Returns where writes go: to the primary, once it says that it is writable, and as long as it is to be.
fn route(view: &View<'_>) -> Option<(InstanceName, SocketAddr)> {
    let (Stage::Promoting { primary } | Stage::Serving { primary }) = &view.topology.stage else {
        return None;
    };
    let report = view.report(primary)?;
    let writable = matches!(report.role, Role::Primary { term, .. } if term == view.topology.term);
    (writable && report.is_running()).then(|| (primary.clone(), report.database_address))
}

fn roles(view: &View<'_>) -> BTreeMap<InstanceName, &'static str> {
    let primary = view.topology.primary();
    let role = |name| if Some(name) == primary { names::PRIMARY } else { names::REPLICA };
    view.settings.members.keys().map(|name| (name.clone(), role(name))).collect()
}

fn status(view: &View<'_>, generation: i64, waiting: Option<&str>) -> HaStatus {
    let readiness = prospects(view);
    let counted = view.settings.members.keys().chain(&view.topology.sync_set).chain(&view.topology.barred);
    let mut counted: Vec<&InstanceName> = counted.chain(view.topology.primary()).collect();
    counted.sort();
    counted.dedup();
    HaStatus {
        observed_generation: Some(generation),
        primary: view.topology.primary().map(ToString::to_string),
        term: i64::try_from(view.topology.term.0).unwrap_or(i64::MAX),
        stage: stage(&view.topology.stage).to_owned(),
        sync_set: view.topology.sync_set.iter().map(ToString::to_string).collect(),
        instances: counted.into_iter().map(|name| instance(view, name)).collect(),
        failover: view.topology.failover.as_ref().map(failover),
        readiness: Some(Readiness {
            could: readiness.could,
            why: waiting.map_or(readiness.why, ToOwned::to_owned),
            candidate: readiness.candidate.map(|name| name.to_string()),
        }),
    }
}

fn stage(stage: &Stage) -> &'static str {
    match stage {
        Stage::Forming => "Forming",
        Stage::Promoting { .. } => "Promoting",
        Stage::Serving { .. } => "Serving",
        Stage::HandingOver { .. } => "HandingOver",
        Stage::Fencing { .. } => "Fencing",
    }
}

fn instance(view: &View<'_>, name: &InstanceName) -> InstanceStatus {
    let Some(report) = view.report(name) else {
        let trouble = Some("it has not reported yet".to_owned());
        return InstanceStatus { name: name.to_string(), trouble, ..InstanceStatus::default() };
    };
    InstanceStatus {
        name: name.to_string(),
        role: Some(role(&report.role).to_owned()),
        position: shown(report.received),
        applied: shown(report.applied),
        lag_milliseconds: i64::try_from(report.behind().0).ok(),
        database: tag(&report.database),
        standing: tag(&report.standing),
        trouble: trouble(view, name, report),
    }
}

fn shown(position: Position) -> Option<String> {
    position.0.map(|gtid| gtid.to_string())
}

fn role(role: &Role) -> &'static str {
    match role {
        Role::Idle => "Idle",
        Role::Follower { .. } => "Follower",
        Role::Rising { .. } => "Rising",
        Role::Primary { .. } => "Primary",
        Role::HandedOver(_) => "HandedOver",
    }
}

/// Returns the name of an enum's variant, with a capital.
fn tag(value: &impl serde::Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    let name = value.get("name").and_then(Value::as_str)?;
    let mut letters = name.chars();
    let first = letters.next()?;
    Some(first.to_uppercase().chain(letters).collect())
}

fn trouble(view: &View<'_>, name: &InstanceName, report: &Report) -> Option<String> {
    if view.is_silent(name) {
        return Some(format!("silent for {} s", view.silence(name).0 / 1000));
    }
    if view.topology.barred.contains(name) {
        return Some("barred: it must not acknowledge, and may not know it yet".to_owned());
    }
    if let Some(from) = view.topology.clones.get(name) {
        return Some(format!("it is made anew from a copy of {from}"));
    }
    if report.uncertain {
        return Some("it may have acknowledged more than it holds".to_owned());
    }
    match (&report.role, &report.standing, &report.database) {
        (
            Role::Follower { trouble: Some(trouble), .. } | Role::Rising { trouble: Some(trouble), .. },
            _,
            _,
        ) => Some(trouble.clone()),
        (_, Standing::NeedsCopy { why, .. }, _) | (_, _, Database::Failed { why }) => Some(why.clone()),
        (_, _, Database::Ended { how }) => Some(format!("the database ended: {how}")),
        (_, _, Database::Preparing { what }) => Some(what.clone()),
        (Role::Follower { receiving: false, .. }, _, _) => Some("it does not receive".to_owned()),
        _ if report.leaving => Some("it is leaving".to_owned()),
        _ => None,
    }
}

fn failover(story: &Failover) -> FailoverStatus {
    FailoverStatus {
        term: i64::try_from(story.term.0).unwrap_or(i64::MAX),
        from: Some(story.from.to_string()),
        to: story.to.as_ref().map(ToString::to_string),
        cause: Some(cause(&story.cause)),
        moments: story
            .moments
            .iter()
            .map(|moment| MomentStatus {
                step: serde_json::to_value(moment.step)
                    .ok()
                    .and_then(|step| step.as_str().map(capital))
                    .unwrap_or_default(),
                at: instant(moment.at),
            })
            .collect(),
        position: story.position.and_then(shown),
        unasked: story.unasked.iter().map(ToString::to_string).collect(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Says why a primary was given up.
pub(crate) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::DatabaseEnded { how } => format!("its database ended: {how}"),
        Cause::DatabaseUnresponsive => "its database did not answer".to_owned(),
        Cause::PodGone { evidence } => evidence.clone(),
        Cause::SilentPodNotRunning => "its agent was silent and its Pod did not run".to_owned(),
        Cause::SilentUnheard => {
            "its agent was silent and no replica heard from it, though its Pod seemed to run".to_owned()
        }
        Cause::Requested => "somebody asked for it".to_owned(),
        Cause::Leaving => "it was about to leave".to_owned(),
        Cause::Unacknowledged => {
            "nobody acknowledged its commits, and a copy for who could takes that none waits".to_owned()
        }
    }
}

fn instant(at: Millis) -> String {
    let at = i64::try_from(at.0).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map(|at| format!("{at:.3}")).unwrap_or_default()
}

/// Returns the story of a change of primary that is complete, for an Event.
fn finished(view: &View<'_>) -> Option<(u64, String)> {
    let story = view.topology.failover.as_ref()?;
    let Stage::Serving { primary } = &view.topology.stage else { return None };
    if story.term != view.topology.term {
        return None;
    }
    let (first, last) = (story.moments.first()?, story.moments.last()?);
    let took = last.at.since(first.at).0;
    Some((
        story.term.0,
        format!(
            "{primary} took over from {} in term {}: {}; {took} ms from the last good report to the first write that could be made",
            story.from,
            story.term,
            cause(&story.cause)
        ),
    ))
}
