//! A container's life: start, exit codes, signals, what its command finds, and that it is never started twice.

mod support;

use stanchion_sandbox::{ContainerState, ExitCause, Feature, Rlimit, RlimitResource, StartError, User};
use support::{Bench, eventually, within};

#[tokio::test]
async fn a_command_runs_and_its_code_comes_back() {
    let bench = Bench::open().await;
    let config = bench.shell("echo out; echo err >&2; exit 7");
    let exit = bench.run(&config).await;
    assert_eq!((exit.code, exit.signal, &exit.cause), (7, None, &ExitCause::Ended));
    assert!(!exit.oom_killed);
    let started = exit.started_at.expect("it was started");
    assert!(started <= exit.finished_at);
    let log = std::fs::read_to_string(&config.log.path).expect("a log");
    assert!(log.contains(" stdout F out\n") && log.contains(" stderr F err\n"), "{log}");

    let ended = bench.runtime.start(&config).await;
    assert!(matches!(ended, Err(StartError::Ended { .. })), "{ended:?}");
    assert_eq!(bench.runtime.state(&config.id).await.expect("there"), ContainerState::Exited(exit));
    bench.close().await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let bench = Bench::open().await;
    for (command, code, words) in [
        ("no-such-program", 127, "exec: \"no-such-program\": executable file not found in $PATH"),
        ("/no/such/program", 127, "stat /no/such/program: no such file or directory"),
        ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
        ("/usr", 126, "is a directory"),
    ] {
        let config = bench.command(&[command]);
        match bench.runtime.start(&config).await {
            Err(StartError::Command { code: found, message }) => {
                assert_eq!(found, code, "{message}");
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{command}: {other:?}"),
        }
        let exit = bench.wait(&config).await;
        assert!(matches!(exit.cause, ExitCause::StartFailed(_)), "{exit:?}");
        assert_eq!((exit.code, exit.started_at), (code, None));
    }
    bench.close().await;
}

#[tokio::test]
async fn the_first_process_takes_the_signals() {
    let bench = Bench::open().await;
    let polite = bench.shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    bench.runtime.start(&polite).await.expect("started");
    eventually("the trap is set", || bench.output(&polite).contains("ready")).await;
    assert!(!bench.runtime.pid1_ignores(&polite.id, 15).await.expect("runs"));
    bench.runtime.signal(&polite.id, 15).await.expect("sent");
    assert_eq!(bench.wait(&polite).await.code, 3);
    bench.runtime.signal(&polite.id, 15).await.expect("too late is no error");

    let killed = bench.command(&["sleep", "1000"]);
    bench.runtime.start(&killed).await.expect("started");
    bench.runtime.kill(&killed.id).await.expect("killed");
    let exit = bench.wait(&killed).await;
    assert_eq!((exit.code, exit.signal), (137, Some(9)));
    bench.close().await;
}

#[tokio::test]
async fn no_signal_is_blocked_from_the_start() {
    let bench = Bench::open().await;
    // A shell would unblock them by itself.
    let config = bench.command(&["grep", "SigBlk", "/proc/self/status"]);
    assert_eq!(bench.run(&config).await.code, 0);
    assert_eq!(bench.output(&config).trim(), "SigBlk:\t0000000000000000");
    bench.close().await;
}

#[tokio::test]
async fn process_one_ignores_what_it_has_no_handler_for() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::PidNamespace]) {
        let config = bench.command(&["sleep", "1000"]);
        bench.runtime.start(&config).await.expect("started");
        assert!(bench.runtime.pid1_ignores(&config.id, 15).await.expect("runs"));
        bench.runtime.signal(&config.id, 15).await.expect("sent");
        assert!(matches!(bench.runtime.state(&config.id).await, Ok(ContainerState::Running { .. })));

        let own = bench.shell("echo $$; ls -d /proc/[0-9]* | wc -l");
        bench.run(&own).await;
        let output = bench.output(&own);
        assert!(output.starts_with("1\n"), "{output}");
        let processes: u32 =
            output.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a number");
        assert!(processes <= 4, "it sees only its own: {output}");
    }
    bench.close().await;
}

#[tokio::test]
async fn the_environment_is_the_given_one() {
    let bench = Bench::open().await;
    let mut config = bench.shell("env; pwd; hostname; umask; ulimit -n; cat /proc/self/oom_score_adj");
    config.env = vec![("A".to_owned(), "1".to_owned()), ("A".to_owned(), "two words".to_owned())];
    config.hostname = Some("web-0".to_owned());
    let dir = if bench.skips(&[Feature::Root]) { "/usr" } else { "/made/here" };
    config.working_dir = Some(dir.into());
    config.rlimits = vec![Rlimit { resource: RlimitResource::Nofile, soft: Some(123), hard: Some(456) }];
    config.oom_score_adj = Some(937);
    bench.run(&config).await;
    let output = bench.output(&config);
    let lines: Vec<&str> = output.lines().collect();
    for expected in ["A=two words", "HOSTNAME=web-0", "0022", "123", "937"] {
        assert!(lines.contains(&expected), "{expected}: {output}");
    }
    assert!(output.contains("PATH=/usr/local/sbin:"), "{output}");
    assert!(output.contains("HOME=/") && lines.contains(&dir), "{output}");
    assert!(!output.contains("CARGO"), "nothing is inherited: {output}");
    if !bench.skips(&[Feature::Root, Feature::Hostname]) {
        assert!(lines.contains(&"web-0"), "{output}");
    }
    bench.close().await;
}

#[tokio::test]
async fn a_user_has_its_groups_and_nothing_more() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::User, Feature::Root]) {
        let mut config =
            bench.shell("id -u; id -g; id -G; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status");
        config.user = User { uid: 1234, gid: 2345, groups: vec![3456, 4567] };
        config.security.no_new_privileges = true;
        bench.run(&config).await;
        let output = bench.output(&config);
        let words: Vec<&str> = output.split_whitespace().collect();
        assert_eq!(words[..5], ["1234", "2345", "2345", "3456", "4567"], "{output}");
        assert!(output.contains("CapEff:\t0000000000000000"), "{output}");
        assert!(output.contains("NoNewPrivs:\t1"), "{output}");

        let mut root =
            bench.shell("grep -E 'CapEff|CapBnd' /proc/self/status; mount -t tmpfs x /mnt && echo mounted");
        root.security.drop_capabilities = ["NET_RAW".to_owned()].into();
        bench.run(&root).await;
        let output = bench.output(&root);
        // The default set without NET_RAW (13), for the command and for what it may execute.
        assert!(
            output.contains("CapEff:\t00000000a00405fb") && output.contains("CapBnd:\t00000000a00405fb"),
            "{output}"
        );
        assert!(!output.contains("mounted"), "{output}");
    }
    bench.close().await;
}

#[tokio::test]
async fn a_start_is_repeated_without_harm() {
    let bench = Bench::open().await;
    let config = bench.shell("echo started; sleep 1000");
    let first = bench.runtime.start(&config).await.expect("started");
    let again = bench.runtime.start(&config).await.expect("there already");
    assert!(!first.already && again.already);
    assert_eq!((first.pid, first.started_at), (again.pid, again.started_at));

    let mut other = config.clone();
    other.command = vec!["true".to_owned()];
    assert!(matches!(bench.runtime.start(&other).await, Err(StartError::Conflict { .. })));

    eventually("the command has said so", || !bench.output(&config).is_empty()).await;
    within(bench.runtime.remove(&config.id)).await.expect("removed");
    within(bench.runtime.remove(&config.id)).await.expect("nothing to remove is no error");
    assert_eq!(bench.output(&config), "started\n");
    bench.close().await;
}
