//! The node as the API shows it: its object, its lease, its conditions.
//!
//! The lease is renewed every 10 s, the status is computed every 10 s and written when it has changed, or every
//! 5 minutes.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node as NodeObject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use parking_lot::Mutex;
use serde_json::{Value, json};
use stanchion_node_core::capacity::Amounts;
use stanchion_node_core::eviction::Condition;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(crate) use self::machine::{Machine, kibibytes};
use crate::calls::{CallError, call};
use crate::clock;
use crate::error::NodeError;
use crate::events::Level;
use crate::node::Node;

/// How long a lease is good for, in seconds.
pub(crate) const LEASE_SECONDS: i32 = 40;
/// How often it is renewed, and how often the status is computed.
pub(crate) const RENEW: Duration = Duration::from_secs(10);
/// How often the status is written although nothing has changed.
pub(crate) const REPORT: Duration = Duration::from_mins(5);
/// The namespace of leases.
const LEASES: &str = "kube-node-lease";
/// How long to wait after the API did not take the node, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(7));

/// Keeps the node's objects.
pub(crate) struct Registration {
    node: Arc<Node>,
    machine: Machine,
    capacity: Amounts,
    server: SocketAddr,
    pressure: watch::Sender<BTreeSet<Condition>>,
    /// The conditions as they were written, and their transitions.
    known: Mutex<BTreeMap<&'static str, (bool, String)>>,
}

impl Registration {
    pub(crate) fn new(node: Arc<Node>, machine: Machine, capacity: Amounts, server: SocketAddr) -> Self {
        let (pressure, known) = (watch::Sender::new(BTreeSet::new()), Mutex::default());
        Self { node, machine, capacity, server, pressure, known }
    }

    /// Returns where the conditions that the machine is under are told.
    pub(crate) fn pressure(&self) -> watch::Sender<BTreeSet<Condition>> {
        self.pressure.clone()
    }

