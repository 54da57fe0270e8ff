//! Transactions.

use bytes::Bytes;
use stanchion_store::core::{
    Compare, CompareResult, DeleteRange, KeyRange, LeaseId, Op, OpResult, Put, RangeQuery, Revision,
    StoreError, Test, Txn, TxnResult,
};

use crate::scene::{Scene, refused};

crate::suite! {
    branches,
    conditions,
    conditions_over_ranges,
    operations_see_each_other,
    nesting,
    all_or_nothing,
    duplicate_keys,
    bounds,
    reading_only,
}

impl Scene<'_> {
    fn op_put(&self, name: &str, value: &'static str) -> Op {
        Op::Put(self.put_of(name, value))
    }

    fn op_get(&self, name: &str) -> Op {
        Op::Range(RangeQuery::new(self.one(name)))
    }

    fn when(&self, name: &str, test: Test, result: CompareResult) -> Compare {
        Compare { range: self.one(name), test, result }
    }

    async fn txn(&self, txn: Txn) -> TxnResult {
        self.store.txn(txn).await.expect("the transaction can be carried out")
    }

    async fn holds(&self, compare: Compare) -> bool {
        self.txn(Txn { compares: vec![compare], ..Txn::default() }).await.succeeded
    }
}

fn op_delete(range: KeyRange) -> Op {
    Op::Delete(DeleteRange { range, prev_kv: true })
}

async fn branches(scene: &Scene<'_>) {
    let before = scene.revision().await;
    let absent = scene.when("a", Test::Created(0), CompareResult::Equal);
    let create = Txn {
        compares: vec![absent],
        success: vec![scene.op_put("a", "1"), scene.op_put("b", "1")],
        failure: vec![scene.op_get("a")],
    };
    let created = scene.txn(create.clone()).await;
    assert_eq!((created.succeeded, created.revision), (true, before.next()), "one revision for all");
    let revisions: Vec<_> = created.results.iter().map(revision_of).collect();
    assert_eq!(revisions, [before.next(), before.next()]);
    assert_eq!(scene.get("b").await.expect("it was written").created, before.next());

    let lost = scene.txn(create).await;
    assert_eq!((lost.succeeded, lost.revision), (false, before.next()));
    let [OpResult::Range(read)] = lost.results.as_slice() else { panic!("{lost:?}") };
    assert_eq!(
        (read.kvs.clone(), read.count, read.revision),
        (vec![scene.get("a").await.expect("a")], 1, before.next())
    );

    let nothing = scene.txn(Txn::default()).await;
    assert_eq!(nothing, TxnResult { revision: before.next(), succeeded: true, results: vec![] });
}

fn revision_of(result: &OpResult) -> Revision {
    match result {
        OpResult::Range(result) => result.revision,
        OpResult::Put(result) => result.revision,
        OpResult::Delete(result) => result.revision,
        OpResult::Txn(result) => result.revision,
    }
}

/// Makes a comparison with a number.
type MakeTest = fn(i64) -> Test;

async fn conditions(scene: &Scene<'_>) {
    use CompareResult::{Equal, Greater, Less, NotEqual};
    let (lease, _) = scene.store.lease_grant(LeaseId(77), 600).await.expect("a lease");
    let created = scene.put("a", "m").await.0;
    let modified = scene.put_leased("a", lease).await.0;
    scene.store.put(Put { lease, ..scene.put_of("a", "m") }).await.expect("a write");
    let modified = modified + 1;
    let numbers: [(i64, MakeTest); 4] =
        [(3, Test::Version), (created, Test::Created), (modified, Test::Modified), (77, Test::Lease)];
    for (is, test) in numbers {
        for (expected, equal, greater, less) in
            [(is, true, false, false), (is - 1, false, true, false), (is + 1, false, false, true)]
        {
            for (result, holds) in [(Equal, equal), (Greater, greater), (Less, less), (NotEqual, !equal)] {
                let compare = scene.when("a", test(expected), result);
                assert_eq!(scene.holds(compare.clone()).await, holds, "{compare:?}");
            }
        }
        for (expected, result, holds) in
            [(0, Equal, true), (0, NotEqual, false), (-1, Greater, true), (1, Less, true)]
        {
            let compare = scene.when("absent", test(expected), result);
            assert_eq!(scene.holds(compare.clone()).await, holds, "{compare:?}");
        }
    }
    let value = |text: &'static str| Test::Value(Bytes::from_static(text.as_bytes()));
    for (expected, result, holds) in [
        ("m", Equal, true),
        ("m", NotEqual, false),
        ("l", Greater, true),
        ("mm", Less, true),
        ("", Greater, true),
        ("n", Greater, false),
    ] {
        let compare = scene.when("a", value(expected), result);
        assert_eq!(scene.holds(compare.clone()).await, holds, "{compare:?}");
    }
    for result in [Equal, NotEqual, Greater, Less] {
        assert!(!scene.holds(scene.when("absent", value(""), result)).await, "no value equals or differs");
    }
    scene.store.lease_revoke(lease).await.expect("the lease exists");
}

