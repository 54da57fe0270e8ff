use std::net::{Ipv4Addr, SocketAddr};

use stanchion_ha_core::{Database, Measures, Position, Role, ServerId, Standing, Term, Topology};
use stanchion_store::core::{DeleteRange, KeyRange, Put, RangeQuery};
use stanchion_store::{Options, Store};

use super::*;

/// Waiting for a condition ends in failure after this long.
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    store: Store,
    cluster: ClusterName,
    me: InstanceName,
    link: Link,
    tasks: TaskTracker,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(Options::new(directory.path())).expect("a store");
        let cluster = ClusterName::new("shop", "orders").expect("a name");
        let me = InstanceName::new("orders-0").expect("a name");
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let link = Link::start(Arc::new(store.clone()), &cluster, &me, &tasks, &stop);
        Self { store, cluster, me, link, tasks, stop, _directory: directory }
    }

    async fn put(&self, key: String, value: impl serde::Serialize) -> i64 {
        let value = serde_json::to_vec(&value).expect("it is JSON");
        let put = Put { key: key.into(), value: value.into(), ..Put::default() };
        self.store.put(put).await.expect("it is written").revision.0
    }

    async fn stored(&self) -> Option<Report> {
        let key = keys::report(&self.cluster, &self.me);
        let found = self.store.range(RangeQuery::new(KeyRange::One(key.into()))).await.expect("it is read");
        found.kvs.first().map(|kv| serde_json::from_slice(&kv.value).expect("a report"))
    }

    async fn known(&self, what: impl FnMut(&Known) -> bool) -> Known {
        let mut known = self.link.known();
        let known = tokio::time::timeout(LONG, known.wait_for(what)).await.expect("in time");
        known.expect("the link lives").clone()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }
}

fn report(number: u64) -> Report {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    Report {
        server: ServerId(1),
        life: "a".to_owned(),
        number,
        database_address: address,
        agent_address: address,
        seen: 0,
        database: Database::Waiting,
        role: Role::Idle,
        fenced: Term(0),
        received: Position::START,
        applied: Position::START,
        uncertain: false,
        apply_lag: stanchion_ha_core::Millis(0),
        apply_rate: None,
        standing: Standing::Unknown,
        origin: None,
        leaving: false,
        measures: Measures::default(),
    }
}

#[tokio::test]
async fn what_is_wanted_is_followed_and_only_goes_forward() {
    let bench = Bench::start();
    let key = keys::topology(&bench.cluster);
    let mut topology = Topology::forming();
    let first = bench.put(key.clone(), &topology).await;
    bench.known(|known| known.topology.as_ref().is_some_and(|seen| seen.revision == first)).await;
    topology.term = Term(7);
    let second = bench.put(key.clone(), &topology).await;
    let known =
        bench.known(|known| known.topology.as_ref().is_some_and(|seen| seen.revision == second)).await;
    assert_eq!(known.topology.expect("it is there").value.term, Term(7));
    // Neither nonsense nor its end changes what is in force.
    bench.put(key.clone(), "nonsense").await;
    let delete = DeleteRange { range: KeyRange::One(key.into()), prev_kv: false };
    bench.store.delete_range(delete).await.expect("it is deleted");
    let moment = Instant::now();
    bench.link.confirm();
    let known = bench.known(|known| known.is_confirmed_since(moment)).await;
    assert_eq!(known.topology.expect("it is there").revision, second);
    bench.end().await;
}

#[tokio::test]
async fn the_newest_report_is_written_also_after_its_lease_is_gone() {
    let bench = Bench::start();
    for number in 1..=3 {
        bench.link.report(report(number));
    }
    assert!(bench.link.written(3, Instant::now() + LONG).await);
    assert_eq!(bench.stored().await.expect("it is there").number, 3);
    for lease in bench.store.leases() {
        bench.store.lease_revoke(lease).await.expect("it is revoked");
    }
    assert_eq!(bench.stored().await, None);
    bench.known(|known| known.reports.is_empty()).await;
    bench.link.report(report(4));
    assert!(bench.link.written(4, Instant::now() + LONG).await);
    assert_eq!(bench.stored().await.expect("it is there").number, 4);
    let me = bench.me.clone();
    bench.known(|known| known.reports.get(&me).is_some_and(|heard| heard.report.number == 4)).await;
    bench.end().await;
}

#[tokio::test]
async fn a_report_tells_of_a_topology_in_the_same_transaction() {
    let bench = Bench::start();
    bench.link.report(report(1));
    assert!(bench.link.written(1, Instant::now() + LONG).await);
    // Somebody else's write to the own key is noticed and replaced.
    bench.put(keys::report(&bench.cluster, &bench.me), report(99)).await;
    let moment = Instant::now();
    bench.link.report(report(2));
    assert!(bench.link.written(2, Instant::now() + LONG).await);
    assert_eq!(bench.stored().await.expect("it is there").number, 2);
    bench.known(|known| known.is_confirmed_since(moment)).await;
    bench.end().await;
}
