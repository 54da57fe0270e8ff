//! What people do with a cluster: `stanchion db` and `stanchion rehearse`.

use serde_json::Value;

use crate::limit;
use crate::orders::Orders;
use crate::support::command::{Outcome, run, split, stanchion};
use crate::support::within;

async fn command(orders: &Orders, words: &str) -> Outcome {
    run(stanchion().args(split(words)).arg("--kubeconfig").arg(orders.ground.kubeconfig())).await
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn people_look_change_the_primary_and_rehearse() {
    within(limit(), async {
        let orders = Orders::start().await;
        let (first, other) = (orders.primary().await, orders.replicas().await.remove(0));

        let status = command(&orders, "db status orders --check").await.done();
        assert!(status.contains("default/orders, MariaDB 10.11, 3/3 ready, term 1, Serving"), "{status}");
        let list = json(&command(&orders, "db list -o json").await.done());
        assert_eq!(
            (&list[0]["name"], &list[0]["primary"]),
            (&"orders".into(), &first.as_str().into()),
            "{list}"
        );
        command(&orders, "db status nothing").await.failed(2);
        let log = command(&orders, &format!("db logs orders {other} --tail 1")).await.done();
        assert_eq!(log.lines().count(), 1, "{log}");

        let plan = command(&orders, &format!("db switchover orders --to {other} --dry-run")).await.done();
        assert!(plan.contains(&format!("{first} stops writing and hands over to {other}")), "{plan}");
        assert_eq!(orders.primary().await, first, "a plan changes nothing");
        command(&orders, "db switchover orders --to orders-7").await.failed(2);
        let told =
            command(&orders, &format!("db switchover orders --to {other} --deadline 30s")).await.done();
        assert!(told.contains(&format!("switchover done: {other} is primary of term 2")), "{told}");
        assert!(told.contains("the new primary is writable"), "{told}");
        orders.well("the primary was changed").await;

        let failover = json(&command(&orders, "db failover orders -o json").await.done());
        assert_eq!(failover["operation"]["state"], "Done", "{failover}");
        assert_eq!(failover["failover"]["from"].as_str(), Some(other.as_str()), "{failover}");
        orders.well("the primary was given up").await;

        command(&orders, "rehearse kill-primary").await.failed(2);
        for mode in ["mariadbd", "pod"] {
            let begun = orders.primary().await;
            let words = format!("rehearse kill-primary --yes --mode {mode} -o json");
            let rehearsed = json(&command(&orders, &words).await.done());
            assert_eq!(rehearsed["oldPrimary"].as_str(), Some(begun.as_str()), "{rehearsed}");
            assert_eq!(rehearsed["client"]["verdict"]["lost"]["count"], 0, "{rehearsed}");
            assert_eq!(rehearsed["oldPrimaryIsBack"], true, "{rehearsed}");
            orders.well("after a rehearsal").await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_shell_is_the_applications_user_without_a_password_in_sight() {
    within(limit(), async {
        let orders = Orders::start().await;
        let reader = orders.replicas().await.remove(0);
        let shell = async |words: &str, statement: &str| {
            let mut shell = stanchion();
            shell
                .args(split(&format!("db shell orders {words} --kubeconfig")))
                .arg(orders.ground.kubeconfig());
            run(shell.args(["--", "-BN", "-e", statement])).await.done()
        };
        let ask = "SELECT CURRENT_USER(), DATABASE(), @@read_only";
        assert_eq!(shell("", ask).await, "app@%\tapp\t0\n");
        assert_eq!(shell(&format!("--instance {reader}"), ask).await, "app@%\tapp\t1\n");
        // What the client was started with, as anybody can see it.
        let seen = shell("", r"\! tr '\0' ' ' < /proc/$PPID/cmdline").await;
        assert!(seen.contains("--defaults-file=/proc/self/fd/") && !seen.contains("password"), "{seen}");
    })
    .await;
}
