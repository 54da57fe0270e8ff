//! What must hold after every step.

use stanchion_ha_core::Stage;

use super::world::World;

impl World {
    pub(crate) fn check(&mut self) -> Result<(), String> {
        self.invariant_one_writable_in_the_newest_term()?;
        self.invariant_primary_holds_what_was_acknowledged()
    }

    fn invariant_one_writable_in_the_newest_term(&self) -> Result<(), String> {
        let newest = self.store.newest().term;
        let writable: Vec<&str> = self
            .instances
            .iter()
            .filter(|instance| instance.live().is_some_and(|live| live.writable == Some(newest)))
            .map(|instance| instance.name.as_str())
            .collect();
        if writable.len() > 1 {
            return Err(format!("invariant: {} are writable in term {newest}", writable.join(" and ")));
        }
        Ok(())
    }

    /// Looks at each acknowledgement when it comes, and at all of them when a primary becomes writable.
    fn invariant_primary_holds_what_was_acknowledged(&mut self) -> Result<(), String> {
        let newest = self.store.newest().term;
        let primary = self
            .instances
            .iter()
            .position(|instance| instance.live().is_some_and(|live| live.writable == Some(newest)));
        let Some(primary) = primary else { return Ok(()) };
        let from = if self.checked_term == newest { self.checked } else { 0 };
        let lost =
            self.acknowledged[from..].iter().find(|(write, _)| !self.instances[primary].disk.holds(*write));
        if let Some((write, by)) = lost {
            return Err(format!(
                "invariant: write {write}, acknowledged by {}, is not in {}, the primary of term {newest}",
                self.instances[*by].name, self.instances[primary].name
            ));
        }
        self.checked = self.acknowledged.len();
        self.checked_term = newest;
        Ok(())
    }

    /// Whether the world has come to rest: a primary that everybody follows, and equal logs.
    pub(crate) fn rests(&self) -> Result<(), String> {
        let topology = self.store.newest();
        let Stage::Serving { primary } = &topology.stage else {
            return Err(format!("no primary: {:?}", topology.stage));
        };
        let primary = self.number(primary.as_str());
        for (number, instance) in self.instances.iter().enumerate() {
            if number == primary || !self.settings.members.contains_key(&instance.name) {
                continue;
            }
            if !topology.sync_set.contains(&instance.name) || topology.barred.contains(&instance.name) {
                return Err(format!("{} has not joined: {instance:?}", instance.name));
            }
            if instance.disk.log != self.instances[primary].disk.log {
                let (own, other) = (&instance.disk.log, &self.instances[primary].disk.log);
                let first = own.iter().zip(other).find(|(own, other)| own != other);
                return Err(format!("{} differs from the primary: {first:?}", instance.name));
            }
        }
        Ok(())
    }
}
