//! The API for components in the same process: the same requests and the same rules, without a socket.
//!
//! A component is somebody, as with a client certificate, and may do what roles and bindings let it do. What it saves
//! are TLS, HTTP framing and copies of what is watched.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;

use crate::api::Api;
use crate::authn::Peer;
use crate::http::Body;

/// A way to the API for one component; clones are the same somebody.
#[derive(Clone, Debug)]
pub struct Local {
    api: Arc<Api>,
    peer: Arc<Peer>,
}

impl Local {
    pub(crate) fn new(api: Arc<Api>, name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Self { api, peer: Arc::new(Peer::local(name.to_owned(), groups)) }
    }

    /// Answers a request. The body of a watch goes on until the watch ends; not reading it ends it.
    pub async fn answer<B>(
        &self,
        request: Request<B>,
    ) -> Response<impl HttpBody<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + use<B>>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let response: Response<Body> = self.api.answer(&parts, body, Some(&self.peer)).await.into_response();
        response
    }
}
