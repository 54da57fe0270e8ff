//! One watch of a remote store, on a stream of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::WatchStream;
use etcd_client::proto::PbWatchResponse;
use stanchion_store_core::{Revision, StoreError};

use super::error::{of_client, of_reason};
use super::response;
use crate::Watch;
use crate::watch::Notice;

/// The id in answers that belong to no watch.
const NO_WATCH: i64 = -1;

/// A watch of a remote store. Dropping it ends its stream, and with it the watch on the server.
#[derive(Debug)]
pub(super) struct RemoteWatch {
    endpoint: Arc<str>,
    stream: WatchStream,
    request_timeout: Duration,
    ended: bool,
}

impl RemoteWatch {
    pub(super) fn new(endpoint: Arc<str>, stream: WatchStream, request_timeout: Duration) -> Self {
        Self { endpoint, stream, request_timeout, ended: false }
    }
}

#[async_trait]
impl Watch for RemoteWatch {
    async fn next(&mut self) -> Result<Option<Notice>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let answer = self.stream.message().await.map_err(|error| of_client(error, &self.endpoint));
        let notice = answer.and_then(|answer| answer.map(|answer| notice(answer.0)).transpose());
        self.ended = ends(&notice);
        notice
    }

    async fn request_progress(&mut self) -> Result<(), StoreError> {
        let requested = tokio::time::timeout(self.request_timeout, self.stream.request_progress()).await;
        let requested = requested.map_err(|_| StoreError::Timeout)?;
        requested.map_err(|error| of_client(error, &self.endpoint))
    }
}

/// Whether nothing comes after it.
fn ends(notice: &Result<Option<Notice>, StoreError>) -> bool {
    match notice {
        Ok(Some(Notice::Created { .. } | Notice::Events { .. } | Notice::Progress { .. })) => false,
        Ok(Some(Notice::Refused { .. } | Notice::Canceled { .. } | Notice::Compacted { .. }) | None)
        | Err(_) => true,
    }
}

/// Reads an answer. The stream has one watch, and it is never cut into fragments, which nobody asked for.
fn notice(answer: PbWatchResponse) -> Result<Notice, StoreError> {
    let PbWatchResponse {
        header,
        watch_id: id,
        created,
        canceled,
        compact_revision,
        cancel_reason,
        fragment: _,
        events,
    } = answer;
    let revision = response::revision(header)?;
    if canceled && created {
        return Ok(Notice::Refused { revision, error: of_reason(&cancel_reason) });
    }
    if canceled && compact_revision > 0 {
        // etcd leaves the newest revision out here; it is not below the compacted one.
        let compacted = Revision(compact_revision);
        return Ok(Notice::Compacted { id, revision: revision.max(compacted), compacted });
    }
    if canceled && !cancel_reason.is_empty() {
        return Err(of_reason(&cancel_reason));
    }
    if canceled {
        return Ok(Notice::Canceled { id, revision });
    }
    if created {
        return Ok(Notice::Created { id, revision });
    }
    let events = events.into_iter().map(response::event).collect::<Result<Vec<_>, _>>()?;
    match events.last() {
        // To a watch that catches up etcd says the newest revision, and goes on with older events.
        Some(last) => Ok(Notice::Events { id, revision: last.event.kv.modified, events }),
        None => Ok(Notice::Progress { id: Some(id).filter(|id| *id != NO_WATCH), revision }),
    }
}
