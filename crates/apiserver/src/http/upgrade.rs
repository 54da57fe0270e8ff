//! Wishes of clients to go on with another protocol in the same connection.

use http::HeaderValue;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;

/// What a client wishes to go on with.
#[derive(Clone, Debug, Default)]
pub(crate) enum Upgrade {
    /// Nothing but HTTP.
    #[default]
    None,
    /// A WebSocket.
    WebSocket(Box<WebSocket>),
    /// Something else, such as `SPDY/3.1`, in lower case.
    Other(String),
}

/// The client's half of a WebSocket handshake.
#[derive(Clone, Debug)]
pub(crate) struct WebSocket {
    pub(crate) key: HeaderValue,
    pub(crate) version: HeaderValue,
    /// Subprotocols that the client speaks, in its order.
    pub(crate) protocols: Vec<String>,
    /// The connection, once the client was told that it is a WebSocket.
    pub(crate) connection: OnUpgrade,
}

impl Upgrade {
    pub(crate) fn of(parts: &Parts) -> Self {
        let words = |name| {
            let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(|word| word.trim().to_owned())
        };
        if !words(CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade")) {
            return Self::None;
        }
        let Some(wish) = words(UPGRADE).next().map(|word| word.to_ascii_lowercase()) else {
            return Self::None;
        };
        let header = |name| parts.headers.get(name).cloned();
        match (header(SEC_WEBSOCKET_KEY), header(SEC_WEBSOCKET_VERSION), parts.extensions.get()) {
            (Some(key), Some(version), Some(connection)) if wish == "websocket" => {
                let connection = OnUpgrade::clone(connection);
                let protocols = words(SEC_WEBSOCKET_PROTOCOL).collect();
                Self::WebSocket(Box::new(WebSocket { key, version, protocols, connection }))
            }
            _ => Self::Other(wish),
        }
    }
}
