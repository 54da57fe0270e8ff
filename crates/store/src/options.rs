//! What a store is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stanchion_store_core::{Limits, Quota};

use crate::disk::{Disk, RealDisk};
use crate::shared::Clock;

/// When history is given up by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Keep this much time of history.
    Periodic(Duration),
    /// Keep this many revisions.
    Revisions(i64),
}

/// When the log is rewritten by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DefragPolicy {
    /// Rewrite when this share of the bytes on disk is free, between 0 and 1. Nothing: never.
    pub free_share: Option<f64>,
    /// Never while the log is smaller than this.
    pub min_bytes: u64,
    /// How often to look.
    pub interval: Duration,
}

impl Default for DefragPolicy {
    /// Half of it free, from 64 MiB on.
    fn default() -> Self {
        Self { free_share: Some(0.5), min_bytes: 64 * 1024 * 1024, interval: Duration::from_secs(10) }
    }
}

impl DefragPolicy {
    /// Whether a log of `on_disk` bytes, of which `in_use` are of use, is worth rewriting.
    ///
    /// Close to the quota a tenth is enough, because what is free on disk counts against it.
    pub fn applies(&self, on_disk: u64, in_use: u64, quota: Quota) -> bool {
        let Some(share) = self.free_share else {
            return false;
        };
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more precision")]
        let free = on_disk.saturating_sub(in_use) as f64 / on_disk.max(1) as f64;
        let close = !quota.allows(on_disk.saturating_add(on_disk / 10), 0);
        on_disk >= self.min_bytes && (free >= share || close && free >= share.min(0.1))
    }
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory of the log; created if missing.
    pub data_dir: PathBuf,
    /// The file layer.
    pub disk: Arc<dyn Disk>,
    /// The bound on the bytes on disk.
    pub quota: Quota,
    /// Bounds on a request.
    pub limits: Limits,
    /// Watches over all streams.
    pub max_watchers: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// When history is given up by itself.
    pub auto_compaction: Option<AutoCompaction>,
    /// When the log is rewritten by itself.
    pub defrag: DefragPolicy,
    /// Where the store's time comes from.
    pub clock: Clock,
}

impl Options {
    /// Returns etcd's defaults for a store in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            disk: Arc::new(RealDisk),
            quota: Quota::from_flag(0),
            limits: Limits::default(),
            max_watchers: 1_000_000,
            // etcd's: 5 s and twice the election timeout.
            request_timeout: Duration::from_secs(7),
            auto_compaction: None,
            defrag: DefragPolicy::default(),
            clock: Clock::start(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_waits_until_it_is_worth_it() {
        const MIB: u64 = 1024 * 1024;
        let policy = DefragPolicy::default();
        assert!(!policy.applies(63 * MIB, 0, Quota::Off), "too small");
        assert!(!policy.applies(100 * MIB, 51 * MIB, Quota::Off), "too full");
        assert!(policy.applies(100 * MIB, 50 * MIB, Quota::Off));
        assert!(policy.applies(100 * MIB, 90 * MIB, Quota::Bytes(105 * MIB)), "close to the quota");
        assert!(!policy.applies(100 * MIB, 91 * MIB, Quota::Bytes(105 * MIB)), "nothing to gain");
        let never = DefragPolicy { free_share: None, ..policy };
        assert!(!never.applies(100 * MIB, 0, Quota::Bytes(MIB)));
    }
}
