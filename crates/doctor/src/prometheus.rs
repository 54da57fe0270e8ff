//! What a Prometheus says of what it keeps.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::{Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use secrecy::SecretString;
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
    /// Who signed its certificate, as a file (PEM); without one, whom this machine trusts.
    pub authority: Option<PathBuf>,
    /// As whom it is asked.
    pub login: Option<PrometheusLogin>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
}

/// As whom a Prometheus is asked. Secrets stay in files, which are read for each look.
#[derive(Clone, Debug)]
pub enum PrometheusLogin {
    /// Whoever has the token in this file.
    Token(PathBuf),
    /// A user.
    User {
        /// Its name.
        name: String,
        /// The file with its password.
        password: PathBuf,
    },
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
    /// A login would be there to read for whoever is on the way.
    #[error("a login is not sent to {host} in the clear")]
    InTheClear {
        /// Where it would have been sent.
        host: String,
    },
    /// The file with its authority cannot be used.
    #[error("cannot use {} as the authority of a Prometheus", .path.display())]
    Authority {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// A file with a secret cannot be used.
    #[error("cannot read the login of a Prometheus from {}", .path.display())]
    Login {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
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
    let is_secure = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default().to_owned();
    let mut config = Config::new(url);
    config.connect_timeout = Some(options.connect_timeout);
    config.root_cert = options.authority.as_deref().map(authorities).transpose()?;
    if let Some(login) = &options.login {
        if !is_secure && !is_loopback(&host) {
            return Err(PrometheusError::InTheClear { host });
        }
        let auth = &mut config.auth_info;
        match login {
            PrometheusLogin::Token(file) => auth.token = Some(secret(file)?),
            PrometheusLogin::User { name, password } => {
                (auth.username, auth.password) = (Some(name.clone()), Some(secret(password)?));
            }
        }
    }
    Client::try_from(config)
        .map_err(|source| PrometheusError::Client { url: options.url.clone(), source: Box::new(source) })
}

/// Returns the certificates of a file in DER.
fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, PrometheusError> {
    let error = |source| PrometheusError::Authority { path: path.to_owned(), source };
    let all = CertificateDer::pem_file_iter(path).map_err(error)?;
    let all: Vec<_> = all.map(|one| one.map(|der| der.to_vec())).collect::<Result<_, _>>().map_err(error)?;
    if all.is_empty() { Err(error(pem::Error::NoItemsFound)) } else { Ok(all) }
}

/// Reads what a file holds. The end of its line is none of it.
fn secret(path: &Path) -> Result<SecretString, PrometheusError> {
    let error = |source| PrometheusError::Login { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(error)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(error(io::Error::new(io::ErrorKind::InvalidData, "it is empty")));
    }
    Ok(text.into())
}

fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, login: Option<PrometheusLogin>, authority: Option<PathBuf>) -> Option<String> {
        let options = PrometheusOptions {
            url: url.to_owned(),
            authority,
            login,
            connect_timeout: Duration::from_secs(1),
        };
        client(&options).err().map(|error| chain(&error))
    }

    #[tokio::test]
    async fn a_login_stays_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, empty) = (dir.path().join("token"), dir.path().join("empty"));
        std::fs::write(&file, "abc\n").expect("written");
        std::fs::write(&empty, "\n").expect("written");
        let token = |file: &Path| Some(PrometheusLogin::Token(file.to_owned()));
        for url in
            ["https://prometheus:9090", "http://127.0.0.1:9090", "http://localhost:9090", "http://[::1]:9090"]
        {
            assert_eq!(asked(url, token(&file), None), None, "{url}");
        }
        let told = asked("http://prometheus:9090", token(&file), None);
        assert_eq!(told.as_deref(), Some("a login is not sent to prometheus in the clear"));
        assert_eq!(asked("http://prometheus:9090", None, None), None);
        let told = asked("https://prometheus", token(&empty), None).expect("refused");
        assert!(told.ends_with("/empty: it is empty"), "{told}");
        let told = asked("https://prometheus", token(&dir.path().join("none")), None).expect("refused");
        assert!(told.contains("/none: No such file"), "{told}");
        let told = asked("https://prometheus", None, Some(file)).expect("refused");
        assert!(told.contains("as the authority of a Prometheus: no items found"), "{told}");
    }
}
