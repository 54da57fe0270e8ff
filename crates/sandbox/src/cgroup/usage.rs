//! What a group uses, read from files that differ between the versions.

use std::fs;
use std::path::Path;

use super::{Controller, Group};

/// What a container uses now. A figure whose controller this machine lacks is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of memory, the page cache included.
    pub memory_usage: Option<u64>,
    /// Bytes of memory without the page cache that can be given up at once: what a limit acts on.
    pub memory_working_set: Option<u64>,
    /// Nanoseconds of processor time since the start.
    pub cpu_ns: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

pub(super) fn stats(group: &Group) -> Stats {
    let (mut usage, mut inactive) = (None, None);
    if let Some((dir, unified)) = group.dir(Controller::Memory) {
        usage = number(&dir.join(if unified { "memory.current" } else { "memory.usage_in_bytes" }));
        inactive =
            keyed(&dir.join("memory.stat"), if unified { "inactive_file" } else { "total_inactive_file" });
    }
    let cpu_ns = group.dir(Controller::Cpuacct).and_then(|(dir, unified)| {
        if unified {
            keyed(&dir.join("cpu.stat"), "usage_usec").map(|micros| micros.saturating_mul(1000))
        } else {
            number(&dir.join("cpuacct.usage"))
        }
    });
    let pids = group.dir(Controller::Pids).and_then(|(dir, _)| number(&dir.join("pids.current")));
    let memory_working_set = usage.map(|usage| usage.saturating_sub(inactive.unwrap_or_default()));
    Stats { memory_usage: usage, memory_working_set, cpu_ns, pids }
}

pub(super) fn oom_kills(group: &Group) -> u64 {
    group
        .dir(Controller::Memory)
        .and_then(|(dir, unified)| {
            keyed(&dir.join(if unified { "memory.events" } else { "memory.oom_control" }), "oom_kill")
        })
        .unwrap_or_default()
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Reads a file of lines `key value`.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_whole_word() {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let path = dir.path().join("memory.oom_control");
        fs::write(&path, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n").expect("written");
        assert_eq!(keyed(&path, "oom_kill"), Some(3));
        assert_eq!(keyed(&path, "oom"), None);
    }
}
