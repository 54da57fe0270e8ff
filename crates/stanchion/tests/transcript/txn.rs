//! `etcdctl txn`, whose conditions and operations come on stdin.

use stanchion_etcd_api::etcdserverpb::compare::CompareResult::{Equal, Greater, NotEqual};
use stanchion_etcd_api::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::{Compare, TxnRequest};

use crate::LIMIT;
use crate::support::server::channel;
use crate::support::transcript::{FORMATS, Pair, grant, refused_with};
use crate::support::within;

/// Conditions on a key that was put twice, at revisions 2 and 3, with the value `two`.
///
/// etcdctl 3.4 panics on conditions on a lease; those are asked as a client does, below.
const HOLD: [&str; 16] = [
    "value(\"k\") = \"two\"",
    "value(\"k\") != \"one\"",
    "value(\"k\") > \"one\"",
    "val(\"k\") < \"up\"",
    "version(\"k\") = \"2\"",
    "ver(\"k\") != \"1\"",
    "version(\"k\") > \"1\"",
    "version(\"k\") < \"3\"",
    "create(\"k\") = \"2\"",
    "c(\"k\") < \"3\"",
    "create(\"k\") > \"1\"",
    "mod(\"k\") = \"3\"",
    "m(\"k\") > \"2\"",
    "mod(\"k\") != \"2\"",
    "version(\"none\") = \"0\"",
    "create(\"none\") = \"0\"",
];

const FAIL: [&str; 7] = [
    "value(\"k\") = \"one\"",
    "value(\"none\") = \"\"",
    "version(\"k\") > \"2\"",
    "create(\"k\") = \"3\"",
    "mod(\"k\") < \"3\"",
    "value(\"none\") != \"x\"",
    "version(\"none\") > \"0\"",
];

#[tokio::test]
async fn conditions_choose_the_branch() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        grant(&pair, 0x1001, 1000).await;
        pair.done("put k one").await;
        pair.done("put k two --lease=1001").await;
        for (conditions, branch) in [(&HOLD[..], "SUCCESS"), (&FAIL[..], "FAILURE")] {
            for condition in conditions {
                let said = pair.run_with(&script(condition, "get k", "get none"), "txn").await.done();
                assert!(said.starts_with(branch), "{condition}: {said}");
            }
        }
        let all = HOLD.join("\n");
        let said = pair.run_with(&script(&all, "get k", ""), "txn").await.done();
        assert!(said.starts_with("SUCCESS"), "{said}");
        let said = pair.run_with(&script(&format!("{all}\n{}", FAIL[0]), "", "get k"), "txn").await.done();
        assert!(said.starts_with("FAILURE"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn branches_are_carried_out() {
    within(LIMIT, async {
        let mut pair = Pair::start().await;
        grant(&pair, 0x1001, 1000).await;
        for format in FORMATS {
            pair.write_out(format);
            let changes = "put a 1\nput b 2 --lease=1001\nget a\nget b\ndel old --prefix\nget a c --limit=1";
            for (condition, success, failure) in [
                ("version(\"a\") > \"0\"", "put a never", changes),
                ("version(\"a\") > \"0\"", changes, "put a never"),
                ("", "put old/1 x\nput old/2 y", ""),
                ("", "del old/ --prefix --prev-kv\nget old/ --prefix", ""),
                ("", "get a\nput a 3\nget a\nput b 4 --prev-kv", ""),
                ("mod(\"a\") = \"0\"", "put a never", ""),
                ("", "", ""),
                (
                    "",
                    "get a --rev=2\nget a --keys-only\nget a --from-key --sort-by=MODIFY --order=DESCEND",
                    "",
                ),
                ("", "put c 5\nput c2 --ignore-lease\nget c", "get a"),
            ] {
                pair.run_with(&script(condition, success, failure), "txn").await;
                pair.done("get '' --prefix -w json").await;
            }
            pair.run_with(&script("", "get a", ""), "txn --interactive").await.done();
        }
    })
    .await;
}

#[tokio::test]
async fn refused_transactions_change_nothing() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        pair.done("put a 1").await;
        let puts = |count: u32| (0..count).map(|key| format!("put k{key} v")).collect::<Vec<_>>().join("\n");
        let (most, many) = (puts(128), puts(129));
        for (condition, success, failure, error) in [
            ("", "put a 2\nput a 3", "", "duplicate key given in txn request"),
            ("", "put a 2\ndel a", "", "duplicate key given in txn request"),
            ("", "del a --prefix\nput ab 3", "", "duplicate key given in txn request"),
            ("version(\"a\") = \"0\"", "", "put x 2\nput x 3", "duplicate key given in txn request"),
            ("", many.as_str(), "", "too many operations in txn request"),
            ("version(\"a\") > \"0\"", "", many.as_str(), "too many operations in txn request"),
            ("", "put x 2\nget a --rev=99", "", "required revision is a future revision"),
            ("", "put x 2\nput y 2 --lease=77", "", "requested lease not found"),
            ("", "put x 2\nput none --ignore-value", "", "key not found"),
            ("", "put x 2\nput \"\" 2", "", "key is not provided"),
            ("value(\"\") = \"1\"", "put x 2", "", "key is not provided"),
            ("size(\"a\") = \"1\"", "put x 2", "", "malformed comparison"),
        ] {
            let script = script(condition, success, failure);
            refused_with(&script, &pair.run_with(&script, "txn").await, error);
        }
        let kept = pair.done("get '' --prefix -w json").await;
        assert!(kept.contains("\"count\":1,") && kept.contains("\"revision\":2"), "{kept}");
        pair.run_with(&script("", &most, ""), "txn").await.done();
        pair.done("get '' --prefix -w json").await;
    })
    .await;
}

fn script(conditions: &str, success: &str, failure: &str) -> String {
    // An empty line ends a part.
    let part = |part: &str| if part.is_empty() { "\n".to_owned() } else { format!("{part}\n\n") };
    [conditions, success, failure].map(part).concat()
}

#[tokio::test]
async fn conditions_on_leases_and_ranges() {
    within(LIMIT, async {
        let pair = Pair::start().await;
        grant(&pair, 0x1001, 1000).await;
        for words in ["put k one --lease=1001", "put k1 two --lease=1001", "put k2 three"] {
            pair.done(words).await;
        }
        let conditions = [
            (lease_of("k", "", Equal, 0x1001), true),
            (lease_of("k", "", NotEqual, 0), true),
            (lease_of("k2", "", Equal, 0), true),
            (lease_of("k", "", Greater, 0x1001), false),
            (lease_of("none", "", Equal, 0), true),
            (lease_of("k", "k2", Equal, 0x1001), true),
            (lease_of("k", "l", Equal, 0x1001), false),
            (lease_of("none", "nonf", Equal, 0x1001), false),
            (lease_of("none", "nonf", Equal, 0), true),
        ];
        for endpoint in pair.endpoints() {
            let mut client = KvClient::new(channel(endpoint).await);
            for (compare, holds) in &conditions {
                let txn = TxnRequest { compare: vec![compare.clone()], ..TxnRequest::default() };
                let answer = client.txn(txn).await.expect("the transaction is in order").into_inner();
                assert_eq!(answer.succeeded, *holds, "{endpoint}: {compare:?}");
            }
        }
    })
    .await;
}

fn lease_of(key: &'static str, end: &'static str, result: CompareResult, lease: i64) -> Compare {
    Compare {
        key: key.into(),
        range_end: end.into(),
        result: result as i32,
        target: CompareTarget::Lease as i32,
        target_union: Some(TargetUnion::Lease(lease)),
    }
}
