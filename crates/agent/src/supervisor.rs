//! The loop that does what the topology asks. One task owns all state of the instance.
//!
//! ```text
//!   Known (link) ----\                         /---> work: one operation at a time, beside the loop
//!   end of process ---+--> Supervisor: turn --+----> kill
//!   Sight (observer) -+                        \---> Report (link), readiness, metrics
//!   end of work -----/
//!   tick ------------/
//! ```
//!
//! Each turn looks at all there is and begins at most one thing; nothing depends on an event being seen. What takes long runs
//! as work, so that reports go on; work that no longer fits what is owed is given up. A kill waits for nothing.
//!
//! Invariants: a report says what is true when it is made; nothing is done by a topology that is older than one that was
//! acted on; the database is started only by a topology that was read after its last life ended.

mod chores;
mod down;
mod guard;
mod holdings;
mod leaving;
mod report;
mod up;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stanchion_engine::mariadb::{Instance, Offline, Process};
use stanchion_ha_core::agent::{Duty, duty};
use stanchion_ha_core::{
    Database, InstanceName, Millis, Position, Report, Settings, Stage, Standing, Term, Topology,
};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::chores::Chores;
use self::guard::Guard;
use self::report::Heartbeat;
use self::work::Work;
pub(crate) use self::work::{Launched, Stepped};
use crate::hands::Hands;
use crate::link::{Known, Link, Seen};
use crate::measures::Gauge;
use crate::metrics::Metrics;
use crate::observer::{Observed, Target};
use crate::plan::Posture;
use crate::pulse::Pulse;

/// How often the loop turns when nothing happens.
const TICK: Duration = Duration::from_millis(50);
/// How long missing reports are borne while no settings are known.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often reports are made while no settings are known.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the supervisor is given.
#[derive(Debug)]
pub(crate) struct Parts {
    /// What is done to the database.
    pub(crate) hands: Hands,
    /// The store.
    pub(crate) link: Link,
    /// Whom to tell which database runs.
    pub(crate) target: watch::Sender<Option<Target>>,
    /// What is seen of it.
    pub(crate) observed: watch::Receiver<Option<Observed>>,
    /// What is measured of the machine.
    pub(crate) gauge: Gauge,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// What probes are told.
    pub(crate) pulse: Arc<Pulse>,
    /// A text of this life of the agent.
    pub(crate) life: String,
}

/// A process of the database.
#[derive(Debug)]
struct Running {
    process: Process,
    instance: Instance,
    began: Instant,
    /// Whether it has answered and been made ready for steps.
    ready: bool,
    /// Whether the agent has killed or stopped it.
    ending: bool,
}

/// What is known of the files while no process runs on them.
#[derive(Debug)]
enum Files {
    /// Nothing.
    Unknown,
    /// They are in order.
    Known(Offline),
    /// They are another cluster's.
    Foreign {
        /// Whose.
        of: String,
    },
}

/// The state of the instance.
#[derive(Debug)]
pub(crate) struct Supervisor {
    parts: Parts,
    known: watch::Receiver<Known>,
    stop: CancellationToken,
    /// What is acted on; never replaced by an older one.
    topology: Option<Seen<Topology>>,
    running: Option<Running>,
    files: Files,
    database: Database,
    posture: Posture,
    fenced: Term,
    received: Position,
    applied: Position,
    apply_lag: Millis,
    apply_rate: Option<u64>,
    uncertain: bool,
    /// What has to be received until nothing is uncertain any more.
    catch_up: Option<Position>,
    /// Whether there are received transactions that nobody applies.
    undrained: bool,
    standing: Standing,
    /// Whose data it holds, while it is not decided whether the cluster goes on with them.
    borrowed: Option<String>,
    saved: Option<PathBuf>,
    /// Behind here lies what does not belong and has not been saved yet.
    unsaved: Option<Position>,
    copied: Option<InstanceName>,
    /// Since when to become primary fails, and what of.
    rising: Option<(Instant, String)>,
    /// The term in which somebody was followed in this life of the process.
    followed: Option<Term>,
    /// What the observer saw last.
    sight: Option<Observed>,
    /// Observations that began before this many changes are not about what is now.
    generation: u64,
    work: Option<Work>,
    guard: Guard,
    chores: Chores,
    heartbeat: Heartbeat,
}

