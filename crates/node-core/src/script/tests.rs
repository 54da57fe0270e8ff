use serde_json::json;

use super::*;

fn script<const N: usize>(
    policy: RestartPolicy,
    annotations: [(&str, &str); N],
) -> Result<Script, ScriptError> {
    let annotations: BTreeMap<String, &str> =
        annotations.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), value)).collect();
    let pod = json!({"metadata": {"annotations": annotations}});
    Script::of(&serde_json::from_value(pod).expect("a Pod"), policy)
}

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

#[test]
fn a_run_follows_its_script() {
    let script = script(
        RestartPolicy::Always,
        [("start-after", "1s"), ("ready-after", "2s"), ("complete-after", "1m"), ("exit-code", "3")],
    )
    .expect("a script");
    let shown = |role, seconds| {
        let progress = script.progress(role, at(100), at(seconds));
        let next = progress.next.map_or(0, |next| next.millis() / 1000);
        let stage = match progress.stage {
            Stage::Created => "created".to_owned(),
            Stage::Running { ready, .. } => format!("running, ready {ready}"),
            Stage::Ended { code, at, .. } => format!("ended with {code} at {}", at.millis() / 1000),
        };
        (stage, next)
    };
    let table = [
        (Role::Main, 100, "created", 101),
        (Role::Main, 101, "running, ready false", 103),
        (Role::Main, 103, "running, ready true", 161),
        (Role::Main, 160, "running, ready true", 161),
        (Role::Main, 500, "ended with 3 at 161", 0),
        (Role::Init, 100, "created", 101),
        (Role::Init, 101, "ended with 0 at 101", 0),
        (Role::Sidecar, 500, "running, ready true", 0),
    ];
    for (role, seconds, stage, next) in table {
        assert_eq!(shown(role, seconds), (stage.to_owned(), next), "{role:?} {seconds}");
    }
}

#[test]
fn without_a_script_services_run_and_tasks_end() {
    let stage = |policy| {
        let script = script(policy, []).expect("a script");
        script.progress(Role::Main, at(1), at(1)).stage
    };
    assert_eq!(stage(RestartPolicy::Always), Stage::Running { since: at(1), ready: true });
    assert_eq!(stage(RestartPolicy::Never), Stage::Ended { code: 0, started: at(1), at: at(1) });
    let stubborn = script(RestartPolicy::Always, [("terminate-after", "never")]).expect("a script");
    assert_eq!(stubborn.terminates(at(1)), None);
    let slow = script(RestartPolicy::Always, [("terminate-after", "5s"), ("ready-after", "never")]);
    let slow = slow.expect("a script");
    assert_eq!(slow.terminates(at(1)), Some(at(6)));
    let progress = slow.progress(Role::Main, at(1), at(999));
    assert_eq!(progress, Progress { stage: Stage::Running { since: at(1), ready: false }, next: None });
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let error = |key, value| script(RestartPolicy::Always, [(key, value)]).expect_err("refused").to_string();
    assert_eq!(error("ready", "1s"), "annotation simulation.stanchion.dev/ready is unknown");
    let expected = "annotation simulation.stanchion.dev/start-after: \"never\" is not a time such as 1m30s";
    assert_eq!(error("start-after", "never"), expected);
    assert!(error("start-after", "-1s").ends_with("is not a time such as 1m30s"));
    assert!(error("exit-code", "256").ends_with("is not an exit code from 0 to 255"));
}
