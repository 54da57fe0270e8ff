//! Saving a snapshot: under another name until it is whole and on the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stanchion_etcd_api::etcdserverpb::SnapshotRequest;
use thiserror::Error;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tonic::Status;

use super::super::connection::Endpoint;

/// The length of the checksum that ends a snapshot.
const CHECKSUM: usize = 32;

/// A snapshot that could not be saved.
#[derive(Debug, Error)]
pub enum SaveError {
    /// The file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// There is a file already.
    #[error("{path} is there already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The member does not send it, or not to its end.
    #[error("the member does not send all of it")]
    Receive(#[source] Status),
    /// The member takes too long.
    #[error("the member takes longer than {after:?}")]
    Late {
        /// For how long it was waited.
        after: Duration,
    },
    /// What came is not what the checksum at its end says.
    #[error("what came is damaged: its checksum is wrong")]
    Damaged,
}

/// Saves a snapshot to `path` and returns its size. What is there half-way is called `PATH.part`, and goes if it fails.
pub(super) async fn save(endpoint: &Endpoint, path: &Path, after: Duration) -> Result<u64, SaveError> {
    if path.exists() {
        return Err(SaveError::Exists { path: path.to_owned() });
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let saved = match timeout(after, receive(endpoint, &part)).await {
        Ok(saved) => saved,
        Err(_) => Err(SaveError::Late { after }),
    };
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    match saved {
        Ok(size) => {
            tokio::fs::rename(&part, path).await.map_err(failed)?;
            let directory =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(directory).await.map_err(failed)?.sync_all().await.map_err(failed)?;
            Ok(size)
        }
        Err(error) => {
            if let Err(left) = tokio::fs::remove_file(&part).await
                && left.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %part.display(), error = %left, "half a snapshot is left");
            }
            Err(error)
        }
    }
}

async fn receive(endpoint: &Endpoint, part: &Path) -> Result<u64, SaveError> {
    let failed = |source| SaveError::Write { path: part.to_owned(), source };
    let mut options = tokio::fs::OpenOptions::new();
    // It holds all secrets of the cluster.
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(part).await.map_err(failed)?;
    let mut client = endpoint.maintenance().max_decoding_message_size(usize::MAX);
    let stream = client.snapshot(SnapshotRequest {}).await;
    let mut stream = stream.map_err(SaveError::Receive)?.into_inner();
    let mut digest = Sha256::new();
    // The last bytes are the checksum of those before them.
    let mut tail: Vec<u8> = Vec::new();
    let mut size = 0;
    while let Some(message) = stream.message().await.map_err(SaveError::Receive)? {
        file.write_all(&message.blob).await.map_err(failed)?;
        size += message.blob.len() as u64;
        tail.extend_from_slice(&message.blob);
        let known = tail.len().saturating_sub(CHECKSUM);
        digest.update(&tail[..known]);
        tail.drain(..known);
    }
    if tail.len() != CHECKSUM || digest.finalize()[..] != tail[..] {
        return Err(SaveError::Damaged);
    }
    file.sync_all().await.map_err(failed)?;
    Ok(size)
}
