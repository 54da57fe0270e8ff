//! Control groups for servers, as Pods have them: the kernel then shares processors among servers and not among threads,
//! of which a primary has more than its replicas.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Where control groups are, in their second version and in their first.
const ROOT: &str = "/sys/fs/cgroup";
/// A group can be removed a moment after its last process has ended.
const REMOVAL: Duration = Duration::from_secs(2);

/// A control group, and its groups. Dropping it removes it, once nobody is in it.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    /// Makes one for all servers; none where this machine has no groups that share processors, or does not let us.
    pub(super) fn for_all() -> Option<Self> {
        let root = Path::new(ROOT);
        let second = fs::read_to_string(root.join("cgroup.subtree_control"));
        let root = match second {
            Ok(controllers) if controllers.split_whitespace().any(|name| name == "cpu") => root.to_owned(),
            Ok(_) => return None,
            Err(_) => root.join("cpu"),
        };
        let path = root.join(format!("bench-plain-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let group = Self(path);
        let control = group.0.join("cgroup.subtree_control");
        // The first version has no such file, and passes on all it has.
        if control.exists() {
            fs::write(control, "+cpu").ok()?;
        }
        Some(group)
    }

    /// Makes one of them for a server's process.
    pub(super) fn of(&self, number: usize, process: u32) -> Result<Self> {
        let path = self.0.join(number.to_string());
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let group = Self(path);
        let members = group.0.join("cgroup.procs");
        fs::write(&members, process.to_string())
            .with_context(|| format!("cannot write to {}", members.display()))?;
        Ok(group)
    }
}

impl Drop for Group {
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing else runs any more, and a drop cannot wait otherwise"
    )]
    fn drop(&mut self) {
        let end = Instant::now() + REMOVAL;
        while fs::remove_dir(&self.0).is_err() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
