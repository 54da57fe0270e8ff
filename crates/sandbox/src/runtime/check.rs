//! Whether a configuration is one, and whether this machine can do what it asks for.

use std::path::Path;

use crate::abilities::{Abilities, Feature, Missing};
use crate::config::{ContainerConfig, Propagation, Resources};
use crate::error::chain;
use crate::init::check_capability_names;

/// Returns what is wrong with `config`.
pub(super) fn invalid(config: &ContainerConfig) -> Option<String> {
    let absolute = |path: &Path| path.is_absolute();
    let name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if config.command.is_empty() {
        return Some("no command specified".to_owned());
    }
    if !name(&config.pod.uid) {
        return Some(format!("{:?} cannot name a Pod's cgroup", config.pod.uid));
    }
    if let Some((name, _)) = config
        .env
        .iter()
        .find(|(name, value)| name.is_empty() || name.contains(['=', '\0']) || value.contains('\0'))
    {
        return Some(format!("{name:?} cannot be a variable of the environment"));
    }
    if config.command.iter().any(|part| part.contains('\0')) {
        return Some("the command has a null byte in it".to_owned());
    }
    for path in config.working_dir.iter().chain(&config.termination_message) {
        if !absolute(path) {
            return Some(format!("{} is not an absolute path", path.display()));
        }
    }
    if let Some(score) = config.oom_score_adj.filter(|score| !(-1000..=1000).contains(score)) {
        return Some(format!("oom_score_adj {score} is not between -1000 and 1000"));
    }
    if config.log.max_files == 0 {
        return Some("a log needs at least one file".to_owned());
    }
    for mount in &config.mounts {
        if !absolute(&mount.source) || !absolute(&mount.target) || mount.target == Path::new("/") {
            let (from, to) = (mount.source.display(), mount.target.display());
            return Some(format!(
                "{from} cannot be mounted on {to}: both must be absolute, and not the root"
            ));
        }
        if mount.sub_path.as_deref().is_some_and(absolute) {
            return Some(format!(
                "the sub-path of the mount on {} must not be absolute",
                mount.target.display()
            ));
        }
        if mount.propagation == Propagation::Bidirectional && !config.security.privileged {
            return Some(
                "Bidirectional mount propagation is available only to privileged containers".to_owned(),
            );
        }
    }
    check_capability_names(&config.security).err().map(|error| chain(&error))
}

/// What a container does not have on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gaps {
    /// It runs without; the user is told.
    pub(super) bearable: Vec<Missing>,
    /// It must not run without.
    pub(super) unbearable: Vec<Missing>,
}

/// Returns what `config` asks for and `abilities` lack. `uid` is who this process is.
pub(super) fn gaps(config: &ContainerConfig, abilities: &Abilities, uid: u32) -> Gaps {
    let mut gaps = Gaps { bearable: Vec::new(), unbearable: Vec::new() };
    let pod = &config.pod.resources;
    let own = &config.resources;
    let asked = |pick: fn(&Resources) -> bool| pick(pod) || pick(own);
    for (feature, wanted, needed) in [
        (Feature::Root, true, config.mounts.iter().any(|mount| !mount.optional)),
        (Feature::PidNamespace, !config.host_pid, false),
        (Feature::Hostname, config.hostname.is_some(), false),
        (Feature::IpcNamespace, !config.host_ipc, false),
        (Feature::User, true, config.user.uid != uid || !config.security.add_capabilities.is_empty()),
        (Feature::MemoryLimit, asked(|limits| limits.memory_limit.is_some()), false),
        (
            Feature::CpuLimit,
            asked(|limits| limits.cpu_quota_us.is_some() || limits.cpu_shares.is_some()),
            false,
        ),
        (Feature::PidsLimit, asked(|limits| limits.pids_limit.is_some()), false),
        (Feature::OomScore, config.oom_score_adj.is_some_and(|score| score < 0), false),
    ] {
        if let Some(reason) = abilities.reason(feature).filter(|_| wanted) {
            let missing = Missing { feature, reason: reason.to_owned() };
            if needed { gaps.unbearable.push(missing) } else { gaps.bearable.push(missing) }
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ContainerId, LogConfig, Mount};

    fn config() -> ContainerConfig {
        let id = ContainerId::new("c").expect("a name");
        ContainerConfig::new(id, "u-1", vec!["true".to_owned()], LogConfig::new("/tmp/c.log"))
    }

    fn mount(source: &str, target: &str) -> Mount {
        Mount {
            source: source.into(),
            sub_path: None,
            target: target.into(),
            read_only: false,
            propagation: Propagation::None,
            optional: false,
        }
    }

    #[test]
    fn a_configuration_is_checked_before_anything_is_done() {
        assert_eq!(invalid(&config()), None);
        let wrong: [fn(&mut ContainerConfig); 9] = [
            |config| config.command.clear(),
            |config| config.pod.uid = "../x".to_owned(),
            |config| config.env.push(("A=B".to_owned(), String::new())),
            |config| config.working_dir = Some("tmp".into()),
            |config| config.oom_score_adj = Some(1001),
            |config| config.log.max_files = 0,
            |config| config.mounts.push(mount("/a", "/")),
            |config| {
                config.mounts.push(Mount { propagation: Propagation::Bidirectional, ..mount("/a", "/b") });
            },
            |config| {
                config.security.add_capabilities.insert("NO_SUCH".to_owned());
            },
        ];
        for (number, spoil) in wrong.into_iter().enumerate() {
            let mut config = config();
            spoil(&mut config);
            assert!(invalid(&config).is_some(), "case {number}");
        }
    }

    #[test]
    fn a_volume_and_a_user_are_not_done_without() {
        let mut abilities = Abilities::default();
        abilities.lacks(Feature::Root, "no privileges");
        abilities.lacks(Feature::User, "no privileges");
        let features =
            |missing: &[Missing]| -> Vec<Feature> { missing.iter().map(|one| one.feature).collect() };

        let found = gaps(&config(), &abilities, 0);
        assert_eq!(features(&found.bearable), [Feature::Root, Feature::User]);
        assert!(found.unbearable.is_empty());

        let mut config = config();
        config.mounts.push(Mount { optional: true, ..mount("/a", "/b") });
        assert!(gaps(&config, &abilities, 0).unbearable.is_empty());
        config.mounts.push(mount("/a", "/c"));
        config.user.uid = 7;
        assert_eq!(features(&gaps(&config, &abilities, 0).unbearable), [Feature::Root, Feature::User]);
        assert!(gaps(&config, &Abilities::default(), 0).bearable.is_empty());
    }
}
