//! Every option of a range.

use bytes::Bytes;
use stanchion_store::core::{KeyRange, RangeQuery, Revision, SortOrder, SortTarget};

use crate::scene::Scene;

crate::suite! {
    forms,
    limits_and_counts,
    order,
    bounds_on_revisions,
    history,
}

async fn forms(scene: &Scene<'_>) {
    for name in ["a", "aa", "b", "c"] {
        scene.put(name, "").await;
    }
    let names = async |range: KeyRange| scene.names(RangeQuery::new(range)).await;
    assert_eq!(names(scene.one("a")).await, ["a"]);
    assert_eq!(names(scene.between("a", "c")).await, ["a", "aa", "b"]);
    assert_eq!(names(KeyRange::prefix(scene.key("a"))).await, ["a", "aa"]);
    assert_eq!(names(scene.all()).await, ["a", "aa", "b", "c"]);
    assert_eq!(names(scene.between("c", "a")).await, [""; 0]);
    assert_eq!(names(scene.between("a", "a")).await, [""; 0]);
    for to in [&b""[..], &b"\0"[..]] {
        assert_eq!(names(KeyRange::Between(scene.key("a"), Bytes::from_static(to))).await, [""; 0]);
    }
    let from = names(KeyRange::From(scene.key("b"))).await;
    assert_eq!(from[..2], ["b", "c"]);
    let all = RangeQuery { count_only: true, ..RangeQuery::new(KeyRange::all()) };
    assert!(scene.range(all).await.count >= 4);
}

async fn limits_and_counts(scene: &Scene<'_>) {
    for name in ["a", "b", "c"] {
        scene.put(name, "value").await;
    }
    for (limit, returned, more) in
        [(0, 3, false), (1, 1, true), (2, 2, true), (3, 3, false), (u64::MAX, 3, false)]
    {
        let read = scene.range(RangeQuery { limit, ..scene.query() }).await;
        assert_eq!((read.kvs.len(), read.count, read.more), (returned, 3, more), "limit {limit}");
    }
    let read = scene.range(RangeQuery { keys_only: true, ..scene.query() }).await;
    assert_eq!(read.kvs.len(), 3);
    assert!(read.kvs.iter().all(|kv| kv.value.is_empty() && kv.version == 1 && kv.created > Revision::NONE));
    let read = scene.range(RangeQuery { count_only: true, ..scene.query() }).await;
    assert_eq!((read.kvs.len(), read.count, read.more), (0, 3, false));
    let read = scene.range(RangeQuery { count_only: true, limit: 1, ..scene.query() }).await;
    assert_eq!((read.kvs.len(), read.count), (0, 3));
}

/// Writes three keys that every target sorts in another way than by key; returns the first revision.
async fn prepare(scene: &Scene<'_>) -> Revision {
    let first = scene.put("b", "0").await;
    scene.put("a", "0").await;
    scene.put("a", "0").await;
    scene.put("c", "2").await;
    scene.put("b", "3").await;
    scene.put("a", "1").await;
    first
}

async fn order(scene: &Scene<'_>) {
    prepare(scene).await;
    let expected = [
        (SortTarget::Key, ["a", "b", "c"]),
        (SortTarget::Version, ["c", "b", "a"]),
        (SortTarget::Created, ["b", "a", "c"]),
        (SortTarget::Modified, ["c", "b", "a"]),
        (SortTarget::Value, ["a", "c", "b"]),
    ];
    for (target, ascending) in expected {
        let names =
            async |order, limit| scene.names(RangeQuery { target, order, limit, ..scene.query() }).await;
        assert_eq!(names(SortOrder::Ascending, 0).await, ascending, "{target:?}");
        assert_eq!(names(SortOrder::Unsorted, 0).await, ascending, "{target:?} ascends by itself");
        let mut descending = ascending;
        descending.reverse();
        assert_eq!(names(SortOrder::Descending, 0).await, descending, "{target:?}");
        assert_eq!(names(SortOrder::Descending, 2).await, descending[..2], "sorted before it is cut");
        assert_eq!(names(SortOrder::Ascending, 1).await, ascending[..1], "sorted before it is cut");
    }
}

async fn bounds_on_revisions(scene: &Scene<'_>) {
    // Created: b 0, a 1, c 3. Modified: c 3, b 4, a 5.
    let first = prepare(scene).await.0;
    let cases = [
        (RangeQuery { min_modified: first + 4, ..scene.query() }, vec!["a", "b"]),
        (RangeQuery { max_modified: first + 4, ..scene.query() }, vec!["b", "c"]),
        (RangeQuery { min_modified: first + 4, max_modified: first + 4, ..scene.query() }, vec!["b"]),
        (RangeQuery { min_created: first + 1, ..scene.query() }, vec!["a", "c"]),
        (RangeQuery { max_created: first + 1, ..scene.query() }, vec!["a", "b"]),
        (RangeQuery { min_created: first + 1, max_modified: first + 4, ..scene.query() }, vec!["c"]),
        (RangeQuery { min_modified: first + 6, ..scene.query() }, vec![]),
    ];
    for (query, names) in cases {
        let read = scene.range(query.clone()).await;
        assert_eq!((read.count, read.more), (3, false), "the count is of the range: {query:?}");
        assert_eq!(scene.names(query.clone()).await, names, "{query:?}");
    }
    let limited = RangeQuery { min_modified: first + 4, limit: 1, ..scene.query() };
    let read = scene.range(limited.clone()).await;
    assert_eq!((scene.names(limited).await, read.more), (vec!["a".to_owned()], true), "cut after the bounds");
}

async fn history(scene: &Scene<'_>) {
    let first = scene.put("a", "1").await.0;
    scene.put("b", "1").await;
    scene.put("a", "2").await;
    scene.delete(scene.all()).await;
    let newest = scene.put("b", "2").await;
    let mut seen = Vec::new();
    for revision in first..=newest.0 {
        let read = scene.range(RangeQuery { revision: Revision(revision), ..scene.query() }).await;
        assert_eq!(read.revision, newest, "an answer tells the newest revision");
        let pairs = read.kvs.iter().map(|kv| format!("{}={}", scene.name(&kv.key), text(&kv.value)));
        seen.push(pairs.collect::<Vec<_>>().join(" "));
    }
    assert_eq!(seen, ["a=1", "a=1 b=1", "a=2 b=1", "", "b=2"]);
}

fn text(value: &Bytes) -> &str {
    std::str::from_utf8(value).expect("it was written as text")
}
