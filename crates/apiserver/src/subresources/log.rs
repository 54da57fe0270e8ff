//! log: the output of a container, as its node has it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use stanchion_machinery::field::{FieldError, Path};
use stanchion_machinery::status::Status;
use tokio::sync::mpsc;

use super::node;
use crate::api::Api;
use crate::call::Call;
use crate::http::body::Broken;
use crate::http::{Query, Reply};
use crate::nodes::{self, Answer, Nodes};

/// Parts of an answer that wait for the client, about 16 KiB each.
const WAITING: usize = 8;
/// How long a node may be silent in the middle of output that is not followed.
const SILENCE: Duration = Duration::from_secs(30);

/// Answers with the output of a container.
pub(crate) async fn read(api: &Api, call: &Call) -> Result<Reply, Status> {
    let name = call.key().name;
    let options = Options::read(&call.query, &name)?;
    let pod = node::pod(api, call).await?;
    let container = node::container(&pod, &name, call.query.text("container"))?;
    let on = node::name(&pod);
    if on.is_empty() {
        // There is no output yet, and nobody to ask for it.
        return Ok(Reply::text(204, ""));
    }
    let endpoint = node::endpoint(api, on).await?;
    let path = format!("/containerLogs/{}/{name}/{container}", call.namespace());
    let request = Request::get(format!("{path}{}", options.query()));
    let answer = api.nodes.ask(&endpoint, request).await?;
    if !answer.response.status().is_success() {
        return Err(nodes::refusal(answer.response).await);
    }
    let parts = relay(&api.nodes, answer, options.follow);
    Ok(Reply::relay("text/plain", parts).with("X-Content-Type-Options", "nosniff"))
}

/// Begins to pass on what a node answers.
pub(crate) fn relay(nodes: &Nodes, answer: Answer, follow: bool) -> mpsc::Receiver<Result<Bytes, Broken>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    nodes.go_on(pump(answer, sender, follow));
    receiver
}

/// Passes output on as fast as the client takes it, until it ends or the client is gone.
async fn pump(answer: Answer, to: mpsc::Sender<Result<Bytes, Broken>>, follow: bool) {
    let Answer { response, slot: _slot } = answer;
    let mut body = response.into_body();
    let silence = if follow { Duration::MAX } else { SILENCE };
    loop {
        let frame = tokio::select! {
            () = to.closed() => return,
            frame = tokio::time::timeout(silence, body.frame()) => frame,
        };
        let part = match frame {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(part) => Ok(part),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(Broken(error.to_string())),
            Err(_) => Err(Broken(format!("nothing came for {} s", SILENCE.as_secs()))),
        };
        let broken = part.is_err();
        if to.send(part).await.is_err() || broken {
            return;
        }
    }
}

/// What of the output is wanted.
#[derive(Debug, Default, PartialEq)]
struct Options {
    follow: bool,
    pairs: Vec<(&'static str, String)>,
}

impl Options {
    fn read(query: &Query, pod: &str) -> Result<Self, Status> {
        let mut options = Self { follow: query.flag("follow"), ..Self::default() };
        for flag in ["follow", "previous", "timestamps"] {
            if query.flag(flag) {
                options.pairs.push((flag, "true".to_owned()));
            }
        }
        let mut errors = Vec::new();
        let numbers = [
            ("tailLines", 0, "must be greater than or equal to 0"),
            ("limitBytes", 1, "must be greater than 0"),
            ("sinceSeconds", 1, "must be greater than 0"),
        ];
        for (name, least, why) in numbers {
            let Some(number) = query.number(name)? else { continue };
            if number < least {
                errors.push(FieldError::invalid(&Path::new(name), number, why));
            }
            options.pairs.push((name, number.to_string()));
        }
        let since = query.text("sinceTime");
        if !since.is_empty() {
            if stanchion_machinery::time::parse(since).is_none() {
                return Err(Status::bad_request(format!(
                    "sinceTime: {since:?} is not a time as in RFC 3339"
                )));
            }
            options.pairs.push(("sinceTime", since.to_owned()));
            if query.has("sinceSeconds") {
                let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
                errors.push(FieldError::forbidden(&Path::new(""), why));
            }
        }
        let stream = query.text("stream");
        if !matches!(stream, "" | "All") {
            // Both streams of a container go to one file, as with every runtime; only the lines are marked.
            let why = "only `All` is supported by this server";
            errors.push(FieldError::invalid(&Path::new("stream"), stream, why));
        }
        if errors.is_empty() { Ok(options) } else { Err(Status::invalid("", "PodLogOptions", pod, &errors)) }
    }

    fn query(&self) -> String {
        if self.pairs.is_empty() {
            return String::new();
        }
        format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<String, String> {
        let options = Options::read(&Query::parse(query), "p");
        options.map(|options| options.query()).map_err(|status| status.message)
    }

    #[test]
    fn options_are_checked_and_passed_on() {
        assert_eq!(read("container=c"), Ok(String::new()));
        let all = "follow=true&previous=false&timestamps=1&tailLines=0&limitBytes=9&sinceSeconds=3";
        let passed = "?follow=true&timestamps=true&tailLines=0&limitBytes=9&sinceSeconds=3";
        assert_eq!(read(all), Ok(passed.to_owned()));
        let time = read("sinceTime=2026-01-02T03:04:05Z");
        assert_eq!(time, Ok("?sinceTime=2026-01-02T03%3A04%3A05Z".to_owned()));
        for (query, expected) in [
            (
                "tailLines=-1",
                "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0",
            ),
            (
                "limitBytes=0",
                "PodLogOptions \"p\" is invalid: limitBytes: Invalid value: 0: must be greater than 0",
            ),
            (
                "sinceSeconds=0",
                "PodLogOptions \"p\" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0",
            ),
            ("tailLines=x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
            ("sinceTime=yesterday", "sinceTime: \"yesterday\" is not a time as in RFC 3339"),
            (
                "sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z",
                "PodLogOptions \"p\" is invalid: <nil>: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
        ] {
            assert_eq!(read(query), Err(expected.to_owned()), "{query}");
        }
    }
}
