//! Opening a log: reading all of it, cutting a torn end, refusing damage elsewhere.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stanchion_store_core::batch::{SegmentHeader, SegmentHeaderError, find_later};
use stanchion_store_core::{Keyspace, Millis, Replay};

use super::append::Appender;
use super::error::LogError;
use super::manifest::{self, Ids, Manifest};
use super::read::{BatchError, BatchReader, records};
use super::segment::Segment;
use super::view::{Log, View};
use crate::disk::Disk;
use crate::random;

/// What a recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Batches that count.
    pub batches: u64,
    /// Records that count.
    pub records: u64,
    /// Bytes that count.
    pub bytes: u64,
    /// A write that a crash left half done at the end of the log: file, offset and bytes.
    pub torn: Option<(PathBuf, u64, u64)>,
    /// Files of an interrupted rewrite.
    pub leftovers: Vec<PathBuf>,
}

/// A log that is open for writing.
#[derive(Debug)]
pub struct OpenedLog {
    /// What the log holds.
    pub keyspace: Keyspace,
    /// The end to append to.
    pub appender: Appender,
    /// What the recovery found.
    pub recovered: Recovered,
    /// Keeps other processes out, as long as it is open.
    pub lock: File,
}

/// Opens the log in `dir`, and creates it if there is none.
pub fn open(disk: Arc<dyn Disk>, dir: &Path, now: Millis) -> Result<OpenedLog, LogError> {
    refuse_foreign(dir)?;
    fs::create_dir_all(dir).map_err(LogError::io("create", dir))?;
    restrict(dir)?;
    let lock = lock(dir)?;
    let manifest = match Manifest::load(disk.as_ref(), dir)? {
        Some(manifest) => manifest,
        None => create(disk.as_ref(), dir)?,
    };
    let mut reading = Reading::new(disk.as_ref(), dir, manifest, now);
    reading.run()?;
    reading.remove_leftovers()?;
    reading.cut_torn_end()?;
    let Reading { manifest, segments, replay, recovered, next_id, next_sequence, last_tail, .. } = reading;
    let last = Arc::clone(segments.last().expect("a log has at least one tail segment"));
    let log = Arc::new(Log::new(disk, dir.to_owned(), manifest, View::of(segments), next_id));
    let appender = Appender::new(log, last, last_tail, next_sequence);
    Ok(OpenedLog { keyspace: replay.finish(), appender, recovered, lock })
}

/// Reads the whole log in `dir` and changes nothing.
///
/// Besides what opening checks, every record's own checksum and the order of the history are checked.
pub fn verify(disk: &dyn Disk, dir: &Path) -> Result<(Manifest, Keyspace, Recovered), LogError> {
    if !dir.join(manifest::FILE_NAME).exists() {
        refuse_foreign(dir)?;
        return Err(LogError::Missing { path: dir.to_owned() });
    }
    let _lock = lock(dir)?;
    let manifest = Manifest::load(disk, dir)?.ok_or_else(|| LogError::Missing { path: dir.to_owned() })?;
    let mut reading = Reading::new(disk, dir, manifest, 0);
    reading.run()?;
    let Reading { manifest, replay, recovered, .. } = reading;
    Ok((manifest, replay.finish(), recovered))
}

fn refuse_foreign(dir: &Path) -> Result<(), LogError> {
    if dir.join("member").exists() && !dir.join(manifest::FILE_NAME).exists() {
        return Err(LogError::Foreign { path: dir.to_owned(), what: "the data of an etcd member" });
    }
    if dir.exists() && !dir.is_dir() {
        return Err(LogError::Foreign { path: dir.to_owned(), what: "a file" });
    }
    Ok(())
}

/// Keeps other users out of the data.
fn restrict(dir: &Path) -> Result<(), LogError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        .map_err(LogError::io("set the permissions of", dir))
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("LOCK");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(LogError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(LogError::Io { doing: "lock", path, source }),
    }
}

