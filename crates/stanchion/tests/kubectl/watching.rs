//! Commands that go on while others change what they look at.

use crate::LIMIT;
use crate::kube::Kube;
use crate::support::command::Session;
use crate::support::within;

#[tokio::test]
async fn get_watches() {
    within(LIMIT, async {
        let kube = Kube::start("watched").await;
        kube.run("create configmap one").await.done();
        let mut watch = Session::start(kube.command("get configmaps --watch -o name -l !other"));
        watch.says("configmap/one").await;
        kube.run("create configmap two").await.done();
        watch.says("configmap/two").await;
        let mut events =
            Session::start(kube.command("get configmaps --watch-only --output-watch-events -l app=x"));
        // A watch that has begun sees what comes; nothing says when it has.
        kube.run("label configmap one app=x").await.done();
        let mut value = 0;
        let modified = |line: &str| line.split_whitespace().take(2).eq(["MODIFIED", "one"]);
        while !events.stdout().lines().any(modified) {
            value += 1;
            kube.run(&format!("annotate configmap one --overwrite value={value}")).await.done();
        }
        kube.run("label configmap one app-").await.done();
        events.says("DELETED").await;
        kube.run("delete configmap two").await.done();
        for session in [watch, events] {
            let ended = session.interrupt().await;
            assert_eq!(ended.stderr, "", "{ended:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn wait_sees_what_happens() {
    within(LIMIT, async {
        let kube = Kube::start("waited").await;
        kube.run("run pod --image=x").await.done();
        let ready = Session::start(kube.command("wait --for=condition=Ready pod/pod --timeout=30s"));
        let phase =
            Session::start(kube.command("wait --for=jsonpath={.status.phase}=Running pod/pod --timeout=30s"));
        let status = r#"{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;
        kube.run(&format!("patch pod pod --subresource=status -p '{status}'")).await.done();
        assert_eq!(ready.end().await.done(), "pod/pod condition met\n");
        assert_eq!(phase.end().await.done(), "pod/pod condition met\n");
        let gone = Session::start(kube.command("wait --for=delete pod/pod --timeout=30s"));
        kube.run("delete pod pod --wait=false").await.done();
        assert_eq!(gone.end().await.failed(0), "");
    })
    .await;
}

#[tokio::test]
async fn delete_waits_for_finalizers() {
    within(LIMIT, async {
        let kube = Kube::start("held").await;
        kube.run("create configmap held").await.done();
        kube.run(r#"patch configmap held -p '{"metadata":{"finalizers":["example.com/hold"]}}'"#)
            .await
            .done();
        let mut delete = Session::start(kube.command("delete configmap held"));
        delete.says("configmap \"held\" deleted").await;
        let there = kube.run("get configmap held -o jsonpath={.metadata.deletionTimestamp}").await.done();
        assert_ne!(there, "");
        kube.run("patch configmap held --type=merge -p '{\"metadata\":{\"finalizers\":null}}'").await.done();
        assert_eq!(delete.end().await.code, Some(0));
        let gone = kube.run("get configmap held").await.failed(1);
        assert_eq!(gone, "Error from server (NotFound): configmaps \"held\" not found\n");
    })
    .await;
}

#[tokio::test]
async fn tokens_of_service_accounts_are_users() {
    within(LIMIT, async {
        let kube = Kube::start("robots").await;
        kube.run("create serviceaccount robot").await.done();
        let token = kube.run("create token robot").await.done();
        kube.run(&format!("config set-credentials robot --token={}", token.trim())).await.done();
        kube.run("config set-context robot --cluster=stanchion --user=robot --namespace=robots").await.done();
        let refused = kube.run("--context=robot get pods").await.failed(1);
        let user = "system:serviceaccount:robots:robot";
        let forbidden = format!(
            "Error from server (Forbidden): pods is forbidden: User {user:?} cannot list resource \"pods\" in API group \"\" in the namespace \"robots\"\n"
        );
        assert_eq!(refused, forbidden);
        kube.run("create rolebinding robot --clusterrole=view --serviceaccount=robots:robot").await.done();
        let pods = kube.run("--context=robot get pods").await;
        assert_eq!((pods.code, pods.stderr.as_str()), (Some(0), "No resources found in robots namespace.\n"));
        let who = kube.run("--context=robot auth whoami -o jsonpath={.status.userInfo.username}").await.done();
        assert_eq!(who, user);
        kube.run("delete serviceaccount robot").await.done();
        let stranger = kube.run("--context=robot get pods").await.failed(1);
        assert_eq!(stranger, "error: You must be logged in to the server (Unauthorized)\n");
    })
    .await;
}

#[tokio::test]
async fn objects_that_are_too_large_are_refused() {
    within(LIMIT, async {
        let kube = Kube::start("large").await;
        let folder = kube.cluster().folder();
        let write = |name: &str, bytes: usize| {
            std::fs::write(folder.join(name), "x".repeat(bytes)).expect("the folder can be written to");
        };
        write("data.txt", 1 << 20 | 1);
        let refused = kube.run("create configmap large --from-file=data.txt").await.failed(1);
        let too_long = "error: failed to create configmap: ConfigMap \"large\" is invalid: []: Too long: may not be more than 1048576 bytes\n";
        assert_eq!(refused, too_long);
        write("data.txt", 4 << 20);
        let refused = kube.run("create configmap large --from-file=data.txt").await.failed(1);
        let too_large = "Request entity too large: limit is 3145728";
        assert!(refused.contains(too_large), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn autoscale_makes_autoscalers() {
    within(LIMIT, async {
        let mut kube = Kube::start("play").await;
        kube.follow(include_str!("autoscale.txt")).await;
    })
    .await;
}

#[tokio::test]
async fn a_rollout_is_undone() {
    within(LIMIT, async {
        let mut kube = Kube::start("play").await;
        kube.run("create deployment d --image=new:2").await.done();
        kube.run("annotate deployment d deployment.kubernetes.io/revision=2").await.done();
        let uid = kube.run("get deployment d -o jsonpath={.metadata.uid}").await.done();
        let sets = [("1", "old:1"), ("2", "new:2")].map(|(revision, image)| {
            serde_json::json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": {
                    "name": format!("d-{revision}"), "labels": {"app": "d", "pod-template-hash": revision},
                    "annotations": {"deployment.kubernetes.io/revision": revision},
                    "ownerReferences": [
                        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": uid, "controller": true}
                    ],
                },
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": "d", "pod-template-hash": revision}},
                    "template": {
                        "metadata": {"labels": {"app": "d", "pod-template-hash": revision}},
                        "spec": {"containers": [{"name": "new", "image": image}]},
                    },
                },
            })
        });
        for set in sets {
            kube.run_with(&set.to_string(), "create -f -").await.done();
        }
        kube.follow(include_str!("undo.txt")).await;
    })
    .await;
}
