//! The KV service.

use prost::Message;
use stanchion_etcd_api::etcdserverpb as pb;
use stanchion_store_core::{Revision, StoreError};
use tonic::{Request, Response, Status};

use super::Service;
use super::confine::Home;
use super::meter::Method;
use super::wire;

const SERVICE: &str = "etcdserverpb.KV";

impl Service {
    /// Refuses a request that is longer than allowed.
    fn check_size(&self, request: &impl Message) -> Result<(), StoreError> {
        let allowed = self.store.limits().request_bytes;
        if request.encoded_len() > allowed { Err(StoreError::RequestTooLarge) } else { Ok(()) }
    }
}

#[tonic::async_trait]
impl pb::kv_server::Kv for Service {
    async fn range(&self, request: Request<pb::RangeRequest>) -> Result<Response<pb::RangeResponse>, Status> {
        let home = Home::of(&request);
        let call = async {
            let query = wire::range_query(request.into_inner())?;
            home.admit(&query.range)?;
            let result = self.store.range(query).await?;
            let header = self.header(result.revision);
            Ok(wire::range_response(result, header))
        };
        Method(SERVICE, "Range").unary(self, call).await
    }

    async fn put(&self, request: Request<pb::PutRequest>) -> Result<Response<pb::PutResponse>, Status> {
        let home = Home::of(&request);
        let call = async {
            let request = request.into_inner();
            self.check_size(&request)?;
            let put = wire::put(request);
            home.admit_key(&put.key)?;
            let result = self.store.put(put).await?;
            let header = self.header(result.revision);
            Ok(wire::put_response(result, header))
        };
        Method(SERVICE, "Put").unary(self, call).await
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        let home = Home::of(&request);
        let call = async {
            let request = request.into_inner();
            self.check_size(&request)?;
            let delete = wire::delete_range(request);
            home.admit(&delete.range)?;
            let result = self.store.delete_range(delete).await?;
            let header = self.header(result.revision);
            Ok(wire::delete_response(result, header))
        };
        Method(SERVICE, "DeleteRange").unary(self, call).await
    }

    async fn txn(&self, request: Request<pb::TxnRequest>) -> Result<Response<pb::TxnResponse>, Status> {
        let home = Home::of(&request);
        let call = async {
            let request = request.into_inner();
            self.check_size(&request)?;
            let txn = wire::txn(request, self.store.limits().txn_ops)?;
            home.admit_txn(&txn)?;
            let result = self.store.txn(txn).await?;
            let header = self.header(result.revision);
            Ok(wire::txn_response(result, header))
        };
        Method(SERVICE, "Txn").unary(self, call).await
    }

    async fn compact(
        &self,
        request: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        let call = async {
            let pb::CompactionRequest { revision, physical } = request.into_inner();
            let newest = self.store.compact(Revision(revision), physical).await?;
            Ok(pb::CompactionResponse { header: Some(self.header(newest)) })
        };
        Method(SERVICE, "Compact").unary(self, call).await
    }
}
