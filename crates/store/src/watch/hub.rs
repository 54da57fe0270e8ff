//! The hub: which watches there are, and who is told what.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stanchion_store_core::{Event, KeyRange, Revision, StoreError, WatchFilter, WatchTable};

use super::mailbox::Mailbox;
use super::{Notice, WatchSpec};

/// One watch.
#[derive(Debug)]
struct Watcher {
    mailbox: Arc<Mailbox>,
    spec: WatchSpec,
    /// The first revision of which the client has not been told.
    next: Revision,
    synced: bool,
    /// Nothing was told since the last look, so progress is worth telling.
    quiet: bool,
}

/// A watch that has to read the log.
#[derive(Clone, Debug)]
pub(super) struct Lagging {
    pub(super) watcher: u64,
    pub(super) next: Revision,
    pub(super) range: KeyRange,
    pub(super) filter: WatchFilter,
}

/// The watches of one stream by the ids that its client knows.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) by_id: HashMap<i64, u64>,
    next: i64,
}

impl Ids {
    /// Returns an id that is not in use; etcd counts up from 0.
    fn free(&mut self) -> i64 {
        while self.by_id.contains_key(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        self.next - 1
    }
}

/// What is needed to complete events of a watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) id: i64,
    pub(super) prev_kv: bool,
}

#[derive(Debug)]
struct Inner {
    table: WatchTable<u64>,
    watchers: HashMap<u64, Watcher>,
    /// The newest revision that watches have been told of.
    revision: Revision,
    last_watcher: u64,
    streams: u64,
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HubCounts {
    pub(crate) watchers: u64,
    pub(crate) streams: u64,
    pub(crate) lagging: u64,
}

/// All watches of a store.
#[derive(Debug)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    max_watchers: usize,
}

impl Hub {
    pub(crate) fn new(revision: Revision, max_watchers: usize) -> Self {
        let inner = Inner {
            table: WatchTable::default(),
            watchers: HashMap::new(),
            revision,
            last_watcher: 0,
            streams: 0,
        };
        Self { inner: Mutex::new(inner), max_watchers }
    }

    pub(crate) fn counts(&self) -> HubCounts {
        let inner = self.inner.lock();
        let lagging = inner.watchers.values().filter(|watcher| !watcher.synced).count() as u64;
        HubCounts { watchers: inner.watchers.len() as u64, streams: inner.streams, lagging }
    }

    /// Tells watches what happened up to `revision`. Called by the writer, in the order of revisions.
    ///
    /// Returns how many events were handed out.
    pub(crate) fn publish(&self, events: Vec<Event>, revision: Revision) -> u64 {
        let mut inner = self.inner.lock();
        inner.revision = revision;
        if inner.table.is_empty() {
            return 0;
        }
        let mut groups: HashMap<u64, Vec<Arc<Event>>> = HashMap::new();
        for event in events.into_iter().map(Arc::new) {
            for watcher in inner.table.matching(&event.kv.key) {
                groups.entry(watcher).or_default().push(Arc::clone(&event));
            }
        }
        let mut told = 0;
        for (key, mut events) in groups {
            told += inner.tell(key, &mut events);
        }
        told
    }

    pub(super) fn add_stream(&self) {
        self.inner.lock().streams += 1;
    }

    /// Creates a watch and returns its id; its first message says so, or why not.
    pub(super) fn create(&self, spec: WatchSpec, mailbox: &Arc<Mailbox>, ids: &mut Ids) -> Option<i64> {
        let mut inner = self.inner.lock();
        let revision = inner.revision;
        match self.admit(&inner, &spec, ids) {
            Ok(()) => Some(inner.create(spec, mailbox, ids)),
            Err(error) => {
                mailbox.push(Notice::Refused { revision, error });
                None
            }
        }
    }

    fn admit(&self, inner: &Inner, spec: &WatchSpec, ids: &Ids) -> Result<(), StoreError> {
        if spec.range.is_empty() {
            return Err(StoreError::EmptyWatchRange);
        }
        if spec.id != 0 && ids.by_id.contains_key(&spec.id) {
            return Err(StoreError::DuplicateWatchId);
        }
        if inner.watchers.len() >= self.max_watchers {
            return Err(StoreError::TooManyRequests);
        }
        Ok(())
    }

    pub(super) fn cancel(&self, id: i64, mailbox: &Mailbox, ids: &mut Ids) -> bool {
        let mut inner = self.inner.lock();
        let Some(watcher) = ids.by_id.remove(&id) else {
            return false;
        };
        if inner.remove(watcher).is_none() {
            return false;
        }
        mailbox.push(Notice::Canceled { id, revision: inner.revision });
        true
    }

    pub(super) fn remove_stream(&self, watchers: impl Iterator<Item = u64>) {
        let mut inner = self.inner.lock();
        for watcher in watchers {
            inner.remove(watcher);
        }
        inner.streams -= 1;
    }

