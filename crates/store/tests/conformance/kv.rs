//! Writing, reading and deleting keys.

use bytes::Bytes;
use stanchion_store::core::{
    DeleteRange, KeyRange, KeyValue, LeaseId, Put, RangeQuery, Revision, StoreError,
};

use crate::scene::{Scene, refused};

crate::suite! {
    put_and_get,
    the_pair_before,
    kept_values_and_leases,
    deletion,
    deletion_of_ranges,
    binary_and_empty,
    refusals,
    answers_of_many_megabytes,
}

async fn put_and_get(scene: &Scene<'_>) {
    let before = scene.revision().await;
    let first = scene.put("a", "1").await;
    assert_eq!(first, before.next());
    let kv = KeyValue {
        key: scene.key("a"),
        value: "1".into(),
        created: first,
        modified: first,
        version: 1,
        lease: LeaseId::NONE,
    };
    let read = scene.range(RangeQuery::new(scene.one("a"))).await;
    assert_eq!((read.revision, read.count, read.more), (first, 1, false));
    assert_eq!(read.kvs, vec![kv.clone()]);

    let second = scene.put("a", "2").await;
    assert_eq!(second, first.next());
    let newer = KeyValue { value: "2".into(), modified: second, version: 2, ..kv.clone() };
    assert_eq!(scene.get("a").await, Some(newer));

    let old = scene.range(RangeQuery { revision: first, ..RangeQuery::new(scene.one("a")) }).await;
    assert_eq!((old.revision, old.kvs), (second, vec![kv]));
    assert_eq!(scene.get("b").await, None);
}

async fn the_pair_before(scene: &Scene<'_>) {
    let put = |value: &'static str| Put { prev_kv: true, ..scene.put_of("a", value) };
    let first = scene.store.put(put("1")).await.expect("a write");
    assert_eq!(first.prev_kv, None);
    let before = scene.get("a").await;
    let second = scene.store.put(put("2")).await.expect("a write");
    assert_eq!(second.prev_kv, before);
    let silent = scene.store.put(scene.put_of("a", "3")).await.expect("a write");
    assert_eq!(silent.prev_kv, None, "only where it is asked for");
}

