//! The Lease service.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::{LeaseId, StoreError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::Service;
use super::meter::Method;
use super::status::status;

const SERVICE: &str = "etcdserverpb.Lease";
/// Answers that may wait for one client.
const ANSWERS: usize = 16;

type KeepAliveAnswer = Result<pb::LeaseKeepAliveResponse, Status>;

impl Service {
    async fn keep_alive(&self, id: i64) -> Result<pb::LeaseKeepAliveResponse, StoreError> {
        let ttl = self.store.lease_renew(LeaseId(id)).await?;
        // A lease that is no more has no time left, which is how clients learn of it.
        let header = Some(self.header(self.store.revision()));
        Ok(pb::LeaseKeepAliveResponse { header, id, ttl: ttl.unwrap_or(0) })
    }

    /// Answers renewals until the client ends, the server stops, or nobody takes the answers.
    async fn keep_alive_stream(
        &self,
        mut requests: Streaming<pb::LeaseKeepAliveRequest>,
        answers: &mpsc::Sender<KeepAliveAnswer>,
    ) -> Result<(), Status> {
        loop {
            let request = tokio::select! {
                request = requests.message() => request?,
                () = self.stopped() => return Err(status(&StoreError::Stopped)),
            };
            let Some(request) = request else { return Ok(()) };
            let answer = self.keep_alive(request.id).await.map_err(|error| status(&error))?;
            if answers.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
    }
}

#[tonic::async_trait]
impl pb::lease_server::Lease for Service {
    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let call = async {
            let pb::LeaseGrantRequest { ttl, id } = request.into_inner();
            let (id, ttl) = self.store.lease_grant(LeaseId(id), ttl).await?;
            let header = Some(self.header(self.store.revision()));
            Ok(pb::LeaseGrantResponse { header, id: id.0, ttl, error: String::new() })
        };
        Method(SERVICE, "LeaseGrant").unary(self, call).await
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Result<Response<pb::LeaseRevokeResponse>, Status> {
        let call = async {
            self.store.lease_revoke(LeaseId(request.into_inner().id)).await?;
            Ok(pb::LeaseRevokeResponse { header: Some(self.header(self.store.revision())) })
        };
        Method(SERVICE, "LeaseRevoke").unary(self, call).await
    }

    type LeaseKeepAliveStream = ReceiverStream<KeepAliveAnswer>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        const METHOD: Method = Method(SERVICE, "LeaseKeepAlive");
        METHOD.begin(self);
        let (answers, stream) = mpsc::channel(ANSWERS);
        let service = self.clone();
        tokio::spawn(async move {
            let ended = service.keep_alive_stream(request.into_inner(), &answers).await;
            METHOD.end(&service, ended.as_ref().err().map_or(Code::Ok, Status::code));
            if let Err(status) = ended {
                // Nobody may be listening any more.
                drop(answers.send(Err(status)).await);
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        let call = async {
            let pb::LeaseTimeToLiveRequest { id, keys } = request.into_inner();
            let header = Some(self.header(self.store.revision()));
            let answer = match self.store.lease_time_to_live(LeaseId(id), keys) {
                Some(info) => pb::LeaseTimeToLiveResponse {
                    header,
                    id,
                    ttl: info.remaining,
                    granted_ttl: info.granted,
                    keys: info.keys,
                },
                None => pb::LeaseTimeToLiveResponse { header, id, ttl: -1, granted_ttl: 0, keys: Vec::new() },
            };
            Ok(answer)
        };
        Method(SERVICE, "LeaseTimeToLive").unary(self, call).await
    }

    async fn lease_leases(
        &self,
        _request: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        let call = async {
            let leases = self.store.leases().into_iter().map(|id| pb::LeaseStatus { id: id.0 }).collect();
            Ok(pb::LeaseLeasesResponse { header: Some(self.header(self.store.revision())), leases })
        };
        Method(SERVICE, "LeaseLeases").unary(self, call).await
    }
}
