//! While no process runs: the files are put in order, and it is decided how to start.

use stanchion_engine::mariadb::Recovery;
use stanchion_ha_core::agent::{Before, Duty, Start, counted_on, start};
use stanchion_ha_core::{Database, Position, Stage, Standing};
use tokio::time::Instant;

use super::work::{Done, Launched, What, Work};
use super::{Files, Running, Supervisor};
use crate::belonging::Adoption;
use crate::hands::{HandError, Prepared, Source};
use crate::plan::{Posture, Step};

/// So often it is tried to cut back the binary log; then a copy is needed.
const CUTS: u32 = 2;

impl Supervisor {
    /// Looks at an instance without a process. Returns whether all is over.
    pub(super) fn turn_down(&mut self, now: Instant) -> bool {
        if self.guard.leaving.is_some() {
            // A process that is being started has no owner yet who could end it.
            if !self.work.as_ref().is_some_and(|work| matches!(work.what, What::Launch { .. })) {
                self.work = None;
            }
            return self.work.is_none();
        }
        if self.work.is_some() || now < self.guard.retry_at {
            return false;
        }
        let confirmed = self.known.borrow().is_confirmed_since(self.guard.down_since);
        if let Files::Foreign { of } = &self.files {
            let of = of.clone();
            self.turn_foreign(&of);
            return false;
        }
        let Files::Known(offline) = self.files else {
            // Files that have to be made mean something else if others count on them.
            if confirmed && self.topology.is_some() {
                self.prepare();
            }
            return false;
        };
        if let Duty::Copy { from } = self.duty()
            && self.copied.as_ref() != Some(&from)
        {
            self.begin_copy(from);
            return false;
        }
        if self.guard.failed_cuts >= CUTS {
            self.give_up_cutting();
            return false;
        }
        if !confirmed {
            return false;
        }
        let startable = *self.guard.startable.get_or_insert(now);
        let topology = self.topology.as_ref().map(|seen| &*seen.value);
        let others = topology.is_some_and(|topology| !topology.sync_set.is_empty());
        let before = Before {
            topology,
            wrote: self.parts.hands.wrote(),
            logged: offline.logged,
            waited: (now - startable).into(),
            grace: if others { self.patience().into() } else { stanchion_ha_core::Millis(0) },
        };
        match start(self.parts.hands.me(), &before) {
            Start::Wait => {}
            Start::Keep => self.launch(Recovery::Keep, None),
            Start::CutBack { after } => self.launch(Recovery::CutBack, Some(after)),
        }
        false
    }

    /// Looks at an instance whose volume holds data of another cluster: it does not start on them.
    fn turn_foreign(&mut self, of: &str) {
        let adopts = match self.adoption() {
            Adoption::Forming | Adoption::CountedOn => true,
            Adoption::Heir(origin) => origin.as_deref() == Some(of),
            Adoption::None => false,
        };
        if adopts {
            self.files = Files::Unknown;
        } else if let Duty::Copy { from } = self.duty()
            && self.copied.as_ref() != Some(&from)
        {
            self.begin_copy(from);
        } else if !matches!(self.standing, Standing::NeedsCopy { .. }) {
            let why = format!(
                "its volume holds the data of another cluster (uid {of}); they are put aside when it gets a copy"
            );
            tracing::warn!(why, "a copy is needed");
            self.database = Database::Failed { why: why.clone() };
            self.standing = Standing::NeedsCopy { why, saved: None };
        }
    }

    /// Returns which data of another cluster may be used.
    fn adoption(&self) -> Adoption {
        let Some(seen) = &self.topology else { return Adoption::None };
        let me = self.parts.hands.me();
        if seen.value.stage == Stage::Forming {
            let is_member = self.settings().is_some_and(|settings| settings.members.contains_key(me));
            if is_member { Adoption::Forming } else { Adoption::None }
        } else if counted_on(me, &seen.value) {
            Adoption::CountedOn
        } else {
            Adoption::Heir(seen.value.origin.clone())
        }
    }

    /// A database that does not start without what does not belong is not to start with it either.
    fn give_up_cutting(&mut self) {
        if !matches!(self.standing, Standing::NeedsCopy { .. }) {
            let why = "it holds transactions that do not belong, and cannot start without them".to_owned();
            tracing::warn!(why, "a copy is needed");
            self.database = Database::Failed { why: why.clone() };
            let saved = self.saved.as_ref().map(|path| path.display().to_string());
            self.standing = Standing::NeedsCopy { why, saved };
        }
    }

