//! A cluster for tests that gives known answers.

use http::{Request, Response};
use kube::Client;
use kube::client::Body;

/// Returns a client of a server that answers a path with a status and a text.
pub(super) fn client(answer: fn(&str) -> (u16, String)) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| async move {
        let (status, text) = answer(request.uri().path());
        Response::builder().status(status).body(Body::from(text.into_bytes()))
    });
    Client::new(service, "default")
}

/// Returns what an API server says that refuses something.
pub(super) fn refusal(code: u16, reason: &str) -> (u16, String) {
    let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused", "reason": reason, "code": code});
    (code, status.to_string())
}
