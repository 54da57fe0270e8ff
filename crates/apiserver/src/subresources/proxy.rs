//! proxy: what the endpoint of a node answers to a path, asked in the name of the API server.
//!
//! The node gets a path and a query, and the certificate of the server: nothing that the client has shown goes on to it. Only
//! GET is handed on, and no connection that goes on with another protocol: whoever may read through here cannot run a command.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::request::Builder;
use http::{HeaderMap, HeaderName, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use stanchion_machinery::status::{Reason, Status};

use super::{log, node};
use crate::api::Api;
use crate::call::Call;
use crate::http::{Query, Reply, Upgrade, Verb};
use crate::nodes::{self, Endpoint};

/// What stands for itself nowhere in a segment of a path (RFC 3986, `pchar`).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What an answer without a type is, to which nobody should give one.
const UNKNOWN: &str = "application/octet-stream";

/// Answers with what a node answers, as it comes.
pub(crate) async fn read(api: &Api, call: &Call) -> Result<Reply, Status> {
    if call.verb != Verb::Get {
        return Err(Status::new(
            Reason::MethodNotAllowed,
            "only GET is handed on to nodes: the server does not allow other methods on nodes/proxy",
        ));
    }
    if !matches!(call.upgrade, Upgrade::None) {
        let text =
            "connections that go on with another protocol are not handed on to nodes: use exec of the Pod";
        return Err(Status::new(Reason::NotImplemented, text));
    }
    let asked = Asked::parse(&call.target.name)?;
    let request = request(&call.target.rest, &call.query)?;
    let endpoint = node::endpoint(api, asked.name).await?;
    asked.check(&endpoint)?;
    let answer = api.nodes.ask(&endpoint, request).await?;
    let (code, headers) = (answer.response.status(), answer.response.headers());
    if matches!(code.as_u16(), 401 | 403) {
        // That is about the server itself, and not about the client.
        return Err(nodes::refusal(answer.response).await);
    }
    if code.is_redirection() {
        let to = text(headers, &LOCATION).unwrap_or_default();
        let text = format!("node {:?} sends on to {to:?}, which is not followed", asked.name);
        return Err(Status::internal(text));
    }
    let content_type = text(headers, &CONTENT_TYPE).unwrap_or_else(|| UNKNOWN.to_owned());
    let encoding = text(headers, &CONTENT_ENCODING);
    let parts = log::relay(&api.nodes, answer, false);
    let mut reply = Reply::relay(content_type, parts).with("X-Content-Type-Options", "nosniff");
    reply.code = code.as_u16();
    reply.headers.extend(encoding.map(|encoding| ("Content-Encoding", encoding)));
    Ok(reply)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Makes what the node is asked.
fn request(path: &[String], query: &Query) -> Result<Builder, Status> {
    let segments: Result<Vec<_>, _> = path.iter().map(|segment| encoded(segment)).collect();
    Ok(Request::get(format!("/{}{}", segments?.join("/"), query.encoded())))
}

/// Encodes a segment of a path again. What leads up is refused, also behind a slash that was encoded: the node might decode it
/// once more.
fn encoded(segment: &str) -> Result<String, Status> {
    if segment.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
        return Err(Status::bad_request("a path that is handed on to a node must not contain '.' or '..'"));
    }
    Ok(utf8_percent_encode(segment, ENCODED).to_string())
}

/// Who is asked: `[https:]NAME[:PORT]`.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Asked<'a> {
    fn parse(text: &'a str) -> Result<Self, Status> {
        let bad = || Status::bad_request(format!("invalid node request {text:?}"));
        let parts: Vec<&str> = text.split(':').collect();
        let (name, port) = match parts.as_slice() {
            [name] => (*name, ""),
            [name, port] | ["" | "https", name, port] => (*name, *port),
            ["http", ..] => {
                let why = "nodes are asked over https alone: leave the http out";
                return Err(Status::bad_request(format!("invalid node request {text:?}: {why}")));
            }
            _ => return Err(bad()),
        };
        let port = if port.is_empty() { None } else { Some(port.parse().map_err(|_| bad())?) };
        if name.is_empty() { Err(bad()) } else { Ok(Self { name, port }) }
    }

    /// Refuses other ports than the one that the node names: the server would show its certificate to whoever listens there.
    fn check(&self, endpoint: &Endpoint) -> Result<(), Status> {
        match self.port {
            Some(port) if port != endpoint.port() => Err(Status::bad_request(format!(
                "requests are handed on to node {:?} at port {} alone, which its status names, and not at {port}",
                self.name,
                endpoint.port()
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
