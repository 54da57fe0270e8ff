//! What goes wrong.

use stanchion_ha_core::manager::{Operation, OperationKind};
use stanchion_ha_core::{MemberSettings, Millis, Stage};

use super::world::{TICK, World};

impl World {
    /// Maybe breaks something, maybe mends something.
    pub(crate) fn misfortune(&mut self) {
        if self.random.one_in(self.plan.every) {
            self.break_something();
        }
        if self.random.one_in(self.plan.every) {
            self.mend_something();
        }
    }

    fn break_something(&mut self) {
        let who = self.random.index(self.instances.len());
        let kind = self.random.below(15);
        self.note(&format!("fault {kind} at {who}"));
        let now = self.now;
        match kind {
            0 | 1 => self.crash_database(who),
            2 => {
                self.crash_database(who);
                let back = now + 10 + self.random.below(300);
                self.instances[who].agent = Err(back);
                self.instances[who].frozen = false;
            }
            3 => self.instances[who].frozen = true,
            4 => {
                self.instances[who].hung = self.instances[who].live().is_some();
                self.instances[who].hung_since = now;
            }
            5 => self.store.up = false,
            6 => self.store_cuts[who] = true,
            7 | 8 => {
                let other = self.random.index(self.instances.len());
                self.cuts.insert((who.min(other), who.max(other)));
            }
            9 => {
                let which = self.random.index(self.managers.len());
                self.managers[which].frozen = true;
            }
            10 => {
                let which = self.random.index(self.managers.len());
                self.managers[which].cut = true;
            }
            11 => {
                // The death of a manager: the next one begins with nothing but a decision that may be on its way.
                let which = self.random.index(self.managers.len());
                let rate = 90 + self.random.below(21);
                self.managers[which] = super::manager::Manager { rate, ..Default::default() };
            }
            12 => self.spoil(who),
            13 => self.leave(who),
            _ => self.ask(who),
        }
    }

    /// An instance is to end in an orderly way: a primary hands over first, if it can in time.
    fn leave(&mut self, who: usize) {
        let until = self.now + 20 + self.random.below(200);
        if let Ok(agent) = &mut self.instances[who].agent {
            agent.leaving.get_or_insert(until);
        }
    }

    /// The data of a replica are found to be of no use, while there is a primary that has everything.
    fn spoil(&mut self, who: usize) {
        let serves = matches!(
            &self.store.newest().stage, Stage::Serving { primary } if *primary != self.instances[who].name
        );
        let follows = serves && self.instances[who].live().is_some_and(|live| live.link.is_some());
        let disk = &mut self.instances[who].disk;
        disk.needs_copy |= follows;
    }

    /// Somebody asks for another primary.
    fn ask(&mut self, who: usize) {
        if self.operation.is_none() {
            let to = (!self.random.one_in(3)).then(|| self.instances[who].name.clone());
            let kind =
                if self.random.one_in(4) { OperationKind::Failover } else { OperationKind::Switchover };
            self.lives += 1;
            let until = Millis((self.now + 300) * TICK);
            self.operation =
                Some(Operation { id: self.lives.to_string(), kind, to, until, allow_data_loss: false });
        }
    }

    /// A crash of the database. What a replica received and did not apply may be damaged.
    pub(crate) fn crash_database(&mut self, who: usize) {
        let follower = self.instances[who].live().is_some_and(|live| live.link.is_some());
        self.kill(who, "signal 9");
        if follower && self.random.one_in(3) {
            let disk = &mut self.instances[who].disk;
            let kept = if disk.relay.is_empty() { 0 } else { self.random.index(disk.relay.len()) };
            self.instances[who].disk.relay.truncate(kept);
            self.instances[who].disk.uncertain = true;
            self.instances[who].disk.uncertain_since = self.now;
            self.instances[who].disk.target = None;
        }
    }

    fn mend_something(&mut self) {
        let who = self.random.index(self.instances.len());
        match self.random.below(7) {
            0 => self.thaw(who),
            1 => self.instances[who].hung = false,
            2 | 3 => self.store.up = true,
            4 => self.store_cuts[who] = false,
            5 => self.cuts.clear(),
            _ => {
                for manager in &mut self.managers {
                    manager.frozen = false;
                    manager.cut = false;
                }
            }
        }
    }

    fn thaw(&mut self, who: usize) {
        self.instances[who].frozen = false;
    }

    /// Ends all trouble.
    pub(crate) fn calm(&mut self) {
        self.note("calm");
        self.store.up = true;
        self.cuts.clear();
        self.operation = None;
        for who in 0..self.instances.len() {
            self.store_cuts[who] = false;
            self.instances[who].hung = false;
            self.thaw(who);
        }
        for manager in &mut self.managers {
            manager.frozen = false;
            manager.cut = false;
        }
    }

    /// Changes how many instances belong.
    pub(crate) fn scale(&mut self, members: usize) {
        self.note(&format!("scale to {members}"));
        let member = |instance: &super::instance::Instance| {
            (instance.name.clone(), MemberSettings { server: instance.server })
        };
        self.settings.members = self.instances.iter().take(members).map(member).collect();
    }
}
