//! Edits of objects: tried by the API server first, then done, each with a note of how it is undone.
//!
//! Between the try and the deed nothing may have changed of what is edited, nor who owns it: else nothing is done.

mod call;
mod event;
mod undo;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use stanchion_doctor_core::{
    Difference, ObjectStep, Refusal, Request, Settled, Target, differences, keepers, owners, settled,
    undo_patch,
};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::Cluster;
pub use undo::{UndoError, UndoNotes, quoted};

/// So long the Pods of a workload may take to be replaced.
const ROLLOUT: Duration = Duration::from_mins(10);
/// An object that changes at each try for so long is left: while Pods are replaced, its status is written several times a second.
const BUSY: Duration = Duration::from_secs(30);
/// Between two tries.
const TRY: Duration = Duration::from_millis(200);
/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(500);

/// Why an object was not edited, or not wholly.
#[derive(Debug, Error)]
pub enum ObjectError {
    /// The API server refuses, or does not answer.
    #[error("cannot {what} {target}")]
    Api {
        /// What was asked of it.
        what: &'static str,
        /// About what.
        target: Target,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
    /// What is asked for makes no request.
    #[error("{target} makes no request")]
    Request {
        /// What was to be edited.
        target: Target,
        /// Why.
        #[source]
        source: http::Error,
    },
    /// Something speaks against it.
    #[error("{why}")]
    Refused {
        /// What.
        why: String,
    },
    /// It is not what it was when the plan was shown.
    #[error("{target} has changed since the plan was made")]
    Changed {
        /// What.
        target: Target,
    },
    /// How it is undone cannot be written down; nothing was done.
    #[error("cannot write down how {target} is put back")]
    Undo {
        /// What.
        target: Target,
        /// Why not.
        #[source]
        source: UndoError,
    },
    /// It was edited, and its Pods are not well after it.
    #[error("{target} was changed, and is not well after {ROLLOUT:?}: {why}")]
    Unsettled {
        /// What.
        target: Target,
        /// How far it is.
        why: String,
    },
}

impl ObjectError {
    /// Returns with what the API server refused.
    fn status(&self) -> Option<&kube::core::Status> {
        let Self::Api { source, .. } = self else { return None };
        let kube::Error::Api(status) = &**source else { return None };
        Some(&**status)
    }

    /// Returns whether there is no such object.
    fn is_missing(&self) -> bool {
        self.status().is_some_and(|status| status.code == 404)
    }

    /// Returns whether the object is not what it was a moment ago.
    fn is_conflict(&self) -> bool {
        self.status().is_some_and(|status| status.reason == "Conflict")
    }

    /// Returns whether nothing was done for certain. A server that fails may have done it.
    fn proves_nothing_done(&self) -> bool {
        match self {
            Self::Api { .. } => self.status().is_some_and(|status| (400..500).contains(&status.code)),
            Self::Request { .. } | Self::Refused { .. } | Self::Changed { .. } => true,
            Self::Undo { .. } | Self::Unsettled { .. } => false,
        }
    }
}

/// An edit that the API server has tried.
#[derive(Clone, Debug)]
pub struct TriedStep {
    /// What is done.
    pub step: ObjectStep,
    /// The fields that change.
    pub differences: Vec<Difference>,
    /// The tools whose fields change.
    pub owners: BTreeSet<String>,
    request: Request,
    /// The object as it is; nothing if it is made.
    before: Value,
}

/// What came of an edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edited {
    /// The command that undoes it, if one does.
    pub undo: Option<String>,
    /// Why no Event tells of it, if none does.
    pub untold: Option<String>,
}

impl Cluster {
    /// Has the API server try an edit; says what speaks against it.
    pub async fn try_step(&self, step: &ObjectStep) -> Result<TriedStep, ObjectError> {
        let target = &step.target;
        let before = if step.edit.creates() { Value::Null } else { self.live(target).await? };
        let request =
            step.edit.request(target, &before).map_err(|Refusal { why }| ObjectError::Refused { why })?;
        let after =
            call::send(&self.client, target, step.edit.name(), &request, &before, call::Mode::Try).await?;
        let is_deleted = request == Request::Delete;
        let differences =
            if is_deleted || before.is_null() { Vec::new() } else { differences(&before, &after) };
        if differences.is_empty() && !is_deleted && !before.is_null() {
            return Err(ObjectError::Refused { why: format!("{target} is as it should be already") });
        }
        let owners = owners(&before, &differences);
        let is_shared = step.edit.adds_to_shared_list();
        if let Some(keeper) = keepers(&owners).first().filter(|_| !is_shared) {
            let why =
                format!("{target}: {keeper} keeps what would change, and would put it back: change it there");
            return Err(ObjectError::Refused { why });
        }
        Ok(TriedStep { step: step.clone(), differences, owners, request, before })
    }

