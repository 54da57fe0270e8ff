use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1000)
}

/// Lets something crash right after each start, and returns how long each start had to wait.
fn crashes(bounds: Bounds, count: usize) -> Vec<u64> {
    let mut backoff = BackOff::new(bounds);
    let mut now = at(1_000_000);
    let mut waits = Vec::new();
    for _ in 0..count {
        let ended = now;
        if let Some(pause) = backoff.pause_after_end("k", ended, now) {
            now = pause.until;
        }
        assert_eq!(backoff.pause_after_end("k", ended, now), None);
        waits.push(now.since(ended).as_secs());
        backoff.note("k", ended, now);
    }
    waits
}

#[test]
fn restarts_slow_down() {
    assert_eq!(crashes(Bounds::default(), 8), [0, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(crashes(Bounds::crash(Duration::from_secs(3)), 4), [0, 3, 3, 3]);
    assert_eq!(crashes(Bounds::crash(Duration::ZERO), 3), [0, 1, 1]);
    assert_eq!(crashes(Bounds::crash(Duration::from_secs(9999)), 8).last(), Some(&300));
}

#[test]
fn the_wait_counts_from_the_end() {
    let mut backoff = BackOff::new(Bounds::default());
    backoff.note("k", at(0), at(0));
    assert_eq!(
        backoff.pause_after_end("k", at(100), at(105)),
        Some(Pause { delay: INITIAL, until: at(110) })
    );
    assert_eq!(backoff.pause_after_end("k", at(100), at(110)), None);
    assert_eq!(backoff.pause_after_end("other", at(100), at(105)), None);
}

#[test]
fn a_long_run_starts_anew() {
    let mut backoff = BackOff::new(Bounds::default());
    backoff.note("k", at(0), at(0));
    backoff.note("k", at(10), at(20));
    assert!(backoff.pause_after_end("k", at(620), at(620)).is_some(), "exactly twice the longest delay");
    assert_eq!(backoff.pause_after_end("k", at(621), at(621)), None);
    backoff.note("k", at(621), at(621));
    let pause = backoff.pause_after_end("k", at(622), at(622)).map(|pause| pause.delay);
    assert_eq!(pause, Some(INITIAL));
    backoff.prune(at(1221));
    assert_eq!(backoff.entries.len(), 1);
    backoff.prune(at(1222));
    assert!(backoff.entries.is_empty());
}

#[test]
fn images_wait_from_the_first_failure_on() {
    let mut backoff = BackOff::new(Bounds::image());
    assert_eq!(backoff.pause_after_failure("k", at(0)), None);
    backoff.note("k", at(0), at(0));
    assert_eq!(backoff.pause_after_failure("k", at(9)), Some(Pause { delay: INITIAL, until: at(10) }));
    assert_eq!(backoff.pause_after_failure("k", at(10)), None);
    backoff.note("k", at(10), at(10));
    assert_eq!(backoff.pause_after_failure("k", at(29)).map(|p| p.until), Some(at(30)));
    backoff.forget("k");
    assert_eq!(backoff.pause_after_failure("k", at(29)), None);
}

#[test]
fn messages_read_as_users_know_them() {
    let pod = PodRef { namespace: "ns".into(), name: "p".into(), uid: "u".into() };
    assert_eq!(
        crash_message(Duration::from_secs(160), "c", &pod),
        "back-off 2m40s restarting failed container=c pod=p_ns(u)"
    );
    assert_eq!(crash_event("c", &pod), "Back-off restarting failed container c in pod p_ns(u)");
    assert_eq!(image_event("a:b"), "Back-off pulling image \"a:b\"");
    assert_eq!(image_message("a:b", "no"), "Back-off pulling image \"a:b\": ErrImagePull: no");
}

proptest! {
    #[test]
    fn invariant_delays_stay_within_their_bounds(
        runs in prop::collection::vec(0_i64..2000, 1..40),
        max in 0_u64..400,
    ) {
        let bounds = Bounds::crash(Duration::from_secs(max));
        let mut backoff = BackOff::new(bounds);
        let mut now = at(0);
        for run in runs {
            let ended = now + Duration::from_secs(run.unsigned_abs());
            now = ended;
            if let Some(pause) = backoff.pause_after_end("k", ended, now) {
                prop_assert!(pause.delay >= bounds.initial && pause.delay <= bounds.max);
                prop_assert_eq!(pause.until, ended + pause.delay);
                now = pause.until;
            }
            backoff.note("k", ended, now);
        }
    }
}
