//! Paths of the machine that Pods use.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use stanchion_node_core::volumes::{Entry, HostPathKind, HostPathStep};

/// Looks at a path, and makes what is to be made; else says what is wrong.
pub(super) fn prepare(path: &Path, kind: HostPathKind) -> Result<(), String> {
    let entry = look(path).map_err(|error| format!("cannot look at {}: {error}", path.display()))?;
    let step = kind.check(&path.display().to_string(), entry).map_err(|error| error.to_string())?;
    let made = match step {
        HostPathStep::Use => Ok(()),
        HostPathStep::MakeDirectory { mode } => DirBuilder::new().recursive(true).mode(mode).create(path),
        HostPathStep::MakeFile { mode } => {
            OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map(drop)
        }
    };
    made.map_err(|error| format!("cannot make {}: {error}", path.display()))
}

fn look(path: &Path) -> io::Result<Option<Entry>> {
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(if kind.is_dir() {
        Entry::Directory
    } else if kind.is_file() {
        Entry::File
    } else if kind.is_socket() {
        Entry::Socket
    } else if kind.is_char_device() {
        Entry::CharDevice
    } else if kind.is_block_device() {
        Entry::BlockDevice
    } else {
        Entry::Other
    }))
}
