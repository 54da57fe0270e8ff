//! What the Pods of one template have in common.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use stanchion_machinery::quantity::Quantity;

use super::labels::LabelSelector;
use super::meta::nullable;
use super::volume::NodeTerms;

/// The specification of a Pod, without what differs between Pods of one template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    /// The containers.
    pub containers: Vec<Container>,
    /// What runs before them, sidecars included.
    pub init_containers: Vec<Container>,
    /// Where data is.
    pub volumes: Vec<Volume>,
    /// How long an end may take.
    pub termination_grace_period_seconds: Option<i64>,
    /// By name.
    pub priority_class_name: Option<String>,
    /// How much it matters, once admission has looked the name up.
    pub priority: Option<i32>,
    /// `Always`, `OnFailure` or `Never`.
    pub restart_policy: String,
    /// Whether it uses the node's network.
    pub host_network: bool,
    /// Whether its processes are one tree, so that no container has the first of them.
    pub share_process_namespace: bool,
    /// `ClusterFirst`, `Default`, `None` …
    pub dns_policy: String,
    /// What it sets of its resolver.
    pub dns_config: DnsConfig,
    /// On which nodes it may be.
    pub node_selector: BTreeMap<String, String>,
    /// Where it wants to be and not to be.
    pub affinity: Affinity,
    /// How it is spread.
    pub topology_spread_constraints: Vec<Spread>,
    /// After how many seconds it is ended.
    pub active_deadline_seconds: Option<i64>,
    /// Who places it.
    pub scheduler_name: String,
    /// What all of it together asks for and may have, where that is said.
    pub resources: Resources,
    /// The node, which is taken out of what Pods share.
    pub(super) node_name: Option<String>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: String,
    /// What runs; the image's own if empty.
    pub command: Vec<String>,
    /// With what; the image's own if empty.
    pub args: Vec<String>,
    /// Where it says that it listens.
    pub ports: Vec<ContainerPort>,
    /// Restarts it when it fails.
    pub liveness_probe: Option<Probe>,
    /// Takes it out of Services while it fails.
    pub readiness_probe: Option<Probe>,
    /// Holds the others back until it succeeds.
    pub startup_probe: Option<Probe>,
    /// What it asks for and may have.
    pub resources: Resources,
    /// What it sees of volumes, without the token of its account.
    #[serde(deserialize_with = "mounts")]
    pub volume_mounts: Vec<Mount>,
    /// What is done around its life.
    pub lifecycle: Lifecycle,
    /// `Always` makes a sidecar of an init container.
    pub restart_policy: Option<String>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Its name, if any.
    pub name: String,
    /// Its number.
    #[serde(rename = "containerPort")]
    pub number: u16,
    /// The port of the node that leads to it.
    pub host_port: Option<u16>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// A probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// Asks over HTTP.
    pub http_get: Option<HttpGet>,
    /// Runs a command.
    pub exec: Option<Exec>,
    /// Connects.
    pub tcp_socket: Option<Socket>,
    /// Asks over gRPC.
    pub grpc: Option<Socket>,
    /// How long it is not asked after the start.
    pub initial_delay_seconds: Option<i64>,
    /// How often it is asked; 10 s if nothing is said.
    pub period_seconds: Option<i64>,
    /// How long an answer may take; 1 s if nothing is said.
    pub timeout_seconds: Option<i64>,
    /// How many failures count; 3 if nothing is said.
    pub failure_threshold: Option<i64>,
    /// How many successes count; 1 if nothing is said.
    pub success_threshold: Option<i64>,
}

/// A question over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpGet {
    /// For what.
    pub path: String,
    /// Where.
    pub port: Port,
    /// `HTTP` or `HTTPS`.
    pub scheme: String,
}

/// A command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Socket {
    /// Where to.
    pub port: Port,
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub enum Port {
    /// By number.
    Number(u16),
    /// By the name that a container gives it.
    Name(String),
}

impl Default for Port {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// What is done around the life of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// Before it is told to end.
    pub pre_stop: Option<Handler>,
}

/// Something that is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Handler {
    /// A command is run.
    pub exec: Option<Exec>,
    /// A time is waited.
    pub sleep: Option<Sleep>,
    /// Somebody is asked over HTTP.
    pub http_get: Option<HttpGet>,
}

/// A time that is waited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Sleep {
    /// How long.
    pub seconds: i64,
}

