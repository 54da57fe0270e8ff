//! Limits: which file takes which value, and whether this machine has it.

use std::fs;
use std::path::Path;

use super::{Controller, Group, Hierarchies};
use crate::abilities::{Abilities, Feature};
use crate::config::Resources;
use crate::error::{Doing, SystemError, chain};

/// The kernel's own default.
const CPU_PERIOD_US: u64 = 100_000;

/// Hands the controllers down to the group `path`, that is to every group around it.
///
/// What cannot be handed down is missing in the group, which [`apply`] and [`probe`] notice.
pub(super) fn delegate(root: &Path, path: &Path) {
    let mut dir = root.to_owned();
    for part in path.components() {
        for controller in ["+memory", "+cpu", "+pids"] {
            // Already there, not there at all, or refused: told apart by whether the files appear.
            drop(fs::write(dir.join("cgroup.subtree_control"), controller));
        }
        dir.push(part);
    }
}

/// Writes the limits of `group`. A limit whose controller is not there is passed over.
pub(super) fn apply(group: &Group, resources: &Resources) -> Result<(), SystemError> {
    for (controller, files) in [
        (Controller::Memory, memory as fn(&Resources, bool) -> Vec<(&'static str, String, bool)>),
        (Controller::Cpu, cpu),
        (Controller::Pids, pids),
    ] {
        let Some((dir, unified)) = group.dir(controller) else { continue };
        for (file, value, needed) in files(resources, unified) {
            let path = dir.join(file);
            if !path.exists() && (unified || !needed) {
                continue;
            }
            let written = fs::write(&path, &value).doing(|| format!("write {value} to {}", path.display()));
            if needed {
                written?;
            }
        }
    }
    Ok(())
}

/// Returns file, value, and whether the limit stands or falls with it.
fn memory(resources: &Resources, unified: bool) -> Vec<(&'static str, String, bool)> {
    let Some(limit) = resources.memory_limit else { return Vec::new() };
    if unified {
        // No swap, and all processes of the container die together: half a database is none.
        return vec![
            ("memory.max", limit.to_string(), true),
            ("memory.swap.max", "0".to_owned(), false),
            ("memory.oom.group", "1".to_owned(), false),
        ];
    }
    vec![
        ("memory.limit_in_bytes", limit.to_string(), true),
        ("memory.memsw.limit_in_bytes", limit.to_string(), false),
    ]
}

fn cpu(resources: &Resources, unified: bool) -> Vec<(&'static str, String, bool)> {
    let period = resources.cpu_period_us.unwrap_or(CPU_PERIOD_US);
    let mut files = Vec::new();
    if unified {
        files.extend(resources.cpu_weight.map(|weight| ("cpu.weight", weight.to_string(), true)));
        files.extend(resources.cpu_quota_us.map(|quota| ("cpu.max", format!("{quota} {period}"), true)));
        return files;
    }
    files.extend(resources.cpu_shares.map(|shares| ("cpu.shares", shares.to_string(), true)));
    if let Some(quota) = resources.cpu_quota_us {
        files.push(("cpu.cfs_period_us", period.to_string(), true));
        files.push(("cpu.cfs_quota_us", quota.to_string(), true));
    }
    files
}

fn pids(resources: &Resources, _unified: bool) -> Vec<(&'static str, String, bool)> {
    resources.pids_limit.map(|limit| ("pids.max", limit.to_string(), true)).into_iter().collect()
}

/// Tries out below `parent` what groups can do here, and notes in `abilities` what they cannot.
pub(crate) fn probe(hierarchies: &Hierarchies, parent: &str, abilities: &mut Abilities) {
    let name = format!("{parent}/probe-{}", std::process::id());
    let group = Group::new(hierarchies.clone(), &name);
    if let Err(error) = group.make(&Resources::default()) {
        for feature in [Feature::MemoryLimit, Feature::CpuLimit, Feature::PidsLimit, Feature::GroupKill] {
            abilities.lacks(feature, chain(&error));
        }
    }
    for (feature, controller, file, old) in [
        (Feature::MemoryLimit, Controller::Memory, "memory.max", "memory.limit_in_bytes"),
        (Feature::CpuLimit, Controller::Cpu, "cpu.max", "cpu.cfs_quota_us"),
        (Feature::PidsLimit, Controller::Pids, "pids.max", "pids.max"),
    ] {
        let Some((dir, unified)) = group.dir(controller) else {
            abilities.lacks(feature, format!("no cgroup hierarchy has the {} controller", controller.name()));
            continue;
        };
        let path = dir.join(if unified { file } else { old });
        if !path.exists() {
            let reason = format!(
                "the {} controller is not handed down: {} is missing",
                controller.name(),
                path.display()
            );
            abilities.lacks(feature, reason);
        }
    }
    if hierarchies.kill_root().is_none() {
        abilities.lacks(
            Feature::GroupKill,
            "neither a cgroup v2 hierarchy with cgroup.kill nor a freezer is mounted",
        );
    }
    if let Err(error) = group.remove() {
        tracing::warn!(error = chain(&error), "a cgroup made for trying out is left");
    }
    // The groups around it too, unless there are containers: the first of them makes them again.
    group.remove_if_empty();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Resources {
        Resources {
            memory_limit: Some(64),
            cpu_shares: Some(512),
            cpu_weight: Some(20),
            cpu_quota_us: Some(50_000),
            cpu_period_us: None,
            pids_limit: Some(10),
        }
    }

    #[test]
    fn each_version_has_its_own_files() {
        let names = |files: Vec<(&'static str, String, bool)>| -> Vec<String> {
            files.into_iter().map(|(file, value, _)| format!("{file}={value}")).collect()
        };
        assert_eq!(names(cpu(&full(), true)), ["cpu.weight=20", "cpu.max=50000 100000"]);
        assert_eq!(
            names(cpu(&full(), false)),
            ["cpu.shares=512", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"]
        );
        assert_eq!(
            names(memory(&full(), true)),
            ["memory.max=64", "memory.swap.max=0", "memory.oom.group=1"]
        );
        assert_eq!(
            names(memory(&full(), false)),
            ["memory.limit_in_bytes=64", "memory.memsw.limit_in_bytes=64"]
        );
        assert_eq!(names(pids(&full(), true)), ["pids.max=10"]);
    }

    #[test]
    fn nothing_asked_for_writes_nothing() {
        for unified in [true, false] {
            assert!(memory(&Resources::default(), unified).is_empty());
            assert!(cpu(&Resources::default(), unified).is_empty());
            assert!(pids(&Resources::default(), unified).is_empty());
        }
    }

    #[test]
    fn limits_go_to_the_files_that_are_there() {
        let root = tempfile::tempdir().expect("a scratch directory");
        let dir = root.path().join("pod1");
        fs::create_dir(&dir).expect("made");
        for file in ["memory.max", "memory.oom.group", "cpu.max"] {
            fs::write(dir.join(file), "").expect("written");
        }
        let group = Group::new(Hierarchies::unified_at(root.path()), "pod1");
        apply(&group, &full()).expect("applied");
        let read = |file: &str| fs::read_to_string(dir.join(file)).ok();
        assert_eq!(read("memory.max").as_deref(), Some("64"));
        assert_eq!(read("memory.oom.group").as_deref(), Some("1"));
        assert_eq!(read("cpu.max").as_deref(), Some("50000 100000"));
        assert_eq!(read("pids.max"), None, "a controller that was not handed down");
    }
}
