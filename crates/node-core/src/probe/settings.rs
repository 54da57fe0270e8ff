//! A probe as the Pod describes it, with its defaults.

use std::time::Duration;

use k8s_openapi::api::core::v1::{self, Container};
use thiserror::Error;

use super::{Check, CheckError, Kind};
use crate::moment::seconds;

/// A probe of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// How long after the start the first question waits.
    pub initial_delay: Duration,
    /// The time from one question to the next.
    pub period: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many successes in a row count.
    pub success_threshold: u32,
    /// How many failures in a row count.
    pub failure_threshold: u32,
    /// The grace period of a container that fails it, instead of the Pod's.
    pub grace: Option<Duration>,
}

/// A probe that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProbeError {
    /// It asks by gRPC.
    #[error("{0:?} probe of container {1:?}: gRPC probes are not supported, use exec, httpGet or tcpSocket")]
    Grpc(Kind, String),
    /// It asks nothing, or more than one thing.
    #[error("{0:?} probe of container {1:?} must have exactly one of exec, httpGet and tcpSocket")]
    Handlers(Kind, String),
    /// What it asks is wrong.
    #[error("{kind:?} probe of container {container:?}")]
    Check {
        /// What it is for.
        kind: Kind,
        /// Whose it is.
        container: String,
        /// What is wrong.
        #[source]
        source: CheckError,
    },
}

impl Probe {
    /// Reads the probe of a container for a purpose, if there is one.
    pub fn of(container: &Container, kind: Kind) -> Result<Option<Self>, ProbeError> {
        let probe = match kind {
            Kind::Startup => container.startup_probe.as_ref(),
            Kind::Readiness => container.readiness_probe.as_ref(),
            Kind::Liveness => container.liveness_probe.as_ref(),
        };
        probe.map(|probe| Self::parse(probe, container, kind)).transpose()
    }

    fn parse(probe: &v1::Probe, container: &Container, kind: Kind) -> Result<Self, ProbeError> {
        let name = || container.name.clone();
        if probe.grpc.is_some() {
            return Err(ProbeError::Grpc(kind, name()));
        }
        let check = match (&probe.exec, &probe.http_get, &probe.tcp_socket) {
            (Some(exec), None, None) => Check::exec(exec),
            (None, Some(http), None) => Check::http(http, container),
            (None, None, Some(tcp)) => Check::tcp(tcp, container),
            _ => return Err(ProbeError::Handlers(kind, name())),
        };
        let check = check.map_err(|source| ProbeError::Check { kind, container: name(), source })?;
        Ok(Self {
            check,
            initial_delay: seconds(probe.initial_delay_seconds.unwrap_or(0).into()),
            period: seconds(positive(probe.period_seconds, 10).into()),
            timeout: seconds(positive(probe.timeout_seconds, 1).into()),
            success_threshold: positive(probe.success_threshold, 1),
            failure_threshold: positive(probe.failure_threshold, 3),
            grace: probe.termination_grace_period_seconds.map(seconds),
        })
    }
}

fn positive(number: Option<i32>, default: u32) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0).unwrap_or(default)
}

#[cfg(test)]
mod tests;
