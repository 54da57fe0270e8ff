//! What the node does when it runs out of memory, disk or processes, and when a Pod exceeds its own limits of disk.
//!
//! Each 10 s the figures of the machine are looked at; decisions are those of `stanchion-node-core`. At most one Pod
//! is ended per round, and the next round waits until it is gone.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use stanchion_node_core::eviction::{
    self, CLEANUP_WAIT, Candidate, Condition, Figure, INTERVAL, LocalUsage, Pressure, REASON, Signal, Usage,
    exceeded_limit, victim,
};
use stanchion_node_core::names::PodRef;
use stanchion_node_core::qos::is_critical;
use stanchion_node_core::resources::{Amount, Resources};
use stanchion_node_core::status::Failure;
use stanchion_node_core::termination::grace_of_pod;
use stanchion_sandbox::ContainerId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::events::Level;
use crate::node::Node;
use crate::pods::{Eviction, Shown, View};
use crate::server::running;
use crate::volumes::blocking;

/// The longest time that a Pod has at a soft threshold.
const MAX_GRACE: Duration = Duration::from_mins(1);

/// Looks at the machine until `stop`, and tells under which conditions it is.
pub(crate) async fn run(
    node: Arc<Node>,
    conditions: watch::Sender<BTreeSet<Condition>>,
    stop: CancellationToken,
) {
    let mut pressure = Pressure::new(node.options.eviction.clone());
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let state = node.options.state.clone();
        let figures = match blocking(move || figures(&state)).await {
            Ok(figures) => figures,
            Err(error) => {
                tracing::warn!(%error, "cannot look at what the machine has left");
                continue;
            }
        };
        let seen = pressure.observe(&figures, clock::now());
        conditions.send_if_modified(|known| {
            let differs = *known != seen.conditions;
            known.clone_from(&seen.conditions);
            differs
        });
        let views = alive(&node);
        for view in &views {
            check_limits(&node, view).await;
        }
        let Some((threshold, figure)) = seen.urgent else { continue };
        tracing::warn!(signal = threshold.signal.as_str(), available = figure.available, "the node runs out");
        let mut candidates = Vec::new();
        for view in &views {
            candidates.push(candidate(&node, &view.get()).await);
        }
        let Some(chosen) = victim(&candidates, threshold.signal) else { continue };
        let Some(view) = views.iter().find(|view| PodRef::of(&view.get().pod) == chosen.pod) else {
            continue;
        };
        let pod = view.get().pod;
        let message = eviction::message(&threshold, &figure, &[]);
        let grace = eviction::grace(&threshold, grace_of_pod(&pod), MAX_GRACE);
        evict(&node, view, &pod, message, grace);
        tokio::select! {
            () = stop.cancelled() => return,
            () = over(view) => {}
        }
    }
}

/// Returns the Pods of which something may run.
fn alive(node: &Node) -> Vec<Arc<View>> {
    let all: Vec<_> = node.views.lock().values().cloned().collect();
    all.into_iter().filter(|view| !view.get().is_over).collect()
}

fn evict(node: &Node, view: &View, pod: &Pod, message: String, grace: Duration) {
    node.events.pod(pod, Level::Warning, REASON, message.clone());
    let failure = Failure { reason: REASON.to_owned(), message, is_disruption: true };
    view.evict(Eviction { failure, grace });
}

