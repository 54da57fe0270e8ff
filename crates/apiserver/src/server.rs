//! The running server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use stanchion_machinery::meta;
use stanchion_machinery::status::Status;
use stanchion_store::KeyValueStore;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::api::Api;
use crate::authn::tokens::{Bound, TokenSettings, Verified};
use crate::authn::{Authenticator, AuthenticatorError, AuthenticatorSettings};
use crate::authz::Authorizer;
use crate::cache::{Cache, Feed};
use crate::catalog::Catalog;
use crate::http::body::Intake;
use crate::kubeconfig::{self, Kubeconfig, KubeconfigError};
use crate::listen::{self, ConnectionInfo, Limits, TlsError, TlsSettings, TlsSource};
use crate::local::Local;
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::openapi::Documents;
use crate::options::{Options, Settings};
use crate::pki::{self, Pki, PkiError};
use crate::seats::Seats;
use crate::storage::Storage;
use crate::{aggregation, bootstrap, clock, compaction, definitions, quotas, verbs};

/// The domain of names inside a cluster.
const DOMAIN: &str = "cluster.local";
/// How long answers that have begun may take when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Certificates or keys cannot be made or read.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Tokens cannot be set up.
    #[error(transparent)]
    Authentication(#[from] AuthenticatorError),
    /// A kubeconfig cannot be written.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The store cannot be read or written.
    #[error("cannot read the cluster from the store: {0}")]
    Store(Status),
}

/// A certificate that the server's own authority has signed, and its key.
#[derive(Clone)]
pub struct Credentials {
    /// The certificate, PEM.
    pub certificate: String,
    /// The private key, PEM.
    pub key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pki: Pki,
    api: Arc<Api>,
    stopping: CancellationToken,
    tasks: JoinSet<()>,
    _feed: Feed,
}

impl Server {
    /// Starts to serve a store. Returns when requests are answered.
    pub async fn start(store: Arc<dyn KeyValueStore>, options: Options) -> Result<Self, StartError> {
        let listener = TcpListener::bind(options.bind).await;
        let listener = listener.map_err(|source| StartError::Bind { address: options.bind, source })?;
        let address =
            listener.local_addr().map_err(|source| StartError::Bind { address: options.bind, source })?;
        let advertise = options.advertise.unwrap_or(match address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        });
        let service = IpAddr::V4(options.service_range.first());
        let mut names = options.extra_names.clone();
        names.push(advertise.to_string());
        let names = pki::serving_names(service, address.ip(), &host_name(), DOMAIN, &names);
        let pki = Pki::ensure(&options.data_dir.join("pki"), &names, clock::seconds())?;
        let settings = Settings {
            address: SocketAddr::new(advertise, address.port()).to_string(),
            advertise,
            authority: pki.ca_pem().to_owned(),
            event_ttl_seconds: options.event_ttl_seconds,
            service_range: options.service_range,
            node_ports: options.node_ports.clone(),
        };
        let authenticator = Authenticator::new(&authentication(&options, &pki, &settings.address))?;
        let own = || (pki.path("apiserver.crt"), pki.path("apiserver.key"));
        let (cert_file, key_file) = options.serving.clone().unwrap_or_else(own);
        let authority = options.client_ca_file.clone().unwrap_or_else(|| pki.path("ca.crt"));
        let tls = TlsSource::load(TlsSettings { cert_file, key_file, client_ca_file: Some(authority) })?;

