//! `stanchion apiserver`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use stanchion_apiserver::{AuthorizationMode, KubeconfigError, Options, Server, ServiceRange, StartError};
use stanchion_store::{
    ClientCertificate, KeyValueStore, Options as StoreOptions, RemoteOptions, RemoteStore, RemoteTls, Store,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::{self, LogLevel};

/// Bytes of stack of each worker: objects may nest deeply, and most of what is done to them recurses.
pub(crate) const STACK: usize = 16 * 1024 * 1024;

/// Who decides what users may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Roles and bindings.
    #[value(name = "RBAC")]
    Rbac,
    /// Everybody may do everything. For tests of other things.
    #[value(name = "AlwaysAllow")]
    AlwaysAllow,
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The directory of the cluster: its store, certificates and kubeconfig. Created if missing.
    #[arg(long, value_name = "DIR", default_value = "cluster.stanchion")]
    data_dir: PathBuf,
    /// Write a kubeconfig with which its owner may do everything, besides DIR/admin.kubeconfig.
    #[arg(long, value_name = "FILE")]
    write_kubeconfig: Option<PathBuf>,
    /// The address to listen on.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    bind_address: IpAddr,
    /// The port to listen on; 0 is any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 6443)]
    secure_port: u16,
    /// Where clients in the cluster reach the server; --bind-address by default.
    #[arg(long, value_name = "IP")]
    advertise_address: Option<IpAddr>,
    /// The etcd to keep the cluster in, instead of a store of its own.
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    etcd_servers: Vec<String>,
    /// The authority of etcd's certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "etcd_servers")]
    etcd_cafile: Option<PathBuf>,
    /// The client certificate for etcd (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["etcd_cafile", "etcd_keyfile"])]
    etcd_certfile: Option<PathBuf>,
    /// The key of the client certificate for etcd (PEM).
    #[arg(long, value_name = "FILE", requires = "etcd_certfile")]
    etcd_keyfile: Option<PathBuf>,
    /// How often the history older than that is given up (5m, 1h). 0: never.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    etcd_compaction_interval: Duration,
    /// The serving certificate (PEM); one of the own authority by default. Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// The key of the serving certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    tls_private_key_file: Option<PathBuf>,
    /// The authority of client certificates (PEM); the own authority by default.
    #[arg(long, value_name = "FILE")]
    client_ca_file: Option<PathBuf>,
    /// Tokens of users, as lines of CSV: token,user,uid,"group1,group2". Read again when it changes.
    #[arg(long, value_name = "FILE")]
    token_auth_file: Option<PathBuf>,
    /// Let in requests that show nothing, as system:anonymous. By default they may only ask for health and version.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    anonymous_auth: bool,
    /// Who decides what users may do.
    #[arg(long, value_enum, default_value = "RBAC")]
    authorization_mode: Mode,
    /// The addresses of Services.
    #[arg(long, value_name = "CIDR", default_value = "10.96.0.0/16")]
    service_cluster_ip_range: ServiceRange,
    /// The ports on nodes that Services are given.
    #[arg(long, value_name = "FROM-TO", default_value = "30000-32767", value_parser = ports)]
    service_node_port_range: (u16, u16),
    /// Who issues the tokens of service accounts.
    #[arg(long, value_name = "URL", default_value = "https://kubernetes.default.svc.cluster.local")]
    service_account_issuer: String,
    /// Whom tokens of service accounts must be for; the issuer by default.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    api_audiences: Vec<String>,
    /// The key that signs the tokens of service accounts (PEM); made at the first start by default.
    #[arg(long, value_name = "FILE")]
    service_account_signing_key_file: Option<PathBuf>,
    /// More keys that tokens of service accounts are verified with (PEM); may be given again.
    #[arg(long, value_name = "FILE")]
    service_account_key_file: Vec<PathBuf>,
    /// How long Events are kept.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    event_ttl: Duration,
    /// More names and addresses for the serving certificate of the own authority.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    tls_san: Vec<String>,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Serves until a signal says to stop.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    logging::start(arguments.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let options = arguments.options();
    let (store, own) = arguments.store().await?;
    let server = Server::start(store, options).await.map_err(Failure::from)?;
    let mut files = vec![arguments.data_dir.join("admin.kubeconfig")];
    files.extend(arguments.write_kubeconfig.clone());
    for file in &files {
        match server.write_kubeconfig(file) {
            // A person may have changed it on purpose, for example by `kubectl config`.
            Err(StartError::Kubeconfig(error @ KubeconfigError::Foreign { .. })) => tracing::warn!(%error),
            written => written?,
        }
    }
    let kubeconfig = files.last().map(|file| file.display().to_string()).unwrap_or_default();
    tracing::info!(address = %server.address(), kubeconfig, "ready to serve");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    server.stop().await;
    if let Some(store) = own {
        store.close().await;
    }
    tracing::info!("stopped");
    Ok(())
}

