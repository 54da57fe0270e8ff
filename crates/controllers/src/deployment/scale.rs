//! Another number of Pods in the middle of a rollout: every set gets its share.

use super::rollout::{DESIRED_REPLICAS, MAX_REPLICAS, Rollout, Set};

impl Rollout<'_> {
    /// Returns whether another number of Pods is asked for than when the sets were last sized.
    pub(super) fn is_resized(&self) -> bool {
        let desired = |set: &Set| set.annotation(DESIRED_REPLICAS).and_then(|text| text.parse::<i32>().ok());
        let mut active = self.all().filter(|set| set.replicas() > 0);
        active.any(|set| desired(set).is_some_and(|desired| desired != self.replicas()))
    }

    /// Sizes the sets for the number of Pods asked for, without going on with a rollout.
    pub(super) fn scale(&mut self) {
        let (replicas, surge) = (self.replicas(), self.max_surge());
        let mut active: Vec<&mut Set> =
            self.old.iter_mut().chain(&mut self.new).filter(|set| set.replicas() > 0).collect();
        // Also if it has that size: what it notes of the whole tells that it was sized.
        if let [only] = active.as_mut_slice() {
            return Self::resize(only, replicas, replicas, surge);
        }
        if active.is_empty() {
            if let Some(set) = self.new.as_mut().or(self.old.last_mut()) {
                Self::resize(set, replicas, replicas, surge);
            }
            return;
        }
        if self.is_saturated() {
            for set in self.old.iter_mut().filter(|set| set.replicas() > 0) {
                Self::resize(set, 0, replicas, surge);
            }
        } else if !self.recreates() {
            self.scale_in_proportion();
        }
    }

    /// Returns whether the new set has all Pods it should have, and they are available.
    fn is_saturated(&self) -> bool {
        let replicas = self.replicas();
        self.new.as_ref().is_some_and(|set| {
            let desired = set.annotation(DESIRED_REPLICAS).and_then(|text| text.parse::<i32>().ok());
            set.replicas() == replicas && desired == Some(replicas) && set.available() == replicas
        })
    }

    /// Adds or takes Pods in proportion to the sizes of the sets; what is left by rounding is for the largest.
    fn scale_in_proportion(&mut self) {
        let (replicas, surge) = (self.replicas(), self.max_surge());
        let allowed = if replicas > 0 { replicas + surge } else { 0 };
        let to_add = allowed - self.total();
        let known = self.deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0);
        let mut sets: Vec<&mut Set> =
            self.old.iter_mut().chain(&mut self.new).filter(|set| set.replicas() > 0).collect();
        // The largest first; of equal ones the newest when adding, the oldest when taking.
        if to_add > 0 {
            sets.sort_by(|a, b| b.replicas().cmp(&a.replicas()).then_with(|| b.age().cmp(&a.age())));
        } else {
            sets.sort_by(|a, b| b.replicas().cmp(&a.replicas()).then_with(|| a.age().cmp(&b.age())));
        }
        let mut added = 0;
        let mut sizes = Vec::new();
        for set in &sets {
            let left = to_add - added;
            let share = fraction(set, replicas, surge, known);
            let share = if to_add > 0 { share.min(left) } else { share.max(left) };
            added += share;
            sizes.push(set.replicas() + share);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + to_add - added).max(0);
        }
        for (set, size) in sets.into_iter().zip(sizes) {
            Self::resize(set, size, replicas, surge);
        }
    }
}

/// Returns by how many Pods a set is to change so that it keeps its share of the whole.
fn fraction(set: &Set, replicas: i32, surge: i32, known: i32) -> i32 {
    if replicas == 0 {
        return -set.replicas();
    }
    let annotated = set.annotation(MAX_REPLICAS).and_then(|text| text.parse::<i64>().ok());
    let before = annotated.unwrap_or(i64::from(known));
    if before <= 0 {
        return 0;
    }
    let wanted = i64::from(set.replicas()) * i64::from(replicas + surge);
    // Rounded to the nearest, halves up.
    let size = (2 * wanted + before) / (2 * before);
    i32::try_from(size).unwrap_or(i32::MAX).saturating_sub(set.replicas())
}
