//! `stanchion up`: a Kubernetes of one machine in one process.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stanchion_apiserver::{KubeconfigError, Options, Server, ServiceRange, StartError};
use stanchion_network::addresses;
use stanchion_store::{KeyValueStore, Options as StoreOptions, Store};
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::databases::Databases;
use self::live::{About, Live};
use self::objects::Objects;
use self::parts::Parts;
use self::ranges::Ranges;
use self::running::Running;
use crate::commands::apiserver::STACK;
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

mod databases;
mod furnish;
mod live;
mod local;
mod objects;
mod parts;
pub(crate) mod place;
mod ranges;
pub(crate) mod running;

/// Threads that wait for files. Pods come and go by the hundred, and each thread keeps memory of its own.
const BLOCKING_THREADS: usize = 32;
/// The port of DNS.
const DNS_PORT: u16 = 53;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the cluster: its store, certificates, kubeconfig, containers and volumes. Created if missing.
    #[arg(long, value_name = "DIR", default_value = "cluster.stanchion")]
    data_dir: PathBuf,
    /// Write a kubeconfig with which its owner may do everything, besides DIR/admin.kubeconfig.
    #[arg(long, value_name = "FILE")]
    write_kubeconfig: Option<PathBuf>,
    /// The port of the API; any that is free if something else listens there.
    #[arg(long, value_name = "PORT", default_value_t = 6443)]
    secure_port: u16,
    /// The name of the node that is this machine; its host name by default.
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
    /// Add this many nodes whose Pods follow a script, without processes.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    simulate_nodes: u32,
    /// The percentage of nodes to look at for ones that will do; by default it adapts to their number.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    percentage_of_nodes_to_score: Option<u8>,
    #[command(flatten)]
    eviction: place::EvictionArguments,
    #[command(flatten)]
    reserved: place::ReservedArguments,
    /// Run no operator and no manager of databases; they can be run alone, with an etcd of their own.
    #[arg(long)]
    no_databases: bool,
    /// Make the objects of a file once the cluster is up, and show how the databases among them are. Can be repeated.
    /// What was changed since by others stays as it is.
    #[arg(long, value_name = "FILE")]
    apply: Vec<PathBuf>,
    /// When a signal says to stop, end all Pods first, as `stanchion down` does. A second signal leaves them running.
    #[arg(long)]
    end_pods: bool,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Runs until a signal says to stop.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    raise_descriptors();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.thread_stack_size(STACK).max_blocking_threads(BLOCKING_THREADS).enable_all();
    let runtime = runtime.build().context("cannot start the runtime")?;
    runtime.block_on(serve(arguments))
}

/// Raises the bound of open files as far as it goes: connections through Services take two each.
pub(crate) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the bound of open files stays");
    }
}

async fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut down = signal(SignalKind::user_defined1()).context("cannot wait for SIGUSR1")?;
    let objects = Objects::read(&arguments.apply).map_err(|error| Failure::new(Exit::Usage, error))?;
    let options = StoreOptions::new(arguments.data_dir.join("store"));
    let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
    let store = opened.context("opening the store panicked")??;
    let running = Running::record(&arguments.data_dir).map_err(|error| Failure::new(Exit::Storage, error))?;
    let ranges = Ranges::take(&arguments.data_dir).await.map_err(|error| Failure::new(Exit::Usage, error))?;
    let server = start(arguments, &ranges, Arc::new(store.clone())).await?;
    let kubeconfig = write_kubeconfigs(arguments, &server)?;
    let (shutdown, stop) = (CancellationToken::new(), CancellationToken::new());
    let dns = dns(&ranges).await;
    let node = node(arguments, &server, &ranges, dns)?;
    let databases = if arguments.no_databases {
        None
    } else {
        Some(Databases::start(&arguments.data_dir, ranges.services).await?)
    };
    let beside = parts::Beside { dns, node: Some(node), databases: databases.as_ref() };
    let mut parts = Parts::start(arguments, &server, beside, &shutdown, &stop).await?;
    tracing::info!(address = %server.address(), kubeconfig = %kubeconfig.display(), "the cluster is up");
    let mut live = live(arguments, &server, objects, &kubeconfig, &shutdown)?;
    let failed = loop {
        tokio::select! {
            biased;
            Some(()) = async { tokio::select! { told = terminate.recv() => told, told = interrupt.recv() => told } } => {
                if !arguments.end_pods || shutdown.is_cancelled() {
                    break None;
                }
                tracing::info!("ending all Pods");
                shutdown.cancel();
            }
            _ = down.recv() => {
                tracing::info!("ending all Pods");
                shutdown.cancel();
            }
            // After its Pods the node ends, and then the rest.
            failed = parts.failed() => break Some(failed).filter(|_| !shutdown.is_cancelled()),
            failed = live.failed() => break Some(failed),
        }
    };
    drop(live);
    tracing::info!("stopping");
    stop.cancel();
    parts.end().await;
    if let Some(databases) = databases {
        databases.stop().await;
    }
    server.stop().await;
    store.close().await;
    drop(running);
    if shutdown.is_cancelled() {
        tracing::info!("stopped");
    } else {
        tracing::info!("stopped; the containers of Pods go on until `stanchion down`");
    }
    failed.map_or(Ok(()), |error| Err(Failure::from(error)))
}

