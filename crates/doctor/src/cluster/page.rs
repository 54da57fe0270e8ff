//! Lists, taken page by page.

use http::Request;
use http::header::ACCEPT;
use kube::Client;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// So many objects are asked for at a time.
const PAGE: usize = 500;
/// How often a list may go on in a newer state because that of its beginning was compacted.
const RESUMED: usize = 10;

/// Why a list, or something else of the API, could not be read.
#[derive(Debug, Error)]
pub(crate) enum PageError {
    /// The API did not give it.
    #[error("{path}")]
    Api {
        /// What was asked for.
        path: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// What was asked for makes no request.
    #[error("{path} cannot be asked for")]
    Request {
        /// What was to be asked for.
        path: String,
        /// Why.
        #[source]
        source: http::Error,
    },
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default = "Vec::new")]
    items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PageMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// Reads a list; `query` is what else is asked, as `labelSelector=a%3Db`.
pub(crate) async fn list<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    query: &str,
    accept: Option<&str>,
    mut each: impl FnMut(T),
) -> Result<(), PageError> {
    let mut resumed = 0;
    let mut next = String::new();
    loop {
        let mut uri = format!("{path}?limit={PAGE}");
        if !query.is_empty() {
            uri = format!("{uri}&{query}");
        }
        if !next.is_empty() {
            uri = format!("{uri}&continue={next}");
        }
        match get::<Page<T>>(client, &uri, accept).await {
            Ok(page) => {
                page.items.into_iter().for_each(&mut each);
                match page.metadata.next.filter(|next| !next.is_empty()) {
                    Some(token) => next = utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string(),
                    None => return Ok(()),
                }
            }
            Err(error) => {
                resumed += 1;
                next = resume(&error).filter(|_| resumed <= RESUMED).ok_or(error)?;
            }
        }
    }
}

/// Reads something.
pub(crate) async fn get<T: DeserializeOwned>(
    client: &Client,
    uri: &str,
    accept: Option<&str>,
) -> Result<T, PageError> {
    let text = text(client, uri, accept).await?;
    // Not left to the client, which logs what it does not understand: that may be a Secret.
    let wrong = |error| PageError::Api { path: path(uri), source: Box::new(kube::Error::SerdeError(error)) };
    serde_json::from_str(&text).map_err(wrong)
}

/// Reads something as it is.
pub(crate) async fn text(client: &Client, uri: &str, accept: Option<&str>) -> Result<String, PageError> {
    let request = request(uri, accept)?;
    let answer = client.request_text(request).await;
    answer.map_err(|source| PageError::Api { path: path(uri), source: Box::new(source) })
}

/// Makes a request for something.
pub(crate) fn request(uri: &str, accept: Option<&str>) -> Result<Request<Vec<u8>>, PageError> {
    let mut request = Request::get(uri);
    if let Some(accept) = accept {
        request = request.header(ACCEPT, accept);
    }
    request.body(Vec::new()).map_err(|source| PageError::Request { path: path(uri), source })
}

fn path(uri: &str) -> String {
    uri.split('?').next().unwrap_or(uri).to_owned()
}

impl PageError {
    /// Returns whether the API has no such thing: it does not know it, or says that it cannot do it.
    pub(crate) fn is_absent(&self) -> bool {
        match self {
            Self::Api { source, .. } => {
                matches!(&**source, kube::Error::Api(status) if matches!(status.code, 404 | 501))
            }
            Self::Request { .. } => false,
        }
    }
}

/// Returns where a list goes on whose state has become too old: the server then offers the rest of it as it is now.
fn resume(error: &PageError) -> Option<String> {
    let PageError::Api { source, .. } = error else { return None };
    let kube::Error::Api(status) = &**source else { return None };
    let next = status.metadata.as_ref()?.continue_.as_deref()?;
    (status.code == 410 && !next.is_empty()).then(|| utf8_percent_encode(next, NON_ALPHANUMERIC).to_string())
}
