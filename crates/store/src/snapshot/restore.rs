//! Turning a snapshot back into a store.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stanchion_store_core::batch::FORMAT_VERSION;
use stanchion_store_core::{Journal, Record, Revision};

use super::{BLOCK, Contents, DIGEST_LEN, MAGIC, PREFIX_LEN};
use crate::disk::{Disk, RealDisk};
use crate::log::{self, Ids, LogError, Manifest};

/// An index longer than this is damage.
const MAX_INDEX: u64 = 16 * 1024 * 1024;
const COPY_STEP: usize = 256 * 1024;

/// Why a snapshot cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The snapshot cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The snapshot.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is something else, or cut short.
    #[error("{path}: {problem}")]
    NotASnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The content is not what was written.
    #[error(
        "{path}: the SHA-256 at its end does not fit its content: the snapshot is damaged or was cut short"
    )]
    Checksum {
        /// The snapshot.
        path: PathBuf,
    },
    /// The store cannot be written, or what was restored is damaged.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// How to restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Raise the revision by this much, so that clients that saw later revisions of the lost store are not
    /// shown old ones under the same numbers.
    pub bump_revision: i64,
    /// Mark everything before the newest revision as compacted, so that watches of clients end and begin anew.
    pub mark_compacted: bool,
    /// Believe the content without its checksum.
    pub skip_hash_check: bool,
}

/// What a snapshot says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Whose it is.
    pub ids: Ids,
    /// The newest revision in it.
    pub revision: Revision,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The newest revision.
    pub revision: Revision,
    /// The compacted revision.
    pub compacted: Revision,
    /// Keys that exist.
    pub keys: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Verifies the checksum of a snapshot and returns what it says of itself.
pub fn inspect(path: &Path) -> Result<SnapshotInfo, RestoreError> {
    let mut reader = Reader::open(path)?;
    let contents = reader.contents()?;
    while reader.left > DIGEST_LEN {
        reader.skip()?;
    }
    let sha256 = reader.finish(false)?;
    Ok(SnapshotInfo { ids: contents.ids, revision: Revision(contents.revision), bytes: reader.total, sha256 })
}

/// Makes a store in `dir`, which must be empty or missing, from the snapshot at `path`.
///
/// The store counts only once its manifest is there, which comes last, after the checksum was verified.
pub fn restore(path: &Path, dir: &Path, options: RestoreOptions) -> Result<Restored, RestoreError> {
    let disk = RealDisk;
    let mut reader = Reader::open(path)?;
    let contents = reader.contents()?;
    refuse_full(dir)?;
    let created = !dir.exists();
    std::fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
    let restored = fill(disk, &mut reader, &contents, dir, options);
    if restored.is_err() {
        clear(dir, created)?;
    }
    restored
}

fn fill(
    disk: RealDisk,
    reader: &mut Reader,
    contents: &Contents,
    dir: &Path,
    options: RestoreOptions,
) -> Result<Restored, RestoreError> {
    let base = contents.base.clone();
    let manifest = Manifest { base, ..Manifest::new(contents.ids) };
    for (position, length) in contents.base.iter().enumerate() {
        reader.copy(disk, &dir.join(manifest.base_name(position + 1)), *length)?;
    }
    for (number, length) in (manifest.first_tail..).zip(&contents.tails) {
        reader.copy(disk, &dir.join(Manifest::tail_name(number)), *length)?;
    }
    while reader.left > DIGEST_LEN {
        reader.skip()?;
    }
    reader.finish(options.skip_hash_check)?;
    manifest.store(&disk, dir)?;
    bump(dir, options)?;
    let (_, keyspace, recovered) = log::verify(&disk, dir)?;
    Ok(Restored {
        revision: keyspace.revision(),
        compacted: keyspace.compacted(),
        keys: keyspace.index().live_keys(),
        bytes: recovered.bytes,
    })
}

/// Raises the revision, by a record that says so.
fn bump(dir: &Path, options: RestoreOptions) -> Result<(), LogError> {
    if options.bump_revision <= 0 && !options.mark_compacted {
        return Ok(());
    }
    let mut opened = log::open(Arc::new(RealDisk), dir, 0)?;
    let revision = Revision(opened.keyspace.revision().0.saturating_add(options.bump_revision.max(0)));
    let compacted = if options.mark_compacted { revision } else { opened.keyspace.compacted() };
    opened.appender.reserve(1024)?;
    opened.appender.append(&Record::Base { revision, compacted });
    opened.appender.commit()?;
    opened.appender.give_back_room()
}

