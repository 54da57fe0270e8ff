//! `stanchion operator` and `stanchion ha`: what looks after databases, alone, against any API server and any etcd.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use stanchion_informers::Copies;
use stanchion_operator::{SecurityMode, StoreTls, StoreUsers};
use stanchion_store::{ClientCertificate, KeyValueStore, RemoteOptions, RemoteStore, RemoteTls};

use crate::commands::part;
use crate::commands::remote::Remote;
use crate::error::Failure;
use crate::exit::Exit;
use crate::logging::LogLevel;

/// How long a call of the store may take.
const CALL: Duration = Duration::from_secs(2);

/// Which etcd, with etcdctl's flags.
#[derive(Debug, Args)]
pub(crate) struct Etcd {
    /// The members, as URLs.
    #[arg(long = "etcd-endpoints", value_name = "URL,…", value_delimiter = ',', required = true)]
    endpoints: Vec<String>,
    /// The authority of their certificates (PEM).
    #[arg(long = "etcd-cacert", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The certificate to show to them (PEM).
    #[arg(long = "etcd-cert", value_name = "FILE", requires_all = ["ca", "key"])]
    cert: Option<PathBuf>,
    /// Its key.
    #[arg(long = "etcd-key", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// How to operate.
#[derive(Debug, Args)]
pub(crate) struct Operator {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    etcd: Etcd,
    /// The members as agents reach them, where that differs.
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    agent_etcd_endpoints: Vec<String>,
    /// The certificate that agents show (PEM); by default the one of --etcd-cert.
    #[arg(long, value_name = "FILE", requires = "agent_etcd_key")]
    agent_etcd_cert: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "agent_etcd_cert")]
    agent_etcd_key: Option<PathBuf>,
    /// An authority that etcd believes (--trusted-ca-file): it signs a certificate for the agents of each database, with
    /// NAMESPACE/NAME as common name, which is etcd's user where etcd has users.
    #[arg(
        long,
        value_name = "FILE",
        requires = "agent_etcd_authority_key",
        conflicts_with = "agent_etcd_cert"
    )]
    agent_etcd_authority: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "agent_etcd_authority")]
    agent_etcd_authority_key: Option<PathBuf>,
    /// The image that has this program.
    #[arg(long, value_name = "IMAGE", default_value = concat!("stanchion:", env!("CARGO_PKG_VERSION")))]
    agent_image: String,
    /// As whom databases run.
    #[arg(long, value_enum, default_value_t)]
    run_as: RunAs,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// As whom databases run.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum RunAs {
    /// As the account of the database's images, without any capability.
    #[default]
    Image,
    /// As the node runs its containers: for `stanchion node`, where images are programs of the machine.
    Node,
}

/// How to manage.
#[derive(Debug, Args)]
pub(crate) struct Manager {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    etcd: Etcd,
    /// Who it is among managers; its process by default.
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// How much is logged.
    #[arg(long, value_enum, default_value_t)]
    log_level: LogLevel,
}

/// Operates until a signal says to stop.
pub(crate) fn operator(arguments: &Operator) -> Result<(), Failure> {
    part::run(&arguments.remote, arguments.log_level, async |client, stop| {
        let options = stanchion_operator::Options {
            agent_image: arguments.agent_image.clone(),
            store_endpoints: match arguments.agent_etcd_endpoints.as_slice() {
                [] => arguments.etcd.endpoints.clone(),
                given => given.to_vec(),
            },
            store_tls: arguments.tls()?,
            store: arguments.etcd.connect().await?,
            security: match arguments.run_as {
                RunAs::Image => SecurityMode::Image,
                RunAs::Node => SecurityMode::Node,
            },
        };
        let copies = Copies::new(client.clone(), stop.clone());
        tokio::select! {
            () = stanchion_operator::run(client, &copies, options, stop) => Ok(()),
            () = copies.failed() => Err(unfollowed()),
        }
    })
}

/// Manages until a signal says to stop.
pub(crate) fn manager(arguments: &Manager) -> Result<(), Failure> {
    part::run(&arguments.remote, arguments.log_level, async |client, stop| {
        let identity =
            arguments.identity.clone().unwrap_or_else(|| format!("process {}", std::process::id()));
        let options = stanchion_ha::Options { store: arguments.etcd.connect().await?, identity };
        let copies = Copies::new(client.clone(), stop.clone());
        tokio::select! {
            () = stanchion_ha::run(client, &copies, options, stop) => Ok(()),
            () = copies.failed() => Err(unfollowed()),
        }
    })
}

fn unfollowed() -> Failure {
    Failure::new(Exit::Failure, anyhow!("a kind of objects is no longer followed"))
}

impl Etcd {
    async fn connect(&self) -> Result<Arc<dyn KeyValueStore>, Failure> {
        let mut options = RemoteOptions::new(self.endpoints.clone());
        options.request_timeout = CALL;
        options.tls = self.ca.clone().map(|ca_file| RemoteTls {
            ca_file,
            client: self
                .cert
                .clone()
                .zip(self.key.clone())
                .map(|(cert_file, key_file)| ClientCertificate { cert_file, key_file }),
            server_name: None,
        });
        let connected =
            RemoteStore::connect(&options).await.context("cannot use the etcd of --etcd-endpoints");
        Ok(Arc::new(connected.map_err(|error| Failure::new(Exit::Unavailable, error))?))
    }
}

impl Operator {
    /// Returns what agents show and believe.
    fn tls(&self) -> Result<Option<StoreTls>, Failure> {
        let Some(ca) = &self.etcd.ca else { return Ok(None) };
        let read = |path: &PathBuf| {
            let read =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
            read.map_err(|error| Failure::new(Exit::Usage, error))
        };
        let tls =
            |agents| -> Result<_, Failure> { Ok(Some(StoreTls { ca: read(ca)?.into_bytes(), agents })) };
        if let (Some(authority), Some(key)) = (&self.agent_etcd_authority, &self.agent_etcd_authority_key) {
            return tls(StoreUsers::Signed { authority: read(authority)?, key: read(key)? });
        }
        let cert = self.agent_etcd_cert.as_ref().or(self.etcd.cert.as_ref());
        let key = self.agent_etcd_key.as_ref().or(self.etcd.key.as_ref());
        let (Some(cert), Some(key)) = (cert, key) else {
            let error =
                anyhow!("--etcd-cacert needs --etcd-cert and --etcd-key: agents have to be somebody to etcd");
            return Err(Failure::new(Exit::Usage, error));
        };
        tls(StoreUsers::Shared { certificate: read(cert)?.into_bytes(), key: read(key)?.into_bytes() })
    }
}
