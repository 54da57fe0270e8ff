//! Which deprecated versions of the API are asked for, as the API server counts it.

use futures_util::{AsyncBufReadExt as _, StreamExt as _};
use kube::Client;
use prometheus_parse::Scrape;
use stanchion_doctor_core::{DeprecatedApi, Reading};

use super::page::request;
use crate::chain;

/// The metric that counts such requests. It is there once there was one.
const ASKED: &str = "apiserver_requested_deprecated_apis{";
/// Every API server counts requests with this one.
const REQUESTS: &str = "apiserver_request_total{";

/// Reads the metrics of the API server line by line: in a large cluster they are tens of megabytes.
pub(super) async fn read(client: &Client, server: &str, found: &mut Vec<DeprecatedApi>) -> Reading {
    let source = format!("{server}/metrics");
    let request = match request("/metrics", None) {
        Ok(request) => request,
        Err(error) => return Reading::Failed { source, why: chain(&error) },
    };
    let mut lines = match client.request_stream(request).await {
        Ok(body) => body.lines(),
        Err(error) => return Reading::Failed { source, why: chain(&error) },
    };
    let (mut counts_requests, mut kept) = (false, Vec::new());
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) if line.starts_with(ASKED) => kept.push(line),
            Ok(line) => counts_requests |= line.starts_with(REQUESTS),
            Err(error) => return Reading::Failed { source, why: error.to_string() },
        }
    }
    if !counts_requests && kept.is_empty() {
        return Reading::Absent { source, why: "it does not count requests".to_owned() };
    }
    match parse(kept) {
        Ok(apis) => {
            *found = apis;
            Reading::Read { source }
        }
        Err(error) => Reading::Failed { source, why: format!("it is no page of metrics: {error}") },
    }
}

fn parse(lines: Vec<String>) -> std::io::Result<Vec<DeprecatedApi>> {
    let scrape = Scrape::parse(lines.into_iter().map(Ok))?;
    let mut apis: Vec<_> = scrape
        .samples
        .iter()
        .map(|sample| {
            let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
            let removed = label("removed_release");
            let removed = removed
                .split_once('.')
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
            DeprecatedApi {
                group: label("group"),
                version: label("version"),
                resource: label("resource"),
                removed,
            }
        })
        .collect();
    // One with and one without a subresource are asked for by the same client.
    apis.sort();
    apis.dedup();
    Ok(apis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::canned::{client, refusal};

    #[test]
    fn what_was_asked_for_is_told() {
        let line = |subresource: &str| {
            format!(
                "apiserver_requested_deprecated_apis{{group=\"batch\",removed_release=\"1.25\",resource=\"cronjobs\",\
                 subresource=\"{subresource}\",version=\"v1beta1\"}} 1"
            )
        };
        let apis = parse(vec![line(""), line("status")]).expect("metrics");
        assert_eq!(apis.len(), 1);
        let DeprecatedApi { group, version, resource, removed } = &apis[0];
        assert_eq!(
            (&**group, &**version, &**resource, *removed),
            ("batch", "v1beta1", "cronjobs", Some((1, 25)))
        );
    }

    #[tokio::test]
    async fn metrics_that_are_there_and_such_that_are_not() {
        const COUNTS: &str = "apiserver_request_total{code=\"200\"} 7\n";
        let read_from = async |answer: fn(&str) -> (u16, String)| {
            let mut found = Vec::new();
            (read(&client(answer), "https://c", &mut found).await, found)
        };
        let (reading, found) = read_from(|_| (200, COUNTS.to_owned())).await;
        assert!(matches!(reading, Reading::Read { .. }) && found.is_empty(), "{reading:?}");
        let (reading, found) = read_from(|_| {
            (200, format!("{ASKED}group=\"\",version=\"v1\",resource=\"componentstatuses\"}} 1\n{COUNTS}"))
        })
        .await;
        assert!(
            matches!(reading, Reading::Read { .. }) && found.len() == 1 && found[0].removed.is_none(),
            "{found:?}"
        );
        let (reading, _) = read_from(|_| (200, "up 1\n".to_owned())).await;
        assert!(matches!(reading, Reading::Absent { .. }), "{reading:?}");
        let (reading, _) = read_from(|_| refusal(403, "Forbidden")).await;
        assert!(matches!(reading, Reading::Failed { .. }), "{reading:?}");
    }
}
