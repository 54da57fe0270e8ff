//! The life of a node: everything is started in order, and ends together.

use std::path::Path;
use std::sync::Arc;

use kube::runtime::watcher;
use kube::{Api, Client};
use parking_lot::Mutex;
use stanchion_informers::Informer;
use stanchion_node_core::capacity::{Reserved, allocatable};
use stanchion_node_core::eviction::kept;
use stanchion_node_core::names::Resolver;
use stanchion_sandbox::{ContainerState, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::error::NodeError;
use crate::events::Events;
use crate::follow::Follower;
use crate::node::Node;
use crate::options::Options;
use crate::pods::{Dispatcher, Farewell};
use crate::register::{Machine, Registration};
use crate::server::Server;
use crate::{eviction, shutdown, volumes};

/// Runs a node until `stop`; its containers go on after that, and the next run finds them.
///
/// After `shutdown` it ends all Pods in order, and then itself; what was ended is started again by the next run.
pub async fn run(
    client: Client,
    options: Options,
    shutdown: CancellationToken,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    let machine = Machine::read(&options)?;
    let server = Server::bind(&options).await?;
    let runtime = Runtime::open(sandbox_options(&options)).await?;
    let (events, writer) = Events::new(client.clone(), &options.name);
    let capacity = machine.capacity(&options);
    let reserved = Reserved { eviction: kept(&options.eviction, &capacity), ..options.reserved.clone() };
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let node = Arc::new(Node {
        addresses: Addresses::new(options.pod_range)?,
        services: Informer::default(),
        own: Informer::default(),
        follower: Follower::new(client.clone()),
        allocatable: allocatable(&capacity, &reserved),
        memory: machine.memory,
        images: options.images.clone(),
        resolver: Resolver::parse(&resolver),
        shutdown: watch::Sender::default(),
        views: Mutex::default(),
        client: client.clone(),
        runtime,
        events,
        options,
    });
    let registration = Registration::new(Arc::clone(&node), machine, capacity, server.address());
    let mut tasks = JoinSet::new();
    // Whoever fails ends all: a node without one of them would only look like one.
    let halt = stop.child_token();
    tasks.spawn(ok(writer.run(halt.clone())));
    registration.register(&halt).await?;
    let dispatcher = Dispatcher::new(Arc::clone(&node), halt.clone());
    let (services, own) = (node.services.clone(), node.own.clone());
    let itself = watcher::Config::default().fields(&format!("metadata.name={}", node.options.name));
    tasks.spawn(ok(own.run(Api::all(client.clone()), itself, halt.clone())));
    tasks.spawn(ok(services.run(Api::all(client), watcher::Config::default(), halt.clone())));
    tasks.spawn(ok(server.run(Arc::clone(&node), halt.clone())));
    tasks.spawn(ok(eviction::run(Arc::clone(&node), registration.pressure(), halt.clone())));
    tasks.spawn(ok(registration.run(halt.clone())));
    tasks.spawn(ok(shutdown::run(Arc::clone(&node), shutdown, halt.clone())));
    tasks.spawn(ok(dispatcher.run()));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the node has failed");
        }
        halt.cancel();
    }
    node.follower.end().await;
    Ok(())
}

async fn ok(part: impl Future<Output = ()>) {
    part.await;
}

fn sandbox_options(options: &Options) -> stanchion_sandbox::Options {
    let state = options.state.join("sandbox");
    let mut sandbox = stanchion_sandbox::Options::new(state, options.cgroup_parent.clone());
    sandbox.program.clone_from(&options.program);
    sandbox.hidden = vec![options.state.clone()];
    sandbox.hidden.extend(options.hidden.iter().cloned());
    sandbox
}

/// Ends all containers of a node that does not run: those of critical Pods last, each by its own stop signal and within
/// its Pod's time. Hooks are not run. The next run of the node finds how they ended, and starts them again as their
/// Pods want it.
pub async fn stop_containers(options: &Options) -> Result<(), NodeError> {
    let runtime = &Runtime::open(sandbox_options(options)).await?;
    let found = runtime.containers().await?;
    let running = found.iter().filter(|one| matches!(one.state, ContainerState::Running { .. }));
    let farewells = running.map(|one| (&one.config.id, Farewell::read(&one.config.labels)));
    let (critical, ordinary): (Vec<_>, Vec<_>) = farewells.partition(|(_, farewell)| farewell.is_critical);
    for turn in [ordinary, critical] {
        let ending = turn.into_iter().map(|(id, farewell)| async move {
            if farewell.has_hook {
                tracing::warn!(%id, "a preStop hook is not run: its cluster does not run");
            }
            runtime.signal(id, farewell.signal).await?;
            if tokio::time::timeout(farewell.grace, runtime.wait(id)).await.is_err() {
                runtime.kill(id).await?;
                runtime.wait(id).await?;
            }
            Ok(())
        });
        let ended: Result<Vec<()>, NodeError> =
            futures_util::future::join_all(ending).await.into_iter().collect();
        ended?;
    }
    Ok(())
}

/// Takes everything away that a node has left on the machine: processes, mounts, cgroups, files.
pub async fn reset(options: &Options) -> Result<(), NodeError> {
    let runtime = Runtime::open(sandbox_options(options)).await?;
    runtime.remove_all().await?;
    drop(runtime);
    remove(&options.state).await
}

async fn remove(state: &Path) -> Result<(), NodeError> {
    let failed = |source| NodeError::State { path: state.to_owned(), source };
    volumes::remove(state.to_owned()).await.map_err(failed)
}
