//! What is done about workloads: only what is safe whatever they are, and only to such that no operator keeps.

use serde_json::{Value, json};

use super::Refusal;
use super::objects::{Edit, HOSTNAME, Target, TargetKind};
use crate::checks::pods::liveness_on_database::asked;
use crate::facts::Facts;
use crate::facts::kube::batch::Job;
use crate::facts::kube::labels::LabelSelector;
use crate::facts::kube::meta::Meta;
use crate::facts::kube::workload::{Workload, WorkloadKind};
use crate::finding::Finding;
use crate::subject::Subject;

/// So many old revisions are enough to roll back to; it is what the API sets by itself.
const REVISIONS: i64 = 10;
/// How long after its end a Job is kept: a week-end and the days around it.
const KEPT: i64 = 7 * 86_400;
/// So many Jobs of a CronJob are kept; fewer stay as they are.
const JOBS: i64 = 10;
/// So many Jobs are seen to in one go.
const MANY: usize = 500;

type Edits = Result<Vec<(Target, Edit)>, Refusal>;

/// Takes liveness probes off databases, where they ask the database for certain.
pub(crate) fn liveness(facts: &Facts, finding: &Finding) -> Edits {
    let (workload, target) = workload(facts, &finding.subject)?;
    let edits: Vec<_> = asked(&workload.spec.template.spec)
        .map(|one| (target.clone(), Edit::WithoutLiveness { container: one.name.clone() }))
        .collect();
    if edits.is_empty() {
        let why =
            format!("no liveness probe of {target} asks a database for certain: see what its script does");
        return Err(Refusal::new(why));
    }
    Ok(edits)
}

/// Makes a disruption budget.
pub(crate) fn budget(facts: &Facts, finding: &Finding) -> Edits {
    if finding.subject.kind == "Namespace" {
        let why = "which of them have to serve while nodes are drained is not known: budgets are made for databases alone";
        return Err(Refusal::new(why));
    }
    let (workload, target) = workload(facts, &finding.subject)?;
    if workload.desired() < 2 {
        return Err(Refusal::new(format!(
            "{target} has one Pod: a budget would not let its node be drained, or do nothing"
        )));
    }
    let target = Target { kind: TargetKind::PodDisruptionBudget, ..target };
    let (namespace, name) = (workload.meta.namespace(), &workload.meta.name);
    if facts.kube.budgets.iter().any(|one| one.meta.namespace() == namespace && one.meta.name == *name) {
        return Err(Refusal::new(format!("there is {target} already, for other Pods")));
    }
    Ok(vec![(target, Edit::MakeBudget { selector: selector(&workload.spec.selector) })])
}

/// Limits how many old revisions are kept.
pub(crate) fn history(facts: &Facts, finding: &Finding) -> Edits {
    let (workload, target) = workload(facts, &finding.subject)?;
    let limit = workload.spec.revision_history_limit.unwrap_or(REVISIONS);
    if limit == 0 {
        return Err(Refusal::new(format!(
            "somebody set that {target} keeps none: how many it should is theirs to say"
        )));
    }
    if limit <= REVISIONS {
        let why = format!(
            "{target} keeps no more than {REVISIONS} revisions: whoever should remove the others does not"
        );
        return Err(Refusal::new(why));
    }
    Ok(vec![(target, Edit::History { limit: REVISIONS })])
}

/// Has Pods placed on different nodes where there are some.
pub(crate) fn spread(facts: &Facts, finding: &Finding) -> Edits {
    let (workload, target) = workload(facts, &finding.subject)?;
    let spec = &workload.spec.template.spec;
    let asked = spec.topology_spread_constraints.iter().any(|one| one.topology_key == HOSTNAME)
        || spec
            .affinity
            .pod_anti_affinity
            .preferred
            .iter()
            .any(|one| one.pod_affinity_term.topology_key == HOSTNAME)
        || spec.affinity.pod_anti_affinity.required.iter().any(|one| one.topology_key == HOSTNAME);
    if asked {
        let why = format!(
            "{target} asks for different nodes already: there was no room, or its Pods are older than that"
        );
        return Err(Refusal::new(why));
    }
    if spec.node_selector.contains_key(HOSTNAME) {
        return Err(Refusal::new(format!("{target} is kept to one node on purpose")));
    }
    if facts.kube.nodes.iter().filter(|node| node.is_ready() && !node.spec.unschedulable).count() < 2 {
        return Err(Refusal::new("there is one node that takes Pods: nothing would change"));
    }
    let groups = facts.kube.pods.groups().iter().filter(|group| group.cause == finding.subject);
    let pods = groups.flat_map(|group| facts.kube.pods.members(group)).filter(|pod| pod.is_live());
    let mut places: Vec<_> = pods.filter_map(|pod| pod.node.as_deref()).collect();
    places.sort_unstable();
    if places.windows(2).all(|two| two[0] != two[1]) {
        let why = format!(
            "Pods of {target} are on different nodes: which zones they may be in is for those to say who know the way between"
        );
        return Err(Refusal::new(why));
    }
    let by_revision = workload.kind == WorkloadKind::Deployment;
    Ok(vec![(target, Edit::Spread { selector: selector(&workload.spec.selector), by_revision })])
}

