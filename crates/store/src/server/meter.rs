//! Counting calls, under the names of etcd's gRPC metrics.

use stanchion_store_core::StoreError;
use tonic::{Code, Response, Status};

use super::Service;
use super::status;
use crate::metrics::{GrpcCode, GrpcCodeLabels, GrpcLabels};

/// A method: its service and its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method(pub(super) &'static str, pub(super) &'static str);

impl Method {
    /// Counts the beginning of a call.
    pub(super) fn begin(self, service: &Service) {
        let labels = GrpcLabels { grpc_service: self.0, grpc_method: self.1 };
        service.store.counters().grpc_started.get_or_create(&labels).inc();
    }

    /// Counts the end of a call.
    pub(super) fn end(self, service: &Service, code: Code) {
        let labels = GrpcCodeLabels {
            grpc_service: self.0,
            grpc_method: self.1,
            grpc_code: GrpcCode(status::name(code)),
        };
        service.store.counters().grpc_handled.get_or_create(&labels).inc();
    }

    /// Carries out a call that has one answer, and counts it.
    pub(super) async fn unary<T>(
        self,
        service: &Service,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Response<T>, Status> {
        self.begin(service);
        let outcome = call.await.map(Response::new).map_err(|error| status::status(&error));
        self.end(service, outcome.as_ref().err().map_or(Code::Ok, Status::code));
        outcome
    }
}
