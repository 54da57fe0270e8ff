//! The doctor that looks again and again.

use std::process::Stdio;
use std::time::Duration;

use crate::members::Members;
use crate::support::command::{read, reopen, run, signal, spawn, stanchion, temporary};
use crate::support::server::metric;
use crate::support::{http, wait_for, within};

const LIMIT: Duration = Duration::from_secs(100);

#[tokio::test]
async fn changes_are_printed_and_metrics_served_until_the_end() {
    within(LIMIT, async {
        let members = Members::start(1, &["--quota-backend-bytes=16777216"]).await;
        let (stdout, stderr) = (temporary(), temporary());
        let mut command = stanchion();
        command.args(["doctor", "--watch", "--interval", "5", "--listen", "127.0.0.1:0"]);
        command.args(["--etcd-endpoints", members.endpoint(0), "--only", "etcd/quorum"]);
        let mut child = spawn(command.stdout(reopen(&stdout)).stderr(reopen(&stderr)).stdin(Stdio::null()));
        let said = || format!("{}{}", read(&stdout), read(&stderr));
        let server = wait_for("it says where metrics are", async || {
            let said = read(&stderr);
            let (_, rest) = said.split_once("http://")?;
            rest.split_once("/metrics").map(|(server, _)| server.to_owned())
        })
        .await;
        let value = async |name: &str, value: f64| {
            wait_for(&format!("{name} is {value}:\n{}", said()), async || {
                let answer = http::try_get(&server, "/metrics").await.ok()?;
                assert_eq!(answer.code, 200);
                (metric(&answer.body, &format!("stanchion_doctor_{name}")) == Some(value))
                    .then_some(answer.body)
            })
            .await
        };
        value("findings{check=\"etcd/quorum\",severity=\"info\"}", 1.0).await;
        let text = value("look_complete", 1.0).await;
        assert!(text.contains("stanchion_doctor_build_info{version="), "{text}");
        assert!(read(&stdout).contains("  new   info      etcd/quorum  etcd cluster: "), "{}", said());

        // Nobody answers: nothing is found, nothing is gone, and the metrics say why.
        members.signal(0, "STOP").await;
        let text = value("look_complete", 0.0).await;
        assert!(!text.contains("severity=\"info\"} 1"), "{text}");
        members.signal(0, "CONT").await;
        value("look_complete", 1.0).await;
        value("findings{check=\"etcd/quorum\",severity=\"info\"}", 1.0).await;
        let printed = read(&stdout);
        assert_eq!(printed.lines().count(), 1, "what was not looked at is neither gone nor new: {printed}");

        assert_eq!(http::get(&server, "/").await.code, 404);
        signal(&child, "TERM").await;
        let ended = child.wait().await.expect("a child can be waited for");
        assert_eq!(ended.code(), Some(0), "{}", said());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let refused = async |words: &[&str]| {
        let mut command = stanchion();
        command.args(["doctor", "--etcd-endpoints", "http://127.0.0.1:1"]).args(words);
        run(&mut command).await.failed(2)
    };
    assert!(refused(&["--watch", "--listen", "0.0.0.0:0"]).await.contains("without TLS"));
    assert!(refused(&["--watch", "--output", "html"]).await.contains("table or json"));
    assert!(refused(&["--watch", "--interval", "4"]).await.contains("4 is not in 5..=86400"));
    assert!(refused(&["--watch", "--since-baseline", "x"]).await.contains("cannot be used with"));
    assert!(refused(&["--interval", "10"]).await.contains("--watch"));
    let mut command = stanchion();
    command.args(["doctor", "--watch", "--listen", "127.0.0.1:0"]).env("KUBECONFIG", "/nowhere/kubeconfig");
    let nothing = run(&mut command).await.failed(2);
    assert!(
        nothing.contains("give --kubeconfig, --etcd-endpoints"),
        "what would be wrong for ever ends it: {nothing}"
    );
}
