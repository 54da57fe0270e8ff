//! Many short Pods, after which nothing is left of them: no process, descriptor, mount, cgroup, file, key or memory.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ground::Ground;
use crate::support::server::Server;
use crate::support::{long, machine, wait_for, within};

/// Longer than this takes, by far.
const LIMIT: Duration = Duration::from_mins(15);
/// How many Pods there are in all: in the short form of the suite, and in the long one.
const PODS: (usize, usize) = (100, 1000);
/// How many Pods make what is made once: caches, threads, the directories that all Pods share.
const WARM: usize = 20;
/// What memory may grow by for each Pod, in KiB, however often so many of them come and go: all are there until their Job
/// has ended, in the copy that all parts share; the API server keeps the changes of 75 seconds, the store its history.
const EACH: u64 = 160;
/// What memory may grow by beyond that, in KiB: what the allocator keeps.
const KEPT: u64 = 64 << 10;
/// How long memory may take to be given back; longer than changes are kept.
const BACK: Duration = Duration::from_mins(2);
/// What the store may grow by, in bytes: numbers get longer.
const LONGER: u64 = 16 << 10;

/// What the cluster takes of the machine, but for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Footprint {
    processes: usize,
    descriptors: usize,
    mounts: usize,
    groups: usize,
    files: usize,
}

impl Footprint {
    fn of(ground: &Ground) -> Self {
        let process = Path::new("/proc").join(ground.pid().to_string());
        let mounts = fs::read_to_string(process.join("mountinfo")).expect("mounts can be read");
        Self {
            processes: ground.processes().len(),
            descriptors: descriptors(&process, &ground.data_dir().join("store")),
            mounts: mounts.lines().count(),
            groups: machine::cgroups(&ground.data_dir()).iter().map(|group| entries(group, true)).sum(),
            files: entries(&ground.data_dir().join("node"), false),
        }
    }

    fn fits_in(&self, other: &Self) -> bool {
        self.processes <= other.processes
            && self.descriptors <= other.descriptors
            && self.mounts <= other.mounts
            && self.groups <= other.groups
            && self.files <= other.files
    }
}

/// Returns how many descriptors a process has, but for the files of the store, which begins another one when one is full.
fn descriptors(process: &Path, store: &Path) -> usize {
    let open = fs::read_dir(process.join("fd")).expect("descriptors can be read").flatten();
    open.filter(|entry| !fs::read_link(entry.path()).is_ok_and(|file| file.starts_with(store))).count()
}

/// Returns how many entries there are below a directory, or how many directories.
fn entries(directory: &Path, only_directories: bool) -> usize {
    // What goes away meanwhile is not there.
    let Ok(found) = fs::read_dir(directory) else { return 0 };
    let found = found.flatten().map(|entry| {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            1 + entries(&entry.path(), only_directories)
        } else {
            usize::from(!only_directories)
        }
    });
    found.sum()
}

/// Returns the resident memory of the cluster's process in KiB, without the pages of files.
fn memory(ground: &Ground) -> u64 {
    let status =
        fs::read_to_string(format!("/proc/{}/status", ground.pid())).expect("its status can be read");
    let line =
        status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it says how large it is");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Runs Pods that end at once, and waits until their Job and they are gone. Returns how long the Job took.
async fn churn(ground: &Ground, pods: usize) -> Duration {
    let job = format!(
        "
apiVersion: batch/v1
kind: Job
metadata: {{name: churn}}
spec:
  completions: {pods}
  parallelism: 25
  template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: busybox, command: [sh, -c, 'exit 0']}}]}}}}
"
    );
    let begin = Instant::now();
    ground.apply(&job).await;
    let mut done = String::new();
    while done != pods.to_string() {
        // A wait of its own for every step forward: how long all of it takes depends on the machine.
        done = wait_for("the Job stands still", async || {
            let now = ground.field("job/churn", ".status.succeeded").await;
            (now != done).then_some(now)
        })
        .await;
    }
    let took = begin.elapsed();
    ground.kubectl("patch job churn -p '{\"spec\":{\"ttlSecondsAfterFinished\":0}}'").await.done();
    wait_for("the Job stays", async || {
        ground.kubectl("get job churn --ignore-not-found -o name").await.done().is_empty().then_some(())
    })
    .await;
    let mut left = usize::MAX;
    while left > 0 {
        left = wait_for("Pods stay", async || {
            let now = ground.kubectl("get pods -l job-name=churn -o name").await.done().lines().count();
            (now < left).then_some(now)
        })
        .await;
    }
    // All Events at once: kubectl by itself deletes them one after the other. The last ones come after their Pods.
    wait_for("Events keep coming", async || {
        ground.kubectl("delete --raw /api/v1/namespaces/default/events").await.done();
        tokio::time::sleep(Duration::from_secs(1)).await;
        ground.kubectl("get events -o name").await.done().is_empty().then_some(())
    })
    .await;
    took
}

/// Returns the footprint once it does not change any more.
async fn settled(ground: &Ground) -> Footprint {
    let mut last = Footprint::of(ground);
    let mut same = 0;
    wait_for("there is no rest", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Footprint::of(ground);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same >= 10).then_some(now)
    })
    .await
}

/// Returns the size of the store without its history, which a store alone gives up; then goes on.
async fn stored(ground: &mut Ground) -> u64 {
    ground.stop("TERM").await;
    let server = Server::start(&ground.data_dir().join("store"), &[]).await;
    server.store("compact --keep 1").await.done();
    server.store("defrag").await.done();
    let status: Value =
        serde_json::from_str(&server.store("status -o json").await.done()).expect("JSON was asked for");
    server.terminate().await;
    ground.go_on().await;
    status["dbSize"].as_u64().expect("a number")
}

#[tokio::test]
async fn short_pods_leave_nothing_behind() {
    within(LIMIT, async {
        let pods = if long() { PODS.1 } else { PODS.0 };
        let mut ground = Ground::start(&[]).await;
        // One that stays shows where cgroups are.
        ground.kubectl("run stays --image=busybox -- sleep 100000").await.done();
        ground.kubectl("wait --for=condition=Ready pod/stays --timeout=30s").await.done();
        churn(&ground, WARM).await;
        let store_before = stored(&mut ground).await;
        churn(&ground, WARM).await;
        let (before, memory_before) = (settled(&ground).await, memory(&ground));
        assert!(before.groups > 0, "the cgroups are not found");

        let bound = memory_before + KEPT + EACH * u64::try_from(pods).expect("a small number");
        for _ in 0..if long() { 2 } else { 1 } {
            let took = churn(&ground, pods).await;
            let rate = f64::from(u32::try_from(pods).expect("a small number")) / took.as_secs_f64();
            println!("{pods} Pods in {took:.1?}: {rate:.1} Pods/s");
            let (mut after, mut memory_after) = (Footprint::of(&ground), memory(&ground));
            let back = tokio::time::timeout(BACK, async {
                while !after.fits_in(&before) || memory_after > bound {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    (after, memory_after) = (Footprint::of(&ground), memory(&ground));
                }
            });
            let back = back.await;
            println!("{before:?}, {memory_before} KiB; after {after:?}, {memory_after} KiB");
            assert!(back.is_ok(), "something is left; memory may be {bound} KiB");
        }
        let store_after = stored(&mut ground).await;
        println!("store {store_before} bytes, after {store_after} bytes");
        assert!(store_after <= store_before + LONGER, "store: {store_before} bytes, after {store_after}");
    })
    .await;
}
