//! While a process runs: steps towards what is owed, and what else is to be done when there is none.

use std::path::PathBuf;
use std::time::Duration;

use stanchion_ha_core::agent::Duty;
use stanchion_ha_core::{Database, HandedOver, Position, Role, Standing, Term};
use tokio::time::Instant;

use super::chores::Chores;
use super::work::{Done, Stepped, What, Work};
use super::{Files, Supervisor};
use crate::hands::{Context, HandError};
use crate::observer::Target;
use crate::plan::{self, Followed, Office, Posture, Sight, Step};

/// Looks at the database are at most and at least so far apart.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));
/// They are so far apart while somebody waits for every transaction.
const HURRIED: Duration = Duration::from_millis(5);
/// How often a primary says that it is there, while no settings are known.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long clients may hold up a hand over: less than a manager waits for it.
const HAND_OVER: Duration = Duration::from_secs(5);
/// Looks in the time of one report.
const LOOKS: u32 = 4;

impl Supervisor {
    /// Looks at an instance with a process. Returns whether all is over.
    pub(super) fn turn_up(&mut self, now: Instant) -> bool {
        let Some(running) = &self.running else { return false };
        if running.ending {
            return false;
        }
        if self.is_isolated(now) {
            self.kill("neither the store nor a replica has been seen for too long");
            return false;
        }
        if !running.ready {
            if self.guard.leaving.is_some() {
                self.end_database();
            }
            return false;
        }
        let duty = self.duty();
        let mut step = self.next_step(&duty);
        if let Some(Step::Fence { term }) = step
            && self.posture == Posture::Idle
            && self.followed.is_none()
        {
            // A process that was started listens to nobody before it is told to, and its files say what it holds.
            self.fenced = self.fenced.max(term);
            step = self.next_step(&duty);
        }
        if step == Some(Step::Kill) {
            self.kill("it may be writable, and the topology asks for something else");
            return false;
        }
        if self.guard.leaving.is_some() && !self.has_to_stay(now, &duty) {
            self.end_database();
            return false;
        }
        if self.hangs(now) && step.is_some() {
            self.kill("it does not answer, and something else is asked of it");
            return false;
        }
        if self.work.is_none() && now >= self.guard.retry_at {
            self.begin_next(step);
        }
        false
    }

    fn next_step(&self, duty: &Duty) -> Option<Step> {
        let primary = match duty {
            Duty::Follow { term, primary, .. } => {
                self.report_of(primary).filter(|report| is_primary_of(&report.role, *term))
            }
            Duty::Idle
            | Duty::Fence { .. }
            | Duty::Serve { .. }
            | Duty::HandOver { .. }
            | Duty::Copy { .. } => None,
        };
        let copied = matches!(duty, Duty::Copy { from } if self.copied.as_ref() == Some(from));
        let base = self.topology.as_ref().map_or(Position::START, |seen| seen.value.history.base());
        plan::next(&Sight {
            duty,
            posture: &self.posture,
            fenced: self.fenced,
            standing: &self.standing,
            primary: primary.map(|report| report.database_address),
            wrote: self.parts.hands.wrote(),
            // Who was promoted although it is uncertain crashed before it was writable: what it may lack is older than
            // `base`, and the manager knows.
            complete: self.received.reaches(base),
            copied,
        })
    }

    /// Begins what comes first.
    fn begin_next(&mut self, step: Option<Step>) {
        if self.unsaved.is_some() {
            return self.save();
        }
        match step {
            // What was acknowledged is applied before it could be thrown away, or be missed.
            Some(Step::Listen(_) | Step::Rise { .. }) | None if self.undrained => self.drain(),
            Some(Step::Copy { from }) => self.begin_copy(from),
            Some(step) => self.begin_step(step),
            None => self.begin_chore(),
        }
    }

