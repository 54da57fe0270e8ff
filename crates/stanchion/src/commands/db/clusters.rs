//! Clusters, and what belongs to them, as the Kubernetes API has them.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Event, Pod, Secret, Service};
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use stanchion_api::{DatabaseCluster, Guarded, names};
use stanchion_rehearse::{Access, Password};
use tokio::net::TcpStream;

use crate::commands::remote::Remote;
use crate::error::Failure;
use crate::exit::Exit;

/// How long an address may take to answer.
const CONNECT: Duration = Duration::from_secs(3);

/// Where clusters are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Their namespace; that of the kubeconfig by default.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Place {
    /// Makes a client.
    pub(crate) async fn open(&self) -> Result<Clusters, Failure> {
        let (client, default) = self.remote.client().await?;
        Ok(Clusters { client, namespace: self.namespace.clone().unwrap_or(default) })
    }
}

/// The clusters of one namespace.
pub(crate) struct Clusters {
    client: Client,
    namespace: String,
}

impl Clusters {
    /// Makes the clusters of a namespace, as a client sees them.
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    /// Returns the namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns one kind of objects in the namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns the clusters of the namespace, or of all; those that cannot be understood are told by name.
    pub(crate) async fn list(&self, everywhere: bool) -> Result<Vec<Guarded>, Failure> {
        let api = if everywhere { Api::all(self.client.clone()) } else { self.api() };
        let listed = api.list(&ListParams::default()).await;
        Ok(listed.map_err(|error| refused(error, "cannot list database clusters"))?.items)
    }

    /// Returns a cluster.
    pub(crate) async fn get(&self, name: &str) -> Result<DatabaseCluster, Failure> {
        self.object(name).await.map_err(|failure| match failure.exit() {
            Exit::Usage => failure.hint(format!("stanchion db list -n {}", self.namespace)),
            _ => failure,
        })
    }

    /// Returns an object; the command line is wrong if there is none of that name.
    pub(crate) async fn object<K>(&self, name: &str) -> Result<K, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
        K::DynamicType: Default,
    {
        let kind = K::kind(&K::DynamicType::default()).into_owned();
        let got = self.api::<K>().get(name).await;
        got.map_err(|error| refused(error, &format!("cannot read {kind} {}/{name}", self.namespace)))
    }

    /// Returns the Pods of a cluster.
    pub(crate) async fn pods(&self, cluster: &str) -> Result<Vec<Pod>, Failure> {
        let wanted = ListParams::default().labels(&format!("{}={cluster}", names::CLUSTER));
        let listed = self.api::<Pod>().list(&wanted).await;
        Ok(listed.map_err(|error| refused(error, &format!("cannot list the Pods of {cluster}")))?.items)
    }

    /// Returns the Events about a cluster, the newest last.
    pub(crate) async fn events(&self, cluster: &str) -> Result<Vec<Event>, Failure> {
        let wanted = format!("involvedObject.kind=DatabaseCluster,involvedObject.name={cluster}");
        let listed = self.api::<Event>().list(&ListParams::default().fields(&wanted)).await;
        let mut events =
            listed.map_err(|error| refused(error, &format!("cannot list Events of {cluster}")))?.items;
        events.sort_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0));
        Ok(events)
    }

    /// Returns the address of the Service that leads to the primary.
    pub(crate) async fn primary_address(&self, cluster: &str) -> Result<SocketAddr, Failure> {
        let name = names::primary_service(cluster);
        let service: Service = self.object(&name).await?;
        let spec = service.spec.unwrap_or_default();
        let address = spec.cluster_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok());
        let address = address.with_context(|| format!("Service {name} has no address"))?;
        Ok(SocketAddr::new(address, names::DATABASE_PORT))
    }

    /// Returns as whom applications come in, with the address of the primary's Service.
    pub(crate) async fn application(&self, cluster: &str) -> Result<Access, Failure> {
        let address = self.primary_address(cluster).await?;
        let name = names::credentials(cluster);
        let secret: Secret = self.object(&name).await?;
        access(&secret, address)
            .with_context(|| format!("Secret {name} cannot be used"))
            .map_err(Failure::from)
    }
}

/// Reads from a Secret as whom applications come in.
pub(crate) fn access(secret: &Secret, address: SocketAddr) -> anyhow::Result<Access> {
    let text = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        let bytes = bytes.with_context(|| format!("it has no key {key}"))?;
        String::from_utf8(bytes.0.clone()).map_err(|_| anyhow!("its key {key} is no text"))
    };
    Ok(Access {
        host: address.ip().to_string(),
        port: address.port(),
        user: text("user")?,
        password: Password::new(text("password")?),
        database: text("database")?,
    })
}

/// Looks whether an address can be reached from this machine.
pub(crate) async fn reachable(address: SocketAddr) -> io::Result<()> {
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map(drop)
}

/// Makes a failure of what the API server answered, or did not.
pub(crate) fn refused(error: kube::Error, what: &str) -> Failure {
    let what = what.to_owned();
    match error {
        kube::Error::Api(status) if status.code == 404 && status.message.contains("page not found") => {
            let error = anyhow!("the API server knows no DatabaseClusters").context(what);
            Failure::new(Exit::Unavailable, error)
                .hint("stanchion crd | kubectl apply --server-side -f -, then run `stanchion operator` and `stanchion ha`")
        }
        kube::Error::Api(status) => {
            let exit = if status.code == 404 { Exit::Usage } else { Exit::Unavailable };
            Failure::new(exit, anyhow!(status.message.clone()).context(what))
        }
        error => Failure::new(Exit::Unavailable, anyhow!(error).context(what)),
    }
}
