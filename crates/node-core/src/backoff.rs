//! How long to wait before something that failed is tried again.
//!
//! The first try after a failure comes at once, the next after the initial delay, then twice as long each time up
//! to the longest. What went well for twice the longest delay starts anew.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::moment::{Moment, shown};
use crate::names::PodRef;

/// The delay of the second restart, and of the first try after an image was not there.
const INITIAL: Duration = Duration::from_secs(10);
/// The longest delay.
const MAX: Duration = Duration::from_mins(5);
/// The shortest longest delay that can be set.
const MIN_MAX: Duration = Duration::from_secs(1);

/// The bounds of the delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    initial: Duration,
    max: Duration,
}

impl Bounds {
    /// Returns the bounds of restarts: 10 s up to `max`, which is held between 1 s and 300 s.
    pub fn crash(max: Duration) -> Self {
        let max = max.clamp(MIN_MAX, MAX);
        Self { initial: INITIAL.min(max), max }
    }

    /// Returns the bounds of tries to get an image: 10 s up to 300 s.
    pub fn image() -> Self {
        Self { initial: INITIAL, max: MAX }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::crash(MAX)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    delay: Duration,
    updated: Moment,
}

/// A wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// How long it is in all.
    pub delay: Duration,
    /// When it ends.
    pub until: Moment,
}

/// The delays of many things, by key.
#[derive(Clone, Debug)]
pub struct BackOff {
    bounds: Bounds,
    entries: BTreeMap<String, Entry>,
}

impl BackOff {
    /// Makes it without any delay yet.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: BTreeMap::new() }
    }

    /// Returns the wait before what ended at a moment is started again, if it is not over.
    pub fn pause_after_end(&self, key: &str, ended: Moment, now: Moment) -> Option<Pause> {
        let entry = self.entries.get(key).filter(|entry| !self.is_expired(entry, ended))?;
        let until = ended + entry.delay;
        (now < until).then_some(Pause { delay: entry.delay, until })
    }

    /// Returns the wait before what failed is tried again, if it is not over.
    pub fn pause_after_failure(&self, key: &str, now: Moment) -> Option<Pause> {
        let entry = self.entries.get(key)?;
        let until = entry.updated + entry.delay;
        (now < until).then_some(Pause { delay: entry.delay, until })
    }

    /// Notes that what ended at a moment is started again now, or that a try failed now.
    pub fn note(&mut self, key: &str, ended: Moment, now: Moment) {
        let known = self.entries.get(key).filter(|entry| !self.is_expired(entry, ended));
        let doubled = known.map(|entry| entry.delay.saturating_mul(2).min(self.bounds.max));
        let delay = doubled.unwrap_or(self.bounds.initial);
        self.entries.insert(key.to_owned(), Entry { delay, updated: now });
    }

    /// Forgets a key, for instance when its Pod is gone.
    pub fn forget(&mut self, key: &str) {
        self.entries.remove(key);
    }

    /// Forgets what would start anew anyway.
    pub fn prune(&mut self, now: Moment) {
        let keep = self.bounds.max * 2;
        self.entries.retain(|_, entry| now.since(entry.updated) <= keep);
    }

    fn is_expired(&self, entry: &Entry, at: Moment) -> bool {
        at.since(entry.updated) > self.bounds.max * 2
    }
}

/// Returns the key of a container's restarts. Another image starts anew.
pub fn crash_key(pod: &PodRef, container: &str, image: &str) -> String {
    format!("{}/{container}/{image}", pod.uid)
}

/// Returns the key of a Pod's tries to get an image.
pub fn image_key(pod: &PodRef, image: &str) -> String {
    format!("{}/{image}", pod.uid)
}

/// Words the status of a container that waits to be started again.
pub fn crash_message(delay: Duration, container: &str, pod: &PodRef) -> String {
    format!("back-off {} restarting failed container={container} pod={pod}", shown(delay))
}

/// Words the Event about a container that waits to be started again.
pub fn crash_event(container: &str, pod: &PodRef) -> String {
    format!("Back-off restarting failed container {container} in pod {pod}")
}

/// Words the status of a container whose image was not there and is tried again later.
pub fn image_message(image: &str, error: &str) -> String {
    format!("Back-off pulling image {image:?}: ErrImagePull: {error}")
}

/// Words the Event about an image that is tried again later.
pub fn image_event(image: &str) -> String {
    format!("Back-off pulling image {image:?}")
}

#[cfg(test)]
mod tests;
