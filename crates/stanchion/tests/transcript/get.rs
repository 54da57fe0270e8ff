//! `etcdctl get`

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair};
use crate::support::within;

/// Keys whose order by key, version, creation, modification and value differ.
const HISTORY: [&str; 10] = [
    "put b 3",
    "put a 5",
    "put c 1",
    "put a 4",
    "put aa 2",
    "put a 4",
    "put b 6",
    "del c",
    "put c 7",
    "put z/1 0",
];

#[tokio::test]
async fn gets() {
    within(LIMIT, async {
        let mut pair = history().await;
        for format in FORMATS {
            pair.write_out(format);
            for words in [
                "get a",
                "get none",
                "get a c",
                "get a a",
                "get c a",
                "get a --prefix",
                "get '' --prefix",
                "get b --from-key",
                "get '' --from-key",
                "get '' --from-key --limit=2",
                "get '' --prefix --limit=100",
                "get '' --prefix --keys-only",
                "get '' --prefix --consistency=s",
                "get '' --prefix --consistency=l",
                "get '' --prefix --hex",
            ] {
                pair.done(words).await;
            }
            pair.done("get '' --prefix -w fields").await;
        }
        pair.write_out("simple");
        let values = pair.done("get '' --prefix --print-value-only").await;
        assert_eq!(values, "4\n2\n6\n7\n0\n");
    })
    .await;
}

#[tokio::test]
async fn gets_of_the_past() {
    within(LIMIT, async {
        let mut pair = history().await;
        for format in FORMATS {
            pair.write_out(format);
            for revision in 1..=11 {
                pair.done(&format!("get '' --prefix --rev={revision}")).await;
            }
            pair.done("get a --rev=3").await;
            pair.done("get '' --prefix --rev=9 --limit=2 --keys-only").await;
            pair.refused("get a --rev=12", "required revision is a future revision").await;
            pair.done("get a --rev=-1").await;
        }
    })
    .await;
}

#[tokio::test]
async fn sorted_gets() {
    within(LIMIT, async {
        let pair = history().await;
        let mut orders = std::collections::BTreeSet::new();
        for target in ["CREATE", "KEY", "MODIFY", "VALUE", "VERSION"] {
            for order in ["", "--order=ASCEND", "--order=DESCEND"] {
                let words = format!("get '' --prefix --sort-by={target} {order} --keys-only");
                orders.insert(pair.done(&words).await);
            }
            // Without an order only the first of the keys are looked at, and those are sorted.
            for order in ["", "--order=ASCEND", "--order=DESCEND"] {
                let words = format!("get '' --prefix --sort-by={target} {order} -w json");
                pair.done(&format!("{words} --limit=3")).await;
                pair.done(&format!("{words} --limit=2 --rev=7")).await;
            }
        }
        assert_eq!(orders.len(), 10, "five targets, two ways: {orders:?}");
        pair.done("get '' --prefix --order=DESCEND").await;
    })
    .await;
}

#[tokio::test]
async fn refused_gets() {
    within(LIMIT, async {
        let pair = history().await;
        pair.refused("get ''", "key is not provided").await;
        pair.refused("get a --order=up", "bad sort order").await;
        pair.refused("get a --sort-by=size", "bad sort target").await;
        pair.refused("get a --consistency=x", "unknown consistency flag").await;
        pair.refused("get a b --prefix", "").await;
        pair.refused("get a --prefix --from-key", "").await;
        pair.refused("get", "get command needs one argument").await;
    })
    .await;
}

async fn history() -> Pair {
    let pair = Pair::start().await;
    for words in HISTORY {
        pair.done(words).await;
    }
    pair
}
