//! What people are told of on a Service: Warning Events, each the same one at most every ten minutes.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use stanchion_informers::Key;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::routes::Frontend;
use crate::services::Problem;

/// What waits to be told; more than this at a time is only logged.
const WAITING: usize = 256;
/// The same is told again only after this.
const QUIET: Duration = Duration::from_mins(10);
/// How long the API server may take for an Event.
const PUBLISH: Duration = Duration::from_secs(5);

/// Something that keeps a Service from working.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) service: Key,
    pub(crate) uid: String,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    /// A frontend cannot be opened.
    Listen { frontend: Frontend, error: io::Error },
    /// The Service asks for what is not supported.
    Problem(Problem),
    /// A connection was reset because there are as many as may be.
    Full { limit: usize, of_all: bool },
}

impl What {
    fn reason(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "ListenFailed",
            Self::Problem(_) => "NotSupported",
            Self::Full { .. } => "ConnectionLimit",
        }
    }

    /// What was being done; with the reason and the object it names the Event, so it says which frontend.
    fn action(&self) -> String {
        match self {
            Self::Listen { frontend, .. } => format!("Listen {frontend}"),
            Self::Problem(Problem::Protocol { port, protocol }) => format!("Listen {port}/{protocol}"),
            Self::Problem(Problem::Malformed { field, .. }) => format!("Read {field}"),
            Self::Full { .. } => "Accept".to_owned(),
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Listen { frontend, error } => {
                format!("cannot listen on {frontend}: {error}; {}; trying again", way_out(*frontend, error))
            }
            Self::Problem(problem) => problem.to_string(),
            Self::Full { limit, of_all: false } => {
                format!("connections are reset: the Service has {limit} of them already, which is the limit")
            }
            Self::Full { limit, of_all: true } => {
                format!(
                    "connections are reset: all Services have {limit} of them already, which is the limit"
                )
            }
        }
    }
}

/// What a person can do about it.
fn way_out(frontend: Frontend, error: &io::Error) -> String {
    let port = frontend.address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another process listens on port {port} of this address or of all addresses: let it listen on its own \
             address only, such as the Pod's, or give the Service another port"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 need a privilege: give the Service a higher port, or run as root, with \
             CAP_NET_BIND_SERVICE, or with sysctl net.ipv4.ip_unprivileged_port_start={port}"
        ),
        io::ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine: the range of Services must lie in 127.0.0.0/8".to_owned()
        }
        _ => "see the limits of this process and of the machine".to_owned(),
    }
}

/// Takes what is to be told.
#[derive(Debug, Clone)]
pub(crate) struct Sender(mpsc::Sender<Trouble>);

impl Sender {
    /// Hands it over without waiting.
    pub(crate) fn tell(&self, trouble: Trouble) {
        if let Err(lost) = self.0.try_send(trouble) {
            let (mpsc::error::TrySendError::Full(trouble) | mpsc::error::TrySendError::Closed(trouble)) =
                lost;
            tracing::warn!(service = %trouble.service, note = trouble.what.note(), "no Event for this");
        }
    }
}

/// Returns the two ends of the way to people.
pub(crate) fn channel() -> (Sender, mpsc::Receiver<Trouble>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Sender(sender), receiver)
}

/// Publishes Events until `stop`.
pub(crate) async fn publish(client: Client, mut troubles: mpsc::Receiver<Trouble>, stop: CancellationToken) {
    let reporter = Reporter { controller: "stanchion-network".to_owned(), instance: None };
    let recorder = Recorder::new(client, reporter);
    let mut quiet = Quiet::default();
    loop {
        let trouble = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            trouble = troubles.recv() => match trouble {
                Some(trouble) => trouble,
                None => return,
            },
        };
        let note = trouble.what.note();
        if !quiet.is_over(&trouble.service, &note, Instant::now()) {
            continue;
        }
        tracing::warn!(service = %trouble.service, note, "a Service does not work as it says");
        let event = Event {
            type_: EventType::Warning,
            reason: trouble.what.reason().to_owned(),
            note: Some(note),
            action: trouble.what.action(),
            secondary: None,
        };
        let published = timeout(PUBLISH, recorder.publish(&event, &reference(&trouble))).await;
        match published {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(service = %trouble.service, error = &error as &dyn std::error::Error, "cannot publish an Event");
            }
            Err(error) => tracing::warn!(service = %trouble.service, %error, "cannot publish an Event"),
        }
    }
}

fn reference(trouble: &Trouble) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Service".to_owned()),
        namespace: Some(trouble.service.namespace.clone()),
        name: Some(trouble.service.name.clone()),
        uid: Some(trouble.uid.clone()).filter(|uid| !uid.is_empty()),
        ..ObjectReference::default()
    }
}

/// When each thing was told last. Holds what was told within the last ten minutes.
#[derive(Debug, Default)]
struct Quiet {
    told: HashMap<(Key, String), Instant>,
}

impl Quiet {
    /// Whether it is time to tell this again; if so, it counts as told.
    fn is_over(&mut self, service: &Key, note: &str, now: Instant) -> bool {
        self.told.retain(|_, told| now < *told + QUIET);
        let is_new = !self.told.contains_key(&(service.clone(), note.to_owned()));
        if is_new {
            self.told.insert((service.clone(), note.to_owned()), now);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Protocol;

    #[test]
    fn a_listener_that_cannot_be_opened_says_what_to_do() {
        let frontend =
            Frontend { address: "127.96.0.7:80".parse().expect("an address"), protocol: Protocol::Tcp };
        for (kind, way) in [
            (io::ErrorKind::AddrInUse, "another process listens on port 80 of this address or of all"),
            (io::ErrorKind::PermissionDenied, "net.ipv4.ip_unprivileged_port_start=80"),
            (io::ErrorKind::AddrNotAvailable, "must lie in 127.0.0.0/8"),
            (io::ErrorKind::OutOfMemory, "limits of this process"),
        ] {
            let what = What::Listen { frontend, error: kind.into() };
            assert!(what.note().contains(way), "{}", what.note());
            assert!(what.note().starts_with("cannot listen on 127.96.0.7:80/TCP: "), "{}", what.note());
            assert_eq!(what.action(), "Listen 127.96.0.7:80/TCP");
        }
    }

    #[test]
    fn the_same_is_told_again_only_after_a_while() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        let (a, b) = (Key::new("default", "a"), Key::new("default", "b"));
        assert!(quiet.is_over(&a, "x", start));
        assert!(!quiet.is_over(&a, "x", start + QUIET / 2));
        assert!(quiet.is_over(&a, "y", start + QUIET / 2));
        assert!(quiet.is_over(&b, "x", start + QUIET / 2));
        assert!(quiet.is_over(&a, "x", start + QUIET));
        assert_eq!(quiet.told.len(), 3);
        assert!(quiet.is_over(&a, "z", start + QUIET * 3));
        assert_eq!(quiet.told.len(), 1);
    }
}
