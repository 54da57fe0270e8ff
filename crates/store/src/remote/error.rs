//! What a failed call means.

use etcd_client::Error;
use stanchion_store_core::{Code, StoreError};
use tonic::Status;

/// etcd's own errors begin with this, whatever their code; those of a connection do not.
const OF_SERVER: &str = "etcdserver: ";

/// Names the error of a call to `endpoint`.
pub(super) fn of_client(error: Error, endpoint: &str) -> StoreError {
    match error {
        Error::GRpcStatus(status) => of_status(&status, endpoint),
        other => unavailable(endpoint, &other.to_string()),
    }
}

fn of_status(status: &Status, endpoint: &str) -> StoreError {
    use tonic::Code as Wire;
    let code = match status.code() {
        Wire::DeadlineExceeded => return StoreError::Timeout,
        Wire::InvalidArgument => Code::InvalidArgument,
        Wire::OutOfRange => Code::OutOfRange,
        Wire::ResourceExhausted => Code::ResourceExhausted,
        Wire::NotFound => Code::NotFound,
        Wire::FailedPrecondition | Wire::AlreadyExists => Code::FailedPrecondition,
        Wire::PermissionDenied | Wire::Unauthenticated => Code::PermissionDenied,
        Wire::DataLoss => Code::DataLoss,
        Wire::Unimplemented => Code::Unimplemented,
        Wire::Ok | Wire::Cancelled | Wire::Unknown | Wire::Aborted | Wire::Internal | Wire::Unavailable => {
            Code::Unavailable
        }
    };
    let text = status.message();
    if code == Code::Unavailable && !text.starts_with(OF_SERVER) {
        return unavailable(endpoint, text);
    }
    StoreError::from_text(code, text)
}

/// Names the reason that a server gives for refusing or ending a watch.
pub(super) fn of_reason(reason: &str) -> StoreError {
    for known in [StoreError::EmptyWatchRange, StoreError::DuplicateWatchId, StoreError::PermissionDenied] {
        // Some reasons stand behind the code that they have as an answer.
        if reason.ends_with(&known.to_string()) {
            return known;
        }
    }
    StoreError::from_text(Code::Unavailable, reason)
}

/// The endpoint cannot be reached, or the connection broke.
fn unavailable(endpoint: &str, text: &str) -> StoreError {
    StoreError::Remote { code: Code::Unavailable, text: format!("{endpoint}: {text}") }
}

/// An answer that no etcd gives.
pub(super) fn senseless(what: &str) -> StoreError {
    StoreError::Remote { code: Code::DataLoss, text: format!("the remote store's answer has {what}") }
}

/// Whether another endpoint may do better.
pub(super) fn is_of_endpoint(error: &StoreError) -> bool {
    error.code() == Code::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_etcd_become_errors_again() {
        let status = Status::out_of_range(StoreError::FutureRevision.to_string());
        assert_eq!(of_status(&status, "e"), StoreError::FutureRevision);
        let status = Status::unavailable("etcdserver: no leader");
        let text = "etcdserver: no leader".to_owned();
        assert_eq!(of_status(&status, "e"), StoreError::Remote { code: Code::Unavailable, text });
        assert_eq!(of_reason("mvcc: watcher range is empty"), StoreError::EmptyWatchRange);
    }

    #[test]
    fn a_broken_connection_names_its_endpoint() {
        let status = Status::unavailable("tcp connect error");
        let error = of_status(&status, "http://a:1");
        assert_eq!(error.to_string(), "http://a:1: tcp connect error");
        assert!(is_of_endpoint(&error));
    }
}
