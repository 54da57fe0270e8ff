//! Looks at the database, again and again, so that the supervisor never waits for it.

use std::collections::BTreeSet;
use std::time::Duration;

use stanchion_engine::mariadb::{Instance, Positions, Receiving, Replication, SqlError};
use stanchion_ha_core::{Position, ServerId};
use tokio::sync::watch;
use tokio::time::Instant;

/// So many times as often it is looked at a follower whose connection does not stand.
const CONNECTING: u32 = 4;

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The database.
    pub(crate) instance: Instance,
    /// Which state of it is looked at, so that what was seen before a change is not taken for what is after.
    pub(crate) generation: u64,
    /// Whether it writes, and others listen to it.
    pub(crate) writes: bool,
    /// How often to look.
    pub(crate) interval: Duration,
}

/// What was seen, or that nothing could be.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// Of which state.
    pub(crate) generation: u64,
    /// When the look began.
    pub(crate) began: Instant,
    /// What was seen; none if the database did not answer.
    pub(crate) looks: Option<Looks>,
}

/// What a database looks like.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    /// The end of what it holds.
    pub(crate) positions: Positions,
    /// How following goes, if it follows.
    pub(crate) following: Option<Replication>,
    /// How it is to be a primary.
    pub(crate) writing: Option<Writing>,
}

impl Looks {
    /// Returns whether the connection to a primary stands.
    pub(crate) fn is_receiving(&self) -> bool {
        self.following.as_ref().is_some_and(|following| following.receiving == Receiving::On)
    }
}

/// How it is to be a primary.
#[derive(Clone, Debug)]
pub(crate) struct Writing {
    /// For how long a commit has been waiting for an acknowledgement.
    pub(crate) waiting: Duration,
    /// How many commits wait.
    pub(crate) sessions: u64,
    /// How many replicas that acknowledge are connected.
    pub(crate) acknowledgers: u64,
    /// Who is connected.
    pub(crate) listeners: BTreeSet<ServerId>,
}

/// Looks until the supervisor is gone.
pub(crate) async fn observe(
    mut target: watch::Receiver<Option<Target>>,
    observed: watch::Sender<Option<Observed>>,
) {
    loop {
        let Some(current) = target.borrow_and_update().clone() else {
            if target.changed().await.is_err() {
                return;
            }
            continue;
        };
        let began = Instant::now();
        let looks = match look(&current).await {
            Ok(looks) => Some(looks),
            Err(error) => {
                tracing::debug!(%error, "the database does not answer a look");
                None
            }
        };
        // Whether a new connection stands is waited for.
        let is_connecting =
            looks.as_ref().is_some_and(|looks| looks.following.is_some() && !looks.is_receiving());
        let interval = if is_connecting { current.interval / CONNECTING } else { current.interval };
        observed.send_replace(Some(Observed { generation: current.generation, began, looks }));
        // A change is looked at at once.
        if let Ok(Err(_)) = tokio::time::timeout_at(began + interval, target.changed()).await {
            return;
        }
    }
}

async fn look(target: &Target) -> Result<Looks, SqlError> {
    let instance = &target.instance;
    if target.writes {
        let applied = instance.check().await?.executed;
        let semi_sync = instance.semi_sync().await?;
        let threads = instance.dump_threads().await?;
        let writing = Writing {
            waiting: semi_sync.waiting,
            sessions: semi_sync.waiting_sessions,
            acknowledgers: semi_sync.clients,
            listeners: threads.into_iter().map(|thread| thread.server).collect(),
        };
        let positions = Positions { received: applied, applied };
        return Ok(Looks { positions, following: None, writing: Some(writing) });
    }
    let following = instance.replication().await?;
    let positions = match &following {
        Some(following) => following.positions,
        None => instance.positions().await?,
    };
    Ok(Looks { positions, following, writing: None })
}

impl Looks {
    /// Returns the last transaction that was received.
    pub(crate) fn received(&self) -> Position {
        self.positions.received
    }
}
