//! The output of a container.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use stanchion_machinery::time;
use stanchion_node_core::container::{Observed, WaitingReason};
use stanchion_node_core::names::PodRef;
use stanchion_node_core::status::EPHEMERAL;
use stanchion_sandbox::ContainerId;
use stanchion_sandbox::logs::{self, LogOptions};

use super::{Body, Refusal, query};
use crate::node::Node;

/// Answers with the output of a container.
pub(super) async fn read(
    node: &Arc<Node>,
    request: &Request<Incoming>,
    namespace: &str,
    pod: &str,
    container: &str,
) -> Result<Response<Body>, Refusal> {
    let bad = |text: String| (StatusCode::BAD_REQUEST, text);
    let (options, previous) = options(&query(request)).map_err(bad)?;
    let missing = || (StatusCode::NOT_FOUND, format!("pod {pod:?} not found on this node"));
    let shown = node.view(namespace, pod).ok_or_else(missing)?.get();
    let mut ephemeral = shown.pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    if ephemeral.any(|one| one.name == container) {
        return Err(bad(EPHEMERAL.to_owned()));
    }
    let observed = shown.observed.get(container).cloned().unwrap_or_default();
    let run = which(&observed, previous).map_err(|what| match what {
        Missing::Previous => {
            bad(format!("previous terminated container {container:?} in pod {pod:?} not found"))
        }
        Missing::Waiting(why) => {
            bad(format!("container {container:?} in pod {pod:?} is waiting to start: {why}"))
        }
    })?;
    let path = node.logs().join(PodRef::of(&shown.pod).log_file(container, run));
    let (runtime, id) = (node.runtime.clone(), PodRef::of(&shown.pod).container_id(container, run));
    let ended = async move {
        // One that cannot be waited for is not there any more.
        if let Ok(id) = ContainerId::new(id) {
            drop(runtime.wait(&id).await);
        }
    };
    // Looked at before the answer begins: a log that is followed may be silent for long.
    if let Err(error) = tokio::fs::metadata(&path).await {
        let text = format!("the log of container {container:?} in pod {pod:?} cannot be read: {error}");
        let is_gone = error.kind() == std::io::ErrorKind::NotFound;
        return Err((
            if is_gone { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR },
            text,
        ));
    }
    let parts = logs::read(path, options, ended);
    let body = BodyExt::boxed_unsync(StreamBody::new(parts.map_ok(Frame::data)));
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Why there is no output.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    /// No run has ended before this one.
    Previous,
    /// It does not run yet, for this reason.
    Waiting(String),
}

/// Returns the number of the run whose output is meant.
fn which(observed: &Observed, previous: bool) -> Result<u32, Missing> {
    let newest = observed.runs.checked_sub(1);
    if previous {
        // A container that waits to be started again has ended before.
        let ended = observed.exit().is_some() && observed.waiting.is_some();
        let of = if ended { newest } else { newest.and_then(|newest| newest.checked_sub(1)) };
        return of.ok_or(Missing::Previous);
    }
    newest.ok_or_else(|| {
        Missing::Waiting(match observed.waiting.as_ref().map(|waiting| waiting.reason) {
            Some(WaitingReason::ErrImagePull) => "image can't be pulled".to_owned(),
            Some(WaitingReason::ImagePullBackOff) => "trying and failing to pull image".to_owned(),
            Some(other) => other.as_str().to_owned(),
            None => "ContainerCreating".to_owned(),
        })
    })
}

fn options(query: &[(String, String)]) -> Result<(LogOptions, bool), String> {
    let text = |key: &str| query.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let flag = |key: &str| matches!(text(key), Some("true" | "1" | ""));
    let number = |key: &str| {
        text(key)
            .map(|value| value.parse::<u64>().map_err(|_| format!("{key}: {value:?} is not a number")))
            .transpose()
    };
    let since = match (number("sinceSeconds")?, text("sinceTime")) {
        (Some(seconds), _) => SystemTime::now().checked_sub(Duration::from_secs(seconds)),
        (None, Some(value)) => {
            let micros = time::parse(value).ok_or_else(|| format!("sinceTime: {value:?} is not a time"))?;
            let after = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            Some(SystemTime::UNIX_EPOCH + after)
        }
        (None, None) => None,
    };
    let options = LogOptions {
        follow: flag("follow"),
        since,
        tail: number("tailLines")?,
        timestamps: flag("timestamps"),
        limit_bytes: number("limitBytes")?,
    };
    Ok((options, flag("previous")))
}

#[cfg(test)]
mod tests {
    use stanchion_node_core::container::{Image, Waiting};

    use super::*;

    fn parse(text: &str) -> Result<(LogOptions, bool), String> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        options(&pairs)
    }

    #[test]
    fn options_are_read() {
        let (options, previous) = parse("follow=true&tailLines=5&limitBytes=9&previous=true").expect("fine");
        assert!(previous && options.follow && !options.timestamps);
        assert_eq!((options.tail, options.limit_bytes), (Some(5), Some(9)));
        let (options, _) = parse("sinceTime=1970-01-01T00:00:02Z").expect("fine");
        assert_eq!(options.since, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2)));
        assert!(parse("tailLines=x").is_err() && parse("sinceTime=x").is_err());
    }

    #[test]
    fn the_run_that_is_meant_is_found() {
        let mut observed = Observed::default();
        assert_eq!(which(&observed, false), Err(Missing::Waiting("ContainerCreating".to_owned())));
        observed.waiting = Some(Waiting { reason: WaitingReason::ErrImagePull, message: String::new() });
        assert_eq!(which(&observed, false), Err(Missing::Waiting("image can't be pulled".to_owned())));
        observed.begin("a".to_owned(), Image::default());
        assert_eq!((which(&observed, false), which(&observed, true)), (Ok(0), Err(Missing::Previous)));
        observed.begin("b".to_owned(), Image::default());
        assert_eq!((which(&observed, false), which(&observed, true)), (Ok(1), Ok(0)));
    }
}
