//! What members measure, from their `/metrics`.

use prometheus_parse::{Sample, Scrape, Value};
use stanchion_doctor_core::{Facts, Histogram, Metrics, Peer, Reading};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::Endpoint;
use super::{Etcd, http, reading};
use crate::chain;

/// One member may take so long.
const ONE: std::time::Duration = std::time::Duration::from_secs(4);

impl Etcd {
    /// Reads the metrics of every member that answered, at its client address.
    pub(super) async fn read_metrics(&self, facts: &mut Facts) -> Reading {
        let mut asked = JoinSet::new();
        let mut missing = Vec::new();
        for (number, member) in facts.etcd.members.iter().enumerate() {
            let Some(status) = &member.status else { continue };
            let (tls, connect) = (self.options.tls.as_ref(), self.options.connect_timeout);
            match Endpoint::prepare(&status.endpoint, tls, connect) {
                Ok(endpoint) => {
                    asked.spawn(async move { (number, read(&endpoint).await) });
                }
                Err(error) => missing.push(format!("{}: {}", status.endpoint, chain(&error))),
            }
        }
        let (mut answered, mut sources) = (0, Vec::new());
        for (number, metrics) in asked.join_all().await {
            match metrics {
                Ok(metrics) => {
                    answered += 1;
                    sources.push(metrics.source.clone());
                    facts.etcd.members[number].metrics = Some(metrics);
                }
                Err(why) => missing.push(why),
            }
        }
        sources.sort_unstable();
        let source = if sources.is_empty() { "/metrics of etcd".to_owned() } else { sources.join(", ") };
        reading(source, answered, missing)
    }
}

async fn read(endpoint: &Endpoint) -> Result<Metrics, String> {
    let source = format!("{}/metrics", endpoint.url().trim_end_matches('/'));
    let text = match timeout(ONE, http::get(endpoint, "/metrics")).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err(format!("{source}: {}", chain(&error))),
        Err(_) => return Err(format!("{source}: no answer for {ONE:?}")),
    };
    parse(&text, source)
}

/// Takes out of a page of metrics what checks look at.
fn parse(text: &str, source: String) -> Result<Metrics, String> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape =
        Scrape::parse(lines).map_err(|error| format!("{source}: it is no page of metrics: {error}"))?;
    let mut metrics = Metrics { source, ..Metrics::default() };
    for sample in &scrape.samples {
        match sample.metric.as_str() {
            "etcd_server_quota_backend_bytes" => metrics.quota = whole(sample),
            "etcd_disk_wal_fsync_duration_seconds" => metrics.wal_fsync = histogram(sample),
            "etcd_disk_backend_commit_duration_seconds" => metrics.backend_commit = histogram(sample),
            "etcd_debugging_mvcc_current_revision" => metrics.revision = whole(sample),
            // Minus one says that nothing was compacted.
            "etcd_debugging_mvcc_compact_revision" => metrics.compacted = Some(whole(sample).unwrap_or(0)),
            "etcd_server_leader_changes_seen_total" => metrics.leader_changes = whole(sample),
            "process_start_time_seconds" => {
                metrics.started = whole(sample).and_then(|seconds| i64::try_from(seconds).ok());
            }
            "etcd_network_active_peers" => {
                if let Some(peer) = peer(&mut metrics.peers, sample, "Remote") {
                    peer.is_active = number(sample).map(|active| active > 0.0);
                }
            }
            "etcd_network_peer_round_trip_time_seconds" => {
                if let Some(peer) = peer(&mut metrics.peers, sample, "To") {
                    peer.round_trip = histogram(sample);
                }
            }
            _ => {}
        }
    }
    Ok(metrics)
}

/// Returns the peer that a label names by its id, in hexadecimal.
fn peer<'a>(peers: &'a mut Vec<Peer>, sample: &Sample, label: &str) -> Option<&'a mut Peer> {
    let id = u64::from_str_radix(sample.labels.get(label)?, 16).ok()?;
    let at = peers.iter().position(|peer| peer.id == id).unwrap_or(peers.len());
    if at == peers.len() {
        peers.push(Peer { id, ..Peer::default() });
    }
    peers.get_mut(at)
}

fn number(sample: &Sample) -> Option<f64> {
    match &sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(*value),
        Value::Histogram(_) | Value::Summary(_) => None,
    }
}

/// Returns a number that is whole and not negative.
fn whole(sample: &Sample) -> Option<u64> {
    let value = number(sample).filter(|value| (0.0..9.0e18).contains(value))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 9e18")]
    let whole = value as u64;
    Some(whole)
}

fn histogram(sample: &Sample) -> Histogram {
    let Value::Histogram(counts) = &sample.value else { return Histogram::default() };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole and not negative"
    )]
    let buckets = counts.iter().map(|bucket| (bucket.less_than, bucket.count.max(0.0) as u64));
    Histogram::new(buckets.collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PAGE: &str = r#"# HELP etcd_disk_wal_fsync_duration_seconds The latency distributions of fsync called by WAL.
# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 10
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 90
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 100
etcd_disk_wal_fsync_duration_seconds_sum 0.3
etcd_disk_wal_fsync_duration_seconds_count 100
# TYPE etcd_server_quota_backend_bytes gauge
etcd_server_quota_backend_bytes 2.147483648e+09
# TYPE etcd_debugging_mvcc_compact_revision gauge
etcd_debugging_mvcc_compact_revision -1
# TYPE etcd_debugging_mvcc_current_revision gauge
etcd_debugging_mvcc_current_revision 12345
# TYPE etcd_network_active_peers gauge
etcd_network_active_peers{Local="8e9e05c52164694d",Remote="91bc3c398fb3c146"} 1
# TYPE etcd_network_peer_round_trip_time_seconds histogram
etcd_network_peer_round_trip_time_seconds_bucket{To="91bc3c398fb3c146",le="0.0001"} 0
etcd_network_peer_round_trip_time_seconds_bucket{To="91bc3c398fb3c146",le="0.0002"} 4
etcd_network_peer_round_trip_time_seconds_bucket{To="91bc3c398fb3c146",le="+Inf"} 4
etcd_network_peer_round_trip_time_seconds_sum{To="91bc3c398fb3c146"} 0.0006
etcd_network_peer_round_trip_time_seconds_count{To="91bc3c398fb3c146"} 4
"#;

    #[test]
    fn a_page_of_metrics_is_read() {
        let metrics = parse(PAGE, "here".to_owned()).expect("it is one");
        assert_eq!(metrics.quota, Some(2 << 30));
        assert_eq!(metrics.wal_fsync.count(), 100);
        assert_eq!(metrics.wal_fsync.quantile(0.1), Some(Duration::from_millis(1)));
        assert_eq!((metrics.revision, metrics.compacted), (Some(12_345), Some(0)));
        assert_eq!(metrics.peers.len(), 1);
        let peer = &metrics.peers[0];
        assert_eq!((peer.id, peer.is_active), (0x91bc_3c39_8fb3_c146, Some(true)));
        assert_eq!(peer.round_trip.quantile(0.5), Some(Duration::from_micros(150)));
        assert_eq!(metrics.leader_changes, None, "it is not there");
    }
}
