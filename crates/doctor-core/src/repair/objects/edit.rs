//! What is changed of an object, and the request that does it.

mod probe;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::target::{Target, TargetKind};
use crate::repair::{Preview, Refusal};

/// The taint that says of a node that it is off, so that its Pods go and its volumes are taken off it.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// The label by which Pods are kept to a node, and away from others.
pub(crate) const HOSTNAME: &str = "kubernetes.io/hostname";

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "edit", rename_all_fields = "camelCase")]
pub enum Edit {
    /// Nobody restarts a container for not answering any more, once it has started.
    WithoutLiveness {
        /// The container.
        container: String,
    },
    /// No more old revisions are kept than this.
    History {
        /// How many.
        limit: i64,
    },
    /// A Job goes so long after its end.
    Ttl {
        /// How long, in seconds.
        seconds: i64,
    },
    /// No more ended Jobs are kept than this.
    JobHistory {
        /// Of those that went well.
        successful: i64,
        /// Of those that did not.
        failed: i64,
    },
    /// Only one of these Pods is taken away at a time.
    MakeBudget {
        /// The selector of the Pods, as their workload has it.
        selector: Value,
    },
    /// Pods are placed on different nodes, where there are some.
    Spread {
        /// The selector of the Pods, as their workload has it.
        selector: Value,
        /// Whether only Pods of the same revision count.
        by_revision: bool,
    },
    /// Names with this many dots are asked for as they are first.
    Ndots {
        /// How many.
        dots: u8,
    },
    /// There are so many Pods.
    Replicas {
        /// How many.
        count: i64,
        /// By which rule.
        rule: String,
    },
    /// Pods are placed on one node alone.
    Pin {
        /// The node.
        node: String,
        /// Its label by which they are kept there.
        hostname: String,
        /// What is there.
        volume: String,
    },
    /// A Pod that has not begun goes, so that it is made anew from the template that it has now.
    MakeAnew,
    /// A node is told to be off.
    OutOfService {
        /// How that is known.
        proof: Vec<String>,
    },
    /// An attachment goes whose node is gone.
    Detach {
        /// The node.
        node: String,
        /// How that is known.
        proof: Vec<String>,
    },
}

/// A request to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A JSON patch, which tests what it takes away.
    Patch(Value),
    /// A server-side apply.
    Apply(Value),
    /// A new object.
    Create(Value),
    /// The object goes, if it is still the same.
    Delete,
}

impl Edit {
    /// Returns whether it makes a new object rather than changing one.
    pub fn creates(&self) -> bool {
        matches!(self, Self::MakeBudget { .. })
    }

    /// Returns whether the Pods of a workload are replaced after it. A StatefulSet waits for a Pod that does not begin.
    pub fn replaces_pods(&self, kind: TargetKind) -> bool {
        match self {
            Self::WithoutLiveness { .. } | Self::Spread { .. } | Self::Ndots { .. } => true,
            Self::Pin { .. } => kind != TargetKind::StatefulSet,
            Self::History { .. }
            | Self::Ttl { .. }
            | Self::JobHistory { .. }
            | Self::MakeBudget { .. }
            | Self::Replicas { .. }
            | Self::MakeAnew
            | Self::OutOfService { .. }
            | Self::Detach { .. } => false,
        }
    }

    /// Returns whether it changes how many Pods there are.
    pub fn scales(&self) -> bool {
        matches!(self, Self::Replicas { .. })
    }

    /// Returns whether it adds to a list of which several programs keep an entry each, as the taints of a node are.
    pub fn adds_to_shared_list(&self) -> bool {
        matches!(self, Self::OutOfService { .. })
    }

