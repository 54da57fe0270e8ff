//! From a container as the API describes it to one as the sandbox takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, SecurityContext};
use stanchion_node_core::environment::Environment;
use stanchion_node_core::images::Found;
use stanchion_node_core::names::{ClusterDns, HostNames, PodRef, hosts_file, resolver_of};
use stanchion_node_core::qos::{Limits, oom_score};
use stanchion_node_core::volumes::{self, RecursiveReadOnly};
use stanchion_sandbox::{
    ContainerConfig, ContainerId, EtcFiles, LogConfig, Mount, PodGroup, Propagation, Resources, Security,
    User,
};

use super::farewell::Farewell;
use super::program::USUAL;
use super::recover::{LABEL_ATTEMPT, LABEL_CONTAINER, LABEL_IMAGE, LABEL_IMAGE_ID};
use super::start::Order;
use crate::volumes::chain;

/// Where a container leaves its last words if it names no other place.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Builds the configuration of a run, or says what is wrong with the container.
pub(super) fn build(
    order: &Order,
    image: &Found,
    environment: &Environment,
) -> Result<ContainerConfig, String> {
    let Order { node, pod, container, pod_ips, volumes, attempt } = order;
    let fallback = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&fallback);
    let reference = PodRef::of(pod);
    let id =
        ContainerId::new(reference.container_id(&container.name, *attempt)).map_err(|e| e.to_string())?;
    let log = node.logs().join(reference.log_file(&container.name, *attempt));
    let command = environment.fill(container.command.as_ref());
    let command = image.command_line(&command, &environment.fill(container.args.as_ref()));
    let names =
        HostNames::of(pod, &node.options.cluster_domain, &node.options.name).map_err(|e| e.to_string())?;
    let mut config = ContainerConfig::new(id, &reference.uid, command, LogConfig::new(log));
    config.pod = PodGroup { uid: reference.uid.clone(), resources: resources(&Limits::of_pod(spec)) };
    config.resources = resources(&Limits::of_container(container));
    config.labels = labels(order, &reference, image);
    config.env = variables(environment, image, &names.hostname);
    config.working_dir = container.working_dir.clone().filter(|dir| !dir.is_empty()).map(PathBuf::from);
    config.etc = etc(order, spec, &names, pod_ips)?;
    config.hostname = Some(names.kernel);
    (config.user, config.security) = (user(spec, container)?, security(container));
    config.host_pid = spec.host_pid == Some(true);
    config.host_ipc = spec.host_ipc == Some(true);
    config.mounts = mounts(container, volumes, environment)?;
    if image.directory.is_some() {
        // A program from a directory of its own may lie where containers have files of theirs, such as /tmp.
        config.mounts.push(Mount {
            source: PathBuf::from(&image.path),
            sub_path: None,
            target: PathBuf::from(&image.path),
            read_only: true,
            propagation: Propagation::None,
            optional: true,
        });
    }
    config.oom_score_adj = Some(oom_score(spec, container, node.memory));
    let last_words = container.termination_message_path.as_deref().unwrap_or(TERMINATION_LOG);
    config.termination_message = Some(PathBuf::from(last_words));
    Ok(config)
}

