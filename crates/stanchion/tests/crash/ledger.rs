//! What clients were told, and what they may have written without being told.

use std::collections::BTreeMap;

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_etcd_api::etcdserverpb::kv_client::KvClient;
use stanchion_etcd_api::etcdserverpb::lease_client::LeaseClient;
use stanchion_etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::random::Random;
use crate::support::server::Server;

/// Keys of a writer; few, so that each is overwritten often and compaction has something to drop.
const KEYS: u64 = 16;
/// Longer than any test.
const LEASE_TTL: i64 = 3600;

/// What is known of a key.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The newest acknowledged value, and its revision. Nothing: deleted, or never written.
    value: Option<Vec<u8>>,
    revision: i64,
    lease: i64,
    /// Values of requests without an answer: each may be there, or not. `None` is a deletion.
    possible: Vec<Option<Vec<u8>>>,
}

/// What is known of all keys.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    keys: BTreeMap<String, Known>,
    newest: i64,
    acknowledged: usize,
}

impl Ledger {
    /// Returns the newest revision that anyone was told.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// Returns how many writes were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// Gives every writer the keys that only it writes.
    pub(crate) fn split(self, writers: usize) -> Vec<Self> {
        let empty = || Self { newest: self.newest, ..Self::default() };
        let mut shares: Vec<_> = (0..writers).map(|_| empty()).collect();
        shares[0].acknowledged = self.acknowledged;
        for (key, known) in self.keys {
            let writer = key.split('/').nth(1).and_then(|writer| writer.parse::<usize>().ok());
            shares[writer.expect("a key names its writer")].keys.insert(key, known);
        }
        shares
    }

    /// Brings together what the writers know.
    pub(crate) fn join(shares: Vec<Self>) -> Self {
        let mut joined = Self::default();
        for Self { keys, newest, acknowledged } in shares {
            joined.keys.extend(keys);
            joined.newest = joined.newest.max(newest);
            joined.acknowledged += acknowledged;
        }
        joined
    }

    fn acknowledge(&mut self, key: &str, value: Option<&[u8]>, revision: i64, lease: i64) {
        let value = value.map(<[u8]>::to_vec);
        self.keys.insert(key.to_owned(), Known { value, revision, lease, possible: Vec::new() });
        self.newest = self.newest.max(revision);
    }

    fn suspect(&mut self, key: &str, value: Option<&[u8]>) {
        self.keys.entry(key.to_owned()).or_default().possible.push(value.map(<[u8]>::to_vec));
    }

    /// Compares the store with what is known, and learns which requests without an answer took effect.
    pub(crate) async fn compare(&mut self, server: &Server) {
        let mut client = KvClient::new(server.channel().await);
        let all = pb::RangeRequest { key: vec![0].into(), range_end: vec![0].into(), ..Default::default() };
        let answer = client.range(all).await.expect("the store can be read").into_inner();
        let revision = answer.header.expect("answers have a header").revision;
        assert!(revision >= self.newest, "revision {revision} is below the acknowledged {}", self.newest);
        let found: BTreeMap<String, _> = answer
            .kvs
            .into_iter()
            .map(|kv| (String::from_utf8(kv.key.to_vec()).expect("keys are text"), kv))
            .collect();
        self.invariant_pairs_are_both_or_neither(&found);
        for (key, known) in &mut self.keys {
            known.invariant_nothing_acknowledged_is_missing(key, found.get(key));
        }
        let strangers: Vec<_> = found.keys().filter(|key| !self.keys.contains_key(*key)).collect();
        assert!(strangers.is_empty(), "nobody wrote {strangers:?}");
        self.newest = revision;
    }

    /// A transaction that writes two keys has written both, or neither.
    fn invariant_pairs_are_both_or_neither(
        &self,
        found: &BTreeMap<String, stanchion_etcd_api::mvccpb::KeyValue>,
    ) {
        for left in self.keys.keys().filter(|key| key.ends_with("/left")) {
            let right = left.replace("/left", "/right");
            let what = |key| found.get(key).map(|kv| (kv.value.clone(), kv.mod_revision));
            assert_eq!(what(left), what(&right), "{left} and {right} were written together");
        }
    }
}

impl Known {
    fn invariant_nothing_acknowledged_is_missing(
        &mut self,
        key: &str,
        found: Option<&stanchion_etcd_api::mvccpb::KeyValue>,
    ) {
        let value = found.map(|kv| kv.value.to_vec());
        let revision = found.map_or(0, |kv| kv.mod_revision);
        if value == self.value {
            let lease = found.map_or(0, |kv| kv.lease);
            // The same value again may be a later request without an answer; values are never the same twice.
            assert!(
                value.is_none() || revision == self.revision,
                "{key} has moved to revision {revision}: {self:?}"
            );
            assert!(value.is_none() || lease == self.lease, "{key} has lease {lease}: {self:?}");
        } else {
            assert!(self.possible.contains(&value), "{key} is {value:?} at {revision}, not one of {self:?}");
            assert!(value.is_none() || revision > self.revision, "{key} went back to {revision}: {self:?}");
            self.lease = found.map_or(0, |kv| kv.lease);
        }
        *self = Self { value, revision, lease: self.lease, possible: Vec::new() };
    }
}