    /// Returns what it is called where owners of fields are told apart.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WithoutLiveness { .. } => "liveness",
            Self::History { .. } => "history",
            Self::Ttl { .. } => "ttl",
            Self::JobHistory { .. } => "job-history",
            Self::MakeBudget { .. } => "budget",
            Self::Spread { .. } => "spread",
            Self::Ndots { .. } => "ndots",
            Self::Replicas { .. } => "replicas",
            Self::Pin { .. } => "pin",
            Self::MakeAnew => "make-anew",
            Self::OutOfService { .. } => "out-of-service",
            Self::Detach { .. } => "detach",
        }
    }

    /// Works out the request on the object as it is now; of what is made, `live` is nothing.
    pub fn request(&self, target: &Target, live: &Value) -> Result<Request, Refusal> {
        // A Pod is made anew by whom it belongs to.
        if let Some(owner) = controller(live).filter(|_| *self != Self::MakeAnew) {
            let why = format!("{target} belongs to {owner}, which would put it back: change it there");
            return Err(Refusal::new(why));
        }
        let apply = |spec: Value| Ok(Request::Apply(applied(target, live, &spec)));
        match self {
            Self::WithoutLiveness { container } => probe::without_liveness(live, container),
            Self::History { limit } => apply(json!({"revisionHistoryLimit": limit})),
            Self::Ttl { seconds } => apply(json!({"ttlSecondsAfterFinished": seconds})),
            Self::JobHistory { successful, failed } => {
                apply(json!({"successfulJobsHistoryLimit": successful, "failedJobsHistoryLimit": failed}))
            }
            Self::MakeBudget { selector } => Ok(Request::Create(applied(
                target,
                live,
                &json!({"maxUnavailable": 1, "selector": selector}),
            ))),
            Self::Spread { selector, by_revision } => apply(in_template(&json!({
                "topologySpreadConstraints": [spread(selector, *by_revision)]
            }))),
            Self::Ndots { dots } => {
                apply(in_template(&json!({"dnsConfig": {"options": options(live, *dots)}})))
            }
            Self::Replicas { count, .. } => apply(json!({"replicas": count})),
            Self::Pin { hostname, .. } => apply(in_template(&json!({"nodeSelector": {HOSTNAME: hostname}}))),
            Self::OutOfService { .. } => taint(live),
            Self::MakeAnew => anew(target, live),
            Self::Detach { .. } => Ok(Request::Delete),
        }
    }

    /// Says what it does, for people.
    pub(crate) fn preview(&self, target: &Target) -> Preview {
        let pods =
            || Some(format!("Pods of {target} are replaced one after the other, as its strategy says"));
        let put_back = || Some("the fields are put back as they are now".to_owned());
        let (what, pause, undo) = match self {
            Self::WithoutLiveness { container } => {
                let what = format!(
                    "{target}: take the liveness probe off container {container}, and let its readiness probe watch its start \
                     where nothing does"
                );
                (what, pods(), put_back())
            }
            Self::History { limit } => {
                let what = format!(
                    "{target}: keep {limit} old revisions; older ones go, and nothing can be rolled back to them"
                );
                (what, None, Some("the limit is put back, without the revisions that went".to_owned()))
            }
            Self::Ttl { seconds } => {
                let what = format!(
                    "{target}: let it go {} days after its end, with its Pods and their logs",
                    seconds / 86_400
                );
                (what, None, Some("the limit is put back, as long as the Job is there".to_owned()))
            }
            Self::JobHistory { successful, failed } => {
                let what =
                    format!("{target}: keep {successful} Jobs that went well and {failed} that did not");
                (what, None, Some("the limits are put back, without the Jobs that went".to_owned()))
            }
            Self::MakeBudget { .. } => {
                let what = format!("make {target}: at most one Pod is away by an eviction at a time");
                (what, None, Some("it is deleted".to_owned()))
            }
            Self::Spread { .. } => {
                (format!("{target}: prefer different nodes for its Pods"), pods(), put_back())
            }
            Self::Ndots { dots } => {
                let what = format!("{target}: ask for names with {dots} dots or more as they are first");
                (what, pods(), put_back())
            }
            Self::Replicas { count, rule } => {
                (format!("{target}: run {count} Pods ({rule})"), None, put_back())
            }
            Self::Pin { node, volume, .. } => {
                let what = format!("{target}: keep its Pod to node {node}, where {volume} is");
                (what, Some("its Pod is replaced; it runs nowhere else from then on".to_owned()), put_back())
            }
            Self::MakeAnew => (format!("delete {target}, which has not begun: it is made anew"), None, None),
            Self::OutOfService { proof } => {
                let what = format!("{target}: say that it is out of service, since {}", proof.join(", and "));
                let pause = "its Pods are deleted without waiting for it, and its volumes are taken off it";
                let undo = "once the node is back, the taint is taken off; deleted Pods do not come back";
                (what, Some(pause.to_owned()), Some(undo.to_owned()))
            }
            Self::Detach { node, proof } => {
                let what = format!("delete {target} to node {node}, since {}", proof.join(", and "));
                (what, None, None)
            }
        };
        Preview { what, pause, undo }
    }
}