/// Says what a container asks for that has no effect here.
pub(super) fn unsupported(pod: &Pod, container: &Container) -> Vec<String> {
    let spec = pod.spec.as_ref();
    let context = container.security_context.as_ref();
    let pod_context = spec.and_then(|spec| spec.security_context.as_ref());
    let asked = [
        (container.stdin == Some(true), "stdin: input of containers is empty"),
        (container.tty == Some(true), "tty: containers have no terminal; kubectl exec -it gives one"),
        (
            spec.is_some_and(|spec| spec.share_process_namespace == Some(true)),
            "shareProcessNamespace: each container sees its own processes only",
        ),
        (spec.is_some_and(|spec| spec.host_users == Some(false)), "hostUsers: there are no user namespaces"),
        (
            context.is_some_and(|c| c.seccomp_profile.is_some())
                || pod_context.is_some_and(|c| c.seccomp_profile.is_some()),
            "seccompProfile: there are no seccomp profiles",
        ),
        (
            context.is_some_and(|c| c.app_armor_profile.is_some() || c.se_linux_options.is_some()),
            "appArmorProfile and seLinuxOptions: there are neither",
        ),
        (
            spec.is_some_and(|spec| spec.runtime_class_name.is_some()),
            "runtimeClassName: there is one way to run containers",
        ),
        (pod_context.is_some_and(|c| c.sysctls.is_some()), "sysctls: they are those of the machine"),
    ];
    asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, text)| text.to_owned()).collect()
}

fn labels(order: &Order, reference: &PodRef, image: &Found) -> BTreeMap<String, String> {
    let of = [
        ("namespace", reference.namespace.clone()),
        ("pod", reference.name.clone()),
        (LABEL_CONTAINER, order.container.name.clone()),
        (LABEL_ATTEMPT, order.attempt.to_string()),
        (LABEL_IMAGE, order.container.image.clone().unwrap_or_default()),
        (LABEL_IMAGE_ID, image.image_id()),
    ];
    let farewell = Farewell::of(&order.pod, &order.container).labels();
    of.into_iter().chain(farewell).map(|(key, value)| (key.to_owned(), value)).collect()
}

fn variables(environment: &Environment, image: &Found, hostname: &str) -> Vec<(String, String)> {
    let mut variables = environment.variables.clone();
    variables.entry("HOSTNAME".to_owned()).or_insert_with(|| hostname.to_owned());
    if let Some(directory) = &image.directory {
        variables.entry("PATH".to_owned()).or_insert_with(|| format!("{directory}:{USUAL}"));
    }
    variables.into_iter().collect()
}

fn resources(limits: &Limits) -> Resources {
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    Resources {
        memory_limit: limits.memory.and_then(positive),
        cpu_shares: positive(limits.cpu_shares),
        cpu_weight: positive(limits.cpu_weight),
        cpu_quota_us: limits.cpu_quota.and_then(|quota| positive(quota.quota_micros)),
        cpu_period_us: limits.cpu_quota.and_then(|quota| positive(quota.period_micros)),
        pids_limit: None,
    }
}

fn etc(order: &Order, spec: &PodSpec, names: &HostNames, pod_ips: &[String]) -> Result<EtcFiles, String> {
    let node = &order.node;
    let own = if spec.host_network == Some(true) { std::fs::read_to_string("/etc/hosts").ok() } else { None };
    let aliases = spec.host_aliases.as_deref().unwrap_or_default();
    let servers = node.options.cluster_dns.iter().map(ToString::to_string).collect();
    let cluster = ClusterDns { servers, domain: node.options.cluster_domain.clone() };
    let namespace = order.pod.metadata.namespace.as_deref().unwrap_or_default();
    let resolver =
        resolver_of(spec, namespace, &cluster, &node.resolver).map_err(|error| error.to_string())?;
    Ok(EtcFiles {
        hosts: Some(hosts_file(names, pod_ips, own.as_deref(), aliases)),
        resolv_conf: Some(resolver.render()),
    })
}

