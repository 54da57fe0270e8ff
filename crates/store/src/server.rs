//! The server: the etcd v3 services over gRPC, and etcd's HTTP endpoints beside them.

mod auth;
mod authority;
mod cluster;
mod confine;
mod conn;
mod http;
mod kv;
mod lease;
mod listen;
mod maintenance;
mod meter;
mod oversize;
mod status;
mod tls;
mod watch;
pub mod wire;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use stanchion_etcd_api::etcdserverpb as pb;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tonic::service::Routes;

pub use listen::{ListenError, ListenUrl, Scheme};
pub use tls::{TlsError, TlsOptions};

use crate::Store;

/// Raft's term: there is one member, which was elected once.
pub(crate) const RAFT_TERM: u64 = 1;
/// What a message may be longer than a request, for the framing of a request that is refused by its own size.
const MESSAGE_SLACK: usize = 512 * 1024;
/// How long open calls may go on once the server is to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The member's name.
    pub name: String,
    /// Where clients connect.
    pub client_urls: Vec<ListenUrl>,
    /// Where metrics and health are served besides.
    pub metrics_urls: Vec<ListenUrl>,
    /// Addresses that clients are told; those that are listened on if there are none.
    pub advertise_urls: Vec<String>,
    /// Certificates, if any URL is `https`.
    pub tls: Option<TlsOptions>,
    /// Listen on other addresses than loopback without TLS.
    pub allow_insecure: bool,
    /// Calls at a time on one connection.
    pub max_concurrent_streams: u32,
    /// Below this, each client has keys of its own, by the common name of its certificate, and may use no others. Everybody may use
    /// all if there is none.
    pub confine: Option<String>,
    /// How often quiet watches that ask for it are told the newest revision.
    pub progress_interval: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            client_urls: vec![ListenUrl::loopback(2379)],
            metrics_urls: Vec::new(),
            advertise_urls: Vec::new(),
            tls: None,
            allow_insecure: false,
            max_concurrent_streams: 1_000_000,
            confine: None,
            progress_interval: Duration::from_mins(10),
        }
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What every service knows.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) name: String,
    pub(crate) client_urls: Vec<String>,
    pub(crate) progress_interval: Duration,
    /// Below what clients have keys of their own.
    pub(crate) confine: Option<std::sync::Arc<str>>,
    /// Turns true when the server is to stop.
    pub(crate) stop: signal::Receiver<bool>,
}

impl Service {
    /// Returns the header of an answer that belongs to `revision`.
    pub(crate) fn header(&self, revision: crate::core::Revision) -> pb::ResponseHeader {
        let ids = self.store.ids();
        pb::ResponseHeader {
            cluster_id: ids.cluster,
            member_id: ids.member,
            revision: revision.0,
            raft_term: RAFT_TERM,
        }
    }

    /// Waits until the server is to stop.
    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.clone();
        // An error means that the server is gone.
        drop(stop.wait_for(|stop| *stop).await);
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    client_addresses: Vec<ListenUrl>,
    metrics_addresses: Vec<ListenUrl>,
    tasks: JoinSet<()>,
    stop: signal::Sender<bool>,
}

impl Server {
    /// Listens on all addresses and begins to serve.
    pub async fn start(store: Store, options: ServerOptions) -> Result<Self, ServeError> {
        let tls = options.tls.as_ref().map(tls::TlsSource::load).transpose()?;
        let urls = options.client_urls.iter().chain(&options.metrics_urls);
        listen::check(urls, tls.is_some(), options.allow_insecure)?;
        let mut clients = Vec::new();
        for url in &options.client_urls {
            clients.push(listen::Listener::bind(url, tls.clone(), store.clone()).await?);
        }
        let mut metrics = Vec::new();
        for url in &options.metrics_urls {
            metrics.push(listen::Listener::bind(url, tls.clone(), store.clone()).await?);
        }
        let client_addresses: Vec<_> = clients.iter().map(listen::Listener::url).collect();
        let metrics_addresses: Vec<_> = metrics.iter().map(listen::Listener::url).collect();
        let (stop, stopped) = signal::channel(false);
        let advertised = if options.advertise_urls.is_empty() {
            client_addresses.iter().map(ToString::to_string).collect()
        } else {
            options.advertise_urls
        };
        let service = Service {
            store,
            name: options.name,
            client_urls: advertised,
            progress_interval: options.progress_interval,
            confine: options.confine.map(Into::into),
            stop: stopped,
        };
        let mut tasks = JoinSet::new();
        for listener in clients {
            tasks.spawn(serve_clients(service.clone(), listener, options.max_concurrent_streams));
        }
        for listener in metrics {
            tasks.spawn(serve_http(service.clone(), listener));
        }
        Ok(Self { client_addresses, metrics_addresses, tasks, stop })
    }

    /// Returns where clients connect, with the ports that were chosen.
    pub fn client_urls(&self) -> &[ListenUrl] {
        &self.client_addresses
    }

    /// Returns where metrics are served besides, with the ports that were chosen.
    pub fn metrics_urls(&self) -> &[ListenUrl] {
        &self.metrics_addresses
    }

    /// Stops to listen, lets open calls end for a moment, and returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("some calls did not end in time and are cut off");
            self.tasks.shutdown().await;
        }
    }

    /// Waits until serving ends by itself, which it does only after an error.
    pub async fn ended(&mut self) {
        self.tasks.join_next().await;
    }
}

async fn serve_clients(service: Service, listener: listen::Listener, max_streams: u32) {
    let url = listener.url();
    let served = tonic::transport::Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(max_streams)
        .http2_keepalive_interval(Some(Duration::from_hours(2)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .add_routes(routes(&service))
        .serve_with_incoming_shutdown(listener.incoming(), stopped(&service))
        .await;
    if let Err(error) = served {
        tracing::error!(%url, %error, "serving clients ended");
    }
}

async fn serve_http(service: Service, listener: listen::Listener) {
    let url = listener.url();
    let served = axum::serve(listener.into_http(), http::router(&service))
        .with_graceful_shutdown(stopped(&service))
        .await;
    if let Err(error) = served {
        tracing::error!(%url, %error, "serving metrics ended");
    }
}

fn stopped(service: &Service) -> impl Future<Output = ()> + Send + 'static {
    let service = service.clone();
    async move { service.stopped().await }
}

fn routes(service: &Service) -> Routes {
    let bound = service.store.limits().request_bytes + MESSAGE_SLACK;
    macro_rules! served {
        ($module:ident :: $server:ident) => {
            pb::$module::$server::new(service.clone())
                .max_decoding_message_size(bound)
                .max_encoding_message_size(usize::MAX)
        };
    }
    let grpc = Routes::new(served!(kv_server::KvServer))
        .add_service(served!(watch_server::WatchServer))
        .add_service(served!(lease_server::LeaseServer))
        .add_service(served!(cluster_server::ClusterServer))
        .add_service(served!(maintenance_server::MaintenanceServer))
        .add_service(served!(auth_server::AuthServer));
    let admit = axum::middleware::from_fn_with_state(service.clone(), confine::admit);
    let grpc = grpc.into_axum_router().layer(admit).layer(axum::middleware::map_response(oversize::rename));
    Routes::from(grpc.merge(http::router(service)))
}

/// The address of a connection's other end, for logs.
pub(crate) type Peer = SocketAddr;
