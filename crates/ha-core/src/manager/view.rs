//! What a manager knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::millis::Millis;
use crate::name::InstanceName;
use crate::report::{Report, Role, Standing};
use crate::settings::Settings;
use crate::topology::{Stage, Topology};

/// Everything that a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Now, on a clock that only goes forward.
    pub now: Millis,
    /// Now, since the Unix epoch: for what people read, never for a decision about life and death.
    pub wall: Millis,
    /// Since when the store has been followed without a break. Silence before that says nothing.
    pub since: Millis,
    /// What people decided.
    pub settings: &'a Settings,
    /// What was wanted until now.
    pub topology: &'a Topology,
    /// The revision at which that was written.
    pub revision: i64,
    /// The newest report of each instance.
    pub reports: &'a BTreeMap<InstanceName, Seen>,
    /// What the Kubernetes API says of each instance's Pod. None is there for a Pod of which nothing is known.
    pub pods: &'a BTreeMap<InstanceName, Pod>,
    /// What a person asked for and is not finished.
    pub operation: Option<&'a Operation>,
}

/// A report, and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The report.
    pub report: Report,
    /// When it came, on the manager's clock.
    pub at: Millis,
    /// When it came, since the Unix epoch.
    pub wall: Millis,
}

/// What the Kubernetes API says of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pod {
    /// Its container runs, as far as the node has told.
    Running,
    /// Its container has not started yet, or the Pod is on its way out and still runs.
    Other(String),
    /// Its container has ended, it has failed, or it is gone.
    Ended(String),
}

/// Something that a person asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// Its id; one id is carried out once.
    pub id: String,
    /// What.
    pub kind: OperationKind,
    /// Who shall be primary; anybody who can, if nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<InstanceName>,
    /// Until when, since the Unix epoch.
    pub until: Millis,
    /// Whether writes may be lost that were acknowledged by somebody who cannot be asked.
    #[serde(default)]
    pub allow_data_loss: bool,
}

/// The kinds of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    /// An orderly change of primary, taken back if it does not succeed in time.
    Switchover,
    /// A change of primary without the help of the old one.
    Failover,
}

/// What a manager remembers between decisions. Nothing in it is needed for safety: a new manager begins with none.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    unhealthy: BTreeMap<InstanceName, Millis>,
    stage: Option<(Stage, Millis)>,
}

impl Memory {
    /// Takes in what is seen now.
    pub(super) fn note(&mut self, view: &View<'_>) {
        let stage = &view.topology.stage;
        if self.stage.as_ref().is_none_or(|(noted, _)| noted != stage) {
            self.stage = Some((stage.clone(), view.now));
            // What was asked of an instance before says nothing about how it does what is asked now.
            self.unhealthy.clear();
        }
        for name in view.settings.members.keys() {
            if view.is_healthy_follower(name) {
                self.unhealthy.remove(name);
            } else {
                self.unhealthy.entry(name.clone()).or_insert(view.now);
            }
        }
    }

    /// Returns for how long the stage has been what it is.
    pub(super) fn in_stage(&self, view: &View<'_>) -> Millis {
        self.stage.as_ref().map_or(Millis(0), |(_, at)| view.now.since(*at))
    }

    /// Returns for how long an instance has not been a healthy follower.
    pub(super) fn unhealthy_for(&self, view: &View<'_>, name: &InstanceName) -> Millis {
        self.unhealthy.get(name).map_or(Millis(0), |at| view.now.since(*at))
    }
}

impl<'a> View<'a> {
    /// Returns the newest report of an instance.
    pub fn report(&self, name: &InstanceName) -> Option<&'a Report> {
        self.reports.get(name).map(|seen| &seen.report)
    }

    /// Returns for how long an instance has been silent, as far as this manager can know.
    pub fn silence(&self, name: &InstanceName) -> Millis {
        let last = self.reports.get(name).map_or(self.since, |seen| seen.at.max(self.since));
        self.now.since(last)
    }

    /// Returns whether an instance has been silent for too long.
    pub fn is_silent(&self, name: &InstanceName) -> bool {
        self.silence(name) >= self.settings.patience()
    }

    /// Returns the report of an instance that has one and is not silent.
    pub fn fresh(&self, name: &InstanceName) -> Option<&'a Report> {
        if self.is_silent(name) { None } else { self.report(name) }
    }

    /// Returns whether an instance has confirmed the fence of this term, and what it says to hold is all it acknowledged.
    pub(super) fn has_confirmed(&self, name: &InstanceName) -> Option<&'a Report> {
        self.report(name).filter(|report| {
            report.fenced >= self.topology.term
                && !report.uncertain
                && report.is_running()
                && matches!(report.standing, Standing::Contained | Standing::Empty)
        })
    }

    /// Returns whether an instance follows this term's primary without trouble.
    pub fn is_healthy_follower(&self, name: &InstanceName) -> bool {
        let Some(report) = self.fresh(name) else { return false };
        let follows = matches!(
            &report.role,
            Role::Follower { term, receiving: true, trouble: None, .. } if *term == self.topology.term
        );
        follows
            && report.is_running()
            && !report.leaving
            && matches!(report.standing, Standing::Contained | Standing::Empty)
    }

    /// Returns whether an instance still belongs to the cluster.
    pub(super) fn is_member(&self, name: &InstanceName) -> bool {
        self.settings.members.contains_key(name)
    }

    /// Returns whether an instance acts on the topology as it is now.
    pub(super) fn has_seen(&self, report: &Report) -> bool {
        report.seen >= self.revision
    }
}
