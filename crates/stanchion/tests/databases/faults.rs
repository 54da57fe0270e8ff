//! What breaks, while a client writes. After each fault: nothing acknowledged is missing, nothing is there twice, just one
//! instance is writable, and all are back.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::orders::Orders;
use crate::support::within;
use crate::{limit, rounds};

/// So long something stays as it is, to see that it does.
const A_WHILE: Duration = Duration::from_secs(8);

#[tokio::test]
async fn the_database_of_the_primary_is_killed() {
    within(limit(), async {
        let orders = Orders::start().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let since = writer.mark("SIGKILL of the database");
            orders.database(&primary).kill().expect("it can be killed");
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            orders.well("after the database was killed").await;
            assert_ne!(orders.primary().await, primary, "somebody else is primary");
        }
    })
    .await;
}

#[tokio::test]
async fn agent_and_database_are_killed_together() {
    within(limit(), async {
        let orders = Orders::start().await;
        for round in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let since = writer.mark("SIGKILL of all processes of the primary");
            orders.container(&primary).kill().expect("they can be killed");
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            if round > 0 {
                // The node waits twice as long each time before it starts a container anew, minutes in the end.
                orders.ground.kubectl(&format!("delete pod {primary} --wait=false")).await.done();
            }
            orders.well("after agent and database were killed").await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_database_of_the_primary_is_stopped() {
    within(limit(), async {
        let orders = Orders::start().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let since = writer.mark("SIGSTOP of the database");
            let frozen = orders.database(&primary).freeze().expect("it can be stopped");
            orders.primary_changes(&primary).await;
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            // Its agent has ended it and started it anew, stopped or not.
            orders.well("while the old database is stopped").await;
            drop(frozen);
        }
    })
    .await;
}

#[tokio::test]
async fn a_pod_that_looks_alive_is_dead() {
    within(limit(), async {
        let orders = Orders::start().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let since = writer.mark("SIGSTOP of all processes of the primary");
            let frozen = orders.container(&primary).freeze().expect("they can be stopped");
            orders.primary_changes(&primary).await;
            orders.writes_again(&mut writer, since).await;
            let phase = orders.ground.field(&format!("pod/{primary}"), ".status.phase").await;
            assert_eq!(phase, "Running", "the Pod looks as if nothing had happened");
            frozen.thaw().expect("they can go on");
            orders.nothing_lost(writer).await;
            orders.well("after the old primary woke up").await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_pod_of_the_primary_is_deleted() {
    within(limit(), async {
        let orders = Orders::start().await;
        for round in 0..=rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let since = writer.mark("deletion of the primary's Pod");
            let force = if round == 0 { "" } else { "--force --grace-period=0" };
            orders.ground.kubectl(&format!("delete pod {primary} --wait=false {force}")).await.done();
            orders.primary_changes(&primary).await;
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            orders.well("after the Pod was deleted").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_is_stopped() {
    within(limit(), async {
        let orders = Orders::start().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let replica = orders.replicas().await.swap_remove(0);
            let since = writer.mark("SIGSTOP of a replica");
            let frozen = orders.container(&replica).freeze().expect("they can be stopped");
            orders.writes_again(&mut writer, since).await;
            sleep(A_WHILE).await;
            orders.writes_again(&mut writer, Instant::now()).await;
            frozen.thaw().expect("they can go on");
            orders.nothing_lost(writer).await;
            orders.well("after the replica woke up").await;
            assert_eq!(orders.primary().await, primary, "the primary stays");
        }
    })
    .await;
}

#[tokio::test]
async fn both_replicas_are_stopped() {
    within(limit(), async {
        let orders = Orders::start().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let mut frozen = Vec::new();
            for replica in orders.replicas().await {
                frozen.push(orders.container(&replica).freeze().expect("they can be stopped"));
            }
            writer.mark("both replicas are stopped");
            sleep(A_WHILE).await;
            let since = Instant::now();
            for replica in frozen {
                replica.thaw().expect("they can go on");
            }
            orders.writes_again(&mut writer, since).await;
            let record = orders.nothing_lost(writer).await;
            let waited = record.longest_gap(record.marks[0].at).length();
            assert!(
                waited > A_WHILE / 2,
                "writes went on for all but {waited:?} without anybody to acknowledge them"
            );
            orders.well("after both replicas woke up").await;
            assert_eq!(orders.primary().await, primary, "the primary stays");
        }
    })
    .await;
}

#[tokio::test]
async fn the_whole_of_stanchion_is_killed() {
    within(limit(), async {
        let mut orders = Orders::start().await;
        for _ in 0..rounds() {
            let primary = orders.primary().await;
            let mut writer = orders.writer().await;
            orders.ground.stop("KILL").await;
            // The Service's address was served by the process that is no more; databases and agents go on.
            sleep(Duration::from_secs(3)).await;
            let since = writer.mark("everything is started again");
            orders.ground.go_on().await;
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            orders.well("after everything was started again").await;
            assert_eq!(orders.primary().await, primary, "the primary stays");
        }
    })
    .await;
}

#[tokio::test]
async fn a_switchover_and_back() {
    within(limit(), async {
        let orders = Orders::start().await;
        for round in 0..2 * rounds() {
            let mut writer = orders.writer().await;
            let primary = orders.primary().await;
            let to = orders.replicas().await.swap_remove(round % 2);
            let since = writer.mark("switchover");
            let operation = format!(r#"{{"id":"round-{round}","kind":"switchover","to":"{to}"}}"#);
            let annotate = format!("annotate --overwrite dbc orders 'stanchion.dev/operation={operation}'");
            orders.ground.kubectl(&annotate).await.done();
            orders.ground.wait_field("dbc/orders", ".status.operation.state", "Done").await;
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            orders.well("after the switchover").await;
            assert_eq!(orders.primary().await, to, "from {primary}");
        }
    })
    .await;
}
