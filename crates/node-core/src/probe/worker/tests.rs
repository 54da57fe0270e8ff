use std::time::Duration;

use proptest::prelude::*;

use super::super::Check;
use super::Outcome::{Failure, Success};
use super::*;

fn probe(success: u32, failure: u32) -> Probe {
    Probe {
        check: Check::Tcp { host: None, port: 1 },
        initial_delay: Duration::from_secs(5),
        period: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        success_threshold: success,
        failure_threshold: failure,
        grace: None,
    }
}

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

fn worker(kind: Kind) -> Worker {
    Worker::new(kind, probe(1, 3), at(0))
}

fn running(instance: &str, since: i64, started: bool) -> Seen<'_> {
    Seen { instance: Some(instance), running_since: Some(at(since)), started, deleting: false, over: false }
}

const NONE: Seen<'static> =
    Seen { instance: None, running_since: None, started: false, deleting: false, over: false };

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what steps return")]
fn change(outcome: Outcome) -> Option<Change> {
    Some(Change { outcome: Some(outcome) })
}

#[test]
fn questions_wait_for_the_delay_and_then_come_by_the_period() {
    let mut worker = worker(Kind::Readiness);
    assert_eq!(worker.step(&NONE, at(100)), (Step::Idle, None));
    let seen = running("a", 100, true);
    assert_eq!(worker.step(&seen, at(100)), (Step::Wait(at(105)), None));
    assert_eq!(worker.step(&seen, at(105)), (Step::Ask, None));
    assert_eq!(worker.step(&seen, at(106)), (Step::Wait(at(115)), None));
    worker.trigger();
    assert_eq!(worker.step(&seen, at(106)), (Step::Ask, None));
    assert_eq!(worker.step(&seen, at(106)), (Step::Wait(at(116)), None));
}

#[test]
fn three_failures_in_a_row_end_a_container_once() {
    let mut worker = worker(Kind::Liveness);
    assert_eq!(worker.result(), Some(Success));
    assert_eq!(worker.step(&running("a", 0, true), at(50)), (Step::Ask, None));
    for outcome in [Failure, Failure, Success, Failure, Failure] {
        assert_eq!(worker.answer("a", Some(outcome)), None);
    }
    assert_eq!(worker.answer("a", None), None, "says nothing, and breaks no run");
    assert_eq!(worker.answer("a", Some(Failure)), change(Failure));
    assert_eq!(worker.step(&running("a", 0, true), at(500)), (Step::Idle, None), "on hold");
    assert_eq!(worker.answer("a", Some(Success)), None, "late answers do not count");
    assert_eq!(worker.step(&running("b", 500, true), at(500)), (Step::Wait(at(505)), change(Success)));
    assert_eq!(worker.step(&running("b", 500, true), at(505)).0, Step::Ask);
    for _ in 0..2 {
        assert_eq!(worker.answer("b", Some(Failure)), None, "a new instance starts a new run");
    }
    assert_eq!(worker.answer("a", Some(Failure)), None, "an answer about the old instance");
    assert_eq!(worker.result(), Some(Success));
}

#[test]
fn startup_gates_the_others() {
    let mut startup = worker(Kind::Startup);
    let mut readiness = worker(Kind::Readiness);
    let fresh = running("a", 0, false);
    assert_eq!(readiness.step(&fresh, at(60)), (Step::Idle, None));
    assert_eq!(startup.step(&fresh, at(60)), (Step::Ask, None));
    assert_eq!(startup.answer("a", Some(Failure)), None);
    assert_eq!(startup.result(), None);
    assert_eq!(startup.answer("a", Some(Success)), change(Success));
    let up = running("a", 0, true);
    assert_eq!(startup.step(&up, at(70)), (Step::Idle, None));
    readiness.trigger();
    assert_eq!(readiness.step(&up, at(61)), (Step::Ask, None));
    assert_eq!(readiness.answer("a", Some(Success)), change(Success));
}

#[test]
fn a_container_that_ended_is_not_ready_and_not_asked() {
    let mut worker = worker(Kind::Readiness);
    worker.step(&running("a", 0, true), at(50));
    worker.answer("a", Some(Success));
    let ended = Seen { running_since: None, ..running("a", 0, false) };
    assert_eq!(worker.step(&ended, at(51)), (Step::Idle, change(Failure)));
    let over = Seen { over: true, ..ended };
    assert_eq!(worker.step(&over, at(52)), (Step::End, None));
}

#[test]
fn deletion_ends_liveness_and_keeps_readiness() {
    let deleting = Seen { deleting: true, ..running("a", 0, true) };
    assert_eq!(worker(Kind::Readiness).step(&deleting, at(50)), (Step::Ask, None));
    assert_eq!(worker(Kind::Liveness).step(&deleting, at(50)), (Step::End, None));
    assert_eq!(worker(Kind::Startup).step(&deleting, at(50)), (Step::End, change(Success)));
}

proptest! {
    /// The result changes exactly when a run of equal answers reaches its threshold.
    #[test]
    fn invariant_a_result_follows_from_the_length_of_the_run(
        answers in prop::collection::vec(prop_oneof![Just(None), Just(Some(Success)), Just(Some(Failure))], 0..60),
        success in 1_u32..4,
        failure in 1_u32..4,
    ) {
        let mut worker = Worker::new(Kind::Readiness, probe(success, failure), at(0));
        worker.step(&running("a", 0, true), at(50));
        let (mut expected, mut run) = (Failure, Vec::new());
        for answer in answers {
            let told = worker.answer("a", answer);
            let Some(answer) = answer else {
                prop_assert_eq!(told, None);
                continue;
            };
            if run.last() != Some(&answer) {
                run.clear();
            }
            run.push(answer);
            let needed = if answer == Success { success } else { failure };
            let now = if run.len() >= needed as usize { answer } else { expected };
            prop_assert_eq!(told, if now == expected { None } else { change(now) });
            expected = now;
            prop_assert_eq!(worker.result(), Some(expected));
        }
    }

    /// Between two questions about one instance lies at least a period.
    #[test]
    fn invariant_questions_keep_their_distance(steps in prop::collection::vec(0_i64..7, 1..60)) {
        let mut worker = worker(Kind::Readiness);
        let (mut now, mut asked) = (0, None);
        for step in steps {
            now += step;
            if worker.step(&running("a", 0, true), at(now)).0 == Step::Ask {
                prop_assert!(now >= 5 && asked.is_none_or(|last| now - last >= 10));
                asked = Some(now);
            }
        }
    }
}
