//! A cluster's life: what is refused, scaling, and volumes that are kept.

use crate::limit;
use crate::orders::{MANIFEST, Orders};
use crate::support::{wait_for, within};

#[tokio::test]
async fn scaled_up_and_down_while_somebody_writes() {
    within(limit(), async {
        let orders = Orders::start().await;
        let mut writer = orders.writer().await;
        for instances in [5, 3, 1, 3] {
            let since = writer.mark(format!("scaled to {instances}"));
            let patch =
                format!(r#"patch dbc orders --type merge -p '{{"spec":{{"instances":{instances}}}}}'"#);
            orders.ground.kubectl(&patch).await.done();
            orders.well(&format!("scaled to {instances}")).await;
            let pods = orders.ground.field("pods", ".items[*].metadata.name").await;
            assert_eq!(pods.split_whitespace().count(), instances, "{pods}");
            orders.writes_again(&mut writer, since).await;
        }
        orders.nothing_lost(writer).await;
    })
    .await;
}

#[tokio::test]
async fn volumes_and_passwords_outlive_the_cluster() {
    within(limit(), async {
        let orders = Orders::start().await;
        let writer = orders.writer().await;
        let record = writer.stop().await.expect("the writer's record");
        orders.ground.kubectl("delete dbc orders --timeout=60s").await.done();
        wait_for("Pods are left", async || {
            orders.ground.field("pods", ".items[*].metadata.name").await.is_empty().then_some(())
        })
        .await;
        let claims = orders.ground.field("pvc", ".items[*].metadata.name").await;
        assert_eq!(claims.split_whitespace().count(), 3, "{claims}");
        orders.ground.apply(MANIFEST).await;
        orders.well("made anew over its volumes").await;
        orders.holds(&record).await;
        // The term goes on from where it was: no transaction id is given twice.
        assert!(orders.status().await["ha"]["term"].as_i64() > Some(1));
        let patch = r#"patch dbc orders --type merge -p '{"spec":{"deletionPolicy":"Delete"}}'"#;
        orders.ground.kubectl(patch).await.done();
        orders.ground.kubectl("delete dbc orders --timeout=60s").await.done();
        wait_for("claims are left", async || {
            orders.ground.field("pvc", ".items[*].metadata.name").await.is_empty().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_work_is_refused_when_it_is_applied() {
    within(limit(), async {
        let ground = crate::ground::Ground::start(&[]).await;
        for (what, instead, words) in [
            ("instances: 3", "instances: 0", "instances"),
            ("size: 1Gi", "size: none", "storage"),
            ("innodb_buffer_pool_size: 64M", "sync_binlog: '0'", "sync_binlog"),
            ("kind: MariaDB", "kind: Oracle", "MariaDB"),
        ] {
            let outcome = ground.kubectl_with(&MANIFEST.replace(what, instead), "apply -f -").await;
            let said = outcome.failed(1);
            assert!(said.contains(words), "{instead}: {said}");
        }
        assert_eq!(ground.field("dbc", ".items[*].metadata.name").await, "");
    })
    .await;
}
