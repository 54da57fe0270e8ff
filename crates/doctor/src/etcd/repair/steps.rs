//! The steps of a plan.

use std::collections::BTreeSet;
use std::time::Duration;

use stanchion_doctor_core::{AlarmKind, Bytes, EtcdStep, Facts, disk_refusal, heir};
use stanchion_etcd_api::etcdserverpb::alarm_request::AlarmAction;
use stanchion_etcd_api::etcdserverpb::{
    AlarmRequest, AlarmType, CompactionRequest, DefragmentRequest, DeleteRangeRequest, MoveLeaderRequest,
    PutRequest, StatusRequest,
};
use tokio::time::timeout;
use tonic::{Code, Status};

use super::super::Etcd;
use super::super::connection::Endpoint;
use super::{LONG, REQUEST, RepairError, save};

/// A key that nobody else writes.
const PROBE: &[u8] = b"stanchion.dev/doctor/probe";
/// Room that has to be there before writes are let in again, as the part of the quota that may be in use.
const ROOM: (u64, u64) = (9, 10);

impl Etcd {
    /// Does a step; `facts` were read just before, and all members were well.
    pub(super) async fn step(&self, step: &EtcdStep, facts: &Facts) -> Result<String, RepairError> {
        match step {
            EtcdStep::Snapshot { endpoint, to, size } => {
                let saved = save::save(&self.endpoint(endpoint)?, to, *size, LONG).await?;
                Ok(format!("{} in {}, its checksum is right", Bytes(saved.size), to.display()))
            }
            EtcdStep::Compact { endpoint } => self.compact(&self.endpoint(endpoint)?).await,
            EtcdStep::Defragment { member, endpoint, deadline, .. } => {
                if let Some(refusal) = disk_refusal(facts, *member) {
                    return Err(RepairError::Unwell { why: refusal.why });
                }
                let moved = self.unseat(*member, facts).await?;
                let said = self.defragment(&self.endpoint(endpoint)?, *deadline).await?;
                Ok(match moved {
                    Some(heir) => format!("{said}; {heir} leads instead of it"),
                    None => said,
                })
            }
            EtcdStep::MoveLeader { endpoint, to, name } => {
                let leader = facts.etcd.leader();
                if leader.is_some_and(|(leader, _)| leader.id == *to) {
                    return Ok(format!("{name} leads already"));
                }
                let endpoint = leader.map_or(endpoint, |(_, status)| &status.endpoint);
                self.move_leader(&self.endpoint(endpoint)?, *to).await?;
                Ok(format!("{name} leads"))
            }
            EtcdStep::Disarm { endpoint, members } => self.disarm(&self.endpoint(endpoint)?, members).await,
            EtcdStep::Probe { endpoint } => probe(&self.endpoint(endpoint)?).await,
        }
    }

    /// Has another lead if a member has come to lead since the plan was made; returns who does.
    async fn unseat(&self, member: u64, facts: &Facts) -> Result<Option<String>, RepairError> {
        let leader = facts.etcd.leader().filter(|(leader, _)| leader.id == member);
        let (Some((_, status)), Some(heir)) = (leader, heir(facts)) else { return Ok(None) };
        self.move_leader(&self.endpoint(&status.endpoint)?, heir.id).await?;
        self.calm().await?;
        Ok(Some(heir.name))
    }

    async fn move_leader(&self, leader: &Endpoint, to: u64) -> Result<(), RepairError> {
        let request = MoveLeaderRequest { target_id: to };
        within("move the leader", REQUEST, leader.maintenance().move_leader(request)).await.map(drop)
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
        // Clients that went on trying have had other members raise it, too.
        let raised = facts.etcd.alarms.iter().filter(|alarm| alarm.kind == AlarmKind::NoSpace);
        let members: BTreeSet<u64> =
            raised.map(|alarm| alarm.member).chain(members.iter().copied()).collect();
        for member in members {
            let request = AlarmRequest {
                action: AlarmAction::Deactivate.into(),
                member_id: member,
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
