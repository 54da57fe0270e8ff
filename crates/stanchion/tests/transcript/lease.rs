//! `etcdctl lease`

use crate::LIMIT;
use crate::support::transcript::{FORMATS, Pair, both, grant};
use crate::support::within;

#[tokio::test]
async fn leases() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        grant(&pair, 0x1001, 1000).await;
        pair.done("put b 1 --lease=1001").await;
        pair.done("put c 1").await;
        for format in FORMATS {
            pair.write_out(format);
            pair.done("lease list").await;
            pair.done("lease grant 100").await;
            pair.done("lease timetolive 1001").await;
            pair.done("lease timetolive 1001 --keys").await;
            pair.done("lease keep-alive --once 1001").await;
        }
        pair.write_out("simple");
        // etcd tells the keys in no order.
        pair.done("put a 1 --lease=1001").await;
        for said in both(&pair, "lease timetolive 1001 --keys").await {
            let said = said.done();
            assert!(said.contains("attached keys([a b])") || said.contains("attached keys([b a])"), "{said}");
        }
        pair.done("put b 2").await;
        let attached = pair.done("lease timetolive 1001 --keys").await;
        assert!(attached.contains("attached keys([a])"), "{attached}");
        assert_eq!(pair.done("lease revoke 1001").await, "lease 0000000000001001 revoked\n");
        pair.done("get '' --prefix -w json").await;
        pair.done("lease timetolive 1001 --keys").await;
        pair.done("put d 1").await;
        pair.done("get d -w json").await;
    })
    .await;
}

#[tokio::test]
async fn remaining_time_goes_down_and_is_renewed() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        grant(&pair, 0x1001, 2).await;
        grant(&pair, 0x1002, 500).await;
        pair.done("put short 1 --lease=1001").await;
        pair.done("put long 1 --lease=1002").await;
        for said in both(&pair, "lease timetolive 1002").await {
            let said = said.done();
            let remaining = said.split_once("remaining(").and_then(|(_, rest)| rest.split_once("s)"));
            let remaining: u32 = remaining.and_then(|(number, _)| number.parse().ok()).expect("a time");
            assert!((490..=500).contains(&remaining), "{said}");
        }
        // The keys of a lease that ends are deleted in a revision of their own.
        pair.until("DELETE\nshort\n\n", "watch '' --prefix --rev=1").await;
        pair.done("get '' --prefix -w json").await;
        pair.done("lease timetolive 1001").await;
        pair.refused("put short 1 --lease=1001", "requested lease not found").await;
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_is_kept_alive_outlives_its_time() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        grant(&pair, 0x1001, 2).await;
        grant(&pair, 0x1002, 5).await;
        pair.done("put kept 1 --lease=1001").await;
        pair.done("put clock 1 --lease=1002").await;
        let mut kept = pair.talks("lease keep-alive 1001");
        pair.until("DELETE\nclock\n\n", "watch clock --rev=1").await;
        assert_eq!(pair.done("get kept --print-value-only").await, "1\n");
        kept.each_says("keepalived with TTL(2)").await;
        pair.done("lease revoke 1001").await;
        pair.done("get '' --prefix -w json").await;
    })
    .await;
}

#[tokio::test]
async fn refused_leases() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        for format in FORMATS {
            pair.write_out(format);
            pair.refused("lease revoke 99", "requested lease not found").await;
            pair.refused("lease keep-alive --once 99", "requested lease not found").await;
            pair.refused("lease grant 9000000001", "too large lease TTL").await;
            pair.refused("lease grant soon", "bad TTL").await;
            pair.done("lease timetolive 99").await;
            pair.done("lease timetolive 99 --keys").await;
            pair.done("lease list").await;
            pair.run("lease keep-alive 99").await;
        }
    })
    .await;
}
