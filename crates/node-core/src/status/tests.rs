use serde_json::{Value, json};

use super::*;
use crate::container::{
    EndedBy, Exit, ExitReason, Image, Instance, Observed, Probed, State, Waiting, WaitingReason,
};
use crate::probe::Outcome::Success;

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn run(name: &str, runs: u32, state: State) -> (String, Observed) {
    let image = Image { name: "img".into(), id: "img@1".into() };
    let instance = Some(Instance { id: format!("{name}-{runs}"), image, state });
    (name.to_owned(), Observed { instance, runs, ..Observed::default() })
}

fn running(name: &str) -> (String, Observed) {
    run(name, 1, State::Running { since: at(10) })
}

fn end(code: i32) -> Exit {
    Exit {
        id: "old".into(),
        code,
        signal: None,
        reason: if code == 0 { ExitReason::Completed } else { ExitReason::Error },
        message: String::new(),
        started: Some(at(10)),
        finished: at(20),
        by: EndedBy::Itself,
    }
}

fn ended(name: &str, code: i32) -> (String, Observed) {
    run(name, 1, State::Exited(end(code)))
}

struct World {
    pod: Pod,
    observed: Containers,
    over: bool,
    failure: Option<Failure>,
    now: i64,
}

impl World {
    #[expect(clippy::needless_pass_by_value, reason = "a json! stands in each call")]
    fn new<const N: usize>(spec: Value, observed: [(String, Observed); N]) -> Self {
        let meta = json!({"name": "p", "namespace": "ns", "uid": "u", "generation": 3});
        let pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a Pod");
        Self { pod, observed: observed.into_iter().collect(), over: false, failure: None, now: 100 }
    }

    fn status(&self) -> PodStatus {
        let plan = PodPlan::parse(self.pod.spec.as_ref().expect("a spec")).expect("a plan");
        status_of(&Known {
            pod: &self.pod,
            plan: &plan,
            observed: &self.observed,
            host_ips: &["127.0.0.1".to_owned()],
            pod_ips: &["127.1.0.9".to_owned()],
            sandbox_ready: true,
            accepted: at(5),
            over: self.over,
            failure: self.failure.as_ref(),
            now: at(self.now),
        })
    }

    fn phase(&self) -> String {
        self.status().phase.expect("a phase")
    }
}

fn condition(status: &PodStatus, type_: &str) -> String {
    let mut conditions = status.conditions.iter().flatten();
    let condition = conditions.find(|condition| condition.type_ == type_).expect(type_);
    [Some(&condition.status), condition.reason.as_ref(), condition.message.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn two(policy: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "b", "image": "img"}, {"name": "a", "image": "img"}]})
}

#[test]
fn phases_follow_from_the_containers() {
    let waits = |name: &str| {
        let waiting = Some(Waiting { reason: WaitingReason::ErrImagePull, message: "no".into() });
        (name.to_owned(), Observed { waiting, ..Observed::default() })
    };
    let table = [
        ("Always", [running("a"), running("b")], "Running"),
        ("Always", [running("a"), waits("b")], "Pending"),
        ("Always", [running("a"), ended("b", 1)], "Running"),
        ("Always", [ended("a", 0), ended("b", 0)], "Running"),
        ("OnFailure", [ended("a", 0), ended("b", 1)], "Running"),
        ("OnFailure", [ended("a", 0), ended("b", 0)], "Succeeded"),
        ("Never", [ended("a", 0), ended("b", 1)], "Failed"),
        ("Never", [ended("a", 0), running("b")], "Running"),
    ];
    for (policy, observed, phase) in table {
        let world = World::new(two(policy), observed.clone());
        assert_eq!(world.phase(), phase, "{policy} {observed:?}");
    }
    assert_eq!(World::new(two("Always"), []).phase(), "Pending");
    for (codes, phase) in [([0, 0], "Succeeded"), ([0, 137], "Failed")] {
        let mut world = World::new(two("Always"), [ended("a", codes[0]), ended("b", codes[1])]);
        world.over = true;
        assert_eq!(world.phase(), phase);
    }
    let mut never_started = World::new(two("Always"), []);
    never_started.over = true;
    assert_eq!(never_started.phase(), "Failed");
}