/// Waits until nothing of a Pod runs, but not for ever.
async fn over(view: &View) {
    let gone = async {
        while !view.get().is_over {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    if tokio::time::timeout(CLEANUP_WAIT, gone).await.is_err() {
        tracing::warn!("a Pod that was evicted is still there");
    }
}

/// Ends a Pod that exceeds its own limits of disk.
async fn check_limits(node: &Arc<Node>, view: &View) {
    let shown = view.get();
    let pod = Arc::clone(&shown.pod);
    let Some(spec) = pod.spec.as_ref().filter(|spec| has_limits(spec)) else { return };
    let reference = PodRef::of(&pod);
    let places = Places::of(node, &shown);
    let usage = blocking(move || places.measure()).await;
    match usage {
        Ok(usage) => {
            if let Some(message) = exceeded_limit(spec, &usage) {
                evict(node, view, &pod, message, Duration::from_secs(1));
            }
        }
        Err(error) => {
            tracing::warn!(pod = %reference, %error, "limits of disk are not held: files cannot be counted");
        }
    }
}

fn has_limits(spec: &PodSpec) -> bool {
    let limited = |source: &k8s_openapi::api::core::v1::Volume| {
        source.empty_dir.as_ref().is_some_and(|source| source.size_limit.is_some())
    };
    let mut containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let has_container_limit = containers.any(|container| {
        Resources::of(container.resources.as_ref()).limit(Amount::EphemeralStorage).is_some()
    });
    let whole = Resources::of(spec.resources.as_ref()).limit(Amount::EphemeralStorage);
    has_container_limit || whole.is_some() || spec.volumes.iter().flatten().any(limited)
}

/// Where a Pod writes on the disk of the node.
struct Places {
    /// Its emptyDir volumes.
    volumes: Vec<(String, PathBuf)>,
    /// The logs and the writable layer of each container.
    containers: Vec<(String, Vec<PathBuf>)>,
}

impl Places {
    fn of(node: &Node, shown: &Shown) -> Self {
        let reference = PodRef::of(&shown.pod);
        let (root, logs) =
            (node.pod_dir(&reference.uid).join("volumes"), node.logs().join(reference.log_dir()));
        let volumes = shown.pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let volumes = volumes.filter(|volume| volume.empty_dir.is_some());
        let containers = shown.observed.iter().map(|(name, observed)| {
            let run = observed.instance.as_ref().and_then(|run| ContainerId::new(run.id.clone()).ok());
            let layer = run.map(|id| node.runtime.writable_layer(&id));
            (name.clone(), layer.into_iter().chain([logs.join(name)]).collect())
        });
        Self {
            volumes: volumes.map(|volume| (volume.name.clone(), root.join(&volume.name))).collect(),
            containers: containers.collect(),
        }
    }

    fn measure(&self) -> io::Result<LocalUsage> {
        let mut usage = LocalUsage::default();
        for (name, path) in &self.volumes {
            usage.volumes.insert(name.clone(), size(path)?);
        }
        for (name, paths) in &self.containers {
            let add = |sum: i64, path: &PathBuf| io::Result::Ok(sum.saturating_add(size(path)?));
            let total = paths.iter().try_fold(0, add);
            usage.containers.insert(name.clone(), total?);
        }
        Ok(usage)
    }
}

async fn candidate(node: &Node, shown: &Shown) -> Candidate {
    let fallback = PodSpec::default();
    let spec = shown.pod.spec.as_ref().unwrap_or(&fallback);
    let total = Resources::of_pod(spec);
    let mut usage = Usage::default();
    for (_, id) in running(shown) {
        let stats = node.runtime.stats(&id).await.unwrap_or_default();
        let add = |sum: i64, more: Option<u64>| {
            sum.saturating_add(i64::try_from(more.unwrap_or(0)).unwrap_or(i64::MAX))
        };
        usage.memory = add(usage.memory, stats.memory_working_set);
        usage.processes = add(usage.processes, stats.pids);
    }
    let places = Places::of(node, shown);
    let disk = blocking(move || places.measure()).await.unwrap_or_else(|error| {
        let pod = PodRef::of(&shown.pod);
        tracing::warn!(%pod, %error, "a Pod counts as one without files: they cannot be counted");
        LocalUsage::default()
    });
    usage.disk = disk.volumes.values().chain(disk.containers.values()).sum();
    Candidate {
        pod: PodRef::of(&shown.pod),
        priority: spec.priority.unwrap_or(0),
        is_critical: is_critical(spec),
        memory_request: total.request(Amount::Memory).unwrap_or(0),
        disk_request: total.request(Amount::EphemeralStorage).unwrap_or(0),
        usage: Some(usage),
    }
}

/// Returns how much the files below a path take on disk. Links are not followed; what vanishes meanwhile is nothing.
fn size(root: &Path) -> io::Result<i64> {
    let (mut total, mut todo) = (0_u64, vec![root.to_owned()]);
    while let Some(path) = todo.pop() {
        let known = match std::fs::symlink_metadata(&path) {
            Ok(known) => known,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        total = total.saturating_add(known.blocks().saturating_mul(512));
        if known.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                todo.push(entry?.path());
            }
        }
    }
    Ok(i64::try_from(total).unwrap_or(i64::MAX))
}

/// Reads what the machine has left.
fn figures(state: &Path) -> io::Result<Vec<Figure>> {
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kibibytes = |name: &str| crate::register::kibibytes(&memory, name).unwrap_or(0).saturating_mul(1024);
    let space = rustix::fs::statvfs(state)?;
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut figures = vec![
        Figure {
            signal: Signal::MemoryAvailable,
            available: kibibytes("MemAvailable"),
            capacity: kibibytes("MemTotal"),
        },
        Figure {
            signal: Signal::NodefsAvailable,
            available: number(space.f_bavail.saturating_mul(space.f_frsize)),
            capacity: number(space.f_blocks.saturating_mul(space.f_frsize)),
        },
    ];
    // File systems that make inodes as they need them count none.
    if space.f_files > 0 {
        figures.push(Figure {
            signal: Signal::NodefsInodesFree,
            available: number(space.f_favail),
            capacity: number(space.f_files),
        });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_what_it_has_left() {
        let dir = tempfile::tempdir().expect("a directory");
        let figures = figures(dir.path()).expect("readable");
        assert!(figures.iter().all(|figure| 0 < figure.available && figure.available <= figure.capacity));
        assert!(figures.iter().any(|figure| figure.signal == Signal::MemoryAvailable));
    }

    #[test]
    fn sizes_are_counted_without_following_links() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("a")).expect("made");
        std::fs::write(dir.path().join("a/b"), vec![1; 100_000]).expect("written");
        std::os::unix::fs::symlink("/", dir.path().join("a/root")).expect("made");
        let size = size(dir.path()).expect("counted");
        assert!((100_000..1_000_000).contains(&size), "{size}");
    }
}
