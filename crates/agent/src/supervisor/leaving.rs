//! The orderly end.
//!
//! A primary stays until another has taken over, as long as the grace period lets it; everybody else goes at once. A primary
//! that has to go although nobody took over stops writing first: an orderly end lets commits return that nobody acknowledged.

use std::time::Duration;

use stanchion_ha_core::InstanceName;
use stanchion_ha_core::agent::Duty;
use tokio::time::Instant;

use super::Supervisor;
use super::work::{Done, What, Work};
use crate::plan::Posture;

/// The last report may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Returns whether a primary stays for a successor.
    pub(super) fn has_to_stay(&self, now: Instant, duty: &Duty) -> bool {
        let Some(since) = self.guard.leaving else { return true };
        let is_asked = matches!(duty, Duty::Serve { .. } | Duty::HandOver { .. });
        // Where everybody leaves, as when the whole cluster is taken away, there is nobody to stay for.
        let stays = |name: &InstanceName| {
            self.known.borrow().reports.get(name).is_some_and(|heard| !heard.report.leaving)
        };
        let others = self.topology.as_ref().is_some_and(|seen| {
            let me = self.parts.hands.me();
            seen.value.sync_set.iter().any(|name| name != me && stays(name))
        });
        // Three parts of five for the successor, the rest for the end itself.
        let patience = self.parts.hands.grace() * 3 / 5;
        let holds_office = matches!(self.posture, Posture::Primary(_) | Posture::HandedOver(_));
        is_asked && others && holds_office && now - since < patience
    }

    /// Begins to end the database.
    pub(super) fn end_database(&mut self) {
        if self.work.as_ref().is_some_and(|work| work.what == What::Stop) {
            return;
        }
        let Some(running) = &mut self.running else { return };
        running.ending = true;
        let must_stop_writing = match &self.posture {
            Posture::Primary(office) => office.requires.is_some(),
            Posture::Halfway { .. } => true,
            Posture::Unclear(_)
            | Posture::Idle
            | Posture::Following(_)
            | Posture::Risen { .. }
            | Posture::HandedOver(_) => false,
        };
        let (hands, process, instance) =
            (self.parts.hands.clone(), running.process.clone(), running.instance.clone());
        tracing::info!(must_stop_writing, "ending the database");
        let operation = async move {
            hands.end(&process, &instance, must_stop_writing).await;
            Done::Plain(Ok(()))
        };
        self.work = Some(Work::begin(What::Stop, operation));
    }

    /// Says the last word, and what the files are like that are left.
    pub(super) async fn farewell(mut self) {
        if self.guard.left_orderly
            && let Err(error) = self.parts.hands.unmark().await
        {
            tracing::warn!(error = error.chain(), "the next start will be a careful one");
        }
        let now = Instant::now();
        let number = self.send_report(now);
        if !self.parts.link.written(number, now + FAREWELL).await {
            tracing::warn!("the last report could not be written");
        }
        tracing::info!("ended");
    }
}
