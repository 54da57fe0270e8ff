//! Copies that the parts of a process share, so that each kind is followed, read and kept once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::informer::Informer;

/// An informer for every kind that is asked for, over all namespaces. Clones share them.
///
/// Who owns them: a task for each kind, begun when somebody first asks for it and ended by `stop`. All of them read as
/// the one client that the copies are made with.
#[derive(Clone)]
pub struct Copies {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    stop: CancellationToken,
    /// An `Informer<K>` by the type `K`.
    kinds: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
    failed: watch::Sender<bool>,
}

impl Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").field("kinds", &self.shared.kinds.lock().len()).finish_non_exhaustive()
    }
}

impl Copies {
    /// Makes copies of nothing so far.
    pub fn new(client: Client, stop: CancellationToken) -> Self {
        let kinds = Mutex::default();
        Self { shared: Arc::new(Shared { client, stop, kinds, failed: watch::Sender::new(false) }) }
    }

    /// Returns the copy of a kind, which is followed from now on.
    pub fn of<K>(&self) -> Informer<K>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let mut kinds = self.shared.kinds.lock();
        let known = kinds.get(&TypeId::of::<K>()).and_then(|known| known.downcast_ref::<Informer<K>>());
        if let Some(known) = known {
            return known.clone();
        }
        let informer: Informer<K> = Informer::default();
        kinds.insert(TypeId::of::<K>(), Box::new(informer.clone()));
        let (api, stop) = (Api::all(self.shared.client.clone()), self.shared.stop.clone());
        let ends = Ends { failed: self.shared.failed.clone(), stop: stop.clone() };
        let run = informer.clone().run(api, watcher::Config::default(), stop);
        tokio::spawn(async move {
            let _ends = ends;
            run.await;
        });
        informer
    }

    /// Waits until a copy is no longer followed although nobody has stopped it: a handler has panicked.
    pub async fn failed(&self) {
        let mut failed = self.shared.failed.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        failed.wait_for(|failed| *failed).await.map(drop).unwrap_or_default();
    }
}

/// Tells when a follower has ended that should not have.
struct Ends {
    failed: watch::Sender<bool>,
    stop: CancellationToken,
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            self.failed.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests;
