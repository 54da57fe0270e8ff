//! Requests whose answer nobody reads.

use kube::Client;

/// Sends a request that changes something, without reading the object that comes back.
pub async fn write(
    client: &Client,
    request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
) -> kube::Result<()> {
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}
