//! TCP: a task that accepts for a frontend, a task for each connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::balancer::Balancer;
use super::relay::{End, relay};
use super::socket::{connect, prepare, reset};
use crate::routes::Route;
use crate::trouble::{Trouble, What};

/// Before accepting again after it failed, which is for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until `closed`.
pub(super) async fn serve(
    listener: TcpListener,
    routes: watch::Receiver<Arc<Route>>,
    budget: Arc<Semaphore>,
    shared: Arc<Shared>,
    closed: CancellationToken,
) {
    let balancer = Arc::new(Mutex::new(Balancer::default()));
    loop {
        let accepted = tokio::select! {
            biased;
            () = closed.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, from)) => {
                let route = Arc::clone(&routes.borrow());
                let Some(permits) = permits(&budget, &shared, &route) else {
                    reset(client);
                    continue;
                };
                let connection =
                    Connection { client, from: from.ip(), route, balancer: Arc::clone(&balancer) };
                let stop = shared.stop.clone();
                shared.tasks.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = connection.carry() => {}
                    }
                    drop(permits);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of a Service");
                tokio::select! {
                    () = closed.cancelled() => return,
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Takes a connection from the Service's budget and from that of all.
fn permits(
    budget: &Arc<Semaphore>,
    shared: &Shared,
    route: &Route,
) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
    let tell = |limit, of_all| {
        let what = What::Full { limit, of_all };
        shared.troubles.tell(Trouble { service: route.service.clone(), uid: route.uid.clone(), what });
    };
    let Ok(own) = Arc::clone(budget).try_acquire_owned() else {
        tell(shared.limits.per_service, false);
        return None;
    };
    let Ok(of_all) = Arc::clone(&shared.connections).try_acquire_owned() else {
        tell(shared.limits.connections, true);
        return None;
    };
    Some((own, of_all))
}

struct Connection {
    client: TcpStream,
    from: IpAddr,
    route: Arc<Route>,
    balancer: Arc<Mutex<Balancer>>,
}

impl Connection {
    async fn carry(mut self) {
        let Some(mut server) = self.reach().await else { return reset(self.client) };
        for stream in [&self.client, &server] {
            if let Err(error) = prepare(stream) {
                tracing::debug!(%error, "cannot set options of a connection");
            }
        }
        match relay(&mut self.client, &mut server).await {
            End::Complete => {}
            End::Broken => {
                reset(self.client);
                reset(server);
            }
        }
    }

    /// Connects to the first endpoint that accepts, of a few.
    async fn reach(&self) -> Option<TcpStream> {
        let candidates = self.balancer.lock().candidates(&self.route, self.from, Instant::now());
        for endpoint in candidates {
            match connect(self.from, endpoint).await {
                Ok(server) => {
                    self.balancer.lock().keep(&self.route, self.from, endpoint, Instant::now());
                    return Some(server);
                }
                Err(error) => self.missed(endpoint, &error),
            }
        }
        None
    }

    fn missed(&self, endpoint: SocketAddr, error: &io::Error) {
        tracing::debug!(service = %self.route.service, %endpoint, %error, "an endpoint does not accept");
    }
}
