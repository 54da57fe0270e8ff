//! The columns of Pods, and how a Pod's state is put in one word.
//!
//! The word begins as the phase (or the reason of the status) and is overridden, in this order, by scheduling gates,
//! by the first init container that is not done, by the containers from last to first, and by deletion.

use serde_json::{Value, json};

use super::read::{Read, or};
use super::{Column, Columns, age};

pub(super) static POD: Columns = Columns::with_conditions(
    &[
        Column::name(),
        Column::text("Ready", "How many of its containers are ready."),
        Column::text("Status", "The state of its containers in a word."),
        Column::text("Restarts", "How often its containers were restarted, and when last."),
        Column::age(),
        Column::wide("IP", "Its address."),
        Column::wide("Node", "The node it runs on."),
        Column::wide("Nominated Node", "The node it may run on once others were displaced."),
        Column::wide("Readiness Gates", "How many of its readiness gates are open."),
    ],
    cells,
    conditions,
);

fn cells(pod: &Value, now: i64) -> Vec<Value> {
    let state = State::of(pod);
    vec![
        pod.text("metadata.name").into(),
        format!("{}/{}", state.ready, state.total).into(),
        state.word.into(),
        state.restarts.show(now).into(),
        age::of(pod, now).into(),
        address(pod).into(),
        or(pod.text("spec.nodeName"), "<none>").into(),
        or(pod.text("status.nominatedNodeName"), "<none>").into(),
        readiness_gates(pod).into(),
    ]
}

/// Returns the condition of a row whose Pod has come to its end.
fn conditions(pod: &Value) -> Vec<Value> {
    let message = match pod.text("status.phase") {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return Vec::new(),
    };
    let reason = pod.text("status.phase");
    vec![json!({ "type": "Completed", "status": "True", "reason": reason, "message": message })]
}

/// How often containers were restarted, and when the last of them ended before it was.
#[derive(Clone, Copy, Debug, Default)]
struct Restarts {
    count: i64,
    last: Option<i64>,
}

impl Restarts {
    fn add(&mut self, container: &Value) {
        self.count = self.count.saturating_add(container.int("restartCount"));
        self.last = self.last.max(age::seconds(container.at("lastState.terminated.finishedAt")));
    }

    fn show(self, now: i64) -> String {
        match self.last {
            Some(last) if self.count != 0 => {
                format!("{} ({} ago)", self.count, age::human_duration(now.saturating_sub(last)))
            }
            _ => self.count.to_string(),
        }
    }
}

/// What the columns say of a Pod's containers.
#[derive(Debug)]
struct State {
    word: String,
    ready: usize,
    total: usize,
    restarts: Restarts,
}

impl State {
    fn of(pod: &Value) -> Self {
        let phase = pod.text("status.phase");
        let mut word = or(pod.text("status.reason"), phase);
        let gated = |c: &&Value| c.text("type") == "PodScheduled" && c.text("reason") == "SchedulingGated";
        if pod.list("status.conditions").iter().any(|condition| gated(&condition)) {
            word = "SchedulingGated";
        }
        let sidecars =
            pod.list("spec.initContainers").iter().filter(|container| is_sidecar(container)).count();
        let mut state = Self {
            word: word.to_owned(),
            ready: 0,
            total: pod.list("spec.containers").len() + sidecars,
            restarts: Restarts::default(),
        };
        let (initializing, of_sidecars) = state.add_init_containers(pod);
        if !initializing || condition_is_true(pod, "Initialized") {
            state.restarts = of_sidecars;
            state.add_containers(pod);
        }
        state.add_deletion(pod, phase);
        state
    }

    /// Takes in the init containers up to the first that is not done; returns whether there is one, and the
    /// restarts of those that run as long as the Pod.
    fn add_init_containers(&mut self, pod: &Value) -> (bool, Restarts) {
        let specs = pod.list("spec.initContainers");
        let mut of_sidecars = Restarts::default();
        for (index, container) in pod.list("status.initContainerStatuses").iter().enumerate() {
            let name = container.text("name");
            let sidecar = specs.iter().rfind(|spec| spec.text("name") == name).is_some_and(is_sidecar);
            self.restarts.add(container);
            if sidecar {
                of_sidecars.add(container);
            }
            let terminated = container.at("state.terminated");
            if terminated.is_object() && terminated.int("exitCode") == 0 {
                continue;
            }
            if sidecar && container.truth("started") {
                self.ready += usize::from(container.truth("ready"));
                continue;
            }
            self.word = init_word(container, index, specs.len());
            return (true, of_sidecars);
        }
        (false, of_sidecars)
    }

    /// Takes in the containers; the first that has something to say has the last word.
    fn add_containers(&mut self, pod: &Value) {
        let mut running = false;
        for container in pod.list("status.containerStatuses").iter().rev() {
            self.restarts.add(container);
            let (waiting, terminated) =
                (container.text("state.waiting.reason"), container.at("state.terminated"));
            if !waiting.is_empty() {
                waiting.clone_into(&mut self.word);
            } else if terminated.is_object() {
                self.word = end_word(terminated);
            } else if container.truth("ready") && container.at("state.running").is_object() {
                running = true;
                self.ready += 1;
            }
        }
        if running && self.word == "Completed" {
            let word = if has_condition(pod, "Ready") { "Running" } else { "NotReady" };
            word.clone_into(&mut self.word);
        }
    }

    fn add_deletion(&mut self, pod: &Value, phase: &str) {
        if pod.at("metadata.deletionTimestamp").is_null() {
            return;
        }
        if pod.text("status.reason") == "NodeLost" {
            "Unknown".clone_into(&mut self.word);
        } else if !matches!(phase, "Failed" | "Succeeded") {
            "Terminating".clone_into(&mut self.word);
        }
    }
}

/// Returns whether an init container runs as long as the Pod.
fn is_sidecar(container: &Value) -> bool {
    container.text("restartPolicy") == "Always"
}

fn init_word(container: &Value, index: usize, count: usize) -> String {
    let terminated = container.at("state.terminated");
    if terminated.is_object() {
        return format!("Init:{}", end_word(terminated));
    }
    match container.text("state.waiting.reason") {
        "" | "PodInitializing" => format!("Init:{index}/{count}"),
        reason => format!("Init:{reason}"),
    }
}

/// Returns why a container ended.
fn end_word(terminated: &Value) -> String {
    match (terminated.text("reason"), terminated.int("signal")) {
        ("", 0) => format!("ExitCode:{}", terminated.int("exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// Returns whether the first condition of a type is true.
fn condition_is_true(pod: &Value, kind: &str) -> bool {
    let condition = pod.list("status.conditions").iter().find(|condition| condition.text("type") == kind);
    condition.is_some_and(|condition| condition.text("status") == "True")
}

/// Returns whether any condition of a type is true.
fn has_condition(pod: &Value, kind: &str) -> bool {
    let holds = |c: &Value| c.text("type") == kind && c.text("status") == "True";
    pod.list("status.conditions").iter().any(holds)
}

fn address(pod: &Value) -> &str {
    let first = pod.list("status.podIPs").first().map_or("", |address| address.text("ip"));
    or(or(pod.text("status.podIP"), first), "<none>")
}

fn readiness_gates(pod: &Value) -> String {
    let gates = pod.list("spec.readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| condition_is_true(pod, gate.text("conditionType"))).count();
    format!("{open}/{}", gates.len())
}
