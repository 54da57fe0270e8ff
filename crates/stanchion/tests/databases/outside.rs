//! The same operator, agents and manager with an etcd outside as their store, and faults of store and manager.

use std::time::Duration;

use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::ground::Ground;
use crate::orders::Orders;
use crate::support::command::{ctl, signal, spawn, stanchion};
use crate::support::etcd::Etcd;
use crate::support::{long, within};
use crate::{limit, rounds};

/// For so long the store cannot be reached.
fn outage() -> Duration {
    Duration::from_secs(if long() { 60 } else { 15 })
}

/// Operator and managers as processes of their own, with an etcd of Debian's packages. They end with it.
struct Outside {
    orders: Orders,
    etcd: Etcd,
    managers: Vec<Child>,
    _operator: Child,
}

impl Outside {
    async fn start(managers: usize) -> Self {
        let (etcd, ground) = (Etcd::start().await, Ground::start(&["--no-databases"]).await);
        ground.install_databases().await;
        let operator = begin("operator", &["--run-as", "node"], &etcd, &ground);
        let managers = (0..managers).map(|_| begin("ha", &[], &etcd, &ground)).collect();
        let orders = Orders::on(ground).await;
        Self { orders, etcd, managers, _operator: operator }
    }

    /// Starts a manager in the place of one that is dead.
    async fn replace_manager(&mut self, dead: usize) {
        let manager = begin("ha", &[], &self.etcd, &self.orders.ground);
        let mut dead = std::mem::replace(&mut self.managers[dead], manager);
        dead.wait().await.expect("a dead process can be waited for");
    }

    /// Returns the process of the manager that is elected.
    async fn elected(&self) -> Option<u32> {
        let key = "get /stanchion/manager --print-value-only";
        let identity = ctl(self.etcd.endpoint(), key).await.done();
        identity.trim().strip_prefix("process ").and_then(|pid| pid.parse().ok())
    }
}

/// Starts a part of the program that goes by the API server of `ground` and keeps its state in `etcd`.
fn begin(verb: &str, more: &[&str], etcd: &Etcd, ground: &Ground) -> Child {
    let mut command = stanchion();
    command.kill_on_drop(true).arg(verb).args(["--etcd-endpoints", etcd.endpoint()]).args(more);
    command.arg("--kubeconfig").arg(ground.kubeconfig());
    spawn(&mut command)
}

#[tokio::test]
async fn the_store_is_away() {
    within(limit(), async {
        let outside = Outside::start(1).await;
        let orders = &outside.orders;
        let primary = orders.primary().await;
        for _ in 0..rounds() {
            let mut writer = orders.writer().await;
            writer.mark("the store is stopped");
            outside.etcd.signal("STOP").await;
            sleep(outage()).await;
            // Nothing moved, and writes went on.
            orders.writes_again(&mut writer, Instant::now()).await;
            outside.etcd.signal("CONT").await;
            sleep(Duration::from_secs(8)).await;
            orders.writes_again(&mut writer, Instant::now()).await;
            let record = orders.nothing_lost(writer).await;
            let gap = record.longest_gap(record.marks[0].at).length();
            assert!(gap < Duration::from_secs(3), "writes stood still for {gap:?}");
            orders.well("after the store came back").await;
            assert_eq!(orders.primary().await, primary, "the primary stays");
        }
    })
    .await;
}

#[tokio::test]
async fn the_manager_is_killed_in_the_middle() {
    within(limit(), async {
        let mut outside = Outside::start(2).await;
        for _ in 0..rounds() {
            let orders = &outside.orders;
            let primary = orders.primary().await;
            let mut writer = orders.writer().await;
            let since = writer.mark("SIGKILL of database and managers");
            orders.database(&primary).kill().expect("it can be killed");
            // Whatever has come about by now, the other goes on from there once it is elected. Who is elected is not known
            // here: both are stopped, and the one goes on.
            sleep(Duration::from_millis(30)).await;
            for manager in &outside.managers {
                signal(manager, "STOP").await;
            }
            let elected = outside.elected().await;
            let (dead, heir) = if elected == outside.managers[0].id() { (0, 1) } else { (1, 0) };
            signal(&outside.managers[dead], "KILL").await;
            signal(&outside.managers[heir], "CONT").await;
            orders.writes_again(&mut writer, since).await;
            orders.nothing_lost(writer).await;
            orders.well("after the manager was killed").await;
            outside.replace_manager(dead).await;
        }
    })
    .await;
}
