//! Requests to the API, each with a deadline.

use std::future::Future;
use std::time::Duration;

use stanchion_informers::Failure;

/// How long a request may take before it counts as failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Why a request to the API failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer came in time.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Timeout,
    /// The API refused, or cannot be reached.
    #[error(transparent)]
    Api(#[from] kube::Error),
}

impl CallError {
    /// Returns whether the object that the request was about is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 404)
    }

    /// Returns whether the object is another one by now, or was changed meanwhile.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 409)
    }
}

impl Failure for CallError {
    fn is_stale(&self) -> bool {
        self.is_conflict()
    }
}

/// Waits for the answer to a request.
pub(crate) async fn call<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    let answer = tokio::time::timeout(DEADLINE, request).await.map_err(|_| CallError::Timeout)?;
    Ok(answer?)
}
