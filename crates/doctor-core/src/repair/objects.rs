//! What is done to objects of the API: one edit of one object at a time, worked out on the object as it is.
//!
//! ```text
//!   findings ─▶ steps (an object, an edit) ─▶ request, on the live object ─▶ dry run ─▶ differences, owners ─▶ preview
//!                                                                              └──▶ the same request in earnest
//! ```
//!
//! Nothing that somebody's operator keeps is edited, nor a field that a program would put back: both are named instead.

mod difference;
mod edit;
mod owners;
mod settled;
mod target;

use serde::Serialize;

use super::Preview;
pub use difference::{Difference, differences, undo_patch};
pub(crate) use edit::HOSTNAME;
pub use edit::{Edit, Request};
pub use owners::{keepers, owners};
pub use settled::{Settled, settled};
pub use target::{Target, TargetKind};

use crate::facts::Facts;
use crate::finding::Finding;
use crate::need::{Need, Reading};
use crate::repair::Refusal;
use crate::subject::Subject;

/// Who edits, as the API records it.
pub const FIELD_MANAGER: &str = "stanchion-doctor";

/// An edit of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStep {
    /// The check whose finding it is about.
    pub check: &'static str,
    /// What the finding is about.
    pub subject: Subject,
    /// What is edited.
    pub target: Target,
    /// How.
    pub edit: Edit,
    /// What it does, for people.
    #[serde(skip)]
    pub preview: Preview,
}

/// A finding that is not repaired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftUnrepaired {
    /// The check that found it.
    pub check: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Why it is not.
    pub why: String,
}

/// What is done to objects, and about what nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPlan {
    /// What is done, in this order; the next only once the object before is well again.
    pub steps: Vec<ObjectStep>,
    /// What is left as it is.
    pub left: Vec<LeftUnrepaired>,
}

/// Plans what is done about a finding, or says why nothing is.
type Planner = fn(&Facts, &Finding) -> Result<Vec<(Target, Edit)>, Refusal>;

/// What can be repaired in objects: the check, what must have been read whole for it, and how it is planned.
const PLANNERS: &[(&str, &[Need], Planner)] = &[
    ("budgets/missing", &[Need::KubeWorkloads, Need::KubeBudgets, Need::KubePods], super::workloads::budget),
    ("dns/ndots", &[Need::KubePods, Need::KubeWorkloads], super::dns::ndots),
    ("dns/replicas", &[Need::KubeNodes, Need::KubePods, Need::KubeWorkloads], super::dns::replicas),
    ("jobs/no-ttl", &[Need::KubeJobs], super::workloads::ttl),
    ("pods/liveness-on-database", &[Need::KubePods, Need::KubeWorkloads], super::workloads::liveness),
    ("volumes/stuck", VOLUMES, super::volumes::stuck),
    ("workloads/history", &[Need::KubeWorkloads], super::workloads::history),
    (
        "workloads/replicas-together",
        &[Need::KubePods, Need::KubeWorkloads, Need::KubeNodes],
        super::workloads::spread,
    ),
];

/// All that says whether a node is there, and who waits for what it holds.
const VOLUMES: &[Need] = &[Need::KubeNodes, Need::KubePods, Need::KubeVolumes, Need::KubeWorkloads];

/// Returns whether what a check finds can be repaired in objects.
pub fn repairs_objects(check: &str) -> bool {
    PLANNERS.iter().any(|(id, ..)| *id == check)
}

/// Returns what must have been read whole to repair in objects what a check finds.
pub fn needs_to_repair(check: &str) -> &'static [Need] {
    PLANNERS.iter().find(|(id, ..)| *id == check).map(|(_, needs, _)| *needs).unwrap_or_default()
}

/// Plans what is done about findings: the edits of one object follow each other.
pub fn plan(facts: &Facts, findings: &[Finding]) -> ObjectPlan {
    let mut plan = ObjectPlan::default();
    for finding in findings {
        let Some((_, needs, planner)) = PLANNERS.iter().find(|(id, ..)| *id == finding.check) else {
            continue;
        };
        match whole(facts, needs).and_then(|()| planner(facts, finding)) {
            Ok(edits) => {
                let steps = edits.into_iter().map(|(target, edit)| ObjectStep {
                    check: finding.check,
                    subject: finding.subject.clone(),
                    preview: edit.preview(&target),
                    target,
                    edit,
                });
                plan.steps.extend(steps);
            }
            Err(refusal) => plan.left.push(LeftUnrepaired {
                check: finding.check,
                subject: finding.subject.clone(),
                why: refusal.why,
            }),
        }
    }
    plan.steps.sort_by(|one, other| (&one.target, one.edit.name()).cmp(&(&other.target, other.edit.name())));
    plan.steps.dedup_by(|one, other| one.target == other.target && one.edit == other.edit);
    one_node(&mut plan);
    plan
}

/// Leaves one node to be told off: whether that was right shows before the next.
fn one_node(plan: &mut ObjectPlan) {
    let is_of_node = |step: &ObjectStep| matches!(step.edit, Edit::OutOfService { .. });
    let Some(first) = plan.steps.iter().find(|step| is_of_node(step)).map(|step| step.target.clone()) else {
        return;
    };
    for step in plan.steps.extract_if(.., |step| is_of_node(step) && step.target != first) {
        let why = format!("one node at a time: {first} comes first, run it again after that");
        plan.left.push(LeftUnrepaired { check: step.check, subject: step.subject, why });
    }
}

/// Refuses to act on what is known only in part: what is missing might be what speaks against it.
fn whole(facts: &Facts, needs: &[Need]) -> Result<(), Refusal> {
    for need in needs {
        let why = match facts.readings.get(need) {
            Some(Reading::Read { .. }) => continue,
            Some(Reading::Partly { missing, .. }) => missing.join("; "),
            Some(Reading::Failed { source, why }) => format!("{source}: {why}"),
            Some(Reading::Absent { .. }) | None => "nobody asked for them".to_owned(),
        };
        return Err(Refusal::new(format!("{} were not all read: {why}", need.name())));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
