//! Leases.

use stanchion_store::LeaseInfo;
use stanchion_store::core::{EventKind, LeaseId, Put, Revision, StoreError};

use crate::scene::{Scene, eventually, refused, shorts};

crate::suite! {
    grant_and_list,
    refusals,
    revocation_deletes_keys_at_once,
    keys_change_leases,
    renewal,
    the_end_deletes_keys_at_once,
}

async fn info(scene: &Scene<'_>, id: LeaseId) -> Option<LeaseInfo> {
    scene.store.lease_time_to_live(id, true).await.expect("leases can be asked for")
}

async fn grant_and_list(scene: &Scene<'_>) {
    let newest = scene.revision().await;
    let (chosen, ttl) = scene.store.lease_grant(LeaseId(4711), 500).await.expect("a lease");
    assert_eq!((chosen, ttl), (LeaseId(4711), 500));
    let (given, ttl) = scene.store.lease_grant(LeaseId::NONE, 1).await.expect("a lease");
    assert!(given.is_some() && given != chosen);
    assert_eq!(ttl, 2, "a shorter time is raised to what an election takes");
    let listed = scene.store.leases().await.expect("leases can be listed");
    assert!(listed.contains(&chosen) && listed.contains(&given));
    assert_eq!(scene.revision().await, newest, "a lease is no change of a key");

    let without = scene.store.lease_time_to_live(chosen, false).await.expect("an answer").expect("it lives");
    assert!((498..=500).contains(&without.remaining), "{without:?}");
    assert_eq!((without.granted, without.keys.len()), (500, 0));
    scene.put_leased("a", chosen).await;
    scene.put_leased("b", chosen).await;
    let mut keys = info(scene, chosen).await.expect("it lives").keys;
    keys.sort();
    assert_eq!(keys, [scene.key("a"), scene.key("b")]);
    let silent = scene.store.lease_time_to_live(chosen, false).await.expect("an answer").expect("it lives");
    assert_eq!(silent.keys.len(), 0, "only where they are asked for");
    for id in [chosen, given] {
        scene.store.lease_revoke(id).await.expect("it lives");
    }
}

async fn refusals(scene: &Scene<'_>) {
    let (id, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    refused(scene.store.lease_grant(id, 600).await, &StoreError::LeaseExists);
    refused(scene.store.lease_grant(LeaseId(5), 9_000_000_001).await, &StoreError::LeaseTtlTooLarge);
    scene.store.lease_revoke(id).await.expect("it lives");
    refused(scene.store.lease_revoke(id).await, &StoreError::LeaseNotFound);
    assert_eq!(scene.store.lease_renew(id).await, Ok(None));
    assert_eq!(info(scene, id).await, None);
    let late = Put { lease: id, ..scene.put_of("a", "1") };
    refused(scene.store.put(late).await, &StoreError::LeaseNotFound);
}

async fn revocation_deletes_keys_at_once(scene: &Scene<'_>) {
    let (id, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    for name in ["a", "b"] {
        scene.put_leased(name, id).await;
    }
    let newest = scene.put("c", "stays").await;
    let mut watcher = scene.watch(scene.spec(Revision::NONE)).await;
    scene.store.lease_revoke(id).await.expect("it lives");
    assert_eq!(scene.revision().await, newest.next());
    assert_eq!(scene.names(scene.query()).await, ["c"]);
    let events = watcher.events(2).await;
    let deleted = |name: &str| (EventKind::Delete, name.to_owned(), newest.0 + 1);
    assert_eq!(shorts(scene, &events), [deleted("a"), deleted("b")]);

    let (empty, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    scene.store.lease_revoke(empty).await.expect("it lives");
    assert_eq!(scene.revision().await, newest.next(), "without keys there is no change");
}

async fn keys_change_leases(scene: &Scene<'_>) {
    let (first, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    let (second, _) = scene.store.lease_grant(LeaseId::NONE, 600).await.expect("a lease");
    scene.put_leased("moved", first).await;
    scene.put_leased("moved", second).await;
    scene.put_leased("freed", first).await;
    scene.put("freed", "1").await;
    scene.put_leased("deleted", first).await;
    scene.delete(scene.one("deleted")).await;
    assert_eq!(info(scene, first).await.expect("it lives").keys.len(), 0);
    assert_eq!(info(scene, second).await.expect("it lives").keys, [scene.key("moved")]);
    assert_eq!(scene.get("moved").await.expect("moved").lease, second);
    assert_eq!(scene.get("freed").await.expect("freed").lease, LeaseId::NONE);
    scene.store.lease_revoke(first).await.expect("it lives");
    assert_eq!(scene.names(scene.query()).await, ["freed", "moved"]);
    scene.store.lease_revoke(second).await.expect("it lives");
    assert_eq!(scene.names(scene.query()).await, ["freed"]);
}

async fn renewal(scene: &Scene<'_>) {
    let (id, ttl) = scene.store.lease_grant(LeaseId::NONE, 5).await.expect("a lease");
    scene.put_leased("a", id).await;
    // Until some of it is gone, so that there is something to give back.
    eventually(|| async { info(scene, id).await.filter(|info| info.remaining < 4) }).await;
    assert_eq!(scene.store.lease_renew(id).await, Ok(Some(ttl)));
    let left = info(scene, id).await.expect("it lives");
    assert!(left.remaining >= 4 && left.granted == 5, "{left:?}");
    assert!(scene.get("a").await.is_some());
    scene.store.lease_revoke(id).await.expect("it lives");
}

async fn the_end_deletes_keys_at_once(scene: &Scene<'_>) {
    let (id, _) = scene.store.lease_grant(LeaseId::NONE, 2).await.expect("a lease");
    let newest = scene.put_leased("a", id).await;
    let newest = scene.put_leased("b", id).await.max(newest);
    let mut watcher = scene.watch(scene.spec(Revision::NONE)).await;
    let events = watcher.events(2).await;
    let deleted = |name: &str| (EventKind::Delete, name.to_owned(), newest.0 + 1);
    assert_eq!(shorts(scene, &events), [deleted("a"), deleted("b")]);
    assert_eq!(scene.range(scene.query()).await.count, 0);
    assert_eq!(info(scene, id).await, None);
    assert_eq!(scene.store.lease_renew(id).await, Ok(None));
}
