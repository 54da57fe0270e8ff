//! Where this machine has which controller.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, SystemError};
use crate::mountinfo;

/// What a hierarchy can account for or do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    Memory,
    Cpu,
    /// Accounts processor time on version 1; part of `cpu` on version 2.
    Cpuacct,
    Pids,
    /// Stops and thaws all processes on version 1; part of every group on version 2.
    Freezer,
}

impl Controller {
    pub(crate) const ALL: [Self; 5] = [Self::Memory, Self::Cpu, Self::Cpuacct, Self::Pids, Self::Freezer];

    /// Returns the kernel's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Pids => "pids",
            Self::Freezer => "freezer",
        }
    }
}

/// The mounted hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    unified: Option<PathBuf>,
    /// Controllers that the unified hierarchy has at its root.
    unified_has: Vec<Controller>,
    /// Whether groups of the unified hierarchy have `cgroup.kill` (Linux 5.14).
    unified_kills: bool,
    legacy: BTreeMap<Controller, PathBuf>,
}

impl Hierarchies {
    /// Reads what is mounted.
    pub(crate) fn discover() -> Result<Self, SystemError> {
        let text =
            fs::read_to_string("/proc/self/mountinfo").doing(|| "read /proc/self/mountinfo".to_owned())?;
        let mut found = Self::parse(&text);
        if let Some(root) = &found.unified {
            let names = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
            found.unified_has = Controller::ALL
                .into_iter()
                .filter(|controller| names.split_whitespace().any(|name| name == controller.name()))
                .collect();
            if found.unified_has.contains(&Controller::Cpu) {
                found.unified_has.push(Controller::Cpuacct);
            }
            found.unified_kills = kernel_has_cgroup_kill();
        }
        Ok(found)
    }

    fn parse(mountinfo: &str) -> Self {
        let mut found = Self::default();
        for mount in mountinfo::parse(mountinfo) {
            match mount.fs_type.as_str() {
                "cgroup2" => found.unified = found.unified.or(Some(mount.point)),
                "cgroup" => {
                    let options: Vec<&str> = mount.super_options.split(',').collect();
                    for controller in Controller::ALL {
                        if options.contains(&controller.name()) {
                            found.legacy.entry(controller).or_insert_with(|| mount.point.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// Returns a copy that kills through the freezer, as on a machine without `cgroup.kill`.
    #[cfg(test)]
    pub(crate) fn without_unified(mut self) -> Self {
        self.unified = None;
        self.unified_has.clear();
        self
    }

    /// Returns a machine that has everything in the unified hierarchy at `root`.
    #[cfg(test)]
    pub(crate) fn unified_at(root: &Path) -> Self {
        let unified_has = Controller::ALL.to_vec();
        Self { unified: Some(root.to_owned()), unified_has, unified_kills: true, legacy: BTreeMap::new() }
    }

    /// Returns the root of the unified hierarchy.
    pub(crate) fn unified(&self) -> Option<&Path> {
        self.unified.as_deref()
    }

    /// Returns the root of the hierarchy that has `controller`, and whether it is the unified one.
    pub(crate) fn of(&self, controller: Controller) -> Option<(&Path, bool)> {
        if let Some(root) = self.unified.as_deref().filter(|_| self.unified_has.contains(&controller)) {
            return Some((root, true));
        }
        self.legacy.get(&controller).map(|root| (root.as_path(), false))
    }

    /// Returns every root in which a container has a group, each once.
    pub(crate) fn roots(&self) -> Vec<&Path> {
        let mut roots: Vec<&Path> = self.unified.iter().map(PathBuf::as_path).collect();
        for root in self.legacy.values() {
            if !roots.contains(&root.as_path()) {
                roots.push(root);
            }
        }
        roots
    }

    /// Returns the root of the hierarchy through which all processes of a group are killed.
    pub(crate) fn kill_root(&self) -> Option<&Path> {
        self.unified
            .as_deref()
            .filter(|_| self.unified_kills)
            .or_else(|| self.legacy.get(&Controller::Freezer).map(PathBuf::as_path))
    }

    /// Returns the controllers of version 1 that a container may look at, by their place.
    pub(crate) fn legacy(&self) -> impl Iterator<Item = (Controller, &Path)> {
        self.legacy.iter().map(|(controller, root)| (*controller, root.as_path()))
    }
}

/// Returns whether the kernel is 5.14 or later. The root group itself has no `cgroup.kill` to look for.
fn kernel_has_cgroup_kill() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    version >= (5, 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "\
30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:11 - cgroup cgroup rw,memory
34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
";

    #[test]
    fn each_controller_is_used_where_it_is() {
        let found = Hierarchies::parse(MIXED);
        assert_eq!(found.unified(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(found.of(Controller::Memory), Some((Path::new("/sys/fs/cgroup/memory"), false)));
        assert_eq!(found.of(Controller::Cpu), found.of(Controller::Cpuacct));
        assert_eq!(found.of(Controller::Pids), None);
        assert_eq!(found.roots().len(), 3, "co-mounted controllers are one hierarchy: {:?}", found.roots());
    }

    #[test]
    fn version_2_wins_over_version_1() {
        let found = Hierarchies { unified_has: vec![Controller::Memory], ..Hierarchies::parse(MIXED) };
        assert_eq!(found.of(Controller::Memory), Some((Path::new("/sys/fs/cgroup/unified"), true)));
    }

    #[test]
    fn a_machine_without_cgroups_has_none() {
        let found = Hierarchies::parse("24 1 254:0 / / rw - ext4 /dev/vda rw\n");
        assert_eq!(found, Hierarchies::default());
        assert!(found.roots().is_empty());
        assert_eq!(found.kill_root(), None);
    }
}