async fn conditions_over_ranges(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await.0;
    scene.put("b", "2").await;
    let compare = |range: KeyRange, test: Test, result: CompareResult| Compare { range, test, result };
    let all = scene.all();
    assert!(scene.holds(compare(all.clone(), Test::Version(1), CompareResult::Equal)).await);
    assert!(!scene.holds(compare(all.clone(), Test::Created(first), CompareResult::NotEqual)).await);
    assert!(scene.holds(compare(all.clone(), Test::Modified(first - 1), CompareResult::Greater)).await);
    assert!(!scene.holds(compare(all, Test::Value("1".into()), CompareResult::Equal)).await, "b differs");
    let empty = scene.between("x", "z");
    assert!(scene.holds(compare(empty.clone(), Test::Version(0), CompareResult::Equal)).await);
    assert!(!scene.holds(compare(empty, Test::Value("1".into()), CompareResult::NotEqual)).await);
}

async fn operations_see_each_other(scene: &Scene<'_>) {
    scene.put("a", "1").await;
    let before = scene.revision().await;
    let prev = Put { prev_kv: true, ..scene.put_of("a", "2") };
    let txn = Txn {
        success: vec![
            scene.op_get("a"),
            Op::Put(prev),
            scene.op_get("a"),
            op_delete(scene.one("b")),
            scene.op_put("c", "1"),
            Op::Range(scene.query()),
        ],
        ..Txn::default()
    };
    let done = scene.txn(txn).await;
    assert_eq!(done.revision, before.next());
    let [
        OpResult::Range(first),
        OpResult::Put(put),
        OpResult::Range(second),
        OpResult::Delete(deleted),
        OpResult::Put(_),
        OpResult::Range(last),
    ] = done.results.as_slice()
    else {
        panic!("{done:?}")
    };
    assert_eq!((first.kvs[0].value.as_ref(), first.revision), (b"1".as_slice(), before));
    assert_eq!(put.prev_kv.as_ref(), first.kvs.first());
    assert_eq!((second.kvs[0].value.as_ref(), second.revision), (b"2".as_slice(), before.next()));
    assert_eq!(deleted.deleted, 0);
    let names: Vec<_> = last.kvs.iter().map(|kv| scene.name(&kv.key)).collect();
    assert_eq!(names, ["a", "c"]);
}

async fn nesting(scene: &Scene<'_>) {
    scene.put("a", "1").await;
    let before = scene.revision().await;
    let inner = Txn {
        compares: vec![scene.when("a", Test::Value("1".into()), CompareResult::Equal)],
        success: vec![scene.op_put("b", "inner"), scene.op_get("b")],
        failure: vec![scene.op_put("c", "inner")],
    };
    let deepest = Txn { success: vec![scene.op_put("d", "deepest")], ..Txn::default() };
    let middle = Txn {
        compares: vec![scene.when("a", Test::Version(9), CompareResult::Equal)],
        success: vec![],
        failure: vec![Op::Txn(deepest)],
    };
    let outer =
        Txn { success: vec![scene.op_put("a", "2"), Op::Txn(inner), Op::Txn(middle)], ..Txn::default() };
    let done = scene.txn(outer).await;
    assert_eq!(done.revision, before.next());
    let [OpResult::Put(_), OpResult::Txn(inner), OpResult::Txn(middle)] = done.results.as_slice() else {
        panic!("{done:?}")
    };
    assert!(inner.succeeded, "conditions are of the time before the whole transaction");
    let [OpResult::Put(put), OpResult::Range(read)] = inner.results.as_slice() else { panic!("{inner:?}") };
    assert_eq!(put.revision, before.next());
    assert_eq!((read.kvs[0].value.as_ref(), read.kvs[0].modified), (b"inner".as_slice(), before.next()));
    assert!(!middle.succeeded);
    let [OpResult::Txn(deepest)] = middle.results.as_slice() else { panic!("{middle:?}") };
    assert!(deepest.succeeded);
    for nested in [inner, middle, deepest] {
        assert_eq!(nested.revision, Revision::NONE, "only the outermost tells it");
    }
    assert_eq!(scene.names(scene.query()).await, ["a", "b", "d"]);
}

