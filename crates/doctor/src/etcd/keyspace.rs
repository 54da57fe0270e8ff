//! What the keys are of, and how large: names of all, values of some.
//!
//! Names and how often each was written are read page by page, at one revision. To read all values would be to read the whole
//! database; those of a kind in a namespace are of one sort, so some of them, spread evenly, tell what they weigh.

mod group;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use stanchion_doctor_core::{Facts, Filler, Keyspace, Reading};
use stanchion_etcd_api::etcdserverpb::{RangeRequest, RangeResponse};
use thiserror::Error;
use tokio::time::timeout;
use tonic::Status;

use super::Etcd;
use super::connection::{Endpoint, EtcdError};
use crate::chain;
use group::group_of;

/// So many names are read at a time: a page of them is a few megabytes.
const PAGE: i64 = 10_000;
/// So many values of each group are weighed.
const WEIGHED: usize = 50;
/// Only the groups that may matter are weighed: those with the most keys or writes.
const GROUPS: usize = 40;
/// So many groups are told of.
const TOLD: usize = 20;

/// To read all of a large database takes minutes.
const LONG: Duration = Duration::from_hours(1);

/// Keys that could not be read.
#[derive(Debug, Error)]
pub enum WeighError {
    /// There is nobody to ask.
    #[error("no member that answers is up to date")]
    Nobody,
    /// A member cannot be reached as it is named.
    #[error(transparent)]
    Endpoint(#[from] EtcdError),
    /// A member does not let them be read.
    #[error("cannot read the keys of {endpoint}")]
    Refused {
        /// Where.
        endpoint: String,
        /// Its words.
        #[source]
        source: Status,
    },
    /// It takes too long.
    #[error("the keys of {endpoint} are not read after {LONG:?}")]
    Late {
        /// Where.
        endpoint: String,
    },
}

/// Keys of one kind in one namespace.
#[derive(Debug, Default)]
struct Group {
    keys: u64,
    name_bytes: u64,
    writes: u64,
    /// Some of their names, spread evenly: every `stride`th.
    some: Vec<Bytes>,
    stride: u64,
}

impl Group {
    fn add(&mut self, key: &Bytes, version: i64) {
        let stride = self.stride.max(1);
        if self.keys.is_multiple_of(stride) {
            self.some.push(key.clone());
            if self.some.len() > 2 * WEIGHED {
                // Every second of them, so that what is kept stays spread over all.
                let mut number = 0;
                self.some.retain(|_| {
                    number += 1;
                    number % 2 == 1
                });
                self.stride = stride * 2;
            }
        }
        self.keys += 1;
        self.name_bytes += key.len() as u64;
        self.writes += u64::try_from(version).unwrap_or(0);
    }
}

impl Etcd {
    /// Reads what the keys are of, from the first member that lets us.
    pub(super) async fn read_keyspace(&self, facts: &mut Facts) -> Reading {
        let mut why = Vec::new();
        for endpoint in &self.endpoints {
            match weigh(endpoint).await {
                Ok(keyspace) => {
                    facts.etcd.keyspace = Some(keyspace);
                    return Reading::Read { source: endpoint.url().to_owned() };
                }
                Err(error) => why.push(format!("{}: {}", endpoint.url(), chain(&error))),
            }
        }
        Reading::Failed { source: self.options.endpoints.join(", "), why: why.join("; ") }
    }
}

impl Etcd {
    /// Reads all keys and values of a cluster whose members were read, from one that can be spared: exactly what they are of,
    /// with so many of the largest keys.
    pub async fn weigh(&self, facts: &Facts, largest: usize) -> Result<Keyspace, WeighError> {
        let (_, status) = facts.etcd.spare().ok_or(WeighError::Nobody)?;
        let (tls, connect) = (self.options.tls.as_ref(), self.options.connect_timeout);
        let endpoint = Endpoint::prepare(&status.endpoint, tls, connect)?;
        let failed = |source| WeighError::Refused { endpoint: status.endpoint.clone(), source };
        match timeout(LONG, values::weigh(&endpoint, largest)).await {
            Ok(weighed) => weighed.map_err(failed),
            Err(_) => Err(WeighError::Late { endpoint: status.endpoint.clone() }),
        }
    }
}

async fn weigh(endpoint: &Endpoint) -> Result<Keyspace, Status> {
    let (groups, revision) = read_names(endpoint).await?;
    let keys = groups.values().map(|group| group.keys).sum();
    let mut order: Vec<_> = groups.into_iter().collect();
    order.sort_by_key(|(_, group)| std::cmp::Reverse(group.keys.max(group.writes)));
    let mut fillers = Vec::new();
    for (number, (prefix, group)) in order.into_iter().enumerate() {
        let values = if number < GROUPS { mean_value(endpoint, &group, revision).await? } else { 0 };
        let Group { keys, name_bytes, writes, .. } = group;
        fillers.push(Filler { prefix, keys, bytes: name_bytes + values * keys, writes });
    }
    fillers.sort_by_key(|filler| std::cmp::Reverse(filler.bytes));
    let bytes = fillers.iter().map(|filler| filler.bytes).sum();
    fillers.truncate(TOLD);
    Ok(Keyspace {
        source: endpoint.url().to_owned(),
        revision: u64::try_from(revision).unwrap_or(0),
        keys,
        bytes,
        fillers,
        largest: Vec::new(),
    })
}

/// Reads the names of all keys at one revision, and returns them by group.
async fn read_names(endpoint: &Endpoint) -> Result<(BTreeMap<String, Group>, i64), Status> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let (mut from, mut revision) = (Bytes::from_static(b"\0"), 0);
    loop {
        let request = RangeRequest {
            key: from.clone(),
            // All from `key` on.
            range_end: Bytes::from_static(b"\0"),
            limit: PAGE,
            revision,
            keys_only: true,
            // Whatever this member holds will do, and it has to be asked of nobody else.
            serializable: true,
            ..RangeRequest::default()
        };
        let RangeResponse { header, kvs, more, .. } = endpoint.kv().range(request).await?.into_inner();
        if revision == 0 {
            revision = header.map_or(0, |header| header.revision);
        }
        let Some(last) = kvs.last() else { break };
        let mut next = last.key.to_vec();
        next.push(0);
        from = next.into();
        for kv in kvs {
            groups.entry(group_of(&kv.key)).or_default().add(&kv.key, kv.version);
        }
        if !more {
            break;
        }
    }
    Ok((groups, revision))
}

/// Returns what a value of a group weighs: the mean of some.
async fn mean_value(endpoint: &Endpoint, group: &Group, revision: i64) -> Result<u64, Status> {
    let step = group.some.len().div_ceil(WEIGHED).max(1);
    let (mut weighed, mut total) = (0, 0);
    for key in group.some.iter().step_by(step) {
        let request =
            RangeRequest { key: key.clone(), revision, serializable: true, ..RangeRequest::default() };
        for kv in endpoint.kv().range(request).await?.into_inner().kvs {
            weighed += 1;
            total += kv.value.len() as u64;
        }
    }
    Ok(total.checked_div(weighed).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_many_are_spread_over_all() {
        let mut group = Group::default();
        for number in 0..10_000_u64 {
            group.add(&Bytes::from(format!("{number:05}")), 2);
        }
        assert_eq!((group.keys, group.name_bytes, group.writes), (10_000, 50_000, 20_000));
        assert!((WEIGHED..=2 * WEIGHED).contains(&group.some.len()), "{}", group.some.len());
        let last: u64 =
            std::str::from_utf8(group.some.last().expect("some")).expect("text").parse().expect("a number");
        assert!(last > 9_500, "{last}");
    }
}
