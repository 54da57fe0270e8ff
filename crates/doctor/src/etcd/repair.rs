//! Carries out a plan: one step after the other, each only while all members are well.

mod pause;
mod save;
mod steps;

use std::path::Path;
use std::time::Duration;

use stanchion_doctor_core::{Bytes, EtcdPlan, Facts, Need, Reading, etcd_refusals};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

use super::Etcd;
use super::connection::{Endpoint, EtcdError};
pub use pause::{Pauses, WritePauses};
pub use save::{SaveError, Saved};

/// Members may take so long to be well again after a step: a leader is elected in a few seconds, and what was missed is
/// applied in about as many as it was missed for.
const CALM: Duration = Duration::from_mins(1);
/// Between two looks at whether they are.
const LOOK: Duration = Duration::from_millis(250);
/// Requests that wait for nothing take no longer than etcd itself gives them.
const REQUEST: Duration = Duration::from_secs(15);
/// Compaction and snapshots take as long as there is to read.
const LONG: Duration = Duration::from_hours(1);

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Which of the plan.
    pub number: usize,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub said: String,
}

/// A step that could not be done. Those before it are, those after it are not.
#[derive(Debug, Error)]
pub enum RepairError {
    /// The members are not well, so nothing more is asked of them.
    #[error("the members are not well: {why}")]
    Unwell {
        /// What is wrong.
        why: String,
    },
    /// A member cannot be reached as it is named.
    #[error(transparent)]
    Endpoint(#[from] EtcdError),
    /// A member refuses.
    #[error("etcd refuses to {what}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its words.
        #[source]
        source: Status,
    },
    /// A member does not answer in time; it may still do what was asked.
    #[error("cannot {what}: no answer for {after:?}")]
    Late {
        /// What was asked.
        what: &'static str,
        /// For how long it was waited.
        after: Duration,
    },
    /// The snapshot could not be saved.
    #[error("cannot save the snapshot")]
    Save(#[from] SaveError),
    /// There is still no room, so that the alarm would be raised again at once.
    #[error("there is no room yet: {name} has {size} of {quota} in its file")]
    NoRoom {
        /// Who has none.
        name: String,
        /// The size of its database file.
        size: Bytes,
        /// Its quota.
        quota: Bytes,
    },
}

impl Etcd {
    /// Carries out `plan`, and tells of each step when it begins and when it is done.
    pub async fn repair(
        &self,
        plan: &EtcdPlan,
        mut begun: impl FnMut(usize),
        mut done: impl FnMut(Done),
    ) -> Result<(), RepairError> {
        for (number, step) in plan.steps.iter().enumerate() {
            let facts = self.calm().await?;
            begun(number);
            let start = Instant::now();
            let said = self.step(step, &facts).await?;
            done(Done { number, took: start.elapsed(), said });
        }
        // The last step is done when the members are well after it.
        self.calm().await.map(drop)
    }

    /// Saves a snapshot of a cluster whose members were read, without asking its leader if another will do.
    pub async fn save_snapshot(&self, facts: &Facts, to: &Path) -> Result<Saved, RepairError> {
        let Some((_, status)) = facts.etcd.spare() else {
            return Err(RepairError::Unwell { why: "no member that answers is up to date".to_owned() });
        };
        Ok(save::save(&self.endpoint(&status.endpoint)?, to, status.size, LONG).await?)
    }

    /// Begins to write a key over and over, to see for how long nobody takes it. Stop it with [`WritePauses::stop`].
    pub fn watch_writes(&self, facts: &Facts) -> Result<WritePauses, EtcdError> {
        let voters = facts.etcd.reached().filter(|(member, _)| !member.is_learner);
        let endpoints = voters.map(|(_, status)| self.endpoint(&status.endpoint));
        Ok(WritePauses::start(endpoints.collect::<Result<_, _>>()?))
    }

    /// Waits until nothing speaks against working on the members.
    async fn calm(&self) -> Result<Facts, RepairError> {
        let until = Instant::now() + CALM;
        loop {
            let mut facts = Facts::new(0);
            for need in [Need::EtcdStatus, Need::EtcdAlarms, Need::EtcdMetrics] {
                let reading = match need {
                    Need::EtcdStatus => timeout(need.deadline(), self.read_members(&mut facts)).await,
                    Need::EtcdAlarms => timeout(need.deadline(), self.read_alarms(&mut facts)).await,
                    _ => timeout(need.deadline(), self.read_metrics(&mut facts)).await,
                };
                let late =
                    |_| Reading::Failed { source: "etcd".to_owned(), why: "no answer in time".to_owned() };
                facts.note(need, reading.unwrap_or_else(late));
            }
            self.look_here(&mut facts).await;
            // What would speak against a plan speaks against its steps.
            let refusals = etcd_refusals(&facts);
            if refusals.is_empty() {
                return Ok(facts);
            }
            if Instant::now() >= until {
                let why: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                return Err(RepairError::Unwell { why: why.join("; ") });
            }
            sleep(LOOK).await;
        }
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, EtcdError> {
        Endpoint::prepare(url, self.options.tls.as_ref(), self.options.connect_timeout)
    }
}
