//! The Maintenance service.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::{Alarm, Revision, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::meter::Method;
use super::status::status;
use super::{RAFT_TERM, Service};
use crate::API_VERSION;
use crate::snapshot::Snapshot;

const SERVICE: &str = "etcdserverpb.Maintenance";
/// Chunks of a snapshot that may wait for the client.
const CHUNKS: usize = 8;

impl Service {
    /// Returns the raised alarms as the wire has them.
    fn alarms(&self) -> Vec<pb::AlarmMember> {
        let member = self.store.ids().member;
        let raised = self.store.status().alarms.raised();
        raised.map(|alarm| pb::AlarmMember { member_id: member, alarm: alarm as i32 }).collect()
    }

    async fn change_alarm(
        &self,
        request: &pb::AlarmRequest,
        raise: bool,
    ) -> Result<Vec<pb::AlarmMember>, StoreError> {
        let member_id = self.store.ids().member;
        if request.member_id != 0 && request.member_id != member_id {
            // An alarm of a member that there is not cannot be raised, and is not raised.
            return if raise { Err(StoreError::MemberNotFound) } else { Ok(Vec::new()) };
        }
        let number = u8::try_from(request.alarm).unwrap_or(u8::MAX);
        let alarms: Vec<_> = match (number, Alarm::from_number(number)) {
            (_, Some(alarm)) => vec![alarm],
            (0, None) if !raise => self.store.status().alarms.raised().collect(),
            (_, None) => return Err(StoreError::Unsupported("an unknown alarm")),
        };
        let mut changed = Vec::new();
        for alarm in alarms {
            let was_raised = self.store.status().alarms.is_raised(alarm);
            self.store.set_alarm(alarm, raise).await?;
            if raise || was_raised {
                changed.push(pb::AlarmMember { member_id, alarm: alarm as i32 });
            }
        }
        Ok(changed)
    }

    async fn answer_alarm(&self, request: pb::AlarmRequest) -> Result<pb::AlarmResponse, StoreError> {
        use pb::alarm_request::AlarmAction;
        let alarms = match AlarmAction::try_from(request.action) {
            Ok(AlarmAction::Get) => {
                let all = self.alarms().into_iter();
                all.filter(|alarm| request.alarm == 0 || alarm.alarm == request.alarm).collect()
            }
            Ok(AlarmAction::Activate) => self.change_alarm(&request, true).await?,
            Ok(AlarmAction::Deactivate) => self.change_alarm(&request, false).await?,
            Err(_) => return Err(StoreError::Unsupported("an unknown action on an alarm")),
        };
        Ok(pb::AlarmResponse { header: Some(self.header(self.store.revision())), alarms })
    }

    fn status_response(&self) -> pb::StatusResponse {
        let status = self.store.status();
        let member = status.ids.member;
        let alarms = status.alarms.raised().map(|alarm| format!("memberID:{member} alarm:{} ", alarm.name()));
        let errors = alarms.chain(status.failure.map(|failure| failure.to_string())).collect();
        pb::StatusResponse {
            header: Some(self.header(status.revision)),
            version: API_VERSION.to_owned(),
            db_size: i64::try_from(status.on_disk).unwrap_or(i64::MAX),
            leader: member,
            raft_index: status.commits,
            raft_term: RAFT_TERM,
            raft_applied_index: status.commits,
            errors,
            db_size_in_use: i64::try_from(status.in_use).unwrap_or(i64::MAX),
            is_learner: false,
            storage_version: minor_version(),
            db_size_quota: i64::try_from(status.quota.bytes()).unwrap_or(i64::MAX),
            downgrade_info: Some(pb::DowngradeInfo::default()),
        }
    }
}

/// Returns the API's version without its patch level, as etcd gives the version of its storage.
pub(super) fn minor_version() -> String {
    let (minor, _) = API_VERSION.rsplit_once('.').unwrap_or((API_VERSION, ""));
    format!("{minor}.0")
}

