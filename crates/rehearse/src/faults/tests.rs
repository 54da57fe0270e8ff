use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

/// A deadline for what happens at once.
const SOON: Duration = Duration::from_secs(20);

/// A child that is killed and waited for.
struct Sleeper(Child);

impl Sleeper {
    fn start(program: &mut Command) -> Self {
        Self(program.stdin(Stdio::null()).spawn().expect("it starts"))
    }

    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("it is there");
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).expect("a state")
    }

    async fn reaches(&self, states: &[char]) {
        let began = Instant::now();
        while !states.contains(&self.state()) {
            assert!(began.elapsed() < SOON, "it is {}", self.state());
            time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn frozen_processes_go_on_when_they_are_thawed_or_forgotten() {
    let sleeper = Sleeper::start(Command::new("sleep").arg("600"));
    let victims = || Victims::open([sleeper.0.id()]).expect("it runs");
    let frozen = victims().freeze().expect("it can be frozen");
    sleeper.reaches(&['T']).await;
    frozen.thaw().expect("it can be thawed");
    sleeper.reaches(&['S', 'R']).await;
    let frozen = victims().freeze().expect("it can be frozen");
    sleeper.reaches(&['T']).await;
    drop(frozen);
    sleeper.reaches(&['S', 'R']).await;
}

#[tokio::test]
async fn a_family_is_killed_together() {
    // The shell has something to do behind its child, so that it does not become it.
    let shell = Sleeper::start(Command::new("sh").args(["-c", "sleep 600; true"]));
    let began = Instant::now();
    let family = loop {
        let family = Victims::with_descendants(&[shell.0.id()]).expect("they run");
        if family.iter().any(|victim| victim.name() == "sleep") {
            break family;
        }
        assert!(began.elapsed() < SOON, "{family}");
        time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(family.iter().count(), 2, "{family}");
    family.kill().expect("they can be killed");
    family.ended(SOON).await.expect("they end");
    family.kill().expect("who has ended is not complained about");
}

#[tokio::test]
async fn who_lives_on_is_named() {
    let sleeper = Sleeper::start(Command::new("sleep").arg("600"));
    let victims = Victims::open([sleeper.0.id()]).expect("it runs");
    let name = victims.to_string();
    let error = victims.ended(Duration::from_millis(1)).await.expect_err("it lives");
    assert_eq!(error.to_string(), format!("{name} has not ended within 1ms"));
}

#[test]
fn who_is_not_there_is_left_out() {
    let mut ended = Command::new("true").spawn().expect("it starts");
    ended.wait().expect("it ends");
    assert!(Victims::open([ended.id()]).expect("nobody to hold").is_empty());
    assert!(matches!(Victim::open(0), Err(FaultError::Open { pid: 0, .. })));
}
