//! What the suites share: a runtime in a scratch directory that takes everything away at the end, and containers.

#![expect(dead_code, reason = "each suite uses its part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use stanchion_sandbox::{
    ContainerConfig, ContainerId, Exit, Feature, LogConfig, Mount, Options, Propagation, Runtime, User,
};

/// Longer than anything takes that is not stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime and its directories.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) scratch: tempfile::TempDir,
    next: AtomicU32,
}

/// Returns the options of a runtime in `state`.
pub(crate) fn options(state: &Path) -> Options {
    // A directory of another run has another name, and so has its group.
    let name: String = state.display().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    Options {
        program: PathBuf::from(env!("CARGO_BIN_EXE_sandbox-fixture")),
        ..Options::new(state, format!("/stanchion-test/{name}"))
    }
}

impl Bench {
    /// Opens a runtime of its own.
    pub(crate) async fn open() -> Self {
        Self::with(|options| options).await
    }

    /// Opens a runtime of its own with other options.
    pub(crate) async fn with(change: impl FnOnce(Options) -> Options) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let runtime = Runtime::open(change(options(&scratch.path().join("state")))).await.expect("opened");
        Self { runtime, scratch, next: AtomicU32::new(0) }
    }

    /// Returns a container that runs `script` in a shell.
    pub(crate) fn shell(&self, script: &str) -> ContainerConfig {
        self.command(&["/bin/sh", "-c", script])
    }

    /// Returns a container that runs `command`.
    pub(crate) fn command(&self, command: &[&str]) -> ContainerConfig {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = ContainerId::new(format!("c{number}")).expect("a name");
        let log = LogConfig::new(self.scratch.path().join(format!("logs/c{number}/0.log")));
        let command = command.iter().map(|part| (*part).to_owned()).collect();
        let mut config = ContainerConfig::new(id, "11111111-2222", command, log);
        // Root stays root; without privileges nobody else is possible.
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        config.user = User { uid, gid, groups: Vec::new() };
        config.labels = BTreeMap::from([("number".to_owned(), number.to_string())]);
        config
    }

    /// Runs a container to its end.
    pub(crate) async fn run(&self, config: &ContainerConfig) -> Exit {
        self.runtime.start(config).await.expect("started");
        self.wait(config).await
    }

    /// Waits for a container.
    pub(crate) async fn wait(&self, config: &ContainerConfig) -> Exit {
        within(self.runtime.wait(&config.id)).await.expect("waited for")
    }

    /// Returns what a container has written, without times.
    #[expect(clippy::unused_self, reason = "reads as what the bench's container wrote")]
    pub(crate) fn output(&self, config: &ContainerConfig) -> String {
        let text = std::fs::read_to_string(&config.log.path).unwrap_or_default();
        let lines = text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap_or(line).to_owned() + "\n");
        lines.collect()
    }

    /// Takes everything away.
    pub(crate) async fn close(self) {
        within(self.runtime.remove_all()).await.expect("removed");
    }

    /// Says on the test's output that a part is not tested here, and returns whether that is so.
    #[expect(clippy::print_stdout, reason = "a part that is not tested says so")]
    pub(crate) fn skips(&self, features: &[Feature]) -> bool {
        features.iter().any(|feature| match self.runtime.abilities().reason(*feature) {
            Some(reason) => {
                println!("SKIPPED: this machine lacks {feature}: {reason}");
                true
            }
            None => false,
        })
    }
}

impl Drop for Bench {
    /// Takes everything away after a failure too. The test's own threads may not wait here.
    fn drop(&mut self) {
        let runtime = self.runtime.clone();
        let removed = std::thread::spawn(move || {
            let threads = tokio::runtime::Builder::new_current_thread().enable_all().build();
            threads.expect("a runtime").block_on(within(runtime.remove_all()))
        });
        let removed = removed.join();
        assert!(std::thread::panicking() || matches!(removed, Ok(Ok(()))), "{removed:?}");
    }
}

/// Returns a volume that can be written.
pub(crate) fn volume(source: &Path, target: &str) -> Mount {
    Mount {
        source: source.to_owned(),
        sub_path: None,
        target: target.into(),
        read_only: false,
        propagation: Propagation::None,
        optional: false,
    }
}

/// Fails a test that waits for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// Waits for a condition that something outside of this process brings about.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