    /// Gives up what is under way if it no longer fits.
    pub(super) fn give_up_work(&mut self) {
        let Some(work) = self.work.as_ref().filter(|work| work.what.yields()) else { return };
        if self.parts.hands.is_installing() {
            return;
        }
        let duty = self.duty();
        let fits = match (&work.what, &duty) {
            (What::Step(Step::Rise { term }), Duty::Serve { term: asked, .. }) => term == asked,
            (What::Step(Step::Copy { from }), Duty::Copy { from: asked }) => from == asked,
            (What::Step(_), _) | (What::Drain, Duty::Copy { .. }) => false,
            (What::Drain, _) => true,
            (_, _) => self.next_step(&duty).is_none(),
        };
        if !fits {
            tracing::info!(what = work.what.name(), "giving up what is no longer asked for");
            if matches!(work.what, What::Step(Step::Copy { .. })) {
                self.database = Database::Waiting;
                self.files = Files::Unknown;
            }
            self.work = None;
            self.generation += 1;
            self.aim();
        }
    }

    /// Returns what steps need to know besides.
    fn context(&self) -> Context {
        let settings = self.settings();
        let topology = self.topology.as_ref();
        let barred = topology.iter().flat_map(|seen| &seen.value.barred);
        let servers = barred.filter_map(|name| Some((name.clone(), self.server_of(name)?))).collect();
        Context {
            history: topology.map(|seen| seen.value.history.clone()).unwrap_or_default(),
            heartbeat: settings.map_or(HEARTBEAT, |settings| settings.replication_heartbeat().into()),
            servers,
            keep_received: self.followed.is_some() && self.followed == topology.map(|seen| seen.value.term),
            patience: HAND_OVER,
        }
    }

    fn begin_step(&mut self, step: Step) {
        tracing::info!(?step, "a step");
        let context = self.context();
        match &step {
            Step::Listen(followed) => self.posture = Posture::Unclear(Some(self.suspect(followed))),
            Step::Acknowledge(followed) => self.posture = Posture::Following(self.suspect(followed)),
            Step::Promote { term, .. } => self.posture = Posture::Halfway { term: *term },
            Step::Resume { handed, .. } => self.posture = Posture::Halfway { term: handed.term },
            Step::Require(_) | Step::Bar(_) => self.change_office(|office| office.unsettle(&step)),
            Step::Fence { .. }
            | Step::Rise { .. }
            | Step::HandOver { .. }
            | Step::Copy { .. }
            | Step::Kill => {}
        }
        let Some(running) = &self.running else { return };
        let (hands, instance, asked) = (self.parts.hands.clone(), running.instance.clone(), step.clone());
        let operation = async move { Done::Stepped(hands.step(&instance, asked, context).await) };
        self.generation += 1;
        if matches!(step, Step::Rise { .. }) {
            // It may take long, and what is applied meanwhile is worth telling.
            self.aim();
        }
        self.work = Some(Work::begin(What::Step(step), operation));
    }

    /// Returns what is followed while that changes: it may acknowledge if it did, or is to.
    fn suspect(&self, wanted: &Followed) -> Followed {
        let before = match &self.posture {
            Posture::Following(followed) | Posture::Unclear(Some(followed)) => followed.acknowledge,
            Posture::Unclear(None)
            | Posture::Idle
            | Posture::Risen { .. }
            | Posture::Primary(_)
            | Posture::HandedOver(_)
            | Posture::Halfway { .. } => false,
        };
        Followed { acknowledge: before || wanted.acknowledge, ..wanted.clone() }
    }

    fn save(&mut self) {
        let Some(after) = self.unsaved else { return };
        let hands = self.parts.hands.clone();
        let operation = async move { Done::Saved(hands.save(after).await) };
        self.work = Some(Work::begin(What::Save, operation));
    }

    fn drain(&mut self) {
        let Some(running) = &self.running else { return };
        let (hands, instance) = (self.parts.hands.clone(), running.instance.clone());
        let operation = async move { Done::Plain(hands.drain(&instance).await) };
        self.work = Some(Work::begin(What::Drain, operation));
    }

