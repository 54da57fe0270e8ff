//! Limits of local disk space that a Pod has set itself. Who exceeds one is evicted at once.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use stanchion_machinery::quantity::Quantity;

use crate::resources::{Amount, Resources, quantity, shown};

/// What a Pod has written, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalUsage {
    /// Each emptyDir volume.
    pub volumes: BTreeMap<String, i64>,
    /// The writable layer and the logs of each container.
    pub containers: BTreeMap<String, i64>,
}

/// Words the limit that a Pod exceeds, if it does.
pub fn exceeded_limit(spec: &PodSpec, usage: &LocalUsage) -> Option<String> {
    volume(spec, usage).or_else(|| whole(spec, usage)).or_else(|| container(spec, usage))
}

fn volume(spec: &PodSpec, usage: &LocalUsage) -> Option<String> {
    spec.volumes.iter().flatten().find_map(|volume| {
        let text = &volume.empty_dir.as_ref()?.size_limit.as_ref()?.0;
        let limit = Quantity::parse(text).ok().filter(|limit| *limit > Quantity::ZERO)?;
        let used = *usage.volumes.get(&volume.name)?;
        let message = format!("Usage of EmptyDir volume {:?} exceeds the limit \"{limit}\". ", volume.name);
        (used > limit.value()).then_some(message)
    })
}

/// Volumes in memory count as memory, not as disk.
fn whole(spec: &PodSpec, usage: &LocalUsage) -> Option<String> {
    let limit = Resources::of_pod(spec).limit(Amount::EphemeralStorage)?;
    let on_disk = spec.volumes.iter().flatten().filter(|volume| {
        volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref() != Some("Memory"))
    });
    let volumes = on_disk.filter_map(|volume| usage.volumes.get(&volume.name));
    let used = volumes.chain(usage.containers.values()).fold(0_i64, |sum, used| sum.saturating_add(*used));
    let limit_shown = shown(limit, Amount::EphemeralStorage.name());
    let message =
        format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit_shown}. ");
    (used > limit).then_some(message)
}

fn container(spec: &PodSpec, usage: &LocalUsage) -> Option<String> {
    let all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.into_iter().find_map(|container| {
        let limits = container.resources.as_ref()?.limits.as_ref();
        let limit = quantity(limits, Amount::EphemeralStorage.name())?;
        let used = *usage.containers.get(&container.name)?;
        let name = &container.name;
        let message = format!("Container {name} exceeded its local ephemeral storage limit \"{limit}\". ");
        (used > limit.value()).then_some(message)
    })
}