/// Returns who the command runs as: the container's word counts before the Pod's, and root is who an image names.
fn user(spec: &PodSpec, container: &Container) -> Result<User, String> {
    let (own, whole) = (container.security_context.as_ref(), spec.security_context.as_ref());
    let number = |what: &str, id: Option<i64>| {
        id.map(|id| u32::try_from(id).map_err(|_| format!("{what} {id} is out of range"))).transpose()
    };
    let uid = own.and_then(|own| own.run_as_user).or_else(|| whole.and_then(|whole| whole.run_as_user));
    let gid = own.and_then(|own| own.run_as_group).or_else(|| whole.and_then(|whole| whole.run_as_group));
    let uid = number("runAsUser", uid)?;
    let non_root =
        own.and_then(|own| own.run_as_non_root).or_else(|| whole.and_then(|whole| whole.run_as_non_root));
    if non_root == Some(true) && uid.unwrap_or(0) == 0 {
        let why = if uid.is_some() {
            "container's runAsUser breaks non-root policy"
        } else {
            "container has runAsNonRoot and image will run as root"
        };
        return Err(format!("{why} (container: {})", container.name));
    }
    let mut groups = BTreeSet::new();
    let asked = whole.and_then(|whole| whole.supplemental_groups.as_ref()).into_iter().flatten().copied();
    for group in asked.chain(whole.and_then(|whole| whole.fs_group)) {
        groups.extend(number("group", Some(group))?);
    }
    Ok(User {
        uid: uid.unwrap_or(0),
        gid: number("runAsGroup", gid)?.unwrap_or(0),
        groups: groups.into_iter().collect(),
    })
}

fn security(container: &Container) -> Security {
    let fallback = SecurityContext::default();
    let context = container.security_context.as_ref().unwrap_or(&fallback);
    let capabilities = context.capabilities.clone().unwrap_or_default();
    Security {
        privileged: context.privileged == Some(true),
        read_only_root: context.read_only_root_filesystem == Some(true),
        no_new_privileges: context.allow_privilege_escalation == Some(false),
        add_capabilities: capabilities.add.into_iter().flatten().collect(),
        drop_capabilities: capabilities.drop.into_iter().flatten().collect(),
    }
}

fn mounts(
    container: &Container,
    volumes: &crate::volumes::Volumes,
    environment: &Environment,
) -> Result<Vec<Mount>, String> {
    let planned = volumes::mounts(container, &volumes.plan, &environment.variables).map_err(|e| chain(&e))?;
    let mut mounts = Vec::with_capacity(planned.len());
    for mount in planned {
        if mount.recursive_read_only == RecursiveReadOnly::Enabled {
            return Err(format!("recursiveReadOnly of volumeMount {:?} is not supported", mount.volume));
        }
        let missing = || format!("volume {:?} is not there", mount.volume);
        mounts.push(Mount {
            source: volumes.paths.get(&mount.volume).cloned().ok_or_else(missing)?,
            sub_path: mount.sub_path.map(|path| Path::new(path.as_str()).to_owned()),
            target: PathBuf::from(mount.target),
            read_only: mount.read_only,
            propagation: match mount.propagation {
                volumes::Propagation::None => Propagation::None,
                volumes::Propagation::HostToContainer => Propagation::HostToContainer,
                volumes::Propagation::Bidirectional => Propagation::Bidirectional,
            },
            optional: false,
        });
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_containers_user_comes_before_the_pods() {
        let spec: PodSpec = serde_json::from_value(json!({
            "containers": [],
            "securityContext": {"runAsUser": 5, "runAsGroup": 6, "fsGroup": 8, "supplementalGroups": [7, 8]},
        }))
        .expect("a spec");
        let container = |context: serde_json::Value| -> Container {
            serde_json::from_value(json!({"name": "c", "securityContext": context})).expect("a container")
        };
        let expected = User { uid: 9, gid: 6, groups: vec![7, 8] };
        assert_eq!(user(&spec, &container(json!({"runAsUser": 9}))), Ok(expected));
        let root = user(&spec, &container(json!({"runAsUser": 0, "runAsNonRoot": true})));
        assert_eq!(root, Err("container's runAsUser breaks non-root policy (container: c)".to_owned()));
        let unnamed = user(&PodSpec::default(), &container(json!({"runAsNonRoot": true})));
        assert!(unnamed.is_err_and(|text| text.contains("image will run as root")));
        assert!(user(&spec, &container(json!({"runAsUser": -1}))).is_err());
    }
}
