//! Where an instance's files are.

use std::path::{Path, PathBuf};

/// Paths below the volume of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
    /// The volume for temporary files, if it is another.
    temporary: Option<PathBuf>,
}

impl Layout {
    /// Lays out the volume mounted at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), temporary: None }
    }

    /// Has temporary files on a volume of their own, mounted at `directory`.
    #[must_use]
    pub fn with_temporary(self, directory: impl Into<PathBuf>) -> Self {
        Self { temporary: Some(directory.into()), ..self }
    }

    /// Returns the mount point of the volume.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the data directory.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Returns a layout of its own, below which a data directory is being made.
    pub(crate) fn making(&self) -> Self {
        Self::new(self.root.join("making"))
    }

    /// Returns where a finished copy waits to become the data directory.
    pub(crate) fn ready(&self) -> PathBuf {
        self.root.join("data.ready")
    }

    /// Returns where the data directory goes that a copy replaces.
    pub(crate) fn old(&self) -> PathBuf {
        self.root.join("data.old")
    }

    /// Returns where transactions are saved that were taken back.
    pub fn diverged(&self) -> PathBuf {
        self.root.join("diverged")
    }

    /// Returns the directory for temporary files; it is emptied before each start.
    pub fn temporary(&self) -> PathBuf {
        // Not the mount point itself, which cannot be emptied by taking it away.
        self.temporary.as_ref().map_or_else(|| self.root.join("tmp"), |volume| volume.join("mariadb"))
    }

    /// Returns the Unix socket of the server.
    pub fn socket(&self) -> PathBuf {
        self.root.join("mariadb.sock")
    }

    /// Returns the option file.
    pub fn option_file(&self) -> PathBuf {
        self.root.join("my.cnf")
    }

    /// Returns where the server writes its process id.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.root.join("mariadb.pid")
    }

    /// Returns where it is written on which boot of the machine the server last ran.
    pub(crate) fn boot_file(&self) -> PathBuf {
        self.root.join("boot")
    }

    /// Returns the file that whoever makes a backup locks.
    pub(crate) fn backup_lock(&self) -> PathBuf {
        self.root.join("backup.lock")
    }

    /// Returns the working directory of backups.
    pub(crate) fn backup(&self) -> PathBuf {
        self.root.join("backup.tmp")
    }
}
