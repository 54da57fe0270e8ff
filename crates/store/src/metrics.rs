//! Metrics under the names that etcd's dashboards and alerts use.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The labels of etcd's gRPC counters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GrpcLabels {
    /// `etcdserverpb.KV` and so on.
    pub grpc_service: &'static str,
    /// `Range` and so on.
    pub grpc_method: &'static str,
}

/// The labels of etcd's counter of answered calls.
#[expect(clippy::struct_field_names, reason = "the fields are the labels, and their names are etcd's")]
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GrpcCodeLabels {
    /// `etcdserverpb.KV` and so on.
    pub grpc_service: &'static str,
    /// `Range` and so on.
    pub grpc_method: &'static str,
    /// `OK`, `OutOfRange` and so on.
    pub grpc_code: GrpcCode,
}

/// A gRPC status code by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GrpcCode(pub &'static str);

impl EncodeLabelValue for GrpcCode {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// The labels of the version metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    server_version: &'static str,
}

type U64Gauge = Gauge<u64, AtomicU64>;
type Labelled = Family<GrpcLabels, Counter>;

/// Every metric of a store. Each field says what moves it.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Bytes on disk: set when metrics are read.
    pub db_total: U64Gauge,
    /// Bytes in use: set when metrics are read.
    pub db_in_use: U64Gauge,
    /// The quota: set when metrics are read.
    pub quota: U64Gauge,
    /// Keys that exist: set when metrics are read.
    pub keys: U64Gauge,
    /// The newest revision: set when metrics are read.
    pub revision: Gauge<i64, AtomicI64>,
    /// The compacted revision: set when metrics are read.
    pub compacted: Gauge<i64, AtomicI64>,
    /// 1 while writes are possible: set when metrics are read.
    pub has_leader: U64Gauge,
    /// Watches: set when metrics are read.
    pub watchers: U64Gauge,
    /// Streams of watches: set when metrics are read.
    pub watch_streams: U64Gauge,
    /// Watches that have fallen behind: set when metrics are read.
    pub slow_watchers: U64Gauge,
    /// Leases: set when metrics are read.
    pub leases: U64Gauge,
    /// Requests that wait for the writer: set when metrics are read.
    pub pending: U64Gauge,
    /// Flushes of a batch.
    pub fsync: Histogram,
    /// A batch from its first request to its answers.
    pub commit: Histogram,
    /// Requests a batch carried.
    pub batch_size: Histogram,
    /// Puts.
    pub puts: Counter,
    /// Deletions.
    pub deletes: Counter,
    /// Ranges.
    pub ranges: Counter,
    /// Transactions.
    pub txns: Counter,
    /// Events handed to watches.
    pub events: Counter,
    /// Batches that took effect.
    pub proposals: Counter,
    /// Writes refused for want of space or after a storage failure.
    pub proposals_failed: Counter,
    /// Compactions whose records are purged.
    pub compactions: Histogram,
    /// Rewrites of the log.
    pub defrags: Histogram,
    /// Leases granted.
    pub lease_granted: Counter,
    /// Leases revoked.
    pub lease_revoked: Counter,
    /// Leases that ended by themselves.
    pub lease_expired: Counter,
    /// Leases renewed.
    pub lease_renewed: Counter,
    /// Calls begun.
    pub grpc_started: Labelled,
    /// Calls answered.
    pub grpc_handled: Family<GrpcCodeLabels, Counter>,
    /// Bytes of requests and answers on client connections.
    pub received: Counter,
    /// See `received`.
    pub sent: Counter,
}

