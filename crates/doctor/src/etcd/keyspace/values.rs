//! What the keys are of, exactly: names and values of all, page by page, at one revision.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bytes::Bytes;
use stanchion_doctor_core::{Filler, Keyspace, Largest};
use stanchion_etcd_api::etcdserverpb::{RangeRequest, RangeResponse};
use stanchion_etcd_api::mvccpb::KeyValue;
use tonic::Status;

use super::super::connection::Endpoint;
use super::group::group_of;

/// So many keys are asked for at a time at most, as clients of an API server do.
const PAGE: i64 = 500;
/// A page is to be about as large: of larger values fewer are asked for.
const LARGE: u64 = 4 << 20;

/// What has been read so far.
struct Weighed {
    groups: BTreeMap<String, Filler>,
    /// The smallest of the largest on top.
    largest: BinaryHeap<Reverse<(u64, u64, Bytes)>>,
    wanted: usize,
    keys: u64,
    bytes: u64,
}

impl Weighed {
    fn add(&mut self, kv: &KeyValue) {
        let bytes = (kv.key.len() + kv.value.len()) as u64;
        let writes = u64::try_from(kv.version).unwrap_or(0);
        let prefix = group_of(&kv.key);
        let group = self.groups.entry(prefix).or_insert_with_key(|prefix| Filler {
            prefix: prefix.clone(),
            keys: 0,
            bytes: 0,
            writes: 0,
        });
        group.keys += 1;
        group.bytes += bytes;
        group.writes += writes;
        self.keys += 1;
        self.bytes += bytes;
        let is_larger = self.largest.peek().is_none_or(|Reverse((least, _, _))| bytes > *least);
        if self.largest.len() < self.wanted || (self.wanted > 0 && is_larger) {
            // The key is a part of a page, which would stay as a whole.
            self.largest.push(Reverse((bytes, writes, Bytes::copy_from_slice(&kv.key))));
            if self.largest.len() > self.wanted {
                self.largest.pop();
            }
        }
    }
}

/// Reads all keys and values, and returns what they are of with `largest` of the largest keys and all groups.
pub(super) async fn weigh(endpoint: &Endpoint, largest: usize) -> Result<Keyspace, Status> {
    let mut weighed =
        Weighed { groups: BTreeMap::new(), largest: BinaryHeap::new(), wanted: largest, keys: 0, bytes: 0 };
    let (mut from, mut revision, mut limit) = (Bytes::from_static(b"\0"), 0, PAGE / 10);
    loop {
        let request = RangeRequest {
            key: from,
            // All from `key` on.
            range_end: Bytes::from_static(b"\0"),
            limit,
            revision,
            // Whatever this member holds will do, and it has to be asked of nobody else.
            serializable: true,
            ..RangeRequest::default()
        };
        let RangeResponse { header, kvs, more, .. } = endpoint.kv().range(request).await?.into_inner();
        if revision == 0 {
            revision = header.map_or(0, |header| header.revision);
        }
        let Some(last) = kvs.last() else { break };
        from = [&last.key[..], b"\0"].concat().into();
        let before = weighed.bytes;
        for kv in &kvs {
            weighed.add(kv);
        }
        if !more {
            break;
        }
        limit = next_limit(limit, weighed.bytes - before);
    }
    Ok(keyspace(endpoint.url(), revision, weighed))
}

/// Returns how many keys to ask for after a page of so many bytes.
fn next_limit(limit: i64, bytes: u64) -> i64 {
    let fits = LARGE.saturating_mul(u64::try_from(limit).unwrap_or(1)) / bytes.max(1);
    i64::try_from(fits).unwrap_or(PAGE).clamp(1, PAGE)
}

fn keyspace(source: &str, revision: i64, weighed: Weighed) -> Keyspace {
    let mut fillers: Vec<_> = weighed.groups.into_values().collect();
    fillers.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.prefix.cmp(&other.prefix)));
    let largest = weighed.largest.into_sorted_vec().into_iter();
    let largest = largest.map(|Reverse((bytes, writes, key))| Largest {
        key: String::from_utf8_lossy(&key).into_owned(),
        bytes,
        writes,
    });
    Keyspace {
        source: source.to_owned(),
        revision: u64::try_from(revision).unwrap_or(0),
        keys: weighed.keys,
        bytes: weighed.bytes,
        fillers,
        largest: largest.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_groups_add_up() {
        let mut weighed =
            Weighed { groups: BTreeMap::new(), largest: BinaryHeap::new(), wanted: 2, keys: 0, bytes: 0 };
        for (name, size) in [("a", 10), ("b", 300), ("c", 200), ("d", 1)] {
            weighed.add(&KeyValue {
                key: format!("/registry/pods/shop/{name}").into(),
                value: vec![0; size].into(),
                version: 3,
                ..KeyValue::default()
            });
        }
        let found = keyspace("here", 9, weighed);
        let names: Vec<_> = found.largest.iter().map(|largest| largest.key.as_str()).collect();
        assert_eq!(names, ["/registry/pods/shop/b", "/registry/pods/shop/c"]);
        assert_eq!((found.keys, found.bytes, found.largest[0].bytes), (4, 511 + 4 * 21, 321));
        let expected =
            Filler { prefix: "/registry/pods/shop/".to_owned(), keys: 4, bytes: 511 + 4 * 21, writes: 12 };
        assert_eq!(found.fillers, [expected]);
    }

    #[test]
    fn pages_of_large_values_are_short() {
        assert_eq!(next_limit(50, 10_000), PAGE);
        assert_eq!(next_limit(500, 40 << 20), 50);
        assert_eq!(next_limit(2, 1 << 30), 1);
        assert_eq!(next_limit(1, 0), PAGE);
    }
}
