//! Control groups for servers, as Pods have them: as deep, and with the weight that a Pod of ours gets for the processors it
//! asks for by default. The kernel then shares processors among servers and not among threads, of which a primary has more
//! than its replicas; and what a small weight costs is not taken for what ours costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Where control groups are, in their second version and in their first.
const ROOT: &str = "/sys/fs/cgroup";
/// What the kernel gets for 100m of a processor, in the first version (1024 for each) and in the second (1 to 10000).
const SHARES: (&str, &str) = ("cpu.shares", "102");
const WEIGHT: (&str, &str) = ("cpu.weight", "4");
/// A group can be removed a moment after its last process has ended.
const REMOVAL: Duration = Duration::from_secs(2);

/// A control group, and its groups. Dropping it removes it, once nobody is in it.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    /// Makes one for all servers of a peer; none where this machine has no groups that share processors, or does not let us.
    pub(super) fn for_all(peer: &str) -> Option<Self> {
        let root = Path::new(ROOT);
        let second = fs::read_to_string(root.join("cgroup.subtree_control"));
        let root = match second {
            Ok(controllers) if controllers.split_whitespace().any(|name| name == "cpu") => root.to_owned(),
            Ok(_) => return None,
            Err(_) => root.join("cpu"),
        };
        let path = root.join(format!("bench-{peer}-{}", std::process::id()));
        let group = Self::create(path).ok()?;
        group.share().ok()?;
        Some(group)
    }

    fn create(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    /// Lets groups in this one have processors of their own. The first version has no such file, and passes on all it has.
    fn share(&self) -> Result<()> {
        let control = self.0.join("cgroup.subtree_control");
        if control.exists() {
            fs::write(&control, "+cpu").with_context(|| format!("cannot write to {}", control.display()))?;
        }
        Ok(())
    }

    fn weigh(&self) -> Result<()> {
        let (name, value) = if self.0.join(SHARES.0).exists() { SHARES } else { WEIGHT };
        let file = self.0.join(name);
        fs::write(&file, value).with_context(|| format!("cannot write to {}", file.display()))
    }

    /// Makes those of a Pod with one container in it, for a server's process: what is inside stands first.
    pub(super) fn of(&self, number: usize, process: u32) -> Result<[Self; 2]> {
        let pod = Self::create(self.0.join(number.to_string()))?;
        pod.share()?;
        let container = Self::create(pod.0.join("server"))?;
        for group in [&pod, &container] {
            group.weigh()?;
        }
        let members = container.0.join("cgroup.procs");
        fs::write(&members, process.to_string())
            .with_context(|| format!("cannot write to {}", members.display()))?;
        Ok([container, pod])
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
