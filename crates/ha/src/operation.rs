//! What people ask for, by an annotation.

use std::time::Duration;

use kube::ResourceExt;
use stanchion_api::{DatabaseCluster, OPERATION, OperationState, OperationStatus, ValidCluster};
use stanchion_ha_core::manager::{Operation, OperationKind, Outcome};
use stanchion_ha_core::{InstanceName, Millis};

/// The operation that is asked for, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    current: Option<Operation>,
    /// The outcome of the newest operation, as the status is to show it.
    shown: Option<OperationStatus>,
}

impl Asked {
    /// Looks what is asked for now.
    pub(crate) fn look(&mut self, object: &DatabaseCluster, valid: &ValidCluster, wall: Millis) {
        let Some(text) = object.annotations().get(OPERATION) else {
            self.current = None;
            return;
        };
        let asked = match stanchion_api::Operation::parse(text) {
            Ok(asked) => asked,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                self.finish("", "unknown", OperationState::Failed, format!("{error}: {cause}"));
                return;
            }
        };
        let ended =
            |status: &OperationStatus| status.id == asked.id && status.state != OperationState::Running;
        let shown = object.status.as_ref().and_then(|status| status.operation.as_ref());
        if self.shown.as_ref().or(shown).is_some_and(ended) {
            self.current = None;
            // What another manager told stays told: what is not applied again is taken away.
            if self.shown.is_none() {
                self.shown = shown.cloned();
            }
            return;
        }
        if self.current.as_ref().is_some_and(|current| current.id == asked.id) {
            return;
        }
        let to = match asked.to.as_deref().map(InstanceName::new).transpose() {
            Ok(to) => to,
            Err(error) => {
                let kind = kind(convert(asked.kind));
                self.finish(&asked.id, kind, OperationState::Failed, error.to_string());
                return;
            }
        };
        let deadline = asked
            .deadline_seconds
            .map_or(valid.failover.switchover_deadline, |seconds| Duration::from_secs(u64::from(seconds)));
        let until = wall + Millis::from(deadline);
        let kind = convert(asked.kind);
        self.current =
            Some(Operation { id: asked.id, kind, to, until, allow_data_loss: asked.allow_data_loss });
    }

    /// Returns what is to be done.
    pub(crate) fn current(&self) -> Option<&Operation> {
        self.current.as_ref()
    }

    /// Returns what the status is to show.
    pub(crate) fn shown(&self) -> Option<&OperationStatus> {
        self.shown.as_ref()
    }

    /// Takes in what became of it.
    pub(crate) fn tell(&mut self, outcome: Outcome) {
        let Some(current) = &self.current else { return };
        let (id, kind) = (current.id.clone(), kind(current.kind));
        let (state, message) = match outcome {
            Outcome::Running(message) => (OperationState::Running, message),
            Outcome::Done(message) => (OperationState::Done, message),
            Outcome::Failed(message) => (OperationState::Failed, message),
        };
        if state != OperationState::Running {
            self.current = None;
        }
        self.finish(&id, kind, state, message);
    }

    fn finish(&mut self, id: &str, kind: &str, state: OperationState, message: String) {
        self.shown = Some(OperationStatus { id: id.to_owned(), kind: kind.to_owned(), state, message });
    }
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
