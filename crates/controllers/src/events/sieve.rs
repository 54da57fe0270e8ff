//! Which Events are written anew, which are counted, and which are too many.

use std::collections::HashMap;

use k8s_openapi::jiff::Timestamp;

use super::Said;

/// How many Events a controller may write about one object in a row, and how many seconds give it one more.
const BURST: (f64, f64) = (25.0, 300.0);

/// How many Events and objects are remembered; beyond that all are forgotten, which costs a doubled Event.
const REMEMBERED: usize = 4096;

/// What is to be done with an Event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new.
    First { name: String },
    /// It was told before: the Event of this name counts.
    Again { name: String, count: i32 },
    /// The object has had more than its share.
    TooMany,
}

/// Remembers what was told. Events are the same if they say the same of the same object.
#[derive(Default)]
pub(super) struct Sieve {
    told: HashMap<Same, (String, i32)>,
    shares: HashMap<(&'static str, String), (f64, Timestamp)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Same {
    controller: &'static str,
    kind: &'static str,
    uid: String,
    reason: String,
    message: String,
}

impl Same {
    fn of(said: &Said) -> Self {
        Self {
            controller: said.controller,
            kind: said.kind,
            uid: said.object.uid.clone(),
            reason: said.reason.clone(),
            message: said.message.clone(),
        }
    }
}

impl Sieve {
    /// Decides about an Event, and remembers it.
    pub(super) fn pass(&mut self, said: &Said, now: Timestamp) -> Verdict {
        if !self.has_share(said, now) {
            return Verdict::TooMany;
        }
        let same = Same::of(said);
        if let Some((name, count)) = self.told.get_mut(&same) {
            *count = count.saturating_add(1);
            return Verdict::Again { name: name.clone(), count: *count };
        }
        if self.told.len() >= REMEMBERED {
            self.told.clear();
        }
        let name = format!("{}.{:x}", said.object.key.name, now.as_nanosecond());
        self.told.insert(same, (name.clone(), 1));
        Verdict::First { name }
    }

    /// Forgets an Event that could not be written, so that the next one is written anew.
    pub(super) fn forget(&mut self, said: &Said) {
        self.told.remove(&Same::of(said));
    }

    fn has_share(&mut self, said: &Said, now: Timestamp) -> bool {
        let owner = (said.controller, said.object.uid.clone());
        if self.shares.len() >= REMEMBERED && !self.shares.contains_key(&owner) {
            self.shares.clear();
        }
        let (share, since) = self.shares.entry(owner).or_insert((BURST.0, now));
        let passed = now.duration_since(*since).as_secs_f64().max(0.0);
        *share = (*share + passed / BURST.1).min(BURST.0);
        *since = now;
        let has = *share >= 1.0;
        if has {
            *share -= 1.0;
        }
        has
    }
}

#[cfg(test)]
mod tests;
