//! `etcdctl put`

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair, grant};
use crate::support::within;

#[tokio::test]
async fn puts() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        grant(&pair, 0x1001, 1000).await;
        grant(&pair, 0x1002, 1000).await;
        for format in FORMATS {
            pair.write_out(format);
            pair.done("put k one").await;
            pair.done("put k two --prev-kv").await;
            pair.done("put other '' --prev-kv").await;
            pair.done("put 'k with blanks' 'a value'").await;
            pair.done("put k three --lease=1001").await;
            pair.done("put k --ignore-value --prev-kv").await;
            pair.done("get k -w json").await;
            pair.done("put k --ignore-value --lease=1002").await;
            pair.done("put k four --ignore-lease --prev-kv").await;
            let kept = pair.done("get k -w fields").await;
            assert!(kept.contains("\"Lease\" : 4098") && kept.contains("\"four\""), "{kept}");
            pair.done("put k five").await;
            pair.done("get '' --prefix -w json").await;
        }
    })
    .await;
}

#[tokio::test]
async fn refused_puts() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        pair.done("put k one").await;
        for format in FORMATS {
            pair.write_out(format);
            pair.refused("put '' value", "key is not provided").await;
            pair.refused("put none --ignore-value", "key not found").await;
            pair.refused("put none value --ignore-lease", "key not found").await;
            pair.refused("put k value --ignore-value", "").await;
            pair.refused("put k value --lease=99", "requested lease not found").await;
            pair.refused("put k --ignore-value --lease=99", "requested lease not found").await;
            pair.refused("put k value --lease=zz", "bad lease ID").await;
            pair.refused("put k", "put command needs 1 argument").await;
            pair.done("get '' --prefix -w json").await;
        }
    })
    .await;
}

#[tokio::test]
async fn values_from_stdin_are_kept_to_the_byte() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        let value = "lines\nand\ttabs\nand ümläuts\n";
        pair.run_with(value, "put k").await.done();
        let got = pair.done("get k --print-value-only").await;
        assert_eq!(got, format!("{value}\n"));
        pair.done("get k --hex").await;
        pair.done("get k -w json").await;
    })
    .await;
}
