//! Rules for many: budgets of disruption, priorities, quotas; and the releases of Helm.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::labels::LabelSelector;
use super::meta::{Condition, Meta};

/// A PodDisruptionBudget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it asks for.
    pub spec: BudgetSpec,
    /// What it allows now.
    pub status: BudgetStatus,
}

/// What a budget asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetSpec {
    /// Which Pods; none if nothing is said.
    pub selector: Option<LabelSelector>,
    /// How many must stay.
    pub min_available: Option<CountOrShare>,
    /// How many may be away.
    pub max_unavailable: Option<CountOrShare>,
    /// `IfHealthyBudget` (the default) or `AlwaysAllow`.
    pub unhealthy_pod_eviction_policy: Option<String>,
}

/// A number, or a share in per cent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum CountOrShare {
    /// So many.
    Count(i64),
    /// So many of a hundred, as `25%`.
    Share(String),
}

/// What a budget allows now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BudgetStatus {
    /// The generation this is about.
    pub observed_generation: i64,
    /// How many may be taken away.
    pub disruptions_allowed: i64,
    /// How many are well.
    pub current_healthy: i64,
    /// How many must be.
    pub desired_healthy: i64,
    /// How many there are to be.
    pub expected_pods: i64,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

/// A PriorityClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityClass {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// How much Pods of it matter.
    pub value: i32,
    /// Whether it is that of Pods that name none.
    pub global_default: bool,
    /// `Never`, or `PreemptLowerPriority`.
    pub preemption_policy: Option<String>,
}

/// A ResourceQuota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// Its metadata.
    #[serde(rename = "metadata")]
    pub meta: Meta,
    /// What it allows.
    pub spec: QuotaSpec,
}

/// What a quota allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QuotaSpec {
    /// The most of each resource, as it was written.
    pub hard: BTreeMap<String, String>,
    /// What it counts.
    pub scope_selector: Scopes,
    /// What it counts, in the old form.
    pub scopes: Vec<String>,
}

/// What a quota counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scopes {
    /// All of these hold of a Pod that is counted.
    pub match_expressions: Vec<Scope>,
}

/// Something that holds of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scope {
    /// `PriorityClass`, `BestEffort` …
    #[serde(rename = "scopeName")]
    pub name: String,
    /// `In`, `Exists` …
    pub operator: String,
    /// The names of classes.
    pub values: Vec<String>,
}

/// A revision of a release of Helm: the metadata of the Secret that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Release {
    /// Its metadata, whose labels say what it is.
    #[serde(rename = "metadata")]
    pub meta: Meta,
}

impl Release {
    /// Returns the name of the release.
    pub fn name(&self) -> Option<&str> {
        self.meta.labels.get("name").map(String::as_str)
    }

    /// Returns its state: `deployed`, `superseded`, `pending-upgrade`, `failed` …
    pub fn status(&self) -> Option<&str> {
        self.meta.labels.get("status").map(String::as_str)
    }

    /// Returns its number.
    pub fn revision(&self) -> Option<u32> {
        self.meta.labels.get("version")?.parse().ok()
    }
}
