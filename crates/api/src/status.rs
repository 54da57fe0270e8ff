//! What is, as the operator and the manager see it.
//!
//! Every field may be missing. Words of the manager (stages, steps, roles) are text here: a newer manager may have words
//! that an older reader does not know.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a cluster is. The manager writes `ha` and `operation`, the operator the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DatabaseClusterStatus {
    /// The generation of the spec that the operator has acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Available, Redundant, Progressing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many instances there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<InstancesSummary>,
    /// Who writes, who follows, and what a failover would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ha: Option<HaStatus>,
    /// What became of the operation that was asked for last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,
}

/// The conditions of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// Everything is as the spec says.
    Ready,
    /// Applications can write.
    Available,
    /// The loss of the primary would lose nothing and somebody would take over.
    Redundant,
    /// Something is being changed.
    Progressing,
}

impl fmt::Display for ConditionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How many instances there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstancesSummary {
    /// How many are wanted.
    pub desired: i32,
    /// How many Pods there are.
    pub pods: i32,
    /// How many Pods are ready.
    pub ready: i32,
    /// How many Pods have the newest template.
    pub updated: i32,
    /// Ready of desired, such as 2/3.
    pub summary: String,
}

/// Who writes, who follows, and what a failover would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HaStatus {
    /// The generation of the spec whose settings the manager acts on. Before it is the newest, nobody is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Who writes, or will as soon as it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// The number of the primary's time.
    #[schemars(range(min = 0))]
    pub term: i64,
    /// How far the term has come: Forming, Promoting, Serving, `HandingOver`, Fencing.
    pub stage: String,
    /// Who may acknowledge the primary's commits.
    pub sync_set: Vec<String>,
    /// Every instance that the manager counts on, or has not let go of yet.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub instances: Vec<InstanceStatus>,
    /// The change of primary that is under way, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverStatus>,
    /// What a failover would do right now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Readiness>,
}

/// One instance as the manager sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    /// Its name, which is its Pod's.
    pub name: String,
    /// What it does: Idle, Follower, Rising, Primary, `HandedOver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The last transaction that it has received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The last transaction that it has applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// How long it would take to apply what it has received, at the rate of late; not less than the next transaction to apply
    /// has been waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_milliseconds: Option<i64>,
    /// The database process: Waiting, Preparing, Starting, Running, Unresponsive, Ended, Failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// How what it holds stands to the cluster's history: Unknown, Empty, Contained, `NeedsCopy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The story of one change of primary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FailoverStatus {
    /// The term that it began.
    pub term: i64,
    /// Who was primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, and by what evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What happened when.
    pub moments: Vec<MomentStatus>,
    /// What the new primary held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// Who could not be asked, if the new primary may lack what they acknowledged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<String>,
}

/// Something that happened in a failover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MomentStatus {
    /// What.
    pub step: String,
    /// When: RFC 3339 with milliseconds.
    pub at: String,
}

/// What a failover would do right now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Readiness {
    /// Whether somebody would take over with all that was acknowledged.
    pub could: bool,
    /// Why, or why not.
    pub why: String,
    /// Who would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// Which request.
    pub id: String,
    /// What was asked for.
    pub kind: String,
    /// How far it is.
    pub state: OperationState,
    /// What it waits for, or why it failed.
    #[serde(default)]
    pub message: String,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OperationState {
    /// It is under way.
    Running,
    /// It did what was asked.
    Done,
    /// It was given up.
    Failed,
}

impl HaStatus {
    /// Returns whether the primary writes and everybody knows it.
    pub fn is_serving(&self) -> bool {
        self.primary.is_some() && self.stage.eq_ignore_ascii_case("serving")
    }

    /// Returns what the manager knows of an instance; nothing once it has let go of it.
    pub fn instance(&self, name: &str) -> Option<&InstanceStatus> {
        self.instances.iter().find(|instance| instance.name == name)
    }
}
