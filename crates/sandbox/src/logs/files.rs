//! The files of a log as one sequence of bytes.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::rotated;

const CHUNK: usize = 64 * 1024;
/// Rotated files that are looked for; a log has fewer.
const MAX_FILES: u32 = 100;
/// How often a rotation may come between looking and opening.
const TRIES: usize = 10;

/// A place in the files of a log.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    file: File,
    position: u64,
    buffer: Vec<u8>,
    /// Whether the file was seen rotated away, so that nothing is written to it any more.
    closed: bool,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk<'a> {
    Bytes(&'a [u8]),
    /// Nothing: what follows is the beginning of a newer file.
    NextFile,
    /// Nothing for now.
    End,
}

impl Files {
    /// Opens the log at its beginning, or at its last `tail` lines.
    pub(super) fn open(path: &Path, tail: Option<u64>) -> io::Result<Self> {
        let mut found = None;
        for _ in 0..TRIES {
            found = match tail {
                Some(lines) => last_lines(path, lines)?,
                None => {
                    existing(path).pop().map(|path| File::open(path).map(|file| (file, 0))).transpose()?
                }
            };
            if found.is_some() {
                break;
            }
        }
        let (mut file, position) = found.ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(position))?;
        Ok(Self { path: path.to_owned(), file, position, buffer: vec![0; CHUNK], closed: false })
    }

    /// Reads on.
    pub(super) fn read(&mut self) -> io::Result<Chunk<'_>> {
        loop {
            let count = self.file.read(&mut self.buffer)?;
            if count > 0 {
                self.position += count as u64;
                return Ok(Chunk::Bytes(&self.buffer[..count]));
            }
            let own = self.file.metadata()?;
            if own.len() < self.position {
                // A full disk made the writer take half an entry back.
                self.position = own.len();
                self.file.seek(SeekFrom::Start(self.position))?;
                return Ok(Chunk::NextFile);
            }
            if fs::metadata(&self.path).is_ok_and(|newest| newest.ino() == own.ino()) {
                return Ok(Chunk::End);
            }
            if !self.closed {
                // Something may have been written between the last look and the rotation.
                self.closed = true;
                continue;
            }
            let Some(file) = newer(&self.path, own.ino())? else { return Ok(Chunk::End) };
            (self.file, self.position, self.closed) = (file, 0, false);
            return Ok(Chunk::NextFile);
        }
    }
}

/// Returns the files that are there, the newest first.
fn existing(path: &Path) -> Vec<PathBuf> {
    let older = (1..MAX_FILES).map(|number| rotated(path, number)).take_while(|path| path.exists());
    [path.to_owned()].into_iter().filter(|path| path.exists()).chain(older).collect()
}

/// Opens the file after the one with `inode`: the next newer one, or the oldest if that one is gone. Nothing while
/// there is none.
fn newer(path: &Path, inode: u64) -> io::Result<Option<File>> {
    for _ in 0..TRIES {
        let files = existing(path);
        let inodes: Vec<u64> =
            files.iter().map(|path| fs::metadata(path).map_or(0, |found| found.ino())).collect();
        let next = match inodes.iter().position(|found| *found == inode) {
            Some(0) => return Ok(None),
            Some(index) => index - 1,
            None if files.is_empty() => return Ok(None),
            None => files.len() - 1,
        };
        let file = match File::open(&files[next]) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // A rotation in between has moved the names.
        if file.metadata()?.ino() == inodes[next] {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Opens the file in which the last `lines` lines begin, and says where.
fn last_lines(path: &Path, lines: u64) -> io::Result<Option<(File, u64)>> {
    let mut left = lines;
    let mut oldest = None;
    for path in existing(path) {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if let Some(position) = back(&mut file, &mut left)? {
            return Ok(Some((file, position)));
        }
        oldest = Some((file, 0));
    }
    Ok(oldest)
}

/// Goes back over `left` lines from the end of a file; returns where that is, or nothing if it has fewer.
fn back(file: &mut File, left: &mut u64) -> io::Result<Option<u64>> {
    let end = file.metadata()?.len();
    let mut block_end = end;
    let mut block = vec![0; CHUNK];
    while block_end > 0 {
        let start = block_end.saturating_sub(CHUNK as u64);
        let length = usize::try_from(block_end - start).map_err(io::Error::other)?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        for index in (0..length).rev() {
            // The last byte of a file ends its last line.
            if block[index] == b'\n' {
                if *left == 0 {
                    return Ok(Some(start + index as u64 + 1));
                }
                *left -= 1;
            }
        }
        block_end = start;
    }
    Ok(None)
}
