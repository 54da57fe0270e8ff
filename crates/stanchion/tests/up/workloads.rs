//! Deployments, Services, probes, limits, volumes and Jobs as a user tries them.

use crate::LIMIT;
use crate::ground::Ground;
use crate::support::{wait_for, within};
use crate::visitor::ask;

/// A small web server that listens on the Pod's own address, ready while a file is there.
const WEB: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: web
        image: python
        command: [sh, -c, 'touch /tmp/ready; exec python3 -m http.server 8080 --bind $POD_IP']
        env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
        ports: [{containerPort: 8080, name: http}]
        readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
";

#[tokio::test]
async fn a_service_leads_to_ready_pods() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(WEB).await;
        ground.kubectl("rollout status deployment/web --timeout=60s").await.done();
        let address = ground.field("service/web", ".spec.clusterIP").await;
        let answers = || async { ask(&address).await.is_some() };
        wait_for("the Service does not answer", async || answers().await.then_some(())).await;

        let pods = ground.field("pods", ".items[*].metadata.name").await;
        let pods: Vec<&str> = pods.split_whitespace().collect();
        for pod in &pods {
            ground.kubectl(&format!("exec {pod} -- rm /tmp/ready")).await.done();
        }
        let ready = "{.items[*].endpoints[*].conditions.ready}";
        let ready = format!("get endpointslices -l kubernetes.io/service-name=web -o jsonpath={ready}");
        wait_for("Pods that are not ready stay in the Service", async || {
            (ground.kubectl(&ready).await.done() == "false false").then_some(())
        })
        .await;
        wait_for("the Service leads to Pods that are not ready", async || {
            ask(&address).await.is_none().then_some(())
        })
        .await;
        ground.kubectl(&format!("exec {} -- touch /tmp/ready", pods[0])).await.done();
        wait_for("the Service does not lead to the Pod again", async || answers().await.then_some(())).await;

        let code = ground.kubectl(&format!("exec {} -- sh -c 'echo said; exit 7'", pods[0])).await;
        assert_eq!((code.code, code.stdout.as_str()), (Some(7), "said\n"));
        let named = ground.kubectl(&format!("exec {} -- getent hosts web", pods[0])).await;
        if named.code == Some(0) {
            assert!(named.stdout.starts_with(&address), "{named:?}");
        } else {
            println!("names are not tried: cluster DNS needs port 53");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_rollout_stops_and_is_undone() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.apply(WEB).await;
        ground.kubectl("rollout status deployment/web --timeout=60s").await.done();
        ground.kubectl("set image deployment/web web=no-such-image:1").await.done();
        let waiting = "[?(@.state.waiting.reason)].state.waiting.reason";
        let reasons = format!("get pods -o jsonpath={{.items[*].status.containerStatuses{waiting}}}");
        wait_for("the missing image is not told", async || {
            let found = ground.kubectl(&reasons).await.done();
            (found.contains("ErrImagePull") || found.contains("ImagePullBackOff")).then_some(())
        })
        .await;
        assert_eq!(ground.field("deployment/web", ".status.availableReplicas").await, "2");
        ground.kubectl("rollout undo deployment/web").await.done();
        ground.kubectl("rollout status deployment/web --timeout=60s").await.done();
        ground.wait_field("deployment/web", ".status.replicas", "2").await;
    })
    .await;
}

#[tokio::test]
async fn a_job_adopts_pods_and_lets_them_go() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        let job = r"
apiVersion: v1
kind: Pod
metadata: {name: orphan, labels: {app: work}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: busybox, command: [sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  parallelism: 2
  manualSelector: true
  selector: {matchLabels: {app: work}}
  template:
    metadata: {labels: {app: work}}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: busybox, command: [sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']}]
";
        ground.apply(job).await;
        let tied = ".metadata.ownerReferences[*].name}/{.metadata.finalizers[*]";
        ground.wait_field("pod/orphan", tied, "work/batch.kubernetes.io/job-tracking").await;
        ground.wait_field("job/work", ".status.active", "2").await;
        ground.kubectl("label pod orphan app=own --overwrite").await.done();
        ground.wait_field("pod/orphan", tied, "/").await;
        wait_for("the Job makes no other Pod", async || {
            let pods = ground.field("pods -l app=work", ".items[*].metadata.name").await;
            (pods.split_whitespace().count() == 2).then_some(())
        })
        .await;
        assert_eq!(ground.field("pod/orphan", ".metadata.deletionTimestamp").await, "");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_acts_upon_is_told() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground.kubectl("create cronjob nightly --image=busybox --schedule '0 3 * * *' -- true").await.done();
        wait_for("nobody says that nothing will come of it", async || {
            let told = ground.kubectl("events --for cronjob/nightly").await.done();
            told.contains("Nothing acts upon a CronJob here").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn containers_are_restarted_and_limited() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground
            .apply(
                r#"
apiVersion: v1
kind: Pod
metadata: {name: sick}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: busybox
    command: [sh, -c, 'trap exit TERM; while :; do sleep 0.1; done']
    livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hog}
spec:
  restartPolicy: Never
  containers:
  - name: c
    image: python
    command: [python3, -c, "x = [bytearray(1 << 20) for _ in range(1000)]"]
    resources: {limits: {memory: 64Mi}}
"#,
            )
            .await;
        wait_for("the liveness probe does not restart the container", async || {
            let count = ground.field("pod/sick", ".status.containerStatuses[0].restartCount").await;
            (count.parse::<u32>().ok()? >= 1).then_some(())
        })
        .await;
        let limited =
            ground.kubectl("get events --field-selector involvedObject.name=hog -o name").await.done();
        ground.wait_field("pod/hog", ".status.phase", "Failed").await;
        let reason = ground.field("pod/hog", ".status.containerStatuses[0].state.terminated.reason").await;
        let code = ground.field("pod/hog", ".status.containerStatuses[0].state.terminated.exitCode").await;
        assert_eq!((reason.as_str(), code.as_str()), ("OOMKilled", "137"), "{limited}");
    })
    .await;
}

#[tokio::test]
async fn a_stateful_set_keeps_its_data() {
    within(LIMIT, async {
        let ground = Ground::start(&[]).await;
        ground
            .apply(
                r"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: db
        image: busybox
        command: [sh, -c, 'trap exit TERM; hostname >> /data/starts; cat /data/starts; while :; do sleep 0.1; done']
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox, command: [echo, done]}]}}}
",
            )
            .await;
        ground.kubectl("rollout status statefulset/db --timeout=60s").await.done();
        let uid = ground.field("pod/db-0", ".metadata.uid").await;
        ground.kubectl("delete pod db-0").await.done();
        wait_for("db-0 is not replaced", async || {
            let now = ground.kubectl("get pod db-0 -o jsonpath={.metadata.uid}").await;
            (now.code == Some(0) && now.stdout != uid).then_some(())
        })
        .await;
        ground.kubectl("wait --for=condition=Ready pod/db-0 --timeout=30s").await.done();
        wait_for("the data of db-0 is gone", async || {
            (ground.kubectl("logs db-0").await.done() == "db-0\ndb-0\n").then_some(())
        })
        .await;
        ground.kubectl("wait --for=condition=Complete job/once --timeout=30s").await.done();
        assert_eq!(ground.kubectl("logs job/once").await.done(), "done\n");
    })
    .await;
}
