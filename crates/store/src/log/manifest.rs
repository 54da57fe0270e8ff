//! The manifest: which segments count. Replaced as a whole, so a rewrite takes effect at one moment.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stanchion_store_core::batch::FORMAT_VERSION;

use super::error::LogError;
use crate::disk::Disk;

/// The name of the manifest in the data directory.
pub(super) const FILE_NAME: &str = "MANIFEST";
const NEW_FILE_NAME: &str = "MANIFEST.new";

/// Who this store is, in the headers of its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// The cluster's id.
    pub cluster: u64,
    /// The id of its one member.
    pub member: u64,
}

/// Which segments make up the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format on disk.
    pub format: u32,
    /// Who the store is.
    pub ids: Ids,
    /// How often the log was rewritten.
    pub generation: u32,
    /// The lengths of the base segments.
    pub base: Vec<u64>,
    /// The number of the first tail segment that counts.
    pub first_tail: u32,
}

impl Manifest {
    /// Returns the manifest of an empty store.
    pub fn new(ids: Ids) -> Self {
        Self { format: FORMAT_VERSION, ids, generation: 0, base: Vec::new(), first_tail: 1 }
    }

    /// Returns the file name of base segment `n`, from 1.
    pub fn base_name(&self, n: usize) -> String {
        format!("base-{:08}-{n:08}.log", self.generation)
    }

    /// Returns the file name of tail segment `n`.
    pub fn tail_name(n: u32) -> String {
        format!("tail-{n:08}.log")
    }

    /// Reads the manifest of `dir`; nothing if there is none.
    pub fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, LogError> {
        let path = dir.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let file = disk.open(&path).map_err(LogError::io("open", &path))?;
        let length = file.length().map_err(LogError::io("read", &path))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_at(&mut bytes, 0).map_err(LogError::io("read", &path))?;
        Self::decode(&bytes).map(Some).map_err(|problem| LogError::Manifest { path, problem })
    }

    /// Puts the manifest in place of the one in `dir`, durably.
    pub fn store(&self, disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
        self.write_beside(disk, dir)?;
        Self::put_in_place(disk, dir)
    }

    /// Writes the manifest beside the one in `dir`, which stays in force.
    pub(super) fn write_beside(&self, disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
        let new = dir.join(NEW_FILE_NAME);
        if new.exists() {
            disk.remove(&new).map_err(LogError::io("remove", &new))?;
        }
        let bytes = self.encode();
        let file = disk.create(&new).map_err(LogError::io("create", &new))?;
        file.reserve(bytes.len() as u64).map_err(LogError::io("take room for", &new))?;
        file.write_at(&bytes, 0).map_err(LogError::io("write", &new))?;
        file.sync_data().map_err(LogError::io("flush", &new))
    }

    /// Puts what was written beside in force. After an error either manifest may be.
    pub(super) fn put_in_place(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
        let (new, path) = (dir.join(NEW_FILE_NAME), dir.join(FILE_NAME));
        disk.rename(&new, &path).map_err(LogError::io("put in place", &path))?;
        disk.sync_dir(dir).map_err(LogError::io("flush the directory", dir))
    }

    /// One line of JSON and one with its checksum, so that it can be read by eye.
    fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("the manifest has only plain fields");
        let crc = crc(json.as_bytes());
        format!("{json}\n{crc:08x}\n").into_bytes()
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not text".to_owned())?;
        let (json, rest) = text.split_once('\n').ok_or("cut short")?;
        if rest != format!("{:08x}\n", crc(json.as_bytes())) {
            return Err("damaged: its checksum does not fit".to_owned());
        }
        let value: serde_json::Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            other => {
                let version = other.map_or("unknown".to_owned(), |version| version.to_string());
                return Err(format!(
                    "of format version {version}, this program reads version {FORMAT_VERSION}"
                ));
            }
        }
        serde_json::from_value(value).map_err(|error| format!("invalid: {error}"))
    }
}

fn crc(bytes: &[u8]) -> u32 {
    stanchion_store_core::batch::BatchHeader::of(bytes, 0, 0).payload_crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_notices_damage() {
        let manifest =
            Manifest { base: vec![48, 4096], ..Manifest::new(Ids { cluster: u64::MAX, member: 7 }) };
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Manifest::decode(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let newer = Manifest { format: 2, ..Manifest::new(Ids { cluster: 1, member: 1 }) };
        let problem = Manifest::decode(&newer.encode()).unwrap_err();
        assert!(problem.contains("format version 2"), "{problem}");
    }
}
