//! What a container writes and how it is read again.

mod support;

use std::pin::pin;

use futures_util::StreamExt;
use stanchion_sandbox::logs::{self, LogOptions};
use support::{Bench, within};

async fn read(bench: &Bench, config: &stanchion_sandbox::ContainerConfig, options: LogOptions) -> String {
    let (runtime, id) = (bench.runtime.clone(), config.id.clone());
    let ended = async move { drop(runtime.wait(&id).await) };
    let mut stream = pin!(logs::read(config.log.path.clone(), options, ended));
    let mut text = Vec::new();
    while let Some(piece) = within(stream.next()).await {
        text.extend_from_slice(&piece.expect("readable"));
    }
    String::from_utf8(text).expect("text")
}

#[tokio::test]
async fn long_lines_and_unfinished_ones_come_back_whole() {
    let bench = Bench::open().await;
    let config = bench.shell("head -c 50000 /dev/zero | tr '\\0' x; echo; echo; printf unfinished");
    bench.run(&config).await;
    let text = read(&bench, &config, LogOptions::default()).await;
    assert_eq!(text, format!("{}\n\nunfinished\n", "x".repeat(50_000)));
    let raw = std::fs::read_to_string(&config.log.path).expect("there");
    assert_eq!(raw.matches(" stdout P ").count(), 3, "16 KiB each, and the rest");
    bench.close().await;
}

#[tokio::test]
async fn rotation_keeps_to_its_bounds_and_a_follower_sees_every_line() {
    let bench = Bench::open().await;
    let mut config = bench.shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done");
    config.log.max_bytes = 200_000;
    config.log.max_files = 20;
    bench.runtime.start(&config).await.expect("started");
    let text = read(&bench, &config, LogOptions { follow: true, ..LogOptions::default() }).await;
    let expected = (1..=20_000).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n") + "\n";
    assert!(text == expected, "{} of {} bytes", text.len(), expected.len());
    let files: Vec<_> =
        std::fs::read_dir(config.log.path.parent().expect("a directory")).expect("there").flatten().collect();
    assert!(files.len() > 3, "it was rotated");
    for file in files {
        assert!(file.metadata().expect("there").len() <= 200_000);
    }
    assert_eq!(
        read(&bench, &config, LogOptions { tail: Some(1), ..LogOptions::default() }).await,
        "line 20000\n"
    );
    bench.close().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_stop_the_container() {
    let bench = Bench::open().await;
    let mut config = bench.shell("head -c 1000000 /dev/zero; exit 6");
    std::fs::write(bench.scratch.path().join("file"), "").expect("written");
    config.log.path = bench.scratch.path().join("file/0.log");
    assert_eq!(bench.run(&config).await.code, 6);
    bench.close().await;
}
