//! Replicas that apply more slowly than the primary writes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::limit;
use crate::orders::Orders;
use crate::support::within;

/// A table without a key, and writes to its end: the primary finds the rows of a statement in one pass, a replica each row in a
/// pass of its own. So it is many times slower, on any machine.
const LOAD: &str = r"
CREATE TABLE keyless (id INT, v INT);
INSERT INTO keyless SELECT seq, 0 FROM seq_1_to_3000;
CREATE TABLE enough (id INT);
DELIMITER //
CREATE PROCEDURE write_on() BEGIN
  WHILE NOT EXISTS (SELECT * FROM enough) DO UPDATE keyless SET v = v + 1 WHERE id > 2970; END WHILE;
END//
";
/// The bound.
const BOUND: Duration = Duration::from_secs(2);
/// So much is left to apply before the bound is set.
const BEHIND: Duration = Duration::from_secs(6);
/// By then it has come about.
const PATIENCE: Duration = Duration::from_secs(150);

#[tokio::test]
async fn writes_are_slowed_down_while_replicas_have_too_much_left_to_apply() {
    within(limit(), async {
        let orders = Orders::start().await;
        bound(&orders, "0s").await;
        let primary = orders.primary().await;
        let client = "mariadb --socket /var/lib/mysql/mariadb.sock app";
        orders.ground.kubectl_with(LOAD, &format!("exec -i {primary} -c mariadb -- {client}")).await.done();
        let load = orders.sql(&primary, "CALL app.write_on()");
        let watch = async {
            becomes(&orders, "replicas are not behind", |behind| behind > BEHIND).await;
            assert_eq!(pause(&orders, &primary).await, 0, "nothing is held back without a bound");
            bound(&orders, "2s").await;
            becomes(&orders, "the bound is not kept", |behind| behind <= BOUND).await;
            let before = written(&orders, &primary).await;
            let mut seen = Vec::new();
            let mut pauses = Vec::new();
            for _ in 0..20 {
                sleep(BOUND / 4).await;
                seen.push(behind(&orders).await);
                pauses.push(pause(&orders, &primary).await);
            }
            assert!(written(&orders, &primary).await > before, "writes go on, more slowly: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause > 0), "something is held back: {pauses:?}");
            seen.sort_unstable();
            assert!(seen[seen.len() / 2] <= BOUND, "most of the time it is kept: {seen:?}, by {pauses:?} us");
            orders.sql(&primary, "INSERT INTO app.enough VALUES (1)").await.expect("it can be ended");
        };
        let (load, ()) = tokio::join!(load, watch);
        assert!(load.is_some(), "no write failed");
        orders.well("after the load").await;
        assert_eq!(orders.primary().await, primary, "the primary stays");
    })
    .await;
}

async fn bound(orders: &Orders, bound: &str) {
    let patch = format!(
        r#"patch dbc orders --type merge -p '{{"spec":{{"failover":{{"maxApplyLag":"{bound}"}}}}}}'"#
    );
    orders.ground.kubectl(&patch).await.done();
}

/// Waits for how much is left to apply.
async fn becomes(orders: &Orders, not: &str, is: impl Fn(Duration) -> bool) {
    let begun = Instant::now();
    loop {
        let behind = behind(orders).await;
        if is(behind) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{not}: {behind:?}\n{}", orders.state().await);
        sleep(Duration::from_millis(250)).await;
    }
}

/// Returns how much the replica has left to apply that has most.
async fn behind(orders: &Orders) -> Duration {
    let status = orders.status().await;
    let instances = status["ha"]["instances"].as_array().cloned().unwrap_or_default();
    let lags = instances.iter().filter_map(|instance| instance["lagMilliseconds"].as_u64());
    Duration::from_millis(lags.max().unwrap_or_default())
}

async fn number(orders: &Orders, instance: &str, statement: &str) -> u64 {
    let text = orders.sql(instance, statement).await.expect("it answers");
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Returns for how many microseconds each group of commits is held back.
async fn pause(orders: &Orders, instance: &str) -> u64 {
    let held = "SELECT IF(@@global.binlog_commit_wait_count = 0, 0, @@global.binlog_commit_wait_usec)";
    number(orders, instance, held).await
}

async fn written(orders: &Orders, instance: &str) -> u64 {
    number(orders, instance, "SELECT MAX(v) FROM app.keyless").await
}
