//! Which processes belong together, from `/proc` and from control groups.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::FaultError;

const PROC: &str = "/proc";
/// The file of a control group with the processes that are in it.
const PROCESSES: &str = "cgroup.procs";

/// Returns processes and all their descendants. A descendant whose parent has ended is not found.
pub(super) fn with_descendants(pids: &[u32]) -> Result<BTreeSet<u32>, FaultError> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in parents().map_err(|source| FaultError::List { path: PROC.into(), source })? {
        children.entry(parent).or_default().push(pid);
    }
    let (mut found, mut open) = (BTreeSet::new(), pids.to_vec());
    while let Some(pid) = open.pop() {
        if found.insert(pid) {
            open.extend(children.get(&pid).into_iter().flatten());
        }
    }
    Ok(found)
}

/// Returns each process with its parent.
fn parents() -> io::Result<Vec<(u32, u32)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(PROC)? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended since.
        let Ok(stat) = fs::read_to_string(format!("{PROC}/{pid}/stat")) else { continue };
        if let Some(parent) = parent_of(&stat) {
            all.push((pid, parent));
        }
    }
    Ok(all)
}

/// The name may hold spaces and parentheses; the state and the parent follow its last parenthesis.
fn parent_of(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the processes of a control group and of the groups in it.
pub(super) fn of_cgroup(directory: &Path) -> Result<BTreeSet<u32>, FaultError> {
    let mut found = BTreeSet::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(group) = open.pop() {
        let failed = |path: PathBuf| |source| FaultError::List { path, source };
        let file = group.join(PROCESSES);
        let text = fs::read_to_string(&file).map_err(failed(file))?;
        found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        for entry in fs::read_dir(&group).map_err(failed(group.clone()))? {
            let entry = entry.map_err(failed(group.clone()))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("42 (a) b (c) S 17 42 42 0 -1"), Some(17));
        assert_eq!(parent_of("42 nothing"), None);
    }

    #[test]
    fn the_groups_within_a_group_count() {
        let group = tempfile::tempdir().expect("a directory");
        let inner = group.path().join("inner");
        fs::create_dir(&inner).expect("created");
        fs::write(group.path().join(PROCESSES), "7\n3\n").expect("written");
        fs::write(inner.join(PROCESSES), "11\n").expect("written");
        assert_eq!(of_cgroup(group.path()).expect("listed"), BTreeSet::from([3, 7, 11]));
        let gone = of_cgroup(&group.path().join("gone")).expect_err("it is not there");
        assert!(gone.to_string().contains("gone/cgroup.procs"), "{gone}");
    }
}
