//! What the first process of a container owes to the others: to bury the children that it has inherited.
//!
//! Nothing tells an inherited child from an own one, except that somebody waits for an own one and it is gone as soon as it has
//! ended. So a child that has been dead for a while, and that nobody has asked for, is an orphan.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, WaitOptions};

/// How long somebody has for asking for a child.
const GRACE: Duration = Duration::from_secs(10);

/// Buries orphans, for ever. Only the first process of a container has any.
pub(crate) async fn reap() {
    if std::process::id() != 1 {
        return;
    }
    let mut dead = BTreeSet::new();
    loop {
        tokio::time::sleep(GRACE).await;
        dead = bury(&dead, &dead_children());
    }
}

/// Buries those that were dead before already; returns those that are new.
fn bury(before: &BTreeSet<i32>, now: &BTreeSet<i32>) -> BTreeSet<i32> {
    for pid in now.intersection(before).filter_map(|pid| Pid::from_raw(*pid)) {
        match rustix::process::waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(_) => tracing::debug!(pid = pid.as_raw_nonzero(), "buried an orphan"),
            Err(error) => tracing::debug!(%error, "somebody else buried an orphan"),
        }
    }
    now.difference(before).copied().collect()
}

/// Returns the children that have ended and were not asked for.
fn dead_children() -> BTreeSet<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let me = std::process::id();
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state(&stat) == Some(('Z', me))
    })
    .collect()
}

/// Returns a process's state and its parent from its line of `/proc/PID/stat`; its name may hold anything.
fn state(stat: &str) -> Option<(char, u32)> {
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(state("12 (a) b (c) Z 34 1 1"), Some(('Z', 34)));
        assert_eq!(state(""), None);
    }

    #[test]
    fn who_is_dead_twice_is_buried() {
        #[expect(clippy::zombie_processes, reason = "that it becomes one is the point")]
        let child = Command::new("true").spawn().expect("it starts");
        let pid = i32::try_from(child.id()).expect("a pid");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !dead_children().contains(&pid) {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::yield_now();
        }
        let first = bury(&BTreeSet::new(), &BTreeSet::from([pid]));
        assert!(first.contains(&pid) && dead_children().contains(&pid));
        let second = bury(&first, &BTreeSet::from([pid]));
        assert!(second.is_empty() && !dead_children().contains(&pid));
    }
}