/// Has a Pod go, unless it has begun meanwhile.
fn anew(target: &Target, live: &Value) -> Result<Request, Refusal> {
    let states = live.pointer("/status/containerStatuses").and_then(Value::as_array);
    let begun =
        |one: &Value| one.pointer("/state/running").is_some() || one.pointer("/state/terminated").is_some();
    if live.pointer("/status/phase") != Some(&json!("Pending"))
        || states.is_some_and(|all| all.iter().any(begun))
    {
        return Err(Refusal::new(format!("{target} has begun meanwhile")));
    }
    Ok(Request::Delete)
}

/// Returns who manages an object, as `Kind name`.
fn controller(live: &Value) -> Option<String> {
    let owners = live.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    let text = |name: &str| owner[name].as_str().unwrap_or("?").to_owned();
    Some(format!("{} {}", text("kind"), text("name")))
}

/// Returns an object to apply: with the identity of the live one, so that none is made in place of one that has gone.
fn applied(target: &Target, live: &Value, spec: &Value) -> Value {
    let mut metadata = BTreeMap::from([("name", json!(target.name))]);
    if let Some(namespace) = &target.namespace {
        metadata.insert("namespace", json!(namespace));
    }
    if let Some(uid) = live.pointer("/metadata/uid") {
        metadata.insert("uid", uid.clone());
    }
    let (version, kind) = (target.kind.api_version(), target.kind.name());
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn in_template(spec: &Value) -> Value {
    json!({"template": {"spec": spec}})
}

fn spread(selector: &Value, by_revision: bool) -> Value {
    let mut one = json!({
        "maxSkew": 1,
        "topologyKey": HOSTNAME,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
    });
    if by_revision {
        one["matchLabelKeys"] = json!(["pod-template-hash"]);
    }
    one
}

/// Returns the options of the resolver with another `ndots`: the list is one field.
fn options(live: &Value, dots: u8) -> Vec<Value> {
    let now = live.pointer("/spec/template/spec/dnsConfig/options").and_then(Value::as_array);
    let wanted = json!({"name": "ndots", "value": dots.to_string()});
    let mut options = now.cloned().unwrap_or_default();
    match options.iter_mut().find(|option| option["name"] == "ndots") {
        Some(option) => *option = wanted,
        None => options.push(wanted),
    }
    options
}

fn taint(live: &Value) -> Result<Request, Refusal> {
    let taint = json!({"key": OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"});
    let is_same_node = json!({"op": "test", "path": "/metadata/uid", "value": live.pointer("/metadata/uid")});
    let patch = match live.pointer("/spec/taints").and_then(Value::as_array) {
        Some(taints) if taints.iter().any(|one| one["key"] == OUT_OF_SERVICE) => {
            return Err(Refusal::new(format!(
                "the node has the taint {OUT_OF_SERVICE} already: its volumes are being taken off it"
            )));
        }
        Some(taints) => json!([
            is_same_node,
            {"op": "test", "path": "/spec/taints", "value": taints},
            {"op": "add", "path": "/spec/taints/-", "value": taint},
        ]),
        None => json!([is_same_node, {"op": "add", "path": "/spec/taints", "value": [taint]}]),
    };
    Ok(Request::Patch(patch))
}
