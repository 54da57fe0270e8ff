//! What is told: the report, metrics, readiness.

use std::time::Duration;

use stanchion_ha_core::agent::Duty;
use stanchion_ha_core::{Database, Measures, Millis, Position, Report, Role, Term};
use tokio::time::Instant;

use super::Supervisor;
use super::work::What;
use crate::plan::{Posture, Step};

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    number: u64,
    told: Option<(Instant, Report)>,
}

impl Supervisor {
    /// Makes a report if something has changed that somebody may wait for, or if it is time.
    pub(super) fn make_report(&mut self, now: Instant) {
        self.parts.pulse.turn(self.missing());
        if self.must_be_silent() {
            return;
        }
        let is_due = self.heartbeat.told.as_ref().is_none_or(|(at, told)| {
            let hurried = self.is_hurried();
            let new = self.report(now, told.number);
            now - *at >= self.interval() || essence(told, hurried) != essence(&new, hurried)
        });
        if is_due {
            self.send_report(now);
        }
    }

    /// Makes a report now; returns its number.
    pub(super) fn send_report(&mut self, now: Instant) -> u64 {
        self.heartbeat.number += 1;
        let report = self.report(now, self.heartbeat.number);
        let silence = self.known.borrow().contact.map_or(Duration::ZERO, |contact| now - contact);
        let term = self.topology.as_ref().map_or(0, |seen| seen.value.term.0);
        self.parts.metrics.observe(&report, term, silence, self.chores.brake);
        self.parts.link.report(report.clone());
        self.heartbeat.told = Some((now, report));
        self.heartbeat.number
    }

    fn report(&self, now: Instant, number: u64) -> Report {
        let hands = &self.parts.hands;
        let database = match self.guard.unanswered {
            Some(since) if matches!(self.database, Database::Unresponsive { .. }) => {
                Database::Unresponsive { since: (now - since).into() }
            }
            Some(_) | None => self.database.clone(),
        };
        Report {
            server: hands.server(),
            life: self.parts.life.clone(),
            number,
            database_address: hands.database_address(),
            agent_address: hands.agent_address(),
            seen: self.topology.as_ref().map_or(0, |seen| seen.revision),
            database,
            role: self.role(),
            fenced: self.fenced,
            received: self.received,
            applied: self.applied,
            uncertain: self.uncertain,
            apply_lag: self.apply_lag,
            apply_rate: self.apply_rate,
            standing: self.standing.clone(),
            origin: self.borrowed.clone(),
            leaving: self.guard.leaving.is_some(),
            measures: self.parts.gauge.read(),
        }
    }

    /// Says what the instance is. While a step changes that, it is what it was or what it will be, whichever promises less.
    fn role(&self) -> Role {
        if self.running.as_ref().is_none_or(|running| !running.ready) {
            return Role::Idle;
        }
        let rising = self.work.as_ref().and_then(|work| match &work.what {
            What::Step(Step::Rise { term }) => Some(*term),
            _ => None,
        });
        let again = match self.duty() {
            Duty::Serve { term, .. } if self.rising.is_some() && !self.posture.may_write() => Some(term),
            _ => None,
        };
        if let Some(term) = rising.or(again) {
            return self.rising(term);
        }
        let looks = self.sight.as_ref().and_then(|sight| sight.looks.as_ref());
        match &self.posture {
            Posture::Idle | Posture::Unclear(None) => Role::Idle,
            Posture::Unclear(Some(followed)) => Role::Follower {
                term: followed.term,
                primary: followed.primary.clone(),
                receiving: false,
                acknowledging: followed.acknowledge,
                unheard: Millis(0),
                trouble: None,
            },
            Posture::Following(followed) => {
                let current = self.sight.as_ref().is_some_and(|sight| sight.generation == self.generation);
                let looks = looks.filter(|_| current && self.guard.unanswered.is_none());
                let following = looks.and_then(|looks| looks.following.as_ref());
                Role::Follower {
                    term: followed.term,
                    primary: followed.primary.clone(),
                    receiving: looks.is_some_and(crate::observer::Looks::is_receiving),
                    acknowledging: followed.acknowledge,
                    unheard: following.map_or(Millis(0), |following| following.unheard.into()),
                    trouble: following
                        .and_then(|following| following.trouble())
                        .map(|trouble| trouble.text.clone()),
                }
            }
            Posture::Risen { term } | Posture::Halfway { term } => self.rising(*term),
            Posture::Primary(office) => Role::Primary {
                term: office.term,
                requires: office.requires,
                barred: office.barred.clone(),
                barred_at: office.barred_at,
                waiting: looks
                    .and_then(|looks| looks.writing.as_ref())
                    .map_or(Millis(0), |writing| writing.waiting.into()),
            },
            Posture::HandedOver(handed) => Role::HandedOver(handed.clone()),
        }
    }

    fn rising(&self, term: Term) -> Role {
        Role::Rising { term, trouble: self.rising.as_ref().map(|(_, why)| why.clone()) }
    }

    /// Says what the database lacks to be used as what it is to be.
    fn missing(&self) -> Option<String> {
        if !matches!(self.database, Database::Running) {
            return Some("the database does not answer".to_owned());
        }
        let role = self.role();
        let does = match (self.duty(), &role) {
            (Duty::Serve { term, .. }, Role::Primary { term: own, .. }) => term == *own,
            (Duty::Follow { term, .. }, Role::Follower { term: own, receiving, .. }) => {
                term == *own && *receiving
            }
            (
                Duty::Idle
                | Duty::Fence { .. }
                | Duty::Follow { .. }
                | Duty::Serve { .. }
                | Duty::HandOver { .. }
                | Duty::Copy { .. },
                _,
            ) => false,
        };
        (!does).then(|| "the database does not do yet what it is to do".to_owned())
    }
}

/// Returns a report without what changes all the time: what is left is told at once when it changes.
fn essence(report: &Report, hurried: bool) -> Report {
    let mut essence = report.clone();
    essence.number = 0;
    essence.received = Position::START;
    essence.applied = Position::START;
    essence.apply_lag = Millis(0);
    essence.apply_rate = None;
    essence.measures = Measures::default();
    let is_fenced = report.fenced > Term(0) && matches!(report.role, Role::Idle);
    if hurried || is_fenced {
        // Somebody who waits for a fence or a hand over wants to know what is held.
        essence.received = report.received;
    }
    match &mut essence.role {
        Role::Follower { unheard, .. } => *unheard = Millis(0),
        Role::Primary { waiting, .. } => *waiting = Millis(0),
        Role::Idle | Role::Rising { .. } | Role::HandedOver(_) => {}
    }
    if let Database::Unresponsive { since } = &mut essence.database {
        *since = Millis(0);
    }
    essence
}