    fn prepare(&mut self) {
        let hands = self.parts.hands.clone();
        let settings = self.settings();
        let servers = settings
            .iter()
            .flat_map(|settings| settings.members.values().map(|member| member.server))
            .collect();
        if matches!(self.database, Database::Waiting) {
            self.database = Database::Preparing { what: "putting the files in order".to_owned() };
        }
        let counted_on =
            self.topology.as_ref().is_some_and(|seen| counted_on(self.parts.hands.me(), &seen.value));
        let adoption = self.adoption();
        let operation = async move { Done::Prepared(hands.prepare(servers, counted_on, adoption).await) };
        self.work = Some(Work::begin(What::Prepare, operation));
    }

    /// Takes over what was found in the files.
    pub(super) fn prepared(&mut self, prepared: Result<Prepared, HandError>) {
        let Some(prepared) = self.checked(prepared) else { return };
        if matches!(self.database, Database::Preparing { .. }) {
            self.database = Database::Waiting;
        }
        let (offline, lost) = match prepared {
            Prepared::Ready { offline, lost, borrowed } => {
                self.borrowed = borrowed;
                (offline, lost)
            }
            Prepared::Foreign { of } => {
                // What it says is of another stream.
                (self.applied, self.received) = (Position::START, Position::START);
                self.files = Files::Foreign { of };
                return;
            }
        };
        tracing::info!(logged = %offline.logged, received = %offline.received, clean = offline.clean, "files");
        self.applied = offline.logged;
        self.received = offline.received;
        if lost {
            self.uncertain = true;
            self.catch_up = None;
        }
        self.files = Files::Known(offline);
    }

    fn launch(&mut self, recovery: Recovery, cut_behind: Option<Position>) {
        tracing::info!(?recovery, "starting the database");
        self.database = Database::Starting;
        let hands = self.parts.hands.clone();
        let operation = async move { Done::Launched(hands.launch(recovery, cut_behind).await) };
        self.work = Some(Work::begin(What::Launch { cut: cut_behind.is_some() }, operation));
    }

    /// Takes over a process that was started, and waits until it answers.
    pub(super) fn launched(&mut self, cut: bool, launched: Result<Launched, HandError>) {
        let Some(Launched { process, instance, saved }) = self.checked(launched) else { return };
        self.parts.metrics.started();
        if saved.is_some() {
            self.saved = saved;
        }
        if cut {
            // Counted until it has answered.
            self.guard.failed_cuts += 1;
        }
        let hands = self.parts.hands.clone();
        let settings = self.settings();
        let servers = settings
            .iter()
            .flat_map(|settings| settings.members.values().map(|member| member.server))
            .collect();
        let operation = {
            let (process, instance) = (process.clone(), instance.clone());
            async move { Done::Ready(hands.ready(&process, &instance, servers).await) }
        };
        let began = Instant::now();
        self.running = Some(Running { process, instance, began, ready: false, ending: false });
        self.posture = Posture::Unclear(None);
        self.work = Some(Work::begin(What::Await, operation));
    }

    /// Takes over a database that answers.
    pub(super) fn ready(&mut self, ready: Result<Position, HandError>) {
        let Some(executed) = self.checked(ready) else {
            // It answers to nobody, or not as it should; its next life may.
            return self.kill("it cannot be made ready");
        };
        let Some(running) = &mut self.running else { return };
        running.ready = true;
        let received = match self.files {
            // What was cut back counts no more.
            Files::Known(offline) if self.guard.failed_cuts == 0 => offline.received,
            Files::Known(_) | Files::Unknown | Files::Foreign { .. } => executed,
        };
        self.guard.failed_cuts = 0;
        self.guard.succeeded();
        self.rising = None;
        self.database = Database::Running;
        self.posture = Posture::Idle;
        self.applied = executed;
        self.received = if received.reaches(executed) { received } else { executed };
        self.standing = Standing::Unknown;
        self.judge(executed);
        self.judge_received();
        self.generation += 1;
        self.aim();
        tracing::info!(executed = %self.applied, received = %self.received, standing = ?self.standing, "ready");
    }

    /// Begins to make the data anew.
    pub(super) fn begin_copy(&mut self, from: stanchion_ha_core::InstanceName) {
        let Some(report) = self.report_of(&from) else { return };
        let source = Source { agent: report.agent_address, held: report.applied };
        let after = self.unsaved;
        let hands = self.parts.hands.clone();
        let what = match hands.copy_failure() {
            None => format!("copying {from}"),
            Some(why) => format!("copying {from}, again after this: {why}"),
        };
        self.database = Database::Preparing { what };
        let process = self.running.as_mut().map(|running| {
            running.ending = true;
            running.process.clone()
        });
        let step = Step::Copy { from };
        let operation = async move { Done::Stepped(hands.copy(process, &source, after).await) };
        self.work = Some(Work::begin(What::Step(step), operation));
    }
}
