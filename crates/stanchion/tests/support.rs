//! What the suites share: the binary and the real etcd as servers, the command lines, and waiting with a deadline.
//!
//! Every server has its own directory and a port of the system's choice, and ends with the value that stands for it.

#![expect(dead_code, reason = "each suite uses its part")]

pub(crate) mod clients;
pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod etcd;
pub(crate) mod http;
pub(crate) mod machine;
pub(crate) mod random;
pub(crate) mod server;
pub(crate) mod transcript;

use std::future::Future;
use std::time::Duration;

/// How long a server may take to start, to stop, or to show what it was told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until there is something to see, and panics with `what` if that takes too long.
pub(crate) async fn wait_for<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    });
    seen.await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// Runs a test, which fails if it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, test: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, test).await.unwrap_or_else(|_| panic!("the test took longer than {limit:?}"))
}

/// Whether the long form of the suites is asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("STANCHION_LONG").is_some_and(|value| value != "0")
}
