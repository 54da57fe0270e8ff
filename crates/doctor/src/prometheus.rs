//! What a Prometheus says of what it keeps.

use std::time::Duration;

use kube::{Client, Config};
use serde::Deserialize;
use stanchion_doctor_core::{Facts, Need, Prometheus, Reading};
use thiserror::Error;
use tokio::time::timeout;

use crate::chain;
use crate::cluster::page::{PageError, get};

/// The metrics and labels with the most are told, so many of each.
const STATUS: &str = "/api/v1/status/tsdb?limit=20";
/// How many series it had a day ago, if it watches itself.
const DAY_AGO: &str = "/api/v1/query?query=prometheus_tsdb_head_series%20offset%201d";

/// Which Prometheus.
#[derive(Clone, Debug)]
pub struct PrometheusOptions {
    /// Where it is; a path in front of its own is kept.
    pub url: String,
    /// How long a connection may take.
    pub connect_timeout: Duration,
}

/// Why a Prometheus cannot be asked.
#[derive(Debug, Error)]
pub enum PrometheusError {
    /// Its address is none.
    #[error("{url:?} is no address of a Prometheus: it is to be like http://prometheus:9090")]
    Url {
        /// What was given.
        url: String,
    },
    /// Its address cannot be made a client of.
    #[error("cannot prepare a client for {url}")]
    Client {
        /// Of what.
        url: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

/// What it answers.
#[derive(Debug, Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    head_stats: Head,
    #[serde(default)]
    series_count_by_metric_name: Vec<Counted>,
    #[serde(default)]
    label_value_count_by_label_name: Vec<Counted>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    num_series: u64,
}

#[derive(Debug, Deserialize)]
struct Counted {
    name: String,
    value: u64,
}

/// The samples that a query gives, each with a time and a number that is written as text.
#[derive(Debug, Deserialize)]
struct Samples {
    #[serde(default)]
    result: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    value: (f64, String),
}

/// Reads what a Prometheus says into `facts`, and notes what could not be read.
pub async fn read_prometheus(options: &PrometheusOptions, facts: &mut Facts) -> Result<(), PrometheusError> {
    let client = client(options)?;
    let source = options.url.trim_end_matches('/').to_owned();
    let reading = match timeout(Need::Prometheus.deadline(), read(&client, source.clone())).await {
        Ok(Ok(prometheus)) => {
            facts.prometheus = prometheus;
            Reading::Read { source }
        }
        Ok(Err(error)) => Reading::Failed { source, why: chain(&error) },
        Err(_) => {
            Reading::Failed { source, why: format!("not done within {:?}", Need::Prometheus.deadline()) }
        }
    };
    facts.note(Need::Prometheus, reading);
    Ok(())
}

/// Prepares to ask; the client of the API speaks HTTP as well to others.
fn client(options: &PrometheusOptions) -> Result<Client, PrometheusError> {
    let refused = || PrometheusError::Url { url: options.url.clone() };
    let url: http::Uri = options.url.parse().map_err(|_| refused())?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() || url.query().is_some() {
        return Err(refused());
    }
    let mut config = Config::new(url);
    config.connect_timeout = Some(options.connect_timeout);
    Client::try_from(config)
        .map_err(|source| PrometheusError::Client { url: options.url.clone(), source: Box::new(source) })
}

async fn read(client: &Client, server: String) -> Result<Prometheus, PageError> {
    let Answer { data: status } = get::<Answer<Status>>(client, STATUS, None).await?;
    // Without it only growth is not judged: it may not watch itself, or not have been there.
    let day_ago =
        get::<Answer<Samples>>(client, DAY_AGO, None).await.ok().and_then(|answer| single(&answer.data));
    let pairs = |all: Vec<Counted>| all.into_iter().map(|one| (one.name, one.value)).collect();
    Ok(Prometheus {
        server,
        series: status.head_stats.num_series,
        day_ago,
        by_metric: pairs(status.series_count_by_metric_name),
        by_label: pairs(status.label_value_count_by_label_name),
    })
}

/// Returns the number if there is one alone: of several servers it is not known which is this one.
fn single(samples: &Samples) -> Option<u64> {
    let [sample] = samples.result.as_slice() else { return None };
    sample.value.1.parse().ok()
}
