//! The log file: written whole entries at a time, rotated, and never in the container's way.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::SystemTime;

use super::lines::Tag;
use crate::config::LogConfig;
use crate::logs::rotated;

/// A container's log.
#[derive(Debug)]
pub(super) struct Log {
    config: LogConfig,
    /// Nothing while it cannot be opened.
    file: Option<File>,
    size: u64,
    /// Bytes of output that could not be written, and why.
    lost: Option<(u64, String)>,
}

impl Log {
    /// Opens the log for appending. If that fails it is tried again with each entry.
    pub(super) fn open(config: &LogConfig) -> Self {
        let mut log = Self { config: config.clone(), file: None, size: 0, lost: None };
        if let Err(error) = log.reopen() {
            log.lost = Some((0, error.to_string()));
        }
        log
    }

    /// Appends one entry. A full disk loses it; the next one that can be written says how much was lost.
    pub(super) fn write(&mut self, stream: &str, tag: Tag, line: &[u8]) {
        if let Some((bytes, why)) = self.lost.take().filter(|(bytes, _)| *bytes > 0) {
            let note = format!("stanchion: {bytes} bytes of output were lost: {why}");
            if self.append(&entry("stderr", Tag::Full, note.as_bytes())).is_err() {
                self.lost = Some((bytes, why));
            }
        }
        if let Err(error) = self.append(&entry(stream, tag, line)) {
            let before = self.lost.as_ref().map_or(0, |(bytes, _)| *bytes);
            self.lost = Some((before + line.len() as u64, error.to_string()));
        }
    }

    fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        let length = entry.len() as u64;
        if self.file.is_some() && self.size > 0 && self.size + length > self.config.max_bytes {
            self.rotate()?;
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        match file.write_all(entry) {
            Ok(()) => {
                self.size += length;
                Ok(())
            }
            Err(error) => {
                // Half an entry would spoil the next one.
                drop(file.set_len(self.size));
                Err(error)
            }
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let path = &self.config.path;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = File::options().create(true).append(true).mode(0o640).open(path)?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Closes the file and starts a new one. The oldest is given up.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        let path = &self.config.path;
        let oldest = self.config.max_files.saturating_sub(1);
        if oldest == 0 {
            return fs::remove_file(path);
        }
        for number in (1..oldest).rev() {
            match fs::rename(rotated(path, number), rotated(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(path, rotated(path, 1))
    }
}

fn entry(stream: &str, tag: Tag, line: &[u8]) -> Vec<u8> {
    let tag = match tag {
        Tag::Full => "F",
        Tag::Partial => "P",
    };
    let head = format!("{} {stream} {tag} ", humantime::format_rfc3339_nanos(SystemTime::now()));
    [head.as_bytes(), line, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn log(dir: &Path, max_bytes: u64, max_files: u32) -> Log {
        Log::open(&LogConfig { path: dir.join("pod/0.log"), max_bytes, max_files })
    }

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let mut log = log(dir.path(), 200, 3);
        for number in 0..40 {
            log.write("stdout", Tag::Full, format!("line {number}").as_bytes());
        }
        let files: Vec<_> = fs::read_dir(dir.path().join("pod")).expect("there").flatten().collect();
        assert_eq!(files.len(), 3);
        for file in files {
            assert!(file.metadata().expect("there").len() <= 200);
        }
        let newest = fs::read_to_string(dir.path().join("pod/0.log")).expect("there");
        assert!(newest.ends_with("stdout F line 39\n"), "{newest}");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_said() {
        let dir = tempfile::tempdir().expect("a scratch directory");
        fs::write(dir.path().join("pod"), "a file where the directory should be").expect("written");
        let mut log = log(dir.path(), 1000, 2);
        log.write("stdout", Tag::Full, b"12345");
        log.write("stdout", Tag::Full, b"678");
        fs::remove_file(dir.path().join("pod")).expect("removed");
        log.write("stdout", Tag::Full, b"9");
        let text = fs::read_to_string(dir.path().join("pod/0.log")).expect("there");
        assert!(text.contains("stderr F stanchion: 8 bytes of output were lost: "), "{text}");
        assert!(text.ends_with("stdout F 9\n"), "{text}");
    }
}
