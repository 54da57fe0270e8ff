//! A cluster's spec, understood: text parsed once, everything in its range.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as QuantityText;
use kube::ResourceExt;
use stanchion_ha_core::{ClusterName, InstanceName, NameError, ServerId};
use stanchion_machinery::quantity::Quantity;
use thiserror::Error;

use crate::duration::{DurationError, DurationText};
use crate::names;
use crate::parameters::{ParameterError, check_parameter};
use crate::spec::{
    DataLoss, DatabaseCluster, DatabaseSpec, DeletionPolicy, EngineSpec, FailoverSpec, PlacementSpec,
    StorageSpec,
};

/// A cluster whose spec makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidCluster {
    /// Which cluster.
    pub name: ClusterName,
    /// The object's uid: who owns what is made for it.
    pub uid: String,
    /// The generation of the spec.
    pub generation: i64,
    /// The image of the database.
    pub image: String,
    /// The version of the database.
    pub version: String,
    /// Options of the server.
    pub parameters: BTreeMap<String, String>,
    /// The instances, in the order of their ordinals from 0 up.
    pub members: Vec<(InstanceName, ServerId)>,
    /// The volume of each.
    pub storage: ValidStorage,
    /// Processor time and memory of each.
    pub resources: ResourceRequirements,
    /// When another instance takes over.
    pub failover: ValidFailover,
    /// On which nodes instances run.
    pub placement: PlacementSpec,
    /// Whether everything is left as it is.
    pub paused: bool,
    /// What happens to volumes that nobody uses any more.
    pub deletion_policy: DeletionPolicy,
    /// What applications use.
    pub database: ValidDatabase,
    /// How long an instance may take to end in order.
    pub termination_grace_period: Duration,
}

/// The volume of each instance.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidStorage {
    /// Its size, as a quantity that can be read.
    pub size: QuantityText,
    /// Its class; without it the default one.
    pub class: Option<String>,
}

/// When another instance takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidFailover {
    /// How often agents report.
    pub heartbeat_interval: Duration,
    /// So many reports may be missing.
    pub missed_heartbeats: u32,
    /// What to do when who may have acknowledged writes cannot be asked.
    pub data_loss: DataLoss,
    /// How far behind replicas may apply; zero for any distance.
    pub max_apply_lag: Duration,
    /// Who is promoted if several hold the same.
    pub preferred: Option<InstanceName>,
    /// How long a planned change of primary may take.
    pub switchover_deadline: Duration,
}

/// What applications use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidDatabase {
    /// The database.
    pub name: String,
    /// The account.
    pub user: String,
}

