//! The log engine's own promises: torn tails are cut and said, damage is named.

use std::{fs, path::PathBuf};

use super::*;

const OPTIONS: Options = Options { segment_bytes: 4096, ..Options::DEFAULT };

fn open(dir: &Path) -> Result<(Log, usize)> {
    let mut count = 0;
    let log = Log::open(dir, OPTIONS, &mut |_, _| {
        count += 1;
        Ok(())
    })?;
    Ok((log, count))
}

/// One batch per revision; every third record replaces nothing, so all stay.
fn filled() -> Result<tempfile::TempDir> {
    let dir = tempfile::tempdir()?;
    let (mut log, _) = open(dir.path())?;
    for revision in 1..=100 {
        let key = format!("key-{revision:04}");
        let record = Record {
            revision,
            create_revision: revision,
            version: 1,
            lease: 0,
            key: key.as_bytes(),
            value: &[7; 100],
        };
        log.append(&[record], &mut Vec::new())?;
    }
    log.close()?;
    Ok(dir)
}

fn segment(dir: &Path, from_end: usize) -> PathBuf {
    let mut paths: Vec<_> =
        fs::read_dir(dir.join("generation-1")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths[paths.len() - 1 - from_end].clone()
}

#[test]
fn everything_comes_back() {
    let dir = filled().unwrap();
    let (log, count) = open(dir.path()).unwrap();
    assert_eq!((count, log.notes().len()), (100, 0));
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let dir = filled().unwrap();
    let path = segment(dir.path(), 0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let (log, count) = open(dir.path()).unwrap();
    assert_eq!(count, 99);
    assert!(log.notes()[0].contains("cut a torn tail"), "{:?}", log.notes());
}

#[test]
fn damage_names_file_and_offset() {
    for from_end in [0, 1] {
        let dir = filled().unwrap();
        let path = segment(dir.path(), from_end);
        let mut bytes = fs::read(&path).unwrap();
        bytes[60] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = format!("{:#}", open(dir.path()).err().unwrap());
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains("offset 24"), "{error}");
    }
}

#[test]
fn a_short_sealed_segment_is_damage() {
    let dir = filled().unwrap();
    let path = segment(dir.path(), 1);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..24]).unwrap();
    let error = format!("{:#}", open(dir.path()).err().unwrap());
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn reclaim_keeps_the_living() {
    let dir = filled().unwrap();
    let (mut log, _) = open(dir.path()).unwrap();
    let dead: Vec<u64> = (1..=100).filter(|revision| revision % 2 == 0).collect();
    let mut places = Vec::new();
    log.reclaim(&dead, &mut |record, place| {
        places.push(Slot { revision: record.revision, place });
        Ok(())
    })
    .unwrap();
    let mut seen = Vec::new();
    log.read(&places, &mut |record| {
        seen.push(record.revision);
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, (1..=100).step_by(2).collect::<Vec<u64>>());
    log.close().unwrap();
    assert_eq!(open(dir.path()).unwrap().1, 50);
}
