//! `etcdctl compaction`, and the hash of what it leaves.

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair, grant};
use crate::support::within;

#[tokio::test]
async fn compactions() {
    within(LIMIT, async {
        let pair = history().await;
        assert_eq!(pair.done("compaction 5").await, "compacted revision 5\n");
        for (words, error) in [
            ("get a --rev=4", "required revision has been compacted"),
            ("compaction 5", "required revision has been compacted"),
            ("compaction 3", "required revision has been compacted"),
            ("compaction 99", "required revision is a future revision"),
            ("compaction 99 --physical", "required revision is a future revision"),
            ("compaction", "compaction command needs 1 argument"),
            ("compaction 0", ""),
            ("compaction -- -1", ""),
            ("compaction soon", "invalid syntax"),
        ] {
            pair.refused(words, error).await;
        }
        for revision in 5..=13 {
            pair.done(&format!("get '' --prefix --rev={revision} -w json")).await;
        }
        assert_eq!(pair.done("compaction 9 --physical").await, "compacted revision 9\n");
        pair.refused("get a --rev=8 -w json", "required revision has been compacted").await;
        pair.done("get '' --prefix --rev=9 -w json").await;
        pair.done("compaction 13 --physical").await;
        pair.done("get '' --prefix --rev=13 -w json").await;
        pair.done("get '' --prefix -w json").await;
        pair.done("put a after").await;
        pair.done("get '' --prefix -w json").await;
    })
    .await;
}

#[tokio::test]
async fn a_new_store_can_be_compacted_to_its_beginning() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        pair.done("put a 1").await;
        for words in [
            "endpoint hashkv -w json",
            "compaction -- -1",
            "compaction 0",
            "compaction 0",
            "compaction 1",
            "compaction 1",
        ] {
            pair.run(words).await;
        }
        pair.done("get a --rev=1 -w json").await;
    })
    .await;
}

#[tokio::test]
async fn the_history_hashes_alike() {
    within(LIMIT, async {
        let pair = history().await;
        let mut hashes = vec![pair.done("endpoint hashkv").await];
        for revision in 1..=13 {
            hashes.push(pair.done(&format!("endpoint hashkv --rev={revision}")).await);
        }
        pair.refused("endpoint hashkv --rev=14", "required revision is a future revision").await;
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), 13, "the hashes tell histories apart: {hashes:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_compaction_leaves_hashes_alike() {
    within(LIMIT, async {
        let mut pair = history().await;
        let mut hashes = Vec::new();
        pair.done("compaction 6 --physical").await;
        for format in FORMATS {
            pair.write_out(format);
            // Revision 6 itself is hashed by the store, as by etcd from 3.5 on, and refused by etcd 3.4.
            for revision in [0, 7, 8, 9, 10, 11, 12, 13] {
                hashes.push(pair.done(&format!("endpoint hashkv --rev={revision}")).await);
            }
            pair.refused("endpoint hashkv --rev=5", "required revision has been compacted").await;
        }
        for words in ["put a after", "del b", "compaction 15 --physical", "put c after", "del c", "defrag"] {
            pair.done(words).await;
            hashes.push(pair.done("endpoint hashkv").await);
        }
        assert_eq!(
            hashes[hashes.len() - 1],
            hashes[hashes.len() - 2],
            "a defragmentation changes no history"
        );
        hashes.sort();
        hashes.dedup();
        assert!(hashes.len() > 15, "the hashes tell histories apart: {hashes:?}");
    })
    .await;
}

/// Twelve changes with several to a revision, deletions, keys made again, and a lease that ended.
async fn history() -> Pair {
    let pair = Pair::start().await;
    grant(&pair, 0x1001, 1000).await;
    for words in ["put a 1", "put b 1", "put a 2", "del b", "put b 2", "put leased 1 --lease=1001"] {
        pair.done(words).await;
    }
    pair.run_with("\nput t/1 1\nput t/2 1\ndel b\n\n\n", "txn").await.done();
    for words in ["put b 3", "lease revoke 1001", "del t/ --prefix", "put t/1 2", "put a 3"] {
        pair.done(words).await;
    }
    let newest = pair.done("get a -w json").await;
    assert!(newest.contains("\"revision\":13"), "{newest}");
    pair
}
