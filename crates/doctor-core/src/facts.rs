//! What is known of a cluster.

pub(crate) mod certificate;
pub(crate) mod etcd;

use std::collections::BTreeMap;

use crate::need::{Need, Reading};
use certificate::Certificate;
use etcd::Etcd;

/// What is known of a cluster, and what came of reading it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// When it was read, in seconds since the Unix epoch.
    pub now: i64,
    /// What came of reading each kind of facts; what nobody asked for is not there.
    pub readings: BTreeMap<Need, Reading>,
    /// What etcd says.
    pub etcd: Etcd,
    /// The certificates that were found.
    pub certificates: Vec<Certificate>,
}

impl Facts {
    /// Returns facts of which nothing has been read yet.
    pub fn new(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// Notes what came of reading something.
    pub fn note(&mut self, need: Need, reading: Reading) {
        self.readings.insert(need, reading);
    }
}