/// Makes the objects of files, and shows the databases among them.
fn live(
    arguments: &Arguments,
    server: &Server,
    objects: Objects,
    kubeconfig: &Path,
    shutdown: &CancellationToken,
) -> Result<Live, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).context("cannot find the data directory");
    let about = About {
        kubeconfig: absolute(kubeconfig)?,
        data_dir: absolute(&arguments.data_dir)?,
        ends_pods: arguments.end_pods,
    };
    let client = local::client(server.local("system:apiserver", &["system:masters"]), "stanchion");
    Ok(Live::start(objects, client, about, shutdown.clone()))
}

/// Prepares the node that is this machine.
fn node(
    arguments: &Arguments,
    server: &Server,
    ranges: &Ranges,
    dns: Option<SocketAddr>,
) -> Result<stanchion_node::Options, Failure> {
    let name = match &arguments.node_name {
        Some(name) => name.clone(),
        None => place::name()?,
    };
    let made = server.serving_credentials(&[name.clone(), "127.0.0.1".to_owned()])?;
    let credentials = stanchion_node::Credentials {
        certificate: made.certificate,
        key: made.key,
        authority: Some(server.authority().to_owned()),
    };
    let mut options = place::options(&arguments.data_dir, &name, ranges.pods, dns, credentials)?;
    options.eviction = arguments.eviction.thresholds();
    options.reserved = arguments.reserved.reserved();
    if arguments.simulate_nodes > 0 {
        // Without a zone it would count as an empty one among those of the simulated nodes, and be filled first.
        options.labels.insert(stanchion_node::ZONE.to_owned(), stanchion_node::zone(&name));
    }
    Ok(options)
}

/// Starts the API server, on another port if something listens on the one that is asked for.
async fn start(
    arguments: &Arguments,
    ranges: &Ranges,
    store: Arc<dyn KeyValueStore>,
) -> Result<Server, Failure> {
    let range = ranges.services;
    let options = Options {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.secure_port)),
        service_range: ServiceRange { network: range.network(), bits: range.prefix_len() },
        ..Options::new(&arguments.data_dir)
    };
    match Server::start(Arc::clone(&store), options.clone()).await {
        Err(StartError::Bind { address, source }) if source.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "something else listens there; taking a port that is free");
            let options = Options { bind: SocketAddr::new(address.ip(), 0), ..options };
            Ok(Server::start(store, options).await?)
        }
        started => Ok(started?),
    }
}

/// Writes the kubeconfigs of the administrator and returns the one to name to a person.
fn write_kubeconfigs<'a>(
    arguments: &'a Arguments,
    server: &Server,
) -> Result<std::borrow::Cow<'a, Path>, Failure> {
    let own = arguments.data_dir.join("admin.kubeconfig");
    for file in [Some(&own), arguments.write_kubeconfig.as_ref()].into_iter().flatten() {
        match server.write_kubeconfig(file) {
            // A person may have changed it on purpose, for example by `kubectl config`.
            Err(StartError::Kubeconfig(error @ KubeconfigError::Foreign { .. })) => tracing::warn!(%error),
            written => written?,
        }
    }
    Ok(arguments.write_kubeconfig.as_deref().map_or(own.into(), Into::into))
}

/// Returns where cluster DNS can be served, which takes the right to listen on port 53.
async fn dns(ranges: &Ranges) -> Option<SocketAddr> {
    let address = addresses::dns_address(ranges.services)?;
    let address = SocketAddr::new(IpAddr::V4(address), DNS_PORT);
    let tried = async {
        drop(UdpSocket::bind(address).await?);
        TcpListener::bind(address).await.map(drop)
    };
    match tried.await {
        Ok(()) => Some(address),
        Err(error) => {
            tracing::warn!(%address, %error, "names of Services will not be found: cluster DNS cannot listen");
            None
        }
    }
}
