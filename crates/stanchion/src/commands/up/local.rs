//! Clients of the API server that runs in this process.

use std::convert::Infallible;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::Client;
use kube::client::Body;
use stanchion_apiserver::Local;

/// Makes a client of one component; `agent` is what owners of fields (`managedFields`) are called.
pub(crate) fn client(local: Local, agent: &'static str) -> Client {
    let service = tower::service_fn(move |mut request: http::Request<Body>| {
        let local = local.clone();
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
        async move { Ok::<_, Infallible>(local.answer(request).await) }
    });
    Client::new(service, "default")
}