    /// Returns what is needed to complete events, unless the watch is gone.
    pub(super) fn facts(&self, watcher: u64) -> Option<Facts> {
        let inner = self.inner.lock();
        inner
            .watchers
            .get(&watcher)
            .map(|watcher| Facts { id: watcher.spec.id, prev_kv: watcher.spec.prev_kv })
    }

    /// Returns the watches among `keys` that lag, and the newest revision to read up to.
    pub(super) fn lagging(&self, keys: &[u64]) -> (Vec<Lagging>, Revision) {
        let inner = self.inner.lock();
        let lagging = keys.iter().filter_map(|key| {
            let watcher = inner.watchers.get(key)?;
            let (range, filter) = (watcher.spec.range.clone(), watcher.spec.filter);
            Some(Lagging { watcher: *key, next: watcher.next, range, filter })
        });
        (lagging.collect(), inner.revision)
    }

    /// Notes that lagging watches have read up to `until`; those that have caught up become synced.
    pub(super) fn caught_up(&self, lagging: &[Lagging], until: Revision) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        for Lagging { watcher: key, .. } in lagging {
            let Some(watcher) = inner.watchers.get_mut(key) else {
                continue;
            };
            watcher.next = watcher.next.max(until.next());
            if until >= inner.revision {
                watcher.synced = true;
                inner.table.insert(&watcher.spec.range, *key);
                watcher.mailbox.lock().lagging.remove(key);
            }
        }
    }

    /// Ends a watch that wants what is compacted away.
    pub(super) fn end_compacted(&self, watcher: u64, compacted: Revision) -> Option<Notice> {
        let mut inner = self.inner.lock();
        let revision = inner.revision;
        let ended = inner.remove(watcher)?;
        Some(Notice::Compacted { id: ended.spec.id, revision, compacted })
    }

    /// Answers a request for progress once nothing waits to be told; returns whether it did.
    pub(super) fn answer_progress(&self, mailbox: &Mailbox) -> Option<Notice> {
        let inner = self.inner.lock();
        let mut mail = mailbox.lock();
        if !mail.progress_requested || !mail.queue.is_empty() || !mail.lagging.is_empty() {
            return None;
        }
        mail.progress_requested = false;
        Some(Notice::Progress { id: None, revision: inner.revision })
    }

    /// Tells the watches of a stream that asked for it, and that heard nothing lately, the newest revision.
    pub(super) fn tell_progress(&self, watchers: impl Iterator<Item = u64>) {
        let mut inner = self.inner.lock();
        let revision = inner.revision;
        for key in watchers {
            let Some(watcher) = inner.watchers.get_mut(&key) else {
                continue;
            };
            if watcher.spec.progress_notify && watcher.synced && watcher.quiet {
                watcher.mailbox.push(Notice::Progress { id: Some(watcher.spec.id), revision });
            }
            watcher.quiet = true;
        }
    }
}

impl Inner {
    fn create(&mut self, spec: WatchSpec, mailbox: &Arc<Mailbox>, ids: &mut Ids) -> i64 {
        let id = if spec.id == 0 { ids.free() } else { spec.id };
        self.last_watcher += 1;
        let key = self.last_watcher;
        let newest = self.revision;
        let next = if spec.start > Revision::NONE { spec.start } else { newest.next() };
        let synced = next > newest;
        ids.by_id.insert(id, key);
        let mut mail = mailbox.lock();
        mail.queue.push_back(super::mailbox::Mail::Notice(Notice::Created { id, revision: newest }));
        if synced {
            self.table.insert(&spec.range, key);
        } else {
            mail.lagging.insert(key);
        }
        drop(mail);
        mailbox.notify.notify_one();
        let (mailbox, spec) = (Arc::clone(mailbox), WatchSpec { id, ..spec });
        let watcher = Watcher { mailbox, spec, next, synced, quiet: true };
        self.watchers.insert(key, watcher);
        id
    }

    fn remove(&mut self, key: u64) -> Option<Watcher> {
        let watcher = self.watchers.remove(&key)?;
        if watcher.synced {
            self.table.remove(&watcher.spec.range, key);
        } else {
            watcher.mailbox.lock().lagging.remove(&key);
        }
        Some(watcher)
    }

    /// Hands events to a synced watch, or makes it a lagging one.
    fn tell(&mut self, key: u64, events: &mut Vec<Arc<Event>>) -> u64 {
        let Some(watcher) = self.watchers.get_mut(&key) else {
            return 0;
        };
        events.retain(|event| event.kv.modified >= watcher.next && watcher.spec.filter.admits(event));
        let Some(first) = events.first().map(|event| event.kv.modified) else {
            return 0;
        };
        let count = events.len() as u64;
        watcher.quiet = false;
        let mut mail = watcher.mailbox.lock();
        let taken = mail.offer(key, events);
        if taken {
            watcher.next = self.revision.next();
        } else {
            watcher.next = first;
            watcher.synced = false;
            mail.lagging.insert(key);
        }
        drop(mail);
        watcher.mailbox.notify.notify_one();
        if taken {
            return count;
        }
        self.table.remove(&watcher.spec.range, key);
        0
    }
}
