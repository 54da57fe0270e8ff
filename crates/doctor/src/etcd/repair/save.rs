//! Saving a snapshot: under another name until it is whole and on the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stanchion_doctor_core::Bytes;
use stanchion_etcd_api::etcdserverpb::SnapshotRequest;
use thiserror::Error;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tonic::Status;

use super::super::connection::Endpoint;
use super::super::local::free;
use super::super::snapshots::is_whole;

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
    /// The disk has no room for it.
    #[error("{path} has {free} left, and the snapshot takes about {needed}")]
    NoRoom {
        /// Where it was to be saved.
        path: PathBuf,
        /// How much it takes.
        needed: Bytes,
        /// How much there is.
        free: Bytes,
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
    /// What came, or what the disk made of it, is not what the checksum at its end says.
    #[error("what was saved is damaged: its checksum is wrong")]
    Damaged,
}

/// A snapshot that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its size, with the checksum.
    pub size: u64,
    /// The SHA-256 that it ends with, in hexadecimal.
    pub checksum: String,
    /// Who sent it.
    pub endpoint: String,
}

/// Saves a snapshot of about `expected` bytes to `path`. What is there half-way is called `PATH.part`, and goes if it fails.
///
/// What was received is compared with the checksum that the member sent, and so is what is then read from the file.
pub(super) async fn save(
    endpoint: &Endpoint,
    path: &Path,
    expected: u64,
    after: Duration,
) -> Result<Saved, SaveError> {
    if path.exists() {
        return Err(SaveError::Exists { path: path.to_owned() });
    }
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let free = free(directory).map_err(failed)?;
    if free < expected {
        let (needed, free) = (Bytes(expected), Bytes(free));
        return Err(SaveError::NoRoom { path: directory.to_owned(), needed, free });
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let saved = match timeout(after, receive(endpoint, &part)).await {
        Ok(saved) => saved,
        Err(_) => Err(SaveError::Late { after }),
    };
    match saved {
        Ok(saved) => {
            tokio::fs::rename(&part, path).await.map_err(failed)?;
            File::open(directory).await.map_err(failed)?.sync_all().await.map_err(failed)?;
            Ok(saved)
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

async fn receive(endpoint: &Endpoint, part: &Path) -> Result<Saved, SaveError> {
    let failed = |source| SaveError::Write { path: part.to_owned(), source };
    let mut file = create(part).await.map_err(failed)?;
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
    let path = part.to_owned();
    let read = tokio::task::spawn_blocking(move || is_whole(&path, size)).await;
    if !read.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)? {
        return Err(SaveError::Damaged);
    }
    Ok(Saved { size, checksum: hexadecimal(&tail), endpoint: endpoint.url().to_owned() })
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Makes a file that its owner alone may read, in place of what an earlier try left.
async fn create(path: &Path) -> io::Result<File> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // It holds all secrets of the cluster.
    tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await
}