/// What a container asks for, and the most that it may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What is kept for it.
    pub requests: Amounts,
    /// The most.
    pub limits: Amounts,
}

/// Amounts of resources; what is not said is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "BTreeMap<String, serde_json::Value>")]
pub struct Amounts {
    /// Processors, in thousandths.
    pub cpu: Option<i64>,
    /// Memory, in bytes.
    pub memory: Option<i64>,
    /// Space on the node's disk, in bytes.
    pub ephemeral_storage: Option<i64>,
    /// Pods, for nodes.
    pub pods: Option<i64>,
    /// Space of a volume, in bytes.
    pub storage: Option<i64>,
}

impl From<BTreeMap<String, serde_json::Value>> for Amounts {
    fn from(all: BTreeMap<String, serde_json::Value>) -> Self {
        let of = |name: &str| all.get(name).and_then(|value| Quantity::from_value(value).ok());
        Self {
            cpu: of("cpu").map(Quantity::milli_value),
            memory: of("memory").map(Quantity::value),
            ephemeral_storage: of("ephemeral-storage").map(Quantity::value),
            pods: of("pods").map(Quantity::value),
            storage: of("storage").map(Quantity::value),
        }
    }
}

/// Where a volume is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// The volume.
    pub name: String,
    /// Where.
    #[serde(rename = "mountPath")]
    pub path: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// A volume of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// What the containers call it.
    pub name: String,
    /// A directory of the node that goes with the Pod.
    pub empty_dir: Option<EmptyDir>,
    /// A path of the node.
    pub host_path: Option<HostPath>,
    /// A claim. Its name is with the Pod, as Pods of one template have one each.
    pub persistent_volume_claim: Option<ClaimName>,
}

/// A directory of the node that goes with the Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmptyDir {
    /// `Memory`, or the node's disk if empty.
    pub medium: String,
    /// The most it may hold, as it was written.
    #[serde(deserialize_with = "nullable")]
    pub size_limit: Option<String>,
}

/// A path of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct HostPath {
    /// The path.
    pub path: String,
}

/// The name of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimName {
    /// The name.
    pub claim_name: String,
}

/// What a Pod sets of its resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct DnsConfig {
    /// Its options.
    pub options: Vec<DnsOption>,
}

/// An option of a resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct DnsOption {
    /// Which: `ndots`.
    pub name: String,
    /// Its value, if it has one.
    pub value: Option<String>,
}

/// Where a Pod wants to be and not to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the API calls them so")]
pub struct Affinity {
    /// On these nodes.
    pub node_affinity: NodeAffinity,
    /// Near these.
    pub pod_affinity: PodTerms,
    /// Away from these.
    pub pod_anti_affinity: PodTerms,
}

/// On which nodes a Pod may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct NodeAffinity {
    /// Without which it is not placed.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: NodeTerms,
}

/// Terms about other Pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct PodTerms {
    /// Without which it is not placed.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Vec<PodTerm>,
    /// Which are liked.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution")]
    pub preferred: Vec<WeightedTerm>,
}

/// A term about other Pods that is liked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WeightedTerm {
    /// The term.
    pub pod_affinity_term: PodTerm,
}

/// A term about other Pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTerm {
    /// Which Pods.
    pub label_selector: LabelSelector,
    /// The label of nodes by which near is told from far.
    pub topology_key: String,
}

/// How Pods are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spread {
    /// By how many counts may differ.
    pub max_skew: i64,
    /// The label of nodes over which they are spread.
    pub topology_key: String,
    /// `DoNotSchedule` or `ScheduleAnyway`.
    pub when_unsatisfiable: String,
    /// Which Pods are counted.
    pub label_selector: LabelSelector,
}

/// Below it is the token of a Pod's account, in a volume whose name is another one in each Pod.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn mounts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Mount>, D::Error> {
    let mut all: Vec<Mount> = nullable(deserializer)?;
    all.retain(|mount| mount.path != TOKEN);
    Ok(all)
}

impl Template {
    /// Returns all containers that run at the same time: the ordinary ones, and sidecars.
    pub fn running(&self) -> impl Iterator<Item = &Container> {
        let sidecars = self.init_containers.iter();
        let sidecars = sidecars.filter(|one| one.restart_policy.as_deref() == Some("Always"));
        sidecars.chain(&self.containers)
    }

    /// Returns the volume of this name.
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.name == name)
    }
}
