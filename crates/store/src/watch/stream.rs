//! One client's watches: a handle to change them, a stream to hear from them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use stanchion_store_core::{Event, EventKind, KeyValue, Record, Revision, StoreError};
use tokio::task::JoinHandle;

use super::hub::{Ids, Lagging};
use super::mailbox::{MAX_ANSWERS, Mail, Mailbox};
use super::{Notice, WatchEvent, WatchSpec};
use crate::log::{Stored, records_from};
use crate::shared::Shared;

/// A lagging watch reads at most this many events before they are told.
const CHUNK_EVENTS: usize = 1000;
/// And at most this many bytes of them, past which it stops at the next revision.
const CHUNK_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
struct State {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    ids: Mutex<Ids>,
}

impl Drop for State {
    fn drop(&mut self) {
        self.shared.hub.remove_stream(self.ids.get_mut().by_id.values().copied());
    }
}

/// Creates and cancels the watches of a stream.
#[derive(Clone, Debug)]
pub struct WatchHandle(Arc<State>);

/// Tells what the watches of a stream see.
#[derive(Debug)]
pub struct WatchStream {
    state: Arc<State>,
    /// Events that were read from the log and not told yet.
    ready: VecDeque<Notice>,
    /// History that is being read, kept here so that a wait that is given up does not lose it.
    reading: Option<JoinHandle<Result<Vec<Notice>, StoreError>>>,
}

/// Opens a stream without watches.
pub(crate) fn open(shared: &Arc<Shared>) -> (WatchHandle, WatchStream) {
    shared.hub.add_stream();
    let state = Arc::new(State {
        shared: Arc::clone(shared),
        mailbox: Arc::new(Mailbox::default()),
        ids: Mutex::default(),
    });
    (WatchHandle(Arc::clone(&state)), WatchStream { state, ready: VecDeque::new(), reading: None })
}

impl WatchHandle {
    /// Creates a watch and returns its id; [`Notice::Created`] or [`Notice::Refused`] answers.
    pub fn create(&self, spec: WatchSpec) -> Option<i64> {
        let state = &self.0;
        state.shared.hub.create(spec, &state.mailbox, &mut state.ids.lock())
    }

    /// Ends a watch; [`Notice::Canceled`] answers. Returns whether there was such a watch.
    pub fn cancel(&self, id: i64) -> bool {
        let state = &self.0;
        state.shared.hub.cancel(id, &state.mailbox, &mut state.ids.lock())
    }

    /// Asks for the newest revision as soon as everything before it has been told.
    pub fn request_progress(&self) {
        self.0.mailbox.lock().progress_requested = true;
        self.0.mailbox.notify.notify_one();
    }

    /// Tells progress to the watches that asked to be told now and then.
    pub fn tell_progress(&self) {
        let watchers: Vec<_> = self.0.ids.lock().by_id.values().copied().collect();
        self.0.shared.hub.tell_progress(watchers.into_iter());
    }

    /// Ends the stream: what waits is still told, then [`WatchStream::next`] returns nothing.
    pub fn close(&self) {
        self.0.mailbox.lock().closed = true;
        self.0.mailbox.notify.notify_one();
    }

    /// Whether more answers wait than a client that listens would leave.
    pub fn is_backed_up(&self) -> bool {
        self.0.mailbox.lock().queue.len() > MAX_ANSWERS
    }
}

impl WatchStream {
    /// Waits for the next notice; nothing once the stream is closed and everything is told.
    ///
    /// Nothing is lost when the wait is given up and begun again.
    ///
    /// # Errors
    /// When the log cannot be read. The stream is of no use then.
    pub async fn next(&mut self) -> Result<Option<Notice>, StoreError> {
        loop {
            if let Some(notice) = self.ready.pop_front() {
                return Ok(Some(notice));
            }
            if let Some(reading) = &mut self.reading {
                let read = reading.await;
                self.reading = None;
                self.ready.extend(read.map_err(|_| StoreError::Stopped)??);
                continue;
            }
            let (mail, lagging, closed) = {
                let mut inner = self.state.mailbox.lock();
                (inner.pop(), inner.lagging.iter().copied().collect::<Vec<_>>(), inner.closed)
            };
            if let Some(mail) = mail {
                if let Some(notice) = self.complete(mail)? {
                    return Ok(Some(notice));
                }
            } else if closed {
                return Ok(None);
            } else if !lagging.is_empty() {
                let state = Arc::clone(&self.state);
                self.reading = Some(tokio::task::spawn_blocking(move || state.read_history(&lagging)));
            } else if let Some(progress) = self.state.shared.hub.answer_progress(&self.state.mailbox) {
                return Ok(Some(progress));
            } else {
                self.state.mailbox.notify.notified().await;
            }
        }
    }

    fn complete(&self, mail: Mail) -> Result<Option<Notice>, StoreError> {
        match mail {
            Mail::Notice(notice) => Ok(Some(notice)),
            Mail::Events { watcher, events } => self.state.notice(watcher, events),
        }
    }
}

