//! UDP: a task that receives for a frontend; a flow for each client, with a socket to its endpoint and a task that
//! carries the answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{SockAddr, SockRef};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::balancer::Balancer;
use super::socket::associate;
use crate::routes::Route;

/// A flow without datagrams ends after this, as Linux ends connections it tracks.
const IDLE: Duration = Duration::from_mins(2);
/// The largest datagram there is.
const DATAGRAM: usize = 65_535;

thread_local! {
    /// For answers; used only between two waits, so one for each thread is enough.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; DATAGRAM]);
}

/// Receives until `closed`; flows end with it.
pub(super) async fn serve(
    socket: UdpSocket,
    mut routes: watch::Receiver<Arc<Route>>,
    shared: Arc<Shared>,
    closed: CancellationToken,
) {
    let route = Arc::clone(&routes.borrow_and_update());
    let mut flows = Flows {
        socket: Arc::new(socket),
        route,
        balancer: Balancer::default(),
        by_client: HashMap::new(),
        start: Instant::now(),
        shared,
    };
    let mut buffer = vec![0; DATAGRAM];
    let mut sweep = interval(IDLE / 4);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let socket = Arc::clone(&flows.socket);
    loop {
        tokio::select! {
            biased;
            () = closed.cancelled() => return,
            changed = routes.changed() => {
                if changed.is_err() {
                    return;
                }
                flows.follow(Arc::clone(&routes.borrow_and_update()));
            }
            _ = sweep.tick() => flows.sweep(),
            received = socket.recv_from(&mut buffer) => match received {
                Ok((count, client)) => flows.forward(client, buffer.get(..count).unwrap_or_default()),
                Err(error) => tracing::debug!(%error, "cannot receive a datagram"),
            },
        }
    }
}

/// The flows of one frontend.
struct Flows {
    socket: Arc<UdpSocket>,
    route: Arc<Route>,
    balancer: Balancer,
    by_client: HashMap<SocketAddr, Flow>,
    /// What [`Flow::used`] counts from.
    start: Instant,
    shared: Arc<Shared>,
}

/// Ends when it is dropped.
struct Flow {
    endpoint: SocketAddr,
    socket: Arc<UdpSocket>,
    answers: AbortHandle,
    /// Milliseconds of the last datagram in either direction.
    used: Arc<AtomicU64>,
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.answers.abort();
    }
}

impl Flows {
    /// Sends a datagram on; if an endpoint is not there, to another one. UDP promises no more than that.
    fn forward(&mut self, client: SocketAddr, datagram: &[u8]) {
        if let Some(flow) = self.by_client.get(&client) {
            flow.used.store(self.now(), Ordering::Relaxed);
            // Past tokio, which has yet to learn that a new socket takes something.
            match SockRef::from(&*flow.socket).send(datagram) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.balancer.forget(client.ip());
                    self.by_client.remove(&client);
                }
                Err(error) if flow.answers.is_finished() => {
                    tracing::debug!(%error, "a flow has ended");
                    self.by_client.remove(&client);
                }
                Ok(_) | Err(_) => return,
            }
        }
        let now = Instant::now();
        for endpoint in self.balancer.candidates(&self.route, client.ip(), now) {
            match self.open(client, endpoint) {
                Ok(flow) => {
                    let sent = SockRef::from(&*flow.socket).send(datagram);
                    tracing::trace!(?sent, "first datagram of a flow");
                    self.make_room();
                    self.by_client.insert(client, flow);
                    self.balancer.keep(&self.route, client.ip(), endpoint, now);
                    return;
                }
                Err(error) => {
                    tracing::debug!(service = %self.route.service, %endpoint, %error, "cannot open a flow");
                }
            }
        }
    }

    fn open(&self, client: SocketAddr, endpoint: SocketAddr) -> io::Result<Flow> {
        let socket = Arc::new(associate(client.ip(), endpoint)?);
        let used = Arc::new(AtomicU64::new(self.now()));
        let answers =
            answers(Arc::clone(&socket), Arc::clone(&self.socket), client, Arc::clone(&used), self.start);
        let answers = self.shared.tasks.spawn(answers).abort_handle();
        Ok(Flow { endpoint, socket, answers, used })
    }

    /// Ends the flows to endpoints that are gone.
    fn follow(&mut self, route: Arc<Route>) {
        self.by_client.retain(|_, flow| route.backends.contains(&flow.endpoint));
        self.route = route;
    }

    fn sweep(&mut self) {
        let oldest = self.now().saturating_sub(millis(IDLE));
        self.by_client
            .retain(|_, flow| !flow.answers.is_finished() && flow.used.load(Ordering::Relaxed) >= oldest);
    }

    /// Ends the flow that was silent for longest, if there are as many as may be.
    fn make_room(&mut self) {
        if self.by_client.len() < self.shared.limits.flows {
            return;
        }
        let used = |(_, flow): &(&SocketAddr, &Flow)| flow.used.load(Ordering::Relaxed);
        let oldest = self.by_client.iter().min_by_key(used).map(|(client, _)| *client);
        oldest.and_then(|oldest| self.by_client.remove(&oldest));
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Carries what an endpoint answers, until it cannot be reached.
async fn answers(
    endpoint: Arc<UdpSocket>,
    frontend: Arc<UdpSocket>,
    client: SocketAddr,
    used: Arc<AtomicU64>,
    start: Instant,
) {
    let client = SockAddr::from(client);
    loop {
        if endpoint.readable().await.is_err() {
            return;
        }
        consume_budget().await;
        match answer(&endpoint, &frontend, &client) {
            Ok(sent) => {
                used.store(millis(start.elapsed()), Ordering::Relaxed);
                tracing::trace!(?sent, "an answer of a flow");
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Nobody listens there: the next datagram opens another flow.
            Err(_) => return,
        }
    }
}

/// Carries one answer. The outer error is the endpoint's; an answer that the frontend cannot send is lost.
fn answer(endpoint: &UdpSocket, frontend: &UdpSocket, client: &SockAddr) -> io::Result<io::Result<usize>> {
    BUFFER.with_borrow_mut(|buffer| {
        let count = endpoint.try_recv(buffer)?;
        Ok(SockRef::from(frontend).send_to(buffer.get(..count).unwrap_or_default(), client))
    })
}
