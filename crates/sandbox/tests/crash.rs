//! Who dies when: the caller, the shim, and what the next caller finds.

mod support;

use std::process::{Command, Stdio};

use stanchion_sandbox::{ContainerState, ExitCause, Feature, OpenError, Runtime};
use support::{Bench, PATIENCE, eventually, options, within};

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a number")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
}

#[tokio::test]
async fn a_killed_caller_leaves_its_containers_to_the_next_one() {
    let bench = Bench::open().await;
    let state = bench.scratch.path().join("other-state");
    let config = bench.shell("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done");
    let file = bench.scratch.path().join("config.json");
    std::fs::write(&file, serde_json::to_vec(&config).expect("text")).expect("written");
    let mut caller = Command::new(env!("CARGO_BIN_EXE_sandbox-fixture"))
        .args(["start".as_ref(), state.as_os_str(), options(&state).cgroup_parent.as_ref(), file.as_os_str()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("spawned");
    eventually("the container writes", || bench.output(&config).lines().count() > 3).await;
    let busy = Runtime::open(options(&state)).await;
    assert!(matches!(busy, Err(OpenError::InUse { .. })), "one at a time: {busy:?}");
    caller.kill().expect("killed");
    caller.wait().expect("waited for");

    let runtime = Runtime::open(options(&state)).await.expect("opened");
    let found = runtime.containers().await.expect("listed");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].config, config);
    let ContainerState::Running { pid, .. } = found[0].state else { panic!("{found:?}") };
    let again = runtime.start(&config).await.expect("there already");
    assert!(again.already && again.pid == pid, "{again:?}");
    let lines = bench.output(&config).lines().count();
    eventually("its log goes on", || bench.output(&config).lines().count() > lines + 3).await;
    assert_eq!(bench.output(&config).lines().filter(|line| *line == "1").count(), 1, "started once");

    runtime.kill(&config.id).await.expect("killed");
    let exit = within(runtime.wait(&config.id)).await.expect("waited for");
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
    within(runtime.remove_all()).await.expect("removed");
    bench.close().await;
}

#[tokio::test]
async fn a_killed_shim_takes_its_container_along() {
    let bench = Bench::open().await;
    for host_pid in [false, true] {
        let mut config = bench.shell("sleep 1000 & sleep 1000; echo never");
        config.host_pid = host_pid;
        let started = bench.runtime.start(&config).await.expect("started");
        let status = std::fs::read_to_string(format!("/proc/{}/status", started.pid)).expect("it runs");
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("it has a parent");
        kill(parent.trim().parse().expect("a number"));
        let exit = within(bench.runtime.wait(&config.id)).await.expect("waited for");
        assert_eq!((exit.code, &exit.cause), (137, &ExitCause::Lost));
        assert!(exit.started_at.is_some());
        let line = || std::fs::read(format!("/proc/{}/cmdline", started.pid)).unwrap_or_default();
        eventually("the first process is gone", || line().is_empty()).await;
        assert_eq!(bench.output(&config), "");
        let found = bench.runtime.state(&config.id).await.expect("there");
        assert_eq!(found, ContainerState::Exited(exit), "told once and for all");
    }
    bench.close().await;
}

#[tokio::test]
async fn a_start_that_never_was_is_done_by_the_next_caller() {
    let bench = Bench::open().await;
    let state = bench.scratch.path().join("other-state");
    let config = bench.shell("echo once");
    // What a caller leaves that dies between its directory and the shim.
    std::fs::create_dir_all(state.join("containers").join(config.id.as_str())).expect("made");
    let runtime = Runtime::open(options(&state)).await.expect("opened");
    assert!(runtime.containers().await.expect("listed").is_empty());
    assert_eq!(runtime.state(&config.id).await.expect("there"), ContainerState::Created);
    runtime.start(&config).await.expect("started");
    assert_eq!(within(runtime.wait(&config.id)).await.expect("waited for").code, 0);
    assert_eq!(bench.output(&config), "once\n");
    within(runtime.remove_all()).await.expect("removed");
    bench.close().await;
}

#[tokio::test]
async fn starts_at_the_same_time_are_one() {
    let bench = Bench::open().await;
    let config = bench.shell("echo once; sleep 1000");
    let calls = (0..8).map(|_| bench.runtime.start(&config));
    let results =
        tokio::time::timeout(PATIENCE, futures_util::future::join_all(calls)).await.expect("in time");
    assert!(results.iter().any(Result::is_ok), "{results:?}");
    eventually("it writes", || !bench.output(&config).is_empty()).await;
    assert_eq!(bench.output(&config), "once\n");
    bench.close().await;
}

#[tokio::test]
async fn without_namespaces_it_is_a_process_among_others() {
    let bench = Bench::with(|mut options| {
        options.plain = true;
        options
    })
    .await;
    let abilities = bench.runtime.abilities();
    assert!(!abilities.has(Feature::Root) && !abilities.has(Feature::PidNamespace), "{abilities:?}");
    let config = bench.shell("echo $$; exit 5");
    let started = bench.runtime.start(&config).await.expect("started");
    assert!(started.missing.iter().any(|missing| missing.feature == Feature::PidNamespace), "{started:?}");
    assert_eq!(bench.wait(&config).await.code, 5);
    assert_eq!(bench.output(&config), format!("{}\n", started.pid));

    let mut config = bench.shell("true");
    config.mounts.push(support::volume(bench.scratch.path(), "/data"));
    let refused = bench.runtime.start(&config).await;
    assert!(matches!(refused, Err(stanchion_sandbox::StartError::Unsupported { .. })), "{refused:?}");
    bench.close().await;
}
