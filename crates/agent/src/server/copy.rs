//! Copies of the data for other agents.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use stanchion_engine::mariadb::{Backup, BackupCompletion, Backups, CopyError};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use super::{Body, reply};
use crate::frames;
use crate::observer::Target;

/// So much is read at once.
const PIECE: usize = 256 * 1024;
/// So many pieces wait for a reader who is slow.
const PIECES: usize = 4;

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
    if origin.target.borrow().is_none() {
        return reply(StatusCode::SERVICE_UNAVAILABLE, "the database does not run\n");
    }
    match origin.backups.start().await {
        Ok((backup, completion)) => {
            tracing::info!("a copy begins");
            let (sender, body) = Channel::new(PIECES);
            tokio::spawn(send(backup, completion, sender));
            Response::new(body.boxed_unsync())
        }
        Err(error @ CopyError::Busy) => reply(StatusCode::CONFLICT, format!("{error}\n")),
        Err(error) => {
            tracing::error!(%error, "cannot begin a copy");
            reply(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
    }
}

/// Sends a backup in records, and the last one only if the backup is whole.
async fn send(mut backup: Backup, completion: BackupCompletion, mut sender: Sender<Bytes, io::Error>) {
    let mut total = 0;
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        buffer.clear();
        match backup.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(count) => total += count as u64,
            Err(error) => return sender.abort(error),
        }
        if sender.send_data(frames::record(&buffer)).await.is_err() {
            return tracing::warn!("who asked for a copy is gone");
        }
    }
    match completion.await {
        Ok(()) => {
            if sender.send_data(frames::last(total)).await.is_ok() {
                tracing::info!(total, "a copy was sent");
            }
        }
        Err(error) => {
            tracing::error!(%error, "a copy is not whole");
            sender.abort(io::Error::other(error));
        }
    }
}
