//! The end of all Pods because the node is to end: in order, each as it wants to be ended, and none is started again.
//!
//! The Pods stay bound, and what has ended is started again by the next run of the node as their restart policies say.

use std::sync::Arc;
use std::time::Duration;

use stanchion_node_core::shutdown::Shutdown;
use stanchion_node_core::termination::grace_of_pod;
use tokio_util::sync::CancellationToken;

use crate::node::Node;
use crate::pods::View;

/// How long Pods may take beyond the longest of their own times: killed processes have to go.
const EXTRA: Duration = Duration::from_secs(30);
/// Between two looks at whether they have ended.
const LOOK: Duration = Duration::from_millis(100);

/// Ends all Pods once it is told to; returns when nothing runs any more, or at `stop`.
pub(crate) async fn run(node: Arc<Node>, told: CancellationToken, stop: CancellationToken) {
    let work = async {
        told.cancelled().await;
        for phase in [Shutdown::Ordinary, Shutdown::All] {
            end(&node, phase).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn end(node: &Node, phase: Shutdown) {
    let views = concerned(node, phase);
    let longest = views.iter().map(|view| grace_of_pod(&view.get().pod)).max().unwrap_or_default();
    tracing::info!(pods = views.len(), ?phase, "ending Pods");
    node.shutdown.send_replace(phase);
    let over = async {
        // Pods that come meanwhile are not started, and have nothing to end.
        while !views.iter().all(|view| view.get().has_stopped) {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(longest + EXTRA, over).await.is_err() {
        tracing::warn!(?phase, "some Pods have not ended in time");
    }
}

/// Returns the Pods that end now and have not ended yet.
fn concerned(node: &Node, phase: Shutdown) -> Vec<Arc<View>> {
    let all: Vec<_> = node.views.lock().values().cloned().collect();
    let concerns = |view: &Arc<View>| {
        let shown = view.get();
        !shown.is_over && !shown.has_stopped && shown.pod.spec.as_ref().is_none_or(|spec| phase.ends(spec))
    };
    all.into_iter().filter(concerns).collect()
}
