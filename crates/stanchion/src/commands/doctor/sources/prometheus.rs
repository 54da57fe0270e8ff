//! What the doctor is told of a Prometheus: where it is, whom to trust, as whom to ask.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stanchion_doctor::{PrometheusError, PrometheusLogin, PrometheusOptions, read_prometheus};
use stanchion_doctor_core::Facts;

use crate::error::Failure;
use crate::exit::Exit;

/// A Prometheus, and how it is asked.
#[derive(Debug, Args)]
pub(crate) struct PrometheusSource {
    /// A Prometheus that says what it keeps, as `http://prometheus:9090`.
    #[arg(id = "prometheus_url", long = "prometheus-url", value_name = "URL")]
    url: Option<String>,
    /// Who signed its certificate (PEM); by default, whom this machine trusts.
    #[arg(
        id = "prometheus_cacert",
        long = "prometheus-cacert",
        value_name = "FILE",
        requires = "prometheus_url"
    )]
    cacert: Option<PathBuf>,
    /// A file with the token to show it.
    #[arg(
        id = "prometheus_token_file",
        long = "prometheus-token-file",
        value_name = "FILE",
        requires = "prometheus_url",
        conflicts_with = "prometheus_user"
    )]
    token_file: Option<PathBuf>,
    /// As which user to ask it.
    #[arg(
        id = "prometheus_user",
        long = "prometheus-user",
        value_name = "NAME",
        requires_all = ["prometheus_url", "prometheus_password_file"]
    )]
    user: Option<String>,
    /// A file with the password of the user.
    #[arg(
        id = "prometheus_password_file",
        long = "prometheus-password-file",
        value_name = "FILE",
        requires = "prometheus_user"
    )]
    password_file: Option<PathBuf>,
}

impl PrometheusSource {
    /// Returns whether there is one.
    pub(super) fn is_given(&self) -> bool {
        self.url.is_some()
    }

    /// Reads what it says, if there is one.
    pub(super) async fn read(&self, facts: &mut Facts, connect_timeout: Duration) -> Result<(), Failure> {
        let Some(url) = self.url.clone() else { return Ok(()) };
        let token = self.token_file.clone().map(PrometheusLogin::Token);
        let user = self.user.clone().zip(self.password_file.clone());
        let login = token.or_else(|| user.map(|(name, password)| PrometheusLogin::User { name, password }));
        let authority = self.cacert.clone();
        let read =
            read_prometheus(&PrometheusOptions { url, authority, login, connect_timeout }, facts).await;
        read.map_err(|error| {
            let in_the_clear = matches!(error, PrometheusError::InTheClear { .. });
            let failure = Failure::new(Exit::Usage, error);
            if in_the_clear {
                failure.hint("give an https URL, or forward a port: kubectl port-forward SERVICE 9090, and http://127.0.0.1:9090")
            } else {
                failure
            }
        })
    }
}
