//! Snapshots: the log as it is at one moment, in one file, with a checksum over all of it.
//!
//! ```text
//! "STNCHSNP" | version u32 | index length u32 | index (JSON) | segments | zeros | SHA-256 of all before
//! ```
//!
//! The zeros make the length 32 more than a multiple of 512, by which etcd's tools recognise that a
//! snapshot ends with a SHA-256.

mod restore;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stanchion_store_core::batch::FORMAT_VERSION;
use stanchion_store_core::{Revision, StoreError};

use crate::log::{Ids, Log, Segment};

pub use restore::{RestoreError, RestoreOptions, Restored, SnapshotInfo, inspect, restore};

const MAGIC: [u8; 8] = *b"STNCHSNP";
const PREFIX_LEN: usize = 16;
const DIGEST_LEN: u64 = 32;
const BLOCK: u64 = 512;
/// Bytes that are handed out at once.
const CHUNK: usize = 64 * 1024;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    ids: Ids,
    revision: i64,
    /// Lengths of the base segments.
    base: Vec<u64>,
    /// Lengths of the tail segments.
    tails: Vec<u64>,
}

/// A snapshot that is being read. It keeps the files it reads, whatever happens to the store.
#[derive(Debug)]
pub struct Snapshot {
    parts: std::vec::IntoIter<Part>,
    current: Option<(Part, u64)>,
    digest: Sha256,
    total: u64,
    sent: u64,
    finished: bool,
    revision: Revision,
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    Segment(Arc<Segment>, u64),
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Segment(_, len) => *len,
        }
    }
}

impl Snapshot {
    pub(crate) fn of(log: &Log, revision: Revision) -> Self {
        // A rewrite changes the manifest first, so it must not come between: the segments' names tell.
        let view = log.view();
        let is_base = |segment: &Arc<Segment>| {
            segment.path().file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"base-"))
        };
        let parts: Vec<_> = view
            .ordered()
            .iter()
            .map(|segment| (is_base(segment), Arc::clone(segment), segment.end()))
            .collect();
        let lengths =
            |base: bool| parts.iter().filter(move |part| part.0 == base).map(|part| part.2).collect();
        let contents = Contents {
            ids: log.manifest().ids,
            revision: revision.0,
            base: lengths(true),
            tails: lengths(false),
        };
        let head = head(&contents);
        let mut all = vec![Part::Bytes(head)];
        all.extend(parts.into_iter().map(|(_, segment, len)| Part::Segment(segment, len)));
        let content: u64 = all.iter().map(Part::len).sum();
        let padded = content.next_multiple_of(BLOCK);
        let zeros = vec![0; usize::try_from(padded - content).expect("less than a block")];
        all.push(Part::Bytes(Bytes::from(zeros)));
        Self {
            parts: all.into_iter(),
            current: None,
            digest: Sha256::new(),
            total: padded + DIGEST_LEN,
            sent: 0,
            finished: false,
            revision,
        }
    }

    /// Returns the bytes of the whole snapshot.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns the newest revision in it.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the bytes that are still to come.
    pub fn remaining(&self) -> u64 {
        self.total - self.sent
    }

    /// Returns the next bytes; nothing at the end. This reads from the disk and may block.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let Some((part, at)) = &mut self.current else {
                match self.parts.next() {
                    Some(part) => self.current = Some((part, 0)),
                    None if self.finished => return Ok(None),
                    None => {
                        self.finished = true;
                        self.sent = self.total;
                        return Ok(Some(Bytes::copy_from_slice(&self.digest.clone().finalize())));
                    }
                }
                continue;
            };
            if *at == part.len() {
                self.current = None;
                continue;
            }
            let chunk = read_part(part, *at)?;
            *at += chunk.len() as u64;
            self.sent += chunk.len() as u64;
            self.digest.update(&chunk);
            return Ok(Some(chunk));
        }
    }

    /// Writes the whole snapshot to `out`.
    pub fn write_to(mut self, out: &mut impl io::Write) -> io::Result<()> {
        while let Some(chunk) = self.next_chunk().map_err(io::Error::other)? {
            out.write_all(&chunk)?;
        }
        Ok(())
    }
}

fn read_part(part: &Part, at: u64) -> Result<Bytes, StoreError> {
    let length = usize::try_from((part.len() - at).min(CHUNK as u64)).expect("at most a chunk");
    match part {
        Part::Bytes(bytes) => {
            let from = usize::try_from(at).expect("the part is in memory");
            Ok(bytes.slice(from..from + length))
        }
        Part::Segment(segment, _) => {
            let mut chunk = vec![0; length];
            segment.file().read_at(&mut chunk, at).map_err(|error| {
                StoreError::CorruptRecord(format!("{}: offset {at}: {error}", segment.path().display()))
            })?;
            Ok(Bytes::from(chunk))
        }
    }
}

fn head(contents: &Contents) -> Bytes {
    let index = serde_json::to_vec(contents).expect("the index has only plain fields");
    let mut head = Vec::with_capacity(PREFIX_LEN + index.len());
    head.extend(MAGIC);
    head.extend(FORMAT_VERSION.to_le_bytes());
    head.extend(u32::try_from(index.len()).expect("the index is small").to_le_bytes());
    head.extend(index);
    Bytes::from(head)
}
