//! Moving Pods from old sets to the new one, within the leeway that the strategy leaves.

use super::rollout::{Rollout, Set};

impl Rollout<'_> {
    /// Takes a step of a rolling update: up if there is room, else down. The Pods of old sets that are not available
    /// go first, as nobody misses them.
    pub(super) fn roll(&mut self) {
        self.sync_new(true);
        if !self.grow_new() && !self.shrink_old() && self.is_complete() {
            self.clean_up();
        }
    }

    /// Takes a step of an update without overlap: `running` says whether Pods of other sets may still run.
    pub(super) fn recreate(&mut self, running: impl Fn(Option<&Set>) -> bool) {
        self.sync_new(false);
        let (replicas, surge) = (self.replicas(), self.max_surge());
        let mut shrunk = false;
        for set in self.old.iter_mut().filter(|set| set.replicas() != 0) {
            Self::resize(set, 0, replicas, surge);
            shrunk = true;
        }
        if shrunk || running(self.new.as_ref()) {
            return;
        }
        self.sync_new(true);
        self.grow_new();
        if self.is_complete() {
            self.clean_up();
        }
    }

    /// Returns how large the new set may be now.
    pub(super) fn new_size(&self) -> i32 {
        let replicas = self.replicas();
        let size = self.new.as_ref().map_or(0, Set::replicas);
        if self.recreates() {
            return replicas;
        }
        let room = (replicas + self.max_surge() - self.total()).max(0);
        if room == 0 { size } else { size + room.min(replicas - size) }
    }

    /// Gives the new set the size it may have. Returns whether that is another one.
    fn grow_new(&mut self) -> bool {
        let (replicas, surge) = (self.replicas(), self.max_surge());
        let Some(size) = self.new.as_ref().map(Set::replicas) else { return false };
        let wanted = if size > replicas { replicas } else { self.new_size() };
        if let Some(set) = self.new.as_mut().filter(|_| wanted != size) {
            Self::resize(set, wanted, replicas, surge);
        }
        wanted != size
    }

    /// Takes Pods from old sets. Returns whether any were.
    fn shrink_old(&mut self) -> bool {
        if self.old.iter().all(|set| set.replicas() == 0) {
            return false;
        }
        let new = self.new.as_ref();
        let missing = new.map_or(0, |set| set.replicas() - set.available());
        let least = self.replicas() - self.max_unavailable();
        let mut spare = self.total() - least - missing;
        if spare <= 0 {
            return false;
        }
        let unavailable = |set: &Set| set.replicas() - set.available();
        let cleaned = self.take(&mut spare, unavailable);
        let available: i32 = self.all().map(Set::available).sum();
        let mut spare = available - least;
        let taken = self.take(&mut spare, Set::replicas);
        cleaned || taken
    }

    /// Takes up to `spare` Pods from old sets, the oldest first, of each what `amount` says.
    fn take(&mut self, spare: &mut i32, amount: impl Fn(&Set) -> i32) -> bool {
        let (replicas, surge) = (self.replicas(), self.max_surge());
        let before = *spare;
        for set in self.old.iter_mut().filter(|set| set.replicas() > 0) {
            let taken = amount(set).min(*spare);
            if taken > 0 {
                *spare -= taken;
                let size = set.replicas() - taken;
                Self::resize(set, size, replicas, surge);
            }
        }
        *spare != before
    }

    /// Marks the oldest sets that are empty and beyond the history limit.
    pub(super) fn clean_up(&mut self) {
        let Some(limit) = self.spec.revision_history_limit.filter(|limit| *limit != i32::MAX) else { return };
        let mut cleanable: Vec<&mut Set> =
            self.old.iter_mut().filter(|set| set.object.metadata.deletion_timestamp.is_none()).collect();
        let surplus = cleanable.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        cleanable.sort_by_key(|set| set.revision());
        for set in cleanable.into_iter().take(surplus) {
            let status = set.status();
            let seen = status.and_then(|status| status.observed_generation) >= set.object.metadata.generation;
            set.delete = seen && set.replicas() == 0 && status.is_none_or(|status| status.replicas == 0);
        }
    }
}