/// One thing that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// The cluster's name does not do.
    #[error("metadata.name: {0}")]
    Name(#[source] NameError),
    /// The cluster's name is too long for what is named after it.
    #[error(
        "metadata.name: it has more than {} characters, and Services are named after it",
        names::LONGEST_CLUSTER
    )]
    LongName,
    /// An option cannot be set.
    #[error("spec.engine.parameters: {0}")]
    Parameter(#[source] ParameterError),
    /// A number is out of its range.
    #[error("spec.{field}: {value} is not within {least} and {most}")]
    Range {
        /// Which field of the spec.
        field: &'static str,
        /// What was given.
        value: i64,
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A length of time cannot be read.
    #[error("spec.failover.{field}: {source}")]
    Duration {
        /// Which field.
        field: &'static str,
        /// Why.
        source: DurationError,
    },
    /// A length of time is out of its range.
    #[error("spec.failover.{field}: it must be within {least:?} and {most:?}")]
    DurationRange {
        /// Which field.
        field: &'static str,
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// The size of volumes is none.
    #[error("spec.storage.size: {size:?} is no size of a volume; write it like 10Gi")]
    Size {
        /// What was given.
        size: String,
    },
    /// The preferred instance is none of the cluster's.
    #[error("spec.failover.preferredInstance: the cluster has no instance {instance:?}")]
    Preferred {
        /// What was given.
        instance: String,
    },
    /// A name of the database or its account does not do.
    #[error("spec.database.{field}: {value:?} cannot be used")]
    Database {
        /// Which field.
        field: &'static str,
        /// What was given.
        value: String,
    },
    /// The version is not supported.
    #[error("spec.engine.version: {version:?} is not supported; 10.11 is")]
    Version {
        /// What was given.
        version: String,
    },
}

/// A spec that makes no sense: all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the spec cannot be acted on: {}", self.text())]
pub struct Invalid {
    /// What is wrong; at least one.
    pub problems: Vec<Problem>,
}

impl Invalid {
    fn text(&self) -> String {
        let texts: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        texts.join("; ")
    }
}

/// Understands a cluster, or says all that is wrong with it.
pub fn validate(object: &DatabaseCluster) -> Result<ValidCluster, Invalid> {
    let mut problems = Vec::new();
    let namespace = object.namespace().unwrap_or_default();
    let own = object.name_any();
    if own.len() > names::LONGEST_CLUSTER {
        problems.push(Problem::LongName);
    }
    let name = ClusterName::new(&namespace, &own).map_err(Problem::Name);
    let name = name.map_err(|problem| problems.push(problem)).ok();
    let spec = &object.spec;
    let count = ranged(&mut problems, "instances", spec.instances.into(), 1, names::MOST_INSTANCES.into());
    let members = members(&own, u32::try_from(count).unwrap_or(1));
    let grace = ranged(
        &mut problems,
        "terminationGracePeriodSeconds",
        spec.termination_grace_period_seconds,
        10,
        3600,
    );
    let failover = failover(&mut problems, &spec.failover, &members);
    engine(&mut problems, &spec.engine);
    let storage = storage(&mut problems, &spec.storage);
    let database = database(&mut problems, &spec.database);
    let Some(name) = name.filter(|_| problems.is_empty()) else { return Err(Invalid { problems }) };
    let engine = &spec.engine;
    Ok(ValidCluster {
        name,
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        image: engine.image.clone().unwrap_or_else(|| format!("mariadb:{}", engine.version)),
        version: engine.version.clone(),
        parameters: engine.parameters.clone(),
        members,
        storage,
        resources: spec.resources.clone(),
        failover,
        placement: spec.placement.clone(),
        paused: spec.paused,
        deletion_policy: spec.deletion_policy,
        database,
        termination_grace_period: Duration::from_secs(grace.unsigned_abs()),
    })
}

/// Names the instances; names that cannot be are those of a cluster whose name was refused.
fn members(cluster: &str, count: u32) -> Vec<(InstanceName, ServerId)> {
    let named = (0..count.min(names::MOST_INSTANCES))
        .map(|it| Some((names::instance(cluster, it).ok()?, names::server(it))));
    named.flatten().collect()
}

fn ranged(problems: &mut Vec<Problem>, field: &'static str, value: i64, least: i64, most: i64) -> i64 {
    if !(least..=most).contains(&value) {
        problems.push(Problem::Range { field, value, least, most });
    }
    value.clamp(least, most)
}

fn engine(problems: &mut Vec<Problem>, engine: &EngineSpec) {
    let patch = engine.version.strip_prefix("10.11");
    let is_known = patch.is_some_and(|patch| {
        patch.is_empty() || patch.strip_prefix('.').is_some_and(|patch| patch.parse::<u16>().is_ok())
    });
    if !is_known {
        problems.push(Problem::Version { version: engine.version.clone() });
    }
    let checked = engine.parameters.iter().filter_map(|(name, value)| check_parameter(name, value).err());
    problems.extend(checked.map(Problem::Parameter));
}

fn failover(
    problems: &mut Vec<Problem>,
    spec: &FailoverSpec,
    members: &[(InstanceName, ServerId)],
) -> ValidFailover {
    let missed = ranged(problems, "failover.missedHeartbeats", spec.missed_heartbeats.into(), 2, 100);
    let preferred = spec.preferred_instance.as_ref().and_then(|wanted| {
        let found = members.iter().find(|(name, _)| name.as_str() == wanted).map(|(name, _)| name.clone());
        if found.is_none() {
            problems.push(Problem::Preferred { instance: wanted.clone() });
        }
        found
    });
    let seconds = Duration::from_secs;
    let mut read = |field, text, least, most| duration(problems, field, text, least, most);
    ValidFailover {
        heartbeat_interval: read(
            "heartbeatInterval",
            &spec.heartbeat_interval,
            Duration::from_millis(100),
            seconds(60),
        ),
        missed_heartbeats: u32::try_from(missed).unwrap_or(2),
        data_loss: spec.data_loss,
        max_apply_lag: read("maxApplyLag", &spec.max_apply_lag, Duration::ZERO, seconds(3600)),
        preferred,
        switchover_deadline: read("switchoverDeadline", &spec.switchover_deadline, seconds(1), seconds(600)),
    }
}

fn duration(
    problems: &mut Vec<Problem>,
    field: &'static str,
    text: &DurationText,
    least: Duration,
    most: Duration,
) -> Duration {
    match text.parse() {
        Ok(duration) if (least..=most).contains(&duration) => duration,
        Ok(_) => {
            problems.push(Problem::DurationRange { field, least, most });
            least
        }
        Err(source) => {
            problems.push(Problem::Duration { field, source });
            least
        }
    }
}

fn storage(problems: &mut Vec<Problem>, spec: &StorageSpec) -> ValidStorage {
    if !Quantity::parse(&spec.size).is_ok_and(|size| size > Quantity::ZERO) {
        problems.push(Problem::Size { size: spec.size.clone() });
    }
    ValidStorage { size: QuantityText(spec.size.clone()), class: spec.storage_class_name.clone() }
}

fn database(problems: &mut Vec<Problem>, spec: &DatabaseSpec) -> ValidDatabase {
    let is_name = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    let own = ["mysql", "information_schema", "performance_schema", "sys"];
    if !is_name(&spec.name, 64) || own.contains(&spec.name.to_ascii_lowercase().as_str()) {
        problems.push(Problem::Database { field: "name", value: spec.name.clone() });
    }
    let own = ["root", "mysql", "mariadb", "PUBLIC"];
    if !is_name(&spec.user, 32) || own.contains(&spec.user.as_str()) || spec.user.starts_with("replication_")
    {
        problems.push(Problem::Database { field: "user", value: spec.user.clone() });
    }
    ValidDatabase { name: spec.name.clone(), user: spec.user.clone() }
}

#[cfg(test)]
mod tests;
