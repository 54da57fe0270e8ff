//! The lease that the report stands under. It is long: what makes an instance suspect are missing reports, not its end.

use std::sync::Arc;
use std::time::Duration;

use stanchion_store::core::LeaseId;
use tokio::sync::{Notify, watch};

use super::{Pause, Shared};

/// The shortest time to live, in seconds.
const SHORTEST: u64 = 60;
/// The time to live, in lengths of the patience with missing reports.
const PATIENCES: u64 = 3;

/// Keeps a lease, and has a new one as soon as it is no more.
pub(super) async fn keep(shared: Arc<Shared>, lease: watch::Sender<Option<LeaseId>>, lost: Arc<Notify>) {
    let mut pause = Pause::new();
    loop {
        let ttl = time_to_live(&shared);
        match shared.store.lease_grant(LeaseId::NONE, i64::try_from(ttl).unwrap_or(i64::MAX)).await {
            Ok((id, granted)) => {
                lease.send_replace(Some(id));
                pause = Pause::new();
                let granted = u64::try_from(granted).unwrap_or(ttl);
                renew(&shared, id, granted, &lost).await;
            }
            Err(error) => tracing::warn!(%error, "cannot have a lease for the report"),
        }
        pause.wait().await;
    }
}

/// Renews until the lease is gone, or too short for the settings.
async fn renew(shared: &Shared, id: LeaseId, ttl: u64, lost: &Notify) {
    let third = Duration::from_secs((ttl / 3).max(1));
    loop {
        tokio::select! {
            () = lost.notified() => return,
            () = tokio::time::sleep(third) => {}
        }
        if time_to_live(shared) > ttl {
            return;
        }
        match shared.store.lease_renew(id).await {
            Ok(Some(_)) => {}
            Ok(None) => return,
            // Who lives on may find it gone; the next renewal or the next report tells.
            Err(error) => tracing::warn!(%error, "cannot renew the lease of the report"),
        }
    }
}

fn time_to_live(shared: &Shared) -> u64 {
    let known = shared.known.borrow();
    let patience = known.settings.as_ref().map_or(0, |settings| settings.value.patience().0);
    (patience.saturating_mul(PATIENCES) / 1000).max(SHORTEST)
}