    /// Does what was tried, if nothing has changed since; writes down how it is undone first. Pods may not be well yet.
    pub async fn carry_out(&self, tried: &TriedStep, notes: &mut UndoNotes) -> Result<Edited, ObjectError> {
        let mut prepared = None;
        let until = Instant::now() + BUSY;
        let done = loop {
            match self.attempt(tried, notes, &mut prepared).await {
                // Perhaps only its status was written, which speaks against nothing.
                Err(error) if error.is_conflict() && Instant::now() < until => sleep(TRY).await,
                done => break done,
            }
        };
        if prepared.is_some()
            && done.as_ref().is_err_and(ObjectError::proves_nothing_done)
            && let Err(error) = notes.take_back()
        {
            tracing::warn!(%error, "the notes also undo what was not done");
        }
        done
    }

    /// Looks once more, and does it unless something has changed since then, too. Once it is written down how it is undone,
    /// `prepared` says so.
    async fn attempt(
        &self,
        tried: &TriedStep,
        notes: &mut UndoNotes,
        prepared: &mut Option<Edited>,
    ) -> Result<Edited, ObjectError> {
        let target = &tried.step.target;
        let now = match self.try_step(&tried.step).await {
            // Somebody else has done it.
            Err(error) if tried.request == Request::Delete && error.is_missing() => {
                return Ok(Edited::default());
            }
            now => now?,
        };
        if now.differences != tried.differences
            || now.owners != tried.owners
            || !is_same(&now.before, &tried.before)
        {
            return Err(ObjectError::Changed { target: target.clone() });
        }
        let edited = if let Some(edited) = prepared {
            edited.clone()
        } else {
            let undo = undo_patch(&now.differences);
            let undo = notes
                .write(target, &now.before, &undo, now.before.is_null())
                .map_err(|source| ObjectError::Undo { target: target.clone(), source })?;
            prepared.insert(Edited { undo, untold: None }).clone()
        };
        // Only what the plan said is taken over, and only from whom it said.
        let mode = if now.owners.is_empty() { call::Mode::Do } else { call::Mode::TakeOver };
        let after =
            call::send(&self.client, target, now.step.edit.name(), &now.request, &now.before, mode).await?;
        let about = if now.before.is_null() { &after } else { &now.before };
        let told = event::record(&self.client, &now.step, about).await;
        Ok(Edited { untold: told.err().map(|error| crate::chain(&error)), ..edited })
    }

    /// Reads an object as it is.
    async fn live(&self, target: &Target) -> Result<Value, ObjectError> {
        super::page::get(&self.client, &target.path(), None).await.map_err(|error| match error {
            super::page::PageError::Api { source, .. } => {
                ObjectError::Api { what: "read", target: target.clone(), source }
            }
            super::page::PageError::Request { source, .. } => {
                ObjectError::Request { target: target.clone(), source }
            }
        })
    }

    /// Waits until the Pods of what was edited are as they are to be; says what is still to be done by hand, if something is.
    pub async fn settle(&self, target: &Target) -> Result<Option<&'static str>, ObjectError> {
        let until = Instant::now() + ROLLOUT;
        loop {
            match settled(target.kind, &self.live(target).await?) {
                Settled::Yes => return Ok(None),
                Settled::ByHand { how } => return Ok(Some(how)),
                Settled::NotYet { why } if Instant::now() >= until => {
                    return Err(ObjectError::Unsettled { target: target.clone(), why });
                }
                Settled::NotYet { .. } => sleep(LOOK).await,
            }
        }
    }
}

/// Returns whether two are one object: another of the same name is not.
fn is_same(one: &Value, other: &Value) -> bool {
    one.pointer("/metadata/uid") == other.pointer("/metadata/uid")
}
