//! `etcdctl del`

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair};
use crate::support::within;

#[tokio::test]
async fn deletions() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        for format in FORMATS {
            pair.write_out(format);
            for key in ["a", "a/1", "a/2", "b", "c", "d", "e"] {
                pair.done(&format!("put {key} of-{key}")).await;
            }
            for words in [
                "del none",
                "del none --prefix --prev-kv",
                "del a --prev-kv",
                "del a --prev-kv",
                "del a/ --prefix --prev-kv",
                "del b d --prev-kv",
                "del d b",
                "put a again",
                "get a -w json",
                "del d --from-key",
                "del '' --prefix",
                "get '' --prefix -w json",
            ] {
                pair.done(words).await;
            }
        }
        pair.write_out("simple");
        pair.done("put a 1").await;
        pair.done("put b 1").await;
        let deleted = pair.done("del '' --from-key --prev-kv").await;
        assert_eq!(deleted, "2\na\n1\nb\n1\n");
    })
    .await;
}

#[tokio::test]
async fn refused_deletions() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        pair.done("put a 1").await;
        pair.refused("del ''", "key is not provided").await;
        pair.refused("del a b --prefix", "").await;
        pair.refused("del a --prefix --from-key", "").await;
        pair.refused("del", "del command needs one argument").await;
        assert_eq!(pair.done("get '' --prefix").await, "a\n1\n");
    })
    .await;
}
