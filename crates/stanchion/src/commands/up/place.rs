//! The node that is this machine: its name, its directory, the programs that images stand for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use ipnet::Ipv4Net;
use stanchion_node::{Credentials, Options};
use stanchion_node_core::capacity::{self, Amounts, Reserved, ReservedError};
use stanchion_node_core::eviction::{self, Threshold, ThresholdError};
use stanchion_node_core::images::{Row, Table};

/// The prefix length of the addresses of one node.
const BLOCK: u8 = 24;
/// The directory of the node below that of the cluster.
const STATE: &str = "node";
/// What images stand for, as a user has it; missing if nothing was changed.
const IMAGES: &str = "images.json";

/// Returns the name of this machine as a node can have it.
pub(crate) fn name() -> anyhow::Result<String> {
    let path = "/proc/sys/kernel/hostname";
    let name = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    Ok(if name.is_empty() || name == "(none)" { "localhost".to_owned() } else { name })
}

/// Returns the directory of the node of a cluster.
pub(crate) fn state(data_dir: &Path) -> PathBuf {
    let state = data_dir.join(STATE);
    std::path::absolute(&state).unwrap_or(state)
}

/// Returns how the node is run.
pub(crate) fn options(
    data_dir: &Path,
    name: &str,
    pods: Ipv4Net,
    dns: Option<SocketAddr>,
    credentials: Credentials,
) -> anyhow::Result<Options> {
    Ok(Options {
        // Two clusters can run beside each other, and the port is told in the node's status.
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        pod_range: Ipv4Net::new(pods.network(), BLOCK).context("the range of Pods is too small")?,
        cluster_dns: dns.map(|dns| dns.ip()).into_iter().collect::<Vec<IpAddr>>(),
        // The keys of the cluster are there.
        hidden: vec![std::path::absolute(data_dir).context("cannot find the data directory")?],
        images: images(&data_dir.join(IMAGES))?,
        ..Options::new(name, state(data_dir), credentials)
    })
}

/// What has to stay free on a node, or Pods are evicted.
#[derive(Clone, Debug, Args)]
pub(crate) struct EvictionArguments {
    /// Below what Pods are evicted: memory.available, nodefs.available and nodefs.inodesFree, each an amount or a
    /// percentage. A signal that is not named keeps its default: memory.available<100Mi,nodefs.available<1Gi,nodefs.inodesFree<1%.
    #[arg(long, value_name = "SIGNAL<AMOUNT,…", value_parser = thresholds)]
    eviction_hard: Option<Thresholds>,
}

#[derive(Clone, Debug)]
struct Thresholds(Vec<Threshold>);

fn thresholds(text: &str) -> Result<Thresholds, ThresholdError> {
    eviction::hard(text).map(Thresholds)
}

impl EvictionArguments {
    /// Returns the thresholds.
    pub(crate) fn thresholds(&self) -> Vec<Threshold> {
        self.eviction_hard.clone().map_or_else(eviction::defaults, |Thresholds(given)| given)
    }
}

/// What is kept back from Pods.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReservedArguments {
    /// What is kept for this process: cpu, memory and ephemeral-storage. Default: memory=256Mi.
    #[arg(long, value_name = "RESOURCE=AMOUNT,…", value_parser = reserved)]
    kube_reserved: Option<Kept>,
    /// What is kept for the rest of the machine: cpu, memory and ephemeral-storage. Nothing by default.
    #[arg(long, value_name = "RESOURCE=AMOUNT,…", value_parser = reserved)]
    system_reserved: Option<Kept>,
}

#[derive(Clone, Debug)]
struct Kept(Amounts);

fn reserved(text: &str) -> Result<Kept, ReservedError> {
    capacity::reserved(text).map(Kept)
}

impl ReservedArguments {
    /// Returns what is kept back.
    pub(crate) fn reserved(&self) -> Reserved {
        let Reserved { kube, system, eviction } = Reserved::default();
        let given = |kept: &Option<Kept>, default| kept.clone().map_or(default, |Kept(amounts)| amounts);
        Reserved {
            kube: given(&self.kube_reserved, kube),
            system: given(&self.system_reserved, system),
            eviction,
        }
    }
}

/// Reads what images stand for: rows of a user before those that are built in.
fn images(path: &Path) -> anyhow::Result<Table> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "[]".to_owned(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let rows: Vec<Row> = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a list of images and programs", path.display()))?;
    // This program is an image too: agents of databases are made of it.
    let program = std::env::current_exe().context("cannot find the program that runs")?;
    let own = Row {
        image: "stanchion".to_owned(),
        program: program.to_string_lossy().into_owned(),
        package: None,
        directories: program
            .parent()
            .map(|parent| parent.to_string_lossy().into_owned())
            .into_iter()
            .collect(),
        entrypoint: vec![program.to_string_lossy().into_owned()],
        args: Vec::new(),
        takes_flags: false,
    };
    let rows = rows.into_iter().chain([own]).collect();
    Table::with_rows(rows).with_context(|| format!("{} cannot be used", path.display()))
}
