//! A manager: it sees reports when it looks, decides with the real code, and writes a little later.

use std::collections::BTreeMap;

use stanchion_ha_core::manager::{self, Memory, Outcome, Pod, Seen, View};
use stanchion_ha_core::{InstanceName, Millis, Topology};

use super::bug::Bug;
use super::world::{TICK, World};

#[derive(Clone, Debug, Default)]
pub(crate) struct Manager {
    pub(crate) frozen: bool,
    pub(crate) cut: bool,
    /// Its clock runs so many percent of the true one.
    pub(crate) rate: u64,
    pub(crate) since: Option<Millis>,
    pub(crate) memory: Memory,
    pub(crate) seen: BTreeMap<InstanceName, Seen>,
    /// A decision on its way to the store.
    pub(crate) pending: Option<(u64, i64, Topology)>,
}

impl World {
    /// One turn of a manager.
    pub(crate) fn manage(&mut self, which: usize) {
        let now = self.now;
        if self.managers[which].frozen || self.random.one_in(3) {
            return;
        }
        if self.managers[which].cut || !self.store.up {
            let manager = &mut self.managers[which];
            manager.since = None;
            manager.memory = Memory::default();
            return;
        }
        let pending = self.managers[which].pending.take();
        if let Some((at, revision, topology)) = pending {
            if now < at {
                self.managers[which].pending = Some((at, revision, topology));
            } else if self.store.swap(revision, topology.clone()) {
                self.note(&format!("manager {which}: {topology:?}"));
            }
            return;
        }
        let clock = Millis(now * TICK * self.managers[which].rate / 100);
        self.look(which, clock);
        self.decide(which, clock);
    }

    fn look(&mut self, which: usize, clock: Millis) {
        let manager = &mut self.managers[which];
        manager.since.get_or_insert(clock);
        for (name, report) in &self.store.reports {
            let known = manager.seen.get(name).map(|seen| (&seen.report.life, seen.report.number));
            if known != Some((&report.life, report.number)) {
                let seen = Seen { report: report.clone(), at: clock, wall: Millis(self.now * TICK) };
                manager.seen.insert(name.clone(), seen);
            }
        }
    }

    fn decide(&mut self, which: usize, clock: Millis) {
        let pods = self.pods();
        let manager = &mut self.managers[which];
        let (topology, revision) = (self.store.newest().clone(), self.store.revision());
        let operation = self.operation.clone();
        let view = View {
            now: clock,
            wall: Millis(self.now * TICK),
            since: manager.since.unwrap_or(clock),
            settings: &self.settings,
            topology: &topology,
            revision,
            reports: &manager.seen,
            pods: &pods,
            operation: operation.as_ref(),
        };
        let decision = manager::decide(&view, &mut manager.memory);
        if let Some(Outcome::Done(_) | Outcome::Failed(_)) = decision.operation {
            self.operation = None;
        }
        let mut next = decision.topology;
        if self.bug == Some(Bug::EarlyRemoval) {
            let silent: Vec<InstanceName> =
                topology.sync_set.iter().filter(|name| view.silence(name) > Millis(400)).cloned().collect();
            if topology.sync_set.len() > silent.len() && !silent.is_empty() {
                let early = next.get_or_insert_with(|| topology.clone());
                early.sync_set.retain(|name| !silent.contains(name));
            }
        }
        if let Some(next) = next {
            let at = self.now + self.random.below(4);
            self.managers[which].pending = Some((at, revision, next));
        }
    }

    fn pods(&self) -> BTreeMap<InstanceName, Pod> {
        let pod = |instance: &super::instance::Instance| match &instance.agent {
            Ok(_) => Pod::Running,
            Err(_) => Pod::Ended("exit code 137".to_owned()),
        };
        self.instances.iter().map(|instance| (instance.name.clone(), pod(instance))).collect()
    }
}
