//! The server is killed while clients write: what was acknowledged is there, and watches go on without a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Error, ResourceExt};
use serde_json::json;

use crate::history::{History, listed, remaining};
use crate::home::Home;
use crate::support::clients::{answered, client, make, namespaced, object, revision};
use crate::support::random::{Random, seed};
use crate::support::{long, wait_for, within};

/// Clients that write at the same time.
const WRITERS: usize = 6;
/// The server is killed at most this long after the writers have begun.
const LONGEST_ROUND_MS: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9() {
    kill(Home::Own, if long() { 60 } else { 6 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9_over_etcd() {
    kill(Home::etcd().await, if long() { 30 } else { 3 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9_over_a_served_store() {
    kill(Home::served().await, if long() { 30 } else { 3 }).await;
}

/// An object as it is known to be, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    uid: String,
    revision: i64,
    value: String,
}

impl Known {
    fn of(object: &ConfigMap) -> Self {
        let value = object.data.as_ref().and_then(|data| data.get("value")).cloned();
        Self {
            uid: object.uid().unwrap_or_default(),
            revision: revision(object),
            value: value.unwrap_or_default(),
        }
    }
}

/// A write that was not answered: it may have been carried out.
#[derive(Clone, Debug)]
enum Doubt {
    Put { name: String, value: String },
    Delete { name: String },
}

/// What one writer knows of its objects, which nobody else writes.
#[derive(Clone, Debug, Default)]
struct Share {
    prefix: String,
    made: usize,
    writes: usize,
    objects: BTreeMap<String, Known>,
    /// The revisions of writes that were answered, without deletions.
    acknowledged: BTreeSet<i64>,
    doubt: Option<Doubt>,
}

async fn kill(home: Home, rounds: usize) {
    within(Duration::from_secs(60 + 10 * rounds as u64), async {
        let seed = seed();
        eprintln!("STANCHION_SEED={seed}");
        let mut random = Random::new(seed);
        let mut cluster = home.cluster().await;
        let api: Api<ConfigMap> = namespaced(&client(&cluster).await, "crash").await;
        let history = History::begin(&api).await;
        let mut shares: Vec<Share> =
            (0..WRITERS).map(|writer| Share { prefix: format!("w{writer}"), ..Share::default() }).collect();
        for _ in 0..rounds {
            let mut writers = tokio::task::JoinSet::new();
            for share in shares.drain(..) {
                writers.spawn(write(api.clone(), share, Random::new(random.below(u64::MAX))));
            }
            tokio::time::sleep(Duration::from_millis(100 + random.below(LONGEST_ROUND_MS))).await;
            cluster.again("KILL").await;
            shares = writers.join_all().await;
            for share in &mut shares {
                share.settle(&api).await;
            }
        }
        let last = make(&api, json!({"metadata": {"name": "last"}})).await;
        let changes = history.until(revision(&last)).await;
        let mut found = listed(&api).await;
        found.remove("kube-root-ca.crt");
        assert_eq!(remaining(&changes), found, "the watch leads to another state than the list");
        let told: BTreeSet<i64> = changes.iter().map(|change| change.revision).collect();
        assert_eq!(told.len(), changes.len(), "a change was told twice");
        let missed: Vec<&i64> =
            shares.iter().flat_map(|share| &share.acknowledged).filter(|at| !told.contains(at)).collect();
        assert_eq!(missed, Vec::<&i64>::new(), "the watch missed writes");
        let writes: usize = shares.iter().map(|share| share.writes).sum();
        eprintln!("{rounds} kills, {writes} acknowledged writes, {} changes", changes.len());
        assert!(writes > rounds * WRITERS, "the writers got to write: {writes}");
    })
    .await;
}

/// Creates, changes and deletes until the server does not answer.
async fn write(api: Api<ConfigMap>, mut share: Share, mut random: Random) -> Share {
    loop {
        if share.step(&api, &mut random).await.is_err() {
            return share;
        }
    }
}

impl Share {
    async fn step(&mut self, api: &Api<ConfigMap>, random: &mut Random) -> Result<(), Error> {
        self.writes += 1;
        let choice = random.below(10);
        let name = self.objects.keys().nth(usize::try_from(random.below(20)).expect("it is below")).cloned();
        let (Some(name), 3..) = (name, choice) else { return self.create(api).await };
        let value = format!("{}", self.writes);
        if choice == 9 {
            self.doubt = Some(Doubt::Delete { name: name.clone() });
            checked(api.delete(&name, &DeleteParams::default()).await)?;
            self.objects.remove(&name);
            self.doubt = None;
            return Ok(());
        }
        self.doubt = Some(Doubt::Put { name: name.clone(), value: value.clone() });
        let known = &self.objects[&name];
        let written = if choice < 6 {
            let new = json!({"metadata": {"name": name, "resourceVersion": known.revision.to_string()}, "data": {"value": value}});
            api.replace(&name, &PostParams::default(), &object(new)).await
        } else {
            let patch = json!({"data": {"value": value}});
            api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await
        };
        self.take(&checked(written)?, &value);
        Ok(())
    }

    async fn create(&mut self, api: &Api<ConfigMap>) -> Result<(), Error> {
        self.made += 1;
        let (name, value) = (format!("{}-{}", self.prefix, self.made), "new".to_owned());
        self.doubt = Some(Doubt::Put { name: name.clone(), value: value.clone() });
        let new = object(json!({"metadata": {"name": name}, "data": {"value": value}}));
        self.take(&checked(api.create(&PostParams::default(), &new).await)?, &value);
        Ok(())
    }

    fn take(&mut self, written: &ConfigMap, value: &str) {
        let known = Known::of(written);
        assert_eq!(known.value, value, "the answer is what was written");
        self.acknowledged.insert(known.revision);
        self.objects.insert(written.name_any(), known);
        self.doubt = None;
    }

    /// Compares what is known with what is there, and learns what became of the write without an answer.
    async fn settle(&mut self, api: &Api<ConfigMap>) {
        let prefix = format!("{}-", self.prefix);
        let found =
            wait_for("the server lists again", async || api.list(&ListParams::default()).await.ok()).await;
        let mut found: BTreeMap<String, Known> = found
            .items
            .iter()
            .filter(|object| object.name_any().starts_with(&prefix))
            .map(|object| (object.name_any(), Known::of(object)))
            .collect();
        match self.doubt.take() {
            Some(Doubt::Put { name, value }) => match (found.get(&name), self.objects.get(&name)) {
                (Some(there), before) if Some(there) != before => {
                    assert_eq!(there.value, value, "{name} is neither old nor new; it was {before:?}");
                    let same = before.is_none_or(|b| b.uid == there.uid && b.revision < there.revision);
                    assert!(same, "{name} went back: {before:?}, {there:?}");
                    self.objects.insert(name, there.clone());
                }
                (Some(_) | None, _) => {}
            },
            Some(Doubt::Delete { name }) if !found.contains_key(&name) => {
                self.objects.remove(&name);
            }
            Some(Doubt::Delete { .. }) | None => {}
        }
        found.retain(|name, there| self.objects.get(name) != Some(there));
        assert_eq!(found, BTreeMap::new(), "objects are there that were not written so");
        let names: BTreeSet<String> =
            listed(api).await.into_keys().filter(|name| name.starts_with(&prefix)).collect();
        let lost: Vec<&String> = self.objects.keys().filter(|name| !names.contains(*name)).collect();
        assert_eq!(lost, Vec::<&String>::new(), "acknowledged objects are gone");
    }
}

/// Lets failures of the connection through; the server must not refuse anything.
fn checked<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Result<T, Error> {
    if let Err(error) = &outcome {
        let unavailable = matches!(error, Error::Api(status) if status.code >= 500);
        assert!(!answered(error) || unavailable, "the server refuses: {error:?}");
    }
    outcome
}