impl State {
    fn notice(&self, watcher: u64, events: Vec<Arc<Event>>) -> Result<Option<Notice>, StoreError> {
        let Some(facts) = self.shared.hub.facts(watcher) else {
            return Ok(None);
        };
        let Some(revision) = events.last().map(|event| event.kv.modified) else {
            return Ok(None);
        };
        let events = events.into_iter().map(|event| {
            let prev_kv = if facts.prev_kv && !event.is_create() { self.before(&event)? } else { None };
            Ok(WatchEvent { event, prev_kv })
        });
        let events = events.collect::<Result<_, StoreError>>()?;
        Ok(Some(Notice::Events { id: facts.id, revision, events }))
    }

    /// Reads the pair that an event replaced.
    fn before(&self, event: &Event) -> Result<Option<KeyValue>, StoreError> {
        let (location, view) = {
            let keyspace = self.shared.keyspace.read();
            (keyspace.before(&event.kv.key, event.kv.modified), self.shared.log.view())
        };
        location.map(|location| view.pair(location)).transpose()
    }

    /// Reads the log for lagging watches, one chunk.
    fn read_history(&self, keys: &[u64]) -> Result<Vec<Notice>, StoreError> {
        let hub = &self.shared.hub;
        let (mut lagging, newest) = hub.lagging(keys);
        // The view comes first: what is compacted after this look is still in it.
        let view = self.shared.log.view();
        let compacted = self.shared.keyspace.read().compacted();
        let mut notices = Vec::new();
        lagging.retain(|watch| {
            let lost = watch.next < compacted;
            if lost {
                let mut ids = self.ids.lock();
                if let Some(notice) = hub.end_compacted(watch.watcher, compacted) {
                    ids.by_id.retain(|_, watcher| *watcher != watch.watcher);
                    notices.push(notice);
                }
            }
            !lost
        });
        let Some(first) = lagging.iter().map(|watch| watch.next).min() else {
            return Ok(notices);
        };
        let mut chunk = Chunk::new(&lagging);
        for stored in records_from(&view, first) {
            if !chunk.add(stored?, newest) {
                break;
            }
        }
        let (found, until) = chunk.finish(newest);
        hub.caught_up(&lagging, until);
        for (watch, events) in lagging.iter().zip(found) {
            notices.extend(self.notice(watch.watcher, events)?);
        }
        Ok(notices)
    }
}

/// Events that were found for lagging watches.
struct Chunk<'a> {
    lagging: &'a [Lagging],
    found: Vec<Vec<Arc<Event>>>,
    events: usize,
    bytes: usize,
    last: Revision,
    stopped: bool,
}

impl<'a> Chunk<'a> {
    fn new(lagging: &'a [Lagging]) -> Self {
        let found = lagging.iter().map(|_| Vec::new()).collect();
        Self { lagging, found, events: 0, bytes: 0, last: Revision::NONE, stopped: false }
    }

    /// Takes the next record of the log; returns whether to go on.
    fn add(&mut self, stored: Stored, newest: Revision) -> bool {
        let Some(event) = event_of(stored.record) else {
            return true;
        };
        let revision = event.kv.modified;
        if revision > newest {
            return false;
        }
        let full = self.events >= CHUNK_EVENTS || self.bytes >= CHUNK_BYTES;
        if full && revision > self.last {
            self.stopped = true;
            return false;
        }
        self.last = revision;
        let mut wanted = None;
        for (watch, found) in self.lagging.iter().zip(&mut self.found) {
            let wants = watch.next <= revision && watch.range.contains(&event.kv.key);
            if wants && watch.filter.admits(&event) {
                let event = wanted.get_or_insert_with(|| Arc::new(detached(&event)));
                self.bytes += event.kv.key.len() + event.kv.value.len();
                self.events += 1;
                found.push(Arc::clone(event));
            }
        }
        true
    }

    /// Returns the events of each watch and the revision up to which they are complete.
    fn finish(self, newest: Revision) -> (Vec<Vec<Arc<Event>>>, Revision) {
        let until = if self.stopped { self.last } else { newest };
        (self.found, until)
    }
}

/// Copies the event out of the batch it was read with, which would stay in memory with it.
fn detached(event: &Event) -> Event {
    let mut copy = event.clone();
    copy.kv.key = bytes::Bytes::copy_from_slice(&event.kv.key);
    copy.kv.value = bytes::Bytes::copy_from_slice(&event.kv.value);
    copy
}

fn event_of(record: Record) -> Option<Event> {
    match record {
        Record::Put { kv, .. } => Some(Event { kind: EventKind::Put, kv }),
        Record::Delete { revision, key, .. } => {
            let kv = KeyValue { key, modified: revision, ..KeyValue::default() };
            Some(Event { kind: EventKind::Delete, kv })
        }
        _ => None,
    }
}
