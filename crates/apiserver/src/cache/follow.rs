//! Following the objects of a resource inside the server.

use std::sync::Arc;

use super::{Entry, Shard};

/// Changes taken at once.
const BATCH: usize = 1024;

/// What is seen of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// It is there, as this.
    Put(&'a Entry),
    /// It is gone; this is how it was.
    Gone(&'a Entry),
}

/// Shows every object that is there before it returns, and afterwards every change as long as the runtime lives.
pub(crate) fn follow(shard: &Arc<Shard>, mut see: impl FnMut(Seen<'_>) + Send + 'static) {
    let (mut position, found) = shard.snapshot();
    for entry in &found {
        see(Seen::Put(entry));
    }
    let mut known: Vec<Arc<Entry>> = found;
    let (shard, mut moved) = (Arc::clone(shard), shard.moved());
    tokio::spawn(async move {
        loop {
            moved.borrow_and_update();
            while let Ok(changes) = shard.changes(position, BATCH) {
                let Some(last) = changes.last() else { break };
                position = last.revision;
                known.clear();
                for change in &changes {
                    see(if change.deleted { Seen::Gone(&change.after) } else { Seen::Put(&change.after) });
                }
            }
            if shard.changes(position, 0).is_err() {
                // So far behind that changes were let go: everything is shown anew, what is gone first.
                let (now, found) = shard.snapshot();
                let gone = known.iter().filter(|entry| shard.get(&entry.key).is_none());
                gone.for_each(|entry| see(Seen::Gone(entry)));
                for entry in &found {
                    see(Seen::Put(entry));
                }
                (position, known) = (now, found);
            }
            if moved.changed().await.is_err() {
                return;
            }
        }
    });
}
