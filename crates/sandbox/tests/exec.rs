//! Commands in a running container, with and without a terminal, and how they end.

mod support;

use std::time::Duration;

use stanchion_sandbox::{
    ContainerConfig, Exec, ExecConfig, ExecError, ExecOutput, Feature, RuntimeError, TerminalSize, User,
};
use support::{Bench, eventually, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn command(command: &[&str]) -> ExecConfig {
    ExecConfig { command: command.iter().map(|part| (*part).to_owned()).collect(), ..ExecConfig::default() }
}

fn shell(script: &str) -> ExecConfig {
    command(&["/bin/sh", "-c", script])
}

async fn text(output: Option<ExecOutput>) -> String {
    let mut text = Vec::new();
    within(output.expect("a stream").read_to_end(&mut text)).await.expect("readable");
    String::from_utf8(text).expect("text")
}

async fn sleeping(bench: &Bench) -> ContainerConfig {
    let mut config = bench.shell("echo inside > /tmp/mark; exec sleep 1000");
    config.env = vec![("FROM".to_owned(), "container".to_owned())];
    bench.runtime.start(&config).await.expect("started");
    config
}

async fn exec(bench: &Bench, config: &ContainerConfig, exec: ExecConfig) -> Exec {
    within(bench.runtime.exec(&config.id, exec)).await.expect("executed")
}

#[tokio::test]
async fn a_command_runs_in_the_container() {
    let bench = Bench::open().await;
    let config = sleeping(&bench).await;
    let mut run = exec(&bench, &config, shell("echo $FROM; echo err >&2; exit 9")).await;
    assert_eq!(text(run.stdout.take()).await, "container\n");
    assert_eq!(text(run.stderr.take()).await, "err\n");
    assert_eq!(within(run.wait()).await.expect("ended"), 9);
    assert_eq!(within(run.wait()).await.expect("asked twice"), 9);

    if !bench.skips(&[Feature::Root, Feature::PidNamespace, Feature::User]) {
        let script = "until grep -q ^sleep /proc/1/cmdline; do sleep 0.01; done; cat /tmp/mark; tr '\\0' ' ' < /proc/1/cmdline; \
                      id -u; grep CapEff /proc/self/status; cat /proc/self/cgroup";
        let other = ExecConfig {
            user: Some(User { uid: 77, gid: 77, groups: Vec::new() }),
            working_dir: Some("/usr".into()),
            ..shell(script)
        };
        let mut run = exec(&bench, &config, other).await;
        let output = text(run.stdout.take()).await;
        assert!(output.starts_with("inside\nsleep 1000 77\n"), "{output}");
        assert!(output.contains("CapEff:\t0000000000000000"), "{output}");
        assert!(output.contains(":memory:/\n") || output.contains("0::/"), "it shares the cgroup: {output}");
        assert_eq!(within(run.wait()).await.expect("ended"), 0);
    }
    bench.close().await;
}

#[tokio::test]
async fn what_cannot_be_executed_says_why() {
    let bench = Bench::open().await;
    let config = sleeping(&bench).await;
    for (name, code) in [("no-such-program", 127), ("/etc/passwd", 126)] {
        match within(bench.runtime.exec(&config.id, command(&[name]))).await {
            Err(ExecError::Command { code: found, message }) => {
                assert_eq!(found, code, "{message}");
                assert!(message.contains(name), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    bench.runtime.kill(&config.id).await.expect("killed");
    bench.wait(&config).await;
    let late = within(bench.runtime.exec(&config.id, command(&["true"]))).await;
    assert!(matches!(late, Err(ExecError::Container(RuntimeError::NotRunning { .. }))), "{late:?}");
    bench.close().await;
}

#[tokio::test]
async fn input_and_output_are_streams() {
    let bench = Bench::open().await;
    let config = sleeping(&bench).await;
    let mut run = exec(&bench, &config, ExecConfig { stdin: true, ..command(&["cat"]) }).await;
    let (mut stdin, stdout) = (run.stdin.take().expect("wanted"), run.stdout.take());
    let sent: Vec<u8> =
        (0..3_000_000_u32).map(|number| b'a' + u8::try_from(number % 26).expect("small")).collect();
    let copy = sent.clone();
    let writer = tokio::spawn(async move {
        stdin.write_all(&copy).await.expect("written");
        stdin.shutdown().await.expect("closed");
    });
    assert!(text(stdout).await.into_bytes() == sent, "what was sent came back");
    within(writer).await.expect("done");
    assert_eq!(within(run.wait()).await.expect("ended"), 0);

    let mut run = exec(&bench, &config, command(&["cat"])).await;
    assert!(run.stdin.is_none());
    assert_eq!(text(run.stdout.take()).await, "", "without input it reads nothing");
    assert_eq!(within(run.wait()).await.expect("ended"), 0);
    bench.close().await;
}

#[tokio::test]
async fn a_terminal_is_one() {
    let bench = Bench::open().await;
    let config = sleeping(&bench).await;
    let tty = Some(TerminalSize { columns: 91, rows: 31 });
    let script = "tty; stty size; read line; echo got $line; stty size; exit 4";
    let mut run = exec(&bench, &config, ExecConfig { tty, stdin: true, ..shell(script) }).await;
    assert!(run.stderr.is_none());
    let (mut stdin, mut stdout) = (run.stdin.take().expect("wanted"), run.stdout.take().expect("there"));
    let mut seen = String::new();
    while !seen.contains("31 91") {
        let mut piece = [0; 1000];
        let count = within(stdout.read(&mut piece)).await.expect("readable");
        assert!(count > 0, "ended early: {seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    assert!(seen.starts_with("/dev/pts/"), "{seen}");
    run.resize(TerminalSize { columns: 120, rows: 50 }).expect("resized");
    within(stdin.write_all(b"typed\n")).await.expect("written");
    let mut rest = Vec::new();
    within(stdout.read_to_end(&mut rest)).await.expect("readable");
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("got typed") && rest.contains("50 120"), "{rest}");
    assert_eq!(within(run.wait()).await.expect("ended"), 4);
    bench.close().await;
}

fn running(name: &str) -> usize {
    let named = |entry: &std::fs::DirEntry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line.starts_with(name.as_bytes()))
    };
    std::fs::read_dir("/proc").expect("readable").flatten().filter(named).count()
}

#[tokio::test]
async fn a_deadline_and_a_dropped_handle_kill_the_whole_tree() {
    let bench = Bench::open().await;
    if !bench.skips(&[Feature::GroupKill]) {
        let config = sleeping(&bench).await;
        let name = format!("exec-tree-{}", std::process::id());
        let script = format!("setsid bash -c 'exec -a {name} sleep 1000' & exec -a {name} sleep 1000");
        let tree = || command(&["/bin/bash", "-c", &script]);

        let run = exec(&bench, &config, tree()).await;
        eventually("two processes", || running(&name) == 2).await;
        drop(run);
        eventually("none", || running(&name) == 0).await;

        let deadline = Some(Duration::from_millis(300));
        let mut run = exec(&bench, &config, ExecConfig { deadline, ..tree() }).await;
        assert!(matches!(within(run.wait()).await, Err(ExecError::Deadline(_))));
        assert_eq!(running(&name), 0);

        let mut run = exec(&bench, &config, shell("kill -9 $$")).await;
        assert_eq!(within(run.wait()).await.expect("ended"), 137);
        let state = bench.runtime.state(&config.id).await.expect("there");
        assert!(matches!(state, stanchion_sandbox::ContainerState::Running { .. }), "the container goes on");
    }
    bench.close().await;
}

#[tokio::test]
async fn an_end_of_the_container_ends_its_commands() {
    let bench = Bench::open().await;
    let config = sleeping(&bench).await;
    let mut run = exec(&bench, &config, command(&["sleep", "1000"])).await;
    bench.runtime.kill(&config.id).await.expect("killed");
    assert_eq!(within(run.wait()).await.expect("ended"), 137);
    bench.wait(&config).await;
    bench.close().await;
}
