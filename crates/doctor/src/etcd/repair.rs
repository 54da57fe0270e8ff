//! Carries out a plan that makes room: one step after the other, each only while all members are well.

mod save;

use std::path::Path;
use std::time::Duration;

use stanchion_doctor_core::{Bytes, EtcdPlan, EtcdStep, Facts, Need, Reading, plan_etcd};
use stanchion_etcd_api::etcdserverpb::alarm_request::AlarmAction;
use stanchion_etcd_api::etcdserverpb::{
    AlarmRequest, AlarmType, CompactionRequest, DefragmentRequest, DeleteRangeRequest, MoveLeaderRequest,
    PutRequest, StatusRequest,
};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use super::Etcd;
use super::connection::{Endpoint, EtcdError};
pub use save::SaveError;

/// Members may take so long to be well again after a step: a leader is elected in a few seconds, and what was missed is
/// applied in about as many as it was missed for.
const CALM: Duration = Duration::from_mins(1);
/// Between two looks at whether they are.
const LOOK: Duration = Duration::from_millis(250);
/// Requests that wait for nothing take no longer than etcd itself gives them.
const REQUEST: Duration = Duration::from_secs(15);
/// Compaction and snapshots take as long as there is to read.
const LONG: Duration = Duration::from_hours(1);
/// A key that nobody else writes.
const PROBE: &[u8] = b"stanchion.dev/doctor/probe";
/// Room that has to be there before writes are let in again, as the part of the quota that may be in use.
const ROOM: (u64, u64) = (9, 10);

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
            self.calm().await?;
            begun(number);
            let start = Instant::now();
            let said = self.step(step).await?;
            done(Done { number, took: start.elapsed(), said });
        }
        Ok(())
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
            // What would speak against the plan speaks against its steps.
            match plan_etcd(&facts, Path::new("")) {
                Ok(_) => return Ok(facts),
                Err(refusals) if Instant::now() >= until => {
                    let why: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                    return Err(RepairError::Unwell { why: why.join("; ") });
                }
                Err(_) => sleep(LOOK).await,
            }
        }
    }

    async fn step(&self, step: &EtcdStep) -> Result<String, RepairError> {
        match step {
            EtcdStep::Snapshot { endpoint, to } => {
                let saved = save::save(&self.endpoint(endpoint)?, to, LONG).await?;
                Ok(format!("{} in {}, its checksum is right", Bytes(saved), to.display()))
            }
            EtcdStep::Compact { endpoint } => self.compact(&self.endpoint(endpoint)?).await,
            EtcdStep::Defragment { endpoint, deadline, .. } => {
                self.defragment(&self.endpoint(endpoint)?, *deadline).await
            }
            EtcdStep::MoveLeader { endpoint, to, name } => {
                let request = MoveLeaderRequest { target_id: *to };
                let mut client = self.endpoint(endpoint)?.maintenance();
                within("move the leader", REQUEST, client.move_leader(request)).await?;
                Ok(format!("{name} leads"))
            }
            EtcdStep::Disarm { endpoint, members } => self.disarm(&self.endpoint(endpoint)?, members).await,
            EtcdStep::Probe { endpoint } => probe(&self.endpoint(endpoint)?).await,
        }
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint, EtcdError> {
        Endpoint::prepare(url, self.options.tls.as_ref(), self.options.connect_timeout)
    }

    async fn compact(&self, endpoint: &Endpoint) -> Result<String, RepairError> {
        const WHAT: &str = "compact";
        let status = within(WHAT, REQUEST, endpoint.maintenance().status(StatusRequest {})).await?;
        let revision = status.header.map_or(0, |header| header.revision);
        let request = CompactionRequest { revision, physical: true };
        match within(WHAT, LONG, endpoint.kv().compact(request)).await {
            Ok(_) => Ok(format!("history before revision {revision} is gone")),
            // Somebody else has done it.
            Err(RepairError::Refused { source, .. }) if source.code() == Code::OutOfRange => {
                Ok(format!("history before revision {revision} was gone already"))
            }
            Err(error) => Err(error),
        }
    }

    async fn defragment(&self, endpoint: &Endpoint, deadline: Duration) -> Result<String, RepairError> {
        const WHAT: &str = "defragment";
        let size = async || {
            let status = within(WHAT, REQUEST, endpoint.maintenance().status(StatusRequest {})).await?;
            Ok::<_, RepairError>(Bytes(u64::try_from(status.db_size).unwrap_or(0)))
        };
        let before = size().await?;
        within(WHAT, deadline, endpoint.maintenance().defragment(DefragmentRequest {})).await?;
        Ok(format!("{before} before, {} now", size().await?))
    }

    /// Takes alarms back, if every member has room: else the next write raises them again.
    async fn disarm(&self, endpoint: &Endpoint, members: &[u64]) -> Result<String, RepairError> {
        let facts = self.calm().await?;
        for (member, status) in facts.etcd.reached() {
            let Some(limit) = member.limit() else {
                return Err(RepairError::Unwell {
                    why: format!("the quota of {} cannot be read", member.label()),
                });
            };
            if status.size > limit.bytes / ROOM.1 * ROOM.0 {
                let (size, quota) = (Bytes(status.size), Bytes(limit.bytes));
                return Err(RepairError::NoRoom { name: member.label(), size, quota });
            }
        }
        for member in members {
            let request = AlarmRequest {
                action: AlarmAction::Deactivate.into(),
                member_id: *member,
                alarm: AlarmType::Nospace.into(),
            };
            within("disarm", REQUEST, endpoint.maintenance().alarm(request)).await?;
        }
        Ok("the alarm is taken back".to_owned())
    }
}

async fn probe(endpoint: &Endpoint) -> Result<String, RepairError> {
    let put = PutRequest {
        key: PROBE.into(),
        value: b"written by a repair".as_slice().into(),
        ..PutRequest::default()
    };
    within("write", REQUEST, endpoint.kv().put(put)).await?;
    let delete = DeleteRangeRequest { key: PROBE.into(), ..DeleteRangeRequest::default() };
    within("delete", REQUEST, endpoint.kv().delete_range(delete)).await?;
    Ok("it takes writes".to_owned())
}

async fn within<T>(
    what: &'static str,
    after: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, RepairError> {
    match timeout(after, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(source)) => Err(RepairError::Refused { what, source }),
        Err(_) => Err(RepairError::Late { what, after }),
    }
}
