//! What Pods ask of the machine, and get or are told that they do not: its room, its ports, its disk; and what follows
//! a start.

mod support;

use kube::Api;
use kube::api::{LogParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::{Cluster, status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A container that goes on until it is told to end.
fn server(script: &str) -> Value {
    let command = format!("trap 'exit 0' TERM; {script}; while :; do sleep 0.05; done");
    json!({"name": "c", "image": "busybox", "command": ["sh", "-c", command]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_rejected() {
    let cluster = Cluster::start().await;
    let mut large = server("true");
    large["resources"] = json!({"requests": {"cpu": "10k"}});
    cluster.make("large", json!({"containers": [large]})).await;
    let pod = cluster.until_phase("large", "Failed").await;
    assert_eq!(status(&pod)["reason"], "OutOfcpu");
    let message = status(&pod)["message"].as_str().unwrap_or_default().to_owned();
    let known =
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 10000000, used: 0, capacity: ";
    assert!(message.starts_with(known), "{message}");
    let told = cluster.until_event("large", "OutOfcpu").await;
    assert_eq!(Some(told.as_str()), message.strip_prefix("Pod was rejected: "));

    cluster.make("astray", json!({"containers": [server("true")], "nodeSelector": {"disk": "fast"}})).await;
    let pod = cluster.until_phase("astray", "Failed").await;
    assert_eq!(status(&pod)["reason"], "NodeAffinity");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_the_machine_leads_to_the_pod_that_has_it() {
    let cluster = Cluster::start().await;
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let script = "import os, socket\n\
        server = socket.create_server((os.environ['IP'], 8080))\n\
        while True:\n    server.accept()[0].sendall(b'hello')\n";
    let container = json!({
        "name": "c", "image": "python", "command": ["python3", "-c", script],
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"containerPort": 8080, "hostPort": port}],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    });
    cluster.make("web", json!({"containers": [container], "terminationGracePeriodSeconds": 1})).await;
    cluster.until("web", "readiness", |pod| status(pod)["containerStatuses"][0]["ready"] == true).await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it is led on");
    stream.write_all(b"x").await.expect("sent");
    let mut text = [0; 5];
    stream.read_exact(&mut text).await.expect("answered");
    assert_eq!(&text, b"hello");

    let mut second = server("true");
    second["ports"] = json!([{"containerPort": 1, "hostPort": port}]);
    cluster.make("second", json!({"containers": [second]})).await;
    let pod = cluster.until_phase("second", "Failed").await;
    assert_eq!(status(&pod)["reason"], "NodePorts");
    cluster.delete("web").await;
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the port is given back");
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_more_than_allowed_is_evicted() {
    let cluster = Cluster::start().await;
    let write = |path: &str| server(&format!("dd if=/dev/zero of={path}/f bs=1M count=8"));
    let mut volume = write("/data");
    volume["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let volumes = json!([{"name": "data", "emptyDir": {"sizeLimit": "4Mi"}}]);
    cluster.make("volume", json!({"containers": [volume], "volumes": volumes})).await;
    let mut layer = write("/var");
    layer["resources"] = json!({"limits": {"ephemeral-storage": "4Mi"}});
    cluster.make("layer", json!({"containers": [layer]})).await;
    let mut memory = server(
        "df -k /data | tail -1 | awk '{print $2}'; dd if=/dev/zero of=/data/f bs=1M count=8 2>&1 | grep -o 'No space left on device'",
    );
    memory["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    let volumes = json!([{"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}]);
    cluster.make("memory", json!({"containers": [memory], "volumes": volumes})).await;

    let pod = cluster.until_phase("volume", "Failed").await;
    let why = (status(&pod)["reason"].clone(), status(&pod)["message"].clone());
    assert_eq!(
        why,
        (json!("Evicted"), json!("Usage of EmptyDir volume \"data\" exceeds the limit \"4Mi\". "))
    );
    let pod = cluster.until_phase("layer", "Failed").await;
    let message = "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ";
    assert_eq!((&status(&pod)["reason"], &status(&pod)["message"]), (&json!("Evicted"), &json!(message)));
    let told = cluster.events("memory").await;
    if told.iter().any(|(reason, _)| reason == "LimitedVolume") {
        println!("the size of memory is not tried: nothing can be mounted here");
    } else {
        support::eventually("the volume in memory is full", async || {
            let log = cluster.logs("memory", LogParams::default()).await;
            (log == "4096\nNo space left on device\n").then_some(())
        })
        .await;
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_follow_what_they_are_made_from_at_once() {
    let cluster = Cluster::start().await;
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(cluster.client.clone(), "default");
    let map = |text: &str| json!({"metadata": {"name": "words"}, "data": {"word": text}});
    let first = serde_json::from_value(map("one")).expect("a config map");
    maps.create(&PostParams::default(), &first).await.expect("made");
    let mut container = server(
        "last=; while :; do now=$(cat /w/word); [ \"$now\" = \"$last\" ] || echo $now; last=$now; sleep 0.05; done",
    );
    container["volumeMounts"] = json!([{"name": "w", "mountPath": "/w"}]);
    let volumes = json!([{"name": "w", "configMap": {"name": "words"}}]);
    cluster
        .make(
            "reader",
            json!({"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 1}),
        )
        .await;
    // Half of what it takes at least from one look to the next if nobody tells.
    let soon = std::time::Duration::from_secs(30);
    let said = async |text: &str| {
        let saying = support::eventually(text, async || {
            (cluster.logs("reader", LogParams::default()).await == text).then_some(())
        });
        tokio::time::timeout(soon, saying).await.unwrap_or_else(|_| panic!("not told in time: {text}"));
    };
    cluster.until_phase("reader", "Running").await;
    said("one\n").await;
    for (word, log) in [("two", "one\ntwo\n"), ("three", "one\ntwo\nthree\n")] {
        maps.patch("words", &PatchParams::default(), &Patch::Merge(map(word))).await.expect("changed");
        said(log).await;
    }
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_start_comes_before_the_next_container() {
    let cluster = Cluster::start().await;
    let after = |script: &str| json!({"postStart": {"exec": {"command": ["sh", "-c", script]}}});
    let share = json!([{"name": "s", "mountPath": "/s"}]);
    let mut first = server("true");
    first["lifecycle"] = after("sleep 1; touch /s/prepared");
    first["volumeMounts"] = share.clone();
    let mut second = server("ls /s");
    second["name"] = json!("second");
    second["volumeMounts"] = share;
    let spec = json!({"containers": [first, second], "volumes": [{"name": "s", "emptyDir": {}}]});
    cluster.make("pair", spec).await;
    support::eventually("the second sees what was prepared", async || {
        let second = LogParams { container: Some("second".to_owned()), ..LogParams::default() };
        let log = cluster.pods().logs("pair", &second).await.ok()?;
        (log == "prepared\n").then_some(())
    })
    .await;

    let mut failing = server("true");
    failing["lifecycle"] = after("echo not today; exit 3");
    cluster.make("failing", json!({"containers": [failing]})).await;
    let told = cluster.until_event("failing", "FailedPostStartHook").await;
    assert!(told.starts_with("PostStartHook failed"), "{told}");
    let restarted = |pod: &_| status(pod)["containerStatuses"][0]["restartCount"].as_i64() >= Some(1);
    cluster.until("failing", "a restart", restarted).await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_follow_their_own_rules_of_restart() {
    let cluster = Cluster::start().await;
    let exits = |name: &str, code: i32, action: &str| {
        let script =
            format!("n=$(ls /s | wc -l); echo $n; touch /s/$n-{name}; [ $n -lt 4 ] && exit {code}; exit 0");
        json!({
            "name": name, "image": "busybox", "command": ["sh", "-c", script], "restartPolicy": "Never",
            "restartPolicyRules": [{"action": action, "exitCodes": {"operator": "In", "values": [42]}}],
            "volumeMounts": [{"name": "s", "mountPath": "/s"}],
        })
    };
    let spec = |container: Value| {
        json!({
            "restartPolicy": "Never", "containers": [container], "volumes": [{"name": "s", "emptyDir": {}}],
        })
    };
    cluster.make("other", spec(exits("c", 41, "Restart"))).await;
    cluster.make("own", spec(exits("c", 42, "Restart"))).await;
    let mut all = spec(exits("c", 42, "RestartAllContainers"));
    let mut beside = server("true");
    beside["name"] = json!("beside");
    all["containers"].as_array_mut().expect("a list").push(beside);
    cluster.make("all", all).await;
    cluster.until_phase("other", "Failed").await;
    let restarts = |pod: &_| status(pod)["containerStatuses"][0]["restartCount"].as_i64() >= Some(1);
    cluster.until("own", "a restart", restarts).await;
    let all_restart = |pod: &_| {
        let statuses = status(pod)["containerStatuses"].clone();
        let counts: Vec<_> =
            statuses.as_array().into_iter().flatten().map(|one| one["restartCount"].as_i64()).collect();
        counts.len() == 2 && counts.iter().all(|count| *count >= Some(1))
    };
    cluster.until("all", "a restart of all", all_restart).await;
    cluster.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_shut_down_ends_its_pods_in_order() {
    let mut cluster = Cluster::start().await;
    let order = tempfile::tempdir().expect("a directory");
    let share = json!({"hostPath": {"path": order.path()}, "name": "s"});
    let noted = |word: &str| {
        let mut container = server("true");
        let script = format!(
            "trap 'echo {word}-int >> /s/order; exit 0' INT; trap 'exit 9' TERM; while :; do sleep 0.05; done"
        );
        container["command"] = json!(["sh", "-c", script]);
        container["lifecycle"] = json!({
            "stopSignal": "SIGINT",
            "preStop": {"exec": {"command": ["sh", "-c", format!("sleep 0.3; echo {word}-hook >> /s/order")]}},
        });
        container["volumeMounts"] = json!([{"name": "s", "mountPath": "/s"}]);
        container
    };
    let spec = |word: &str| json!({"containers": [noted(word)], "volumes": [share.clone()], "os": {"name": "linux"}});
    let mut critical = spec("critical");
    critical["priorityClassName"] = json!("system-node-critical");
    cluster.make("ordinary", spec("ordinary")).await;
    cluster.make("critical", critical).await;
    let once = json!({"restartPolicy": "Never", "containers": [server("true")]});
    cluster.make("once", once).await;
    for name in ["ordinary", "critical", "once"] {
        cluster.until_phase(name, "Running").await;
    }
    cluster.shut_down().await;
    let text = std::fs::read_to_string(order.path().join("order")).expect("written");
    assert_eq!(text, "ordinary-hook\nordinary-int\ncritical-hook\ncritical-int\n");
    let once = cluster.until_phase("once", "Failed").await;
    assert_eq!(status(&once)["reason"], "Terminated");
    cluster.run();
    let again = |pod: &_| {
        status(pod)["containerStatuses"][0]["restartCount"] == 1 && status(pod)["phase"] == "Running"
    };
    cluster.until("ordinary", "a new start", again).await;
    cluster.until("critical", "a new start", again).await;
    cluster.end().await;
}
