//! What people ask for, by an annotation.
//!
//! It stands in the store before anything is done, with its deadline, and so does what became of it before that is shown. So a
//! manager that takes over neither gives it more time nor begins it once more.

use std::time::Duration;

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use stanchion_api::{DatabaseCluster, OPERATION, OperationState, OperationStatus, ValidCluster};
use stanchion_ha_core::manager::{Operation, OperationKind, Outcome};
use stanchion_ha_core::{InstanceName, Millis};

/// What stands in the store about what people asked for last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// Which request.
    pub(crate) id: String,
    /// When it is given up, since the Unix epoch.
    pub(crate) until: Millis,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<OperationStatus>,
}

/// The operation that is asked for, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    current: Option<Operation>,
    /// What became of the current one, unless the step that it came of is not made after all.
    outcome: Option<OperationStatus>,
    /// Whether the current one stands in the store.
    is_noted: bool,
    /// The state of the newest operation, as the status is to show it.
    shown: Option<OperationStatus>,
}

impl Asked {
    /// Looks what is asked for now; `record` is what stands in the store.
    pub(crate) fn look(
        &mut self,
        object: &DatabaseCluster,
        valid: &ValidCluster,
        record: Option<&Record>,
        wall: Millis,
    ) {
        let Some(text) = object.annotations().get(OPERATION) else {
            self.forget();
            return;
        };
        let asked = match stanchion_api::Operation::parse(text) {
            Ok(asked) => asked,
            Err(error) => {
                self.forget();
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                self.shown = Some(failed("", "unknown", format!("{error}: {cause}")));
                return;
            }
        };
        if self.current.as_ref().is_some_and(|current| current.id == asked.id) {
            return;
        }
        let record = record.filter(|record| record.id == asked.id);
        let ended =
            |status: &&OperationStatus| status.id == asked.id && status.state != OperationState::Running;
        let status = object.status.as_ref().and_then(|status| status.operation.as_ref());
        let known = [self.shown.as_ref(), record.and_then(|record| record.ended.as_ref()), status];
        let known = known.into_iter().flatten().find(ended).cloned();
        if let Some(ended) = known {
            // What another manager told stays told: what is not applied again is taken away.
            self.shown = Some(ended);
            self.forget();
            return;
        }
        self.forget();
        let to = match asked.to.as_deref().map(InstanceName::new).transpose() {
            Ok(to) => to,
            Err(error) => {
                self.shown = Some(failed(&asked.id, kind(convert(asked.kind)), error.to_string()));
                return;
            }
        };
        let deadline = asked
            .deadline_seconds
            .map_or(valid.failover.switchover_deadline, |seconds| Duration::from_secs(u64::from(seconds)));
        self.is_noted = record.is_some();
        let until = record.map_or(wall + Millis::from(deadline), |record| record.until);
        let kind = convert(asked.kind);
        self.current =
            Some(Operation { id: asked.id, kind, to, until, allow_data_loss: asked.allow_data_loss });
    }

    fn forget(&mut self) {
        (self.current, self.outcome, self.is_noted) = (None, None, false);
    }

    /// Returns what is to be done.
    pub(crate) fn current(&self) -> Option<&Operation> {
        self.current.as_ref()
    }

    /// Returns what the status is to show.
    pub(crate) fn shown(&self) -> Option<&OperationStatus> {
        self.shown.as_ref()
    }

    /// Returns what has to stand in the store before anything else is done or shown.
    pub(crate) fn unnoted(&self) -> Option<Record> {
        let current = self.current.as_ref()?;
        let ended = self.outcome.clone();
        (ended.is_some() || !self.is_noted).then(|| Record {
            id: current.id.clone(),
            until: current.until,
            ended,
        })
    }

    /// Notes that it stands there.
    pub(crate) fn noted(&mut self) {
        self.is_noted = true;
        if let Some(outcome) = self.outcome.take() {
            self.shown = Some(outcome);
            self.forget();
        }
    }

    /// Takes in what becomes of it, if what was decided with it is done.
    pub(crate) fn tell(&mut self, outcome: Outcome) {
        let Some(current) = &self.current else { return };
        let (state, message) = match outcome {
            Outcome::Running(message) => (OperationState::Running, message),
            Outcome::Done(message) => (OperationState::Done, message),
            Outcome::Failed(message) => (OperationState::Failed, message),
        };
        let status =
            OperationStatus { id: current.id.clone(), kind: kind(current.kind).to_owned(), state, message };
        match state {
            OperationState::Running => self.shown = Some(status),
            OperationState::Done | OperationState::Failed => self.outcome = Some(status),
        }
    }

    /// Takes back what was told: what was decided with it was not done.
    pub(crate) fn retract(&mut self) {
        self.outcome = None;
    }
}

fn failed(id: &str, kind: &str, message: String) -> OperationStatus {
    OperationStatus { id: id.to_owned(), kind: kind.to_owned(), state: OperationState::Failed, message }
}

fn convert(kind: stanchion_api::OperationKind) -> OperationKind {
    match kind {
        stanchion_api::OperationKind::Switchover => OperationKind::Switchover,
        stanchion_api::OperationKind::Failover => OperationKind::Failover,
    }
}

fn kind(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Switchover => "switchover",
        OperationKind::Failover => "failover",
    }
}

#[cfg(test)]
mod tests;
