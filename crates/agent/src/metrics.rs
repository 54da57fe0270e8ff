//! Metrics: what the agent does under `stanchion_agent_*`, what its database is under `mariadb_*`.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use stanchion_ha_core::{Measures, Millis, Position, Report, Role};

type Number = Gauge<i64>;
type Real = Gauge<f64, AtomicU64>;

/// The roles, as labels have them.
const ROLES: [&str; 5] = ["idle", "follower", "rising", "primary", "handed-over"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RoleLabels {
    role: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    outcome: &'static str,
}

/// Everything that is measured.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    role: Family<RoleLabels, Number>,
    steps: Family<StepLabels, Counter>,
    starts: Counter,
    ends: Counter,
    kills: Counter,
    term: Number,
    fenced: Number,
    store_silence: Real,
    steal: Real,
    fsync: Real,
    disk_free: Number,
    disk_size: Number,
    up: Number,
    received: Number,
    applied: Number,
    uncertain: Number,
    apply_lag: Real,
    waiting: Real,
    unheard: Real,
    brake: Real,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Mutex::default(),
            role: Family::default(),
            steps: Family::default(),
            starts: Counter::default(),
            ends: Counter::default(),
            kills: Counter::default(),
            term: Number::default(),
            fenced: Number::default(),
            store_silence: Real::default(),
            steal: Real::default(),
            fsync: Real::default(),
            disk_free: Number::default(),
            disk_size: Number::default(),
            up: Number::default(),
            received: Number::default(),
            applied: Number::default(),
            uncertain: Number::default(),
            apply_lag: Real::default(),
            waiting: Real::default(),
            unheard: Real::default(),
            brake: Real::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = self.registry.get_mut();
        let agent = registry.sub_registry_with_prefix("stanchion_agent");
        agent.register("role", "1 for what the instance is in its cluster", self.role.clone());
        agent.register("steps", "Steps towards what is wanted, by outcome", self.steps.clone());
        agent.register("database_starts", "Starts of the database process", self.starts.clone());
        agent.register(
            "database_ends",
            "Ends of the database process that nobody asked for",
            self.ends.clone(),
        );
        agent.register("database_kills", "Times the agent killed the database process", self.kills.clone());
        agent.register("term", "The term of the topology that is acted on", self.term.clone());
        agent.register("fenced_term", "Nobody is listened to from before this term", self.fenced.clone());
        let (seconds, bytes) = (Unit::Seconds, Unit::Bytes);
        let help = "For how long the store has not answered";
        agent.register_with_unit("store_silence", help, seconds.clone(), self.store_silence.clone());
        agent.register("steal_ratio", "Share of time that the hypervisor took", self.steal.clone());
        let help = "Time of one write and sync beside the data";
        agent.register_with_unit("fsync", help, seconds.clone(), self.fsync.clone());
        let help = "Free bytes of the data volume";
        agent.register_with_unit("disk_free", help, bytes.clone(), self.disk_free.clone());
        agent.register_with_unit("disk_size", "Size of the data volume", bytes, self.disk_size.clone());
        let mariadb = registry.sub_registry_with_prefix("mariadb");
        mariadb.register("up", "Whether the database answers", self.up.clone());
        mariadb.register(
            "received_sequence",
            "Number of the last transaction received",
            self.received.clone(),
        );
        mariadb.register("applied_sequence", "Number of the last transaction applied", self.applied.clone());
        let help = "Whether more may have been acknowledged than is known to be received";
        mariadb.register("uncertain", help, self.uncertain.clone());
        let help = "How long the next transaction to apply has been waiting";
        mariadb.register_with_unit("apply_lag", help, seconds.clone(), self.apply_lag.clone());
        let help = "For how long a commit has been waiting for an acknowledgement";
        mariadb.register_with_unit("semi_sync_waiting", help, seconds.clone(), self.waiting.clone());
        let help = "For how long nothing has come from the primary";
        mariadb.register_with_unit("unheard", help, seconds.clone(), self.unheard.clone());
        let help = "How long each group of commits is held back for replicas that lag";
        mariadb.register_with_unit("commit_brake", help, seconds, self.brake.clone());
    }

    /// Returns the text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock()).expect("a string takes whatever is written");
        text
    }

    /// Counts a start of the database process.
    pub(crate) fn started(&self) {
        self.starts.inc();
    }

    /// Counts an end of the database process that nobody asked for.
    pub(crate) fn ended(&self) {
        self.ends.inc();
    }

    /// Counts a kill of the database process.
    pub(crate) fn killed(&self) {
        self.kills.inc();
    }

    /// Counts a step.
    pub(crate) fn stepped(&self, step: &'static str, succeeded: bool) {
        let outcome = if succeeded { "done" } else { "failed" };
        self.steps.get_or_create(&StepLabels { step, outcome }).inc();
    }

    /// Takes over what is reported, and what is known besides.
    pub(crate) fn observe(&self, report: &Report, term: u64, store_silence: Duration, brake: Duration) {
        let (role, waiting, unheard) = match &report.role {
            Role::Idle => (0, Millis(0), Millis(0)),
            Role::Follower { unheard, .. } => (1, Millis(0), *unheard),
            Role::Rising { .. } => (2, Millis(0), Millis(0)),
            Role::Primary { waiting, .. } => (3, *waiting, Millis(0)),
            Role::HandedOver(_) => (4, Millis(0), Millis(0)),
        };
        for (index, name) in ROLES.into_iter().enumerate() {
            self.role.get_or_create(&RoleLabels { role: name }).set(i64::from(index == role));
        }
        self.term.set(number(term));
        self.fenced.set(number(report.fenced.0));
        self.store_silence.set(store_silence.as_secs_f64());
        self.up.set(i64::from(report.is_running()));
        self.received.set(sequence(report.received));
        self.applied.set(sequence(report.applied));
        self.uncertain.set(i64::from(report.uncertain));
        self.apply_lag.set(seconds(report.apply_lag));
        self.waiting.set(seconds(waiting));
        self.unheard.set(seconds(unheard));
        self.brake.set(brake.as_secs_f64());
        let Measures { steal_permille, fsync_micros, disk_free, disk_size } = &report.measures;
        self.steal.set(steal_permille.map_or(0.0, |permille| f64::from(permille) / 1000.0));
        self.fsync.set(fsync_micros.map_or(0.0, |micros| Duration::from_micros(micros).as_secs_f64()));
        self.disk_free.set(number(disk_free.unwrap_or(0)));
        self.disk_size.set(number(disk_size.unwrap_or(0)));
    }
}

fn seconds(millis: Millis) -> f64 {
    Duration::from(millis).as_secs_f64()
}

fn sequence(position: Position) -> i64 {
    number(position.sequence())
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
