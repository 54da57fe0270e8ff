//! What an agent knows from the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use stanchion_ha_core::{InstanceName, Report, Settings, Topology};
use stanchion_store::core::{Event, EventKind, KeyValue};
use tokio::time::Instant;

use super::Keys;

/// A value and the revision that it was written at.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    /// The revision.
    pub(crate) revision: i64,
    /// The value.
    pub(crate) value: Arc<T>,
}

impl<T> Clone for Seen<T> {
    fn clone(&self) -> Self {
        Self { revision: self.revision, value: Arc::clone(&self.value) }
    }
}

/// A report of an agent, and when this one learned of it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// When.
    pub(crate) at: Instant,
    /// What it says.
    pub(crate) report: Arc<Report>,
}

/// What an agent knows from the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// What a person decided.
    pub(crate) settings: Option<Seen<Settings>>,
    /// What is wanted.
    pub(crate) topology: Option<Seen<Topology>>,
    /// What the agents say, this one included.
    pub(crate) reports: BTreeMap<InstanceName, Heard>,
    /// When the store was last heard of.
    pub(crate) contact: Option<Instant>,
    /// When the newest read began that would have told a newer topology.
    pub(crate) confirmed: Option<Instant>,
}

impl Known {
    /// Returns whether the topology was read after `moment`.
    pub(crate) fn is_confirmed_since(&self, moment: Instant) -> bool {
        self.confirmed.is_some_and(|confirmed| confirmed >= moment)
    }

    /// Takes in a pair that was read or has changed.
    pub(super) fn learn(&mut self, keys: &Keys, kv: &KeyValue) {
        let key = kv.key.as_ref();
        if key == keys.topology.as_bytes() {
            forward(&mut self.topology, kv);
        } else if key == keys.settings.as_bytes() {
            forward(&mut self.settings, kv);
        } else if let Some(instance) = instance(keys, key)
            && let Some(report) = parse::<Report>(kv)
        {
            // One that is read again came when it came.
            let again = self
                .reports
                .get(&instance)
                .filter(|heard| heard.report.life == report.life && heard.report.number == report.number);
            let at = again.map_or_else(Instant::now, |heard| heard.at);
            self.reports.insert(instance, Heard { at, report: Arc::new(report) });
        }
    }

    /// Takes in a change.
    pub(super) fn change(&mut self, keys: &Keys, event: &Event) {
        match event.kind {
            EventKind::Put => self.learn(keys, &event.kv),
            EventKind::Delete => {
                if let Some(instance) = instance(keys, &event.kv.key) {
                    self.reports.remove(&instance);
                } else {
                    // A cluster that is taken away takes its instances with it; until then they go on as they are.
                    tracing::warn!("a key of the cluster was deleted; what it said stays in force");
                }
            }
        }
    }

    /// Takes in all that there is.
    pub(super) fn replace(&mut self, keys: &Keys, kvs: &[KeyValue]) {
        self.reports.retain(|name, _| {
            let key = format!("{}{name}", keys.reports);
            kvs.iter().any(|kv| kv.key == key.as_bytes())
        });
        for kv in kvs {
            self.learn(keys, kv);
        }
    }

    /// Notes that a read that began at `began` was answered.
    pub(super) fn confirm(&mut self, began: Instant) {
        self.confirmed = self.confirmed.max(Some(began));
        self.contact = Some(Instant::now());
    }
}

fn instance(keys: &Keys, key: &[u8]) -> Option<InstanceName> {
    let name = key.strip_prefix(keys.reports.as_bytes())?;
    InstanceName::new(std::str::from_utf8(name).ok()?).ok()
}

fn forward<T: DeserializeOwned>(known: &mut Option<Seen<T>>, kv: &KeyValue) {
    let revision = kv.modified.0;
    if known.as_ref().is_some_and(|known| known.revision >= revision) {
        return;
    }
    if let Some(value) = parse(kv) {
        *known = Some(Seen { revision, value: Arc::new(value) });
    }
}

/// Reads a value. One that cannot be read is told and passed over: what was known before stays in force.
fn parse<T: DeserializeOwned>(kv: &KeyValue) -> Option<T> {
    match serde_json::from_slice(&kv.value) {
        Ok(value) => Some(value),
        Err(error) => {
            let key = String::from_utf8_lossy(&kv.key);
            tracing::error!(%key, revision = kv.modified.0, %error, "cannot read what stands in the store");
            None
        }
    }
}
