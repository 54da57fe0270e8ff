//! What a cluster has on the machine: processes, mounts, cgroups.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Returns the processes that have a directory in their command line, by id.
pub(crate) fn processes(dir: &Path) -> Vec<(u32, String)> {
    let dir = dir.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc can be read").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&dir) {
            found.push((pid, line));
        }
    }
    found
}

/// Returns the processes whose environment, as they were started with it, has a line.
pub(crate) fn with_environment(line: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").expect("/proc can be read").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()));
    let has = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|one| one == line.as_bytes())
    };
    pids.filter(has).collect()
}

/// Returns whether a process descends from one that has a directory in its command line.
pub(crate) fn is_below(pid: u32, dir: &Path) -> bool {
    let above: BTreeSet<u32> = processes(dir).into_iter().map(|(pid, _)| pid).collect();
    std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| above.contains(&pid))
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows it is the state and the parent.
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 1)
}

/// Returns the name of a process, as the kernel shortens it; empty if it has ended.
pub(crate) fn comm(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Returns the cgroups in which a cluster has its Pods, in every hierarchy: those around the groups of its shims.
pub(crate) fn cgroups(dir: &Path) -> BTreeSet<PathBuf> {
    let shims = processes(dir).into_iter().filter(|(_, line)| line.contains("sandbox-shim"));
    let texts =
        shims.map(|(pid, _)| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default());
    let mut paths = BTreeSet::new();
    for text in texts {
        let groups = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        paths.extend(groups.filter_map(|path| path.strip_suffix("/shims")).map(str::to_owned));
    }
    let roots: Vec<PathBuf> =
        std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|root| root.path()).collect();
    let each =
        paths.iter().flat_map(|path| roots.iter().map(move |root| root.join(path.trim_start_matches('/'))));
    let whole = paths.iter().map(|path| Path::new("/sys/fs/cgroup").join(path.trim_start_matches('/')));
    each.chain(whole).filter(|path| path.is_dir()).collect()
}

/// Panics if a directory, its mounts, its processes or these cgroups are still there.
#[track_caller]
pub(crate) fn assert_clean(dir: &Path, cgroups: &BTreeSet<PathBuf>) {
    assert_eq!(processes(dir), []);
    assert!(!dir.exists(), "{} is left", dir.display());
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts can be read");
    assert!(!mounts.contains(&dir.display().to_string()), "{mounts}");
    let left: Vec<&PathBuf> = cgroups.iter().filter(|path| path.exists()).collect();
    assert_eq!(left, Vec::<&PathBuf>::new(), "cgroups are left");
}
