use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::backoff::Bounds;
use crate::container::{EndedBy, Exit, ExitReason, Image, Instance, Probed};
use crate::probe::Outcome::{Failure, Success};

fn pod() -> PodRef {
    PodRef { namespace: "ns".into(), name: "p".into(), uid: "u".into() }
}

fn plan(spec: Value) -> PodPlan {
    PodPlan::parse(&serde_json::from_value(spec).expect("a spec")).expect("a plan")
}

fn exit(code: i32, finished: i64) -> State {
    State::Exited(Exit {
        id: "x".into(),
        code,
        signal: None,
        reason: if code == 0 { ExitReason::Completed } else { ExitReason::Error },
        message: String::new(),
        started: None,
        finished: Moment::from_millis(finished * 1000),
        by: EndedBy::Itself,
    })
}

const RUNNING: State = State::Running { since: Moment::from_millis(0) };

fn observed(state: State) -> Observed {
    let instance = Some(Instance { id: "x".into(), image: Image::default(), state });
    Observed { instance, runs: 1, ..Observed::default() }
}

fn with<const N: usize>(states: [(&str, State); N]) -> Containers {
    states.into_iter().map(|(name, state)| (name.to_owned(), observed(state))).collect()
}

fn decide_at(plan: &PodPlan, observed: &Containers, backoff: &BackOff, seconds: i64) -> Vec<String> {
    let now = Moment::from_millis(seconds * 1000);
    let actions = Picture { pod: &pod(), plan, observed, backoff, now }.decide();
    let shown = actions.into_iter().map(|action| match action {
        Action::Start { container, .. } => format!("start {container}"),
        Action::Kill { message, .. } => message,
        Action::BackOff { container, until, .. } => format!("{container} until {}", until.millis() / 1000),
        Action::Wait { container, until } => format!("{container} waits until {}", until.millis() / 1000),
        Action::RestartAll { because, code } => format!("restart all: {because} {code}"),
        Action::Finish => "finish".to_owned(),
    });
    shown.collect()
}

fn decide(plan: &PodPlan, observed: &Containers) -> Vec<String> {
    decide_at(plan, observed, &BackOff::new(Bounds::default()), 1000)
}

#[test]
fn containers_start_in_order() {
    let plan = plan(json!({
        "restartPolicy": "OnFailure",
        "initContainers": [
            {"name": "i"}, {"name": "s", "restartPolicy": "Always", "startupProbe": {}}, {"name": "j"},
        ],
        "containers": [{"name": "a"}, {"name": "b"}],
    }));
    let mut world = Containers::new();
    assert_eq!(decide(&plan, &world), ["start i"]);
    world.insert("i".into(), observed(RUNNING));
    assert_eq!(decide(&plan, &world), [""; 0]);
    world.insert("i".into(), observed(exit(3, 999)));
    assert_eq!(decide(&plan, &world), ["start i"], "again");
    world.insert("i".into(), observed(exit(0, 999)));
    assert_eq!(decide(&plan, &world), ["start s"]);
    world.insert("s".into(), observed(RUNNING));
    assert_eq!(decide(&plan, &world), [""; 0], "not started up");
    let up = Probed { startup: Some(Success), ..Probed::default() };
    world.insert("s".into(), Observed { probed: up, ..observed(RUNNING) });
    assert_eq!(decide(&plan, &world), ["start j"]);
    world.insert("j".into(), observed(State::Created));
    world.insert("s".into(), observed(exit(0, 999)));
    assert_eq!(decide(&plan, &world), ["start s"], "an earlier sidecar is kept up");
    world.insert("j".into(), observed(exit(0, 999)));
    assert_eq!(decide(&plan, &world), ["start s", "start a", "start b"]);
    world.extend(with([("a", RUNNING), ("b", exit(0, 999))]));
    assert_eq!(decide(&plan, &world), ["start s"]);
    world.extend(with([("a", exit(1, 999)), ("s", RUNNING)]));
    assert_eq!(decide(&plan, &world), ["start a"]);
    world.extend(with([("a", exit(0, 999))]));
    assert_eq!(decide(&plan, &world), ["finish"]);
}