    /// Makes the node's object, or brings it up to date; tries until the API answers, or `stop`.
    pub(crate) async fn register(&self, stop: &CancellationToken) -> Result<(), NodeError> {
        let mut pause = PAUSE.0;
        loop {
            let error = match self.ensure().await {
                Ok(object) => {
                    self.node.events.node(&object, Level::Normal, "Starting", "Starting kubelet.");
                    return Ok(());
                }
                Err(CallError::Api(kube::Error::Api(status))) if matches!(status.code, 401 | 403 | 422) => {
                    let doing = format!("register node {:?}", self.node.options.name);
                    return Err(NodeError::Api { doing, problem: status.message.clone() });
                }
                Err(error) => error,
            };
            tracing::warn!(%error, "cannot register the node yet");
            tokio::select! {
                () = stop.cancelled() => {
                    return Err(NodeError::api(format!("register node {:?}", self.node.options.name), &error));
                }
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE.1),
            }
        }
    }

    async fn ensure(&self) -> Result<NodeObject, CallError> {
        let api: Api<NodeObject> = Api::all(self.node.client.clone());
        let options = &self.node.options;
        let range = options.pod_range.to_string();
        let labels = self.labels();
        if call(api.get_opt(&options.name)).await?.is_none() {
            let object = json!({
                "metadata": {"name": options.name, "labels": labels},
                "spec": {"podCIDR": range, "podCIDRs": [range]},
            });
            let object = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
            match call(api.create(&PostParams::default(), &object)).await {
                Err(error) if !error.is_conflict() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        } else {
            let patch = json!({"metadata": {"labels": labels}});
            call(api.patch(&options.name, &PatchParams::default(), &Patch::Merge(patch))).await?;
        }
        self.report().await
    }

    /// Keeps lease and status until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pressure = self.pressure.subscribe();
        let mut tick = tokio::time::interval(RENEW);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reported = tokio::time::Instant::now();
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {
                    if let Err(error) = self.renew().await {
                        tracing::warn!(%error, "cannot renew the node's lease");
                    }
                    reported.elapsed() >= REPORT
                }
                changed = pressure.changed() => changed.is_ok(),
            };
            if due {
                match self.report().await {
                    Ok(_) => reported = tokio::time::Instant::now(),
                    Err(error) if error.is_not_found() => match self.ensure().await {
                        Ok(_) => reported = tokio::time::Instant::now(),
                        Err(error) => tracing::warn!(%error, "cannot register the node again"),
                    },
                    Err(error) => tracing::warn!(%error, "cannot report the node's status"),
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), CallError> {
        renew_lease(&self.node.client, &self.node.options.name).await
    }

    async fn report(&self) -> Result<NodeObject, CallError> {
        let api: Api<NodeObject> = Api::all(self.node.client.clone());
        let patch = json!({"status": self.status()});
        call(api.patch_status(&self.node.options.name, &PatchParams::default(), &Patch::Strategic(patch)))
            .await
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = usual_labels(&self.node.options.name);
        labels.extend(self.node.options.labels.clone());
        labels
    }

    fn status(&self) -> Value {
        let options = &self.node.options;
        json!({
            "addresses": [
                {"type": "InternalIP", "address": options.address.to_string()},
                {"type": "Hostname", "address": options.name},
            ],
            "capacity": amounts(&self.capacity),
            "allocatable": amounts(&self.node.allocatable),
            "conditions": self.conditions(),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.server.port()}},
            "nodeInfo": self.machine.info(),
        })
    }

    fn conditions(&self) -> Vec<Value> {
        let under = self.pressure.borrow().clone();
        let has = |condition: Condition| under.contains(&condition);
        let all = [
            (
                "MemoryPressure",
                has(Condition::Memory),
                ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
                ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ),
            (
                "DiskPressure",
                has(Condition::Disk),
                ("KubeletHasDiskPressure", "kubelet has disk pressure"),
                ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ),
            (
                "PIDPressure",
                has(Condition::Pid),
                ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
                ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ),
            ("Ready", true, ("KubeletReady", "kubelet is posting ready status"), ("KubeletNotReady", "")),
        ];
        let now = Value::from(clock::now().to_time().0.to_string());
        let mut known = self.known.lock();
        let each = all.into_iter().map(|(name, is_true, when_true, when_false)| {
            let (reason, message) = if is_true { when_true } else { when_false };
            let told =
                known.entry(name).or_insert_with(|| (is_true, now.as_str().unwrap_or_default().to_owned()));
            if told.0 != is_true {
                *told = (is_true, now.as_str().unwrap_or_default().to_owned());
            }
            json!({
                "type": name, "status": if is_true { "True" } else { "False" }, "reason": reason,
                "message": message, "lastHeartbeatTime": now, "lastTransitionTime": told.1,
            })
        });
        each.collect()
    }
}

/// Returns the labels that every node has.
pub(crate) fn usual_labels(name: &str) -> BTreeMap<String, String> {
    let architecture = machine::architecture();
    let labels = [
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", architecture),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", architecture),
    ];
    labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Returns amounts as they stand in a status.
pub(crate) fn amounts(amounts: &Amounts) -> BTreeMap<&str, String> {
    amounts.iter().map(|(name, amount)| (name.as_str(), amount.to_string())).collect()
}

/// Renews the lease of a node, made if it is not there.
pub(crate) async fn renew_lease(client: &kube::Client, name: &str) -> Result<(), CallError> {
    let api: Api<Lease> = Api::namespaced(client.clone(), LEASES);
    let now = Timestamp::from_millisecond(clock::now().millis()).unwrap_or(Timestamp::UNIX_EPOCH);
    let renewed = MicroTime(now);
    let patch = json!({"spec": {
        "holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed,
    }});
    match call(api.patch(name, &PatchParams::default(), &Patch::Merge(&patch))).await {
        Err(error) if error.is_not_found() => {
            let lease = json!({"metadata": {"name": name}, "spec": patch["spec"]});
            let lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
            call(api.create(&PostParams::default(), &lease)).await.map(drop)
        }
        done => done.map(drop),
    }
}
