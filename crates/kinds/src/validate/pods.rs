//! Validation of Pods and of everything with a template of Pods.
//!
//! Labels, annotations, owners and the rest of the metadata are the same for all kinds and not looked at here, except
//! for what a name may be and for annotations that mean something to Pods.

mod containers;
mod counts;
mod env;
mod indexes;
mod job;
mod job_status;
mod mounts;
mod network;
mod pod;
mod probe;
mod resources;
mod same;
mod schedule;
mod scheduling;
mod security;
mod selector;
mod spec;
mod status;
mod subresources;
mod template;
mod volumes;
mod workload;

use serde_json::Value;
use stanchion_machinery::field::FieldErrors;
use stanchion_machinery::meta;

use super::names::{dns1123_label, dns1123_subdomain};
use super::place::Place;
use super::read::part;

/// A kind with Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pod,
    PodTemplate,
    ReplicationController,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    CronJob,
}

impl Kind {
    fn of(group: &str, kind: &str) -> Option<Self> {
        Some(match (group, kind) {
            ("", "Pod") => Self::Pod,
            ("", "PodTemplate") => Self::PodTemplate,
            ("", "ReplicationController") => Self::ReplicationController,
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "ReplicaSet") => Self::ReplicaSet,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "DaemonSet") => Self::DaemonSet,
            ("apps", "ControllerRevision") => Self::ControllerRevision,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            _ => return None,
        })
    }
}

/// Returns what is wrong with an object that is made; none if the kind is not one with Pods.
///
/// Defaults are in and the object was prepared: a Job has its selector.
pub fn create(group: &str, kind: &str, object: &Value) -> Option<FieldErrors> {
    let kind = Kind::of(group, kind)?;
    let mut errors = FieldErrors::new();
    check_name(kind, object, &mut errors);
    match kind {
        Kind::Pod => pod::create(object, &mut errors),
        Kind::Job => job::create(object, &mut errors),
        other => check(other, object, None, &mut errors),
    }
    Some(errors)
}

/// Returns what is wrong with a change of an object; none if the kind is not one with Pods.
pub fn update(group: &str, kind: &str, new: &Value, old: &Value) -> Option<FieldErrors> {
    let kind = Kind::of(group, kind)?;
    let mut errors = FieldErrors::new();
    match kind {
        Kind::Pod => pod::update(new, old, &mut errors),
        Kind::Job => job::update(new, old, &mut errors),
        other => check(other, new, Some(old), &mut errors),
    }
    match kind {
        Kind::StatefulSet => workload::stateful_set_changes(new, old, &mut errors),
        Kind::Deployment | Kind::ReplicaSet | Kind::DaemonSet => {
            workload::same_selector(new, old, &mut errors);
        }
        Kind::Pod
        | Kind::PodTemplate
        | Kind::ReplicationController
        | Kind::ControllerRevision
        | Kind::Job
        | Kind::CronJob => {}
    }
    Some(errors)
}

/// Returns what is wrong with a change of a status; none if the kind is not one with Pods.
pub fn update_status(group: &str, kind: &str, new: &Value, old: &Value) -> Option<FieldErrors> {
    let mut errors = FieldErrors::new();
    match Kind::of(group, kind)? {
        Kind::Pod => status::update(new, old, &mut errors),
        Kind::Job => job_status::update(new, old, &mut errors),
        Kind::Deployment => counts::update(&counts::DEPLOYMENT, new, old, &mut errors),
        Kind::ReplicaSet | Kind::ReplicationController => {
            counts::update(&counts::REPLICAS, new, old, &mut errors);
        }
        Kind::StatefulSet => counts::update(&counts::STATEFUL_SET, new, old, &mut errors),
        Kind::DaemonSet => counts::update(&counts::DAEMON_SET, new, old, &mut errors),
        Kind::PodTemplate | Kind::ControllerRevision | Kind::CronJob => {}
    }
    Some(errors)
}

/// Returns what is wrong with a change of a Pod through `ephemeralcontainers`.
pub fn ephemeral_containers(new: &Value, old: &Value) -> FieldErrors {
    subresources::ephemeral_containers(new, old)
}

/// Returns what is wrong with a change of a Pod through `resize`.
pub fn resize(new: &Value, old: &Value) -> FieldErrors {
    subresources::resize(new, old)
}

/// Checks a kind for which being made and being changed are much the same.
fn check(kind: Kind, object: &Value, old: Option<&Value>, errors: &mut FieldErrors) {
    match kind {
        Kind::PodTemplate => {
            let template = part(object, "template").unwrap_or(&Value::Null);
            template::check(template, &[], &Place::new("template"), errors);
        }
        Kind::ReplicationController => workload::replication_controller(object, errors),
        Kind::Deployment => workload::deployment(object, errors),
        Kind::ReplicaSet => workload::replica_set(object, errors),
        Kind::StatefulSet => workload::stateful_set(object, old, errors),
        Kind::DaemonSet => workload::daemon_set(object, errors),
        Kind::ControllerRevision => workload::controller_revision(object, old, errors),
        Kind::CronJob => job::cron_job(object, old, errors),
        Kind::Pod | Kind::Job => {}
    }
}

fn check_name(kind: Kind, object: &Value, errors: &mut FieldErrors) {
    let name = meta::name(object);
    let reasons = if kind == Kind::StatefulSet { dns1123_label(name) } else { dns1123_subdomain(name) };
    if !name.is_empty() && !reasons.is_empty() {
        Place::new("metadata").child("name").invalid_for(errors, name, reasons);
    }
}

#[cfg(test)]
mod tests;