#[test]
fn a_failed_init_container_ends_a_pod_that_never_restarts() {
    let plan = plan(
        json!({"restartPolicy": "Never", "initContainers": [{"name": "i"}], "containers": [{"name": "a"}]}),
    );
    assert_eq!(decide(&plan, &with([("i", exit(1, 999))])), ["finish"]);
    assert_eq!(decide(&plan, &with([("i", exit(0, 999)), ("a", exit(7, 999))])), ["finish"]);
}

#[test]
fn failing_containers_back_off() {
    let plan = plan(json!({"containers": [{"name": "a"}, {"name": "b"}]}));
    let mut backoff = BackOff::new(Bounds::default());
    backoff.note("u/a/", Moment::default(), Moment::from_millis(990_000));
    let world = with([("a", exit(1, 995)), ("b", RUNNING)]);
    assert_eq!(decide_at(&plan, &world, &backoff, 1000), ["a until 1005"]);
    assert_eq!(decide_at(&plan, &world, &backoff, 1005), ["start a"]);
    let mut world = Containers::new();
    world.insert(
        "a".into(),
        Observed { not_before: Some(Moment::from_millis(1_001_000)), ..Observed::default() },
    );
    assert_eq!(decide(&plan, &world), ["a waits until 1001", "start b"]);
}

#[test]
fn failed_probes_and_other_images_end_a_container() {
    let probes = json!({"name": "a", "startupProbe": {}, "livenessProbe": {}});
    let always = plan(json!({"containers": [probes]}));
    let never = plan(json!({"restartPolicy": "Never", "containers": [probes]}));
    let found = |probed| Containers::from([("a".to_owned(), Observed { probed, ..observed(RUNNING) })]);
    let startup = found(Probed { startup: Some(Failure), ..Probed::default() });
    let liveness = found(Probed { startup: Some(Success), liveness: Some(Failure), ..Probed::default() });
    assert_eq!(decide(&always, &startup), ["Container a failed startup probe, will be restarted"]);
    assert_eq!(decide(&always, &liveness), ["Container a failed liveness probe, will be restarted"]);
    assert_eq!(decide(&never, &liveness), ["Container a failed liveness probe"]);
    let changed = plan(json!({"restartPolicy": "Never", "containers": [{"name": "a", "image": "new"}]}));
    let world = with([("a", RUNNING)]);
    assert_eq!(decide(&changed, &world), ["Container a definition changed, will be restarted"]);
    let stopping = with([("a", State::Stopping { since: Moment::default() })]);
    assert_eq!(decide(&changed, &stopping), [""; 0], "told once");
    let State::Exited(ended) = exit(0, 999) else { panic!("an exit") };
    let killed = |by| with([("a", State::Exited(Exit { by, ..ended.clone() }))]);
    assert_eq!(decide(&changed, &killed(EndedBy::Change)), ["start a"]);
    assert_eq!(decide(&never, &killed(EndedBy::Probe)), ["finish"]);
    let on_failure = plan(json!({"restartPolicy": "OnFailure", "containers": [{"name": "a"}]}));
    assert_eq!(decide(&on_failure, &killed(EndedBy::Probe)), ["start a"]);
    assert_eq!(decide(&on_failure, &killed(EndedBy::Itself)), ["finish"]);
}

#[test]
fn a_rule_restarts_the_whole_pod() {
    let rule = json!({"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [88]}});
    let plan = plan(json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "i"}],
        "containers": [{"name": "a", "restartPolicyRules": [rule]}, {"name": "b"}],
    }));
    let mut world = with([("i", exit(0, 1)), ("a", exit(88, 2)), ("b", RUNNING)]);
    assert_eq!(decide(&plan, &world), ["restart all: a 88"]);
    for observed in world.values_mut() {
        observed.forget();
    }
    assert_eq!(decide(&plan, &world), ["start i"]);
    assert_eq!(world["a"].restarts(), 0);
    assert_eq!(world["a"].previous.as_ref().map(|exit| exit.code), Some(88));
}

const SPECS: [&str; 4] = [
    r#"{"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"a"},{"name":"b"}]}"#,
    r#"{"restartPolicy":"OnFailure","initContainers":[{"name":"s","restartPolicy":"Always","startupProbe":{}},
        {"name":"i"}],"containers":[{"name":"a","livenessProbe":{}}]}"#,
    r#"{"restartPolicy":"Never","initContainers":[{"name":"i"}],"containers":[{"name":"a"},{"name":"b"}]}"#,
    r#"{"containers":[{"name":"a","startupProbe":{}},{"name":"b","restartPolicy":"Never","restartPolicyRules":
        [{"action":"RestartAllContainers","exitCodes":{"operator":"In","values":[2]}}]}]}"#,
];

