//! Clients of an API server elsewhere, by a kubeconfig.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::error::Failure;
use crate::exit::Exit;

/// Which API server.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The kubeconfig; its current context counts.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    kubeconfig: PathBuf,
}

impl Remote {
    /// Makes a client, and the namespace that the kubeconfig has for it.
    pub(crate) async fn client(&self) -> Result<(Client, String), Failure> {
        let path = self.kubeconfig.display();
        let config = self.config().await?;
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).with_context(|| format!("{path} cannot be used"));
        Ok((client.map_err(|error| Failure::new(Exit::Usage, error))?, namespace))
    }

    /// Returns whether the API server is shown a certificate.
    pub(crate) async fn shows_certificate(&self) -> Result<bool, Failure> {
        let who = self.config().await?.auth_info;
        Ok(who.client_certificate.is_some() || who.client_certificate_data.is_some())
    }

    async fn config(&self) -> Result<Config, Failure> {
        let path = self.kubeconfig.display();
        let read = Kubeconfig::read_from(&self.kubeconfig).with_context(|| format!("cannot read {path}"));
        let read = read.map_err(|error| Failure::new(Exit::Usage, error))?;
        let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
        let config = config.with_context(|| format!("{path} leads to no API server"));
        config.map_err(|error| Failure::new(Exit::Usage, error))
    }
}
