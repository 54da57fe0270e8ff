//! What has to find its own way out: a switchover whose target does not answer, and a primary that nobody can follow any more.

use std::fs;
use std::path::PathBuf;

use tokio::time::Instant;

use crate::limit;
use crate::orders::Orders;
use crate::support::within;

/// Returns where the files of an instance are.
async fn volume(orders: &Orders, instance: &str) -> PathBuf {
    let volume = orders.ground.field(&format!("pvc/data-{instance}"), ".spec.volumeName").await;
    let path = ".spec.local.path}{.spec.hostPath.path";
    let path = PathBuf::from(orders.ground.field(&format!("pv/{volume}"), path).await);
    assert!(path.starts_with(orders.ground.data_dir()), "{}", path.display());
    path
}

#[tokio::test]
async fn a_switchover_to_who_does_not_answer_is_taken_back() {
    within(limit(), async {
        let orders = Orders::start().await;
        let mut writer = orders.writer().await;
        let (primary, to) = (orders.primary().await, orders.replicas().await.remove(0));
        let since = writer.mark("switchover to an instance that is stopped and not missed yet");
        let frozen = orders.container(&to).freeze().expect("they can be stopped");
        let operation = format!(r#"{{"id":"vain","kind":"switchover","to":"{to}","deadlineSeconds":3}}"#);
        let annotate = format!("annotate --overwrite dbc orders 'stanchion.dev/operation={operation}'");
        orders.ground.kubectl(&annotate).await.done();
        orders.ground.wait_field("dbc/orders", ".status.operation.state", "Failed").await;
        orders.writes_again(&mut writer, since).await;
        assert_eq!(orders.primary().await, primary, "the old primary writes again");
        let message = orders.ground.field("dbc/orders", ".status.operation.message").await;
        assert!(message.contains(&format!("{primary} goes on")), "it was begun, and taken back: {message}");
        frozen.thaw().expect("they can go on");
        orders.nothing_lost(writer).await;
        orders.well("after the target woke up").await;
    })
    .await;
}

#[tokio::test]
async fn both_replicas_lose_their_volumes_while_somebody_writes() {
    within(limit(), async {
        let orders = Orders::start().await;
        let primary = orders.primary().await;
        // What they lack is not in the binary log any more, so they have to be copied, and commits wait meanwhile.
        orders.sql(&primary, "FLUSH BINARY LOGS; FLUSH BINARY LOGS").await.expect("it can be done");
        let mut writer = orders.writer().await;
        let purge = "FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY";
        orders.sql(&primary, purge).await.expect("it can be done");
        let since = writer.mark("both replicas lose their volumes");
        for replica in orders.replicas().await {
            let data = volume(&orders, &replica).await.join("data");
            let frozen = orders.container(&replica).freeze().expect("they can be stopped");
            fs::remove_dir_all(&data).expect("it can be removed");
            orders.container(&replica).kill().expect("they can be killed");
            drop(frozen);
        }
        orders.writes_again(&mut writer, since).await;
        orders.well("after the replicas were copied").await;
        writer.mark("all is well");
        orders.writes_again(&mut writer, Instant::now()).await;
        orders.nothing_lost(writer).await;
        assert_eq!(orders.primary().await, primary, "who has everything is primary again");
    })
    .await;
}
