//! A cluster for tests that gives known answers.

use http::{Request, Response};
use kube::Client;
use kube::client::Body;

use super::Cluster;
use super::tls::Tls;
use crate::Progress;

/// Returns a client of a server that answers a path with a status and a text.
pub(super) fn client(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let (status, text) = answer(request.uri().path());
        async move { Response::builder().status(status).body(Body::from(text.into_bytes())) }
    });
    Client::new(service, "default")
}

/// Returns a cluster whose API server is said to be at an address, and that gives such answers.
pub(crate) fn cluster(address: &str, answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Cluster {
    Cluster {
        client: client(answer),
        server: format!("https://{address}"),
        tls: Tls::at(address),
        progress: Progress::default(),
    }
}

/// Returns what an API server says that refuses something.
pub(crate) fn refusal(code: u16, reason: &str) -> (u16, String) {
    let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused", "reason": reason, "code": code});
    (code, status.to_string())
}
