//! The conditions of a Pod.

use k8s_openapi::api::core::v1::{PodCondition, PodSpec, PodStatus};

use super::{Known, Phase, Statuses};
use crate::plan::Role;

/// What a condition says, without its times.
struct Verdict {
    is_true: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Verdict {
    const TRUE: Self = Self { is_true: true, reason: None, message: None };

    fn new(is_true: bool, reason: &'static str, message: Option<String>) -> Self {
        Self { is_true, reason: Some(reason), message }
    }
}

/// Computes the conditions; those of others are kept as they are, after ours.
pub(super) fn conditions(
    known: &Known<'_>,
    spec: &PodSpec,
    before: &PodStatus,
    statuses: &Statuses,
    phase: Phase,
) -> Vec<PodCondition> {
    let containers = containers_ready(known, statuses, phase);
    let ready = ready(&containers, spec, before);
    let sandbox = known.sandbox_ready && !phase.is_terminal();
    let mut ours = vec![
        ("PodReadyToStartContainers", Verdict { is_true: sandbox, ..Verdict::TRUE }),
        ("Initialized", initialized(known, statuses, phase)),
        ("Ready", ready),
        ("ContainersReady", containers),
        ("PodScheduled", Verdict::TRUE),
    ];
    if let Some(failure) = known.failure.filter(|failure| failure.is_disruption) {
        let message = Some(failure.message.clone());
        ours.push(("DisruptionTarget", Verdict::new(true, "TerminationByKubelet", message)));
    }
    let old = before.conditions.as_deref().unwrap_or_default();
    let theirs: Vec<PodCondition> = old
        .iter()
        .filter(|condition| ours.iter().all(|(type_, _)| *type_ != condition.type_))
        .cloned()
        .collect();
    let ours = ours.into_iter().map(|(type_, verdict)| stamped(known, old, type_, verdict));
    ours.chain(theirs).collect()
}

/// Makes a condition; the moment of its transition stays where its status does.
fn stamped(known: &Known<'_>, old: &[PodCondition], type_: &str, verdict: Verdict) -> PodCondition {
    let status = if verdict.is_true { "True" } else { "False" };
    let old = old.iter().find(|condition| condition.type_ == type_ && condition.status == status);
    let kept = old.and_then(|condition| condition.last_transition_time.clone());
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.map(str::to_owned),
        message: verdict.message,
        last_transition_time: Some(kept.unwrap_or_else(|| known.now.to_time())),
        last_probe_time: None,
        observed_generation: known.pod.metadata.generation,
    }
}

fn containers_ready(known: &Known<'_>, statuses: &Statuses, phase: Phase) -> Verdict {
    match phase {
        Phase::Succeeded => return Verdict::new(false, "PodCompleted", None),
        Phase::Failed => return Verdict::new(false, "PodFailed", None),
        Phase::Pending | Phase::Running => {}
    }
    let serving = known.plan.containers.iter().filter(|plan| plan.role != Role::Init);
    let unready = serving.filter(|plan| statuses.get(&plan.name).is_none_or(|status| !status.ready));
    let unready: Vec<&str> = unready.map(|plan| plan.name.as_str()).collect();
    if unready.is_empty() {
        return Verdict::TRUE;
    }
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    Verdict::new(false, "ContainersNotReady", Some(message))
}

fn ready(containers: &Verdict, spec: &PodSpec, before: &PodStatus) -> Verdict {
    if !containers.is_true {
        let message = containers.message.clone();
        return Verdict { is_true: false, reason: containers.reason, message };
    }
    let gates = spec.readiness_gates.iter().flatten().map(|gate| gate.condition_type.as_str());
    let unmet: Vec<String> = gates.filter_map(|gate| unmet_gate(gate, before)).collect();
    if unmet.is_empty() {
        return Verdict::TRUE;
    }
    Verdict::new(false, "ReadinessGatesNotReady", Some(unmet.join(", ")))
}

fn unmet_gate(gate: &str, before: &PodStatus) -> Option<String> {
    let mut conditions = before.conditions.iter().flatten();
    match conditions.find(|condition| condition.type_ == gate).map(|condition| condition.status.as_str()) {
        None => Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist.")),
        Some("True") => None,
        Some(status) => {
            Some(format!("the status of pod readiness gate {gate:?} is not \"True\", but {status}"))
        }
    }
}

fn initialized(known: &Known<'_>, statuses: &Statuses, phase: Phase) -> Verdict {
    if phase == Phase::Succeeded {
        return Verdict::new(true, "PodCompleted", None);
    }
    if super::has_initialized(known) {
        return Verdict::TRUE;
    }
    let incomplete = known.plan.containers.iter().filter(|plan| {
        let status = statuses.get(&plan.name);
        match plan.role {
            Role::Init => !status.is_some_and(|status| status.ready),
            Role::Sidecar => status.is_none_or(|status| status.started != Some(true)),
            Role::Main => false,
        }
    });
    let incomplete: Vec<&str> = incomplete.map(|plan| plan.name.as_str()).collect();
    if incomplete.is_empty() {
        return Verdict::TRUE;
    }
    let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
    Verdict::new(false, "ContainersNotInitialized", Some(message))
}
