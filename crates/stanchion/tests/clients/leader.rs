//! Candidates that elect a leader through a Lease, by replacing it only as they read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::PostParams;
use kube::{Api, Error};
use serde_json::json;

use crate::support::clients::{client, namespaced, object};
use crate::support::cluster::Cluster;
use crate::support::within;

const NAME: &str = "leader";
const CANDIDATES: usize = 8;
/// Terms that are to be served altogether.
const TERMS: usize = 12;
/// How long a leader that shows no sign of life is waited for.
const PATIENCE: Duration = Duration::from_millis(150);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_has_one_holder_at_a_time() {
    within(Duration::from_mins(1), async {
        let cluster = Cluster::start().await;
        let leases: Api<Lease> = namespaced(&client(&cluster).await, "election").await;
        let leading = Arc::new(AtomicBool::new(false));
        let terms = Arc::new(AtomicUsize::new(0));
        let mut candidates = tokio::task::JoinSet::new();
        for number in 0..CANDIDATES {
            let (leading, terms) = (Arc::clone(&leading), Arc::clone(&terms));
            candidates.spawn(stand(leases.clone(), format!("candidate{number}"), leading, terms));
        }
        let conflicts: usize = candidates.join_all().await.into_iter().sum();
        let lease = leases.get(NAME).await.expect("the lease is there");
        let transitions = lease.spec.and_then(|spec| spec.lease_transitions).expect("it counts its holders");
        assert_eq!(usize::try_from(transitions).ok(), Some(terms.load(Ordering::SeqCst)));
        assert!(conflicts > 0, "nobody was in anybody's way");
    })
    .await;
}

/// Takes the lease again and again, until there were enough terms; returns how often somebody else was quicker.
async fn stand(leases: Api<Lease>, name: String, leading: Arc<AtomicBool>, terms: Arc<AtomicUsize>) -> usize {
    let mut conflicts = 0;
    let mut seen = (None, Instant::now());
    while terms.load(Ordering::SeqCst) < TERMS {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let Some(lease) = current(&leases, &name, &mut conflicts).await else { continue };
        let spec = lease.spec.clone().unwrap_or_default();
        if seen.0 != lease.metadata.resource_version {
            seen = (lease.metadata.resource_version.clone(), Instant::now());
        }
        let free = spec.holder_identity.as_deref().unwrap_or("").is_empty();
        if !free && seen.1.elapsed() < PATIENCE {
            continue;
        }
        let transitions = spec.lease_transitions.unwrap_or(0) + 1;
        match hold(&leases, lease, Some(name.clone()), transitions).await {
            Some(mut held) => {
                assert!(!leading.swap(true, Ordering::SeqCst), "two lead");
                for _ in 0..3 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    held = hold(&leases, held, Some(name.clone()), transitions)
                        .await
                        .expect("only the holder writes");
                }
                terms.fetch_add(1, Ordering::SeqCst);
                leading.store(false, Ordering::SeqCst);
                // Every second leader leaves without a word.
                if transitions % 2 == 0 {
                    hold(&leases, held, None, transitions).await.expect("only the holder writes");
                }
            }
            None => conflicts += 1,
        }
    }
    conflicts
}

/// Reads the lease, or makes it where there is none.
async fn current(leases: &Api<Lease>, name: &str, conflicts: &mut usize) -> Option<Lease> {
    if let Some(lease) = leases.get_opt(NAME).await.expect("the lease can be read") {
        return Some(lease);
    }
    let new = object(json!({"metadata": {"name": NAME, "labels": {"made-by": name}}, "spec": {}}));
    match leases.create(&PostParams::default(), &new).await {
        Ok(lease) => Some(lease),
        Err(Error::Api(status)) if status.reason == "AlreadyExists" => {
            *conflicts += 1;
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Writes the lease as it was read, unless somebody was quicker.
async fn hold(
    leases: &Api<Lease>,
    mut lease: Lease,
    holder: Option<String>,
    transitions: i32,
) -> Option<Lease> {
    let spec: LeaseSpec = object(json!({
        "holderIdentity": holder,
        "leaseDurationSeconds": 1,
        "leaseTransitions": transitions,
    }));
    lease.spec = Some(spec);
    // Also a renewal that changes nothing else has to be written.
    lease
        .metadata
        .annotations
        .get_or_insert_default()
        .insert("at".to_owned(), format!("{:?}", Instant::now()));
    match leases.replace(NAME, &PostParams::default(), &lease).await {
        Ok(lease) => Some(lease),
        Err(Error::Api(status)) if status.code == 409 => None,
        Err(error) => panic!("{error:?}"),
    }
}
