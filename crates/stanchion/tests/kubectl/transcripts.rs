//! One test for each transcript.

use crate::LIMIT;
use crate::kube::Kube;
use crate::support::within;

/// Follows a transcript in a cluster of its own.
async fn follow(transcript: &str) {
    within(LIMIT, async { Kube::start("play").await.follow(transcript).await }).await;
}

macro_rules! transcripts {
    ($($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                follow(include_str!(concat!(stringify!($name), ".txt"))).await;
            }
        )+
    };
}

transcripts! {
    access, apply, changes, create, custom, describe, discovery, edit, evictions, get, nodes, pods, refusals, rollouts,
}
