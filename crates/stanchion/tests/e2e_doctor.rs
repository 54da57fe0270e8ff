//! `stanchion doctor`, on real servers that something is wrong with, and on such that nothing is.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "doctor/certs.rs"]
mod certs;
#[cfg(test)]
#[path = "doctor/cluster.rs"]
mod cluster;
#[cfg(test)]
#[path = "doctor/defrag.rs"]
mod defrag;
#[cfg(test)]
#[path = "doctor/deprecated.rs"]
mod deprecated;
#[cfg(test)]
#[path = "doctor/etcd.rs"]
mod etcd;
#[cfg(test)]
#[expect(dead_code, reason = "other suites use more of it")]
#[path = "up/ground.rs"]
mod ground;
#[cfg(test)]
#[path = "doctor/healthy.rs"]
mod healthy;
#[cfg(test)]
#[path = "doctor/kubelets.rs"]
mod kubelets;
#[cfg(test)]
#[path = "doctor/large.rs"]
mod large;
#[cfg(test)]
#[path = "doctor/latency.rs"]
mod latency;
#[cfg(test)]
#[path = "doctor/later.rs"]
mod later;
#[cfg(test)]
#[path = "doctor/manifest.rs"]
mod manifest;
#[cfg(test)]
#[path = "doctor/meddler.rs"]
mod meddler;
#[cfg(test)]
#[path = "doctor/members.rs"]
mod members;
#[cfg(test)]
#[path = "doctor/openssl.rs"]
mod openssl;
#[cfg(test)]
#[path = "doctor/outputs.rs"]
mod outputs;
#[cfg(test)]
#[path = "doctor/prometheus.rs"]
mod prometheus;
#[cfg(test)]
#[path = "doctor/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "doctor/renew.rs"]
mod renew;
#[cfg(test)]
#[path = "doctor/repairs.rs"]
mod repairs;
#[cfg(test)]
#[path = "doctor/report.rs"]
mod report;
#[cfg(test)]
#[path = "doctor/secure.rs"]
mod secure;
#[cfg(test)]
#[path = "doctor/settings.rs"]
mod settings;
#[cfg(test)]
#[path = "doctor/stale.rs"]
mod stale;
#[cfg(test)]
#[path = "doctor/verbs.rs"]
mod verbs;
#[cfg(test)]
#[path = "doctor/watch.rs"]
mod watch;
#[cfg(test)]
#[path = "doctor/webhooks.rs"]
mod webhooks;
#[cfg(test)]
#[path = "doctor/workloads.rs"]
mod workloads;
#[cfg(test)]
#[path = "doctor/worn.rs"]
mod worn;
#[cfg(test)]
#[path = "doctor/writer.rs"]
mod writer;
