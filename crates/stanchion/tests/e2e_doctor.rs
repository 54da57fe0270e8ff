//! `stanchion doctor`, on real servers that something is wrong with, and on such that nothing is.

#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "doctor/certs.rs"]
mod certs;
#[cfg(test)]
#[path = "doctor/etcd.rs"]
mod etcd;
#[cfg(test)]
#[path = "doctor/members.rs"]
mod members;
#[cfg(test)]
#[path = "doctor/report.rs"]
mod report;
