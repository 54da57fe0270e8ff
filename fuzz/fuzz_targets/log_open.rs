//! A log whose end was damaged or forged is read, or an error names the file; never a panic.

#![no_main]

use std::cell::OnceCell;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use stanchion_fuzz::{batch, framed};
use stanchion_store::core::batch::SegmentHeader;
use stanchion_store::core::{Change, DeleteRange, KeyRange, KeyValue, LeaseId, Put, Record, Revision};
use stanchion_store::disk::RealDisk;
use stanchion_store::log::{self, LogError};

/// What is done to the last segment.
#[derive(Arbitrary, Debug)]
enum Damage {
    /// Bytes behind its end.
    Append(Vec<u8>),
    /// Bytes in place of others.
    Splice { at: u16, remove: u8, insert: Vec<u8> },
    /// It ends early.
    Cut(u16),
    /// A whole batch of arbitrary bytes.
    Batch(Vec<u8>),
    /// A whole batch of records with arbitrary bodies.
    Bodies(Vec<Vec<u8>>),
    /// A whole batch of changes that were never made.
    Changes(Vec<Forged>),
}

/// A change with arbitrary numbers and few keys.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Forged {
    Put { key: u8, created: u8, modified: i8, version: i64, lease: i64, sub: u8 },
    Delete { key: u8, revision: i8, sub: u8 },
    Compact(i64),
    Base { revision: i64, compacted: i64 },
    Grant { id: i8, ttl: i64, remaining: u64 },
    Revoke(i8),
    Remaining { id: i8, remaining: u64 },
}

/// A directory with a sound log, of which the last segment is replaced at each run.
struct Sound {
    dir: tempfile::TempDir,
    tail: PathBuf,
    bytes: Vec<u8>,
    /// The sequence number of the batch that would come next.
    next: u64,
}

thread_local! {
    static SOUND: OnceCell<Sound> = const { OnceCell::new() };
}

fuzz_target!(|damage: Vec<Damage>| {
    SOUND.with(|sound| {
        let sound = sound.get_or_init(|| make().expect("a log can be made in the temporary directory"));
        check(sound, damage);
    });
});

fn check(sound: &Sound, damage: Vec<Damage>) {
    let mut bytes = sound.bytes.clone();
    let mut next = sound.next;
    let header = SegmentHeader::decode(&bytes).expect("the segment is sound");
    for damage in damage {
        apply(damage, &mut bytes, &mut next, header.salt);
    }
    fs::write(&sound.tail, &bytes).expect("the temporary directory takes a file");
    match log::verify(&RealDisk, sound.dir.path()) {
        Ok((_, keyspace, recovered)) => {
            assert!(keyspace.index().live_keys() <= recovered.records);
            assert!(recovered.bytes <= bytes.len() as u64);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(".log"), "no file is named: {text}");
            assert!(!matches!(error, LogError::InUse { .. }), "{text}");
        }
    }
}

fn apply(damage: Damage, bytes: &mut Vec<u8>, next: &mut u64, salt: u64) {
    let mut forge = |payload: &[u8], bytes: &mut Vec<u8>| {
        bytes.extend(batch(payload, *next, salt));
        *next += 1;
    };
    match damage {
        Damage::Append(more) => bytes.extend(more),
        Damage::Splice { at, remove, insert } => {
            let from = usize::from(at) % (bytes.len() + 1);
            let to = (from + usize::from(remove)).min(bytes.len());
            bytes.splice(from..to, insert);
        }
        Damage::Cut(length) => bytes.truncate(usize::from(length)),
        Damage::Batch(payload) => forge(&payload, bytes),
        Damage::Bodies(bodies) => {
            forge(&bodies.iter().flat_map(|body| framed(body)).collect::<Vec<_>>(), bytes);
        }
        Damage::Changes(changes) => {
            let mut payload = Vec::new();
            for change in changes {
                record(change).encode(&mut payload);
            }
            forge(&payload, bytes);
        }
    }
}

fn record(forged: Forged) -> Record {
    let key = |key: u8| vec![b'a' + key % 4].into();
    match forged {
        Forged::Put { key: k, created, modified, version, lease, sub } => Record::Put {
            kv: KeyValue {
                key: key(k),
                value: "forged".into(),
                created: Revision(created.into()),
                modified: Revision(modified.into()),
                version,
                lease: LeaseId(lease),
            },
            sub: sub.into(),
        },
        Forged::Delete { key: k, revision, sub } => {
            Record::Delete { revision: Revision(revision.into()), sub: sub.into(), key: key(k) }
        }
        Forged::Compact(revision) => Record::Compact { revision: Revision(revision) },
        Forged::Base { revision, compacted } => {
            Record::Base { revision: Revision(revision), compacted: Revision(compacted) }
        }
        Forged::Grant { id, ttl, remaining } => Record::LeaseGrant { id: LeaseId(id.into()), ttl, remaining },
        Forged::Revoke(id) => Record::LeaseRevoke { id: LeaseId(id.into()) },
        Forged::Remaining { id, remaining } => Record::LeaseRemaining { id: LeaseId(id.into()), remaining },
    }
}

/// Makes a log of a few batches.
fn make() -> Result<Sound, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let opened = log::open(Arc::new(RealDisk), dir.path(), 0)?;
    let (mut keyspace, mut appender) = (opened.keyspace, opened.appender);
    keyspace.lease_grant(LeaseId(1), 60, 0, &mut appender)?;
    appender.commit()?;
    for key in ["a", "b", "c", "a"] {
        let put = Put { key: key.into(), value: "value".into(), lease: LeaseId(1), ..Put::default() };
        keyspace.put(&put, &mut appender, &mut Change::default())?;
        appender.commit()?;
    }
    let delete = DeleteRange { range: KeyRange::One("b".into()), prev_kv: false };
    keyspace.delete_range(&delete, &mut appender, &mut Change::default())?;
    appender.commit()?;
    appender.give_back_room()?;
    let tail = dir.path().join(log::Manifest::tail_name(appender.number()));
    let bytes = fs::read(&tail)?;
    Ok(Sound { dir, tail, bytes, next: appender.batches() + 1 })
}
