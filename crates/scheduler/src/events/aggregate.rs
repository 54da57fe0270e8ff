//! Which Events are new, which are counted on, and which are too many.

use std::collections::HashMap;

/// Events of one object that may come at once.
const BURST: i64 = 25;
/// How often one more may come after that, in milliseconds: every 5 minutes.
const REFILL: i64 = 300_000;
/// After this much silence an Event is a new one, in milliseconds: 10 minutes.
const SILENCE: i64 = 600_000;
/// Events and objects that are remembered; of more the silent ones are forgotten, then all.
const MAX_REMEMBERED: usize = 4096;

/// Object, reason and note.
pub(super) type EventKey = (String, &'static str, String);

/// What to do with an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is new, and gets this name.
    Create(String),
    /// It is known by this name, and has come this often.
    Count {
        /// The name.
        name: String,
        /// How often.
        count: i32,
    },
    /// The object has had too many. It is counted and shown with the next one.
    Drop,
}

#[derive(Debug)]
struct Recent {
    name: String,
    count: i32,
    last: i64,
}

#[derive(Debug)]
struct Bucket {
    left: i64,
    refilled: i64,
}

/// What was published lately.
#[derive(Debug, Default)]
pub(super) struct Aggregate {
    recent: HashMap<EventKey, Recent>,
    buckets: HashMap<String, Bucket>,
}

impl Aggregate {
    /// Takes an Event in; `fresh` is its name if it is new, `now` in milliseconds.
    pub(super) fn take(&mut self, key: EventKey, fresh: String, now: i64) -> Turn {
        self.forget(now);
        let allowed = self.allows(&key.0, now);
        match self.recent.get_mut(&key) {
            Some(recent) if recent.last + SILENCE > now => {
                recent.count = recent.count.saturating_add(1);
                recent.last = now;
                let (name, count) = (recent.name.clone(), recent.count);
                if allowed { Turn::Count { name, count } } else { Turn::Drop }
            }
            Some(_) | None if !allowed => Turn::Drop,
            Some(_) | None => {
                self.recent.insert(key, Recent { name: fresh.clone(), count: 1, last: now });
                Turn::Create(fresh)
            }
        }
    }

    fn allows(&mut self, object: &str, now: i64) -> bool {
        let bucket = self.buckets.entry(object.to_owned()).or_insert(Bucket { left: BURST, refilled: now });
        let refills = (now - bucket.refilled) / REFILL;
        bucket.left = (bucket.left + refills).min(BURST);
        bucket.refilled += refills * REFILL;
        let allowed = bucket.left > 0;
        bucket.left -= i64::from(allowed);
        allowed
    }

    fn forget(&mut self, now: i64) {
        if self.recent.len() >= MAX_REMEMBERED {
            self.recent.retain(|_, recent| recent.last + SILENCE > now);
            if self.recent.len() >= MAX_REMEMBERED {
                self.recent.clear();
            }
        }
        if self.buckets.len() >= MAX_REMEMBERED {
            self.buckets
                .retain(|_, bucket| bucket.refilled + BURST * REFILL > now && bucket.left < BURST - 1);
            if self.buckets.len() >= MAX_REMEMBERED {
                self.buckets.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(note: &str) -> EventKey {
        ("uid".to_owned(), "FailedScheduling", note.to_owned())
    }

    #[test]
    fn the_same_is_counted_and_something_else_is_new() {
        let mut events = Aggregate::default();
        assert_eq!(events.take(key("a"), "e1".into(), 0), Turn::Create("e1".into()));
        assert_eq!(events.take(key("a"), "e2".into(), 1), Turn::Count { name: "e1".into(), count: 2 });
        assert_eq!(events.take(key("b"), "e3".into(), 2), Turn::Create("e3".into()));
        assert_eq!(events.take(key("a"), "e4".into(), 2 + SILENCE), Turn::Create("e4".into()));
    }

    #[test]
    fn an_object_gets_no_more_than_its_share() {
        let mut events = Aggregate::default();
        let published = (0..100).filter(|_| events.take(key("a"), "e".into(), 0) != Turn::Drop).count();
        assert_eq!(published, 25);
        assert_eq!(events.take(key("a"), "e".into(), REFILL), Turn::Count { name: "e".into(), count: 101 });
        assert_eq!(events.take(key("a"), "e".into(), REFILL + 1), Turn::Drop);
    }

    #[test]
    fn memory_is_bounded() {
        let mut events = Aggregate::default();
        for number in 0..3 * MAX_REMEMBERED {
            events.take((number.to_string(), "FailedScheduling", String::new()), "e".into(), 0);
        }
        assert!(events.recent.len() <= MAX_REMEMBERED && events.buckets.len() <= MAX_REMEMBERED);
    }
}
