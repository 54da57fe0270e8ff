//! Handing keys to a reconciler.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;

/// From which delay on a failure is worth a warning: the fifth in a row.
const LOUD: Duration = Duration::from_millis(80);
/// The same for looks at something old: by then an informer should have shown what is new.
const LOUD_IF_STALE: Duration = Duration::from_secs(5);
/// After a look at something old the next one comes so soon at the latest, also if an informer shows nothing new.
const CATCH_UP: Duration = Duration::from_secs(1);

/// When a key is to be looked at again although nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something changes.
    Change,
    /// After this time, or when something changes.
    After(Duration),
}

/// Why a reconciler failed.
pub trait Failure: Error + Send + 'static {
    /// Returns whether somebody else was faster, so that the next look sees what they did.
    fn is_stale(&self) -> bool;
}

/// Reconciles the keys of a queue until `stop`, at most `at_once` of them at a time and each by one at a time.
///
/// A key that failed, or whose reconciler panicked, is tried again after a delay that grows, and before that if
/// something changes.
pub async fn work<T, F, Fut, E>(
    name: &'static str,
    queue: Queue<T>,
    at_once: usize,
    reconcile: F,
    stop: CancellationToken,
) where
    T: Clone + Eq + Hash + Display + Send + Sync + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Next, E>> + Send + 'static,
    E: Failure,
{
    let reconcile = Arc::new(reconcile);
    let mut tasks = JoinSet::new();
    for _ in 0..at_once.max(1) {
        let (queue, reconcile, stop) = (queue.clone(), Arc::clone(&reconcile), stop.clone());
        tasks.spawn(async move {
            loop {
                let key = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    key = queue.next() => key,
                };
                // A task of its own, so that a panic is a failure of this key.
                let mut look = JoinSet::new();
                look.spawn(reconcile(key.clone()));
                let outcome = tokio::select! {
                    biased;
                    outcome = look.join_next() => outcome,
                    () = stop.cancelled() => return,
                };
                match outcome {
                    Some(Ok(Ok(next))) => {
                        queue.forget(&key);
                        if let Next::After(delay) = next {
                            queue.add_after(key.clone(), delay);
                        }
                    }
                    Some(Ok(Err(error))) => {
                        let delay = queue.retry(key.clone());
                        let loud = if error.is_stale() { LOUD_IF_STALE } else { LOUD };
                        if error.is_stale() {
                            queue.add_after(key.clone(), delay.min(CATCH_UP));
                        }
                        if delay < loud {
                            tracing::debug!(controller = name, %key, ?delay, error = &error as &dyn Error, "tried in vain");
                        } else {
                            tracing::warn!(controller = name, %key, ?delay, error = &error as &dyn Error, "cannot reconcile");
                        }
                    }
                    Some(Err(error)) => {
                        let delay = queue.retry(key.clone());
                        tracing::error!(controller = name, %key, ?delay, %error, "a reconciler has failed");
                    }
                    None => {}
                }
                queue.done(&key);
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;