/// Makes a metric known under `name` and returns it.
fn register<M>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Declares the metrics.
    #[expect(clippy::too_many_lines, reason = "a catalogue: one line a metric")]
    pub fn new(version: &'static str) -> Arc<Self> {
        let mut registry = Registry::default();
        let r = &mut registry;
        // etcd's buckets: 1 ms doubling to 8 s.
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 14));
        let sizes = || Histogram::new(exponential_buckets(1.0, 2.0, 12));
        let server = Family::<VersionLabels, U64Gauge>::default();
        server.get_or_create(&VersionLabels { server_version: version }).set(1);
        register(r, "etcd_server_version", "The version of the etcd API that is served", server);
        let is_leader =
            register(r, "etcd_server_is_leader", "Whether this member is the leader", U64Gauge::default());
        is_leader.set(1);
        let metrics = Self {
            db_total: register(
                r,
                "etcd_mvcc_db_total_size_in_bytes",
                "Bytes on disk, free space included",
                U64Gauge::default(),
            ),
            db_in_use: register(
                r,
                "etcd_mvcc_db_total_size_in_use_in_bytes",
                "Bytes a defragmentation would leave",
                U64Gauge::default(),
            ),
            quota: register(
                r,
                "etcd_server_quota_backend_bytes",
                "The quota in bytes, 0 for none",
                U64Gauge::default(),
            ),
            keys: register(r, "etcd_debugging_mvcc_keys_total", "Keys that exist", U64Gauge::default()),
            revision: register(
                r,
                "etcd_debugging_mvcc_current_revision",
                "The newest revision",
                Gauge::default(),
            ),
            compacted: register(
                r,
                "etcd_debugging_mvcc_compact_revision",
                "The compacted revision",
                Gauge::default(),
            ),
            has_leader: register(
                r,
                "etcd_server_has_leader",
                "1 while writes are possible",
                U64Gauge::default(),
            ),
            watchers: register(r, "etcd_debugging_mvcc_watcher_total", "Watches", U64Gauge::default()),
            watch_streams: register(
                r,
                "etcd_debugging_mvcc_watch_stream_total",
                "Streams of watches",
                U64Gauge::default(),
            ),
            slow_watchers: register(
                r,
                "etcd_debugging_mvcc_slow_watcher_total",
                "Watches that have fallen behind",
                U64Gauge::default(),
            ),
            leases: register(r, "stanchion_store_leases", "Leases that live", U64Gauge::default()),
            pending: register(
                r,
                "etcd_server_proposals_pending",
                "Requests that wait for the writer",
                U64Gauge::default(),
            ),
            fsync: register(r, "etcd_disk_wal_fsync_duration_seconds", "Flushes of the log", seconds()),
            commit: register(
                r,
                "etcd_disk_backend_commit_duration_seconds",
                "Batches, from the first request to the answers",
                seconds(),
            ),
            batch_size: register(
                r,
                "stanchion_store_batch_requests",
                "Requests that one flush made durable",
                sizes(),
            ),
            puts: register(r, "etcd_mvcc_put", "Puts", Counter::default()),
            deletes: register(r, "etcd_mvcc_delete", "Deletions of ranges", Counter::default()),
            ranges: register(r, "etcd_mvcc_range", "Reads of ranges", Counter::default()),
            txns: register(r, "etcd_mvcc_txn", "Transactions", Counter::default()),
            events: register(r, "etcd_debugging_mvcc_events", "Events handed to watches", Counter::default()),
            proposals: register(
                r,
                "etcd_server_proposals_applied",
                "Writes that took effect",
                Counter::default(),
            ),
            proposals_failed: register(
                r,
                "etcd_server_proposals_failed",
                "Writes that storage refused",
                Counter::default(),
            ),
            compactions: register(
                r,
                "etcd_debugging_mvcc_db_compaction_total_duration_seconds",
                "Purges after a compaction",
                seconds(),
            ),
            defrags: register(
                r,
                "etcd_disk_backend_defrag_duration_seconds",
                "Rewrites of the log",
                Histogram::new(exponential_buckets(0.1, 2.0, 13)),
            ),
            lease_granted: register(r, "etcd_debugging_lease_granted", "Leases granted", Counter::default()),
            lease_revoked: register(r, "etcd_debugging_lease_revoked", "Leases revoked", Counter::default()),
            lease_expired: register(
                r,
                "etcd_debugging_server_lease_expired",
                "Leases that ended by themselves",
                Counter::default(),
            ),
            lease_renewed: register(r, "etcd_debugging_lease_renewed", "Leases renewed", Counter::default()),
            grpc_started: register(r, "grpc_server_started", "Calls begun", Labelled::default()),
            grpc_handled: register(r, "grpc_server_handled", "Calls answered", Family::default()),
            received: register(
                r,
                "etcd_network_client_grpc_received_bytes",
                "Bytes received from clients",
                Counter::default(),
            ),
            sent: register(
                r,
                "etcd_network_client_grpc_sent_bytes",
                "Bytes sent to clients",
                Counter::default(),
            ),
            registry: Mutex::new(Registry::default()),
        };
        *metrics.registry.lock() = registry;
        Arc::new(metrics)
    }

    /// Notes how long something took.
    pub fn observe(histogram: &Histogram, took: Duration) {
        histogram.observe(took.as_secs_f64());
    }

    /// Renders all metrics in the OpenMetrics text format, which Prometheus reads.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}