    /// Takes over what came of an operation.
    pub(super) fn finished(&mut self, (what, done): (What, Option<Done>)) {
        let now = Instant::now();
        match (what, done) {
            (What::Prepare, Some(Done::Prepared(prepared))) => self.prepared(prepared),
            (What::Launch { cut }, Some(Done::Launched(launched))) => self.launched(cut, launched),
            (What::Await, Some(Done::Ready(ready))) => self.ready(ready),
            (What::Save, Some(Done::Saved(saved))) => self.saved(saved),
            (What::Step(step), Some(Done::Stepped(stepped))) => self.stepped(step, stepped, now),
            (What::Drain, Some(Done::Plain(drained))) => self.drained(drained),
            (what, Some(Done::Plain(done))) => self.chore_done(&what, done),
            // The operation broke off, which was told; it is begun again.
            (_, _) => self.guard.failed(now),
        }
    }

    fn saved(&mut self, saved: Result<Option<PathBuf>, HandError>) {
        let Some(saved) = self.checked(saved) else { return };
        self.unsaved = None;
        if let Standing::NeedsCopy { saved: told, .. } = &mut self.standing {
            *told = saved.as_ref().map(|path| path.display().to_string());
        }
        self.saved = saved;
    }

    fn drained(&mut self, drained: Result<(), HandError>) {
        if self.checked(drained).is_none() {
            // It may have acknowledged what it cannot apply: whoever promotes has to know.
            self.uncertain = true;
        }
        self.undrained = false;
        self.generation += 1;
        self.aim();
    }

    fn stepped(&mut self, step: Step, stepped: Result<Stepped, HandError>, now: Instant) {
        self.parts.metrics.stepped(What::Step(step.clone()).name(), stepped.is_ok());
        let failed = stepped.is_err();
        let is_undone = stepped.as_ref().is_err_and(HandError::is_undone_demotion);
        let is_held = stepped.as_ref().is_err_and(HandError::is_held_by_commits);
        self.note_rising(&step, stepped.as_ref().err(), now);
        match (step, self.checked(stepped)) {
            (step, None) => self.step_failed(&step, is_undone),
            (Step::Fence { term }, Some(Stepped::Fenced(received))) => self.fenced_at(term, received),
            (Step::Listen(_), Some(Stepped::Diverged(after))) => {
                self.posture = Posture::Idle;
                self.diverged(after);
            }
            (Step::Listen(followed), Some(_)) => self.listens(followed),
            (Step::Acknowledge(followed), Some(_)) => self.posture = Posture::Following(followed),
            (Step::Rise { term }, Some(Stepped::Risen(applied))) => {
                self.applied = applied;
                self.received = applied;
                self.fenced = self.fenced.max(term);
                self.posture = Posture::Risen { term };
            }
            (Step::Promote { term, barred, .. }, Some(Stepped::Promoted { requires, barred_at })) => {
                self.begin_office(now);
                self.posture = Posture::Primary(Office::new(term, requires, barred, barred_at));
                self.standing = Standing::Contained;
                self.uncertain = false;
                self.chores = Chores::default();
            }
            (Step::Require(_), Some(Stepped::Required(requires))) => {
                self.change_office(|office| {
                    office.requires = requires;
                    office.requirement_settled = true;
                });
                self.begin_office(now);
            }
            (Step::Bar(barred), Some(Stepped::Barred(at))) => self.change_office(|office| {
                office.barred = barred;
                office.barred_at = at;
                office.bars_settled = true;
            }),
            (Step::HandOver { term }, Some(Stepped::HandedOver(position))) => {
                self.applied = position;
                self.received = position;
                self.posture = Posture::HandedOver(HandedOver { term, position });
            }
            (Step::Resume { handed, barred }, Some(Stepped::Promoted { requires, barred_at })) => {
                self.begin_office(now);
                self.posture = Posture::Primary(Office::new(handed.term, requires, barred, barred_at));
            }
            (Step::Copy { from }, Some(Stepped::Copied(position))) => self.copied_from(from, position),
            (step, Some(_)) => self.step_failed(&step, false),
        }
        if !failed {
            self.guard.succeeded();
        }
        if is_held {
            // Only the end of the process keeps them from returning.
            self.kill("commits wait in it that nobody will acknowledge, and it is to follow");
        }
        self.generation += 1;
        self.aim();
    }

