//! The jobs that `stanchion etcd manifest` prints, applied to an API server.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::command::{run, run_with, stanchion};
use crate::support::within;

const LIMIT: Duration = Duration::from_secs(100);

async fn printed(words: &[&str]) -> String {
    run(stanchion().args(["etcd", "manifest"]).args(words)).await.done()
}

fn kubectl(cluster: &Cluster, words: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("kubectl");
    command
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("HOME", cluster.folder())
        .args(words)
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn an_api_server_takes_them_as_they_are() {
    within(LIMIT, async {
        let cluster = Cluster::start().await;
        let image = "registry.example.com/stanchion:1.2";
        let defrag =
            printed(&["defrag", "--image", image, "--when", "free > 1GiB || dbQuotaUsage > 0.5"]).await;
        let snapshot =
            printed(&["snapshot", "--image", image, "--host-dir", "/var/backups/etcd", "--retain", "3d"])
                .await;
        for text in [&defrag, &snapshot] {
            let words = ["apply", "--server-side", "--validate=strict", "-f", "-"];
            run_with(text, &mut kubectl(&cluster, &words)).await.done();
        }
        let words = ["-n", "kube-system", "get", "cronjobs", "-o", "json"];
        let jobs: Value =
            serde_json::from_str(&run(&mut kubectl(&cluster, &words)).await.done()).expect("JSON");
        for (at, name, argument) in [
            (0, "etcd-defrag", "--when=free > 1GiB || dbQuotaUsage > 0.5"),
            (1, "etcd-snapshot", "--retain=3days"),
        ] {
            let job = &jobs["items"][at];
            assert_eq!(job["metadata"]["name"], name);
            assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
            let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
            assert_eq!(pod["hostNetwork"], true, "{pod:#}");
            let container = &pod["containers"][0];
            assert_eq!((&container["image"], &container["args"][0]), (&image.into(), &argument.into()));
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
            // What the program is told is what it understands.
            let words = ["command", "args"].map(|name| container[name].as_array().expect("words").clone());
            let words: Vec<_> =
                words.concat().iter().skip(1).map(|word| word.as_str().expect("a word").to_owned()).collect();
            let endpoint = "--etcd-endpoints=http://127.0.0.1:1";
            let plain = words.iter().filter(|word| !word.starts_with("--etcd-")).cloned();
            let outcome = run(stanchion().args(plain).arg(endpoint)).await;
            assert_eq!(outcome.code, Some(4), "nobody is there, which is all that is wrong: {outcome:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_example_is_what_is_printed() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/etcd-defrag.yaml");
    let example = std::fs::read_to_string(example).expect("it is there");
    assert_eq!(printed(&["defrag", "--image", "registry.example.com/stanchion:0.1.0"]).await, example);
    let missing = run(stanchion().args(["etcd", "manifest", "defrag"])).await.failed(2);
    assert!(missing.contains("--image"), "{missing}");
    let wrong = ["etcd", "manifest", "defrag", "--image", "x", "--when", "size >"];
    assert!(run(stanchion().args(wrong)).await.failed(2).contains("at character 7"));
}
