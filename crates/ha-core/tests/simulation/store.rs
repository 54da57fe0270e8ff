//! The store: linearizable while it is reached. Topologies of the past are kept, for watches that lag.

use std::collections::BTreeMap;

use stanchion_ha_core::{InstanceName, Report, Topology};

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) up: bool,
    topologies: Vec<(i64, Topology)>,
    pub(crate) reports: BTreeMap<InstanceName, Report>,
    revision: i64,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { up: true, topologies: vec![(1, Topology::forming())], reports: BTreeMap::new(), revision: 1 }
    }

    pub(crate) fn newest(&self) -> &Topology {
        &self.topologies.last().expect("there is always one").1
    }

    pub(crate) fn revision(&self) -> i64 {
        self.topologies.last().expect("there is always one").0
    }

    /// The topologies behind a revision.
    pub(crate) fn behind(&self, revision: i64) -> &[(i64, Topology)] {
        let from = self.topologies.partition_point(|(at, _)| *at <= revision);
        &self.topologies[from..]
    }

    pub(crate) fn all(&self) -> &[(i64, Topology)] {
        &self.topologies
    }

    /// Writes if nobody else has since `revision`.
    pub(crate) fn swap(&mut self, revision: i64, topology: Topology) -> bool {
        if self.revision() != revision {
            return false;
        }
        self.revision += 1;
        self.topologies.push((self.revision, topology));
        true
    }

    pub(crate) fn report(&mut self, name: &InstanceName, report: Report) {
        self.revision += 1;
        self.reports.insert(name.clone(), report);
    }
}
