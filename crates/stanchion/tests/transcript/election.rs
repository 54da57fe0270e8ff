//! `etcdctl lock` and `etcdctl elect`

use crate::LIMIT;
use crate::support::transcript::{Pair, both};
use crate::support::{wait_for, within};

#[tokio::test]
async fn a_lock_has_one_holder() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        let mut first = pair.talks("lock l");
        first.both_say("l/").await;
        let mut second = pair.talks("lock l --ttl=30");
        waiting(&pair, "l").await;
        assert_eq!(second.said(), ["", ""], "the lock is held");
        first.interrupt().await;
        second.both_say("l/").await;
        second.interrupt().await;
        pair.done("get l --prefix").await;
        pair.done("lock l echo held").await;
        pair.run("lock l sh -- -c 'exit 7'").await;
        pair.done("get '' --prefix -w json").await;
    })
    .await;
}

#[tokio::test]
async fn an_election_has_one_leader() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        let mut first = pair.talks("elect e one");
        first.both_say("one\n").await;
        let mut second = pair.talks("elect e two");
        waiting(&pair, "e").await;
        assert_eq!(second.said(), ["", ""], "there is a leader");
        pair.until("one\n", "elect -l e").await;
        first.interrupt().await;
        second.both_say("two\n").await;
        pair.until("two\n", "elect -l e").await;
        second.interrupt().await;
        pair.done("get '' --prefix -w json").await;
    })
    .await;
}

/// Waits until there are two contenders on both.
async fn waiting(pair: &Pair, name: &str) {
    wait_for("there is no second contender", async || {
        let keys = both(pair, &format!("get {name}/ --prefix --keys-only")).await;
        keys.iter().all(|keys| keys.stdout.matches(name).count() >= 2).then_some(())
    })
    .await;
}
