//! The Service proxy: listens at the frontends of Services and carries to their endpoints.
//!
//! ```text
//!  Service --routes--> Table --what changed--> a listener per frontend <--watch-- its Route
//!                                              |  TCP: a task per connection
//!                                              |  UDP: a flow per client
//! ```
//!
//! [`Proxy`] owns the table and the listeners; it is driven by one task. A listener is there exactly while its
//! frontend has an endpoint, so clients of a Service without endpoints are refused by the kernel. What is carried
//! already goes on when a TCP listener or endpoint leaves the table; UDP flows to an endpoint end with it.
//!
//! What a server sees: a client that bound itself to an address of 127.0.0.0/8, such as its Pod's own, connects from
//! that address; everyone else from 127.0.0.1, which is what Linux chooses for them on the way to the frontend too.
//! Clients that did not bind themselves are one client to session affinity.

mod balancer;
mod relay;
mod socket;
mod tcp;
mod udp;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use stanchion_informers::{Key, Queue};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::routes::{Frontend, Place, Route, Table, routes};
use crate::services::{Protocol, Service};
use crate::trouble::{Sender, Trouble, What};

/// A listener that cannot be opened is told of from this failure on: the ones before may be a listener of the same
/// frontend that is just being closed.
const TOLD_FAILURE: u32 = 3;

/// Bounds of what is carried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// TCP connections in all.
    pub(crate) connections: usize,
    /// TCP connections of one Service.
    pub(crate) per_service: usize,
    /// UDP flows of one frontend.
    pub(crate) flows: usize,
}

/// What listeners share.
#[derive(Debug)]
struct Shared {
    limits: Limits,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
    troubles: Sender,
}

/// A listener; it closes when this is dropped.
#[derive(Debug)]
struct Open {
    route: watch::Sender<Arc<Route>>,
    _close: DropGuard,
}

/// The proxy of all Services.
#[derive(Debug)]
pub(crate) struct Proxy {
    place: Place,
    table: Table,
    open: HashMap<Frontend, Open>,
    failures: HashMap<Frontend, u32>,
    retries: Queue<Frontend>,
    /// What is left of each Service's connections.
    budgets: HashMap<Key, Arc<Semaphore>>,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts with nothing to listen for.
    pub(crate) fn new(place: Place, limits: Limits, troubles: Sender, stop: CancellationToken) -> Self {
        let connections = Arc::new(Semaphore::new(limits.connections));
        Self {
            place,
            table: Table::default(),
            open: HashMap::new(),
            failures: HashMap::new(),
            retries: Queue::default(),
            budgets: HashMap::new(),
            shared: Arc::new(Shared { limits, connections, tasks: TaskTracker::new(), stop, troubles }),
        }
    }

    /// Takes a Service as it is now. `None`: it is gone.
    pub(crate) fn apply(&mut self, key: &Key, service: Option<&Service>) {
        let routes = service.map(|service| routes(service, &self.place)).unwrap_or_default();
        for frontend in self.table.put(key, routes) {
            self.settle(frontend);
        }
        match service {
            Some(service) => {
                for problem in &service.problems {
                    let what = What::Problem(problem.clone());
                    self.shared.troubles.tell(Trouble {
                        service: key.clone(),
                        uid: service.uid.clone(),
                        what,
                    });
                }
            }
            None => drop(self.budgets.remove(key)),
        }
    }

    /// Frontends whose listeners are to be tried again; each to be given to [`Proxy::retry`].
    pub(crate) fn retries(&self) -> Queue<Frontend> {
        self.retries.clone()
    }

    /// Tries again to open a listener.
    pub(crate) fn retry(&mut self, frontend: Frontend) {
        self.settle(frontend);
        self.retries.done(&frontend);
    }

    /// Closes everything, and waits until it is closed.
    pub(crate) async fn close(mut self) {
        self.open.clear();
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Makes the listener of a frontend what the table says.
    fn settle(&mut self, frontend: Frontend) {
        let Some(route) = self.table.get(&frontend).cloned() else {
            self.open.remove(&frontend);
            self.failures.remove(&frontend);
            self.retries.forget(&frontend);
            return;
        };
        if let Some(open) = self.open.get(&frontend) {
            if open.route.borrow().service == route.service {
                open.route.send_replace(route);
                return;
            }
            // The limit of connections is the Service's.
            self.open.remove(&frontend);
        }
        match self.listen(frontend, Arc::clone(&route)) {
            Ok(open) => {
                self.open.insert(frontend, open);
                self.failures.remove(&frontend);
                self.retries.forget(&frontend);
            }
            Err(error) => self.failed(frontend, &route, error),
        }
    }

    fn failed(&mut self, frontend: Frontend, route: &Route, error: io::Error) {
        let failures = self.failures.entry(frontend).or_default();
        *failures = failures.saturating_add(1);
        if *failures >= TOLD_FAILURE {
            let what = What::Listen { frontend, error };
            self.shared.troubles.tell(Trouble {
                service: route.service.clone(),
                uid: route.uid.clone(),
                what,
            });
        }
        self.retries.retry(frontend);
    }

    fn listen(&mut self, frontend: Frontend, route: Arc<Route>) -> io::Result<Open> {
        let closed = self.shared.stop.child_token();
        let key = route.service.clone();
        let (route, routes) = watch::channel(route);
        let (shared, until) = (Arc::clone(&self.shared), closed.clone());
        match frontend.protocol {
            Protocol::Tcp => {
                let listener = socket::listen(frontend.address)?;
                let free = || Arc::new(Semaphore::new(self.shared.limits.per_service));
                let budget = Arc::clone(self.budgets.entry(key).or_insert_with(free));
                self.shared.tasks.spawn(tcp::serve(listener, routes, budget, shared, until));
            }
            Protocol::Udp => {
                let socket = socket::bind(frontend.address)?;
                self.shared.tasks.spawn(udp::serve(socket, routes, shared, until));
            }
        }
        Ok(Open { route, _close: closed.drop_guard() })
    }
}
