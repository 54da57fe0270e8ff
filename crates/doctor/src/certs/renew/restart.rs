//! Restarting static Pods: their manifest is moved away, and back once they have ended.
//!
//! One at a time, and the next only once the one before answers its own probe again. Whatever happens the manifest is put back.

mod probe;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep};

use probe::Target;

/// A kubelet looks for its manifests every twenty seconds; an end may take thirty, and a start some minutes.
const PATIENCE: Patience =
    Patience { looks: Duration::from_secs(30), end: Duration::from_mins(2), start: Duration::from_mins(5) };
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Why a static Pod was not restarted. Its manifest is where it was.
#[derive(Debug, Error)]
pub enum RestartError {
    /// The manifest cannot be read, or moved.
    #[error("cannot {what} {path}")]
    File {
        /// What was being done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The manifest does not say how its Pod is asked whether it is well.
    #[error("{path} names no HTTP probe by which to see that it is back: restart it by hand")]
    NoProbe {
        /// The manifest.
        path: PathBuf,
    },
    /// It goes on without its manifest.
    #[error(
        "{pod} goes on {after:?} after its manifest was moved away: does a kubelet watch this directory?"
    )]
    GoesOn {
        /// Which Pod.
        pod: String,
        /// How long it was waited.
        after: Duration,
    },
    /// It does not come back.
    #[error(
        "{pod} does not answer {after:?} after its manifest was put back ({why}); `crictl ps -a` and its logs say why"
    )]
    Down {
        /// Which Pod.
        pod: String,
        /// How long it was waited.
        after: Duration,
        /// What its probe says.
        why: String,
    },
    /// The manifest could not be put back.
    #[error("the manifest of {pod} is in {path}, and could not be moved back to {home}")]
    Away {
        /// Which Pod.
        pod: String,
        /// Where it is.
        path: PathBuf,
        /// Where it belongs.
        home: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// How long each part may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until a kubelet has seen that a manifest is gone, where its Pod does not answer anyway.
    pub(super) looks: Duration,
    pub(super) end: Duration,
    pub(super) start: Duration,
}

/// A manifest that is away from its place; dropped, it is put back.
#[derive(Debug)]
struct Away {
    home: PathBuf,
    folder: PathBuf,
    is_home: bool,
}

/// Restarts a static Pod of this machine whose manifest is in a directory, and waits until it answers.
pub async fn restart_static_pod(manifests: &Path, pod: &str) -> Result<(), RestartError> {
    restart(manifests, pod, PATIENCE).await
}

pub(super) async fn restart(manifests: &Path, pod: &str, patience: Patience) -> Result<(), RestartError> {
    let path = manifests.join(format!("{pod}.yaml"));
    let text = fs::read_to_string(&path);
    let text = text.map_err(|source| RestartError::File { what: "read", path: path.clone(), source })?;
    let target = Target::of_manifest(&text).ok_or(RestartError::NoProbe { path: path.clone() })?;
    let answered = target.listens().await;
    let away = Away::take(manifests, &path)?;
    if answered {
        let until = Instant::now() + patience.end;
        while target.listens().await {
            if Instant::now() >= until {
                away.back(pod)?;
                return Err(RestartError::GoesOn { pod: pod.to_owned(), after: patience.end });
            }
            sleep(LOOK).await;
        }
    } else {
        // There is nothing to be seen ending.
        sleep(patience.looks).await;
    }
    away.back(pod)?;
    let until = Instant::now() + patience.start;
    loop {
        match target.ask().await {
            Ok(()) => return Ok(()),
            Err(why) if Instant::now() >= until => {
                return Err(RestartError::Down { pod: pod.to_owned(), after: patience.start, why });
            }
            Err(_) => sleep(LOOK).await,
        }
    }
}

impl Away {
    /// Moves a manifest into a directory beside that of the manifests, where no kubelet looks.
    fn take(manifests: &Path, home: &Path) -> Result<Self, RestartError> {
        let failed = |what: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| RestartError::File { what, path, source }
        };
        let manifests = fs::canonicalize(manifests).map_err(failed("find", manifests))?;
        let parent = manifests.parent().unwrap_or(Path::new("/"));
        let folder = tempfile::Builder::new().prefix("restarting-").tempdir_in(parent);
        // It goes when the manifest is back, and not before.
        let folder = folder.map_err(failed("make a directory in", parent))?.keep();
        let away = Self { home: home.to_owned(), folder, is_home: false };
        fs::rename(home, away.path()).map_err(failed("move", home))?;
        Ok(away)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.home.file_name().unwrap_or_default())
    }

    fn back(mut self, pod: &str) -> Result<(), RestartError> {
        let path = self.path();
        self.put_back().map_err(|source| RestartError::Away {
            pod: pod.to_owned(),
            path,
            home: self.home.clone(),
            source,
        })
    }

    fn put_back(&mut self) -> io::Result<()> {
        if self.is_home {
            return Ok(());
        }
        let path = self.path();
        if path.exists() {
            fs::rename(path, &self.home)?;
        }
        self.is_home = true;
        fs::remove_dir(&self.folder)
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if let Err(error) = self.put_back() {
            tracing::error!(path = %self.path().display(), home = %self.home.display(), %error, "a manifest is not in its place");
        }
    }
}
