//! The task of one Pod.
//!
//! ```text
//!   Living --deleted, over, evicted, out of time--> Ending --nothing runs--> Ended --volumes gone--> Clean --> removed
//! ```
//! The task owns everything that is known of the Pod. What takes time is done beside it, and comes back as a
//! [`Message`]; so a slow probe or an API that does not answer never holds up the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use stanchion_node_core::Moment;
use stanchion_node_core::backoff::{BackOff, Bounds};
use stanchion_node_core::container::{Containers, EndedBy, Observed};
use stanchion_node_core::hook::HookKind;
use stanchion_node_core::names::PodRef;
use stanchion_node_core::plan::PodPlan;
use stanchion_node_core::probe::Kind;
use stanchion_node_core::probe::verdict::Verdict;
use stanchion_node_core::status::{EPHEMERAL, Failure};
use stanchion_node_core::termination::Ending;
use stanchion_sandbox::{ContainerId, Exit, Found, RuntimeError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ports::Ports;
use super::probing::Slot;
use super::report::Report;
use super::start::StartOutcome;
use super::{Shown, View, recover};
use crate::calls::CallError;
use crate::clock;
use crate::events::Level;
use crate::follow::Topic;
use crate::node::Node;
use crate::volumes::{Volumes, VolumesError};

/// A Pod is looked at again after this long although nothing has happened.
const RESYNC: Duration = Duration::from_mins(1);

/// Where a Pod stands in its life on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Its containers are kept as it wants them.
    Living,
    /// Its containers are being ended.
    Ending,
    /// Nothing of it runs.
    Ended,
    /// What it had on disk is being removed.
    Cleaning,
    /// Nothing of it is left but its object.
    Clean,
    /// Its object is being removed.
    Removing,
    /// Nothing is left.
    Gone,
}

/// What is being ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// The Pod, for good.
    Pod,
    /// All containers, to be started again.
    All,
    /// One container, to be started again.
    Container(String),
}

/// The volumes of the Pod.
#[derive(Debug)]
pub(super) enum Setup {
    /// They are to be made at this moment; the second figure is the pause after the next failure.
    Due(Moment, Duration),
    /// They are being made.
    UnderWay(Duration),
    /// They are there, and are looked at again at this moment.
    Ready(Arc<Volumes>, Moment),
    /// They are there, and are being looked at.
    Refreshing(Arc<Volumes>),
}

/// What was done beside the task.
#[derive(Debug)]
pub(super) enum Message {
    Volumes(Result<Volumes, VolumesError>),
    Start { container: String, outcome: StartOutcome },
    Exited { container: String, id: ContainerId, exit: Result<Exit, RuntimeError>, log_tail: Option<String> },
    Hook { container: String, kind: HookKind, result: Result<(), String> },
    Probed { container: String, kind: Kind, instance: String, verdict: Result<Verdict, String> },
    Written(Result<Box<Pod>, CallError>),
    Removed(Result<(), CallError>),
    Cleaned(std::io::Result<()>),
    Tidied,
}

/// When to look again.
#[derive(Debug, Default)]
pub(super) struct Wake(Option<Moment>);

impl Wake {
    pub(super) fn at(&mut self, moment: Moment) {
        self.0 = Some(self.0.map_or(moment, |known| known.min(moment)));
    }

    /// Looks again at once.
    pub(super) fn again(&mut self) {
        self.0 = Some(Moment::default());
    }
}

/// Everything that is known of one Pod.
pub(super) struct Worker {
    pub(super) node: Arc<Node>,
    pub(super) reference: PodRef,
    pub(super) pod: Arc<Pod>,
    pub(super) plan: PodPlan,
    pub(super) pod_ips: Vec<String>,
    pub(super) observed: Containers,
    pub(super) stage: Stage,
    /// Whether the object is gone from the API.
    pub(super) is_gone: bool,
    /// Why the node ends the Pod, if it does.
    pub(super) failure: Option<Failure>,
    /// The time that a Pod has which the node ends, if that is not its own.
    pub(super) exact_grace: Option<Duration>,
    pub(super) crashes: BackOff,
    pub(super) pulls: BackOff,
    pub(super) probes: Vec<Slot>,
    /// Containers that are being started.
    pub(super) starting: BTreeSet<String>,
    /// Containers whose postStart hook runs.
    pub(super) hooking: BTreeSet<String>,
    /// When a container could not be started for want of its image.
    pub(super) refused: BTreeMap<String, Moment>,
    pub(super) endings: BTreeMap<Target, Ending>,
    /// Who ends which run, if it is not the container itself.
    pub(super) ended_by: BTreeMap<String, EndedBy>,
    /// The runs whose directories are there.
    pub(super) runs: Vec<ContainerId>,
    pub(super) tasks: JoinSet<Message>,
    pub(super) setup: Setup,
    pub(super) report: Report,
    pub(super) accepted: Moment,
    /// What its volumes are made from, as far as it is followed.
    pub(super) followed: BTreeSet<Topic>,
    /// Woken when some of it changes.
    pub(super) changed: Arc<Notify>,
    /// It has changed since the volumes that are being made were begun.
    pub(super) is_stale: bool,
    /// The ports of the machine that lead to the Pod, once they are open.
    pub(super) ports: Option<Ports>,
    pub(super) view: Arc<View>,
    changes: watch::Receiver<Option<Arc<Pod>>>,
}

