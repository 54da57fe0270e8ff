//! etcd's HTTP endpoints: metrics, health and version.

use std::fmt::Write;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use stanchion_store_core::{Alarm, KeyRange, RangeQuery};

use super::Service;
use super::maintenance::minor_version;
use crate::API_VERSION;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns the endpoints.
pub(super) fn router(service: &Service) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(service.clone())
}

async fn metrics(State(service): State<Service>) -> Response {
    match service.store.metrics().render() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Serialize)]
struct Health {
    health: &'static str,
    reason: String,
}

/// Parameters of the endpoints; `exclude` may come several times.
type Parameters = Query<Vec<(String, String)>>;

fn excludes(parameters: &Parameters, check: &str) -> bool {
    parameters.iter().any(|(name, value)| name == "exclude" && value == check)
}

/// Answers as etcd's `/health`: whether an alarm is raised, and whether reads work.
async fn health(State(service): State<Service>, parameters: Parameters) -> Response {
    let problem = alarm(&service, &parameters).or(failure(&service)).or(read(&service).await.err());
    let (code, health) = match problem {
        None => (StatusCode::OK, Health { health: "true", reason: String::new() }),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, Health { health: "false", reason }),
    };
    (code, axum::Json(health)).into_response()
}

fn alarm(service: &Service, parameters: &Parameters) -> Option<String> {
    let raised = service.store.status().alarms.raised();
    raised.map(Alarm::name).find(|name| !excludes(parameters, name)).map(|name| format!("ALARM {name}"))
}

fn failure(service: &Service) -> Option<String> {
    service.store.status().failure.map(|failure| failure.to_string())
}

async fn read(service: &Service) -> Result<(), String> {
    let query = RangeQuery { count_only: true, ..RangeQuery::new(KeyRange::One("health".into())) };
    service.store.range(query).await.map(drop).map_err(|error| error.to_string())
}

/// One line of a health check.
struct Check {
    name: &'static str,
    problem: Option<String>,
}

async fn livez(State(service): State<Service>, parameters: Parameters) -> Response {
    let problem = read(&service).await.err();
    report(&parameters, &[Check { name: "serializable_read", problem }])
}

async fn readyz(State(service): State<Service>, parameters: Parameters) -> Response {
    let corrupt = service.store.status().alarms.is_raised(Alarm::Corrupt);
    let checks = [
        Check { name: "data_corruption", problem: corrupt.then(|| "alarm activated: CORRUPT".to_owned()) },
        Check { name: "serializable_read", problem: read(&service).await.err() },
        Check { name: "storage", problem: failure(&service) },
    ];
    report(&parameters, &checks)
}

/// Answers `ok`, or which checks failed; all of them on `?verbose`.
fn report(parameters: &Parameters, checks: &[Check]) -> Response {
    let verbose = parameters.iter().any(|(name, _)| name == "verbose");
    let mut text = String::new();
    let mut failed = false;
    for check in checks.iter().filter(|check| !excludes(parameters, check.name)) {
        failed |= check.problem.is_some();
        let written = match &check.problem {
            None => writeln!(text, "[+]{} ok", check.name),
            Some(problem) => writeln!(text, "[-]{} failed: {problem}", check.name),
        };
        written.expect("writing to a string cannot fail");
    }
    match (failed, verbose) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, text).into_response(),
        (false, true) => (StatusCode::OK, text + "ok\n").into_response(),
        (false, false) => (StatusCode::OK, "ok\n").into_response(),
    }
}

#[derive(Serialize)]
struct Version {
    etcdserver: &'static str,
    etcdcluster: String,
}

async fn version() -> Response {
    axum::Json(Version { etcdserver: API_VERSION, etcdcluster: minor_version() }).into_response()
}
