//! The parts of a cluster beside its API server, each a client of it with a name of its own.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, anyhow};
use ipnet::Ipv4Net;
use kube::Client;
use stanchion_apiserver::Server;
use stanchion_informers::Copies;
use stanchion_node::SimulatedOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::databases::Databases;
use super::furnish;
use super::{Arguments, local};

/// The addresses of Pods on simulated nodes: this machine's, so that connections are refused at once.
const SIMULATED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 128, 0, 0), 9);
/// The directory of local volumes below that of the cluster.
const VOLUMES: &str = "volumes";
/// Who the scheduler is.
const SCHEDULER: &str = "system:kube-scheduler";
/// The group of those who may do everything.
const MASTERS: &str = "system:masters";

/// What the parts are made with besides the API server.
pub(super) struct Beside<'a> {
    /// Where cluster DNS listens.
    pub(super) dns: Option<SocketAddr>,
    /// How the node is run.
    pub(super) node: Option<stanchion_node::Options>,
    /// What databases need.
    pub(super) databases: Option<&'a Databases>,
}

/// The parts that run; none of them ends before it is told to, unless it fails.
pub(super) struct Parts {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Parts {
    /// Starts all parts.
    pub(super) async fn start(
        arguments: &Arguments,
        server: &Server,
        beside: Beside<'_>,
        shutdown: &CancellationToken,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let Beside { dns, node, databases } = beside;
        let client = |name: &str, groups: &[&str], agent| local::client(server.local(name, groups), agent);
        let dns_ip = dns.and_then(|dns| match dns.ip() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        });
        let admin = client("system:apiserver", &[MASTERS], "stanchion");
        furnish::furnish(&admin, dns_ip).await?;
        if databases.is_some() {
            furnish::databases(&admin).await?;
        }
        let mut parts = Self { tasks: JoinSet::new() };
        // The controllers may read whatever the other parts read.
        let copies = Copies::new(client(furnish::CONTROLLERS, &[], "stanchion"), stop.clone());
        parts.copies(copies.clone(), stop.clone());
        parts.network(client(furnish::NETWORK, &[], "kube-proxy"), copies.clone(), dns, stop.clone());
        let node_name = node.as_ref().map(|node| node.name.clone());
        if let Some(node) = node {
            let client = client(&format!("system:node:{}", node.name), &[furnish::NODES], "kubelet");
            let run = stanchion_node::run(client, node, shutdown.clone(), stop.clone());
            parts.run("node", async { Ok(run.await?) });
        }
        if arguments.simulate_nodes > 0 {
            let client = client("system:node:simulated", &[furnish::NODES], "kubelet");
            let options = SimulatedOptions::new(arguments.simulate_nodes as usize, SIMULATED, Vec::new());
            let (copies, stop) = (copies.clone(), stop.clone());
            parts.run("simulated nodes", async move {
                Ok(stanchion_node::simulate(client, &copies, options, stop).await?)
            });
        }
        let local_path = std::path::absolute(arguments.data_dir.join(VOLUMES))
            .context("cannot find the data directory")?;
        let mut options = stanchion_controllers::Options::default();
        options.local_path = Some(local_path);
        options.local_node = node_name;
        let controllers = client(furnish::CONTROLLERS, &[], "kube-controller-manager");
        parts.controllers(controllers, copies.clone(), options, stop.clone());
        let options = stanchion_scheduler::Options {
            percentage_of_nodes_to_score: arguments.percentage_of_nodes_to_score,
            ..stanchion_scheduler::Options::default()
        };
        if let Some(databases) = databases {
            let operator = client(furnish::OPERATOR, &[], "stanchion-operator");
            parts.operator(operator, copies.clone(), databases.operator(), stop.clone());
            let manager = client(furnish::MANAGER_OF_FAILOVERS, &[], "stanchion-ha");
            parts.manager(manager, copies.clone(), databases.manager(), stop.clone());
        }
        let (client, stop) = (client(SCHEDULER, &[], "kube-scheduler"), stop.clone());
        parts.run(
            "scheduler",
            async move { Ok(stanchion_scheduler::run(client, &copies, options, stop).await?) },
        );
        Ok(parts)
    }

    fn copies(&mut self, copies: Copies, stop: CancellationToken) {
        self.run("copy of the cluster", async move {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                () = copies.failed() => Err(anyhow!("a kind of objects is no longer followed")),
            }
        });
    }

    fn network(
        &mut self,
        client: Client,
        copies: Copies,
        dns_address: Option<SocketAddr>,
        stop: CancellationToken,
    ) {
        let options = stanchion_network::Options { dns_address, ..stanchion_network::Options::default() };
        self.run("network", async move { Ok(stanchion_network::run(client, &copies, options, stop).await?) });
    }

    fn controllers(
        &mut self,
        client: Client,
        copies: Copies,
        options: stanchion_controllers::Options,
        stop: CancellationToken,
    ) {
        self.run("controllers", async move {
            stanchion_controllers::run(client, &copies, options, stop).await;
            Ok(())
        });
    }

    fn operator(
        &mut self,
        client: Client,
        copies: Copies,
        options: stanchion_operator::Options,
        stop: CancellationToken,
    ) {
        self.run("operator", async move {
            stanchion_operator::run(client, &copies, options, stop).await;
            Ok(())
        });
    }

    fn manager(
        &mut self,
        client: Client,
        copies: Copies,
        options: stanchion_ha::Options,
        stop: CancellationToken,
    ) {
        self.run("manager of failovers", async move {
            stanchion_ha::run(client, &copies, options, stop).await;
            Ok(())
        });
    }

    fn run(&mut self, name: &'static str, part: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (name, part.await) });
    }

    /// Waits until a part ends, which it should not, and says why.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok((name, Err(error)))) => error.context(format!("the {name} has failed")),
            Some(Ok((name, Ok(())))) => anyhow!("the {name} has ended by itself"),
            Some(Err(error)) => anyhow!(error).context("a part of the cluster has failed"),
            None => std::future::pending().await,
        }
    }

    /// Waits until all parts have ended, after they were told to.
    pub(super) async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended
                .context("a part has failed")
                .and_then(|(name, result)| result.with_context(|| format!("the {name} did not end well")));
            if let Err(error) = ended {
                tracing::error!(error = format!("{error:#}"), "stopping");
            }
        }
    }
}
