//! What changed since it was looked at last: names of objects, each once, in the order in which they came.

use std::collections::HashSet;

use parking_lot::Mutex;
use stanchion_informers::Key;
use tokio::sync::Notify;

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Touched {
    Pod(Key),
    Node(Key),
    Volume(Key),
    Claim(Key),
    Class(Key),
    Budget(Key),
    Namespace(Key),
}

#[derive(Debug, Default)]
struct Pending {
    order: Vec<Touched>,
    known: HashSet<Touched>,
}

/// What changed since it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pending: Mutex<Pending>,
    arrived: Notify,
}

impl Inbox {
    /// Notes that an object changed.
    pub(crate) fn touch(&self, touched: Touched) {
        let mut pending = self.pending.lock();
        if pending.known.insert(touched.clone()) {
            pending.order.push(touched);
        }
        drop(pending);
        self.arrived.notify_one();
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> Vec<Touched> {
        let mut pending = self.pending.lock();
        pending.known.clear();
        std::mem::take(&mut pending.order)
    }

    /// Waits until there may be something.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_in_order() {
        let inbox = Inbox::default();
        let pod = |name: &str| Touched::Pod(Key::new("default", name));
        for name in ["b", "a", "b"] {
            inbox.touch(pod(name));
        }
        assert_eq!(inbox.take(), [pod("b"), pod("a")]);
        assert!(inbox.take().is_empty());
        inbox.touch(pod("b"));
        assert_eq!(inbox.take(), [pod("b")]);
    }
}
