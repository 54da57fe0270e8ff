//! The cluster's process is killed in the middle of something: the next one finishes it, once.

use crate::LIMIT;
use crate::crashes::SLEEPER;
use crate::ground::Ground;
use crate::support::{wait_for, within};

const DATABASE: &str = include_str!("../../../../examples/db.yaml");

/// Waits until there are so many containers, and no process beyond those.
async fn only(ground: &Ground, containers: usize) {
    let what = format!("there are other containers than {containers}");
    wait_for(&what, async || {
        let shims = ground.processes().into_iter().filter(|line| line.contains("sandbox-shim")).count();
        (shims == containers).then_some(())
    })
    .await;
}

/// Returns how many lines of each member's file of starts there are; a line has the member's name.
async fn starts(ground: &Ground, members: usize) -> Vec<usize> {
    let mut starts = Vec::new();
    for member in 0..members {
        let name = format!("db-{member}");
        let said = ground.kubectl(&format!("exec {name} -- cat /data/starts")).await.done();
        assert!(said.lines().all(|line| line == name), "the data of {name} is another's: {said}");
        starts.push(said.lines().count());
    }
    starts
}

/// Waits until a set has a size that lies between those of before and after a change of scale.
async fn passes(ground: &Ground, sizes: std::ops::Range<usize>) {
    wait_for("the set is not scaled", async || {
        let size = ground.field("pods -l app=db", ".items[*].metadata.name").await.split_whitespace().count();
        sizes.contains(&size).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_scaled_set_keeps_its_volumes() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.apply(DATABASE).await;
        ground.kubectl("rollout status statefulset/db --timeout=60s").await.done();

        ground.kubectl("scale statefulset/db --replicas=5").await.done();
        passes(&ground, 3..6).await;
        ground.again("KILL").await;
        ground.wait_field("statefulset/db", ".status.availableReplicas", "5").await;
        assert_eq!(starts(&ground, 5).await, [1; 5]);
        only(&ground, 5).await;

        ground.kubectl("scale statefulset/db --replicas=2").await.done();
        passes(&ground, 2..5).await;
        ground.again("KILL").await;
        ground.wait_field("statefulset/db", ".status.replicas", "2").await;
        only(&ground, 2).await;
        let claims = ground.field("pvc", ".items[*].status.phase").await;
        assert_eq!(claims, "Bound Bound Bound Bound Bound");

        ground.kubectl("scale statefulset/db --replicas=5").await.done();
        ground.wait_field("statefulset/db", ".status.availableReplicas", "5").await;
        assert_eq!(starts(&ground, 5).await, [1, 1, 2, 2, 2]);
    })
    .await;
}

#[tokio::test]
async fn every_part_of_a_job_is_done_once() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        let out = ground.data_dir().with_file_name("out");
        std::fs::create_dir(&out).expect("a directory can be made");
        let done = || {
            let done = std::fs::read_to_string(out.join("done")).unwrap_or_default();
            let mut done: Vec<u32> = done.lines().map(|line| line.parse().expect("an index")).collect();
            done.sort_unstable();
            done
        };
        let job = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: parts}
spec:
  completionMode: Indexed
  completions: 16
  parallelism: 4
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: c
        image: busybox
        command: [sh, -c, "sleep 0.7; echo $JOB_COMPLETION_INDEX >> /out/done"]
        volumeMounts: [{name: out, mountPath: /out}]
      volumes: [{name: out, hostPath: {path: OUT}}]
"#;
        ground.apply(&job.replace("OUT", &out.display().to_string())).await;
        for least in [1, 7] {
            wait_for("no part is done", async || (done().len() >= least).then_some(())).await;
            ground.again("KILL").await;
        }
        ground.kubectl("wait --for=condition=Complete job/parts --timeout=60s").await.done();
        assert_eq!(done(), (0..16).collect::<Vec<_>>());
        let counted =
            ground.field("job/parts", ".status.succeeded}/{.status.failed}/{.status.completedIndexes").await;
        assert_eq!(counted, "16//0-15");
        only(&ground, 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    within(LIMIT, async {
        let mut ground = Ground::start(&[]).await;
        ground.kubectl("create namespace short").await.done();
        ground.kubectl_with(DATABASE, "apply -n short -f -").await.done();
        ground.kubectl_with(SLEEPER, "apply -n short -f -").await.done();
        ground.kubectl("-n short rollout status statefulset/db --timeout=60s").await.done();
        ground.kubectl("-n short rollout status deployment/sleeper --timeout=60s").await.done();
        ground.kubectl("delete namespace short --wait=false").await.done();
        ground.again("KILL").await;
        wait_for("the namespace stays", async || {
            let found = ground.kubectl("get namespace short --ignore-not-found -o name").await.done();
            found.is_empty().then_some(())
        })
        .await;
        wait_for("volumes stay", async || {
            let volumes = std::fs::read_dir(ground.data_dir().join("volumes")).expect("there were volumes");
            (ground.field("pv", ".items[*].metadata.name").await.is_empty() && volumes.count() == 0)
                .then_some(())
        })
        .await;
        only(&ground, 0).await;
    })
    .await;
}
