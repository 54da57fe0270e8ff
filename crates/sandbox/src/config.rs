//! What a container is started with: values that are ready to be used.
//!
//! Nothing here knows Kubernetes' API. Whoever fills it in has already expanded variables, chosen the user,
//! resolved volumes to directories of this machine and computed cgroup values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The longest name a container may have: it is a file name, with room for a suffix.
const MAX_ID: usize = 200;

/// The name of one run of a container; never used twice. It names a directory and a cgroup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

/// The name is empty, too long, or has characters other than letters, digits, `-`, `_` and inner `.`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name a container: 1 to 200 letters, digits, '-', '_' or '.', the first a letter or digit"
)]
pub struct InvalidId(String);

impl ContainerId {
    /// Checks `name`: 1 to 200 letters, digits, `-`, `_` or `.`, of which the first is a letter or digit.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidId> {
        let name = name.into();
        let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let all = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if first && all && name.len() <= MAX_ID { Ok(Self(name)) } else { Err(InvalidId(name)) }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ContainerId {
    type Error = InvalidId;

    fn try_from(name: String) -> Result<Self, InvalidId> {
        Self::new(name)
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

/// One run of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerConfig {
    /// Names this run.
    pub id: ContainerId,
    /// The Pod's cgroup, made by its first container.
    pub pod: PodGroup,
    /// Not read here; [`Found`](crate::Found) returns them.
    pub labels: BTreeMap<String, String>,
    /// The program and its arguments. A name without a slash is looked up in `PATH` inside the new root.
    pub command: Vec<String>,
    /// The whole environment; nothing is inherited. `PATH` and `HOME` get a value if they are not here.
    pub env: Vec<(String, String)>,
    /// Where the command starts, `/` if not given; created if missing.
    pub working_dir: Option<PathBuf>,
    /// The host name; the machine's if not given.
    pub hostname: Option<String>,
    /// Files of `/etc` that are the Pod's own.
    pub etc: EtcFiles,
    /// Who the command runs as.
    pub user: User,
    /// What the command may do.
    pub security: Security,
    /// Sees the machine's processes instead of a pid namespace of its own.
    pub host_pid: bool,
    /// Shares the machine's System V and POSIX message objects.
    pub host_ipc: bool,
    /// What is mounted in the container, in any order; outer mount points are mounted first.
    pub mounts: Vec<Mount>,
    /// The limits of this container.
    pub resources: Resources,
    /// How soon the kernel kills it when the machine is out of memory, −1000 to 1000.
    pub oom_score_adj: Option<i32>,
    /// Limits of the process. A value above this process's own needs `CAP_SYS_RESOURCE`.
    pub rlimits: Vec<Rlimit>,
    /// Where its output goes.
    pub log: LogConfig,
    /// A file inside the container whose first 4096 bytes end up in [`Exit::message`](crate::Exit::message).
    pub termination_message: Option<PathBuf>,
}

/// The cgroup that a Pod's containers have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PodGroup {
    /// Names the group: letters, digits and `-`.
    pub uid: String,
    /// The limits of all containers together.
    pub resources: Resources,
}

/// Values for a cgroup. Nothing given: not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Bytes.
    pub memory_limit: Option<u64>,
    /// Relative weight on cgroup v1, 2 to 262144.
    pub cpu_shares: Option<u64>,
    /// Relative weight on cgroup v2, 1 to 10000.
    pub cpu_weight: Option<u64>,
    /// Microseconds of processor time per period.
    pub cpu_quota_us: Option<u64>,
    /// Microseconds; 100000 if not given.
    pub cpu_period_us: Option<u64>,
    /// Processes and threads.
    pub pids_limit: Option<u64>,
}

/// Files of `/etc` that are written over the machine's. Not given: the machine's own are seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcFiles {
    /// The content of `/etc/hosts`.
    pub hosts: Option<String>,
    /// The content of `/etc/resolv.conf`.
    pub resolv_conf: Option<String>,
}

/// Who a command runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// What a command may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// All capabilities, all devices, nothing masked.
    pub privileged: bool,
    /// The root file system cannot be written; volumes can.
    pub read_only_root: bool,
    /// No program can gain privileges (set-user-id bits do nothing).
    pub no_new_privileges: bool,
    /// Capabilities on top of the default set: `NET_ADMIN` or `CAP_NET_ADMIN`; `ALL`.
    pub add_capabilities: BTreeSet<String>,
    /// Capabilities taken away; `ALL` takes what is not added by name.
    pub drop_capabilities: BTreeSet<String>,
}

/// A directory or file of this machine inside the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The directory or file; must exist.
    pub source: PathBuf,
    /// A path below `source`, followed without ever leaving it; missing directories are made.
    pub sub_path: Option<PathBuf>,
    /// The absolute path inside the container; created if missing.
    pub target: PathBuf,
    /// Cannot be written through this mount.
    pub read_only: bool,
    /// What happens to later mounts below the source.
    pub propagation: Propagation,
    /// Whether the container may start without it where mounting is not possible. Else the start is refused.
    pub optional: bool,
}

/// Whether mounts made later show on the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// Not at all.
    #[default]
    None,
    /// The machine's show in the container.
    HostToContainer,
    /// Both ways; for privileged containers only.
    Bidirectional,
}

/// A limit of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// What is limited.
    pub resource: RlimitResource,
    /// What applies; nothing: unlimited.
    pub soft: Option<u64>,
    /// How far the process may raise it; nothing: unlimited.
    pub hard: Option<u64>,
}

/// What a process can be limited in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RlimitResource {
    /// Bytes of a core dump.
    Core,
    /// Bytes of locked memory.
    Memlock,
    /// Open files.
    Nofile,
    /// Processes of the user.
    Nproc,
    /// Bytes of stack.
    Stack,
}

/// Where output goes and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogConfig {
    /// The file; older ones are beside it as `<path>.1` (the newest) and so on. Directories are made.
    pub path: PathBuf,
    /// A file is closed once it has this many bytes.
    pub max_bytes: u64,
    /// Files kept, the open one included; at least 1.
    pub max_files: u32,
}

impl LogConfig {
    /// Returns kubelet's bounds for a log at `path`: 5 files of 10 MiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: 10 * 1024 * 1024, max_files: 5 }
    }
}

impl ContainerConfig {
    /// Returns a container that runs `command` as root of its namespaces, with nothing mounted and no limits.
    pub fn new(id: ContainerId, pod_uid: &str, command: Vec<String>, log: LogConfig) -> Self {
        Self {
            id,
            pod: PodGroup { uid: pod_uid.to_owned(), resources: Resources::default() },
            labels: BTreeMap::new(),
            command,
            env: Vec::new(),
            working_dir: None,
            hostname: None,
            etc: EtcFiles::default(),
            user: User::default(),
            security: Security::default(),
            host_pid: false,
            host_ipc: false,
            mounts: Vec::new(),
            resources: Resources::default(),
            oom_score_adj: None,
            rlimits: Vec::new(),
            log,
            termination_message: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ContainerId;

    #[test]
    fn an_id_is_a_file_name() {
        for good in ["a", "0", "web-0_main.1", "A", &"x".repeat(200)] {
            assert!(ContainerId::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-a", "a/b", "a b", "ä", "a\0", &"x".repeat(201)] {
            assert!(ContainerId::new(bad).is_err(), "{bad}");
        }
    }
}