/// What may happen to a container between two decisions.
#[derive(Clone, Copy, Debug)]
enum Event {
    Starts,
    Ends(i32),
    ComesUp,
    FailsStartup,
    FailsLiveness,
}

fn happen(observed: &mut Observed, event: Event, now: Moment) {
    let Some(instance) = observed.instance.as_mut() else { return };
    match (event, &instance.state) {
        (Event::Starts, State::Created) => instance.state = State::Running { since: now },
        (Event::Ends(code), State::Running { .. } | State::Stopping { .. }) => {
            instance.state = exit(code, now.millis() / 1000);
        }
        (Event::ComesUp, _) => observed.probed.startup = Some(Success),
        (Event::FailsStartup, _) => observed.probed.startup = Some(Failure),
        (Event::FailsLiveness, _) => observed.probed.liveness = Some(Failure),
        (Event::Starts | Event::Ends(_), _) => {}
    }
}

/// Does what a shell does, and fails where an invariant does not hold.
fn perform(plan: &PodPlan, world: &mut Containers, backoff: &mut BackOff, now: Moment, id: usize) {
    let actions = Picture { pod: &pod(), plan, observed: world, backoff, now }.decide();
    let mut touched = std::collections::BTreeSet::new();
    for action in actions {
        match action {
            Action::Start { container, ended } => {
                assert!(touched.insert(container.clone()), "invariant_one_action: {container}");
                let observed = world.entry(container.clone()).or_default();
                assert!(!observed.is_alive(), "invariant_one_instance: {container}");
                if let Some(ended) = ended {
                    backoff.note(&crash_key(&pod(), &container, ""), ended, now);
                }
                observed.begin(id.to_string(), Image::default());
                assert_order(plan, world, &container);
            }
            Action::Kill { container, .. } => {
                assert!(touched.insert(container.clone()), "invariant_one_action: {container}");
                let instance = world.get_mut(&container).and_then(|o| o.instance.as_mut()).expect("a run");
                assert!(matches!(instance.state, State::Running { .. }), "invariant_kills_what_runs");
                instance.state = State::Stopping { since: now };
            }
            Action::BackOff { container, until, .. } | Action::Wait { container, until } => {
                assert!(touched.insert(container), "invariant_one_action");
                assert!(until > now, "invariant_waits_end_later");
            }
            Action::RestartAll { .. } => world.values_mut().for_each(Observed::forget),
            Action::Finish => {}
        }
    }
}

/// A main container starts only after every init container ended well and every sidecar was started.
fn assert_order(plan: &PodPlan, world: &Containers, started: &str) {
    if plan.container(started).is_some_and(|container| container.role == Role::Main) {
        for init in plan.of_role(Role::Init) {
            let exit = world.get(&init.name).and_then(Observed::exit);
            assert!(exit.is_some_and(Exit::succeeded), "invariant_init_first: {}", init.name);
        }
        for sidecar in plan.of_role(Role::Sidecar) {
            assert!(world.contains_key(&sidecar.name), "invariant_sidecars_first: {}", sidecar.name);
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Starts),
        2 => (0..4).prop_map(Event::Ends),
        2 => Just(Event::ComesUp),
        1 => Just(Event::FailsStartup),
        1 => Just(Event::FailsLiveness),
    ]
}

proptest! {
    #[test]
    fn invariants_hold_whatever_happens(
        spec in prop::sample::select(SPECS.as_slice()),
        events in prop::collection::vec((any_event(), 0_usize..4, 0_i64..40), 0..120),
    ) {
        let plan = plan(serde_json::from_str(spec).expect("JSON"));
        let mut backoff = BackOff::new(Bounds::default());
        let (mut world, mut now) = (Containers::new(), Moment::from_millis(0));
        for (id, (event, which, pause)) in events.into_iter().enumerate() {
            now = now + Duration::from_secs(pause.unsigned_abs());
            perform(&plan, &mut world, &mut backoff, now, id);
            let name = &plan.containers[which % plan.containers.len()].name;
            if let Some(observed) = world.get_mut(name) {
                happen(observed, event, now);
            }
        }
    }
}
