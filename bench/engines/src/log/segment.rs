//! One segment file: `magic | number u32 | length of the previous segment u64 | crc32c u32`, then
//! frames, then (only in the active segment) preallocated zeros.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use rustix::fs::{FallocateFlags, fallocate};

use crate::{
    engine::Ahead,
    record::{u32_at, u64_at},
};

pub(super) const HEADER: usize = 24;
const MAGIC: [u8; 8] = *b"STNCHLG\x01";
const STEP: u64 = 4 << 20;

#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    used: u64,
    allocated: u64,
    /// What this segment's header says about its predecessor.
    pub(super) previous_length: u64,
}

impl Segment {
    /// Creates a segment whose name appears only once its header is durable.
    pub(super) fn create(dir: &Path, number: u32, previous_length: u64) -> Result<Self> {
        let path = dir.join(format!("{number:08}.seg"));
        let temporary = path.with_extension("tmp");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        let header = encode_header(number, previous_length);
        file.write_all_at(&header, 0)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)?;
        super::sync_dir(dir)?;
        let used = HEADER as u64;
        Ok(Self { file, path, used, allocated: used, previous_length })
    }

    /// Opens an existing segment and checks its header; `used` is the file length for now.
    pub(super) fn open(path: PathBuf, number: u32) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let used = file.metadata()?.len();
        let mut header = [0; HEADER];
        let previous_length = read_header(&file, &mut header, number)
            .with_context(|| format!("{}: offset 0: bad segment header", path.display()))?;
        Ok(Self { file, path, used, allocated: used, previous_length })
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used <= HEADER as u64
    }

    pub(super) fn describe(&self, offset: u64) -> String {
        format!("{}: offset {offset}", self.path.display())
    }

    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(into, offset).with_context(|| self.describe(offset))
    }

    /// One `pwrite` at the end; returns where it began.
    pub(super) fn append(&mut self, bytes: &[u8], ahead: Ahead) -> Result<u64> {
        let start = self.used;
        let end = start + bytes.len() as u64;
        while self.allocated < end {
            let target = (self.allocated / STEP + 1) * STEP;
            self.extend(target, ahead).with_context(|| format!("extend {}", self.path.display()))?;
            self.allocated = target;
        }
        self.file.write_all_at(bytes, start).with_context(|| self.describe(start))?;
        self.used = end;
        Ok(start)
    }

    fn extend(&self, target: u64, ahead: Ahead) -> Result<()> {
        let missing = target - self.allocated;
        match ahead {
            Ahead::Allocate => {
                fallocate(&self.file, FallocateFlags::empty(), self.allocated, missing)?;
            }
            Ahead::Length => self.file.set_len(target)?,
            Ahead::Zeros => {
                let zeros = vec![0; usize::try_from(missing)?];
                self.file.write_all_at(&zeros, self.allocated)?;
                self.file.sync_all()?;
            }
            Ahead::Nothing => {}
        }
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("sync {}", self.path.display()))
    }

    /// Cuts the preallocated rest off and makes the length durable.
    pub(super) fn seal(&mut self) -> Result<()> {
        self.cut(self.used)
    }

    /// Ends the segment at `length`.
    pub(super) fn cut(&mut self, length: u64) -> Result<()> {
        self.file.set_len(length).with_context(|| self.describe(length))?;
        self.file.sync_all()?;
        self.used = length;
        self.allocated = length;
        Ok(())
    }

    /// The preallocated rest from `used` on stays; further frames go over it.
    pub(super) fn resume_at(&mut self, used: u64) {
        self.used = used;
    }
}

fn encode_header(number: u32, previous_length: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&number.to_le_bytes());
    header[12..20].copy_from_slice(&previous_length.to_le_bytes());
    let crc = crc32c::crc32c(&header[..20]);
    header[20..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn read_header(file: &File, header: &mut [u8; HEADER], number: u32) -> Result<u64> {
    file.read_exact_at(header, 0)?;
    ensure!(header[..8] == MAGIC, "not a segment file");
    ensure!(u32_at(header, 20)? == crc32c::crc32c(&header[..20]), "checksum mismatch");
    ensure!(u32_at(header, 8)? == number, "carries another number than its name");
    u64_at(header, 12)
}
