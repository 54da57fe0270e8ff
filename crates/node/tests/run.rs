//! Pods run: what the node does for them, seen through the API.

mod support;

use kube::api::LogParams;
use serde_json::json;
use stanchion_informers::Copies;
use support::{Cluster, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_runs_to_its_end_and_leaves_its_output() {
    let cluster = Cluster::start().await;
    let script = "echo \"hello $WHO from $(hostname) in $PWD\"; cat /config/greeting; exit 0";
    let maps: kube::Api<k8s_openapi::api::core::v1::ConfigMap> =
        kube::Api::namespaced(cluster.client.clone(), "default");
    let map = json!({"metadata": {"name": "words"}, "data": {"greeting": "good morning\n", "who": "world"}});
    let map = serde_json::from_value(map).expect("a config map");
    maps.create(&kube::api::PostParams::default(), &map).await.expect("made");
    cluster
        .make(
            "job",
            json!({
                "restartPolicy": "Never",
                "initContainers": [{"name": "first", "image": "busybox", "command": ["true"]}],
                "containers": [{
                    "name": "c", "image": "busybox", "command": ["sh", "-c", script], "workingDir": "/tmp",
                    "env": [{"name": "WHO", "valueFrom": {"configMapKeyRef": {"name": "words", "key": "who"}}}],
                    "volumeMounts": [{"name": "config", "mountPath": "/config"}],
                }],
                "volumes": [{"name": "config", "configMap": {"name": "words"}}],
            }),
        )
        .await;
    let pod = cluster.until_phase("job", "Succeeded").await;
    let terminated = &status(&pod)["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&terminated["exitCode"], &terminated["reason"]), (&json!(0), &json!("Completed")));
    assert_eq!(status(&pod)["initContainerStatuses"][0]["ready"], true);
    assert!(status(&pod)["podIP"].as_str().is_some_and(|ip| ip.starts_with("127.")), "{pod:?}");
    let log = cluster.logs("job", LogParams::default()).await;
    assert_eq!(log, "hello world from job in /tmp\ngood morning\n");
    cluster.delete("job").await;
    cluster.end().await;
}

/// A container that goes on until it is told to end.
fn server(script: &str) -> serde_json::Value {
    let command = format!("trap 'echo bye; exit 0' TERM; {script}; while :; do sleep 0.05; done");
    json!({"name": "c", "image": "busybox", "command": ["sh", "-c", command]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_in_containers_and_logs_are_followed_to_the_end() {
    let cluster = Cluster::start().await;
    cluster.make("web", json!({"containers": [server("echo up")]})).await;
    cluster.until("web", "readiness", |pod| status(pod)["containerStatuses"][0]["ready"] == true).await;
    let follow = LogParams { follow: true, ..LogParams::default() };
    let following = cluster.logs("web", follow);
    let running = async {
        let token = "cat /var/run/secrets/kubernetes.io/serviceaccount/token | wc -c; exit 3";
        if let Some((code, text)) = cluster.kubectl(&["exec", "web", "--", "sh", "-c", token], "").await {
            assert_eq!(code, 3, "{text}");
            assert!(
                text.lines().next().is_some_and(|size| size.trim().parse::<u32>().unwrap_or(0) > 500),
                "{text}"
            );
            let told = cluster.kubectl(&["exec", "-i", "web", "--", "cat"], "over and back").await;
            assert_eq!(told, Some((0, "over and back".to_owned())));
            let (code, text) =
                cluster.kubectl(&["exec", "web", "--", "nothing"], "").await.expect("it ran before");
            assert!(code != 0 && text.contains("executable file not found in $PATH"), "{text}");
            let (code, text) =
                cluster.kubectl(&["exec", "web", "-c", "x", "--", "ls"], "").await.expect("as before");
            assert!(code != 0 && text.contains("container x is not valid for pod web"), "{text}");
            let (_, text) = cluster.kubectl(&["logs", "web", "--previous"], "").await.expect("as before");
            assert!(text.contains("previous terminated container \"c\" in pod \"web\" not found"), "{text}");
        }
        cluster.delete("web").await;
    };
    let (log, ()) = tokio::join!(following, running);
    assert_eq!(log, "up\nbye\n", "it ended by its signal, and the log was followed until then");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_decide_on_readiness_and_restarts() {
    let cluster = Cluster::start().await;
    let mut container = server("touch /tmp/alive");
    let probe =
        |file: &str| json!({"exec": {"command": ["cat", file]}, "periodSeconds": 1, "failureThreshold": 1});
    container["readinessProbe"] = probe("/tmp/ready");
    container["livenessProbe"] = probe("/tmp/alive");
    container["livenessProbe"]["initialDelaySeconds"] = json!(2);
    cluster.make("web", json!({"containers": [container], "terminationGracePeriodSeconds": 5})).await;
    let pod = cluster.until_phase("web", "Running").await;
    assert_eq!(status(&pod)["containerStatuses"][0]["ready"], false);
    let unhealthy = cluster.until_event("web", "Unhealthy").await;
    assert!(unhealthy.starts_with("Readiness probe failed: cat: "), "{unhealthy}");
    if cluster.kubectl(&["exec", "web", "--", "touch", "/tmp/ready"], "").await.is_some() {
        cluster.until("web", "readiness", |pod| status(pod)["containerStatuses"][0]["ready"] == true).await;
        cluster.kubectl(&["exec", "web", "--", "rm", "/tmp/alive"], "").await;
        let restarted = |pod: &_| status(pod)["containerStatuses"][0]["restartCount"] == 1;
        let pod = cluster.until("web", "a restart", restarted).await;
        assert_eq!(status(&pod)["containerStatuses"][0]["lastState"]["terminated"]["exitCode"], 0);
        let killing = cluster.until_event("web", "Killing").await;
        assert_eq!(killing, "Container c failed liveness probe, will be restarted");
    }
    cluster.delete("web").await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_backs_off_and_what_is_missing_says_so() {
    let cluster = Cluster::start().await;
    let crash = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", "echo no >/dev/termination-log; exit 5"]});
    cluster.make("crash", json!({"containers": [crash]})).await;
    let backs_off =
        |pod: &_| status(pod)["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    let pod = cluster.until("crash", "back-off", backs_off).await;
    let last = &status(&pod)["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!((&last["exitCode"], &last["message"]), (&json!(5), &json!("no\n")));
    assert_eq!(status(&pod)["containerStatuses"][0]["restartCount"], 1);

    let unknown = json!({"name": "c", "image": "example.com/no/such:1"});
    cluster.make("image", json!({"containers": [unknown]})).await;
    let missing = |pod: &_| {
        let waiting = status(pod)["containerStatuses"][0]["state"]["waiting"].clone();
        matches!(waiting["reason"].as_str(), Some("ErrImagePull" | "ImagePullBackOff"))
    };
    cluster.until("image", "a missing image", missing).await;
    let (_, text) = cluster.kubectl(&["logs", "image"], "").await.unwrap_or_default();
    assert!(text.is_empty() || text.contains("is waiting to start: "), "{text}");

    let volume = json!({"name": "v", "secret": {"secretName": "none"}});
    cluster.make("mount", json!({"containers": [server("true")], "volumes": [volume]})).await;
    let text = cluster.until_event("mount", "FailedMount").await;
    assert_eq!(text, "MountVolume.SetUp failed for volume \"v\" : secret \"none\" not found");
    let swallows = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]});
    cluster.make("deaf", json!({"containers": [swallows], "terminationGracePeriodSeconds": 1})).await;
    cluster.until_phase("deaf", "Running").await;
    for name in ["crash", "image", "mount", "deaf"] {
        cluster.delete(name).await;
    }
    let text = cluster.until_event("deaf", "StopSignalIgnored").await;
    assert!(text.contains("does not handle SIGTERM"), "{text}");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_finds_its_pods() {
    let mut cluster = Cluster::start().await;
    cluster.make("stays", json!({"containers": [server("echo started")]})).await;
    let short = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", "sleep 2; exit 4"]});
    cluster.make("ends", json!({"restartPolicy": "Never", "containers": [short]})).await;
    cluster.make("goes", json!({"containers": [server("true")]})).await;
    let before = cluster.until_phase("stays", "Running").await;
    cluster.until_phase("ends", "Running").await;
    cluster.until_phase("goes", "Running").await;
    cluster.halt().await;
    let now = kube::api::DeleteParams { grace_period_seconds: Some(0), ..kube::api::DeleteParams::default() };
    cluster.pods().delete("goes", &now).await.expect("deleted by force");
    let exit = cluster.options.state.join("sandbox/containers");
    let has_ended = || {
        let entries = std::fs::read_dir(&exit).ok()?.flatten();
        let ended = entries.filter(|entry| entry.path().join("exit.json").exists()).count();
        (ended > 0).then_some(())
    };
    support::eventually("a container ends while nobody looks", async || has_ended()).await;
    cluster.run();
    let ended = cluster.until_phase("ends", "Failed").await;
    assert_eq!(status(&ended)["containerStatuses"][0]["state"]["terminated"]["exitCode"], 4);
    assert_eq!(cluster.logs("stays", LogParams::default()).await, "started\n");
    let after = cluster.until_phase("stays", "Running").await;
    assert_eq!(status(&after), status(&before), "nothing has changed, and nothing was told again");
    support::eventually("the Pod that is gone is cleared away", async || {
        let left = std::fs::read_dir(&exit).expect("readable").count();
        (left == 2).then_some(())
    })
    .await;
    cluster.delete("stays").await;
    cluster.delete("ends").await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_nodes_follow_a_script() {
    let cluster = Cluster::start().await;
    let range = ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 80, 0, 0), 16);
    let options = stanchion_node::SimulatedOptions::new(20, range, Vec::new());
    let stop = tokio_util::sync::CancellationToken::new();
    let (client, token) = (cluster.client.clone(), stop.clone());
    let simulating = tokio::spawn(async move {
        let copies = Copies::new(client.clone(), token.clone());
        stanchion_node::simulate(client, &copies, options, token).await
    });
    let pod = |number: usize| {
        let node = format!("sim-{:04}", number % 20 + 1);
        let value = json!({
            "metadata": {"name": format!("p{number}"), "annotations": {
                "simulation.stanchion.dev/ready-after": "100ms",
            }},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "a"}]},
        });
        serde_json::from_value(value).expect("a Pod")
    };
    let pods = cluster.pods();
    for number in 0..100 {
        let pod = pod(number);
        support::eventually("a Pod is made", async || {
            pods.create(&kube::api::PostParams::default(), &pod).await.ok().map(drop)
        })
        .await;
    }
    let all = kube::api::ListParams::default();
    support::eventually("all are ready", async || {
        let pods = pods.list(&all).await.expect("a list").items;
        let ready = pods.iter().filter(|pod| status(pod)["containerStatuses"][0]["ready"] == true).count();
        (ready == 100).then_some(())
    })
    .await;
    pods.delete_collection(&kube::api::DeleteParams::default(), &all).await.expect("deleted");
    support::eventually("all are gone", async || {
        pods.list(&all).await.expect("a list").items.is_empty().then_some(())
    })
    .await;
    stop.cancel();
    support::within("the simulation stops", simulating).await.expect("no panic").expect("no failure");
    cluster.end().await;
}
