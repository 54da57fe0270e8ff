use std::time::Duration;

use super::{Brake, LONGEST};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn replicas_that_keep_up_are_left_alone() {
    let mut brake = Brake::new(2 * SECOND);
    for _ in 0..100 {
        assert_eq!(brake.look([Duration::from_millis(400), Duration::ZERO], SECOND), Duration::ZERO);
    }
}

#[test]
fn no_bound_is_no_brake() {
    let mut brake = Brake::new(Duration::ZERO);
    assert_eq!(brake.look([1000 * SECOND], SECOND), Duration::ZERO);
    let mut brake = Brake::new(2 * SECOND);
    assert!(brake.look([10 * SECOND], SECOND) > Duration::ZERO);
    assert_eq!(brake.look([], SECOND), Duration::ZERO, "nobody is left whose lag could matter");
}

#[test]
fn a_brake_is_never_longer_than_its_limit() {
    let mut brake = Brake::new(SECOND);
    for _ in 0..1000 {
        assert!(brake.look([1_000_000 * SECOND], 100 * SECOND) <= LONGEST);
    }
}

/// Writers that would write twice as fast as replicas apply: commits take 5 ms of their own, plus the pause.
fn simulate(brake: &mut Brake, seconds: u32) -> (f64, f64) {
    let step = 0.2;
    let (mut behind, mut worst, mut lag): (f64, f64, f64) = (0.0, 0.0, 0.0);
    let mut pause = Duration::ZERO;
    for _ in 0..seconds * 5 {
        let written = 16.0 / (0.008 + pause.as_secs_f64());
        behind = (behind + (written - 1_000.0) * step).max(0.0);
        lag = behind / 1_000.0;
        worst = worst.max(lag);
        pause = brake.look([Duration::from_secs_f64(lag)], Duration::from_secs_f64(step));
    }
    (worst, lag)
}

#[test]
fn lag_stays_below_its_bound_under_twice_the_load() {
    let mut brake = Brake::new(2 * SECOND);
    let (worst, last) = simulate(&mut brake, 120);
    assert!(worst < 2.0, "it reached {worst} s");
    assert!((0.5..1.5).contains(&last), "it settled at {last} s");
}

#[test]
fn a_burst_is_forgotten() {
    let mut brake = Brake::new(2 * SECOND);
    simulate(&mut brake, 60);
    let pauses: Vec<_> = (0..30).map(|_| brake.look([Duration::ZERO], SECOND)).collect();
    assert_eq!(pauses.last(), Some(&Duration::ZERO));
}