/// Writes until the server is gone.
pub(crate) async fn write(channel: Channel, mut ledger: Ledger, name: String, mut random: Random) -> Ledger {
    let writer = name.rsplit_once('-').expect("a name ends with the writer").1.to_owned();
    let mut client = KvClient::new(channel.clone());
    let mut leases = LeaseClient::new(channel);
    let mut lease = 0;
    for number in 0_u64.. {
        let value =
            format!("{name}-{number}-{}", "x".repeat(usize::try_from(random.below(2000)).unwrap_or(0)));
        let key = format!("k/{writer}/{}", random.below(KEYS));
        let written = match random.below(10) {
            0 => delete(&mut client, &mut ledger, &key).await,
            1..=3 => write_pair(&mut client, &mut ledger, &writer, &value).await,
            4 if lease == 0 => {
                let grant = pb::LeaseGrantRequest { ttl: LEASE_TTL, id: 0 };
                leases.lease_grant(grant).await.map(|granted| lease = granted.into_inner().id)
            }
            4..=5 => put(&mut client, &mut ledger, &key, &value, lease).await,
            _ => put(&mut client, &mut ledger, &key, &value, 0).await,
        };
        match written {
            Ok(()) => ledger.acknowledged += 1,
            // The connection broke with the server.
            Err(status) if [Code::Unavailable, Code::Unknown, Code::Cancelled].contains(&status.code()) => {
                break;
            }
            Err(status) => panic!("a write was refused: {status:?}"),
        }
    }
    ledger
}

async fn put(
    client: &mut KvClient<Channel>,
    ledger: &mut Ledger,
    key: &str,
    value: &str,
    lease: i64,
) -> Result<(), Status> {
    ledger.suspect(key, Some(value.as_bytes()));
    let answer = client.put(put_request(key, value, lease)).await?.into_inner();
    let revision = answer.header.expect("answers have a header").revision;
    assert!(revision > ledger.newest, "revision {revision} does not follow {}", ledger.newest);
    ledger.acknowledge(key, Some(value.as_bytes()), revision, lease);
    Ok(())
}

async fn delete(client: &mut KvClient<Channel>, ledger: &mut Ledger, key: &str) -> Result<(), Status> {
    ledger.suspect(key, None);
    let request = pb::DeleteRangeRequest { key: key.to_owned().into(), ..Default::default() };
    let answer = client.delete_range(request).await?.into_inner();
    ledger.acknowledge(key, None, answer.header.expect("answers have a header").revision, 0);
    Ok(())
}

/// Writes two keys in one transaction.
async fn write_pair(
    client: &mut KvClient<Channel>,
    ledger: &mut Ledger,
    writer: &str,
    value: &str,
) -> Result<(), Status> {
    let keys = [format!("pair/{writer}/left"), format!("pair/{writer}/right")];
    for key in &keys {
        ledger.suspect(key, Some(value.as_bytes()));
    }
    let op = |key: &String| pb::RequestOp {
        request: Some(pb::request_op::Request::RequestPut(put_request(key, value, 0))),
    };
    let request = pb::TxnRequest { success: keys.iter().map(op).collect(), ..Default::default() };
    let answer = client.txn(request).await?.into_inner();
    let revision = answer.header.expect("answers have a header").revision;
    for key in &keys {
        ledger.acknowledge(key, Some(value.as_bytes()), revision, 0);
    }
    Ok(())
}

fn put_request(key: &str, value: &str, lease: i64) -> pb::PutRequest {
    pb::PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        lease,
        ..pb::PutRequest::default()
    }
}

/// Compacts in every second round and defragments in every third, over and over, until the server is gone.
pub(crate) async fn upkeep(channel: Channel, round: usize, newest: i64) {
    let mut client = KvClient::new(channel.clone());
    let mut maintenance = MaintenanceClient::new(channel);
    let (compacts, defragments) = (round % 2 == 1, round % 3 == 2);
    if compacts {
        let compaction = pb::CompactionRequest { revision: newest, physical: round % 4 == 1 };
        match client.compact(compaction).await {
            Ok(_) => {}
            // Revision 1 of a fresh store, the same revision once more, or the server is gone.
            Err(status) => assert!(status.code() != Code::Internal, "{status:?}"),
        }
    }
    while defragments && maintenance.defragment(pb::DefragmentRequest {}).await.is_ok() {}
}
