//! What an instance holds: whether it belongs, how far it goes, and whether something may be missing.

use stanchion_ha_core::agent::{Duty, counted_on};
use stanchion_ha_core::{Containment, Position, Stage, Standing};
use tokio::time::Instant;

use super::Supervisor;
use super::up::is_primary_of;
use crate::observer::Observed;
use crate::plan::Posture;

impl Supervisor {
    /// Looks whether what a running instance holds belongs, by a new topology.
    pub(super) fn judge_running(&mut self, now: Instant) {
        self.guard.hurry(now);
        self.judge_origin();
        if self.running.as_ref().is_some_and(|running| running.ready) && !self.posture.may_write() {
            self.judge(self.applied);
        }
        if !matches!(self.duty(), Duty::Copy { .. }) {
            self.copied = None;
        }
    }

    /// Looks, once a cluster has formed, whether the data that the instance brought are those that it goes on with: then
    /// they are the cluster's. Otherwise the volume keeps its name, and a copy is needed.
    fn judge_origin(&mut self) {
        let (Some(seen), Some(of)) = (&self.topology, &self.borrowed) else { return };
        if seen.value.stage == Stage::Forming {
            return;
        }
        if !counted_on(self.parts.hands.me(), &seen.value) && seen.value.origin.as_ref() != Some(of) {
            if matches!(self.standing, Standing::NeedsCopy { .. }) {
                return;
            }
            let why = format!(
                "its volume holds the data of another cluster (uid {of}) than those that this one goes on with; they are put \
                 aside when it gets a copy"
            );
            tracing::warn!(why, "a copy is needed");
            self.standing = Standing::NeedsCopy { why, saved: None };
            return;
        }
        self.borrowed = None;
        let hands = self.parts.hands.clone();
        tokio::spawn(async move {
            if let Err(error) = hands.claim().await {
                tracing::warn!(error = error.chain(), "the volume keeps the name of another cluster for now");
            }
        });
    }

    /// Judges what an instance holds up to `executed`.
    pub(super) fn judge(&mut self, executed: Position) {
        self.judge_origin();
        let Some(seen) = &self.topology else { return };
        let history = &seen.value.history;
        if matches!(self.standing, Standing::NeedsCopy { .. }) {
            return;
        }
        match history.contains(executed) {
            Containment::Contained if executed == Position::START => self.standing = Standing::Empty,
            Containment::Contained => self.standing = Standing::Contained,
            Containment::Diverged { after } => self.diverged(after),
            Containment::TooOld => {
                let why =
                    format!("it holds nothing newer than {executed}, which is older than is remembered");
                self.standing = Standing::NeedsCopy { why, saved: None };
            }
        }
    }

    pub(super) fn diverged(&mut self, after: Position) {
        let why =
            format!("it holds transactions behind {after:?} that do not belong", after = after.to_string());
        tracing::warn!(why, "a copy is needed");
        self.standing = Standing::NeedsCopy { why, saved: None };
        self.unsaved = Some(after);
    }

    /// Takes over where a database is, from a look at what it is now.
    pub(super) fn take_positions(&mut self, seen: &Observed) {
        let Some(looks) = &seen.looks else { return };
        self.applied = looks.positions.applied;
        if !self.undrained {
            self.received = looks.received();
        } else if self.applied.reaches(self.received) {
            self.undrained = false;
        }
        self.apply_rate = looks.following.as_ref().and_then(|following| following.apply_rate);
        self.apply_lag = looks.following.as_ref().map_or_else(Default::default, |f| f.apply_lag.into());
        if let Some(following) = looks.following.as_ref().filter(|following| following.needs_copy())
            && matches!(self.posture, Posture::Following(_))
            && matches!(self.standing, Standing::Contained | Standing::Empty)
        {
            let why = following.trouble().map_or_else(String::new, |trouble| trouble.text.clone());
            tracing::warn!(why, "a copy is needed");
            self.standing = Standing::NeedsCopy { why, saved: None };
        }
        self.take_certainty();
    }

    /// Ends uncertainty once as much was received as the primary had when this instance came back.
    fn take_certainty(&mut self) {
        let Posture::Following(followed) = &self.posture else { return };
        if !self.uncertain {
            return;
        }
        let known = self.known.borrow();
        let heard = known.reports.get(&followed.primary);
        let began = self.running.as_ref().map(|running| running.began);
        let target = heard
            .filter(|heard| Some(heard.at) > began && is_primary_of(&heard.report.role, followed.term))
            .map(|heard| heard.report.applied);
        let target = *self.catch_up.get_or_insert(match target {
            Some(target) => target,
            None => return,
        });
        drop(known);
        if self.received.reaches(target) {
            self.uncertain = false;
            self.catch_up = None;
            let hands = self.parts.hands.clone();
            tokio::spawn(async move {
                if let Err(error) = hands.found().await {
                    tracing::warn!(error = error.chain(), "the next life will be uncertain again");
                }
            });
        }
    }

    /// What was received behind the end of what belongs is nobody's.
    pub(super) fn judge_received(&mut self) {
        let belongs = self
            .topology
            .as_ref()
            .is_none_or(|seen| seen.value.history.contains(self.received) == Containment::Contained);
        if !belongs {
            self.received = self.applied;
        }
        self.undrained = self.received.sequence() > self.applied.sequence();
    }
}
