//! Answers.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER, VARY};
use http::{HeaderValue, Response, StatusCode};
use stanchion_machinery::status::Status;
use stanchion_machinery::{Value, encode};
use tokio::sync::mpsc;

use super::Body;
use super::body::Broken;

/// Characters of warnings in an answer; with more each is cut, and the last ones are left out.
const WARNINGS: usize = 4096;
/// Characters of a warning that is cut.
const WARNING: usize = 256;
/// Answers smaller than this are not worth compressing.
const COMPRESS_FROM: usize = 128 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) content_type: Cow<'static, str>,
    pub(crate) body: Body,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn new(code: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            code,
            content_type: content_type.into(),
            body: Body::Whole(Some(body.into())),
            headers: Vec::new(),
        }
    }

    /// Answers with JSON that is laid out already.
    pub(crate) fn json(code: u16, body: impl Into<Bytes>) -> Self {
        Self::new(code, "application/json", body)
    }

    /// Answers with an object.
    pub(crate) fn object(code: u16, object: &Value) -> Self {
        Self::json(code, encode::plain(object))
    }

    pub(crate) fn text(code: u16, text: impl Into<String>) -> Self {
        Self::new(code, "text/plain; charset=utf-8", text.into())
    }

    /// Answers with parts as they come.
    pub(crate) fn stream(content_type: &'static str, parts: mpsc::Receiver<Bytes>) -> Self {
        let content_type = content_type.into();
        Self { code: 200, content_type, body: Body::Stream(parts), headers: Vec::new() }
    }

    /// Answers with what comes from elsewhere.
    pub(crate) fn relay(
        content_type: impl Into<Cow<'static, str>>,
        parts: mpsc::Receiver<Result<Bytes, Broken>>,
    ) -> Self {
        let content_type = content_type.into();
        Self { code: 200, content_type, body: Body::Relay(parts), headers: Vec::new() }
    }

    /// Answers that the connection goes on with another protocol, as the headers say.
    pub(crate) fn switch() -> Self {
        Self { code: 101, content_type: "".into(), body: Body::Whole(None), headers: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds warnings for the person at the client, each once and no more than clients take in headers.
    #[must_use]
    pub(crate) fn warn(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        let quote = |text: String| {
            let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("299 - \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        };
        self.headers.extend(bounded(warnings).into_iter().map(|text| ("Warning", quote(text))));
        self
    }

    /// Names the version of the answer, and leaves the answer out if the client has that version already.
    #[must_use]
    pub(crate) fn tagged(self, tag: &str, known: &str) -> Self {
        let tag = format!("\"{tag}\"");
        let mut same = known.split(',').map(|known| known.trim().trim_start_matches("W/"));
        if same.any(|known| known == tag || known == "*") {
            let reply = Self { code: 304, body: Body::Whole(None), ..self };
            return reply.with(ETAG.as_str(), tag);
        }
        self.with(ETAG.as_str(), tag)
    }

    /// Leaves out the body, but not what is said of it.
    #[must_use]
    pub(crate) fn without_body(self) -> Self {
        match &self.body {
            Body::Whole(Some(bytes)) => {
                let length = bytes.len().to_string();
                Self { body: Body::Whole(None), ..self }.with(CONTENT_LENGTH.as_str(), length)
            }
            Body::Whole(None) | Body::Stream(_) | Body::Relay(_) => Self { body: Body::Whole(None), ..self },
        }
    }

    /// Compresses the body if that is worth it.
    #[must_use]
    pub(crate) fn compress(mut self) -> Self {
        let Body::Whole(Some(bytes)) = &self.body else { return self };
        let is_encoded = self.headers.iter().any(|(name, _)| *name == CONTENT_ENCODING.as_str());
        if bytes.len() < COMPRESS_FROM || is_encoded {
            return self;
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
        if encoder.write_all(bytes).is_ok()
            && let Ok(small) = encoder.finish()
        {
            self.body = Body::Whole(Some(small.into()));
            self.headers.push((CONTENT_ENCODING.as_str(), "gzip".to_owned()));
            self.headers.push((VARY.as_str(), "Accept-Encoding".to_owned()));
        }
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if self.code != 101 {
            if let Ok(value) = HeaderValue::from_str(&self.content_type) {
                headers.insert(CONTENT_TYPE, value);
            }
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        }
        for (name, value) in self.headers {
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
            if name == CACHE_CONTROL.as_str() {
                headers.insert(CACHE_CONTROL, value);
            } else {
                headers.append(name, value);
            }
        }
        response
    }
}

impl From<Status> for Reply {
    fn from(status: Status) -> Self {
        let reply = Self::object(status.code, &status.to_value());
        match status.details.as_ref().map_or(0, |details| details.retry_after_seconds) {
            0 => reply,
            seconds => reply.with(RETRY_AFTER.as_str(), seconds.to_string()),
        }
    }
}

/// Cuts warnings short, and leaves the last ones out, if there is too much of them.
fn bounded(warnings: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known = HashSet::new();
    let all: Vec<String> =
        warnings.into_iter().filter(|text| !text.is_empty() && known.insert(text.clone())).collect();
    let length = |text: &String| text.chars().count();
    if all.iter().map(length).sum::<usize>() <= WARNINGS {
        return all;
    }
    let mut room = WARNINGS;
    let short = all.into_iter().map(|text| text.chars().take(WARNING).collect::<String>());
    short
        .take_while(|text| {
            let fits = room > 0;
            room = room.saturating_sub(length(text));
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_told_once_and_within_bounds() {
        let few = ["a", "b", "a", ""].map(str::to_owned);
        assert_eq!(bounded(few), ["a", "b"]);
        let long = (0..100).map(|number| format!("{number:0>3000}"));
        let told = bounded(long);
        assert_eq!(told, vec!["0".repeat(256); 16]);
        let told = bounded((0..20_000).map(|number| number.to_string()));
        let length: usize = told.iter().map(String::len).sum();
        assert!(told.len() > 500 && length <= WARNINGS + WARNING, "{length}");
    }
}