async fn kept_values_and_leases(scene: &Scene<'_>) {
    let (lease, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    scene.put_leased("a", lease).await;
    let keep = Put { ignore_value: true, ignore_lease: true, ..scene.put_of("a", "") };
    let revision = scene.store.put(keep).await.expect("a write that keeps all").revision;
    let kv = scene.get("a").await.expect("it is there");
    assert_eq!(
        (kv.value.as_ref(), kv.lease, kv.version, kv.modified),
        (b"leased".as_slice(), lease, 2, revision)
    );

    let keep_lease = Put { ignore_lease: true, ..scene.put_of("a", "new") };
    scene.store.put(keep_lease).await.expect("a write that keeps the lease");
    let kv = scene.get("a").await.expect("it is there");
    assert_eq!((kv.value.as_ref(), kv.lease), (b"new".as_slice(), lease));

    let keep_value = Put { ignore_value: true, ..scene.put_of("a", "") };
    scene.store.put(keep_value).await.expect("a write that keeps the value");
    let kv = scene.get("a").await.expect("it is there");
    assert_eq!((kv.value.as_ref(), kv.lease), (b"new".as_slice(), LeaseId::NONE));

    let absent = Put { ignore_value: true, ..scene.put_of("b", "") };
    refused(scene.store.put(absent).await, &StoreError::KeyNotFound);
    let absent = Put { ignore_lease: true, ..scene.put_of("b", "1") };
    refused(scene.store.put(absent).await, &StoreError::KeyNotFound);
    let both = Put { ignore_value: true, ..scene.put_of("a", "1") };
    refused(scene.store.put(both).await, &StoreError::ValueProvided);
    let both = Put { ignore_lease: true, lease, ..scene.put_of("a", "1") };
    refused(scene.store.put(both).await, &StoreError::LeaseProvided);
    scene.store.lease_revoke(lease).await.expect("the lease exists");
}

async fn deletion(scene: &Scene<'_>) {
    let put = scene.put("a", "1").await;
    let kv = scene.get("a").await.expect("it is there");
    let delete = DeleteRange { range: scene.one("a"), prev_kv: true };
    let deleted = scene.store.delete_range(delete.clone()).await.expect("a deletion");
    assert_eq!((deleted.revision, deleted.deleted, deleted.prev_kvs), (put.next(), 1, vec![kv]));
    assert_eq!(scene.get("a").await, None);

    let again = scene.store.delete_range(delete).await.expect("a deletion of nothing");
    assert_eq!((again.revision, again.deleted, again.prev_kvs), (put.next(), 0, vec![]), "no new revision");

    let created = scene.put("a", "2").await;
    let kv = scene.get("a").await.expect("it is there again");
    assert_eq!((kv.created, kv.version), (created, 1), "a life of its own");
    let before = RangeQuery { revision: put, ..RangeQuery::new(scene.one("a")) };
    assert_eq!(scene.range(before).await.kvs[0].value, "1");
    let gone = RangeQuery { revision: put.next(), ..RangeQuery::new(scene.one("a")) };
    assert_eq!(scene.range(gone).await.count, 0);
}

async fn deletion_of_ranges(scene: &Scene<'_>) {
    for name in ["a", "b", "c", "d"] {
        scene.put(name, name_value(name)).await;
    }
    let newest = scene.revision().await;
    let delete = DeleteRange { range: scene.between("b", "d"), prev_kv: true };
    let deleted = scene.store.delete_range(delete).await.expect("a deletion");
    assert_eq!((deleted.revision, deleted.deleted), (newest.next(), 2), "one revision for all");
    let names: Vec<_> = deleted.prev_kvs.iter().map(|kv| scene.name(&kv.key)).collect();
    assert_eq!(names, ["b", "c"]);
    assert_eq!(scene.names(scene.query()).await, ["a", "d"]);

    for empty in [scene.between("d", "a"), scene.between("a", "a")] {
        assert_eq!(scene.delete(empty).await, newest.next());
    }
    for (to, what) in [(&b""[..], "one key"), (&b"\0"[..], "every key")] {
        let empty = KeyRange::Between(scene.key("a"), Bytes::from_static(to));
        assert_eq!(scene.delete(empty).await, newest.next(), "an empty range is not {what}");
    }
    assert_eq!(scene.names(scene.query()).await, ["a", "d"]);
    assert_eq!(scene.delete(scene.all()).await, newest.next().next());
    assert_eq!(scene.range(scene.query()).await.count, 0);
}

fn name_value(name: &str) -> &'static str {
    if name == "a" { "first" } else { "other" }
}

async fn binary_and_empty(scene: &Scene<'_>) {
    let mut key = scene.key("").to_vec();
    key.extend([0, 0xff, 0, b'\n']);
    let key = Bytes::from(key);
    let value = Bytes::from((0..=255).collect::<Vec<u8>>());
    let put = Put { key: key.clone(), value: value.clone(), ..Put::default() };
    scene.store.put(put).await.expect("any bytes can be written");
    scene.put("z", "").await;
    let read = scene.range(scene.query()).await;
    let pairs: Vec<_> = read.kvs.into_iter().map(|kv| (kv.key, kv.value)).collect();
    assert_eq!(pairs, [(key, value), (scene.key("z"), Bytes::new())]);
}

async fn refusals(scene: &Scene<'_>) {
    let newest = scene.put("a", "1").await;
    let empty = KeyRange::One(Bytes::new());
    refused(scene.store.put(Put::default()).await, &StoreError::EmptyKey);
    refused(scene.store.range(RangeQuery::new(empty.clone())).await, &StoreError::EmptyKey);
    let delete = DeleteRange { range: empty, prev_kv: false };
    refused(scene.store.delete_range(delete).await, &StoreError::EmptyKey);
    let unknown = Put { lease: LeaseId(404), ..scene.put_of("a", "2") };
    refused(scene.store.put(unknown).await, &StoreError::LeaseNotFound);
    let future = RangeQuery { revision: Revision(newest.0 + 1000), ..scene.query() };
    refused(scene.store.range(future).await, &StoreError::FutureRevision);
    assert_eq!(scene.revision().await, newest, "what is refused changes nothing");
}

async fn answers_of_many_megabytes(scene: &Scene<'_>) {
    let value = Bytes::from(vec![b'x'; 1024 * 1024]);
    for name in ["a", "b", "c", "d", "e", "f"] {
        scene.store.put(scene.put_of(name, value.clone())).await.expect("a megabyte is no problem");
    }
    let read = scene.range(scene.query()).await;
    assert_eq!(read.kvs.len(), 6);
    assert!(read.kvs.iter().all(|kv| kv.value == value));
    scene.delete(scene.all()).await;
}
