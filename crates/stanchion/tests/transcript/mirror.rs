//! `etcdctl make-mirror`, from etcd to the store and from the store to etcd.

use crate::LIMIT;
use crate::support::command::{Session, ctl};
use crate::support::transcript::Pair;
use crate::support::{wait_for, within};

#[tokio::test]
async fn etcd_is_mirrored_to_the_store() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        let [etcd, ours] = pair.endpoints();
        mirror(etcd, ours).await;
    })
    .await;
}

#[tokio::test]
async fn the_store_is_mirrored_to_etcd() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        let [etcd, ours] = pair.endpoints();
        mirror(ours, etcd).await;
    })
    .await;
}

async fn mirror(from: &str, to: &str) {
    for key in 0..30 {
        ctl(from, &format!("put m/{key} before-{key}")).await.done();
    }
    ctl(from, "put elsewhere 1").await.done();
    let _mirror = Session::ctl(from, &format!("make-mirror --prefix=m/ --dest-prefix=copy/ {to}"));
    copied(from, to).await;
    ctl(from, "put m/3 changed").await.done();
    ctl(from, "del m/1 --prefix").await.done();
    ctl(from, "put m/new 1").await.done();
    copied(from, to).await;
    let copy = ctl(to, "get '' --prefix --keys-only").await.done();
    assert!(copy.contains("copy/new") && !copy.contains("copy/1") && !copy.contains("elsewhere"), "{copy}");
}

/// Waits until both hold the same keys and values.
async fn copied(from: &str, to: &str) {
    wait_for("the mirror does not become like its source", async || {
        let source = ctl(from, "get m/ --prefix").await.done().replace("m/", "copy/");
        let copy = ctl(to, "get copy/ --prefix").await.done();
        (copy == source).then_some(())
    })
    .await;
}