#[tonic::async_trait]
impl pb::maintenance_server::Maintenance for Service {
    async fn alarm(&self, request: Request<pb::AlarmRequest>) -> Result<Response<pb::AlarmResponse>, Status> {
        Method(SERVICE, "Alarm").unary(self, self.answer_alarm(request.into_inner())).await
    }

    async fn status(
        &self,
        _request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        Method(SERVICE, "Status").unary(self, async { Ok(self.status_response()) }).await
    }

    async fn defragment(
        &self,
        _request: Request<pb::DefragmentRequest>,
    ) -> Result<Response<pb::DefragmentResponse>, Status> {
        let call = async {
            let outcome = self.store.defragment().await?;
            tracing::info!(before = outcome.before, after = outcome.after, "defragmented");
            Ok(pb::DefragmentResponse { header: Some(self.header(self.store.revision())) })
        };
        Method(SERVICE, "Defragment").unary(self, call).await
    }

    async fn hash(&self, _request: Request<pb::HashRequest>) -> Result<Response<pb::HashResponse>, Status> {
        let call = async {
            let hashed = self.store.hash_kv(Revision::NONE).await?;
            Ok(pb::HashResponse { header: Some(self.header(hashed.newest)), hash: hashed.hash })
        };
        Method(SERVICE, "Hash").unary(self, call).await
    }

    async fn hash_kv(
        &self,
        request: Request<pb::HashKvRequest>,
    ) -> Result<Response<pb::HashKvResponse>, Status> {
        let call = async {
            let hashed = self.store.hash_kv(Revision(request.into_inner().revision.max(0))).await?;
            Ok(pb::HashKvResponse {
                header: Some(self.header(hashed.newest)),
                hash: hashed.hash,
                compact_revision: hashed.compacted.0,
                hash_revision: hashed.revision.0,
            })
        };
        Method(SERVICE, "HashKV").unary(self, call).await
    }

    type SnapshotStream = ReceiverStream<Result<pb::SnapshotResponse, Status>>;

    async fn snapshot(
        &self,
        _request: Request<pb::SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        const METHOD: Method = Method(SERVICE, "Snapshot");
        METHOD.begin(self);
        let snapshot = self.store.snapshot();
        let header = self.header(snapshot.revision());
        let (chunks, stream) = mpsc::channel(CHUNKS);
        let service = self.clone();
        tokio::task::spawn_blocking(move || {
            let ended = send_snapshot(snapshot, header, &chunks);
            METHOD.end(&service, ended.as_ref().err().map_or(Code::Ok, Status::code));
            if let Err(status) = ended {
                // Nobody may be listening any more.
                drop(chunks.blocking_send(Err(status)));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn move_leader(
        &self,
        request: Request<pb::MoveLeaderRequest>,
    ) -> Result<Response<pb::MoveLeaderResponse>, Status> {
        let call = async {
            // The one member leads already, so moving to it is done; there is nobody else.
            if request.into_inner().target_id != self.store.ids().member {
                return Err(StoreError::BadLeaderTransferee);
            }
            Ok(pb::MoveLeaderResponse { header: Some(self.header(self.store.revision())) })
        };
        Method(SERVICE, "MoveLeader").unary(self, call).await
    }

    async fn downgrade(
        &self,
        _request: Request<pb::DowngradeRequest>,
    ) -> Result<Response<pb::DowngradeResponse>, Status> {
        let call = async { Err(StoreError::Unsupported("a downgrade of the cluster version")) };
        Method(SERVICE, "Downgrade").unary(self, call).await
    }
}

fn send_snapshot(
    mut snapshot: Snapshot,
    header: pb::ResponseHeader,
    chunks: &mpsc::Sender<Result<pb::SnapshotResponse, Status>>,
) -> Result<(), Status> {
    while let Some(blob) = snapshot.next_chunk().map_err(|error| status(&error))? {
        let response = pb::SnapshotResponse {
            header: Some(header),
            remaining_bytes: snapshot.remaining(),
            blob,
            version: minor_version(),
        };
        if chunks.blocking_send(Ok(response)).is_err() {
            return Err(Status::cancelled("the client ended the snapshot"));
        }
    }
    Ok(())
}