impl Supervisor {
    /// Begins; nothing is done before [`Supervisor::run`].
    pub(crate) fn new(parts: Parts, stop: CancellationToken) -> Self {
        let known = parts.link.known();
        Self {
            known,
            stop,
            topology: None,
            running: None,
            files: Files::Unknown,
            database: Database::Waiting,
            posture: Posture::Unclear(None),
            fenced: Term(0),
            received: Position::START,
            applied: Position::START,
            apply_lag: Millis(0),
            apply_rate: None,
            uncertain: false,
            catch_up: None,
            undrained: false,
            standing: Standing::Unknown,
            borrowed: None,
            saved: None,
            unsaved: None,
            copied: None,
            rising: None,
            followed: None,
            sight: None,
            generation: 0,
            work: None,
            guard: Guard::new(Instant::now()),
            chores: Chores::default(),
            heartbeat: Heartbeat::default(),
            parts,
        }
    }

    /// Does what the topology asks until `stop`, and then ends the database in an orderly way.
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.parts.link.confirm();
        while !self.turn() {
            let (mut known, mut observed) = (self.known.clone(), self.parts.observed.clone());
            let mut process = self.running.as_ref().map(|running| running.process.ended());
            let is_stopping = self.guard.leaving.is_some();
            tokio::select! {
                biased;
                () = until_ended(&mut process) => {}
                done = work::join(&mut self.work) => self.finished(done),
                _ = known.changed() => {}
                _ = observed.changed() => {}
                () = self.stop.cancelled(), if !is_stopping => {}
                _ = ticks.tick() => {}
            }
        }
        self.farewell().await;
    }

    /// Looks at everything once. Returns whether all is over.
    fn turn(&mut self) -> bool {
        let now = Instant::now();
        self.note_turn(now);
        self.take_end(now);
        self.take_known(now);
        self.take_sight(now);
        if self.stop.is_cancelled() && self.guard.leaving.is_none() {
            self.guard.leaving = Some(now);
            tracing::info!("asked to end");
        }
        let over = if self.is_frozen(now) {
            false
        } else {
            self.give_up_work();
            if self.running.is_some() { self.turn_up(now) } else { self.turn_down(now) }
        };
        self.make_report(now);
        over
    }

    /// Takes over what the link knows.
    fn take_known(&mut self, now: Instant) {
        let known = self.known.borrow_and_update().clone();
        let newer = |seen: &Seen<Topology>| {
            self.topology.as_ref().is_none_or(|current| current.revision < seen.revision)
        };
        if let Some(seen) = known.topology.filter(newer) {
            tracing::info!(
                revision = seen.revision,
                term = seen.value.term.0,
                stage = ?seen.value.stage,
                "a new topology"
            );
            let was_hurried = self.is_hurried();
            self.topology = Some(seen);
            self.judge_running(now);
            if was_hurried != self.is_hurried() {
                self.aim();
            }
        }
    }

    /// Returns whether somebody waits for what is received, one transaction after the other: a hand over is under way.
    fn is_hurried(&self) -> bool {
        self.topology.as_ref().is_some_and(|seen| matches!(seen.value.stage, Stage::HandingOver { .. }))
    }

    /// What is owed.
    fn duty(&self) -> Duty {
        let me = self.parts.hands.me();
        self.topology.as_ref().map_or(Duty::Idle, |seen| duty(me, &seen.value))
    }

    fn settings(&self) -> Option<Arc<Settings>> {
        self.known.borrow().settings.as_ref().map(|seen| Arc::clone(&seen.value))
    }

    /// Returns how long missing reports are borne.
    fn patience(&self) -> Duration {
        self.settings().map_or(PATIENCE, |settings| settings.patience().into())
    }

    fn interval(&self) -> Duration {
        self.settings().map_or(INTERVAL, |settings| settings.heartbeat_interval.into())
    }

    /// Returns the newest report of another instance.
    fn report_of(&self, instance: &InstanceName) -> Option<Arc<Report>> {
        self.known.borrow().reports.get(instance).map(|heard| Arc::clone(&heard.report))
    }
}

/// Waits until a process has ended; for ever if there is none.
async fn until_ended(process: &mut Option<watch::Receiver<Option<stanchion_engine::mariadb::Ended>>>) {
    match process {
        Some(ended) => drop(ended.wait_for(Option::is_some).await),
        None => std::future::pending().await,
    }
}
