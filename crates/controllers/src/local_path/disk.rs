//! Directories.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Everybody may do everything in the directory of a volume: Pods run as whom they like.
const MODE: u32 = 0o777;

/// A directory that cannot be made or removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    /// It cannot be made.
    #[error("cannot make directory {}", path.display())]
    Make {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It cannot be removed.
    #[error("cannot remove directory {}", path.display())]
    Remove {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Makes a directory; one that is there is success.
pub(super) async fn make(path: PathBuf) -> Result<(), DiskError> {
    let done = {
        let path = path.clone();
        blocking(move || {
            fs::create_dir_all(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(MODE))
        })
    };
    done.await.map_err(|source| DiskError::Make { path, source })
}

/// Removes a directory with what is in it; one that is gone is success.
pub(super) async fn remove(path: PathBuf) -> Result<(), DiskError> {
    let done = {
        let path = path.clone();
        blocking(move || match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        })
    };
    done.await.map_err(|source| DiskError::Remove { path, source })
}

async fn blocking(act: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(act).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn directories_come_and_go() {
        let base = tempfile::tempdir().expect("a directory");
        let path = base.path().join("volumes").join("a");
        for _ in 0..2 {
            make(path.clone()).await.expect("made");
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        fs::write(path.join("file"), "data").expect("written");
        for _ in 0..2 {
            remove(path.clone()).await.expect("removed");
        }
        assert!(!path.exists() && base.path().join("volumes").exists());
        fs::write(&path, "a file").expect("written");
        let error = make(path.join("below")).await.expect_err("in the way");
        assert!(error.to_string().starts_with("cannot make directory"), "{error}");
    }
}
