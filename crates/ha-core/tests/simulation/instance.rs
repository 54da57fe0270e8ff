//! An instance: Pod, agent, database.

use stanchion_ha_core::{InstanceName, ServerId, Term, Topology};

use super::database::{Disk, Live, Process, Transaction};

/// The memory of an agent's life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agent {
    pub(crate) life: u64,
    pub(crate) number: u64,
    /// The topology it acts on, and its revision.
    pub(crate) known: Option<(i64, Topology)>,
    pub(crate) fenced: Term,
    pub(crate) copying: Option<u64>,
    /// It is to end by then, and has told so.
    pub(crate) leaving: Option<u64>,
    pub(crate) told_leaving: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) name: InstanceName,
    pub(crate) server: ServerId,
    pub(crate) disk: Disk,
    pub(crate) process: Process,
    /// None while the Pod does not run, with the time at which it will again.
    pub(crate) agent: Result<Agent, u64>,
    /// The whole Pod is stopped.
    pub(crate) frozen: bool,
    /// The database alone is stopped.
    pub(crate) hung: bool,
    pub(crate) hung_since: u64,
}

impl Instance {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            name: InstanceName::new(&format!("db-{number}")).expect("it is a name"),
            server: ServerId(number + 1),
            disk: Disk::default(),
            process: Process::Down { how: "it was never started".to_owned(), since: 0 },
            agent: Ok(Agent { life: 1, ..Agent::default() }),
            frozen: false,
            hung: false,
            hung_since: 0,
        }
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let Disk { log, committed, relay, wrote, barred, uncertain, needs_copy, .. } = &self.disk;
        format!(
            "{}: {} logged, {committed} committed, {} in the relay log, last {}, wrote {wrote}, uncertain {uncertain}, needs copy {needs_copy}, barred {barred:?}, {:?}, {:?}",
            self.name,
            log.len(),
            relay.len(),
            self.disk.applied(),
            self.process,
            self.agent.as_ref().map(|agent| agent.fenced)
        )
    }

    /// Whether the database does anything at all.
    pub(crate) fn works(&self) -> bool {
        !self.frozen && !self.hung && self.process.live().is_some() && self.agent.is_ok()
    }

    pub(crate) fn live(&self) -> Option<&Live> {
        self.process.live()
    }

    /// Ends the database at once. Some commits had not reached the engine's log; the binary log has them.
    pub(crate) fn kill_database(&mut self, now: u64, how: &str, unflushed: usize) {
        if self.process.live().is_some() || matches!(self.process, Process::Starting { .. }) {
            let writable = self.process.live().is_some_and(|live| live.writable.is_some());
            if writable {
                self.disk.committed -= unflushed.min(self.disk.committed);
            }
            self.process = Process::Down { how: how.to_owned(), since: now };
        }
        self.hung = false;
    }

    /// Writes one transaction and says at which index of the log it stands.
    pub(crate) fn write(&mut self, write: u64) -> usize {
        let term =
            self.live().and_then(|live| live.writable).expect("the caller has seen that it is writable");
        let sequence = self.disk.applied().sequence() + 1;
        self.disk.log.push(Transaction { server: ServerId::of_term(term), sequence, write });
        self.disk.log.len() - 1
    }
}
