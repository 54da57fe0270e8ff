//! Gives Pods their nodes, through the API of any Kubernetes.
//!
//! ```text
//!   API ─▶ Caches ─ what changed ─▶ Inbox ─▶ Scheduling (one task: cluster, queue) ─▶ deeds ─▶ API
//!                                                 ▲                                    │
//!                                                 └───────────── outcomes ─────────────┘
//! ```
//!
//! One task owns the state of `stanchion-scheduler-core`; it converts what changed, decides and hands what is to be
//! done to bounded tasks: binding (with volumes first), preemption, and telling Pods why they wait. A Pod counts on its
//! node from the decision on; a deed that fails takes it back. What changed is kept as names, each once, so a burst
//! needs no more memory than there are objects, and the newest state is what is looked at.

mod caches;
mod convert;
mod deeds;
mod events;
mod explain;
mod inbox;
mod options;
mod owners;
mod scheduling;

pub use convert::ConvertError;
pub use explain::{ExplainError, Explanation, NodeExplanation, Room, Score, explain};
pub use options::{Options, SchedulerError};

use std::sync::Arc;

use kube::Client;
use stanchion_informers::Copies;
use tokio_util::sync::CancellationToken;

use crate::caches::Caches;
use crate::inbox::Inbox;
use crate::scheduling::Scheduling;

/// Schedules until `stop`. What has begun then is finished or given up within a few seconds.
pub async fn run(
    client: Client,
    copies: &Copies,
    options: Options,
    stop: CancellationToken,
) -> Result<(), SchedulerError> {
    options.check()?;
    let inbox = Arc::new(Inbox::default());
    let caches = Caches::follow(copies, &inbox);
    tokio::select! {
        () = caches.synced() => {}
        () = copies.failed() => return Err(SchedulerError::Unfollowed),
        () = stop.cancelled() => return Ok(()),
    }
    tracing::info!(scheduler = options.scheduler_name, "scheduling");
    let mut scheduling = Scheduling::new(client, options, &caches, inbox);
    tokio::select! {
        () = scheduling.run(&stop) => Ok(()),
        () = copies.failed() => Err(SchedulerError::Unfollowed),
    }
}
