//! What is looked after besides what is owed: own freezes, isolation, a database that hangs, pauses after failures, leaving.

use std::collections::BTreeSet;
use std::time::Duration;

use stanchion_ha_core::{InstanceName, ServerId};
use tokio::time::Instant;

use super::work::What;
use super::{Database, Supervisor};
use crate::plan::{Posture, Step};

/// How long a topology may take to be confirmed after a freeze; then a primary is ended.
const CONFIRM: Duration = Duration::from_secs(2);
/// How long to wait after something failed, doubled up to the second figure.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A database that has run for so long has started well; its next start needs no pause.
const STEADY: Duration = Duration::from_secs(10);

/// Times that are looked after.
#[derive(Debug)]
pub(super) struct Guard {
    /// When the loop turned last.
    turned: Instant,
    /// Since when the topology has to be confirmed before anything is done.
    thawed: Option<Instant>,
    /// Since when there has been no process; a topology that was read before does not start one.
    pub(super) down_since: Instant,
    /// Since when the process could have been started.
    pub(super) startable: Option<Instant>,
    /// Since when the database has not answered.
    pub(super) unanswered: Option<Instant>,
    /// When a member of the sync set was last seen to listen.
    listened: Instant,
    /// Nothing is tried before.
    pub(super) retry_at: Instant,
    pause: Duration,
    /// How often the binary log could not be cut back.
    pub(super) failed_cuts: u32,
    /// Since when the agent has been asked to end.
    pub(super) leaving: Option<Instant>,
    /// Whether the database was ended in an orderly way while it could not write.
    pub(super) left_orderly: bool,
}

impl Guard {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            turned: now,
            thawed: None,
            down_since: now,
            startable: None,
            unanswered: None,
            listened: now,
            retry_at: now,
            pause: PAUSE.0,
            failed_cuts: 0,
            leaving: None,
            left_orderly: false,
        }
    }

    /// Something failed: nothing is tried for a while.
    pub(super) fn failed(&mut self, now: Instant) {
        self.retry_at = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE.1);
    }

    /// Something went well: the next failure is the first.
    pub(super) fn succeeded(&mut self) {
        self.pause = PAUSE.0;
    }

    /// Something else is asked for: it is tried at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.retry_at = now;
        self.pause = PAUSE.0;
    }
}

impl Supervisor {
    /// Notes that the loop turns, and whether it has not for too long.
    pub(super) fn note_turn(&mut self, now: Instant) {
        let gap = now - self.guard.turned;
        self.guard.turned = now;
        if gap > self.patience() {
            tracing::warn!(gap_ms = gap.as_millis(), "the agent was frozen; reading the topology anew");
            self.guard.thawed = Some(now);
            self.parts.link.confirm();
        }
    }

    /// Returns whether nothing may be done or said, because the agent was frozen and does not know yet what has happened.
    pub(super) fn is_frozen(&mut self, now: Instant) -> bool {
        let Some(thawed) = self.guard.thawed else { return false };
        if self.known.borrow().is_confirmed_since(thawed) {
            self.guard.thawed = None;
            return false;
        }
        if now - thawed < CONFIRM.min(self.patience()) {
            return true;
        }
        self.guard.thawed = None;
        if self.posture.may_write() {
            self.kill("it was frozen, and its term cannot be confirmed");
        }
        false
    }

    /// Returns whether reports have to wait.
    pub(super) fn must_be_silent(&self) -> bool {
        self.guard.thawed.is_some()
    }

    /// Takes over what the observer saw.
    pub(super) fn take_sight(&mut self, now: Instant) {
        if !self.parts.observed.has_changed().unwrap_or(false) {
            return;
        }
        let Some(seen) = self.parts.observed.borrow_and_update().clone() else { return };
        let Some(running) = self.running.as_ref().filter(|running| running.ready) else { return };
        if seen.began < running.began {
            return;
        }
        let Some(looks) = &seen.looks else {
            let since = *self.guard.unanswered.get_or_insert(seen.began);
            self.database = Database::Unresponsive { since: (now - since).into() };
            return;
        };
        self.guard.unanswered = None;
        self.database = Database::Running;
        if let Some(writing) = &looks.writing {
            let members = self.sync_servers();
            if writing.listeners.iter().any(|server| members.contains(server)) {
                self.guard.listened = now;
            }
        }
        if seen.generation == self.generation {
            self.take_positions(&seen);
            self.sight = Some(seen);
        }
    }

    /// Returns whether a primary is cut off from everybody for too long: others may have been promoted, and nobody can say so.
    pub(super) fn is_isolated(&self, now: Instant) -> bool {
        let Posture::Primary(office) = &self.posture else { return false };
        let patience = self.patience();
        let contact = self.known.borrow().contact;
        office.requires.is_some()
            && contact.is_none_or(|contact| now - contact >= patience)
            && now - self.guard.listened >= patience
    }

    /// Notes that a database has become primary: its replicas have as long as anybody to come.
    pub(super) fn begin_office(&mut self, now: Instant) {
        self.guard.listened = now;
    }

    /// Returns whether the database hangs although something is to be done with it.
    pub(super) fn hangs(&self, now: Instant) -> bool {
        self.guard.unanswered.is_some_and(|since| now - since >= self.patience())
    }

    /// Ends the process at once; its end is noticed like any other.
    pub(super) fn kill(&mut self, why: &str) {
        self.work = None;
        if let Some(running) = &mut self.running
            && !running.ending
        {
            tracing::warn!(why, "killing the database");
            running.process.kill();
            running.ending = true;
            self.parts.metrics.killed();
        }
    }

    /// Notes the end of the process, if it has ended.
    pub(super) fn take_end(&mut self, now: Instant) {
        let Some(running) = &self.running else { return };
        let Some(ended) = *running.process.ended().borrow() else { return };
        let how = ended.to_string();
        tracing::warn!(how, last = running.process.latest(), "the database has ended");
        if !running.ending {
            self.parts.metrics.ended();
        }
        let was_steady = running.ready && now - running.began >= STEADY;
        let was_ready = running.ready;
        let is_copied =
            self.work.as_ref().is_some_and(|work| matches!(work.what, What::Step(Step::Copy { .. })));
        if !is_copied {
            self.work = None;
            self.database = Database::Ended { how };
        }
        if self.guard.leaving.is_some() && ended.is_orderly() && !self.posture.may_write() {
            self.guard.left_orderly = true;
        }
        self.running = None;
        self.parts.target.send_replace(None);
        self.files = super::Files::Unknown;
        self.posture = Posture::Unclear(None);
        self.sight = None;
        self.followed = None;
        self.generation += 1;
        self.guard.down_since = now;
        self.guard.startable = None;
        self.guard.unanswered = None;
        if was_steady {
            self.guard.hurry(now);
        } else if !was_ready {
            self.guard.failed(now);
        }
        self.parts.link.confirm();
    }

    /// Returns who may acknowledge, as servers.
    fn sync_servers(&self) -> BTreeSet<ServerId> {
        let Some(seen) = &self.topology else { return BTreeSet::new() };
        seen.value.sync_set.iter().filter_map(|name| self.server_of(name)).collect()
    }

    /// Returns the number of an instance, as the settings, its report or its name say it.
    pub(super) fn server_of(&self, instance: &InstanceName) -> Option<ServerId> {
        let settings = self.settings();
        let member = settings.as_ref().and_then(|settings| settings.members.get(instance));
        let told = || self.report_of(instance).map(|report| report.server);
        member.map(|member| member.server).or_else(told).or_else(|| self.parts.hands.server_of(instance))
    }
}
