//! Watches: events as they happen, from any revision that can still be read.
//!
//! ```text
//!            create, start <= newest            caught up, under the hub's lock
//!   client ------------------------> lagging ----------------------------------> synced
//!      \                                ^                                          |
//!       \--- start > newest ------------|----------------------------------------->|
//!                                       \---- the mailbox is full, watch is dropped --/
//! ```
//!
//! The writer hands events of synced watches to the mailbox of their stream. A mailbox is bounded: a
//! watch for which there is no room becomes lagging and remembers only a revision. Lagging watches read
//! the log, at their own pace, on their own thread. So a slow client costs no memory and holds nobody up.
//!
//! Owner of the state: the hub, behind one lock. Everything a stream says to its client goes through its
//! mailbox, so the order is that of the hub.

mod hub;
mod mailbox;
mod stream;

use std::sync::Arc;

use stanchion_store_core::{Event, KeyRange, KeyValue, Revision, WatchFilter};

pub(crate) use hub::Hub;
pub(crate) use stream::open;
pub use stream::{WatchHandle, WatchStream};

/// What a client wants to watch.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    /// The id in its stream; 0 lets the store choose.
    pub id: i64,
    /// The keys.
    pub range: KeyRange,
    /// The first revision wanted; [`Revision::NONE`] is the one after the newest.
    pub start: Revision,
    /// Events that are not wanted.
    pub filter: WatchFilter,
    /// Whether events carry the pair before them.
    pub prev_kv: bool,
    /// Whether to be told the newest revision now and then while nothing happens.
    pub progress_notify: bool,
}

impl WatchSpec {
    /// Watches `range` from `start` on.
    pub fn new(range: KeyRange, start: Revision) -> Self {
        let filter = WatchFilter::default();
        Self { id: 0, range, start, filter, prev_kv: false, progress_notify: false }
    }
}

/// An event, as a watch sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// The change.
    pub event: Arc<Event>,
    /// The pair before it, if asked for, there and not compacted away.
    pub prev_kv: Option<KeyValue>,
}

/// What a stream tells its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A watch exists; its events follow.
    Created {
        /// Which.
        id: i64,
        /// The newest revision then.
        revision: Revision,
    },
    /// A watch was refused; the id is not in use.
    Refused {
        /// The newest revision then.
        revision: Revision,
        /// Why.
        error: stanchion_store_core::StoreError,
    },
    /// A watch has ended because the client asked for it.
    Canceled {
        /// Which.
        id: i64,
        /// The newest revision then.
        revision: Revision,
    },
    /// A watch has ended because what it wants is compacted away.
    Compacted {
        /// Which.
        id: i64,
        /// The newest revision then.
        revision: Revision,
        /// The first revision that can be watched.
        compacted: Revision,
    },
    /// Events, in order, those of one revision never apart.
    Events {
        /// Of which watch.
        id: i64,
        /// The revision up to which the watch has now seen everything.
        revision: Revision,
        /// The events.
        events: Vec<WatchEvent>,
    },
    /// Everything up to this revision has been told; of all watches if there is no id.
    Progress {
        /// Of which watch.
        id: Option<i64>,
        /// The revision.
        revision: Revision,
    },
}
