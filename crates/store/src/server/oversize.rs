//! Requests beyond what is decoded at all: refused with the status that etcd's gRPC library gives.

use axum::http::HeaderValue;
use axum::response::Response;
use tonic::{Code, Status};

/// What the library says, under `OutOfRange`.
const FOUND: &str = "decoded message length too large";
/// What Go's library says, under `ResourceExhausted`.
const GIVEN: HeaderValue = HeaderValue::from_static("grpc: received message larger than max");

/// Renames the refusal of an oversized request; every other answer is left as it is.
pub(super) async fn rename(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(Status::GRPC_STATUS)
        && let Some(status) = Status::from_header_map(headers)
        && status.code() == Code::OutOfRange
        && status.message().contains(FOUND)
    {
        headers.insert(Status::GRPC_STATUS, HeaderValue::from(Code::ResourceExhausted as i32));
        headers.insert(Status::GRPC_MESSAGE, GIVEN);
    }
    response
}
