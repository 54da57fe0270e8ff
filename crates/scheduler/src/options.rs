//! What a scheduler is started with, and what ends it.

use thiserror::Error;

/// What a scheduler is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The percentage of nodes to search for ones that will do, up to 100; none or 0 adapts to their number.
    pub percentage_of_nodes_to_score: Option<u8>,
    /// Pods with this `schedulerName` are scheduled.
    pub scheduler_name: String,
    /// How many requests are under way at once, at most.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        let scheduler_name = "default-scheduler".to_owned();
        Self { percentage_of_nodes_to_score: None, scheduler_name, concurrency: 32 }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), SchedulerError> {
        if let Some(percentage @ 101..) = self.percentage_of_nodes_to_score {
            return Err(SchedulerError::Percentage(percentage));
        }
        if self.concurrency == 0 {
            return Err(SchedulerError::Concurrency);
        }
        if self.scheduler_name.is_empty() {
            return Err(SchedulerError::NoName);
        }
        Ok(())
    }
}

/// Why a scheduler does not run.
#[derive(Debug, Error)]
pub enum SchedulerError {
    /// The percentage of nodes to score is more than all.
    #[error("percentageOfNodesToScore is {0}, but cannot be above 100")]
    Percentage(u8),
    /// No request could ever be made.
    #[error("concurrency is 0")]
    Concurrency,
    /// The name is empty.
    #[error("the name of the scheduler is empty")]
    NoName,
    /// A task that follows the API has ended.
    #[error("the API is no longer followed")]
    Unfollowed,
}
