//! Killing all processes of a group, however fast they fork.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, SystemError, refusal};

/// How long processes may take to go; one in uninterruptible sleep may take forever.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

/// Kills everything in the group `dir` and below, and waits until it is gone.
pub(super) fn kill(dir: &Path, unified: bool) -> Result<(), SystemError> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let pids = match members(dir) {
            Ok(pids) => pids,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error).doing(|| format!("read the processes of {}", dir.display())),
        };
        if pids.is_empty() {
            return Ok(());
        }
        let doing = || format!("kill the processes of {}", dir.display());
        if Instant::now() > deadline {
            return Err(refusal(doing(), format!("{} are still there: {pids:?}", pids.len())));
        }
        let killed = if unified { fs::write(dir.join("cgroup.kill"), "1") } else { frozen(dir) };
        match killed {
            Err(error) if is_gone(&error) => return Ok(()),
            done => done.doing(doing)?,
        }
        pause();
    }
}

/// Returns whether a group was removed, before its file was opened or after.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

/// Stops all processes, so that none forks and no number is reused, kills them, and lets them go.
fn frozen(dir: &Path) -> io::Result<()> {
    let state = dir.join("freezer.state");
    fs::write(&state, "FROZEN")?;
    let killed = members(dir).and_then(|pids| {
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            match kill_process(pid, Signal::KILL) {
                // A process that has just ended is none to kill.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    });
    fs::write(&state, "THAWED")?;
    killed
}

/// Returns the processes of a group and of those below.
fn members(dir: &Path) -> io::Result<Vec<i32>> {
    let mut pids: Vec<i32> = Vec::new();
    let mut dirs: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let text = fs::read_to_string(dir.join("cgroup.procs"))?;
        pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    Ok(pids)
}

/// Waits for processes to go a little further.
#[expect(
    clippy::disallowed_methods,
    reason = "called by helpers of one thread, or on a thread that may block"
)]
pub(super) fn pause() {
    thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::cgroup::{Group, Hierarchies};
    use crate::config::Resources;

    /// A tree of two, in `group` from its first step on.
    fn tree(procs: &Path) -> Child {
        let script = format!("echo $$ > {}; sleep 1000 & wait", procs.display());
        Command::new("/bin/sh").args(["-c", &script]).spawn().expect("spawned")
    }

    #[test]
    fn both_versions_kill_what_is_in_a_group_and_below() {
        let found = Hierarchies::discover().expect("readable");
        for (name, hierarchies) in [("v1", found.clone().without_unified()), ("v2", found)] {
            let Some(root) = hierarchies.kill_root().map(Path::to_owned) else {
                println!("SKIPPED: this machine has no {name} hierarchy to kill by");
                continue;
            };
            let path = format!("stanchion-test-kill/{name}-{}", std::process::id());
            let group = Group::new(hierarchies, &path);
            if let Err(error) = group.make(&Resources::default()) {
                println!("SKIPPED: {}", crate::error::chain(&error));
                continue;
            }
            group.child("inner").make_for_kill().expect("made");
            let dir = root.join(&path);
            let mut trees = [tree(&dir.join("cgroup.procs")), tree(&dir.join("inner/cgroup.procs"))];
            while members(&dir).expect("readable").len() < 4 {
                pause();
            }
            assert!(group.kill().expect("killed"));
            for tree in &mut trees {
                assert!(!tree.wait().expect("waited for").success());
            }
            group.end().expect("removed");
            group.end().expect("a second time is no error");
            group.remove_if_empty();
            assert!(!dir.exists());
        }
    }
}