/// Makes an empty log: its first segment, then the manifest that makes it count.
fn create(disk: &dyn Disk, dir: &Path) -> Result<Manifest, LogError> {
    let manifest = Manifest::new(Ids { cluster: random::u64(), member: random::u64() });
    let first = Manifest::tail_name(manifest.first_tail);
    for path in disk.list(dir).map_err(LogError::io("list", dir))? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.starts_with("base-") && !name.starts_with("tail-") {
            continue;
        }
        // The manifest comes last, so a first segment without one is of a creation that was interrupted, as
        // long as there is no more in it than a header. Anything else had a manifest, which is lost.
        let length = fs::metadata(&path).map_err(LogError::io("read", &path))?.len();
        if name != first || length > stanchion_store_core::batch::SEGMENT_HEADER_LEN as u64 {
            let problem = format!("missing, but there is {name}");
            return Err(LogError::Manifest { path: dir.join(manifest::FILE_NAME), problem });
        }
        disk.remove(&path).map_err(LogError::io("remove", &path))?;
    }
    let path = dir.join(first);
    Segment::create(disk, path, 0, SegmentHeader { salt: random::u64(), first_sequence: 1 })?;
    disk.sync_dir(dir).map_err(LogError::io("flush the directory", dir))?;
    manifest.store(disk, dir)?;
    Ok(manifest)
}

/// A log that is being read.
struct Reading<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    manifest: Manifest,
    replay: Replay,
    segments: Vec<Arc<Segment>>,
    recovered: Recovered,
    next_id: u32,
    next_sequence: u64,
    last_tail: u32,
}

impl<'a> Reading<'a> {
    fn new(disk: &'a dyn Disk, dir: &'a Path, manifest: Manifest, now: Millis) -> Self {
        let last_tail = manifest.first_tail;
        Self {
            disk,
            dir,
            manifest,
            replay: Replay::begin(now),
            segments: Vec::new(),
            recovered: Recovered::default(),
            next_id: 1,
            next_sequence: 1,
            last_tail,
        }
    }

    fn run(&mut self) -> Result<(), LogError> {
        self.find_files()?;
        for (position, length) in self.manifest.base.clone().into_iter().enumerate() {
            let path = self.dir.join(self.manifest.base_name(position + 1));
            self.read_base(path, length)?;
        }
        for number in self.manifest.first_tail..=self.last_tail {
            self.read_tail(number)?;
        }
        Ok(())
    }

    /// Finds the last tail segment, and files that do not count.
    fn find_files(&mut self) -> Result<(), LogError> {
        let bases: Vec<_> = (1..=self.manifest.base.len()).map(|n| self.manifest.base_name(n)).collect();
        for path in self.disk.list(self.dir).map_err(LogError::io("list", self.dir))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if let Some(number) = number_of_tail(name) {
                if number >= self.manifest.first_tail {
                    self.last_tail = self.last_tail.max(number);
                } else {
                    self.recovered.leftovers.push(path);
                }
            } else if name.starts_with("base-") && !bases.iter().any(|base| base == name) {
                self.recovered.leftovers.push(path);
            }
        }
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<(), LogError> {
        for path in &self.recovered.leftovers {
            self.disk.remove(path).map_err(LogError::io("remove", path))?;
        }
        Ok(())
    }

    fn cut_torn_end(&self) -> Result<(), LogError> {
        if let (Some((path, offset, _)), Some(last)) = (&self.recovered.torn, self.segments.last()) {
            last.file().truncate(*offset).map_err(LogError::io("cut", path))?;
            last.file().sync_data().map_err(LogError::io("flush", path))?;
        }
        Ok(())
    }

    fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn read_base(&mut self, path: PathBuf, length: u64) -> Result<(), LogError> {
        let segment = Arc::new(Segment::open(self.disk, path, self.new_id())?);
        let end = self.read_batches(&segment)?;
        if let Some((offset, problem)) = end.bad {
            return Err(damaged(&segment, offset, problem));
        }
        if segment.end() != length {
            let problem = format!("the manifest says {length} bytes, the file has {}", segment.end());
            return Err(damaged(&segment, segment.end(), problem));
        }
        self.segments.push(segment);
        Ok(())
    }

