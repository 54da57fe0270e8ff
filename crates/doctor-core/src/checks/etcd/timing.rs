//! Heartbeat and election timeout against the network.

use std::time::Duration;

use super::subject;
use crate::check::{Check, Group};
use crate::facts::Facts;
use crate::facts::etcd::{Metrics, Settings};
use crate::finding::{Evidence, Findings};
use crate::need::Need;
use crate::severity::Severity;
use crate::subject::Subject;
use crate::units::Seconds;

/// Fewer round trips say nothing.
const ENOUGH: u64 = 30;
/// An election timeout of fewer round trips sees leaders fail that do not.
const ROUND_TRIPS: u32 = 10;
/// etcd does not start with less than this many heartbeats in an election timeout.
const HEARTBEATS: u32 = 5;

pub(crate) const CHECK: Check = Check {
    id: "etcd/timing",
    group: Group::Etcd,
    severity: Severity::Warning,
    title: "heartbeat and election timeout do not fit the network",
    meaning: "The heartbeat should be about the longest round trip between members, and the election timeout at least ten of \
              them. Shorter ones change leaders for nothing, longer ones notice the loss of one late.",
    basis: &["https://etcd.io/docs/v3.6/tuning/#time-parameters"],
    needs: &[Need::EtcdStatus, Need::EtcdMetrics, Need::EtcdSettings],
    fix: None,
    run,
};

fn run(facts: &Facts, findings: &mut Findings) {
    for (member, metrics) in facts.etcd.measured() {
        let Some(settings) = &member.settings else { continue };
        let Some(trip) = longest_round_trip(metrics) else { continue };
        let Some(summary) = judge(settings, trip) else { continue };
        let evidence = vec![
            Evidence::new("longest median round trip to a peer", Seconds(trip), &metrics.source),
            Evidence::new("heartbeat", Seconds(settings.heartbeat), &settings.source),
            Evidence::new("election timeout", Seconds(settings.election), &settings.source),
        ];
        let (heartbeat, election) = proposal(trip);
        let advice = format!(
            "set `--heartbeat-interval={} --election-timeout={}` on all members alike",
            heartbeat.as_millis(),
            election.as_millis()
        );
        findings.add(Severity::Warning, subject(member), summary, advice, evidence);
    }
    differ(facts, findings);
}

/// Members are to run with the same: the one that is quickest to stand for election unseats the others' leaders.
fn differ(facts: &Facts, findings: &mut Findings) {
    let known = || facts.etcd.members.iter().filter_map(|member| Some((member, member.settings.as_ref()?)));
    let mut kinds: Vec<_> = known().map(|(_, settings)| (settings.heartbeat, settings.election)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.len() < 2 {
        return;
    }
    let evidence = known().map(|(member, settings)| {
        let value = format!("{}, {}", Seconds(settings.heartbeat), Seconds(settings.election));
        Evidence::new(
            format!("heartbeat and election timeout of {}", member.label()),
            value,
            &settings.source,
        )
    });
    let summary = "its members run with different heartbeats or election timeouts";
    let advice = "set `--heartbeat-interval` and `--election-timeout` on all members alike";
    findings.add(Severity::Warning, Subject::etcd(), summary, advice, evidence.collect());
}

fn longest_round_trip(metrics: &Metrics) -> Option<Duration> {
    let enough = metrics.peers.iter().filter(|peer| peer.round_trip.count() >= ENOUGH);
    enough.filter_map(|peer| peer.round_trip.quantile(0.5)).max()
}

fn judge(settings: &Settings, trip: Duration) -> Option<String> {
    if settings.election < trip * ROUND_TRIPS {
        let (election, trip) = (Seconds(settings.election), Seconds(trip));
        Some(format!("its election timeout of {election} is less than ten round trips of {trip}"))
    } else if settings.heartbeat < trip / 2 {
        let (heartbeat, trip) = (Seconds(settings.heartbeat), Seconds(trip));
        Some(format!("its heartbeat of {heartbeat} is less than half a round trip of {trip}"))
    } else {
        None
    }
}

/// Returns the heartbeat and election timeout for a round trip: never below etcd's defaults, which suit one data centre.
fn proposal(trip: Duration) -> (Duration, Duration) {
    let millis =
        |time: Duration| Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1));
    let heartbeat = millis(trip).max(Duration::from_millis(100));
    (heartbeat, (millis(trip) * ROUND_TRIPS).max(heartbeat * HEARTBEATS * 2))
}
