//! Starting one container: its image, its environment, its configuration, its processes.

use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, Service};
use stanchion_informers::Key;
use stanchion_node_core::container::{EndedBy, Exit, ExitReason, Image, Waiting, WaitingReason};
use stanchion_node_core::downward::Surroundings;
use stanchion_node_core::environment::{Environment, Ingredients, service_variables};
use stanchion_node_core::hook::{Hook, HookKind, StopSignal};
use stanchion_node_core::images::{Found, ImageName, Lookup, PullPolicy, refusal};
use stanchion_node_core::probe::{Kind, Probe};
use stanchion_sandbox::{ContainerId, StartError, Started};

use super::{config, program};
use crate::clock;
use crate::events::Level;
use crate::node::Node;
use crate::sources::References;
use crate::volumes::{Volumes, blocking, chain};

/// What is needed to start a container.
pub(super) struct Order {
    pub(super) node: Arc<Node>,
    pub(super) pod: Arc<Pod>,
    pub(super) pod_ips: Vec<String>,
    pub(super) container: Container,
    pub(super) volumes: Arc<Volumes>,
    /// The number of this run, from 0.
    pub(super) attempt: u32,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum StartOutcome {
    /// It did not get as far as a run.
    Refused(Waiting),
    /// It runs.
    Running { id: ContainerId, image: Image, started: Started },
    /// There was a run, and it ended at once.
    Failed { id: ContainerId, image: Image, exit: Exit },
}

/// Starts a container.
pub(super) async fn start(order: &Order) -> StartOutcome {
    match try_start(order).await {
        Ok(outcome) => outcome,
        Err(waiting) => StartOutcome::Refused(waiting),
    }
}

async fn try_start(order: &Order) -> Result<StartOutcome, Waiting> {
    let Order { node, pod, container, .. } = order;
    check(container)?;
    let name = container.image.clone().unwrap_or_default();
    let found = find_image(order, &name).await?;
    let environment = environment(order).await?;
    for skipped in &environment.skipped {
        let reason = "InvalidEnvironmentVariableNames";
        node.events.container(pod, &container.name, Level::Warning, reason, skipped.clone());
    }
    let config = config::build(order, &found, &environment).map_err(|problem| wrong(&problem))?;
    for said in config::unsupported(pod, container) {
        node.events.container(pod, &container.name, Level::Warning, "UnsupportedField", said);
    }
    let (id, image) = (config.id.clone(), Image { name, id: found.image_id() });
    match node.runtime.start(&config).await {
        Ok(started) => Ok(StartOutcome::Running { id, image, started }),
        Err(StartError::Ended { exit, .. }) => {
            let exit = super::ending::exit_of(&id, &exit, EndedBy::Itself, None);
            Ok(StartOutcome::Failed { id, image, exit })
        }
        Err(error @ (StartError::Unsupported { .. } | StartError::Invalid { .. })) => {
            Err(Waiting { reason: WaitingReason::CreateContainerError, message: chain(&error) })
        }
        Err(error @ StartError::Conflict { .. }) => {
            // Left by a start that was given up before its command ran; it is made anew next time.
            if let Err(error) = node.runtime.remove(&id).await {
                tracing::warn!(%id, error = &error as &dyn std::error::Error, "a container cannot be removed");
            }
            Err(Waiting { reason: WaitingReason::CreateContainerError, message: chain(&error) })
        }
        Err(error) => {
            let code = match &error {
                StartError::Command { code, .. } => *code,
                _ => stanchion_sandbox::CODE_START_FAILED,
            };
            let exit = Exit {
                id: id.to_string(),
                code,
                signal: None,
                reason: ExitReason::StartError,
                message: chain(&error),
                started: None,
                finished: clock::now(),
                by: EndedBy::Itself,
            };
            Ok(StartOutcome::Failed { id, image, exit })
        }
    }
}

/// Says what is wrong with the configuration of a container.
fn wrong(problem: &str) -> Waiting {
    Waiting { reason: WaitingReason::CreateContainerConfigError, message: problem.to_owned() }
}

/// Reads what is needed only later, so that a container that cannot be looked after is not started.
fn check(container: &Container) -> Result<(), Waiting> {
    for kind in [Kind::Startup, Kind::Readiness, Kind::Liveness] {
        Probe::of(container, kind).map_err(|error| wrong(&chain(&error)))?;
    }
    for kind in [HookKind::PostStart, HookKind::PreStop] {
        Hook::of(container, kind).map_err(|error| wrong(&chain(&error)))?;
    }
    StopSignal::of(container).map(drop).map_err(|error| wrong(&chain(&error)))
}

async fn find_image(order: &Order, name: &str) -> Result<Found, Waiting> {
    let Order { node, pod, container, .. } = order;
    let invalid = |message: String| Waiting { reason: WaitingReason::InvalidImageName, message };
    let image = ImageName::parse(name).map_err(|error| invalid(error.to_string()))?;
    let policy = PullPolicy::of(container, &image).map_err(|error| wrong(&error.to_string()))?;
    let shared = Arc::clone(node);
    let looked = blocking(move || Ok(shared.images.look_up(&image, program::find))).await;
    let lookup = looked.map_err(|error| wrong(&format!("cannot look for programs: {error}")))?;
    if let Some(waiting) = refusal(policy, name, &lookup) {
        return Err(waiting);
    }
    let Lookup::Found(found) = lookup else { return Err(wrong("the image is not there")) };
    let text = format!("Container image {name:?} already present on machine: {}", found.path);
    node.events.container(pod, &container.name, Level::Normal, "Pulled", text);
    Ok(found)
}

async fn environment(order: &Order) -> Result<Environment, Waiting> {
    let Order { node, pod, container, pod_ips, .. } = order;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let sources = References::of_environment(container).fetch(&node.client, namespace).await;
    let sources = sources.map_err(|error| wrong(&chain(&error)))?;
    let links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links) != Some(false);
    let services: Vec<Service> = node
        .services
        .namespace(namespace)
        .iter()
        .chain(&node.services.get(&Key::new("default", "kubernetes")))
        .map(|service| Service::clone(service))
        .collect();
    let services = service_variables(&services, namespace, links);
    let host_ips = node.host_ips();
    let surroundings = Surroundings { host_ips: &host_ips, pod_ips, allocatable: &node.allocatable };
    let from = Ingredients { pod, surroundings: &surroundings, sources: &sources, services: &services };
    Environment::of(container, &from).map_err(|error| wrong(&chain(&error)))
}

/// Removes a log and what was rotated out of it.
pub(super) async fn remove_log(log: &Path) {
    let Some((parent, name)) = log.parent().zip(log.file_name().and_then(|name| name.to_str())) else {
        return;
    };
    let Ok(mut entries) = tokio::fs::read_dir(parent).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let is_of_it = entry.file_name().to_str().is_some_and(|other| {
            other == name || other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        });
        if is_of_it && let Err(error) = tokio::fs::remove_file(entry.path()).await {
            tracing::warn!(path = %entry.path().display(), %error, "a log cannot be removed");
        }
    }
}
