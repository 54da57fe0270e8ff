//! What is known of a cluster.

pub(crate) mod certificate;
pub(crate) mod etcd;
pub(crate) mod kube;
pub(crate) mod prometheus;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::exemption::mark::Marks;
use crate::exemption::{Exemption, Exemptions};
use crate::need::{Need, Reading};
use certificate::Certificate;
use etcd::Etcd;
use kube::Kube;
use prometheus::Prometheus;

/// What is known of a cluster, and what came of reading it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// When it was read, in seconds since the Unix epoch.
    pub now: i64,
    /// What came of reading each kind of facts; what nobody asked for is not there.
    pub readings: BTreeMap<Need, Reading>,
    /// What etcd says.
    pub etcd: Etcd,
    /// What the API says.
    pub kube: Kube,
    /// The certificates that were found.
    pub certificates: Vec<Certificate>,
    /// What Prometheus says of itself.
    pub prometheus: Prometheus,
    /// What objects say about themselves.
    pub marks: Marks,
    /// Which findings are taken back.
    pub exemptions: Arc<Exemptions>,
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

    /// Takes the exemptions that files give, and those that the objects carry which have been read by now.
    pub fn take_exemptions(&mut self, given: Vec<Exemption>) {
        let (exemptions, missing) = Exemptions::new(given, &self.marks, self.now);
        self.exemptions = Arc::new(exemptions);
        let source = "files and annotations".to_owned();
        let reading =
            if missing.is_empty() { Reading::Read { source } } else { Reading::Partly { source, missing } };
        self.note(Need::Exemptions, reading);
    }
}