        let storage = Storage::new(store);
        bootstrap::run(&storage, &settings, address.port()).await.map_err(StartError::Store)?;
        let cache = Cache::new(storage.clone());
        let feed = Feed::start(&cache).await.map_err(StartError::Store)?;
        let catalog = Arc::new(Catalog::default());
        let ending = definitions::start(&catalog, &cache);
        let counting = quotas::start(&cache);
        let aggregating = aggregation::start(&cache);
        let stopping = CancellationToken::new();
        let nodes = Nodes::new(&pki, stopping.clone())?;
        let known = Arc::clone(&cache);
        authenticator.set_lookup(Arc::new(move |verified| exists(&known, verified)));
        let api = Arc::new(Api {
            authorizer: Authorizer::start(options.authorization, &cache),
            options: settings,
            storage: storage.clone(),
            cache,
            catalog,
            authenticator,
            admission: Admission::default(),
            documents: Documents::default(),
            metrics: Metrics::new(),
            intake: Intake::default(),
            seats: Seats::default(),
            nodes,
            watches: Arc::new(Semaphore::new(verbs::watch::LIMIT)),
            stopping: stopping.clone(),
        });
        let mut tasks = JoinSet::new();
        let ending_nodes = Arc::clone(&api);
        tasks.spawn(async move { ending_nodes.nodes.ended().await });
        tasks.spawn(definitions::run(Arc::clone(&api), ending));
        tasks.spawn(quotas::run(Arc::clone(&api), counting));
        tasks.spawn(aggregation::run(Arc::clone(&api), aggregating));
        if options.compaction_seconds > 0 {
            let interval = Duration::from_secs(options.compaction_seconds);
            tasks.spawn(compaction::run(storage, interval, stopping.clone()));
        }
        let limits = Limits { drain: DRAIN, ..Limits::default() };
        let served = Arc::clone(&api);
        let answer = move |request: Request<Incoming>, connection: Arc<ConnectionInfo>| {
            let api = Arc::clone(&served);
            async move {
                let (parts, body) = request.into_parts();
                tracing::trace!(remote = %connection.remote, method = %parts.method, "a request");
                api.answer(&parts, body, connection.peer.as_ref()).await.into_response()
            }
        };
        tasks.spawn(listen::serve(listener, Arc::new(tls), limits, answer, stopping.clone()));
        Ok(Self { address, pki, api, stopping, tasks, _feed: feed })
    }

    /// Returns where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a way to the API for a component in this process that is `name`, of `groups`.
    ///
    /// The component gets what roles and bindings give to that name and those groups.
    pub fn local(&self, name: &str, groups: &[&str]) -> Local {
        Local::new(Arc::clone(&self.api), name, groups)
    }

    /// Writes a kubeconfig with which its owner may do everything.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<(), StartError> {
        let host = match self.address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        let url = format!("https://{}", SocketAddr::new(host, self.address.port()));
        let (cert_pem, key_pem) = self.pki.admin()?;
        let kubeconfig = Kubeconfig {
            server: &url,
            ca_pem: self.pki.ca_pem(),
            cert_pem: &cert_pem,
            key_pem: &key_pem,
            cluster: kubeconfig::NAME,
            user: "admin",
            context: kubeconfig::NAME,
        };
        Ok(kubeconfig::write(path, &kubeconfig)?)
    }

    /// Returns the certificate of the server's own authority, PEM.
    pub fn authority(&self) -> &str {
        self.pki.ca_pem()
    }

    /// Makes a certificate with which a client is `name` and of `groups`, two at the most.
    pub fn client_credentials(&self, name: &str, groups: &[String]) -> Result<Credentials, StartError> {
        let (certificate, key) = self.pki.client(name, groups, clock::seconds())?;
        Ok(Credentials { certificate, key })
    }

    /// Makes a certificate with which a server is reached by `names`, of which the first is that of its subject.
    pub fn serving_credentials(&self, names: &[String]) -> Result<Credentials, StartError> {
        let subject = names.first().map_or("", String::as_str);
        let (certificate, key) = self.pki.server(subject, names, clock::seconds())?;
        Ok(Credentials { certificate, key })
    }

    /// Stops: nothing new is taken, answers that have begun are finished.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the server has failed");
            }
        }
    }
}

fn authentication(options: &Options, pki: &Pki, address: &str) -> AuthenticatorSettings {
    AuthenticatorSettings {
        token_auth_file: options.token_auth_file.clone(),
        tokens: TokenSettings {
            signing_key_file: options.signing_key_file.clone().unwrap_or_else(|| pki.path("sa.key")),
            key_files: options.key_files.clone(),
            issuers: vec![options.issuer.clone()],
            audiences: options.audiences.clone(),
            jwks_uri: format!("https://{address}/openid/v1/jwks"),
        },
        anonymous: options.anonymous_auth,
    }
}

/// Returns whether the service account of a token still exists, and what the token is bound to.
fn exists(cache: &Cache, verified: &Verified) -> bool {
    let there = |prefix: &str, key: &str, uid: &str| {
        let entry = cache.shard(prefix).get(key);
        entry.is_some_and(|entry| meta::uid(&entry.object()) == uid)
    };
    let within = |name: &str| format!("{}/{name}", verified.namespace);
    let account = &verified.service_account;
    let bound = match &verified.bound {
        None => true,
        Some(Bound::Pod { pod, .. }) => there("pods", &within(&pod.name), &pod.uid),
        Some(Bound::Secret(secret)) => there("secrets", &within(&secret.name), &secret.uid),
        Some(Bound::Node(node)) => there("minions", &node.name, &node.uid),
    };
    bound && there("serviceaccounts", &within(&account.name), &account.uid)
}

/// Returns the name of this machine, empty if it has none.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