#[test]
fn initialization_comes_first() {
    let spec = |policy| {
        json!({
            "restartPolicy": policy,
            "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always", "startupProbe": {}}],
            "containers": [{"name": "a"}],
        })
    };
    let world = World::new(spec("Always"), [ended("i", 0), running("s")]);
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    let expected = "False ContainersNotInitialized containers with incomplete status: [s]";
    assert_eq!(condition(&status, "Initialized"), expected);
    let main = &status.container_statuses.expect("statuses")[0];
    let waiting = main.state.as_ref().and_then(|state| state.waiting.as_ref()).expect("waits");
    assert_eq!(waiting.reason.as_deref(), Some("PodInitializing"));
    assert_eq!(World::new(spec("Always"), [ended("i", 1)]).phase(), "Pending");
    assert_eq!(World::new(spec("Never"), [ended("i", 1)]).phase(), "Failed");
    let mut sidecar = running("s");
    sidecar.1.probed.startup = Some(Success);
    let world = World::new(spec("Always"), [ended("i", 0), sidecar, running("a")]);
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(condition(&status, "Initialized"), "True");
    assert_eq!(condition(&status, "Ready"), "True");
    let init = status.init_container_statuses.expect("statuses");
    assert_eq!(init.iter().map(|s| s.ready).collect::<Vec<_>>(), [true, true]);
}

#[test]
fn readiness_needs_containers_probes_and_gates() {
    let spec = json!({
        "readinessGates": [{"conditionType": "example.com/lb"}],
        "containers": [{"name": "b", "readinessProbe": {}}, {"name": "a"}],
    });
    let mut world = World::new(spec, [running("a"), running("b")]);
    let status = world.status();
    let expected = "False ContainersNotReady containers with unready status: [b]";
    assert_eq!(condition(&status, "Ready"), expected);
    assert_eq!(condition(&status, "ContainersReady"), expected);
    let names: Vec<_> =
        status.container_statuses.iter().flatten().map(|s| (s.name.as_str(), s.ready)).collect();
    assert_eq!(names, [("a", true), ("b", false)], "by name");
    let probed = Probed { readiness: Some(Success), ..Probed::default() };
    world.observed.get_mut("b").expect("b").probed = probed;
    let expected = "False ReadinessGatesNotReady corresponding condition of pod readiness gate \
                    \"example.com/lb\" does not exist.";
    assert_eq!(condition(&world.status(), "Ready"), expected);
    let mut gate = |status: &str| {
        let condition = json!({"type": "example.com/lb", "status": status});
        world.pod.status = serde_json::from_value(json!({"conditions": [condition]})).expect("a status");
        condition_of_ready(&world)
    };
    let expected = "the status of pod readiness gate \"example.com/lb\" is not \"True\", but False";
    assert_eq!(gate("False"), format!("False ReadinessGatesNotReady {expected}"));
    assert_eq!(gate("True"), "True");
    assert_eq!(condition(&world.status(), "example.com/lb"), "True", "kept");
}

fn condition_of_ready(world: &World) -> String {
    condition(&world.status(), "Ready")
}

#[test]
fn crash_loops_show_what_happened_before() {
    let mut crashed = run("a", 3, State::Exited(end(7)));
    let message = "back-off 20s restarting failed container=a pod=p_ns(u)".to_owned();
    crashed.1.waiting = Some(Waiting { reason: WaitingReason::CrashLoopBackOff, message: message.clone() });
    let status = World::new(two("Always"), [crashed, running("b")]).status();
    let shown = &status.container_statuses.expect("statuses")[0];
    let state = shown.state.clone().and_then(|state| state.waiting).expect("waits");
    assert_eq!((state.reason.as_deref(), state.message), (Some("CrashLoopBackOff"), Some(message)));
    let last = shown.last_state.clone().and_then(|state| state.terminated).expect("ended");
    assert_eq!((last.exit_code, last.reason.as_deref()), (7, Some("Error")));
    assert_eq!((shown.restart_count, shown.ready, shown.started), (2, false, Some(false)));
    assert_eq!(shown.container_id.as_deref(), Some("stanchion://a-3"));
}