impl Worker {
    pub(super) fn new(
        node: Arc<Node>,
        pod: Arc<Pod>,
        view: Arc<View>,
        changes: watch::Receiver<Option<Arc<Pod>>>,
        left: Vec<Found>,
        refused: Option<Failure>,
    ) -> Self {
        let reference = PodRef::of(&pod);
        let now = clock::now();
        let parsed = pod.spec.as_ref().map(PodPlan::parse);
        let (plan, failure) = match parsed {
            Some(Ok(plan)) => (plan, None),
            Some(Err(error)) => (recover::empty_plan(), Some(recover::refusal(&error.to_string()))),
            None => (recover::empty_plan(), Some(recover::refusal("it has no spec"))),
        };
        let failure = failure.or(refused);
        let crashes = BackOff::new(Bounds::crash(node.options.max_restart_delay));
        let mut worker = Self {
            probes: Slot::of(&pod, now, !left.is_empty()),
            report: Report::new(&pod),
            pod_ips: Vec::new(),
            observed: Containers::new(),
            stage: Stage::Living,
            is_gone: false,
            exact_grace: None,
            pulls: BackOff::new(Bounds::image()),
            starting: BTreeSet::new(),
            hooking: BTreeSet::new(),
            refused: BTreeMap::new(),
            endings: BTreeMap::new(),
            ended_by: BTreeMap::new(),
            runs: Vec::new(),
            tasks: JoinSet::new(),
            setup: Setup::Due(now, Duration::from_millis(500)),
            accepted: now,
            followed: BTreeSet::new(),
            changed: Arc::default(),
            is_stale: false,
            ports: None,
            node,
            reference,
            pod,
            plan,
            failure,
            crashes,
            view,
            changes,
        };
        worker.recover(left);
        worker
    }

    /// Runs until the Pod is gone, or the node stops.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut shutdown = self.node.shutdown.subscribe();
        loop {
            let wake = self.step().await;
            self.show();
            if self.stage == Stage::Gone {
                break;
            }
            let pause = wake.0.map_or(RESYNC, |wake| clock::until(wake).min(RESYNC));
            let mut eviction = self.view.eviction.subscribe();
            let evicted = async {
                let wanted = eviction.wait_for(Option::is_some).await.ok();
                wanted.and_then(|wanted| wanted.clone())
            };
            tokio::select! {
                // What is under way holds on to the node; its end is told to the next run.
                () = stop.cancelled() => return self.tasks.shutdown().await,
                changed = self.changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.take_pod();
                }
                Some(done) = self.tasks.join_next() => match done {
                    Ok(message) => self.take(message),
                    Err(error) => tracing::error!(pod = %self.reference, %error, "a task has failed"),
                },
                wanted = evicted => {
                    self.view.eviction.send_replace(None);
                    if let Some(wanted) = wanted.filter(|_| self.failure.is_none()) {
                        (self.failure, self.exact_grace) = (Some(wanted.failure), Some(wanted.grace));
                    }
                }
                () = self.changed.notified() => self.refresh(),
                // The node holds the sender, and this task the node.
                _ = shutdown.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.node.follower.subscribe(&BTreeSet::new(), &self.followed, &self.changed);
        self.node.addresses.release(&self.reference.uid);
        recover::tidy(&self.node, &self.reference, &self.runs).await;
    }

