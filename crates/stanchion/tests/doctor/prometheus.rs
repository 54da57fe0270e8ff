//! What the doctor says of a Prometheus: here a server that answers as its documentation says.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::report::{doctor, found};

/// A server that has so many series, and had so many a day ago.
async fn serve(listener: TcpListener, series: u64, day_ago: u64) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = service_fn(move |request: Request<Incoming>| async move {
            let (status, body) = answer(request.uri().path(), series, day_ago);
            let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
            *answer.status_mut() = status;
            Ok::<_, Infallible>(answer)
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn answer(path: &str, series: u64, day_ago: u64) -> (StatusCode, Value) {
    let counted = |name: &str, value: u64| json!({"name": name, "value": value});
    let data = match path {
        "/behind/api/v1/status/tsdb" => json!({
            "headStats": {"numSeries": series, "numLabelPairs": 900, "chunkCount": 9_000, "minTime": 1, "maxTime": 2},
            "seriesCountByMetricName": [counted("http_requests_total", series / 2), counted("up", 12)],
            "labelValueCountByLabelName": [counted("__name__", 2_000), counted("path", series / 20)],
            "memoryInBytesByLabelName": [], "seriesCountByLabelValuePair": [],
        }),
        "/behind/api/v1/query" => json!({"resultType": "vector", "result": [
            {"metric": {"instance": "localhost:9090", "job": "prometheus"}, "value": [1_800_000_000.123, day_ago.to_string()]},
        ]}),
        _ => {
            return (
                StatusCode::NOT_FOUND,
                json!({"status": "error", "errorType": "not_found", "error": "page not found"}),
            );
        }
    };
    (StatusCode::OK, json!({"status": "success", "data": data}))
}

async fn look(path: &str, series: u64, day_ago: u64) -> (Option<i32>, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut server = JoinSet::new();
    server.spawn(serve(listener, series, day_ago));
    let (outcome, report) = doctor(&["--prometheus-url", &format!("http://{address}{path}")]).await;
    (outcome.code, report)
}

#[tokio::test]
async fn series_and_labels_without_bound() {
    let (code, report) = look("/behind/", 9_000, 8_000).await;
    assert_eq!((code, &report["findings"]), (Some(0), &json!([])), "{report:#}");
    let (code, report) = look("/behind", 400_000, 100_000).await;
    assert_eq!(code, Some(1), "{report:#}");
    assert_eq!(
        found(&report, "warning"),
        ["prometheus/labels", "prometheus/series", "prometheus/series"],
        "{report:#}"
    );
    let summaries = report["findings"].to_string();
    assert!(
        summaries.contains("grown by 300 % in a day") && summaries.contains("the label path"),
        "{summaries}"
    );
}

#[tokio::test]
async fn one_that_does_not_answer() {
    let (code, report) = look("/elsewhere", 1, 1).await;
    assert_eq!(code, Some(3), "{report:#}");
    assert!(report["notRun"].to_string().contains("/api/v1/status/tsdb"), "{report:#}");
    let (outcome, _) = doctor_fails("ftp://prometheus").await;
    assert_eq!(outcome, Some(2));
}

async fn doctor_fails(url: &str) -> (Option<i32>, String) {
    let mut command = crate::support::command::stanchion();
    let outcome = crate::support::command::run(command.args(["doctor", "--prometheus-url", url])).await;
    (outcome.code, outcome.stderr)
}
