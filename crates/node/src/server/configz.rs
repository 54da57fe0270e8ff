//! How this node is set, in the words of a kubelet's configuration (`kubelet.config.k8s.io/v1beta1`), as kubelets say it at
//! `/configz`.
//!
//! Only what this node goes by is said. What it does not have (images, certificates of its own that it could renew) is left
//! out: of that nothing can be concluded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Response, StatusCode};
use serde_json::{Value, json};
use stanchion_machinery::quantity::Quantity;
use stanchion_node_core::eviction::CONDITION_HOLD;
use stanchion_sandbox::LogConfig;

use super::{Body, reply};
use crate::options::Options;
use crate::register::{LEASE_SECONDS, RENEW, REPORT, amounts};

/// Answers with how the node is set that listens at `address`.
pub(super) fn answer(options: &Options, address: SocketAddr) -> Response<Body> {
    let settings = json!({ "kubeletconfig": settings(options, address) });
    reply(StatusCode::OK, "application/json", settings.to_string())
}

fn settings(options: &Options, address: SocketAddr) -> Value {
    let hard = options.eviction.iter().filter(|threshold| threshold.grace.is_none());
    let hard: BTreeMap<_, _> =
        hard.map(|threshold| (threshold.signal.as_str(), threshold.limit.to_string())).collect();
    let LogConfig { max_bytes, max_files, .. } = LogConfig::new("");
    let mut settings = json!({
        "enableServer": true,
        "address": address.ip(),
        "port": address.port(),
        "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": false}},
        "serverTLSBootstrap": false,
        "registerNode": true,
        "nodeStatusUpdateFrequency": go(RENEW),
        "nodeStatusReportFrequency": go(REPORT),
        "nodeLeaseDurationSeconds": LEASE_SECONDS,
        "clusterDomain": options.cluster_domain,
        "resolvConf": "/etc/resolv.conf",
        "podCIDR": options.pod_range.to_string(),
        "maxPods": options.max_pods,
        "evictionHard": hard,
        "mergeDefaultEvictionSettings": true,
        "evictionPressureTransitionPeriod": go(CONDITION_HOLD),
        "containerLogMaxSize": Quantity::binary(i64::try_from(max_bytes).unwrap_or(i64::MAX)).to_string(),
        "containerLogMaxFiles": max_files,
        "crashLoopBackOff": {"maxContainerRestartPeriod": go(options.max_restart_delay)},
    });
    if !options.cluster_dns.is_empty() {
        settings["clusterDNS"] = json!(options.cluster_dns);
    }
    // Kubelets, too, leave out what is empty.
    let kept = [("kubeReserved", &options.reserved.kube), ("systemReserved", &options.reserved.system)];
    for (name, of) in kept.into_iter().filter(|(_, of)| !of.is_empty()) {
        settings[name] = json!(amounts(of));
    }
    if options.shows_certificate {
        settings["rotateCertificates"] = json!(false);
    }
    settings
}

/// Writes a time of whole seconds as Go does: `5m0s`.
fn go(time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
