//! The Cluster service: one member, which is all there is.

use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::{Code, StoreError};
use tonic::{Request, Response, Status};

use super::Service;
use super::meter::Method;

const SERVICE: &str = "etcdserverpb.Cluster";

/// A change of the membership, which would make this a cluster.
const ONE_MEMBER: StoreError =
    StoreError::Unsupported("this store has one member; a cluster of several machines is etcd's work");

impl Service {
    fn member(&self) -> pb::Member {
        pb::Member {
            id: self.store.ids().member,
            name: self.name.clone(),
            peer_ur_ls: Vec::new(),
            client_ur_ls: self.client_urls.clone(),
            is_learner: false,
        }
    }

    /// Refuses a change of a member: because there is none with that id, or because it is the only one.
    fn refuse_change<T>(&self, id: u64) -> Result<T, StoreError> {
        if id == self.store.ids().member { Err(ONE_MEMBER) } else { Err(StoreError::MemberNotFound) }
    }
}

#[tonic::async_trait]
impl pb::cluster_server::Cluster for Service {
    async fn member_add(
        &self,
        _request: Request<pb::MemberAddRequest>,
    ) -> Result<Response<pb::MemberAddResponse>, Status> {
        Method(SERVICE, "MemberAdd").unary(self, async { Err(ONE_MEMBER) }).await
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Result<Response<pb::MemberRemoveResponse>, Status> {
        Method(SERVICE, "MemberRemove")
            .unary(self, async { self.refuse_change(request.into_inner().id) })
            .await
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Result<Response<pb::MemberUpdateResponse>, Status> {
        Method(SERVICE, "MemberUpdate")
            .unary(self, async { self.refuse_change(request.into_inner().id) })
            .await
    }

    async fn member_list(
        &self,
        _request: Request<pb::MemberListRequest>,
    ) -> Result<Response<pb::MemberListResponse>, Status> {
        let call = async {
            let header = Some(self.header(self.store.revision()));
            Ok(pb::MemberListResponse { header, members: vec![self.member()] })
        };
        Method(SERVICE, "MemberList").unary(self, call).await
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Result<Response<pb::MemberPromoteResponse>, Status> {
        let call = async {
            if request.into_inner().id != self.store.ids().member {
                return Err(StoreError::MemberNotFound);
            }
            let text = "etcdserver: can only promote a learner member".to_owned();
            Err(StoreError::Remote { code: Code::FailedPrecondition, text })
        };
        Method(SERVICE, "MemberPromote").unary(self, call).await
    }
}
