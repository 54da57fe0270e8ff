//! What is there before the first container of a Pod, and stays until the last: its address, volumes, ports.

use std::sync::Arc;
use std::time::Duration;

use stanchion_node_core::Moment;
use stanchion_node_core::admission::host_ports;

use super::ports::{PortError, Ports};
use super::sync::CONFIG_PAUSE;
use super::worker::{Message, Setup, Wake, Worker};
use crate::clock;
use crate::events::Level;
use crate::volumes::{self, Volumes, VolumesError, chain};

/// How often volumes are brought up to date although nothing has changed that they are made from: tokens end.
const REFRESH: Duration = Duration::from_mins(1);
/// The longest pause after volumes could not be made.
const MAX_PAUSE: Duration = Duration::from_mins(2);

impl Worker {
    /// Returns the volumes if they are there, and sees to it that they come and are brought up to date.
    pub(super) fn volumes(&mut self, now: Moment, wake: &mut Wake) -> Option<Arc<Volumes>> {
        let (before, pause) = match &self.setup {
            Setup::UnderWay(_) => return None,
            Setup::Refreshing(volumes) => return Some(Arc::clone(volumes)),
            Setup::Due(at, pause) if now >= *at => (None, *pause),
            Setup::Due(at, _) => {
                wake.at(*at);
                return None;
            }
            Setup::Ready(volumes, at) if !volumes.has_files() || now < *at => {
                if volumes.has_files() {
                    wake.at(*at);
                }
                return Some(Arc::clone(volumes));
            }
            Setup::Ready(volumes, _) => (Some(Arc::clone(volumes)), Duration::ZERO),
        };
        if let Err(error) = self.address() {
            let text = format!("Failed to create pod sandbox: {error}");
            self.node.events.pod(&self.pod, Level::Warning, "FailedCreatePodSandBox", text);
            self.setup = Setup::Due(now + CONFIG_PAUSE, pause);
            wake.at(now + CONFIG_PAUSE);
            return None;
        }
        let (node, pod, ips, known) =
            (Arc::clone(&self.node), Arc::clone(&self.pod), self.pod_ips.clone(), before.clone());
        self.tasks
            .spawn(async move { Message::Volumes(Volumes::make(&node, &pod, &ips, known.as_deref()).await) });
        self.setup = match &before {
            Some(volumes) => Setup::Refreshing(Arc::clone(volumes)),
            None => Setup::UnderWay(pause),
        };
        before
    }

    pub(super) fn take_volumes(&mut self, made: Result<Volumes, VolumesError>) {
        let now = clock::now();
        let setup = std::mem::replace(&mut self.setup, Setup::Due(now, Duration::ZERO));
        self.setup = match (made, setup) {
            (Ok(volumes), setup) => {
                if matches!(setup, Setup::UnderWay(_)) {
                    for why in &volumes.left_out {
                        self.node.events.pod(&self.pod, Level::Warning, "LimitedVolume", why.clone());
                    }
                }
                let topics = volumes.topics(&self.reference.namespace);
                self.node.follower.subscribe(&topics, &self.followed, &self.changed);
                self.followed = topics;
                let again = if std::mem::take(&mut self.is_stale) { now } else { now + REFRESH };
                Setup::Ready(Arc::new(volumes), again)
            }
            (Err(error), setup) => {
                self.node.events.pod(&self.pod, Level::Warning, "FailedMount", chain(&error));
                match setup {
                    Setup::Refreshing(volumes) | Setup::Ready(volumes, _) => {
                        Setup::Ready(volumes, now + REFRESH)
                    }
                    Setup::Due(_, pause) | Setup::UnderWay(pause) => {
                        Setup::Due(now + pause, (pause * 2).min(MAX_PAUSE))
                    }
                }
            }
        };
    }

    /// Takes in that something has changed that volumes are made from.
    pub(super) fn refresh(&mut self) {
        match &mut self.setup {
            Setup::Ready(_, at) => *at = clock::now(),
            Setup::UnderWay(_) | Setup::Refreshing(_) => self.is_stale = true,
            Setup::Due(..) => {}
        }
    }

    /// Opens the ports of the machine that lead to the Pod; one on the machine's own network needs none.
    pub(super) fn open_ports(&mut self) -> Result<(), PortError> {
        let spec = self.pod.spec.as_ref().filter(|spec| spec.host_network != Some(true));
        let wanted = spec.map(host_ports).unwrap_or_default();
        let address = self.pod_ips.first().and_then(|ip| ip.parse().ok());
        if self.ports.is_none()
            && let Some(address) = address.filter(|_| !wanted.is_empty())
        {
            self.ports = Some(Ports::open(&wanted, self.node.options.address, address)?);
        }
        Ok(())
    }

    /// Removes what the Pod has on disk, after a pause.
    pub(super) fn clean_after(&mut self, pause: Duration) {
        let dir = self.node.pod_dir(&self.reference.uid);
        self.tasks.spawn(async move {
            tokio::time::sleep(pause).await;
            Message::Cleaned(volumes::remove(dir).await)
        });
    }
}