/// Has ended Jobs go by themselves.
pub(crate) fn ttl(facts: &Facts, finding: &Finding) -> Edits {
    let subject = &finding.subject;
    if subject.kind == "CronJob" {
        let Some(one) = facts.kube.cron_jobs.iter().find(|one| one.meta.subject("CronJob") == *subject)
        else {
            return Err(gone(subject));
        };
        let target = editable(&one.meta, subject)?;
        let at_most = |limit: Option<i64>, usual| limit.unwrap_or(usual).min(JOBS);
        let successful = at_most(one.spec.successful_jobs_history_limit, 3);
        let failed = at_most(one.spec.failed_jobs_history_limit, 1);
        return Ok(vec![(target, Edit::JobHistory { successful, failed })]);
    }
    let of = |job: &&Job| match subject.kind.as_str() {
        "Namespace" => job.meta.namespace() == subject.name,
        "Job" => job.meta.subject("Job") == *subject,
        _ => false,
    };
    let ended = |job: &&Job| job.ended().is_some() && job.spec.ttl_seconds_after_finished.is_none();
    let mut jobs = facts.kube.jobs.iter().filter(of).filter(ended);
    if subject.kind == "Job" {
        let job = jobs.next().ok_or_else(|| gone(subject))?;
        return Ok(vec![(editable(&job.meta, subject)?, Edit::Ttl { seconds: KEPT })]);
    }
    // What somebody made goes with its maker, or is cleaned up by it.
    let own = jobs.filter(|job| job.meta.owner_references.is_empty());
    let edits: Vec<_> = own
        .filter_map(|job| editable(&job.meta, &job.meta.subject("Job")).ok())
        .map(|target| (target, Edit::Ttl { seconds: KEPT }))
        .collect();
    match edits.len() {
        0 => Err(Refusal::new(format!("{subject} has no Job any more that ended and that nobody cleans up"))),
        1..=MANY => Ok(edits),
        many => {
            let why = format!(
                "{subject} has {many} such Jobs, more than are seen to one by one: delete the old ones first"
            );
            Err(Refusal::new(why))
        }
    }
}

/// Returns the workload that a finding is about, if it may be edited.
pub(super) fn workload<'a>(facts: &'a Facts, subject: &Subject) -> Result<(&'a Workload, Target), Refusal> {
    match facts.kube.workloads.iter().find(|one| one.subject() == *subject) {
        Some(workload) => Ok((workload, editable(&workload.meta, subject)?)),
        None if subject.kind == "Pod" => Err(Refusal::new(format!(
            "nobody makes {subject} anew, and what it is made from cannot be changed while it is there"
        ))),
        None if TargetKind::named(&subject.kind).is_some() => Err(gone(subject)),
        None => {
            Err(Refusal::new(format!("Pods of {subject} are made by what keeps that kind: change it there")))
        }
    }
}

/// Refuses what somebody's operator keeps, and what is going anyway.
fn editable(meta: &Meta, subject: &Subject) -> Result<Target, Refusal> {
    if let Some(owner) = meta.controller() {
        let why = format!(
            "{subject} belongs to {} {}, which would put it back: change it there",
            owner.kind, owner.name
        );
        return Err(Refusal::new(why));
    }
    if meta.is_going() {
        return Err(Refusal::new(format!("{subject} is being deleted")));
    }
    Target::of(subject).ok_or_else(|| Refusal::new(format!("{subject} is of no kind that is edited")))
}

fn gone(subject: &Subject) -> Refusal {
    Refusal::new(format!("{subject} is not there any more"))
}

/// Writes a selector as the API has it.
fn selector(selector: &LabelSelector) -> Value {
    let mut written = json!({});
    if !selector.match_labels.is_empty() {
        written["matchLabels"] = json!(selector.match_labels);
    }
    if !selector.match_expressions.is_empty() {
        let all = selector.match_expressions.iter().map(|one| {
            let mut expression = json!({"key": one.key, "operator": one.operator});
            if !one.values.is_empty() {
                expression["values"] = json!(one.values);
            }
            expression
        });
        written["matchExpressions"] = all.collect();
    }
    written
}

#[cfg(test)]
mod tests;
