//! Many nodes without processes: objects and leases in the API, and Pods that follow a script.
//!
//! All of them share one informer over Pods and a bounded number of requests at a time, so that thousands of
//! Pods cost little more than their statuses. Each node has a block of addresses of its own; it offers neither logs nor
//! commands, and its status names no port for them.

mod life;
mod pods;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use stanchion_informers::Copies;
use stanchion_machinery::quantity::Quantity;
use stanchion_network::addresses::NodeBlocks;
use stanchion_node_core::capacity::{Amounts, MAX_PODS};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::calls::{CallError, call};
use crate::clock;
use crate::error::NodeError;
use crate::register::{amounts, renew_lease, usual_labels};

/// Requests at a time, for each of: nodes at the start, leases, Pods.
const AT_ONCE: usize = 32;
/// How often each lease is renewed: with two in the time of one lease, and as seldom as that lets.
const RENEW: Duration = Duration::from_secs(20);
/// Marks nodes that are simulated.
pub(crate) const MARK: &str = "simulation.stanchion.dev/simulated";

/// The label of a zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// Over how many zones the nodes are spread.
const ZONES: usize = 3;

/// Returns the zone that a node is simulated in: one of three, by the number at the end of its name.
pub fn zone(name: &str) -> String {
    let digits = name.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    let zone = digits.parse::<usize>().unwrap_or_default() % ZONES;
    format!("zone-{zone}")
}

/// What nodes to simulate.
#[derive(Clone, Debug)]
pub struct SimulatedOptions {
    /// The names of the nodes.
    pub names: Vec<String>,
    /// What each has.
    pub capacity: Amounts,
    /// Labels of each, besides the usual ones.
    pub labels: BTreeMap<String, String>,
    /// The range of which each node takes a block of addresses.
    pub pod_range: Ipv4Net,
    /// The prefix length of a block.
    pub block_bits: u8,
    /// Blocks that belong to others.
    pub taken: Vec<Ipv4Net>,
}

impl SimulatedOptions {
    /// Returns `count` nodes of 32 processors and 256 GiB, `sim-0001` and so on, with blocks of 254 addresses.
    pub fn new(count: usize, pod_range: Ipv4Net, taken: Vec<Ipv4Net>) -> Self {
        let of = |text: &str| Quantity::parse(text).unwrap_or(Quantity::ZERO);
        let capacity = [("cpu", "32"), ("memory", "256Gi"), ("ephemeral-storage", "1Ti")];
        let mut capacity: Amounts =
            capacity.into_iter().map(|(name, text)| (name.to_owned(), of(text))).collect();
        capacity.insert("pods".to_owned(), Quantity::new(MAX_PODS));
        let names = (1..=count).map(|number| format!("sim-{number:04}")).collect();
        Self { names, capacity, labels: BTreeMap::new(), pod_range, block_bits: 24, taken }
    }
}

/// Simulates nodes until `stop`. Their objects stay.
pub async fn simulate(
    client: Client,
    copies: &Copies,
    options: SimulatedOptions,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    let mut blocks = NodeBlocks::new(options.pod_range, options.block_bits)?;
    for block in &options.taken {
        blocks.claim(*block)?;
    }
    let options = Arc::new(options);
    let known = existing(&client).await.map_err(|error| NodeError::api("list nodes", &error))?;
    let mut ranges = BTreeMap::new();
    for name in &options.names {
        if let Some(block) = known.get(name).filter(|block| blocks.claim(**block).is_ok()) {
            ranges.insert(name.clone(), *block);
        }
    }
    for name in &options.names {
        if !ranges.contains_key(name) {
            ranges.insert(name.clone(), blocks.allocate()?);
        }
    }
    // Owned names: borrowed ones would make this future one that cannot be spawned.
    let mut made = stream::iter(ranges.clone())
        .map(|(name, range)| {
            let (client, options) = (client.clone(), Arc::clone(&options));
            async move {
                let done = make(&client, &options, &name, range).await;
                done.map_err(|error| NodeError::api(format!("register node {name:?}"), &error))
            }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(done) = made.next().await {
        done?;
    }
    let mut tasks = JoinSet::new();
    drop(made);
    let names: Vec<String> = ranges.keys().cloned().collect();
    tasks.spawn(leases(client.clone(), names, stop.clone()));
    tasks.spawn(pods::run(client, copies.of(), ranges, stop));
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the simulation has failed");
        }
    }
    Ok(())
}

/// Returns the blocks of the nodes that are there.
async fn existing(client: &Client) -> Result<BTreeMap<String, Ipv4Net>, CallError> {
    let api: Api<NodeObject> = Api::all(client.clone());
    let nodes = call(api.list(&kube::api::ListParams::default())).await?;
    let each = nodes.items.into_iter().filter_map(|node| {
        let block = node.spec?.pod_cidr?.parse().ok()?;
        Some((node.metadata.name?, block))
    });
    Ok(each.collect())
}

/// Makes the object of a node, its status and its lease.
async fn make(
    client: &Client,
    options: &SimulatedOptions,
    name: &str,
    range: Ipv4Net,
) -> Result<(), CallError> {
    let api: Api<NodeObject> = Api::all(client.clone());
    let mut labels = usual_labels(name);
    labels.insert(ZONE.to_owned(), zone(name));
    labels.extend(options.labels.clone());
    let object = json!({
        "metadata": {"name": name, "labels": labels, "annotations": {MARK: "true"}},
        "spec": {"podCIDR": range.to_string(), "podCIDRs": [range.to_string()]},
    });
    let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
    match call(api.create(&PostParams::default(), &object)).await {
        Err(error) if !error.is_conflict() => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let address = range.hosts().next().unwrap_or(range.network()).to_string();
    let now = clock::now().to_time();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "capacity": amounts(&options.capacity),
        "allocatable": amounts(&options.capacity),
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            condition("Ready", "True", "KubeletReady", "simulated node"),
        ],
        "nodeInfo": {
            "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "simulated://1", "kernelVersion": "",
            "kubeProxyVersion": "", "kubeletVersion": concat!("v1.36.0-stanchion.", env!("CARGO_PKG_VERSION")),
            "machineID": name, "operatingSystem": "linux", "osImage": "simulated", "systemUUID": name,
        },
    }});
    call(api.patch_status(name, &PatchParams::default(), &Patch::Strategic(status))).await?;
    renew_lease(client, name).await
}

/// Renews the leases of all nodes, spread evenly over the time in which each is renewed once.
async fn leases(client: Client, names: Vec<String>, stop: CancellationToken) {
    let count = u32::try_from(names.len()).unwrap_or(u32::MAX).max(1);
    let mut tick = tokio::time::interval(RENEW / count);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    for name in names.iter().cycle() {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if under_way.len() >= AT_ONCE {
            under_way.join_next().await;
        }
        while under_way.try_join_next().is_some() {}
        let (client, name) = (client.clone(), name.clone());
        under_way.spawn(async move {
            if let Err(error) = renew_lease(&client, &name).await {
                tracing::debug!(name, %error, "cannot renew the lease of a simulated node");
            }
        });
    }
}