    /// Keeps what it fails of to become primary; if that is the data, others have better.
    fn note_rising(&mut self, step: &Step, error: Option<&HandError>, now: Instant) {
        if !matches!(step, Step::Rise { .. } | Step::Promote { .. }) {
            self.rising = None;
            return;
        }
        let Some(error) = error else {
            self.rising = None;
            return;
        };
        let why = error.chain();
        let since = self.rising.as_ref().map_or(now, |(since, _)| *since);
        if error.is_misfit() && now - since >= self.patience() {
            tracing::error!(why, "what was received does not fit the data; a copy is needed");
            self.standing = Standing::NeedsCopy { why: why.clone(), saved: None };
        }
        self.rising = Some((since, why));
    }

    /// What is left after a step that failed; it is done again, or something else is.
    fn step_failed(&mut self, step: &Step, is_undone: bool) {
        match step {
            // As it was, or as it was said when the step began.
            Step::Listen(_)
            | Step::Acknowledge(_)
            | Step::Promote { .. }
            | Step::Resume { .. }
            | Step::Fence { .. }
            | Step::Rise { .. }
            | Step::Require(_)
            | Step::Bar(_)
            | Step::Kill => {}
            Step::HandOver { term } => {
                if !is_undone {
                    self.posture = Posture::Halfway { term: *term };
                }
            }
            Step::Copy { .. } => {
                self.files = Files::Unknown;
                if self.running.is_none() && !matches!(self.database, Database::Failed { .. }) {
                    self.database = Database::Waiting;
                }
            }
        }
    }

    fn fenced_at(&mut self, term: Term, received: Position) {
        self.fenced = self.fenced.max(term);
        self.posture = Posture::Idle;
        if !self.undrained {
            self.received = received;
        }
    }

    fn listens(&mut self, followed: Followed) {
        self.fenced = self.fenced.max(followed.term);
        self.followed = Some(followed.term);
        self.posture = Posture::Following(followed);
        // Whatever was received and not applied is received again.
        self.received = self.applied;
        if self.standing == Standing::Empty {
            self.standing = Standing::Contained;
        }
    }

    fn change_office(&mut self, change: impl FnOnce(&mut Office)) {
        if let Posture::Primary(office) = &mut self.posture {
            change(office);
        }
    }

    fn copied_from(&mut self, from: stanchion_ha_core::InstanceName, position: Position) {
        tracing::info!(%from, %position, "the data are a copy");
        self.copied = Some(from);
        self.borrowed = None;
        self.unsaved = None;
        self.applied = position;
        self.received = position;
        self.uncertain = false;
        self.undrained = false;
        self.guard.failed_cuts = 0;
        self.database = Database::Waiting;
        self.files = Files::Unknown;
        self.guard.down_since = Instant::now();
        self.parts.link.confirm();
    }

    /// Tells the observer what to look at.
    pub(super) fn aim(&mut self) {
        let interval =
            if self.is_hurried() { HURRIED } else { (self.interval() / LOOKS).clamp(LOOK.0, LOOK.1) };
        let target = self.running.as_ref().filter(|running| running.ready).map(|running| Target {
            instance: running.instance.clone(),
            generation: self.generation,
            writes: self.posture.may_write(),
            interval,
        });
        self.parts.target.send_replace(target);
    }

    /// Returns what was made, or tells what failed and waits a while.
    pub(super) fn checked<T>(&mut self, result: Result<T, HandError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let why = error.chain();
                tracing::error!(error = why, "something failed; it is tried again");
                if self.running.is_none() {
                    self.database = Database::Failed { why };
                }
                self.guard.failed(Instant::now());
                None
            }
        }
    }
}

/// Returns whether somebody says to be, or to have been until now, the primary of a term.
pub(super) fn is_primary_of(role: &Role, term: Term) -> bool {
    match role {
        Role::Primary { term: own, .. } => *own == term,
        Role::HandedOver(handed) => handed.term == term,
        Role::Idle | Role::Follower { .. } | Role::Rising { .. } => false,
    }
}
