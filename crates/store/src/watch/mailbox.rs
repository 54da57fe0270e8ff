//! What waits to be told to one client, bounded.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use stanchion_store_core::Event;
use tokio::sync::Notify;

use super::Notice;

/// Events that may wait for one client. More would only be held for a client that cannot take them.
const MAX_EVENTS: usize = 4096;
/// Bytes of keys and values that may wait for one client.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Answers to creations, cancellations and requests for progress that may wait for one client: past
/// this the client asks faster than it listens, and its requests are left waiting.
pub(super) const MAX_ANSWERS: usize = 8192;

/// A message, not yet completed with previous pairs.
#[derive(Debug)]
pub(super) enum Mail {
    /// Ready to be told.
    Notice(Notice),
    /// Events of one watch.
    Events { watcher: u64, events: Vec<Arc<Event>> },
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) queue: VecDeque<Mail>,
    events: usize,
    bytes: usize,
    /// Watches of the stream that have to read the log.
    pub(super) lagging: BTreeSet<u64>,
    pub(super) progress_requested: bool,
    pub(super) closed: bool,
}

impl Inner {
    /// Queues events, unless there is no room; an empty mailbox takes any amount.
    pub(super) fn offer(&mut self, watcher: u64, events: &mut Vec<Arc<Event>>) -> bool {
        let bytes: usize = events.iter().map(|event| weight(event)).sum();
        let full = self.events + events.len() > MAX_EVENTS || self.bytes + bytes > MAX_BYTES;
        if full && self.events > 0 {
            return false;
        }
        self.events += events.len();
        self.bytes += bytes;
        self.queue.push_back(Mail::Events { watcher, events: std::mem::take(events) });
        true
    }

    pub(super) fn pop(&mut self) -> Option<Mail> {
        let mail = self.queue.pop_front()?;
        if let Mail::Events { events, .. } = &mail {
            self.events -= events.len();
            self.bytes -= events.iter().map(|event| weight(event)).sum::<usize>();
        }
        Some(mail)
    }
}

fn weight(event: &Event) -> usize {
    event.kv.key.len() + event.kv.value.len()
}

/// The mailbox of a stream.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    pub(super) notify: Notify,
}

impl Mailbox {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    pub(super) fn push(&self, notice: Notice) {
        self.lock().queue.push_back(Mail::Notice(notice));
        self.notify.notify_one();
    }
}
