use std::time::Duration;

use super::{Brake, LONGEST, LONGEST_UNKNOWN, Member};

const SECOND: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(500);

fn member(applied: u64, rate: Option<f64>) -> Member {
    Member { lag: 10 * SECOND, applied, rate, age: Duration::ZERO }
}

#[test]
fn replicas_that_keep_up_are_left_alone() {
    let mut brake = Brake::new(2 * SECOND);
    for number in 0..100 {
        let near = Member { lag: Duration::from_millis(400), ..member(500 * number, None) };
        assert_eq!(brake.look([near], 500 * number + 100, LOOK), Duration::ZERO);
    }
}

#[test]
fn no_bound_is_no_brake() {
    let mut brake = Brake::new(Duration::ZERO);
    assert_eq!(brake.look([member(0, None)], 1_000, LOOK), Duration::ZERO);
    let mut brake = Brake::new(2 * SECOND);
    assert!(brake.look([member(0, None)], 1_000, LOOK) > Duration::ZERO);
    assert_eq!(brake.look([], 2_000, LOOK), Duration::ZERO, "nobody is left who could lag");
}

#[test]
fn a_brake_is_never_longer_than_its_limit() {
    let mut brake = Brake::new(SECOND);
    for number in 0..20 {
        assert!(brake.look([member(0, Some(0.001))], 1_000_000 * number, LOOK) <= LONGEST);
    }
    let mut brake = Brake::new(SECOND);
    for number in 0..20 {
        assert!(
            brake.look([member(0, None)], 1_000_000 * number, LOOK) <= LONGEST_UNKNOWN,
            "one large transaction"
        );
    }
}

#[test]
fn a_look_that_is_wrong_does_little() {
    let mut brake = Brake::new(2 * SECOND);
    assert_eq!(
        brake.look([member(0, None)].map(|near| Member { lag: LOOK, ..near }), 0, LOOK),
        Duration::ZERO
    );
    let wrong = brake.look([member(0, Some(0.01))], 1_000, LOOK);
    assert!(wrong <= Duration::from_millis(4), "{wrong:?}");
}

/// Writers and a replica, in steps of 50 ms.
struct Model {
    /// How many commit at the same time.
    writers: f64,
    /// What a commit takes.
    commit: f64,
    /// What the replica applies in a second.
    rate: f64,
    written: f64,
    applied: f64,
    busy: f64,
    pause: Duration,
    /// What the replica reported last, and how long ago.
    report: (f64, Option<f64>, f64),
}

impl Model {
    fn new(writers: f64, commit: f64, rate: f64) -> Self {
        Self {
            writers,
            commit,
            rate,
            written: 0.0,
            applied: 0.0,
            busy: 0.0,
            pause: Duration::ZERO,
            report: (0.0, None, 0.0),
        }
    }

    /// Goes on for `seconds`; returns the most that was ever left to apply and what is left in the end, in seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
    fn run(&mut self, brake: &mut Brake, seconds: u32) -> (f64, f64) {
        let step = 0.05;
        let mut worst = 0.0_f64;
        for number in 0..seconds * 20 {
            self.written += self.writers / (self.commit + self.pause.as_secs_f64()) * step;
            let could = self.applied + self.rate * step;
            self.busy = if could < self.written { self.busy + step } else { 0.0 };
            self.applied = could.min(self.written);
            worst = worst.max(self.left());
            self.report.2 += step;
            if number % 20 == 0 {
                self.report = (self.applied, (self.busy > 0.5).then_some(self.rate), 0.0);
            }
            if number % 10 == 0 {
                let (applied, rate, age) = self.report;
                let member = Member {
                    lag: Duration::ZERO,
                    applied: applied as u64,
                    rate,
                    age: Duration::from_secs_f64(age),
                };
                self.pause = brake.look([member], self.written as u64, LOOK);
            }
        }
        (worst, self.left())
    }

    fn left(&self) -> f64 {
        (self.written - self.applied) / self.rate
    }
}

#[test]
fn what_is_left_stays_below_its_bound_under_twice_the_load() {
    for (writers, commit) in [(1.0, 0.0005), (16.0, 0.008), (16.0, 0.0005), (200.0, 0.02)] {
        let mut brake = Brake::new(2 * SECOND);
        let (worst, last) = Model::new(writers, commit, writers / commit / 2.0).run(&mut brake, 120);
        assert!(worst < 3.0, "{writers} writers: it reached {worst} s");
        assert!((0.3..1.7).contains(&last), "{writers} writers: it settled at {last} s");
    }
}

#[test]
fn what_is_left_comes_back_below_its_bound_under_a_hundred_times_the_load() {
    for (writers, commit) in [(1.0, 0.0005), (16.0, 0.005)] {
        let mut model = Model::new(writers, commit, writers / commit / 100.0);
        let mut brake = Brake::new(2 * SECOND);
        model.run(&mut brake, 600);
        let (worst, last) = model.run(&mut brake, 60);
        assert!(
            worst < 2.0 && (0.3..1.7).contains(&last),
            "{writers} writers: {worst} s, {last} s in the end"
        );
    }
}

#[test]
fn a_burst_is_forgotten() {
    let mut brake = Brake::new(2 * SECOND);
    let mut model = Model::new(16.0, 0.008, 1_000.0);
    model.run(&mut brake, 60);
    model.writers = 0.1;
    model.run(&mut brake, 30);
    assert_eq!(model.pause, Duration::ZERO);
}
