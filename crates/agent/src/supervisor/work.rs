//! What takes time: one operation at a time, beside the loop.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use stanchion_engine::mariadb::{Instance, Process};
use stanchion_ha_core::Position;
use tokio::task::JoinHandle;

use crate::hands::{HandError, Prepared};
use crate::plan::Step;

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The files are looked at, or made.
    Prepare,
    /// A process is started.
    Launch {
        /// Whether the binary log is cut back.
        cut: bool,
    },
    /// A process that was started is waited for.
    Await,
    /// What was received and lies there is applied.
    Drain,
    /// Transactions that do not belong are saved.
    Save,
    /// A step towards what is owed.
    Step(Step),
    /// Accounts are made what they should be.
    Accounts,
    /// Commits are held back, or not.
    Brake(Duration),
    /// The database is ended.
    Stop,
}

impl What {
    /// Returns a word for metrics and logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Launch { .. } => "launch",
            Self::Await => "await",
            Self::Drain => "drain",
            Self::Save => "save",
            Self::Step(Step::Fence { .. }) => "fence",
            Self::Step(Step::Listen(_)) => "listen",
            Self::Step(Step::Acknowledge(_)) => "acknowledge",
            Self::Step(Step::Rise { .. }) => "rise",
            Self::Step(Step::Promote { .. }) => "promote",
            Self::Step(Step::Require(_)) => "require",
            Self::Step(Step::Bar(_)) => "bar",
            Self::Step(Step::HandOver { .. }) => "hand-over",
            Self::Step(Step::Resume { .. }) => "resume",
            Self::Step(Step::Copy { .. }) => "copy",
            Self::Step(Step::Kill) => "kill",
            Self::Accounts => "accounts",
            Self::Brake(_) => "brake",
            Self::Stop => "stop",
        }
    }

    /// Returns whether it may be given up for something else that is owed, and harms nobody then.
    pub(super) fn yields(&self) -> bool {
        match self {
            Self::Drain
            | Self::Accounts
            | Self::Brake(_)
            | Self::Step(Step::Rise { .. } | Step::Copy { .. }) => true,
            Self::Prepare
            | Self::Launch { .. }
            | Self::Await
            | Self::Save
            | Self::Stop
            | Self::Step(
                Step::Fence { .. }
                | Step::Listen(_)
                | Step::Acknowledge(_)
                | Step::Promote { .. }
                | Step::Require(_)
                | Step::Bar(_)
                | Step::HandOver { .. }
                | Step::Resume { .. }
                | Step::Kill,
            ) => false,
        }
    }
}

/// A process that was started.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The process.
    pub(crate) process: Process,
    /// Its SQL side.
    pub(crate) instance: Instance,
    /// Where transactions were saved that are cut off.
    pub(crate) saved: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// Of [`What::Prepare`].
    Prepared(Result<Prepared, HandError>),
    /// Of [`What::Launch`].
    Launched(Result<Launched, HandError>),
    /// Of [`What::Await`]: the last transaction in the binary log.
    Ready(Result<Position, HandError>),
    /// Of [`What::Save`]: the file.
    Saved(Result<Option<PathBuf>, HandError>),
    /// Of [`What::Step`].
    Stepped(Result<Stepped, HandError>),
    /// Of what has nothing to tell but whether it was done.
    Plain(Result<(), HandError>),
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Stepped {
    /// What it says was done.
    Done,
    /// It listens to nobody; the last transaction that was received.
    Fenced(Position),
    /// Nobody was followed: it holds what does not belong, behind a position.
    Diverged(Position),
    /// All that was received is applied, up to here.
    Risen(Position),
    /// It is writable.
    Promoted {
        /// From where on commits wait.
        requires: Option<Position>,
        /// What was written when connections were refused.
        barred_at: Position,
    },
    /// Commits wait from here on, or no more.
    Required(Option<Position>),
    /// What was written when connections were refused.
    Barred(Position),
    /// It has stopped writing here.
    HandedOver(Position),
    /// The data are a copy.
    Copied(Position),
}

/// An operation under way.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) what: What,
    task: JoinHandle<Done>,
}

impl Work {
    /// Begins an operation.
    pub(super) fn begin(what: What, operation: impl Future<Output = Done> + Send + 'static) -> Self {
        tracing::debug!(what = what.name(), "begins");
        Self { what, task: tokio::spawn(operation) }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for the end of what is under way, and takes it; for ever if there is nothing. Nothing is lost when a wait is given up.
pub(super) async fn join(work: &mut Option<Work>) -> (What, Option<Done>) {
    let Some(current) = work else { return std::future::pending().await };
    let done = (&mut current.task).await;
    let what = current.what.clone();
    *work = None;
    match done {
        Ok(done) => (what, Some(done)),
        Err(error) => {
            tracing::error!(what = what.name(), %error, "an operation broke off");
            (what, None)
        }
    }
}
