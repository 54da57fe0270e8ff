//! Reading: everything of the cluster by a watch, the topology afresh when somebody asks.

use std::sync::Arc;

use stanchion_store::core::{KeyRange, RangeQuery, StoreError};
use stanchion_store::watch::{Notice, WatchSpec};
use tokio::time::Instant;

use super::{Pause, Shared};

/// Follows the store; after every break everything is read again.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut pause = Pause::new();
    loop {
        match follow_once(&shared, &mut pause).await {
            Ok(()) => tracing::info!("the watch of the store has ended; reading again"),
            Err(error) => tracing::warn!(%error, "cannot follow the store"),
        }
        pause.wait().await;
    }
}

async fn follow_once(shared: &Shared, pause: &mut Pause) -> Result<(), StoreError> {
    let all = KeyRange::prefix(shared.keys.all.clone().into());
    let began = Instant::now();
    let found = shared.store.range(RangeQuery::new(all.clone())).await?;
    shared.known.send_modify(|known| {
        known.replace(&shared.keys, &found.kvs);
        known.confirm(began);
    });
    let mut watch = shared.store.watch(WatchSpec::new(all, found.revision.next())).await?;
    *pause = Pause::new();
    loop {
        let notice = tokio::select! {
            notice = watch.next() => notice?,
            () = shared.reread.notified() => return Ok(()),
        };
        match notice {
            Some(Notice::Events { events, .. }) => shared.known.send_modify(|known| {
                known.contact = Some(Instant::now());
                for event in &events {
                    known.change(&shared.keys, &event.event);
                }
            }),
            Some(Notice::Created { .. } | Notice::Progress { .. }) => {}
            Some(Notice::Refused { error, .. }) => return Err(error),
            Some(Notice::Canceled { .. } | Notice::Compacted { .. }) | None => return Ok(()),
        }
    }
}

/// Reads the topology each time that somebody wants to be sure of it.
pub(super) async fn confirm(shared: Arc<Shared>) {
    loop {
        shared.confirm.notified().await;
        let mut pause = Pause::new();
        while let Err(error) = confirm_once(&shared).await {
            tracing::warn!(%error, "cannot read the topology; nothing is decided without it");
            pause.wait().await;
        }
    }
}

async fn confirm_once(shared: &Shared) -> Result<(), StoreError> {
    let began = Instant::now();
    let topology = KeyRange::One(shared.keys.topology.clone().into());
    let found = shared.store.range(RangeQuery::new(topology)).await?;
    shared.known.send_modify(|known| {
        for kv in &found.kvs {
            known.learn(&shared.keys, kv);
        }
        known.confirm(began);
    });
    Ok(())
}
