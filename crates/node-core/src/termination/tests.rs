use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::container::{Image, Instance, State};

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn plan() -> PodPlan {
    let spec = json!({
        "initContainers": [
            {"name": "i"}, {"name": "s1", "restartPolicy": "Always"}, {"name": "s2", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "a"}, {"name": "b"}],
    });
    PodPlan::parse(&serde_json::from_value(spec).expect("a spec")).expect("a plan")
}

fn alive(names: &[&str]) -> Containers {
    let state = State::Running { since: at(0) };
    let instance = Some(Instance { id: "x".into(), image: Image::default(), state });
    let observed = Observed { instance, runs: 1, ..Observed::default() };
    names.iter().map(|name| ((*name).to_owned(), observed.clone())).collect()
}

fn pod_ending(hooks: &[&str], grace: Duration) -> Ending {
    let observed = alive(&["a", "b", "s1", "s2"]);
    Ending::of_pod(&plan(), &observed, |name| hooks.contains(&name), grace, at(100))
}

fn shown(steps: &Steps) -> Vec<String> {
    let effects = steps.effects.iter().map(|effect| match effect {
        Effect::Hook { container, limit } => format!("hook {container} {}", limit.as_secs()),
        Effect::Signal { container } => format!("signal {container}"),
        Effect::Kill { container } => format!("kill {container}"),
    });
    let wake = steps.wake.map(|wake| format!("wake {}", wake.millis() / 1000));
    effects.chain(wake).collect()
}

#[test]
fn main_containers_end_together_and_sidecars_in_reverse() {
    let mut ending = pod_ending(&[], seconds(30));
    assert_eq!(shown(&ending.step(at(100))), ["signal a", "signal b", "wake 130"]);
    ending.gone("b");
    assert_eq!(shown(&ending.step(at(101))), ["wake 130"]);
    ending.gone("a");
    assert_eq!(shown(&ending.step(at(110))), ["signal s2", "wake 130"]);
    ending.gone("s2");
    assert_eq!(shown(&ending.step(at(129))), ["signal s1", "wake 131"], "the floor holds");
    assert_eq!(shown(&ending.step(at(130))), ["wake 131"]);
    assert_eq!(shown(&ending.step(at(131))), ["kill s1"]);
    assert!(!ending.is_over());
    ending.gone("s1");
    assert!(ending.is_over());
}

#[test]
fn hooks_run_inside_the_grace_period() {
    let mut ending = pod_ending(&["a", "s1"], seconds(10));
    assert_eq!(shown(&ending.step(at(100))), ["hook a 10", "hook s1 10", "signal b", "wake 110"]);
    ending.hook_ended("s1");
    assert_eq!(shown(&ending.step(at(101))), ["wake 110"], "it is not its turn");
    ending.hook_ended("a");
    assert_eq!(shown(&ending.step(at(104))), ["signal a", "wake 110"]);
    assert_eq!(
        shown(&ending.step(at(110))),
        ["kill a", "kill b", "signal s1", "signal s2", "wake 112"],
        "no time left to take turns"
    );
    assert_eq!(shown(&ending.step(at(112))), ["kill s1", "kill s2"]);
    assert_eq!(shown(&ending.step(at(113))), [""; 0], "killed once");
}

#[test]
fn a_hook_that_hangs_leaves_the_floor() {
    let mut ending = Ending::of_container("a", true, seconds(5), at(0));
    assert_eq!(shown(&ending.step(at(0))), ["hook a 5", "wake 5"]);
    assert_eq!(shown(&ending.step(at(5))), ["signal a", "wake 7"]);
    assert_eq!(shown(&ending.step(at(7))), ["kill a"]);
}

#[test]
fn the_floor_holds_however_short_the_grace_period() {
    let mut ending = Ending::of_container("a", true, Duration::ZERO, at(0));
    assert_eq!(shown(&ending.step(at(0))), ["signal a", "wake 2"], "no time for a hook");
    assert_eq!(shown(&ending.step(at(2))), ["kill a"]);
}

#[test]
fn the_grace_period_gets_shorter_only() {
    let mut ending = pod_ending(&[], seconds(30));
    ending.step(at(100));
    ending.shorten(seconds(60));
    assert_eq!(shown(&ending.step(at(101))), ["wake 130"]);
    ending.shorten(seconds(3));
    assert_eq!(shown(&ending.step(at(102))), ["wake 103"]);
    assert_eq!(shown(&ending.step(at(103)))[..2], ["kill a", "kill b"]);
}

#[test]
fn grace_periods_come_from_the_right_place() {
    let pod = |deletion: Value, own: Value| -> Pod {
        let meta = json!({"deletionGracePeriodSeconds": deletion});
        let spec = json!({"containers": [], "terminationGracePeriodSeconds": own});
        serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a Pod")
    };
    let table = [
        (json!(5), json!(60), 5),
        (json!(null), json!(60), 60),
        (json!(null), json!(null), 30),
        (json!(0), json!(60), 1),
    ];
    for (deletion, own, expected) in table {
        assert_eq!(grace_of_pod(&pod(deletion, own)), seconds(expected));
    }
    let spec = PodSpec { termination_grace_period_seconds: Some(40), ..PodSpec::default() };
    assert_eq!(grace_of_probe(&spec, None), seconds(40));
    assert_eq!(grace_of_probe(&spec, Some(seconds(7))), seconds(7));
    assert_eq!(active_deadline(&spec, at(0)), None);
    let spec = PodSpec { active_deadline_seconds: Some(9), ..PodSpec::default() };
    assert_eq!(active_deadline(&spec, at(1)), Some(at(10)));
}

proptest! {
    /// Nobody outlives the grace period and the floor, and each is signalled before it is killed, both once.
    #[test]
    fn invariant_everything_ends_in_time(
        grace in 0_u64..20,
        hooks in prop::collection::vec(prop::sample::select(vec!["a", "b", "s1", "s2"]), 0..4),
        events in prop::collection::vec((0_i64..6, 0_usize..9), 0..40),
    ) {
        let mut ending = pod_ending(&hooks, Duration::from_secs(grace));
        let names = ["a", "b", "s1", "s2"];
        let (mut now, mut log) = (at(100), Vec::new());
        for (pause, which) in events.into_iter().chain([(30, 8), (30, 8)]) {
            log.extend(ending.step(now).effects.into_iter().map(|effect| (now, effect)));
            match which {
                0..4 => ending.gone(names[which]),
                4..8 => ending.hook_ended(names[which - 4]),
                _ => {}
            }
            now = now + seconds(pause);
        }
        for steps in [ending.step(now), ending.step(now + FLOOR)] {
            prop_assert!(steps.effects.is_empty() || steps.wake.is_none() || steps.wake == Some(now + FLOOR));
            log.extend(steps.effects.into_iter().map(|effect| (now, effect)));
        }
        for name in names {
            let of = |wanted: fn(&str) -> Effect| {
                log.iter().filter(|(_, effect)| *effect == wanted(name)).count()
            };
            let signals = of(|name| Effect::Signal { container: name.to_owned() });
            let kills = of(|name| Effect::Kill { container: name.to_owned() });
            prop_assert!(signals <= 1 && kills <= signals, "{} {} {}", name, signals, kills);
            let is_left = ending.members.contains_key(name);
            prop_assert!(!is_left || kills == 1, "{} is left", name);
        }
    }
}
