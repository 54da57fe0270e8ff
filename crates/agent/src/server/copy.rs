//! Copies of the data for other agents.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use stanchion_engine::mariadb::{Backup, BackupCompletion, Backups, CopyError};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Body, reply};
use crate::frames;
use crate::observer::Target;

/// So much is read at once.
const PIECE: usize = 256 * 1024;
/// So many pieces wait for a reader who is slow.
const PIECES: usize = 4;

/// A reader may take nothing for so long. In its last step a backup keeps the database from committing until its bytes are
/// taken, so that is as long as applications can wait for a reader who has stopped.
const UNREAD: Duration = Duration::from_secs(15);

/// What copies are made of.
#[derive(Debug)]
pub(crate) struct Origin {
    /// What makes them.
    pub(crate) backups: Backups,
    /// Whether a database runs.
    pub(crate) target: watch::Receiver<Option<Target>>,
}

/// Begins a copy; it is sent as it is read.
pub(super) async fn answer(origin: &Origin) -> Response<Body> {
    let Some((instance, writes)) =
        origin.target.borrow().as_ref().map(|target| (target.instance.clone(), target.writes))
    else {
        return reply(StatusCode::SERVICE_UNAVAILABLE, "the database does not run\n");
    };
    if !writes && let Err(error) = instance.settle_position().await {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot begin a copy");
        return reply(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"));
    }
    match origin.backups.start().await {
        Ok((backup, completion)) => {
            tracing::info!("a copy begins");
            let (sender, body) = Channel::new(PIECES);
            let reader = CancellationToken::new();
            let guard = reader.clone().drop_guard();
            // The body goes with the connection, and so the guard does.
            let body = body.map_frame(move |frame| {
                let _kept = &guard;
                frame
            });
            tokio::spawn(send(backup, completion, sender, reader));
            Response::new(body.boxed_unsync())
        }
        Err(error @ CopyError::Busy) => reply(StatusCode::CONFLICT, format!("{error}\n")),
        Err(error) => {
            tracing::error!(%error, "cannot begin a copy");
            reply(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
    }
}

/// Sends a backup in records, and the last one only if the backup is whole. Ends when `gone` is cancelled.
async fn send(
    mut backup: Backup,
    completion: BackupCompletion,
    mut sender: Sender<Bytes, io::Error>,
    gone: CancellationToken,
) {
    let mut total = 0;
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        buffer.clear();
        let read = tokio::select! {
            read = backup.read_buf(&mut buffer) => read,
            // A backup that waits sends nothing by which that would show.
            () = gone.cancelled() => return tracing::warn!("who asked for a copy is gone"),
        };
        match read {
            Ok(0) => break,
            Ok(count) => total += count as u64,
            Err(error) => return sender.abort(error),
        }
        match timeout(UNREAD, sender.send_data(frames::record(&buffer))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return tracing::warn!("who asked for a copy is gone"),
            Err(_) => {
                tracing::warn!(after = ?UNREAD, "who asked for a copy does not read it");
                return sender.abort(io::ErrorKind::TimedOut.into());
            }
        }
    }
    let last = match completion.await {
        Ok(()) => frames::last(total),
        Err(error) => {
            tracing::error!(%error, "a copy is not whole");
            frames::failed(&error.to_string())
        }
    };
    if let Ok(Ok(())) = timeout(UNREAD, sender.send_data(last)).await {
        tracing::info!(total, "a copy has ended");
    } else {
        tracing::warn!("who asked for a copy is gone");
    }
}
