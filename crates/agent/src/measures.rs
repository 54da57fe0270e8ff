//! What an agent measures of its machine: time that the hypervisor took, how long a write takes, room on the disk.
//!
//! A thread of its own measures, because a write to a disk in trouble may never return; what has been under way for long is
//! told as it stands.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use stanchion_ha_core::Measures;

/// How often is measured: seldom enough to cost nothing, often enough to see a disk become slow.
const INTERVAL: Duration = Duration::from_secs(5);
/// What is written, as much as a page of a disk.
const PROBE: [u8; 4096] = [0x5a; 4096];
/// The file that is written.
const FILE: &str = ".stanchion-fsync";

/// Measures as long as it lives.
#[derive(Debug)]
pub(crate) struct Gauge {
    shared: Arc<Mutex<Shared>>,
    /// Its end tells the thread to end.
    _stop: SyncSender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    measures: Measures,
    /// Since when a write has been under way.
    writing: Option<Instant>,
}

impl Gauge {
    /// Begins to measure the volume of `directory`.
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (stop, stopped) = sync_channel(0);
        let (theirs, directory) = (Arc::clone(&shared), directory.to_owned());
        std::thread::Builder::new()
            .name("measures".to_owned())
            .spawn(move || measure(&theirs, &directory, &stopped))?;
        Ok(Self { shared, _stop: stop })
    }

    /// Returns what was measured last.
    pub(crate) fn read(&self) -> Measures {
        let shared = self.shared.lock();
        let mut measures = shared.measures.clone();
        if let Some(since) = shared.writing {
            let so_far = micros(since.elapsed());
            measures.fsync_micros = Some(measures.fsync_micros.map_or(so_far, |last| last.max(so_far)));
        }
        measures
    }
}

fn measure(shared: &Mutex<Shared>, directory: &Path, stopped: &Receiver<()>) {
    let mut ticks = read_ticks();
    loop {
        let probed = probe(shared, directory);
        let room = room(directory);
        let now = read_ticks();
        let steal = ticks.zip(now).and_then(|(before, after)| after.steal_since(before));
        {
            let mut shared = shared.lock();
            let (disk_free, disk_size) = room.unzip();
            shared.measures = Measures { steal_permille: steal, fsync_micros: probed, disk_free, disk_size };
        }
        ticks = now;
        match stopped.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Writes and syncs once; returns how long that took, or nothing if it failed.
fn probe(shared: &Mutex<Shared>, directory: &Path) -> Option<u64> {
    let began = Instant::now();
    shared.lock().writing = Some(began);
    let written = write(&directory.join(FILE));
    shared.lock().writing = None;
    match written {
        Ok(()) => Some(micros(began.elapsed())),
        Err(error) => {
            tracing::warn!(%error, directory = %directory.display(), "cannot write on the data volume");
            None
        }
    }
}

fn write(path: &PathBuf) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&PROBE)?;
    file.sync_data()
}

/// Returns free bytes and size of a volume.
fn room(directory: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Times since the machine started, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    steal: u64,
    all: u64,
}

impl Ticks {
    /// Reads the first line of `/proc/stat`: user nice system idle iowait irq softirq steal; what follows is in them.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let numbers: Vec<u64> =
            line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        let steal = *numbers.get(7)?;
        Some(Self { steal, all: numbers.iter().sum() })
    }

    /// Returns the share of the time since `before` that the hypervisor took, in thousandths.
    fn steal_since(self, before: Self) -> Option<u32> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        let steal = self.steal.checked_sub(before.steal)?;
        u32::try_from(steal.saturating_mul(1000) / all).ok()
    }
}

fn read_ticks() -> Option<Ticks> {
    Ticks::parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_a_share_of_the_time_between() {
        let before = Ticks::parse("cpu  100 0 100 800 0 0 0 0 7 0\ncpu0 1 2 3").expect("it is a line");
        let after = Ticks::parse("cpu  150 0 150 880 0 0 0 20 9 0\n").expect("it is a line");
        assert_eq!(after.steal_since(before), Some(100));
        assert_eq!(after.steal_since(after), None);
        assert_eq!(Ticks::parse("intr 1"), None);
    }

    #[test]
    fn the_volume_is_measured() {
        let directory = tempfile::tempdir().expect("a directory");
        let gauge = Gauge::start(directory.path()).expect("a thread");
        let deadline = Instant::now() + Duration::from_secs(20);
        while gauge.read().disk_size.is_none() {
            assert!(Instant::now() < deadline, "nothing was measured");
            std::thread::yield_now();
        }
        let measures = gauge.read();
        assert!(measures.fsync_micros.is_some());
        assert!(measures.disk_free <= measures.disk_size);
    }
}