async fn all_or_nothing(scene: &Scene<'_>) {
    let before = scene.put("a", "1").await;
    let put_then = |op: Op| Txn { success: vec![scene.op_put("a", "2"), op], ..Txn::default() };
    let unknown = Op::Put(Put { lease: LeaseId(404), ..scene.put_of("b", "1") });
    refused(scene.store.txn(put_then(unknown)).await, &StoreError::LeaseNotFound);
    let absent = Op::Put(Put { ignore_value: true, ..scene.put_of("b", "") });
    refused(scene.store.txn(put_then(absent)).await, &StoreError::KeyNotFound);
    let future = Op::Range(RangeQuery { revision: Revision(before.0 + 1000), ..scene.query() });
    refused(scene.store.txn(put_then(future)).await, &StoreError::FutureRevision);
    let empty = Op::Put(Put::default());
    refused(scene.store.txn(put_then(empty)).await, &StoreError::EmptyKey);
    let empty =
        Compare { range: KeyRange::One(Bytes::new()), test: Test::Version(0), result: CompareResult::Equal };
    refused(scene.store.txn(Txn { compares: vec![empty], ..Txn::default() }).await, &StoreError::EmptyKey);
    assert_eq!(scene.revision().await, before);
    assert_eq!(scene.get("a").await.expect("a").value, "1");
}

async fn duplicate_keys(scene: &Scene<'_>) {
    let put = |name: &str| scene.op_put(name, "1");
    let both = |success: Vec<Op>| Txn { success, ..Txn::default() };
    let nested = |success: Vec<Op>, failure: Vec<Op>| Op::Txn(Txn { success, failure, ..Txn::default() });
    let refusals = [
        both(vec![put("a"), put("a")]),
        both(vec![put("a"), op_delete(scene.one("a"))]),
        both(vec![op_delete(scene.between("a", "c")), put("b")]),
        both(vec![put("a"), nested(vec![put("a")], vec![])]),
        both(vec![nested(vec![], vec![put("a")]), nested(vec![put("a")], vec![])]),
        Txn { failure: vec![put("a"), put("a")], ..Txn::default() },
    ];
    for txn in refusals {
        refused(scene.store.txn(txn).await, &StoreError::DuplicateKey);
    }
    let allowed = [
        both(vec![op_delete(scene.one("a")), op_delete(scene.all())]),
        both(vec![nested(vec![put("a")], vec![put("a")])]),
        Txn { success: vec![put("a")], failure: vec![put("a")], ..Txn::default() },
    ];
    for txn in allowed {
        scene.txn(txn).await;
    }
}

async fn bounds(scene: &Scene<'_>) {
    let ops = |count: usize| (0..count).map(|n| scene.op_put(&format!("{n:03}"), "")).collect::<Vec<_>>();
    let done = scene.txn(Txn { success: ops(128), ..Txn::default() }).await;
    assert_eq!(done.results.len(), 128);
    refused(scene.store.txn(Txn { success: ops(129), ..Txn::default() }).await, &StoreError::TooManyOps);
    refused(scene.store.txn(Txn { failure: ops(129), ..Txn::default() }).await, &StoreError::TooManyOps);
    let compares = vec![scene.when("a", Test::Version(0), CompareResult::Equal); 129];
    refused(scene.store.txn(Txn { compares, ..Txn::default() }).await, &StoreError::TooManyOps);
    let nested = Op::Txn(Txn { success: ops(128), ..Txn::default() });
    refused(scene.store.txn(Txn { success: vec![nested], ..Txn::default() }).await, &StoreError::TooManyOps);
    scene.delete(scene.all()).await;
}

async fn reading_only(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await;
    let newest = scene.put("a", "2").await;
    let old = Op::Range(RangeQuery { revision: first, ..RangeQuery::new(scene.one("a")) });
    let done = scene.txn(Txn { success: vec![scene.op_get("a"), old], ..Txn::default() }).await;
    assert_eq!(done.revision, newest, "reading makes no revision");
    let [OpResult::Range(new), OpResult::Range(old)] = done.results.as_slice() else { panic!("{done:?}") };
    assert_eq!((new.kvs[0].value.as_ref(), old.kvs[0].value.as_ref()), (b"2".as_slice(), b"1".as_slice()));
    let future = Op::Range(RangeQuery { revision: Revision(newest.0 + 1000), ..scene.query() });
    refused(
        scene.store.txn(Txn { success: vec![future], ..Txn::default() }).await,
        &StoreError::FutureRevision,
    );
}