    /// Takes in the Pod as the API has it now.
    fn take_pod(&mut self) {
        let now = self.changes.borrow_and_update().clone();
        match now {
            None => self.is_gone = true,
            Some(pod) => {
                self.tell_unsupported(&pod);
                self.pod = pod;
                // Images can be changed in place; nothing else that is planned can.
                if let Some(Ok(plan)) = self.pod.spec.as_ref().map(PodPlan::parse) {
                    self.plan = plan;
                }
                self.shorten();
            }
        }
    }

    /// Tells about changes that have no effect here.
    fn tell_unsupported(&self, new: &Pod) {
        let debugging = |pod: &Pod| {
            let containers = pod.spec.as_ref().and_then(|spec| spec.ephemeral_containers.as_ref());
            containers.map_or(0, Vec::len)
        };
        if debugging(new) > debugging(&self.pod) {
            self.node.events.pod(new, Level::Warning, "UnsupportedField", EPHEMERAL);
        }
        let sizes = |pod: &Pod| -> Vec<_> {
            let spec = pod.spec.as_ref();
            spec.into_iter()
                .flat_map(|spec| &spec.containers)
                .map(|container| container.resources.clone())
                .collect()
        };
        if sizes(new) != sizes(&self.pod) {
            let text =
                "resources of a running container are not changed here: the new ones hold after a restart";
            self.node.events.pod(new, Level::Warning, "UnsupportedResize", text);
        }
    }

    /// Takes in what was done.
    fn take(&mut self, message: Message) {
        match message {
            Message::Volumes(made) => self.take_volumes(made),
            Message::Start { container, outcome } => self.take_start(&container, outcome),
            Message::Exited { container, id, exit, log_tail } => {
                self.take_exit(&container, &id, exit, log_tail);
            }
            Message::Hook { container, kind, result } => self.take_hook(&container, kind, result),
            Message::Probed { container, kind, instance, verdict } => {
                self.take_probe(&container, kind, &instance, &verdict);
            }
            Message::Written(result) => self.take_written(result),
            Message::Removed(result) => self.take_removed(result),
            Message::Tidied => {}
            Message::Cleaned(result) => match result {
                Ok(()) => {
                    self.stage = self.stage.max(Stage::Clean);
                    self.node.addresses.release(&self.reference.uid);
                }
                Err(error) => {
                    tracing::warn!(pod = %self.reference, %error, "cannot remove the volumes of a Pod yet");
                    self.clean_after(Duration::from_secs(5));
                }
            },
        }
    }

    /// Returns the address of the Pod, which it keeps.
    pub(super) fn address(&mut self) -> Result<(), stanchion_network::addresses::AddressError> {
        if !self.pod_ips.is_empty() {
            return Ok(());
        }
        if self.pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true)) {
            self.pod_ips = self.node.host_ips();
            return Ok(());
        }
        let before = self.pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
        let before = before.and_then(|ip| ip.parse::<Ipv4Addr>().ok());
        self.pod_ips = vec![self.node.addresses.of(&self.reference.uid, before)?.to_string()];
        Ok(())
    }

    /// Returns a container as the Pod describes it.
    pub(super) fn spec_of(&self, name: &str) -> Option<&Container> {
        let spec = self.pod.spec.as_ref()?;
        let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
        all.find(|container| container.name == name)
    }

    /// Returns whether the Pod is to be ended.
    pub(super) fn is_unwanted(&self) -> bool {
        self.is_gone || self.pod.metadata.deletion_timestamp.is_some() || self.failure.is_some()
    }

    /// Returns whether the node ends all Pods, and it is this one's turn.
    pub(super) fn is_shut_down(&self) -> bool {
        let phase = *self.node.shutdown.borrow();
        self.pod.spec.as_ref().is_some_and(|spec| phase.ends(spec))
    }

    /// Returns whether nothing of the Pod runs, or is about to.
    pub(super) fn is_still(&self) -> bool {
        self.starting.is_empty() && !self.observed.values().any(Observed::is_alive)
    }

    fn show(&self) {
        *self.view.shown.lock() = Shown {
            pod: Arc::clone(&self.pod),
            observed: self.observed.clone(),
            is_over: self.stage >= Stage::Ended,
            has_stopped: match self.stage {
                Stage::Living | Stage::Ending => {
                    self.is_shut_down() && self.failure.is_none() && self.is_still()
                }
                Stage::Ended | Stage::Cleaning | Stage::Clean => self.report.is_settled(),
                Stage::Removing | Stage::Gone => true,
            },
        };
    }
}
