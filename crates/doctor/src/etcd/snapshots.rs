//! Snapshots in a directory: the newest that is whole.
//!
//! What `etcdctl snapshot save` writes is the database, whose size is a multiple of 512 bytes, and the SHA-256 of it. Servers
//! that are not etcd have other databases, so that a file called a snapshot may have any size.

pub(super) mod keep;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};
use stanchion_doctor_core::{Facts, Reading, Snapshot};

use super::reading;

/// The length of the checksum at the end.
const CHECKSUM: u64 = 32;
/// What the size of etcd's database is a multiple of.
const PAGE: u64 = 512;

/// Reads which snapshots there are, without waiting for the disk.
pub(super) async fn read(directory: &Path, facts: &mut Facts) -> Reading {
    let path = directory.to_owned();
    let source = directory.display().to_string();
    match tokio::task::spawn_blocking(move || newest(&path)).await {
        Ok(Ok((snapshot, missing))) => {
            facts.etcd.snapshot = snapshot;
            reading(source, 1, missing)
        }
        Ok(Err(error)) => Reading::Failed { source, why: error.to_string() },
        Err(error) => Reading::Failed { source, why: error.to_string() },
    }
}

/// Returns the newest snapshot that is whole, and which newer ones could not be read.
fn newest(directory: &Path) -> io::Result<(Option<Snapshot>, Vec<String>)> {
    let mut candidates = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // Smaller is none, and what is being written has another name until it is whole.
        let is_called = entry.path().extension().is_some_and(|extension| extension == "snap");
        let is_like = is_called || metadata.len() % PAGE == CHECKSUM;
        if metadata.is_file() && metadata.len() > CHECKSUM && is_like {
            let at = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            candidates.push((at, entry.path(), metadata.len()));
        }
    }
    candidates.sort();
    let mut missing = Vec::new();
    for (at, path, size) in candidates.into_iter().rev() {
        match is_whole(&path, size) {
            Ok(true) => {
                let at = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
                return Ok((Some(Snapshot { path: path.display().to_string(), at, size }), missing));
            }
            Ok(false) => {}
            Err(error) => missing.push(format!("{}: {error}", path.display())),
        }
    }
    Ok((None, missing))
}

/// Compares a file with the checksum at its end.
pub(super) fn is_whole(path: &Path, size: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut left = size - CHECKSUM;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Ok(false);
        }
        digest.update(&buffer[..read]);
        left -= read as u64;
    }
    let mut checksum = [0; 32];
    file.read_exact(&mut checksum)?;
    Ok(digest.finalize()[..] == checksum)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn write(path: &Path, whole: bool, age: u64) {
        let data = vec![7_u8; 1024];
        let mut bytes = data.clone();
        bytes.extend_from_slice(&Sha256::digest(&data));
        if !whole {
            bytes[3] = 0;
        }
        fs::write(path, bytes).expect("it is written");
        let at = SystemTime::now() - Duration::from_secs(age);
        File::options().append(true).open(path).and_then(|file| file.set_modified(at)).expect("it is aged");
    }

    #[test]
    fn the_newest_that_is_whole_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        assert_eq!(newest(directory.path()).expect("it is read").0, None);
        write(&at("old"), true, 7_200);
        write(&at("newer"), true, 3_600);
        write(&at("damaged"), false, 60);
        fs::write(at("notes.txt"), "not one").expect("it is written");
        let (found, missing) = newest(directory.path()).expect("it is read");
        let found = found.expect("there is one");
        assert_eq!(found.path, at("newer").display().to_string());
        assert_eq!((found.size, missing.len()), (1_056, 0));
        newest(&at("nowhere")).expect_err("there is no such directory");
    }
}
