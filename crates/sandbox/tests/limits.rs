//! Limits and whole process trees: what the kernel stops, what is counted, and that nothing escapes an end.

mod support;

use std::path::Path;

use stanchion_sandbox::{ContainerConfig, Feature};
use support::{Bench, eventually, within};

#[tokio::test]
async fn memory_over_the_limit_kills() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::MemoryLimit]) {
        let mut config = bench.shell("x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo survived");
        config.resources.memory_limit = Some(32 * 1024 * 1024);
        let exit = bench.run(&config).await;
        assert!(exit.oom_killed, "{exit:?}");
        assert!(!bench.output(&config).contains("survived"), "{}", bench.output(&config));

        let mut tame = bench.shell("true");
        tame.resources.memory_limit = Some(32 * 1024 * 1024);
        assert!(!bench.run(&tame).await.oom_killed);
    }
    bench.close().await;
}

#[tokio::test]
async fn processes_over_the_limit_are_refused_and_use_is_counted() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::PidsLimit, Feature::MemoryLimit, Feature::CpuLimit]) {
        let mut over = bench.shell("for i in 1 2 3 4 5 6; do sleep 1000 & done; echo unlimited");
        over.resources.pids_limit = Some(4);
        bench.run(&over).await;
        assert!(!bench.output(&over).contains("unlimited"), "{}", bench.output(&over));

        let mut config = bench.shell("sleep 1000 & sleep 1000");
        config.resources.pids_limit = Some(4);
        config.resources.memory_limit = Some(64 * 1024 * 1024);
        config.resources.cpu_shares = Some(102);
        config.resources.cpu_weight = Some(4);
        config.resources.cpu_quota_us = Some(50_000);
        config.pod.resources.memory_limit = Some(128 * 1024 * 1024);
        bench.runtime.start(&config).await.expect("started");
        let stats = bench.runtime.stats(&config.id).await.expect("there");
        assert!(stats.pids.is_some_and(|pids| (1..=4).contains(&pids)), "{stats:?}");
        assert!(stats.memory_usage.is_some_and(|bytes| bytes < 64 * 1024 * 1024), "{stats:?}");
        assert!(stats.memory_working_set <= stats.memory_usage, "{stats:?}");
        assert!(stats.cpu_ns.is_some(), "{stats:?}");
        bench.runtime.kill(&config.id).await.expect("killed");
        bench.wait(&config).await;
    }
    bench.close().await;
}

/// A tree that forks, detaches and ignores what it can; each process has a name of its own.
fn tree(bench: &Bench, name: &str) -> ContainerConfig {
    bench.shell(&format!(
        "trap '' TERM HUP INT; for i in 1 2 3; do setsid sh -c 'trap \"\" TERM HUP; \
           (setsid sh -c \"exec -a {name} sleep 1000\" & exec -a {name} sleep 1000) & exec -a {name} sleep 1000' & \
         done 2>/dev/null; echo ready; wait; exec -a {name} sleep 1000"
    ))
    .into_bash()
}

/// Shells differ: only one of them can name what it executes.
trait IntoBash {
    fn into_bash(self) -> Self;
}

impl IntoBash for ContainerConfig {
    fn into_bash(mut self) -> Self {
        "/bin/bash".clone_into(&mut self.command[0]);
        self.command[2] = self.command[2].replace("sh -c", "bash -c");
        self
    }
}

fn running(name: &str) -> usize {
    let named =
        |path: &Path| std::fs::read(path.join("cmdline")).is_ok_and(|line| line.starts_with(name.as_bytes()));
    std::fs::read_dir("/proc").expect("readable").flatten().filter(|entry| named(&entry.path())).count()
}

#[tokio::test]
async fn a_tree_that_detaches_ends_as_a_whole() {
    // With a pid namespace; without one by the cgroup; and with neither by walking the tree.
    for (name, host_pid, plain) in
        [("tree-own", false, false), ("tree-host", true, false), ("tree-plain", true, true)]
    {
        let bench = Bench::with(|mut options| {
            options.plain = plain;
            options
        })
        .await;
        let name = format!("{name}-{}", std::process::id());
        for by_kill in [true, false] {
            let mut config = tree(&bench, &name);
            config.host_pid = host_pid;
            bench.runtime.start(&config).await.expect("started");
            eventually("nine processes", || running(&name) == 9).await;
            if by_kill {
                bench.runtime.kill(&config.id).await.expect("killed");
            } else {
                // Only the first process: what it leaves must not stay.
                bench.runtime.signal(&config.id, 9).await.expect("sent");
            }
            let exit = bench.wait(&config).await;
            assert_eq!((exit.code, exit.signal), (137, Some(9)));
            assert_eq!(running(&name), 0, "{name}: ended with the container");
        }
        bench.close().await;
    }
}

/// The text of a mount table without those that come and go with other tests.
fn mounts() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").expect("readable")
}

fn cgroups(bench: &Bench) -> Vec<std::path::PathBuf> {
    let name: String =
        bench.scratch.path().display().to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    let Ok(roots) = std::fs::read_dir("/sys/fs/cgroup") else { return Vec::new() };
    let mut found = Vec::new();
    for root in roots.flatten().map(|entry| entry.path()).chain(["/sys/fs/cgroup".into()]) {
        let Ok(groups) = std::fs::read_dir(root.join("stanchion-test")) else { continue };
        found.extend(
            groups
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.display().to_string().contains(&name)),
        );
    }
    found
}

#[tokio::test]
async fn many_short_containers_leave_nothing() {
    let bench = Bench::open().await;
    let first = bench.command(&["true"]);
    bench.run(&first).await;
    within(bench.runtime.remove(&first.id)).await.expect("removed");
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("readable").count();
    let (mounts_before, descriptors_before) = (mounts(), descriptors());
    for _ in 0..50 {
        let configs: Vec<_> = (0..4).map(|number| bench.shell(&format!("exit {number}"))).collect();
        let codes = futures_util::future::join_all(configs.iter().map(|config| bench.run(config))).await;
        assert_eq!(codes.iter().map(|exit| exit.code).collect::<Vec<_>>(), [0, 1, 2, 3]);
        for config in &configs {
            within(bench.runtime.remove(&config.id)).await.expect("removed");
        }
    }
    assert_eq!(mounts(), mounts_before);
    eventually("descriptors are closed", || descriptors() <= descriptors_before).await;
    assert!(bench.runtime.containers().await.expect("listed").is_empty());
    let state = bench.scratch.path().join("state");
    let program = std::fs::canonicalize(env!("CARGO_BIN_EXE_sandbox-fixture")).expect("there");
    let ours = |path: &Path| {
        let of_program = std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program);
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        of_program && String::from_utf8_lossy(&line).contains(&*state.to_string_lossy())
    };
    eventually("no shim is left", || {
        !std::fs::read_dir("/proc").expect("readable").flatten().any(|entry| ours(&entry.path()))
    })
    .await;
    // Each end takes its own away, up to the groups around it; there is nothing left for the removal of all.
    assert_eq!(cgroups(&bench), Vec::<std::path::PathBuf>::new());
    bench.close().await;
}
