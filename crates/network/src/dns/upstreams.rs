//! Who is asked for names outside of the cluster.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use resolv_conf::Config;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the file is read: a machine that changes networks has other resolvers soon.
const EVERY: Duration = Duration::from_secs(10);
/// The port of DNS.
const PORT: u16 = 53;

/// Where names outside of the cluster are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upstreams {
    /// At the name servers of a file in the form of `/etc/resolv.conf`, which is followed.
    ResolvConf(PathBuf),
    /// At these. None: such names are refused.
    Fixed(Vec<SocketAddr>),
}

impl Default for Upstreams {
    fn default() -> Self {
        Self::ResolvConf(PathBuf::from("/etc/resolv.conf"))
    }
}

/// Keeps the list of resolvers until `stop`. This server itself is never on it.
pub(super) async fn follow(
    upstreams: Upstreams,
    own: SocketAddr,
    servers: watch::Sender<Arc<[SocketAddr]>>,
    stop: CancellationToken,
) {
    let path = match upstreams {
        Upstreams::Fixed(fixed) => {
            set(&servers, fixed, own);
            return;
        }
        Upstreams::ResolvConf(path) => path,
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let file = path.clone();
        let problem = match spawn_blocking(move || read(&file)).await {
            Ok(Ok(found)) => {
                set(&servers, found, own);
                let none = servers.borrow().is_empty();
                none.then(|| "it names no server but this one".to_owned())
            }
            // What was there before stays: the file may be in the middle of being written.
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if problem != told {
            if let Some(problem) = &problem {
                tracing::warn!(path = %path.display(), problem, "no resolvers for names outside of the cluster");
            }
            told = problem;
        }
    }
}

fn set(servers: &watch::Sender<Arc<[SocketAddr]>>, found: Vec<SocketAddr>, own: SocketAddr) {
    let others: Arc<[SocketAddr]> = found.into_iter().filter(|server| *server != own).collect();
    servers.send_if_modified(|servers| {
        let changed = *servers != others;
        *servers = others;
        changed
    });
}

fn read(path: &Path) -> io::Result<Vec<SocketAddr>> {
    let config = Config::parse(std::fs::read(path)?).map_err(io::Error::other)?;
    Ok(config.nameservers.iter().map(|server| SocketAddr::new(server.into(), PORT)).collect())
}
