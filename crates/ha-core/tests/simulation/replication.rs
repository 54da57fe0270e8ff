//! Replication: what flows along the connections in one step.

use super::database::Process;
use super::world::World;

/// A step carries at most so many transactions.
const FLOW: u64 = 6;

impl World {
    /// Lets receivers connect, receive and acknowledge, and appliers apply.
    pub(crate) fn replicate(&mut self) {
        for follower in self.order() {
            self.receive(follower);
            self.apply(follower);
        }
    }

    fn receive(&mut self, follower: usize) {
        if !self.instances[follower].works() {
            return;
        }
        let Some(link) = self.instances[follower].live().and_then(|live| live.link) else { return };
        let primary = link.to;
        if self.is_cut(follower, primary) || !self.instances[primary].works() {
            return;
        }
        if !self.is_connected(primary, link.id) && !self.connect(follower, primary) {
            return;
        }
        let now = self.now;
        let known = self.instances[follower].disk.received().sequence();
        let count = usize::try_from(self.random.below(FLOW + 1)).expect("it is small");
        let source = &self.instances[primary].disk;
        let behind: Vec<_> =
            source.log.iter().filter(|one| one.sequence > known).take(count).copied().collect();
        // A primary that holds less than its follower, or something else at the same place, stops replication.
        let last = self.instances[follower].disk.received();
        let fits = last.0.is_none_or(|gtid| {
            source.log.iter().any(|one| one.sequence == gtid.sequence && one.server == gtid.server)
        });
        if !fits {
            self.instances[follower].disk.needs_copy = true;
            return;
        }
        let Process::Up(live) = &mut self.instances[follower].process else { return };
        let acknowledging = live.link.as_ref().is_some_and(|link| link.acknowledging);
        if let Some(link) = &mut live.link {
            link.heard = now;
        }
        self.instances[follower].disk.relay.extend(behind);
        let held = self.instances[follower].disk.received().sequence();
        // The acknowledgement may get lost on its way; a later one covers it.
        if acknowledging && !self.random.one_in(4) {
            self.acknowledge(primary, link.id, held);
        }
    }

    fn is_connected(&self, primary: usize, id: u64) -> bool {
        self.instances[primary].live().is_some_and(|live| live.dumps.iter().any(|(dump, ..)| *dump == id))
    }

    /// Connects anew, unless the primary refuses.
    fn connect(&mut self, follower: usize, primary: usize) -> bool {
        let name = self.instances[follower].name.clone();
        if self.instances[primary].disk.barred.contains(&name) {
            return false;
        }
        self.links += 1;
        let id = self.links;
        let Some(live) = self.instances[follower].process.live_mut() else { return false };
        let Some(link) = &mut live.link else { return false };
        link.id = id;
        let acknowledging = link.acknowledging;
        let Some(source) = self.instances[primary].process.live_mut() else { return false };
        source.dumps.retain(|(_, of, _)| *of != follower);
        source.dumps.push((id, follower, acknowledging));
        true
    }

    /// Commits what waited for an acknowledgement of `sequence`.
    fn acknowledge(&mut self, primary: usize, id: u64, sequence: u64) {
        let instance = &mut self.instances[primary];
        let Process::Up(live) = &mut instance.process else { return };
        let counts = live.dumps.iter().any(|(dump, _, acknowledging)| *dump == id && *acknowledging);
        if !counts {
            return;
        }
        let log = &instance.disk.log;
        let (done, waiting) =
            live.waiting.iter().partition::<Vec<_>, _>(|(index, _)| log[*index].sequence <= sequence);
        live.waiting = waiting;
        for (index, _) in done {
            instance.disk.committed = instance.disk.committed.max(index + 1);
            let write = instance.disk.log[index].write;
            self.acknowledged.push((write, primary));
        }
    }

    fn apply(&mut self, follower: usize) {
        if !self.instances[follower].works() {
            return;
        }
        let count = usize::try_from(self.random.below(FLOW)).expect("it is small");
        let disk = &mut self.instances[follower].disk;
        let count = count.min(disk.relay.len());
        disk.log.extend(disk.relay.drain(..count));
        let writable = self.instances[follower].live().is_some_and(|live| live.writable.is_some());
        if !writable {
            let disk = &mut self.instances[follower].disk;
            disk.committed = disk.log.len();
        }
    }
}
