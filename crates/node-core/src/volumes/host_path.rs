//! What a path of the host has to be.

use thiserror::Error;

/// What a Pod expects at a path of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPathKind {
    /// Anything, or nothing: what is missing becomes a directory when it is mounted.
    Unchecked,
    /// A directory, which is made if it is missing.
    DirectoryOrCreate,
    /// A directory.
    Directory,
    /// A file, which is made if it is missing; its directory is not.
    FileOrCreate,
    /// A file.
    File,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// What is at a path of the host, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// Something else.
    Other,
}

/// What to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPathStep {
    /// Mount it.
    Use,
    /// Make a directory with these permissions, and those above it, then mount it.
    MakeDirectory {
        /// The permissions.
        mode: u32,
    },
    /// Make an empty file with these permissions, then mount it.
    MakeFile {
        /// The permissions.
        mode: u32,
    },
}

/// A path that is not what the Pod expects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("hostPath type check failed: {path} is not {expected}")]
pub struct HostPathError {
    path: String,
    expected: &'static str,
}

impl HostPathKind {
    /// Reads the kind as it stands in a Pod.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" => Self::Unchecked,
            "DirectoryOrCreate" => Self::DirectoryOrCreate,
            "Directory" => Self::Directory,
            "FileOrCreate" => Self::FileOrCreate,
            "File" => Self::File,
            "Socket" => Self::Socket,
            "CharDevice" => Self::CharDevice,
            "BlockDevice" => Self::BlockDevice,
            _ => return None,
        })
    }

    /// Decides what to do with a path at which there is an entry, or none.
    pub fn check(self, path: &str, entry: Option<Entry>) -> Result<HostPathStep, HostPathError> {
        let (expected, words) = match (self, entry) {
            (Self::Unchecked, Some(_)) => return Ok(HostPathStep::Use),
            (Self::Unchecked | Self::DirectoryOrCreate, None) => {
                return Ok(HostPathStep::MakeDirectory { mode: 0o755 });
            }
            (Self::FileOrCreate, None) => return Ok(HostPathStep::MakeFile { mode: 0o644 }),
            (Self::DirectoryOrCreate | Self::Directory, _) => (Entry::Directory, "a directory"),
            (Self::FileOrCreate | Self::File, _) => (Entry::File, "a file"),
            (Self::Socket, _) => (Entry::Socket, "a socket file"),
            (Self::CharDevice, _) => (Entry::CharDevice, "a character device"),
            (Self::BlockDevice, _) => (Entry::BlockDevice, "a block device"),
        };
        if entry == Some(expected) {
            return Ok(HostPathStep::Use);
        }
        Err(HostPathError { path: path.to_owned(), expected: words })
    }
}
