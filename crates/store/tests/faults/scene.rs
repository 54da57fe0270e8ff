//! Stores over disks that fail, and what is in them.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use stanchion_store::core::{KeyRange, KeyValue, Put, RangeQuery, Revision, StoreError};
use stanchion_store::disk::Disk;
use stanchion_store::disk::fault::FaultyDisk;
use stanchion_store::log::LogError;
use stanchion_store::{OpenError, Options, Store};
use tempfile::TempDir;

/// A data directory on a disk that fails on demand.
pub(crate) struct Scene {
    pub(crate) dir: TempDir,
    pub(crate) disk: FaultyDisk,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory"), disk: FaultyDisk::default() }
    }

    pub(crate) fn open(&self) -> Store {
        open_over(self.dir.path(), Arc::new(self.disk.clone())).expect("the store can be opened")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

pub(crate) fn open_over(dir: &Path, disk: Arc<dyn Disk>) -> Result<Store, OpenError> {
    Store::open(Options { disk, ..Options::new(dir) })
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(Options::new(dir)).expect("the store can be opened")
}

/// Opens a store that must not open.
pub(crate) fn refused(dir: &Path) -> LogError {
    match Store::open(Options::new(dir)) {
        Ok(store) => panic!("it opened: {:?}", store.recovered()),
        Err(OpenError::Log(error)) => error,
        Err(error) => panic!("another error: {error}"),
    }
}

pub(crate) async fn try_put(
    store: &Store,
    key: &str,
    value: impl Into<Bytes>,
) -> Result<Revision, StoreError> {
    let put = Put { key: key.to_owned().into(), value: value.into(), ..Put::default() };
    store.put(put).await.map(|result| result.revision)
}

pub(crate) async fn put(store: &Store, key: &str, value: impl Into<Bytes>) -> Revision {
    try_put(store, key, value).await.expect("the key can be written")
}

pub(crate) async fn try_get(store: &Store, key: &str) -> Result<Option<KeyValue>, StoreError> {
    let query = RangeQuery::new(KeyRange::One(key.to_owned().into()));
    store.range(query).await.map(|mut result| result.kvs.pop())
}

pub(crate) async fn everything(store: &Store) -> Vec<KeyValue> {
    let query = RangeQuery::new(KeyRange::all());
    store.range(query).await.expect("the store can be read").kvs
}

pub(crate) async fn keys(store: &Store) -> Vec<String> {
    let kvs = everything(store).await;
    kvs.iter().map(|kv| String::from_utf8(kv.key.to_vec()).expect("keys are text")).collect()
}

/// Copies the data directory as a crash would leave it: without what an orderly end does.
pub(crate) fn image(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(dir).expect("the directory can be listed") {
        let entry = entry.expect("the directory can be listed");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a file can be copied");
    }
    copy
}

/// Returns where `needle` stands in a file; it has to be there once.
pub(crate) fn find(path: &Path, needle: &[u8]) -> u64 {
    let bytes = fs::read(path).expect("the file can be read");
    let mut places = bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle);
    let (place, _) = places.next().expect("it is in the file");
    assert!(places.next().is_none(), "it is there twice");
    place as u64
}

/// Flips one bit of a file.
pub(crate) fn flip(path: &Path, offset: u64) {
    let file = fs::File::options().read(true).write(true).open(path).expect("the file can be opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("the byte is there");
    file.write_all_at(&[byte[0] ^ 1], offset).expect("the byte can be changed");
}

/// The names in a directory that begin with `prefix`, sorted.
pub(crate) fn files(dir: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the directory can be listed");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("the directory can be listed").file_name())
        .map(|name| name.into_string().expect("names are text"))
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}