#[test]
fn nothing_changes_without_a_change() {
    let mut world = World::new(two("Always"), [running("a"), running("b")]);
    let first = world.status();
    assert_eq!(first.observed_generation, Some(3));
    assert_eq!(first.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(first.start_time, Some(at(5).to_time()));
    world.pod.status = Some(first.clone());
    world.now = 200;
    assert_eq!(world.status(), first);
    world.observed.insert("a".into(), ended("a", 1).1);
    let second = world.status();
    let moved = |type_: &str| {
        let mut conditions = second.conditions.iter().flatten();
        conditions.find(|c| c.type_ == type_).and_then(|c| c.last_transition_time.clone())
    };
    assert_eq!(moved("Ready"), Some(at(200).to_time()));
    assert_eq!(moved("PodScheduled"), Some(at(100).to_time()));
}

#[test]
fn failures_of_the_node_show_as_such() {
    let mut world = World::new(two("Always"), [ended("a", 137), running("b")]);
    world.failure = Some(Failure { reason: "Evicted".into(), message: "low".into(), is_disruption: true });
    let status = world.status();
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Running"), None), "b is alive");
    assert_eq!(condition(&status, "DisruptionTarget"), "True TerminationByKubelet low");
    assert_eq!(condition(&status, "Ready"), "False PodFailed");
    world.observed.insert("b".into(), ended("b", 0).1);
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    assert_eq!((status.reason.as_deref(), status.message.as_deref()), (Some("Evicted"), Some("low")));
    assert_eq!(condition(&status, "DisruptionTarget"), "True TerminationByKubelet low");
    assert_eq!(condition(&status, "Ready"), "False PodFailed");
    assert_eq!(condition(&status, "PodReadyToStartContainers"), "False");
}

#[test]
fn a_pod_that_is_over_stays_over() {
    let mut world = World::new(two("Always"), [ended("a", 0), ended("b", 1)]);
    world.failure = Some(Failure { reason: "Evicted".into(), message: "low".into(), is_disruption: true });
    world.over = true;
    let status = world.status();
    assert_eq!(status.phase.as_deref(), Some("Failed"));
    world.pod.status = Some(status.clone());
    world.failure = None;
    world.observed.clear();
    let again = world.status();
    assert_eq!((again.phase, again.reason, again.message), (status.phase, status.reason, status.message));
    assert_eq!(again.conditions, status.conditions);
}

#[test]
fn sidecars_keep_a_pod_running_until_they_end() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
        "containers": [{"name": "a"}],
    });
    let mut world = World::new(spec, [running("s"), ended("a", 0)]);
    assert_eq!(world.phase(), "Running");
    world.observed.insert("s".into(), ended("s", 143).1);
    assert_eq!(world.phase(), "Succeeded");
}

#[test]
fn containers_that_got_lost_are_said_to_be() {
    let mut world = World::new(two("Always"), [running("a"), running("b")]);
    world.pod.status = Some(world.status());
    world.observed = [ended("a", 0)].into_iter().collect();
    world.over = true;
    let status = world.status();
    let lost = &status.container_statuses.as_ref().expect("statuses")[1];
    let state = lost.state.clone().and_then(|state| state.terminated).expect("ended");
    assert_eq!((state.exit_code, state.reason.as_deref()), (137, Some("ContainerStatusUnknown")));
    assert_eq!(status.phase.as_deref(), Some("Failed"));
}

#[test]
fn ephemeral_containers_have_ended_and_say_why() {
    let spec = json!({
        "containers": [{"name": "c"}], "ephemeralContainers": [{"name": "debugger", "image": "busybox"}],
    });
    let told = json!(World::new(spec, [running("c")]).status().ephemeral_container_statuses);
    assert_eq!(told[0]["name"], "debugger");
    assert_eq!(told[0]["state"]["terminated"]["message"], EPHEMERAL);
}

#[test]
fn what_was_rejected_has_no_containers() {
    let mut world = World::new(json!({"containers": [{"name": "c"}]}), []);
    world.failure = Some(Failure {
        reason: "OutOfcpu".to_owned(),
        message: "Pod was rejected: there is too little".to_owned(),
        is_disruption: false,
    });
    world.over = true;
    let status = world.status();
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("OutOfcpu")));
    assert_eq!(status.container_statuses, None);
}