impl Arguments {
    fn options(&self) -> Options {
        let (low, high) = self.service_node_port_range;
        Options {
            bind: SocketAddr::new(self.bind_address, self.secure_port),
            advertise: self.advertise_address,
            serving: self.tls_cert_file.clone().zip(self.tls_private_key_file.clone()),
            client_ca_file: self.client_ca_file.clone(),
            token_auth_file: self.token_auth_file.clone(),
            anonymous_auth: self.anonymous_auth,
            authorization: match self.authorization_mode {
                Mode::Rbac => AuthorizationMode::Rbac,
                Mode::AlwaysAllow => AuthorizationMode::AlwaysAllow,
            },
            service_range: self.service_cluster_ip_range,
            node_ports: low..=high,
            issuer: self.service_account_issuer.clone(),
            audiences: self.api_audiences.clone(),
            signing_key_file: self.service_account_signing_key_file.clone(),
            key_files: self.service_account_key_file.clone(),
            event_ttl_seconds: i64::try_from(self.event_ttl.as_secs()).unwrap_or(i64::MAX),
            compaction_seconds: self.etcd_compaction_interval.as_secs(),
            extra_names: self.tls_san.clone(),
            ..Options::new(&self.data_dir)
        }
    }

    /// Opens the own store, or reaches the etcd that is to be used.
    async fn store(&self) -> Result<(Arc<dyn KeyValueStore>, Option<Store>), Failure> {
        if self.etcd_servers.is_empty() {
            let options = StoreOptions::new(self.data_dir.join("store"));
            let opened = tokio::task::spawn_blocking(move || Store::open(options)).await;
            let store = opened.context("opening the store panicked")??;
            return Ok((Arc::new(store.clone()), Some(store)));
        }
        let mut options = RemoteOptions::new(&self.etcd_servers);
        options.tls = self.tls();
        let remote = RemoteStore::connect(&options).await;
        Ok((Arc::new(remote.map_err(|error| Failure::new(Exit::Usage, error))?), None))
    }

    fn tls(&self) -> Option<RemoteTls> {
        let ca_file = self.etcd_cafile.clone()?;
        let client = self.etcd_certfile.clone().zip(self.etcd_keyfile.clone());
        let client = client.map(|(cert_file, key_file)| ClientCertificate { cert_file, key_file });
        Some(RemoteTls { ca_file, client, server_name: None })
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Pki(_) | StartError::Kubeconfig(_) => Exit::Storage,
            StartError::Bind { .. } | StartError::Tls(_) | StartError::Authentication(_) => Exit::Usage,
            StartError::Store(_) => Exit::Unavailable,
        };
        let hint = match &error {
            StartError::Bind { .. } => Some("choose another with --secure-port; 0 takes any that is free"),
            StartError::Pki(_)
            | StartError::Kubeconfig(_)
            | StartError::Tls(_)
            | StartError::Authentication(_)
            | StartError::Store(_) => None,
        };
        let failure = Self::new(exit, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// Reads a range of ports.
fn ports(text: &str) -> anyhow::Result<(u16, u16)> {
    let (low, high) =
        text.split_once('-').with_context(|| format!("{text:?} is not a range such as 30000-32767"))?;
    let (low, high): (u16, u16) = (low.parse()?, high.parse()?);
    anyhow::ensure!(low > 0 && low <= high, "{text:?} is not a range: it begins at {low} and ends at {high}");
    Ok((low, high))
}

#[cfg(test)]
mod tests {
    use super::ports;

    #[test]
    fn ports_are_a_range() {
        assert_eq!(ports("30000-30010").ok(), Some((30000, 30010)));
        for bad in ["30000", "2-1", "0-5", "a-b", "1-70000"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