fn refuse_full(dir: &Path) -> Result<(), LogError> {
    let not_empty = match std::fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => {
            return Err(LogError::Io { doing: "list", path: dir.to_owned(), source });
        }
    };
    if not_empty { Err(LogError::NotEmpty { path: dir.to_owned() }) } else { Ok(()) }
}

/// Takes away what a failed restore left. The directory was empty before.
fn clear(dir: &Path, created: bool) -> Result<(), LogError> {
    for path in RealDisk.list(dir).map_err(LogError::io("list", dir))? {
        RealDisk.remove(&path).map_err(LogError::io("remove", &path))?;
    }
    if created {
        std::fs::remove_dir(dir).map_err(LogError::io("remove", dir))?;
    }
    Ok(())
}

/// Reads a snapshot from front to back and hashes what it reads.
struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    digest: Sha256,
    total: u64,
    left: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, RestoreError> {
        let read = |source| RestoreError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let total = file.metadata().map_err(read)?.len();
        let reader = Self {
            path: path.to_owned(),
            file: BufReader::new(file),
            digest: Sha256::new(),
            total,
            left: total,
        };
        if total < PREFIX_LEN as u64 + DIGEST_LEN || total % BLOCK != DIGEST_LEN {
            return Err(reader.problem(format!("{total} bytes are not the length of a whole snapshot")));
        }
        Ok(reader)
    }

    fn problem(&self, problem: impl Into<String>) -> RestoreError {
        RestoreError::NotASnapshot { path: self.path.clone(), problem: problem.into() }
    }

    fn read(&mut self, length: u64) -> Result<Vec<u8>, RestoreError> {
        if length + DIGEST_LEN > self.left {
            return Err(self.problem("the snapshot is cut short"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file
            .read_exact(&mut bytes)
            .map_err(|source| RestoreError::Read { path: self.path.clone(), source })?;
        self.digest.update(&bytes);
        self.left -= length;
        Ok(bytes)
    }

    fn contents(&mut self) -> Result<Contents, RestoreError> {
        let prefix = self.read(PREFIX_LEN as u64)?;
        let (magic, rest) = prefix.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(self.problem("this is no snapshot of a stanchion store"));
        }
        let number =
            |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let (version, length) = (number(&rest[..4]), number(&rest[4..]));
        if version != u64::from(FORMAT_VERSION) {
            return Err(self.problem(format!(
                "the snapshot has format version {version}, this program reads version {FORMAT_VERSION}"
            )));
        }
        if length > MAX_INDEX {
            return Err(self.problem("the index is damaged"));
        }
        let index = self.read(length)?;
        serde_json::from_slice(&index).map_err(|error| self.problem(format!("the index is damaged: {error}")))
    }

    /// Writes the next `length` bytes to a new file, durably.
    fn copy(&mut self, disk: RealDisk, path: &Path, length: u64) -> Result<(), RestoreError> {
        let file = disk.create(path).map_err(LogError::io("create", path))?;
        file.reserve(length).map_err(LogError::io("take room for", path))?;
        let mut at = 0;
        while at < length {
            let bytes = self.read((length - at).min(COPY_STEP as u64))?;
            file.write_at(&bytes, at).map_err(LogError::io("write", path))?;
            at += bytes.len() as u64;
        }
        Ok(file.sync_data().map_err(LogError::io("flush", path))?)
    }

    fn skip(&mut self) -> Result<(), RestoreError> {
        self.read((self.left - DIGEST_LEN).min(COPY_STEP as u64)).map(drop)
    }

    /// Compares the checksum; returns it.
    fn finish(&mut self, skip_check: bool) -> Result<String, RestoreError> {
        let mut found = [0; 32];
        self.file
            .read_exact(&mut found)
            .map_err(|source| RestoreError::Read { path: self.path.clone(), source })?;
        let computed = self.digest.clone().finalize();
        if !skip_check && found[..] != computed[..] {
            return Err(RestoreError::Checksum { path: self.path.clone() });
        }
        Ok(found.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
    }
}