    fn read_tail(&mut self, number: u32) -> Result<(), LogError> {
        let path = self.dir.join(Manifest::tail_name(number));
        let is_last = number == self.last_tail;
        let segment = match Segment::open(self.disk, path, self.new_id()) {
            Ok(segment) => Arc::new(segment),
            Err(LogError::Header { path, source }) if is_last && number > self.manifest.first_tail => {
                return self.drop_unborn(number, path, source);
            }
            Err(error) => return Err(error),
        };
        if !self.segments.is_empty() && number > self.manifest.first_tail {
            let first = segment.header().first_sequence;
            if first != self.next_sequence {
                let problem = format!(
                    "the segment begins with batch {first}, the one before ends with batch {}",
                    self.next_sequence - 1
                );
                return Err(damaged(&segment, 0, problem));
            }
        }
        let end = self.read_batches(&segment)?;
        self.next_sequence = end.next_sequence;
        if let Some((offset, problem)) = end.bad {
            self.judge(&segment, offset, problem, is_last)?;
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Drops a last segment that a crash left without a whole header: nothing was written to it yet.
    fn drop_unborn(
        &mut self,
        number: u32,
        path: PathBuf,
        source: SegmentHeaderError,
    ) -> Result<(), LogError> {
        let unborn = matches!(source, SegmentHeaderError::Short(_))
            || is_zero(self.disk.open(&path).map_err(LogError::io("open", &path))?.as_ref(), 0)
                .map_err(LogError::io("read", &path))?;
        if !unborn {
            return Err(LogError::Header { path, source });
        }
        self.recovered.leftovers.push(path);
        self.last_tail = number - 1;
        Ok(())
    }

    /// Applies the batches of a segment up to its end, or to the first place where none stands.
    fn read_batches(&mut self, segment: &Arc<Segment>) -> Result<End, LogError> {
        let path = segment.path().to_owned();
        let mut reader = BatchReader::whole_file(Arc::clone(segment)).map_err(LogError::io("read", &path))?;
        let bad = loop {
            match reader.next_batch() {
                Ok(Some(batch)) => {
                    self.recovered.batches += 1;
                    let first = self.apply(segment, batch)?;
                    segment.extend(reader.offset(), first);
                }
                Ok(None) => break None,
                Err(BatchError::Io(source)) => {
                    return Err(LogError::Io { doing: "read", path, source });
                }
                Err(BatchError::Damaged(problem)) => break Some((reader.offset(), problem.to_owned())),
            }
        };
        self.recovered.bytes += segment.end();
        let next_sequence = reader.next_sequence().expect("a whole file is read in sequence");
        Ok(End { bad, next_sequence })
    }

    fn apply(
        &mut self,
        segment: &Arc<Segment>,
        batch: super::read::Batch,
    ) -> Result<Option<stanchion_store_core::Revision>, LogError> {
        let mut first = None;
        for stored in records(segment.id(), batch) {
            let path = || segment.path().to_owned();
            let stored = stored.map_err(|bad| LogError::Record {
                path: path(),
                offset: bad.offset,
                source: bad.error,
            })?;
            self.recovered.records += 1;
            if first.is_none() {
                first = stored.change().map(|(revision, _)| revision);
            }
            let offset = u64::from(stored.location.offset);
            self.replay.apply(stored.record, stored.location).map_err(|source| LogError::History {
                path: path(),
                offset,
                source,
            })?;
        }
        Ok(first)
    }

    /// Decides whether what stands at `offset` is room that was taken, a torn write, or damage.
    fn judge(
        &mut self,
        segment: &Segment,
        offset: u64,
        problem: String,
        is_last: bool,
    ) -> Result<(), LogError> {
        let read = |source| LogError::Io { doing: "read", path: segment.path().to_owned(), source };
        if is_zero(segment.file(), offset).map_err(read)? {
            return Ok(());
        }
        if !is_last {
            return Err(damaged(segment, offset, problem));
        }
        let length = segment.file().length().map_err(read)?;
        let rest = usize::try_from(length - offset).expect("a segment fits in memory");
        let mut bytes = vec![0; rest];
        segment.file().read_at(&mut bytes, offset).map_err(read)?;
        if let Some(later) = find_later(&bytes, segment.header().salt, self.next_sequence) {
            let later = offset + later as u64;
            return Err(damaged(
                segment,
                offset,
                format!("{problem}, and a later batch stands at offset {later}"),
            ));
        }
        self.recovered.torn = Some((segment.path().to_owned(), offset, length - offset));
        Ok(())
    }
}

struct End {
    bad: Option<(u64, String)>,
    next_sequence: u64,
}

fn damaged(segment: &Segment, offset: u64, problem: impl Into<String>) -> LogError {
    LogError::Damaged { path: segment.path().to_owned(), offset, problem: problem.into() }
}

fn number_of_tail(name: &str) -> Option<u32> {
    name.strip_prefix("tail-")?.strip_suffix(".log")?.parse().ok()
}

/// Whether the file has only zeros from `offset` on.
fn is_zero(file: &dyn crate::disk::DiskFile, offset: u64) -> std::io::Result<bool> {
    const STEP: u64 = 256 * 1024;
    let length = file.length()?;
    let mut at = offset;
    while at < length {
        let step = STEP.min(length - at);
        let mut bytes = vec![0; usize::try_from(step).map_err(std::io::Error::other)?];
        file.read_at(&mut bytes, at)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += step;
    }
    Ok(true)
}
