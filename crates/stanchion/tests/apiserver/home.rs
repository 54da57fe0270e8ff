//! Where a cluster is kept: in the server's own store, in etcd, or in `stanchion store serve`.

use tempfile::TempDir;

use crate::support::cluster::Cluster;
use crate::support::command;
use crate::support::etcd::Etcd;
use crate::support::server::{Server, folder, lasting_port};

/// A store that outlives the API server.
#[derive(Debug)]
pub(crate) enum Home {
    /// The server keeps it.
    Own,
    /// The real etcd.
    Etcd(Etcd),
    /// Our own store as a server of its own; nothing while it is down.
    Served { server: Option<Server>, url: String, folder: TempDir },
}

impl Home {
    pub(crate) async fn etcd() -> Self {
        Self::Etcd(Etcd::start().await)
    }

    pub(crate) async fn served() -> Self {
        let (url, folder) = (format!("http://127.0.0.1:{}", lasting_port()), folder());
        let server = Some(Server::start_on(&url, folder.path(), &[]).await);
        Self::Served { server, url, folder }
    }

    /// Starts an API server over the store, at a port that it keeps.
    pub(crate) async fn cluster(&self) -> Cluster {
        let url = match self {
            Self::Own => return Cluster::start_lasting(&[]).await,
            Self::Etcd(etcd) => format!("http://{}", etcd.endpoint()),
            Self::Served { url, .. } => url.clone(),
        };
        Cluster::start_lasting(&["--etcd-servers", &url]).await
    }

    /// Kills the store, which is not the server's own.
    pub(crate) async fn kill(&mut self) {
        match self {
            Self::Own => panic!("the server's own store ends with the server"),
            Self::Etcd(etcd) => etcd.kill().await,
            Self::Served { server, .. } => server.take().expect("the store runs").kill().await,
        }
    }

    /// Starts the store again where it was.
    pub(crate) async fn start_again(&mut self) {
        match self {
            Self::Own => panic!("the server's own store starts with the server"),
            Self::Etcd(etcd) => etcd.start_again().await,
            Self::Served { server, url, folder } => {
                *server = Some(Server::start_on(url, folder.path(), &[]).await);
            }
        }
    }

    /// Gives up the history before a revision, as another client of the store may.
    pub(crate) async fn compact(&self, revision: i64) {
        self.ctl(&format!("compaction {revision}")).await;
    }

    /// Runs etcdctl, which has to succeed, against a store that is not the server's own.
    pub(crate) async fn ctl(&self, words: &str) -> String {
        let endpoint = match self {
            Self::Own => panic!("nobody else reaches the server's own store"),
            Self::Etcd(etcd) => etcd.endpoint(),
            Self::Served { url, .. } => url.as_str(),
        };
        command::ctl(endpoint, words).await.done()
    }
}
